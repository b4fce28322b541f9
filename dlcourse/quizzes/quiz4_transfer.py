"""Quiz 4: what to freeze, what learns, and the contract of a network that somebody else has trained."""

import math
from dataclasses import replace

from dlcourse import quiz

TITLE = "Quiz 4: transfer learning"

# ---- which way

WAYS = {
    "frozen": "freeze the body, train a new head on its features",
    "tune": "train a new head, then let all of it learn, the body at a small rate",
    "scratch": "start at random, train everything",
    "as_is": "train nothing: use the network with the head it has",
}
TASKS = {
    "frozen": (
        "12 photographs of each of 5 kinds of mushrooms; a body trained on ImageNet; no time to lose.",
        "20 photographs of each of 3 kinds of screws; a body trained on ImageNet; a laptop without a GPU.",
    ),
    "tune": (
        "3,000 photographs of each of 6 kinds of tiles, taken from above in odd light; a body trained on ImageNet; a GPU.",
        "2,000 satellite pictures of each of 10 kinds of land; a body trained on ImageNet; a GPU for the night.",
    ),
    "scratch": (
        "Two million radar echoes, one row of numbers each. Nobody has trained a network on anything like them.",
        "A million heartbeats, recorded with a new kind of sensor. No body that is trained takes such a signal.",
    ),
    "as_is": (
        "Sort holiday pictures into dogs, cats and cars. A network trained on ImageNet scores 1,000 kinds, these among them.",
        "Find the pictures that show a bicycle. A network trained on ImageNet scores 1,000 kinds, bicycles among them.",
    ),
}


def ways(draw):
    stories = [(key, draw.one_of(TASKS[key])) for key in draw.shuffled(list(WAYS))]
    because = (
        "Few labels: freeze, for a body of millions of weights would learn them by heart. Many labels and pictures unlike those "
        "of its training: fine-tune, with care. As many as you like and nothing to build on: from scratch. Its classes are "
        "yours: use it. And in doubt measure the cheapest first."
    )
    swaps = {
        ("frozen", "tune"): "few labels and many are swapped. A dozen images cannot steer millions of weights; thousands can.",
        ("tune", "scratch"): "odd pictures are still pictures: edges and textures carry over. Rows of a new sensor have no body to begin with.",
        ("frozen", "as_is"): "the head it has scores the classes of ImageNet. Where yours are among them, nothing needs training; where not, a new head.",
    }  # fmt: skip
    text = (
        "Four tasks, four ways. Type the letter of the way that you would try first for task 1, then task 2, 3 and 4."
    )
    return quiz.matching(draw, text, stories, WAYS, because, swaps)


# ---- how many numbers learn

BODIES = {  # features, parameters without the head
    "resnet18": (512, 11_176_512),
    "resnet50": (2048, 23_508_032),
    "densenet121": (1024, 6_953_856),
    "mobilenet_v2": (1280, 2_223_872),
}


def learns(draw):
    name = draw.one_of(list(BODIES))
    width, body = BODIES[name]
    classes = draw.integer(3, 40)
    answer = width * classes + classes
    text = f"""A body of torchvision, its weights as they come, gets a new head:

```python
body = torchvision.models.{name}(weights="DEFAULT")  # its last layer replaced by nn.Identity()
body.requires_grad_(False)                           # {body:,} parameters
head = nn.Linear({width}, {classes})
model = nn.Sequential(body, head)
```

**How many parameters** does an optimiser change that gets `model.parameters()`?"""
    because = (
        f"Those that ask for a gradient: the head's {width} x {classes} weights and {classes} biases, {answer:,} in all. The "
        f"{body:,} of the body get none, and the optimiser passes over them."
    )
    tempting = {
        width * classes: "without the biases, one for each class.",
        answer + body: "as if the body learned, too. `requires_grad_(False)` keeps its numbers where they are.",
        body: "the body alone: turned round. What asks for no gradient is not changed.",
        width * 1000 + 1000: "the old head for the 1,000 classes of ImageNet. That one is gone.",
        width + classes: "a layer has a weight for each *pair* of a feature and a class.",
    }
    return quiz.whole(text, answer, because, tempting, width=width, classes=classes, body=body)


# ---- the contract: numbers

IMAGENET = {"red": (0.485, 0.229), "green": (0.456, 0.224), "blue": (0.406, 0.225)}


