"""The table of a competition: what hidden tests have measured, entry by entry, with ranks that only count what is sure.

A test notes its measurement with `checks.measured`; the ledger of `dlcourse grade` keeps that of each hand-in that
counts, so a newer one replaces the older. What an entry says of itself is shown as text and never ranked by.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dlcourse.staff import StaffError, final, ledger, pages, points, policy, tables
from dlcourse.staff.notebooks import write

SHOWN = ("optimizer", "lr", "schedule", "epochs", "batch_size", "network", "width")  # of a recipe, as columns


@dataclass
class Row:
    student: str
    right: int
    of: int
    interval: tuple[float, float]  # in which the true share lies
    told: dict
    submitted: str | None = None
    rank: int = 0
    tied: bool = False  # somebody else has this rank
    again: dict = field(default_factory=dict)  # with `retrain`: what came of the recipe

    @property
    def share(self) -> float:
        return self.right / self.of

    @property
    def alias(self) -> str:
        return pages.clean(self.told.get("alias") or "nameless")[:30]

    def setting(self, name: str) -> str:
        recipe = self.told.get("recipe")
        value = recipe.get(name) if isinstance(recipe, dict) else None
        return "–" if value is None else f"{value:g}" if isinstance(value, float) else pages.clean(value)[:20]


def ranked(rows: list[Row]) -> list[Row]:
    """Best first. The rank is one more than the number of entries that are surely better, whose interval lies above."""
    for row in rows:
        row.rank = 1 + sum(other.interval[0] > row.interval[1] for other in rows)
    for row in rows:
        row.tied = sum(other.rank == row.rank for other in rows) > 1
    return sorted(rows, key=lambda row: (row.rank, -row.share, row.student))


def entries(folder, assignment: str) -> list[Row]:
    """The entries of an assignment that count, ranked: of a group the newest, of a student the one graded last.

    Raises StaffError where the course folder or an entry is missing.
    """
    folder = Path(folder)
    place = folder / "records" / assignment / ledger.NAME
    if not place.is_file():
        raise StaffError(
            f"{folder}: no hand-in of {assignment} was graded there: run `dlcourse grade {assignment}` first"
        )
    kept = ledger.read(place)["students"]
    course = policy.with_students(final.load_course(folder), folder)
    known = course.assignments.get(assignment)
    groups = course.groups_of(known) if known is not None else policy.Groups()
    counting = set(points.owners(groups, ledger.submitted(kept)).values())
    rows = []
    for student in sorted(counting):
        for found in list(kept[student].get("measured", {}).values())[:1]:
            interval = tuple(found["interval"])
            rows.append(Row(student, found["right"], found["of"], interval, found["told"], kept[student]["submitted"]))
    if not rows:
        raise StaffError(f"{assignment}: no hand-in has been measured: its hidden tests call checks.measured")
    return ranked(rows)


def retrain(rows: list[Row], most: int) -> None:
    """Train the recipes of the first `most` entries again, with the course's own code and data, one after the other.

    Whether a recipe leads to its checkpoint, `tuning.train_again` says, in a process of its own.
    """
    for row in rows[:most]:
        valid = row.told.get("valid") or []
        words = [json.dumps(word) for word in (row.told.get("recipe"), *valid)]
        done = subprocess.run([sys.executable, "-m", "dlcourse.tuning", *words], capture_output=True, text=True)
        try:
            row.again = json.loads(done.stdout)
        except ValueError:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            row.again = {"agrees": False, "problem": pages.clean(said)[:200]}


def said_again(row: Row) -> str:
    """In words: what training the recipe again has shown."""
    if not row.again:
        return ""
    if "problem" in row.again:
        return f"its recipe could not be trained again: {row.again['problem']}"
    was, now = row.told["valid"][0] / row.told["valid"][1], row.again["right"] / row.again["of"]
    told = "agrees" if row.again["agrees"] else "does NOT agree: ask how this checkpoint was made"
    return f"checkpoint {was:.3f}, recipe trained again {now:.3f} on the open validation images: {told}"


def table(rows: list[Row]) -> str:
    lines = [f"{'rank':>5}  {'alias':<30}  accuracy  95 % interval    student"]
    for row in rows:
        low, high = row.interval
        rank = f"{row.rank}{'=' if row.tied else ''}"
        alias = tables.visible(row.alias)
        lines.append(
            f"{rank:>5}  {alias:<30}  {row.share:8.3f}  {low:.3f} to {high:.3f}   {tables.visible(row.student)}"
        )
        if row.again:
            lines.append(f"{'':>5}  {said_again(row)}")
    return "\n".join(lines)


def as_csv(rows: list[Row]) -> str:
    """For the instructor: with the students' ids."""
    head = [
        "rank",
        "tied",
        "alias",
        "student",
        "accuracy",
        "low",
        "high",
        "right",
        "of",
        *SHOWN,
        "work",
        "submitted",
        "again",
    ]
    lines = []
    for row in rows:
        numbers = [f"{x:.4f}" for x in (row.share, *row.interval)]
        settings = [row.setting(name) for name in SHOWN]
        line = [row.rank, "yes" if row.tied else "", row.alias, row.student, *numbers, row.right, row.of, *settings]
        lines.append([*line, row.told.get("work", ""), row.submitted or "", said_again(row)])
    return tables.write(head, lines)


def publish(folder, assignment: str, rows: list[Row]) -> tuple[Path, Path]:
    """Write the page for the class, which holds aliases only, and the CSV file for the instructor."""
    reports = Path(folder) / "reports"
    reports.mkdir(exist_ok=True)
    page, sheet = reports / f"{assignment}_leaderboard.html", reports / f"{assignment}_leaderboard.csv"
    write(page, pages.leaderboard_page(assignment, rows, SHOWN))
    write(sheet, as_csv(rows))
    return page, sheet
