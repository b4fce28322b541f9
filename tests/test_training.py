import pytest
import torch
from torch import nn

from dlcourse import training
from dlcourse.data import Split


def two_heaps(n=60):
    """Two well-separated heaps of points."""
    labels = torch.arange(n) % 2
    points = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.3
    return Split(points + (4 * labels - 2)[:, None], labels)


def line():
    torch.manual_seed(0)
    return nn.Linear(2, 2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fit_learns_what_is_easy(optimizer):
    heaps = two_heaps()
    history = training.fit(line(), heaps, heaps, epochs=8, batch_size=16, lr=0.1, optimizer=optimizer, quiet=True)
    assert history.test_accuracy[-1] == 1
    assert history.loss[-1] < history.loss[0]
    assert len(history.loss) == len(history.accuracy) == len(history.test_loss) == 8
    assert history.seconds > 0


def test_one_step_is_the_plain_gradient_step():
    heaps, model, reference = two_heaps(), line(), line()
    training.fit(model, heaps, epochs=1, batch_size=60, lr=0.5, quiet=True)
    nn.functional.cross_entropy(reference(heaps.inputs), heaps.labels).backward()
    assert torch.allclose(model.weight, reference.weight - 0.5 * reference.weight.grad, atol=1e-6)


def test_the_same_seed_gives_the_same_model_and_another_does_not():
    heaps, models = two_heaps(), [line(), line(), line()]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        training.fit(model, heaps, epochs=2, batch_size=7, lr=0.1, seed=seed, quiet=True)
    assert torch.equal(models[0].weight, models[1].weight)
    assert not torch.equal(models[0].weight, models[2].weight)


def test_a_short_last_batch_counts_by_its_examples():
    logits = torch.eye(2)[torch.tensor([0, 0, 0, 0, 1, 1])] * 5
    split = Split(logits, torch.tensor([0, 0, 0, 1, 1, 0]))
    assert training.evaluate(nn.Identity(), split, batch_size=4).accuracy == pytest.approx(4 / 6)  # not (3/4 + 1/2) / 2


@pytest.mark.parametrize("mode", [True, False])
def test_evaluate_leaves_the_mode_and_takes_no_gradient(mode):
    model = nn.Sequential(nn.Dropout(0.5), line()).train(mode)
    split = two_heaps()
    assert training.evaluate(model, split) == training.evaluate(model, split)  # no dropout
    assert model.training is mode
    assert model[1].weight.grad is None


def test_bytes_become_numbers_from_0_to_1():
    assert training.as_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
    assert training.as_float(torch.tensor([3.0])).tolist() == [3]


def test_a_frozen_parameter_stays_and_all_frozen_is_refused():
    model, heaps = line(), two_heaps()
    model.bias.requires_grad_(False)
    before = model.bias.clone()
    training.fit(model, heaps, epochs=1, batch_size=8, lr=0.1, quiet=True)
    assert torch.equal(model.bias, before)
    model.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="all of them frozen"):
        training.fit(model, heaps, epochs=1, batch_size=8, lr=0.1)


def test_what_cannot_be_trained_is_refused_in_words():
    empty = Split(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match="0 examples"):
        training.fit(line(), empty, epochs=1, batch_size=8, lr=0.1)
    with pytest.raises(ValueError, match="0 examples"):
        training.evaluate(line(), empty)
    with pytest.raises(ValueError, match="no optimizer 'sdg'"):
        training.fit(line(), two_heaps(), epochs=1, batch_size=8, lr=0.1, optimizer="sdg")


def test_a_loss_that_explodes_is_stopped_with_advice():
    heaps = two_heaps()
    wild = Split(heaps.inputs, heaps.labels[torch.randperm(60, generator=torch.Generator().manual_seed(1))])
    with pytest.raises(ValueError, match="try an lr below 1e"):
        training.fit(line(), wild, epochs=5, batch_size=8, lr=1e39, quiet=True)


def test_fit_talks_on_stdout_only(capsys):
    training.fit(line(), two_heaps(), two_heaps(), epochs=50, batch_size=60, lr=0.1)
    out, err = capsys.readouterr()
    assert err == ""
    assert 2 <= out.count("\n") <= 10
    assert out.splitlines()[-1].startswith("epoch  50/50  loss 0.")
