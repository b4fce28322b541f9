"""Who has handed in what, and how it was graded: one file an assignment, kept by `grade`, read by `grades`.

A run of `grade` may see a part of the class only (a second zip, `--student`). The ledger keeps the others. It holds
what rules can ask of a hand-in, before any rule: rules are applied when it is read, so that an extension that is
granted later needs no second run. It is made from records; a run of `grade` makes it again.
"""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from dlcourse.staff import StaffError, format_rules, points, policy
from dlcourse.staff.notebooks import write
from dlcourse.staff.points import Work

NAME = ".ledger.json"
OURS = ("late", "no name", "other name", "text in code", "excused", "by a partner", "two in the group")  # set here


def read(path: Path) -> dict:
    """{"assignment", "notebook", "max_score", "students": {id: entry}, "said": {id: digest}}; empty where none is."""
    try:
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {"students": {}, "said": {}}
    except (OSError, ValueError) as error:
        raise StaffError(f"{path}: cannot be read ({error}): delete it and run `dlcourse grade` again") from None
    return held


def settle(
    path: Path, own: list[dict], plan, course, notebook: str, given: dict | None = None, fresh: frozenset = frozenset()
) -> tuple[list[dict], set[str]]:
    """Enter the records of one run, and apply marks by hand and the rules to them: the records of all whom they
    concern, and the students for whom something else holds than was said before.

    own     a record for each student who handed in
    course  policy.Course with its students, None where there are no rules
    given   student -> marks.Given: what persons gave in formgrader
    fresh   students whose work is new in this run: what was given before it is to be looked at again
    """
    held = read(path)
    for record in own:
        read_form(record, plan)
        held["students"][record["student"]] = entry(record) | {"tests": plan.digest}
    assignment = course.assignments.get(plan.assignment) if course is not None else None
    groups = course.groups_of(assignment) if assignment is not None else policy.Groups()
    records = _with_partners(own, held["students"], groups)
    for record in records:
        by = record["handed_in_by"] or record["student"]
        mark(record, (given or {}).get(by), by in fresh)
        apply(record, course, assignment, groups)
    said = {record["student"]: _said(record) for record in records}
    changed = {student for student in said if held["said"].get(student) != said[student]}
    held |= {"assignment": plan.assignment, "notebook": notebook, "max_score": plan.max_score, "tests": plan.digest}
    held["said"] |= said
    write(path, json.dumps(held, ensure_ascii=True))
    return records, changed


def read_form(record: dict, plan) -> None:
    """What the text of a hand-in says beside its answers. A written answer in the wrong place is still read."""
    record["flags"] = [flag for flag in record["flags"] if flag not in OURS]
    record["faults"], record["tried"] = [], [0, 0]
    if record["problem"] is None:
        record["faults"] = format_rules.flags(plan.cells, record["shown"])
        if plan.asks_who and format_rules.other_name(record["student"], record["shown"]):
            record["flags"].append("other name")
        record["tried"] = list(format_rules.tried(plan.cells, record["shown"]))
        for name in format_rules.answers_in_code(plan.cells, record["shown"]):
            record["cells"][name] |= {"score": None, "status": "needs marking", "message": ""}
            record["state"] = "needs marking"


def mark(record: dict, given, fresh: bool = False) -> None:
    """Lay what a person gave over a record: points count in place of those by tests, which stay as `auto_score`."""
    record["comments"] = dict(given.comments) if given is not None and record["problem"] is None else {}
    if given is None or record["problem"] is not None:
        return
    cells = dict(record["cells"])  # those of a group share them
    again = False
    for name, (points_by_hand, extra, look_again) in given.points.items():
        cell = cells.get(name)
        if cell is None:
            continue
        auto = cell["score"]
        counted = auto if points_by_hand is None else points_by_hand
        made = {"auto_score": auto, "score": counted if counted is None else counted + extra}
        if points_by_hand is not None:
            made["again"] = bool(look_again or fresh)
            again |= made["again"]
            if cell["status"] in ("needs marking", "unanswered"):
                made["status"] = "marked"
        cells[name] = cell | made
    waiting = again or any(cell["score"] is None for cell in cells.values())
    record["cells"], record["state"] = cells, "needs marking" if waiting else "graded"
    record["score"] = round(sum(cell["score"] or 0 for cell in cells.values()), 6)


