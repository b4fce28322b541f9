"""What test cells call, and what keeps your predictions: a failed check says what to look at next."""

import json
import linecache
import math
import numbers
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
import torch
from torch import Tensor, nn

from dlcourse import runtime


class Wrong(AssertionError):
    """A check failed; `for_student` is the text that may be shown, also for a hidden test."""

    def __init__(self, for_student: str):
        super().__init__(for_student)
        self.for_student = for_student

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        """The line of the notebook that failed and the message, without the lines of this file."""
        cells = [(f, n) for f, n in traceback.walk_tb(self.__traceback__) if f.f_globals.get("__name__") == "__main__"]
        lines = [(n, linecache.getline(frame.f_code.co_filename, n).strip()) for frame, n in cells]
        return [f"line {n}: {line}" for n, line in lines if line] + [f"{type(self).__name__}: {self}"]


BLANK = "your code goes here: replace this line"  # what every blank of the course fails with


def unanswered(shown: str = f"NotImplementedError: {BLANK}") -> NotImplementedError:
    """The error of a blank; a notebook shows the line `shown` in place of a traceback."""
    error = NotImplementedError(BLANK)
    error._render_traceback_ = lambda: [shown]
    return error


def close(found, wanted, hint: str = "", rtol: float = 1e-5, atol: float = 1e-6, *, picture: bool = False) -> bool:
    """True where `found` agrees with `wanted` in shape, kind and, up to rounding, values; else raises Wrong.

    found, wanted  a number, a tensor, an array, or a list of such
    hint           the sentence that a student reads after what differs
    rtol, atol     |found - wanted| may be atol + rtol |wanted|
    picture        (H, W) or (C, H, W), C 1 or 3: a notebook also shows yours, awaited and the difference as images
    """
    theirs, ours = _tensor(found, hint), _tensor(wanted, hint)
    _same_shape(theirs, tuple(ours.shape), tuple(ours.shape), hint)
    if isinstance(wanted, Tensor | np.ndarray) and _kind(theirs) not in _FITS[_kind(ours)]:
        raise Wrong(_with(f"{_kind(ours)} should come; yours are {_kind(theirs)} ({theirs.dtype})", hint))
    theirs, ours = theirs.to(_wide(theirs)), ours.to(_wide(ours))
    if ours.isfinite().all() and not theirs.isfinite().all():
        which = "nan" if theirs.isnan().any() else "infinite"
        share = f" ({int((~theirs.isfinite()).sum())} of {theirs.numel()} values)" if theirs.dim() else ""
        raise Wrong(_with(f"yours is {which}{share}: a log of 0, an overflow, a division by 0?", hint))
    good = torch.isclose(theirs, ours, rtol=rtol, atol=atol, equal_nan=True)
    if not good.all():
        if picture and runtime.has_front_end():
            with suppress(Exception):  # a picture must not take the message's place
                _show_pictures(theirs, ours)
        raise Wrong(_with(_difference(theirs, ours, good), hint))
    return True


def shape(found, wanted: tuple, hint: str = "", **sizes: int) -> bool:
    """True where `found` has the shape `wanted`; else raises Wrong.

        checks.shape(logits, ("B", "K"), B=32, K=10)
        checks.shape(attention, ("B", "T", "T"), B=2)

    found   a tensor, an array, or a list of numbers
    wanted  numbers and letters; a letter stands for the same size everywhere, and for any size where none is given
    sizes   of letters
    """
    theirs = _tensor(found, hint)
    if theirs.dim() == len(wanted):
        for letter, size in zip(wanted, theirs.shape, strict=True):
            if isinstance(letter, str):
                sizes.setdefault(letter, size)
    return _same_shape(theirs, wanted, tuple(sizes.get(size, size) for size in wanted), hint)


def parameters(model: nn.Module, most: int, hint: str = "") -> bool:
    """True where `model` has at most `most` numbers to train (shared ones count once); else raises Wrong."""
    if not isinstance(model, nn.Module):
        is_class = isinstance(model, type)
        what = f"the class {model.__name__}: make one, {model.__name__}(...)" if is_class else _named(model)
        raise Wrong(_with(f"a model, an nn.Module, should come; yours is {what}", hint))
    counts = {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}
    total = sum(counts.values())
    if total > most:
        name = max(counts, key=counts.get)
        largest = f"{counts[name]:,} of them are {name}, {tuple(model.get_parameter(name).shape)}"
        raise Wrong(_with(f"at most {most:,} parameters to train are allowed; yours has {total:,}: {largest}", hint))
    return True


