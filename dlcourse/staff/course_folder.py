"""Make nbgrader's course folder from the sources, so that an instructor can use every nbgrader tool on it.

The folder holds source/, release/, gradebook.db and nbgrader_config.py, as `nbgrader generate_assignment` leaves
them. It is derived but for the scores: making it again brings it up to date and keeps every submission.
"""

import csv
import os
import re
import shutil
import sys
import unicodedata
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from urllib.parse import quote

from dlcourse.staff import StaffError, notebooks
from dlcourse.staff.policy import FOLDERS, load

COLUMNS = ("id", "first_name", "last_name", "email", "lms_user_id")  # as in `nbgrader db student import`
FIGURES = {".png", ".svg", ".jpg", ".jpeg", ".gif"}
CONFIG = """\
# Written by `dlcourse init-course`, anew each time. Settings of your own go into my_nbgrader_config.py beside it.
import os

c = get_config()  # noqa: F821
here = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.root = here
c.CourseDirectory.course_id = {course_id!r}
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.ClearSolutions.text_stub = {written_stub!r}
c.OverwriteCells.add_missing_cells = True  # a test that a student deleted is put back before grading
if not os.path.isdir("/usr/local/share/nbgrader/exchange"):  # no exchange for the whole machine: one in this folder
    c.Exchange.root = os.path.join(here, "exchange")
if os.path.exists(os.path.join(here, "my_nbgrader_config.py")):
    load_subconfig("my_nbgrader_config.py", path=here)  # noqa: F821
"""


@dataclass(frozen=True)
class Made:
    path: Path
    assignments: list[str]
    students: int  # in the gradebook now


def init_course(root, directory, roster=None, private=None) -> Made:
    """Make or update the course folder `directory` from the sources below `root`.

    roster   a CSV file with the columns of COLUMNS, `id` at least; students are added and renamed, never removed
    private  a folder of private tests: they go into source/ and the gradebook, hidden from release/
    """
    root, directory = Path(os.path.abspath(root)), Path(os.path.abspath(directory))
    course = load(root / "course.toml")
    students = read_roster(roster) if roster is not None else []
    _check_place(root, directory)
    sources, problems = [], []
    for id in notebooks.assignments(root):
        try:
            sources.append(notebooks.load_checked(root, id, private)[0])
        except notebooks.SourceError as error:
            problems.append(str(error))
    if problems:
        raise notebooks.SourceError("\n".join(problems))

    ensure(directory, course.name, fresh=True)
    with gradebook(directory, course.name) as book:
        for student in students:
            book.update_or_create_student(student.pop("id"), **student)
        count = len(book.students)
    for source in sources:
        try:
            instructor = notebooks.instructor_notebook(source, course)
            due = course.assignments[source.id].due
            put(directory, course.name, source.id, source.id, instructor, due, source.path)
        except _CellsChangedError as error:
            problems.append(str(error))
    if problems:
        raise StaffError("\n".join(problems))
    return Made(directory, [source.id for source in sources], count)


class _CellsChangedError(StaffError):
    pass


def ensure(directory: Path, course_name: str, fresh: bool = False) -> None:
    """The folder with its configuration; a configuration that is there is replaced only where `fresh`."""
    (directory / "exchange").mkdir(parents=True, exist_ok=True)
    if fresh or not (directory / "nbgrader_config.py").exists():
        stubs = {"stub": notebooks.STUB, "written_stub": notebooks.WRITTEN_STUB}
        notebooks.write(directory / "nbgrader_config.py", CONFIG.format(course_id=slug(course_name), **stubs))


def put(directory: Path, course_name: str, id: str, notebook: str, instructor, due=None, source=None) -> None:
    """One assignment: into the gradebook, then into source/ and release/.

    source   the text it is built from, whose figures go along; None: an nbgrader notebook as it is, and what already
             lies in source/ and release/ stays
    """
    from nbgrader.preprocessors import SaveCells

    when = {"duedate": due.astimezone(UTC).replace(tzinfo=None)} if due else {}  # nbgrader keeps UTC without offset
    with gradebook(directory, course_name) as book:
        book.update_or_create_assignment(id, **when)
    resources = {"nbgrader": {"notebook": notebook, "assignment": id, "db_url": _db_url(directory)}}
    with _sql_errors(directory):
        try:
            release = notebooks.release_notebook(instructor, save=SaveCells(), resources=resources)
        except RuntimeError as error:
            if "submissions associated" not in str(error):
                raise
            text = "its graded cells are not those of the gradebook, where work has been handed in already"
            wanted = "give every test, solution and answer its old name, and add or remove none"
            where = f"{notebooks.shown(source)}:1" if source else id
            raise _CellsChangedError(f"{where}: {text}: {wanted}") from None
    for step, made in (("source", instructor), ("release", release)):
        folder = directory / step / id
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{notebook}.ipynb"
        if source is not None or not path.exists():
            notebooks.write(path, notebooks.dumps(made))
        for figure in sorted(source.parent.iterdir()) if source is not None else []:
            if figure.suffix.lower() in FIGURES:
                shutil.copyfile(figure, folder / figure.name)


