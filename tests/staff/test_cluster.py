"""Grading by a Slurm job array: a real Slurm on this machine, started here, with elements and drivers that die."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcourse.staff import StaffError, cluster
from dlcourse.staff.plan import make_plan, read_cells
from dlcourse.staff.sandbox import Limits, sandbox_problem
from dlcourse.staff.submissions import Cell, Submission
from tests.staff.small_class import CELLS, DOUBLE, SQUARES, hand_in, make_source, put, released, source_notebook
from tests.staff.test_operations import heed_ctrl_c

CLI = [sys.executable, "-m", "dlcourse.cli"]
DAEMONS = ("slurmctld", "slurmd")
MISSING = [name for name in DAEMONS if not (shutil.which(name) or Path("/usr/sbin", name).exists())]
needs_slurm = pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason="needs root, slurmctld and slurmd")
needs_sandbox = pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))


def whole_run(test):
    for mark in (needs_slurm, needs_sandbox, pytest.mark.slow):
        test = mark(test)
    return test


CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
KillWait=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=3000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment in which Slurm's commands find a controller and one node with two cores."""
    place = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (place / name).mkdir()
    conf = CONF.format(host=socket.gethostname().split(".")[0], ports=free_ports(2), place=place)
    (place / "slurm.conf").write_text(conf)
    path = f"{os.environ['PATH']}:/usr/sbin"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
    env |= {"SLURM_CONF": str(place / "slurm.conf"), "PATH": path, "OMP_NUM_THREADS": "1"}
    daemons = []
    for name in DAEMONS:
        with open(place / f"{name}.out", "w") as out:
            daemons.append(subprocess.Popen([shutil.which(name, path=path), "-D"], env=env, stdout=out, stderr=out))
    try:
        until = time.monotonic() + 90
        while "idle" not in said("sinfo", env=env):
            assert time.monotonic() < until, "".join(p.read_text() for p in place.glob("*.out"))
            time.sleep(0.2)
        yield env
    finally:
        said("scancel", "--user=root", env=env)
        until = time.monotonic() + 10
        while said("squeue", "--noheader", env=env) and time.monotonic() < until:
            time.sleep(0.2)
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(timeout=20)


def said(*words, env):
    return subprocess.run(words, env=env, capture_output=True, text=True).stdout


WEAK = ("weak", 1, "import inspect\nassert 'range' in inspect.getsource(squares)")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What `grade` keeps of its look at the author's own solutions, so that not every test waits for it."""
    folder = tmp_path_factory.mktemp("reference")
    make_source(folder, [*CELLS, WEAK])
    (folder / "in").mkdir()
    (folder / "in" / "torn.ipynb").write_text("{")
    assert grade(folder, env=os.environ).returncode == 1
    return next((folder / "course/records/ps1").glob(".reference*"))


@pytest.fixture
def folder(tmp_path, reference):
    make_source(tmp_path, [*CELLS, WEAK])
    for course in ("course", "local", "far"):
        (tmp_path / course / "records/ps1").mkdir(parents=True)
        shutil.copy(reference, tmp_path / course / "records/ps1")
    return tmp_path


def fill(folder, count, seconds=0.0):
    """Hand-ins s0, s1, ...; every second one is right. The points of each."""
    wanted = {}
    for i in range(count):
        double = DOUBLE if i % 2 else "def double(items):\n    return []"
        wait = f"import time\ntime.sleep({seconds})\n" if seconds else ""
        put(folder / "in", f"s{i}", hand_in(squares=wait + SQUARES, double=f"{double}\n# {i}"))
        wanted[f"s{i}"] = 8 if i % 2 else 5
    return wanted


def command(folder, *more, course="course"):
    return [*CLI, "grade", str(folder / "source/ps1/ps1.ipynb"), "--from", str(folder / "in"), "--course",
            str(folder / course), "--json", str(folder / f"{course}.json"), "--timeout", "20", "--memory", "512",
            "--jobs", "1", *more]  # fmt: skip


def grade(folder, *more, env, course="course"):
    return subprocess.run(command(folder, *more, course=course), env=env, capture_output=True, text=True, timeout=300)


def start(folder, *more, env, stderr=subprocess.PIPE):
    return subprocess.Popen(
        command(folder, *more), env=env, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )  # fmt: skip


def scores(folder, course="course"):
    return {r["student"]: r["score"] for r in json.loads((folder / f"{course}.json").read_text())}


def written(folder):
    """Record -> when it was written."""
    return {p.name: p.stat().st_mtime_ns for p in (folder / "course/records/ps1").glob("s*.json")}


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return value


def running(env):
    """Elements that run: their ids such as 7_1."""
    return [line for line in said("squeue", "-h", "-r", "-t", "R", "-o", "%F_%K", env=env).split() if line]


