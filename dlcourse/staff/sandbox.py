"""One untrusted program in one sandbox: what it may see, how long it may take, how it is stopped.

The sandbox is bubblewrap. What it covers:
  - files: the program sees /usr, the Python environment, the dlcourse package and the data sets that `data.load` keeps
    (DLCOURSE_DATA, else .cache/dlcourse), all read-only, and sized memory file systems for work, home, /tmp and
    /dev/shm. Not the course folder, not other submissions, not the repository (so no hidden test), not the grader's
    home, environment or /proc.
  - network: none, not even the loopback of the host. The only way out is one inherited socket to the driver.
  - processes: own PID, IPC, UTS, user and cgroup namespaces; no new user namespaces, no ptrace, mount, bpf, keyctl,
    io_uring and the like (seccomp); killed with everything it started when it ends or when the grader dies.
  - the next one: a sandbox serves one submission after another (its imports are slow); between two, every process in
    it is killed and everything that can be written is emptied, and where that fails it is thrown away. The process
    that stays cannot be signalled, traced or read by what it starts.
  - size: memory of all its processes together (watched four times a second), data and file size and open files of each
    (rlimits), number of processes (watched), everything it sends (caps in wire.py and in the driver).
  - time: the driver's clock, on every cell, every test and the whole notebook.
What it does not cover: flaws of the kernel itself; timing and other side channels; how fast the machine is for others
while a submission computes; a GPU. With `trust=True` there is no sandbox at all: rlimits and clocks only.
"""

import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlcourse.staff import StaffError, wire

GRADER = "DLCOURSE_GRADER"  # tells whose a sandbox is
PACKAGE = Path(__file__).resolve().parent.parent


class NoSandbox(StaffError):
    """No sandbox works here, and nobody said --trust."""


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


# ---------------------------------------------------------------------------------------------------- bubblewrap


def require_sandbox() -> None:
    """Raise NoSandbox with what to do where bubblewrap is missing or may not make namespaces here."""
    problem = sandbox_problem()
    if problem:
        raise NoSandbox(f"no sandbox: {problem}")


def sandbox_problem() -> str | None:
    if sys.platform != "linux":
        return f"submissions are run in Linux namespaces and this is {sys.platform}: grade on Linux, or pass --trust"
    if not shutil.which("bwrap"):
        return (
            "bubblewrap is not installed: `apt install bubblewrap`, `dnf install bubblewrap` or `conda install -c "
            "conda-forge bubblewrap`; or pass --trust to run submissions without a sandbox"
        )
    done = subprocess.run([*bwrap_command(64), "/usr/bin/env", "true"], capture_output=True, text=True, timeout=60)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"bubblewrap cannot make a sandbox here ({said}): allow user namespaces, or pass --trust"
    return None


def bwrap_version() -> tuple[int, ...]:
    said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.split()
    return tuple(int(x) for x in said[-1].split(".")) if said else (0,)


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


def bwrap_command(disk_mb: int, assets: Path | None = None, extra: tuple[str, ...] = ()) -> list[str]:
    command = ["bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--as-pid-1"]  # so that nobody inside can end or stop the fork server
    command += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL"]
    command += ["--setenv", GRADER, str(os.getpid())]
    if bwrap_version() >= (0, 8):
        command += ["--disable-userns"]
    size = str(disk_mb << 20)
    for place in ("/tmp", "/home/student"):  # first: what is bound next may lie below them
        command += ["--size", size, "--tmpfs", place]
    for place in read_only_places():
        command += ["--ro-bind", place, place]
    for link in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
        elif os.path.isdir(link):
            command += ["--ro-bind", link, link]
    for file in (
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/fonts",
        "/etc/localtime",
        "/etc/alternatives",
    ):
        command += ["--ro-bind-try", file, file]
    command += ["--proc", "/proc", "--dev", "/dev"]
    command += ["--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    if assets is not None:
        command += ["--ro-bind", str(assets), "/assets"]
    if data_folder().is_dir():
        command += ["--ro-bind", str(data_folder().resolve()), "/data"]
    for name, value in box_environment("/home/student").items():
        command += ["--setenv", name, value]
    return [*command, "--chdir", "/home/student", *extra, "--remount-ro", "/", "--"]


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


SYSCALLS = {  # refused: name -> number on x86_64, on aarch64
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "mount_setattr": (442, 442), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60), "acct": (163, 89),
    "swapon": (167, 224), "swapoff": (168, 225),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),  # memory that nobody counts
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),  # outlive their process
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),  # could slow the next one down
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
PRLIMIT = (302, 261)  # refused for any process but the caller
CLONE = (56, 220)
CLONE3 = (435, 435)
CLONE_NEW_ANY = 0x7E020000  # every CLONE_NEW* flag


