"""Quiz 5: memory step by step, what fades on the way back, and how language models are measured and made to speak."""

import math

from dlcourse import quiz

TITLE = "Quiz 5: sequences"

# ---- a memory of one number


def step(draw):
    xs = [draw.integer(1, 5) for _ in range(3)]
    w_x, w_h, b = draw.one_of((1, 2, 3)), draw.one_of((0.2, 0.4, 0.5, 0.8)), draw.one_of((-2, -1, 1, 2))
    states = _states(xs, w_x, w_h, b)
    if min(states) <= 0 or len(set(xs)) < 3:
        return step(draw)
    text = f"""A recurrent network with one unit reads the three numbers **{xs[0]}, {xs[1]}, {xs[2]}**:

$$h_t = \\max(0,\\; {w_x}\\,x_t + {w_h}\\,h_{{t-1}} {"+" if b > 0 else "-"} {abs(b)}) \\qquad h_0 = 0$$

What is its state **after the third number**? Two decimals."""
    sign = f"{'+' if b > 0 else '-'} {abs(b)}"
    because = (
        f"Each state goes into the next: {states[0]:g}, then {w_x} x {xs[1]} + {w_h} x {states[0]:g} {sign} = {states[1]:g}, "
        f"then {w_x} x {xs[2]} + {w_h} x {states[1]:g} {sign} = {states[2]:g}."
    )
    tempting = {
        max(0, w_x * xs[2] + b): "the third number alone: the memory was left out.",
        states[1]: "the state after the second number.",
        _states(xs, w_x, w_h, 0)[2]: "without the bias.",
        _states(xs[::-1], w_x, w_h, b)[2]: "read backwards.",
        sum(max(0, w_x * x + b) for x in xs): "a sum of three layers. The memory is multiplied by its weight at each step, so that old things fade.",
    }  # fmt: skip
    return quiz.number(
        text, states[2], because, _apart(tempting, states[2], 0.02), within=0.006, xs=xs, w_x=w_x, w_h=w_h, b=b
    )


def _states(xs, w_x, w_h, b):
    h, states = 0.0, []
    for x in xs:
        h = max(0.0, w_x * x + w_h * h + b)
        states.append(round(h, 10))
    return states


def _apart(tempting, answer, far):
    return {wrong: why for wrong, why in tempting.items() if abs(wrong - answer) > far}


# ---- one to many, many to one

SHAPES = {
    "one_one": "one to one",
    "one_many": "one to many",
    "many_one": "many to one",
    "in_step": "many to many, an output for each input, at once",
    "in_turn": "many to many, first read all, then write",
}
TASKS = {
    "one_one": (
        "A photograph of a leaf comes in: which of twenty trees is it?",
        "A table row with ten measurements of a patient: ill or not?",
    ),
    "one_many": (
        "A photograph comes in, a sentence that describes it goes out.",
        "One of ten composers is chosen, a melody in that manner goes out.",
    ),
    "many_one": (
        "Did the reviewer like the book? The review comes in word by word.",
        "A recording comes in: which of ten words was spoken?",
        "A name comes in letter by letter: from which language is it?",
    ),
    "in_step": (
        "For each word of a sentence: is it a noun, a verb, or something else?",
        "For each second of a night's heartbeat: awake or asleep?",
        "After each letter of a text: what is the next one?",
    ),
    "in_turn": (
        "A sentence comes in German, and goes out in English.",
        "A date comes in as people write it, and goes out as 2027-06-14.",
        "A long article comes in, a summary of three sentences goes out.",
    ),
}


