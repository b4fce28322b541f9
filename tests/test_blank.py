"""Run untouched in a real kernel, a notebook stops with NotImplementedError only. test_answers.py asks it of every one."""

import ast
import os
from pathlib import Path

import pytest
from nbclient import NotebookClient

from dlcourse.staff import notebooks

ROOT = Path(__file__).parents[1]
IDS = ("lab01_line", "lab02_softmax", "hw1_mlp", "quiz1_basics")

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that runs a notebook as JupyterLab's kernel would, going on after an error; all outputs of cells."""
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "MPLBACKEND"))]:
        monkeypatch.delenv(name)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def run_all(nb):
        client = NotebookClient(nb, timeout=120, kernel_name="python3", allow_errors=True)
        client.resources = {"metadata": {"path": str(tmp_path)}}
        client.execute()
        return [(cell, out) for cell in nb.cells if cell.cell_type == "code" for out in cell.outputs]

    return run_all


@pytest.mark.parametrize("id", IDS)
def test_a_blank_copy_stops_with_not_implemented_only(id, run):
    source, course = notebooks.load_checked(ROOT, id)
    nb = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    outputs = run(nb)
    errors = [(cell, out) for cell, out in outputs if out.output_type == "error"]

    others = [f"{out.ename}: {out.evalue}\n{cell.source}" for cell, out in errors if out.ename != "NotImplementedError"]
    assert others == [], "\n\n".join(others)
    assert {out.evalue for _, out in errors} <= {"your code goes here: replace this line"}
    assert [out.text for _, out in outputs if out.get("name") == "stderr"] == []
    failed = {cell.id for cell, _ in errors}
    tests = [
        cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("locked") and ast.parse(cell.source).body
    ]
    assert [cell.id for cell in tests if cell.id not in failed] == [], "a visible test passes without an answer"
