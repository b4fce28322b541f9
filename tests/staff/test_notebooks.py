"""A source is checked to the line, and its notebooks are what nbgrader would make."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from dlcourse.staff import StaffError, notebooks, policy
from tests.staff.small_course import BODY, HEAD, ID, SOURCE, TOML, line_of, make

FILE = "labs/lab01_line/lab01_line.py"
NBGRADER = Path(sys.executable).parent / "nbgrader"


@pytest.fixture
def root(tmp_path, monkeypatch):
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problems(root, source, toml=TOML):
    path = root / FILE
    path.write_text(source)
    (root / "course.toml").write_text(toml)
    return notebooks.check(notebooks.read_source(path), policy.load(root / "course.toml"))


def swap(old, new):
    assert SOURCE.count(old) >= 1, old
    return SOURCE.replace(old, new, 1)


# ---- reading


def test_cells_come_with_kind_mark_name_points_text_and_line(root):
    cells = notebooks.read_source(root / FILE).cells
    assert [(c.kind, c.mark, c.name, c.points) for c in cells[3:]] == [
        ("markdown", None, None, None),
        ("code", "solution", "double", None),
        ("code", None, None, None),
        ("code", None, None, None),
        ("code", "test", "double_visible", 1),
        ("code", "test", "double_hidden", 3),
        ("markdown", None, None, None),
        ("markdown", "answer", "why", 2),
    ]
    assert cells[0].text == "# Lines\nYou double a number — twice."
    assert cells[-1].text == "Because.\n\nReally."
    assert [c.line for c in cells] == [n for n, line in enumerate(SOURCE.split("\n"), 1) if line.startswith("# %%")]


def test_the_small_source_has_no_problems(root):
    assert problems(root, SOURCE) == []


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing(root):
    text = notebooks.dumps(student(root))
    (root / FILE).write_bytes(SOURCE.replace("\n", "\r\n").encode("utf-8-sig"))
    assert notebooks.dumps(student(root)) == text


def test_a_strange_character_in_a_string_does_not_move_the_lines(root):
    source = swap('print("try it")', 'print("a\u2028b\x0cc\x85")')
    assert problems(root, source) == []
    assert notebooks.read_source(root / FILE).cells[-1].line == line_of("answer=")


# ---- the checks: what is changed, the line that is named, what it says

VISIBLE = '# %% test="double_visible" points=1'
LONG = "\n".join(f"# line {n}" for n in range(26))
CASES = {
    "misspelt mark": ('solution="double"', 'solutions="double"', "solutions: there is no such mark: did you mean solu"),
    "misspelt points": (VISIBLE, VISIBLE.replace("points", "point"), "point: there is no such mark: did you mean poin"),
    "words after the mark": (VISIBLE, VISIBLE + " hard", "'hard' is no mark: write solution="),
    "misspelt kind": ('[markdown] answer="why"', '[markdwon] answer="why"', "[markdwon] is not a kind of cell: did yo"),
    "no space in the mark": (VISIBLE, VISIBLE.replace("# %%", "#%%"), "a cell begins with `# %%` and a space"),
    "name without quotes": ('test="double_visible"', "test=double_visible", "test=double_visible: write the name in d"),
    "name in single quotes": ('"double_visible"', "'double_visible'", "test='double_visible': write the name in doubl"),
    "name with capitals": ('"double_visible"', '"doubleVisible"', 'test="doubleVisible": a name has small letters,'),
    "name of 65 letters": ('"double_visible"', f'"{"x" * 65}"', "a name has small letters"),
    "name twice": ('"double_visible"', '"double"', 'the name "double" is taken by line '),
    "two marks": ('test="double_visible"', 'test="a" solution="b"', "a cell has one mark; this one has solution and t"),
    "mark twice": ('test="double_visible"', 'test="a" test="b"', "test stands twice"),
    "test without points": (VISIBLE, '# %% test="double_visible"', 'test "double_visible" has no points: write points'),
    "answer without points": (" points=2", "", 'answer "why" has no points: write points=1'),
    "points in quotes": ("points=1", 'points="1"', 'points="1": write a number above 0 without quotes'),
    "no points at all": ("points=1", "points=0", "points=0: write a number above 0"),
    "negative points": ("points=1", "points=-1", "points=-1: write a number above 0"),
    "points on a solution": ('solution="double"', 'solution="double" points=1', "a cell with solution has points: put"),
    "points on nothing": ("# %%\nprint", "# %% points=1\nprint", "a cell without a mark has points: points stand on"),
    "test in markdown": (VISIBLE, VISIBLE.replace("%% ", "%% [markdown] "), "test marks a code cell: write # %% test="),
    "answer in code": ('[markdown] answer="why"', 'answer="why"', "answer marks a markdown cell: write # %% [markdown"),
    "test ends in a number": ("assert double(2) ==", "double(2) ==", 'test "double_visible" ends in an expression, wh'),
    "test ends in a call": ("assert double(3) == 6", "checks.close(double(3), 6)", 'test "double_hidden" ends in an e'),
    "test ends in no assert": ("assert double(3) == 6", "found = 6", 'test "double_hidden" does not end in an assert'),
    "solution without end": ("    ### END SOLUTION\n", "", "### BEGIN SOLUTION without its ### END SOLUTION"),
    "solution without begin": ("    ### BEGIN SOLUTION\n", "", "### END SOLUTION without its ### BEGIN SOLUTION"),
    "hidden tests without end": ("### END HIDDEN TESTS\n", "", "### BEGIN HIDDEN TESTS without its ### END HIDDEN TES"),
    "two begins": ("    return 2", "    ### BEGIN SOLUTION\n    return 2", "### BEGIN SOLUTION inside a region: write"),
    "misspelt hidden tests": ("### BEGIN HIDDEN TESTS", "### BEGIN HIDDEN TEST", "did you mean ### BEGIN HIDDEN TESTS"),
    "small letters": ("### BEGIN HIDDEN TESTS", "### begin hidden tests", "did you mean ### BEGIN HIDDEN TESTS?"),
    "two hashes": ("### BEGIN HIDDEN TESTS", "## BEGIN HIDDEN TESTS", "did you mean ### BEGIN HIDDEN TESTS?"),
    "hidden tests in a free cell": ('print("try it")', "### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS", "no test: mark"),
    "solution in a test": ("assert double(3) == 6", "### BEGIN SOLUTION\n### END SOLUTION", "in a cell that is no sol"),
    "nbgrader's word in markdown": ("# Why?", "# The text between BEGIN SOLUTION and so on", "nbgrader takes 'BEGIN S"),
    "autotest": ('print("try it")', "### AUTOTEST double(2)", "nbgrader takes 'AUTOTEST' for a mark of its own"),
    "long markdown": ("# One line will do.", LONG, "lines: at most 25; split it"),
    "long answer": ("# Really.", LONG, "the cell has 28 lines: at most 25; split it"),
    "long code": ('print("try it")', LONG, "the cell has 26 lines: at most 25; split it"),
    "long student's version": ('    """Twice x."""', "    # a\n" * 25, "lines in the student's version: at most 25"),
    "syntax error": ('print("try it")', "print('try it'", "syntax error: '(' was never closed"),
    "return outside": ('print("try it")', "return 1", "syntax error: 'return' outside function"),
    "magic": ('print("try it")', "%matplotlib inline", "a source is plain Python, without magics or shell commands"),
    "shell": ('print("try it")', "!pip install torch", "a source is plain Python, without magics or shell commands"),
    "empty cell": ('print("try it")', "", "an empty cell: take it out"),
    "markdown without #": ("# Why?", "Why?", "a line of a markdown cell begins with `# `; this one is 'Why?'"),
    "no title": ("# # Lines", "# Lines", "the first cell is a markdown cell that begins with the title, `# # Title`"),
    "other id in the set-up": ('start("lab01_line")', 'start("lab02_mlp")', 'the set-up cell has `runtime.start("lab'),
    "other install address": ("git+https://github.com/dlcourse", "git+https://github.com/other", "the set-up cell has"),
    "other set-up": ("from dlcourse import runtime", "import dlcourse", "the set-up cell has `from dlcourse import ch"),
    "more in the set-up": ('start("lab01_line")', 'start("lab01_line")\nimport torch', "the set-up cell ends after ru"),
    "no set-up": ("import importlib.util, subprocess, sys\nif importlib.util.find_spec", "if find", "no set-up cell: "),
    "other assignment": ('ASSIGNMENT = "lab01_line"', 'ASSIGNMENT = "lab02"', "the name cell is to be the two lines `"),
    "a name filled in": ('NAME = ""', 'NAME = "Ada"', "the name cell is to be the two lines `NAME = "),
}


@pytest.mark.parametrize("name", CASES)
def test_a_problem_is_named_with_file_and_line(root, name):
    old, new, text = CASES[name]
    source = swap(old, new)
    found = problems(root, source)
    assert any(text in line for line in found), found
    assert all(re.match(rf"{FILE}:\d+: ", line) for line in found)
    changed = [n for n, (a, b) in enumerate(zip(SOURCE.split("\n"), source.split("\n"), strict=False), 1) if a != b]
    number = next(int(line.split(":")[1]) for line in found if text in line)
    lines = source.split("\n")
    start = max(n for n, line in enumerate(lines[: changed[0]], 1) if re.match(r"# ?%%", line))
    end = next((n for n, line in enumerate(lines, 1) if n > start and line.startswith("# %%")), len(lines))
    assert start <= number <= end  # in the cell that was changed; where one line is at fault, the tests below say which


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("test ends in a number", "double(2) =="),
        ("two begins", "### BEGIN SOLUTION"),
        ("solution without end", "### BEGIN SOLUTION"),
        ("misspelt hidden tests", "### BEGIN HIDDEN TEST"),
        ("magic", "%matplotlib"),
        ("other id in the set-up", "lab02_mlp"),
        ("other install address", "github.com/other"),
        ("more in the set-up", "import torch"),
        ("markdown without #", "Why?"),
    ],
)
def test_where_one_line_is_at_fault_it_is_the_one_named(root, name, line):
    old, new, text = CASES[name]
    source = swap(old, new)
    numbers = {int(found.split(":")[1]) for found in problems(root, source) if text in found}
    wanted = [n for n, content in enumerate(source.split("\n"), 1) if line in content]
    assert numbers & set(wanted)


def test_a_hidden_test_that_ends_in_a_call_is_refused(root):
    source = swap("### END HIDDEN TESTS", "print(double(1))\n### END HIDDEN TESTS")
    line = line_of("print(double(1))", source)
    found = problems(root, source)
    assert found == [
        f'{FILE}:{line}: test "double_hidden" ends in an expression, whose value nbgrader reads as the score: '
        "end in an assert"
    ]


def test_the_part_that_students_see_may_not_end_in_an_expression_either(root):
    assert "where its hidden tests are taken out" in problems(root, swap("assert double(3) == 6", "double(3)"))[0]


def test_a_test_may_be_hidden_whole_but_not_empty(root):
    assert problems(root, swap("assert double(3) == 6\n", "# more tests run later\n")) == []
    assert (
        "is empty: it would give its points to everybody"
        in problems(root, swap('assert double(2) == 4, f"twice 2 is 4, yours {double(2)}"', "# nothing"))[0]
    )


def test_a_test_that_is_hidden_whole_says_so_in_a_comment(root):
    """JupyterLab gives no number to an empty cell, which then looks as if it had not been run."""
    assert "shows students an empty cell" in problems(root, swap("assert double(3) == 6\n", ""))[0]


def test_a_for_loop_of_asserts_is_a_good_end(root):
    assert problems(root, swap("assert double(3) == 6", "for x in (3, 4):\n    assert double(x) == x + x")) == []


@pytest.mark.parametrize("above", ["# %%\nprint(1)\n\n", '# %% [markdown] answer="other" points=1\n# Yes.\n\n'])
@pytest.mark.parametrize("cell", ['# %% solution="double"', '# %% [markdown] answer="why"'])
def test_a_question_stands_in_a_markdown_cell_of_its_own_directly_above(root, cell, above):
    source = swap(cell, above + cell)
    name = cell.split('"')[1]
    found = [line for line in problems(root, source) if f'"{name}" has no question of its own' in line]
    assert found[0].startswith(f"{FILE}:{line_of(cell, source)}: ")


def test_points_add_up_to_those_of_course_toml(root):
    found = problems(root, SOURCE, TOML.replace("points = 6", "points = 10"))
    assert found == [f"{FILE}:1: the points of tests and answers add up to 6, course.toml says 10"]


def test_an_assignment_that_course_toml_lacks_is_named(root):
    found = problems(root, SOURCE, TOML.replace("assignments.lab01_line", "assignments.lab01_lime"))
    assert "did you mean lab01_lime?: write a table [assignments.lab01_line] there" in found[0]


def test_a_lab_among_the_homework_is_told_to_move(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path, folder="homework")
    found = notebooks.check(notebooks.read_source(path), policy.load(tmp_path / "course.toml"))
    assert "move its folder to labs/" in found[0]


def test_another_repository_in_course_toml_is_seen(root):
    found = problems(root, SOURCE, TOML.replace("dlcourse/dlcourse", "prof/course"))
    assert found[0].startswith(f"{FILE}:{line_of('git+https')}: the set-up cell has `subprocess")
    assert "git+https://github.com/prof/course" in found[0]


def test_a_missing_name_cell_is_seen(root):
    name_cell = HEAD[HEAD.index("# %%\nNAME") :]
    assert "no name cell" in problems(root, swap(name_cell, ""))[0]


def test_a_file_that_is_not_named_as_its_folder_is_told_its_name(root):
    path = root / FILE
    path.rename(path.with_name("line.py"))
    with pytest.raises(notebooks.SourceError, match=r"labs/lab01_line/line.py:1: rename it to lab01_line.py"):
        notebooks.source_path(root, ID)
    found = notebooks.check(notebooks.read_source(path.with_name("line.py")), policy.load(root / "course.toml"))
    assert "the file is line.py, its folder lab01_line" in found[0]


def test_all_problems_come_at_once_in_the_order_of_lines(root):
    source = SOURCE.replace("points=1", "point=1").replace("### END SOLUTION", "").replace("# Why?", "Why?")
    found = problems(root, source)
    numbers = [int(line.split(":")[1]) for line in found]
    assert numbers == sorted(numbers)
    assert len(found) >= 4
    (root / FILE).write_text(source)
    with pytest.raises(notebooks.SourceError) as caught:
        notebooks.build(root, ID)
    assert str(caught.value).splitlines() == found
    assert not (root / FILE).with_suffix(".ipynb").exists()


@pytest.mark.parametrize("content", ["", "import torch\n", "\n\n"])
def test_a_file_without_cells_is_refused(root, content):
    assert any("text before the first cell: begin with `# %%`" in line for line in problems(root, content))


def test_a_source_that_is_not_utf8_is_one_line(root):
    (root / FILE).write_bytes(b"# %%\n\xff")
    with pytest.raises(notebooks.SourceError, match=f"{FILE}: byte 5 is not UTF-8"):
        notebooks.read_source(root / FILE)


def test_the_example_in_contributing_is_right(root):
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    example, answers, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert problems(root, HEAD + example, TOML.replace("points = 6", "points = 3")) == []
    path = root / "labs" / ID / "answers.py"
    path.write_text(answers)
    assert [case.loses for case in notebooks.read_answers(path)] == [{"scores_hidden"}, set()]


# ---- finding


def test_an_unknown_assignment_names_the_nearest(root):
    with pytest.raises(notebooks.SourceError, match="did you mean lab01_line"):
        notebooks.source_path(root, "lab01_lin")
    with pytest.raises(notebooks.SourceError, match="no assignment"):
        notebooks.source_path(root, "../labs/lab01_line")


def test_the_root_is_found_from_a_folder_below(root):
    assert notebooks.find_root(root / "labs" / ID) == root
    assert notebooks.find_root() == root
    assert notebooks.assignments(root) == [ID]


def test_outside_a_course_the_message_says_where_to_go(tmp_path):
    with pytest.raises(notebooks.SourceError, match=r"no course.toml here or above"):
        notebooks.find_root(tmp_path)


# ---- building


def student(root):
    return notebooks.release_notebook(instructor(root))


def instructor(root):
    return notebooks.instructor_notebook(*notebooks.load_checked(root, ID))


def by_id(nb):
    return {cell.id: cell for cell in nb.cells}


def test_ids_are_names_or_the_digest_of_the_text_and_repeats_are_counted(root):
    ids = [cell.id for cell in student(root).cells]
    assert ids[4:] == ["double", "9ae89b55", "9ae89b55-2", "double_visible", "double_hidden", "ba2fd596", "why"]
    assert len(set(ids)) == len(ids)


def test_students_get_stubs_and_no_hidden_test(root):
    cells = by_id(student(root))
    assert cells["double"].source == f'def double(x):\n    """Twice x."""\n    {notebooks.STUB}'
    assert cells["why"].source == "YOUR ANSWER HERE"
    assert cells["double_hidden"].source == "assert double(3) == 6\n"
    text = notebooks.dumps(student(root))
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text
    assert "Because" not in text


def test_a_blank_answer_fails_with_not_implemented_error(root):
    space = {}
    exec(by_id(student(root))["double"].source, space)
    with pytest.raises(NotImplementedError, match="your code goes here"):
        space["double"](1)


def test_the_badge_stands_below_the_title_and_opens_the_built_notebook(root):
    title, blank, badge, *rest = student(root).cells[0].source.split("\n")
    assert (title, blank, rest) == ("# Lines", "", ["", "You double a number — twice."])
    address = "https://colab.research.google.com/github/dlcourse/dlcourse/blob/main/labs/lab01_line/lab01_line.ipynb"
    assert badge.endswith(f"({address})")


def test_a_repository_that_colab_cannot_open_gets_no_badge(root):
    for path in (root / "course.toml", root / FILE):
        path.write_text(path.read_text().replace("github.com", "gitlab.example.org"))
    assert student(root).cells[0].source == "# Lines\nYou double a number — twice."


def test_the_same_source_gives_the_same_bytes_and_an_unchanged_file_is_left_alone(root):
    path = notebooks.build(root, ID)
    first, when = path.read_bytes(), path.stat().st_mtime_ns
    assert notebooks.build(root, ID).stat().st_mtime_ns == when
    path.unlink()
    assert notebooks.build(root, ID).read_bytes() == first
    assert "—".encode() in first  # not escaped: a diff is read by people
    assert first.endswith(b"}\n")
    assert first.decode() == json.dumps(json.loads(first), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    nbformat.validate(nbformat.reads(first.decode(), 4))


def test_building_does_not_change_the_instructors_notebook(root):
    nb = instructor(root)
    before = notebooks.dumps(nb)
    notebooks.release_notebook(nb)
    assert notebooks.dumps(nb) == before


def test_a_stale_notebook_is_named_and_not_written(root):
    with pytest.raises(notebooks.StaleError, match=r"lab01_line.ipynb: has not been built: run dlcourse build lab01"):
        notebooks.build(root, ID, check_only=True)
    path = notebooks.build(root, ID)
    (root / FILE).write_text(swap("Twice x.", "x, twice."))
    before = path.read_bytes()
    with pytest.raises(notebooks.StaleError, match="is not what its source says now"):
        notebooks.build(root, ID, check_only=True)
    assert path.read_bytes() == before


def test_a_build_takes_less_than_a_fifth_of_a_second(root):
    import time

    notebooks.build(root, ID)  # nbgrader's imports
    source = root / FILE
    taken = []
    for n in range(3):
        source.write_text(swap("Twice x.", f"Twice x. {n}"))
        start = time.perf_counter()
        notebooks.build(root, ID)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.2


# ---- answers


def test_the_reference_answers_fill_the_students_notebook(root):
    source = notebooks.read_source(root / FILE)
    answers = notebooks.reference_answers(source)
    assert answers == {"double": 'def double(x):\n    """Twice x."""\n    return 2 * x', "why": "Because.\n\nReally."}
    filled = notebooks.with_answers(student(root), answers)
    assert by_id(filled)["double"].source == answers["double"]
    assert by_id(filled)["double_hidden"] == by_id(student(root))["double_hidden"]
    with pytest.raises(notebooks.SourceError, match="did you mean double"):
        notebooks.with_answers(filled, {"doubl": "x"})


ANSWERS = """\
# %% [markdown]
# Right and wrong answers.