def entry(record: dict) -> dict:
    """What the ledger keeps of a record."""
    kept = {key: record[key] for key in ("submitted", "file", "problem", "tried", "faults")}
    kept["cells"] = {name: [cell["score"], cell["max_score"]] for name, cell in record["cells"].items()}
    for cell in record["cells"].values():
        if "measured" in cell:
            kept.setdefault("measured", {}).update(cell["measured"])
    return kept | {"flags": list(record["flags"])}


def work_of(kept: dict, given: dict | None = None) -> Work:
    """An entry as points.py takes it.

    given  cell -> (points by hand or None, extra credit, whether it is to be looked at again): from formgrader
    """
    given = given or {}
    reached = still = most = 0.0
    again = False
    for name, (score, of) in kept["cells"].items():
        by_hand, extra, new = given.get(name, (None, 0.0, False))
        score = score if by_hand is None else by_hand
        still += of if score is None else 0
        reached += (score or 0) + extra
        again |= new and by_hand is not None
        most += of
    tried, questions = kept["tried"]
    return Work(
        share=None if kept["problem"] else reached / most if most else 0.0,
        open=still / most if most else 0.0,
        submitted=datetime.fromisoformat(kept["submitted"]) if kept["submitted"] else None,
        tried=tried / questions if questions else 1.0,
        flags=(*kept["flags"], *kept["faults"]),
        remark=again,
    )


# ---- groups


def submitted(entries: dict) -> dict:
    """Entries as points.owners takes them."""
    when = {s: datetime.fromisoformat(e["submitted"]) if e["submitted"] else None for s, e in entries.items()}
    return {student: (kept["problem"] is None, when[student]) for student, kept in entries.items()}


def _with_partners(own: list[dict], entries: dict, groups) -> list[dict]:
    """A record for every member of a group: that of the newest hand-in among them."""
    by_student = {record["student"]: record for record in own}
    names = {policy.student_key(student): student for student in entries}
    owner = points.owners(groups, submitted(entries))
    for by in set(owner.values()):
        partners = (key for key in groups.members(by) if key not in names)
        owner |= {groups.written[key]: by for key in partners}
    found = {}
    for student, by in owner.items():
        if by not in by_student:  # not of this run: what was said before still holds
            continue
        several = sum(member in names for member in groups.members(student)) > 1
        flags = ["by a partner"] * (student != by) + ["two in the group"] * several
        made = {"student": student, "handed_in_by": None if student == by else by}
        found[student] = by_student[by] | made | {"flags": [*by_student[by]["flags"], *flags]}
    return [found[student] for student in sorted(found)]


# ---- rules


def apply(record: dict, course, assignment, groups) -> None:
    """Add to a record what the rules make of it: `late_days`, `late_factor`, `deductions`, `final_score`, `due`."""
    record |= {"late_days": 0.0, "late_factor": 1.0, "deductions": [], "due": None, "completion": None}
    record["final_score"] = record["score"]
    if assignment is None:
        return
    one = points.mark(course, assignment, groups.members(record["student"]), work_of(entry(record)))
    scale = record["max_score"] / assignment.points  # they differ where course.toml gives it other points
    record |= {"late_days": round(one.late_days, 3), "late_factor": one.late_factor}
    record["due"] = one.due.isoformat() if one.due else None
    record["deductions"] = [
        asdict(d) | {"points": round(d.points * scale, 6), "why": format_rules.WORDS[d.what]} for d in one.deductions
    ]
    if record["score"] is not None:
        record["final_score"] = round(one.points * scale, 6)
    if one.by_completion:
        tried, questions = record["tried"]
        record["completion"] = {"tried": tried, "of": questions, "needed": course.completion[assignment.kind]}
    # a fault for which no rule takes anything is none
    record["flags"] += [d.what for d in one.deductions if d.what not in record["flags"]]
    record["flags"] += ["late"] * (one.late_factor < 1)
    record["flags"] += ["excused"] * (policy.excuse_for(course, assignment, [record["student"]]) is not None)


def _said(record: dict) -> str:
    keys = ("late_days", "late_factor", "deductions", "final_score", "due", "completion", "flags", "handed_in_by")
    by_hand = {name: cell for name, cell in record["cells"].items() if "auto_score" in cell}
    said = [*(record[key] for key in keys), record["comments"], by_hand]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
