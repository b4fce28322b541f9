"""Where does this notebook run, and is everything there? The first call of every lab and homework.

    runtime.start("lab01_line")
    where = runtime.device()

Nothing here writes to stderr: a graded cell that does so loses its points in plain nbgrader.
"""

import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
    """Seed everything, note the time, print one line that says where and on what this notebook runs.

    assignment  its folder name, such as "lab01_line"
    threads     processor threads for torch; None: as they are, but no more than there are cores for this process
    """
    if not isinstance(assignment, str) or not assignment:
        raise ValueError(f'start: the assignment is {assignment!r}: pass its name, such as "lab01_line"')
    seed_everything(SEED)
    threads = threads or min(torch.get_num_threads(), _cores())  # in a container torch counts the whole machine's
    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
    if session.assignment != assignment:  # running the cell again keeps the clock
        session.assignment = assignment
        session.cpu_started, session.clock_started = time.process_time(), time.monotonic()
    print(
        f"{assignment}: {_place()}, dlcourse {dlcourse.__version__}, torch {torch.__version__.split('+')[0]}, "
        f"Python {sys.version_info.major}.{sys.version_info.minor}, {_device_words()}, seed {SEED}. Ready."
    )


def seed_everything(seed: int) -> None:
    """Give `random`, NumPy and torch the same seed, so that a run can be repeated."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The fastest device here: CUDA, else Apple's MPS, else the CPU. Under torchrun each process has its own GPU."""
    if _cuda_works():
        if "LOCAL_RANK" in os.environ:
            return torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def precision(device: torch.device | str) -> torch.dtype:
    """The number type to train with: bfloat16 where this hardware computes with it, else float32.

    Elsewhere bfloat16 is emulated, and slower. On a CPU an assignment (after `start`) stays in float32, so that a
    notebook gives the same numbers on a laptop, on a server and in the grader.
    """
    device = torch.device(device)
    graded = device.type == "cpu" and session.assignment
    return torch.bfloat16 if _has_bfloat16(device) and not graded else torch.float32


def rank() -> int:
    """The number of this process, 0 for the first; torchrun tells it in the variable RANK."""
    return int(os.environ.get("RANK", 0))


def world_size() -> int:
    """How many processes train together; torchrun tells it in the variable WORLD_SIZE."""
    return int(os.environ.get("WORLD_SIZE", 1))


@contextmanager
def deterministic() -> Iterator[None]:
    """Inside, torch gives the same numbers in every run on the same machine, or says that an operation cannot.

    Slower on a GPU. There it works best around the whole program: cuBLAS reads its variable when it is first used.
    """
    cudnn, name = torch.backends.cudnn, "CUBLAS_WORKSPACE_CONFIG"
    before = cudnn.deterministic, cudnn.benchmark, os.environ.get(name)
    mode = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        os.environ.setdefault(name, ":4096:8")
        torch.use_deterministic_algorithms(True)
        cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        torch.use_deterministic_algorithms(mode[0], warn_only=mode[1])
        cudnn.deterministic, cudnn.benchmark = before[:2]
        if before[2] is None:
            os.environ.pop(name, None)


def in_notebook() -> bool:
    """True where cells run and pictures are shown (JupyterLab, Colab, Kaggle, VS Code, the grader), False elsewhere."""
    shell = _shell()
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"


def has_front_end() -> bool:
    """True where somebody can move a slider: a notebook with a kernel behind it, not the grader."""
    return in_notebook() and hasattr(_shell(), "kernel")


def in_grader() -> bool:
    """True in the processes of `dlcourse grade`: tests run in one, what the student wrote in another."""
    return "DLCOURSE_GRADING" in os.environ


def doctor() -> bool:
    """Print one line for each thing a lab needs, with what to do where it is missing; True if all is well.

    A line that begins with `note` can wait: few labs need it, or none.
    """
    lines = _examine()
    for state, what, say in lines:
        print(f"{state:>5}  {what:<14}{say}")
    well = all(state != "miss" for state, _, _ in lines)
    print("All green: you can start." if well else "Mend the lines that say `miss`, then run this again.")
    return well


# ---- where this runs


def _shell():
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _place() -> str:
    """In words, such as "in Jupyter, Slurm job 12 on gpu07"."""
    env, words = os.environ, ["as a plain program"]
    if in_grader() or env.get("NBGRADER_EXECUTION") == "autograde":
        words = ["in the grader"]
    elif "COLAB_RELEASE_TAG" in env or "google.colab" in sys.modules:
        words = ["in Colab"]
    elif "KAGGLE_KERNEL_RUN_TYPE" in env:
        words = ["in Kaggle"]
    elif in_notebook():
        code = "VSCODE_PID" in env or "__vsc_ipynb_file__" in getattr(_shell(), "user_ns", {})
        words = ["in VS Code" if code else "in Jupyter"]
    if "SLURM_JOB_ID" in env:
        words.append(f"Slurm job {env['SLURM_JOB_ID']} on {env.get('SLURMD_NODENAME') or platform.node()}")
    if world_size() > 1:
        words.append(f"process {rank() + 1} of {world_size()}")
    return ", ".join(words)


