"""Podman and docker as sandboxes: what bubblewrap promises, with nothing from any registry. Real engines throughout."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

from dlcourse import cli
from dlcourse.staff import StaffError, containers, grading, probe, sandbox
from dlcourse.staff.sandbox import Box, Limits
from tests.staff.small_class import SQUARES, hand_in, make_source, put

pytestmark = pytest.mark.slow


def inside(tool, code, limits=probe.LIMITS):
    """What Python says in such a container."""
    command = containers.command(tool, limits, [sys.executable, "-c", code])
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def names(tool) -> list[str]:
    """Containers of graders, also ended ones."""
    listed = subprocess.run([tool, "ps", "-a", "--format", "{{.Names}}"], capture_output=True, text=True).stdout
    return [name for name in listed.split() if name.startswith("dlcourse-")]


# ---------------------------------------------------------------------------------------------------- promises


def test_every_kind_keeps_its_promises_as_seen_from_inside(kind):
    assert probe.examine(kind) == []


@pytest.mark.parametrize(
    ("flag", "instead", "said"),
    [
        ("--network=none", "--network=host", "it has a network"),
        ("--cap-drop=ALL", "--cap-drop=CHOWN", "CapBnd of its processes is"),
        ("--tmpfs=/dev/mqueue:ro,size=4k,mode=555", "--env=A=b", "/dev/mqueue can be written"),
        ("--tmpfs=/tmp:rw,exec,nosuid,nodev,size=16m,mode=1777", "--env=A=b", "/tmp cannot be written"),
        ("--tmpfs=/tmp:rw,exec,nosuid,nodev,size=16m,mode=1777", "--tmpfs=/tmp:mode=1777", "where 16 are allowed"),
    ],
)
def test_the_probe_sees_a_promise_that_is_not_kept(tool, monkeypatch, flag, instead, said):
    real = containers.command

    def leaky(*args, **options):
        words = real(*args, **options)
        assert flag in words
        return [instead if word == flag else word for word in words]

    monkeypatch.setattr(containers, "command", leaky)
    with Box("dlcourse.staff.probe", probe.LIMITS, kind=tool) as box:
        assert said in "; ".join(probe.judged(probe.ask(box, "facts", [])))


def test_files_that_are_seen_are_named():
    found = {"network": [], "writable": probe.WRITABLE, "allowed": ["shmget"], "processes": 3, "disk": 16}
    found |= {"seen": ["/home/ann/gradebook.db"], "status": {"CapEff": 0, "CapBnd": 0, "NoNewPrivs": 1, "Seccomp": 2}}
    assert probe.judged(found) == ["it sees /home/ann/gradebook.db", "it may call shmget"]


def test_the_environment_is_that_of_bubblewrap_word_for_word(kind):
    with Box("dlcourse.staff.probe", probe.LIMITS, kind=kind) as box:
        found = probe.ask(box, "facts", [])["environment"]
    for name in ("PWD", "LC_CTYPE", sandbox.GRADER):  # a shell's own; bubblewrap's mark
        found.pop(name, None)
    assert found == sandbox.box_environment("/home/student")


def test_a_file_system_below_a_bound_folder_is_read_only_too(tool, monkeypatch, tmp_path):
    below = tmp_path / "sets" / "large"
    below.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(below)], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (below / "a.txt").write_text("28 x 28")
        monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "sets"))
        code = "print(open('/data/large/a.txt').read())\ntry: open('/data/large/b', 'w')\nexcept OSError as e: print(e.strerror)"
        assert inside(tool, code) == ["28 x 28", "Read-only file system"]
    finally:
        subprocess.run(["umount", str(below)], check=True)


def test_a_path_with_a_comma_a_colon_and_a_space_is_bound(tool, monkeypatch, tmp_path):
    place = tmp_path / "sets, all: of them"
    place.mkdir()
    (place / "a.txt").write_text("28 x 28")
    tmp_path.chmod(0o755)
    monkeypatch.setenv("DLCOURSE_DATA", str(place))
    assert inside(tool, "print(open('/data/a.txt').read())") == ["28 x 28"]


def test_the_image_holds_nothing_but_empty_folders_and_links():
    tar = containers.empty_image()
    assert tar == containers.empty_image()
    with tarfile.open(fileobj=io.BytesIO(tar)) as found:
        assert all(m.isdir() or m.issym() for m in found)
        assert not any(m.issym() and m.linkname.startswith("/") for m in found)


# ---------------------------------------------------------------------------------------------------- a class


CLASS = {
    "right": hand_in(),
    "wrong": hand_in(double="def double(items):\n    return items"),
    "loop": hand_in(double="def double(items):\n    while True: pass"),
    "dies": hand_in(double="import os\ndef double(items):\n    os._exit(3)"),
    "hog": hand_in(
        double="import os, time\ndef double(items):\n    for i in range(6):\n        if not os.fork():\n"
        "            x = bytearray(b'x') * 3 * 10**8; time.sleep(20)\n    time.sleep(20)"
    ),
    "plants": hand_in(
        squares="open('/tmp/left', 'w').write('x'); open('/dev/shm/left', 'w').write('x')\n"
        "open('/home/student/left.py', 'w').write('x')\n" + SQUARES
    ),
    "finds": hand_in(
        squares="import os\nif os.path.exists('/tmp/left') or os.path.exists('/dev/shm/left') or os.path.exists('/home/student/left.py'): 1 / 0\n"
        + SQUARES
    ),
}
POINTS = {"right": 7, "wrong": 4, "loop": 3, "dies": 3, "hog": 3, "plants": 7, "finds": 7}
FLAGS = {"loop": ["timeout"], "dies": ["crashed"], "hog": ["memory"]}


def test_a_class_gets_the_same_points_and_flags_in_every_kind(kind, tmp_path):
    source = make_source(tmp_path)
    for name, book in CLASS.items():
        put(tmp_path / "in", name, book)
    limits = Limits(cell_seconds=10, memory_mb=1024)
    made = grading.grade(str(source), tmp_path / "in", tmp_path / "course", limits=limits, sandbox=kind, jobs=1)
    found = {r["student"]: r for r in made.records}
    assert {name: r["score"] for name, r in found.items()} == POINTS
    assert {name: r["flags"] for name, r in found.items() if r["flags"]} == FLAGS
    assert "more than 1024 MB" in found["hog"]["cells"]["double_test"]["message"]


def test_a_container_ends_with_its_grader(tool, tmp_path):
    make_source(tmp_path)
    put(tmp_path / "in", "a", hand_in(squares="import time\ntime.sleep(100)\n" + SQUARES))
    command = [sys.executable, "-m", "dlcourse.cli", "grade", str(tmp_path / "source/ps1/ps1.ipynb"), "--sandbox", tool]
    command += ["--from", str(tmp_path / "in"), "--course", str(tmp_path / "course"), "--timeout", "200"]
    grader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    until = time.monotonic() + 240
    while not list((tmp_path / "course").glob("records/ps1/.reference*")) and time.monotonic() < until:
        assert grader.poll() is None, grader.stdout.read().decode()
        time.sleep(0.05)
    time.sleep(1)
    mine = [name for name in names(tool) if f"-{grader.pid}-" in name]
    assert mine
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    while set(mine) & set(names(tool)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not set(mine) & set(names(tool))


def test_nobody_but_the_first_is_heard_and_the_door_goes(tmp_path):
    import socket

    meeting = containers.Meeting()
    code = f"import socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect({str(meeting.door)!r}); time.sleep(9)"
    program = subprocess.Popen([sys.executable, "-c", code])
    here, pid = meeting.wait(program)
    meeting.close()
    assert pid == program.pid
    assert not meeting.folder.exists()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as late, pytest.raises(FileNotFoundError):
        late.connect(str(meeting.door))
    here.close()
    program.kill()
    program.wait()


def test_a_program_that_ends_before_it_comes_is_no_meeting():
    meeting = containers.Meeting()
    program = subprocess.Popen([sys.executable, "-c", ""])
    assert meeting.wait(program) is None
    meeting.close()


# ---------------------------------------------------------------------------------------------------- words


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine on which none of the three is installed."""
    bins = tmp_path / "bin"
    bins.mkdir()
    for name in ("env", "true", "git"):
        if shutil.which(name):
            (bins / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(bins))
    return bins


