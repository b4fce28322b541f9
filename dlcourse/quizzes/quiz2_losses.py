"""Quiz 2: losses, steps, learning rates, momentum, and curves that tell over-fitting."""

import math
from dataclasses import replace
from itertools import pairwise

from dlcourse import quiz

TITLE = "Quiz 2: losses and training"

# ---- one number, five names


def risk(draw):
    train = [draw.integer(1, 30) / 10 for _ in range(4)]
    held = [draw.integer(10, 45) / 10 for _ in range(2)]
    mean = sum(train) / 4
    if abs(sum(held) / 2 - mean) < 0.3 or abs(max(train) - mean) < 0.3 or mean < 0.3:
        return risk(draw)
    name = draw.one_of(("empirical risk", "objective", "cost", "empirical loss"))
    others = ", ".join(f"*{one}*" for one in ("empirical risk", "objective", "cost", "empirical loss") if one != name)
    text = f"""A network was right about some examples and wrong about others. What each cost it, in nats:

| train 1 | train 2 | train 3 | train 4 | test 1 | test 2 |
|---|---|---|---|---|---|
| {" | ".join(f"{cost:.1f}" for cost in train + held)} |

What is the **{name}** that training makes small? Two decimals."""
    because = (
        f"The mean over the training examples: {sum(train):.1f} / 4 = {mean:.4g}. Papers and teachers call this same number "
        f"{name}, {others.replace('*', '')}; code calls it loss."
    )
    tempting = {
        sum(
            train
        ): "the sum. A mean does not grow with the number of examples, so that learning rates keep their meaning.",
        sum(train + held) / 6: "with the test examples. Training never sees them: that is what they are for.",
        sum(held)
        / 2: "the mean over the test examples: an estimate of the risk on new data. Empirical means: on the data at hand.",
        max(train): "the worst example. Some people minimise that, but all these names mean the mean.",
    }
    tempting = {wrong: why for wrong, why in tempting.items() if abs(wrong - mean) > 0.02}
    return quiz.number(text, mean, because, tempting, within=0.006, train=train, held=held)


# ---- which loss

LOSSES = {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "ce": "cross-entropy over a softmax",
    "bce": "binary cross-entropy, one sigmoid for each output",
}
TASKS = {
    "mse": (
        "Predict tomorrow's temperature. Errors are small and even, and a miss of 4 degrees is worse than two of 2.",
        "Predict how far a ball flies. The measurements scatter a little, and large misses are to be punished most.",
    ),
    "mae": (
        "Predict the minutes of a bus ride. Some logs are nonsense (900 minutes), and must not pull much.",
        "Predict prices from a form in which now and then somebody typed a zero too many. These must not pull much.",
    ),
    "ce": (
        "Say which **one** of ten digits a picture shows.",
        "Say in which **one** of 18 languages a name is written.",
        "Say which **one** of 26 letters was spoken.",
    ),
    "bce": (
        "Say of a photograph which of 40 things are in it: none, one, or many.",
        "Tag a song: sad, fast, sung, live. Any of the four may hold together.",
        "Mark an X-ray picture with all of the 14 findings that it shows.",
    ),
}


def which(draw):
    stories = [(key, draw.one_of(TASKS[key])) for key in draw.shuffled(list(LOSSES))]
    swaps = {
        (
            "ce",
            "bce",
        ): "A softmax shares one cake: if one class gets more, the others get less. That is right for one class "
        "of many, and wrong where several may hold at once: those need a sigmoid each.",
        (
            "mse",
            "mae",
        ): "A square makes a miss of 30 nine hundred times as bad as one of 1, so a few wild examples rule the "
        "fit. The absolute error counts it thirty times.",
        ("ce", "mse"): "Class numbers are names: digit 8 is not twice digit 4. Squares are for quantities.",
        ("bce", "mae"): "Yes or no is a probability, not a quantity with wild values.",
    }
    because = (
        "First ask what comes out. A quantity: squares, or absolute values where some examples are wild. One class of many: "
        "cross-entropy over a softmax. Several yes-or-no answers: binary cross-entropy, each with a sigmoid."
    )
    text = "Four tasks, four losses. Type the letter of the loss that fits task 1, then task 2, 3 and 4."
    return quiz.matching(draw, text, stories, LOSSES, because, swaps)