def jobs(draw):
    kinds = draw.some_of(list(SHAPES), 4)
    if not {"in_step", "in_turn"} & set(kinds) or not {"many_one", "one_many"} <= set(kinds):
        return jobs(draw)
    stories = [(kind, draw.one_of(TASKS[kind])) for kind in kinds]
    swaps = {
        ("in_step", "in_turn"): "In step, the first answer is given after the first input. A translation cannot begin before the "
        "sentence has been read, and need not be as long.",
        ("many_one", "one_many"): "Read it from left to right: what comes in, to what goes out. A review is many words, the verdict one.",
        ("one_one", "many_one"): "Many means: step by step, in an order that counts. A photograph is one input, however many pixels it has.",
        ("in_step", "many_one"): "One answer for the whole, or one for each step?",
        ("in_turn", "many_one"): "A text goes out, word by word: that is many.",
        ("one_many", "in_turn"): "One photograph comes in at once; an article comes in word by word.",
    }  # fmt: skip
    because = (
        "Ask twice: does it come in at once or step by step? Does it go out at once or step by step? Where both are many, ask "
        "whether the first answer can be given after the first input."
    )
    text = "Four tasks, and the shapes that a recurrent network can have. Type the letter of the shape of task 1, then task 2, 3 and 4."
    return quiz.matching(draw, text, stories, SHAPES, because, swaps)


# ---- counting weights

BLOCKS = {"RNN": 1, "GRU": 3, "LSTM": 4}


def params(draw):
    kind, size, width = (
        draw.one_of(list(BLOCKS)[1:]),
        draw.one_of((8, 10, 16, 20, 32, 40)),
        draw.one_of((24, 30, 48, 50, 64)),
    )
    both = draw.one_of((False, True))
    blocks, ways = BLOCKS[kind], 1 + both
    answer = ways * blocks * (size * width + width * width + 2 * width)
    reads = "that reads **both ways** (bidirectional)" if both else "that reads from left to right"
    text = (
        f"One layer of **{kind}** {reads}, inputs of **{size}** numbers, **{width}** units{' each way' if both else ''}. "
        "As in PyTorch each of its gates and its candidate has one bias for what comes in and one for the state. How many "
        "**parameters** has it?"
    )
    because = (
        f"One block is {size} x {width} weights for what comes in, {width} x {width} for the state, and two biases of {width}: "
        f"{size * width + width**2 + 2 * width:,}. {'A GRU has 3 blocks (r, z and the candidate n)' if kind == 'GRU' else 'An LSTM has 4 blocks (i, f, o and the candidate g)'}"
        f"{', and one set for each way' if both else ''}: {answer:,}. How long the texts are does not count."
    )
    tempting = {
        ways * (size * width + width * width + 2 * width): "one block only, as in a plain RNN.",
        ways * blocks * (size * width + width * width + width): "one bias a block.",
        ways * (7 - blocks) * (size * width + width * width + 2 * width): f"as many blocks as {'an LSTM' if kind == 'GRU' else 'a GRU'} has.",
        ways * blocks * size * width: "only the weights of what comes in. The memory has weights as well.",
        (3 - ways) * blocks * (size * width + width * width + 2 * width): "one way only." if both else "twice as many: that would be bidirectional.",
    }  # fmt: skip
    return quiz.whole(text, answer, because, tempting, kind=kind, size=size, width=width, both=both)


# ---- what arrives

MEMORIES = ("explodes", "open", "rnn", "half")  # by what arrives from far away, the most first


