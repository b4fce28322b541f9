"""Submissions an hour, processor seconds: `dlcourse grade` (sandbox, judge, pages) beside plain `nbgrader autograde`.

    python benchmarks/grading.py [--count 40] [--theirs 8] [--what torch_set hw1_mlp]

`torch_set` is an nbgrader problem set with little compute of its own: three questions on torch, one short training.
`hw1_mlp` is homework 1: two trainings and five figures. Each hand-in is right and has a comment of its own. Both
graders work on the same hand-ins in one run, one after the other; nbgrader, which grades one at a time and grows
linearly, gets the first few. Processor seconds are those of all processes, as the kernel counts them. "Own compute" is
what the cells and tests of one hand-in take in a process that has everything imported: the floor for any grader.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from dlcourse.staff import course_folder, grading, notebooks

TORCH_SET = [  # grade id, points (None: a solution, 0: locked), source
    ("imports", 0, "import torch\nfrom torch import nn"),
    ("scores", None, "def scores(query, keys):\n    return keys @ query / len(query) ** 0.5"),
    ("scores_test", 2, "found = scores(torch.ones(9), torch.ones(5, 9))\nassert found.shape == (5,) and found[0] == 3"),
    (
        "scores_hidden",
        2,
        "### BEGIN HIDDEN TESTS\nq, k = torch.randn(7), torch.randn(3, 7)\n"
        "torch.testing.assert_close(scores(q, k), (k * q).sum(1) / 7**0.5)\n### END HIDDEN TESTS\nassert True",
    ),
    (
        "net",
        None,
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.body = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))\n"
        "    def forward(self, x):\n        return self.body(x)[:, 0]",
    ),
    (
        "net_test",
        2,
        "net = Net()\nassert net(torch.zeros(5, 2)).shape == (5,)\n"
        "assert sum(p.numel() for p in net.parameters()) == 129",
    ),
    (
        "train",
        None,
        "def train(net, x, y, steps=200):\n    for _ in range(steps):\n        loss = ((net(x) - y) ** 2).mean()\n"
        "        loss.backward()\n        with torch.no_grad():\n            for p in net.parameters():\n"
        "                p -= 0.1 * p.grad\n                p.grad = None\n    return loss.item()",
    ),
    (
        None,
        0,
        "torch.manual_seed(0)\nx = torch.rand(256, 2)\ny = (3 * x[:, 0]).sin() + x[:, 1]\n"
        "print(train(Net(), x, y, 600))",
    ),
    (
        "train_test",
        4,
        "torch.manual_seed(1)\nx = torch.rand(64, 2)\nnet = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))\n"
        "assert train(net, x, x.sum(1), 50) < 0.2",
    ),
]  # fmt: skip


def torch_set() -> nbformat.NotebookNode:
    """nbgrader's source notebook of the small problem set."""
    cells = []
    for name, points, text in TORCH_SET:
        cell = new_code_cell(text, id=name or "own")
        if points is None:
            first, _, rest = text.partition("\n")
            cell.source = f"{first}\n    ### BEGIN SOLUTION\n{rest}\n    ### END SOLUTION"
        if name:
            mark = {"grade_id": name, "schema_version": 3, "task": False, "cell_type": "code"}
            mark |= {"grade": bool(points), "solution": points is None, "locked": points is not None}
            cell.metadata["nbgrader"] = mark | ({"points": points} if points else {})
        cells.append(cell)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def make_class(what: str, folder: Path, count: int) -> tuple[str, nbformat.NotebookNode]:
    """nbgrader's course folder with `count` hand-ins; what `grading.grade` takes for the assignment, and its source."""
    root = notebooks.find_root(Path(__file__).parent)
    if what == "torch_set":
        place = folder / "source" / what
        place.mkdir(parents=True)
        book = torch_set()
        nbformat.write(book, place / f"{what}.ipynb")
        (folder / "nbgrader_config.py").write_text('get_config().CourseDirectory.course_id = "measured"\n')
        released, name = notebooks.release_notebook(book), str(place / f"{what}.ipynb")
        right = {n: text for n, points, text in TORCH_SET if points is None}
    else:
        source, course = notebooks.load_checked(root, what)
        book = notebooks.instructor_notebook(source, course)
        released = notebooks.release_notebook(book)
        right, name = notebooks.reference_answers(source), what
        course_folder.init_course(root, folder)
    first = next(iter(right))
    for i in range(count):
        hand_in = folder / "submitted" / f"s{i:03}" / what
        hand_in.mkdir(parents=True)
        answers = right | {first: f"{right[first]}\n# {i}"}
        (hand_in / f"{what}.ipynb").write_text(notebooks.dumps(notebooks.with_answers(released, answers)))
    return name, book


