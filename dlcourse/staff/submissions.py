"""Files as students hand them in -> student, notebook, time. What can be mended without guessing is mended and said.

Reads a folder of notebooks, an nbgrader `submitted/` tree, or the archive that an LMS gives; archives (zip, tar, gzip)
of students in them. Never follows a link, never writes, never runs anything; one file that cannot be read never stops
the others. A notebook is parsed when it is read: of what it showed at home nothing is kept.
"""

import ast
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from dlcourse.staff import StaffError

MAX_FILE = 256 << 20  # bytes of one notebook: pictures that it showed at home may make it large
MAX_TOTAL = 4 << 30  # bytes that one archive may unpack to
MAX_FILES = 20_000
ENDINGS = (".ipynb", ".ipynb.txt", ".ipynb.json")
OTHER_ENDINGS = (".json", ".txt", "")  # of what may be a notebook all the same: looked into
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".gz")
FOREIGN = {".rar": "a rar archive", ".7z": "a 7z archive"}  # cannot be read with Python's own modules
LEFT_BY_SYSTEMS = {"Thumbs.db", "desktop.ini", "roster.csv", "__MACOSX"}
STARTS = {  # what else came under a notebook's name: first bytes -> what it is
    b"%PDF": "a PDF", b"Rar!": "a rar archive", b"7z\xbc\xaf": "a 7z archive",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"SQLite": "a database", b"\x7fELF": "a program",
}  # fmt: skip
RECEIPT = ".receipt.txt"  # what `dlcourse submit` writes beside a hand-in: no hand-in itself


@dataclass
class Cell:
    """A cell as it was handed in."""

    code: bool
    source: str
    grade_id: str | None = None
    id: str | None = None
    turned: bool = False  # it came as a cell of another kind, code for Markdown or Markdown for code


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
    name: str  # path below the place that was named, archives being folders
    digest: str
    time: datetime | None
    cells: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str | None = None
    text: bytes = b""  # of a timestamp.txt
    archives: tuple[str, ...] = ()  # those of the path's beginnings that are archives, outermost first
    alias: str = ""  # path that says whose it is, where the own one does not
    folder_student: str | None = None

    def __post_init__(self):
        self.alias = self.alias or self.name


# ---------------------------------------------------------------------------------------------------- finding


def collect(
    where, assignment: str, course=None, notebook: str | None = None, given=frozenset()
) -> tuple[list[Submission], list[Unplaced]]:
    """Every hand-in of `assignment` below `where` (folder or archive), one for each student: the newest.

    course    staff.policy.Course, for its file-name rule
    notebook  name of the notebook without ending where it is not the assignment's
    given     names of files that students got with the assignment: these are no lines about files without a place
    Raises StaffError where there is nothing to read at all.
    """
    where = Path(where)
    if not where.exists():
        raise StaffError(f"{where}: no such file or folder: name the folder or zip that holds the submissions")
    notebook = notebook or assignment
    found: dict[str, Submission] = {}
    unplaced: list[Unplaced] = []
    files = list(_from_archive_file(where, unplaced) if where.is_file() else _from_folder(where, unplaced, given))
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


def _from_folder(where: Path, unplaced: list, given=frozenset()) -> Iterator[_File]:
    for at, (folder, folders, names) in enumerate(os.walk(where)):
        if at > MAX_FILES:
            raise StaffError(f"{where}: more than {MAX_FILES} folders: name the one with this assignment's submissions")
        kept = [d for d in folders if not d.startswith(".") and d not in LEFT_BY_SYSTEMS]
        links = [d for d in kept if os.path.islink(os.path.join(folder, d))]
        place = Path(folder).relative_to(where)
        unplaced += [Unplaced(_printable(str(place / d)), "a link to a folder, which is not followed") for d in links]
        folders[:] = sorted(set(kept) - set(links))
        if at and not names and not kept:
            unplaced.append(Unplaced(_printable(str(place)), "an empty folder: nothing was handed in"))
        for name in sorted(names):
            shown = str(place / name)
            if (name.startswith(".") and not name.lower().endswith(ENDINGS)) or name.startswith("._"):
                continue
            if name in LEFT_BY_SYSTEMS or name in given or name.endswith(RECEIPT):
                continue
            if _may_hold_notebook(name):
                yield from _open(Path(folder, name), shown, unplaced)
            else:
                unplaced.append(Unplaced(_printable(shown), _no_notebook(name)))


def _may_hold_notebook(name: str) -> bool:
    return name.lower().endswith((*ENDINGS, *ARCHIVES)) or PurePosixPath(name).suffix.lower() in OTHER_ENDINGS


