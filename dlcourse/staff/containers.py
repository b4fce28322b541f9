"""Podman and docker as sandboxes, for machines where bubblewrap is missing or may not make namespaces.

No image comes from anywhere: the root of a container is an empty one that is made here (some folders, some links), and
what a program needs is bound into it read-only, from the same list as for bubblewrap. So there is nothing to build and
nothing that could differ from the grader's own Python. A container engine hands no open file on to what it starts, in
docker's case not even through the same process; so the program inside meets the driver at a socket, once: whoever comes
first is heard, then the door is gone. Before anything else it takes the same syscall filter upon itself that
bubblewrap installs (syscalls.py); the engine's own filter stays in force besides.
"""

import csv
import functools
import hashlib
import io
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from dlcourse.staff import cuda
from dlcourse.staff.view import ETC, LINKS, Limits, box_environment, data_folder, read_only_places

TOOLS = ("podman", "docker")
DOOR = "/run/driver"  # where the program inside finds the driver
MEET_SECONDS = 60.0  # for a container to start; it takes under a second
USERS = 2_000_000  # user numbers of the machine from here on are nobody's: a root grader's sandboxes get those
FOLDERS = ("usr", "proc", "dev", "sys", "tmp", "etc", "run", "data", "assets", "home", "home/student")
WRITABLE = ("tmp", "home/student")


# ---------------------------------------------------------------------------------------------------- the empty image