# ---- cross-entropy from a picture

ANIMALS = ("cat", "dog", "fox", "hen", "owl")


def cross_entropy(draw):
    truth = draw.integer(0, 4)
    while True:
        right = draw.one_of((5, 10, 15, 20, 25, 40, 60))
        cuts = sorted(draw.some_of(range(5, 100 - right, 5), 3))
        rest = draw.shuffled([b - a for a, b in pairwise([0, *cuts, 100 - right])])
        percent = [*rest[:truth], right, *rest[truth:]]
        answer = -math.log(right / 100)
        entropy = -sum(p / 100 * math.log(p / 100) for p in percent)
        if abs(entropy - answer) > 0.1 and max(percent) - sorted(percent)[-2] >= 5:
            break
    winner = max(percent)
    article = "an" if truth == 4 else "a"
    text = (
        f"The picture shows what a network says of a photograph. In truth it shows {article} **{ANIMALS[truth]}**. What is "
        "the **cross-entropy** of this one example, in nats? Two decimals."
    )
    because = (
        f"Only the probability of the right class counts: -ln {right / 100:g} = {answer:.4f}. A perfect 1 would cost 0; "
        f"five equal bars would cost ln 5 = 1.61, which is where a new network for 5 classes should begin."
    )
    tempting = {
        -math.log2(right / 100): "the logarithm to base 2, which gives bits. Nats take the natural one, as torch does.",
        -math.log10(right / 100): "the logarithm to base 10: on many calculators `log` means that one.",
        1
        - right
        / 100: "the missing share. Cross-entropy is minus its logarithm: sure and wrong must cost much more than 1.",
        math.log(right / 100): "the sign: the logarithm of a number below 1 is negative, and the loss is minus that.",
        entropy: "the entropy of all five bars: how unsure the network is. It does not look at the truth.",
    }
    if winner != right:
        tempting[-math.log(winner / 100)] = "the highest bar. The loss asks for the bar of the truth."
    tempting = {wrong: why for wrong, why in tempting.items() if abs(wrong - answer) > 0.02}
    return quiz.number(
        text, answer, because, tempting, within=0.006, picture=lambda: _draw_bars(percent), percent=percent, truth=truth
    )


def _draw_bars(percent):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 3.0))
    bars = axis.bar(ANIMALS, [p / 100 for p in percent], color=plotting.BLUE, width=0.6)
    axis.bar_label(bars, [f"{p / 100:.2f}" for p in percent], padding=3)
    axis.set(ylabel="probability", ylim=(0, max(percent) / 100 + 0.1))
    axis.grid(False, axis="x")
    return "Bars of probability: " + ", ".join(
        f"{animal} {p / 100:.2f}" for animal, p in zip(ANIMALS, percent, strict=True)
    )


# ---- how many steps


def steps(draw):
    batch, epochs = draw.one_of((16, 32, 50, 64, 100, 128)), draw.integer(3, 12)
    full, left = draw.integer(20, 90), draw.integer(1, batch - 1)
    examples = full * batch + left
    text = (
        f"You train on **{examples:,} examples** in batches of **{batch}** for **{epochs} epochs**. The last batch of an "
        "epoch is shorter, and is used as well. How often are the weights **updated**?"
    )
    because = (
        f"One update for each batch: {examples:,} / {batch} = {examples / batch:.2f}, so {full} full batches and one of "
        f"{left}, {full + 1} an epoch. {full + 1} x {epochs} = {(full + 1) * epochs:,}. (A gradient over a batch is an "
        "estimate, but it lets you take many steps for the price of one exact one.)"
    )
    tempting = {
        full * epochs: "without the short batch at the end of each epoch.",
        full + 1: "one epoch only.",
        examples * epochs: "one update for each example: that would be batches of 1.",
        epochs: "one update an epoch: that would be gradient descent on all examples at once.",
    }
    return quiz.whole(text, (full + 1) * epochs, because, tempting, examples=examples, batch=batch, epochs=epochs)