# %% case="sum" replaces="double" loses=""
def double(x):
    return x + x

# %% case="square" replaces="double" loses="double_visible, double_hidden"
def double(x):
    return x**2

# %% [markdown] case="square" replaces="why"
# No idea.
"""


def test_answers_are_read_as_cases(root):
    path = root / "labs" / ID / "answers.py"
    path.write_text(ANSWERS)
    right, wrong = notebooks.read_answers(path)
    assert right == notebooks.Case("sum", {"double": "def double(x):\n    return x + x"}, set(), 4)
    assert wrong.replaces == {"double": "def double(x):\n    return x**2", "why": "No idea."}
    assert wrong.loses == {"double_visible", "double_hidden"}


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ('replaces="double" loses=""', 'replaces="doubel" loses=""', 4, "there is no such solution or answer: did you"),
        ('loses=""', 'loses="double_seen"', 4, 'loses="double_seen": there is no such test'),
        (' loses=""', "", 4, 'case "sum" does not say what it loses'),
        ('case="sum" ', "", 4, 'no case: write case="name"'),
        ('replaces="double" loses=""', 'loses=""', 4, "no replaces"),
        ('case="sum"', 'cas="sum"', 4, "cas: there is no such mark: did you mean case?"),
        ('# %% case="sum" replaces="double" loses=""', "# %%", 4, "a cell without a case"),
        ('case="sum"', 'case="square"', 8, 'case "square" replaces double twice'),
        ('[markdown] case="square"', 'case="square"', 12, "write this as a markdown cell, as in the source"),
    ],
)
def test_a_wrong_answers_file_is_named_with_its_line(root, old, new, line, text):
    path = root / "labs" / ID / "answers.py"
    assert old in ANSWERS
    path.write_text(ANSWERS.replace(old, new, 1))
    with pytest.raises(notebooks.SourceError) as caught:
        notebooks.read_answers(path)
    lines = str(caught.value).split("\n")
    assert any(found.startswith(f"labs/{ID}/answers.py:{line}: ") and text in found for found in lines)


# ---- private tests


def private(root, text, place="private/lab01_line.py"):
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return root / "private"


REPLACED = '# %% test="double_hidden" points=2\nassert double(7) == 14, "seven"\n\n'
ADDED = '# %% test="double_secret" points=1\nassert double(11) == 22, "eleven"\n'


@pytest.mark.parametrize("place", ["private/lab01_line.py", "private/lab01_line/lab01_line.py"])
def test_private_tests_replace_or_join_the_public_ones_and_stay_hidden(root, place):
    folder = private(root, REPLACED + ADDED, place)
    public = notebooks.build(root, ID).read_bytes()
    merged, course = notebooks.load_checked(root, ID, folder)
    names = [cell.name for cell in merged.cells if cell.mark]
    assert names == ["double", "double_visible", "double_hidden", "double_secret", "why"]
    teacher = notebooks.instructor_notebook(merged, course)
    assert "double(7) == 14" in by_id(teacher)["double_hidden"].source
    released = by_id(notebooks.release_notebook(teacher))
    assert released["double_hidden"].source == released["double_secret"].source == notebooks.SECRET
    assert released["double_secret"].metadata.nbgrader.points == 1
    assert notebooks.build(root, ID, private=folder).read_bytes() == public  # beside the source: never a private test


def test_a_private_test_with_its_own_hidden_region_shows_what_stands_outside_it(root):
    text = '# %% test="double_hidden" points=3\nassert double(1) == 2\n'
    text += "### BEGIN HIDDEN TESTS\nassert double(7) == 14\n### END HIDDEN TESTS\n"
    folder = private(root, text)
    nb = notebooks.release_notebook(notebooks.instructor_notebook(*notebooks.load_checked(root, ID, folder)))
    assert by_id(nb)["double_hidden"].source == "assert double(1) == 2"


def test_a_private_test_of_no_question_stands_at_the_end(root):
    folder = private(root, REPLACED + ADDED.replace("double_secret", "all_together"))
    assert notebooks.load_checked(root, ID, folder)[0].cells[-1].name == "all_together"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (ADDED, "labs/lab01_line/lab01_line.py:1: ", "add up to 7, course.toml says 6"),
        ("# %%\nprint(1)\n", "private/lab01_line.py:1: ", "a private file holds test cells only"),
        ('# %% test="double" points=1\nassert 1\n', "", 'the name "double" is taken by'),
        (REPLACED + ADDED.replace("assert double", "double"), "private/lab01_line.py:5: ", "ends in an expression"),
        (REPLACED + REPLACED, "private/lab01_line.py:4: ", 'the name "double_hidden" is taken by'),
    ],
)
def test_a_problem_of_a_private_test_is_named_with_its_own_file(root, text, line, said):
    with pytest.raises(notebooks.SourceError) as caught:
        notebooks.build(root, ID, private=private(root, text))
    assert any(found.startswith(line) and said in found for found in str(caught.value).split("\n")), caught.value


def test_a_private_file_of_no_assignment_and_a_missing_folder_are_errors(root):
    with pytest.raises(notebooks.SourceError, match=r"private/lab01_lime.py:1: lab01_lime: .*did you mean lab01_line"):
        notebooks.build(root, ID, private=private(root, ADDED, "private/lab01_lime.py"))
    with pytest.raises(notebooks.SourceError, match="no such folder of private tests"):
        notebooks.build(root, ID, private=root / "privat")


# ---- writing


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(root, monkeypatch):
    path = notebooks.build(root, ID)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StaffError, match=r"^labs/lab01_line/lab01_line.ipynb: cannot be written: No space left on"):
        notebooks.write(path, "half")
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["lab01_line.ipynb", "lab01_line.py"]


def test_a_built_file_has_the_rights_of_an_ordinary_one(root):
    plain = root / "plain"
    plain.write_text("")
    assert notebooks.build(root, ID).stat().st_mode == plain.stat().st_mode


# ---- against nbgrader itself


@pytest.mark.slow
def test_the_built_notebook_is_what_nbgrader_generate_assignment_makes(root, tmp_path):
    course = tmp_path / "nbgrader course"
    folder = course / "source" / ID
    folder.mkdir(parents=True)
    (folder / f"{ID}.ipynb").write_text(notebooks.dumps(instructor(root)))
    config = f'c = get_config()\nc.ClearSolutions.code_stub = {{"python": {notebooks.STUB!r}}}\n'
    (course / "nbgrader_config.py").write_text(config)
    done = subprocess.run(
        [NBGRADER, "generate_assignment", ID, "--no-db"], cwd=course, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (course / "release" / ID / f"{ID}.ipynb").read_bytes() == notebooks.build(root, ID).read_bytes()
    shutil.rmtree(course)


def test_body_and_head_are_the_whole_source():
    assert SOURCE == HEAD + BODY
