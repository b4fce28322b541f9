"""Quiz 1: what deep learning is and when to use it; shapes; counting parameters."""

import math
from dataclasses import replace
from itertools import pairwise

from dlcourse import quiz

TITLE = "Quiz 1: what it is, and how large"

# ---- three words, one inside the other

RINGS = {
    "ai": "artificial intelligence, but not machine learning",
    "ml": "machine learning, but not deep learning",
    "dl": "deep learning",
}
SYSTEMS = {  # ring -> systems that belong there
    "dl": (
        "a network of 50 layers that finds tumours in X-ray pictures, trained on 100,000 of them",
        "a network of 24 layers that writes down speech, trained on recordings and their texts",
        "a network of 12 layers that translates Finnish into Greek, trained on pairs of sentences",
    ),
    "ml": (
        "a straight line that prices flats by their size, fitted to 2,000 sales",
        "a decision tree that finds spam by the words in a mail, grown from 10,000 labelled mails",
        "a shop that guesses what you like from the five customers most similar to you",
    ),
    "ai": (
        "a chess program that searches eight moves ahead and weighs positions by a formula of its author",
        "a route planner that searches the street map for the fastest way",
        "a medical adviser made of 600 if-then rules that doctors dictated",
    ),
    "none": (
        "a spreadsheet that adds up a column of prices",
        "a program that sorts ten million addresses by street",
        "a clock that rings at seven",
    ),
}
PLACES = {
    "ai": "it acts cleverly, but by rules and searches that people wrote: it learns nothing from examples. Outermost ring only.",
    "ml": "it learns from examples, but no layers build features out of features. Middle ring.",
    "dl": "many layers, trained on examples: the innermost ring, and so it is machine learning and AI as well.",
    "none": "a plain calculation that nobody calls intelligent: outside all three rings.",
}


def nested(draw):
    ring = draw.one_of(list(RINGS))
    options = {key: (draw.one_of(systems), PLACES[key]) for key, systems in SYSTEMS.items()}
    text = f"Which of these belongs in the orange part: {RINGS[ring]}?"
    because = (
        "AI is any program that acts as if it thought. Machine learning is the part of it that learns from examples, "
        "deep learning the part of that in which many layers do so."
    )
    return quiz.choice(draw, text, ring, options, because, picture=lambda: _draw_rings(ring), ring=ring)


def _draw_rings(shaded):
    from matplotlib import pyplot as plt
    from matplotlib.patches import Ellipse

    _, axis = plt.subplots(figsize=(6.4, 3.2))
    rings = {"ai": (6.0, 3.0), "ml": (4.4, 2.06), "dl": (2.6, 1.0)}
    for name, (wide, tall) in rings.items():
        face = "#F0A878" if name == shaded else "white"  # light enough to write on
        place = (0, (tall - 3.0) / 2 + 0.12 * (name != "ai") + 0.1 * (name == "dl"))
        axis.add_patch(Ellipse(place, wide, tall, facecolor=face, edgecolor="black", linewidth=1.5))
    for text, height in (("artificial intelligence", 1.02), ("machine learning", 0.2), ("deep learning", -0.78)):
        axis.text(0, height, text, ha="center", va="center", fontsize=12)
    axis.set(xlim=(-3.2, 3.2), ylim=(-1.6, 1.6))
    axis.axis("off")
    return f"Three rings, deep learning inside machine learning inside artificial intelligence; orange: {RINGS[shaded]}"


# ---- kinds of learning

KINDS = {
    "supervised": "supervised learning",
    "unsupervised": "unsupervised learning",
    "self": "self-supervised learning",
    "reward": "reinforcement learning",
}
STORIES = {
    "supervised": (
        "10,000 photographs of leaves, each with the name of its tree. Name the tree of a new leaf.",
        "Flats, each with the price at which it was sold. Price a new flat.",
        "X-ray pictures, each marked ill or well by a doctor. Mark a new one.",
    ),
    "unsupervised": (
        "What each of 5,000 customers bought, and nothing else. Find groups of customers that buy alike.",
        "Two thousand articles without any topics. Put alike ones onto one pile.",
        "A thousand recordings of birds, nobody knows of which. How many kinds of song are there?",
    ),
    "self": (
        "A shelf of novels. Hide a word of each sentence, and guess it from the others.",
        "Photographs that you turned by a random quarter. Tell by how much each was turned.",
        "A year of radio. Predict the next tenth of a second from the seconds before.",
    ),
    "reward": (
        "A robot arm tries this and that, and gets a point whenever the cup stands upright.",
        "A program plays Pong against itself and hears after each game who has won.",
        "A lift control tries out schedules; the longer people wait, the fewer points it gets.",
    ),
}


