"""The program inside the student's sandbox: runs the student's cells, then answers the judge's questions.

Everything here shares a process with the student's code, so nothing here is believed by the grader; it only has to be
fair to an honest student. A small fork server starts it, so that a dead or hanging run can be started again:

    server ── fork ──> the student's cells, in notebook order (an IPython shell; outputs are recorded)
                          └─ at the place of each test: fork ──> a checkpoint, which waits
                                                                    └─ for the test: fork ──> a session (wire.Peer)

With a CUDA device started, a fork is of no use: there the cells are run again, up to the test's place, for each group
of tests, and the process that ran them becomes the session.

A checkpoint is the whole state of the notebook at that place, for the price of a fork: what later cells redefine, what
a test changes and what a test crashes concern nobody else. By the time a hidden test's arguments arrive here, all
outputs that the student will ever see have been collected.

Imports the standard library only; IPython comes when the first cell runs.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import traceback

from dlcourse.staff import standins, wire
from dlcourse.staff.syscalls import refuse_syscalls

TEXT_LIMIT = 100_000  # characters of text kept of one cell
PICTURES = 12  # kept of one cell
PICTURE_BYTES = 3_000_000


# ---------------------------------------------------------------------------------------------------- fork server


def serve_forks(control: socket.socket, child) -> None:
    """Fork `child(*sockets)` on request; report, interrupt or kill what was forked. Ends when the driver hangs up.

    Messages are JSON on a SOCK_SEQPACKET socket: {"fork": 1} with sockets attached, {"kill": pid}, {"interrupt": pid},
    {"status": pid}, {"import": [names]}, {"clean": 1}. Each gets one answer.
    """
    ended: dict[int, int] = {}
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(control, 65536, 4)
        except InterruptedError:
            continue
        if not data:
            os._exit(0)
        message, answer = json.loads(data), {}
        if "fork" in message:
            gc.freeze()
            pid = fork_group()
            if not pid:
                control.close()
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
                    signal.signal(number, signal.SIG_DFL)
                code = 1
                try:
                    child(*(socket.socket(fileno=fd) for fd in fds))
                    code = 0
                except EOFError:  # the driver hung up: the ordinary end
                    code = 0
                except BaseException:
                    os.write(2, traceback.format_exc().encode("utf-8", "replace"))
                finally:
                    os._exit(code)
            answer = {"pid": pid}
        elif "kill" in message or "interrupt" in message:
            pid, how = (message["kill"], signal.SIGKILL) if "kill" in message else (message["interrupt"], signal.SIGINT)
            try:
                os.killpg(pid, how) if how == signal.SIGKILL else os.kill(pid, how)
                if how == signal.SIGKILL:  # what nobody waits for stays in the table of processes, and is counted
                    ended[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            except OSError as err:
                answer = {"error": str(err)}
        elif "status" in message:
            pid = message["status"]
            if pid not in ended:
                try:
                    done, status = os.waitpid(pid, 0 if message.get("wait") else os.WNOHANG)
                    if done:
                        ended[pid] = os.waitstatus_to_exitcode(status)
                except ChildProcessError:
                    ended[pid] = -1
            answer = {"code": ended.get(pid)}
        elif "import" in message:
            import_ahead(message["import"])
        elif "clean" in message:
            answer = {"clean": clean_sandbox()}
            ended.clear()
        for fd in fds:
            os.close(fd)
        control.send(json.dumps(answer).encode())


def clean_sandbox() -> bool:
    """End every process of this sandbox but this one and empty what can be written; False where that failed.

    After it the sandbox is as new, with its slow imports done, and may serve another student. Only ever in a PID
    namespace of its own, where this process is number 1: elsewhere kill(-1) would end the whole session.
    """
    if os.getpid() != 1:
        return False
    before = surroundings()
    if before != STARTED.get("surroundings"):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    home = os.environ["HOME"]
    os.chdir("/")
    for place in (home, "/tmp", "/dev/shm"):
        inside = list(removable(place))
        for attempt in (["rm", "-rf", "--"], ["chmod", "-R", "u+rwx", "--"], ["rm", "-rf", "--"]):
            if inside:
                subprocess.run([*attempt, *inside], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                inside = [path for path in inside if os.path.lexists(path)]
        if inside:
            return False
    prepare_work()
    return True


STARTED: dict = {}  # how the sandbox was when it started


def surroundings() -> list:
    """What a student could change that is no file: modes and attributes of writable places, the scheduling group."""
    found = []
    for place in (os.environ["HOME"], "/tmp", "/dev/shm"):
        facts = os.stat(place)
        found.append((stat.S_IMODE(facts.st_mode), facts.st_uid, os.listxattr(place)))
    with contextlib.suppress(OSError), open("/proc/self/autogroup") as file:
        found.append(file.read())
    return found


def removable(folder: str):
    """What may be removed below `folder`: all but the read-only places that the sandbox needs, and what leads there."""
    kept = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, os.path.dirname(os.path.dirname(__file__)))}
    kept |= {sys.prefix, sys.base_prefix}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if path in kept:
            continue
        if any(k.startswith(path + "/") for k in kept) and not os.path.islink(path):
            yield from removable(path)
        else:
            yield path


def prepare_work() -> None:
    """The folder that cells run in, with what the assignment brings."""
    work = os.path.join(os.environ["HOME"], "work")
    os.makedirs(work, exist_ok=True)
    assets = os.environ.get("DLCOURSE_ASSETS", "/assets")
    if os.path.isdir(assets):
        shutil.copytree(assets, work, dirs_exist_ok=True)
    os.chdir(work)


def keep_to_itself() -> None:
    """Bar other processes of the same user from this one's memory and /proc entries; ignore what they send."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def fork_group() -> int:
    """Fork a child that leads a process group of its own from its first moment on, whichever side runs first."""
    pid = os.fork()
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid


# ---------------------------------------------------------------------------------------------------- running cells


class Recorder:
    """Collects what a cell shows, in nbformat's own shape, within limits."""

    def __init__(self):
        self.outputs, self.text, self.pictures, self.cut = [], 0, 0, False

    def start(self):
        self.__init__()

    def write(self, name: str, text: str) -> None:
        room = TEXT_LIMIT - self.text
        if room <= 0:
            self.cut = True
            return
        if len(text) > room:
            text, self.cut = text[:room], True
        self.text += len(text)
        last = self.outputs[-1] if self.outputs else None
        if last and last["output_type"] == "stream" and last["name"] == name:
            last["text"].append(text)
        else:
            self.outputs.append({"output_type": "stream", "name": name, "text": [text]})

    def show(self, kind: str, data: dict, number=None) -> None:
        kept = {}
        for mime in ("text/plain", "text/markdown", "image/png", "image/jpeg"):
            value = data.get(mime)
            if isinstance(value, bytes):
                import base64

                value = base64.b64encode(value).decode()
            if not isinstance(value, str):
                continue
            if mime.startswith("image/"):
                self.pictures += 1
                if self.pictures > PICTURES or len(value) > PICTURE_BYTES:
                    self.cut = True
                    continue
            else:
                value = value[: max(0, TEXT_LIMIT - self.text)]
                self.text += len(value)
            kept[mime] = value
        if kept and len(self.outputs) < 500:
            out = {"output_type": kind, "data": kept, "metadata": {}}
            if kind == "execute_result":
                out["execution_count"] = number
            self.outputs.append(out)
        else:
            self.cut = True

    def finish(self) -> list:
        for out in self.outputs:
            if out["output_type"] == "stream":
                out["text"] = "".join(out["text"])
        if self.cut:
            self.outputs.append({"output_type": "stream", "name": "stdout", "text": "\n[the rest was cut]\n"})
        return self.outputs


