"""Imports run down only: one table of floors, an ast walk over every module, and what a fresh Python really loads."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dlcourse"

# A module may import modules of a lower floor; those of one floor do not know each other.
FLOORS = {
    "cli": 10,
    "staff.demo": 9,
    "staff.cluster_dask": 8.9,
    "staff.cluster": 8.8,
    "staff.leaderboard": 8.6,
    "staff.final": 8.5,
    "staff.grading": 8.5,
    "staff.gradebook": 8,
    "staff.handin": 8,
    "staff.fresh": 7.6,
    "staff.ledger": 7.6,
    "staff.marks": 7.2,
    "staff.run": 7.5,
    "staff.submissions": 7,
    "staff.course_folder": 7,
    "staff.notebooks": 6.5,
    "staff.lms": 6.2,
    "staff.points": 6.2,
    "staff.project": 6.2,
    "staff.policy": 6,
    "staff.format_rules": 6,
    "staff.probe": 6.1,
    "staff.sandbox": 6,
    "staff.containers": 5.9,
    "staff.cuda": 5.8,
    "staff.clock": 5.8,
    "staff.plan": 6,
    "staff.pages": 6,
    "staff.similar": 6,
    "staff.progress": 6,
    "staff.rehearsal": 5.8,  # in a student's own kernel
    "staff.judge": 5.6,  # the programs that run inside a sandbox: standard library at the top, torch when needed
    "staff.box": 5.4,
    "staff.view": 5.3,
    "staff.syscalls": 5.2,
    "staff.tables": 5.2,
    "staff.standins": 5.2,
    "staff.wire": 5.2,
    "staff.streams": 5.1,
    "staff": 5,  # its error class
    # ---- notebooks stop here
    "quizzes.__main__": 4.8,  # a quiz on paper
    "quizzes.quiz1_basics": 4.5,  # found by name: a quiz's questions know how questions are made, and not the other way
    "quizzes.quiz2_losses": 4.5,
    "quizzes.quiz3_shapes": 4.5,
    "quizzes.quiz4_transfer": 4.5,
    "quizzes.quiz5_sequences": 4.5,
    "quizzes.quiz6_attention": 4.5,
    "quizzes": 4.4,
    "quiz": 4.2,
    "tuning": 4.2,
    "training": 4,
    "pretrained": 4,
    "checks": 4,
    "pictures": 3.5,
    "data": 3,
    "text": 3,
    "models": 3,
    "plotting": 3,
    "transforms": 3,
    "sets.colour_digits": 2.5,  # how each set is made: arrays, and nothing of the rest of the package
    "sets.dates": 2.5,
    "sets.digits": 2.4,
    "sets.docs": 2.5,
    "sets.glyphs": 2.4,
    "sets.photographs": 2.5,
    "sets.phrases": 2.5,
    "sets.places": 2.5,
    "sets.points": 2.5,
    "sets.real": 2.5,
    "sets.scenes": 2.5,
    "sets.texts": 2.5,
    "sets.download": 2.3,
    "runtime": 2,
    "sets.store": 1.5,
    "sets": 1,
    "": 0,  # dlcourse/__init__.py
}
STUDENT_SIDE = {name for name, floor in FLOORS.items() if 0 < floor < 5}
IN_THE_SANDBOX = {"staff.wire", "staff.box", "staff.judge", "staff.syscalls", "staff.standins", "staff.streams"}

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
    for path in PACKAGE.rglob("*.py")
}


def imports(name):
    """(imported module, is it at the top of the file) for each import statement, at any depth."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: write the whole name: relative imports hide the floor"
            # `from dlcourse import data` means the module dlcourse.data
            found = [f"{node.module}.{alias.name}" for alias in node.names] if node.module else []
        else:
            continue
        for one in found:
            yield one, node in tree.body


def ours(imported):
    """The module of ours that an imported name stands for, or None: dlcourse.staff.policy.load -> staff.policy."""
    if imported.split(".")[0] != "dlcourse":
        return None
    parts = imported.split(".")[1:]
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts)


