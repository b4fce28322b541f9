"""What a hand-in's text says of its form and of what was tried."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.staff import format_rules, notebooks
from dlcourse.staff.plan import make_plan, read_cells
from dlcourse.staff.run import merge
from dlcourse.staff.submissions import Submission, parse_notebook
from tests.staff.small_class import CELLS, SQUARES, source_notebook

NAMED = [CELLS[0], ("name", "free", 'NAME = ""  # your first and last name'), *CELLS[1:]]


def plan_of(cells):
    book = source_notebook(cells)
    for cell in book.cells:
        if cell.id == "name":
            del cell.metadata["nbgrader"]
    return make_plan("ps1", read_cells(book, notebooks.release_notebook(book))), notebooks.release_notebook(book)


PLAN, RELEASED = plan_of(NAMED)
RIGHT = {"squares": SQUARES, "double": "double = lambda x: [2 * i for i in x]", "why": "x + x", "name": 'NAME = "Ada"'}


def handed_in(edit=lambda cells: cells, **answers):
    """The student's cells as a record shows them; `edit` changes the notebook's list of cells."""
    cells = json.loads(notebooks.dumps(RELEASED))["cells"]
    for cell in cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id") or cell["id"]
        cell["source"] = (RIGHT | answers).get(name, "".join(cell["source"]))
    data = json.dumps({"cells": edit(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    return merge(PLAN, Submission("ada", "ada.ipynb", "", parse_notebook(data)[0])).texts()


def after(name, source, code=True):
    """An own cell behind the cell `name`."""
    own = {"cell_type": "code" if code else "markdown", "metadata": {}, "outputs": [], "source": source}

    def edit(cells):
        at = next(
            i for i, c in enumerate(cells) if name in (c["id"], c["metadata"].get("nbgrader", {}).get("grade_id"))
        )
        return [*cells[: at + 1], own, *cells[at + 1 :]]

    return edit


def flags(cells):
    return format_rules.flags(PLAN.cells, cells)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ('NAME = "Ada Lovelace"', []),
        ("NAME = 'Łukasz'  # me", []),
        ('ASSIGNMENT = "x"\nNAME = "李雷"', []),
        ('NAME = "Ada"\nfrom broken import (', []),
        ('%time\nNAME = "Ada"', []),
        ('NAME = ""', ["no name"]),
        ('NAME = "  "', ["no name"]),
        ('NAME = "…"', ["no name"]),
        ("NAME = None", ["no name"]),
        ("NAME = input()", ["no name"]),
        ("# Ada Lovelace", ["no name"]),
        ('NAME = ""\nbroken (', ["no name"]),
    ],
)
def test_the_name_cell_is_read_never_run(cell, found):
    assert flags(handed_in(name=cell)) == found


def test_a_name_cell_that_was_deleted_is_no_name_and_one_that_was_not_given_out_is_not_missed():
    assert flags(handed_in(lambda cells: [c for c in cells if c["id"] != "name"])) == ["no name"]
    plan, _ = plan_of(CELLS)
    assert format_rules.flags(plan.cells, handed_in(name="x = 1")) == []


PROSE = "Twice a number is the number and the number once more, as everybody knows"


@pytest.mark.parametrize(
    "cell", [f"# {PROSE}", f'"""{PROSE}"""', f"print('{PROSE}')", f"answer = '{PROSE}'", PROSE, f"{PROSE}.\nSo there!"]
)
def test_an_answer_in_a_code_cell_beside_a_blank_markdown_cell_is_found(cell):
    cells = handed_in(after("why", cell), why=notebooks.WRITTEN_STUB)
    assert flags(cells) == ["text in code"]
    assert format_rules.answers_in_code(PLAN.cells, cells) == ["why"]
    assert format_rules.tried(PLAN.cells, cells) == (3, 3)


@pytest.mark.parametrize(
    "cell", ["x = 3", f"x = 3  # {PROSE}", "# yes", "print(double([1]))", f"# {PROSE}\ndouble([1])", ""]
)
def test_code_beside_a_blank_answer_is_code(cell):
    assert flags(handed_in(after("why", cell), why="")) == []


def test_prose_in_code_costs_nothing_where_the_markdown_cell_is_answered_or_elsewhere():
    assert flags(handed_in(after("why", f"# {PROSE}"))) == []
    assert flags(handed_in(after("squares", f"# {PROSE}"), why="")) == []


@pytest.mark.parametrize(
    ("answer", "found"),
    [(f"# {PROSE}", ["text in code"]), (PROSE, ["text in code"]), ("", []), (notebooks.WRITTEN_STUB, [])],
)
def test_an_answer_cell_that_was_turned_into_code_is_found_and_is_tried_once(answer, found):
    def turn(cells):
        return [dict(c, cell_type="code", outputs=[], source=answer) if c["id"] == "why" else c for c in cells]

    cells = handed_in(turn)
    assert flags(cells) == found
    assert format_rules.tried(PLAN.cells, cells) == (2 + bool(found), 3)


STUB = "def squares(n):\n    " + notebooks.STUB


@pytest.mark.parametrize(
    ("squares", "is_tried"),
    [
        (SQUARES, True),
        ("def squares(n):\n    return 7", True),
        ("squares = abs", True),
        ("def squares(n:", True),
        ("def squares(n):\n    for i in range(n):\n        raise ValueError", True),
        (STUB, False),
        (STUB + "  # later", False),
        ("# I do not know\n" + STUB, False),
        ("x = 1\n" + STUB, False),
        ("def squares(n):\n    pass", False),
        ("def squares(n):\n    ...", False),
        ("def squares(n):\n    '''Squares.'''\n    return None", False),
        ("def squares(n):\n    raise NotImplementedError", False),
        ("", False),
        ("# " + PROSE, False),
    ],
)
def test_code_is_tried_when_more_than_nothing_stands_there(squares, is_tried):
    assert format_rules.tried(PLAN.cells, handed_in(squares=squares)) == (2 + is_tried, 3)


def test_a_blank_hand_in_tried_nothing():
    blank = {name: "".join(c.released) for c in PLAN.cells if (name := c.name) in ("squares", "double", "why")}
    assert format_rules.tried(PLAN.cells, handed_in(**blank)) == (0, 3)
    assert format_rules.tried(PLAN.cells, []) == (0, 3)


@given(
    st.text(max_size=200) | st.sampled_from(["(" * 9000, "x = " + "-" * 20_000 + "1", "NAME = '\0'", "NAME = '\\d'"])
)
def test_no_text_of_a_student_stops_the_look_at_it(text):
    cells = [{"name": name, "code": True, "source": text} for name in (None, "name", "squares", "why", None)]
    format_rules.flags(PLAN.cells, cells)
    format_rules.tried(PLAN.cells, cells)
