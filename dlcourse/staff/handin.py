"""For the student: what the grader will say of a notebook, and the rightly named file to hand in, with a receipt.

Works with the package and JupyterLab alone: nothing of nbgrader is imported. The notebook is only read. Where the
course's folder is at hand, cells are compared with what was given out; elsewhere with the marks and checksums that
nbgrader left in the notebook.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import tempfile
import textwrap
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dlcourse
from dlcourse.staff import StaffError, notebooks, policy
from dlcourse.staff.format_rules import answers_in_code
from dlcourse.staff.fresh import Findings, require_jupyter
from dlcourse.staff.notebooks import WRITTEN_STUB
from dlcourse.staff.pages import clean, questions_of
from dlcourse.staff.plan import Plan, SourceCell, make_plan, names_of, read_cells
from dlcourse.staff.run import Merged, merge
from dlcourse.staff.submissions import ENDINGS, MAX_FILE, RECEIPT, Submission, is_safe_id, parse_notebook, tidy_name

PATTERN = "{first}_{last}_{assignment}.ipynb"  # where no course.toml says another
EXAMPLE = 'NAME = "Ada Lovelace"'
BROKEN = f"the name cell has a syntax error: write it as {EXAMPLE}, with the quotation marks"
EARLIER = ".earlier"  # folder of hand-ins that a newer one took the place of; the grader does not look into it
FORBIDDEN = set('/\\:*?"<>|,;&')  # file systems refuse some of these, the others stand between two people


@dataclass
class Handin:
    """A notebook as a student has it, laid over what was given out."""

    path: Path
    data: bytes
    course: object  # policy.Course, or a stand-in with file_pattern and assignments
    id: str  # of the assignment
    plan: Plan
    merged: Merged
    raw: list[dict]  # the file's cells, in step with merged.cells
    name: str | None = None  # the student's
    changed: list[str] = field(default_factory=list)  # locked cells that are not as they were given out
    given: set[str] = field(default_factory=set)  # answers that are as they were given out, or not there
    judged: bool = True  # False: what was given out is known from the notebook's own marks only
    keeps: list[str] = field(default_factory=list)  # what keeps it from being handed in
    mend: list[str] = field(default_factory=list)  # what can be mended; graded all the same
    notes: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------- reading


def look(path) -> Handin:
    """Read a notebook and check its format: name, assignment, file name, cells. Runs nothing, writes nothing.

    Raises StaffError where it cannot be read at all, or is no notebook with questions.
    """
    require_jupyter()
    path = Path(path)
    data = _read(path)
    submission = Submission("", path.name, hashlib.sha256(data).hexdigest())
    try:
        submission.cells, submission.flags = parse_notebook(data)
    except ValueError as error:
        todo = "open it in JupyterLab; where that fails, too, go on from a checkpoint or a fresh copy"
        raise StaffError(f"{notebooks.shown(path)}: {error}: {todo}") from None
    raw = _raw_cells(data)
    root, course = _course_of(path)
    id, wrong = _assignment(submission.cells, path, course)
    cells = _given_out(root, course, id, path)
    plan = make_plan(id, cells) if cells is not None else _own_plan(id, raw)
    if not any(cell.points for cell in plan.cells):
        todo = "name the assignment's notebook, or start from a fresh copy of it"
        raise StaffError(f"{notebooks.shown(path)}: no cell in it is marked as a question: {todo}")
    handin = Handin(path, data, course, id, plan, merge(plan, submission), raw, judged=cells is not None)
    handin.name, no_name = _name(submission.cells)
    handin.keeps = list(dict.fromkeys(text for text in (no_name, wrong) if text))
    marks = {cell.grade_id for cell in submission.cells if cell.grade_id}
    if not wrong and marks and not marks & {cell.name for cell in plan.cells}:
        handin.keeps.append(f'ASSIGNMENT is "{id}", but no cell here is of {id}: is it the right notebook?')
    _compare(handin)
    if not handin.judged:
        for item in plan.tests:
            if item.name in handin.changed:
                item.source = ""  # the test as it was given out is not known here: none of it is run
    _odd_file(handin, submission.flags)
    _file_name(handin)
    handin.mend = [clean(text) for text in handin.mend]
    return handin


def _read(path: Path) -> bytes:
    shown = notebooks.shown(path)
    if path.is_dir():
        inside = sorted(p.name for p in path.glob("*.ipynb"))
        raise StaffError(f"{shown}: a folder: name the notebook in it{', such as ' + inside[0] if inside else ''}")
    if not path.exists():
        raise StaffError(f"{shown}: no such file: is the name right, and did you save the notebook?")
    if not path.is_file():
        raise StaffError(f"{shown}: not an ordinary file: name a notebook")
    if not path.name.lower().endswith(ENDINGS):
        raise StaffError(f"{shown}: not a notebook: a file that ends in .ipynb was awaited")
    size = path.stat().st_size
    if size > MAX_FILE:
        todo = "in JupyterLab choose Edit > Clear Outputs of All Cells, and save"
        raise StaffError(f"{shown}: {size >> 20} MiB; the grader reads up to {MAX_FILE >> 20} MiB: {todo}")
    return path.read_bytes()


def _raw_cells(data: bytes) -> list[dict]:
    """The cells with their metadata and outputs; the ones that `parse_notebook` keeps, in the same order."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    book = json.loads(data.decode(encoding, "replace"))
    cells = book.get("cells")
    if cells is None:
        cells = [c for sheet in book["worksheets"] if isinstance(sheet, dict) for c in sheet.get("cells") or []]
    kept = []
    for cell in cells:
        source = cell.get("source", cell.get("input", "")) if isinstance(cell, dict) else None
        if isinstance(source, list):
            source = "".join(str(part) for part in source)
        if isinstance(source, str):
            meta = cell.get("metadata")
            kept.append({**cell, "source": source, "metadata": meta if isinstance(meta, dict) else {}})
    return kept


