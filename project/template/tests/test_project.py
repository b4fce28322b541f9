"""What can go wrong without an error: begin with these three."""

import torch
from src import data, model


def test_the_split_does_not_leak():
    (train, _), (valid, _), (test, _) = data.load()
    rows = {tuple(row.tolist()) for row in train}
    assert not any(tuple(row.tolist()) in rows for row in (*valid, *test))


def test_shapes():
    assert model.new()(torch.zeros(5, 64)).shape == (5, 10)


def test_ten_examples_are_learned_by_heart():
    torch.manual_seed(0)
    (images, labels), *_ = data.load()
    network = model.train(images[:10], labels[:10], epochs=200)
    assert model.accuracy(network, images[:10], labels[:10]) == 1.0
