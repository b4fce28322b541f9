"""Handwritten digits of 8 x 8 pixels, from the copy in scikit-learn."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_SUM = 569_788  # of all pixels (0 to 16) and labels: notices a damaged or a changed file


def make(name: str) -> dict:
    table = _table()
    if table.shape != (1797, 65) or int(table.sum()) != _SUM:
        raise ValueError(
            f"load: the digits in your scikit-learn are {table.shape[0]} x {table.shape[1]} numbers with sum "
            f"{int(table.sum())}, not 1797 x 65 with {_SUM}: install scikit-learn again"
        )
    pixels = ((table[:, :64] * 255 + 8) // 16).astype(np.uint8)  # 17 shades, 0 to 16, become 0 to 255
    inputs, labels = torch.from_numpy(pixels).view(-1, 1, 8, 8), torch.from_numpy(table[:, 64])
    train, test = _split(table[:, 64], seed=0)
    return {
        "train": {"inputs": inputs[train], "labels": labels[train]},
        "test": {"inputs": inputs[test], "labels": labels[test]},
        "classes": tuple("0123456789"),
        "source": "Alpaydin and Kaynak 1998, UCI repository, doi 10.24432/C50P49; the copy in scikit-learn",
        "licence": "CC BY 4.0",
    }


def _table() -> np.ndarray:
    """Read scikit-learn's file without importing scikit-learn, which would cost a second."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("load: the digits come with scikit-learn: pip install scikit-learn")
    with gzip.open(Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.int64)


def _split(labels: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of train and test: every fifth example of each class is for the test."""
    random = np.random.RandomState(seed)  # the one generator whose stream NumPy promises never to change
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    is_test = np.zeros(len(labels), dtype=bool)
    is_test[by_class[::5]] = True
    return torch.from_numpy(shuffled[~is_test[shuffled]]), torch.from_numpy(shuffled[is_test[shuffled]])