def _course_of(path: Path):
    """(root, course) from a course.toml at or above the notebook's folder or the working directory; else a stand-in."""
    for start in (path.absolute().parent, None):
        with suppress(notebooks.SourceError):
            root = notebooks.find_root(start)
            return root, policy.load(root / "course.toml")
    return None, SimpleNamespace(name=None, file_pattern=PATTERN, assignments={})


def _assignment(cells, path: Path, course) -> tuple[str, str | None]:
    """Which assignment this is, and what is wrong with the cell that should say so."""
    said, why = _written(cells, "ASSIGNMENT")
    parsed = policy.parse_file_name(course, path.name)
    stem = tidy_name(path.stem)
    known = [id for id in course.assignments if stem == id or stem.endswith(f"_{id}")]
    guess = parsed.assignment if parsed else (known or [stem])[0]
    if why == "broken":
        return guess, BROKEN
    line = f'ASSIGNMENT = "{guess if guess in course.assignments else "hw1_mlp"}"'
    if why or not said:
        return guess, f"no cell says which assignment this is: write {line} below NAME"
    if not policy.NAME.fullmatch(said) or (course.assignments and said not in course.assignments):
        known = f"; known are {', '.join(course.assignments)}" if course.assignments else ""
        return guess, f"ASSIGNMENT is {_quoted(said)}, and there is no such assignment{known}"
    if guess in course.assignments and guess != said:
        return said, f'ASSIGNMENT is "{said}", but the file is named for {guess}: mend the one that is wrong'
    return said, None


