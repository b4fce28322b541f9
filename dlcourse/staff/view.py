"""What a program in a sandbox may use and what it sees, whichever kind of sandbox it is."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
LINKS = ("/bin", "/sbin", "/lib", "/lib64", "/lib32")  # into /usr, on most machines
ETC = (  # what libraries read, where it is there
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/fonts", "/etc/localtime", "/etc/alternatives",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    cell_seconds: float = 60.0  # wall clock of one cell, and of one test
    notebook_seconds: float = 600.0  # wall clock of all cells, and again of all tests
    memory_mb: int = 4096  # of all its processes together
    disk_mb: int = 512  # of all it writes
    processes: int = 256
    restarts: int = 3  # after a cell that kills or blocks the kernel
    messages: int = 200_000  # of one test
    gpu: bool = False  # whether it gets the CUDA devices of this machine


def read_only_places() -> list[str]:
    """Folders that a Python process of this environment needs, outermost first, each once."""
    places = {"/usr", sys.prefix, sys.base_prefix, sys.exec_prefix, str(PACKAGE), os.path.realpath(sys.prefix)}
    places |= {
        os.path.realpath(p)
        for p in (sys.base_prefix, os.path.dirname(os.path.dirname(os.path.realpath(sys.executable))))
    }
    places |= {p for p in sys.path if "site-packages" in p or "dist-packages" in p}
    kept: list[str] = []
    for place in sorted((p for p in places if os.path.isdir(p)), key=len):
        if not any(place == k or place.startswith(k + "/") for k in kept):
            kept.append(place)
    return kept


def data_folder() -> Path:
    """Where `dlcourse.sets.store` keeps data sets; said again here, because grading imports nothing of a notebook's."""
    if named := os.environ.get("DLCOURSE_DATA"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlcourse"


def box_environment(home: str) -> dict[str, str]:
    """All that a program in the sandbox finds in its environment. One thread, waiting passively: many run at once."""
    bins = [str(Path(sys.prefix, "bin")), "/usr/local/bin", "/usr/bin", "/bin"]
    tmp = "/tmp" if home == "/home/student" else home
    return {
        "PATH": ":".join(bins), "HOME": home, "USER": "student", "LANG": "C.UTF-8", "TMPDIR": tmp,
        "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1",
        "OMP_THREAD_LIMIT": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE", "IPYTHONDIR": f"{home}/.ipython", "MPLCONFIGDIR": f"{home}/.matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline", "PIP_NO_INDEX": "1", "PIP_RETRIES": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "DLCOURSE_GRADING": "1",
        "DLCOURSE_DATA": "/data" if home == "/home/student" else str(data_folder()),
    }  # fmt: skip
