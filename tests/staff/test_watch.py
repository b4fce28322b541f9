"""The watcher of sandboxes: what it counts, and that nothing runs unwatched."""

import os
import subprocess
import sys
import time

from dlcourse.staff import sandbox
from dlcourse.staff.sandbox import Limits, Watch

SLEEPER = "import os, time\nx = bytearray(b'x') * {mb} * 2**20\nif {fork} and os.fork() == 0:\n    pass\nos.write(1, b'.')\ntime.sleep(60)"


class Fake:
    """What the watcher sees of a box."""

    root, inside = None, sandbox.Box.inside

    def __init__(self, mb=50, fork=False, **limits):
        program = SLEEPER.format(mb=mb, fork=fork)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        for _ in range(1 + fork):
            assert self.process.stdout.read(1) == b"."  # each of them is there
        self.limits, self.why = Limits(**limits), None

    def stop(self, why):
        self.why = self.why or why

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.killpg(self.process.pid, 9)
        self.process.wait()
        self.process.stdout.close()


def seen(box, seconds=5):
    """Why the watcher stopped `box`, within some seconds."""
    watch = Watch()
    try:
        watch.add(box)
        until = time.monotonic() + seconds
        while box.why is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        watch.close()
    return box.why


def test_memory_that_a_fork_shares_counts_once():
    with Fake(mb=100, fork=True) as box:
        inside = [box.process.pid, *sandbox.family(box.process.pid)]
        assert len(inside) == 2
        assert sum(map(sandbox.own_bytes, inside)) > 200 << 20
        assert 100 << 20 < sandbox.memory_of(inside) < 160 << 20


def test_children_and_all_processes_of_the_machine_tell_the_same_family():
    with Fake(fork=True) as box:
        assert sandbox.family(box.process.pid) == sandbox.descendants(box.process.pid) != []


def test_too_much_memory_of_all_processes_together_is_stopped():
    with Fake(mb=1, fork=True, memory_mb=1) as box:
        assert seen(box) == "memory"


def test_a_shared_page_does_not_stop_anybody():
    with Fake(mb=100, fork=True, memory_mb=150) as box:
        assert seen(box, seconds=1.5) is None


def test_what_cannot_be_watched_is_stopped(monkeypatch):
    def broken(pid, table=None):
        raise OSError("no /proc")

    monkeypatch.setattr(sandbox, "descendants", broken)
    with Fake() as box:
        assert seen(box) == "could not be watched (OSError: no /proc)"


def test_what_a_fork_server_killed_leaves_nothing_in_the_table_of_processes():
    """All judges of a class are forked in one sandbox, and podman and docker count the dead that nobody waited for."""
    server = sandbox.Server()
    program = "import socket, sys, time\nfrom dlcourse.staff.box import serve_forks\n"
    program += "serve_forks(socket.socket(fileno=int(sys.argv[1])), lambda: time.sleep(60))"
    command = [sys.executable, "-c", program, str(server.there.fileno())]
    with subprocess.Popen(command, pass_fds=[server.there.fileno()]) as process:
        pids = [server.fork() for _ in range(3)]
        assert len(sandbox.children_of(process.pid)) == 3
        assert [server.ask({"kill": pid}) for pid in pids] == [{}] * 3
        assert sandbox.children_of(process.pid) == []
        assert server.ask({"status": pids[0], "wait": 1}) == {"code": -9}
        server.close()
        server.there.close()
