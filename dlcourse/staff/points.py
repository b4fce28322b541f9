"""From work as it was graded to what it counts: one assignment, one kind, the final percent. Pure functions.

The rules come from policy.Course. Everything that a student, an LMS or a report is told about points is reckoned here,
so that the page after a homework and the final table cannot differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dlcourse.staff import policy
from dlcourse.staff.policy import FAULTS, Assignment, Course, Groups

COUNTED = ("graded", "provisional", "missing", "could not run")  # states of a Mark that enter the final percent


@dataclass(frozen=True)
class Work:
    """One student's work for an assignment, before any rule."""

    share: float | None  # of the points, by tests and by hand, 0 to 1; None: it could not be run
    open: float = 0.0  # share of the points that a person has still to give
    submitted: datetime | None = None
    tried: float = 0.0  # share of the questions that were tried
    flags: tuple[str, ...] = ()
    remark: bool = False  # a person marked an earlier version of it


@dataclass(frozen=True)
class Deducted:
    what: str  # a flag, such as "misnamed"
    points: float


@dataclass(frozen=True)
class Mark:
    """What an assignment counts for a student."""

    state: str  # of COUNTED, or "excused", "not due", "not graded": these count for nothing
    points: float = 0.0  # by the rules, 0 to `of`
    of: float = 0.0
    open: float = 0.0  # points that may still come, before lateness
    late_days: float = 0.0
    late_factor: float = 1.0
    deductions: tuple[Deducted, ...] = ()
    due: datetime | None = None
    by_completion: bool = False


def mark(course: Course, assignment: Assignment, students: Iterable[str], work: Work) -> Mark:
    """What `work` counts. `students` are the ids of all who made it: the longest extension of a group holds for it.

    First the points: by tests and marking, or, where the kind is graded for completion, all of them if enough
    questions were tried, else the share that was. Then what the form costs, then lateness, never below 0.
    """
    of = assignment.points
    due = policy.due_for(course, assignment, students)
    days = policy.lateness_days(due, work.submitted) if due and work.submitted else 0.0
    factor = policy.late_factor(course.late_rule(assignment), days) if assignment.scores is None else 1.0
    about = {"of": of, "late_days": days, "late_factor": factor, "due": due}
    if work.share is None:
        return Mark("could not run", open=of, **about)
    needed = course.completion.get(assignment.kind) if assignment.scores is None else None
    if needed is not None:
        share, still = (1.0 if work.tried >= needed - 1e-9 else work.tried), 0.0
    else:
        share, still = work.share, work.open
    left = of * min(1.0, max(0.0, share))
    taken = []
    for fault, cost in course.deductions.get(assignment.kind, {}).items():
        if FAULTS[fault] in work.flags:
            points = min(left, cost.points + cost.share * of)
            left -= points
            taken.append(Deducted(FAULTS[fault], points))
    state = "provisional" if still or (work.remark and needed is None) else "graded"
    about["by_completion"] = needed is not None
    return Mark(state, left * factor, open=of * still, deductions=tuple(taken), **about)


def mark_or_state(
    course: Course,
    assignment: Assignment,
    students: Iterable[str],
    work: Work | None,
    *,
    excused: bool,
    graded: bool,
    now: datetime,
    so_far: bool,
) -> Mark:
    """What an assignment counts for a student who may have handed in nothing.

    excused  it counts for nothing, whatever was handed in
    graded   whether anybody's work was graded yet: before that nobody misses anything
    so_far   what is not due yet is left out; else what was not handed in counts 0
    """
    if excused:
        return Mark("excused", of=assignment.points)
    if work is not None:
        return mark(course, assignment, students, work)
    due = policy.due_for(course, assignment, students)
    if so_far and due is not None and now.astimezone(UTC) <= due.astimezone(UTC):
        return Mark("not due", of=assignment.points, due=due)
    if not graded:
        return Mark("not graded", of=assignment.points, due=due)
    return Mark("missing", of=assignment.points, due=due)


# ---- groups


def owners(groups: Groups, submitted: Mapping[str, tuple[bool, datetime | None]]) -> dict[str, str]:
    """Whose work counts for whom: student -> the one who handed it in, for all who have some.

    submitted  student -> (could it be run, when it came)
    Of several hand-ins of one group the newest counts for all of it; one that cannot be run only where none can.
    """
    first: dict[str, str] = {}
    oldest = datetime.min.replace(tzinfo=UTC)

    def rank(student):
        ran, when = submitted[student]
        return ran, when or oldest, student

    for student in sorted(submitted, key=rank):
        group = groups.of.get(policy.student_key(student))
        if group is not None:
            first[group] = student
    found = {student: first.get(groups.of.get(policy.student_key(student)), student) for student in submitted}
    return dict(sorted(found.items()))


# ---- the whole course


def share_of_kind(marks: Iterable[tuple[float, Mark]], drop: int = 0, so_far: bool = False) -> float | None:
    """Share of the points of one kind that were reached, 0 to 1; None where nothing of it counts.

    marks   (weight, mark) of each assignment of the kind
    drop    how many are left out: those without which the share is highest. One always stays
    so_far  points that a person has still to give are left out; else they are 0 for now
    """
    parts = []  # (share reached times weight, weight)
    for weight, one in marks:
        if one.state in COUNTED:
            marked = 1 - one.open / one.of if so_far else 1.0
            parts.append((weight * min(one.points / one.of, marked), weight * marked))
    parts = sorted(part for part in parts if part[1] > 0)
    keep = max(1, len(parts) - drop)
    if not parts:
        return None
    best = sum(reached for reached, _ in parts) / sum(most for _, most in parts)
    while True:  # Dinkelbach: which parts are above `best`, and how high do these come
        chosen = sorted(parts, key=lambda part: part[0] - best * part[1])[-keep:]
        share = sum(reached for reached, _ in chosen) / sum(most for _, most in chosen)
        if share <= best + 1e-12:
            return min(1.0, max(0.0, best))
        best = share


def final_share(weights: Mapping[str, float], shares: Mapping[str, float | None]) -> float | None:
    """The course's share, 0 to 1, from those of its kinds. A kind that has none yet is left out: the others' weights
    are taken to add up to 1. None where no kind counts."""
    counted = [(weights[kind], share) for kind, share in shares.items() if share is not None and weights.get(kind)]
    total = sum(weight for weight, _ in counted)
    return sum(weight * share for weight, share in sorted(counted)) / total if total else None
