"""The command `dlcourse doctor`: what it says of a machine that lacks something, and its exit status."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from dlcourse import cli
from dlcourse.staff import probe, sandbox

GOOD = json.dumps([["ok", "Python", "3.11.7"], ["note", "GPU", "none; the labs need none"]])


def run(capfd, *words):
    status = cli.main(["doctor", *words])
    said = capfd.readouterr()
    assert said.err == ""
    return status, said.out


@pytest.fixture(autouse=True)
def no_trial(monkeypatch):
    """Sandboxes are tried from inside in test_containers.py, and here once, in a process of its own."""
    monkeypatch.setattr(probe, "examine", lambda kind: [])


@pytest.fixture
def answers(monkeypatch):
    """Call it with what the process that looks at the labs prints, its stderr and its status."""
    real = subprocess.run

    def answer(out="", err="", status=0, error=None):
        def pretend(command, **options):
            if "dlcourse.runtime" not in command:
                return real(command, **options)
            if error:
                raise error
            return subprocess.CompletedProcess(command, status, out, err)

        monkeypatch.setattr(subprocess, "run", pretend)

    return answer


def test_the_doctor_looks_at_this_machine_loads_no_torch_and_writes_nothing(tmp_path):
    code = "import sys; from dlcourse import cli; found = cli.main(['doctor', '--json']); assert 'torch' not in sys.modules; sys.exit(found)"
    environment = os.environ | {"DLCOURSE_DATA": str(tmp_path / "data")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    found = json.loads(done.stdout)
    assert found["well"] is True
    lines = {row["what"]: row for row in found["lines"]}
    assert lines["torch works"] == {
        "for": "labs",
        "state": "ok",
        "what": "torch works",
        "say": "1 + 2 + 3 is 6 here, too",
    }
    assert lines["nbgrader"]["for"] == "teaching"
    assert {row["state"] for row in found["lines"]} <= {"ok", "note"}


def test_help_says_what_it_does_and_loads_no_torch():
    for words in (["--help"], ["doctor", "--help"]):
        code = f"import sys; sys.argv[1:] = {words}\nfrom dlcourse import cli\ntry: cli.main()\nfinally: assert 'torch' not in sys.modules"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0
        assert "Say what is here, what is missing for the labs or for teaching" in done.stdout


def test_a_person_reads_two_groups_and_a_last_line(answers, capfd):
    answers(GOOD)
    status, out = run(capfd)
    assert status == 0
    assert out.startswith(
        "For the labs\n   ok  Python        3.11.7\n note  GPU           none; the labs need none\n\nFor teaching\n"
    )
    assert out.endswith("\n\nAll green: you can start.\n")


def test_what_a_lab_needs_and_is_not_there_is_status_1(answers, capfd):
    answers(json.dumps([["miss", "numpy", "not found: pip install --upgrade numpy"]]))
    status, out = run(capfd)
    assert status == 1
    assert " miss  numpy         not found: pip install --upgrade numpy\n" in out
    assert out.endswith("Mend the lines that say `miss`, then run this again.\n")
    status, out = run(capfd, "--json")
    assert (status, json.loads(out)["well"]) == (1, False)


def test_what_another_program_prints_first_does_no_harm(answers, capfd):
    answers(f"module load cuda\n{GOOD}\n")
    assert run(capfd)[0] == 0


def test_a_torch_that_cannot_be_imported_is_a_line(tmp_path, monkeypatch, capfd):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, out = run(capfd)
    assert status == 1
    said = "cannot be imported (ImportError: libcudart.so.13: cannot open shared object file): install again with pip"
    assert f" miss  torch         {said}" in out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": -11}, "cannot be imported (its process ended with status -11): install again"),
        ({"error": subprocess.TimeoutExpired("python", 300)}, "cannot be imported within 5 minutes: install again"),
    ],
)
def test_a_torch_that_crashes_or_hangs_is_a_line(answer, said, answers, capfd):
    answers(**answer)
    status, out = run(capfd)
    assert status == 1
    assert said in out


def test_a_file_that_hides_torch_is_named(tmp_path, monkeypatch, capfd):
    (tmp_path / "torch.py").write_text("")
    monkeypatch.chdir(tmp_path)
    status, out = run(capfd)
    assert status == 1
    assert " miss  This folder   torch.py hides the module of that name: give the file another name\n" in out


def test_what_only_teachers_need_is_a_note(answers, tmp_path, monkeypatch, capfd):
    answers(GOOD)
    monkeypatch.setenv("PATH", str(tmp_path))  # no bwrap, podman, docker, sbatch

    def nothing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", nothing)
    status, out = run(capfd)
    assert status == 0
    teaching = out.split("For teaching\n")[1]
    assert " note  Sandbox       `dlcourse grade` refuses: " in teaching
    assert "apt install bubblewrap" in teaching or sys.platform != "linux"
    assert (
        ' note  nbgrader      not found: pip install "dlcourse[staff]" (for `dlcourse init-course`, `grade` and `demo`)\n'
        in teaching
    )
    assert ' note  jupyterlab    not found: pip install "dlcourse[lab]" (to open the notebooks here)\n' in teaching
    assert " note  Containers    not found: only needed to run the course in a container\n" in teaching
    assert " note  Slurm         not found: only needed on a cluster that has it\n" in teaching


def test_a_sandbox_that_cannot_start_is_a_note_with_its_reason(answers, monkeypatch, capfd):
    answers(GOOD)
    monkeypatch.setattr(sandbox, "problem_with", lambda kind: f"{kind} cannot make a sandbox here (no user namespaces)")
    status, out = run(capfd)
    assert status == 0
    assert " note  Sandbox       `dlcourse grade` refuses: mend one of the next three" in out
    assert " note  bubblewrap    bubblewrap cannot make a sandbox here (no user namespaces)" in out


def test_commands_that_are_there_are_named(answers, tmp_path, monkeypatch, capfd):
    answers(GOOD)
    for name in ("podman", "docker", "srun"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    out = run(capfd)[1]
    assert "   ok  Containers    podman, docker\n" in out
    assert "   ok  Slurm         srun\n" in out


def test_wrong_use_is_status_2(capfd):
    with pytest.raises(SystemExit) as raised:
        cli.main(["doctor", "--mend"])
    assert raised.value.code == 2
    assert "unrecognized arguments: --mend" in capfd.readouterr().err
