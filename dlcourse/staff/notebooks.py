"""Source file -> the student's and the instructor's notebook, and the checks on a source. For authors and graders.

A source is one py:percent file, labs/<id>/<id>.py or homework/<id>/<id>.py; CONTRIBUTING.md says how to write one.
The student's notebook is what nbgrader's own preprocessors make of it, in process, so that nbgrader knows it.
"""

import ast
import copy
import hashlib
import os
import re
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from dlcourse.staff import StaffError
from dlcourse.staff.policy import FOLDERS, KINDS, NAME, Course, load

MARKS = {"solution": "code", "test": "code", "answer": "markdown"}  # mark -> kind of its cell
LONGEST = 25  # lines of a cell
STUB = 'raise NotImplementedError("your code goes here: replace this line")'  # a blank answer fails with this only
WRITTEN_STUB = "YOUR ANSWER HERE"
SECRET = "# more tests run when your work is graded"  # all that a student sees of a private test
REGIONS = {"SOLUTION": "solution", "HIDDEN TESTS": "test"}  # region -> mark of the cells that may hold it
SETUP = """import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+{repository}"])
from dlcourse import checks, data, plotting, runtime
runtime.start("{id}")"""
NAME_CELL = 'NAME = ""  # your first and last name, such as "Ada Lovelace"\nASSIGNMENT = "{id}"'
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


class SourceError(StaffError, ValueError):
    """A source that cannot be built; one line for each problem, with file and line."""


class StaleError(StaffError):
    """A built notebook is not what its source says now."""


@dataclass(frozen=True)
class Cell:
    kind: str  # "code" or "markdown"
    mark: str | None  # a key of MARKS
    name: str | None
    points: float | None
    text: str
    line: int  # of the line `# %%`
    first: int  # line of the text's first line
    file: str  # as messages name it

    def at(self, text: str, line: int | None = None) -> str:
        """A message about this cell."""
        return f"{self.file}:{line or self.line}: {text}"


