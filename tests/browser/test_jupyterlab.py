"""Each assignment, solved, runs to its end in a real JupyterLab: in a browser, through the menus, as a student would.

DLCOURSE_SHOTS=folder keeps pictures of every page; look at them after a change of a notebook or of the figure style.
"""

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest

from dlcourse.staff import notebooks
from tests.browser.real_lab import PANEL, SIZE, SWITCHES, Notebook, Server, find_browser

ROOT = Path(__file__).parents[2]
IDS = notebooks.assignments(ROOT)
DRAWS = {f"plotting.{name}" for name in ("show", "show_images", "show_curves", "slider")}  # a call gives one figure
DRAWS |= {"quiz.picture", "tuning.show_runs"}
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The page of a JupyterLab, and the folder of its notebooks."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    program = find_browser()
    if program is None:
        pytest.skip("no browser here: install chromium (apt-get install chromium) or Google Chrome")
    server = Server(tmp_path_factory.mktemp("lab"))
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=list(SWITCHES))
            page = browser.new_page(viewport=SIZE)
            page.goto(server.address())
            page.locator(".jp-Launcher").wait_for(timeout=60_000)
            yield page, server.work
            browser.close()
    finally:
        server.stop()


@pytest.fixture
def open_notebook(lab):
    """A function that opens a notebook."""
    page, folder = lab
    opened = []

    def open_in_lab(id, nb):
        path = folder / f"{id}.ipynb"
        path.write_text(notebooks.dumps(nb))
        opened.append(Notebook(page, path))
        return opened[-1]

    yield open_in_lab
    for notebook in opened:
        notebook.close()


@pytest.fixture
def shots():
    """The folder for pictures of the pages, where somebody wants to look at them."""
    if not (name := os.environ.get("DLCOURSE_SHOTS")):
        return None
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("id", IDS)
def test_a_solved_copy_runs_to_its_end(id, open_notebook, shots):
    source, course = notebooks.load_checked(ROOT, id)
    release = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    solved = notebooks.with_answers(release, notebooks.reference_answers(source))
    sources = [cell.source for cell in solved.cells if cell.cell_type == "code"]
    wanted = awaited(sources)
    figures, counts = [cell["figures"] for cell in wanted], list(range(1, len(sources) + 1))

    notebook = open_notebook(id, solved)
    page = notebook.run_all()
    if shots:
        notebook.shoot(shots)
    file = [cell for cell in notebook.save()["cells"] if cell["cell_type"] == "code"]

    # what the student sees
    assert [cell["text"] for cell in page if cell["red"]] == []
    assert [cell["prompt"] for cell in page] == [f"[{n}]:" for n in counts]
    assert [{"figures": cell["figures"], "sliders": cell["sliders"]} for cell in page] == wanted
    assert sum(figures) > 0 or course.assignments[id].kind == "homework"

    # what is handed in
    assert ["".join(cell["source"]) for cell in file] == sources
    assert [cell["execution_count"] for cell in file] == counts
    outputs = [out for cell in file for out in cell["outputs"]]
    assert [out for out in outputs if out["output_type"] == "error" or out.get("name") == "stderr"] == []
    assert [sum(map(is_figure, cell["outputs"])) for cell in file] == figures
    pictures = [out for out in outputs if "image/png" in out.get("data", ())]
    assert [out for out in pictures if out["data"]["text/plain"] == ["a figure"]] == [], "give plotting.show a sentence"
    said = "".join("".join(out["text"]) for out in outputs if out["output_type"] == "stream")
    assert [name for name in notes(sources) if f"✓ {name}: passed" not in said] == []

    # a slider is no picture of a slider
    for number, cell in enumerate(wanted):
        if cell["sliders"]:
            notebook.turn(number)
            assert notebook.rest()[number]["figures"] == cell["figures"]


SLIDER = """import matplotlib.pyplot as plt
from dlcourse import plotting

def turn(m, b):
    _, axis = plt.subplots()
    axis.plot([m, b])
    plotting.show("A line from m to b")

plotting.slider(turn, m=(-2.0, 6.0, 2.0), b=(0, 10, 5))"""
MANY = """import time

for i in range(8):
    _, axis = plt.subplots()
    for k in range(20):
        axis.plot([1, 2, k])
        time.sleep(0.02)
    plotting.show("Twenty lines")"""


def test_a_slider_leaves_the_figures_of_a_running_cell_alone(open_notebook):
    """JupyterLab hands a slider's moves to a second thread of the kernel; pyplot has one list of figures for all."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (SLIDER, MANY)])
    notebook = open_notebook("slider", nb)
    notebook.run_all()
    notebook.turn(0)  # from the second move on it is another thread
    notebook.page.locator(f"{PANEL} .jp-CodeCell").nth(1).click()
    notebook.page.keyboard.press("Control+Enter")
    for _ in range(12):
        notebook.page.locator(f"{PANEL} .widget-slider .noUi-handle").first.press("ArrowRight")
        notebook.page.wait_for_timeout(200)
    assert [cell["figures"] for cell in notebook.rest()] == [1, 8]


def awaited(sources):
    """For each code cell how many figures it must show and how many sliders, from its text alone."""
    drawing, cells = set(), []  # drawing: the notebook's own functions that show a figure
    texts = set(re.findall(r"^(\w+) = data\.load\(\"(?:places|dates|phrases|docs)\"", "\n".join(sources), re.MULTILINE))

    def draws(call):
        if _name(call) == "pictures.show_set" and getattr(call.args[0], "id", None) in texts:
            return False  # it prints examples
        return (
            _name(call) in DRAWS
            or _name(call).startswith("pictures.show_")
            or (isinstance(call.func, ast.Name) and call.func.id in drawing)
        )

    for text in sources:
        body = ast.parse(text).body
        functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        drawing |= {node.name for node in functions if any(map(draws, _calls([node])))}
        calls = _calls([node for node in body if node not in functions])
        sliders = sum(len(call.keywords) for call in calls if _name(call) == "plotting.slider")
        cells.append({"figures": sum(map(draws, calls)), "sliders": sliders})
    return cells


def notes(sources):
    """The exercises that tests note as passed."""
    calls = [call for text in sources for call in _calls(ast.parse(text).body)]
    return [call.args[0].value for call in calls if _name(call) == "checks.passed"]


def is_figure(output):
    return not {"image/png", WIDGET}.isdisjoint(output.get("data", ()))


def _calls(nodes):
    return [call for node in nodes for call in ast.walk(node) if isinstance(call, ast.Call)]


def _name(call):
    return ast.unparse(call.func)
