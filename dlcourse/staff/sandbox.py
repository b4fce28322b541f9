"""One untrusted program in one sandbox: what it may see, how long it may take, how it is stopped.

Three kinds: bubblewrap, else podman, else docker (containers.py). `dlcourse doctor` tries each from inside (probe.py).
What all of them cover:
  - files: the program sees /usr, the Python environment, the dlcourse package and the data sets that `data.load` keeps
    (DLCOURSE_DATA, else .cache/dlcourse), all read-only, and sized memory file systems for work, home, /tmp and
    /dev/shm. Not the course folder, not other submissions, not the repository (so no hidden test), not the grader's
    home, environment or /proc.
  - network: none, not even the loopback of the host. The only way out is one socket to the driver.
  - processes: own PID, IPC, UTS and cgroup namespaces; no capabilities, no new privileges; no new user namespaces, no
    ptrace, mount, bpf, keyctl, io_uring and the like (seccomp); killed with everything it started when it ends or when
    the grader dies.
  - the next one: a sandbox serves one submission after another (its imports are slow); between two, every process in
    it is killed and everything that can be written is emptied, and where that fails it is thrown away. The process
    that stays cannot be signalled, traced or read by what it starts.
  - size: memory of all its processes together (watched four times a second), data and file size and open files of each
    (rlimits), number of processes (watched), everything it sends (caps in wire.py and in the driver).
  - time: the driver's clock, on every cell, every test and the whole notebook.
In what they differ:
  - bubblewrap: a user namespace for each, without any daemon or root; no /sys. A grader who is root is root to the
    files that are bound, for reading.
  - podman: the engine's own seccomp list in force besides ours; memory and processes limited by cgroups too, where the
    machine lets this user have them (not with cgroups of the first generation and an ordinary user). A grader who is
    root gives it users that nobody else has, so the environment must be readable for all.
  - docker: the same, with cgroups always; but no user namespace: the program is the grader's own user to the kernel
    (with nothing of that user's to be seen), or nobody's where the grader is root. The daemon is root, and whoever may
    use it can be root: a sandbox for the students' code, not a wall around the grader.
  - podman and docker: /proc and /dev of the engine's making; SELinux labels are off, since /usr itself is bound.
What none of them covers: flaws of the kernel itself; timing and other side channels; what the processes of one
submission leave for one another in files and sockets, so inputs of a hidden test can be told in a later visible one;
how fast the machine is for others while a submission computes. With `gpu` the driver's device nodes are there: its
ioctls are no part of any filter, the memory of the device is not limited and not known to be wiped, any device can be
used, and /sys is partly seen.
With `kind=NONE` (--trust) there is no sandbox at all: rlimits and clocks only.
Not used: Landlock with seccomp, for machines that forbid namespaces. It closes files and TCP, but not UDP, leaves every
process in /proc in sight and (before Linux 6.12) the grader's own within reach of a signal; and it has no memory disks
with a size, and no process number 1 whose end takes all others with it, so nothing could be made as new.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from dlcourse.staff import StaffError, clock, containers, cuda, wire
from dlcourse.staff.syscalls import seccomp_filter
from dlcourse.staff.view import ETC, LINKS, Limits, box_environment, data_folder, read_only_places

GRADER = "DLCOURSE_GRADER"  # tells whose a sandbox is


class NoSandbox(StaffError):
    """No sandbox works here, and nobody said --trust."""


# ---------------------------------------------------------------------------------------------------- which sandbox


KINDS = ("bubblewrap", "podman", "docker")  # the first that works is taken
NONE = "none"  # what --trust stands for


def require_sandbox(kind: str | None = None, gpu: bool = False) -> str:
    """The kind of sandbox to use: `kind`, else the first that works. NoSandbox, with what to do, where none does."""
    if gpu and (problem := cuda.problem()):
        raise NoSandbox(f"--gpu: {problem}")
    why = []
    for one in (kind,) if kind else KINDS:
        problem = problem_with(one, gpu)
        if problem is None:
            return one
        why.append(problem)
    if sys.platform != "linux":
        why, todo = why[:1], "grade on Linux, or pass --trust"
    elif kind:
        todo = "leave --sandbox out to have another kind chosen, or pass --trust to run submissions without a sandbox"
    else:
        todo = "mend one of these, bubblewrap first; or pass --trust to run submissions without a sandbox"
    raise NoSandbox(f"no sandbox: {'; '.join(why)}: {todo}")


def sandbox_problem() -> str | None:
    """Why there is no sandbox here, in the words of `require_sandbox`; None where there is one."""
    try:
        require_sandbox()
    except NoSandbox as error:
        return str(error).removeprefix("no sandbox: ")
    return None


def problem_with(kind: str, gpu: bool = False) -> str | None:
    """Why this kind of sandbox does not start here, in words; None where it does."""
    if sys.platform != "linux":
        return f"submissions are run in Linux namespaces and this is {sys.platform}"
    if kind != "bubblewrap":
        return containers.problem(kind, gpu)
    if not shutil.which("bwrap"):
        return (
            "bubblewrap is not installed: `apt install bubblewrap`, `dnf install bubblewrap` or `conda install -c "
            "conda-forge bubblewrap`"
        )
    command = [*bwrap_command(Limits(disk_mb=64, gpu=gpu)), "/usr/bin/env", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"bubblewrap cannot make a sandbox here ({said}): allow user namespaces"
    return None


# ---------------------------------------------------------------------------------------------------- bubblewrap


def bwrap_version() -> tuple[int, ...]:
    said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.split()
    return tuple(int(x) for x in said[-1].split(".")) if said else (0,)


def seccomp_pipe() -> list[int]:
    """The read end of a pipe with the rules for system calls; empty on a processor that they do not know."""
    rules = seccomp_filter()
    if rules is None:
        return []
    reader, writer = os.pipe()
    os.write(writer, rules)
    os.close(writer)
    return [reader]


def bwrap_command(limits: Limits, assets: Path | None = None, rules: list[int] | tuple = ()) -> list[str]:
    """The words before a program's own; `rules` from seccomp_pipe, to be passed on and closed by the caller."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--as-pid-1"]  # so that nobody inside can end or stop the fork server
    command += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--cap-drop", "ALL"]
    command += ["--setenv", GRADER, str(os.getpid())]
    if bwrap_version() >= (0, 8):
        command += ["--disable-userns"]
    size = str(limits.disk_mb << 20)
    for place in ("/tmp", "/home/student"):  # first: what is bound next may lie below them
        command += ["--size", size, "--tmpfs", place]
    for place in read_only_places():
        command += ["--ro-bind", place, place]
    for link in LINKS:
        if os.path.islink(link):
            command += ["--symlink", os.readlink(link), link]
        elif os.path.isdir(link):
            command += ["--ro-bind", link, link]
    for file in ETC:
        command += ["--ro-bind-try", file, file]
    command += ["--proc", "/proc", "--dev", "/dev"]
    environment = box_environment("/home/student")
    if limits.gpu:
        for node, place in cuda.nodes():
            command += ["--dev-bind", node, place]
        for place in (*cuda.folders(), *cuda.MACHINE):
            command += ["--ro-bind-try", place, place]
        environment |= cuda.environment()
    command += ["--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    if assets is not None:
        command += ["--ro-bind", str(assets), "/assets"]
    if data_folder().is_dir():
        command += ["--ro-bind", str(data_folder().resolve()), "/data"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    for reader in rules:
        command += ["--seccomp", str(reader)]
    return [*command, "--chdir", "/home/student", "--remount-ro", "/", "--"]


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
        deadline = clock.now() + seconds
        try:
            for piece in wire.frame(kind, session, head, blob):
                left = memoryview(piece)
                while left:
                    left = left[clock.within(self.here, deadline, partial(self.here.send, left)) :]
        except TimeoutError:
            raise BoxGone("timeout") from None
        except OSError:
            raise BoxGone("gone") from None

    def receive(self, deadline: float):
        """The next frame; BoxGone("timeout") when `deadline` (clock.now) passes first."""
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
            n = clock.within(self.here, deadline, partial(self.here.recv_into, view[got:]))
            if not n:
                raise EOFError
            got += n
            if clock.now() > deadline:
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
            deadline = clock.now() + seconds
            self.here.settimeout(seconds)
            socket.send_fds(self.here, [json.dumps(message).encode()], [s.fileno() for s in sockets])
            data = clock.within(self.here, deadline, partial(self.here.recv, 65536))
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

    def __init__(self, module: str, limits: Limits, *, kind: str, arguments=(), assets: Path | None = None, watch=None):
        super().__init__()
        self.limits, self.why, self.scratch = limits, None, None
        self.root = self.root_fd = None  # in a container: the process in it that started all others
        fds, meeting = [self.there.fileno()], None
        environment = {"PATH": os.environ.get("PATH", "/usr/bin")}
        program = [sys.executable, "-m", module, str(self.there.fileno()), str(limits.memory_mb), *arguments]
        if kind == NONE:
            import tempfile

            self.scratch = tempfile.mkdtemp(prefix="dlcourse-box-")
            environment = box_environment(self.scratch)
            if assets is not None:
                environment["DLCOURSE_ASSETS"] = str(assets)
            command, where = program, self.scratch
        elif kind != "bubblewrap":
            meeting, fds, environment, where = containers.Meeting(), [], dict(os.environ), "/"
            program[3] = containers.DOOR
            command = containers.command(kind, limits, program, assets, meeting.door)
        else:
            rules = seccomp_pipe()
            fds += rules
            command, where = [*bwrap_command(limits, assets, rules), *program], "/"
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
        if meeting is not None:
            met = meeting.wait(self.process)
            meeting.close()
            if met is not None:
                self.here.close()
                self.here, self.root = met
                with suppress(OSError):
                    self.root_fd = os.pidfd_open(self.root)
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
            if self.root is None:
                self.process.kill()
                return
        with suppress(OSError):  # its fork server ends, and all with it, when the driver hangs up; a kill is faster
            self.here.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, TypeError):  # not ours to kill, or gone
            signal.pidfd_send_signal(self.root_fd, signal.SIGKILL)

    def inside(self, table=None) -> list[int]:
        """The processes in it; without a table of all processes as `family` knows them."""
        top = self.process.pid if self.root is None else self.root
        below = family(top) if table is None else descendants(top, table)
        return below if self.root is None else [top, *below]

    def has_vanished(self) -> bool:
        """Whether it was ended by somebody outside: not by this grader, and nobody inside can."""
        if self.why in (None, "ended from outside"):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)
                self.why = "ended from outside"
                return True
        return False

    def clean(self) -> bool:
        """Make it as new for another submission; False where it must be thrown away."""
        try:
            return self.why is None and self.ask({"clean": 1}, seconds=30).get("clean") is True
        except BoxGone:
            return False

    def close(self) -> None:
        if self.watch is not None:
            self.watch.remove(self)
        if self.why is None:  # one that leaves by itself hands its processor seconds on to us
            with suppress(OSError, subprocess.TimeoutExpired):
                self.here.shutdown(socket.SHUT_RDWR)
                self.process.wait(timeout=2)
        self.stop("closed")
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # an engine that does not notice; what was inside is dead
            self.process.kill()
            self.process.wait()
        super().close()
        if self.root_fd is not None:
            os.close(self.root_fd)
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


