"""Grade one submission: its cells in the student's box, the tests in a judge, the driver between the two.

First pass: the student's cells run in notebook order; at each test's place the box takes a checkpoint. Second pass: a
judge runs the tests; what it asks of the student's code goes to a process forked from that checkpoint. This process
passes messages on, holds the clock, and believes neither side.
"""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dlcourse.staff import clock, wire
from dlcourse.staff.plan import Item, Plan, SourceCell, names_of, order_of
from dlcourse.staff.sandbox import NONE, Box, BoxGone, Channel, Limits, Server, Watch, require_sandbox, sweep_orphans
from dlcourse.staff.submissions import Cell, Submission

INTERRUPT_SECONDS = 3.0  # for a cell to end after it was interrupted
CONTROL = 10_000  # added to the number of a session that holds a negative control
LOST, MOST_LOST = -1, 3  # a step's number where the sandbox was ended from outside; how often it is tried again
OUTCOMES = "passed partial failed undefined unanswered author died".split()  # of a test
GRACE = 5.0  # seconds beyond a limit that the driver's own work may take


# ---------------------------------------------------------------------------------------------------- what to run


@dataclass
class Step:
    """One thing of the first pass: run a cell, or note a place."""

    source: str | None = None  # to run
    shown: int | None = None  # index of the student's cell it belongs to
    name: str | None = None
    marks: list[str] = field(default_factory=list)  # items whose place is after this step


@dataclass
class Merged:
    """A submission laid over the assignment: what to run, and each answer that a person will read."""

    steps: list[Step]
    answers: dict[str, str]  # manual cell -> the student's text
    cells: list[tuple[Cell, str | None]]  # the student's cells with the source cell each belongs to

    def texts(self) -> list[dict]:
        """The student's cells as format_rules reads them; "turned" where one came as a cell of another kind."""
        return [
            {"name": name, "code": cell.code, "source": cell.source} | ({"turned": True} if cell.turned else {})
            for cell, name in self.cells
        ]


def merge(plan: Plan, submission: Submission) -> Merged:
    """Match what came with what was given out; everything locked is ours, and where it was changed a flag says so."""
    sources = plan.cells
    owner = _match(plan, submission)
    place: dict[int, int] = {}  # source cell -> the student's cell (the last one, where there are several)
    for i, at in enumerate(owner):
        if at is not None:
            if at in place and sources[at].kind != "text":
                submission.flag("cells doubled")
            place[at] = i
    for at, source in enumerate(sources):
        if source.kind in ("test", "locked") and at in place:
            if submission.cells[place[at]].source.strip() not in (source.released.strip(), source.source.strip()):
                submission.flag("tests changed")
        elif source.kind in ("test", "solution") and at not in place:
            submission.flag("cells missing")

    before: dict[int, list[Step]] = {}  # things to do before the student's cell number i
    end = len(submission.cells)
    for at, source in enumerate(sources):
        wanted = source.name in plan.items and (source.kind == "test" or plan.items[source.name].names)
        rerun = source.kind == "locked" and at not in place
        if not (wanted or rerun or (source.name in plan.run_in_box and at not in place)):
            continue
        held = (b for b in range(at) if b in place and sources[b].kind not in ("text", "test"))
        after = max((place[b] + 1 for b in held), default=0)
        here = place[at] + 1 if at in place else after
        if at not in place:  # put back before the next thing that was given out
            while here < end and owner[here] is None:
                here += 1
        step = Step(name=source.name, marks=[source.name] if wanted else [])
        if (rerun or source.name in plan.run_in_box) and at not in place:
            step.source = source.released
        before.setdefault(max(here, after), []).append(step)

    steps: list[Step] = []
    for i in range(end + 1):
        if i < end:
            steps += [s for s in before.get(i, [])]
            cell, at = submission.cells[i], owner[i]
            source = sources[at] if at is not None else None
            if not cell.code:
                continue
            if source is not None and source.kind == "test":
                if source.name in plan.run_in_box:
                    steps.append(Step(source.released, None, source.name))
            elif source is not None and source.kind == "locked":
                steps.append(Step(source.released, i, source.name))
            elif cell.source.strip():
                steps.append(Step(cell.source, i, source.name if source else None))
        else:
            steps += before.get(end, [])
    answers = {}
    for at, source in enumerate(sources):
        if source.kind in ("manual", "task"):
            answers[source.name] = submission.cells[place[at]].source if at in place else source.released
    named = [(c, sources[at].name if at is not None else None) for c, at in zip(submission.cells, owner, strict=True)]
    return Merged(steps, answers, named)


