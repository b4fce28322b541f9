"""The model tuning competition: recipes, runs, and entries that are scored again by somebody else.

    train, valid = tuning.examples()
    model, run = tuning.train({"optimizer": "adam", "lr": 0.01, "epochs": 4}, train, valid)
    entry = tuning.pack(model, run["recipe"], alias="two at night")       # text: the recipe and the weights
    tuning.score(entry, unseen)                                           # (right, of)

An entry is text, so that it travels in a notebook. It holds numbers and no program: reading one runs nothing of its
author's, whatever is in it, and builds nothing but the networks of `build`. What it says of its own score is not read.
"""

import base64
import json
import math
import time
import zlib
from functools import lru_cache
from itertools import cycle

import torch
from torch import nn

from dlcourse import data, models, runtime, training, transforms
from dlcourse.checks import Wrong, unanswered, wilson
from dlcourse.sets import glyphs

BUDGET = 500.0  # billions of multiplications that one training may take: a minute or so of one core
MOST_WEIGHTS = 30_000
MOST_TEXT = 120_000  # characters of an entry
DIFFICULTY = 0.8
VALID_FONTS = ("STIXGeneral", "cmr10", "cmmi10", "DejaVuSerif-Italic")  # held out of training to validate on
RECIPE = {  # a setting -> (default, what may stand there)
    "network": ("cnn", ("cnn", "resnet")),
    "width": (6, (2, 24)),
    "optimizer": ("sgd", ("sgd", "adam", "adamw")),
    "lr": (0.05, (1e-5, 10.0)),
    "momentum": (0.0, (0.0, 0.999)),
    "weight_decay": (0.0, (0.0, 1.0)),
    "schedule": (None, (None, "cosine", "one_cycle")),
    "epochs": (4, (1, 200)),
    "batch_size": (64, (4, 1024)),
    "shift": (0, (0, 6)),
    "turn": (0.0, (0.0, 45.0)),
    "seed": (0, (0, 9999)),
}
_START = "dlcourse-entry-1:"


def examples(count: int = 4000, *, seed: int = 0) -> tuple[data.Split, data.Split]:
    """Printed digits to train on, and others in four fonts that the first part does not have, to validate on."""
    whole = data.load("glyphs", difficulty=DIFFICULTY, train=count, test=1000, seed=seed).train
    held = torch.isin(whole.more["fonts"], torch.tensor([glyphs.FONTS.index(name) for name in VALID_FONTS]))
    train, valid = whole.take((~held).nonzero()[:, 0]), whole.take(held.nonzero()[:, 0])
    return train, data.Split(valid.inputs, valid.labels, "valid", more=valid.more)


@lru_cache(2)
def unseen(count: int, seed: int) -> data.Split:
    """`count` digits in the six fonts that are in no other part; unlike those of `load`, never kept on disk."""
    made = glyphs.draw_both("0123456789", False, DIFFICULTY, "unseen", [10, count], seed)
    return data.Split(torch.from_numpy(made["test_images"]), torch.from_numpy(made["test_labels"]), "test")


# ---- recipes


def full(recipe: dict) -> dict:
    """The recipe with a value for every setting. Raises Wrong where a setting is unknown or out of its range."""
    if not isinstance(recipe, dict):
        raise Wrong(f"a recipe is a dict of settings, such as {{'lr': 0.05}}; yours is a {type(recipe).__name__}")
    if unknown := [str(key)[:40] for key in recipe if key not in RECIPE]:
        raise Wrong(f"a recipe has no setting {', '.join(unknown)}: choose from {', '.join(RECIPE)}")
    made = {}
    for key, (default, may) in RECIPE.items():
        value = recipe.get(key, default)
        if isinstance(may[-1], str):
            good, told = value in may, " or ".join(repr(word) for word in may)
        else:
            whole = isinstance(may[0], int)
            good = type(value) is int or (type(value) is float and not whole)
            good = good and math.isfinite(value) and may[0] <= value <= may[1]
            told = f"a {'whole ' if whole else ''}number from {may[0]:g} to {may[1]:g}"
        if not good:
            raise Wrong(f"recipe: {key} is {value!r:.40}: write {told}")
        made[key] = value
    if made["optimizer"] != "sgd" and made["momentum"]:
        raise Wrong("recipe: momentum belongs to sgd; Adam has its own: leave it out")
    return made


def build(recipe: dict) -> nn.Module:
    """The untrained network of a recipe: images (B, 1, 28, 28) to scores (B, 10)."""
    recipe = full(recipe)
    torch.manual_seed(recipe["seed"])
    if recipe["network"] == "cnn":
        model = models.SmallCNN(1, 10, recipe["width"])
    else:
        model = models.ResNet(1, 10, recipe["width"], blocks=1)
    if (total := sum(p.numel() for p in model.parameters())) > MOST_WEIGHTS:
        raise Wrong(f"recipe: {total:,} weights, {MOST_WEIGHTS:,} are allowed: take a smaller width")
    return model


