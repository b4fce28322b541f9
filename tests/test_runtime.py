import random

import numpy as np
import pytest
import torch

from dlcourse import runtime


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_start_prints_one_line_and_nothing_on_stderr(capsys):
    runtime.start("lab01_line")
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert out.startswith("lab01_line: ")
    assert err == ""


def test_start_gives_the_same_random_numbers_again():
    runtime.start("lab01_line")
    first = draw()
    runtime.start("lab01_line")
    assert draw() == first


def test_start_leaves_the_threads_alone_unless_told():
    before = torch.get_num_threads()
    runtime.start("lab01_line")
    assert torch.get_num_threads() == before
    try:
        runtime.start("lab01_line", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_starting_again_keeps_the_clock():
    runtime.start("lab01_line")
    began = runtime.session.clock_started
    runtime.start("lab01_line")
    assert runtime.session.clock_started == began
    runtime.start("lab00_setup")
    assert runtime.session.clock_started > began


def test_start_says_what_to_pass():
    with pytest.raises(ValueError, match="pass its name"):
        runtime.start("")


def test_the_doctor_is_content_here(capsys):
    assert runtime.doctor() is True
    out = capsys.readouterr().out
    assert "miss" not in out
    assert out.endswith("All green: you can start.\n")


def test_the_doctor_says_what_to_do_about_a_missing_package(capsys, monkeypatch):
    monkeypatch.setattr(runtime, "_PACKAGES", (("no_such_module", "no-such", (1, 0), "miss", "pip install no-such"),))
    assert runtime.doctor() is False
    assert "not found: pip install no-such" in capsys.readouterr().out


def test_the_doctor_notices_a_package_that_is_too_old():
    state, _, say = runtime._package_line("torch", "torch", (99, 0), "miss", "pip install --upgrade torch")
    assert state == "miss"
    assert "99.0 or newer is needed" in say


def test_a_program_is_no_notebook():
    assert runtime.in_notebook() is False
