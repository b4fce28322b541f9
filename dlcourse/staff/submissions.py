"""Files as students hand them in -> student, notebook, time. What can be mended without guessing is mended and said.

Reads a folder of notebooks, an nbgrader `submitted/` tree, or the zip that an LMS gives. Never follows a link, never
writes, never runs anything; one file that cannot be read never stops the others.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from dlcourse.staff import StaffError

MAX_FILE = 64 << 20  # bytes of one notebook
MAX_TOTAL = 4 << 30  # bytes that one archive may unpack to
MAX_FILES = 20_000
ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json")
RECEIPT = ".receipt.txt"  # what `dlcourse submit` writes beside a hand-in: no hand-in itself


@dataclass
class Cell:
    """A cell as it was handed in."""

    code: bool
    source: str
    grade_id: str | None = None
    id: str | None = None


@dataclass
class Submission:
    student: str
    file: str  # as it was found, for messages
    digest: str  # sha256 of its bytes
    cells: list[Cell] = field(default_factory=list)
    submitted: datetime | None = None  # UTC
    flags: list[str] = field(default_factory=list)
    problem: str | None = None  # why it could not be read

    def flag(self, word: str) -> None:
        if word not in self.flags:
            self.flags.append(word)


@dataclass(frozen=True)
class Unplaced:
    file: str
    reason: str


@dataclass
class _File:
    name: str
    data: bytes
    time: datetime | None
    folder_student: str | None = None
    problem: str | None = None


# ---------------------------------------------------------------------------------------------------- finding


def collect(
    where, assignment: str, course=None, notebook: str | None = None
) -> tuple[list[Submission], list[Unplaced]]:
    """Every hand-in of `assignment` below `where` (folder or zip), one for each student: the newest.

    course    staff.policy.Course, for its file-name rule
    notebook  name of the notebook without ending where it is not the assignment's
    Raises StaffError where there is nothing to read at all.
    """
    where = Path(where)
    if not where.exists():
        raise StaffError(f"{where}: no such file or folder: name the folder or zip that holds the submissions")
    notebook = notebook or assignment
    found: dict[str, Submission] = {}
    unplaced: list[Unplaced] = []
    files = list(_from_zip(where, unplaced) if where.is_file() else _from_folder(where, unplaced))
    for file in _place(files, assignment, notebook):
        try:
            made = _read(file, assignment, notebook, course)
        except Exception as err:  # a fault of ours with one odd file must not cost the others theirs
            made = Unplaced(file.name, f"it could not be looked at ({type(err).__name__}: {err})"[:200])
        if isinstance(made, Unplaced):
            unplaced.append(Unplaced(_printable(made.file), _printable(made.reason)))
            continue
        made.file = _printable(made.file)
        other = found.get(made.student)
        if other is not None:
            first, last = sorted(
                (other, made), key=lambda s: (s.problem is None, s.submitted or datetime.min.replace(tzinfo=UTC))
            )
            unplaced.append(Unplaced(first.file, f"an older hand-in of {made.student}: {last.file} is graded"))
            last.flag("two files")
            made = last
        found[made.student] = made
    if not found and not unplaced:
        raise StaffError(f"{where}: no notebook in it: files that end in .ipynb were awaited")
    return sorted(found.values(), key=lambda s: s.student), unplaced


def _from_folder(where: Path, unplaced: list) -> Iterator[_File]:
    for at, (folder, folders, names) in enumerate(os.walk(where)):
        folders[:] = sorted(d for d in folders if not d.startswith(".") and not os.path.islink(os.path.join(folder, d)))
        if at > MAX_FILES:
            raise StaffError(f"{where}: more than {MAX_FILES} folders: name the one with this assignment's submissions")
        for name in sorted(names):
            path = Path(folder, name)
            shown = str(path.relative_to(where))
            if name.lower().endswith(".zip"):
                yield from _from_zip(path, unplaced, shown + "/")
            elif name.lower().endswith(ENDINGS) or name == "timestamp.txt":
                yield _open(path, shown)
            elif not name.startswith(".") and name != "roster.csv" and not name.endswith(RECEIPT):
                unplaced.append(Unplaced(_printable(shown), "not a notebook: a file that ends in .ipynb was awaited"))


def _place(files: list[_File], assignment: str, notebook: str) -> list[_File]:
    """Read from the folders of a hand-in what they say: whose it is, when it came, which notebook is meant.

    nbgrader's tree is <student>/<assignment>/<notebook>.ipynb with a timestamp.txt beside it. Where a file has the
    notebook's bare name, the folder above is the student's (Moodle adds a number and a word to it). The same holds in
    a zip.
    """
    times = {PurePosixPath(f.name).parent: _timestamp(f.data) for f in files if _is_timestamp(f)}
    kept: dict[tuple, list[_File]] = {}
    for file in files:
        if _is_timestamp(file):
            continue
        path = PurePosixPath(file.name)
        folders = [p for p in path.parts[:-1] if not p.lower().endswith(".zip")]
        if len(folders) >= 2 and folders[-1] == assignment:
            file.folder_student = folders[-2]
        elif folders and folders[-1] not in ("submitted", assignment) and tidy_name(_stem(file.name)) == notebook:
            file.folder_student = re.sub(r"_\d+_assignsubmission_\w*$", "", folders[-1])
        file.time = times.get(path.parent) or file.time
        key = (path.parent, file.folder_student) if file.folder_student else (path, None)
        kept.setdefault(key, []).append(file)
    for (_, student), group in kept.items():  # an assignment may have other notebooks beside this one
        if student and len(group) > 1 and any(tidy_name(_stem(f.name)) == notebook for f in group):
            group[:] = [f for f in group if tidy_name(_stem(f.name)) == notebook]
    return [file for group in kept.values() for file in group]


def _is_timestamp(file: _File) -> bool:
    return PurePosixPath(file.name).name == "timestamp.txt"


def _open(path: Path, shown: str) -> _File:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as err:
        why = "a link, which is not followed" if path.is_symlink() else f"cannot be opened ({err.strerror})"
        return _File(shown, b"", None, problem=why)
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        time = datetime.fromtimestamp(facts.st_mtime, UTC)
        if not stat.S_ISREG(facts.st_mode):
            return _File(shown, b"", time, problem="not an ordinary file")
        if facts.st_size > MAX_FILE:
            return _File(shown, b"", time, problem=f"{facts.st_size >> 20} MiB, more than {MAX_FILE >> 20}")
        return _File(shown, file.read(MAX_FILE + 1), time)


def _from_zip(path: Path, unplaced: list, before: str = "", depth: int = 0) -> Iterator[_File]:
    """Notebooks in an archive, read into memory: nothing is ever unpacked to disk."""
    shown = before.rstrip("/") or path.name
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as err:
        if not before:
            raise StaffError(f"{path}: cannot be read as a zip ({err}): name a folder or a zip archive") from None
        unplaced.append(Unplaced(shown, f"cannot be read as a zip: {err}"))
        return
    with archive:
        total = 0
        for info in archive.infolist()[:MAX_FILES]:
            name = info.filename
            place = f"{before}{name}"
            if (
                info.is_dir()
                or PurePosixPath(name).name.startswith(".")
                or name.endswith(RECEIPT)
                or "__MACOSX" in name
                or ".ipynb_checkpoints" in name
            ):
                continue
            mode = info.external_attr >> 16
            if (
                name.startswith(("/", "\\"))
                or ".." in PurePosixPath(name.replace("\\", "/")).parts
                or stat.S_ISLNK(mode)
            ):
                unplaced.append(Unplaced(place, "its name points outside the archive, or it is a link"))
                continue
            if not name.lower().endswith((*ENDINGS, ".zip")) and PurePosixPath(name).name != "timestamp.txt":
                unplaced.append(Unplaced(place, "not a notebook: a file that ends in .ipynb was awaited"))
                continue
            try:
                with archive.open(info) as member:  # the header's word on the size is not believed
                    data = member.read(MAX_FILE + 1)
            except Exception as err:  # zipfile raises many kinds for damage, encryption, odd compressions
                unplaced.append(Unplaced(place, f"cannot be unpacked: {err}"))
                continue
            total += len(data)
            if total > MAX_TOTAL:
                unplaced.append(Unplaced(place, f"the archive unpacks to more than {MAX_TOTAL >> 30} GiB"))
                return
            if name.lower().endswith(".zip"):
                if depth < 2 and len(data) <= MAX_FILE:
                    import io

                    yield from _from_zip(io.BytesIO(data), unplaced, place + "/", depth + 1)
                else:
                    unplaced.append(Unplaced(place, "a zip in a zip in a zip, or too large"))
                continue
            try:
                time = datetime(*info.date_time, tzinfo=UTC)
            except ValueError:
                time = None
            problem = f"more than {MAX_FILE >> 20} MiB" if len(data) > MAX_FILE else None
            yield _File(place, data, time, problem=problem)


def _timestamp(data: bytes) -> datetime | None:
    text = data[:100].decode("utf-8", "replace").strip()
    for form in (
        None,
        "%Y-%m-%d %H:%M:%S.%f %Z",
        "%Y-%m-%d %H:%M:%S %Z",
        "%Y-%m-%d %H:%M:%S.%f %z",
        "%Y-%m-%d %H:%M:%S %z",
    ):
        try:
            time = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)
        except ValueError:
            continue
        if form is not None and "%Z" in form and not text.endswith(("UTC", "GMT")):
            return None  # an abbreviation such as PST says nothing certain
        with contextlib.suppress(OverflowError):  # the year 9999, west of Greenwich
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    return None


# ---------------------------------------------------------------------------------------------------- reading


def _read(file: _File, assignment: str, notebook: str, course) -> Submission | Unplaced:
    made = Submission("", file.name, hashlib.sha256(file.data).hexdigest(), submitted=file.time)
    made.problem = file.problem
    if made.problem is None:
        try:
            made.cells, notes = parse_notebook(file.data)
            for note in notes:
                made.flag(note)
        except ValueError as err:
            made.problem = str(err)
    who = _who(file, made, assignment, notebook, course)
    if isinstance(who, Unplaced):
        return who
    if not is_safe_id(who):
        return Unplaced(file.name, f"{_printable(who)!r:.60} cannot be a student's id: rename the file or its folder")
    made.student = who
    return made


def is_safe_id(text: str) -> bool:
    """Whether `text` may name a student, and so a folder: visible, short, no way out of where it is put."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= 120 and text.isprintable() and not text.startswith(".") and not set(text) & set("/\\\0")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.encode("utf-8", "replace").decode())[:300]