def _match(plan: Plan, submission: Submission) -> list[int | None]:
    """For each of the student's cells the source cell it comes from: by grade id, cell id, text, then name defined."""
    sources, cells = plan.cells, submission.cells
    by_name = {s.name: i for i, s in enumerate(sources)}
    by_id = {s.id: i for i, s in enumerate(sources) if s.id}
    owner: list[int | None] = [None] * len(cells)
    for i, cell in enumerate(cells):
        for key, table in ((cell.grade_id, by_name), (cell.id, by_name), (cell.id, by_id)):
            at = table.get(key) if key else None
            if at is None or (sources[at].is_code != cell.code and sources[at].kind not in ("solution", "manual")):
                continue
            if sources[at].is_code != cell.code:  # an answer is an answer, whatever kind of cell it was turned into
                cell.code = sources[at].is_code
                cell.turned = True
                submission.flag("cell type mended")
            owner[i] = at
            break
    taken = {at for at in owner if at is not None}
    mended = False
    lacking = [at for at, s in enumerate(sources) if at not in taken and s.kind == "solution"]
    for i, cell in enumerate(cells):  # an answer that was merged with a cell that is ours: that one is put back
        ours = sources[owner[i]] if owner[i] is not None else None
        if not lacking or ours is None or ours.kind not in ("test", "locked") or not cell.code:
            continue
        binds = names_of(cell.source)[1] - names_of(ours.released)[1]
        at = next((at for at in lacking if binds & names_of(sources[at].source)[1]), None)
        if at is not None:
            taken.discard(owner[i])
            owner[i] = at
            taken.add(at)
            lacking.remove(at)
            mended = True
    free: dict[tuple[bool, str], list[int]] = {}
    for at, source in enumerate(sources):
        if at not in taken and source.released.strip():
            free.setdefault((source.is_code, source.released.strip()), []).append(at)
    for i, cell in enumerate(cells):
        same = free.get((cell.code, cell.source.strip()))
        if owner[i] is None and same:
            owner[i] = same.pop(0)
            taken.add(owner[i])
            mended |= sources[owner[i]].kind in ("test", "solution", "manual")
    open_solutions = [at for at, s in enumerate(sources) if at not in taken and s.kind == "solution"]
    if open_solutions:
        defines = {i: names_of(c.source)[1] for i, c in enumerate(cells) if owner[i] is None and c.code}
        for at in open_solutions:
            wanted = names_of(sources[at].source)[1]
            best = max(defines, key=lambda i: len(defines[i] & wanted), default=None)
            if best is not None and defines[best] & wanted:
                owner[best] = at
                taken.add(at)
                del defines[best]
                mended = True
    for at, source in enumerate(sources):  # without its id: a written answer below its question, a test given out blank
        empty = source.kind == "test" and not source.released.strip()
        if (source.kind == "manual" or empty) and at not in taken and at and at - 1 in owner:
            i = owner.index(at - 1) + 1
            if i < len(cells) and owner[i] is None and cells[i].code == source.is_code:
                if empty and cells[i].source.strip():
                    continue
                owner[i] = at
                taken.add(at)
                mended = True
    open_answers = [at for at, s in enumerate(sources) if s.kind == "manual" and not s.is_code and at not in taken]
    texts = [i for i, c in enumerate(cells) if owner[i] is None and not c.code and c.source.strip()]
    if open_answers and len(open_answers) == len(texts):  # as many as are missing: a person will see
        for at, i in zip(open_answers, texts, strict=True):
            owner[i] = at
        mended = True
    if mended:
        submission.flag("ids mended")
    return owner


# ---------------------------------------------------------------------------------------------------- the two passes


class Cancelled(Exception):
    """The whole run is being given up: what this submission got so far is no result."""


class NotStarted(Exception):
    """A sandbox or a judge could not be started: our fault or the machine's, never the student's."""


