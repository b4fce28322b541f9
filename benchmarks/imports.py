"""What an import costs: processor seconds of fresh Pythons, interleaved, as medians and as a ratio to `import torch`.

    python benchmarks/imports.py [ROUNDS]

Goals: dlcourse.training at most 1.1 times torch; dlcourse.cli at most 0.3 seconds.
"""

import statistics
import subprocess
import sys

CASES = {
    "python alone": "pass",
    "torch": "import torch",
    "dlcourse.training": "import dlcourse.training",
    "runtime, data, checks": "from dlcourse import checks, data, runtime",
    "plotting": "from dlcourse import plotting",
    "dlcourse.cli": "import dlcourse.cli",
}
CLOCK = "; import resource as r; u = r.getrusage(r.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"


def seconds(statement: str) -> float:
    """Processor seconds, user and system, of one Python that runs the statement."""
    found = subprocess.run([sys.executable, "-c", statement + CLOCK], capture_output=True, text=True, check=True)
    return float(found.stdout)


def main(rounds: int = 9) -> None:
    for statement in CASES.values():
        seconds(statement)  # the first one reads the disk
    runs = [{name: seconds(statement) for name, statement in CASES.items()} for _ in range(rounds)]
    print(f"{'':<24}{'median s':>9}{'of torch':>10}   ({rounds} rounds, ratio: median of each round's)")
    for name in CASES:
        ratio = statistics.median(run[name] / run["torch"] for run in runs)
        print(f"{name:<24}{statistics.median(run[name] for run in runs):>9.2f}{ratio:>10.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
