"""Read course.toml and apply its rules: lateness, late factors, file names. Pure functions."""

import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

from dlcourse.staff import StaffError

FOLDERS = {"lab": "labs", "homework": "homework"}  # kind of assignment -> folder of its sources
NAME = re.compile(r"[a-z][a-z0-9_]*")
RULES = {  # rule -> the keys that it needs beside `rule`; grace_minutes may always be left out
    "none": (),
    "per_day": ("penalty",),
    "half_then_zero": ("days",),
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


@dataclass(frozen=True)
class Assignment:
    id: str  # the folder's name
    kind: str  # a key of FOLDERS
    points: float
    due: datetime  # with its offset from UTC


@dataclass(frozen=True)
class Course:
    name: str
    timezone: ZoneInfo  # for printing times only
    publish: Publish
    file_pattern: str  # such as "{first}_{last}_{assignment}.ipynb"
    late: Mapping[str, LateRule]  # kind -> rule
    weights: Mapping[str, float]  # kind -> share of the final grade; they add up to 1
    assignments: Mapping[str, Assignment]  # in the order of course.toml


@dataclass(frozen=True)
class FileName:
    student: str  # first and last name, a space between words
    assignment: str


def load(path) -> Course:
    """Read course.toml at `path`. Raises PolicyError with every problem that it holds, one line each."""
    path = Path(path)
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path.name}: byte {error.start} is not UTF-8: save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{path.name}: not valid TOML: {error}") from None
    return parse(data, path.name)


def parse(data: dict, file: str = "course.toml") -> Course:
    """Check the tables of course.toml and make a Course of them; `file` is named in the messages."""
    reader = _Reader(file)
    tables = ("course", "publish", "file_names", "late", "weights", "assignments")
    reader.known(data, "", tables)
    top = {key: reader.table(data, key) for key in tables}

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

    late = _late(reader, top["late"])
    weights = _weights(reader, top["weights"])
    assignments = _assignments(reader, top["assignments"])
    for kind in sorted({a.kind for a in assignments.values()} & set(FOLDERS)):
        if kind not in top["late"] and top["late"] is not reader.absent:
            text = f'is missing, but some assignment is a {kind}: write it, for example rule = "none"'
            reader.problem(f"late.{kind}", text)
        if kind not in top["weights"] and top["weights"] is not reader.absent:
            reader.problem("weights", f"{kind} is missing: write its share of the final grade, such as 0.3")
    reader.done()
    return Course(name, zone, Publish(repository, branch), pattern, late, weights, assignments)


def _late(reader, tables):
    reader.known(tables, "late", FOLDERS)
    rules = {}
    for kind, wanted in ((kind, " or ".join(f'"{rule}"' for rule in RULES)) for kind in FOLDERS):
        if kind not in tables:
            continue
        where, table = f"late.{kind}", reader.table(tables, kind, f"late.{kind}")
        rule = reader.take(table, where, "rule", lambda x: x if x in RULES else None, wanted)
        needs = RULES.get(rule, ("penalty", "days"))
        reader.known(table, where, ("rule", *needs, "grace_minutes"), f' with rule "{rule}"' if rule else "")
        values = {"grace_minutes": 0.0}
        if "penalty" in needs and rule:
            wanted = "a share between 0 and 1, such as 0.10"
            values["penalty"] = reader.take(table, where, "penalty", _between(0, 1), wanted)
        if "days" in needs and rule:
            wanted = "days between 0 and 366, such as 7"
            values["days"] = reader.take(table, where, "days", _between(0, 366), wanted)
        if "grace_minutes" in table:
            wanted = "minutes between 0 and 1440, such as 15"
            values["grace_minutes"] = reader.take(table, where, "grace_minutes", _between(0, 1440), wanted)
        rules[kind] = LateRule(rule, **values)
    return rules


def _weights(reader, table):
    reader.known(table, "weights", FOLDERS)
    wanted = "a share between 0 and 1, such as 0.3"
    share = _between(0, 1)
    weights = {kind: reader.take(table, "weights", kind, share, wanted) for kind in FOLDERS if kind in table}
    if weights and None not in weights.values() and not math.isclose(sum(weights.values()), 1, abs_tol=1e-9):
        total = sum(weights.values())
        reader.problem("weights", f"the shares add up to {total:.6g}: they are to add up to 1")
    return weights


def _assignments(reader, tables):
    assignments = {}
    for id in tables:
        where, table = f"assignments.{id}", reader.table(tables, id, f"assignments.{id}")
        if not NAME.fullmatch(id):
            wanted = "small letters, digits and _, a letter first"
            reader.problem(where, f"is not a name for an assignment: write {wanted}")
        reader.known(table, where, ("kind", "points", "due"))
        wanted = " or ".join(f'"{kind}"' for kind in FOLDERS)
        kind = reader.take(table, where, "kind", lambda x: x if x in FOLDERS else None, wanted)
        points = reader.take(table, where, "points", _points, "a number above 0, such as 10")
        wanted = 'a date and time with its offset from UTC, such as "2027-03-05T23:59:00+01:00"'
        assignments[id] = Assignment(id, kind, points, reader.take(table, where, "due", _moment, wanted))
    return assignments


class _Reader:
    """Takes values out of tables and keeps what is wrong, so that a person reads all of it at once."""

    def __init__(self, file):
        self.file, self.problems = file, []
        self.absent = {}  # stands for a table that is not there, so that its keys are not missed one by one

    def problem(self, where, text):
        self.problems.append(f"{self.file}: [{where}] {text}" if where else f"{self.file}: {text}")

    def known(self, table, where, keys, why=""):
        for key in table:
            if key not in keys:
                near = get_close_matches(key, keys, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}"
                self.problem(where, f"{key} is not a known key{why}: {hint}")

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
        text = '"' + value.replace("\n", " ") + '"'
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value):
    return value if isinstance(value, str) and value.strip() and value.isprintable() else None


def _number(value):
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _between(low, high):
    return lambda value: float(value) if _number(value) is not None and low <= value <= high else None


def _points(value):
    return value if _number(value) is not None and 0 < value <= 1e6 else None


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
