"""How much luck is in homework 1? Its training test and its own network, once for each seed.

    python benchmarks/hw1_seeds.py [seeds]      (default 10; one thread)

The thresholds in homework/hw1_mlp/hw1_mlp.py come from here: the worst seed less a margin, and for labels that
mean nothing the best seed plus a margin.
"""

import contextlib
import io
import os
import runpy
import statistics
import sys
import time
from pathlib import Path

import torch

SOURCE = Path(__file__).parents[1] / "homework" / "hw1_mlp" / "hw1_mlp.py"


def main(seeds: int) -> None:
    torch.set_num_threads(1)
    os.environ["MPLBACKEND"] = "Agg"  # no windows
    with contextlib.redirect_stdout(io.StringIO()):
        homework = runpy.run_path(str(SOURCE))  # the reference solutions, the data and the network
    rows = []
    print(f"{'seed':>4}  {'test, true':>10}  {'test, shuffled':>14}  {'own network':>11}  {'CPU s':>5}")
    for seed in range(seeds):
        began = time.process_time()
        row = study(seed, **{name: homework[name] for name in NEEDED})
        rows.append(row)
        print("{:>4}  {:>10.3f}  {:>14.3f}  {:>11.3f}  {:>5.2f}".format(seed, *row, time.process_time() - began))
    for name, pick in (("min", min), ("mean", statistics.mean), ("max", max)):
        print("{:>4}  {:>10.3f}  {:>14.3f}  {:>11.3f}".format(name, *map(pick, zip(*rows, strict=True))))


NEEDED = "train learner new_parameters accuracy train_x train_y test_x test_y".split()


def study(seed, train, learner, new_parameters, accuracy, train_x, train_y, test_x, test_y):
    """The accuracies of one seed: hidden test with true and with shuffled labels, and the student's own run."""
    torch.manual_seed(seed)
    pick = torch.randperm(len(train_x))[:1000]
    true = train_y[pick]
    runs = (
        (train_x[pick], true, 20, 50),
        (train_x[pick], true[torch.randperm(len(true))], 5, 50),
        (train_x, train_y, 30, 32),
    )
    found = []
    for x, labels, epochs, batch_size in runs:
        parameters = new_parameters()
        train(learner(parameters, 0.5), x, labels, epochs, batch_size)
        found.append(accuracy(parameters, test_x, test_y))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