def _written(cells, name: str) -> tuple[str | None, str | None]:
    """The text that `name = "..."` gives to a name, or why there is none: it is read, never run."""
    why = "missing"
    for cell in cells:
        if not cell.code or not re.search(rf"^{name}\s*=", cell.source, re.MULTILINE):
            continue
        try:
            body = ast.parse(cell.source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            why = "broken"
            continue
        for node in body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
                if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                    return node.value.value, None
                why = "code"
    return None, why


def _name(cells) -> tuple[str | None, str | None]:
    """The student's name from the name cell, or a sentence on what to do about it."""
    said, why = _written(cells, "NAME")
    name = " ".join(unicodedata.normalize("NFC", said or "").replace("_", " ").split())
    if why == "missing":
        return None, f"the name cell is gone: add a code cell near the top with your own name, as in {EXAMPLE}"
    if why == "broken":
        return None, BROKEN
    if why == "code":
        return None, f"NAME is built by code, and the grader reads it without running it: write it out, as in {EXAMPLE}"
    if not name:
        return None, f"no name yet: write your first and last name into the name cell, as in {EXAMPLE}, and save"
    if set(name) & FORBIDDEN or not is_safe_id(name) or len(name) >= 80:
        return None, f"NAME is {_quoted(name)}: write the first and last name of one person, as in {EXAMPLE}"
    if " " not in name:
        todo = f"write first and last name with a space between, as in {EXAMPLE}"
        return None, f"NAME is {_quoted(name)}: {todo}; if you have one name only, write it twice"
    return name, None


def _quoted(text: str) -> str:
    text = clean(text).replace("\n", " ")
    return f'"{text if len(text) <= 60 else text[:57] + "..."}"'


# ---------------------------------------------------------------------------------------------------- given out


def _given_out(root, course, id: str, path: Path) -> list[SourceCell] | None:
    """The cells that students got, from the course's source, else its built notebook; None where neither is here."""
    facts = course.assignments.get(id)
    if root is None or facts is None:
        return None
    path_of_source = root / policy.KINDS[facts.kind] / id / f"{id}.py"
    built = path_of_source.with_suffix(".ipynb")
    if path_of_source.is_file() and not (source := notebooks.read_source(path_of_source)).problems:
        book = notebooks.instructor_notebook(source, course)
        for cell, text in zip(book.cells, source.cells, strict=True):
            if text.mark:
                cell.source = WRITTEN_STUB if text.mark == "answer" else notebooks._for_students(text)
        return read_cells(book, book)
    if built.is_file() and not built.samefile(path):
        return _marked(_raw_cells(built.read_bytes()))
    return None


def _marked(raw: list[dict]) -> list[SourceCell]:
    """A notebook's own cells by nbgrader's marks in it, as if it had just been given out."""
    from nbformat import from_dict

    cells = []
    for cell in raw:
        mark = cell["metadata"].get("nbgrader")
        mark = dict(mark) if isinstance(mark, dict) and isinstance(mark.get("grade_id"), str) else None
        if mark and not isinstance(mark.get("points"), int | float):
            mark["points"] = 0
        kind = "code" if cell.get("cell_type") == "code" else "markdown"
        made = {"cell_type": kind, "source": cell["source"], "metadata": {"nbgrader": mark} if mark else {}}
        if isinstance(cell.get("id"), str):
            made["id"] = cell["id"]
        cells.append(made)
    book = from_dict({"cells": cells})
    return read_cells(book, book)


def _own_plan(id: str, raw: list[dict]) -> Plan:
    """The plan of a notebook by itself. Which unmarked cells were given out is not known: all are the student's."""
    cells = _once(_marked(raw))
    plan = make_plan(id, [cell for cell in cells if cell.kind != "free"])
    plan.run_in_box |= make_plan(id, cells).run_in_box
    return plan


def _once(cells: list[SourceCell]) -> list[SourceCell]:
    """Without the copies that a student made of marked cells."""
    return list({cell.name: cell for cell in reversed(cells)}.values())[::-1]


def checksum(cell: dict) -> str:
    """nbgrader's checksum of a marked cell, so that a change is seen without nbgrader."""
    mark = cell["metadata"]["nbgrader"]
    grade, solution = mark.get("grade", False), mark.get("solution", False)
    locked = False if solution else True if grade else mark.get("locked", False)
    parts = [cell["source"], cell.get("cell_type"), grade, solution, locked, mark["grade_id"]]
    parts += [float(mark["points"])] if grade else []
    return hashlib.md5("".join(map(str, parts)).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _is_as_released(cell: dict) -> bool | None:
    """By nbgrader's checksum; None where the cell has none."""
    mark = cell["metadata"].get("nbgrader")
    if not isinstance(mark, dict) or not isinstance(mark.get("checksum"), str):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return checksum(cell) == mark["checksum"]
    return False


def _compare(handin: Handin) -> None:
    """Find locked cells that were changed, cells that are missing or doubled, answers that are still as given."""
    places: dict[str, list[int]] = {}
    for i, (_, name) in enumerate(handin.merged.cells):
        places.setdefault(name, []).append(i)
    doubled, missing = [], []
    for source in handin.plan.cells:
        here = places.get(source.name, [])
        if source.kind in ("text", "free"):
            continue
        if len(here) > 1:
            doubled.append(source.name)
        if not here:
            missing += [source.name] if source.kind != "locked" else []
            same = True
        elif handin.judged:
            same = handin.merged.cells[here[-1]][0].source.strip() == source.released.strip()
        else:
            same = _is_as_released(handin.raw[here[-1]]) is not False
        if source.kind in ("test", "locked") and not same:
            handin.changed.append(source.name)
        elif source.kind in ("solution", "manual") and (same or _is_stub(handin, here)):  # a task's answer is elsewhere
            handin.given.add(source.name)
    for names, text in (
        (handin.changed, "not as given out: {}. The original is used in grading; undo what you changed there"),
        (doubled, "there more than once: {}. The last copy counts; delete the others"),
        (missing, "missing: {}. A test is put back in grading, an answer gets no points; a fresh copy has them"),
    ):
        if names:
            handin.mend.append(text.format(", ".join(names)))
    for name in answers_in_code(handin.plan.cells, handin.merged.texts()):
        if name in handin.given:
            todo = "write it into the Markdown cell below its question"
            handin.mend.append(f"the answer {name} stands in a code cell: {todo}")


def _is_stub(handin: Handin, here: list[int]) -> bool:
    """Whether an answer still holds the line that it was to replace, or nothing at all."""
    text = handin.raw[here[-1]]["source"]
    return not text.strip() or notebooks.STUB in text


def _odd_file(handin: Handin, flags: list[str]) -> None:
    words = {
        "old format": "the file is in an old notebook format: open it in JupyterLab and save it",
        "encoding mended": "the file's text is not plain UTF-8: open it in JupyterLab and save it",
        "damaged cell": "a cell is damaged and cannot be read: open it in JupyterLab, look what is missing, save it",
    }
    handin.mend += [text for word, text in words.items() if word in flags]


def _file_name(handin: Handin) -> None:
    """Whether the file's name is the one that the course asks for; a working copy may have another."""
    if handin.name is None:
        return
    wanted = policy.file_name(handin.course, handin.name, handin.id)
    here = unicodedata.normalize("NFC", handin.path.name)
    parsed = policy.parse_file_name(handin.course, here)
    if parsed is not None and here != wanted:
        text = f"the file's name says {clean(parsed.student)}, the name cell {handin.name}: one of them is wrong"
        handin.mend.append(text)
    elif here != wanted:
        handin.notes.append(f"To hand in, the file is to be called {wanted}; `dlcourse submit` names it so.")


# ---------------------------------------------------------------------------------------------------- what is said


def is_done(handin: Handin, found: Findings) -> bool:
    """True where nothing is left to mend."""
    tests = all(cell["status"] == "passed" for cell in found.tests.values())
    cells = found.errors or found.ended or not found.reached_end
    return tests and not (cells or handin.keeps or handin.mend or _empty(handin))


def report(handin: Handin, found: Findings) -> str:
    """What `dlcourse check` prints."""
    tests = found.tests.values()
    passed = sum(cell["status"] == "passed" for cell in tests)
    parts = [f"{handin.id}, {handin.name or 'no name yet'}", "", *_table(handin, found), ""]
    for name, cell in found.tests.items():
        if cell["status"] not in ("passed", "unanswered"):
            parts += [f"{name}: {cell['status']}", textwrap.indent(clean(cell["message"]), "    "), ""]
    if todo := [*handin.keeps, *handin.mend, *_cells_to_mend(handin, found)]:
        parts += ["To mend", *(_bullet(text) for text in todo), ""]
    done = is_done(handin, found)
    parts += [] if done else handin.notes
    count = f"{passed} of {len(tests)} visible tests pass." if tests else "No test is visible."
    parts.append(f"{count} Hidden tests, where there are some, are run when it is graded.")
    if done:
        parts.append(f"Nothing to mend. To hand it in: dlcourse submit {_typed(handin.path)}")
    return clean("\n".join(parts))


def _table(handin: Handin, found: Findings) -> list[str]:
    rows = [("question", "points", "test", "")]
    for question in questions_of(handin.plan):
        title = clean(question.title)
        title = title if len(title) <= 40 else title[:39] + "…"
        for cell in question.cells:
            untouched = question.answers and handin.given.issuperset(question.answers)
            rows.append((title, f"{cell.points:g}", cell.name, _result(handin, found, cell, untouched)))
            title = ""
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    return [f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:<{wide[2]}}  {d}".rstrip() for a, b, c, d in rows]


def _result(handin: Handin, found: Findings, cell: SourceCell, untouched: bool) -> str:
    if cell.kind != "test":
        return "empty" if cell.name in _empty(handin) else "written: a person reads it"
    if cell.name in handin.changed and not handin.judged:
        return "changed: the original counts"
    if cell.name in found.tests:
        return found.tests[cell.name]["status"]
    return "unanswered" if untouched else "hidden: run when it is graded"


def _empty(handin: Handin) -> set[str]:
    """Written answers without a word in them."""
    written = {cell.name for cell in handin.plan.cells if cell.kind == "manual" and cell.points}
    return written & handin.given


def _cells_to_mend(handin: Handin, found: Findings) -> list[str]:
    """Cells of the student's that stop, each with the reason; what merely follows from another is left out."""
    said, missing = [], set()  # names that a cell above would have made
    for i, (cell, _) in enumerate(handin.merged.cells):
        if i not in found.errors and i not in found.ended:
            continue
        kind, text = found.errors.get(i, ("", ""))
        lost = re.search(r"name '(\w+)' is not defined", text) if kind == "NameError" else None
        if i in found.ended:
            said.append(f"{_which(handin, i)}: stopped, {found.ended[i]}")
        elif lost and lost[1] not in missing:
            said.append(f"{_which(handin, i)}: {_undefined(handin, i, lost[1])}")
        elif not lost and kind != "NotImplementedError":  # that one waits for an answer, and the table says so
            first = (clean(text).strip().splitlines() or [""])[0]
            said.append(f"{_which(handin, i)}: {clean(kind)}{': ' + first[:300] if first else ''}")
        missing |= names_of(cell.source)[1]
    if not found.reached_end:
        said.append("the notebook takes too long or ends its kernel too often: its last cells were not run")
    return said


def _which(handin: Handin, at: int) -> str:
    number = sum(cell.code for cell, _ in handin.merged.cells[: at + 1])
    lines = [line.strip() for line in handin.merged.cells[at][0].source.split("\n")]
    first = clean(next((line for line in lines if line and not line.startswith("#")), lines[0]))
    return f"code cell {number}, `{first if len(first) <= 50 else first[:49] + '…'}`"


def _undefined(handin: Handin, at: int, name: str) -> str:
    """Why a name is not there when the cells run from top to bottom."""
    cells = handin.merged.cells
    makers = [i for i, (cell, _) in enumerate(cells) if cell.code and i != at and name in names_of(cell.source)[1]]
    text = f"`{name}` is not defined when the notebook runs from top to bottom"
    if later := [i for i in makers if i > at]:
        text += f": it is made further down, in {_which(handin, later[0])}"
    outputs = handin.raw[at].get("outputs")
    outputs = outputs if isinstance(outputs, list) else []
    ran = bool(outputs) or handin.raw[at].get("execution_count") is not None
    if ran and not any(isinstance(out, dict) and out.get("output_type") in ("error", "pyerr") for out in outputs):
        text += ". It worked for you because cells were run in another order, or one was changed or deleted since"
    return text


def _bullet(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)


def _typed(path: Path) -> str:
    """A path as it can be typed into a shell."""
    import shlex

    return shlex.quote(notebooks.shown(path))


# ---------------------------------------------------------------------------------------------------- handing in


@dataclass
class Receipt:
    path: Path  # the file to upload
    text: str
    kept: Path | None = None  # where an earlier hand-in of other content lies now


def submit(handin: Handin, to=None, again: bool = False) -> Receipt:
    """Write the notebook under its right name into the folder `to` (default: beside it), and a receipt beside that.

    again  an earlier hand-in of the same student may be replaced; it is kept in .earlier
    Raises StaffError where the notebook cannot be handed in, or the file there is not to be replaced.
    """
    if handin.keeps:
        raise StaffError("\n".join(handin.keeps))
    folder = Path(to) if to is not None else handin.path.absolute().parent
    if not folder.is_dir():
        raise StaffError(f"--to {notebooks.shown(folder)}: no such folder: make it first, or name another")
    target = folder / policy.file_name(handin.course, handin.name, handin.id)
    rule = SimpleNamespace(file_pattern=handin.course.file_pattern, assignments={handin.id: None})
    if policy.parse_file_name(rule, target.name) != policy.FileName(handin.name, handin.id):
        text = f"NAME is {_quoted(handin.name)}, and a file {clean(target.name)} would not be known as yours"
        raise StaffError(f"{text}: ask your instructor")
    receipt = target.with_name(target.name.removesuffix(".ipynb") + RECEIPT)
    text, kept = _receipt(handin, target), None
    try:
        there = target.read_bytes() if target.exists() else None
        if there is not None and there != handin.data:
            _may_replace(handin, target, there, again)
            kept = _keep(target, receipt)
        if there != handin.data:
            _write(target, handin.data, new=there is None)
        _write(receipt, text.encode(), new=False)
    except FileExistsError:
        text = "somebody wrote this file just now: look at it, then try again"
        raise StaffError(f"{notebooks.shown(target)}: {text}") from None
    except OSError as error:
        todo = "name a folder of yours with --to"
        raise StaffError(f"{notebooks.shown(folder)}: cannot be written: {error.strerror or error}: {todo}") from None
    return Receipt(target, text, kept)


def _may_replace(handin: Handin, target: Path, there: bytes, again: bool) -> None:
    """Raise StaffError where the file at `target` is another person's, or was not said to be replaced."""
    other = None
    with suppress(ValueError):
        other, _ = _name(parse_notebook(there)[0])
    shown = notebooks.shown(target)
    if other is not None and other != handin.name:
        raise StaffError(f"{shown}: holds the work of {other}, and is not replaced: name another folder with --to")
    if not again:
        todo = f"--again puts this one in its place and keeps that one. If you are not {handin.name}, mend NAME"
        raise StaffError(f"{shown}: another hand-in under this name is there: {todo}")


def _keep(target: Path, receipt: Path) -> Path:
    """Copy an earlier hand-in, with its receipt, to where it is in nobody's way."""
    folder = target.parent / EARLIER
    folder.mkdir(exist_ok=True)
    stem = target.name.removesuffix(".ipynb")
    number = next(n for n in range(1, 10_000) if not (folder / f"{stem}.{n}.ipynb").exists())
    kept = folder / f"{stem}.{number}.ipynb"
    shutil.copy2(target, kept)
    if receipt.exists():
        shutil.copy2(receipt, folder / f"{stem}.{number}{RECEIPT}")
    return kept


def _receipt(handin: Handin, target: Path) -> str:
    questions = questions_of(handin.plan)
    answered = sum(any(name not in handin.given for name in q.answers) for q in questions)
    name = getattr(handin.course, "name", None)
    lines = {
        "student": handin.name,
        "assignment": handin.id,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "file": target.name,
        "size": f"{len(handin.data):,} bytes",
        "sha256": hashlib.sha256(handin.data).hexdigest(),
        "answered": f"{answered} of {len(questions)} questions",
        "course": f"{name + ', ' if name else ''}dlcourse {dlcourse.__version__}",
    }
    return "\n".join(f"{key:<12}{clean(value)}" for key, value in lines.items()) + "\n"


def _write(path: Path, data: bytes, new: bool) -> None:
    """Write the file whole or not at all; where it is to be `new`, raise FileExistsError if there is one already."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        if new:
            try:
                os.link(temporary, path)  # atomic, and refuses where somebody was faster
                return
            except FileExistsError:
                raise
            except OSError:  # a memory stick knows no links
                if path.exists():
                    raise FileExistsError(path) from None
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            os.unlink(temporary)