def seccomp_filter() -> bytes | None:
    """A classic BPF program for this machine's syscalls; None where the machine is of another kind."""
    machine = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}.get(platform.machine())
    if machine is None:
        return None
    column, arch = machine
    load, equal, at_least, any_bit, back = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, absent = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS (so that libc takes clone)
    program = [(load, 0, 0, 4), (equal, 1, 0, arch), (back, 0, 0, refuse), (load, 0, 0, 0)]
    if column == 0:  # the x32 numbers of the same calls
        program += [(at_least, 0, 1, 0x40000000), (back, 0, 0, refuse)]
    for number in sorted(n[column] for n in SYSCALLS.values()):
        program += [(equal, 0, 1, number), (back, 0, 0, refuse)]
    program += [
        (equal, 0, 3, PRLIMIT[column]),
        (load, 0, 0, 16),
        (equal, 1, 0, 0),
        (back, 0, 0, refuse),
        (load, 0, 0, 0),
    ]
    program += [(equal, 0, 1, CLONE3[column]), (back, 0, 0, absent)]
    program += [(equal, 0, 3, CLONE[column]), (load, 0, 0, 16), (any_bit, 0, 1, CLONE_NEW_ANY), (back, 0, 0, refuse)]
    program += [(back, 0, 0, allow)]
    return b"".join(struct.pack("<HBBI", *step) for step in program)


# ---------------------------------------------------------------------------------------------------- a running box


class BoxGone(Exception):
    """The box ended, or did not answer in time; says why."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


class Channel:
    """A stream of frames to a process inside, with a deadline for each."""

    def __init__(self):
        self.here, self.there = socket.socketpair()

    def send(self, kind, session, head: bytes, blob=b"", seconds=30.0) -> None:
        self.here.settimeout(max(0.01, seconds))
        try:
            wire.send_frame(self.here, kind, session, head, blob)
        except TimeoutError:
            raise BoxGone("timeout") from None
        except OSError:
            raise BoxGone("gone") from None

    def receive(self, deadline: float):
        """The next frame; BoxGone("timeout") when `deadline` (time.monotonic) passes first."""
        try:
            head = self._exactly(wire.HEAD.size, deadline)
            kind, session, n_head, n_blob = wire.HEAD.unpack(head)
            if n_head > wire.MAX_JSON or n_blob > wire.MAX_BLOB:
                raise BoxGone("sent a message that is too large")
            return kind, session, self._exactly(n_head, deadline), self._exactly(n_blob, deadline)
        except TimeoutError:
            raise BoxGone("timeout") from None
        except (OSError, EOFError):
            raise BoxGone("gone") from None

    def _exactly(self, size, deadline):
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            self.here.settimeout(max(0.001, deadline - time.monotonic()))
            n = self.here.recv_into(view[got:])
            if not n:
                raise EOFError
            got += n
            if time.monotonic() > deadline:
                raise TimeoutError
        return data

    def close(self) -> None:
        for end in (self.here, self.there):
            with suppress(OSError):
                end.close()


class Server:
    """The driver's end of a fork server inside a box (box.serve_forks)."""

    def __init__(self):
        self.here, self.there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.turn = threading.Lock()  # the judges' server is asked from several threads: each waits for its own answer

    def ask(self, message: dict, sockets=(), seconds=30.0) -> dict:
        with self.turn:
            return self._ask(message, sockets, seconds)

    def _ask(self, message, sockets, seconds) -> dict:
        try:
            self.here.settimeout(seconds)
            socket.send_fds(self.here, [json.dumps(message).encode()], [s.fileno() for s in sockets])
            data = self.here.recv(65536)
        except TimeoutError:
            raise BoxGone("timeout") from None
        except OSError:
            raise BoxGone("gone") from None
        if not data:
            raise BoxGone("gone")
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            raise BoxGone("sent a message that is not one") from None
        if not isinstance(answer, dict):
            raise BoxGone("sent a message that is not one")
        return answer

    def fork(self, *sockets, seconds=120.0) -> int:
        pid = self.ask({"fork": 1}, sockets, seconds).get("pid")
        for s in sockets:
            s.close()
        if not isinstance(pid, int):
            raise BoxGone("sent a message that is not one")
        return pid

    def close(self) -> None:
        self.here.close()


