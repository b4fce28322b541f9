"""What runs where: names of a cell, and the split of an assignment between box and judge."""

import pytest

from dlcourse.staff.grading import reference
from dlcourse.staff.plan import make_plan, names_of, read_cells, slow_imports
from tests.staff.small_class import CELLS, released, source_notebook


@pytest.mark.parametrize(
    ("source", "reads", "binds"),
    [
        ("x = y + 1", {"y"}, {"x"}),
        ("x = 1\nz = x", set(), {"x", "z"}),
        ("x = x + 1", {"x"}, {"x"}),
        ("x += 1", {"x"}, {"x"}),
        ("x[0] = 1", {"x"}, set()),
        ("import a.b as c, d.e\nfrom f import g as h", set(), {"c", "d", "h"}),
        ("def f(a, *b, c=k, **d):\n    e = a + g\n    return e", {"k", "g"}, {"f"}),
        ("def f():\n    return g()\ndef g():\n    return 1", set(), {"f", "g"}),
        ("class A(B):\n    x = y\n    def m(self):\n        return z", {"B", "y", "z"}, {"A"}),
        ("squares = [i * k for i in items if i]", {"k", "items"}, {"squares"}),
        ("for i, j in pairs:\n    total = i", {"pairs"}, {"i", "j", "total"}),
        ("with open(p) as file:\n    pass", {"open", "p"}, {"file"}),
        ("try:\n    f()\nexcept E as err:\n    pass", {"f", "E"}, {"err"}),
        ("if (n := g(1)) > 2:\n    pass", {"g"}, {"n"}),
        ("key = lambda v: v + w", {"w"}, {"key"}),
        ("%matplotlib inline\nplot(x)", {"get_ipython", "plot", "x"}, set()),
        ("def broken(:", set(), set()),
    ],
)
def test_names_that_a_cell_reads_and_binds(source, reads, binds):
    assert names_of(source)[:2] == (reads, binds)


def plan_of(cells=CELLS):
    from dlcourse.staff import notebooks

    book = source_notebook(cells)
    return make_plan("ps1", read_cells(book, notebooks.release_notebook(book)))


def test_a_test_takes_from_the_student_what_solution_cells_define_and_nothing_else():
    plan = plan_of()
    assert {i.name: i.names for i in plan.tests} == {
        "squares_visible": ["squares"], "squares_hidden": ["squares"], "double_test": ["double"], "partial": ["double"],
    }  # fmt: skip
    assert plan.shared == ["imports"]
    assert plan.max_score == 10


def test_the_name_that_is_given_out_empty_comes_from_the_student():
    test = ("who", 1, "assert NAME and ASSIGNMENT == 'ps1'")
    empty = plan_of([("cell", "free", 'NAME = ""  # yours\nASSIGNMENT = "ps1"'), test])
    assert empty.items["who"].names == ["NAME"]
    assert empty.asks_who
    fixed = plan_of([("cell", "free", 'NAME = "ps1"\nASSIGNMENT = "ps1"'), test])
    assert fixed.items["who"].names == []
    assert not fixed.asks_who


def test_a_blank_that_asks_for_a_value_defines_the_name_of_its_cell():
    """As in a quiz, where a student's copy is all that `dlcourse check` has."""
    cells = [
        ("ask", "free", "params = None"),
        ("params", "solution", "raise NotImplementedError"),
        ("test", 1, "assert params"),
    ]
    made = plan_of(cells)
    assert made.items["test"].names == ["params"]


def test_an_instructors_cell_that_uses_the_students_work_runs_only_for_a_test_that_needs_it():
    cells = [
        *CELLS[:3],
        ("try_it", "locked", "print(squares(3))"),
        ("made", "locked", "table = squares(3)"),
        ("table_test", 1, "assert table == [1, 4, 9]"),
        ("other_test", 1, "assert squares(1) == [1]"),
    ]
    plan = plan_of(cells)
    assert "try_it" not in plan.items
    assert plan.items["table_test"].needs == ["made"]
    assert plan.items["made"].names == ["squares"]
    assert plan.items["table_test"].group == plan.items["made"].group != plan.items["other_test"].group


