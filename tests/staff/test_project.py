"""The check of a project's repository: a good one has nothing to mend, each fault is named once, nothing is executed."""

import contextlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from dlcourse import cli
from dlcourse.staff import StaffError, policy, project
from dlcourse.staff.sandbox import Limits, sandbox_problem

TEMPLATE = Path(__file__).parents[2] / "project" / "template"
README = """# Which digit is it?
Ada Lovelace, Alan Turing

We asked whether a network with 64 hidden units reads handwritten digits better than guessing. It does, by far: 0.915 of 400
test digits against 0.085, after three epochs, and all runs with other seeds gave the same within a point.

## Results
Guessing gets 0.085, the network 0.915 (mean of three seeds). The worst errors are eights that look like ones, since the
scanner cut them. Dropout did not help. A wider network did not help either: with 128 units it is right in as many cases.
We looked at thirty errors by hand; half of them we could not read ourselves.

## Run it
pip install, then `python run.py`, or `python run.py --quick` in two minutes. The numbers stand in results/results.json.

## Data
1,797 digits of 8 x 8 pixels from https://archive.ics.uci.edu/dataset/80, licence CC BY 4.0.
"""
RESULTS = {"baseline": 0.085, "network": {"mean": 0.915, "least": 0.91, "most": 0.92}}


def git(path, *words):
    done = ["git", "-c", "user.name=A", "-c", "user.email=a@b.org", "-C", str(path), *words]
    subprocess.run(done, check=True, capture_output=True)


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "repository"
    shutil.copytree(TEMPLATE, path, ignore=shutil.ignore_patterns("__pycache__", "results"))
    (path / "README.md").write_text(README)
    (path / "data" / "README.md").write_text(
        "# Data\nSource: https://archive.ics.uci.edu/dataset/80. Licence: CC BY 4.0.\n"
    )
    (path / "results").mkdir()
    (path / "results" / "results.json").write_text(json.dumps(RESULTS))
    git(path, "init", "-q")
    for i, name in enumerate(("README.md", "src", "run.py", "tests", ".")):
        git(path, "add", "-f", name)
        git(path, "commit", "-q", "--allow-empty", "-m", f"step {i}")
    return path


@pytest.fixture
def repository(good, tmp_path):
    shutil.copytree(good, tmp_path / "repository")
    return tmp_path / "repository"


def misses(path, **options):
    return [(one.what, one.say) for one in project.check(path, **options) if one.state == project.MISS]


def put(name, text):
    def change(path):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
        git(path, "add", "-f", name)

    return change


def take(*names):
    def change(path):
        git(path, "rm", "-rqf", *names)

    return change


def edit(name, old, new):
    def change(path):
        text = (path / name).read_text()
        assert old in text
        put(name, text.replace(old, new))(path)

    return change


def both(*changes):
    return lambda path: [change(path) for change in changes]