def _no_notebook(name: str) -> str:
    foreign = FOREIGN.get(PurePosixPath(name).suffix.lower())
    if foreign:
        return f"{foreign}, which is not unpacked here: unpack it, or ask for the notebook or a zip"
    return "not a notebook: a file that ends in .ipynb was awaited"


def _place(files: list[_File], assignment: str, notebook: str) -> list[_File]:
    """Read from the folders of a hand-in what they say: whose it is, when it came, which notebook is meant.

    nbgrader's tree is <student>/<assignment>/<notebook>.ipynb with a timestamp.txt beside it. Where a file has the
    notebook's bare name, the folder above is the student's (Moodle adds a number and a word to it). The same holds in
    an archive; a student's own archive counts as one file with its name.
    """
    times = {PurePosixPath(f.name).parent: _timestamp(f.text) for f in files if _is_timestamp(f)}
    files = [f for f in files if not _is_timestamp(f)]
    depth = max((len(f.archives) for f in files), default=0)
    for level in range(depth, 0, -1):  # the innermost archive first
        groups: dict[str, list[_File]] = {}
        for file in files:
            if len(file.archives) >= level:
                groups.setdefault(file.archives[level - 1], []).append(file)
        for archive, group in groups.items():
            if len(group) == 1 and _says_nothing(group[0].alias, archive, assignment, notebook):
                group[0].alias = _without_ending(archive) + ".ipynb"
    beside = {f.name for f in files}
    kept: dict[tuple, list[_File]] = {}
    for file in files:
        path = PurePosixPath(file.alias)
        archives = {len(PurePosixPath(a).parts) - 1 for a in file.archives}
        folders = [p for n, p in enumerate(path.parts[:-1]) if n not in archives]
        if len(folders) >= 2 and folders[-1] == assignment:
            file.folder_student = folders[-2]
        elif folders and folders[-1] not in ("submitted", assignment) and tidy_name(_stem(file.alias)) == notebook:
            file.folder_student = re.sub(r"_\d+_assignsubmission_\w*$", "", folders[-1])
        else:  # a browser's or an editor's second copy of a file that is there too
            plain = re.sub(r"[\s_-]*(\(\d+\)|- ?copy|copy)$", "", _stem(file.alias), flags=re.IGNORECASE)
            if plain != _stem(file.alias) and str(path.with_name(plain + ".ipynb")) in beside:
                file.alias = str(path.with_name(plain + ".ipynb"))
        file.time = times.get(PurePosixPath(file.name).parent) or file.time
        key = (path.parent, file.folder_student) if file.folder_student else (PurePosixPath(file.name), None)
        kept.setdefault(key, []).append(file)
    for (_, student), group in kept.items():  # an assignment may have other notebooks beside this one
        if student and len(group) > 1 and any(tidy_name(_stem(f.name)) == notebook for f in group):
            group[:] = [f for f in group if tidy_name(_stem(f.name)) == notebook]
    return [file for group in kept.values() for file in group]


def _says_nothing(name: str, archive: str, assignment: str, notebook: str) -> bool:
    """Whether the only notebook of an archive does not say whose it is, so that the archive's name must."""
    inside = PurePosixPath(name).relative_to(archive)
    lms = any("_assignsubmission_" in p for p in inside.parts[:-1])
    tree = len(inside.parts) > 2 and inside.parts[-2] == assignment
    named = notebook.lower() in _stem(name).lower() and tidy_name(_stem(name)).lower() != notebook.lower()
    return not (lms or tree or named)


def _is_timestamp(file: _File) -> bool:
    return PurePosixPath(file.name).name == "timestamp.txt"


def _open(path: Path, shown: str, unplaced: list) -> Iterator[_File]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as err:
        why = "a link, which is not followed" if path.is_symlink() else f"cannot be opened ({err.strerror})"
        yield _File(shown, "", None, problem=why)
        return
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        time = datetime.fromtimestamp(facts.st_mtime, UTC)
        if not stat.S_ISREG(facts.st_mode):
            yield _File(shown, "", time, problem="not an ordinary file")
        elif shown.lower().endswith(".zip"):  # of a whole class, perhaps: its members are read one by one
            yield from _from_zip(file, unplaced, shown + "/", (shown,))
        elif facts.st_size > MAX_FILE:
            yield _File(shown, "", time, problem=f"{facts.st_size >> 20} MiB, more than {MAX_FILE >> 20}")
        else:
            yield from _take(shown, file.read(MAX_FILE + 1), time, unplaced, ())


