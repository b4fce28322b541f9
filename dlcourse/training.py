"""Train a model, measure it, keep the numbers. Labs use it once the loop has been written by hand.

    history = training.fit(model, digits.train, digits.test, epochs=10, batch_size=64, lr=0.1)

The same call trains on a CPU, on a GPU, and under `torchrun` on several: `fit` is the one loop, written to be read.
"""

import atexit
import math
import os
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from dlcourse import data, runtime

PAD = 0  # among the tokens to predict, the one that fills up: it counts for nothing


@dataclass(frozen=True)
class Score:
    loss: float  # mean over what is predicted (examples, tokens, pixels), in nats for cross-entropy
    accuracy: float  # share of it that is right, 0 to 1; nan where the labels are no classes


@dataclass
class History:
    """One number an epoch. Those of training are means over the epoch, while the model was changing."""

    loss: list[float] = field(default_factory=list)  # on the training examples, in nats
    accuracy: list[float] = field(default_factory=list)  # on the training examples, 0 to 1
    test_loss: list[float] = field(default_factory=list)  # on the second split; empty where none was given
    test_accuracy: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)  # learning rate at the end of the epoch
    seconds: float = 0.0  # wall time of all epochs, those before a resumption included
    best: int | None = None  # with patience: the epoch, counted from 1, whose weights the model has now


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """What `fit` makes small unless told otherwise: minus the log of the probability of what is right, its mean.

    scores   classes (B, K); of tokens (B, T, K); of masks (B, K, H, W)
    labels   (B,), int64; shares of the classes (B, K), float; tokens (B, T), where 0 is filling; masks (B, H, W)
    returns  one number, in nats
    """
    if scores.dim() == 3:
        return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=PAD)
    return F.cross_entropy(scores, labels)