class Stream:
    """What the student's `sys.stdout` and `sys.stderr` are."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self, recorder, name):
        self.recorder, self.name = recorder, name

    def write(self, text):
        self.recorder.write(self.name, str(text))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def fileno(self):
        return 1 if self.name == "stdout" else 2

    def readable(self):
        return False

    writable = lambda self: True  # noqa: E731
    seekable = readable


def make_shell(recorder: Recorder):
    """An IPython shell as a notebook has it: magics, display, top-level await; no history, no files, no terminal."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs):
            recorder.show("display_data", data)

        def clear_output(self, wait=False):
            recorder.outputs.clear()

    class Hook(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            recorder.show("execute_result", format_dict, self.shell.execution_count)

        def finish_displayhook(self):
            pass

    class Shell(InteractiveShell):
        display_pub_class = Type(Publisher)
        displayhook_class = Type(Hook)

        def _showtraceback(self, etype, evalue, stb):
            text = [str(line)[:20_000] for line in stb]
            recorder.outputs.append(
                {
                    "output_type": "error",
                    "ename": etype.__name__,
                    "evalue": wire._text(evalue)[:5_000],
                    "traceback": text,
                }
            )

        def enable_gui(self, gui=None):
            pass

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Plain"
    shell = Shell.instance(config=config)
    shell.ast_node_interactivity = "last_expr"
    import builtins

    def no_input(prompt=""):
        raise RuntimeError("input() waits for somebody at the keyboard, and nobody sits there while this is graded")

    builtins.input = no_input
    return shell


class Student:
    """The process in which the student's cells run; `data` carries frames, `control` brings sockets for checkpoints."""

    def __init__(self, data, control):
        self.data, self.control = data, control
        self.snapshots: dict[str, dict] = {}
        self.recorder = Recorder()
        sys.stdout, sys.stderr = Stream(self.recorder, "stdout"), Stream(self.recorder, "stderr")
        self.shell = make_shell(self.recorder)

    def loop(self):
        while True:
            _, _, head, _ = wire.recv_frame(self.data)
            message = json.loads(bytes(head))
            answer = {}
            if "run" in message:
                answer = self.run(message["run"])
            if "snapshot" in message:
                space = self.shell.user_ns
                self.snapshots[message["snapshot"]] = {n: space[n] for n in message["names"] if n in space}
            if "checkpoint" in message:
                answer["forked"] = self.checkpoint()
            if "become" in message:
                return self.become_session()
            if "imported" in message:
                answer = {"imported": imported_since_start()}
            body = json.dumps(answer).encode("utf-8", "backslashreplace")
            wire.send_frame(self.data, wire.FROM_BOX, 0, body)

    def run(self, source: str) -> dict:
        self.recorder.start()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            standins.pretend_gpu(source)
            result = self.shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except KeyboardInterrupt as err:  # between two of IPython's own lines
            error = err
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return {"error": type(error).__name__ if error is not None else None, "outputs": self.recorder.finish()}

    def checkpoint(self) -> bool:
        """Fork a checkpoint; False where nothing that is forked from here could work."""
        _, fds, _, _ = socket.recv_fds(self.control, 65536, 4)
        forked = not uses_cuda()
        if forked and not fork_group():
            self.data.close()
            self.control.close()
            try:
                serve_forks(socket.socket(fileno=fds[0]), self.session)
            finally:
                os._exit(1)
        for fd in fds:
            os.close(fd)
        return forked

    def become_session(self) -> None:
        """Answer a test from this very process, without a fork."""
        _, fds, _, _ = socket.recv_fds(self.control, 65536, 4)
        self.data.close()
        self.control.close()
        self.session(socket.socket(fileno=fds[0]))

    def session(self, channel) -> None:
        self.recorder.start()
        revive_pools()

        def exchange(head, blob):
            wire.send_frame(channel, wire.FROM_BOX, 0, head, blob)
            _, _, head, blob = wire.recv_frame(channel)
            return head, blob

        peer = wire.Peer(exchange, is_judge=False)
        peer.names = self.lookup

        def begin(seed, classes):
            peer.classes = set(classes)
            seed_everything(seed)

        peer.do_begin = begin
        peer.do_weak = self.weak
        while True:
            _, _, head, blob = wire.recv_frame(channel)
            message = peer.parse(head)
            if "imported" in message:
                head, blob = json.dumps({"imported": imported_since_start()}).encode(), b""
            else:
                head, blob = peer.serve(message, blob)
            wire.send_frame(channel, wire.FROM_BOX, 0, head, blob)
            self.recorder.start()

    def lookup(self, item, name):
        try:
            return self.snapshots[item][name]
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None

    def weak(self, source, stubs):
        """Run a foreign test here, beside the student's code, because it cannot be split. Its word counts little."""
        space = self.shell.user_ns
        for name in stubs:
            space[name] = Stub()
        return run_test(source, "test", space)


def uses_cuda() -> bool:
    """Whether this process has started CUDA, by torch or otherwise: then what is forked from it cannot use a device."""
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}") in ("/dev/nvidia-uvm", "/dev/dxg"):
                return True
    return False


