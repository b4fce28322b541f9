"""What a person who waits reads: honest in a log and on a terminal."""

import io
import os
import pty
import termios
from contextlib import suppress

from dlcourse.staff.progress import Progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def run(steps, stream, before=0, total=10):
    """Grade one hand-in after so many seconds, for each of `steps`."""
    clock = Clock()
    with Progress(stream, clock) as progress:
        progress(before, total, None)
        for done, seconds in enumerate(steps, before + 1):
            clock.now += seconds
            progress(done, total, {"student": f"s{done}", "state": "graded"})


def test_a_log_gets_a_line_now_and_then_with_the_time_left():
    log = io.StringIO()
    run([10] * 10, log)
    assert log.getvalue().splitlines() == [
        "grading 10 hand-ins", "3 of 10 graded, about 70 s left", "6 of 10 graded, about 40 s left",
        "9 of 10 graded, about 10 s left", "10 of 10 graded, took 2 min",
    ]  # fmt: skip


def test_results_of_an_earlier_run_do_not_make_the_rest_look_quick():
    log = io.StringIO()
    run([600, 600], log, before=7)
    assert log.getvalue().splitlines() == [
        "grading 3 hand-ins, 7 of 10 have their result already", "8 of 10 graded, about 20 min left",
        "9 of 10 graded, about 10 min left",
    ]  # fmt: skip


def test_a_log_of_many_is_short_and_hours_are_hours():
    log = io.StringIO()
    run([20] * 500, log, total=500)
    lines = log.getvalue().splitlines()
    assert len(lines) == 251
    assert lines[1] == "2 of 500 graded, about 2 h 46 min left"


def test_a_terminal_gets_a_bar_that_goes_away():
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 100))
    with open(writer, "w") as terminal:
        run([1] * 10, terminal)
    said = b""
    with suppress(OSError):  # how Linux says that the other side is closed
        while part := os.read(reader, 100_000):
            said += part
    os.close(reader)
    said = said.decode()
    assert "0 of 10, 00:00 gone, ? left" in said
    assert "\n" not in said
    assert said.endswith("\r")  # the last thing is to wipe the line