@contextmanager
def seconds(most: float, hint: str = "") -> Iterator[None]:
    """Raise Wrong where the lines inside take more than `most` seconds.

        with checks.seconds(2, "Is there a loop over pixels?"):
            blur(image)

    Counted are seconds of the clock or of the processor, whichever are fewer: neither a busy machine nor a machine of
    many cores costs anybody points. While grading, the student's code runs in another process: there the clock counts,
    and three times as many seconds are allowed. The first optimizer of a process costs two seconds once: allow for it.
    """
    allowed = 3 * most if runtime.in_grader() else most
    clock, processor = time.monotonic(), time.process_time()
    yield
    used = time.monotonic() - clock
    if not runtime.in_grader():
        used = min(used, time.process_time() - processor)
    if used > allowed:
        raise Wrong(_with(f"at most {allowed:.3g} seconds are allowed; yours took {used:.3g}", hint))


def trained(train: Callable, examples, unseen, accuracy: float, hint: str = "", *, seed: int = 0) -> bool:
    """True where `train` learns from the labels that it is handed, and from nothing else; else raises Wrong.

    train     the student's: train(inputs, labels) returns predict, a function or a model; predict(inputs) returns
              classes (N,) or scores (N, K)
    examples  a split to train on: inputs (N, ...), labels (N,), int64; at least 2 classes
    unseen    a split to measure on
    accuracy  the share of `unseen` to be named rightly, 0 to 1

    Two trainings, both with `seed`. The second is the control: each label is replaced, at random, by one of the others.
    Who knows nothing but these labels then does worse than guessing; who looked at the answers, or trains on what
    another cell left behind, does better. The control fails 10 points above guessing. (Labels that are only shuffled
    agree with the classes by chance: with two classes that lie apart, an honest model then gets 0 to 100 %.)
    Source: a stricter form of the random labels of Zhang et al. 2017, arXiv 1611.03530, section 2.
    Raises ValueError where there are fewer than 2 classes to train on, or nothing to measure on.
    """
    if len(examples.labels.unique()) < 2 or not len(unseen.labels):
        raise ValueError("trained: pass examples of at least 2 classes, and unseen ones: is a mask or a slice empty?")
    predict = _train(train, examples.inputs, examples.labels, seed)
    found = _accuracy(predict, unseen, hint)
    guessing = float(unseen.labels.unique(return_counts=True)[1].max()) / len(unseen.labels)
    if found < accuracy:
        known = _accuracy(predict, examples, hint)
        look = ": it learned these by heart and no rule" if known >= accuracy else ": is it trained for long enough?"
        said = f"{accuracy:.1%} of {len(unseen.labels):,} new examples should be right; yours gets {found:.1%}"
        known = f"of the examples it was trained on it gets {known:.1%}{look}"
        raise Wrong(_with(f"{said}, guessing {guessing:.1%}; {known}", hint))
    control = _accuracy(_train(train, examples.inputs, _wrong_labels(examples.labels, seed), seed), unseen, hint)
    if control > guessing + 0.1:
        said = f"trained on wrong labels, yours gets {control:.1%} of the new examples right, guessing {guessing:.1%}"
        look = "learn from your function's arguments, from no variable of another cell, never from the test's labels"
        raise Wrong(_with(f"{said}. So it knows them from elsewhere: {look}", hint))
    return True