def _from_archive_file(path: Path, unplaced: list) -> Iterator[_File]:
    """Notebooks in the archive that was named on the command line."""
    try:
        with open(path, "rb") as file:
            if zipfile.is_zipfile(file):
                yield from _from_zip(file, unplaced, "", ())
                return
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                yield from _from_tar(archive, unplaced, "", ())
    except (tarfile.TarError, OSError, EOFError) as err:
        raise StaffError(f"{path}: cannot be read as a zip ({err}): name a folder or a zip archive") from None


def _take(name: str, data: bytes, time, unplaced: list, archives: tuple, room=None) -> Iterator[_File]:
    """What a file of any kind holds: a notebook, those of an archive, or a line that says why there is none.

    room  a list with the number of bytes that archives may still unpack to
    """
    low, base = name.lower(), PurePosixPath(name).name
    if base == "timestamp.txt":
        yield _File(name, "", time, text=data[:200])
        return
    is_archive = low.endswith(ARCHIVES)
    inside = (*archives, name)
    if data[:2] == b"PK" and (is_archive or low.endswith(ENDINGS)):
        if len(inside) > 3:
            unplaced.append(Unplaced(_printable(name), "a zip in a zip in a zip in a zip"))
            return
        yield from _from_zip(io.BytesIO(data), unplaced, name + "/", inside, room)
        return
    if is_archive:
        yield from _from_packed(name, data, time, unplaced, archives, room)
        return
    if len(data) > MAX_FILE:
        yield _File(name, "", time, archives=archives, problem=f"more than {MAX_FILE >> 20} MiB")
        return
    made = _File(name, hashlib.sha256(data).hexdigest(), time, archives=archives)
    try:
        made.cells, made.notes = parse_notebook(data)
    except ValueError as err:
        if not low.endswith(ENDINGS):  # some other text
            unplaced.append(Unplaced(_printable(name), _no_notebook(name)))
            return
        made.problem = str(err)
    yield made


def _from_packed(name: str, data: bytes, time, unplaced: list, archives: tuple, room) -> Iterator[_File]:
    """Notebooks in a tar of any compression, or in one file that was compressed."""
    inside = (*archives, name)
    with contextlib.suppress(tarfile.TarError, EOFError, OSError):
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            yield from _from_tar(archive, unplaced, name + "/", inside, room)
        return
    try:
        with gzip.open(io.BytesIO(data)) as file:
            plain = file.read(MAX_FILE + 1)
    except (OSError, EOFError, ValueError) as err:
        unplaced.append(Unplaced(_printable(name), f"cannot be unpacked: {err}"))
        return
    name = name[: -len(".gz")] if name.lower().endswith(".gz") else name
    yield from _take(name if name.lower().endswith(ENDINGS) else name + ".ipynb", plain, time, unplaced, archives, room)


def _from_tar(archive, unplaced: list, before: str, archives: tuple, room=None) -> Iterator[_File]:
    room = [MAX_TOTAL] if room is None else room
    for at, info in enumerate(archive):
        if at > MAX_FILES:
            return
        time = datetime.fromtimestamp(info.mtime, UTC) if 0 <= info.mtime < 1e11 else None
        yield from _member(info.name, before, info.isdir(), not info.isfile() and not info.isdir(), time, unplaced,
                           archives, room, lambda info=info: archive.extractfile(info))  # fmt: skip


def _from_zip(file, unplaced: list, before: str, archives: tuple, room=None) -> Iterator[_File]:
    """Notebooks in an archive, read into memory: nothing is ever unpacked to disk."""
    room = [MAX_TOTAL] if room is None else room
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as err:
        unplaced.append(Unplaced(_printable(before.rstrip("/")), f"cannot be read as a zip: {err}"))
        return
    with archive:
        for info in archive.infolist()[:MAX_FILES]:
            try:
                time = datetime(*info.date_time, tzinfo=UTC)
            except ValueError:
                time = None
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            yield from _member(info.filename, before, info.is_dir(), is_link, time, unplaced, archives, room,
                               lambda info=info: archive.open(info))  # fmt: skip


