"""What a sandbox needs of the machine for a CUDA device: its nodes in /dev, the driver's libraries, a few variables."""

import os
import re
import stat
import subprocess
from pathlib import Path

from dlcourse.staff.view import read_only_places

DEV = Path("/dev")
NODES = re.compile(r"nvidia\d+|nvidiactl|nvidia-uvm|nvidia-uvm-tools|dxg")  # dxg: the one of Windows' Linux
LIBRARY = "libcuda.so.1"
MACHINE = ("/sys/devices/system", "/sys/devices/pci0000:00", "/sys/bus/pci", "/sys/module/nvidia")  # what it reads
MENDED_BY = "run one CUDA program here first, such as `nvidia-smi` and `nvidia-modprobe -u -c 0`, which make them"


def nodes() -> list[tuple[str, str]]:
    """(device node, its place in the sandbox), sorted: of all devices, since CUDA_VISIBLE_DEVICES has its own count."""
    found = [p for p in DEV.iterdir() if NODES.fullmatch(p.name)] if DEV.is_dir() else []
    found += (DEV / "nvidia-caps").glob("nvidia-cap*")  # parts of a device that was divided
    return sorted((str(p), f"/dev/{p.relative_to(DEV)}") for p in found if stat.S_ISCHR(p.stat().st_mode))


def libraries() -> list[str]:
    """Folders that hold the driver's library, as the loader would look for it."""
    places = [p for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if os.path.isabs(p)]
    for loader in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if os.path.exists(loader):
            said = subprocess.run([loader, "-p"], capture_output=True, text=True).stdout
            places += [os.path.dirname(line.rpartition("=> ")[2]) for line in said.splitlines() if LIBRARY in line]
            break
    places += ["/usr/lib/wsl/lib", "/usr/local/nvidia/lib64"]
    kept = [os.path.realpath(p) for p in places if os.path.exists(os.path.join(p, LIBRARY))]
    return list(dict.fromkeys(kept))


def folders() -> list[str]:
    """The libraries' folders that `read_only_places` does not hold."""
    known = tuple(place + "/" for place in read_only_places())
    found = libraries()
    found += [os.path.dirname(os.path.realpath(os.path.join(p, LIBRARY))) for p in libraries()]
    return [p for p in dict.fromkeys(found) if not (p + "/").startswith(known)]


def environment() -> dict[str, str]:
    made = {"LD_LIBRARY_PATH": ":".join(libraries())}
    if (shown := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        made["CUDA_VISIBLE_DEVICES"] = shown
    return made


def problem() -> str | None:
    """Why no device can be given to a sandbox; None where one can."""
    names = {os.path.basename(place) for _, place in nodes()}
    if not names:
        return f"there is no device of NVIDIA's in {DEV}: grade where there is one, or leave --gpu out"
    if "dxg" not in names and (missing := {"nvidiactl", "nvidia-uvm"} - names):
        return f"{DEV / min(missing)} is not there: {MENDED_BY}"
    if not libraries():
        return f"{LIBRARY} of the driver was not found by ldconfig or in LD_LIBRARY_PATH: install the driver"
    return None
