"""How much luck is in an assignment? What its promises.toml says, measured once for each seed.

    python benchmarks/seeds.py lab05_optimisers [more ids] [--seeds 10]      (default: every assignment with promises)

Each run executes the whole solved source in a process of its own, one thread, with every seed in it moved: those that
it sets (torch, NumPy, random) and the default of `training.fit`. Then each promise's expression is evaluated among the
names that the source leaves. Exit status: 0 where every promise holds for at least nine of ten seeds, else 1.
"""

import argparse
import contextlib
import io
import json
import os
import random
import runpy
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEP = 1000  # between the seeds of two runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    found = {path.parent.name: path for path in sorted(ROOT.glob("*/*/promises.toml"))}
    if args.one is not None:
        print(json.dumps(measure(found[args.ids[0]], args.one)))
        return 0
    if unknown := set(args.ids) - set(found):
        print(f"no promises.toml for {', '.join(sorted(unknown))}: there are {', '.join(found)}", file=sys.stderr)
        return 2
    print("| assignment | promise | holds | worst | mean | best | CPU s a run |")
    print("|---|---|---|---|---|---|---|")
    return int(not all([study(id, found[id], args.seeds) for id in args.ids or found]))


def study(id: str, path: Path, seeds: int) -> bool:
    """Print a line for each promise of one assignment; True where all hold."""
    runs = []
    for seed in range(seeds):
        command = [sys.executable, __file__, id, "--one", str(seed)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise SystemExit(f"{id}, seed {seed}: {done.stderr[-2000:]}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    seconds, kept = statistics.median(run["seconds"] for run in runs), True
    for name, promise in tomllib.loads(path.read_text()).items():
        values = [run["values"][name] for run in runs]
        at_least = "at_least" in promise
        wanted = promise["at_least" if at_least else "at_most"]
        good = sum(v >= wanted if at_least else v <= wanted for v in values)
        worst, best = (min(values), max(values)) if at_least else (max(values), min(values))
        kept &= good >= 0.9 * seeds
        said = f"{name} {'≥' if at_least else '≤'} {wanted:g}"
        numbers = f"{worst:.4g} | {statistics.mean(values):.4g} | {best:.4g}"
        print(f"| {id} | {said} | {good} of {seeds} | {numbers} | {seconds:.0f} |", flush=True)
    return kept


def measure(path: Path, seed: int) -> dict:
    """The values of all promises after one run of the source, in this process."""
    move_seeds(seed * STEP)
    began, folder = time.process_time(), path.parent
    with contextlib.redirect_stdout(io.StringIO()):
        names = runpy.run_path(str(folder / f"{folder.name}.py"))
        promises = tomllib.loads(path.read_text())
        values = {name: float(eval(promise["expression"], names)) for name, promise in promises.items()}
    return {"values": values, "seconds": time.process_time() - began}


def move_seeds(by: int) -> None:
    """Add `by` to every seed that is set from here on."""
    import functools

    import numpy
    import torch

    from dlcourse import training

    torch.set_num_threads(1)
    for module, name in ((torch, "manual_seed"), (numpy.random, "seed"), (random, "seed")):
        original = getattr(module, name)
        # a DataLoader worker seeds NumPy with a list: that one stays
        setattr(module, name, lambda s, original=original: original(s + by if isinstance(s, int) else s))
    fit = training.fit
    training.fit = functools.wraps(fit)(lambda *args, seed=0, **options: fit(*args, seed=seed + by, **options))


if __name__ == "__main__":
    sys.exit(main())
