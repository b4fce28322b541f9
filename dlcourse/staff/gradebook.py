"""Records -> everything that is made from them: nbgrader's gradebook, autograded notebooks, pages, CSV.

All of it can be thrown away and made again from the records. nbgrader's own tools (formgrader, feedback, export) work
on the folder; what a person marks in formgrader is never overwritten.
"""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

from dlcourse.staff import StaffError, course_folder, notebooks, tables


def publish(outcome) -> None:
    """Write the gradebook, autograded notebooks, feedback pages, the report and the CSV of one assignment."""
    from dlcourse.staff import pages

    title = _title(outcome)
    _ensure_folder(outcome)
    _fill(outcome)
    for record in outcome.records:
        student = record["student"]
        if student not in outcome.fresh | outcome.changed and feedback_path(outcome, student).exists():
            continue
        try:
            record = outcome.with_outputs(record)
            if record["problem"] is None and not record["handed_in_by"]:
                text = notebooks.dumps(autograded_notebook(outcome, record))
                _write_if_changed(_autograded_path(outcome, student), text)
            page = pages.feedback_page(record, outcome.plan, title, _zone(outcome))
            _write_if_changed(feedback_path(outcome, student), page)
        except (StaffError, OSError):
            raise  # no room, no permission: nothing of what follows could be written either
        except Exception as err:  # one student's odd notebook must not keep the others from their feedback
            outcome.notes.append(f"{student}: no feedback page could be made ({type(err).__name__}: {err})"[:300])
    _write_if_changed(report_path(outcome), pages.report_page(outcome))
    _write_if_changed(csv_path(outcome), scores_csv(outcome))
    _write_if_changed(outcome.folder / "reports" / f"{outcome.assignment.label}.json", as_json(outcome))


def report_path(outcome) -> Path:
    return outcome.folder / "reports" / f"{outcome.assignment.label}.html"


def csv_path(outcome) -> Path:
    return outcome.folder / "reports" / f"{outcome.assignment.label}.csv"


def feedback_path(outcome, student: str) -> Path:
    """Where nbgrader's release_feedback looks for it."""
    a = outcome.assignment
    return outcome.folder / "feedback" / student / a.id / f"{a.notebook}.html"


def _autograded_path(outcome, student: str) -> Path:
    a = outcome.assignment
    return outcome.folder / "autograded" / student / a.id / f"{a.notebook}.ipynb"


def _title(outcome) -> str:
    for cell in outcome.plan.cells:
        for line in cell.source.splitlines():
            if not cell.is_code and line.startswith("# "):
                return line[2:].strip()
    return outcome.assignment.id


def _zone(outcome):
    """In which a student reads times; None: as they are kept, in UTC."""
    course = outcome.assignment.course
    return course.timezone if course is not None else None


def _write_if_changed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8", "replace")
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass
    notebooks.write(path, data.decode("utf-8"))


# ---------------------------------------------------------------------------------------------------- nbgrader


def _ensure_folder(outcome) -> None:
    """Make the course folder, and the assignment in it, where there is none yet; what is there is kept."""
    a, folder, name = outcome.assignment, outcome.folder.resolve(), _course_name(outcome)
    due = a.course.assignments[a.id].due if a.course is not None and a.id in a.course.assignments else None
    source = notebooks.source_path(a.root, a.id) if a.root is not None else None
    course_folder.ensure(folder, name)
    course_folder.put(folder, name, a.id, a.notebook, a.instructor, due, source)


def _course_name(outcome) -> str:
    return outcome.assignment.course.name if outcome.assignment.course is not None else outcome.folder.resolve().name


def _naive(when: datetime) -> datetime:
    """nbgrader keeps UTC without an offset."""
    return when.astimezone(UTC).replace(tzinfo=None)


def _fill(outcome) -> None:
    """Scores into nbgrader's tables, through its own model."""
    from nbgrader.api import MissingEntry

    a, folder = outcome.assignment, outcome.folder.resolve()
    with course_folder.gradebook(folder, _course_name(outcome)) as book:
        for record in outcome.records:
            if record["problem"] is not None or record["handed_in_by"]:  # a group's work is marked once
                continue
            student = record["student"]
            try:
                book.find_student(student)
            except MissingEntry:
                first, _, last = student.replace("_", " ").partition(" ")
                book.add_student(student, first_name=first, last_name=last or None)
            when = _naive(datetime.fromisoformat(record["submitted"])) if record["submitted"] else None
            submission = book.update_or_create_submission(a.id, student, timestamp=when)
            for held in submission.notebooks:
                if held.name == a.notebook:
                    held.late_submission_penalty = _penalty(record)
                    _fill_cells(held, record, outcome)
            book.db.commit()