@dataclass(frozen=True)
class Source:
    path: Path
    cells: list[Cell]
    problems: list[str] = field(default_factory=list)  # what reading it found; `check` finds more

    @property
    def id(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Case:
    name: str
    replaces: dict[str, str]  # solution or answer -> the text that stands in its place
    loses: set[str]  # tests that give 0; all others give full points
    line: int


# ---- where things lie


def find_root(start=None) -> Path:
    """The folder that holds course.toml: `start` (the working directory) or one above it."""
    start = Path(start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / "course.toml").is_file():
            return folder
    raise SourceError(f"{start}: no course.toml here or above: run this in the course's repository")


def assignments(root) -> list[str]:
    """Ids of all folders of labs/ and homework/ that hold a source, sorted, labs first."""
    found = []
    for folder in FOLDERS:
        for path in sorted((Path(root) / folder).glob("*/*.py")):
            id = path.parent.name
            if path.name != "answers.py" and NAME.fullmatch(id) and id not in found:
                found.append(id)
    return found


def source_path(root, id: str) -> Path:
    """The source of assignment `id`."""
    for folder in FOLDERS:
        path = Path(root) / folder / id / f"{id}.py"
        if NAME.fullmatch(id) and path.parent.is_dir():
            others = sorted(other.name for other in path.parent.glob("*.py") if other.name != "answers.py")
            if path.is_file():
                return path
            if others:
                raise SourceError(f"{shown(path.parent / others[0])}:1: rename it to {path.name}, as its folder")
    near = get_close_matches(id, assignments(root), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(assignments(root)) or 'none'}"
    raise SourceError(f"no assignment {id} in {' or '.join(f'{folder}/' for folder in FOLDERS)}: {hint}")


def shown(path) -> str:
    """`path` as messages name it: short where it lies below the working directory."""
    path = Path(path).absolute()
    with suppress(ValueError, OSError):
        return path.relative_to(Path.cwd()).as_posix()
    return str(path)


# ---- reading


def read_source(path) -> Source:
    """Split a py:percent file into its cells. What is wrong with it stands in `problems`."""
    path = Path(path)
    cells, problems = [], []
    for raw in _split(path, (*MARKS, "points"), problems):
        marks = [mark for mark in MARKS if mark in raw.values]
        if len(marks) > 1:
            problems.append(raw.at(f"a cell has one mark; this one has {' and '.join(marks)}"))
        mark = marks[0] if marks else None
        points = raw.values.get("points")
        if mark and raw.kind != MARKS[mark] and raw.clear:
            line = f'# %% {"[markdown] " if MARKS[mark] == "markdown" else ""}{mark}="{raw.values[mark]}"'
            problems.append(raw.at(f"{mark} marks a {MARKS[mark]} cell: write {line}"))
        if mark in ("test", "answer") and points is None and raw.clear:
            problems.append(raw.at(f'{mark} "{raw.values[mark]}" has no points: write points=1 after its name'))
        if mark not in ("test", "answer") and "points" in raw.values:
            wanted = "put them on its test" if mark else "points stand on a test or an answer"
            problems.append(raw.at(f"a cell {f'with {mark}' if mark else 'without a mark'} has points: {wanted}"))
        name = raw.values.get(mark) if mark else None
        cells.append(Cell(raw.kind, mark, name, points, raw.text, raw.line, raw.first, raw.file))
    return Source(path, cells, problems)


def read_answers(path, source: Source | None = None) -> list[Case]:
    """The right and wrong answers beside a source (answers.py), each with the tests that it loses.

    Names are checked against `source`, which is the one in the same folder where none is given.
    """
    path = Path(path)
    if source is None:
        source = read_source(path.parent / f"{path.absolute().parent.name}.py")
    answers = {cell.name: cell for cell in source.cells if cell.mark in ("solution", "answer")}
    tests = {cell.name for cell in source.cells if cell.mark == "test"}
    cases, problems, said = {}, [], set()
    for raw in _split(path, ("case", "replaces", "loses"), problems):
        if not raw.values:
            if raw.kind == "code" and raw.clear:
                problems.append(raw.at('a cell without a case: write # %% case="name" replaces="..." loses="..."'))
            continue
        name, target = raw.values.get("case"), raw.values.get("replaces")
        if not name or not target:
            missing = "replaces" if name else "case"
            if raw.clear:
                problems.append(raw.at(f'no {missing}: write {missing}="name"'))
            continue
        case = cases.setdefault(name, Case(name, {}, set(), raw.line))
        if target not in answers:
            problems.append(raw.at(f'replaces="{target}": {_nearest(target, answers, "solution or answer")}'))
        elif answers[target].kind != raw.kind:
            text = f"write this as a {answers[target].kind} cell, as in the source"
            problems.append(raw.at(f'replaces="{target}": {text}'))
        if target in case.replaces:
            problems.append(raw.at(f'case "{name}" replaces {target} twice'))
        case.replaces[target] = _without_marks(raw.text)
        if "loses" in raw.values:
            said.add(name)
            for test in filter(None, map(str.strip, raw.values["loses"].split(","))):
                if test not in tests:
                    problems.append(raw.at(f'loses="{test}": {_nearest(test, tests, "test")}'))
                case.loses.add(test)
    for case in cases.values():
        if case.name not in said:
            text = f'case "{case.name}" does not say what it loses: write the tests, or loses="" where it is right'
            problems.append(f"{shown(path)}:{case.line}: {text}")
    if problems:
        raise SourceError("\n".join(_by_line(problems)))
    return list(cases.values())


@dataclass(frozen=True)
class _Raw:
    kind: str
    values: dict
    text: str
    line: int
    first: int
    file: str
    clear: bool  # False where a problem with the marks is told already

    at = Cell.at


def _split(path: Path, keys: tuple, problems: list) -> Iterable[_Raw]:
    """The cells of a py:percent file; `keys` are the marks that it may hold."""
    file = shown(path)
    try:
        lines = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    starts = [n for n, line in enumerate(lines) if re.match(r"# %%(\s|$)", line)]
    for n, line in enumerate(lines):
        if re.match(r"#\s*%%", line) and n not in starts:
            problems.append(f"{file}:{n + 1}: a cell begins with `# %%` and a space; this line is {line[:40]!r}")
    head = [n for n, line in enumerate(lines[: starts[0] if starts else None]) if line.strip()]
    if head or not starts:
        problems.append(f"{file}:{head[0] + 1 if head else 1}: text before the first cell: begin with `# %%`")
    for start, end in pairwise([*starts, len(lines)]):
        before = len(problems)
        kind, values = _marks(lines[start][4:], keys, f"{file}:{start + 1}", problems)
        clear = len(problems) == before
        body = list(enumerate(lines[start + 1 : end], start + 2))
        while body and not body[-1][1].strip():
            body.pop()
        while body and not body[0][1].strip():
            body.pop(0)
        first = body[0][0] if body else start + 2
        if kind == "markdown":
            for n, line in body:
                if line.rstrip() != "#" and not line.startswith("# "):
                    text = f"a line of a markdown cell begins with `# `; this one is {line[:40]!r}"
                    problems.append(f"{file}:{n}: {text}")
            body = [(n, line[2:]) for n, line in body]
        yield _Raw(kind, values, "\n".join(line for _, line in body), start + 1, first, file, clear)


def _marks(text: str, keys: tuple, where: str, problems: list):
    """Kind and marks of the line `# %% text`."""
    kind, values = "code", {}
    pattern = r"(?P<kind>\[[^\]]*\]?)|(?P<key>[\w-]+)\s*=\s*(?P<value>\"[^\"]*\"|[^\s\"]*)|(?P<other>\S+)"
    for found in re.finditer(pattern, text):
        key, value = found["key"], found["value"]
        if found["kind"]:
            kind = "markdown" if found["kind"] == "[markdown]" else kind
            if found["kind"] != "[markdown]":
                problems.append(f"{where}: {found['kind']} is not a kind of cell: did you mean [markdown]?")
        elif key is None:
            text = f'write {keys[0]}="name", or a comment inside the cell'
            problems.append(f"{where}: {found['other']!r} is no mark: {text}")
        elif key not in keys:
            problems.append(f"{where}: {key}: {_nearest(key, keys, 'mark')}")
        elif key in values:
            problems.append(f"{where}: {key} stands twice")
        elif key == "points":
            values[key] = _points(value)
            if values[key] is None:
                problems.append(f"{where}: points={value}: write a number above 0 without quotes, such as points=2")
                values[key] = 0
        elif not value.startswith('"'):
            problems.append(f'{where}: {key}={value}: write the name in double quotes, {key}="name"')
            values[key] = value.strip("'")
        else:
            values[key] = value.strip('"')
            if key != "loses" and not (NAME.fullmatch(values[key]) and len(values[key]) <= 64):
                problems.append(f"{where}: {key}={value}: a name has small letters, digits and _, a letter first")
    return kind, values


def _points(value: str) -> float | None:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,4})?", value) or float(value) == 0:
        return None
    return int(value) if value.isdigit() else float(value)