def learning(draw):
    stories = [(key, draw.one_of(STORIES[key])) for key in draw.shuffled(list(KINDS))]
    swaps = {
        (
            "self",
            "unsupervised",
        ): "Nobody labelled either of the two. But the self-supervised one has a right answer for "
        "each example, cut out of the data itself; the unsupervised one has none at all.",
        ("self", "supervised"): "Both compare with a right answer. In supervised learning a person supplied it, in "
        "self-supervised learning it was cut out of the data and cost nothing.",
        (
            "supervised",
            "reward",
        ): "A reward says how good an action was, never which one would have been right. That is "
        "less than a label tells.",
    }
    because = (
        "Ask where the right answer comes from. From people: supervised. From the data itself: self-supervised. From "
        "nowhere, only likeness counts: unsupervised. In place of an answer a reward for what was done: reinforcement."
    )
    text = "Four stories, four kinds of learning. Type the letter of story 1, then of story 2, 3 and 4."
    return quiz.matching(draw, text, stories, KINDS, because, swaps)


# ---- when to use it

FOR = {
    "pictures": ("The inputs are two million photographs.", "raw, without columns, and plenty: what layers are good at."),
    "sound": ("The inputs are recordings of engines.", "raw sound has no columns to put into a formula: let layers find the features."),
    "tangled": ("The rule from input to answer has a thousand exceptions.", "a complex task: nobody could write it down, a deep network may learn it."),
    "means": ("Simpler models were tried and fell short, and there are a graphics card and a month of time.", "deep learning costs time and power: here there is enough of both, and a reason to spend them."),
}  # fmt: skip
AGAINST = {
    "table": ("There are 300 rows of eight tidy numbers, and no more.", "few and tidy examples: a linear model or a tree is as good, and done in a second."),
    "law": ("By law each decision must be explained to the person concerned.", "what a deep network computes inside mostly has no meaning that can be told. Where reasons are owed, take a model that has them."),
    "formula": ("The answer follows from a formula in the manual.", "where the rule is known, write it down: it is exact, and needs no examples."),
    "tonight": ("It has to be ready tonight, on an old laptop.", "training costs time and power; here there is neither."),
}  # fmt: skip


def when(draw):
    count = draw.integer(2, 3)
    speaking = draw.some_of(list(FOR), count)
    facts = {key: FOR[key] for key in speaking} | {key: AGAINST[key] for key in draw.some_of(list(AGAINST), 5 - count)}
    text = "Five projects; of each you know one fact. In which of them does that fact speak **for** deep learning? Type all their letters."
    because = (
        "Deep learning pays where the task is complex, the data are raw and plenty, nobody has to be told the reasons, "
        "and there are time and power to train."
    )
    return quiz.choices(draw, text, speaking, facts, because, speaking=speaking)


# ---- why deep: classes that are mixed up

CLOUDS = {
    "clumps": ("", ""),
    "cross": ("", "each class lies on two opposite corners. Whichever way you lay a line, it cuts through both."),
    "rings": ("", "one class goes all round the other: a line always has the outer one on both sides."),
    "moons": ("", "the two arms reach into each other. A line gets most points right, but not all."),
}


def deep(draw):
    turn, kinds = draw.integer(0, 11) * math.pi / 6, list(CLOUDS)
    noise = {kind: draw.noise(160) for kind in kinds}
    text = (
        "A network without a hidden layer cuts the plane in two with a single straight line. In which picture can it get "
        "**every** point right?"
    )
    because = (
        "Only there does one line part the two classes. In the others they are mixed up more, and it takes more stages to "
        "sort them out: each hidden layer bends the plane, until a line is enough. That is what depth is for."
    )
    made = quiz.choice(draw, text, "clumps", CLOUDS, because, turn=turn)
    order = sorted(kinds, key=lambda kind: made.options[kind][0])
    return replace(made, picture=lambda: _draw_clouds(order, turn, noise))