def test_every_module_has_a_floor():
    assert sorted(MODULES) == sorted(FLOORS)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_run_down_only(name):
    below = {ours(imported) for imported, _ in imports(name)} - {None}
    up = {other for other in below if FLOORS[other] >= FLOORS[name]}
    assert not up, f"{name} (floor {FLOORS[name]}) imports {', '.join(sorted(up))}, which is not below it"


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name == "cli" or name.startswith("staff.")))
def test_the_staff_side_never_calls_the_student_side(name):
    called = {ours(imported) for imported, _ in imports(name)} & STUDENT_SIDE
    assert not called, f"{name} imports {', '.join(sorted(called))}: grading must not load torch into the grader"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_torch_stays_below_the_line_and_grading_above_it(name):
    roots = {imported.split(".")[0] for imported, _ in imports(name)}
    if name in STUDENT_SIDE:
        assert not roots & {"nbgrader", "nbformat", "nbclient", "jupyter_client", "sqlalchemy"}
    elif name not in IN_THE_SANDBOX:
        assert not roots & {"torch", "torchvision", "numpy", "matplotlib", "sklearn"}


@pytest.mark.parametrize("name", sorted(IN_THE_SANDBOX))
def test_what_runs_in_the_sandbox_imports_only_the_standard_library_at_its_top(name):
    tops = {imported.split(".")[0] for imported, top in imports(name) if top}
    assert tops - set(sys.stdlib_module_names) <= {"dlcourse"}


@pytest.mark.parametrize("name", sorted(STUDENT_SIDE))
def test_what_is_slow_to_import_waits_for_its_use(name):
    tops = {imported.split(".")[0] for imported, top in imports(name) if top}
    assert not tops & {"torchvision", "sklearn", "tqdm", "IPython", "ipywidgets", "babel", "safetensors", "PIL"}
    assert "matplotlib" not in tops or name in ("plotting", "pictures")


def loaded(*statements):
    """Top-level packages in sys.modules of a fresh Python after the statements."""
    code = "; ".join([*statements, "import sys, json", "print(json.dumps(sorted(sys.modules)))"])
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == ""
    return set(json.loads(found.stdout))


def test_importing_the_package_loads_nothing_else():
    before, after = loaded("pass"), loaded("import dlcourse")
    assert after - before <= {"dlcourse"}


def test_the_command_line_leaves_torch_and_numpy_out():
    roots = {name.split(".")[0] for name in loaded("import dlcourse.cli")}
    assert not roots & {"torch", "numpy", "matplotlib", "nbgrader", "sqlalchemy", "nbformat"}


def test_the_whole_staff_side_leaves_torch_out():
    staff = [f"import dlcourse.{name}" for name in sorted(MODULES) if name.startswith("staff.")]
    assert "torch" not in loaded(*staff)


def test_training_costs_no_more_than_torch():
    """Its import time, as a property without flicker: what is loaded beyond torch (in seconds: benchmarks/imports.py)."""
    extra = loaded("import torch", "import dlcourse.training") - loaded("import torch")
    assert {name.split(".")[0] for name in extra} <= {"dlcourse"}
    assert "torch._dynamo" not in extra  # two seconds, paid by the first optimizer


def test_data_and_checks_and_runtime_load_no_figures():
    roots = {
        name.split(".")[0]
        for name in loaded("from dlcourse import checks, data, models, pretrained, runtime, text, training, transforms")
    }
    assert not roots & {
        "matplotlib",
        "torchvision",
        "sklearn",
        "nbgrader",
        "sqlalchemy",
        "jupyter_client",
        "jupyter_core",
    }


def test_the_readme_names_every_module():
    text = (PACKAGE.parent / "README.md").read_text()
    modules = [p.name for p in (*PACKAGE.glob("*.py"), *(PACKAGE / "staff").glob("*.py")) if p.stem != "__init__"]
    assert [name for name in modules if not re.search(rf"\b{re.escape(name)}\b", text)] == []
