"""The final grades of a course: from the ledgers of `grade`, marks given in formgrader, files of scores, course.toml.

Nothing is run. A rule that is changed, an extension that is granted, a mark that is given counts at the next call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from dlcourse.staff import StaffError, course_folder, ledger, lms, marks, notebooks, points, policy, tables
from dlcourse.staff.lms import Column, Roster
from dlcourse.staff.points import Mark, Work
from dlcourse.staff.policy import Assignment, Course, student_key

OPEN = ("provisional", "could not run", "not graded")  # states with which a grade is not final
SCORES = ("score", "points", "grade")  # names for the column of a file of scores


@dataclass(frozen=True)
class Line:
    """One student's grades."""

    student: str
    name: str
    at: int | None  # line of the roster
    marks: Mapping[str, Mark]  # assignment -> mark, in the order of course.toml
    shares: Mapping[str, float | None]  # kind -> share of its points, 0 to 1
    share: float | None  # of the course

    def having(self, *states: str) -> list[str]:
        return [id for id, mark in self.marks.items() if mark.state in states]


@dataclass
class Final:
    course: Course
    lines: list[Line]
    so_far: bool
    roster: Roster | None
    problems: list[str] = field(default_factory=list)  # somebody's work or name that a person has to see to
    notes: list[str] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether every grade is what it will be."""
        return not self.problems and (self.so_far or not any(line.having(*OPEN) for line in self.lines))


def final_grades(folder, roster=None, so_far: bool = False, now: datetime | None = None) -> Final:
    """The grades of everybody in the course folder `folder`.

    roster  a table of the students: only they get a grade, and whoever is not in it is named
    so_far  what is not due yet, and what still has to be marked, is left out
    now     with its offset from UTC; None: this moment
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise StaffError(f"{folder}: no such folder: name the course folder that `dlcourse grade` writes to")
    course = policy.with_students(load_course(folder), folder)
    made = Final(course, [], so_far, lms.read_roster(roster) if roster is not None else None)
    everybody = Everybody(made.roster, made.problems, made.notes)
    by_hand = marks.read(folder)
    works = {a.id: _works(a, folder, by_hand, everybody) for a in course.assignments.values()}
    _look_over(made, folder)
    if made.roster is None:
        for id in students_of(folder):
            everybody.find(id)
    course = made.course = _translated(course, everybody, made)
    works = {id: _shared(held, course.groups_of(course.assignments[id])) for id, held in works.items()}
    now = now or datetime.now(UTC)
    made.lines = [_line(course, one, works, so_far, now) for one in everybody.listed()]
    _say(made, works)
    return made


def load_course(folder: Path) -> Course:
    """course.toml of the course folder, else that of the repository one stands in."""
    own = folder / "course.toml"
    if own.is_file():
        return policy.load(own, without=policy.PUBLIC)
    try:
        return policy.load(notebooks.find_root() / "course.toml")
    except notebooks.SourceError:
        raise StaffError(f"{folder}: no course.toml in it, nor here or above: it says what counts how much") from None


# ---------------------------------------------------------------------------------------------------- who is who


@dataclass
class One:
    """A student, under all the ids that were met."""

    id: str
    name: str = ""
    at: int | None = None


class Everybody:
    """Ids as they come -> students. Without a roster each id is a student; with one, only who is in it."""

    def __init__(self, roster: Roster | None, problems: list[str], notes: list[str]):
        self.roster, self.problems, self.notes = roster, problems, notes
        self.known: dict[str, One | None] = {}  # student's key -> student
        self.of_line = {p.at: One(p.id, p.name, p.at) for p in roster.people} if roster else {}

    def find(self, id: str, where: str = "") -> One | None:
        """The student of that id; where the roster has none, None, and a problem that says so once."""
        key = student_key(id)
        if key not in self.known:
            if self.roster is None:
                self.known[key] = One(id)
            else:
                person = self.roster.find(id)
                self.known[key] = None if isinstance(person, str) else self.of_line[person.at]
                if isinstance(person, str):
                    self.problems.append(f"{tables.visible(id)}{where} {tables.visible(person)}: no grade")
        one = self.known[key]
        if self.roster is None and one.id != id:
            note = f"{tables.visible(id)} is taken to be {tables.visible(one.id)}"
            self.notes += [note] * (note not in self.notes)
        return one

    def known_as(self, key: str) -> str | None:
        """The id of the student with that key, None where nobody has it."""
        one = self.known.get(key)
        if one is None and self.roster is not None and not isinstance(person := self.roster.find(key), str):
            one = self.of_line[person.at]
        return None if one is None else one.id

    def listed(self) -> list[One]:
        """All of them: as in the roster, else by id."""
        if self.roster is not None:
            return list(self.of_line.values())
        return sorted(self.known.values(), key=lambda one: one.id)