def numeric_gradient(function, *inputs: Tensor, step: float = 1e-5) -> tuple[Tensor, ...]:
    """The gradient of a one-number `function`, measured: (f(x + step) - f(x - step)) / (2 step) at each.

    inputs   tensors of any shape; they are not changed
    returns  one float64 tensor for each input, of its shape

    Slow and trustworthy: two calls for each number. The function is called with float64 tensors and must compute in
    float64: a constant of its own in float32 would hide the step in rounding.
    """
    points = [torch.as_tensor(x).detach().double().clone() for x in inputs]
    slopes = [torch.zeros_like(point) for point in points]
    with torch.no_grad():
        for point, slope in zip(points, slopes, strict=True):
            flat, flat_slope = point.view(-1), slope.view(-1)
            for i in range(len(flat)):
                middle = float(flat[i])
                flat[i] = middle + step
                above = _number(function(*(p.clone() for p in points)))
                flat[i] = middle - step
                below = _number(function(*(p.clone() for p in points)))
                flat[i] = middle
                flat_slope[i] = (above - below) / (2 * step)
    return tuple(slopes)


def gradient(function, *inputs: Tensor, found=None, hint: str = "", rtol: float = 1e-4, atol: float = 1e-6) -> bool:
    """True where a gradient of `function` at `inputs` agrees with the numeric one; else raises Wrong.

    function  takes the inputs, returns one number
    found     the gradient to check: one tensor for each input (a lone tensor for one input);
              None: what autograd finds
    """
    if found is None:
        leaves = [torch.as_tensor(x).detach().double().clone().requires_grad_() for x in inputs]
        try:
            value = function(*leaves)
        except RuntimeError as error:
            if "numpy()" not in str(error):
                raise
            said = "NumPy is used, which autograd cannot follow: take the functions of torch, such as torch.exp"
            raise Wrong(_with(said, hint)) from error
        if not isinstance(value, Tensor) or not value.requires_grad:
            raise Wrong(_with("no gradient comes through: cut by .item(), .detach() or NumPy?", hint))
        found = torch.autograd.grad(value, leaves, allow_unused=True)
        found = [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]
    elif len(inputs) == 1 and not isinstance(found, list | tuple):
        found = [found]
    elif isinstance(found, Tensor | np.ndarray) and found.ndim:
        found = list(found)  # stacked
    elif not isinstance(found, list | tuple):
        raise Wrong(_with(f"{len(inputs)} gradients should come; yours is a {type(found).__name__}", hint))
    if len(found) != len(inputs):
        raise Wrong(_with(f"{len(inputs)} gradients should come, one an input; yours are {len(found)}", hint))
    hint = hint or "Compared with the slope measured by a small step each way"
    for theirs, ours in zip(found, numeric_gradient(function, *inputs), strict=True):
        close(theirs, ours, hint, rtol, atol)
    return True


# What the receipt shows. Kept in this process only: nothing is sent anywhere.
_predictions: dict[str, tuple[str, float | None]] = {}
_outcomes: dict[str, float] = {}
_passed: list[str] = []
_measured: dict[str, dict] = {}


def predict(name: str, value: float | None, question: str) -> None:
    """Keep your guess until `outcome` tells; None: not guessed yet."""
    if value is not None and not _is_number(value):
        raise ValueError(f"predict: your guess is {value!r}: type a plain number, such as 12 or 0.5")
    _predictions[name] = (question, value)
    if value is None:
        print(f"{question} Type a number in place of None and run this cell again.")
    else:
        print(f"{question} You say {value:g}. The answer comes soon; your guess is kept for the receipt.")


def outcome(name: str, value: float) -> None:
    """Say what came of the prediction of that name."""
    value = float(value)
    _outcomes[name] = value
    guess = _predictions.get(name, ("", None))[1]
    said = f"you said {guess:g}" if guess is not None else "you made no guess"
    print(f"Outcome: {value:.4g}; {said}{_nearness(guess, value)}.")


def passed(name: str) -> bool:
    """Note for the receipt that the exercise of that name passed its tests; always True."""
    if name not in _passed:
        _passed.append(name)
    if runtime.in_notebook():  # the judge, which is no notebook, talks over its output: say nothing there
        print(f"✓ {name}: passed")
    return True


