"""A class of ten for homework 1, handed in the way classes hand in, and its grading: the whole path in one command."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from dlcourse.staff import grading, notebooks
from dlcourse.staff.plan import names_of
from dlcourse.staff.sandbox import Limits, sandbox_problem

ID = "hw1_mlp"
SECONDS = 10.0  # for one cell: the endless loop is one


def demo(root: Path, folder: Path, jobs: int | None = None, progress=None, say=print) -> "grading.Outcome":
    """Build homework 1, make the class below `folder`, grade it into `folder`/course."""
    say(f"1  build     {notebooks.shown(notebooks.build(root, ID))}")
    handed_in = folder / "handed-in"
    names = make_class(root, handed_in)
    say(f"2  class     {len(names)} hand-ins in {notebooks.shown(handed_in)}")
    problem = sandbox_problem()
    if problem and install_bubblewrap():
        problem = sandbox_problem()
    if problem:
        say(f"   sandbox   {problem}")
        say("   sandbox   going on with --trust, since this class is our own")
    say("3  grade     the instructor's own solution first, then the class")
    return grading.grade(
        ID, handed_in, folder / "course", root=root, jobs=jobs, limits=Limits(cell_seconds=SECONDS),
        trust=problem is not None, progress=progress,
    )  # fmt: skip


def install_bubblewrap() -> bool:
    """Install it with the system's own package manager, where that asks no question."""
    if sys.platform != "linux" or shutil.which("bwrap"):
        return False
    before: list[str] = []
    if os.geteuid():
        if not shutil.which("sudo") or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
            return False
        before = ["sudo", "-n"]
    for manager, steps in (
        ("apt-get", (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "bubblewrap"])),
        ("dnf", (["install", "-y", "-q", "bubblewrap"],)),
    ):
        if shutil.which(manager):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for step in steps:
                subprocess.run([*before, manager, *step], env=environment, capture_output=True, timeout=300)
            return shutil.which("bwrap") is not None
    return False


def make_class(root: Path, folder: Path) -> list[str]:
    """Write the ten hand-ins; the same bytes and times at each call. Returns the file names."""
    source, course = notebooks.load_checked(root, ID)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    right = notebooks.reference_answers(source)
    cases = notebooks.read_answers(source.path.with_name("answers.py"), source)
    wrong = [c for c in cases if c.loses]
    solutions = [c.name for c in source.cells if c.mark == "solution"]
    due = course.assignments[ID].due

    def book(answers: dict, name: str, base=released) -> dict:
        made = json.loads(notebooks.dumps(notebooks.with_answers(base, answers)))
        for cell in made["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "code" and text.startswith("NAME = "):
                cell["source"] = text.replace('NAME = ""', f'NAME = "{name}"')
        return made

    another = {}
    for case in cases:
        if not case.loses:
            another |= {k: v for k, v in case.replaces.items() if k not in another}
    first_wrong = {}
    for case in wrong:
        if not set(case.replaces) & set(first_wrong) and len(first_wrong) < 2:
            first_wrong |= case.replaces
    function = sorted(names_of(right[solutions[0]])[1])
    loop = "\n".join(f"def {f}(*args, **kwargs):\n    while True:  # almost there\n        pass\n" for f in function)
    cheat = (
        "import builtins, torch\nimport dlcourse.checks\nfrom dlcourse import checks\n\n"
        "torch.allclose = torch.equal = lambda *a, **k: True\ntorch.testing.assert_close = lambda *a, **k: None\n"
        "checks.close = dlcourse.checks.close = lambda *a, **k: None\nbuiltins.AssertionError = ZeroDivisionError\n\n"
    )
    cheats = {
        s: cheat + "\n".join(f"def {f}(*args, **kwargs):\n    return 1\n" for f in sorted(names_of(right[s])[1]))
        for s in solutions
    }

    overwritten = book(cheats, "Till Eulenspiegel")
    colab = book(right, "Mary Somerville")
    for number, made in enumerate((overwritten, colab)):
        for cell in made["cells"]:
            mark = cell["metadata"].get("nbgrader", {})
            if not number and mark.get("grade") and cell["cell_type"] == "code":
                cell["source"] = "assert True  # all tests pass"
            if number:
                cell.pop("id", None)  # Colab keeps the metadata and drops the ids
    colab["metadata"]["colab"] = {"provenance": []}
    colab["cells"].insert(1, {
        "cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1,
        "source": "from google.colab import drive\ndrive.mount('/content/drive')\n!pip install -q torchmetrics",
    })  # fmt: skip
    files = {
        "Ada_Lovelace": book(right, "Ada Lovelace"),
        "Alan_Turing": book(right | first_wrong, "Alan Turing"),
        "Grace_Hopper": book(right | another, "Grace Hopper"),
        "Rip_van_Winkle": book({}, "Rip van Winkle"),
        "Tony_Hoare": book(right, "Tony Hoare"),
        "hw final (1)": book(right, "Emmy Noether"),
        "Zeno_of_Elea": book(right | {solutions[0]: loop}, "Zeno of Elea"),
        "Till_Eulenspiegel": overwritten,
        "Humpty_Dumpty": book(right, "Humpty Dumpty"),
        "Copy of Mary_Somerville": colab,
    }
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for stem, made in files.items():
        name = f"{stem}.ipynb" if stem.startswith("hw") else f"{stem}_{ID}.ipynb"
        text = json.dumps(made, indent=1, sort_keys=True) + "\n"
        wanted[name] = text[: len(text) // 3] if stem.startswith("Humpty") else text
    for old in folder.glob("*.ipynb"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(text.encode()).digest():
            notebooks.write(path, text)
        when = due + timedelta(days=1.4) if name.startswith("Tony") else due - timedelta(hours=len(name))
        os.utime(path, (when.timestamp(), when.timestamp()))
    return sorted(wanted)