def fit(
    model: nn.Module,
    train,
    test=None,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    optimizer: str | Callable = "sgd",
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    parameters=None,
    schedule: str | Callable | None = None,
    clip: float | None = None,
    loss: Callable = cross_entropy,
    augment: Callable | None = None,
    balanced: bool = False,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    device=None,
    precision: str | None = None,
    compile: bool = False,
    deterministic: bool = False,
    quiet: bool = False,
    live: bool = False,
) -> History:
    """Train `model` on a split, measure it on another after each epoch, print at most a line a second.

    train, test    splits (data.Split): .inputs and .labels of N examples; bytes become 0 to 1 (see `as_float`), and of
                   a tuple of inputs each is an argument of the model
    batch_size     examples a step; shared by all processes under torchrun
    lr             learning rate, the length of a step
    optimizer      "sgd" (with `momentum`), "adam", "adamw", or a function: parameters -> torch optimizer
    weight_decay   pulls the weights towards 0 by this share of lr a step
    parameters     what to train, as torch's optimizers take it, such as groups with rates of their own; None: all that
                   require a gradient
    schedule       "cosine" (from lr to 0), "one_cycle" (up, then down to 0: Smith and Topin 2018, arXiv 1708.07120), or
                   a function: (optimizer, steps in all) -> torch scheduler, which moves after every step
    clip           longest gradient: one that is longer, over all parameters together, is shortened to it
    loss           (scores, labels) -> one number, the mean over the batch
    augment        changes each training batch: transforms.Augment(...)
    balanced       True: draw with replacement so that every class comes equally often
    patience       stop once the loss on the second split has not fallen for so many epochs, and go back to the best;
                   that split must not be the test split, which would then be part of the training
    checkpoint     a file, written after each epoch; where it exists the run goes on exactly where it stopped
    seed           for the order of the examples and for augment; weights and dropout come from torch's own generator
    device         None: the fastest here; the model goes there and, when done, back to where it was
    precision      "float32" or "bfloat16"; None: bfloat16 where the hardware has it (see runtime.precision)
    compile        True: let torch.compile rewrite the model first, which takes a minute and pays in long runs on a GPU
    deterministic  True: only algorithms that give the same bits every time, at some cost
    live           True: draw the curves while it trains, in a notebook

    Raises ValueError for an empty split, labels that the model has no score for, an unknown name, a loss that is no
    longer finite, a checkpoint of another run or a damaged one; OSError for one that cannot be written.
    """
    _refuse("fit", train, batch_size)
    if patience is not None and getattr(test, "role", "test") == "test":
        raise ValueError(
            "fit: patience looks at the second split to decide when to stop, so it cannot be the test split: "
            "train, valid = data.split(train) gives one to stop by"
        )
    with _placed(model, device, precision) as place, runtime.deterministic() if deterministic else nullcontext():
        whole = _moved(train, None)
        here = _moved(whole, place.device)
        fits = here.labels.device.type == place.device.type
        order, draws = Generator().manual_seed(seed), Generator(place.device)
        opt = _optimizer(optimizer, _groups(model, parameters), lr, momentum, weight_decay)
        rates = _schedule(schedule, opt, epochs * math.ceil(len(train.labels) / batch_size))
        forward = _forward(model, place, compile)
        history, best = History(), _Best()
        recipe = {"batch_size": batch_size, "seed": seed, "optimizer": type(opt).__name__, "lr": lr}
        recipe |= {"epochs": epochs} if rates else {}  # a schedule is made for so many
        saved = _Checkpoint(
            checkpoint, recipe, {"model": model, "optimizer": opt, "schedule": rates, "best": best}, order
        )
        saved.resume(history)
        report = _Report(
            epochs,
            len(train.labels),
            "valid" if getattr(test, "role", "") == "valid" else "test",
            quiet or place.rank,
            live,
            history,
        )
        for epoch in range(len(history.loss) + 1, epochs + 1):
            if patience is not None and epoch - 1 - best.epoch >= patience:
                break
            model.train()
            draws.manual_seed((4096 * seed + epoch) * place.ranks + place.rank)
            total = _Total(place)
            for step, index in enumerate(data.batches(whole, batch_size, order, balanced=balanced)):
                mine, weight = place.part(index)
                batch = here.take(mine)
                if not fits:
                    batch = _moved(batch, place.device)
                inputs, labels = augment(batch, None, draws) if augment else (batch.inputs, batch.labels)
                with place.autocast():
                    scores = forward(*place.arguments(inputs))
                if step == 0:
                    _check_labels(here.labels, scores)
                value = loss(scores.float(), labels)
                (value if weight == 1 else value * weight).backward()
                if clip is not None:
                    _clip(opt, clip, place)
                opt.step()
                opt.zero_grad()
                if rates:
                    rates.step()
                total.add(value, scores, labels, weight)
                report.within(epoch, total)
            score = total.score()
            if not math.isfinite(score.loss):
                raise ValueError(f"fit: the loss is {score.loss} in epoch {epoch}: try an lr below {lr}, or clip=1")
            history.loss.append(score.loss)
            history.accuracy.append(score.accuracy)
            history.lr.append(opt.param_groups[0]["lr"])
            if test is not None:
                score = _measure(model, test, 4 * batch_size, loss, place)  # nothing is kept for a way back: it fits
                history.test_loss.append(score.loss)
                history.test_accuracy.append(score.accuracy)
            if patience is not None:
                best.look(score.loss, epoch, model)
            report.after(epoch, history)
            saved.write(history)
        report.end(history)
        if patience is not None:
            history.best = best.restore(model)
    return history


def evaluate(
    model: nn.Module, split, batch_size: int = 256, *, loss: Callable = cross_entropy, device=None, precision=None
) -> Score:
    """Score `model` on every example of a split; leaves the model in the mode and on the device it came in.

    split   .inputs and .labels of N examples, as in `fit`; the other arguments, too, are those of `fit`
    """
    _refuse("evaluate", split, batch_size)
    with _placed(model, device, precision) as place:
        return _measure(model, split, batch_size, loss, replace(place, rank=0, ranks=1))


def as_float(inputs: Tensor) -> Tensor:
    """Bytes 0 to 255 as numbers 0 to 1, what a network likes; anything else as it is."""
    return torch.div(inputs, 255) if inputs.dtype == torch.uint8 else inputs