def _penalty(record) -> float | None:
    taken = round(record["score"] - record["final_score"], 6)
    return taken if taken > 0 else None  # nbgrader knows no bonus


def _fill_cells(held, record, outcome) -> None:
    fresh = record["student"] in outcome.fresh
    answers = {c["name"]: c["source"] for c in record["shown"]}
    for grade in held.grades:
        cell = record["cells"].get(grade.name)
        if cell is None:
            continue
        auto = cell.get("auto_score", cell["score"])
        if grade.auto_score != auto:
            grade.auto_score = auto
        if grade.manual_score is not None:
            grade.needs_manual_grade = bool(grade.needs_manual_grade or fresh)  # new work: a person looks again
        else:
            grade.needs_manual_grade = auto is None
    released = {c.name: c.released for c in outcome.plan.cells}
    for comment in held.comments:
        given = answers.get(comment.name)
        same = given is None or given.strip() == released.get(comment.name, "").strip()
        comment.auto_comment = "No response." if same else None


def autograded_notebook(outcome, record):
    """The notebook as it ran, in nbgrader's format: our locked cells, the student's answers, what each test said."""
    import copy

    import nbformat

    plan, book = outcome.plan, copy.deepcopy(outcome.assignment.released)
    theirs = {c["name"]: c for c in record["shown"] if c["name"]}
    instructor = {c.name: c for c in plan.cells}
    cells, extra_before = [], _extra_cells(record)
    for cell, source in zip(book.cells, plan.cells, strict=True):
        cells += extra_before.pop(source.name, [])
        given = theirs.get(source.name)
        if given is not None and source.kind not in ("test", "locked"):
            cell.source = given["source"]
        if source.kind == "test":
            cell.source = instructor[source.name].source
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(o) for o in _valid(given["outputs"] if given else [])]
            if source.kind == "test":
                cell.outputs = _verdict_outputs(record["cells"][source.name])
        cells.append(cell)
    cells += extra_before.pop(None, [])
    book.cells = cells
    return book


def _extra_cells(record) -> dict:
    """The student's own cells, by the name of the given-out cell that they stand before (None: at the end)."""
    import hashlib

    import nbformat

    found, waiting = {}, []
    for number, shown in enumerate(record["shown"]):
        if shown["name"] is None:
            make = nbformat.v4.new_code_cell if shown["code"] else nbformat.v4.new_markdown_cell
            cell = make(shown["source"], id="own-" + hashlib.sha1(f"{number}".encode()).hexdigest()[:8])
            if shown["code"]:
                cell.outputs = [nbformat.from_dict(o) for o in _valid(shown["outputs"])]
            waiting.append(cell)
        elif waiting:
            found.setdefault(shown["name"], []).extend(waiting)
            waiting = []
    if waiting:
        found[None] = waiting
    return found


def _valid(outputs: list) -> list:
    """Only outputs of the shape that nbformat knows: they were written by the student's process."""
    kept = []
    for out in outputs:
        if not isinstance(out, dict):
            continue
        kind = out.get("output_type")
        if kind == "stream" and isinstance(out.get("text"), str) and out.get("name") in ("stdout", "stderr"):
            kept.append({"output_type": kind, "name": out["name"], "text": out["text"]})
        elif kind in ("display_data", "execute_result") and isinstance(out.get("data"), dict):
            data = {k: v for k, v in out["data"].items() if isinstance(k, str) and isinstance(v, str)}
            made = {"output_type": kind, "data": data, "metadata": {}}
            if kind == "execute_result":
                number = out.get("execution_count")
                made["execution_count"] = number if isinstance(number, int) else None
            kept.append(made)
        elif kind == "error" and all(isinstance(out.get(k), str) for k in ("ename", "evalue")):
            trace = out.get("traceback")
            trace = [t for t in trace if isinstance(t, str)] if isinstance(trace, list) else []
            kept.append({"output_type": kind, "ename": out["ename"], "evalue": out["evalue"], "traceback": trace})
    return kept


def _verdict_outputs(cell: dict) -> list:
    import nbformat

    if cell["status"] == "passed":
        return []
    if cell["status"] == "partial":
        return [nbformat.v4.new_output("execute_result", {"text/plain": f"{cell['score']:g}"}, execution_count=None)]
    return [nbformat.v4.new_output("error", ename=cell["status"], evalue=cell["message"], traceback=[cell["message"]])]


# ---------------------------------------------------------------------------------------------------- tables