def own_compute(book, folder: Path) -> float:
    """Processor seconds of the cells and all tests of one hand-in in a process that has its imports behind it."""
    path = folder / "own.ipynb"
    nbformat.write(book, path)
    program = (
        "import sys, time, json, io, contextlib, os\nos.environ['MPLBACKEND'] = 'module://matplotlib_inline.backend_inline'\n"
        "import torch, matplotlib.pyplot, torch._dynamo\nfrom dlcourse import checks, data, plotting, runtime\n"
        "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell.instance()\n"
        "torch.set_num_threads(1)\nbook = json.load(open(sys.argv[1]))\nbegan = time.process_time()\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n    for cell in book['cells']:\n"
        "        if cell['cell_type'] == 'code':\n            shell.run_cell(''.join(cell['source']))\n"
        "print(time.process_time() - began)"
    )
    command = [sys.executable, "-c", program, str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    runs = [subprocess.run(command, capture_output=True, text=True, env=environment, check=True) for _ in range(3)]
    return min(float(done.stdout.split()[-1]) for done in runs)


def measured(work) -> tuple[float, float]:
    """Wall clock and processor seconds of `work` with everything that it starts."""
    before, began = processor(), time.perf_counter()
    work()
    return time.perf_counter() - began, processor() - before


def processor() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(use.ru_utime + use.ru_stime for use in map(resource.getrusage, kinds))


def study(what: str, count: int, few: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "course")
        name, book = make_class(what, folder, count)
        root = notebooks.find_root(Path(__file__).parent)
        floor = own_compute(book, Path(place))
        outcomes = []
        submitted = folder / "submitted"
        alone = measured(lambda: grading.grade(name, submitted, Path(place, "first"), root=root, students=["s000"]))
        ours = measured(lambda: outcomes.append(grading.grade(name, submitted, Path(place, "ours"), root=root)))
        scores = {r["score"] for r in outcomes[0].records}

        for path in sorted(submitted.iterdir())[few:]:
            path.rename(Path(place, path.name))
        bins = str(Path(sys.executable).parent)
        environment = {**os.environ, "PATH": f"{bins}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

        def nbgrader(*words):
            command = [sys.executable, "-m", "nbgrader", *words]
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

        if not (folder / "gradebook.db").exists():
            nbgrader("generate_assignment", what, "--create")
        theirs = measured(lambda: nbgrader("autograde", what, "--create"))
    cores = os.cpu_count()
    ours_each, theirs_each = ours[0] / count, theirs[0] / few
    print(f"\n{what}: {count} hand-ins for us, {few} for nbgrader; {cores} cores; scores {scores}")
    print(f"own compute of one hand-in, the floor: {floor:.2f} CPU s")
    print("| | wall clock a hand-in | an hour | CPU s a hand-in | beyond its own compute |\n|---|---|---|---|---|")
    for label, each, cpu in (
        ("`dlcourse grade`, the start and the instructor's solution shared by all", ours_each, ours[1] / count),
        ("the same, one hand-in more", (ours[0] - alone[0]) / (count - 1), (ours[1] - alone[1]) / (count - 1)),
        ("`nbgrader autograde`", theirs_each, theirs[1] / few),
    ):
        print(f"| {label} | {each:.2f} s | {3600 / each:.0f} | {cpu:.2f} | {cpu - floor:.2f} |")
    ratio = theirs_each / ours_each
    print(f"ratio of hand-ins an hour {ratio:.1f}; beside {cores} loss-free nbgraders at once {ratio / cores:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--theirs", type=int, default=8)
    parser.add_argument("--what", nargs="*", default=["torch_set", "hw1_mlp"])
    args = parser.parse_args()
    for what in args.what:
        study(what, args.count, min(args.theirs, args.count))


if __name__ == "__main__":
    main()
