"""Read course.toml, and students.toml beside the gradebook: what the course's rules are. What they make of a hand-in
is reckoned in points.py.

course.toml can be public. What concerns single students (extensions, excuses, groups) may stand in it too, but belongs
into students.toml in the course folder, which also holds the CSV files that either of them names.
"""

import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

from dlcourse.staff import StaffError, tables

KINDS = {  # kind of assignment -> folder of its sources, where it is a notebook
    "lab": "labs",
    "homework": "homework",
    "quiz": "homework",
    "competition": "homework",
    "project": "homework",
    "exam": "homework",
    "participation": "homework",
}
FOLDERS = tuple(dict.fromkeys(KINDS.values()))
NAME = re.compile(r"[a-z][a-z0-9_]*")
RULES = {  # rule -> the keys that it needs beside `rule`, and those that may be left out
    "none": ((), ("grace_minutes", "cutoff_days")),
    "per_day": (("penalty",), ("grace_minutes", "cutoff_days")),
    "half_then_zero": (("days",), ("grace_minutes",)),
}
FAULTS = {  # key of [deductions] -> the flag that a record carries
    "misnamed": "misnamed",
    "no_name": "no name",
    "text_in_code": "text in code",
}


class PolicyError(StaffError):
    """course.toml says something that cannot be; one line for each thing."""


@dataclass(frozen=True)
class Publish:
    repository: str  # an https address without a slash at its end
    branch: str


@dataclass(frozen=True)
class LateRule:
    rule: str  # a key of RULES
    penalty: float = 0.0  # share of the score lost for each day begun (per_day)
    days: float = 0.0  # days in which half the score is left (half_then_zero)
    grace_minutes: float = 0.0  # lateness is counted from the end of these
    cutoff_days: float = math.inf  # after so many days nothing counts (none, per_day)


@dataclass(frozen=True)
class Deduction:
    """What a fault of form costs: either points, or a share of the assignment's points."""

    points: float = 0.0
    share: float = 0.0


@dataclass(frozen=True)
class Extension:
    """More time for one student: a new due date, or days added to that of all."""

    due: datetime | None
    days: float
    reason: str


@dataclass(frozen=True)
class Groups:
    """Who works with whom. Students are looked up by their key; those who are in no group work alone."""

    of: Mapping[str, str] = field(default_factory=dict)  # student's key -> group
    written: Mapping[str, str] = field(default_factory=dict)  # student's key -> id, as it names a folder

    @cached_property
    def together(self) -> Mapping[str, tuple[str, ...]]:
        """Group -> its members' keys, sorted."""
        found: dict[str, list[str]] = {}
        for key in sorted(self.of):
            found.setdefault(self.of[key], []).append(key)
        return {group: tuple(keys) for group, keys in found.items()}

    def members(self, student: str) -> tuple[str, ...]:
        """The keys of the student and of all who are in the student's group."""
        key = student_key(student)
        return self.together[self.of[key]] if key in self.of else (key,)


@dataclass(frozen=True)
class Assignment:
    id: str  # the folder's name
    kind: str  # a key of KINDS
    points: float
    due: datetime | None  # with its offset from UTC; None only where the scores come from a file
    scores: str | None = None  # a CSV file in the course folder: it has no notebook
    late: LateRule | None = None  # its own rule, in place of that of its kind
    weight: float | None = None  # how much it counts among its kind; None: its points


