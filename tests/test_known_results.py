"""The real sets, opened by name, give the results that everybody knows. Full runs: benchmarks/real_sets.py."""

import os
from pathlib import Path

import pytest
import torch

from dlcourse import data, models, training, transforms

FOLDER = Path(os.environ.get("DLCOURSE_TEST_DATA", "nowhere"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "place", "least"), [("mnist", "MNIST", 0.90), ("fashion_mnist", "FashionMNIST", 0.72)]
)
def test_the_small_cnn_learns_a_fifth_of_the_real_set_in_one_epoch(monkeypatch, tmp_path, name, place, least):
    if not (FOLDER / place).is_dir():
        pytest.skip(f"no folder {place} in DLCOURSE_TEST_DATA, where the real sets lie")
    (tmp_path / place).symlink_to(FOLDER / place)
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path))
    loaded = data.load(name)
    torch.manual_seed(0)
    model = torch.nn.Sequential(transforms.Normalise.of(loaded.train), models.SmallCNN(1, 10))
    train, test = loaded.train.take(torch.arange(12_000)), loaded.test.take(torch.arange(2_000))
    options = {"optimizer": "adam", "schedule": "one_cycle", "precision": "float32", "quiet": True}
    training.fit(model, train, epochs=1, batch_size=64, lr=0.01, **options)
    assert training.evaluate(model, test, precision="float32").accuracy > least