def lag(draw):
    rate = {
        "explodes": draw.integer(112, 122) / 100, "open": draw.integer(97, 99) / 100,
        "rnn": draw.integer(76, 82) / 100, "half": draw.integer(48, 54) / 100,
    }  # fmt: skip
    letters = dict(zip(MEMORIES, draw.shuffled(quiz.LETTERS[:4]), strict=True))
    order = draw.shuffled(MEMORIES)
    said = {
        "explodes": f"a plain RNN whose steps stretch the gradient by {rate['explodes']:.2f}",
        "open": f"an LSTM whose forget gates stand at {rate['open']:.2f}",
        "rnn": f"a plain RNN whose steps shrink the gradient to {rate['rnn']:.2f}",
        "half": f"an LSTM fresh from the factory, forget gates at {rate['half']:.2f}",
    }
    listed = "\n".join(f"{n}. {said[key]}" for n, key in enumerate(order, 1))
    text = f"""Four memories, and how long the gradient still is after so many steps back in time (along *c* for the LSTMs).
Type the letter of the curve of memory 1, then 2, 3 and 4.

{listed}"""
    because = (
        f"A factor at each step makes a straight line on a logarithmic axis. After 30 steps {rate['half']:.2f} leaves "
        f"{rate['half'] ** 30:.0e}, {rate['rnn']:.2f} leaves {rate['rnn'] ** 30:.0e}, {rate['open']:.2f} leaves {rate['open'] ** 30:.1f}, "
        f"and {rate['explodes']:.2f} makes {rate['explodes'] ** 30:.0f}. An LSTM remembers only where its gates are open."
    )

    def typed(turned):
        return "".join(letters[turned.get(key, key)] for key in order)

    tempting = {
        typed(
            {"half": "rnn", "rnn": "half"}
        ): "an LSTM is not better than an RNN by its name: 0.5 at each step is less than 0.8.",
        typed(
            {"open": "explodes", "explodes": "open"}
        ): "no forget gate is above 1, so that along c nothing can explode.",
        typed({"half": "open", "open": "half"}): "the open gate keeps nearly all at each step, the other one half.",
    }
    options = {key: (letters[key], "") for key in MEMORIES}
    curves, seen = {letters[key]: rate[key] for key in MEMORIES}, sorted(letters.values())
    drawn = {"order": order, "rate": rate}
    made = quiz.Question(text, "order", typed({}), because, tempting, drawn, lambda: _draw_lag(curves, seen), options)
    return quiz.sound(made)


def _draw_lag(curves, letters):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(7.0, 4.0))
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN, plotting.PINK)
    for letter, colour, style in zip(letters, colours, ("-", "--", "-.", ":"), strict=True):
        values = [curves[letter] ** k for k in range(31)]
        axis.plot(range(31), values, style, color=colour)
        axis.annotate(letter, (30, values[-1]), (8, -4), textcoords="offset points", color=colour, fontsize=14, weight="bold",
                      annotation_clip=False)  # fmt: skip
    axis.set(xlabel="steps back in time", ylabel="length of the gradient", yscale="log", xlim=(0, 31))
    return "Length of the gradient over 30 steps back, from 1, on a logarithmic axis: " + ", ".join(
        f"{letter} ends at {curves[letter] ** 30:.1g}" for letter in letters
    )


# ---- how surprised

WORDS = ("state", "drift", "music", "piano", "cloud", "brave", "light")


def perplexity(draw):
    word = draw.one_of(WORDS)
    percent = [draw.one_of((5, 10, 20, 25, 40, 50, 80)) for _ in word]
    chances = [p / 100 for p in percent]
    answer = math.exp(-sum(map(math.log, chances)) / len(word))
    mean = sum(chances) / len(word)
    if len(set(percent)) < 3 or abs(answer - 1 / mean) < 0.3:
        return perplexity(draw)
    text = (
        f"A language model reads *{word}* letter by letter. The picture shows which probability it had given to each letter "
        "before it came. What is its **perplexity** per letter on this word? Two decimals."
    )
    product = math.prod(chances)
    because = (
        f"The mean of -ln p is {math.log(answer):.4f} nats, and e to the power of that is {answer:.2f}. Or: the product of the five "
        f"is {product:.3g}; one over its fifth root. It is as unsure as among {answer:.1f} equally likely letters."
    )
    tempting = {
        1 / mean: "one over the mean probability. The logarithms are averaged, so that one bad letter costs a lot.",
        math.log(answer): "the mean loss in nats. Perplexity is e to the power of it.",
        1 / product: "one over the product: for the whole word. Perplexity is for one letter, so take the fifth root.",
        sum(1 / p for p in chances) / len(word): "the mean of 1 / p. The mean is taken before the exponential.",
        2 ** math.log(answer): "2 to the power of nats: nats go with e, bits go with 2.",
    }
    return quiz.number(text, answer, because, _apart(tempting, answer, 0.02), within=0.006,
                       picture=lambda: _draw_word(word, chances), word=word, percent=percent)  # fmt: skip


