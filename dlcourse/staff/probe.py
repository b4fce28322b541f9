"""Does a sandbox keep what it promises on this machine? `examine` starts one and tries it from inside.

For `dlcourse doctor` and the tests. The program inside is this module, served in the same way as a submission's.
"""

import contextlib
import ctypes
import errno
import json
import os
import socket
import sys
import time
from pathlib import Path

from dlcourse.staff import clock, containers, wire
from dlcourse.staff.box import keep_to_itself, limit_resources, prepare_work, serve_forks, to_driver
from dlcourse.staff.sandbox import Box, BoxGone, Channel, Limits, Watch, bwrap_version, read_only_places, sweep_orphans

LIMITS = Limits(memory_mb=400, disk_mb=16, processes=32)
WRITABLE = {"/tmp", "/home/student", "/dev/shm"}
SECONDS = 8.0  # for a limit to be noticed
PROMISES = "no network, no files of yours, nothing to write but 3 memory disks, no privileges, limits hold"


# ---------------------------------------------------------------------------------------------------- the driver's side


def examine(kind: str) -> list[str]:
    """What a sandbox of this kind does not keep, in words; empty where all is well."""
    sweep_orphans()
    outside = [str(p) for folder in {Path.home(), Path.cwd()} for p in folder.iterdir()] if Path.home().is_dir() else []
    needed = read_only_places()
    outside = [p for p in outside if not any(n == p or n.startswith(p + "/") or p.startswith(n + "/") for n in needed)]
    broken = []
    watch = Watch()
    try:
        with Box("dlcourse.staff.probe", LIMITS, kind=kind, watch=watch) as box:
            broken += judged(ask(box, "facts", outside))
            if not box.clean():
                broken.append("it cannot be made as new for the next submission")
        for what, amount in (("memory", LIMITS.memory_mb), ("processes", LIMITS.processes)):
            with Box("dlcourse.staff.probe", LIMITS, kind=kind, watch=watch) as box, contextlib.suppress(BoxGone):
                if ask(box, what, amount):
                    broken.append(f"the limit on {what} does not hold")
    except BoxGone as gone:
        broken.append(f"its program ended ({gone.why})")
    finally:
        watch.close()
    return broken


def version(kind: str) -> str:
    if kind == "bubblewrap":
        return ".".join(map(str, bwrap_version()))
    return containers.version(kind)


def ask(box: Box, what: str, about=None):
    channel = Channel()
    try:
        box.fork(channel.there)
        channel.send(wire.TO_BOX, 0, json.dumps([what, about]).encode())
        return json.loads(bytes(channel.receive(clock.now() + SECONDS + 20)[2]))
    except BoxGone as gone:
        raise BoxGone("; ".join([gone.why, *box.last_words()])) from None
    finally:
        channel.close()


def judged(found: dict) -> list[str]:
    told = []
    if found["network"]:
        told.append(f"it has a network ({', '.join(found['network'])})")
    if found["seen"]:
        told.append(f"it sees {found['seen'][0]}")
    if extra := sorted(set(found["writable"]) - WRITABLE):
        told.append(f"{extra[0]} can be written")
    if missing := sorted(WRITABLE - set(found["writable"])):
        told.append(f"{missing[0]} cannot be written")
    for name, wanted in (("CapEff", 0), ("CapBnd", 0), ("NoNewPrivs", 1), ("Seccomp", 2)):
        if found["status"][name] != wanted:
            told.append(f"{name} of its processes is {found['status'][name]:x} instead of {wanted}")
    if found["allowed"]:
        told.append(f"it may call {', '.join(found['allowed'])}")
    if found["processes"] > 8:
        told.append(f"it sees {found['processes']} processes")
    if found["disk"] > 1.1 * LIMITS.disk_mb:
        told.append(f"it can write {found['disk']} MB where {LIMITS.disk_mb} are allowed")
    return told


# ---------------------------------------------------------------------------------------------------- inside


def facts(outside: list[str]) -> dict:
    return {
        "network": network(),
        "seen": [path for path in outside if os.path.lexists(path)],
        "writable": writable(),
        "status": status(),
        "allowed": allowed(),
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "disk": disk(),
        "environment": dict(os.environ),
        "user": os.getuid(),
    }


def network() -> list[str]:
    """Interfaces but the sandbox's own loopback, and what can be reached."""
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    for address in ("192.0.2.1", "8.8.8.8"):
        with socket.socket() as tried:
            tried.settimeout(1)
            if tried.connect_ex((address, 53)) not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES):
                found.append(address)
    return found


def writable() -> list[str]:
    """Every folder outside /proc that takes a new file, and every file that was mounted and can be written."""
    found = []
    with open("/proc/self/mountinfo") as file:
        places = {line.split()[4] for line in file}
    for place in {p for p in places if not p.startswith("/proc")} | {"/", "/run", "/etc", "/home", "/var/tmp", "/dev"}:
        with contextlib.suppress(OSError):
            if os.path.isdir(place):
                probe = os.path.join(place, ".probe")
                os.close(os.open(probe, os.O_CREAT | os.O_WRONLY))
                os.unlink(probe)
                found.append(place)
            elif os.path.isfile(place):
                os.close(os.open(place, os.O_WRONLY))
                found.append(place)
    return sorted(found)


def status() -> dict:
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return {name: int(lines[name], 16) for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}


def allowed() -> list[str]:
    """System calls that should be refused, and are not."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_user = 0x10000000
    tried = {
        "unshare": lambda: libc.unshare(new_user),
        "memfd_create": lambda: libc.memfd_create(b"x", 0),
        "shmget": lambda: libc.shmget(0, 4096, 0o1600),
        "ptrace": lambda: libc.ptrace(0, 0, 0, 0),
        "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
        "keyctl": lambda: libc.syscall(250 if os.uname().machine == "x86_64" else 219, 0, -3, 0),
    }
    return [name for name, call in tried.items() if call() != -1]


def disk() -> int:
    """Megabytes that go into /tmp."""
    path, piece, count = "/tmp/.fill", b"x" * (1 << 20), 0
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while count < 200 and file.write(piece) == len(piece):
            count += 1
    with contextlib.suppress(OSError):
        os.unlink(path)
    return count


def memory(megabytes: int) -> bool:
    """Three processes of half the limit each, at once; True where nobody minds."""
    return _children(3, lambda: bytearray(b"x") * (megabytes << 19))


def processes(count: int) -> bool:
    return _children(2 * count, lambda: None)


def _children(count: int, work) -> bool:
    for _ in range(count):
        if not os.fork():
            held = work()
            time.sleep(SECONDS)
            os._exit(held is None)
    time.sleep(SECONDS)
    return True


QUESTIONS = {"facts": facts, "memory": memory, "processes": processes}


def answer(channel: socket.socket) -> None:
    _, _, head, _ = wire.recv_frame(channel)
    what, about = json.loads(bytes(head))
    wire.send_frame(channel, wire.FROM_BOX, 0, json.dumps(QUESTIONS[what](about)).encode())


def main() -> None:
    from dlcourse.staff import box

    control = to_driver(sys.argv[1])
    limit_resources(int(sys.argv[2]))
    prepare_work()
    box.STARTED["surroundings"] = box.surroundings()
    keep_to_itself()
    serve_forks(control, answer)


if __name__ == "__main__":
    main()