def _cloud(kind, turn, noise):
    """Two lists of points, one for each class."""
    classes = ([], [])
    for n in range(80):
        a, b, side = noise[2 * n], noise[2 * n + 1], n % 2
        if kind == "clumps":
            x, y = (0.62 if side else -0.62) + 0.36 * a, 0.9 * b
        elif kind == "cross":
            corner = 1 if n % 4 < 2 else -1
            x, y = 0.55 * corner + 0.4 * a, 0.55 * corner * (1 if side else -1) + 0.4 * b
        elif kind == "rings":
            angle, far = math.pi * a, (0.92 if side else 0.35) + 0.14 * b
            x, y = far * math.cos(angle), far * math.sin(angle)
        else:
            angle = math.pi * (a + 1) / 2
            x, y = 0.72 * math.cos(angle) - 0.36, 0.72 * math.sin(angle) - 0.2
            x, y = (x, y) if side else (-x, -y)
            x, y = x + 0.08 * b, y + 0.08 * noise[n]
        rotate = turn if kind in ("clumps", "moons") else turn / 12
        classes[side].append((x * math.cos(rotate) - y * math.sin(rotate), x * math.sin(rotate) + y * math.cos(rotate)))
    return classes


def _draw_clouds(order, turn, noise):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axes = plt.subplots(1, 4, figsize=(9.6, 2.7))
    for axis, kind, letter in zip(axes, order, quiz.LETTERS, strict=False):
        for points, colour, mark in zip(
            _cloud(kind, turn, noise[kind]), (plotting.BLUE, plotting.ORANGE), "ox", strict=True
        ):
            axis.plot(*zip(*points, strict=True), mark, color=colour, markersize=4.5)
        axis.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), xticks=[], yticks=[], title=letter)
        axis.set_aspect("equal")
    seen = {"clumps": "two clumps side by side", "cross": "four corners, opposite ones alike", "rings": "a ring around a clump",
            "moons": "two hooked arms"}  # fmt: skip
    return "Dots and crosses: " + "; ".join(
        f"{letter}, {seen[kind]}" for letter, kind in zip(quiz.LETTERS, order, strict=False)
    )


# ---- shapes


def shape(draw):
    batch, channels, outputs = draw.one_of((16, 32, 64, 128)), draw.one_of((1, 3)), draw.integer(5, 24)
    height, width = draw.some_of((8, 12, 20, 24, 28, 32), 2)
    pixels = channels * height * width
    if outputs == batch:
        return shape(draw)
    text = f"""What does the last line print?

```python
x = torch.zeros({batch}, {channels}, {height}, {width})     # a batch of images: (B, C, H, W)
layer = nn.Linear({pixels}, {outputs})
y = layer(x.flatten(1))
print(tuple(y.shape))
```"""
    because = (
        f"flatten(1) keeps the first axis and makes one of the others: ({batch}, {pixels}). The layer takes each row of "
        f"{pixels} numbers to {outputs}. The batch stays what it was: {batch} images in, {batch} rows out."
    )
    tempting = {
        (outputs, batch): "the order of the weight, which PyTorch keeps as (out, in). Examples always come first.",
        (batch, pixels): "the shape before the layer.",
        (outputs, pixels): "the shape of layer.weight, not of what comes out.",
        (1, outputs): "one image. A layer treats all rows of the batch alike, and keeps them apart.",
    }
    return quiz.wholes(text, (batch, outputs), because, tempting, batch=batch, outputs=outputs)


# ---- counting parameters