def _nearest(word, known, what: str) -> str:
    near = get_close_matches(word, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
    return f"there is no such {what}: {hint}"


# ---- checks


def check(source: Source, course: Course) -> list[str]:
    """All that is wrong with a source, in the order of its lines; empty where it can be built."""
    problems = list(source.problems)
    for function in (_check_place, _check_names, _check_points, _check_head):
        problems += function(source, course)
    for index, cell in enumerate(source.cells):
        if not cell.text:
            problems.append(cell.at("an empty cell: take it out"))
        regions = _check_regions(cell)
        problems += regions + _check_length(cell)
        if cell.kind == "code" and not regions:
            syntax = _check_syntax(cell)
            problems += syntax
            if cell.mark == "test" and not syntax:
                problems += _check_test(cell)
        if cell.mark in ("solution", "answer"):
            above = source.cells[index - 1] if index else None
            if above is None or above.kind != "markdown" or above.mark:
                text = "has no question of its own: write it in a markdown cell directly above"
                problems.append(cell.at(f'{cell.mark} "{cell.name}" {text}'))
    return _by_line(problems)


def _by_line(problems: list[str]) -> list[str]:
    def place(text):
        found = re.match(r"(.*?):(\d+): ", text)
        return (found[1], int(found[2])) if found else ("", 0)

    return sorted(dict.fromkeys(problems), key=place)


def _check_place(source, course):
    file, folder = shown(source.path), source.path.absolute().parent
    if source.id != folder.name:
        return [f"{file}:1: the file is {source.path.name}, its folder {folder.name}: give both the same name"]
    assignment = course.assignments.get(source.id)
    if assignment is None:
        hint = _nearest(source.id, course.assignments, "assignment in course.toml")
        return [f"{file}:1: {hint}: write a table [assignments.{source.id}] there"]
    if folder.parent.name in FOLDERS and folder.parent.name != KINDS[assignment.kind]:
        wanted = KINDS[assignment.kind]
        return [f"{file}:1: course.toml says that {source.id} is a {assignment.kind}: move its folder to {wanted}/"]
    return []


def _check_names(source, course):
    seen, problems = {}, []
    for cell in source.cells:
        if cell.name is None:
            continue
        if cell.name in seen:
            first = seen[cell.name]
            place = f"line {first.line}" if first.file == cell.file else f"{first.file}:{first.line}"
            problems.append(cell.at(f'the name "{cell.name}" is taken by {place}: use a name once'))
        seen.setdefault(cell.name, cell)
    return problems


def _check_points(source, course):
    assignment = course.assignments.get(source.id)
    total = sum(cell.points or 0 for cell in source.cells if cell.mark in ("test", "answer"))
    if assignment is None or abs(total - assignment.points) < 1e-9:
        return []
    text = f"the points of tests and answers add up to {total:g}, course.toml says {assignment.points:g}"
    return [f"{shown(source.path)}:1: {text}"]


def _check_head(source, course):
    """Title, set-up cell, name cell."""
    file, problems = shown(source.path), []
    first = source.cells[0] if source.cells else None
    if first and (first.kind != "markdown" or first.mark or not re.match(r"# \S", first.text)):
        problems.append(first.at("the first cell is a markdown cell that begins with the title, `# # Title`"))
    code = [cell for cell in source.cells if cell.kind == "code"]
    wanted = SETUP.format(repository=course.publish.repository, id=source.id).split("\n")
    if not code or "find_spec" not in code[0].text:
        line = code[0].line if code else 1
        problems.append(f"{file}:{line}: no set-up cell: the first code cell begins with `{wanted[0]}`")
    else:
        lines = code[0].text.split("\n")
        for n, line in enumerate(wanted):
            found = lines[n] if n < len(lines) else ""
            names = re.fullmatch(r"from dlcourse import (\w+(?:, \w+)*)", found)
            if found == line or (n == 3 and names and "runtime" in names[1].split(", ")):
                continue
            say = f"it holds {found.strip()!r}" if found else "it ends here"
            problems.append(code[0].at(f"the set-up cell has `{line.strip()}` here; {say}", code[0].first + n))
        if len(lines) > len(wanted):
            text = "the set-up cell ends after runtime.start: put this into a cell of its own"
            problems.append(code[0].at(text, code[0].first + len(wanted)))
    wanted = NAME_CELL.format(id=source.id)
    found = [cell for cell in code if re.search(r"^(NAME|ASSIGNMENT)\s*=", cell.text, re.MULTILINE)]
    if not found:
        problems.append(f"{file}:1: no name cell: write a code cell with `{wanted.replace(chr(10), '` and `')}`")
    elif found[0].text != wanted:
        text = f"the name cell is to be the two lines `{wanted.replace(chr(10), '` and `')}`"
        problems.append(found[0].at(text, found[0].first))
    return problems


def _check_regions(cell):
    """Every BEGIN has its END, in a cell whose mark allows it."""
    problems, inside, seen = [], None, False
    for n, line in enumerate(cell.text.split("\n"), cell.first):
        found = re.fullmatch(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)", line)
        if not found or cell.kind == "markdown":
            if text := _foreign_mark(line, cell.kind):
                problems.append(cell.at(text, n))
            continue
        edge, region = found.groups()
        if cell.mark != REGIONS[region]:
            text = f'### {edge} {region} in a cell that is no {REGIONS[region]}: mark it {REGIONS[region]}="name"'
            problems.append(cell.at(text, n))
        elif edge == "BEGIN" and inside:
            problems.append(cell.at(f"### BEGIN {region} inside a region: write ### END {region} first", n))
        elif edge == "END" and not inside:
            problems.append(cell.at(f"### END {region} without its ### BEGIN {region}", n))
        inside = n if edge == "BEGIN" else None
        seen = True
    if inside and not problems:
        region = "SOLUTION" if cell.mark == "solution" else "HIDDEN TESTS"
        problems.append(cell.at(f"### BEGIN {region} without its ### END {region}", inside))
    if cell.mark == "solution" and not seen and not problems:
        text = "has no ### BEGIN SOLUTION: students would see all of it"
        problems.append(cell.at(f'solution "{cell.name}" {text}'))
    return problems


def _foreign_mark(line: str, kind: str) -> str | None:
    """What is wrong with a line that nbgrader takes for a mark, or that was meant as one and would leak its text."""
    known = [f"### {edge} {region}" for region in REGIONS for edge in ("BEGIN", "END")]
    if found := re.search(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)", line):
        if kind == "markdown":
            return f"nbgrader takes {found[0]!r} for a mark: word it in another way here"
    elif kind == "markdown":
        return None
    elif "AUTOTEST" in line:
        return "nbgrader takes 'AUTOTEST' for a mark of its own: write the test itself"
    comment = re.match(r"\s*(#+\s*(BEGIN|END)\b.*)", line, re.IGNORECASE)
    near = get_close_matches(line.strip().upper(), known, n=1, cutoff=0.75)
    if found or (comment and (near or re.match(r"### (BEGIN|END)\b", comment[1]))):
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        return f"{line.strip()!r} is not known: {hint}"
    return None


def _check_length(cell):
    count = len((_for_students(cell) if cell.mark == "solution" else cell.text).split("\n"))
    if count <= LONGEST:
        return []
    seen = " in the student's version" if cell.mark == "solution" else ""
    return [cell.at(f"the cell has {count} lines{seen}: at most {LONGEST}; split it")]


def _check_syntax(cell):
    """The cell compiles as it stands and as students get it."""
    for text, where in ((cell.text, ""), (_for_students(cell), " in the student's version")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "cell", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            n = min(max(getattr(error, "lineno", None) or 1, 1), text.count("\n") + 1)  # line of the cell
            said = getattr(error, "msg", None) or str(error)
            if re.match(r"\s*[%!]", text.split("\n")[n - 1]):
                said += ": a source is plain Python, without magics or shell commands"
            return [cell.at(f"syntax error{where}: {said}", None if where else cell.first + n - 1)]
    return []


def _check_test(cell):
    """The test ends in an assert: nbgrader reads the value of a last expression as the score."""
    problems = []
    whole, visible = ast.parse(cell.text).body, ast.parse(_for_students(cell)).body
    if not whole:
        return [cell.at(f'test "{cell.name}" is empty: it would give its points to everybody')]
    if not _for_students(cell).strip():
        text = "shows students an empty cell, which never gets a number: say in a comment what it tests"
        problems.append(cell.at(f'test "{cell.name}" {text}'))
    if isinstance(whole[-1], ast.Expr):
        text = "ends in an expression, whose value nbgrader reads as the score: end in an assert"
        problems.append(cell.at(f'test "{cell.name}" {text}', cell.first + whole[-1].lineno - 1))
    elif visible and isinstance(visible[-1], ast.Expr):
        text = "ends in an expression where its hidden tests are taken out: end that part in an assert, too"
        problems.append(cell.at(f'test "{cell.name}" {text}'))
    elif visible and not any(isinstance(node, ast.Assert) for node in ast.walk(visible[-1])):
        text = "does not end in an assert (hidden tests put aside)"
        problems.append(cell.at(f'test "{cell.name}" {text}'))
    return problems


def _for_students(cell) -> str:
    """The text as nbgrader's ClearSolutions and ClearHiddenTests leave it."""
    lines, inside = [], False
    for line in cell.text.split("\n"):
        if "### BEGIN SOLUTION" in line:
            lines.append(line[: len(line) - len(line.lstrip())] + STUB)
        if "### BEGIN " in line or "### END " in line:
            inside = "### BEGIN " in line
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _without_marks(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if not re.fullmatch(r"\s*### (BEGIN|END) SOLUTION", line))


def reference_answers(source: Source) -> dict[str, str]:
    """The author's own answers: name of a solution or written answer -> text."""
    return {cell.name: _without_marks(cell.text) for cell in source.cells if cell.mark in ("solution", "answer")}


# ---- private tests


def with_private(source: Source, directory) -> Source:
    """The source with the tests of DIR/<id>.py or DIR/<id>/<id>.py; as it is where there is none.

    A private test with the name of a public one takes its place and brings its own points. A new one stands after the
    last test of the question whose name begins its own (softmax_secret: after the tests of softmax), else at the end.
    One without a ### BEGIN HIDDEN TESTS is hidden whole.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise SourceError(f"{directory}: no such folder of private tests")
    known = assignments(source.path.absolute().parents[2])
    for path in sorted([*directory.glob("*.py"), *directory.glob("*/*.py")]):
        if path.stem not in known:
            raise SourceError(f"{shown(path)}:1: {path.stem}: {_nearest(path.stem, known, 'assignment')}")
    places = (directory / f"{source.id}.py", directory / source.id / f"{source.id}.py")
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return source
    private = read_source(path)
    cells, problems = list(source.cells), [*source.problems, *private.problems]
    if not private.cells:
        problems.append(f"{shown(path)}:1: no private test here")
    for cell in private.cells:
        if cell.mark != "test":
            if cell.mark or cell.kind == "code":
                problems.append(cell.at("a private file holds test cells only (and markdown for your notes)"))
            continue
        if "### BEGIN HIDDEN TESTS" not in cell.text:
            text = f"{SECRET}\n### BEGIN HIDDEN TESTS\n{cell.text}\n### END HIDDEN TESTS"
            cell = replace(cell, text=text, first=cell.first - 2)
        same = [n for n, other in enumerate(cells) if other.name == cell.name]
        if same and cells[same[0]].mark == "test" and cells[same[0]].file != cell.file:
            cells[same[0]] = cell
        else:  # a name that is taken by something else is left to `check`
            cells.insert(_place(cells, cell.name), cell)
    return Source(source.path, cells, problems)


def _place(cells, name):
    """Index at which a new test is put in."""
    named = [cell.name for cell in cells if cell.mark in ("solution", "answer") and cell.name]
    questions = [question for question in named if f"{name}_".startswith(f"{question}_")]
    if not questions:
        return len(cells)
    start = next(n for n, cell in enumerate(cells) if cell.name == max(questions, key=len))
    place = start + 1
    for n in range(start + 1, len(cells)):
        if cells[n].mark in ("solution", "answer"):
            break
        place = n + 1 if cells[n].mark == "test" else place
    return place


# ---- building


def instructor_notebook(source: Source, course: Course):
    """The notebook with solutions and hidden tests, as nbgrader wants it in source/."""
    from nbformat import from_dict

    if source.problems:
        raise SourceError("\n".join(_by_line(source.problems)))
    taken, cells = {cell.name for cell in source.cells}, []
    for index, cell in enumerate(source.cells):
        data = {"cell_type": cell.kind, "id": cell.name, "metadata": {}, "source": cell.text}
        if cell.name is None:
            digest = hashlib.sha1(cell.text.encode()).hexdigest()[:8]
            counter = (digest if n == 1 else f"{digest}-{n}" for n in range(1, len(source.cells) + 2))
            data["id"] = next(id for id in counter if id not in taken)
            taken.add(data["id"])
        if index == 0:
            data["source"] = _with_badge(cell.text, source, course)
        if cell.kind == "code":
            data |= {"execution_count": None, "outputs": []}
        if cell.mark:
            data["metadata"]["nbgrader"] = {
                "grade": cell.mark in ("test", "answer"),
                "grade_id": cell.name,
                "locked": cell.mark == "test",
                "schema_version": 3,
                "solution": cell.mark in ("solution", "answer"),
                "task": False,
            } | ({"points": cell.points} if cell.mark in ("test", "answer") else {})
        cells.append(data)
    return from_dict({"cells": cells, "metadata": copy.deepcopy(METADATA), "nbformat": 4, "nbformat_minor": 5})


def _with_badge(text: str, source: Source, course: Course) -> str:
    """The first cell with Colab's badge below its title; Colab opens GitHub's repositories only."""
    host, _, repository = course.publish.repository.removeprefix("https://").partition("/")
    if host != "github.com" or source.id not in course.assignments:
        return text
    folder = KINDS[course.assignments[source.id].kind]
    address = f"https://colab.research.google.com/github/{repository}/blob/{course.publish.branch}"
    badge = BADGE.format(address=f"{address}/{folder}/{source.id}/{source.id}.ipynb")
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{badge}\n\n{rest.lstrip(chr(10))}".rstrip("\n")


def release_notebook(instructor_nb, save=None, resources=None):
    """The student's notebook: what `nbgrader generate_assignment` makes of the instructor's.

    save       the step that writes to nbgrader's gradebook, where there is one (SaveCells)
    resources  what that step asks for
    """
    from nbgrader import preprocessors as steps

    nb, resources = copy.deepcopy(instructor_nb), resources or {}
    todo = [
        steps.LockCells(),
        steps.ClearSolutions(code_stub={"python": STUB}, text_stub=WRITTEN_STUB),
        steps.ClearOutput(),
        steps.CheckCellMetadata(),
        steps.ComputeChecksums(),
        *([save] if save else []),
        steps.ClearHiddenTests(),
        steps.ClearMarkScheme(),
        steps.ComputeChecksums(),
        steps.CheckCellMetadata(),
    ]
    for step in todo:
        nb, resources = step(nb, resources)
    return nb


def with_answers(nb, replacements: dict[str, str]):
    """A student's notebook: `nb`, usually the release, with these texts in its solution and answer cells."""
    nb = copy.deepcopy(nb)
    cells = {}
    for cell in nb.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            cells[marks["grade_id"]] = cell
    for name, text in replacements.items():
        if name not in cells:
            raise SourceError(f'"{name}": {_nearest(name, cells, "solution or answer")}')
        cells[name].source = _without_marks(text)
    return nb


def dumps(nb) -> str:
    """The notebook's file: indent 1, sorted keys, a newline at its end, as JupyterLab saves it."""
    import nbformat

    nbformat.validate(nb)
    return nbformat.writes(nb).rstrip("\n") + "\n"


def load_checked(root, id: str, private=None) -> tuple[Source, Course]:
    """The source of `id`, with the private tests of a folder, and the course. Raises SourceError with all problems."""
    course = load(Path(root) / "course.toml")
    source = read_source(source_path(root, id))
    problems = check(source, course)
    if private is not None:
        source = with_private(source, private)
        problems += check(source, course)
    if problems:
        raise SourceError("\n".join(_by_line(problems)))
    return source, course


def build(root, id: str, private=None, check_only: bool = False) -> Path:
    """Build the student's notebook beside the source of `id`, and return its path.

    private     a folder of private tests: they are checked with the source; the student's notebook has none of them
    check_only  write nothing; raise StaleError where the notebook there is not what the build makes
    """
    if private is not None:
        load_checked(root, id, private)
    source, course = load_checked(root, id)
    path = source.path.with_suffix(".ipynb")
    text = dumps(release_notebook(instructor_notebook(source, course)))
    if not _holds(path, text):
        if check_only:
            state = "is not what its source says now" if path.exists() else "has not been built"
            raise StaleError(f"{shown(path)}: {state}: run dlcourse build {id}")
        write(path, text)
    return path


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def write(path, text: str) -> None:
    """Write the file whole or not at all, whatever ends this process or fills the disk."""
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)  # mkstemp gives a file that only its owner may read
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        raise StaffError(f"{shown(path)}: cannot be written: {error.strerror}") from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)


def check_writable(path) -> None:
    """Raise StaffError now where `path` cannot be written later, after an hour of work."""
    try:
        with tempfile.NamedTemporaryFile(dir=Path(path).absolute().parent):
            pass
    except OSError as error:
        raise StaffError(
            f"{shown(path)}: cannot be written: {error.strerror}: name a file in a folder of yours"
        ) from None