def cost(recipe: dict, images: int = 4000) -> float:
    """What training by the recipe takes, in billions of multiplications: the same on every machine, unlike seconds.

    One image forward, twice as much backward, for every image of every epoch.
    """
    count = 0

    def add(layer, given, result):
        nonlocal count
        count += result[0].numel() // result.shape[1] * layer.weight.numel()

    model = build(recipe).eval()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(add)
    with torch.no_grad():
        model(torch.zeros(1, 1, 28, 28))
    return 3 * count * images * full(recipe)["epochs"] / 1e9


def train(recipe: dict, examples: data.Split, valid: data.Split | None = None) -> tuple[nn.Module, dict]:
    """Train by a recipe; the model, and a row for the table of runs.

    The row: "recipe" in full, "seconds" of the processor, "cost" in billions, and on `valid` "right" and "of".
    """
    recipe = full(recipe)
    if (wanted := cost(recipe, len(examples))) > BUDGET:
        raise Wrong(
            f"recipe: {wanted:,.0f} billion multiplications, {BUDGET:,.0f} are allowed: fewer epochs, or narrower"
        )
    model = build(recipe)
    steps = {name: recipe[key] for name, key in (("crop", "shift"), ("rotate", "turn")) if recipe[key]}
    torch.optim.SGD(model.parameters(), lr=0.1)  # the first optimizer of a process takes two seconds: not the run's
    began = time.process_time()
    training.fit(
        model, examples, epochs=recipe["epochs"], batch_size=recipe["batch_size"], lr=recipe["lr"],
        optimizer=recipe["optimizer"], momentum=recipe["momentum"], weight_decay=recipe["weight_decay"],
        schedule=recipe["schedule"], augment=transforms.Augment(**steps) if steps else None,
        seed=recipe["seed"], precision="float32", quiet=True,
    )  # fmt: skip
    run = {"recipe": recipe, "seconds": time.process_time() - began, "cost": wanted}
    if valid is not None:
        run["right"], run["of"] = _right(model, valid), len(valid)
    return model, run


# ---- entries


def pack(model: nn.Module, recipe: dict, alias: str) -> str:
    """An entry as text: the alias under which the class sees it, the recipe, the weights with 16 bits each."""
    alias = " ".join(str(alias).split())
    if not 1 <= len(alias) <= 30 or not alias.isprintable():
        raise Wrong(f"an alias has 1 to 30 characters that can be printed; yours is {alias!r:.50}")
    numbers = [x.detach().cpu().flatten() for x in model.state_dict().values() if x.is_floating_point()]
    body = torch.cat(numbers).half().numpy().tobytes()
    head = json.dumps({"alias": alias, "recipe": full(recipe)}).encode()
    return _START + base64.b85encode(zlib.compress(head + b"\n" + body, 9)).decode()


def unpack(entry) -> tuple[nn.Module, dict, str]:
    """The model, the recipe and the alias of an entry. Raises Wrong, with what to do, where it is none.

    Raises NotImplementedError for None: nothing was handed in yet.
    """
    if entry is None:
        raise unanswered()
    if not isinstance(entry, str) or not entry.startswith(_START):
        raise Wrong(f"an entry is the text that tuning.pack returns; yours is {entry!r:.40}")
    if len(entry) > MOST_TEXT:
        raise Wrong(f"an entry has at most {MOST_TEXT:,} characters; yours has {len(entry):,}")
    try:
        reader = zlib.decompressobj()
        raw = reader.decompress(base64.b85decode(entry[len(_START) :]), 4 * MOST_WEIGHTS)
        head, _, body = raw.partition(b"\n")
        told = json.loads(head)
        alias, recipe = told["alias"], full(told["recipe"])
    except Wrong:
        raise
    except Exception:  # whatever is in it: zlib, base85 and JSON each have errors of their own
        raise Wrong("this entry cannot be read: was a part of the text lost? Pack it again") from None
    if not isinstance(alias, str) or not 1 <= len(alias) <= 30 or not alias.isprintable():
        raise Wrong("this entry has no alias of 1 to 30 characters: pack it again")
    model = build(recipe)
    places = {name: x for name, x in model.state_dict().items() if x.is_floating_point()}
    wanted = 2 * sum(x.numel() for x in places.values())
    if len(body) != wanted:
        told = f"{recipe['network']} of width {recipe['width']}"
        raise Wrong(f"these are weights of another network than the recipe's ({told}): pack the model of this recipe")
    numbers = torch.frombuffer(bytearray(body), dtype=torch.float16).float()
    if not bool(numbers.isfinite().all()):
        raise Wrong("some weight is not finite (16 bits hold numbers up to 65,504): train with a smaller lr")
    parts = numbers.split([x.numel() for x in places.values()])
    weights = {name: part.view(x.shape) for (name, x), part in zip(places.items(), parts, strict=True)}
    model.load_state_dict(model.state_dict() | weights)
    return model.eval(), recipe, alias


def score(entry, split: data.Split) -> tuple[int, int]:
    """How many of a split's examples the model of an entry gets right, and of how many."""
    return _right(unpack(entry)[0], split), len(split)


