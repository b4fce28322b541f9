"""Rosters as learning platforms export them, and tables that these platforms import again.

A roster is any table with a line a student. Students of ours are found in it by id, login, email, or by a name that
only one line has; nothing is guessed beyond that.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property

from dlcourse.staff import StaffError, tables
from dlcourse.staff.policy import student_key
from dlcourse.staff.tables import Table

# names of columns, small letters: those of Canvas and Moodle, in English and in the languages of our users
IDS = (
    "sis login id", "sis user id", "id", "student_id", "student id", "username", "login", "id number", "id-nummer",
    "matrikelnummer", "matriculation number", "anmeldename", "lms_user_id", "integration id",
)  # fmt: skip
EMAILS = ("email", "email address", "e-mail", "e-mail-adresse", "mail")
NAMES = ("student", "name", "student name", "full name", "vollständiger name")
FIRST = ("first name", "first_name", "firstname", "given name", "vorname")
LAST = ("last name", "last_name", "lastname", "surname", "family name", "nachname")
CANVAS = ("student", "id", "sis user id", "sis login id", "integration id", "root account", "section")
MOODLE = (*FIRST, *LAST, "id number", "id-nummer", "username", "anmeldename", *EMAILS)


@dataclass(frozen=True)
class Person:
    """A line of a roster."""

    at: int  # its place among the lines
    values: list[str]
    ids: tuple[str, ...]  # what may stand for the student, best first
    name: str  # first name first; empty where the roster has none

    @property
    def id(self) -> str:
        return self.ids[0] if self.ids else self.name


@dataclass(frozen=True)
class Roster:
    table: Table
    people: list[Person] = field(default_factory=list)

    @cached_property
    def by_key(self) -> dict[str, set[int]]:
        return _index((key, p.at) for p in self.people for id in p.ids or (p.name,) for key in _keys(id))

    @cached_property
    def by_name(self) -> dict[tuple[str, ...], set[int]]:
        return _index((words, p.at) for p in self.people if len(words := name_words(p.name)) > 1)

    def find(self, id: str) -> Person | str:
        """The student whom `id` stands for, or why there is none."""
        found = self.by_key.get(student_key(id)) or self.by_name.get(name_words(id)) or set()
        if len(found) == 1:
            return self.people[next(iter(found))]
        if found:
            return f"fits {len(found)} lines of {self.table.file}"
        near = get_close_matches(student_key(id), self.by_key, n=1, cutoff=0.75)
        near = near or get_close_matches(" ".join(name_words(id)), map(" ".join, self.by_name), n=1, cutoff=0.75)
        return f"is not in {self.table.file}" + (f" (is it {near[0]}?)" if near else "")


def _index(pairs) -> dict:
    found: dict = {}
    for key, at in pairs:
        found.setdefault(key, set()).add(at)
    return found


def _keys(id: str):
    yield student_key(id)
    if "@" in id:
        yield student_key(id.partition("@")[0])


def name_words(name: str) -> tuple[str, ...]:
    """`Núñez, José` and `Jose_Nunez` are the same words."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple(sorted(re.findall(r"[^\W_]+", bare.casefold())))


def read_roster(path) -> Roster:
    """The students of an export. Raises StaffError where no column says who they are."""
    return roster_of(tables.read(path))


def roster_of(table: Table) -> Roster:
    heads = [head.casefold() for head in table.head]
    emails = [at for at in range(len(heads)) if heads[at] in EMAILS or _all_emails(table, at)]
    ids = [heads.index(head) for head in IDS if head in heads] + emails
    names = [heads.index(head) for head in NAMES if head in heads]
    first, last = (next((heads.index(h) for h in group if h in heads), None) for group in (FIRST, LAST))
    if not ids and not names and first is None:
        shown = tables.visible(", ".join(table.head))
        raise StaffError(f"{table.file}:1: columns are {shown}: one such as ID, Email address or Student was awaited")
    people, lines, problems = [], {}, []
    for line, values in table.rows:
        if _is_no_student(heads, values):
            continue
        parts = [values[at] for at in (first, last) if at is not None]
        name = " ".join(parts) if any(parts) else next((values[at] for at in names if values[at]), "")
        if "," in name:
            name = " ".join(part.strip() for part in reversed(name.split(",", 1)))
        person = Person(len(people), values, tuple(values[at] for at in ids if values[at]), name.strip())
        key = student_key(person.id)
        if lines.setdefault(key, line) != line:
            shown = tables.visible(person.id)
            problems.append(f"{table.file}:{line}: {shown} stands on line {lines[key]} already: one line a student")
        people.append(person)
    if problems:
        raise StaffError("\n".join(problems))
    if not people:
        raise StaffError(f"{table.file}: names no student: a line for each was awaited")
    return Roster(table, people)


def _all_emails(table: Table, at: int) -> bool:
    values = [values[at] for _, values in table.rows if values[at]]
    return bool(values) and all(re.fullmatch(r"[^\s@]+@[^\s@]+", value) for value in values)


def _is_no_student(heads: list[str], values: list[str]) -> bool:
    """Canvas puts two lines on its columns before the students, and a test student after them."""
    if heads[0] != "student":
        return False
    marks = ("points possible", "manual posting", "student, test", "test student")
    return values[0].casefold() in marks or (not values[0] and "id" in heads and not values[heads.index("id")])


# ---- what they import


@dataclass(frozen=True)
class Column:
    name: str
    points: float


def canvas_csv(roster: Roster, columns: list[Column], cells: dict[int, list]) -> str:
    """A file for Canvas: Grades, Import. A column that Canvas has already keeps its name with Canvas' number.

    cells   line of the roster -> a value for each of `columns`; a student without is left out
    """
    heads = [head.casefold() for head in roster.table.head]
    if not {"student", "id"} <= set(heads):
        shown = tables.visible(", ".join(roster.table.head[:6]))
        text = "export it in Canvas: Grades, Export, Export Entire Gradebook"
        raise StaffError(f"{roster.table.file}:1: begins with {shown}: Student and ID were awaited: {text}")
    kept = [heads.index(head) for head in CANVAS if head in heads]
    theirs = {found[1].casefold(): h for h in roster.table.head if (found := re.fullmatch(r"(.+) \(\d+\)", h))}
    head = [roster.table.head[at] for at in kept] + [theirs.get(c.name.casefold(), c.name) for c in columns]
    possible = ["    Points Possible"] + [""] * (len(kept) - 1) + [float(c.points) for c in columns]
    rows = [[p.values[at] for at in kept] + cells[p.at] for p in roster.people if p.at in cells]
    return tables.write(head, [possible, *rows])


def moodle_csv(roster: Roster, columns: list[Column], cells: dict[int, list]) -> str:
    """A file for Moodle: Grades, Import, CSV file. Students are matched by ID number or Email address."""
    heads = [head.casefold() for head in roster.table.head]
    kept = [at for at, head in enumerate(heads) if head in MOODLE or _all_emails(roster.table, at)]
    if not any(heads[at] not in (*FIRST, *LAST) for at in kept):
        shown = tables.visible(", ".join(roster.table.head[:6]))
        text = "export it in Moodle: Grades, Export, Plain text file"
        raise StaffError(f"{roster.table.file}:1: begins with {shown}: ID number or Email address was awaited: {text}")
    rows = [[p.values[at] for at in kept] + cells[p.at] for p in roster.people if p.at in cells]
    return tables.write([roster.table.head[at] for at in kept] + [c.name for c in columns], rows)