def parse_notebook(data: bytes) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook of any format, and what had to be mended. ValueError says why there are none."""
    notes: list[str] = []
    if not data.strip():
        raise ValueError("the file is empty")
    text = None
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if encoding != "utf-8-sig" or data[:3] == b"\xef\xbb\xbf":
                notes.append("encoding mended")
            break
    if text is None:
        raise ValueError("its text cannot be decoded")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        near_end = not text.rstrip().endswith("}")
        raise ValueError(
            "not a notebook: " + ("the file stops in the middle" if near_end else "its JSON is damaged")
        ) from None
    if not isinstance(raw, dict):
        raise ValueError("not a notebook: its JSON holds no cells")
    cells = raw.get("cells")
    if cells is None and isinstance(raw.get("worksheets"), list):  # nbformat 3
        cells = [c for sheet in raw["worksheets"] if isinstance(sheet, dict) for c in sheet.get("cells") or []]
        notes.append("old format")
    if not isinstance(cells, list):
        raise ValueError("not a notebook: it has no list of cells")
    if _is_colab(raw):
        notes.append("from Colab")
    found = []
    for cell in cells:
        if not isinstance(cell, dict):
            notes.append("damaged cell")
            continue
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(str(s) for s in source)
        if not isinstance(source, str):
            notes.append("damaged cell")
            continue
        source = source.encode("utf-8", "replace").decode()  # lone surrogates
        meta = cell.get("metadata")
        mark = meta.get("nbgrader") if isinstance(meta, dict) else None
        grade_id = mark.get("grade_id") if isinstance(mark, dict) else None
        found.append(
            Cell(
                cell.get("cell_type") == "code",
                source.replace("\r\n", "\n"),
                grade_id if isinstance(grade_id, str) else None,
                cell.get("id") if isinstance(cell.get("id"), str) else None,
            )
        )
    return found, notes


def _is_colab(raw: dict) -> bool:
    meta = raw.get("metadata")
    return isinstance(meta, dict) and ("colab" in meta or "accelerator" in meta)


def _who(file: _File, made: Submission, assignment: str, notebook: str, course) -> str | Unplaced:
    """Whose it is: the folder's name, the file's name, the name cell, in that order."""
    from dlcourse.staff import policy

    if file.folder_student:
        if PurePosixPath(file.name).stem.lower() != notebook.lower():
            made.flag("misnamed")
        return re.sub(r"\s+", "_", file.folder_student.strip())
    stem = _stem(file.name)
    lms = re.match(r"(?P<who>.+?)_\d+_assignsubmission_file_+(?P<rest>.*)$", stem) or re.match(
        r"(?P<who>[a-z]+)(_LATE)?_\d{3,}_\d{3,}_(?P<rest>.+)$", stem
    )  # Moodle, Canvas
    if lms:
        stem = lms["rest"]
    clean = tidy_name(stem)
    if lms and (course is None or policy.parse_file_name(course, clean + ".ipynb") is None):
        return re.sub(r"[\s_]+", "_", lms["who"].strip())
    if course is not None:
        exact = policy.parse_file_name(course, stem + ".ipynb") if clean == stem else None
        parsed = exact or policy.parse_file_name(course, clean + ".ipynb")
        if parsed is not None and parsed.assignment != assignment:
            return Unplaced(file.name, f"handed in for {parsed.assignment}, and this is {assignment}")
        if parsed is not None:
            if exact is None or not file.name.endswith(".ipynb"):
                made.flag("misnamed")
            return parsed.student.replace(" ", "_")
    short = re.sub(rf"[\s_-]*{re.escape(notebook)}$", "", clean, flags=re.IGNORECASE)
    if short != clean and short.strip("_ "):
        if course is not None:
            made.flag("misnamed")
        return re.sub(r"[\s_]+", "_", short.strip("_ -"))
    if named := name_in_cells(made.cells):
        made.flag("misnamed")
        return re.sub(r"\s+", "_", named)
    if course is None and clean:
        return re.sub(r"\s+", "_", clean)
    why = made.problem or "neither the file's name nor the name cell says whose it is"
    rule = course.file_pattern if course is not None else f"First_Last_{assignment}.ipynb"
    return Unplaced(
        file.name,
        f"{why}: a name such as {rule.format(first='Ada', last='Lovelace', assignment=assignment)} was awaited",
    )


def _stem(name: str) -> str:
    base = unicodedata.normalize("NFC", PurePosixPath(name).name)
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if base.lower().endswith(ending):
            return base[: -len(ending)]
    return base


def tidy_name(stem: str) -> str:
    """A file's name without what browsers, Colab and people add: "(1)", "Copy of", "- Copy", "_final"."""
    stem = re.sub(r"^(copy of|kopie von|copia de|copie de)[\s_]+", "", stem, flags=re.IGNORECASE)
    before = None
    while before != stem:
        before = stem
        stem = re.sub(r"[\s_-]*(\(\d+\)|- ?copy|copy|final|-\d)$", "", stem, flags=re.IGNORECASE).strip()
    return re.sub(r"\s+", "_", stem)


def name_in_cells(cells: list[Cell]) -> str | None:
    """What the student wrote into the name cell: NAME = "Ada Lovelace"."""
    for cell in cells[:12]:
        if cell.code and len(cell.source) < 10_000 and re.search(r"^NAME\s*=", cell.source, re.MULTILINE):
            with contextlib.suppress(Exception, RecursionError, MemoryError):
                for node in ast.parse(cell.source).body:
                    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "NAME":
                        value = ast.literal_eval(node.value)
                        words = re.sub(r"[^\w\s'-]", "", value).split() if isinstance(value, str) else []
                        if len(words) >= 2 and len(value) < 80:
                            return " ".join(words)
    return None
