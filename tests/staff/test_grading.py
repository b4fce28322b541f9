"""A class through the whole path: real sandboxes, a real judge, a real gradebook. Every case states its exact points."""

import json
import shutil
import tempfile
from types import SimpleNamespace

import pytest

from dlcourse.staff import StaffError, gradebook, grading
from dlcourse.staff.run import Run
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.staff.small_class import CELLS, POINTS, SQUARES, hand_in, make_source, put, source_notebook

needs_sandbox = pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
pytestmark = [needs_sandbox, pytest.mark.slow]
FULL = {"squares_visible": 1, "squares_hidden": 2, "double_test": 2, "partial": 2}
LIMITS = Limits(cell_seconds=4, memory_mb=1024)


def lose(*names, **partly):
    return {k: partly.get(k, 0 if k in names else v) for k, v in FULL.items()}


def cheating(setup):
    return hand_in(squares=setup + "\ndef squares(n):\n    return 7", double="def double(items):\n    return 7")


def damaged():
    return json.dumps(hand_in())[:400]


def without_metadata():
    book = hand_in()
    for cell in book["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return book


def with_tests(edit):
    book = hand_in()
    book["cells"] = edit(book["cells"])
    return book


def is_test(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id") in FULL


def overwritten(cells):
    return [dict(c, source="assert True") if is_test(c) else c for c in cells]


# name -> (hand-in, points of each test, flags it must have, words of a message); many more stand in test_corpus.py
CASES = {
    "right": (hand_in(), FULL, set(), None),
    "another_way": (
        hand_in(squares="import numpy as np\nsquares = lambda n: [int(i) for i in np.arange(1, n + 1) ** 2] if n >= 1 else [][n]",
                double="def double(items):\n    print('working')\n    return list(map(lambda x: x + x, items))"),
        lose("squares_hidden"), set(), "raised IndexError",  # ValueError was awaited
    ),
    "blank": (None, lose(*FULL), set(), "Not attempted yet"),
    "partly": (hand_in(double="def double(items):\n    return [x * 2 if x > 0.7 else 0 for x in items]"), lose(partial=1), set(), "Part of"),
    "redefines_later": (with_tests(lambda c: [*c, {"cell_type": "code", "metadata": {}, "outputs": [], "source": "squares = double = None"}]),
                        FULL, set(), None),
    "wears_out": (  # right for two calls: no test makes more, and each begins where the notebook stood
        hand_in(squares="calls = 0\n" + SQUARES.replace("    if", "    global calls\n    calls += 1\n    assert calls < 3\n    if", 1)),
        FULL, set(), None),
    "endless_cell": (hand_in(squares="while True:\n    pass"), lose("squares_visible", "squares_hidden"), {"timeout"}, "not defined"),
    "function_exits": (hand_in(double="import os\ndef double(items):\n    os._exit(1)"), lose("double_test", "partial"), {"crashed"}, "process ended"),
    "tests_overwritten": (with_tests(overwritten), FULL, {"tests changed"}, None),
    "metadata_and_ids_lost": (without_metadata(), FULL, {"ids mended"}, None),
    "damaged": (damaged(), None, set(), "stops in the middle"),
    "replaced_assert_helpers": (
        cheating("import builtins, helper, numpy.testing\nhelper.close_to = lambda *a: True\nclose_to = helper.close_to\n"
                 "builtins.AssertionError = type('Quiet', (Exception,), {})\nbuiltins.all = builtins.any = lambda *a: True"),
        lose(*FULL), set(), None),
    "equal_to_everything": (
        hand_in(squares="class Yes:\n    __eq__ = __lt__ = __gt__ = __contains__ = lambda *a: True\n    __len__ = lambda s: 2\n"
                        "    __getitem__ = __sub__ = __rsub__ = __abs__ = lambda *a: Yes()\n    __iter__ = lambda s: iter([Yes(), Yes()])\n"
                        "def squares(n): return Yes()", double="def double(items): return Yes()"),
        lose(*FULL), set(), None),
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All cases in one class, graded at once, as in life; every one must leave the others alone."""
    folder = tmp_path_factory.mktemp("class")
    source = make_source(folder)
    for name, (book, *_) in CASES.items():
        if isinstance(book, str):
            (folder / "in").mkdir(exist_ok=True)
            (folder / "in" / f"{name}.ipynb").write_text(book)
        else:
            put(folder / "in", name, json.loads(json.dumps(book or released_blank())))
    outcome = grading.grade(str(source), folder / "in", folder / "course", limits=LIMITS, jobs=2)
    return {r["student"]: r for r in outcome.records}, outcome, folder


def released_blank():
    import nbformat

    from tests.staff.small_class import released

    return json.loads(nbformat.writes(released()))


@pytest.mark.parametrize("name", CASES)
def test_each_hand_in_gets_what_its_work_deserves(graded, name):
    record = graded[0][name]
    _, points, flags, words = CASES[name]
    if points is None:
        assert record["state"] == "could not run"
        assert record["score"] is None
        assert words in record["problem"]
        return
    assert {k: c["score"] for k, c in record["cells"].items() if k in FULL} == points, record["cells"]
    assert flags <= set(record["flags"]), record["flags"]
    if not flags:
        assert not set(record["flags"]) & {"timeout", "crashed", "memory", "stopped early"}, record["flags"]
    if words:
        assert any(words in c["message"] for c in record["cells"].values()), record["cells"]


def test_the_reference_gets_all_points_and_no_note(graded):
    assert graded[1].notes == []
    assert not graded[1].unplaced


def test_a_hidden_tests_text_reaches_no_page_of_a_student(graded):
    folder = graded[2] / "course" / "feedback"
    pages = list(folder.rglob("*.html"))
    assert len(pages) == len(CASES)
    for page in pages:
        text = page.read_text()
        assert "squares(11)" not in text
        assert "BEGIN HIDDEN" not in text


def test_written_answers_wait_for_a_person_and_blank_ones_get_nothing(graded):
    assert graded[0]["right"]["state"] == "needs marking"
    assert graded[0]["right"]["cells"]["why"]["status"] == "needs marking"
    assert graded[0]["blank"]["cells"]["why"] == {
        "score": 0.0,
        "max_score": 3.0,
        "status": "unanswered",
        "message": "No answer was given.",
    }


def test_the_gradebook_of_nbgrader_holds_the_same_scores(graded):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{graded[2] / 'course' / 'gradebook.db'}") as book:
        for name, record in graded[0].items():
            if record["problem"]:
                continue
            submission = book.find_submission("ps1", name)
            assert submission.auto_score if hasattr(submission, "auto_score") else True
            grades = {g.name: g for n in submission.notebooks for g in n.grades}
            assert {k: grades[k].auto_score for k in POINTS} == {k: record["cells"][k]["score"] for k in POINTS}
            assert grades["why"].needs_manual_grade == (record["cells"]["why"]["status"] == "needs marking")


def test_json_has_one_object_a_submission(graded):
    rows = json.loads(gradebook.as_json(graded[1]))
    assert [r["student"] for r in rows] == sorted(CASES)
    row = next(r for r in rows if r["student"] == "right")
    assert (row["score"], row["max_score"], row["assignment"]) == (7, 10, "ps1")
    assert row["cells"]["squares_hidden"] == {"score": 2, "max_score": 2, "status": "passed", "message": ""}
    assert isinstance(row["seconds"], float)


def test_a_second_run_grades_nothing_again(graded):
    _, before, folder = graded
    again = grading.grade(str(folder / "source/ps1/ps1.ipynb"), folder / "in", folder / "course", limits=LIMITS)
    assert again.fresh == set()
    assert [(r["student"], r["score"]) for r in again.records] == [(r["student"], r["score"]) for r in before.records]


def test_a_mark_given_by_hand_survives_a_new_grading(graded):
    from nbgrader.api import Gradebook

    _, _, folder = graded
    url = f"sqlite:///{folder / 'course' / 'gradebook.db'}"
    with Gradebook(url) as book:
        book.find_grade("why", "ps1", "ps1", "right").manual_score = 2.5
        book.db.commit()
    grading.grade(str(folder / "source/ps1/ps1.ipynb"), folder / "in", folder / "course", limits=LIMITS)
    with Gradebook(url) as book:
        assert book.find_grade("why", "ps1", "ps1", "right").manual_score == 2.5


def test_a_test_that_cannot_be_split_is_run_weakly_and_said(tmp_path):
    cells = [("f", "solution", "def f(x):\n    return sum([x for _ in range(2)])"), ("looks", 1, "import inspect\nassert 'sum' in inspect.getsource(f)"),
             ("works", 1, "assert f(2) == 4")]  # fmt: skip
    source = make_source(tmp_path, cells)
    book = json.loads(json.dumps(source_notebook(cells)))
    put(tmp_path / "in", "right", book)
    cheat = json.loads(json.dumps(book))
    cheat["cells"][0]["source"] = "import inspect\ninspect.getsource = lambda f: 'sum'\ndef f(x): return 2 * x"
    put(tmp_path / "in", "replaces", cheat)
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    records = {r["student"]: r for r in outcome.records}
    assert "1 test is weak: looks" in outcome.notes[0]
    assert records["right"]["cells"]["looks"]["score"] == 1
    assert records["right"]["cells"]["looks"]["weak"]
    assert records["replaces"]["cells"]["looks"]["score"] == 0
    assert "test replaced" in records["replaces"]["flags"]
    assert records["replaces"]["cells"]["works"]["score"] == 1, records["replaces"]


def test_honest_values_of_the_library_cross_and_an_odd_object_is_shown_to_a_person(tmp_path):
    cells = [
        ("f", "solution", "def f(n):\n    return n / 2"),
        ("t", 1, "assert abs(f(3) - 1.5) < 1e-9\nassert f(4) == 2"),
    ]
    source = make_source(tmp_path, cells)
    ways = {
        "fraction": "from fractions import Fraction\ndef f(n):\n    return Fraction(n, 2)",
        "decimal": "def f(n):\n    return n * 0.5",
        "own_class": "class Number(float):\n    def half(self): return self\nclass Odd:\n    def __init__(s, v): s.v = v\n"
                     "    def __sub__(s, o): return s.v - o\n    def __eq__(s, o): return s.v == o\ndef f(n):\n    return Odd(n / 2)",
    }  # fmt: skip
    for name, text in ways.items():
        book = json.loads(json.dumps(source_notebook(cells)))
        book["cells"][0]["source"] = text
        put(tmp_path / "in", name, book)
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    records = {r["student"]: r for r in outcome.records}
    assert [records[n]["score"] for n in ways] == [1, 1, 0]
    assert records["own_class"]["flags"] == ["needs a look"]
    assert "asked to look" in records["own_class"]["cells"]["t"]["message"]


def test_an_old_notebook_format_and_a_cell_of_the_students_own_make_all_pages(tmp_path):
    source = make_source(tmp_path)
    old = json.loads(source.read_text())
    old["nbformat_minor"] = 0
    for cell in old["cells"]:
        del cell["id"]
    source.write_text(json.dumps(old))
    book = with_tests(lambda c: [*c, {"cell_type": "code", "metadata": {}, "outputs": [], "source": "1 + 1"}])
    put(tmp_path / "in", "a", book)
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    assert outcome.records[0]["score"] == 7
    assert (tmp_path / "course/feedback/a/ps1/ps1.html").is_file()
    assert (tmp_path / "course/autograded/a/ps1/ps1.ipynb").is_file()


def test_a_test_that_replaces_a_library_function_is_weak_from_the_start():
    from dlcourse.staff.plan import must_be_beside

    assert must_be_beside("from unittest import mock\nwith mock.patch.object(np.linalg, 'inv'):\n    solve(1)")
    assert must_be_beside("import math\nmath.sqrt = None")
    assert must_be_beside("import inspect\nassert 'for ' not in inspect.getsource(total)")
    assert must_be_beside("assert total.__code__.co_argcount == 1")
    assert must_be_beside("with np.errstate(over='raise'):\n    sigmoid(np.array([-1000.0]))")
    assert must_be_beside("with warnings.catch_warnings():\n    warnings.simplefilter('error')\n    f(1)")
    assert not must_be_beside("with np.errstate(divide='ignore'):\n    wanted = 1 / x")
    assert not must_be_beside("model.weight.data = x\nresult.shape = (2, 3)")


def test_a_test_that_failed_its_solution_for_want_of_time_is_looked_at_again(tmp_path):
    cells = [
        ("f", "solution", "def f(x):\n    import time\n    time.sleep(2)\n    return x"),
        ("t", 1, "assert f(2) == 2"),
    ]
    source = make_source(tmp_path, cells)
    put(tmp_path / "in", "a", json.loads(json.dumps(source_notebook(cells))))
    for seconds, score, notes in ((1, 0, 1), (8, 1, 0)):
        outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=Limits(cell_seconds=seconds))
        assert outcome.records[0]["score"] == score
        assert len(outcome.notes) == notes


def test_a_test_that_its_own_solution_fails_is_the_authors_mistake_and_is_named(tmp_path):
    cells = [
        ("f", "solution", "def f(x):\n    return x"),
        ("wrong", 1, "assert f(2) == 3"),
        ("value", 2, "f(7)"),
        ("nan", 2, "float('nan')"),
    ]
    source = make_source(tmp_path, cells)
    put(tmp_path / "in", "a", json.loads(json.dumps(source_notebook(cells))))
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    assert sorted(n.split()[0] for n in outcome.notes) == ["nan", "value", "wrong"]
    cells = outcome.records[0]["cells"]
    assert {c["status"] for c in cells.values()} == {"author error"}
    assert outcome.records[0]["score"] == 0
    assert "ends in 7" in next(n for n in outcome.notes if n.startswith("value"))
    assert "not your fault" in cells["value"]["message"]


def test_wrong_use_is_one_clear_line(tmp_path):
    source = make_source(tmp_path)
    (tmp_path / "in").mkdir()
    with pytest.raises(StaffError, match="no such notebook"):
        grading.grade(str(tmp_path / "none.ipynb"), tmp_path / "in", tmp_path / "course")
    with pytest.raises(StaffError, match="no notebook in it"):
        grading.grade(str(source), tmp_path / "in", tmp_path / "course")
    put(tmp_path / "in", "a", hand_in())
    with pytest.raises(StaffError, match="at least 1 submission"):
        grading.grade(str(source), tmp_path / "in", tmp_path / "course", jobs=0)
    with pytest.raises(StaffError, match="nobody of that id"):
        grading.grade(str(source), tmp_path / "in", tmp_path / "course", students=["b"])
    source.write_text("{}")
    with pytest.raises(StaffError, match=r"ps1\.ipynb"):
        grading.grade(str(source), tmp_path / "in", tmp_path / "course")


def test_without_bubblewrap_it_refuses_unless_trusted(tmp_path, monkeypatch):
    source = make_source(tmp_path)
    put(tmp_path / "in", "a", hand_in())
    bins = tmp_path / "bin"
    bins.mkdir()
    for name in ("env", "true", "git"):
        if shutil.which(name):
            (bins / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(bins))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with pytest.raises(StaffError, match="apt install bubblewrap"):
        grading.grade(str(source), tmp_path / "in", tmp_path / "course")
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", trust=True, limits=LIMITS)
    assert outcome.records[0]["score"] == 7
    assert outcome.trusted
    assert not list(scratch.iterdir())


def test_what_the_solution_imports_on_its_way_is_there_before_a_students_first_cell(tmp_path):
    lazy = SQUARES.replace("\n", "\n    import colorsys\n    import helper\n", 1)
    cells = [(name, kind, lazy if name == "squares" else text) for name, kind, text in CELLS]
    asked = "import sys\nprint('colorsys' in sys.modules, 'helper' in sys.modules)\n"
    book = hand_in()
    book["cells"].insert(0, {"cell_type": "code", "metadata": {}, "outputs": [], "source": asked})
    put(tmp_path / "in", "Ann_B_ps1", book)
    outcome = grading.grade(make_source(tmp_path, cells), tmp_path / "in", tmp_path / "course")
    shown = outcome.with_outputs(outcome.records[0])["shown"]
    assert shown[0]["outputs"][0]["text"] == "True False\n"  # the assignment's own file: not


LEAKY = (
    "import os, signal\nif os.path.exists('/tmp/asked'): print('ASKED', open('/tmp/asked').read())\n"
    "def double(items):\n    open('/tmp/asked', 'a').write(repr(items) + ' ')\n    os.kill(-1, signal.SIGKILL)\n    os._exit(1)"
)


def test_what_a_hidden_test_asked_is_not_shown_by_cells_that_run_once_more(tmp_path):
    source = make_source(tmp_path)
    put(tmp_path / "in", "a", hand_in(double=LEAKY))
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    assert outcome.records[0]["score"] == 3
    shown = outcome.with_outputs(outcome.records[0])["shown"]
    assert "ASKED" not in json.dumps([cell["outputs"] for cell in shown])


SPY = """import sys
def spy():
    frame, found = sys._getframe(), []
    while frame:
        found += [v for v in list(frame.f_locals.values()) if isinstance(v, str) and 'SECRET' in v]
        frame = frame.f_back
    if found:
        open('/tmp/seen', 'w').write(found[0])
class Odd:
    def __sub__(self, other):
        spy()
        return 0
def f(n):
    spy()
    return Odd()"""


def test_the_text_of_a_hidden_test_that_an_odd_object_met_is_told_by_no_later_test(tmp_path):
    cells = [
        ("f", "solution", "def f(n):\n    return n / 2"),
        ("t", 1, "### BEGIN HIDDEN TESTS\n_half = 'SECRET'\nassert abs(f(3) - 1.5) < 1e-9\n### END HIDDEN TESTS"),
        ("g", "solution", "def g():\n    return 1"),
        ("u", 1, "assert g() == 1, f'1 was awaited, yours {g()}'"),
    ]
    source = make_source(tmp_path, cells)
    book = json.loads(json.dumps(source_notebook(cells)))
    book["cells"][0]["source"] = SPY
    book["cells"][2]["source"] = (
        "import os\ndef g():\n    return open('/tmp/seen').read() if os.path.exists('/tmp/seen') else 0"
    )
    put(tmp_path / "in", "spy", book)
    outcome = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=LIMITS)
    record = outcome.records[0]
    assert record["score"] == 0
    assert record["cells"]["u"]["message"] == "1 was awaited, yours 0"


@pytest.mark.parametrize(
    "said",
    [b"{}", b"[]", b"no JSON", b'{"outcome": "partial", "points": 3}', b'{"outcome": "partial", "points": true}',
     b'{"outcome": "partial", "points": NaN}', b'{"outcome": "partial"}', b'{"outcome": "won"}',
     b'{"outcome": "passed", "message": 7}'],
)  # fmt: skip
def test_a_verdict_that_is_none_gives_no_points_and_is_shown_to_a_person(said):
    flags = []
    plan = SimpleNamespace(items={"t": SimpleNamespace(points=2)})
    found = Run.sound(SimpleNamespace(plan=plan, flag=flags.append), said, "t")
    assert found["outcome"] == "author"
    assert flags == ["needs a look"]
    good = {"outcome": "partial", "points": 1.5}
    assert Run.sound(SimpleNamespace(plan=plan), json.dumps(good).encode(), "t.control") == good