class Stub:
    """In place of a student's name in a negative control: whatever a test does with it fails."""

    def _fail(self, *args, **kwargs):
        raise NotImplementedError

    __call__ = __getitem__ = __iter__ = __len__ = __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = _fail
    __bool__ = __float__ = __int__ = __lt__ = __gt__ = __le__ = __ge__ = _fail

    def __eq__(self, other):
        raise NotImplementedError

    __hash__ = None

    def __getattr__(self, name):
        raise NotImplementedError


def run_test(source: str, name: str, space: dict):
    """Execute a test cell; its last expression's value, else None. IPython syntax (magics, `!`) is allowed."""
    import ast
    import asyncio
    import inspect

    from IPython.core.inputtransformer2 import TransformerManager

    tree = ast.parse(TransformerManager().transform_cell(source), f"<{name}>")
    last = tree.body[-1] if tree.body else None
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    value = None
    parts = [(tree, "exec")]
    if isinstance(last, ast.Expr):
        parts = [(ast.Module(tree.body[:-1], []), "exec"), (ast.Expression(last.value), "eval")]
    for part, mode in parts:
        code = compile(part, f"<{name}>", mode, flags=flags, dont_inherit=True)
        value = eval(code, space)
        if code.co_flags & inspect.CO_COROUTINE:
            value = asyncio.run(value)
    return value if isinstance(last, ast.Expr) else None


def revive_pools() -> None:
    """Give the student's thread pools their threads back: a forked process has none but its own."""
    threads = sys.modules.get("concurrent.futures.thread")
    if threads is None or not threads._threads_queues:
        return
    from concurrent.futures import ThreadPoolExecutor

    gc.unfreeze()
    for pool in gc.get_objects():
        if type(pool) is ThreadPoolExecutor:
            fresh = ThreadPoolExecutor(pool._max_workers)
            vars(pool).update({k: v for k, v in vars(fresh).items() if k in vars(pool)})


def seed_everything(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules and hasattr(sys.modules["torch"], "manual_seed"):
        sys.modules["torch"].manual_seed(seed)


def to_driver(word: str) -> socket.socket:
    """The control socket: inherited, where `word` is its number; in a container it is met at the path `word`.

    A container's program also installs here, before anything else, the filter that bubblewrap would have installed.
    """
    if word.isdigit():
        return socket.socket(fileno=int(word))
    refuse_syscalls()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(word)
    with open("/proc/self/uid_map") as file:  # docker: a limit for this user would count processes outside as well
        STARTED["counted by a cgroup"] = file.read().split() == ["0", "0", "4294967295"]
    return control


def limit_resources(memory_mb: int) -> None:
    import resource

    for what, value in (
        (resource.RLIMIT_DATA, memory_mb << 20),
        (resource.RLIMIT_FSIZE, 256 << 20),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_NPROC, 512),
        (resource.RLIMIT_CORE, 0),
    ):
        if what == resource.RLIMIT_NPROC and STARTED.get("counted by a cgroup"):
            continue
        _, hard = resource.getrlimit(what)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def import_ahead(modules: list[str]) -> None:
    """Import what is slow before the clock of a cell runs; what is not installed fails later, where it is used."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    STARTED["modules"] = set(sys.modules)


def imported_since_start() -> list[str]:
    """Modules of this environment, not of the assignment, that were imported here since `import_ahead`, in order."""
    homes, found = tuple(os.path.realpath(p) + os.sep for p in (sys.prefix, sys.base_prefix)), []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name in STARTED["modules"] or spec is None or spec.name != name or not isinstance(spec.origin, str):
            continue
        if os.path.realpath(spec.origin).startswith(homes):
            found.append(name)
    return found


def main() -> None:
    """argv: number or path of the control socket, megabytes of memory, modules to import before the first fork."""
    control = to_driver(sys.argv[1])
    limit_resources(int(sys.argv[2]))
    prepare_work()
    sys.path[0] = os.getcwd()  # `-m` put the folder above here
    standins.pretend_colab()
    import_ahead(["IPython.core.interactiveshell", *sys.argv[3:]])
    sys.argv = ["notebook"]  # a script's argument parser finds no arguments, and nothing about this program
    if os.getpid() == 1:
        STARTED["surroundings"] = surroundings()
    keep_to_itself()
    serve_forks(control, lambda data, more: Student(data, more).loop())


if __name__ == "__main__":
    main()