def contract(draw):
    channel, byte = draw.one_of(list(IMAGENET)), draw.integer(0, 255)
    mean, std = IMAGENET[channel]
    answer = (byte / 255 - mean) / std
    if abs(answer) < 0.15 or byte < 8:
        return contract(draw)
    text = f"""The contract of most networks trained on ImageNet: pixels from 0 to 1, then, channel by channel,

| | red | green | blue |
|---|---|---|---|
| mean | 0.485 | 0.456 | 0.406 |
| standard deviation | 0.229 | 0.224 | 0.225 |

In a photograph a pixel has the byte **{byte}** in the **{channel}** channel. Which number should the network get? Two decimals."""
    because = f"{byte} / 255 = {byte / 255:.4f}, less the mean {mean} is {byte / 255 - mean:.4f}, and over {std} that is {answer:.4f}."
    tempting = {
        byte / 255: "the scale alone. What is left out raises no error; the network only sees worse.",
        (byte - mean) / std: "the byte as it is. Mean and deviation are those of pixels from 0 to 1.",
        byte / 255 - mean: "the mean is taken off, the deviation forgotten.",
        byte / 255 / std - mean: "divided first. The mean is taken off before.",
        (byte / 255 - mean) * std: "times the deviation: divide.",
        (mean - byte / 255) / std: "the sign: pixel less mean.",
    }
    for other, (m, s) in IMAGENET.items():
        if other != channel:
            tempting[(byte / 255 - m) / s] = f"the numbers of {other}."
    tempting = {wrong: why for wrong, why in tempting.items() if abs(wrong - answer) > 0.02}
    return quiz.number(text, answer, because, tempting, within=0.006, byte=byte, channel=channel, mean=mean, std=std)


# ---- the contract: what is cut away


def crop(draw):
    resize, keep = draw.one_of(((256, 224), (232, 224), (342, 299)))
    times = draw.integer(2, 4)
    short, long = resize * times, resize * times + 2 * draw.integer(60, 220)
    upright = draw.one_of((False, True))
    height, width = (long, short) if upright else (short, long)
    seen, lost = keep * times, height * width - (keep * times) ** 2
    text = (
        f"A photograph of **{height} x {width}** pixels (height, width) is prepared as its network wants it: the shorter side is "
        f"scaled to **{resize}**, then the middle **{keep} x {keep}** is cut out. Which part of the *photograph* does the network "
        "see: how many of its pixels high, and how many wide? Type the two numbers."
    )
    because = (
        f"The shorter side of {short} becomes {resize}: {times} pixels of the photograph for one. So {keep} of the scaled ones are "
        f"{keep} x {times} = {seen} of the photograph, in both directions. {lost:,} of {height * width:,} pixels are never seen, most "
        "of them at the ends of the longer side: what matters should not stand there."
    )
    tempting = {
        (keep, keep): "those of the scaled image. Each of them stands for several of the photograph.",
        (
            short,
            short,
        ): "the whole shorter side. A rim is cut off there, too, since the crop is smaller than the scaled side.",
        (height, width): "the whole photograph: that would need squashing it to a square.",
        (height * keep // resize, width * keep // resize): "the same share of both sides. The crop is a square.",
        (resize, resize): "what the shorter side is scaled to. Then comes the crop.",
    }
    tempting = {wrong: why for wrong, why in tempting.items() if wrong != (seen, seen)}
    return quiz.wholes(
        text, (seen, seen), because, tempting, picture=lambda: _draw_crop(height, width, resize, keep),
        height=height, width=width, resize=resize, keep=keep, times=times,
    )  # fmt: skip


def _draw_crop(height, width, resize, keep):
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(8.4, 3.4))
    scale = resize / min(height, width)
    unit = 2.4 / max(height, width)
    small = 1.6 / max(height * scale, width * scale)
    boxes = [(0.0, width * unit, height * unit, f"photograph\n{height} x {width}", "#DCE9F2"),
             (3.2, width * scale * small, height * scale * small, f"scaled\nshorter side {resize}", "#DCE9F2")]  # fmt: skip
    for left, wide, tall, name, colour in boxes:
        axis.add_patch(
            Rectangle((left, -tall / 2), wide, tall, facecolor=colour, edgecolor=plotting.BLUE, linewidth=1.5)
        )
        axis.text(left + wide / 2, -1.55, name, ha="center", va="center", fontsize=10)
    left, wide, tall = boxes[1][0], boxes[1][1], boxes[1][2]
    side = keep * small
    corner = (left + wide / 2 - side / 2, -side / 2)
    axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=plotting.ORANGE, linewidth=2.5, linestyle="--"))
    axis.add_patch(
        Rectangle((5.6, -side / 2), side, side, facecolor="#FBE3D3", edgecolor=plotting.ORANGE, linewidth=2.5)
    )
    axis.text(5.6 + side / 2, -1.55, f"what goes in\n{keep} x {keep}", ha="center", va="center", fontsize=10)
    for start in (2.6, 4.95):
        axis.annotate("", (start + 0.45, 0), (start, 0), arrowprops={"arrowstyle": "->", "lw": 1.6})
    axis.set(xlim=(-0.3, 7.4), ylim=(-1.9, 1.35))
    axis.set_aspect("equal")
    axis.axis("off")
    return f"A photograph of {height} by {width}, the same scaled so that its shorter side is {resize}, and the middle {keep} by {keep} of it"


