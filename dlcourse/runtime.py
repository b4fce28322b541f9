"""Where does this notebook run, and is everything there? The first call of every lab and homework.

Nothing here writes to stderr: a graded cell that does so loses its points in plain nbgrader.
"""

import importlib.metadata
import importlib.util
import os
import platform
import random
import shutil
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

import dlcourse

SEED = 0


@dataclass
class Session:
    """What `start` noted; the receipt reads it."""

    assignment: str = ""
    cpu_started: float = 0.0  # seconds of this process
    clock_started: float = 0.0  # seconds, monotonic


session = Session()


def start(assignment: str, threads: int | None = None) -> None:
    """Seed everything, note the time, print one line that says what this notebook runs on.

    assignment  its folder name, such as "lab01_line"
    threads     processor threads for torch; None: as it is
    """
    if not isinstance(assignment, str) or not assignment:
        raise ValueError(f'start: the assignment is {assignment!r}: pass its name, such as "lab01_line"')
    seed_everything(SEED)
    if threads is not None:
        torch.set_num_threads(threads)
    if session.assignment != assignment:  # running the cell again keeps the clock
        session.assignment = assignment
        session.cpu_started, session.clock_started = time.process_time(), time.monotonic()
    print(
        f"{assignment}: dlcourse {dlcourse.__version__}, torch {torch.__version__.split('+')[0]}, "
        f"Python {sys.version_info.major}.{sys.version_info.minor}, {_device_words()}, seed {SEED}. Ready."
    )


def seed_everything(seed: int) -> None:
    """Give `random`, NumPy and torch the same seed, so that a run can be repeated."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The fastest device here: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def in_notebook() -> bool:
    """True where cells run and pictures are shown (JupyterLab, Colab, Kaggle, VS Code, the grader), False elsewhere."""
    shell = _shell()
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"


def has_front_end() -> bool:
    """True where somebody can move a slider: a notebook with a kernel behind it, not the grader."""
    return in_notebook() and hasattr(_shell(), "kernel")


def _shell():
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def doctor() -> bool:
    """Print one line for each thing a lab needs, with what to do where it is missing; True if all is well.

    A line that begins with `note` can wait: the labs run without it.
    """
    packages = [_package_line(*row) for row in _PACKAGES]
    lines = [_python_line(), *packages, _disk_line(), _sum_line(), _gpu_line()]
    for state, what, say in lines:
        print(f"{state:>5}  {what:<14}{say}")
    well = all(state != "miss" for state, _, _ in lines)
    print("All green: you can start." if well else "Mend the lines that say `miss`, then run this again.")
    return well


_PACKAGES = (  # import name, distribution, oldest version, state where it is missing, what to do
    ("torch", "torch", (2, 11), "miss", "pip install --upgrade torch"),
    ("numpy", "numpy", (1, 26), "miss", "pip install --upgrade numpy"),
    ("matplotlib", "matplotlib", (3, 8), "miss", "pip install matplotlib"),
    ("sklearn", "scikit-learn", (1, 4), "miss", "pip install scikit-learn (the digits come with it)"),
    ("torchvision", "torchvision", (0, 26), "note", "pip install torchvision (for the image labs)"),
    ("ipywidgets", "ipywidgets", (8, 0), "note", "pip install ipywidgets (for sliders)"),
)


def _python_line():
    return "ok", "Python", platform.python_version()  # pip refuses the package on one that is too old


def _package_line(module, package, oldest, missing, todo):
    if importlib.util.find_spec(module) is None:
        return missing, package, f"not found: {todo}"
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "ok", package, "present, version unknown"
    numbers = tuple(int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit())
    if numbers < oldest:
        return missing, package, f"{found}, but {oldest[0]}.{oldest[1]} or newer is needed: {todo}"
    return "ok", package, found


def _disk_line():
    here = os.getcwd()
    free = shutil.disk_usage(here).free / 1e9  # GB
    if not os.access(here, os.W_OK):
        return "note", "This folder", "cannot be written: copy the notebook to a folder of yours"
    if free < 0.5:
        return "note", "This folder", f"only {free:.1f} GB free: make room before you save"
    return "ok", "This folder", f"can be written, {free:.0f} GB free"


def _sum_line():
    found = float((torch.eye(3) @ torch.tensor([1.0, 2.0, 3.0])).sum())
    if found == 6:
        return "ok", "torch works", "1 + 2 + 3 is 6 here, too"
    return "miss", "torch works", f"1 + 2 + 3 came out as {found}: install torch again"


def _gpu_line():
    return ("ok" if device().type != "cpu" else "note"), "GPU", f"{_device_words()}; the labs need none"


def _device_words() -> str:
    where = device().type
    if where == "cuda":
        return f"GPU {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    cpu = f"CPU with {threads} thread{'s' if threads > 1 else ''}"
    return f"{cpu} and an Apple GPU" if where == "mps" else cpu
