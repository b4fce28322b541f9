"""What the shipped backbone is worth: handwritten digits in colour and in grey from a few labels a class, over seeds.

    python benchmarks/transfer.py [--seeds 10] [--labels 1,5,10,50] [--backbone FILE]

Each row starts anew with other examples: from scratch (the same network, a random start), frozen random (only a linear
head on a random body), frozen (only a head on the shipped body), fine-tuned (the head first, then all of it with two
rates). All get 150 steps of at most 32 examples; accuracy is on the 360 test digits. One thread.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from dlcourse import data, pretrained, training

BATCH, STEPS = 32, 150


def fit(model, split, steps, lr, seed, parameters=None):
    per_epoch = -(-len(split) // BATCH)
    training.fit(
        model, split, epochs=max(1, steps // per_epoch), batch_size=BATCH, lr=lr, optimizer="adamw", weight_decay=0.01,
        schedule="one_cycle", parameters=parameters, seed=seed, precision="float32", device="cpu", quiet=True,
    )  # fmt: skip


def scratch(name, split, seed):
    model = pretrained.backbone(name, 10, freeze=False, weights=None)
    fit(model, split, STEPS, 1e-2, seed)
    return model


def probe(name, split, seed, weights="default"):
    """A head on frozen features, which are computed once."""
    model = pretrained.backbone(name, 10, weights=weights).eval()
    with torch.no_grad():
        features = data.Split(model.features(split.inputs), split.labels, "train")
    fit(model.head, features, STEPS, 3e-2, seed)
    return model


def frozen_random(name, split, seed):
    return probe(name, split, seed, weights=None)


def fine_tuned(name, split, seed):
    model = probe(name, split, seed).thaw()
    fit(model, split, STEPS, 1e-3, seed, pretrained.rates(model, head=1e-3, body=2e-3))
    return model


RECIPES = {"scratch": scratch, "frozen random": frozen_random, "frozen": probe, "fine-tuned": fine_tuned}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--labels", default="1,5,10,50")
    parser.add_argument("--backbone", default="glyphs")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    print("| set | labels a class | " + " | ".join(RECIPES) + " | least gain of frozen over scratch |")
    print("|---|---|" + "---|" * (len(RECIPES) + 1))
    prepare = pretrained.backbone(asked.backbone, 10).prepare
    for name in ("colour_digits", "digits"):
        loaded = data.load(name)
        train, test = (data.Split(prepare(part.inputs), part.labels, part.role) for part in (loaded.train, loaded.test))
        for each in map(int, asked.labels.split(",")):
            rows = []
            for seed in range(asked.seeds):
                few, row = data.few(train, each, seed=seed), {}
                for recipe, make in RECIPES.items():
                    torch.manual_seed(seed)
                    model = make(asked.backbone, few, seed)
                    row[recipe] = training.evaluate(model, test, precision="float32", device="cpu").accuracy
                rows.append(row)
            cells = []
            for recipe in RECIPES:
                found = [row[recipe] for row in rows]
                cells.append(f"{statistics.mean(found):.2f} ({min(found):.2f} to {max(found):.2f})")
            gain = min(row["frozen"] - row["scratch"] for row in rows)
            print(f"| {name} | {each} | {' | '.join(cells)} | {gain:+.2f} |", flush=True)
    print(
        f"\n{asked.seeds} seeds, {time.process_time() - began:.0f} CPU seconds, one thread, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
