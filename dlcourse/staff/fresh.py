"""Run a student's notebook and its visible tests in a fresh kernel, on the student's own machine.

Cells run from top to bottom, as after "Restart Kernel and Run All Cells"; at each test's place the test runs in the
grader's manner (rehearsal.py). As in grading, what hangs is interrupted, and a cell that ends the kernel is left out
when the notebook starts again. Nothing that a cell prints is kept.
"""

import json
import os
import queue
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from dlcourse.staff import StaffError, clock
from dlcourse.staff.plan import Item, Plan, order_of
from dlcourse.staff.run import INTERRUPT_SECONDS, Merged, _said, _score
from dlcourse.staff.sandbox import Limits

START_SECONDS = 120.0  # for a kernel to answer: the first import after an update is slow
TEST = -1
NEEDED = ("nbformat", "IPython", "ipykernel", "jupyter_client")
LOOK = "This passes beside your code, yet not apart from it, as in grading: ask your instructor to look. "


@dataclass
class Findings:
    """What happened; cells by their number among the student's cells."""

    tests: dict[str, dict] = field(default_factory=dict)  # name -> score, status and message, as a record has them
    errors: dict[int, tuple[str, str]] = field(default_factory=dict)  # cell -> kind of exception, its text
    ended: dict[int, str] = field(default_factory=dict)  # cell -> how it was stopped
    reached_end: bool = True


def require_jupyter() -> None:
    """Raise StaffError with what to install where this Python cannot run a notebook."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        what = 'pip install "dlcourse[lab]"'
        raise StaffError(f"{sys.executable} has no {', '.join(missing)}: install what notebooks need: {what}")


def is_visible(item: Item) -> bool:
    """Whether a test has a line that students were given: some are hidden whole."""
    return any(line.strip() and not line.strip().startswith("#") for line in item.source.split("\n"))


def rehearse(plan: Plan, merged: Merged, folder: Path, limits: Limits, progress=None) -> Findings:
    """Run everything once; `progress(done, all)` is called before each step."""
    require_jupyter()
    run = _Run(plan, merged, folder, limits, progress)
    run.to_the_end()
    for source in plan.cells:
        item = plan.items.get(source.name)
        if source.kind == "test" and item is not None and is_visible(item):
            verdict = _score(source, run.verdicts.get(source.name))
            run.found.tests[source.name] = verdict | run.notes.get(source.name, {})
    return run.found


class _Run:
    def __init__(self, plan, merged, folder, limits, progress):
        self.plan, self.merged, self.folder, self.limits, self.progress = plan, merged, folder, limits, progress
        self.found, self.verdicts, self.notes, self.skip = Findings(), {}, {}, set()
        self.until = clock.now() + limits.notebook_seconds
        groups = dict.fromkeys(item.group for item in plan.items.values())
        self.group = {name: number for number, name in enumerate(groups, 1)}

    def to_the_end(self) -> None:
        """Run again without the cell or the test that ended the kernel, a few times."""
        restarts = 0
        while (fatal := self.attempt()) is not None:
            if fatal == TEST:  # its verdict is known, so it does not run again
                continue
            self.skip.add(fatal)
            restarts += 1
            if restarts > self.limits.restarts:
                self.skip |= set(range(fatal, len(self.merged.steps)))
                self.found.reached_end = False

    def attempt(self) -> int | None:
        """One run through all steps in a fresh kernel; the step that ended it, TEST where a test did, or None."""
        self.found.errors.clear()
        with _Kernel(self.folder, self.plan) as kernel:
            for i, step in enumerate(self.merged.steps):
                if self.progress:
                    self.progress(i, len(self.merged.steps))
                try:
                    if step.source is not None and i not in self.skip:
                        self.cell(kernel, step)
                except _Gone as gone:
                    self.ended(step, _said(gone.why, gone.code, self.limits))
                    return i
                try:
                    for name in step.marks:
                        self.mark(kernel, self.plan.items[name])
                except _Gone:
                    return TEST
        return None

    def cell(self, kernel, step) -> None:
        seconds = min(self.limits.cell_seconds, self.until - clock.now())
        if seconds <= 0:
            self.found.reached_end = False
            return
        reply, stopped = kernel.execute(step.source, seconds)
        if stopped:
            self.ended(step, _said("timeout", None, self.limits))
        elif reply["status"] == "error" and step.shown is not None:
            self.found.errors[step.shown] = (str(reply["ename"]), str(reply["evalue"]))

    def ended(self, step, how: str) -> None:
        if step.shown is not None:
            self.found.errors.pop(step.shown, None)
            self.found.ended[step.shown] = how

    def mark(self, kernel, item: Item) -> None:
        """Run the test whose place this is, after what it stands on: the same order and words as the grader's."""
        if item.points is None or item.name in self.verdicts or not is_visible(item):
            return
        number = self.group[item.group]
        for name in self.plan.shared:
            if self.plan.items[name].at <= item.at and name not in kernel.done:
                self.judge(kernel, name, 0, item)
        for need in order_of(self.plan, item):
            if need not in kernel.done:
                self.judge(kernel, need, number, item)
        verdict = self.judge(kernel, item.name, number, item)
        if verdict.pop("undefined", False):
            before = (kernel.done[need] for need in order_of(self.plan, item))
            verdict = next((v for v in before if v["outcome"] != "passed"), verdict)
        self.verdicts[item.name] = verdict
        if verdict["outcome"] == "failed" and not item.weak:
            beside = self.judge(kernel, f"{item.name}.beside", number, item)
            if beside["outcome"] == "passed" or (beside["outcome"] == "partial" and beside["points"] > 0):
                message = LOOK + verdict["message"]
                self.notes[item.name] = {"status": "needs a look", "message": message}

    def judge(self, kernel, name: str, number: int, item: Item) -> dict:
        """The verdict on one item; a kernel that it ends or blocks is a verdict on the test `item`."""
        try:
            kernel.done[name] = verdict = kernel.judge(name, number, self.limits)
            return verdict
        except _Gone as gone:
            text = f"Your code was stopped: {_said(gone.why, gone.code, self.limits)}."
            self.verdicts.setdefault(item.name, {"outcome": "died", "why": gone.why, "message": text})
            raise


