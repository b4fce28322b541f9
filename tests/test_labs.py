"""What must hold for every assignment: its source is right, and the notebook beside it is fresh and clean."""

from pathlib import Path

import nbformat
import pytest

from dlcourse.staff import notebooks, policy

ROOT = Path(__file__).parents[1]
COURSE = policy.load(ROOT / "course.toml")
IDS = notebooks.assignments(ROOT)


def test_every_assignment_of_course_toml_has_a_source():
    with_notebook = [a.id for a in COURSE.assignments.values() if a.scores is None]
    assert sorted(IDS) == sorted(with_notebook)


@pytest.mark.parametrize("id", IDS)
def test_the_source_has_no_problems(id):
    problems = notebooks.check(notebooks.read_source(notebooks.source_path(ROOT, id)), COURSE)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("id", IDS)
def test_the_built_notebook_is_fresh(id):
    notebooks.build(ROOT, id, check_only=True)


@pytest.mark.parametrize("id", IDS)
def test_the_notebook_is_valid_and_clean(id):
    nb = nbformat.read(notebooks.source_path(ROOT, id).with_suffix(".ipynb"), 4)
    nbformat.validate(nb)
    ids = [cell.id for cell in nb.cells]
    assert len(set(ids)) == len(ids)
    for cell in nb.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        assert "BEGIN SOLUTION" not in cell.source
        assert "BEGIN HIDDEN TESTS" not in cell.source
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in nb.cells)
    assert points == pytest.approx(COURSE.assignments[id].points)


@pytest.mark.parametrize("id", IDS)
def test_every_question_has_wrong_answers_that_lose_points_and_a_right_one_that_loses_none(id):
    path = notebooks.source_path(ROOT, id)
    source = notebooks.read_source(path)
    tests = {cell.name for cell in source.cells if cell.mark == "test"}
    solutions = {cell.name for cell in source.cells if cell.mark == "solution"}
    cases = notebooks.read_answers(path.with_name("answers.py"))
    lost = set().union(*(case.loses for case in cases))
    assert lost == tests, f"no wrong answer in answers.py loses {', '.join(sorted(tests - lost))}"
    for solution in solutions:
        about = [case for case in cases if solution in case.replaces]
        assert sum(bool(case.loses) for case in about) >= 3, f"{solution}: three wrong answers"
        assert any(not case.loses for case in about), f"{solution}: a right answer written in another way"