@dataclass(frozen=True)
class _Place:
    """Where and how the numbers are computed."""

    device: torch.device
    dtype: torch.dtype
    layout: torch.memory_format  # of images
    rank: int  # this process among the `ranks` of torchrun
    ranks: int

    def arguments(self, inputs) -> tuple:
        """What the model is called with."""
        several = inputs if isinstance(inputs, tuple) else (inputs,)
        return tuple(
            as_float(x).contiguous(memory_format=self.layout) if x.dim() == 4 else as_float(x) for x in several
        )

    def autocast(self):
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def part(self, index: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch, and what its mean loss counts for, since DDP takes the mean of all parts."""
        if self.ranks == 1 or len(index) < self.ranks:  # too few to share: everyone computes all
            return index, 1.0
        mine = index[self.rank :: self.ranks]
        return mine, len(mine) * self.ranks / len(index)


@contextmanager
def _placed(model: nn.Module, device, precision: str | None):
    """The model on the device it computes on, and back where it was in the end."""
    device = torch.device(device) if device is not None else runtime.device()
    if precision not in (None, "float32", "bfloat16"):
        raise ValueError(f'fit: there is no precision {precision!r}: choose "float32" or "bfloat16"')
    ranks = runtime.world_size()
    if ranks > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(torch.distributed.destroy_process_group)
    home = next((p.device for p in model.parameters()), device)
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    fast = convolutions and not (device.type == "cpu" and any(map(_breaks_channels_last, convolutions)))
    layout = torch.channels_last if fast else torch.contiguous_format
    dtype = getattr(torch, precision or "float32")
    if precision is None and (convolutions or device.type != "cpu"):  # on a CPU bfloat16 slows all other layers down
        dtype = runtime.precision(device)
    mode = model.training
    model.to(device, memory_format=layout)
    try:
        yield _Place(device, dtype, layout, runtime.rank(), ranks)
    finally:
        model.to(home, memory_format=torch.contiguous_format).train(mode)


def _breaks_channels_last(layer: nn.Conv2d) -> bool:
    """Whether its backward pass writes where it must not: torch 2.14 and channels_last on a CPU, 1 x 1 with a stride.

    Seen with fewer than 8 input channels: the process dies of damaged memory, or goes on with it.
    """
    return set(layer.kernel_size) == {1} and max(layer.stride) > 1 and layer.in_channels // layer.groups < 16


@torch.no_grad()
def _measure(model, split, batch_size: int, loss, place: _Place) -> Score:
    model.eval()
    here, total = _moved(split, place.device), _Total(place)
    order = torch.arange(len(split.labels))
    if here.lengths is not None:  # like lengths together
        order = here.lengths.reshape(len(order), -1).sum(1).argsort(stable=True)
    for index in order.split(batch_size):
        mine, weight = place.part(index)
        batch = _moved(here.take(mine), place.device)
        with place.autocast():
            scores = model(*place.arguments(batch.inputs))
        total.add(loss(scores.float(), batch.labels), scores, batch.labels, weight)
    return total.score()


class _Total:
    """Sums over batches, on the device: nobody waits for a number until it is asked for."""

    def __init__(self, place: _Place):
        self.place, self.loss, self.hits, self.count = place, 0.0, 0.0, 0

    def add(self, loss: Tensor, scores: Tensor, labels: Tensor, weight: float) -> None:
        """A mean loss counts by what it is the mean of: the last batch is shorter."""
        if self.place.ranks > 1 and weight == 1.0 and len(labels) < self.place.ranks and self.place.rank:
            return  # computed by everyone, counted once
        right, count = _right(scores.detach(), labels)
        self.loss = self.loss + loss.detach() * count
        self.hits, self.count = self.hits + right, self.count + count

    def score(self, everywhere: bool = True) -> Score:
        """Of all processes, or of this one alone."""
        sums = (self.loss, self.hits, self.count)
        sums = torch.stack([torch.as_tensor(x, dtype=torch.float32, device=self.place.device) for x in sums])
        if everywhere and self.place.ranks > 1:
            torch.distributed.all_reduce(sums)
        loss, hits, count = sums.tolist()
        return Score(loss / count, hits / count)


def _right(scores: Tensor, labels: Tensor):
    """How many are right, and of how many."""
    if labels.is_floating_point() and (labels.shape != scores.shape or labels.dim() != 2 or labels.shape[1] < 2):
        return math.nan, len(labels)
    if labels.is_floating_point():  # shares of classes
        return (scores.argmax(1) == labels.argmax(1)).sum(), len(labels)
    if scores.dim() == 3:  # tokens
        real = labels != PAD
        return ((scores.argmax(2) == labels) & real).sum(), real.sum()
    return (scores.argmax(1) == labels).sum(), labels.numel()


def _moved(split, device: torch.device | None) -> data.Split:
    """Inputs and labels on the device, unless they would fill more than half of its memory: then batch by batch."""
    parts = split.inputs if isinstance(split.inputs, tuple) else (split.inputs,)
    if any(not isinstance(x, Tensor) for x in (*parts, split.labels)):
        raise ValueError("fit: inputs and labels are not all tensors: texts become tokens with text.tokens")
    inputs, labels = split.inputs, split.labels
    size = sum(x.nbytes for x in (*parts, labels) if x.device != device)
    if device is not None and (device.type != "cuda" or size < torch.cuda.mem_get_info(device)[0] / 2):
        inputs = tuple(x.to(device, non_blocking=True) for x in parts)
        inputs, labels = inputs if isinstance(split.inputs, tuple) else inputs[0], labels.to(device, non_blocking=True)
    return data.Split(inputs, labels, getattr(split, "role", ""), getattr(split, "lengths", None))


def _forward(model: nn.Module, place: _Place, compile: bool) -> Callable:
    forward = torch.compile(model) if compile else model
    if place.ranks == 1:
        return forward
    return nn.parallel.DistributedDataParallel(forward, [place.device] if place.device.type == "cuda" else None)


def _groups(model: nn.Module, parameters) -> list[dict]:
    chosen = list(model.parameters() if parameters is None else parameters)
    groups = chosen if chosen and isinstance(chosen[0], dict) else [{"params": chosen}]
    groups = [group | {"params": [p for p in group["params"] if p.requires_grad]} for group in groups]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise ValueError("fit: the model has no parameter to train: are all of them frozen?")
    return groups


def _optimizer(optimizer, groups, lr, momentum, weight_decay) -> torch.optim.Optimizer:
    if callable(optimizer):
        return optimizer(groups)
    if optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, weight_decay=weight_decay, fused=True)
    if optimizer in ("adam", "adamw"):
        kind = torch.optim.Adam if optimizer == "adam" else torch.optim.AdamW
        return kind(groups, lr=lr, weight_decay=weight_decay, fused=True)
    raise ValueError(f'fit: there is no optimizer {optimizer!r}: choose "sgd", "adam" or "adamw", or pass a function')


def _schedule(schedule, opt: torch.optim.Optimizer, steps: int):
    if schedule is None or callable(schedule):
        return schedule and schedule(opt, steps)
    if schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    if schedule == "one_cycle":
        highest = [group["lr"] for group in opt.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(opt, highest, total_steps=steps + 1)
    raise ValueError(f'fit: there is no schedule {schedule!r}: choose "cosine" or "one_cycle", or pass a function')


def _clip(opt: torch.optim.Optimizer, longest: float, place: _Place) -> None:
    all_of_them = [p for group in opt.param_groups for p in group["params"]]
    nn.utils.clip_grad_norm_(all_of_them, longest, foreach=place.device.type == "cuda")  # slower on a CPU


class _Best:
    """The weights of the best epoch."""

    def __init__(self):
        self.loss, self.epoch, self.weights = math.inf, 0, {}

    def look(self, loss: float, epoch: int, model: nn.Module) -> None:
        if loss < self.loss:
            self.loss, self.epoch = loss, epoch
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}

    def restore(self, model: nn.Module) -> int:
        model.load_state_dict(self.weights)
        return self.epoch

    def state_dict(self) -> dict:
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


class _Checkpoint:
    """All that a run needs to go on as if it had never stopped, in one file that is whole or not there."""

    def __init__(self, path, recipe: dict, parts: dict, order: Generator):
        self.path, self.recipe, self.order = path and Path(path), recipe, order
        self.parts = {name: part for name, part in parts.items() if part is not None}

    def resume(self, history: History) -> None:
        if self.path is None or not self.path.exists():
            return
        state = self._read()
        for name, value in self.recipe.items():
            if state["recipe"].get(name) != value:
                raise ValueError(
                    f"fit: {self.path} is of a run with {name}={state['recipe'].get(name)}, this one has {value}: "
                    "pass what that run had, or another checkpoint"
                )
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(f"fit: {self.path} does not fit this model: {str(error).splitlines()[0]}") from None
        vars(history).update(state["history"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["rng"])
        if state["cuda_rng"]:
            torch.cuda.set_rng_state_all(state["cuda_rng"])

    def _read(self) -> dict:
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            return state | {name: state[name] for name in ("recipe", "history", "order", "rng", "cuda_rng")}
        except Exception as error:
            raise ValueError(
                f"fit: {self.path} cannot be read ({type(error).__name__}), so it is damaged or no checkpoint of "
                "fit: move it away to start anew"
            ) from None

    def write(self, history: History) -> None:
        if self.path is None or runtime.rank():
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"recipe": self.recipe, "history": asdict(history), "order": self.order.get_state()}
        state |= {"rng": torch.get_rng_state(), "cuda_rng": torch.cuda.get_rng_state_all()}
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(draft, "wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            kept = " The one of the epoch before is kept." if self.path.exists() else ""
            raise OSError(f"fit: the checkpoint {self.path} cannot be written: {reason}.{kept}") from None
        finally:
            draft.unlink(missing_ok=True)


class _Report:
    """What is said while a model trains: a line for an epoch, at most one a second."""

    def __init__(self, epochs: int, examples: int, other: str, quiet: bool, live: bool, history: History):
        self.epochs, self.examples, self.other, self.quiet = epochs, examples, other, quiet
        self.began = time.monotonic() - history.seconds
        self.said = self.moved = time.monotonic()
        self.draw = None
        if live and not quiet:
            from dlcourse import plotting  # matplotlib only for who wants to see it

            self.draw = plotting.live_curves(ylabel="loss (nats)")

    def within(self, epoch: int, total: _Total) -> None:
        """In a long epoch, every ten seconds."""
        if self.quiet or time.monotonic() - self.moved < 10:
            return
        self.moved = time.monotonic()
        print(f"epoch {epoch:>3}/{self.epochs}  loss {total.score(everywhere=False).loss:.3f} so far", flush=True)

    def after(self, epoch: int, history: History) -> None:
        self.moved = now = time.monotonic()
        history.seconds = now - self.began
        if self.quiet:
            return
        if epoch in (1, self.epochs) or now - self.said > 1:
            self.said = now
            print(self._line(epoch, history), flush=True)
        self.end(history, last=False)

    def end(self, history: History, last: bool = True) -> None:
        if self.draw:
            curves = {"train": history.loss} | ({self.other: history.test_loss} if history.test_loss else {})
            self.draw(curves, last=last)

    def _line(self, epoch: int, history: History) -> str:
        words = f"epoch {epoch:>3}/{self.epochs}  loss {history.loss[-1]:.3f}"
        if not math.isnan(history.accuracy[-1]):
            words += f"  accuracy {history.accuracy[-1]:.3f}"
        if history.test_loss:
            known = not math.isnan(history.test_accuracy[-1])
            words += f", {self.other} {history.test_accuracy[-1] if known else history.test_loss[-1]:.3f}"
        return words


def _refuse(who: str, split, batch_size: int) -> None:
    if len(split.labels) == 0:
        name = "training split" if who == "fit" else "split"
        raise ValueError(f"{who}: the {name} has 0 examples: is a mask or a slice empty?")
    inputs = split.inputs if isinstance(split.inputs, tuple) else (split.inputs,)
    if any(isinstance(x, Tensor) and len(x) != len(split.labels) for x in inputs):
        raise ValueError(f"{who}: {len(inputs[0])} inputs, but {len(split.labels)} labels: pass one for each")
    if batch_size < 1:
        raise ValueError(f"{who}: batch_size is {batch_size}: pass 1 or more")


def _check_labels(labels: Tensor, scores: Tensor) -> None:
    """On a GPU a label out of range ends the process; here it is a sentence."""
    if labels.is_floating_point():
        return
    classes = scores.shape[2] if scores.dim() == 3 else scores.shape[1]
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"fit: labels run from {low} to {high}, the model has {classes} scores: pass 0 to {classes - 1}"
        )
