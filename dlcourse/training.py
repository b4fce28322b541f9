"""Train a model, measure it, keep the numbers. Labs use it once the loop has been written by hand."""

import time
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Score:
    loss: float  # mean over examples, in nats
    accuracy: float  # share of examples, 0 to 1


@dataclass
class History:
    """One number an epoch. Those of training are means over the epoch, while the model was changing."""

    loss: list[float] = field(default_factory=list)  # on the training examples, in nats
    accuracy: list[float] = field(default_factory=list)  # on the training examples, 0 to 1
    test_loss: list[float] = field(default_factory=list)  # empty where no test split was given
    test_accuracy: list[float] = field(default_factory=list)
    seconds: float = 0.0  # wall time of the whole fit


def fit(
    model: nn.Module,
    train,
    test=None,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    optimizer: str = "sgd",
    momentum: float = 0.0,
    seed: int = 0,
    quiet: bool = False,
) -> History:
    """Train `model` on a split by cross-entropy; print at most one line a second; return the History.

    train, test  splits: .inputs (N, ...), .labels (N,) int64. Bytes become 0 to 1: see `as_float`
    lr           learning rate, the length of a step
    optimizer    "sgd" (with `momentum`) or "adam"
    seed         for the order of the examples

    Raises ValueError for an empty split, an unknown optimizer, and a loss that is no longer finite.
    """
    if len(train.labels) == 0:
        raise ValueError("fit: the training split has 0 examples: is a mask or a slice empty?")
    opt = _optimizer(model, optimizer, lr, momentum)
    order = torch.Generator().manual_seed(seed)
    history, began, said = History(), time.monotonic(), 0.0
    model.train()
    for epoch in range(1, epochs + 1):
        loss_sum = hits = 0
        for batch in torch.randperm(len(train.labels), generator=order).split(batch_size):
            labels = train.labels[batch]
            logits = model(as_float(train.inputs[batch]))
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            opt.step()
            opt.zero_grad()
            loss_sum += loss.detach() * len(batch)  # the last batch is shorter: weigh by examples
            hits += (logits.detach().argmax(1) == labels).sum()
        history.loss.append(float(loss_sum) / len(train.labels))
        history.accuracy.append(float(hits) / len(train.labels))
        if not history.loss[-1] < float("inf"):
            raise ValueError(f"fit: the loss is {history.loss[-1]} in epoch {epoch}: try an lr below {lr}")
        if test is not None:
            score = evaluate(model, test)
            history.test_loss.append(score.loss)
            history.test_accuracy.append(score.accuracy)
        if not quiet and (epoch in (1, epochs) or time.monotonic() - said > 1):
            said = time.monotonic()
            print(_line(epoch, epochs, history))
    history.seconds = time.monotonic() - began
    return history


@torch.no_grad()
def evaluate(model: nn.Module, split, batch_size: int = 1024) -> Score:
    """Score `model` on every example of a split; leaves the model in the mode it came in."""
    if len(split.labels) == 0:
        raise ValueError("evaluate: the split has 0 examples: is a mask or a slice empty?")
    was_training = model.training
    model.eval()
    loss = hits = 0
    for inputs, labels in zip(split.inputs.split(batch_size), split.labels.split(batch_size), strict=True):
        logits = model(as_float(inputs))
        loss += F.cross_entropy(logits, labels, reduction="sum")
        hits += (logits.argmax(1) == labels).sum()
    model.train(was_training)
    return Score(float(loss) / len(split.labels), float(hits) / len(split.labels))


def as_float(inputs: Tensor) -> Tensor:
    """Bytes 0 to 255 as numbers 0 to 1, what a network likes; anything else as it is."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


def _optimizer(model, name, lr, momentum):
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("fit: the model has no parameter to train: are all of them frozen?")
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=momentum, fused=True)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, fused=True)
    raise ValueError(f'fit: there is no optimizer {name!r}: choose "sgd" or "adam"')


def _line(epoch, epochs, history):
    test = f", test {history.test_accuracy[-1]:.3f}" if history.test_accuracy else ""
    return f"epoch {epoch:>3}/{epochs}  loss {history.loss[-1]:.3f}  accuracy {history.accuracy[-1]:.3f}" + test