# ---- learning rates from curves

SPEEDS = ("tiny", "small", "good", "large")  # by rate, the smallest first


def rates(draw):
    """Real descents on a bowl that is `steep` one way and a twentieth of that the other."""
    steep = draw.integer(10, 40) / 10
    rate = {
        "tiny": draw.integer(4, 7) / 1000, "small": draw.integer(6, 9) / 100,
        "good": draw.integer(110, 150) / 100, "large": draw.integer(206, 209) / 100,
    }  # fmt: skip
    letters = dict(zip(SPEEDS, draw.shuffled(quiz.LETTERS[:4]), strict=True))
    curves = {letters[key]: [_bowl(rate[key], step) for step in range(41)] for key in SPEEDS}
    text = (
        "Four runs of gradient descent from the same start, with four learning rates. Type their letters, **from the "
        "smallest rate to the largest**."
    )
    because = (
        "Too small: the loss hardly moves. Larger: it falls, and faster. Too large: each step jumps over the valley and "
        f"lands higher on the other side, so the loss climbs. Here the rates were "
        f"{', '.join(f'{rate[key] / steep:.2g}' for key in SPEEDS)}. Best is mostly just below the largest that holds."
    )

    def order(*keys):
        return "".join(letters[key] for key in keys)

    tempting = {
        order("large", "good", "small", "tiny"): "that is from the largest to the smallest.",
        order(
            "large", "tiny", "small", "good"
        ): "sorted by the loss at the end. The run that climbs is not a very slow one: "
        "it moves, fast, the wrong way, since its steps are too long.",
        order(
            "tiny", "small", "large", "good"
        ): "the two largest are swapped. Past the best rate a larger one is worse, and soon much worse.",
    }
    options = {key: (letters[key], "") for key in SPEEDS}
    seen = sorted(letters.values())
    made = quiz.Question(
        text,
        "order",
        order(*SPEEDS),
        because,
        tempting,
        {"order": list(SPEEDS)},
        lambda: _draw_rates(curves, seen),
        options,
    )
    return quiz.sound(made)


def _bowl(rate, step):
    """The loss after `step` steps, as a share of that at the start; `rate` in units of 1 / steepness."""
    return 0.7 * (1 - rate) ** (2 * step) + 0.3 * (1 - rate / 20) ** (2 * step)


def _draw_rates(curves, letters):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(7.0, 4.0))
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PINK)
    for letter, colour, style in zip(letters, colours, ("-", "--", "-.", "-"), strict=True):
        losses = curves[letter]
        axis.plot(range(len(losses)), losses, style, color=colour)
        at = next((n for n, loss in enumerate(losses) if loss > 2.3), len(losses) - 1)
        axis.annotate(letter, (at, losses[at]), (8, -4), textcoords="offset points", color=colour, fontsize=14, weight="bold",
                      annotation_clip=False)  # fmt: skip
    axis.set(xlabel="step", ylabel="loss, as a share of the first", ylim=(-0.1, 2.4), xlim=(0, 42))
    ends = ", ".join(f"{letter} {'leaves the picture above' if curves[letter][-1] > 2.4 else f'ends at {curves[letter][-1]:.2f}'}"
                     for letter in letters)  # fmt: skip
    half = ", ".join(f"{letter} {curves[letter][10]:.2f}" for letter in letters)
    return f"Loss over 40 steps, beginning at 1: after 10 steps {half}; {ends}"


# ---- momentum by hand


