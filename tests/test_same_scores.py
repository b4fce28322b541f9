"""Honest work gets the same scores, cell by cell, from plain `nbgrader autograde` and from us."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbgrader
import pytest

from dlcourse.staff import course_folder, grading, notebooks
from dlcourse.staff.sandbox import sandbox_problem
from tests.hand_ins import JOBS, ROOT, lean, parts

COURSE = notebooks.load(ROOT / "course.toml")
HOMEWORK = [id for id in notebooks.assignments(ROOT) if COURSE.assignments[id].kind == "homework"]
DOCUMENTATION = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide"
pytestmark = [
    pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())),
    pytest.mark.slow,
]


def run_nbgrader(course, *words):
    bins = str(Path(sys.executable).parent)  # nbgrader calls alembic by name
    environment = {**os.environ, "PATH": f"{bins}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(program, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def their_scores(course, id, notebook):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {
            s.student.id: {g.name: g.auto_score for n in s.notebooks if n.name == notebook for g in n.grades}
            for s in book.assignment_submissions(id)
        }


def our_scores(outcome):
    return {r["student"]: {k: c["score"] for k, c in r["cells"].items()} for r in outcome.records}


def differences(ours, theirs):
    """(student, cell, our score, theirs) wherever they are not the same."""
    assert set(ours) == set(theirs)
    return [
        (student, cell, ours[student].get(cell), theirs[student].get(cell))
        for student in ours
        for cell in {**ours[student], **theirs[student]}
        if ours[student].get(cell) != theirs[student].get(cell)
    ]


@pytest.mark.parametrize("id", HOMEWORK)
def test_on_the_courses_homeworks(id, tmp_path):
    source, released, right = parts(id)
    tests = [cell.text for cell in source.cells if cell.mark == "test"]
    cases = notebooks.read_answers(source.path.with_name("answers.py"), source)
    solutions = list(dict.fromkeys(name for case in cases for name in case.replaces if name in right))
    books = {"right": right, "blank": {}, "mixed": dict(right)}
    for name in solutions[::2]:
        books["mixed"] |= next(c for c in cases if name in c.replaces and c.loses).replaces
    folder = tmp_path / "course"
    course_folder.init_course(ROOT, folder)
    for student, answers in books.items():
        place = folder / "submitted" / student / id
        place.mkdir(parents=True)
        (place / f"{id}.ipynb").write_text(notebooks.dumps(lean(notebooks.with_answers(released, answers), tests)))
    run_nbgrader(folder, "autograde", id)
    ours = our_scores(grading.grade(id, folder / "submitted", tmp_path / "ours", root=ROOT, jobs=JOBS))
    assert differences(ours, their_scores(folder, id, id)) == []
    assert len({sum(score or 0 for score in cells.values()) for cells in ours.values()}) >= 3  # not all alike


@pytest.mark.parametrize("notebook", ["problem1", "problem2"])
def test_on_the_course_of_nbgraders_documentation(notebook, tmp_path):
    folder = tmp_path / "course"
    folder.mkdir()
    for part in ("source", "submitted"):
        shutil.copytree(DOCUMENTATION / part, folder / part)
    (folder / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'example_course'\nc.ClearSolutions.code_stub = {'python': 'pass'}\n"
    )
    run_nbgrader(folder, "generate_assignment", "ps1", "--create")
    run_nbgrader(folder, "autograde", "ps1", "--create")
    path = folder / "source" / "ps1" / f"{notebook}.ipynb"
    ours = our_scores(grading.grade(path, folder / "submitted", tmp_path / "ours"))
    assert set(ours) == {"bitdiddle", "hacker"}
    assert differences(ours, their_scores(folder, "ps1", notebook)) == []