def test_modules_that_a_solution_imports_are_imported_by_the_judge_itself():
    cells = [
        ("area", "solution", "def area(r):\n    return 3 * r"),
        ("more", "solution", "import math\nx = 1"),
        ("t", 1, "assert area(math.pi) > 9"),
    ]
    plan = plan_of(cells)
    assert plan.items["t"].names == ["area"]
    assert "import math" in plan.items["more.imports"].source


def test_a_visible_test_whose_names_later_cells_use_also_runs_in_the_box():
    cells = [
        *CELLS[:3],
        ("t", 1, "rows = squares(3)\nassert rows"),
        ("double", "solution", "def double(items=rows):\n    return items"),
    ]
    assert plan_of(cells).run_in_box == {"t"}


def test_the_digest_changes_with_a_test_and_not_with_the_clock():
    changed = [(n, k, s.replace("121", "122")) for n, k, s in CELLS]
    assert plan_of().digest == plan_of().digest != plan_of(changed).digest


def test_a_name_that_is_bound_twice_belongs_to_whoever_bound_it_last():
    cells = [*CELLS[:3], ("ours", "locked", "def squares(n):\n    return []"), ("t", 1, "assert squares(3) == []")]
    assert plan_of(cells).items["t"].names == []


def test_the_reference_is_the_source_as_it_stands():
    from types import SimpleNamespace

    book = source_notebook()
    model = reference(SimpleNamespace(instructor=book))
    assert [c.source for c in model.cells] == [c.source for c in book.cells]
    assert "SOLUTION" not in "".join(c.source for c in released().cells)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", []),
        ("from dlcourse import runtime", ["numpy", "torch"]),
        ("from dlcourse import plotting, training", ["numpy", "torch", "matplotlib.pyplot", "torch._dynamo"]),
        ("import numpy as np", ["numpy"]),
    ],
)
def test_what_is_slow_to_import_is_known_from_the_text(text, expected):
    """Else the first cell of each submission would pay for it, from its own time."""
    assert slow_imports(text) == expected


GIVEN = [
    ("imports", "free", "import random\nimport torch"),
    ("rows", "free", "rows = [3, 1, 2]\nspare = [1]"),
    ("sorted", "free", "rows.sort()"),
    ("helper", "free", "def close(a, b):\n    return abs(a - b) < eps"),
    ("eps", "free", "eps = 1e-6"),
    ("training", "free", "net = train(spare)\nprint(net)"),
    ("double", "solution", "def double(x):\n    return 2 * x"),
]


@pytest.mark.parametrize(
    ("more", "test", "kept"),
    [
        (None, "assert close(double(1), 2)", {"helper", "eps"}),
        (None, "assert double(rows[0]) == 2", {"rows", "sorted"}),  # the call changes what the test reads
        (None, "assert double(2) == 4", set()),
        ("torch.set_default_dtype(torch.float64)", "assert double(2) == 4", {"imports", "more"}),
        ("random.choice = min", "assert double(random.choice([1])) == 2", {"imports", "more"}),
        ("history = train(spare, rows)", "assert double(rows[0]) == 2", {"rows", "sorted", "training", "more"}),
        (None, "assert double(eval('rows')[0]) == 2", {name for name, kind, _ in GIVEN if kind == "free"}),
    ],
)
def test_the_judge_runs_a_given_cell_only_where_a_test_may_depend_on_it(more, test, kept):
    cells = [*GIVEN, *([("more", "free", more)] if more else []), ("t", 1, test)]
    plan = plan_of(cells)
    assert set(plan.shared) == kept
    assert set(plan.items) == {*kept, "t"}


def test_every_locked_cell_is_run_by_the_judge():
    assert plan_of([*GIVEN, ("ours", "locked", "print('ready')"), ("t", 1, "assert double(2) == 4")]).shared == ["ours"]