def _translated(course: Course, everybody: Everybody, made: Final) -> Course:
    """The course with its extensions, excuses and groups by the ids of `everybody`; who is nobody is named."""

    def by_student(table, what):
        found = {}
        for (key, assignment), value in table.items():
            id = everybody.known_as(key)
            if id is not None:
                found[student_key(id), assignment] = value
            else:
                made.problems.append(f"[{what}] {tables.visible(key)}: nobody of that id has handed in or is listed")
        return found

    groups = {}
    for place, held in course.groups.items():
        found = {}
        for key, group in held.of.items():
            one = everybody.known.get(key) or everybody.find(held.written[key], f" (of group {group})")
            if one is not None:
                found[student_key(one.id)] = group
        groups[place] = policy.Groups(found)
    return replace(
        course, groups=groups,
        extensions=by_student(course.extensions, "extensions"), excused=by_student(course.excused, "excused"),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- what there is


def _works(assignment: Assignment, folder: Path, by_hand, everybody: Everybody) -> dict[str, Work] | None:
    """Id of a student -> work for this assignment; None where nothing of it was graded yet."""
    if assignment.scores is not None:
        return read_scores(folder / assignment.scores, assignment, everybody)
    entries, given = _entries(folder, assignment.id, by_hand)
    if not entries:
        return None
    newest: dict[str, tuple] = {}
    for student, (ran, when) in ledger.submitted(entries).items():
        one = everybody.find(student, f" handed in {assignment.id}, but")
        rank = (ran, when or datetime.min.replace(tzinfo=UTC), student)
        if one is not None and rank > newest.get(one.id, (False,)):
            newest[one.id] = rank
    return {id: ledger.work_of(entries[rank[2]], given.get(rank[2])) for id, rank in newest.items()}


def _entries(folder: Path, assignment: str, by_hand) -> tuple[dict, dict]:
    """The ledger of an assignment; that of all its notebooks together, where it has several."""
    places = sorted(p for p in (folder / "records").glob(f"{assignment}*/{ledger.NAME}") if _is_of(p, assignment))
    held = [ledger.read(place) for place in places]
    entries: dict[str, dict] = {}
    given: dict[str, dict] = {}
    for book in held:
        for student in sorted({s for other in held for s in other["students"]}):
            kept = book["students"].get(student)
            theirs = by_hand.get((assignment, book["notebook"], student), marks.Given()).points
            given.setdefault(student, {}).update({f"{book['notebook']}/{name}": m for name, m in theirs.items()})
            entries[student] = _together(entries.get(student), kept, book)
    return entries, given


def _is_of(place: Path, assignment: str) -> bool:
    return place.parent.name == assignment or place.parent.name.startswith(assignment + ".")


def _together(before: dict | None, kept: dict | None, book: dict) -> dict:
    """One entry for several notebooks of an assignment; one that was not handed in gives no points."""
    if kept is None:
        kept = {"submitted": None, "file": "", "problem": None, "tried": [0, 1], "flags": [], "faults": []}
        kept["cells"] = {"(not handed in)": [0.0, book["max_score"]]}
    cells = {f"{book['notebook']}/{name}": cell for name, cell in kept["cells"].items()}
    if before is None:
        return kept | {"cells": cells}
    return {
        "submitted": max(filter(None, (before["submitted"], kept["submitted"])), default=None),
        "file": before["file"] or kept["file"],
        "problem": before["problem"] or kept["problem"],
        "tried": [a + b for a, b in zip(before["tried"], kept["tried"], strict=True)],
        "flags": sorted({*before["flags"], *kept["flags"]}),
        "faults": sorted({*before["faults"], *kept["faults"]}),
        "cells": before["cells"] | cells,
    }


def read_scores(path: Path, assignment: Assignment, everybody: Everybody) -> dict[str, Work] | None:
    """Points that were given elsewhere, from a CSV file: a column for the student, and one named score.

    None where the file is not there yet. Raises StaffError with every line that cannot be.
    """
    if not path.is_file():
        return None
    table = tables.read(path)
    heads = [head.casefold() for head in table.head]
    who = next((at for at, head in enumerate(heads) if head in (*lms.IDS, *lms.EMAILS, *lms.NAMES)), None)
    what = next((heads.index(head) for head in (*SCORES, assignment.id) if head in heads), None)
    if who is None or what is None:
        shown = tables.visible(", ".join(table.head))
        raise StaffError(f"{path}:1: columns are {shown}: student and score were awaited")
    found, seen, problems = {}, {}, []
    for line, values in table.rows:
        if not values[who] or not values[what]:
            continue
        one, score = everybody.find(values[who], f" has a score in {path.name}, but"), _score(values[what])
        student, shown = tables.visible(values[who]), tables.visible(values[what])
        if score is None or not 0 <= score <= assignment.points:
            wanted = f"a number from 0 to {assignment.points:g}, the points of {assignment.id} in course.toml"
            problems.append(f"{path}:{line}: the score of {student} is {shown}: write {wanted}")
        elif one is not None and one.id in seen:
            problems.append(f"{path}:{line}: {student} stands on line {seen[one.id]} already")
        elif one is not None:
            seen[one.id] = line
            found[one.id] = Work(share=score / assignment.points)
    if problems:
        raise StaffError("\n".join(problems))
    return found


def _score(text: str) -> float | None:
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        return None


def students_of(folder: Path) -> list[str]:
    """Ids of the students in nbgrader's gradebook."""
    with course_folder.read_only(folder) as connection:
        if connection is None:
            return []
        from nbgrader.api import Student
        from sqlalchemy import select

        return sorted(connection.execute(select(Student.id)).scalars())


# ---------------------------------------------------------------------------------------------------- reckoning


def _shared(theirs: dict[str, Work] | None, groups: policy.Groups) -> dict[str, Work] | None:
    """Student's key -> the work that counts: the student's own, or that of the group."""
    if theirs is None:
        return None
    ranks = {id: (work.share is not None, work.submitted) for id, work in theirs.items()}
    found = {}
    for id, by in points.owners(groups, ranks).items():
        found |= dict.fromkeys(groups.members(id), theirs[by])
    return found


def _line(course: Course, one: One, works: dict, so_far: bool, now: datetime) -> Line:
    marks = {}
    for a in course.assignments.values():
        graded, members = works[a.id] is not None, course.groups_of(a).members(one.id)
        work = works[a.id].get(student_key(one.id)) if graded else None
        excused = policy.excuse_for(course, a, [one.id]) is not None
        marks[a.id] = points.mark_or_state(
            course, a, members, work, excused=excused, graded=graded, now=now, so_far=so_far
        )
    shares = {}
    for kind in (kind for kind in course.weights if course.weights[kind]):
        of_kind = [a for a in course.assignments.values() if a.kind == kind]
        weighted = [(a.weight or a.points, marks[a.id]) for a in of_kind]
        shares[kind] = points.share_of_kind(weighted, course.drop_lowest.get(kind, 0), so_far)
    return Line(one.id, one.name, one.at, marks, shares, points.final_share(course.weights, shares))


def _look_over(made: Final, folder: Path) -> None:
    """Name what was graded and counts for nothing, and what was graded with tests that are not the present ones."""
    for place in sorted((folder / "records").glob(f"*/{ledger.NAME}")):
        label, held = place.parent.name, ledger.read(place)
        older = sum(kept.get("tests") != held.get("tests") for kept in held["students"].values())
        if label.partition(".")[0] not in made.course.assignments:
            made.problems.append(f"{label} was graded, but course.toml does not name it: it counts for nothing")
        elif older:
            text = "run `dlcourse grade` with all hand-ins"
            made.problems.append(f"{label}: {older} graded with an older version of the tests: {text}")


def _say(made: Final, works: dict) -> None:
    """What a person should know before the grades go out."""
    for id, assignment in made.course.assignments.items():
        states = [(line.student, line.marks[id].state) for line in made.lines]
        stuck = [tables.visible(student) for student, state in states if state == "could not run"]
        marking = sum(state == "provisional" for _, state in states)
        made.problems += [f"{student}: {id} could not be run: it gives no points yet" for student in stuck]
        if marking:
            made.notes.append(f"{id}: the work of {marking} is to be marked in nbgrader's Formgrader")
        for student in (student for student, state in states if state == "excused"):
            if student_key(student) in (works[id] or {}):
                shown = tables.visible(student)
                made.notes.append(f"{id}: {shown} is excused and has handed it in: it counts for nothing")
        if any(state == "not graded" for _, state in states):
            wanted = f"put {assignment.scores} into the course folder" if assignment.scores else "run `dlcourse grade`"
            made.notes.append(f"{id}: not graded yet, it is left out: {wanted}")


# ---------------------------------------------------------------------------------------------------- tables


def grades_csv(made: Final) -> str:
    """A row a student: points of each assignment, percent of each kind and of the course, what is missing or open."""
    of = made.course.assignments
    head = ["student", "name", *(f"{id} ({a.points:g})" for id, a in of.items())]
    kinds = list(made.lines[0].shares) if made.lines else []
    head += [*(f"{kind} %" for kind in kinds), "final %", "missing", "provisional", "excused"]
    rows = []
    for line in made.lines:
        percents = [_percent(share) for share in (*line.shares.values(), line.share)]
        rest = ["; ".join(line.having(*states)) for states in (("missing",), OPEN, ("excused",))]
        rows.append([line.student, line.name, *(_points(m) for m in line.marks.values()), *percents, *rest])
    return tables.write(head, rows)


def _points(mark: Mark) -> float | str | None:
    return float(mark.points) if mark.state in points.COUNTED else "excused" if mark.state == "excused" else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def lms_csv(made: Final, platform: str) -> str:
    """A file that `platform` ("canvas" or "moodle") imports. What is not settled yet stays empty in it."""
    of = made.course.assignments
    columns = [Column(id, a.points) for id, a in of.items()] + [Column("Final percent", 100)]
    excused = "EX" if platform == "canvas" else None
    cells = {}
    for line in made.lines:
        row = [float(m.points) if m.state in ("graded", "missing") else None for m in line.marks.values()]
        row = [excused if m.state == "excused" else x for m, x in zip(line.marks.values(), row, strict=True)]
        stands = made.so_far or not line.having(*OPEN)
        cells[line.at] = [*row, _percent(line.share) if stands else None]
    return {"canvas": lms.canvas_csv, "moodle": lms.moodle_csv}[platform](made.roster, columns, cells)


def table(made: Final) -> str:
    """The class at a glance, for a terminal."""
    if not made.lines:
        return "Nobody yet: no work is graded, and no roster names a student."
    kinds = list(made.lines[0].shares)
    rows = [("student", *kinds, "so far" if made.so_far else "final", "")]
    for line in made.lines:
        shares = ["-" if share is None else f"{100 * share:.1f}" for share in (*line.shares.values(), line.share)]
        words = [f"{word}: {', '.join(ids)}" for word, ids in (
            ("missing", line.having("missing")), ("provisional", line.having("provisional", "could not run")),
            ("excused", line.having("excused")),
        ) if ids]  # fmt: skip
        rows.append((tables.visible(line.name or line.student.replace("_", " ")), *shares, "; ".join(words)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [t.ljust(w) if i in (0, last) else t.rjust(w) for i, (t, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "  ".join("-" * w for w in widths[:last]), *lines[1:]])