def test_without_any_it_says_what_to_install_for_each(bare):
    with pytest.raises(StaffError) as raised:
        sandbox.require_sandbox()
    for words in ("`apt install bubblewrap`", "`apt install podman`", "`apt install docker.io`", "--trust"):
        assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_kind_that_was_asked_for_is_not_replaced_by_another(tmp_path, monkeypatch, capfd):
    bins = tmp_path / "bin"
    bins.mkdir()
    monkeypatch.setenv("PATH", str(bins))
    make_source(tmp_path)
    put(tmp_path / "in", "a", hand_in())
    source = str(tmp_path / "source/ps1/ps1.ipynb")
    assert cli.main(["grade", source, "--from", str(tmp_path / "in"), "--sandbox", "podman"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("no sandbox: podman is not installed: `apt install podman`")
    assert "leave --sandbox out" in said
    assert "bubblewrap" not in said
    assert cli.main(["grade", source, "--from", str(tmp_path / "in"), "--sandbox", "podman", "--trust"]) == 2
    assert "exclude each other" in capfd.readouterr().err


def test_an_engine_that_does_not_work_is_quoted(bare, monkeypatch):
    (bare / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon. Is it running?' >&2\nexit 1\n")
    (bare / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bare}:/usr/bin:/bin")
    containers.try_ways.cache_clear()
    assert containers.problem("docker") == (
        "docker cannot run a container here (Cannot connect to the Docker daemon. Is it running?)"
    )


def test_where_bubblewrap_may_not_make_namespaces_podman_is_taken(kind, tmp_path, monkeypatch):
    if kind != "podman":
        pytest.skip("is about podman")
    bins = tmp_path / "bin"
    bins.mkdir()
    (bins / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    (bins / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bins}:{os.environ['PATH']}")
    assert "No permissions to create new namespace" in sandbox.problem_with("bubblewrap")
    assert sandbox.require_sandbox() == "podman"


def test_json_of_the_doctor_names_each_kind(monkeypatch, capfd):
    from dlcourse.cli import _lines_for_sandboxes

    monkeypatch.setattr(sandbox, "problem_with", lambda kind: None if kind == "podman" else f"{kind} is not installed")
    monkeypatch.setattr(probe, "examine", lambda kind: [])
    monkeypatch.setattr(probe, "version", lambda kind: "5.4")
    lines = _lines_for_sandboxes()
    assert json.loads(json.dumps(lines))[0] == ["ok", "Sandbox", "`dlcourse grade` uses podman"]
    assert ("note", "docker", "docker is not installed") in lines
    assert ("ok", "podman", f"5.4, tried: {probe.PROMISES}") in lines
    monkeypatch.setattr(probe, "examine", lambda kind: ["it has a network (8.8.8.8)"])
    assert _lines_for_sandboxes()[0][0] == "note"
    assert ("note", "podman", "podman starts, but it has a network (8.8.8.8)") in _lines_for_sandboxes()
