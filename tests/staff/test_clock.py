"""Limits of time do not count while the grader itself stands still."""

import socket
import threading
import time

import pytest

from dlcourse.staff import clock
from dlcourse.staff.sandbox import BoxGone, Channel


class Steps:
    """A clock that shows one time after another."""

    def __init__(self, *times):
        self.times = list(times)

    def __call__(self):
        return self.times.pop(0)


def test_a_gap_between_two_looks_does_not_count_and_what_is_shorter_does():
    now = clock.Clock(Steps(10.0, 10.5, 12.0, 72.0, 72.5, 1000.0, 1001.0), ticks=False)
    assert [now() for _ in range(7)] == [10.0, 10.5, 12.0, 12.0, 12.5, 12.5, 13.5]


def test_a_thread_looks_at_it_where_nobody_asks(monkeypatch):
    monkeypatch.setattr(clock, "TICK", 0.01)
    looked, enough = [], threading.Event()

    def source():
        looked.append(threading.current_thread())
        if len(looked) > 3:
            enough.set()
        return time.monotonic()

    clock.Clock(source)()
    assert enough.wait(20)
    assert looked[0] is threading.current_thread() is not looked[1]


def test_a_timeout_of_a_socket_that_came_while_the_process_stood_still_is_no_timeout(monkeypatch):
    """The socket's own timer runs on while the process stands; what counts is the time after it."""
    monkeypatch.setattr(clock, "now", Steps(0.0, 0.0, 0.1, 0.1, 0.2))
    here, there = socket.socketpair()
    tries = []

    def act():
        tries.append(here.gettimeout())
        if len(tries) < 3:
            raise TimeoutError
        return "came"

    with here, there:
        assert clock.within(here, 20.0, act) == "came"
    assert tries == pytest.approx([20.0, 19.9, 19.8])


def test_a_channel_that_nobody_reads_or_writes_is_given_up_in_time():
    channel = Channel()
    began = time.monotonic()
    with pytest.raises(BoxGone, match="timeout"):
        channel.receive(clock.now() + 0.2)
    with pytest.raises(BoxGone, match="timeout"):
        channel.send(1, 0, b"{}", b"x" * 50_000_000, seconds=0.2)
    assert time.monotonic() - began < 10
    channel.close()


def test_a_frame_larger_than_the_socket_holds_arrives_whole():
    channel, other = Channel(), Channel()
    other.here.close()
    other.here = channel.there
    blob = bytes(range(256)) * 40_000
    sender = threading.Thread(target=channel.send, args=(3, 7, b'{"a": 1}', blob))
    sender.start()
    assert [bytes(x) if isinstance(x, bytearray) else x for x in other.receive(clock.now() + 20)] == [
        3, 7, b'{"a": 1}', blob,
    ]  # fmt: skip
    sender.join()
    channel.close()
