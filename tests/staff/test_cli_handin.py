"""`dlcourse check` and `dlcourse submit` as a student types them; what they say is what the real grader then says."""

import hashlib
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcourse import cli
from dlcourse.staff import fresh, grading, handin, notebooks, policy, submissions
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.staff import small_class, small_course
from tests.staff.small_class import SQUARES, hand_in, make_source, put
from tests.staff.small_course import ID

ROOT = Path(__file__).parents[2]
needs_sandbox = pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
LIMITS = Limits(cell_seconds=3)
SOLVED = "def double(x):\n    return 2 * x"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Away from this course's own course.toml."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lab(tmp_path):
    """The small course with its built notebook; the notebook's path."""
    small_course.make(tmp_path)
    return notebooks.build(tmp_path, ID)


def fill(path: Path, name='"Ada Lovelace"', to=None, cells=None, **answers) -> Path:
    """Write into a student's copy of `path`: the name, answers by cell, an edit of the list of cells."""
    book = json.loads(path.read_text("utf-8"))
    for cell in book["cells"]:
        source = "".join(cell["source"])
        cell["source"] = source.replace('NAME = ""', f"NAME = {name}") if source.startswith("NAME =") else source
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            cell["source"] = answers[grade_id]
    if cells:
        book["cells"] = cells(book["cells"])
    to = to or path
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(book), "utf-8")
    return to


def code(source, **more):
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source} | more


def run(capsys, *words):
    status = cli.main([str(word) for word in words])
    said = capsys.readouterr()
    return status, said.out, said.err


def rehearsed(path, limits=LIMITS):
    looked = handin.look(path)
    return looked, fresh.rehearse(looked.plan, looked.merged, path.parent, limits)


# ---------------------------------------------------------------------------------------------------- the same words