def book(*cells):
    made = [
        {
            "cell_type": "code",
            "source": [s],
            "execution_count": n,
            "metadata": {},
            "outputs": [{"output_type": o}] if o else [],
        }
        for s, n, o in cells
    ]
    return put("look.ipynb", json.dumps({"cells": made, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))


def without_git(path):
    shutil.rmtree(path / ".git")


FAULTS = {
    "no README": (take("README.md"), "README", "there is none"),
    "a short README": (
        put("README.md", "# Digits\n## Results\n0.915\n## Data\nhttps://x.org licence\n`python run.py`\n"),
        "README",
        "words",
    ),
    "no results in it": (edit("README.md", "## Results", "## Outcome"), "README", "heading for the results"),
    "a gap of the template": (edit("README.md", "Ada Lovelace", "<Names...>"), "README", "<Names...>"),
    "no environment": (take("requirements.txt"), "Environment", "requirements.txt"),
    "a loose environment": (put("requirements.txt", "torch\nnumpy==2.0\n"), "Environment", "no version for torch"),
    "no entry point": (take("run.py"), "Entry point", "no run.py"),
    "no quick version": (edit("run.py", "--quick", "--fast"), "Entry point", "--quick"),
    "code that is none": (put("src/model.py", "def f(:\n"), "Code", "src/model.py is not valid Python (line 1)"),
    "a path of one machine": (
        edit("src/data.py", "load_digits()", 'load_digits("/home/ada/digits")'),
        "Code",
        "/home/ada",
    ),
    "data without a licence": (
        both(edit("README.md", ", licence CC BY 4.0", ""), put("data/README.md", "https://x.org")),
        "Data",
        "licence",
    ),
    "no results": (take("results/results.json"), "Results", "no results/results.json"),
    "results that are no JSON": (put("results/results.json", "{'a': 1}"), "Results", "not valid JSON"),
    "other results": (put("results/results.json", '{"a": 0.4242}'), "Results", "states none of the 1 numbers"),
    "no tests": (take("tests/test_project.py"), "Tests", "no test"),
    "tests that test nothing": (put("tests/test_project.py", "def test_all():\n    pass\n"), "Tests", "no test"),
    "a notebook with an error": (book(("1/0", 1, "error")), "Notebooks", "shows an error"),
    "a notebook out of order": (book(("a = 1", 2, ""), ("a", 1, "")), "Notebooks", "another order"),
    "a notebook that was not run": (book(("a = 1", None, "")), "Notebooks", "not run"),
    "a notebook that is none": (put("look.ipynb", "[1, 2"), "Notebooks", "cannot be read"),
    "a big file": (put("weights.bin", "x" * (11 << 20)), "Size", "weights.bin has 12 MB"),
    "a key": (put("src/fetch.py", "key = 'AKIA" + "ABCDEFGHIJKLMNOP'\n"), "Secrets", "a key of Amazon"),
    "a token": (put("fetch.sh", "curl -H 'Authorization: ghp_" + "a1" * 15 + "'\n"), "Secrets", "a token of GitHub"),
    "a password": (put("src/login.py", 'password = "correct-horse"\n'), "Secrets", "a password in the code"),
    "a file of keys": (put("kaggle.json", "{}"), "Secrets", "kaggle.json"),
    "no git": (without_git, "History", "no git repository"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(repository, fault):
    change, what, words = FAULTS[fault]
    change(repository)
    found = misses(repository)
    assert any(w == what and words in say for w, say in found), found
    assert {w for w, _ in found} <= {what, *({"Results"} if what == "README" else ())}, found


def test_seeds_are_looked_for_in_code_and_notebooks(repository):
    for name in ("run.py", "src/data.py", "tests/test_project.py"):
        path = repository / name
        path.write_text(path.read_text().replace("manual_seed", "manual"))
    assert [what for what, _ in misses(repository)] == ["Seeds"]
    book(("torch.manual_seed(0)", 1, ""))(repository)
    assert misses(repository) == []


def test_a_good_repository_has_nothing_to_mend(good, capsys):
    assert misses(good) == []
    assert cli.main(["project", "check", str(good)]) == 0
    assert "Nothing to mend." in capsys.readouterr().out


def test_the_template_itself_only_lacks_what_a_student_fills_in(tmp_path):
    shutil.copytree(TEMPLATE, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    assert {what for what, _ in misses(tmp_path / "mine")} == {"README", "Data", "Results", "History"}


def test_too_few_commits_and_a_file_that_is_only_in_the_history(repository):
    put("old.bin", "y" * (11 << 20))(repository)
    git(repository, "commit", "-qm", "oops")
    take("old.bin")(repository)
    git(repository, "commit", "-qm", "gone")
    found = project.check(repository)
    assert [one.say for one in found if one.state == project.NOTE and "old.bin" in one.say]
    assert project.exit_status(found) == 0
    shutil.rmtree(repository / ".git")
    git(repository, "init", "-q")
    git(repository, "add", "-f", ".")
    git(repository, "commit", "-qm", "all at once")
    assert ("History", "1 commits: the history shows how the work grew; commit after each step") in misses(repository)


def test_looking_runs_nothing_of_the_repository(repository, tmp_path):
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "gpg.program", "diff.external", "core.sshCommand", "core.editor"):
        git(repository, "config", key, str(trap))
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "core.hooksPath", str(tmp_path))
    put("conftest.py", f"open('{tmp_path}/sprung', 'w')")(repository)
    (tmp_path / "sprung").unlink(missing_ok=True)  # adding may have asked the trap
    project.check(repository)
    assert not (tmp_path / "sprung").exists()


def test_odd_repositories_make_no_error(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xff\x00\xfe" * 100)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "deep.ipynb").write_text("[" * 100_000)
    (tmp_path / "README.md").symlink_to("/etc/passwd")
    (tmp_path / ".git").write_text("gitdir: /nowhere\n")
    found = project.check(tmp_path)
    assert project.exit_status(found) == 1
    assert not any("root:" in one.say for one in found)


def test_wrong_use_is_one_sentence(tmp_path, capsys):
    assert cli.main(["project", "check", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert cli.main(["project", "check", str(tmp_path), "--trust"]) == 2
    with pytest.raises(StaffError):
        project.check(tmp_path / "none")


def test_json_holds_the_same_findings(good, capsys):
    assert cli.main(["project", "check", str(good), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [set(one) for one in found] == [{"state", "what", "say"}] * len(found)
    assert {one["state"] for one in found} == {"ok", "skip"}


def test_the_page_for_students_names_everything_that_is_looked_at(good):
    page = (TEMPLATE.parent / "README.md").read_text()
    rows = set(re.findall(r"(?m)^\| (\w+(?: \w+)?) \| ", page))
    assert {one.what for one in project.check(good)} <= rows


def test_the_rubric_adds_up_to_ten_three_times():
    parts = (TEMPLATE.parent / "rubric.md").read_text().split("\n## ")[1:]
    assert [sum(map(int, re.findall(r"(?m)^\| (\d) \|", part))) for part in parts] == [10, 10, 10]


RUN = """import argparse, json, pathlib, random
parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.parse_args()
pathlib.Path("results").mkdir(exist_ok=True)
%s
pathlib.Path("results/results.json").write_text(json.dumps({"network": value, "seconds": random.random()}))
"""
RUNS = {
    "the same": ("random.seed(0)\nvalue = random.random()\nrandom.seed()", None),
    "different": ("value = random.random()", "two runs give different numbers (network was 0."),
    "an error": ("raise ValueError('no data')", "ended with status 1: ValueError: no data"),
    "nothing written": ("raise SystemExit", "wrote no numbers to results/results.json"),
    "the network": (
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9', timeout=2)",
        "ended with status 1",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
@pytest.mark.parametrize("how", RUNS)
def test_running_it_twice_shows_whether_the_numbers_come_again(repository, how):
    code, said = RUNS[how]
    put("run.py", RUN % code + "# torch.manual_seed(0)\n")(repository)
    found = [say for what, say in misses(repository, run=True) if what == "Run"]
    assert found == [] if said is None else said in found[0]


TOO_MUCH = {
    "memory": ("value = bytes(range(256)) * (1 << 20)\nwhile True:\n    pass", "it took more than 200 MB of memory"),
    "processes": (
        "import os, time\nfor _ in range(40):\n    if not os.fork():\n        time.sleep(60)\ntime.sleep(60)",
        "it started more than 30 processes",
    ),
    "time": ("while True:\n    pass", "it took more than 3 s"),
}


@pytest.mark.slow
@pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
@pytest.mark.parametrize("trust", [False, True], ids=["sandbox", "trust"])
@pytest.mark.parametrize("how", TOO_MUCH)
def test_a_run_that_takes_too_much_is_stopped_and_that_is_said(repository, how, trust, monkeypatch):
    monkeypatch.setattr(project, "LIMITS", Limits(memory_mb=200, disk_mb=64, processes=30))
    monkeypatch.setattr(project, "RUN_SECONDS", 3 if how == "time" else 60)
    code, said = TOO_MUCH[how]
    put("run.py", RUN % code + "# torch.manual_seed(0)\n")(repository)
    found = [one.say for one in project.check(repository, run=True, trust=trust) if one.what == "Run"]
    assert found == [f"python run.py --quick was stopped: {said}"]
    end = time.monotonic() + 60
    while (left := running(b"run.py\0--quick\0")) and time.monotonic() < end:
        time.sleep(0.1)  # a killed process leaves the table a moment later
    assert left == [], "it goes on"


def running(words: bytes) -> list[Path]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if words in (place / "cmdline").read_bytes():
                found.append(place)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
def test_the_template_runs_in_the_sandbox(repository):
    said = next(one.say for one in project.check(repository, run=True) if one.what == "Run")
    assert said.endswith("the same 5 numbers")


def test_students_read_the_dates_of_course_toml():
    text, dues = (
        (TEMPLATE.parent / "README.md").read_text(),
        policy.load(TEMPLATE.parents[1] / "course.toml").assignments,
    )
    for part in ("proposal", "repository", "talk"):
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {part.capitalize()} |"))
        assert f"{dues[f'project_{part}'].due:%-d %B %Y}" in row