def empty_image() -> bytes:
    """A root with nothing in it but places to bind to, and this machine's links such as /bin -> usr/bin; a tar."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name in WRITABLE else 0o755
            tar.addfile(entry)
        for link in LINKS:
            if os.path.islink(link):
                entry = tarfile.TarInfo(link[1:])
                entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(link)
                tar.addfile(entry)
    return made.getvalue()


def image(tool: str) -> str:
    """The name of the empty image, which is made where it is not there yet. OSError where that fails."""
    tar = empty_image()
    name = f"localhost/dlcourse-sandbox:{hashlib.sha256(tar).hexdigest()[:12]}"
    there = subprocess.run([tool, "image", "inspect", name], capture_output=True, timeout=60)
    if there.returncode:
        done = subprocess.run([tool, "import", "-", name], input=tar, capture_output=True, timeout=60)
        if done.returncode:
            raise OSError(last_line(done.stderr))
    return name


def last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else "no reason given"


# ---------------------------------------------------------------------------------------------------- the command


def command(tool: str, limits: Limits, program: list[str], assets=None, door=None, way=None) -> list[str]:
    """Run `program` in a container that goes when it ends, in one of `ways(tool)`; by default the first that works."""
    more, bounded = working_way(tool, shutil.which(tool)) if way is None else way
    run = [tool, *more, "run", "--rm", "--pull=never", "--network=none", "--ipc=private", "--hostname=sandbox"]
    run += ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--security-opt=label=disable"]
    run += ["--log-driver=none", f"--name=dlcourse-{os.getpid()}-{secrets.token_hex(4)}", "--workdir=/home/student"]
    run += ["--ulimit=nofile=1024:1024", "--ulimit=core=0:0", *_user(tool)]
    if tool == "podman":
        run += ["--read-only-tmpfs=false", "--no-hosts", "--http-proxy=false", "--ulimit=nproc=512:512"]
    if bounded:  # far enough above what the watcher allows for the watcher to be first, and to say what it was
        size = f"{limits.memory_mb + 3 * limits.disk_mb + 256}m"
        run += [f"--memory={size}", f"--memory-swap={size}", f"--pids-limit={limits.processes + 64}"]
    else:
        run.append("--cgroups=disabled")
    for place in WRITABLE:
        run.append(f"--tmpfs=/{place}:rw,exec,nosuid,nodev,size={limits.disk_mb}m,mode=1777")
    run.append(f"--shm-size={limits.disk_mb}m")
    for place in ("/dev/mqueue",) if limits.gpu else ("/dev/mqueue", "/sys"):  # a queue would outlive its process
        run.append(f"--tmpfs={place}:ro,size=4k,mode=555")
    bound = [(place, place) for place in read_only_places()]
    bound += [(link, link) for link in LINKS if os.path.isdir(link) and not os.path.islink(link)]
    bound += [(file, file) for file in ETC if os.path.exists(file)]
    if assets is not None:
        bound.append((str(assets), "/assets"))
    if data_folder().is_dir():
        bound.append((str(data_folder().resolve()), "/data"))
    if door is not None:
        bound.append((str(door), DOOR))
    environment = box_environment("/home/student")
    if limits.gpu:
        bound += [(place, place) for place in cuda.folders()]
        known = [(node, place) for node, place in cuda.nodes() if tool != "podman" or place.count("/") == 2]
        run += [f"--device={node}:{place}" for node, place in known]  # runc makes no folder below /dev for a user's
        environment |= cuda.environment()
    for source, target in with_mounts_below(bound):
        run += ["--mount", _csv("type=bind", f"source={source}", f"target={target}", "readonly")]
    words = [f"{name}={value}" for name, value in environment.items()]  # of the engine's own variables none stays
    return [*run, image(tool), "/usr/bin/env", "-i", *words, *program]


def _csv(*fields: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _user(tool: str) -> list[str]:
    """Who the program is outside: the grader, an ordinary user who can read the environment; for root, nobody."""
    user, group = os.geteuid(), os.getegid()
    if tool == "podman" and user:
        return ["--userns=keep-id", f"--user={user}:{group}"]
    if tool == "podman":
        return [f"--uidmap=0:{USERS}:65536", f"--gidmap=0:{USERS}:65536", "--user=1000:1000"]
    if not user:  # docker: no user namespace of its own, so each sandbox is somebody else
        user = group = USERS + 100_000 + secrets.randbelow(1_000_000)
    return [f"--user={user}:{group}"]


def with_mounts_below(bound: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each bind, and one more for every file system below it: "read-only" holds for the outermost alone."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split()[4].encode().decode("unicode_escape") for line in file]
    made = []
    for source, target in bound:
        made.append((source, target))
        below = sorted({m for m in mounts if m.startswith(source.rstrip("/") + "/")})
        made += [(m, target + m[len(source) :]) for m in below if not any(m == s for s, _ in bound)]
    return made


# ---------------------------------------------------------------------------------------------------- does it work


def ways(tool: str) -> list[tuple[list[str], bool]]:
    """(options, whether memory and processes are limited by cgroups too), the best first.

    Without cgroups the watcher and the program's own limits hold, as with bubblewrap. runc is for machines with both
    generations of cgroups, which crun refuses.
    """
    if tool == "docker":
        return [([], True)]
    return [([], True), ([], False), *([(["--runtime=runc"], True)] if shutil.which("runc") else [])]


@functools.cache
def try_ways(tool: str, path: str, gpu: bool = False) -> tuple[tuple | None, str]:
    """The first way in which this Python runs in a container; else why not. `path` is the tool's own."""
    limits, why = Limits(disk_mb=64, gpu=gpu), ""
    for way in ways(tool):
        try:
            probe = command(tool, limits, [sys.executable, "-c", "import dlcourse.staff.wire"], way=way)
            done = subprocess.run(probe, capture_output=True, timeout=MEET_SECONDS, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as err:
            return None, str(err)
        if done.returncode == 0:
            return way, ""
        why = why or last_line(done.stderr)
    return None, why


def working_way(tool: str, path: str) -> tuple:
    return try_ways(tool, path)[0] or ways(tool)[0]


def problem(tool: str, gpu: bool = False) -> str | None:
    """Why `tool` makes no sandbox here, in words; None where it does."""
    path = shutil.which(tool)
    if path is None:
        how = {"podman": "`apt install podman` or `dnf install podman`", "docker": "`apt install docker.io`"}[tool]
        return f"{tool} is not installed: {how}"
    way, why = try_ways(tool, path, gpu)
    return None if way else f"{tool} cannot run a container here ({why})"


def version(tool: str) -> str:
    words = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.replace(",", " ").split()
    return next((word for word in words if word[:1].isdigit()), "?")


# ---------------------------------------------------------------------------------------------------- the meeting


class Meeting:
    """A door at which one program, the first that comes, meets the driver."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="dlcourse-door-"))  # nobody else may enter it
        self.door = self.folder / "driver"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.door))
        os.chmod(self.door, 0o666)  # the program is another user, perhaps
        self.listener.listen(1)

    def wait(self, process: subprocess.Popen) -> tuple[socket.socket, int] | None:
        """The driver's end and the number of the program's process; None where it ended before it came."""
        until = time.monotonic() + MEET_SECONDS
        self.listener.settimeout(0.1)
        while process.poll() is None and time.monotonic() < until:
            with suppress(TimeoutError):
                here, _ = self.listener.accept()
                pid, _, _ = struct.unpack("3i", here.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                if pid > 0:
                    return here, pid
                here.close()  # on another machine, or behind a namespace: nobody could watch it
                return None
        return None

    def close(self) -> None:
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)
