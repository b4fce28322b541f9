"""How far a class is graded and how long the rest takes: a bar on a terminal, a line now and then in a log."""

import sys
import threading
import time

QUIET = 30.0  # seconds between two lines of a log
BAR = "{percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} left{postfix}"


class Progress:
    """`with Progress() as progress: ... progress(done, all, record)`; the first call, with no record, starts the clock.

    The time left is that of what has been graded in this run, a hand-in, times what is left: results that were there
    before the run count as done, not as quick.
    """

    def __init__(self, stream=None, clock=time.monotonic):
        self.stream, self.clock = stream or sys.stderr, clock
        self.bar = None
        self.began = self.said = None
        self.before = 0

    def __enter__(self):
        return self._step

    def _step(self, done: int, total: int, record: dict | None) -> None:
        now = self.clock()
        if self.began is None:
            self.began = now
            self.before = done if record is None else max(0, done - 1)
            if self.stream.isatty():
                self._open(total)
            else:
                kept = f", {self.before} of {total} have their result already" if self.before else ""
                self._say(f"grading {total - self.before} hand-in{'s' * (total - self.before != 1)}{kept}")
        if self.bar is not None:
            if record is not None:
                self.bar.set_postfix_str(record["student"][:24], refresh=False)
            self.bar.update(done - self.bar.n)
        elif record is not None and (done == total or now - self.said >= QUIET):
            about = "" if "state" in record else f" ({record['student']})"  # what a queue of a cluster says
            self._say(f"{done} of {total} graded, {self._time(done, total, now)}{about}")

    def _time(self, done: int, total: int, now: float) -> str:
        gone = now - self.began
        if done == total:
            return f"took {_minutes(gone)}"
        if done == self.before:
            return f"{_minutes(gone)} gone"
        return f"about {_minutes(gone / (done - self.before) * (total - done))} left"

    def _say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)
        self.said = self.clock()

    def _open(self, total: int) -> None:
        from tqdm import tqdm

        self.bar = tqdm(
            total=total,
            initial=self.before,
            file=self.stream,
            bar_format=BAR,
            smoothing=0,
            leave=False,
            dynamic_ncols=True,
        )
        self.done = threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)
        self.ticker.start()

    def _tick(self) -> None:
        """Let the clock go on while a slow notebook runs."""
        while not self.done.wait(1.0):
            self.bar.refresh()

    def __exit__(self, *exc):
        if self.bar is not None:
            self.done.set()
            self.ticker.join()
            self.bar.close()


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