def _device_words() -> str:
    where = device()
    if where.type == "cuda":
        count = torch.cuda.device_count()
        number = f" {where.index or 0} of {count}," if count > 1 else ""
        return f"GPU{number} {torch.cuda.get_device_name(where)}"
    threads = torch.get_num_threads()
    cpu = f"CPU with {threads} thread{'s' if threads > 1 else ''}"
    return f"{cpu} and an Apple GPU" if where.type == "mps" else cpu


_said_of_cuda: list[str] = []  # why a GPU cannot be used: torch warns once, and a warning would go to stderr


def _cuda_works() -> bool:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        works = torch.cuda.is_available()
    if not _said_of_cuda:
        _said_of_cuda.extend(str(one.message) for one in said)
    return works


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(False) and torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(_cpu_flags() & {"amx_bf16", "avx512_bf16"})


def _cpu_flags() -> set[str]:
    """What the processor can do, from torch, else from Linux."""
    if hasattr(torch.cpu, "get_capabilities"):
        return {name for name, value in torch.cpu.get_capabilities().items() if value is True}
    lines = _read("/proc/cpuinfo").splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def _cores() -> int:
    """Processor cores for this process: what the machine, its container and its Slurm job leave of them."""
    counts = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    counts += [int(os.environ[name]) for name in ("SLURM_CPUS_PER_TASK",) if name in os.environ]
    for folder in _control_groups("cpu"):
        new = _read(folder / "cpu.max").split()
        quota, period = new or (_read(folder / "cpu.cfs_quota_us") or "-1", _read(folder / "cpu.cfs_period_us"))
        if quota.strip() not in ("max", "-1"):
            counts.append(round(int(quota) / int(period)))
    return max(1, min(counts))


def _memory() -> tuple[float, float]:
    """(free, total) gigabytes for this process, a container's limit counted; nan where the system does not tell."""
    rows = dict(line.split(":") for line in _read("/proc/meminfo").splitlines())
    free, total = (int(rows[name].split()[0]) * 1024 if rows else math.nan for name in ("MemAvailable", "MemTotal"))
    for folder in _control_groups("memory"):
        limit = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
        if limit.strip().isdigit() and int(limit) < total:
            used = int(_read(folder / "memory.current") or _read(folder / "memory.usage_in_bytes"))
            stat = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
            used -= int(stat.get("total_inactive_file") or stat.get("inactive_file", 0))  # files kept at hand only
            free, total = min(free, int(limit) - used), int(limit)
    return free / 1e9, total / 1e9