def wilson(right: int, of: int) -> tuple[float, float]:
    """Between which accuracies the true one lies, with 95 % confidence, where `right` of `of` were right.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212.
    """
    z, share = 1.959964, right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def measured(name: str, right: int, of: int, **told) -> bool:
    """Note what a hidden test has measured: `right` of `of`, with the interval of the share.

    `dlcourse grade` enters it in the record of the hand-in, `dlcourse leaderboard` ranks by it. Only what a test says
    counts: in a student's own code this does nothing.

    told  what else the leaderboard shows: plain values by name, such as alias="two at night"
    """
    if not 0 <= right <= of or not of:
        raise ValueError(f"measured: {right} of {of}: pass how many were right, and of how many")
    entry = {"right": int(right), "of": int(of), "interval": wilson(right, of), "told": told}
    _measured[name] = json.loads(json.dumps(entry))
    return True


def take_measured() -> dict:
    """What `measured` has noted since the last call."""
    taken = dict(_measured)
    _measured.clear()
    return taken


def receipt(*exercises: str, name: str | None = None) -> None:
    """Print the card at the end of a lab: exercises done, predictions beside outcomes, time used.

    exercises  the names of all exercises, to show which are open; none: only those done
    name       yours, as in the name cell: the card says so where it is still empty
    """
    names = list(exercises) or list(_passed)
    done = [one for one in names if one in _passed]
    lines = [f"Receipt: {runtime.session.assignment or 'no assignment started'}", ""]
    lines += [f"  {'✓' if one in _passed else '–'} {one}" for one in names]
    lines += ["", f"  {len(done)} of {len(names)} exercises done"] if names else ["  no exercise done yet"]
    for key, (question, guess) in _predictions.items():
        said = "no guess" if guess is None else f"{guess:g}"
        came = f"{_outcomes[key]:.4g}" if key in _outcomes else "not seen yet"
        lines.append(f"  {question} You: {said}. Outcome: {came}.")
    if runtime.session.assignment:
        cpu = time.process_time() - runtime.session.cpu_started
        minutes = (time.monotonic() - runtime.session.clock_started) / 60
        used = f"{_count(cpu, 'processor second')}, {_count(minutes, 'minute')}"
        lines.append(f"  {used} since the first cell")
    if name is not None:
        lines.append(f"  {name.strip()}" if name.strip() else "  No name yet: write yours in the cell `NAME = ...`.")
    width = max(len(line) for line in lines) + 2
    print("\n".join(["-" * width, *lines, "-" * width]))


_FITS = {"yes/no": {"yes/no"}, "whole numbers": {"whole numbers"}, "numbers": {"numbers", "whole numbers"}}