def _draw_word(word, chances):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 3.0))
    bars = axis.bar(range(len(word)), chances, color=plotting.BLUE, width=0.6)
    axis.bar_label(bars, [f"{p:.2f}" for p in chances], padding=3)
    axis.set(
        xticks=range(len(word)),
        xticklabels=list(word),
        ylabel="probability of the letter",
        ylim=(0, max(chances) + 0.12),
    )
    axis.grid(False, axis="x")
    return "Probability of each letter: " + ", ".join(f"{a} {p:.2f}" for a, p in zip(word, chances, strict=True))


def bits(draw):
    characters, nats = draw.integer(20, 90) * 1000, draw.integer(90, 210) / 100
    total = round(characters * nats)
    answer = total / characters / math.log(2)
    text = (
        f"A model reads a text of **{characters:,} characters**. Its losses add up to **{total:,} nats**. How many **bits per "
        "character** is that? Three decimals."
    )
    because = (
        f"{total:,} / {characters:,} = {total / characters:.4f} nats a character, and a nat is 1 / ln 2 = 1.4427 bits: {answer:.4f}. A "
        "perfect compressor built on this model would need that many bits for each character (a byte has 8)."
    )
    tempting = {
        total / characters: "nats per character, not bits.",
        total / characters * math.log(2): "multiplied by ln 2 in place of divided: a bit is smaller than a nat, so there are more of them.",
        math.exp(total / characters): "the perplexity.",
        total / math.log(2): "bits for the whole text.",
    }  # fmt: skip
    return quiz.number(
        text, answer, because, _apart(tempting, answer, 0.005), within=0.0011, characters=characters, total=total
    )


# ---- hot and cold


def temperature(draw):
    parts = draw.shuffled([draw.integer(40, 60), draw.integer(18, 28), draw.integer(6, 12)])
    percent = [*parts, 100 - sum(parts)]
    heat = draw.one_of((0.5, 2))
    if percent[3] < 2 or len(set(percent)) < 4:
        return temperature(draw)
    percent = draw.shuffled(percent)
    chosen = max(percent)
    answer = _heated(percent, heat)[percent.index(chosen)]
    signs = ("e", "a", "o", "u")
    listed = ", ".join(f"*{sign}* {p / 100:g}" for sign, p in zip(signs, percent, strict=True))
    text = (
        f"At temperature 1 a model gives the next letter these probabilities: {listed}. All scores are now divided by the "
        f"temperature **T = {heat:g}** before the softmax. What is the new probability of **{signs[percent.index(chosen)]}**? Three decimals."
    )
    power = "squared" if heat < 1 else "under a square root"
    because = (
        f"Dividing scores by {heat:g} puts every probability to the power 1 / {heat:g}, so {power}; then they are divided by their sum: "
        f"{answer:.4f}. Below 1 the likely become likelier, above 1 the unlikely get their chance. At T = 1 nothing changes."
    )
    other = _heated(percent, 1 / heat)[percent.index(chosen)]
    tempting = {
        other: "the other way round: cold (T below 1) sharpens, hot flattens.",
        chosen / 100: "unchanged. The order of the letters stays, the probabilities do not.",
        (chosen / 100) ** (1 / heat): "not divided by the sum: the four must add up to 1.",
        chosen / 100 / heat: "the probability divided by T. It is the scores, the logarithms, that are divided.",
    }
    return quiz.number(
        text, answer, because, _apart(tempting, answer, 0.004), within=0.0011, percent=percent, heat=heat
    )


def _heated(percent, heat):
    powers = [(p / 100) ** (1 / heat) for p in percent]
    return [p / sum(powers) for p in powers]


# ---- a beam of two

FIRST = (("the", "a", "my"), ("we", "you", "they"), ("red", "old", "big"))
SECOND = (("cat", "dog", "owl"), ("sing", "read", "run"), ("car", "hat", "sea"))