def _check_place(root, directory):
    """The folder keeps names and scores: it may not lie where it would be published or overwrite something."""
    closed = [root / folder for folder in (*FOLDERS, "dlcourse", "tests", "docs")]
    if directory == root or any(directory.is_relative_to(folder) for folder in closed):
        raise StaffError(f"{directory}: holds the course's sources: choose a folder outside, such as ../course")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / "nbgrader_config.py").is_file():
        raise StaffError(f"{directory}: is neither empty nor a course folder: choose a new folder")
    if directory.exists() and not directory.is_dir():
        raise StaffError(f"{directory}: is a file: choose a new folder")


def slug(name: str) -> str:
    """nbgrader's id of a course: `Deep learning with PyTorch` -> deep_learning_with_pytorch."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "course"


# ---- students


def read_roster(path) -> list[dict]:
    """The students of a CSV file, each a dict with the columns that it has; all problems with file and line."""
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StaffError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StaffError(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    rows = csv.reader(text.splitlines())
    head = [column.strip() for column in next(rows, [])]
    problems = [
        f"{path}:1: column {column!r} is not known: known are {', '.join(COLUMNS)}"
        for column in head
        if column not in COLUMNS
    ]
    if "id" not in head:
        problems.append(f"{path}:1: no column id: begin with a line such as {','.join(COLUMNS[:4])}")
    if problems:
        raise StaffError("\n".join(problems))
    students, seen = [], {}
    for row in rows:
        where, values = f"{path}:{rows.line_num}", [value.strip() for value in row]
        if not any(values):
            continue
        student = dict(zip(head, values, strict=False))
        if len(values) != len(head):
            problems.append(f"{where}: {len(values)} values, but {len(head)} columns: one comma more or less")
        elif not re.fullmatch(r"\w[\w.@-]*", student["id"]):
            problems.append(f"{where}: id is {student['id']!r}: write letters, digits and . _ - @, it names a folder")
        elif student["id"] in seen:
            problems.append(f"{where}: id {student['id']} stands on line {seen[student['id']]} already")
        seen.setdefault(student["id"], rows.line_num)
        students.append({column: value or None for column, value in student.items()})
    if problems:
        raise StaffError("\n".join(problems))
    return students


# ---- nbgrader's gradebook


def _db_url(directory: Path) -> str:
    return f"sqlite:///{directory / 'gradebook.db'}"


@contextmanager
def gradebook(directory: Path, course_name: str):
    """nbgrader's gradebook, made where there is none."""
    with _sql_errors(directory), _scripts_on_path():
        from nbgrader.api import Gradebook

        with Gradebook(_db_url(directory), slug(course_name)) as book:
            yield book


@contextmanager
def read_only(directory: Path):
    """A connection to the gradebook that changes nothing in it; None where there is no gradebook."""
    path = Path(os.path.abspath(directory)) / "gradebook.db"
    if not path.is_file():
        yield None
        return
    with _sql_errors(directory):
        from sqlalchemy import create_engine

        engine = create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


@contextmanager
def _sql_errors(directory: Path):
    from nbgrader.api import InvalidEntry
    from sqlalchemy.exc import SAWarning, SQLAlchemyError
    from tornado.log import app_log

    quiet, app_log.disabled = app_log.disabled, True  # nbgrader logs each error's traceback before it raises it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader 0.9 with SQLAlchemy 2.1 gives dozens
            yield
    except (SQLAlchemyError, InvalidEntry) as error:
        said = re.sub(r"^\([\w.]+\) ", "", str(getattr(error, "orig", None) or error).splitlines()[0])
        hint = ": another program writes to it, try again when that is done" if "locked" in said else ""
        raise StaffError(f"{directory / 'gradebook.db'}: {said}{hint}") from None
    finally:
        app_log.disabled = quiet


@contextmanager
def _scripts_on_path():
    """nbgrader calls `alembic` by name: put the scripts of this Python first on PATH."""
    before = os.environ.get("PATH")
    os.environ["PATH"] = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), before)))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before