def momentum(draw):
    rate, share = draw.one_of((0.1, 0.2, 0.5)), draw.one_of((0.5, 0.8, 0.9))
    slope, start = draw.one_of((-4, -3, -2, 2, 3, 4)), draw.integer(3, 9)
    speeds = [slope, slope * (1 + share), slope * (1 + share + share**2)]
    answer = start - rate * sum(speeds)
    text = f"""Gradient descent with **momentum**: keep a running sum *v* of the gradients *g*, and step along it.

```python
v = {share} * v + g
w = w - {rate} * v
```

At first *v* is 0 and *w* is **{start}**. The gradient is *g* = **{slope}** in each of the first three steps. Where is
*w* after **three steps**? Three decimals."""
    because = (
        f"v goes {speeds[0]:g}, {speeds[1]:g}, {speeds[2]:g}, together {sum(speeds):g}. Times the rate {rate}, taken off "
        f"{start}: {answer:g}. Where gradients agree, steps grow, here towards {1 / (1 - share):.2g} times the plain ones; "
        "where they point to and fro, they cancel in v."
    )
    tempting = {
        start - rate * 3 * slope: "three plain steps, without momentum.",
        start - rate * speeds[2]: "one step with the last v. Each of the three steps counts.",
        start
        - rate * sum((1 - share) * speed for speed in speeds): "a running mean, (1 - share) times g. Adam keeps one; "
        "here g comes in whole, as in torch's SGD.",
        start - rate * (speeds[0] + speeds[1]): "w moved before v: the new v is used in the same step.",
        start + rate * sum(speeds): "uphill: the step is taken off.",
    }
    return quiz.number(text, answer, because, tempting, within=0.0006, rate=rate, share=share, slope=slope, start=start)


# ---- early stopping from curves


def early(draw):
    patience, dip, best = draw.integer(3, 4), draw.integer(4, 6), draw.integer(10, 13)
    epochs = range(1, 21)
    noise = draw.noise(40)
    train = [0.15 + 1.5 * math.exp(-epoch / 5.5) + 0.003 * a for epoch, a in zip(epochs, noise[20:], strict=True)]
    valid = [0.62 + 0.045 * abs(epoch - best) ** 1.15 + 0.03 * a for epoch, a in zip(epochs, noise[:20], strict=True)]
    valid[best - 1] = 0.62
    height = valid[dip - 1]
    valid[dip - 1] = height - 0.1  # a dip that does not last
    valid[dip], valid[dip + 1] = height - 0.03, height - 0.06
    valid[dip + 2] = min(valid[dip + 2], valid[dip - 1] - 0.04)
    for epoch in range(dip + 4, best + 1):
        valid[epoch - 1] = min(valid[epoch - 1], valid[epoch - 2] - 0.015)
    asks_end = draw.one_of((False, True))
    asked = "After which epoch does training **stop**?" if asks_end else "Which epoch's **weights** are kept?"
    text = (
        f"This run went on for 20 epochs. Suppose you had trained it with **early stopping, patience {patience}**: training "
        f"stops once {patience} epochs in a row have brought no new best on the validation set, and the best weights are put "
        f"back. {asked}"
    )
    answer = best + patience if asks_end else best
    because = (
        f"The dip at epoch {dip} is beaten again three epochs later at the latest, before patience runs out. The lowest "
        f"validation loss is at epoch {best}; epochs {best + 1} to {best + patience} bring nothing better, so training stops "
        f"after epoch {best + patience}, and the weights of epoch {best} are put back."
    )
    other = best if asks_end else best + patience
    tempting = {
        other: "that is whose weights are kept; to know that it was the best takes some epochs more."
        if asks_end
        else "there it stops. What is kept are the weights of the best epoch, some epochs before.",
        dip: "the first dip, which does not last: patience is there to look beyond such dips.",
        dip + patience: "as if the dip had been the best. It is beaten before patience runs out.",
        20: "the training loss is lowest there. It always falls; that is learning by heart. Only validation can tell.",
    }
    later = min(valid[: best - 1] + valid[best:])
    if answer in tempting or later < valid[best - 1] + 0.02 or dip != valid.index(min(valid[: dip + 2])) + 1:
        return early(draw)
    return quiz.whole(text, answer, because, tempting, picture=lambda: _draw_early(train, valid), patience=patience,
                      valid=valid, asks_end=asks_end)  # fmt: skip


