"""Right and wrong answers of every assignment, graded as a class is: each gets exactly what answers.py says.

This is what shows that the hidden tests have teeth and that another right way loses nothing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcourse.staff import gradebook, grading, notebooks
from dlcourse.staff.plan import names_of
from dlcourse.staff.sandbox import Limits, sandbox_problem

ROOT = notebooks.find_root()
IDS = notebooks.assignments(ROOT)
pytestmark = [
    pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())),
    pytest.mark.slow,
]


def parts(id):
    source, course = notebooks.load_checked(ROOT, id)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    return source, released, notebooks.reference_answers(source)


def lean(book):
    """The notebook without the cells that its solutions do not need: forty cases need not draw every picture."""
    needed, kept = set(), []
    for cell in reversed(book.cells):
        if cell.cell_type == "code":
            reads, binds, _ = names_of(cell.source)
            mark = cell.metadata.get("nbgrader", {})
            if not mark and not binds & needed:
                continue
            if not mark.get("grade"):
                needed |= reads
        kept.append(cell)
    book.cells = kept[::-1]
    return book


def points_of(source):
    return {c.name: c.points for c in source.cells if c.mark == "test"}


@pytest.fixture(scope="module", params=IDS)
def graded(request, tmp_path_factory):
    """The class of one assignment: the reference, the untouched notebook, and one student for each case."""
    id, folder = request.param, tmp_path_factory.mktemp(request.param)
    source, released, right = parts(id)
    books = {"reference": right, "blank": {}}
    for case in notebooks.read_answers(source.path.with_name("answers.py"), source):
        books[f"case_{case.name}"] = right | case.replaces
    for name, answers in books.items():
        book = notebooks.with_answers(released, answers)
        book = lean(book) if name.startswith("case_") else book
        (folder / f"Ann_{name}_{id}.ipynb").write_text(notebooks.dumps(book))
    outcome = grading.grade(id, folder, folder / "course", root=ROOT, limits=Limits(cell_seconds=60))
    return id, {r["student"].removeprefix("Ann_"): r for r in outcome.records}, outcome


def test_every_case_gets_exactly_its_points(graded):
    id, records, _ = graded
    source = parts(id)[0]
    full = points_of(source)
    wrong = []
    for case in notebooks.read_answers(source.path.with_name("answers.py"), source):
        record = records[f"case_{case.name}"]
        found = {k: record["cells"][k]["score"] for k in full}
        wanted = {k: 0 if k in case.loses else v for k, v in full.items()}
        if found != wanted:
            odd = {k: (found[k], record["cells"][k]["message"]) for k in full if found[k] != wanted[k]}
            wrong.append(f"{case.name}: awaited {wanted}, got {odd}")
    assert not wrong, "\n".join(wrong)


def test_the_reference_gets_all_automatic_points_and_blank_none(graded):
    id, records, outcome = graded
    full = points_of(parts(id)[0])
    assert outcome.notes == []
    assert {k: records["reference"]["cells"][k]["score"] for k in full} == full
    assert records["blank"]["score"] == 0
    assert {c["status"] for c in records["blank"]["cells"].values()} == {"unanswered"}
    assert not any(r["flags"] for r in records.values()), {k: r["flags"] for k, r in records.items() if r["flags"]}


def test_no_test_of_ours_is_weak(graded):
    assert not [i.name for i in graded[2].plan.tests if i.weak]


def test_the_feedback_page_shows_the_students_pictures(graded):
    _, records, outcome = graded
    text = gradebook.feedback_path(outcome, records["reference"]["student"]).read_text()
    assert text.count("data:image/png;base64,") >= 2


def test_nbgraders_own_autograde_gives_honest_work_of_homework_1_the_same_scores(tmp_path):
    from dlcourse.staff import course_folder

    id = "hw1_mlp"
    source, released, right = parts(id)
    cases = notebooks.read_answers(source.path.with_name("answers.py"), source)
    course = tmp_path / "course"
    course_folder.init_course(ROOT, course)
    solutions = list(dict.fromkeys(name for c in cases for name in c.replaces if name in right))
    wrong = [next(c for c in cases if name in c.replaces and c.loses) for name in solutions]
    books = {"right": right, "blank": {}, **{f"s{i}": right | c.replaces for i, c in enumerate(wrong)}}
    for student, answers in books.items():
        place = course / "submitted" / student / id
        place.mkdir(parents=True)
        (place / f"{id}.ipynb").write_text(notebooks.dumps(notebooks.with_answers(released, answers)))
    bins = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    environment = {**os.environ, "PATH": f"{bins}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "nbgrader", "autograde", id]
    done = subprocess.run(program, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    theirs = auto_scores(course, id)
    outcome = grading.grade(id, course / "submitted", tmp_path / "ours", root=ROOT)
    ours = {r["student"]: {k: c["score"] for k, c in r["cells"].items()} for r in outcome.records}
    assert json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)


def auto_scores(course, id):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            s.student.id: {g.name: g.auto_score for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions(id)
        }