def process_table() -> dict[int, list[int]]:
    """parent -> its children, of every process of the machine."""
    table: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                table.setdefault(int(fields[1]), []).append(int(name))
    return table


def descendants(pid: int, table=None) -> list[int]:
    table = process_table() if table is None else table
    found, queue = [], [pid]
    while queue:
        children = table.get(queue.pop(), [])
        found += children
        queue += children
    return found


def children_of(pid: int) -> list[int]:
    """Its child processes as the kernel lists them, quickly; one may be missing while others come and go."""
    found = []
    with suppress(OSError, ValueError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += [int(word) for word in file.read().split()]
    return found


def family(pid: int) -> list[int]:
    """The descendants of a process without a look at all others: some machines run thousands."""
    found, queue = [], [pid]
    while queue:
        children = children_of(queue.pop())
        found += children
        queue += children
    return found


def own_bytes(pid: int) -> int:
    """Memory of a process that is no file's, also where it still shares it with the one it was forked from."""
    total = 0
    with suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith((b"RssAnon:", b"RssShmem:")):
                total += int(line.split()[1]) << 10
    return total


def memory_of(pids: list[int]) -> int:
    """Bytes of processes, with what they share counted once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) << 10 for line in file if line.startswith(b"Pss:"))
        except PermissionError:  # docker's, for a grader who is not root: but there is a cgroup
            return memory_of_cgroup(pid)
        except (OSError, ValueError, StopIteration):  # it has ended
            pass
    return total


def memory_of_cgroup(pid: int) -> int:
    """Bytes that the processes of this one's cgroup have allocated; 0 where that is not known."""
    root, total = Path("/sys/fs/cgroup"), 0
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            old = "memory" in controllers.split(",")  # of the first generation
            place = root / "memory" if old else root
            if old or not controllers:
                with suppress(OSError):
                    words = (place / path.strip("/") / "memory.stat").read_text().split()
                    counts = dict(zip(words[::2], words[1::2], strict=True))
                    total = max(total, int(counts.get("total_rss" if old else "anon", 0)))
    return total


class Watch:
    """One thread that looks at the memory and the number of processes of all boxes, four times a second.

    Once a second it goes through all processes of the machine, which misses none; in between it asks for children. The
    exact sum, with what is shared divided among those that share it, takes the kernel a walk through all their pages:
    it is asked for only where the sum that counts shared pages twice is over the limit, and then again after half a
    second to two, by what it costs, or at once when that sum has grown by an eighth of the limit.
    """

    def __init__(self):
        self.boxes: dict[Box, tuple[float, int]] = {}  # when to ask for its exact sum again, the other sum when asked
        self.lock, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    def add(self, box) -> None:
        with self.lock:
            self.boxes[box] = (0.0, 0)

    def remove(self, box) -> None:
        with self.lock:
            self.boxes.pop(box, None)

    def stop_all(self, why: str) -> None:
        with self.lock:
            boxes = list(self.boxes)
        for box in boxes:
            box.stop(why)

    def _loop(self) -> None:
        turn = 0
        while not self.over.wait(0.25):
            with self.lock:
                boxes = list(self.boxes)
            if not boxes:
                continue
            try:
                self._look(boxes, process_table() if turn % 4 == 0 else None)
            except Exception as error:  # what is not watched must not run
                self.stop_all(f"could not be watched ({type(error).__name__}: {error})")
            turn += 1

    def _look(self, boxes, table) -> None:
        for box in boxes:
            inside = box.inside(table)
            if len(inside) > box.limits.processes:
                box.stop("too many processes")
            elif self._too_much(box, inside):
                box.stop("memory")

    def _too_much(self, box, inside: list[int]) -> bool:
        limit, at_most = box.limits.memory_mb << 20, sum(map(own_bytes, inside))
        if at_most <= limit:
            return False
        again, then = self.boxes.get(box, (0.0, 0))
        if time.monotonic() < again and at_most - then < limit >> 3:
            return False
        began = time.thread_time()
        exact = memory_of(inside)
        pause = min(2.0, max(0.5, 20 * (time.thread_time() - began)))
        with self.lock:
            if box in self.boxes:
                self.boxes[box] = (time.monotonic() + pause, at_most)
        return exact > limit

    def close(self) -> None:
        self.over.set()
        self.thread.join()