def beam(draw):
    which = draw.integer(0, 2)
    first = draw.shuffled([draw.integer(42, 50), draw.integer(30, 36)])
    first = draw.shuffled([*first, 100 - sum(first)])
    rows = [
        draw.shuffled(_thirds(draw, best))
        for best in (draw.integer(36, 44), draw.integer(60, 72), draw.integer(90, 96))
    ]
    by_rank = sorted(range(3), key=lambda i: -first[i])
    second = [rows[by_rank.index(i)] for i in range(3)]  # the likeliest first word goes on in the most ways
    found = {(i, j): first[i] * second[i][j] for i in range(3) for j in range(3)}
    greedy = (by_rank[0], _top(second[by_rank[0]]))
    kept = max(((i, j) for i in by_rank[:2] for j in range(3)), key=found.get)
    best = max(found, key=found.get)
    ranked = sorted((found[i, j] for i in by_rank[:2] for j in range(3)), reverse=True)
    if len({greedy, kept, best}) < 3 or ranked[0] - ranked[1] < 40 or found[best] - found[kept] < 40:
        return beam(draw)
    says = {
        "kept": (kept, ""),
        "greedy": (greedy, "greedy: the likeliest word at each step, which is a beam of one."),
        "best": (best, "the likeliest of all nine. Its first word was third, and a beam of two had dropped it."),
        "second": ((kept[0], min(range(3), key=lambda j: second[kept[0]][j])), "the right first word, and then the least likely second."),
    }  # fmt: skip
    words = {key: (f"{FIRST[which][i]} {SECOND[which][j]}", why) for key, ((i, j), why) in says.items()}
    rank = [f"*{FIRST[which][i]}* ({first[i] / 100:.2f})" for i in by_rank]
    text = (
        "The tree shows the probabilities of a first word, and of a second word after each. Which two words does **beam "
        "search with a beam of two** return?"
    )
    because = (
        f"Kept are the two likeliest beginnings, {rank[0]} and {rank[1]}. Of their six continuations, *{words['kept'][0]}* has the largest "
        f"product, {found[kept] / 1e4:.3f}; greedy gets {found[greedy] / 1e4:.3f}, and a search through all nine finds {found[best] / 1e4:.3f}."
    )
    return quiz.choice(draw, text, "kept", words, because,
                       picture=lambda: _draw_tree(FIRST[which], SECOND[which], first, second), first=first, second=second,
                       pairs={key: at for key, (at, _) in says.items()})  # fmt: skip


def _thirds(draw, best):
    other = draw.integer(max(1, (100 - best) // 3), max(2, (100 - best) // 2))
    return [best, other, 100 - best - other]


def _top(row):
    return max(range(len(row)), key=row.__getitem__)


def _draw_tree(first_words, second_words, first, second):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(7.4, 4.4))
    said = []
    for i, word in enumerate(first_words):
        y = 3 * (2 - i) + 1
        axis.plot((0.1, 0.9), (4, y), "-", color=plotting.GREY)
        axis.text(
            0.55,
            4 + (y - 4) * 0.55,
            f"{first[i] / 100:.2f}",
            ha="center",
            va="center",
            backgroundcolor="white",
            fontsize=10,
        )
        axis.text(1.0, y, word, ha="left", va="center", fontsize=12, weight="bold", color=plotting.BLUE)
        for j, next_word in enumerate(second_words):
            end = 3 * (2 - i) + 2 - j
            axis.plot((1.35, 2.4), (y, end), "-", color=plotting.GREY)
            axis.text(
                1.95,
                y + (end - y) * 0.57,
                f"{second[i][j] / 100:.2f}",
                ha="center",
                va="center",
                backgroundcolor="white",
                fontsize=10,
            )
            axis.text(2.45, end, next_word, ha="left", va="center", fontsize=12, color=plotting.ORANGE)
        after = ", ".join(f"{w} {p / 100:.2f}" for w, p in zip(second_words, second[i], strict=True))
        said.append(f"{word} {first[i] / 100:.2f}, then {after}")
    axis.text(0.05, 4, "●", ha="center", va="center")
    axis.set(xlim=(0, 2.9), ylim=(-0.5, 8.5))
    axis.axis("off")
    return "A tree of two words with probabilities: " + "; ".join(said)


QUESTIONS = (step, jobs, params, lag, perplexity, bits, temperature, beam)
