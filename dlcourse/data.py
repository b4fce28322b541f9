"""Data sets, whole and in memory: images as bytes, split once and for all into train and test.

Every lab loads its data here, so that everyone trains on the same examples and tests on the same others.
"""

import gzip
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Examples and what they are.

    inputs  (N, C, H, W), uint8: N images of C channels, each pixel 0 (black) to 255 (white)
    labels  (N,), int64: an index into the classes of the data set
    """

    inputs: Tensor
    labels: Tensor
    role: str = ""  # "train" or "test"; only what is called "train" may be augmented (transforms.Augment)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DataSet:
    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str  # who made it, where it comes from
    licence: str

    def __str__(self) -> str:
        shape = " x ".join(str(n) for n in self.train.inputs.shape[1:])
        return (
            f"{self.name}: {len(self.train):,} train, {len(self.test):,} test, "
            f"images {shape}, {len(self.classes)} classes"
        )


def load(name: str) -> DataSet:
    """Load a data set by name. `digits`: 1,797 handwritten digits of 8 x 8 pixels (1,437 train, 360 test).

    It needs no network. The split is the same on every machine, each class in the same share on both sides.

    Raises ValueError where the name is unknown.
    """
    if name not in _LOADERS:
        raise ValueError(f"load: there is no data set {name!r}: choose one of {', '.join(sorted(_LOADERS))}")
    return _LOADERS[name]()


def _digits() -> DataSet:
    table = _digits_table()
    if table.shape != (1797, 65) or int(table.sum()) != _DIGITS_SUM:
        raise ValueError(
            f"load: the digits in your scikit-learn are {table.shape[0]} x {table.shape[1]} numbers with sum "
            f"{int(table.sum())}, not 1797 x 65 with {_DIGITS_SUM}: install scikit-learn again"
        )
    pixels = ((table[:, :64] * 255 + 8) // 16).astype(np.uint8)  # 17 shades, 0 to 16, become 0 to 255
    train, test = _split(table[:, 64], seed=0)
    inputs, labels = torch.from_numpy(pixels).view(-1, 1, 8, 8), torch.from_numpy(table[:, 64])
    return DataSet(
        name="digits",
        train=Split(inputs[train], labels[train], "train"),
        test=Split(inputs[test], labels[test], "test"),
        classes=tuple("0123456789"),
        source="Alpaydin and Kaynak 1998, UCI repository, doi 10.24432/C50P49; the copy in scikit-learn",
        licence="CC BY 4.0",
    )


_DIGITS_SUM = 569_788  # of all pixels (0 to 16) and labels: notices a damaged or a changed file


def _digits_table() -> np.ndarray:
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


_LOADERS = {"digits": _digits}
