"""Grading by Dask: a real scheduler and real workers on the loopback, started here, with workers and drivers that die."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcourse import cli
from dlcourse.staff import StaffError, cluster, cluster_dask
from dlcourse.staff.cluster_dask import Dask
from dlcourse.staff.sandbox import sandbox_problem
from tests.staff import test_cluster as base
from tests.staff.small_class import hand_in, make_source, put
from tests.staff.test_cluster import batch_of, fill, grade, scores, start, until, written

pytest.importorskip("distributed", reason="Dask is not installed")
reference, folder = base.reference, base.folder  # fixtures
needs_sandbox = pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
PARTS = ["--host=127.0.0.1", "--no-dashboard"]
ENV = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(cluster.__file__).parents[2])}


def whole_run(test):
    return needs_sandbox(pytest.mark.slow(test))


class Cluster:
    """A scheduler and its workers, each a process with one thread."""

    def __init__(self, place, workers):
        self.place, self.workers = place, []
        file = place / "scheduler.json"
        self.scheduler = self.run("dask_scheduler", "--port=0", f"--scheduler-file={file}")
        self.address = json.loads(until(lambda: file.exists() and file.read_text()))["address"]
        for _ in range(workers):
            self.add()

    def run(self, program, *words):
        with open(self.place / "log", "a") as log:
            command = [sys.executable, "-m", f"distributed.cli.{program}", *words, *PARTS]
            return subprocess.Popen(command, env=ENV, cwd=self.place, stdout=log, stderr=log)

    def add(self):
        words = [self.address, "--nthreads=1", "--no-nanny", f"--local-directory={self.place}", "--death-timeout=20"]
        self.workers.append(self.run("dask_worker", *words))

    def end(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def dask(tmp_path):
    """Call it with a number of workers; everything is ended after the test."""
    made = []

    def begin(workers=2):
        place = tmp_path / f"dask{len(made)}"
        place.mkdir()
        made.append(Cluster(place, workers))
        return made[-1]

    yield begin
    for one in made:
        one.end()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cluster, "PERIOD", 0.2)


@whole_run
def test_the_results_are_those_of_a_local_run(folder, dask):
    fill(folder, 4)
    (folder / "in" / "torn.ipynb").write_text('{"cells": [')
    there = dask()
    local = grade(folder, env=ENV, course="local")
    far = grade(folder, "--dask", there.address, env=ENV, course="far")
    assert local.returncode == far.returncode == 1, far.stderr
    assert "distributed" not in far.stderr  # nothing of Dask's own talk
    assert "Warning" not in far.stderr

    def facts(course):
        rows = json.loads((folder / f"{course}.json").read_text())
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    assert facts("far") == facts("local")
    assert not list((folder / "far/records/ps1/.dask").iterdir())


@whole_run
def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_graded_twice(folder, dask):
    wanted = fill(folder, 10, seconds=1.5)
    there = dask()
    driver = start(folder, "--dask", there.address, env=ENV)
    until(lambda: len(written(folder)) > 2)
    there.workers[0].kill()
    kept = written(folder)
    out, err = driver.communicate(timeout=300)
    assert driver.returncode == 0, err
    assert scores(folder) == wanted
    assert "graded here" not in out
    assert kept.items() <= written(folder).items()
    assert len(written(folder)) == 10


@whole_run
def test_elements_outlive_their_driver_and_the_same_command_joins_them(folder, dask):
    wanted = fill(folder, 10, seconds=1.5)
    there = dask()
    first = start(folder, "--dask", there.address, env=ENV)
    until(lambda: written(folder))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    kept = written(folder)
    until(lambda: len(written(folder)) > len(kept) + 1)  # nobody waits, and the work goes on
    for worker in there.workers:
        worker.send_signal(signal.SIGSTOP)
    with open(folder / "bar", "w") as bar:
        second = start(folder, "--dask", there.address, env=ENV, stderr=bar)
    until(lambda: "slices, 2 workers" in (folder / "bar").read_text())
    for worker in there.workers:
        worker.send_signal(signal.SIGCONT)
    out, _ = second.communicate(timeout=300)
    assert second.returncode == 0, (folder / "bar").read_text()
    assert scores(folder) == wanted
    assert "had been begun: it was taken up" in out
    assert kept.items() <= written(folder).items()
    assert len(written(folder)) == 10


@whole_run
def test_a_scheduler_that_dies_is_a_sentence_and_another_one_goes_on(folder, dask):
    wanted = fill(folder, 6, seconds=2)
    there = dask()
    driver = start(folder, "--dask", there.address, env=ENV)
    until(lambda: written(folder))
    there.end()
    out, err = driver.communicate(timeout=300)
    assert driver.returncode == 2, out
    assert "the scheduler is gone: once it is back, the same command takes the job up" in err
    assert [line for line in err.splitlines() if line.strip()] == ["grading 6 hand-ins", err.splitlines()[-1]]
    kept = written(folder)
    again = dask()
    done = grade(folder, "--dask", again.address, env=ENV)
    assert done.returncode == 0, done.stderr
    assert scores(folder) == wanted
    assert kept.items() <= written(folder).items()


@whole_run
def test_a_changed_test_calls_the_old_job_off(folder, dask):
    wanted = fill(folder, 2, seconds=8)
    there = dask(1)
    driver = start(folder, "--dask", there.address, env=ENV)
    until(lambda: list((folder / "course/records/ps1/.dask").glob("*/element-1.json")))
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=300)
    assert driver.returncode == 130
    assert "what workers have begun goes on, the rest was called off; the same command resumes" in err
    source = folder / "source/ps1/ps1.ipynb"
    source.write_text(source.read_text().replace("squares(11)[-1] == 121", "squares(12)[-1] == 144"))
    fill(folder, 2)
    done = grade(folder, "--dask", there.address, env=ENV)
    assert done.returncode == 0, done.stderr
    assert "was called off: the tests or the environment have changed since" in done.stdout
    assert scores(folder) == wanted


def test_what_cannot_run_there_is_one_sentence(tmp_path, dask, monkeypatch):
    there = dask(1)
    real = cluster.as_task
    for change, says in [
        ({"environment": "of another machine"}, "--dask: element 1 on .*other versions of Python, torch or numpy"),
        ({"tests": "of another version"}, "another version than the driver's"),
    ]:
        monkeypatch.setattr(cluster, "as_task", lambda *a, change=change: real(*a) | change)
        with pytest.raises(StaffError, match=says):
            Dask(there.address)(batch_of(tmp_path / next(iter(change))))
    monkeypatch.setattr(cluster, "as_task", real)
    prepare = cluster._prepare

    def elsewhere(*args, **options):  # as on machines that do not share the folder
        job = prepare(*args, **options)
        shutil.rmtree(job.folder)
        return job

    monkeypatch.setattr(cluster, "_prepare", elsewhere)
    with pytest.raises(
        StaffError, match=r"no element .* could start \(/.*cannot be written.*must lie where all workers"
    ):
        Dask(there.address)(batch_of(tmp_path / "apart"))


def test_without_workers_it_waits_and_then_says_so(tmp_path, dask, monkeypatch):
    monkeypatch.setattr(cluster_dask, "SILENCE", 1.5)
    told = []
    batch = batch_of(tmp_path)
    batch.progress = lambda done, count, record: told.append(record["student"])
    with pytest.raises(StaffError, match=r"no worker has come for 1.5 seconds: start workers.*1 hand-in not graded"):
        Dask(dask(0).address)(batch)
    assert "0 of 1 slices, 0 workers" in told


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nothing://x", "127.0.0.1:9", ""])
def test_where_no_scheduler_is_it_says_so(address, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_dask, "ANSWER_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(StaffError, match="no scheduler answers there") as raised:
        Dask(address)(batch_of(tmp_path))
    assert "\n" not in str(raised.value)
    assert time.monotonic() - began < 20


def test_wrong_use_is_a_sentence(tmp_path, monkeypatch, capfd):
    make_source(tmp_path)
    put(tmp_path / "in", "a", hand_in())
    words = ["grade", str(tmp_path / "source/ps1/ps1.ipynb"), "--from", str(tmp_path / "in"), "--dask", "tcp://x:1"]
    assert cli.main([*words, "--slurm"]) == 2
    assert capfd.readouterr().err == "--slurm and --dask exclude each other: leave one out\n"
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(words) == 2
    assert capfd.readouterr().err == '--dask: Dask is not installed: pip install "dlcourse[dask]"\n'


def test_there_are_as_many_slices_as_threads_but_none_is_tiny():
    class Client:
        def __init__(self, *threads):
            self.threads = threads

        def nthreads(self):
            return dict(enumerate(self.threads))

    assert cluster_dask._elements(Client(), 100) == 4
    assert cluster_dask._elements(Client(8, 8), 100) == 16
    assert cluster_dask._elements(Client(8, 8), 6) == 2
    assert cluster_dask._elements(Client(1), 1) == 1
