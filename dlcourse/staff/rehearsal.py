"""The program that `dlcourse check` loads into the student's fresh kernel: the grader's judge, without its walls.

A test runs here as it does in grading: in a namespace of its own, where the student's names are proxies and only
values cross (wire.py), so that it says the same words. Judge and student's code share one process, which is all right
for a student's own check and would not be for a grade.

Imports the standard library only; messages are JSON files, since what a cell prints is the student's own affair.
"""

import contextlib
import json
import random
import sys
import types
from pathlib import Path

from dlcourse.staff import standins, wire
from dlcourse.staff.box import import_ahead, run_test, seed_everything
from dlcourse.staff.judge import Judge, Sink

NOBODY_TYPES = "input() waits for somebody at the keyboard, and nobody sits there while this is graded"
_judge = None


class Rehearsal(Judge):
    """A judge whose other side is the namespace of this very kernel."""

    def __init__(self, items: dict, classes: list, student: dict):
        super().__init__(None)
        self.items, self.classes, self.student = items, set(classes), student

    def peer(self, session: int) -> wire.Peer:
        if session not in self.peers:
            box = wire.Peer(lambda head, blob: judge.serve(judge.parse(head), blob), is_judge=False)
            judge = wire.Peer(lambda head, blob: box.serve(box.parse(head), blob), is_judge=True)

            def begin(seed, classes):
                box.classes = set(classes)
                seed_everything(seed)

            box.names, box.do_begin, box.do_weak = self.look_up, begin, self.weak
            self.peers[session] = judge
        return self.peers[session]

    def look_up(self, item, name):
        if name not in self.student:
            raise NameError(f"name {name!r} is not defined")
        return self.student[name]

    def weak(self, source, stubs):
        """A test beside the student's code, in a copy of the namespace: it leaves no name behind."""
        return run_test(source, "test", dict(self.student))

    def run(self, name: str, session: int) -> dict:
        # a module that the student imported and the test uses: it cannot cross, and is the same one here
        item = self.items[name]
        modules = {n for n in item["names"] if isinstance(self.student.get(n), types.ModuleType)}
        self.space.update({n: self.student[n] for n in modules})
        self.items[name] = item | {"names": [n for n in item["names"] if n not in modules]}
        return super().run(name, session)


def begin(path: str) -> None:
    """Take the plan from `path`; make this kernel as deaf as the grader's shell: no keyboard, no drive, no exit()."""
    global _judge
    standins.pretend_colab()
    shell = get_ipython()  # noqa: F821
    shell.ask_exit = lambda: None
    shell.kernel.raw_input = shell.kernel.getpass = _no_input
    plan = json.loads(Path(path).read_text("utf-8"))
    import_ahead(plan["imports"])  # before the clock of a cell runs
    _judge = Rehearsal(plan["items"], plan["classes"], shell.user_ns)


def run(name: str, session: int, path: str) -> None:
    """Run one item of the plan and write its verdict to `path`. The student's next cells see no difference."""
    with _same_luck(), contextlib.redirect_stdout(Sink()), contextlib.redirect_stderr(Sink()):
        verdict = _judge.run(name, session)
    Path(path).write_text(json.dumps(verdict), "utf-8")


def _no_input(*args, **kwargs):
    raise RuntimeError(NOBODY_TYPES)


@contextlib.contextmanager
def _same_luck():
    """A test seeds the random generators; the cells after it are to draw what they draw without it."""
    kept = [(random.setstate, random.getstate())]
    if (numpy := sys.modules.get("numpy")) is not None:
        kept.append((numpy.random.set_state, numpy.random.get_state()))
    if hasattr(torch := sys.modules.get("torch"), "get_rng_state"):
        kept.append((torch.set_rng_state, torch.get_rng_state()))
    yield
    for put_back, state in kept:
        put_back(state)