class Grader:
    """Grades submissions of one assignment, several at a time; owns the judges' sandbox and the watcher."""

    def __init__(
        self, plan: Plan, limits: Limits, *, assets: Path | None = None, trust: bool = False, sandbox: str | None = None
    ):
        self.plan, self.limits, self.assets, self.trust = plan, limits, assets, trust
        self.kind = NONE if trust else require_sandbox(sandbox, limits.gpu)
        self.cancelled = False
        self.learned: list[str] | None = None  # modules to import ahead, while the reference shows which they are
        self.spare: list[Box] = []
        self.lock = threading.Lock()
        sweep_orphans()
        self.watch = Watch()
        self.starter = ThreadPoolExecutor(1)  # a sandbox dies with the thread that started it: this one stays
        self.judges = self.new_box("judge")

    def grade(self, submission: Submission) -> dict:
        """The record of one submission, without what only the caller knows. Never raises for what a student did."""
        began = clock.now()
        if submission.problem:
            return self._record(submission, None, {}, [], began)
        merged = merge(self.plan, submission)
        run = Run(self, merged)
        try:
            verdicts = run.grade()
        except NotStarted as err:
            submission.problem = str(err)
        finally:
            run.close()
        if submission.problem:
            return self._record(submission, None, {}, [], began)
        for word in run.flags:
            submission.flag(word)
        return self._record(submission, merged, verdicts, run.shown(), began)

    def _record(self, submission, merged, verdicts, shown, began) -> dict:
        cells = {}
        for source in self.plan.cells:
            if source.points is None:
                continue
            if submission.problem:
                cells[source.name] = _cell(source, None, "not run", submission.problem)
            elif source.kind == "test":
                verdict = verdicts.get(source.name)
                cells[source.name] = _score(source, verdict)
                if verdict and "measured" in verdict:
                    cells[source.name]["measured"] = verdict["measured"]
                if source.name in self.plan.broken and cells[source.name]["status"] != "passed":
                    told = "This test does not pass with the instructor's own solution either: it is not your fault."
                    cells[source.name] |= {"status": "author error", "message": told}
                if self.plan.items[source.name].weak:
                    cells[source.name]["weak"] = True
            elif source.kind != "task" and merged.answers[source.name].strip() == source.released.strip():
                cells[source.name] = _cell(source, 0.0, "unanswered", "No answer was given.")
            else:
                cells[source.name] = _cell(source, None, "needs marking", "")
        marking = any(c["status"] == "needs marking" for c in cells.values())
        return {
            "student": submission.student,
            "assignment": self.plan.assignment,
            "file": submission.file,
            "submitted": submission.submitted.isoformat() if submission.submitted else None,
            "state": "could not run" if submission.problem else "needs marking" if marking else "graded",
            "problem": submission.problem,
            "score": None if submission.problem else round(sum(c["score"] or 0 for c in cells.values()), 6),
            "max_score": self.plan.max_score,
            "cells": cells,
            "flags": list(submission.flags),
            "seconds": round(clock.now() - began, 2),
            "changing": sorted(n for n, v in verdicts.items() if v.get("changes")),
            "shown": shown,
        }

    def prepare(self, modules: list[str]) -> None:
        """Import modules in the sandboxes that wait; those that are made later import what the plan says."""
        for box in [self.judges, *self.spare]:
            with suppress(BoxGone):  # it is made anew when it is needed
                box.ask({"import": modules}, seconds=self.limits.cell_seconds)

    def learn(self, modules) -> None:
        """Note what an own run imported on its way: done once ahead, it costs each submission nothing."""
        if self.learned is not None and isinstance(modules, list):
            self.learned += [m for m in modules if m not in self.learned]

    def take_box(self) -> Box:
        """A sandbox that nobody uses, made anew where none waits."""
        with self.lock:
            if self.spare:
                return self.spare.pop()
        return self.new_box("box", watch=self.watch)

    def new_box(self, program: str, watch=None) -> Box:
        options = {"arguments": self.plan.imports, "assets": self.assets, "kind": self.kind, "watch": watch}
        return self.starter.submit(Box, f"dlcourse.staff.{program}", self.limits, **options).result()

    def start_judge(self, channel: Channel) -> tuple[int, Box]:
        """Fork a judge that speaks over `channel`; its number in the judges' sandbox, and that sandbox."""
        for _ in range(MOST_LOST + 1):
            judges = self.judges
            try:
                return judges.fork(channel.there), judges
            except BoxGone as gone:
                if self.cancelled:
                    raise Cancelled from None
                with self.lock:
                    if self.judges is judges:
                        judges.has_vanished()  # tell those whose judge was in it
                        judges.close()
                        self.judges = self.new_box("judge")
                reason = gone.why
        raise NotStarted(f"the process that runs the tests could not be started ({reason})")

    def give_back(self, box: Box) -> None:
        if not self.cancelled and not self.trust and box.clean():
            with self.lock:
                self.spare.append(box)
        else:
            box.close()

    def cancel(self) -> None:
        """Give up what is running; each `grade` in progress raises Cancelled."""
        self.cancelled = True
        self.watch.stop_all("cancelled")
        self.judges.stop("cancelled")

    def close(self) -> None:
        for box in self.spare:
            box.close()
        self.judges.close()
        self.watch.close()
        self.starter.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def _gives_points(verdict: dict) -> bool:
    return verdict["outcome"] == "passed" or (verdict["outcome"] == "partial" and verdict["points"] > 0)


