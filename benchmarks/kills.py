"""What kills at random moments cost: `dlcourse grade` over 20 hand-ins, killed again and again, then left to finish.

    python benchmarks/kills.py [KILLS]      default 100

Each class of 20 is graded until it is done; the grader is killed (SIGKILL, to it alone) after 0.3 to 6 seconds, and
started again. Counted at the end: hand-ins without a record, records written more than once, half or unreadable
records, wrong scores, sandboxes that outlived their grader, temporary files left.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLASS = 20


def make_class(folder: Path) -> dict:
    """Hand-ins below `folder`; the score that each must get."""
    from tests.staff.small_class import DOUBLE, hand_in, make_source, put

    make_source(folder)
    wanted = {}
    for i in range(CLASS):
        double = DOUBLE if i % 2 else "def double(items):\n    return []"
        put(folder / "in", f"s{i:02}", hand_in(double=f"{double}\n# {i}"))
        wanted[f"s{i:02}"] = 7 if i % 2 else 4
    return wanted


def grade_until_killed(command: list[str], seconds: float) -> bool:
    """True where it came to its end before."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def one_class(chance: random.Random, kills: int, found: Counter) -> int:
    """Grade one class, killing at most so often; how often it was."""
    with tempfile.TemporaryDirectory() as place:
        folder, killed, written = Path(place), 0, {}
        wanted, records = make_class(folder), folder / "course" / "records" / "ps1"
        command = [sys.executable, "-m", "dlcourse.cli", "grade", str(folder / "source/ps1/ps1.ipynb")]
        command += [
            "--from",
            str(folder / "in"),
            "--course",
            str(folder / "course"),
            "--json",
            str(folder / "out.json"),
        ]
        while killed < kills and not grade_until_killed(command, chance.uniform(0.3, 6)):
            killed += 1
            for path in records.glob("s*.json"):
                try:
                    json.loads(path.read_text())
                except ValueError:
                    found["broken records"] += 1
                now = path.stat().st_mtime_ns
                found["written twice"] += written.setdefault(path.name, now) != now
        subprocess.run(command, capture_output=True, check=True)
        scores = {row["student"]: row["score"] for row in json.loads((folder / "out.json").read_text())}
        found["lost"] += len(set(wanted) - set(scores))
        found["wrong scores"] += sum(scores.get(student) not in (score, None) for student, score in wanted.items())
        found["hand-ins"] += CLASS
        found["written twice"] += sum((records / name).stat().st_mtime_ns != when for name, when in written.items())
        time.sleep(1)
        alive = subprocess.run(["pgrep", "-f", f"bwrap.*{folder}"], capture_output=True, text=True).stdout.split()
        found["sandboxes left"] += len(alive)
        found["temporary files left"] += len(list(records.glob(".*.part")))
        return killed


def main(kills: int) -> None:
    chance, found, done = random.Random(0), Counter(), 0
    while done < kills:
        done += one_class(chance, kills - done, found)
    for what in ("lost", "written twice", "broken records", "wrong scores", "sandboxes left", "temporary files left"):
        print(f"{what:<22}{found[what]}")
    print(f"{done} kills, {found['hand-ins']} hand-ins in classes of {CLASS}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
