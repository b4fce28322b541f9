"""Right and wrong answers of every assignment, graded as a class is: each gets exactly what answers.py says.

This is what shows that the hidden tests have teeth and that another right way loses nothing.
"""

import pytest

from dlcourse.staff import gradebook, grading, notebooks
from dlcourse.staff.plan import names_of
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.hand_ins import JOBS, ROOT, lean, lean_source, parts

IDS = notebooks.assignments(ROOT)
WITH_PICTURES = ("lab01_line", "hw1_mlp")
WHOLE = (*WITH_PICTURES, "lab04_data", "lab10_speed")  # figures, workers, files: run whole in the sandbox, too
pytestmark = [
    pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())),
    pytest.mark.slow,
]


def reached(source, cases) -> dict[str, set[str]]:
    """Test -> the solutions that can change what it says: those whose names it reads, and those that they read."""
    texts = {c.name: [c.text] for c in source.cells if c.mark == "solution"}
    for name, text in (pair for case in cases for pair in case.replaces.items()):
        texts.setdefault(name, []).append(text)
    facts = []  # of each code cell but tests: the solution's name, names read, names bound
    for cell in source.cells:
        if cell.kind == "code" and cell.mark != "test":
            found = [names_of(text) for text in texts.get(cell.name, [cell.text])]
            reads, binds = (set().union(*(f[i] for f in found)) for i in (0, 1))
            facts.append((cell.name if cell.mark == "solution" else None, reads, binds | {cell.name}))
    found = {}
    for test in (c for c in source.cells if c.mark == "test"):
        reads, left = names_of(test.text)[0], list(facts)
        while more := [fact for fact in left if fact[2] & reads]:
            left = [fact for fact in left if fact not in more]
            reads = reads.union(*(fact[1] for fact in more))
        found[test.name] = {name for name, _, _ in facts if name} - {name for name, _, _ in left}
    return found


def together(source, cases) -> list[list[tuple]]:
    """Cases in bundles, each of (case, tests that it can touch): a hand-in of several says of each what its own would say.

    What none of a bundle's cases can touch is left blank in its hand-in.
    """
    by_test, bundles = reached(source, cases), []
    for case in cases:
        touched = case.loses | {test for test, names in by_test.items() if names & set(case.replaces)}
        free = (b for b in bundles if not any(touched & t or set(case.replaces) & set(c.replaces) for c, t in b))
        bundle = next(free, None)
        if bundle is None:
            bundles.append(bundle := [])
        bundle.append((case, touched))
    return bundles


def points_of(source):
    return {c.name: c.points for c in source.cells if c.mark == "test"}


@pytest.fixture(scope="module", params=IDS)
def graded(request, tmp_path_factory):
    """The class of one assignment: the untouched notebook, and the cases, several in one hand-in.

    Grading begins with the instructor's own solution, and notes each test that it does not pass: it needs no hand-in.
    test_jupyterlab.py runs each whole; here most are graded against their tests, and what these need, only.
    """
    id, folder = request.param, tmp_path_factory.mktemp(request.param)
    source, released, right = parts(id)
    graded_as = id if id in WHOLE else lean_source(id, folder / "source" / id)
    books = {"blank": {}} | ({"reference": right} if id in WITH_PICTURES else {})
    cases = notebooks.read_answers(source.path.with_name("answers.py"), source)
    by_test, bundles = reached(source, cases), together(source, cases)
    for number, bundle in enumerate(bundles):
        needed = set().union(*(by_test[test] for _, touched in bundle for test in touched))
        replaced = {k: v for case, _ in bundle for k, v in case.replaces.items()}
        books[f"cases{number}"] = {k: v for k, v in right.items() if k in needed} | replaced  # the others stay blank
    (folder / "in").mkdir()
    for name, answers in books.items():
        book = notebooks.with_answers(released, answers)
        if name.startswith("cases"):
            book = lean(book)
        (folder / "in" / f"Ann_{name}_{id}.ipynb").write_text(notebooks.dumps(book))
    limits = Limits(cell_seconds=180, notebook_seconds=1200)
    outcome = grading.grade(graded_as, folder / "in", folder / "course", root=ROOT, limits=limits, jobs=JOBS)
    return id, {r["student"].removeprefix("Ann_"): r for r in outcome.records}, outcome, bundles


def test_every_case_gets_exactly_its_points(graded):
    id, records, _, bundles = graded
    full = points_of(parts(id)[0])
    wrong = []
    for number, bundle in enumerate(bundles):
        for case, touched in bundle:
            for name in touched:
                cell, awaited = records[f"cases{number}"]["cells"][name], 0 if name in case.loses else full[name]
                if cell["score"] != awaited:
                    said = f"{name} awaited {awaited}, got {cell['score']}: {cell['message']}"
                    wrong.append(f"{case.name}: {said}")
    assert not wrong, "\n".join(wrong)


def test_the_solution_gets_all_automatic_points_and_blank_none(graded):
    _, records, outcome, _ = graded
    assert outcome.notes == []  # nothing that the instructor's own solution does not pass, no test that is weak
    assert outcome.plan.broken == set()
    assert records["blank"]["score"] == 0
    assert {c["status"] for c in records["blank"]["cells"].values()} == {"unanswered"}
    assert not any(r["flags"] for r in records.values()), {k: r["flags"] for k, r in records.items() if r["flags"]}


def test_the_untouched_notebook_stops_with_not_implemented_only(graded):
    """No blank makes another cell fail in its own way: test_blank.py shows the same in a kernel, of a few."""
    _, records, outcome, _ = graded
    cells = outcome.with_outputs(records["blank"])["shown"]
    outputs = [(cell["source"], out) for cell in cells for out in cell["outputs"]]
    errors = [(source, out) for source, out in outputs if out["output_type"] == "error"]
    others = [f"{out['ename']}: {out['evalue']}\n{s}" for s, out in errors if out["ename"] != "NotImplementedError"]
    assert others == [], "\n\n".join(others)
    assert {out["evalue"] for _, out in errors} <= {"your code goes here: replace this line"}
    assert [out["text"] for _, out in outputs if out.get("name") == "stderr"] == []


@pytest.mark.parametrize("graded", WITH_PICTURES, indirect=True, scope="module")
def test_the_reference_gets_all_points_and_its_feedback_page_shows_its_pictures(graded):
    id, records, outcome, _ = graded
    full = points_of(parts(id)[0])
    assert {k: records["reference"]["cells"][k]["score"] for k in full} == full
    text = gradebook.feedback_path(outcome, records["reference"]["student"]).read_text()
    assert text.count("data:image/png;base64,") >= 2
