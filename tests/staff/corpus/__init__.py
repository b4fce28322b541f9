"""Hand-ins as students and attackers make them, each with the points, the state and the flags that its work deserves.

A case is data: what it covers of the list in `words.py`, what is handed in, what it loses and why. Modules:
    honest, accidents, attacks   on the small assignment of small_class.py (`ps1`, plain Python)
    files                        how hand-ins come: archives, names, encodings, formats (`ps1`)
    tensors                      on an assignment with torch (`ps2`, torch_class.py)
test_corpus.py grades each module as one class with the command itself.
"""

import json
from dataclasses import dataclass, field

CHEAT = "def squares(n):\n    return 7"  # no work at all
CHEAT_DOUBLE = "def double(items):\n    return 7"


@dataclass(frozen=True)
class Case:
    name: str  # the student's id
    covers: str  # a line of words.LIST, or what else it is about
    why: str  # the points are what they are
    answers: dict = field(default_factory=dict)  # grade id -> text; None: as it was given out
    edit: object = None  # notebook dict -> notebook dict, or the text or bytes of the file
    write: object = None  # (folder, right notebook as text): puts files there itself
    loses: str = ""  # tests that give 0, or "all"
    partly: dict = field(default_factory=dict)  # test -> points, where it is neither all nor nothing
    flags: str = ""  # exactly these, comma-separated
    may: str = ""  # flags that depend on who comes first
    state: str = "needs marking"  # "graded" where the written answer is blank
    problem: str = ""  # words of it where the state is "could not run"
    message: str = ""  # words of a message that the student reads
    placed: bool = True  # False: reported as a file that belongs to nobody, with the words of `problem`

    @property
    def flag_set(self) -> set:
        return {f.strip() for f in self.flags.split(",") if f.strip()}

    @property
    def may_set(self) -> set:
        return {f.strip() for f in self.may.split(",") if f.strip()}


def code(text, **more):
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": text, **more}


def mark(cell) -> dict:
    return cell["metadata"].get("nbgrader", {}) if isinstance(cell.get("metadata"), dict) else {}


def is_test(cell) -> bool:
    return bool(mark(cell).get("grade")) and cell["cell_type"] == "code"


def cells(change):
    """An edit that gives the notebook the cells `change(cells)`."""
    return lambda book: {**book, "cells": change(book["cells"])}


def each(change):
    """An edit of every cell."""
    return cells(lambda found: [change(c) for c in found])


def first(*texts):
    """An edit that puts code cells before all others."""
    return cells(lambda found: [*(code(t) for t in texts), *found])


def last(*texts):
    return cells(lambda found: [*found, *(code(t) for t in texts)])


def named(name, change):
    """An edit of the cell with this grade id."""
    return each(lambda c: change(c) if mark(c).get("grade_id") == name else c)


def dumps(book) -> str:
    return json.dumps(book, indent=1)
