"""What a grader must survive: kills at any moment, two at once, a full disk, no permission."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcourse.staff import StaffError, grading
from dlcourse.staff.sandbox import Limits, sandbox_problem
from tests.staff.small_class import DOUBLE, hand_in, make_source, put

pytestmark = [
    pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem())),
    pytest.mark.slow,
]
CLI = [sys.executable, "-m", "dlcourse.cli"]


def command(folder, *more):
    return [*CLI, "grade", str(folder / "source/ps1/ps1.ipynb"), "--from", str(folder / "in"),
            "--course", str(folder / "course"), "--json", str(folder / "out.json"), "--timeout", "20", *more]  # fmt: skip


def heed_ctrl_c() -> None:
    """What a shell starts in the background ignores SIGINT, and so would all that these tests start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def leftovers(folder) -> list[str]:
    """Sandboxes of this class that are still alive."""
    found = subprocess.run(["pgrep", "-f", f"bwrap.*{folder}"], capture_output=True, text=True).stdout
    return found.split()


@pytest.fixture
def folder(tmp_path):
    make_source(tmp_path)
    return tmp_path


def test_killed_at_any_moment_nothing_is_lost_and_nothing_graded_twice(folder):
    wanted = {}
    for i in range(6):
        right = i % 2
        double = DOUBLE if right else "def double(items):\n    return []"
        put(folder / "in", f"s{i}", hand_in(double=double + f"\n# {i}"))
        wanted[f"s{i}"] = 7 if right else 4
    records = folder / "course" / "records" / "ps1"
    chance = random.Random(7)
    written: dict[str, int] = {}
    for _ in range(4):
        process = subprocess.Popen(
            command(folder), start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + chance.uniform(1.5, 7)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()  # SIGKILL to the grader alone: its sandboxes must go with it
        process.wait()
        for path in records.glob("s*.json"):
            json.loads(path.read_text())  # never half a record
            assert (
                written.setdefault(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
            )  # never written again
    done = subprocess.run(command(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {r["student"]: r["score"] for r in json.loads((folder / "out.json").read_text())} == wanted
    for name, when in written.items():
        assert (records / name).stat().st_mtime_ns == when
    until = time.monotonic() + 60
    while leftovers(folder) and time.monotonic() < until:
        time.sleep(0.05)
    assert not leftovers(folder)
    assert "Nothing to grade" in subprocess.run(command(folder), capture_output=True, text=True).stdout


def test_two_graders_at_once_one_says_who_is_there(folder):
    put(folder / "in", "a", hand_in(squares="import time\ntime.sleep(8)\ndef squares(n):\n    return []"))
    first = subprocess.Popen(command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 180
    while not (folder / "course" / ".grading.lock").exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.2)
    second = subprocess.run(command(folder), capture_output=True, text=True)
    assert second.returncode == 2
    assert f"process {first.pid} " in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert first.wait(timeout=240) == 0


def test_ctrl_c_ends_it_at_once_and_leaves_no_process(folder):
    put(folder / "in", "a", hand_in(squares="import time\ntime.sleep(60)"))
    process = subprocess.Popen(
        command(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed_ctrl_c
    )
    until = time.monotonic() + 180  # until the class itself runs, after the instructor's solution
    while not list((folder / "course").glob("records/ps1/.reference*")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    assert process.wait(timeout=90) == 130
    assert time.monotonic() - began < 15
    assert not leftovers(folder)


def test_a_changed_hand_in_or_test_is_graded_again_and_nothing_else(folder):
    for name in "ab":
        put(folder / "in", name, hand_in())

    def grade():
        return grading.grade(str(folder / "source/ps1/ps1.ipynb"), folder / "in", folder / "course", limits=Limits(20))

    assert grade().fresh == {"a", "b"}
    put(folder / "in", "a", hand_in(double="def double(items):\n    return items"))
    assert grade().fresh == {"a"}
    source = folder / "source/ps1/ps1.ipynb"
    source.write_text(source.read_text().replace("squares(11)[-1] == 121", "squares(12)[-1] == 144"))
    assert grade().fresh == {"a", "b"}


def test_no_permission_and_a_full_disk_are_one_line_and_nothing_half_written(folder, tmp_path):
    put(folder / "in", "a", hand_in())
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid() == 0
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]).returncode == 0
    ):
        try:
            (small / "fill").write_bytes(b"x" * (60 << 10))
            done = subprocess.run(
                [*command(folder)[:-4], "--course", str(small / "course"), "--timeout", "20"],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 2
            assert "No space left" in done.stderr
            assert len(done.stderr.strip().splitlines()) == 1
            for path in Path(small).rglob("*.json"):
                json.loads(path.read_text())
        finally:
            subprocess.run(["umount", str(small)])
    else:
        done = subprocess.run([*command(folder), "--json", "/proc/none/x.json"], capture_output=True, text=True)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_place_that_cannot_be_written_is_refused_before_the_work(folder):
    put(folder / "in", "a", hand_in())
    done = subprocess.run([*command(folder), "--json", str(folder / "no" / "out.json")], capture_output=True, text=True)
    assert done.returncode == 2
    assert not (folder / "course").exists()
    (folder / "file").write_text("x")
    done = subprocess.run(
        [*command(folder), "--course", str(folder / "file" / "course")], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_lock_of_a_dead_grader_holds_nobody_up(folder):
    (folder / "course").mkdir()
    (folder / "course" / ".grading.lock").write_text("process 999999 on another")
    with (
        grading.only_grader(folder / "course"),
        pytest.raises(StaffError, match=str(os.getpid())),
        grading.only_grader(folder / "course"),
    ):
        pass
    shutil.rmtree(folder / "course")


def test_a_gradebook_that_somebody_holds_is_one_line_and_loses_nothing(folder):
    import sqlite3

    put(folder / "in", "a", hand_in())
    assert subprocess.run(command(folder), capture_output=True, text=True).returncode == 0
    put(folder / "in", "b", hand_in(double="def double(items):\n    return []"))
    holder = sqlite3.connect(folder / "course" / "gradebook.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = subprocess.run(command(folder), capture_output=True, text=True, timeout=300)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert done.returncode == 2
    assert "gradebook.db: database is locked: another program writes to it" in done.stderr
    assert "Traceback" not in done.stderr
    records = list((folder / "course" / "records" / "ps1").glob("b.*.json"))
    assert len(records) == 1  # its result is kept: the next run has only to write it down
    done = subprocess.run(command(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Nothing to grade" in done.stdout
    assert {r["student"]: r["score"] for r in json.loads((folder / "out.json").read_text())} == {"a": 7, "b": 4}


def children_of(pid) -> list[int]:
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def test_sandboxes_that_are_killed_from_outside_cost_no_student_anything(folder):
    slow = "import time\ntime.sleep(1)\n"
    for i in range(4):
        put(folder / "in", f"s{i}", hand_in(double=f"{slow}{DOUBLE}\n# {i}"))
    process = subprocess.Popen(
        command(folder, "--jobs", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    chance, killed = random.Random(3), 0
    until = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < until:
        time.sleep(1.5)
        boxes = children_of(process.pid)
        if len(boxes) > 1 and killed < 3 and list((folder / "course").glob("records/ps1/.reference*")):
            os.kill(chance.choice(boxes), signal.SIGKILL)  # of a student, or the one of the tests
            killed += 1
    said = process.communicate(timeout=300)
    assert process.returncode == 0, said[0]
    rows = json.loads((folder / "out.json").read_text())
    assert [r["score"] for r in rows] == [7] * 4, [
        (r["student"], r["flags"], c["message"]) for r in rows for c in r["cells"].values() if c["message"]
    ]
    assert not leftovers(folder)