def told(entry) -> dict:
    """What the leaderboard shows of an entry beside its score; all of it is worked out here, nothing is believed."""
    model, recipe, alias = unpack(entry)
    train, valid = examples()
    return {
        "alias": alias,
        "recipe": recipe,
        "work": round(cost(recipe, len(train)), 1),
        "valid": [_right(model, valid), len(valid)],
    }


def freeze(entry: str) -> None:
    """Put an entry into the notebook as text, so that nobody has to train again: adds a cell below, and says so."""
    unpack(entry)
    line = f'ENTRY = "{entry}"'
    if runtime.has_front_end() and not runtime.in_grader():
        import IPython

        IPython.get_ipython().set_next_input(line)
        print(f"{len(entry):,} characters are in a new cell below: move that line into the cell of your entry.")
    else:
        print(f"In a notebook this would add a cell of {len(entry):,} characters: your entry as text.")


def _right(model: nn.Module, split: data.Split) -> int:
    return round(training.evaluate(model, split, precision="float32").accuracy * len(split))


# ---- runs


def table(runs: list[dict]) -> None:
    """Print runs, best first: what was varied, seconds, accuracy with its 95 % interval."""
    heads = ("optimiser", "lr", "schedule", "epochs", "batch", "network", "seconds", "accuracy", "95 % interval")
    rows = []
    for run in sorted(runs, key=lambda run: -run["right"] / run["of"]):
        r, (low, high) = run["recipe"], wilson(run["right"], run["of"])
        rows.append(
            (r["optimizer"], f"{r['lr']:.2g}", r["schedule"] or "-", str(r["epochs"]), str(r["batch_size"]),
             f"{r['network']} {r['width']}", f"{run['seconds']:.1f}", f"{run['right'] / run['of']:.3f}",
             f"{low:.3f} to {high:.3f}")
        )  # fmt: skip
    wide = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        left = (0, 2, 5)
        print(
            "  ".join(x.ljust(w) if i in left else x.rjust(w) for i, (x, w) in enumerate(zip(row, wide, strict=True)))
        )


def show_runs(runs: list[dict], front: list[int] = (), *, baseline: tuple[str, float] | None = None) -> None:
    """Accuracy against processor seconds, an interval for each run, and a line through those of the front.

    runs   rows of `train`
    front  which of them to join: runs that none beats in both
    """
    import matplotlib.pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(7.4, 4.2))
    colours = cycle((plotting.BLUE, plotting.ORANGE, plotting.GREEN))
    kinds = {kind: next(colours) for kind in dict.fromkeys(_kind(run) for run in runs)}
    for kind, colour in kinds.items():
        chosen = [run for run in runs if _kind(run) == kind]
        x, y = [run["seconds"] for run in chosen], [run["right"] / run["of"] for run in chosen]
        ends = [wilson(run["right"], run["of"]) for run in chosen]
        bars = [
            [a - low for a, (low, _) in zip(y, ends, strict=True)],
            [high - a for a, (_, high) in zip(y, ends, strict=True)],
        ]
        axis.errorbar(x, y, bars, fmt="o", color=colour, capsize=3, label=kind)
    joined = sorted(front, key=lambda i: runs[i]["seconds"])
    if joined:
        axis.step(
            [runs[i]["seconds"] for i in joined], [runs[i]["right"] / runs[i]["of"] for i in joined],
            where="post", color="black", linewidth=1.2, label="front", zorder=0,
        )  # fmt: skip
    if baseline:
        axis.axhline(baseline[1], color="black", linestyle="--", linewidth=1.2, label=baseline[0])
    axis.set(xlabel="processor seconds of training", ylabel="accuracy on fonts held out", xscale="log")
    low, high = axis.get_xlim()
    axis.set_xticks(
        [t for t in (0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 7, 10, 20, 30, 50, 100, 200, 500, 1000) if low <= t <= high]
    )
    axis.set_xticks([], minor=True)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.figure.legend(loc="outside upper left", ncols=5, fontsize=9)
    best = max(run["right"] / run["of"] for run in runs)
    plotting.show(f"{len(runs)} runs: accuracy against seconds with 95 % intervals; the best has {best:.2f}")


def _kind(run: dict) -> str:
    return {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}[run["recipe"]["optimizer"]]


def train_again(recipe: dict, right: int, of: int) -> dict:
    """Train a recipe with the course's own data. A checkpoint with `right` of `of` on the open validation images agrees
    with it where the intervals of the two overlap; else it was made in another way.
    """
    _, run = train(recipe, *examples())
    (low, high), (low_now, high_now) = wilson(right, of), wilson(run["right"], run["of"])
    return {"right": run["right"], "of": run["of"], "agrees": low <= high_now and low_now <= high}


if __name__ == "__main__":  # python -m dlcourse.tuning RECIPE RIGHT OF: for `dlcourse leaderboard --retrain`
    import sys

    print(json.dumps(train_again(*map(json.loads, sys.argv[1:]))))