def kill_element(folder, number):
    """SIGKILL to the process of an element alone."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            kept = (place / "environ").read_bytes()
        except OSError:
            continue
        if "dlcourse.staff.cluster\0" in words and str(folder) in words and f"_TASK_ID={number}\0".encode() in kept:
            os.kill(int(place.name), signal.SIGKILL)
            return True
    return False


# ---------------------------------------------------------------------------------------------------- whole runs


@whole_run
def test_the_results_are_those_of_a_local_run(folder, slurm):
    fill(folder, 4)  # also a file that cannot be read
    (folder / "in" / "torn.ipynb").write_text('{"cells": [')
    local = grade(folder, env=slurm, course="local")
    far = grade(folder, "--slurm", "2", env=slurm, course="far")
    assert local.returncode == far.returncode == 1, far.stderr  # one could not be run

    def facts(course):
        rows = json.loads((folder / f"{course}.json").read_text())
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    def printed(done):
        lines = done.stdout.replace("local", "far").splitlines()
        return [re.sub(r"\d+\.\d+$", "", line) for line in lines]

    assert facts("far") == facts("local")
    assert "1 test is weak: weak" in far.stdout
    assert printed(far) == printed(local)
    assert not list((folder / "far/records/ps1/.slurm").iterdir())


@whole_run
def test_elements_that_die_lose_nothing_and_nothing_is_graded_twice(folder, slurm):
    wanted = fill(folder, 6, seconds=1.5)
    driver = start(folder, "--slurm", "3", env=slurm)
    until(lambda: written(folder))
    kept = written(folder)
    assert kill_element(folder, 1)
    job = running(slurm)[0].split("_")[0]
    subprocess.run(["scancel", f"{job}_2"], env=slurm)
    out, err = driver.communicate(timeout=300)
    assert driver.returncode == 0, err
    assert scores(folder) == wanted
    assert re.search(r"2 of 3 elements ended early \(see .*element-1\.log\): \d hand-ins? graded here", out)
    assert kept.items() <= written(folder).items()
    assert len(written(folder)) == 6


@whole_run
def test_a_killed_driver_is_taken_up_by_the_same_command_and_holds_the_folder(folder, slurm):
    wanted = fill(folder, 4, seconds=1.5)
    first = start(folder, "--slurm", "2", env=slurm)
    until(lambda: written(folder))
    job = running(slurm)[0].split("_")[0]
    subprocess.run(["scontrol", "suspend", job], env=slurm, check=True)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    kept = written(folder)
    with open(folder / "bar", "w") as bar:
        second = start(folder, "--slurm", "2", env=slurm, stderr=bar)
    until(lambda: " running, " in (folder / "bar").read_text())
    third = grade(folder, env=slurm)
    assert third.returncode == 2
    assert f"process {second.pid} " in third.stderr
    assert {line.split("_")[0] for line in said("squeue", "-h", "-r", "-o", "%F", env=slurm).split()} == {job}
    subprocess.run(["scontrol", "resume", job], env=slurm, check=True)
    out, _ = second.communicate(timeout=300)
    assert second.returncode == 0, (folder / "bar").read_text()
    assert scores(folder) == wanted
    assert "was under way already: its results were waited for" in out
    assert kept.items() <= written(folder).items()
    assert len(written(folder)) == 4


@whole_run
def test_ctrl_c_leaves_the_array_and_a_changed_test_calls_it_off(folder, slurm):
    wanted = fill(folder, 2, seconds=18)
    driver = start(folder, "--slurm", "2", env=slurm)
    until(lambda: len(running(slurm)) == 2)
    driver.send_signal(signal.SIGINT)
    _, err = driver.communicate(timeout=300)
    assert driver.returncode == 130
    name = re.search(r"Slurm job (dlcourse-ps1-\w+) goes on: the same command waits for it again", err)[1]
    assert len(running(slurm)) == 2
    source = folder / "source/ps1/ps1.ipynb"
    source.write_text(source.read_text().replace("squares(11)[-1] == 121", "squares(12)[-1] == 144"))
    fill(folder, 2)
    done = grade(folder, "--slurm", env=slurm)
    assert done.returncode == 0, done.stderr
    assert f"Slurm job {name} was called off" in done.stdout
    assert scores(folder) == wanted


@whole_run
def test_what_cannot_run_on_the_cluster_is_one_sentence(tmp_path, slurm, monkeypatch):
    for key in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(key, slurm[key])
    batch = batch_of(tmp_path)
    batch.jobs, batch.limits = 1, Limits(memory_mb=512)
    for options, says in [
        ("--partition=nowhere", "Slurm did not take the job (sbatch: error: "),
        (
            "--cpus-per-task=64",
            "will not start the job (PartitionConfig): an element asks for 1 core (--jobs) and 512 MB",
        ),
        ("--export=PATH=/nowhere", "no sandbox: bubblewrap is not installed"),
        ("--export=PATH=/nowhere,PYTHONHOME=/nowhere", "must lie on file systems that all nodes share"),
        ("'", "cannot be split into options"),
    ]:
        with pytest.raises(StaffError) as raised:
            cluster.Slurm(options=options)(batch)
        assert says in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not said("squeue", "--noheader", "--states=PD", env=slurm)


# ---------------------------------------------------------------------------------------------------- parts


def batch_of(tmp_path, cells=CELLS, weak=frozenset()):
    from dlcourse.staff.grading import Batch, Records, environment_digest

    plan = make_plan("ps1", read_cells(source_notebook(cells), released()), weak)
    found = [Submission("ada", "ada.ipynb", "d" * 64)]
    return Batch(found, plan, Records(tmp_path / "records/ps1", environment_digest()), Limits(), None, False)


def test_without_slurm_there_is_a_sentence_before_any_work(tmp_path):
    folder, env = tmp_path, os.environ | {"PATH": "/nowhere"}
    make_source(folder)
    done = grade(folder, "--slurm", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no command sbatch here: run this on a machine that submits jobs to Slurm" in done.stderr
    assert "goes with --slurm" in grade(folder, "--sbatch=-n1", env=env).stderr
    for number in ("0", "-1", "two"):
        assert "a number of elements from 1 to 1000" in grade(folder, "--slurm", number, env=env).stderr
    assert not (folder / "course").exists()


def test_an_element_with_other_versions_refuses_and_says_so(tmp_path, monkeypatch, capsys):
    batch = batch_of(tmp_path)
    home = batch.records.folder / ".slurm"
    job = cluster._prepare(home, batch, batch.left, 1)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    for key, says in [("environment", "other versions of Python, torch or numpy"), ("tests", "another version than")]:
        task = cluster.as_task(batch) | {key: "of another machine"}
        (job.folder / "task.json").write_text(json.dumps(task))
        assert cluster.main([str(job.folder)]) == 2
        assert says in capsys.readouterr().err
        with pytest.raises(
            StaffError, match=rf"element 1 on .*{says}.* \(1 hand-in not graded, other results are kept\)"
        ):
            cluster._ended(job, batch, None)


def test_a_controller_that_is_away_is_waited_for_and_then_named(tmp_path, monkeypatch):
    (tmp_path / "squeue").write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/calls\n"
        f"test $(wc -l < {tmp_path}/calls) -gt 3 && echo 'RUNNING|None' || {{ echo 'Unable to contact' >&2; exit 1; }}\n"
    )
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(cluster, "PERIOD", 0.01)
    assert cluster._queue("dlcourse-ps1-1") == [("RUNNING", "None")]
    (tmp_path / "calls").unlink()
    monkeypatch.setattr(cluster, "SILENCE", 0)
    with pytest.raises(StaffError, match=r"Unable to contact.*give the same command again later"):
        cluster._queue("dlcourse-ps1-1")


def test_an_array_that_was_never_submitted_is_forgotten(tmp_path):
    batch = batch_of(tmp_path)
    home = batch.records.folder / ".slurm"
    job = cluster._prepare(home, batch, batch.left, 1)
    assert [j.name for j in cluster._jobs_before(home)] == [job.name]
    (job.folder / "job.json").unlink()
    assert cluster._jobs_before(home) == []
    assert not job.folder.exists()


def test_an_element_makes_the_plan_of_the_driver(tmp_path):
    for weak in (frozenset(), frozenset({"partial", "double_test"})):
        batch = batch_of(tmp_path, weak=weak)
        batch.plan.broken = frozenset({"squares_visible"})
        task = json.loads(json.dumps(cluster.as_task(batch)))
        assert cluster.plan_of(task) == batch.plan


@given(st.lists(st.integers(), unique=True), st.integers(1, 60))
def test_slices_hold_everything_once_and_are_even(items, count):
    parts = cluster.slices(items, count)
    assert sorted(x for part in parts for x in part) == sorted(items)
    assert len(parts) == min(count, len(items))
    assert max(map(len, parts), default=0) - min(map(len, parts), default=0) <= 1


texts = st.text(st.characters(exclude_categories=[]), max_size=8).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)  # json joins such a pair
)
cells = st.builds(Cell, st.booleans(), texts, st.none() | texts, st.none() | texts)
times = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(
    st.builds(Submission, texts, texts, texts, st.lists(cells, max_size=3), times, st.lists(texts), st.none() | texts)
)
def test_a_hand_in_comes_over_as_it_was(submission):
    assert cluster.from_json(json.loads(json.dumps(cluster.as_json(submission)))) == submission