def _control_groups(kind: str) -> Iterator[Path]:
    """Folders with the limits of this process, its own first; Linux, version 2 and version 1."""
    for line in _read("/proc/self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        if not kinds or kind in kinds.split(","):
            top = _CGROUPS / kind if kinds else _CGROUPS
            here = top / path.lstrip("/")
            yield from (folder for folder in (here, *here.parents) if folder.is_relative_to(top))


_CGROUPS = Path("/sys/fs/cgroup")


def _read(path) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


# ---- the doctor


def _examine() -> list[tuple[str, str, str]]:
    """(state, what, what to say) of everything that a lab needs: "ok", "note" (it can wait) or "miss"."""
    looks = {
        "Python": _python_line,
        "Runs": lambda: ("ok", "Runs", _place()),
        **{row[1]: partial(_package_line, *row) for row in _PACKAGES},
        "Fonts": _fonts_line,
        "Weights": _weights_line,
        "torch works": _sum_line,
        "Threads": _threads_line,
        "Memory": _memory_line,
        "GPU": _gpu_line,
        "bfloat16": _bfloat16_line,
        "This folder": lambda: _folder_line("This folder", Path.cwd(), "copy the notebook to a folder of yours"),
        "Data folder": _data_line,
        "Network": lambda: ("ok", "Network", "not needed, but for the first load of a set such as mnist"),
    }
    lines = []
    for what, look in looks.items():
        try:
            lines.append(look())
        except Exception as error:  # one odd machine must not hide the other lines
            lines.append(("note", what, f"could not be looked at: {error}"))
    return lines


_PACKAGES = (  # import name, distribution, oldest version, state where it is missing, what to do
    ("torch", "torch", (2, 11), "miss", "pip install --upgrade torch"),
    ("numpy", "numpy", (1, 26), "miss", "pip install --upgrade numpy"),
    ("matplotlib", "matplotlib", (3, 8), "miss", "pip install --upgrade matplotlib"),
    ("sklearn", "scikit-learn", (1, 4), "miss", "pip install --upgrade scikit-learn (the digits come with it)"),
    ("torchvision", "torchvision", (0, 26), "note", "pip install --upgrade torchvision (for the image labs)"),
    ("babel", "babel", (2, 12), "note", "pip install --upgrade babel (for the labs on names and dates)"),
    ("skimage", "scikit-image", (0, 22), "note", "pip install --upgrade scikit-image (for its photographs)"),
    ("safetensors", "safetensors", (0, 4), "note", "pip install --upgrade safetensors (for transfer learning)"),
    ("ipywidgets", "ipywidgets", (8, 0), "note", "pip install --upgrade ipywidgets (for sliders)"),
)


def _python_line():
    # pip refuses the package on a Python that is too old
    return "ok", "Python", f"{platform.python_version()}, dlcourse {dlcourse.__version__}"


def _package_line(module, package, oldest, missing, todo):
    spec = importlib.util.find_spec(module)
    if spec is None:
        return missing, package, f"not found: {todo}"
    if spec.origin and Path(spec.origin).parent == Path.cwd():
        return "miss", package, f"hidden by the file {Path(spec.origin).name} in this folder: give it another name"
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "ok", package, "present, version unknown"
    numbers = tuple(int(part) for part in found.split("+")[0].split(".")[:2] if part.isdigit())
    if numbers < oldest:
        return missing, package, f"{found}, but {oldest[0]}.{oldest[1]} or newer is needed: {todo}"
    return "ok", package, found


def _fonts_line():
    spec = importlib.util.find_spec("matplotlib")
    count = len(list(Path(spec.origin).parent.glob("mpl-data/fonts/ttf/*.ttf"))) if spec and spec.origin else 0
    if not count:
        return "note", "Fonts", "none in matplotlib: pip install --force-reinstall matplotlib (for the labs on glyphs)"
    return "ok", "Fonts", f"{count} in matplotlib: the glyphs are drawn with them"


def _weights_line():
    count = len(list((Path(dlcourse.__file__).parent / "files").glob("*.safetensors")))
    if not count:
        return "note", "Weights", "none in dlcourse: pip install --force-reinstall dlcourse (for transfer learning)"
    return "ok", "Weights", f"{count} trained network{'s' if count > 1 else ''} in dlcourse"


def _sum_line():
    found = float((torch.eye(3) @ torch.tensor([1.0, 2.0, 3.0])).sum())
    if found == 6:
        return "ok", "torch works", "1 + 2 + 3 is 6 here, too"
    return "miss", "torch works", f"1 + 2 + 3 came out as {found}: install torch again"


def _threads_line():
    threads, cores = torch.get_num_threads(), _cores()
    said = f"{threads} for {cores} core{'s' if cores > 1 else ''}"
    if threads > cores:
        return "note", "Threads", f"{said}: they wait for each other; runtime.start(...) lowers them"
    return "ok", "Threads", said


def _memory_line():
    free, total = _memory()
    if math.isnan(free):
        return "ok", "Memory", "this system does not tell how much is free"
    if free < 2:
        return "note", "Memory", f"only {free:.1f} of {total:.0f} GB free: close other notebooks and programs"
    return "ok", "Memory", f"{free:.0f} of {total:.0f} GB free"


def _gpu_line():
    if not _cuda_works():
        apple = device().type == "mps"
        return ("ok", "GPU", _device_words()) if apple else ("note", "GPU", f"{_why_no_gpu()}; the labs need none")
    rows = []
    for i in range(torch.cuda.device_count()):
        free, total = (size / 1e9 for size in torch.cuda.mem_get_info(i))  # GB
        rows.append(f"{torch.cuda.get_device_name(i)}, {free:.0f} of {total:.0f} GB free")
    return "ok", "GPU", "; ".join(rows)


def _why_no_gpu() -> str:
    if _said_of_cuda:
        return f"torch cannot use it ({_said_of_cuda[0].split('. ')[0]}): bring its driver up to date"
    if torch.version.cuda is None and Path("/proc/driver/nvidia/version").exists():
        return "there is one, but this torch is built without CUDA: install it as pytorch.org says"
    if "SLURM_JOB_ID" in os.environ:
        return "none in this Slurm job: ask for one with --gres=gpu:1"
    return "none"


def _bfloat16_line():
    where = device()
    here = "processor" if where.type == "cpu" else "GPU"
    if not _has_bfloat16(where):
        return "ok", "bfloat16", f"not computed by this {here}: training stays in float32"
    said = "training outside of assignments is faster" if where.type == "cpu" else "training is faster"
    return "ok", "bfloat16", f"computed by this {here}: {said}"


def _data_line():
    from dlcourse.sets import store

    return _folder_line("Data folder", store.folder(), "set the variable DLCOURSE_DATA to a folder of yours")


def _folder_line(what, folder, todo):
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free / 1e9  # GB
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError:
        return "note", what, f"{folder} cannot be written: {todo}"
    if free < 0.5:
        return "note", what, f"{folder}: only {free:.1f} GB free: make room before you save"
    return "ok", what, f"{folder} can be written, {free:.0f} GB free"


if __name__ == "__main__":  # `dlcourse doctor` runs this file in a process of its own
    print(json.dumps(_examine()))
