"""Grade a class on a Slurm cluster: a job array, each element with its own warm sandboxes and a slice of the class.

The driver is `dlcourse grade --slurm`. It writes what decides the results and the hand-ins, as it read them, into a
folder beside the records, submits the array and waits. An element (`python -m dlcourse.staff.cluster FOLDER`) needs
that folder and this Python, nothing else. It writes records, never the gradebook, and holds no lock. A record is named
by what decides it, so whatever dies can be run again: an element by Slurm, a slice by the driver, the driver by the
same command, which finds the array by its name and waits for it.
"""

import contextlib
import json
import os
import platform
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from dlcourse.staff import StaffError
from dlcourse.staff.grading import Batch, Records, environment_digest, grade_left
from dlcourse.staff.notebooks import shown, write
from dlcourse.staff.plan import Plan, SourceCell, make_plan
from dlcourse.staff.sandbox import Limits, require_sandbox
from dlcourse.staff.submissions import Cell, Submission, _printable

SLICE = 30  # hand-ins of an element: enough to pay for the imports of its sandboxes
JOBS = 4  # submissions at a time in an element
PERIOD = 2.0  # seconds between two looks at the queue
SILENCE = 300.0  # seconds without an answer of squeue before the driver gives up; the array goes on
SETTLE = 3.0  # seconds for the last files to be seen on a network file system
NEVER = (  # Slurm's reasons for waiting that time does not end
    "requeued held", "held state", "BadConstraints", "PartitionConfig", "PartitionTimeLimit", "PartitionNodeLimit",
    "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS",
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------- the driver


@dataclass
class Slurm:
    """Grades a Batch by job arrays; for `grading.grade(elsewhere=...)`."""

    elements: int = 0  # of the array; 0: one for each SLICE hand-ins
    options: str = ""  # more of sbatch's, as on a command line

    def __post_init__(self):
        if missing := [name for name in ("sbatch", "squeue", "scancel") if not shutil.which(name)]:
            todo = "run this on a machine that submits jobs to Slurm, or leave --slurm out"
            raise StaffError(f"--slurm: there is no command {missing[0]} here: {todo}")
        try:
            self.words = shlex.split(self.options)
        except ValueError as err:
            raise StaffError(f"--sbatch {self.options!r}: cannot be split into options ({err})") from None

    def __call__(self, batch: Batch) -> list[str]:
        """Grade what has no result; notes for the instructor. What then has none is to be graded by the caller."""
        home = batch.records.folder.absolute() / ".slurm"
        notes, wanted = [], set()
        for job in _jobs_before(home):
            if not _queue(job.name):
                shutil.rmtree(job.folder, ignore_errors=True)
            elif job.decided_by != _decided_by(batch):
                _scancel(job.name)
                notes.append(f"Slurm job {job.name} was called off: the tests or the environment have changed since")
            elif job.wanted & {_name(batch, s) for s in batch.left}:
                wanted |= job.wanted
                notes += [f"Slurm job {job.name} was under way already: its results were waited for"]
                notes += _wait(job, batch)
        todo = [s for s in batch.left if _name(batch, s) not in wanted]
        if todo:
            job = _prepare(home, batch, todo, self.elements or -(-len(todo) // SLICE))
            _submit(job, batch, self.words)
            notes += _wait(job, batch)
        return notes


@dataclass
class Job:
    """An array, as the driver keeps it in `job.json` of its folder."""

    folder: Path
    elements: int
    decided_by: str  # tests and environment
    wanted: set[str]  # names of the records that it makes

    @property
    def name(self) -> str:
        """In Slurm. It is written down before the job exists, so a driver killed at any moment can find its job."""
        return self.folder.name

    @property
    def engine(self) -> str:
        return self.folder.parent.name.lstrip(".")


def _decided_by(batch: Batch) -> str:
    return f"{batch.plan.digest} {sorted(batch.plan.broken)} {batch.records.environment}"


def _name(batch: Batch, submission: Submission) -> str:
    return batch.records.path(submission, batch.plan).name


def _jobs_before(home: Path) -> list[Job]:
    found = []
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        try:
            kept = json.loads((folder / "job.json").read_text("utf-8"))
        except (OSError, ValueError):  # its driver was killed before it submitted anything
            shutil.rmtree(folder, ignore_errors=True)
        else:
            found.append(Job(folder, kept["elements"], kept["decided_by"], set(kept["wanted"])))
    return found


def slices(items: list, count: int) -> list[list]:
    """Cut into at most `count` parts that differ by at most one in length; none is empty."""
    return [items[i::count] for i in range(min(count, len(items)))]


def _prepare(home: Path, batch: Batch, todo: list[Submission], elements: int, jobs: int = JOBS) -> Job:
    """Write the folder of a new array, whose elements grade `jobs` at a time where the instructor did not say."""
    label = re.sub(r"[^\w.-]", "_", batch.records.folder.name, flags=re.ASCII)[:40]
    parts = slices(todo, elements)
    job = Job(home / f"dlcourse-{label}-{secrets.token_hex(4)}", len(parts), _decided_by(batch), set())
    job.wanted = {_name(batch, s) for s in todo}
    home.mkdir(mode=0o700, exist_ok=True)  # hidden tests and hand-ins lie there
    job.folder.mkdir()
    if batch.assets is not None:
        shutil.copytree(batch.assets, job.folder / "assets")
    _write(job.folder / "task.json", as_task(batch, jobs))
    for number, part in enumerate(parts, 1):
        _write(job.folder / f"slice-{number}.json", [as_json(s) for s in part])
    kept = {"elements": job.elements, "decided_by": job.decided_by, "wanted": sorted(job.wanted)}
    _write(job.folder / "job.json", kept)
    return job


def _submit(job: Job, batch: Batch, options: list[str]) -> None:
    jobs = batch.jobs or JOBS
    command = [
        "sbatch", f"--job-name={job.name}", f"--array=1-{job.elements}", "--ntasks=1", f"--cpus-per-task={jobs}",
        "--requeue", "--open-mode=append", f"--chdir={job.folder}",
        f"--output={str(job.folder).replace('%', '%%')}/element-%a.log",
    ]  # fmt: skip
    if not any(word.startswith("--mem") for word in options):
        command.append(f"--mem={jobs * batch.limits.memory_mb}M")
    script = (
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m dlcourse.staff.cluster {shlex.quote(str(job.folder))}\n"
    )
    done = subprocess.run([*command, *options], input=script, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(job.folder, ignore_errors=True)
        said = _last_line(done.stderr) or f"exit status {done.returncode}"
        raise StaffError(f"--slurm: Slurm did not take the job ({said}): {_asked(batch)}")


def _asked(batch: Batch) -> str:
    jobs = batch.jobs or JOBS
    cores = "1 core" if jobs == 1 else f"{jobs} cores"
    return (
        f"an element asks for {cores} (--jobs) and {jobs * batch.limits.memory_mb} MB (--jobs times --memory); "
        'change that, or add what your cluster wants, such as --sbatch="--partition=NAME --time=1:00:00"'
    )


def _wait(job: Job, batch: Batch) -> list[str]:
    """Until no element is in the queue; notes on what went wrong."""
    never, looks = None, 0  # why the rest cannot start; how often Slurm said so in a row
    try:
        while states := _queue(job.name):
            _take(batch)
            hopeless = [reason for state, reason in states if state == "PENDING" and any(w in reason for w in NEVER)]
            looks = looks + 1 if len(hopeless) == len(states) else 0
            if looks == 2:
                never = _printable(hopeless[0])
                _scancel(job.name)
            elif not _open(job, batch):
                _scancel(job.name, "--state=PENDING")
            _say(batch, states)
            time.sleep(PERIOD)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Slurm job {job.name} goes on: the same command waits for it again, `scancel --name={job.name}` ends it"
        ) from None
    _settle(job, batch)
    return _ended(job, batch, never)


def _settle(job: Job, batch: Batch) -> None:
    """Take the last results, which a network file system may show late."""
    until = time.monotonic() + SETTLE
    while _take(batch) and time.monotonic() < until and _all_done(job):
        _refresh(job.folder)
        time.sleep(0.2)


def _take(batch: Batch) -> int:
    """Take the results that have come; how many are left."""
    for submission in batch.left:
        if batch.records.path(submission, batch.plan).exists():
            record = batch.records.read(submission, batch.plan, batch.limits)
            if record is not None:
                batch.land(submission, record)
    return len(batch.left)


def _open(job: Job, batch: Batch) -> set[str]:
    """Names of the job's records that are not there yet, also of students who are not in this batch."""
    ours = {_name(batch, s) for s in batch.found}
    left = {_name(batch, s) for s in batch.left}
    return {n for n in job.wanted if n in left or (n not in ours and not (batch.records.folder / n).exists())}


def _say(batch: Batch, states) -> None:
    if batch.progress is not None:
        running = sum(state != "PENDING" for state, _ in states)
        text = f"{running} running, {len(states) - running} waiting" if running else f"waiting: {states[0][1]}"
        batch.progress(len(batch.results), len(batch.found), {"student": text})


def _ended(job: Job, batch: Batch, never: str | None) -> list[str]:
    """What to say of elements that did not do all they had to. StaffError where another try would end like this one."""
    left = job.wanted & {_name(batch, s) for s in batch.left}
    if not left:
        shutil.rmtree(job.folder, ignore_errors=True)
        return []
    marks = _marks(job)
    kept = f"{_hand_ins(len(left))} not graded, other results are kept"
    _raise_refused(job, kept)
    if not marks:
        if never:
            raise StaffError(f"--slurm: Slurm will not start the job ({never}): {_asked(batch)} ({kept})")
        _none_began(job, kept)
    early = [n for n in range(1, job.elements + 1) if marks.get(n, {}).get("state") != "done"]
    if not early:
        return [f"{_hand_ins(len(left))} without a result from the cluster graded here"]
    logs = shown(job.folder / f"element-{early[0]}.log")
    why = f"Slurm would never have started the rest: {never}" if never else f"see {logs}"
    return [f"{len(early)} of {job.elements} elements ended early ({why}): {_hand_ins(len(left))} graded here"]


def _raise_refused(job: Job, kept: str) -> None:
    """StaffError where an element said that it cannot work on its machine."""
    for number, mark in sorted(_marks(job).items()):
        if mark["state"] == "refused":
            raise StaffError(f"--{job.engine}: element {number} on {mark['node']}: {mark['why']} ({kept})")


def _none_began(job: Job, kept: str) -> None:
    log = job.folder / "element-1.log"
    said = _last_line(log.read_text("utf-8", "replace")) if log.is_file() else f"there is no {shown(log)}"
    raise StaffError(
        f"--slurm: no element of the job could start ({said}): the course folder and {sys.executable} must lie on "
        f"file systems that all nodes share ({kept})"
    )


def _hand_ins(count: int) -> str:
    return "1 hand-in" if count == 1 else f"{count} hand-ins"


def _marks(job: Job) -> dict[int, dict]:
    """Element -> what it says of itself; those that never began say nothing."""
    found = {}
    for number in range(1, job.elements + 1):
        with contextlib.suppress(OSError, ValueError):
            found[number] = json.loads((job.folder / f"element-{number}.json").read_text("utf-8"))
    return found


def _all_done(job: Job) -> bool:
    """Whether no element says that it was cut short: then what is missing may only not be visible yet."""
    return all(mark["state"] == "done" for mark in _marks(job).values())


def _refresh(folder: Path) -> None:
    """Make a network file system look at the folders again: it keeps listings for a while, until they change here."""
    for place in (folder, folder.parents[1]):
        probe = place / f".{secrets.token_hex(4)}.part"
        with contextlib.suppress(OSError):
            probe.touch()
            probe.unlink()


# ---------------------------------------------------------------------------------------------------- Slurm's commands


def _queue(name: str) -> list[tuple[str, str]]:
    """(state, reason) of each element that is not over. A controller that is away for minutes is waited for."""
    command = ["squeue", "--noheader", "--array", f"--name={name}", "--format=%T|%r"]
    until = time.monotonic() + SILENCE
    while True:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return [tuple(line.split("|", 1)) for line in done.stdout.splitlines() if "|" in line]
        if time.monotonic() > until:
            said = _last_line(done.stderr)
            raise StaffError(
                f"--slurm: squeue has not answered for {SILENCE:g} seconds ({said}); job {name} may still run: "
                "give the same command again later, and it is taken up"
            )
        time.sleep(PERIOD)


def _scancel(name: str, *more: str) -> None:
    subprocess.run(["scancel", f"--name={name}", *more], capture_output=True)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return _printable(lines[-1].strip())[:300] if lines else ""


# ---------------------------------------------------------------------------------------------------- what is sent


def _write(path: Path, value) -> None:
    write(path, json.dumps(value, ensure_ascii=True))


def as_task(batch: Batch, jobs: int = JOBS) -> dict:
    """All that decides results, but for the hand-ins."""
    plan = batch.plan
    return {
        "assignment": plan.assignment,
        "cells": [asdict(cell) for cell in plan.cells],
        "weak": sorted(plan.weak),
        "broken": sorted(plan.broken),
        "imports": plan.imports,
        "changing": sorted(plan.changing),
        "tests": plan.digest,
        "environment": batch.records.environment,
        "limits": asdict(batch.limits),
        "trust": batch.trust,
        "sandbox": batch.sandbox,
        "jobs": batch.jobs or jobs,
    }


def plan_of(task: dict) -> Plan:
    """The driver's plan. Raises StaffError where this machine's dlcourse makes another one."""
    plan = make_plan(task["assignment"], [SourceCell(**cell) for cell in task["cells"]], frozenset(task["weak"]))
    plan.broken, plan.changing = frozenset(task["broken"]), frozenset(task["changing"])
    plan.imports = [str(name) for name in task["imports"]]
    if plan.digest != task["tests"]:
        raise StaffError(f"dlcourse of {sys.executable} is another version than the driver's: install the same one")
    return plan


def as_json(submission: Submission) -> dict:
    when = submission.submitted
    return asdict(submission) | {"submitted": when.isoformat() if when else None}


def from_json(value: dict) -> Submission:
    when = value["submitted"]
    made = {
        "cells": [Cell(**cell) for cell in value["cells"]],
        "submitted": datetime.fromisoformat(when) if when else None,
    }
    return Submission(**value | made)


# ---------------------------------------------------------------------------------------------------- an element


def element(folder: Path, number: int) -> None:
    """Grade slice `number` of the array whose folder this is. What has a record already is left alone."""
    mark = {"node": platform.node(), "state": "started"}
    place = folder / f"element-{number}.json"
    _write(place, mark)
    try:
        batch = _batch(folder, number)
    except StaffError as err:
        _write(place, mark | {"state": "refused", "why": str(err)})
        raise
    batch.read_kept()
    if batch.left:
        grade_left(batch)
    _write(place, mark | {"state": "done"})


def _batch(folder: Path, number: int) -> Batch:
    task = json.loads((folder / "task.json").read_text("utf-8"))
    plan = plan_of(task)
    limits = Limits(**task["limits"])
    environment = environment_digest(limits.gpu)
    if environment != task["environment"]:
        raise StaffError(
            f"{sys.executable} has other versions of Python, torch or numpy than the driver's: use one environment "
            "that all nodes share, since a result holds for one environment"
        )
    if not task["trust"]:
        require_sandbox(task["sandbox"], limits.gpu)
    assets = folder / "assets"
    found = [from_json(value) for value in json.loads((folder / f"slice-{number}.json").read_text("utf-8"))]
    return Batch(
        found, plan, Records(folder.parents[1], environment), limits,
        assets.resolve() if assets.is_dir() else None, task["trust"], task["sandbox"], task["jobs"],
    )  # fmt: skip


def main(words: list[str]) -> int:
    number = os.environ.get("SLURM_ARRAY_TASK_ID", "")
    if len(words) != 1 or not number.isdigit():
        print("python -m dlcourse.staff.cluster FOLDER: Slurm runs this, for `dlcourse grade --slurm`", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # scancel, the end of the job's time
    try:
        element(Path(words[0]), int(number))
    except StaffError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ended by Slurm", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
