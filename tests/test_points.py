"""Points about a line, on rings and on spirals: what they are, and what a small network can make of them."""

import math

import pytest
import torch
from torch import nn

from dlcourse import data


def polar(points):
    return torch.stack([points.norm(dim=1), torch.atan2(points[:, 1], points[:, 0])], 1)


def accuracy(model, name, change=lambda x: x, steps=300, **options):
    """On the test split, after so many steps of Adam on the whole of train."""
    found = data.load(name, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(change(found.train.inputs)), found.train.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float((model(change(found.test.inputs)).argmax(1) == found.test.labels).float().mean())


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_a_line_has_numbers_for_labels_and_no_classes():
    line = data.load("line", size=30)
    for split, count in ((line.train, 30), (line.test, 1_000)):
        assert split.inputs.shape == split.labels.shape == (count, 1)
        assert split.inputs.dtype == split.labels.dtype == torch.float32
        assert split.inputs.abs().max() <= 1
    assert line.classes == ()
    assert str(line) == "line: 30 train, 1,000 test, points 1"


def test_the_line_is_two_x_minus_one_and_the_noise_what_was_asked_for():
    exact, noisy = (data.load("line", noise=noise).test for noise in (0, 0.5))
    torch.testing.assert_close(exact.labels, 2 * exact.inputs - 1)
    assert (noisy.labels - 2 * noisy.inputs + 1).std() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(("name", "word"), [("rings", "ring"), ("spiral", "arm")])
@pytest.mark.parametrize("classes", [2, 5])
def test_rings_and_arms_are_points_of_the_plane_with_classes_of_one_size(name, word, classes):
    found = data.load(name, classes=classes, size=203)
    assert found.classes == tuple(f"{word} {k}" for k in range(1, classes + 1))
    for split, count in ((found.train, 203), (found.test, 1_000)):
        assert split.inputs.shape == (count, 2)
        assert split.inputs.dtype == torch.float32
        assert split.labels.dtype == torch.int64
        counts = split.labels.bincount(minlength=classes)
        assert counts.max() - counts.min() <= 1
        assert split.inputs.norm(dim=1).max() < 1.3
    assert found.train.labels[:50].unique().numel() == classes  # mixed


def test_without_noise_a_ring_is_a_circle():
    exact = data.load("rings", classes=4, noise=0).train
    torch.testing.assert_close(exact.inputs.norm(dim=1), (exact.labels + 1) / 4)


def test_without_noise_an_arm_turns_once_on_its_way_out():
    exact = data.load("spiral", classes=3, noise=0).train
    radius, angle = polar(exact.inputs).T
    turns = (angle / (2 * math.pi) - exact.labels / 3 - radius) % 1
    assert torch.minimum(turns, 1 - turns).max() < 1e-5
    assert radius.min() >= 0.1
    assert radius.max() <= 1


@pytest.mark.parametrize("name", ["line", "rings", "spiral"])
def test_points_depend_on_the_seed_alone_and_the_test_not_on_the_size_of_train(name):
    first, again, other, longer = (data.load(name, **o) for o in ({}, {}, {"seed": 1}, {"size": 7}))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert torch.equal(first.train.labels, again.train.labels)
    assert not torch.equal(first.train.inputs, other.train.inputs)
    assert torch.equal(first.test.inputs, longer.test.inputs)
    assert len(longer.train) == 7


def test_points_are_those_of_every_machine():
    first = torch.tensor([0.0976, 0.4304, 0.2055])
    torch.testing.assert_close(data.load("line").test.inputs[:3, 0], first, atol=1e-4, rtol=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_rings_defeat_a_line_in_the_plane_and_not_in_polar_coordinates(classes):
    assert accuracy(nn.Linear(2, classes), "rings", classes=classes) < 1 / classes + 0.08
    assert accuracy(nn.Linear(2, classes), "rings", polar, classes=classes, steps=1_500) > 0.99


def test_a_spiral_defeats_a_line_and_not_a_network_with_two_hidden_layers():
    assert accuracy(nn.Linear(2, 2), "spiral") < 0.65
    layers = nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 2)
    assert accuracy(nn.Sequential(*layers), "spiral", steps=500) > 0.97


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"classes": 1}, "load: classes=1: pass 2, 3, 4 or 5"),
        ({"classes": 6}, "load: classes=6: pass 2, 3, 4 or 5"),
        ({"classes": 2.5}, r"load: classes=2\.5: pass 2, 3, 4 or 5"),
        ({"size": 0}, "load: size=0: pass how many points train has"),
        ({"size": 1.5}, r"load: size=1\.5: pass how many points train has"),
        ({"size": 2, "classes": 3}, "load: size=2: pass how many points train has, one of each class or more"),
        ({"noise": -1}, "load: noise=-1: pass 0, or a standard deviation above it"),
        ({"noise": math.nan}, "load: noise=nan: pass 0"),
        ({"noise": math.inf}, "load: noise=inf: pass 0"),
        ({"seed": -1}, "load: seed=-1: pass a whole number, 0 or more"),
        ({"seed": True}, "load: seed=True: pass a whole number, 0 or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        data.load("rings", **options)


def test_a_line_has_no_classes_to_choose():
    with pytest.raises(ValueError, match="load: line got an unexpected keyword argument 'classes'"):
        data.load("line", classes=3)
