"""How grading grows: seconds and memory of `dlcourse grade` for more and more small submissions, each size on its own.

    python benchmarks/growth.py [N ...]      default 50 100 200 400

Half of the hand-ins are right, the others fail a test or print a good deal. Memory is the largest resident size of the
grader's own process, sandboxes not counted. A second call, with nothing new, shows what reading the records costs.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def hand_ins(folder: Path, n: int) -> Path:
    from tests.staff import small_class

    source = small_class.make_source(folder)
    for i in range(n):
        answers = {"double": small_class.DOUBLE + f"\n# {i}"}
        if i % 4 == 1:
            answers["squares"] = f"def squares(n):\n    return [{i}]"
        elif i % 4 == 3:
            answers["squares"] = small_class.SQUARES + f"\nprint('{i} ' * 20_000)"
        small_class.put(folder / "submitted", f"student_{i:04}", small_class.hand_in(**answers))
    return source


def one(n: int) -> dict:
    """Grade n hand-ins here, twice."""
    from dlcourse.staff import grading

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, row = hand_ins(folder, n), {"n": n}
        for call in ("first", "second"):
            began = time.perf_counter()
            outcome = grading.grade(source, folder / "submitted", folder / "course")
            row[call] = time.perf_counter() - began
        row["scores"] = sorted({r["score"] for r in outcome.records})
        row["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return row


def main(sizes: list[int]) -> None:
    print("| hand-ins | seconds | a hand-in | second call | memory of the grader, MB | scores |")
    print("|---|---|---|---|---|---|")
    for n in sizes:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(n)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| {n} | {row['first']:.1f} | {row['first'] / n:.3f} | {row['second']:.1f} | {row['megabytes']:.0f} "
            f"| {row['scores']} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]))))
    else:
        main([int(x) for x in sys.argv[1:]] or [50, 100, 200, 400])