def _draw_early(train, valid):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(8.0, 4.0))
    epochs = range(1, len(train) + 1)
    axis.plot(epochs, train, "--", color=plotting.BLUE)
    axis.plot(epochs, valid, "o-", color=plotting.ORANGE, markersize=5)
    axis.annotate(
        "train", (20, train[-1]), (8, -4), textcoords="offset points", color=plotting.BLUE, annotation_clip=False
    )
    axis.annotate(
        "validation", (20, valid[-1]), (8, -4), textcoords="offset points", color=plotting.ORANGE, annotation_clip=False
    )
    axis.set(xlabel="epoch", ylabel="loss (nats)", xticks=list(epochs), ylim=(0, 1.5), xlim=(0.5, 20.5))
    return "The training loss falls all the time. Validation loss, epoch by epoch: " + ", ".join(
        f"{loss:.2f}" for loss in valid
    )


# ---- what is wrong here

CURES = {
    "over": ("augment the images, and add dropout and weight decay", "the cure for over-fitting, whose mark is a gap between the two curves."),
    "under": ("take a larger network, and train it longer", "the cure for under-fitting, whose mark is two high, flat curves close together."),
    "rate": ("take a smaller learning rate", "the cure for steps that are too long, whose mark are curves that jump up and down."),
    "leak": ("train on the validation images, too, and report their accuracy", "never: what was trained on says nothing about new images. The number would rise, the network would not be better."),
}  # fmt: skip
SEEN = {
    "over": "the training loss goes to 0, the validation loss turns and climbs: it learns its examples by heart",
    "under": "both losses stay high and close together: it has not even learned its examples",
    "rate": "both losses jump up and down and get nowhere: the steps are too long",
}


def cure(draw):
    ill = draw.one_of(list(SEEN))
    noise = draw.noise(60)
    train, valid = _ill(ill, noise)
    text = "A network for 10 kinds of clothes is in training. Here are its curves. **What do you try first?**"
    because = f"Here {SEEN[ill]}. So: {CURES[ill][0]}."
    made = quiz.choice(draw, text, ill, CURES, because, ill=ill)
    return replace(made, picture=lambda: _draw_ill(ill, train, valid))


def _ill(ill, noise):
    train, valid = [], []
    for n in range(30):
        a, b = noise[2 * n], noise[2 * n + 1]
        if ill == "over":
            train.append(2.2 * math.exp(-n / 5) + 0.03 + 0.01 * a)
            valid.append(1.5 * math.exp(-n / 3) + 0.75 + 0.03 * max(0, n - 7) + 0.03 * b)
        elif ill == "under":
            train.append(1.72 + 0.55 * math.exp(-n / 3) + 0.015 * a)
            valid.append(1.78 + 0.5 * math.exp(-n / 3) + 0.025 * b)
        else:
            train.append(1.7 + 0.6 * a)
            valid.append(1.75 + 0.6 * a + 0.15 * b)
    return train, valid


def _draw_ill(ill, train, valid):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 3.4))
    epochs = range(1, 31)
    axis.plot(epochs, train, "--", color=plotting.BLUE, label="train")
    axis.plot(epochs, valid, "-", color=plotting.ORANGE, label="validation")
    axis.axhline(math.log(10), color="black", linestyle=":", linewidth=1.2, label="guessing, ln 10")
    axis.set(xlabel="epoch", ylabel="loss (nats)", ylim=(0, 3))
    axis.figure.legend(loc="outside upper left", ncols=3)
    return f"Loss over 30 epochs: {SEEN[ill].split(':')[0]}"


QUESTIONS = (risk, which, cross_entropy, steps, rates, momentum, early, cure)