# ---- what moves

MOVES = {
    "head": ("the weights of the new head", "the new head asks for gradients: it learns in any case."),
    "kernels": ("the kernels of the body's convolutions", "kernels move by gradients alone."),
    "gamma": ("the weight and bias (scale and shift) of the body's batch norm", "these two are parameters: they move by gradients alone."),
    "running": ("the running mean and variance of the body's batch norm", "no gradient moves these two, but every batch in training mode does; `eval()` stops that."),
    "rate": ("the learning rate", "SGD keeps its rate; only a schedule changes it."),
}  # fmt: skip
SETTINGS = {  # what the code says of the body: what moves
    "frozen": (("model.train()", "model.body.requires_grad_(False)", "model.body.eval()"), ("head",)),
    "drifts": (("model.body.requires_grad_(False)", "model.body.eval()", "model.train()"), ("head", "running")),
    "no_eval": (("model.train()", "model.body.requires_grad_(False)"), ("head", "running")),
    "eval_only": (("model.train()", "model.body.eval()"), ("head", "kernels", "gamma")),
    "thawed": (
        ("model.eval()", "model.requires_grad_(False)", "model.requires_grad_(True)"),
        ("head", "kernels", "gamma"),
    ),
}


def moves(draw):
    setting = draw.one_of(list(SETTINGS))
    lines, right = SETTINGS[setting]
    text = "\n".join(
        ["A trained body with batch norm, a new head. Then one step:", "", "```python",
         "model.head = nn.Linear(512, 8)", *lines,
         "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)",
         "F.cross_entropy(model(images), labels).backward()", "optimizer.step()", "```", "",
         "**What has changed** after the step? All that hold."]
    )  # fmt: skip
    because = (
        "Two switches, and the last word of each counts. `requires_grad` decides what gradients move: kernels, and batch norm's "
        "scale and shift. `train` and `eval` decide whether batch norm's running mean and variance follow the batches."
    )
    return quiz.choices(draw, text, right, MOVES, because, setting=setting)


# ---- whose curve is it

RUNS = {
    "scratch": "from scratch",
    "frozen": "frozen body, new head",
    "tuned": "fine-tuned",
    "none": "the old head, no labels",
}


def curves(draw):
    letters = dict(zip(RUNS, draw.shuffled(quiz.LETTERS[:4]), strict=True))
    counts = (1, 2, 5, 10, 20, 50, 100, 300)
    noise = draw.noise(3 * len(counts))
    level = draw.integer(50, 57) / 100
    cross = draw.integer(7, 16)  # images a class where fine-tuning overtakes

    def frozen(n):
        return 0.86 - 0.42 * n**-0.55

    def tuned(n):
        return frozen(n) + 0.045 * math.log(n / cross) / math.log(3) * (1.3 if n < cross else 0.75)

    def scratch(n):
        return 0.1 + 0.72 / (1 + (n / 90) ** -1.3)

    shapes = {"scratch": scratch, "frozen": frozen, "tuned": tuned}
    lines = {
        letters[key]: [shapes[key](n) + 0.006 * noise[len(counts) * at + i] for i, n in enumerate(counts)]
        for at, key in enumerate(shapes)
    }
    lines[letters["none"]] = [level] * len(counts)
    text = (
        "Four ways to read ten kinds of traffic signs, from 1 to 300 labelled images of each. The trained network came from "
        "another country, whose signs look alike in part. Type the letters in this order: **from scratch, frozen body with a "
        "new head, fine-tuned, the old head without any label of yours**."
    )
    because = (
        "No labels, no slope: the flat one. From scratch begins at guessing, 0.1, and needs a hundred images of each to get "
        f"going. Frozen and fine-tuned begin high; with few labels fine-tuning bends the body to accidents and lies lower, from about "
        f"{cross} images of each on it overtakes, because the body can adapt."
    )
    keys = ("scratch", "frozen", "tuned", "none")

    def order(*names):
        return "".join(letters[name] for name in names)

    tempting = {
        order("scratch", "tuned", "frozen", "none"): "frozen and fine-tuned are swapped. At one image of each the one that moves fewer weights is ahead; with many the one that may adapt.",
        order("none", "frozen", "tuned", "scratch"): "what starts at 0.1 and rises is learning from nothing. What needs no labels cannot rise with them.",
        order("frozen", "scratch", "tuned", "none"): "from scratch cannot know anything at one image of each: it begins at guessing.",
    }  # fmt: skip
    options = {key: (letters[key], "") for key in keys}
    made = quiz.Question(
        text, "order", order(*keys), because, tempting, {"order": list(keys), "lines": lines},
        lambda: _draw_curves(counts, lines), options,
    )  # fmt: skip
    return quiz.sound(made)