def _member(name, before, is_folder, is_link, time, unplaced, archives, room, opened) -> Iterator[_File]:
    """What one member of an archive holds; `opened()` gives its bytes as a stream."""
    name = name.replace("\\", "/")  # as some programs on Windows write it
    parts = PurePosixPath(name).parts
    base = parts[-1] if parts else ""
    hidden = base.startswith(".") or "__MACOSX" in parts or ".ipynb_checkpoints" in parts or base in LEFT_BY_SYSTEMS
    if is_folder or hidden or name.endswith(RECEIPT):
        return
    place = f"{before}{name}"
    if name.startswith("/") or ".." in parts or is_link:
        unplaced.append(Unplaced(_printable(place), "its name points outside the archive, or it is a link"))
    elif not _may_hold_notebook(name):
        unplaced.append(Unplaced(_printable(place), _no_notebook(name)))
    elif room[0] <= 0:
        unplaced.append(Unplaced(_printable(place), f"the archive unpacks to more than {MAX_TOTAL >> 30} GiB"))
    else:
        try:
            with opened() as member:  # the header's word on the size is not believed
                data = member.read(MAX_FILE + 1)
        except Exception as err:  # zipfile raises many kinds for damage, encryption, odd compressions
            unplaced.append(Unplaced(_printable(place), f"cannot be unpacked: {err}"))
            return
        room[0] -= len(data)
        yield from _take(place, data, time, unplaced, archives, room)


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
    made = Submission("", file.name, file.digest, file.cells, file.time, problem=file.problem)
    for note in file.notes:
        made.flag(note)
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
    if not data.strip(b" \t\r\n\0"):
        raise ValueError("the file is empty" if b"\0" not in data else "the file is empty: it holds zeros only")
    other = next((what for start, what in STARTS.items() if data.startswith(start)), None)
    if other is None and re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head|script)", data[:200], re.IGNORECASE):
        other = "a web page"
    if other is not None:
        raise ValueError(f"not a notebook: it is {other}")
    text = None
    for encoding in _encodings(data):
        with contextlib.suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if encoding != "utf-8-sig" or data[:3] == b"\xef\xbb\xbf":
                notes.append("encoding mended")
            break
    if text is None:
        raise ValueError("its text cannot be decoded")
    text = text.lstrip("\ufeff \t\r\n")
    try:
        raw, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        if not text.startswith(("{", "[")):
            raise ValueError("not a notebook: it is text of another kind") from None
        near_end = not text.rstrip().endswith("}")
        raise ValueError(
            "not a notebook: " + ("the file stops in the middle" if near_end else "its JSON is damaged")
        ) from None
    if text[end:].strip():
        notes.append("damaged file")
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


def _encodings(data: bytes) -> tuple[str, ...]:
    """Those worth trying, the likeliest first. JSON begins in ASCII, which shows UTF-16 without a mark."""
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return ("utf-32",)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    if data[0] and not data[1:2].strip(b"\0"):
        return ("utf-16-le", "latin-1") if len(data) > 1 and not data[1] else ("utf-8-sig", "latin-1")
    if not data[0] and data[1:2].strip(b"\0"):
        return ("utf-16-be", "latin-1")
    return ("utf-8-sig", "latin-1")


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
    stem = _stem(file.alias)
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
    word = re.escape(notebook)
    short = re.sub(rf"[\s_-]*{word}$", "", clean, flags=re.IGNORECASE)
    if short == clean:
        short = re.sub(rf"^{word}[\s_-]+", "", clean, flags=re.IGNORECASE)
    if short != clean and short.strip("_ "):
        if course is not None:
            made.flag("misnamed")
        return re.sub(r"[\s_]+", "_", short.strip("_ -"))
    if named := name_in_cells(made.cells):
        made.flag("misnamed")
        return re.sub(r"\s+", "_", named)
    if course is None and clean:  # no rule: the name is the id; "student-1" and "student-2" are two students
        return re.sub(r"\s+", "_", re.sub(COPIED, "", stem, flags=re.IGNORECASE).strip())
    why = made.problem or "neither the file's name nor the name cell says whose it is"
    rule = course.file_pattern if course is not None else f"First_Last_{assignment}.ipynb"
    return Unplaced(
        file.name,
        f"{why}: a name such as {rule.format(first='Ada', last='Lovelace', assignment=assignment)} was awaited",
    )


def _stem(name: str) -> str:
    base = unicodedata.normalize("NFC", PurePosixPath(name).name)
    while base.lower().endswith((*ENDINGS, ".json")):  # some programs add theirs to the one that is there
        base = base[: -max(len(e) for e in (*ENDINGS, ".json") if base.lower().endswith(e))]
    return base.removesuffix(".txt")


def _without_ending(archive: str) -> str:
    """The name of an archive, or of what is called a notebook and is one, without its ending."""
    endings = [e for e in (*ARCHIVES, *ENDINGS) if archive.lower().endswith(e)]
    return archive[: -len(max(endings, key=len))] if endings else archive


COPIED = r"^((copy of|kopie von|copia de|copie de)[\s_]+)+"


def tidy_name(stem: str) -> str:
    """A file's name without what browsers, Colab and people add: "(1)", "Copy of", "- Copy", "_final"."""
    stem = re.sub(COPIED, "", stem, flags=re.IGNORECASE)
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
