"""Grading on a real CUDA device, where this machine has one, in each kind of sandbox that starts."""

import json

import nbformat
import pytest

from dlcourse.staff import cuda, grading, notebooks, sandbox
from dlcourse.staff.sandbox import Limits
from tests.staff.small_class import make_source, put, source_notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(cuda.problem() is not None, reason=f"no CUDA device for a sandbox: {cuda.problem()}"),
]
SCALE = "def scale(x):\n    return 2 * x"
FIT = """def fit(x, y, steps):
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2)).to(x.device)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return net, losses"""
IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\ndevice = torch.device('cuda')"
POINTS_OF_A_RING = "_x = torch.randn(256, 2, device='cuda')\n_y = (_x.norm(dim=1) > 1).long()\n"
CELLS = [
    ("imports", "locked", IMPORTS),
    ("scale", "solution", SCALE),
    ("warm", "locked", "print(scale(torch.ones(3, device=device)).sum().item())"),  # CUDA starts here
    ("scale_test", 1,
     "_x = torch.arange(4.0, device='cuda')\n_found = scale(_x)\nassert _found.device.type == 'cuda', 'it has left the GPU'\n"
     "assert torch.equal(_found.cpu(), 2 * torch.arange(4.0)), f'twice 0, 1, 2, 3: yours {_found}'"),
    ("scale_hidden", 1,
     "### BEGIN HIDDEN TESTS\n_m = torch.ones(64, 64, device='cuda')\nassert scale(_m).sum().item() == 2 * 64 * 64\n### END HIDDEN TESTS"),
    ("fit", "solution", FIT),
    ("fit_test", 2,
     f"torch.manual_seed(0)\n{POINTS_OF_A_RING}_net, _losses = fit(_x, _y, 60)\nassert _losses[-1] < 0.5 * _losses[0], _losses[-1]\n"
     "assert next(_net.parameters()).is_cuda, 'the network is not on the GPU'\n"
     "assert (_net(_x).argmax(1) == _y).float().mean().item() > 0.8"),
]  # fmt: skip
RIGHT = {"scale": SCALE, "fit": FIT}
WRONG = "def scale(x):\n    return 3 * x"


def book(answers):
    made = json.loads(nbformat.writes(notebooks.release_notebook(source_notebook(CELLS))))
    for cell in made["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = (RIGHT | answers).get(name, cell["source"])
    return made


def test_right_and_wrong_work_is_told_apart_on_the_device(kind, tmp_path):
    if problem := sandbox.problem_with(kind, gpu=True):
        pytest.skip(problem)
    source = make_source(tmp_path, CELLS)
    for name, answers in {"right": {}, "wrong": {"scale": WRONG}}.items():
        put(tmp_path / "in", name, book(answers))
    limits = Limits(cell_seconds=60, memory_mb=8192, gpu=True)
    made = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=limits, sandbox=kind)
    told = {r["student"]: {n: c["message"] for n, c in r["cells"].items()} for r in made.records}
    assert {r["student"]: r["score"] for r in made.records} == {"right": 4, "wrong": 2}, told
    # a tensor crosses to the judge as one on the CPU, so a test that asks for its device runs beside the student's code
    assert {i.name for i in made.plan.tests if i.weak} == {"scale_test", "fit_test"}