OUT = "import os, ctypes\ndef double(items):\n    "
DEAF = "while True:\n        try:\n            while True: pass\n        except BaseException: pass"
CASES = {
    "right": {},
    "blank": None,
    "wrong": {"squares": "def squares(n):\n    return [n]", "double": "def double(items):\n    return items + items"},
    "raises": {"squares": "def squares(n):\n    return [1 / 0]", "double": "def double(items):\n    return None"},
    "another_kind": {"squares": "def squares(n):\n    return {1: 4}", "double": "def double(items):\n    return 7"},
    "in_place": {"double": "def double(items):\n    for i in range(len(items)):\n        items[i] *= 2\n    return items"},
    "odd_object": {"double": "class Odd(list):\n    def sum(self): return 7\ndef double(items):\n    return Odd(2 * x for x in items)"},
    "partly_and_no_syntax": {"squares": "def squares(n)\n    return 1", "double": "def double(items):\n    return [x * 2 if x > 0.7 else 0 for x in items]"},
    "endless_cell_and_keyboard": {"squares": "while True:\n    pass", "double": "def double(items):\n    return [int(input()) for _ in items]"},
    "endless_function_and_exit": {"squares": SQUARES + "\nexit()", "double": "def double(items):\n    while True:\n        pass"},
    "deaf_function": {"double": "def double(items):\n    " + DEAF},
    "function_exits": {"double": OUT + "os._exit(3)"},
    "cell_exits_and_segfault": {"squares": SQUARES + "\nimport os\nos._exit(0)", "double": OUT + "ctypes.string_at(0)"},
    "own_error": {"double": "class Mine(Exception): pass\ndef double(items):\n    raise Mine('no \\x1b[31midea')"},
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Every case through the real grader, and the folder of the hand-ins with the helper module beside them."""
    folder = tmp_path_factory.mktemp("same_words")
    source = make_source(folder)
    blank = json.loads(nbformat.writes(small_class.released()))
    for name, answers in CASES.items():
        put(folder / "in", name, blank if answers is None else hand_in(**answers))
    outcome = grading.grade(str(source), folder / "in", folder / "course", limits=LIMITS, jobs=2)
    (folder / "in" / "helper.py").write_text(small_class.HELPER)
    return {r["student"]: r["cells"] for r in outcome.records}, folder / "in"


@needs_sandbox
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_visible_test_gets_the_status_and_the_message_that_the_grader_gives(graded, name):
    records, folder = graded
    _, found = rehearsed(folder / f"{name}.ipynb")
    assert set(found.tests) == {"squares_visible", "double_test", "partial"}
    assert found.tests == {test: records[name][test] for test in found.tests}


@needs_sandbox
@pytest.mark.slow
def test_homework_1_gets_the_words_of_the_grader_too(tmp_path, monkeypatch):
    source = notebooks.read_source(notebooks.source_path(ROOT, "hw1_mlp"))
    right = notebooks.reference_answers(source)
    released = ROOT / "homework/hw1_mlp/hw1_mlp.ipynb"
    answers = {  # and `train` left as it was given out
        "softmax": "def softmax(scores):\n    return scores / scores.sum(0)",
        "cross_entropy": right["cross_entropy"].replace(".mean()", ".sum()"),
        "backward": "def backward(x, hidden, probabilities, labels, w2):\n    return [x.T @ w2]",
        "step": right["step"],
    }
    path = fill(released, to=tmp_path / "in" / "Ada_Lovelace_hw1_mlp.ipynb", **answers)
    graded = grading.grade("hw1_mlp", path.parent, tmp_path / "course", root=ROOT).records[0]["cells"]
    for course_at_hand in (False, True):
        monkeypatch.chdir(ROOT if course_at_hand else tmp_path)
        looked, found = rehearsed(path, Limits())
        assert looked.judged == course_at_hand
        assert found.tests == {test: graded[test] for test in found.tests}
        said = [cell["status"] for cell in found.tests.values()]
        assert said == ["failed", "failed", "failed", "passed", "unanswered"]


# ---------------------------------------------------------------------------------------------------- check


@pytest.mark.slow
def test_check_says_what_is_done_and_leaves_the_notebook_as_it_is(lab, capsys):
    path = fill(lab, double=SOLVED, why="Because.")
    before = path.read_bytes()
    status, out, err = run(capsys, "check", path)
    assert (status, err) == (0, "")
    assert "1. Double         1  double_visible  passed\n" in out
    assert "2. In words       2  why             written: a person reads it\n" in out
    assert "2 of 2 visible tests pass. Hidden tests, where there are some, are run when it is graded." in out
    assert "Nothing to mend. To hand it in: dlcourse submit labs/lab01_line/lab01_line.ipynb" in out
    assert "try it" not in out  # what cells print
    assert "\x1b" not in out
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["lab01_line.ipynb", "lab01_line.py"]


@pytest.mark.slow
def test_a_blank_notebook_is_unanswered_not_wrong(lab, capsys):
    status, out, _ = run(capsys, "check", lab)
    assert status == 1
    assert "double_visible  unanswered" in out
    assert "why             empty" in out
    assert "lab01_line, no name yet" in out
    assert "no name yet: write your first and last name" in out
    assert "NotImplementedError" not in out


@pytest.mark.slow
def test_what_only_worked_in_another_order_is_named_and_what_follows_from_it_is_not(lab, capsys):
    ran = {"execution_count": 3}
    path = fill(lab, double=SOLVED, why="x", cells=lambda cells: [
        *cells, code("print(late)\nnext_one = 1", **ran), code("print(next_one)", **ran), code("late = 1", **ran),
        code("gone", **ran), code("1 / 0", **ran),
        code("never", outputs=[{"output_type": "error", "ename": "NameError", "evalue": "", "traceback": []}]),
    ])  # fmt: skip
    status, out, _ = run(capsys, "check", path)
    said = " ".join(out.split())
    assert status == 1
    assert "2 of 2 visible tests pass" in said
    assert (
        "`print(late)`: `late` is not defined when the notebook runs from top to bottom: it is made further down"
        in said
    )
    assert "`late = 1`. It worked for you because cells were run in another order" in said
    assert "`gone`: `gone` is not defined when the notebook runs from top to bottom. It worked for you" in said
    assert "`never`: `never` is not defined when the notebook runs from top to bottom -" not in said
    assert said.count("It worked for you") == 2
    assert "`1 / 0`: ZeroDivisionError: division by zero" in said
    assert "`print(next_one)`" not in said


@pytest.mark.slow
def test_endless_and_fatal_cells_are_named_once_and_the_rest_still_runs(tmp_path, capsys):
    book = hand_in()
    book["cells"][2:2] = [code("while True:\n    pass"), code("import os\nos._exit(1)")]
    (tmp_path / "helper.py").write_text(small_class.HELPER)
    status, out, _ = run(capsys, "check", put(tmp_path, "ps1", book), "--timeout", "3")
    assert status == 1
    assert out.count("code cell 2, `while True:`: stopped, it did not end within 3 s\n") == 1
    assert out.count("code cell 3, `import os`: stopped, the process ended\n") == 1
    assert "3 of 3 visible tests pass" in out


@pytest.mark.slow
def test_too_many_fatal_cells_end_the_run_and_it_is_said(tmp_path, capsys):
    book = hand_in()
    book["cells"][2:2] = [code("import os\nos._exit(1)")] * 5
    status, out, _ = run(capsys, "check", put(tmp_path, "ps1", book))
    assert status == 1
    assert "ends its kernel too often: its last cells were not run" in out
    assert "0 of 3 visible tests pass" in out


@pytest.mark.slow
def test_a_kernel_that_does_not_start_is_said_with_its_last_words(lab, capsys, tmp_path, monkeypatch):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "ipykernel_launcher.py").write_text("raise ImportError('zmq is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    status, out, err = run(capsys, "check", lab)
    assert (status, out) == (2, "")
    assert "a Python kernel could not be started (ImportError: zmq is broken): open a notebook in JupyterLab" in err


@pytest.mark.slow
def test_a_test_that_can_only_be_run_beside_the_code_is_no_false_alarm(tmp_path):
    cells = [
        ("f", "solution", "def f(x):\n    return sum([x, x])"),
        ("looks", 1, "import dis\nassert 'sum' in [i.argval for i in dis.get_instructions(f)], 'use sum'"),
        ("fails", 1, "import dis\nassert 'max' in [i.argval for i in dis.get_instructions(f)], 'use max'"),
    ]
    book = json.loads(nbformat.writes(notebooks.release_notebook(small_class.source_notebook(cells))))
    book["cells"][0]["source"] = cells[0][2]
    _, found = rehearsed(put(tmp_path, "a", book))
    assert found.tests["looks"]["status"] == "needs a look"
    assert "passes beside your code" in found.tests["looks"]["message"]
    assert (found.tests["fails"]["status"], found.tests["fails"]["message"]) == ("failed", "use max")


@pytest.mark.slow
def test_tests_leave_the_luck_and_the_names_of_the_students_cells_alone(lab):
    path = fill(lab, double="import random, torch\nrandom.seed(5)\ntorch.manual_seed(5)\n" + SOLVED, why="x", cells=lambda cells: [
        *cells, code("assert random.random() == random.Random(5).random()"),
        code("assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(5))"),
    ])  # fmt: skip
    looked, found = rehearsed(path)
    assert handin.is_done(looked, found), handin.report(looked, found)


@pytest.mark.slow
def test_what_a_test_defines_is_not_there_for_the_students_cells_as_in_grading(tmp_path):
    test = '\n# %% test="again" points=1\nfound = double(2)\nassert found == 4\n'
    toml = small_course.TOML.replace("points = 6", "points = 7")
    small_course.make(tmp_path, small_course.SOURCE + test, toml)
    path = fill(notebooks.build(tmp_path, ID), double=SOLVED, why="x", cells=lambda cells: [*cells, code("found")])
    _, found = rehearsed(path)
    assert found.tests["again"]["status"] == "passed"
    assert list(found.errors.values()) == [("NameError", "name 'found' is not defined")]


def test_nothing_of_a_students_steers_a_terminal(lab):
    looked = handin.look(fill(lab, why="x", double="'\x1b[31m'", cells=lambda cells: [*cells, code("'\x1b[2J\u202e'")]))
    failed = {"status": "failed", "message": "yours is \x1b]0;title\x07red\u202e"}
    found = fresh.Findings({"double_visible": failed}, {len(looked.raw) - 1: ("Bad\x1b[1m", "no\x1b[2J")})
    text = handin.report(looked, found)
    assert "    yours is red\n" in text
    assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.slow
def test_it_works_without_nbgrader(lab):
    path = fill(lab, double=SOLVED, why="x")
    program = (
        "import sys\nclass No:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('nbgrader', 'nbclient', 'sqlalchemy'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\nfrom dlcourse import cli\n"
        f"print(cli.main(['check', {str(path)!r}]), cli.main(['submit', {str(path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=lab.parent)
    assert done.stdout.splitlines()[-1] == "0 0", done.stderr


def test_what_to_install_is_said(lab, capsys, monkeypatch):
    monkeypatch.setattr(fresh, "find_spec", lambda name: None if name == "ipykernel" else name)
    status, _, err = run(capsys, "check", lab)
    assert status == 2
    assert 'has no ipykernel: install what notebooks need: pip install "dlcourse[lab]"' in err


# ---------------------------------------------------------------------------------------------------- form

NAMES = [
    ('""', None, "no name yet"),
    ('"  "', None, "no name yet"),
    ('"Ada"', None, "if you have one name only, write it twice"),
    ('f"{first} {last}"', None, "built by code"),
    ('"Ada " + "Lovelace"', None, "built by code"),
    ("'Ada Lovelace", None, "syntax error"),
    ('"Ada Lovelace, Bea Potter"', None, "of one person"),
    ('"Ada/../Lovelace"', None, "of one person"),
    ('"Ada\\u202e Lovelace"', None, "of one person"),
    ('"Ada Lovelace"', "Ada Lovelace", None),
    ('" Ada\\u00a0 Lovelace "', "Ada Lovelace", None),
    ('"Ada_Lovelace"', "Ada Lovelace", None),
    ('"Sinéad O\'Connor"', "Sinéad O'Connor", None),
    ('"Zoe\\u0308 Müller-Lüdenscheidt"', "Zoë Müller-Lüdenscheidt", None),
    ('"Rip van Winkle"', "Rip van Winkle", None),
    ('"कमला देवी"', "कमला देवी", None),
    ('"王 小明"', "王 小明", None),
]


@pytest.mark.parametrize(("written", "name", "says"), NAMES)
def test_the_name_cell_is_read_and_what_is_wrong_with_it_is_said(lab, written, name, says):
    looked = handin.look(fill(lab, written))
    assert looked.name == name
    assert [says in text for text in looked.keeps] == [True] * (says is not None)


def test_a_name_cell_or_an_assignment_that_is_gone_or_wrong_is_said(lab):
    def keeps(old, new):
        cells = [code(c["source"].replace(old, new)) if "NAME =" in c["source"] else c for c in filled]
        return handin.look(put(lab.parent, "my copy", {"cells": cells})).keeps

    filled = json.loads(fill(lab).read_text())["cells"]
    assert keeps("NAME = ", "Name = ")[0].startswith("the name cell is gone")
    assert keeps('ASSIGNMENT = "lab01_line"', "") == [
        'no cell says which assignment this is: write ASSIGNMENT = "hw1_mlp" below NAME'
    ]
    assert "there is no such assignment; known are lab01_line" in keeps('"lab01_line"', '"lab09"')[0]
    assert keeps("x", "x") == []


def test_the_notebook_of_another_assignment_is_not_handed_in(tmp_path):
    toml = small_course.TOML + '[assignments.lab02_two]\nkind = "lab"\npoints = 6\ndue = "2027-02-19T23:59:00+01:00"\n'
    small_course.make(tmp_path, toml=toml)
    other = tmp_path / "labs/lab02_two/lab02_two.py"
    other.parent.mkdir()
    other.write_text(
        small_course.SOURCE.replace("lab01_line", "lab02_two").replace('"double', '"triple').replace('"why', '"how')
    )
    path = fill(notebooks.build(tmp_path, ID), to=tmp_path / "copy.ipynb")
    assert handin.look(path).keeps == []
    path.write_text(path.read_text().replace('ASSIGNMENT = \\"lab01_line', 'ASSIGNMENT = \\"lab02_two'))
    assert "no cell here is of lab02_two" in handin.look(path).keeps[0]
    path = path.rename(tmp_path / "lab01_line.ipynb")
    assert 'ASSIGNMENT is "lab02_two", but the file is named for lab01_line' in handin.look(path).keeps[0]


def edit(cells, name, source):
    return [c | {"source": source} if mark(c) == name else c for c in cells]


def mark(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


FORM = {  # name -> (an edit of the list of cells, what is said where the course is at hand, and where it is not)
    "as it should be": (lambda cells: cells, "", ""),
    "edited": (lambda cells: edit(cells, "double_visible", "assert True"), "not as given out: double_visible.", True),
    "only more space": (lambda cells: edit(cells, "double", SOLVED + "\n\n"), "", ""),
    "doubled": (lambda cells: [*cells, *(c for c in cells if mark(c) == "double")], "there more than once: double.", True),
    "lost": (lambda cells: [c for c in cells if mark(c) not in ("why", "double_visible")], "missing: double_visible, why.", ""),
    "in a code cell": (
        lambda cells: [*edit(cells, "why", "YOUR ANSWER HERE"), code("# Because two times x is x plus x, always.")],
        "the answer why stands in a code cell", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("at_hand", [True, False])
@pytest.mark.parametrize("name", FORM)
def test_cells_that_were_changed_or_doubled_or_lost_are_named(lab, tmp_path, name, at_hand):
    how, says, elsewhere = FORM[name]
    path = fill(lab, to=tmp_path / "copies" / "lab01_line.ipynb", double=SOLVED, why="x", cells=how)
    if not at_hand:
        (tmp_path / "course.toml").unlink()
        says = says if elsewhere is True else elsewhere
    looked = handin.look(path)
    assert [text.startswith(says) for text in looked.mend] == [True] * bool(says)
    if at_hand:  # the flags that the grader would give
        submission = submissions.Submission("", "", "", *submissions.parse_notebook(path.read_bytes())[:1])
        handin.merge(looked.plan, submission)
        assert bool(set(submission.flags) & {"tests changed", "cells doubled", "cells missing"}) == (
            name in ("edited", "doubled", "lost")
        )


def test_what_was_given_out_is_known_without_nbgrader():
    for id in ("lab00_setup", "lab01_line", "hw1_mlp"):
        path = notebooks.source_path(ROOT, id).with_suffix(".ipynb")
        book = nbformat.read(path, 4)
        course = policy.load(ROOT / "course.toml")
        cells = handin._given_out(ROOT, course, id, path)
        assert [c.released for c in cells] == [c.source for c in book.cells]
        assert [c.name for c in cells] == [c.metadata.get("nbgrader", {}).get("grade_id", c.id) for c in book.cells]


def test_checksums_are_those_of_nbgrader():
    from nbgrader.utils import compute_checksum

    for cell in [
        *small_class.source_notebook().cells,
        *nbformat.read(ROOT / "homework/hw1_mlp/hw1_mlp.ipynb", 4).cells,
    ]:
        if "nbgrader" in cell.metadata:
            assert handin.checksum(cell) == compute_checksum(cell)


def with_bom(data):
    return b"\xef\xbb\xbf" + data


def as_format_3(data):
    cells = [c | {"input": c.pop("source")} if c["cell_type"] == "code" else c for c in json.loads(data)["cells"]]
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


@pytest.mark.parametrize(("change", "says"), [
    (with_bom, "not plain UTF-8"), (as_format_3, "old notebook format"),
    (lambda data: data.decode().encode("utf-16"), "not plain UTF-8"),
    (lambda data: json.dumps(json.loads(data) | {"cells": [*json.loads(data)["cells"], 7]}).encode(), "cell is damaged"),
])  # fmt: skip
def test_an_odd_file_is_read_and_what_to_do_is_said(lab, change, says):
    path = fill(lab, double=SOLVED, why="x")
    path.write_bytes(change(path.read_bytes()))
    looked = handin.look(path)
    assert (looked.name, looked.keeps, looked.given) == ("Ada Lovelace", [], set())
    assert [says in text for text in looked.mend] == [True]


@pytest.mark.parametrize(("name", "content", "says"), [
    ("none.ipynb", None, "no such file"), ("folder.ipynb", "folder", "a folder: name the notebook in it"),
    ("empty.ipynb", "", "the file is empty"), ("text.ipynb", "hello", "not a notebook"), ("x.py", "1", "ends in .ipynb was awaited"),
    ("cut.ipynb", '{"cells": [', "stops in the middle"), ("list.ipynb", "[]", "holds no cells"),
    ("other.ipynb", '{"cells": []}', "no cell in it is marked as a question"), ("pipe.ipynb", "pipe", "not an ordinary file"),
    ("deep.ipynb", "[" * 100_000 + "]" * 100_000, "not a notebook"), ("huge.ipynb", "huge", "257 MiB; the grader reads up to 256"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["check", "submit"])
def test_what_is_no_notebook_is_one_clear_line_and_status_2(tmp_path, capsys, command, name, content, says):
    path = tmp_path / "Übung 1 (neu)" / name
    path.parent.mkdir()
    if content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "huge":
        with open(path, "wb") as file:
            file.truncate(257 << 20)
    elif content is not None:
        path.write_text(content)
    status, out, err = run(capsys, command, path)
    assert (status, out) == (2, "")
    assert err.startswith(f"Übung 1 (neu)/{name}: ")
    assert says in err
    assert len(err.strip().splitlines()) == 1


# ---------------------------------------------------------------------------------------------------- submit


def test_submit_writes_the_same_bytes_under_the_right_name_with_a_receipt(lab, capsys, tmp_path):
    path = fill(lab, '"Zoë van der O\'Neil"', double=SOLVED)
    data = path.read_bytes()
    to = tmp_path / "für den Kurs"
    to.mkdir()
    status, out, err = run(capsys, "submit", path, "--to", to)
    assert (status, err) == (0, "")
    name = "Zoë_van_der_O'Neil_lab01_line.ipynb"
    assert (to / name).read_bytes() == path.read_bytes() == data
    receipt = (to / name.replace(".ipynb", ".receipt.txt")).read_text("utf-8")
    assert receipt in out
    said = dict(line.split(None, 1) for line in receipt.splitlines())
    assert said.pop("written").endswith(" UTC")
    assert said == {
        "student": "Zoë van der O'Neil", "assignment": ID, "file": name, "size": f"{len(data):,} bytes",
        "sha256": hashlib.sha256(data).hexdigest(), "answered": "1 of 2 questions", "course": "Deep learning, dlcourse 0.1.0",
    }  # fmt: skip
    assert out.endswith(f"Now upload für den Kurs/{name} where your course collects work.\n")
    assert len(list(to.iterdir())) == 2


def test_what_keeps_a_notebook_from_being_handed_in_is_said_and_nothing_is_written(lab, capsys):
    before = sorted(lab.parent.iterdir())
    status, out, err = run(capsys, "submit", lab)
    assert (status, out) == (1, "")
    assert err.splitlines()[0] == "Not handed in:"
    assert "no name yet" in err
    assert sorted(lab.parent.iterdir()) == before


def test_the_same_again_changes_nothing_and_other_work_is_only_replaced_when_asked(lab, capsys):
    mine = lab.parent / f"Ada_Lovelace_{ID}.ipynb"
    first = fill(lab, double=SOLVED).read_bytes()
    assert run(capsys, "submit", lab)[0] == run(capsys, "submit", lab)[0] == 0
    second = fill(lab, why="Because.").read_bytes()
    status, _, err = run(capsys, "submit", lab)
    assert status == 2
    assert "--again puts this one in its place and keeps that one. If you are not Ada Lovelace, mend NAME" in err
    assert mine.read_bytes() == first
    status, out, _ = run(capsys, "submit", lab, "--again")
    assert status == 0
    assert f"kept as labs/lab01_line/.earlier/Ada_Lovelace_{ID}.1.ipynb" in out
    assert mine.read_bytes() == second
    fill(lab, why="Because of this.")
    assert run(capsys, "submit", lab, "--again")[0] == 0
    kept = sorted((lab.parent / ".earlier").iterdir())
    assert [p.name for p in kept] == [
        f"Ada_Lovelace_{ID}.{n}.{end}" for n in (1, 2) for end in ("ipynb", "receipt.txt")
    ]
    assert [kept[0].read_bytes(), kept[2].read_bytes()] == [first, second]
    assert hashlib.sha256(first).hexdigest() in kept[1].read_text()


def test_another_persons_work_is_never_replaced(lab, capsys):
    other = fill(lab, '"Bea Potter"', to=lab.parent / f"Ada_Lovelace_{ID}.ipynb")
    before = other.read_bytes()
    status, _, err = run(capsys, "submit", fill(lab), "--again")
    assert status == 2
    assert "holds the work of Bea Potter, and is not replaced" in err
    assert other.read_bytes() == before


def test_two_students_at_one_machine_do_not_meet(lab, capsys):
    for name in ("Ada Lovelace", "Bea Potter"):
        copy = fill(lab, f'"{name}"', to=lab.with_name("copy.ipynb"))
        assert run(capsys, "submit", copy)[0] == 0
    assert len(list(lab.parent.glob(f"*_{ID}.ipynb"))) == 2


def test_a_notebook_that_has_its_name_already_gets_its_receipt(lab, capsys):
    path = fill(lab).rename(lab.parent / f"Ada_Lovelace_{ID}.ipynb")
    before = path.stat().st_mtime_ns
    assert run(capsys, "submit", path)[0] == 0
    assert path.stat().st_mtime_ns == before
    assert path.with_name(f"Ada_Lovelace_{ID}.receipt.txt").exists()


def test_a_full_or_locked_folder_is_said_and_leaves_nothing_half_written(lab, capsys, monkeypatch):
    fill(lab, double=SOLVED)
    assert run(capsys, "submit", lab)[0] == 0
    before = {p: p.read_bytes() for p in lab.parent.iterdir()}
    fill(lab, why="x")
    before[lab] = lab.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = run(capsys, "submit", lab, "--again")
    assert status == 2
    assert "labs/lab01_line: cannot be written: No space left on device: name a folder of yours with --to" in err
    assert {p: p.read_bytes() for p in lab.parent.iterdir() if p.is_file()} == before
    for to, says in (
        ("nowhere", "--to nowhere: no such folder"),
        (lab, "no such folder"),
        ("/proc", "/proc: cannot be written"),
    ):
        status, _, err = run(capsys, "submit", lab, "--to", to)
        assert status == 2
        assert says in err


letters = st.characters(categories=["Lu", "Ll", "Lo", "Mn", "Nd"], include_characters="'-. ")


@given(st.text(letters, min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_whoever_may_hand_in_is_found_by_the_grader_under_that_name(written):
    cells = [submissions.Cell(True, f"NAME = {written!r}\nASSIGNMENT = 'hw1_mlp'")]
    name, problem = handin._name(cells)
    assert (name is None) == (problem is not None)
    if name is None:
        return
    course = policy.load(ROOT / "course.toml")
    file = policy.file_name(course, name, "hw1_mlp")
    found = submissions._read(submissions._File(file, "", None), "hw1_mlp", "hw1_mlp", course)
    assert found.student == unicodedata.normalize("NFC", name).replace(" ", "_")
    assert found.flags == []


@needs_sandbox
@pytest.mark.slow
def test_what_submit_wrote_is_placed_and_graded_without_a_flag(lab, tmp_path, capsys):
    drop = tmp_path / "drop"
    drop.mkdir()
    for name in ("Ada Lovelace", "Zoë van der O'Neil"):
        for answers in ({"double": SOLVED}, {"double": SOLVED, "why": "Because."}):  # the second with --again
            copy = fill(lab, f'"{name}"', to=tmp_path / "my copy.ipynb", **answers)
            assert run(capsys, "submit", copy, "--to", drop, "--again")[0] == 0
    outcome = grading.grade(ID, drop, tmp_path / "course", root=tmp_path)
    assert outcome.unplaced == []
    assert [(r["student"], r["flags"], r["score"]) for r in outcome.records] == [
        ("Ada_Lovelace", [], 4), ("Zoë_van_der_O'Neil", [], 4)
    ]  # fmt: skip
    receipts = sorted(p.read_text() for p in drop.glob("*.receipt.txt"))
    assert all(record["digest"] in receipt for record, receipt in zip(outcome.records, receipts, strict=True))
