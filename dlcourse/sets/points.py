"""Points to see a small network think: about a line, on rings, on the arms of a spiral.

load("line", size=20, noise=0.5), load("rings", classes=3), load("spiral", size=300, seed=1)
"""

import numpy as np
import torch

_TEST = 1_000  # points, the same ones whatever the size of train


def make(name: str, **options) -> dict:
    test, train, classes = {"line": _line, "rings": _rings, "spiral": _spiral}[name](**options)
    return {
        "train": dict(zip(("inputs", "labels"), train, strict=True)),
        "test": dict(zip(("inputs", "labels"), test, strict=True)),
        "classes": classes,
        "source": "drawn at random here",
        "licence": "CC0",
    }


def _line(size: int = 100, noise: float = 0.3, seed: int = 0):
    """label = 2 input - 1, and noise with this standard deviation; inputs (N, 1) from -1 to 1, labels (N, 1)."""
    drawn = []
    for n, random in _parts(size, noise, seed):
        x = random.uniform(-1, 1, (n, 1))
        drawn.append(_tensors(x, 2 * x - 1 + noise * random.normal(size=(n, 1))))
    return *drawn, ()


def _rings(size: int = 400, noise: float = 0.1, classes: int = 2, seed: int = 0):
    """One ring in another, the outermost of radius 1; noise is a share of the distance between two rings."""
    drawn = []
    for n, random in _parts(size, noise, seed, classes):
        label = random.permutation(n) % classes
        angle = random.uniform(0, 2 * np.pi, n)
        drawn.append(_tensors(_plane((label + 1 + noise * random.normal(size=n)) / classes, angle), label))
    return *drawn, tuple(f"ring {k + 1}" for k in range(classes))


def _spiral(size: int = 400, noise: float = 0.1, classes: int = 2, seed: int = 0):
    """Arms that make one turn on their way out to radius 1; noise is a share of the angle between two arms."""
    drawn = []
    for n, random in _parts(size, noise, seed, classes):
        label = random.permutation(n) % classes
        radius = random.uniform(0.1, 1, n)
        angle = 2 * np.pi * (radius + (label + noise * random.normal(size=n)) / classes)
        drawn.append(_tensors(_plane(radius, angle), label))
    return *drawn, tuple(f"arm {k + 1}" for k in range(classes))


def _parts(size, noise, seed, classes=2):
    """How many points to draw, and from what: the test first, so that no option of train changes it."""
    whole = [isinstance(x, int | np.integer) and not isinstance(x, bool) for x in (size, classes, seed)]
    if not whole[0] or size < classes:
        raise ValueError(f"load: size={size!r}: pass how many points train has, one of each class or more")
    if not whole[1] or not 2 <= classes <= 5:
        raise ValueError(f"load: classes={classes!r}: pass 2, 3, 4 or 5")
    if not whole[2] or not 0 <= seed < 2**32:
        raise ValueError(f"load: seed={seed!r}: pass a whole number, 0 or more")
    if not 0 <= noise < float("inf"):
        raise ValueError(f"load: noise={noise!r}: pass 0, or a standard deviation above it")
    random = np.random.RandomState(seed)
    return (_TEST, random), (size, random)


def _plane(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _tensors(inputs: np.ndarray, labels: np.ndarray):
    labels = torch.from_numpy(labels)
    return torch.from_numpy(inputs.astype(np.float32)), labels.float() if labels.is_floating_point() else labels.long()
