"""Grade a class on a Dask cluster: the job folder, slices and elements of cluster.py, started by a scheduler of Dask's.

The driver is `dlcourse grade --dask ADDRESS`. A task is one element of the job; it needs the job's folder and dlcourse
in the workers' Python, and leaves records. Dask keeps nothing for us: a lost worker's element is started elsewhere by
the scheduler, and a driver that comes after a dead one asks for the same tasks by the same keys, so that what runs is
joined, what is done is seen at once, and what was lost runs again. Elements go on without a driver.
"""

import logging
import shutil
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dlcourse.staff import StaffError, cluster
from dlcourse.staff.cluster import Job
from dlcourse.staff.grading import Batch
from dlcourse.staff.submissions import _printable

FEWEST = 5  # hand-ins of an element, where there are more workers' threads than slices
ANSWER_SECONDS = 15.0  # for the scheduler to answer at the start
SILENCE = 300.0  # seconds without any worker before the driver gives up
OVER = ("finished", "error", "cancelled", "lost")  # a task that will not change any more


@dataclass
class Dask:
    """Grades a Batch on the workers of a scheduler; for `grading.grade(elsewhere=...)`."""

    address: str  # as workers write it, such as tcp://host:8786

    def __post_init__(self):
        try:
            import distributed  # noqa: F401  (an optional part of the installation)
        except ImportError:
            raise StaffError('--dask: Dask is not installed: pip install "dlcourse[dask]"') from None

    def __call__(self, batch: Batch) -> list[str]:
        """Grade what has no result; notes for the instructor. What then has none is to be graded by the caller."""
        home = batch.records.folder.absolute() / ".dask"
        notes: list[str] = []
        with self.client() as client:
            wanted: set[str] = set()
            for job in cluster._jobs_before(home):
                if job.decided_by != cluster._decided_by(batch):
                    _call_off(client, job)
                    notes.append(f"Dask job {job.name} was called off: the tests or the environment have changed since")
                elif not cluster._open(job, batch):
                    shutil.rmtree(job.folder, ignore_errors=True)
                elif job.wanted & {cluster._name(batch, s) for s in batch.left}:
                    wanted |= job.wanted
                    notes += [f"Dask job {job.name} had been begun: it was taken up", *_wait(client, job, batch)]
            todo = [s for s in batch.left if cluster._name(batch, s) not in wanted]
            if todo:
                job = cluster._prepare(home, batch, todo, _elements(client, len(todo)), jobs=1)
                notes += _wait(client, job, batch)
        return notes

    @contextmanager
    def client(self):
        from distributed import Client

        for name in ("asyncio", "tornado", *logging.root.manager.loggerDict):
            if name.split(".")[0] in ("asyncio", "tornado", "distributed"):  # what is wrong is said once, in our words
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = Client(self.address, timeout=ANSWER_SECONDS, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as err:
            said = cluster._last_line(str(err)) or type(err).__name__
            todo = "write it as its workers do, such as tcp://host:8786, or leave --dask out"
            raise StaffError(f"--dask {self.address}: no scheduler answers there ({said}): {todo}") from None
        try:
            yield client
        finally:
            client.close(timeout=5)


def run_element(folder: str, number: int) -> None:
    """A task."""
    cluster.element(Path(folder), number)


def _elements(client, count: int) -> int:
    """Slices of about cluster.SLICE hand-ins; more of them where there would be idle workers."""
    threads = sum(client.nthreads().values())
    return max(-(-count // cluster.SLICE), min(threads, -(-count // FEWEST)), 1)


def _workers(client) -> int:
    """How many there are; 0 where the scheduler does not answer: then the tasks say soon that they are lost."""
    try:
        return len(client.nthreads())
    except (OSError, TimeoutError):
        return 0


def _keys(job: Job) -> list[str]:
    return [f"{job.name}-{number}" for number in range(1, job.elements + 1)]


def _call_off(client, job: Job) -> None:
    from distributed import Future

    client.cancel([Future(key, client=client) for key in _keys(job)], force=True)
    shutil.rmtree(job.folder, ignore_errors=True)


def _wait(client, job: Job, batch: Batch) -> list[str]:
    """Ask for the job's elements until none has anything left to do; notes on what went wrong."""
    from distributed import fire_and_forget

    futures = [
        client.submit(run_element, str(job.folder), number, key=key, pure=False)
        for number, key in enumerate(_keys(job), 1)
    ]
    fire_and_forget(futures)
    alone = time.monotonic()  # since when no worker has been seen
    try:
        while cluster._open(job, batch):
            cluster._take(batch)
            if all(future.status in OVER for future in futures):
                break
            workers = _workers(client)
            alone = time.monotonic() if workers else alone
            if time.monotonic() - alone > SILENCE:
                _give_up(client, futures, f"no worker has come for {SILENCE:g} seconds", batch)
            if batch.progress is not None:
                over = sum(future.status in OVER for future in futures)
                text = f"{over} of {job.elements} slices, {workers} workers"
                batch.progress(len(batch.results), len(batch.found), {"student": text})
            time.sleep(cluster.PERIOD)
    except KeyboardInterrupt:
        client.cancel(futures, force=True)
        raise KeyboardInterrupt(
            f"Dask job {job.name}: what workers have begun goes on, the rest was called off; the same command resumes"
        ) from None
    cluster._settle(job, batch)
    return _ended(client, job, batch, futures)


def _give_up(client, futures, why: str, batch: Batch) -> None:
    client.cancel(futures, force=True)
    kept = f"{cluster._hand_ins(len(batch.left))} not graded, other results are kept"
    raise StaffError(f"--dask: {why}: start workers, or give the command without --dask ({kept})")


def _ended(client, job: Job, batch: Batch, futures) -> list[str]:
    """What to say of elements that did not do all they had to. StaffError where another try would end like this one."""
    left = job.wanted & {cluster._name(batch, s) for s in batch.left}
    if not left:
        shutil.rmtree(job.folder, ignore_errors=True)
        return []
    kept = f"{cluster._hand_ins(len(left))} not graded, other results are kept"
    cluster._raise_refused(job, kept)
    if client.status != "running":
        again = "once it is back, the same command takes the job up"
        raise StaffError(f"--dask: the scheduler is gone: {again}; without --dask the rest is graded here ({kept})")
    failed = [f for f in futures if f.status == "error"]
    why = [_said(f.exception()) for f in failed]
    if failed and not cluster._marks(job):
        todo = "the course folder must lie where all workers see it, and dlcourse must be in their Python"
        raise StaffError(f"--dask: no element of the job could start ({why[0]}): {todo} ({kept})")
    graded = f"{cluster._hand_ins(len(left))} graded here"
    if not failed:
        return [f"{cluster._hand_ins(len(left))} without a result from the cluster graded here"]
    return [f"{len(failed)} of {job.elements} elements ended early ({why[0]}): {graded}"]


def _said(error: BaseException) -> str:
    """The error itself: Dask wraps what it cannot load into one of its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    name = "" if isinstance(error, StaffError) else f"{type(error).__name__}: "
    return _printable(f"{name}{error}".splitlines()[0])[:300]
