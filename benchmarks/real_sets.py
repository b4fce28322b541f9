"""The small CNN on MNIST and Fashion-MNIST through `data.load` and `training.fit`: accuracy and processor seconds.

    DLCOURSE_DATA=FOLDER python benchmarks/real_sets.py [--epochs N] [--seeds N]

One thread. Without the variable the sets are downloaded to the usual folder.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from dlcourse import data, models, training, transforms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print("| set | seed | precision | epochs | processor s | test accuracy |\n|---|---|---|---|---|---|")
    for name in ("mnist", "fashion_mnist"):
        loaded = data.load(name)
        for seed in range(asked.seeds):
            for precision in ("float32", "bfloat16"):
                torch.manual_seed(seed)
                model = torch.nn.Sequential(transforms.Normalise.of(loaded.train), models.SmallCNN(1, 10))
                began = time.process_time()
                training.fit(
                    model, loaded.train, epochs=asked.epochs, batch_size=128, lr=0.01, optimizer="adam",
                    schedule="one_cycle", seed=seed, precision=precision, quiet=True,
                )  # fmt: skip
                spent = time.process_time() - began
                score = training.evaluate(model, loaded.test, precision="float32")
                print(
                    f"| {name} | {seed} | {precision} | {asked.epochs} | {spent:.0f} | {score.accuracy:.4f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