def _draw_curves(counts, lines):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(7.4, 4.2))
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PINK)
    for letter, colour, style in zip(sorted(lines), colours, ("-", "--", "-.", "-"), strict=True):
        values = lines[letter]
        axis.plot(counts, values, style, color=colour, marker="o", markersize=4)
        axis.annotate(letter, (counts[0], values[0]), (-16, -4), textcoords="offset points", color=colour, fontsize=14,
                      weight="bold", annotation_clip=False)  # fmt: skip
    axis.axhline(0.1, color="black", linestyle=":", linewidth=1.2)
    axis.text(300, 0.115, "guessing", ha="right", fontsize=9)
    axis.set(
        xscale="log",
        xlabel="labelled images of each kind",
        ylabel="accuracy on new images",
        ylim=(0, 1),
        xlim=(0.72, 340),
    )
    axis.set_xticks(counts, counts)
    axis.minorticks_off()
    return "Accuracy over 1 to 300 images of each kind: " + "; ".join(
        f"{letter} " + ", ".join(f"{value:.2f}" for value in lines[letter]) for letter in sorted(lines)
    )


# ---- the symptom

FAULTS = {
    "early": (
        ("optimizer = torch.optim.Adam(model.parameters(), lr=0.001)", "model.body.requires_grad_(False).eval()", "model.head = nn.Linear(512, 8)"),
        "The loss stays where it began, at about ln 8 = 2.1: nothing learns.",
        "the optimiser was made before the new head and still holds the old one's weights. Make it last.",
    ),
    "drift": (
        ("model.head = nn.Linear(512, 8)", "model.body.requires_grad_(False)", "optimizer = torch.optim.Adam(model.head.parameters(), lr=0.001)"),
        "No weight of the body moves, and yet its features change from step to step.",
        "nobody said `model.body.eval()`: batch norm's running mean and variance follow every batch in training mode.",
    ),
    "fast": (
        ("model.head = nn.Linear(512, 8)", "model.requires_grad_(True)", "optimizer = torch.optim.Adam(model.parameters(), lr=0.1)"),
        "Within a few steps the network is worse than its own head on frozen features, and its old classes are gone, too.",
        "a rate of 0.1 for a trained body: it unlearns. Give the body a hundredth of it or less, and train the head first.",
    ),
    "asleep": (
        ("model.requires_grad_(False)", "model.body.eval()", "optimizer = torch.optim.Adam(model.head.parameters(), lr=0.001)"),
        "`loss.backward()` stops with an error: nothing requires a gradient.",
        "the head is frozen along with the body, and no new one took its place: the loss leads to nothing that asks.",
    ),
}  # fmt: skip


def symptom(draw):
    fault = draw.one_of(list(FAULTS))
    lines, _, why = FAULTS[fault]
    text = "\n".join(
        ["A network with a trained body (it has batch norm) and a head, both in training mode. Somebody wants to transfer it to 8 new classes:", "",
         "```python", *lines, "for images, labels in batches:", "    loss = F.cross_entropy(model(images), labels)",
         "    optimizer.zero_grad()", "    loss.backward()", "    optimizer.step()", "```", "",
         "**What will they see?**"]
    )  # fmt: skip
    options = {key: (seen, f"that is seen where {cause}") for key, (_, seen, cause) in FAULTS.items()}
    made = quiz.choice(draw, text, fault, options, f"Here {why}", fault=fault)
    return replace(made)


QUESTIONS = (ways, learns, contract, crop, moves, curves, symptom)
