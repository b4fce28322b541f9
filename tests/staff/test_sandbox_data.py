"""Data sets that were fetched or made once are there in the sandbox, to read and not to write."""

import shutil
import subprocess
import sys

import pytest

from dlcourse.staff import sandbox

needs_bwrap = pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")


@needs_bwrap
def test_the_data_folder_is_read_only_in_the_sandbox(monkeypatch, tmp_path):
    (tmp_path / "kept.txt").write_text("28 x 28")
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path))
    code = (
        "import os; print(open(os.environ['DLCOURSE_DATA'] + '/kept.txt').read())\n"
        "try: open(os.environ['DLCOURSE_DATA'] + '/new.txt', 'w')\n"
        "except OSError as error: print(error.strerror)"
    )
    command = [*sandbox.bwrap_command(sandbox.Limits(disk_mb=64)), sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["28 x 28", "Read-only file system"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@needs_bwrap
def test_without_a_data_folder_the_sandbox_starts_as_well(monkeypatch, tmp_path):
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "none"))
    command = [*sandbox.bwrap_command(sandbox.Limits(disk_mb=64)), "/usr/bin/env", "true"]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("variables", [{"DLCOURSE_DATA": "~/sets"}, {"XDG_CACHE_HOME": "/var/cache"}, {}])
def test_grader_and_notebooks_look_in_the_same_folder(monkeypatch, variables):
    from dlcourse.sets import store

    for name in ("DLCOURSE_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sandbox.data_folder() == store.folder()