def params(draw):
    side = draw.integer(6, 28)
    inputs, classes = side * side, draw.integer(3, 26)
    first, second = draw.integer(6, 30), draw.integer(6, 30)
    sizes = (inputs, first, second, classes)
    weights = inputs * first + first * second + second * classes
    biases = first + second + classes
    text = (
        f"A picture of {side} by {side} grey pixels goes through two hidden layers of {first} and {second} units to "
        f"{classes} scores. Every layer is fully connected and has biases. **How many parameters** does the network have? "
        "(As many as its gradient has numbers.)"
    )
    because = (
        f"A layer has a weight for each pair (input, output) and a bias for each output, so (inputs + 1) times outputs: "
        f"({inputs} + 1) x {first} + ({first} + 1) x {second} + ({second} + 1) x {classes} = {weights + biases:,}. "
        "The gradient has one entry for each. (With 28 by 28 pixels, 16, 16 and 10 it would be 13,002.)"
    )
    tempting = {
        weights: "the weights alone. Each unit has a bias, too.",
        weights + 3: "one bias a layer. Each unit of a layer has its own.",
        weights + biases + inputs: "with biases for the pixels. They are given, nothing is added to them.",
        sum(sizes): "the units, pixels included. The parameters sit on the lines between them.",
        weights + first + second: "no biases at the scores. The last layer is a layer like the others.",
    }
    return quiz.whole(text, weights + biases, because, tempting, picture=lambda: _draw_network(sizes), sizes=sizes)


def _draw_network(sizes):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 3.4))
    columns = []
    for size in sizes:
        shown = 3 if size > 7 else size
        ends = [2.6 - 0.62 * n for n in range(shown)]
        columns.append(
            ends + [-end for end in reversed(ends)]
            if size > 7
            else [(shown - 1) * 0.42 - 0.84 * n for n in range(shown)]
        )
    for at, (left, right) in enumerate(pairwise(columns)):
        for a in left:
            for b in right:
                axis.plot([2 * at, 2 * at + 2], [a, b], "-", color=plotting.GREY, linewidth=0.5, alpha=0.6)
    for at, (column, size) in enumerate(zip(columns, sizes, strict=True)):
        colour = plotting.GREY if at == 0 else plotting.GREEN if at == len(sizes) - 1 else plotting.BLUE
        axis.plot([2 * at] * len(column), column, "o", color=colour, markersize=11)
        if size > 7:
            axis.text(2 * at, 0, "⋮", ha="center", va="center", fontsize=20)
        name = "pixels" if at == 0 else "scores" if at == len(sizes) - 1 else "units"
        axis.text(2 * at, -3.5, f"{size} {name}", ha="center", va="center", fontsize=12)
    axis.set(xlim=(-0.8, 6.8), ylim=(-3.9, 3.1))
    axis.axis("off")
    return f"A network of fully connected layers: {sizes[0]} pixels, {sizes[1]} and {sizes[2]} units, {sizes[3]} scores"


def budget(draw):
    inputs, classes, hidden = draw.integer(12, 90), draw.integer(2, 20), draw.integer(15, 60)
    each = inputs + 1 + classes
    budget = hidden * each + classes + draw.integer(each * 5 // 9, each - 1)
    answer = (budget - classes) // each
    text = (
        f"A watch has room for **{budget:,} parameters**. Your network has {inputs} inputs, one hidden layer and {classes} "
        "scores, all fully connected with biases. **How many hidden units** can it have at most?"
    )
    used = answer * each + classes
    because = (
        f"A hidden unit costs {inputs} weights in, 1 bias and {classes} weights out, together {each}. The biases of the "
        f"scores, {classes}, are there anyway. ({budget:,} - {classes}) / {each} is {(budget - classes) / each:.2f}: "
        f"{answer} units fit ({used:,} parameters), one more does not."
    )
    tempting = {
        answer + 1: "rounded up: that unit no longer fits.",
        budget // inputs: "only the weights into the hidden layer. Those out of it, and the biases, need room as well.",
        budget // (inputs * classes): "as if every input had its own line to every score through each unit. A unit has "
        "inputs plus scores lines, not times.",
    }
    tempting = {wrong: why for wrong, why in tempting.items() if wrong != answer}
    return quiz.whole(text, answer, because, tempting, budget=budget, inputs=inputs, classes=classes)


QUESTIONS = (nested, learning, when, deep, shape, params, budget)