class _Gone(Exception):
    """The kernel has ended, or had to be ended."""

    def __init__(self, why: str, code=None):
        super().__init__(why)
        self.why, self.code = why, code


class _Kernel:
    """An ordinary Jupyter kernel of this Python, whatever kernels are installed; nobody listens to what it shows."""

    def __init__(self, folder: Path, plan: Plan):
        self.folder, self.plan = folder, plan
        self.done: dict[str, dict] = {}  # item -> its verdict

    def __enter__(self):
        from jupyter_client import KernelManager
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

        class ThisPython(KernelSpecManager):
            def get_kernel_spec(self, kernel_name):
                command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
                return KernelSpec(argv=[*command, "--HistoryManager.enabled=False"], display_name=kernel_name)

        self.place = tempfile.TemporaryDirectory(prefix="dlcourse-check-")
        self.manager = KernelManager(kernel_spec_manager=ThisPython())
        self.client = None
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self) -> None:
        environment = {**os.environ, "DLCOURSE_GRADING": "1", "PYTHONHASHSEED": "0"}  # as in the grader's sandbox
        with open(Path(self.place.name, "said"), "w+b") as said:
            self.manager.start_kernel(cwd=str(self.folder), env=environment, stdout=said, stderr=said)
            self.client = self.manager.blocking_client()
            self.client.start_channels(iopub=False, stdin=False, hb=False, control=False)
            path = Path(self.place.name, "plan.json")
            plan = {"items": _items(self.plan), "classes": self.plan.classes, "imports": self.plan.imports}
            path.write_text(json.dumps(plan), "utf-8")
            code = f"__import__('dlcourse.staff.rehearsal', fromlist=['begin']).begin({str(path)!r})"
            try:
                reply, stopped = self.execute(code, START_SECONDS)
                why = "it does not answer" if stopped else reply.get("evalue")
            except _Gone:
                said.seek(0)
                lines = said.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
                why = lines[-1] if lines else "it ended at once"
        if why:
            todo = "open a notebook in JupyterLab to see whether that works, then run `dlcourse doctor`"
            raise StaffError(f"a Python kernel could not be started ({why}): {todo}")

    def execute(self, code: str, seconds: float) -> tuple[dict, bool]:
        """(the kernel's reply, whether it had to be interrupted); raises _Gone where the kernel is no more."""
        asked = self.client.execute(code, silent=False, store_history=False, allow_stdin=False, stop_on_error=False)
        reply = self.hear(asked, seconds)
        if reply is not None:
            return reply, False
        self.manager.interrupt_kernel()
        reply = self.hear(asked, INTERRUPT_SECONDS)
        if reply is None:
            raise _Gone("timeout")
        return reply, True

    def hear(self, asked: str, seconds: float) -> dict | None:
        """The reply to the message `asked`, None where none came in time."""
        until = clock.now() + seconds
        while (left := until - clock.now()) > 0:
            with suppress(queue.Empty):
                message = self.client.get_shell_msg(timeout=min(left, 0.5))
                if message["parent_header"].get("msg_id") == asked:
                    return message["content"]
                continue
            if not self.manager.is_alive():
                raise _Gone("gone", self.manager.provisioner.process.poll())
        return None

    def judge(self, name: str, number: int, limits: Limits) -> dict:
        """Have one item run in the kernel; the verdict, with the grader's words where it was stopped."""
        path = Path(self.place.name, "verdict.json")
        path.unlink(missing_ok=True)
        call = f"run({name!r}, {number}, {str(path)!r})"
        reply, stopped = self.execute(
            f"__import__('dlcourse.staff.rehearsal', fromlist=['run']).{call}", limits.cell_seconds
        )
        try:
            verdict = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            said = f"{reply.get('ename')}: {reply.get('evalue')}"
            verdict = {"outcome": "author", "message": f"The test could not be run ({said[:300]})."}
        if stopped:
            theirs = "Your code raised" in verdict.get("message", "")
            text = f"Your code was stopped: {_said('timeout', None, limits)}." if theirs else ""
            text = text or f"The test was stopped after {limits.cell_seconds:g} s."
            return {"outcome": "died", "why": "timeout", "message": text}
        return verdict

    def __exit__(self, *exc):
        if self.client is not None:
            self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.place.cleanup()


def _items(plan: Plan) -> dict:
    """The plan's items as the judge takes them, each test also to be run beside the student's code."""
    items = {}
    for item in plan.items.values():
        items[item.name] = {
            "source": item.source, "points": item.points, "names": item.names, "seed": item.seed,
            "needs": bool(item.needs), "weak": item.weak,
        }  # fmt: skip
        items[f"{item.name}.beside"] = items[item.name] | {"weak": True, "stubs": []}
    return items
