"""Submissions an hour: `dlcourse grade` (sandbox, judge, pages) beside plain `nbgrader autograde`, in one run.

    python benchmarks/grading.py [N]      N right copies of homework 1, each with a comment of its own (default 8)

Wall clock on this machine with all its cores; the two run one after the other on the same hand-ins. nbgrader grades one
at a time; its figure is also given divided by the number of cores, as if it ran that many without any loss.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dlcourse.staff import course_folder, grading, notebooks

ID = "hw1_mlp"


def main(n: int) -> None:
    root = notebooks.find_root(Path(__file__).parent)
    source, course = notebooks.load_checked(root, ID)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    right = notebooks.reference_answers(source)
    first = next(iter(right))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "course")
        course_folder.init_course(root, folder)
        for i in range(n):
            hand_in = folder / "submitted" / f"s{i:03}" / ID
            hand_in.mkdir(parents=True)
            answers = right | {first: f"{right[first]}\n# {i}"}
            (hand_in / f"{ID}.ipynb").write_text(notebooks.dumps(notebooks.with_answers(released, answers)))

        began = time.perf_counter()
        outcome = grading.grade(ID, folder / "submitted", Path(place, "ours"), root=root)
        ours = time.perf_counter() - began
        scores = {r["score"] for r in outcome.records}

        bins = str(Path(sys.executable).parent)
        environment = {**os.environ, "PATH": f"{bins}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nbgrader", "autograde", ID],
            cwd=folder, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        theirs = time.perf_counter() - began
    cores = os.cpu_count()
    print(f"{n} submissions of {ID}, {cores} cores, Python {platform.python_version()}; all scores {scores}")
    print(
        f"dlcourse grade      {ours:7.1f} s  {n / ours * 3600:7.0f} an hour  (with the instructor's own solution first)"
    )
    print(f"nbgrader autograde  {theirs:7.1f} s  {n / theirs * 3600:7.0f} an hour")
    print(f"ratio {theirs / ours:.2f}; beside {cores} loss-free nbgraders at once {theirs / cores / ours:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