@dataclass(frozen=True)
class Course:
    name: str
    timezone: ZoneInfo  # for printing times only
    publish: Publish
    file_pattern: str  # such as "{first}_{last}_{assignment}.ipynb"
    late: Mapping[str, LateRule]  # kind -> rule
    weights: Mapping[str, float]  # kind -> share of the final grade; they add up to 1
    assignments: Mapping[str, Assignment]  # in the order of course.toml
    completion: Mapping[str, float] = field(default_factory=dict)  # kind -> share of its questions to be tried
    drop_lowest: Mapping[str, int] = field(default_factory=dict)  # kind -> how many are left out
    deductions: Mapping[str, Mapping[str, Deduction]] = field(default_factory=dict)  # kind -> key of FAULTS -> cost
    extensions: Mapping[tuple[str, str], Extension] = field(default_factory=dict)  # (student's key, assignment)
    excused: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (student's key, assignment) -> reason
    groups: Mapping[str, Groups | str] = field(
        default_factory=dict
    )  # kind or assignment; a str: with_students reads it

    def late_rule(self, assignment: Assignment) -> LateRule:
        return assignment.late or self.late.get(assignment.kind) or LateRule("none")

    def groups_of(self, assignment: Assignment) -> Groups:
        """The groups for this assignment, else those of its kind, else none."""
        found = self.groups.get(assignment.id, self.groups.get(assignment.kind))
        return found if isinstance(found, Groups) else Groups()


@dataclass(frozen=True)
class FileName:
    student: str  # first and last name, a space between words
    assignment: str


def student_key(student: str) -> str:
    """A student's id as rules look it up: Ada Lovelace, Ada_Lovelace and ada_lovelace are one."""
    return re.sub(r"[\s_]+", "_", unicodedata.normalize("NFC", student).strip().casefold())


PUBLIC = ("publish", "file_names")  # tables that only this course's own notebooks need
NEEDED = ("course", *PUBLIC, "late", "weights", "assignments")
OPTIONAL = ("completion", "drop_lowest", "deductions")
STUDENTS = ("groups", "extensions", "excused")


def load(path, without: tuple = ()) -> Course:
    """Read course.toml at `path`. Raises PolicyError with every problem that it holds, one line each.

    without  tables that are not needed, such as PUBLIC for a course whose notebooks are made elsewhere
    """
    path = Path(path)
    return parse(_toml(path), path.name, without)


def _toml(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path.name}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{path.name}: not valid TOML: {error}") from None


def parse(data: dict, file: str = "course.toml", without: tuple = ()) -> Course:
    """Check the tables of course.toml and make a Course of them; `file` is named in the messages."""
    reader = _Reader(file)
    reader.known(data, "", (*NEEDED, *OPTIONAL, *STUDENTS))
    top = {key: reader.table(data, key) for key in NEEDED if key in data or key not in without}
    top |= {key: reader.table(data, key) if key in data else {} for key in (*OPTIONAL, *STUDENTS)}
    top |= dict.fromkeys(set(without) - set(data), reader.absent)

    reader.known(top["course"], "course", ("name", "timezone"))
    name = reader.take(top["course"], "course", "name", _text, "the course's name in quotes")
    zone = reader.take(top["course"], "course", "timezone", _zone, 'a time zone such as "Europe/Berlin"')

    reader.known(top["publish"], "publish", ("repository", "branch"))
    wanted = 'an address such as "https://github.com/owner/name", without a slash or .git at its end'
    repository = reader.take(top["publish"], "publish", "repository", _address, wanted)
    branch = reader.take(top["publish"], "publish", "branch", _branch, 'a branch such as "main"')

    reader.known(top["file_names"], "file_names", ("pattern",))
    wanted = 'a name with each field once, such as "{first}_{last}_{assignment}.ipynb"'
    pattern = reader.take(top["file_names"], "file_names", "pattern", _pattern, wanted)

    reader.known(top["late"], "late", KINDS)
    late = {k: _late(reader, top["late"], k, f"late.{k}") for k in KINDS if k in top["late"]}
    weights = _weights(reader, top["weights"])
    assignments = _assignments(reader, top["assignments"])
    for kind in KINDS:
        of_kind = [a for a in assignments.values() if a.kind == kind]
        rule_needed = any(a.scores is None and a.late is None for a in of_kind)
        if rule_needed and kind not in top["late"] and top["late"] is not reader.absent:
            text = f'is missing, but some assignment is a {kind}: write it, for example rule = "none"'
            reader.problem(f"late.{kind}", text)
        if of_kind and kind not in top["weights"] and top["weights"] is not reader.absent:
            reader.problem("weights", f"{kind} is missing: write its share of the final grade, such as 0.3")
    course = Course(
        name, zone, Publish(repository, branch), pattern, late, weights, assignments,
        completion=_by_kind(reader, top, "completion", _between(0, 1), "a share between 0 and 1, such as 0.8"),
        drop_lowest=_by_kind(reader, top, "drop_lowest", _count, "how many are left out: 0, 1, 2 or so"),
        deductions=_deductions(reader, top["deductions"]),
    )  # fmt: skip
    course = _with_student_tables(reader, course, top)
    reader.done()
    return course


def _late(reader, tables, key, where):
    wanted = " or ".join(f'"{rule}"' for rule in RULES)
    table = reader.table(tables, key, where)
    rule = reader.take(table, where, "rule", lambda x: x if x in RULES else None, wanted)
    needs, may = RULES.get(rule, (("penalty", "days"), ("grace_minutes", "cutoff_days")))
    reader.known(table, where, ("rule", *needs, *may), f' with rule "{rule}"' if rule else "")
    values = {}
    for key, convert, wanted in (
        ("penalty", _between(0, 1), "a share between 0 and 1, such as 0.10"),
        ("days", _between(0, 366), "days between 0 and 366, such as 7"),
        ("grace_minutes", _between(0, 1440), "minutes between 0 and 1440, such as 15"),
        ("cutoff_days", _between(0, 366), "days between 0 and 366, such as 10"),
    ):
        if rule and (key in needs or (key in may and key in table)):
            values[key] = reader.take(table, where, key, convert, wanted)
    return LateRule(rule, **values)


def _weights(reader, table):
    weights = _by_kind(reader, {"weights": table}, "weights", _between(0, 1), "a share between 0 and 1, such as 0.3")
    if weights and None not in weights.values() and not math.isclose(sum(weights.values()), 1, abs_tol=1e-9):
        total = sum(weights.values())
        reader.problem("weights", f"the shares add up to {total:.6g}: they are to add up to 1")
    return weights


def _by_kind(reader, top, name, convert, wanted):
    reader.known(top[name], name, KINDS)
    return {kind: reader.take(top[name], name, kind, convert, wanted) for kind in KINDS if kind in top[name]}


def _deductions(reader, top):
    """[deductions.homework] misnamed = { share = 0.05 }"""
    reader.known(top, "deductions", KINDS)
    found = {}
    for kind in (kind for kind in KINDS if kind in top):
        where = f"deductions.{kind}"
        table = reader.table(top, kind, where)
        reader.known(table, where, FAULTS)
        wanted = "{ points = 1 } or { share = 0.05 }"
        faults = (fault for fault in FAULTS if fault in table)
        found[kind] = {fault: reader.take(table, where, fault, _deduction, wanted) for fault in faults}
    return found


def _assignments(reader, tables):
    assignments = {}
    for id in tables:
        where, table = f"assignments.{id}", reader.table(tables, id, f"assignments.{id}")
        if not NAME.fullmatch(id):
            wanted = "small letters, digits and _, a letter first"
            reader.problem(where, f"is not a name for an assignment: write {wanted}")
        reader.known(table, where, ("kind", "points", "due", "scores", "weight", "late"))
        wanted = " or ".join(f'"{kind}"' for kind in KINDS)
        kind = reader.take(table, where, "kind", lambda x: x if isinstance(x, str) and x in KINDS else None, wanted)
        points = reader.take(table, where, "points", _points, "a number above 0, such as 10")
        scores, weight, due, late = None, None, None, None
        if "scores" in table:
            scores = reader.take(table, where, "scores", _csv, f'a CSV file in the course folder, such as "{id}.csv"')
        if "weight" in table:
            weight = reader.take(table, where, "weight", _points, "a number above 0, such as 1")
        if "due" in table or "scores" not in table:
            wanted = 'a date and time with its offset from UTC, such as "2027-03-05T23:59:00+01:00"'
            due = reader.take(table, where, "due", _moment, wanted)
        if "late" in table and "scores" in table:
            reader.problem(where, "has both scores and late: scores from a file are never late, write one of the two")
        elif "late" in table:
            late = _late(reader, table, "late", f"{where}.late")
        assignments[id] = Assignment(id, kind, points, due, scores, late, weight)
    return assignments


# ---- what concerns single students


def with_students(course: Course, folder) -> Course:
    """`course` with students.toml of the course folder, where there is one, and with its groups read from their files.

    Raises PolicyError with every problem of these files.
    """
    folder = Path(folder)
    path = folder / "students.toml"
    if path.is_file():
        data, reader = _toml(path), _Reader(path.name)
        reader.known(data, "", STUDENTS)
        course = _with_student_tables(reader, course, {key: reader.table(data, key) for key in STUDENTS if key in data})
        reader.done()
    groups, problems = {}, []
    for place, value in course.groups.items():
        try:
            groups[place] = _groups_from(folder / value) if isinstance(value, str) else value
        except StaffError as error:
            problems.append(f"[groups] {place}: {error}")
    if problems:
        raise PolicyError("\n".join(problems))
    return replace(course, groups=groups)


def _with_student_tables(reader, course, top):
    extensions, excused = dict(course.extensions), dict(course.excused)
    wanted = '{ days = 3, reason = "ill" } or { due = "2027-03-10T23:59:00+01:00", reason = "ill" }'
    _each_student(reader, course, top.get("extensions", {}), "extensions", extensions, _extension, wanted)
    _each_student(reader, course, top.get("excused", {}), "excused", excused, _text, 'the reason, such as "ill"')
    for student, id in extensions:
        due = course.assignments[id].due if id in course.assignments else None
        if due is None and id in course.assignments and course.assignments[id].scores:
            text = f"{id} has no due date, its scores come from a file: take this line out"
            reader.problem("extensions", f"{student}: {text}")
    groups = dict(course.groups)
    for place, value in top.get("groups", {}).items():
        if place not in KINDS and place not in course.assignments:
            near = get_close_matches(place, (*KINDS, *course.assignments), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "write a kind such as homework, or an assignment's name"
            reader.problem("groups", f"{place} is neither a kind nor an assignment: {hint}")
        elif place in groups:
            reader.problem("groups", f"{place} stands in course.toml already: take one of the two out")
        elif isinstance(value, dict):
            groups[place] = _groups_table(reader, place, value)
        else:
            wanted = 'a CSV file in the course folder, such as "groups.csv", or a table of groups'
            groups[place] = reader.take(top["groups"], "groups", place, _csv, wanted)
    return replace(course, extensions=extensions, excused=excused, groups=groups)


def _each_student(reader, course, table, where, found, convert, wanted):
    """Ada_Lovelace.hw1_mlp = VALUE, for each student and assignment."""
    for student in table:
        ids = reader.table(table, student, f"{where}.{student}")
        reader.known(ids, f"{where}.{student}", course.assignments)
        for id in ids:
            key = (student_key(student), id)
            if key in found:
                reader.problem(f"{where}.{student}", f"{id} is said twice for this student: take one of the two out")
            value = reader.take(ids, f"{where}.{student}", id, convert, wanted)
            if value is not None:
                found[key] = value


def _groups_table(reader, place, table):
    """[groups.project] team1 = ["Ada_Lovelace", "Alan_Turing"]"""
    where, pairs = f"groups.{place}", []
    for group in table:
        wanted = 'a list of students, such as ["Ada_Lovelace", "Alan_Turing"]'
        for student in reader.take(table, where, group, _names, wanted) or ():
            pairs.append((student, group, lambda text: reader.problem(where, text)))
    return _groups(pairs)


def _groups_from(path: Path) -> Groups:
    """The groups of a CSV file with the columns student and group. A student without a group works alone."""
    table = tables.read(path)
    places = {name.casefold(): at for at, name in enumerate(table.head)}
    if not {"student", "group"} <= set(places):
        raise StaffError(f"{path}:1: columns are {', '.join(table.head)}: student and group were awaited")
    problems, pairs = [], []
    for line, values in table.rows:
        student, group = values[places["student"]], values[places["group"]]
        if student and group:
            where = f"{path}:{line}: "
            pairs.append((student, group, lambda text, where=where: problems.append(where + text)))
    groups = _groups(pairs)
    if problems:
        raise StaffError("\n".join(problems))
    return groups


def _groups(pairs) -> Groups:
    """Groups of (student, group, whom to tell what is wrong)."""
    of, written = {}, {}
    for student, group, tell in pairs:
        key = student_key(student)
        id = re.sub(r"\s+", "_", unicodedata.normalize("NFC", student).strip())
        if not id.isprintable() or id.startswith(".") or set(id) & set("/\\\0") or len(id.encode()) > 120:
            tell(f"{student!r:.60} cannot be a student's id: it names a folder, write it without / and \\")
        elif of.setdefault(key, group) != group:
            tell(f"{student} is in {of[key]} and in {group}: write the student once")
        written.setdefault(key, id)
    return Groups(of, written)


class _Reader:
    """Takes values out of tables and keeps what is wrong, so that a person reads all of it at once."""

    def __init__(self, file):
        self.file, self.problems = file, []
        self.absent = {}  # stands for a table that is not there, so that its keys are not missed one by one

    def problem(self, where, text):
        place = f"[{tables.visible(where)}] " if where else ""
        self.problems.append(f"{self.file}: {place}{text}")

    def known(self, table, where, keys, why=""):
        for key in table:
            if key not in keys:
                near = get_close_matches(key, keys, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
                self.problem(where, f"{tables.visible(key)} is not a known key{why}: {hint}")

    def table(self, data, key, where=None):
        value = data.get(key)
        if isinstance(value, dict):
            return value
        state = "is missing" if value is None else f"is {_shown(value)}"
        self.problem(where or key, f"{state}: write a table that begins with [{where or key}]")
        return self.absent

    def take(self, table, where, key, convert, wanted):
        """The converted value; where it is missing or wrong, None and a problem."""
        if key not in table:
            if table is not self.absent:
                self.problem(where, f"{key} is missing: write {wanted}")
            return None
        try:
            value = convert(table[key])
        except (TypeError, ValueError, OSError, KeyError):
            value = None
        if value is None:
            self.problem(where, f"{key} is {_shown(table[key])}: write {wanted}")
        return value

    def done(self):
        if self.problems:
            raise PolicyError("\n".join(self.problems))


def _shown(value):
    if isinstance(value, str):
        text = f'"{tables.visible(value)}"'
    else:
        text = str(value).lower() if isinstance(value, bool) else tables.visible(str(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value):
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None


def _number(value):
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _between(low, high):
    return lambda value: float(value) if _number(value) is not None and low <= value <= high else None


def _points(value):
    return value if _number(value) is not None and 0 < value <= 1e6 else None


def _count(value):
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1000 else None


def _deduction(value):
    key, amount = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (None, None)
    amount = {"points": _between(0, 1e6), "share": _between(0, 1)}.get(key, lambda _: None)(amount)
    return None if amount is None else Deduction(**{key: amount})


def _extension(value):
    if not isinstance(value, dict) or len({"due", "days"} & set(value)) != 1 or set(value) - {"due", "days", "reason"}:
        return None
    due = _moment(value["due"]) if "due" in value else None
    days = _between(0, 366)(value["days"]) if "days" in value else 0.0
    reason = _text(value.get("reason"))
    if reason is None or days is None or ("due" in value and due is None):
        return None
    return Extension(due, days, reason)


def _names(value):
    return value if isinstance(value, list) and value and all(_text(name) for name in value) else None


def _csv(value):
    plain = _text(value) and value.lower().endswith(".csv") and not Path(value).is_absolute()
    return value if plain and ".." not in Path(value).parts else None


def _zone(value):
    return ZoneInfo(value) if _text(value) else None


def _address(value):
    good = isinstance(value, str) and re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", value)
    return value if good and not value.endswith(".git") else None


def _branch(value):
    return value if isinstance(value, str) and re.fullmatch(r"[\w./-]+", value) else None


def _pattern(value):
    if not _text(value) or not value.endswith(".ipynb") or "/" in value or "\\" in value:
        return None
    parts = list(Formatter().parse(value))
    fields = sorted(field for _, field, _, _ in parts if field is not None)
    plain = all(not spec and not conversion for _, _, spec, conversion in parts)
    apart = all(text for text, _, _, _ in parts[1:])  # "{first}{last}" could not be read back
    return value if plain and apart and fields == ["assignment", "first", "last"] else None


def _moment(value):
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    return value if isinstance(value, datetime) and value.utcoffset() is not None else None


# ---- lateness


def due_for(course: Course, assignment: Assignment, students) -> datetime | None:
    """When the work of `students` (ids; a group has one due date) is due: the latest that any of them was given.

    An extension never brings the due date forward.
    """
    if assignment.due is None:
        return None
    found = [assignment.due]
    for key in map(student_key, students):
        extension = course.extensions.get((key, assignment.id))
        if extension is not None:
            found.append(extension.due or assignment.due + timedelta(days=extension.days))
    return max(found)


def excuse_for(course: Course, assignment: Assignment, students) -> str | None:
    """The reason for which the student is excused; `students` are all ids of that one."""
    reasons = (course.excused.get((student_key(student), assignment.id)) for student in students)
    return next((reason for reason in reasons if reason is not None), None)


def lateness_days(due: datetime, submitted: datetime) -> float:
    """Days from `due` to `submitted`, 0 where it came in time. Both need an offset from UTC."""
    if due.utcoffset() is None or submitted.utcoffset() is None:
        raise ValueError("lateness_days: a time without an offset from UTC: write 2027-03-05T23:59:00+01:00")
    return max(0.0, (submitted.astimezone(UTC) - due.astimezone(UTC)).total_seconds() / 86400)


def late_factor(rule: LateRule, days: float) -> float:
    """Share of the score that is left, 0 to 1, for work that came `days` after the due date.

    Lateness begins where the grace ends: with 15 minutes of grace, 24 h and 10 min are one day begun.
    """
    if math.isnan(days):
        raise ValueError("late_factor: days is nan")
    # whole milliseconds: a day and its grace in floating point are else a hair more than a day
    late = math.inf if math.isinf(days) and days > 0 else round(days * 86400 - rule.grace_minutes * 60, 3)
    if late > (math.inf if math.isinf(rule.cutoff_days) else round(rule.cutoff_days * 86400, 3)):
        return 0.0
    if late <= 0 or rule.rule == "none":
        return 1.0
    if rule.rule == "half_then_zero":
        return 0.5 if late <= round(rule.days * 86400, 3) else 0.0
    if math.isinf(late):
        return 1.0 if rule.penalty == 0 else 0.0
    return max(0.0, 1.0 - rule.penalty * math.ceil(late / 86400))


# ---- file names


def file_name(course: Course, student: str, assignment: str) -> str:
    """The name under which `student`, such as "Ada Lovelace", hands in `assignment`."""
    words = re.split(r"[\s_]+", unicodedata.normalize("NFC", student).strip(" _\t\n"))
    if len(words) < 2 or any(bad in student for bad in "/\\\0"):
        raise PolicyError(f"{student!r} is no first and last name: write it as in Ada Lovelace")
    return course.file_pattern.format(first=words[0], last="_".join(words[1:]), assignment=assignment)


def parse_file_name(course: Course, name: str) -> FileName | None:
    """Student and assignment of a file's name, None where it does not follow course.toml's rule."""
    groups = {"first": r"(?P<first>[^_/\\]+)", "last": r"(?P<last>[^/\\]+?)"}
    ids = sorted(course.assignments, key=len, reverse=True)
    groups["assignment"] = f"(?P<assignment>{'|'.join(map(re.escape, ids))})"
    parts = Formatter().parse(course.file_pattern)
    pattern = "".join(re.escape(text) + groups.get(field, "") for text, field, _, _ in parts)
    found = re.fullmatch(pattern, unicodedata.normalize("NFC", name)) if ids else None
    if not found:
        return None
    words = [word for part in ("first", "last") for word in re.split(r"[\s_]+", found[part]) if word]
    return FileName(" ".join(words), found["assignment"]) if len(words) > 1 else None