def scores_csv(outcome) -> str:
    """A row a student: id, score of each cell, totals, lateness, flags. Text cannot start a spreadsheet formula."""
    names = [c.name for c in outcome.plan.cells if c.points is not None]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    head = ["student", "state", "score", "max_score", "late_days", "late_factor", "deductions", "final_score"]
    table.writerow([*head, *names, "flags", "handed_in_by", "file"])
    for r in outcome.records:
        cells = [r["cells"][n]["score"] for n in names]
        row = [r["student"], r["state"], r["score"], r["max_score"], r["late_days"], r["late_factor"]]
        taken = "; ".join(f"{d['what']} {d['points']:g}" for d in r["deductions"])
        row += [taken, r["final_score"], *cells, "; ".join(r["flags"]), r["handed_in_by"], r["file"]]
        table.writerow([_plain(x) for x in row])
    return out.getvalue()


def _plain(value):
    if isinstance(value, str):
        return tables.plain(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else value


def as_json(outcome) -> str:
    """What `--json` writes: a list with one object a submission, one a line."""
    keys = ("student", "assignment", "score", "max_score", "cells", "flags", "seconds")
    more = ("state", "problem", "file", "submitted", "due", "late_days", "late_factor", "deductions", "final_score")
    more += ("completion", "handed_in_by", "comments")
    alike: dict[str, list] = {}
    for pair in outcome.alike:
        for one, other in (pair.students, pair.students[::-1]):
            found = {"student": other, "share": pair.share, "bits": pair.bits, "cells": list(pair.places)}
            alike.setdefault(one, []).append(found)
    rows = [
        json.dumps({k: r[k] for k in (*keys, *more)} | {"similar": alike.get(r["student"], [])}, ensure_ascii=True)
        for r in outcome.records
    ]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def table(outcome) -> str:
    """The class at a glance, for a terminal: student, score, lateness, flags, seconds."""
    rows = [("student", "score", "", "late", "flags", "seconds")]
    for r in outcome.records:
        if r["score"] is None:
            score, bar = "-", "could not run"
        else:
            score, bar = f"{r['final_score']:.4g} of {r['max_score']:g}", _bar(r["final_score"], r["max_score"])
        late = f"{r['late_days']:.1f} d, x{r['late_factor']:.2g}" if r["late_factor"] < 1 else ""
        flags = ", ".join(f for f in r["flags"] if f != "late")
        seconds = f"{r['seconds']:.1f}" if r["student"] in outcome.fresh else "as before"
        rows.append((r["student"].replace("_", " "), score, bar, late, flags, seconds))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = []
    for number, row in enumerate(rows):
        cells = [t.rjust(w) if i in (1, 5) else t.ljust(w) for i, (t, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
        if not number:
            lines.append("  ".join("-" * w for w in widths))
    for place in outcome.unplaced:
        lines.append(f"not placed: {place.file}: {place.reason}")
    return "\n".join(lines)


def _bar(score: float, of: float, width: int = 20) -> str:
    filled = round(width * score / of) if of else 0
    return "█" * filled + "·" * (width - filled)


def summary(outcome) -> str:
    """What was done and where it lies, for a terminal."""
    from dlcourse.staff.notebooks import shown

    fresh, kept = len(outcome.fresh), len(outcome.records) - len(outcome.fresh)
    ran = sum(r["problem"] is None for r in outcome.records if r["student"] in outcome.fresh)
    marking = sum(r["state"] == "needs marking" and not r["handed_in_by"] for r in outcome.records)
    lines = [f"{ran} graded by their tests" if fresh else "Nothing to grade: every hand-in has its record already."]
    if fresh > ran:
        lines[0] += f", {fresh - ran} could not be run"
    if fresh and kept:
        lines[0] += f", {kept} unchanged"
    if marking:
        lines.append(f"{marking} of them have written answers to mark: open nbgrader's Formgrader in the course folder")
    if outcome.alike:
        pairs = "1 pair of students has" if len(outcome.alike) == 1 else f"{len(outcome.alike)} pairs of students have"
        lines.append(f"{pairs} similar code: read both in the report before you ask")
    if outcome.trusted:
        lines.append("graded with --trust: no sandbox was used")
    lines += [f"for you: {note}" for note in outcome.notes]
    places = [
        ("report", report_path(outcome)),
        ("feedback", outcome.folder / "feedback" / "STUDENT" / outcome.assignment.id),
        ("gradebook", outcome.folder / "gradebook.db"),
        ("scores", csv_path(outcome)),
    ]
    return "\n".join([*lines, *(f"{name:<10}{shown(path)}" for name, path in places)])