class Box(Server):
    """A sandbox with a fork server in it. Use as a context manager: on leaving it, everything inside is dead."""

    def __init__(
        self, module: str, limits: Limits, *, arguments=(), assets: Path | None = None, trust=False, watch=None
    ):
        super().__init__()
        self.limits, self.why, self.scratch = limits, None, None
        program = [sys.executable, "-m", module, str(self.there.fileno()), str(limits.memory_mb), *arguments]
        fds, environment = [self.there.fileno()], {}
        if trust:
            import tempfile

            self.scratch = tempfile.mkdtemp(prefix="dlcourse-box-")
            environment = box_environment(self.scratch)
            if assets is not None:
                environment["DLCOURSE_ASSETS"] = str(assets)
            command, where = program, self.scratch
        else:
            extra: tuple[str, ...] = ()
            rules = seccomp_filter()
            if rules is not None:
                reader, writer = os.pipe()
                os.write(writer, rules)
                os.close(writer)
                fds.append(reader)
                extra = ("--seccomp", str(reader))
            command, where = [*bwrap_command(limits.disk_mb, assets, extra), *program], "/"
            environment = {"PATH": os.environ.get("PATH", "/usr/bin")}
        try:
            self.process = subprocess.Popen(
                command, pass_fds=fds, env=environment, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if os.environ.get("DLCOURSE_DEBUG") is None else None, start_new_session=True,
            )  # fmt: skip
        finally:
            self.there.close()
            for fd in fds[1:]:
                os.close(fd)
        if self.process.stderr is not None:
            self.said: list[bytes] = []
            self.drain = threading.Thread(target=self._drain, daemon=True)
            self.drain.start()
        self.watch = watch
        if watch is not None:
            watch.add(self)

    def _drain(self) -> None:
        while chunk := self.process.stderr.read(4096):
            if sum(map(len, self.said)) < 16384:
                self.said.append(chunk)

    def last_words(self) -> list[str]:
        """The last line of what the program itself wrote to its stderr."""
        if self.process.stderr is not None:
            self.drain.join(timeout=1)
        text = b"".join(getattr(self, "said", [])).decode("utf-8", "replace").strip()
        return text.splitlines()[-1:]

    def stop(self, why: str) -> None:
        """Kill everything inside; later requests say `why`."""
        self.why = self.why or why
        with suppress(ProcessLookupError):
            if self.scratch is not None:
                for pid in reversed(descendants(self.process.pid)):
                    with suppress(OSError):
                        os.kill(pid, 9)
            self.process.kill()

    def clean(self) -> bool:
        """Make it as new for another submission; False where it must be thrown away."""
        try:
            return self.why is None and self.ask({"clean": 1}, seconds=30).get("clean") is True
        except BoxGone:
            return False

    def close(self) -> None:
        if self.watch is not None:
            self.watch.remove(self)
        self.stop("closed")
        self.process.wait()
        super().close()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def sweep_orphans() -> int:
    """End what graders left behind that were killed in the few milliseconds in which bubblewrap starts; how many.

    A sandbox dies with its grader, but for that moment: its outer half gone, its inner half waits for it for ever.
    """
    swept = 0
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError, ValueError, IndexError):
            words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            if words[0] == b"bwrap" and GRADER.encode() in words:
                grader = int(words[words.index(GRADER.encode()) + 1])
                if not Path("/proc", str(grader)).exists():
                    os.kill(int(name), 9)
                    swept += 1
    return swept


# ---------------------------------------------------------------------------------------------------- the watcher


def process_table() -> dict[int, list[tuple[int, int]]]:
    """parent -> [(pid, resident bytes)] of every process of the machine."""
    table: dict[int, list[tuple[int, int]]] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                table.setdefault(int(fields[1]), []).append((int(name), int(fields[21]) * page))
    return table


def descendants(pid: int, table=None) -> list[int]:
    table = process_table() if table is None else table
    found, queue = [], [pid]
    while queue:
        for child, _ in table.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def proportional_bytes(pid: int) -> int:
    """Memory of a process, with what it shares divided among those that share it."""
    with suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) << 10
    return 0


class Watch:
    """One thread that looks at the memory and the number of processes of all boxes, four times a second."""

    def __init__(self):
        self.boxes: set[Box] = set()
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    def add(self, box) -> None:
        with self.lock:
            self.boxes.add(box)

    def remove(self, box) -> None:
        with self.lock:
            self.boxes.discard(box)

    def stop_all(self, why: str) -> None:
        with self.lock:
            boxes = list(self.boxes)
        for box in boxes:
            box.stop(why)

    def _loop(self) -> None:
        while not self.over.wait(0.25):
            with self.lock:
                boxes = list(self.boxes)
            if not boxes:
                continue
            table = process_table()
            resident = {pid: size for children in table.values() for pid, size in children}
            for box in boxes:
                inside = descendants(box.process.pid, table)
                limit = box.limits.memory_mb << 20
                if len(inside) > box.limits.processes:
                    box.stop("too many processes")
                elif sum(resident.get(p, 0) for p in inside) > limit and sum(map(proportional_bytes, inside)) > limit:
                    box.stop("memory")

    def close(self) -> None:
        self.over.set()
        self.thread.join()