def _cell(source: SourceCell, score, status: str, message: str) -> dict:
    return {"score": score, "max_score": source.points, "status": status, "message": message}


def _score(source: SourceCell, verdict: dict | None) -> dict:
    if verdict is None:
        told = "This test was not reached: the notebook took too long or ended too often."
        return _cell(source, 0.0, "not run", told)
    outcome, message = verdict["outcome"], verdict.get("message", "")
    if outcome == "passed":
        return _cell(source, source.points, "passed", "")
    if outcome == "partial":
        full = verdict["points"] == source.points
        status = "passed" if full else "partial" if verdict["points"] else "failed"
        return _cell(source, verdict["points"], status, "" if full else "Part of this test passes.")
    known = {"failed": "failed", "undefined": "failed", "unanswered": "unanswered", "author": "author error"}
    status = known.get(outcome)
    if status is None:
        status = "timeout" if verdict.get("why") == "timeout" else "crashed"
    return _cell(source, 0.0, status, message)


class Run:
    """The processes of one submission."""

    def __init__(self, grader: Grader, merged: Merged):
        self.grader, self.plan, self.limits, self.merged = grader, grader.plan, grader.limits, merged
        self.box: Box | None = None
        self.main: Channel | None = None
        self.control: Server | None = None
        self.checkpoints: dict[str, Server] = {}  # group -> the waiting process
        self.sessions: dict[int, tuple[Channel, int, str]] = {}
        self.judge: Channel | None = None
        self.judge_pid = self.judges_box = None
        self.done: set[str] = set()
        self.skip: set[int] = set()  # steps that killed or blocked the process
        self.restarts = 0
        self.lost = 0  # sandboxes that were ended from outside
        self.flags: list[str] = []
        self.outputs: dict[int, list] = {}  # student's cell -> what it showed in the first pass
        self.tested = False  # whether tests have begun: what cells show after that could be what a test asked
        self.unforkable: set[str] = set()  # groups at whose place CUDA had started: no checkpoint, the cells run again
        self.took = 0.0  # seconds of the first pass
        self.until = 0.0  # when the time for all tests is over
        groups = {}
        for item in self.plan.items.values():
            groups.setdefault(item.group, len(groups) + 1)
        self.group_numbers = groups

    def flag(self, word):
        if word not in self.flags:
            self.flags.append(word)

    def grade(self) -> dict[str, dict]:
        verdicts = self.second_pass() if self.first_pass() else {}
        self.check_cancelled()
        return verdicts

    def check_cancelled(self) -> None:
        if self.grader.cancelled:
            raise Cancelled

    # ---- first pass

    def first_pass(self) -> bool:
        """Run the student's cells; True where the end was reached."""
        until = clock.now() + self.limits.notebook_seconds
        while True:
            began = clock.now()
            fatal = self.attempt(until)
            self.took = clock.now() - began
            if fatal is None:
                return True
            if fatal == LOST:
                continue
            self.skip.add(fatal)
            self.restarts += 1
            if self.restarts > self.limits.restarts or clock.now() > until:
                self.skip |= {i for i, s in enumerate(self.merged.steps) if i > fatal and s.source is not None}
                self.flag("stopped early")
                if self.restarts > self.limits.restarts + 1:
                    return False

    def attempt(self, until: float) -> int | None:
        """One run through all steps in a fresh process; the step that ended it, or None."""
        self.forget_checkpoints()
        self.start_main()
        last = {}
        for i, step in enumerate(self.merged.steps):
            for name in step.marks:
                last[self.plan.items[name].group] = i
        waiting: set[str] = set()  # groups whose place has come; one checkpoint does for all until a cell runs
        for i, step in enumerate(self.merged.steps):
            try:
                if step.source is not None and i not in self.skip and clock.now() < until:
                    self.take_checkpoint(waiting)
                    self.run_cell(i, step, until)
                for name in step.marks:
                    item = self.plan.items[name]
                    self.tell({"snapshot": name, "names": item.names})
                    self.hear(clock.now() + 30)
                    if last[item.group] == i:
                        waiting.add(item.group)
                if i + 1 == len(self.merged.steps):
                    self.take_checkpoint(waiting)
            except BoxGone as gone:
                if self.is_lost(self.box):
                    self.stop_main()
                    return LOST
                why = self.box.why or gone.why
                code = None
                if gone.why == "gone" and self.box.why is None:
                    with suppress(BoxGone):
                        code = self.box.ask({"status": self.main_pid, "wait": 1}, seconds=2).get("code")
                self.note(step, why, code)
                self.stop_main()
                return i
        if self.grader.learned is not None:
            with suppress(BoxGone):
                self.tell({"imported": 1})
                self.grader.learn(self.hear(clock.now() + 10).get("imported"))
        self.stop_main()
        return None

    def is_lost(self, box: Box) -> bool:
        """Whether the whole sandbox was ended from outside, which is not the student's doing: to be tried again.

        Nobody inside can end it. A machine without memory can, so it is tried a few times only.
        """
        if box is None or not box.has_vanished() or self.lost >= MOST_LOST:
            return False
        self.lost += 1
        return True

    def start_main(self) -> None:
        """A fresh process for the student's cells, in a fresh sandbox where the old one is gone."""
        for _ in range(MOST_LOST + 1):
            self.check_cancelled()
            if self.box is not None and self.box.why is not None:
                self.box.close()
                self.box = None
            if self.box is None:
                self.box = self.grader.take_box()
            self.main, self.control = Channel(), Server()
            try:
                self.main_pid = self.box.fork(self.main.there, self.control.there)
                return
            except BoxGone as gone:
                self.box.stop(gone.why)
                reason = "; ".join([gone.why, *self.box.last_words()])
        self.check_cancelled()
        raise NotStarted(f"its sandbox could not be started ({reason})")

    def stop_main(self) -> None:
        if self.main is None:
            return
        with suppress(BoxGone):
            self.box.ask({"kill": self.main_pid}, seconds=5)
        self.main.close()
        self.control.close()
        self.main = None

    def run_cell(self, number: int, step: Step, until: float) -> None:
        self.tell({"run": step.source})
        limit = min(clock.now() + self.limits.cell_seconds, until)
        try:
            answer = self.hear(limit)
        except BoxGone as gone:
            if gone.why != "timeout" or self.box.why:
                raise
            self.flag("timeout")
            stopped = f"[stopped after {self.limits.cell_seconds:g} s]"
            self.box.ask({"interrupt": self.main_pid}, seconds=5)
            answer = self.hear(clock.now() + INTERRUPT_SECONDS)
            outputs = answer.get("outputs")
            answer["outputs"] = [*(outputs if isinstance(outputs, list) else []), _notice(stopped)]
        if step.shown is not None and not self.tested:
            outputs = answer.get("outputs")
            self.outputs[step.shown] = outputs if isinstance(outputs, list) else []

    def take_checkpoint(self, groups: set[str]) -> None:
        """Keep the state of the notebook as it is here for the tests of `groups`; empties the set."""
        if groups:
            waiting = Server()
            with suppress(OSError):
                socket.send_fds(self.control.here, [b"checkpoint"], [waiting.there.fileno()])
            waiting.there.close()
            self.checkpoints |= dict.fromkeys(groups, waiting)
            self.tell({"checkpoint": 1})
            answer = self.hear(clock.now() + 30)
            if answer.get("forked") is False and (self.limits.gpu or self.grader.trust):
                self.unforkable |= groups
            groups.clear()

    def tell(self, message: dict) -> None:
        self.main.send(wire.TO_BOX, 0, json.dumps(message).encode("utf-8", "backslashreplace"))

    def hear(self, deadline: float) -> dict:
        _, _, head, _ = self.main.receive(deadline)
        try:
            answer = json.loads(bytes(head))
        except (ValueError, RecursionError):
            raise BoxGone("sent a message that is not one") from None
        return answer if isinstance(answer, dict) else {}

    def note(self, step: Step, why: str, code=None) -> None:
        self.flag({"timeout": "timeout", "memory": "memory"}.get(why, "crashed"))
        if step.shown is not None and not self.tested:
            text = f"[this cell ended the notebook ({_said(why, code, self.limits)}); it goes on without it]"
            self.outputs[step.shown] = [_notice(text)]

    def forget_checkpoints(self) -> None:
        for server in self.checkpoints.values():
            server.close()
        self.checkpoints.clear()
        for channel, _, _ in self.sessions.values():
            channel.close()
        self.sessions.clear()

    # ---- second pass

    def second_pass(self) -> dict[str, dict]:
        self.tested = True
        self.until = clock.now() + self.limits.notebook_seconds
        verdicts: dict[str, dict] = {}
        failed: dict[str, dict] = {}
        given_up: set[str] = set()
        odd: list[tuple[Item, dict]] = []  # failed, perhaps only since a student's object could not be handled
        self.start_judge()
        for item in sorted(self.plan.tests, key=lambda i: i.at):
            self.check_cancelled()
            if clock.now() > self.until:
                self.flag("stopped early")
                break
            if self.judge is None:
                self.start_judge()
            verdict = {"why": LOST}
            while verdict.get("why") == LOST:
                if self.judge is None:
                    self.start_judge()
                verdict = self.run_with_needs(item, failed, given_up)
            if verdict.pop("undefined", False):  # say why the cell above did not get there
                earlier = (failed[n] for n in order_of(self.plan, item) if failed.get(n, {}).get("outcome") != "passed")
                verdict = next((v for v in earlier if v), verdict)
            if verdict.get("shaped") and not item.weak:
                odd.append((item, verdict))
            if verdict.get("changes") and _gives_points(verdict) and item.name not in self.plan.changing:
                verdict = self.without_changes(item, verdict)
            if item.weak and _gives_points(verdict) and item.names:
                control = self.run_item(item.name + ".control", CONTROL + self.group_numbers[item.group])
                if _gives_points(control):
                    told = "This test passes whatever your code does: something that it relies on was replaced."
                    verdict = {"outcome": "failed", "message": told}
                    self.flag("test replaced")
            verdicts[item.name] = verdict
            if verdict["outcome"] == "died":
                self.flag({"timeout": "timeout", "memory": "memory"}.get(verdict.get("why"), "crashed"))
        for item, verdict in odd:  # last: the student's code meets the text of the test, and no later test can tell it
            if clock.now() < self.until and self.passes_beside(item):
                self.flag("needs a look")
                verdict["message"] += " Your instructor has been asked to look at this one."
        if self.grader.learned is not None:
            for channel in [self.judge, *(session[0] for session in self.sessions.values())]:
                with suppress(BoxGone, AttributeError, ValueError):  # some may have ended
                    channel.send(wire.TO_DRIVER, 0, b'{"imported": 1}')
                    self.grader.learn(json.loads(bytes(channel.receive(clock.now() + 10)[2])).get("imported"))
        return verdicts

    def run_with_needs(self, item: Item, failed: dict, given_up: set) -> dict:
        """The verdict on a test, after what it stands on."""
        for before in self.plan.shared:
            if self.plan.items[before].at > item.at or before in self.done | given_up:
                continue
            found = self.run_item(before, 0)
            if found.get("why") == LOST:
                return found
            if found["outcome"] in ("died", "author"):
                given_up.add(before)  # it would end each new judge in the same way
        for need in order_of(self.plan, item):
            if need not in self.done:
                failed[need] = self.run_item(need, self.group_numbers[item.group])
                if failed[need].get("why") == LOST:
                    self.done.discard(need)
                    return failed[need]
        return self.run_item(item.name, self.group_numbers[item.group])

    def without_changes(self, item: Item, verdict: dict) -> dict:
        """The verdict on a test that passes, where the student's code changed values of the test that the instructor's
        does not: it must also pass where these changes are not taken over. Else emptying a list with which a result is
        then compared would pass.
        """
        self.drop_judge()
        self.forget_session(self.group_numbers[item.group])
        self.start_judge()
        for before in [n for n in self.plan.shared if self.plan.items[n].at <= item.at]:
            self.run_item(before, 0)
        for name in [*order_of(self.plan, item), item.name]:
            second = self.run_item(name, self.group_numbers[item.group], keep=True)
        self.drop_judge()
        self.forget_session(self.group_numbers[item.group])
        if _gives_points(second) and second.get("points", item.points) >= verdict.get("points", item.points):
            return verdict
        if second["outcome"] in ("passed", "partial"):
            return second
        told = "This test passes only because your code changes values that the test goes on to use."
        return {"outcome": "failed", "message": told, "changes": True}

    def forget_session(self, number: int) -> None:
        if number in self.sessions:
            self.end_session(number, "closed")

    def passes_beside(self, item: Item) -> bool:
        """Whether a test that could not handle a student's object passes where it meets the object itself.

        Such a pass can be forged, so it gives no points; but an honest student must not fail unseen.
        """
        number = CONTROL + self.group_numbers[item.group]
        if not _gives_points(self.run_item(item.name + ".beside", number)):
            return False
        return not _gives_points(self.run_item(item.name + ".control", 2 * CONTROL + number))

    def start_judge(self) -> None:
        self.check_cancelled()
        self.judge = Channel()
        self.judge_pid, self.judges_box = self.grader.start_judge(self.judge)
        self.done.clear()
        items = {}
        for item in self.plan.items.values():
            items[item.name] = {"source": item.source, "points": item.points, "names": item.names, "seed": item.seed}
            items[item.name]["needs"] = bool(item.needs)
            if item.points is not None:
                beside = items[item.name] | {"weak": True, "stubs": []}
                items[item.name + ".control"] = beside | {"stubs": item.names}
                items[item.name + (".beside" if not item.weak else "")] = beside
        self.judge.send(
            wire.TO_DRIVER,
            0,
            json.dumps({"items": items, "classes": self.plan.classes}).encode("utf-8", "backslashreplace"),
        )

    def run_item(self, name: str, session: int, keep: bool = False) -> dict:
        """Have the judge run one item, passing its questions on; the verdict."""
        if self.judge is None:  # an earlier item ended it
            self.start_judge()
        self.done.add(name)
        deadline = min(clock.now() + self.limits.cell_seconds, self.until)
        why = None
        try:
            self.judge.send(wire.TO_DRIVER, 0, json.dumps({"run": name, "session": session, "keep": keep}).encode())
            for _ in range(self.limits.messages):
                kind, number, head, blob = self.judge.receive(deadline + GRACE)
                if kind == wire.TO_DRIVER:
                    verdict = self.sound(bytes(head), name)
                    if verdict["outcome"] == "died":
                        verdict["why"] = why
                    return verdict
                try:
                    if number not in self.sessions:
                        waited = self.open_session(name, number, deadline)
                        deadline, self.until = deadline + waited, self.until + waited
                    head, blob = self.ask_box(number, head, blob, deadline)
                    self.judge.send(wire.FROM_BOX, number, head, blob)
                except BoxGone as gone:
                    lost = self.is_lost(self.box)
                    why = LOST if lost else (self.box.why if self.box else None) or gone.why
                    text = self.end_session(number, "closed" if lost else why)
                    self.judge.send(wire.DEAD, number, text.encode())
            self.drop_judge()
            text = "The test was stopped: it asked your code too many things."
            return {"outcome": "died", "why": "timeout", "message": text}
        except BoxGone as gone:  # the judge itself
            self.drop_judge()
            if self.is_lost(self.judges_box):
                return {
                    "outcome": "died",
                    "why": LOST,
                    "message": "The process that runs the tests was ended from outside.",
                }
            if gone.why == "timeout":
                text = f"The test was stopped after {self.limits.cell_seconds:g} s."
                return {"outcome": "died", "why": "timeout", "message": text}
            return {"outcome": "author", "message": f"The process that runs the tests stopped ({gone.why})."}

    def sound(self, head: bytes, name: str) -> dict:
        """The judge's verdict, if it is one: the judge has met what students made, so it is not believed blindly."""
        points = self.plan.items[name.removesuffix(".control").removesuffix(".beside")].points
        try:
            verdict = json.loads(head)
            good = verdict["outcome"] in OUTCOMES and isinstance(verdict.get("message", ""), str)
            if good and verdict["outcome"] == "partial":
                good = type(verdict["points"]) in (int, float) and 0 <= verdict["points"] <= (points or 0)
        except (ValueError, TypeError, KeyError, RecursionError):
            good = False
        if good:
            return verdict
        self.flag("needs a look")
        return {"outcome": "author", "message": "The process that runs the tests gave no verdict."}

    def ask_box(self, number: int, head, blob, deadline):
        channel = self.sessions[number][0]
        channel.send(wire.TO_BOX, number, bytes(head), bytes(blob), seconds=max(0.1, deadline - clock.now()))
        _, _, head, blob = channel.receive(deadline)
        return bytes(head), bytes(blob)

    def open_session(self, name: str, number: int, deadline: float) -> float:
        """Fork a session from the checkpoint of an item; where an earlier test killed that, run the cells once more.

        Returns the seconds that went into running cells, which the test does not pay for.
        """
        group = self.plan.items[name.removesuffix(".control").removesuffix(".beside")].group
        waited = 0.0
        for again in range(2):
            began = clock.now()
            channel = Channel()
            try:
                if group in self.unforkable:
                    pid = self.replay(group, channel)
                    waited += clock.now() - began
                else:
                    if (self.box.why is not None or again) and self.restarts <= self.limits.restarts:
                        self.restarts += 1
                        self.attempt(clock.now() + self.limits.notebook_seconds)
                        waited += clock.now() - began
                    if group not in self.checkpoints:
                        raise BoxGone("gone")
                    seconds = max(1.0, min(30.0, deadline + waited - clock.now()))
                    pid = self.checkpoints[group].fork(channel.there, seconds=seconds)
            except BoxGone:
                channel.close()
                if again:
                    raise
                continue
            self.sessions[number] = (channel, pid, group)
            return waited

    def replay(self, group: str, channel: Channel) -> int:
        """Run the cells again up to the place of `group`, in a process that then is the session; its number."""
        for number, (_, _, held) in list(self.sessions.items()):
            if held in self.unforkable:  # one at a time: each holds memory of the device
                self.end_session(number, "closed")
        ours = {name for name, item in self.plan.items.items() if item.group == group}
        last = max(i for i, step in enumerate(self.merged.steps) if ours & set(step.marks))
        until = clock.now() + 2 * self.took + 30
        self.start_main()
        try:
            for i, step in enumerate(self.merged.steps[: last + 1]):
                if step.source is not None and i not in self.skip and clock.now() < until:
                    self.run_cell(i, step, until)
                for name in step.marks:
                    if name in ours:
                        self.tell({"snapshot": name, "names": self.plan.items[name].names})
                        self.hear(clock.now() + 30)
            with suppress(OSError):
                socket.send_fds(self.control.here, [b"become"], [channel.there.fileno()])
            self.tell({"become": 1})
        except BoxGone:
            self.stop_main()
            raise
        channel.there.close()
        self.main.close()
        self.control.close()
        self.main = None
        return self.main_pid

    def end_session(self, number: int, why: str = "gone") -> str:
        """Kill a session; says in words how it ended."""
        code = None
        if number in self.sessions:
            channel, pid, group = self.sessions.pop(number)
            channel.close()
            server = self.box if group in self.unforkable else self.checkpoints.get(group)
            if server is not None and (self.box is None or self.box.why is None):
                with suppress(BoxGone):
                    if why != "gone" or server is self.box:
                        server.ask({"kill": pid}, seconds=5)
                    code = server.ask({"status": pid, "wait": 1}, seconds=5).get("code")
        return f"Your code was stopped: {_said(why, code if why == 'gone' else None, self.limits)}."

    def drop_judge(self) -> None:
        if self.judge is not None:
            with suppress(BoxGone):
                self.judges_box.ask({"kill": self.judge_pid}, seconds=5)
            self.judge.close()
            self.judge = None

    # ---- the end

    def shown(self) -> list[dict]:
        """The student's cells with what they showed, for the feedback page and the autograded notebook."""
        return [cell | {"outputs": self.outputs.get(i, [])} for i, cell in enumerate(self.merged.texts())]

    def close(self) -> None:
        self.drop_judge()
        self.forget_checkpoints()
        if self.main is not None:
            self.main.close()
            self.control.close()
        if self.box is not None:
            self.grader.give_back(self.box)


def _notice(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text + "\n"}


def _said(why: str, code, limits: Limits) -> str:
    if why == "timeout":
        return f"it did not end within {limits.cell_seconds:g} s"
    if why == "memory":
        return f"it needed more than {limits.memory_mb} MB of memory"
    if why == "gone":
        if isinstance(code, int) and -64 <= code < 0:
            names = {-11: "segmentation fault", -9: "killed", -6: "aborted", -8: "arithmetic error", -7: "bus error"}
            return f"the process died of signal {-code}" + (f", {names[code]}" if code in names else "")
        return "the process ended"  # with which status is the student's to choose: it could carry a test's input out
    return f"it {why}" if why.startswith("sent") else why