def _tensor(value, hint: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().to("cpu").to_dense() if value.is_sparse else value.detach().to("cpu")
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return torch.tensor(value)
    if isinstance(value, bool):
        return torch.tensor(value)
    if isinstance(value, numbers.Integral) and abs(value) < 2**62:
        return torch.tensor(int(value))
    if isinstance(value, numbers.Real):
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        parts = [_tensor(part, hint) for part in value]
        if len({part.shape for part in parts}) > 1:
            raise Wrong(_with("the parts of your list have different shapes", hint))
        kind = max((part.dtype for part in parts), key=_rank, default=torch.float64)
        return torch.stack([part.to(kind) for part in parts]) if parts else torch.zeros(0)
    if value is None:
        raise Wrong(_with("yours is None: did you forget to `return` the result?", hint))
    if callable(value):
        raise Wrong(_with("yours is a function, not its value: did you forget the brackets ()?", hint))
    raise Wrong(_with(f"numbers or a tensor should come; yours is a {type(value).__name__}", hint))


def _rank(dtype: torch.dtype) -> int:
    return 3 if dtype.is_complex else 2 if dtype.is_floating_point else 0 if dtype == torch.bool else 1


def _kind(x: Tensor) -> str:
    return ("yes/no", "whole numbers", "numbers", "numbers")[_rank(x.dtype)]


def _wide(x: Tensor) -> torch.dtype:
    return torch.complex128 if x.dtype.is_complex else torch.float64


def _shape(sizes: Sequence) -> str:
    inside = ", ".join(map(str, sizes)) + "," * (len(sizes) == 1)
    return f"({inside})" if sizes else "() (a single number)"


def _same_shape(theirs: Tensor, letters: tuple, ours: tuple, hint: str) -> bool:
    """`ours` are the sizes of `letters`, as far as they are known."""
    found = tuple(theirs.shape)
    if found == ours:
        return True
    awaited = _shape(ours) if ours == letters else f"{_shape(letters)}, here {_shape(ours)}"
    look = ""
    if len(found) == len(ours) and sorted(found) == sorted(ours):
        look = "; the sizes are there, in another order: transposed?"
    elif [n for n in found if n != 1] == [n for n in ours if n != 1]:
        more = len(found) > len(ours)
        look = "; there is an axis of size 1 too many: squeeze?" if more else "; an axis of size 1 is missing: keepdim?"
    raise Wrong(_with(f"the shape should be {awaited}; yours is {_shape(found)}{look}", hint))


def _named(value) -> str:
    return "None: did you forget to `return` it?" if value is None else f"a {type(value).__name__}"


def _difference(found: Tensor, wanted: Tensor, good: Tensor) -> str:
    if not found.dim():
        return f"it should be {_show(wanted)}; yours is {_show(found)}"
    gap = (found - wanted).abs().nan_to_num(math.inf).masked_fill(good, -1)
    where = np.unravel_index(int(gap.argmax()), found.shape)
    place = ", ".join(str(int(i)) for i in where)
    return (
        f"{int((~good).sum())} of {found.numel()} values differ, the most at [{place}]: "
        f"it should be {_show(wanted[where])}; yours is {_show(found[where])}"
    )


def _show(x: Tensor) -> str:
    return f"{x.item():.6g}"


def _with(what: str, hint: str) -> str:
    end = "" if what.endswith("?") else "."
    return f"{what}{end} {hint}".rstrip()


def _show_pictures(theirs: Tensor, ours: Tensor) -> None:
    from dlcourse import plotting

    both, gap = torch.stack([theirs, ours]), (theirs - ours).abs()
    low, high = both.min(), both.max()
    gap = gap.amax(0) if gap.dim() == 3 else gap  # over the colours: grey, so that a faint one is seen
    plotting.show_images([*((both - low) / (high - low)), gap / gap.max()], ["yours", "awaited", "difference"])


def _train(train: Callable, inputs, labels: Tensor, seed: int):
    runtime.seed_everything(seed)
    return train(inputs.clone() if isinstance(inputs, Tensor) else inputs, labels.clone())


@torch.no_grad()
def _accuracy(predict, split, hint: str) -> float:
    if not callable(predict):
        raise Wrong(_with(f"training should return a model or a function; yours returns {_named(predict)}", hint))
    if isinstance(predict, nn.Module):
        predict.eval()
    found = _tensor(predict(split.inputs), hint)
    if not found.isfinite().all():
        raise Wrong(_with("your scores are nan or infinite: is the learning rate too large?", hint))
    found = found.argmax(1) if found.dim() == 2 else found
    _same_shape(found, ("N",), tuple(split.labels.shape), hint)
    return float((found == split.labels.cpu()).double().mean())


def _wrong_labels(labels: Tensor, seed: int) -> Tensor:
    """For each label (N,) one of the other classes, by chance; in the order of the examples."""
    classes, index = labels.unique(return_inverse=True)
    random = torch.Generator().manual_seed(seed)
    shift = torch.randint(1, len(classes), labels.shape, generator=random).to(labels.device)
    return classes[(index + shift) % len(classes)]


def _number(value) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise Wrong(f"a gradient needs a function that gives one number; this one gives {_shape(value.shape)}.")
    if isinstance(value, Tensor) and value.dtype in (torch.float32, torch.float16, torch.bfloat16):
        raise Wrong(f"float64 went in, {value.dtype} came out: rounding hides the small step. Keep the dtype.")
    return float(value.detach() if isinstance(value, Tensor) else value)


def _count(number: float, what: str) -> str:
    return f"{number:.0f} {what}{'' if round(number) == 1 else 's'}"


def _is_number(value) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _nearness(guess: float | None, value: float) -> str:
    if guess is None:
        return ""
    if math.isclose(guess, value, rel_tol=0.1, abs_tol=1e-9):
        return ": well guessed"
    return f": {guess / value:.2g} times the outcome" if abs(value) > 1e-9 else f": {abs(guess):.3g} off"
