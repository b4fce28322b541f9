"""The command `dlcourse grade` as it is typed: one clear line for each mistake, exit statuses, the table."""

import json
import shutil
from pathlib import Path

import pytest

from dlcourse import cli
from dlcourse.staff import notebooks
from dlcourse.staff.sandbox import sandbox_problem
from tests.staff.small_class import hand_in, make_source, put

ROOT = notebooks.find_root()


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A copy of this course's text sources, to break."""
    shutil.copy(ROOT / "course.toml", tmp_path)
    for folder in ("labs", "homework"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.ipynb"))
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def run(capsys, *words):
    status = cli.main(["grade", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_mistakes_are_one_clear_line_each_and_leave_nothing_behind(course, capsys):
    put(course / "in", "Ada_Lovelace_hw1_mlp", hand_in())
    (course / "empty").mkdir()
    (course / "file").write_text("")
    for words, says in [
        (["hw9_mlp", "--from", "in"], "did you mean hw1_mlp"),
        (["hw1_mlp", "--from", "empty"], "no notebook in it"),
        (["hw1_mlp", "--from", "nowhere"], "no such file or folder"),
        (["hw1_mlp", "--from", "in", "--timeout", "0"], "a number of seconds above 0"),
        (["hw1_mlp", "--from", "in", "--jobs", "0"], "at least 1 submission"),
        (["hw1_mlp", "--from", "in", "--memory", "1"], "at least 256 megabytes"),
        (["hw1_mlp", "--from", "in", "--json", "no/x.json"], "cannot be written"),
        (["hw1_mlp", "--from", "in", "--course", "file/x"], "file"),
        (["hw1_mlp", "--from", "in", "--student", "Nobody"], "nobody of that id"),
    ]:
        status, out, err = run(capsys, *words)
        assert (status, out) == (2, "")
        assert says in err
        assert len(err.strip().splitlines()) == 1, err
    assert not (course / "course").exists()


def test_a_wrong_value_in_course_toml_names_key_and_what_was_awaited(course, capsys):
    replace(course / "course.toml", "penalty = 0.10", 'penalty = "10%"')
    status, _, err = run(capsys, "hw1_mlp", "--from", "in")
    assert status == 2
    assert '[late.homework] penalty is "10%": write a share between 0 and 1, such as 0.10' in err


def test_a_misspelt_mark_names_file_line_and_the_nearest_mark(course, capsys):
    source = course / "homework/hw1_mlp/hw1_mlp.py"
    replace(source, '# %% solution="', '# %% solutoin="')
    line = 1 + next(i for i, text in enumerate(source.read_text().splitlines()) if "solutoin" in text)
    status, _, err = run(capsys, "hw1_mlp", "--from", "in")
    assert status == 2
    assert f"hw1_mlp.py:{line}: solutoin: there is no such mark: did you mean solution?" in err


@pytest.mark.slow
@pytest.mark.skipif(sandbox_problem() is not None, reason=str(sandbox_problem()))
def test_what_it_prints_and_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_source(tmp_path)
    put(tmp_path / "in", "Ada_Lovelace_ps1", hand_in())
    (tmp_path / "in" / "Grace_Hopper_ps1.ipynb").write_text('{"cells": [')
    words = ["source/ps1/ps1.ipynb", "--from", "in", "--course", "c", "--json", "out.json", "--jobs", "1"]
    status, out, _ = run(capsys, *words)
    assert status == 1  # one could not be run
    assert "Ada Lovelace  7 of 10" in out
    assert "could not run" in out
    for place in ("c/reports/ps1.html", "c/reports/ps1.csv", "c/gradebook.db", "c/feedback/Ada_Lovelace/ps1/ps1.html"):
        assert Path(place).is_file()
    assert [r["student"] for r in json.loads(Path("out.json").read_text())] == ["Ada_Lovelace", "Grace_Hopper"]
    (tmp_path / "in" / "Grace_Hopper_ps1.ipynb").unlink()
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "Nothing to grade" in out
    assert "as before" in out
