"""Quiz 6: attention and transformers: weights, shapes, masks, positions, parameters, cost, beams."""

from dataclasses import replace

from dlcourse import quiz

TITLE = "Quiz 6: attention and transformers"

# ---- the weight of one key


def weights(draw):
    real, filled = draw.integer(3, 4), draw.integer(2, 3)
    powers = [draw.integer(1, 9) for _ in range(real)] + [draw.integer(2, 9) for _ in range(filled)]
    at = draw.integer(0, real - 1)
    whole, every = sum(powers[:real]), sum(powers)
    answer = powers[at] / whole
    tempting = {
        powers[at] / every: "the filling takes part. A multiplication by 0 after the softmax leaves these weights as they are, too.",
        powers[at] / (whole + filled): "the filling has the *score* 0, and the power of 0 is 1: it takes part. Its score must be minus infinity.",
        powers[at] / max(powers[:real]): "divided by the largest power. A softmax divides by their sum.",
        1 / real: "all real keys alike: that is the mean, without scores.",
    }  # fmt: skip
    if any(abs(wrong - answer) < 0.02 for wrong in tempting) or len({round(w, 3) for w in tempting}) < len(tempting):
        return weights(draw)
    text = (
        f"A query meets {real + filled} keys, of which the last {filled} are filling. The picture shows $e^{{\\text{{score}}}}$ for each. "
        f"Attention with a correct padding mask: **which weight does key {at} get?** Three digits are enough."
    )
    because = (
        f"The softmax divides by the sum over the real keys: {powers[at]} / ({' + '.join(map(str, powers[:real]))}) = {answer:.3f}. "
        "A masked score is minus infinity, and its power 0."
    )
    return quiz.number(
        text, answer, because, tempting, within=0.005, picture=lambda: _draw_weights(powers, real, at),
        powers=powers, real=real, at=at,
    )  # fmt: skip


def _draw_weights(powers, real, at):
    from matplotlib import pyplot as plt

    from dlcourse import plotting

    _, axis = plt.subplots(figsize=(6.4, 3.0))
    colours = [plotting.ORANGE if n == at else plotting.BLUE if n < real else "#D0D0D0" for n in range(len(powers))]
    axis.bar(range(len(powers)), powers, color=colours)
    for n, power in enumerate(powers):
        axis.text(n, power + 0.15, str(power), ha="center", fontsize=11)
    names = [f"key {n}" if n < real else "filling" for n in range(len(powers))]
    axis.set_xticks(range(len(powers)), names)
    axis.set(ylabel="e to the score", ylim=(0, 10.4))
    axis.grid(False)
    return f"Bars for {real} keys of height {', '.join(map(str, powers[:real]))}, then filling: {', '.join(map(str, powers[real:]))}"


# ---- shapes


def shapes(draw):
    batch, target, source = draw.integer(2, 32), draw.integer(5, 30), draw.integer(31, 60)
    heads, each = draw.one_of((2, 4, 8)), draw.one_of((8, 16, 32))
    if len({batch, target, source, heads, each}) < 5:
        return shapes(draw)
    width = heads * each
    text = (
        f"The decoder of a translator has written {target} tokens, the encoder has read {source}; {batch} sentences are in the batch. "
        f"Between the two stands attention of width {width} with {heads} heads: the decoder asks, the encoder's states are keys and "
        "values. **Which shape has the tensor of all attention weights?** Type four numbers: batch, heads, queries, keys."
    )
    because = (
        f"Each of the {heads} heads has a map of its own, for each of the {batch} sentences: a row for each step that asks ({target}) and a column "
        f"for each that is looked at ({source}). The width {width} is gone: a score is one number for each pair."
    )
    tempting = {
        (batch, heads, source, target): "rows and columns swapped. The decoder asks: a row for each of its steps, which adds up to 1.",
        (batch, heads, target, target): "self-attention of the decoder. Here it looks at the encoder.",
        (batch, heads, source, source): "self-attention of the encoder. Here the decoder asks.",
        (batch, heads, target, each): "the mixed values of each head, behind the weights.",
        (batch, 1, target, source): "one map for all heads. Each looks for itself.",
    }  # fmt: skip
    return quiz.wholes(
        text, (batch, heads, target, source), because, tempting,
        batch=batch, heads=heads, target=target, source=source, width=width,
    )  # fmt: skip


# ---- which mask is whose

MASKS = ("encoder", "gpt", "filled", "window", "cross")
_SWAPS = {
    ("encoder", "filled"): "an encoder may look ahead. A language model would then read the token that it has to predict.",
    ("gpt", "filled"): "one of the two texts has filling, and its columns stay white from top to bottom.",
    ("gpt", "window"): "a window ends: below it the old tokens are white again.",
    ("encoder", "cross"): "the cross map is no square: as many rows as the decoder has steps, as many columns as the source has.",
    ("encoder", "gpt"): "an encoder sees the whole text, a language model the past only.",
    ("filled", "window"): "filling stands at the end of the text, in whole columns; a window cuts off the beginning, row by row.",
    ("window", "cross"): "the cross map is no square, and has no diagonal: the whole source was read before the first step.",
    ("filled", "cross"): "the source was read before the first step, so no step of the decoder has to wait for a part of it.",
    ("gpt", "cross"): "the source was read before the first step: no diagonal.",
    ("encoder", "window"): "a window looks back only, and not far.",
}  # fmt: skip


def masks(draw):
    steps, short, reach = draw.integer(8, 10), draw.integer(5, 6), draw.integer(3, 4)
    wide, read = draw.integer(12, 14), draw.integer(9, 10)
    chosen = draw.some_of(MASKS, 4)
    told = {
        "encoder": f"An encoder (as in BERT) reads a text of {short} tokens, filled up to {steps}.",
        "gpt": f"A language model (as in GPT) is trained on {steps} tokens, none of them filling.",
        "filled": f"A language model is trained on a text of {short} tokens, filled up to {steps}.",
        "window": f"A language model in which each step sees itself and the {reach - 1} steps before it, to save memory.",
        "cross": f"A decoder that has written {steps} tokens looks at a source of {read} tokens, filled up to {wide}.",
    }
    text = (
        "The picture shows four masks: a row for each step that asks, a column for each that is looked at, blue where it may look. "
        "**Which mask belongs to which story?** Type four letters, in the order of the stories."
    )
    because = (
        "Filling: whole columns are white. No look ahead: white above the diagonal. A window: white below it as well. Another "
        "text: no square. (Rows of filling may do what they like: nobody reads what comes out of them.)"
    )
    sizes = {"steps": steps, "short": short, "reach": reach, "wide": wide, "read": read}
    swaps = {pair: why for pair, why in _SWAPS.items() if set(pair) <= set(chosen)}
    stories = [(key, told[key]) for key in draw.shuffled(chosen)]
    made = quiz.matching(draw, text, stories, dict.fromkeys(chosen, ""), because, swaps, sizes=sizes)
    order = sorted(chosen, key=lambda key: made.options[key][0])
    return replace(made, picture=lambda: _draw_masks(order, sizes))


def may_look(key, steps, short, reach, wide, read):
    """Rows of 0 and 1."""
    columns = wide if key == "cross" else steps
    rules = {
        "encoder": lambda t, s: s < short,
        "gpt": lambda t, s: s <= t,
        "filled": lambda t, s: s <= t and s < short,
        "window": lambda t, s: t - reach < s <= t,
        "cross": lambda t, s: s < read,
    }
    return [[int(rules[key](t, s)) for s in range(columns)] for t in range(steps)]


def _draw_masks(order, sizes):
    from matplotlib import pyplot as plt

    _, axes = plt.subplots(1, 4, figsize=(9.6, 2.9), width_ratios=[len(may_look(key, **sizes)[0]) for key in order])
    seen = []
    for axis, key, letter in zip(axes, order, quiz.LETTERS, strict=False):
        rows = may_look(key, **sizes)
        axis.imshow(rows, cmap="Blues", vmin=0, vmax=1.4)
        axis.set(title=letter, xticks=[n - 0.5 for n in range(len(rows[0]) + 1)], xticklabels=[])
        axis.set(yticks=[n - 0.5 for n in range(len(rows) + 1)], yticklabels=[])
        axis.grid(color="#9A9A9A", linewidth=0.6)
        axis.tick_params(length=0)
        seen.append(f"{letter}, {len(rows)} rows: " + " ".join("".join(map(str, row)) for row in rows))
    return "Four masks, 1 where a step may look: " + "; ".join(seen)


# ---- positions

CLAIMS = {
    "moved": (True, "The vector that comes out for each word is the same as before, at the word's new place.", "holds: a sum over keys does not know their order."),
    "mean": (True, "The mean over all vectors that come out stays as it is.", "holds: the same vectors, in another order, have the same mean."),
    "map": (True, "The attention map has the same numbers, with rows and columns in the new order.", "holds: a score depends on two words alone."),
    "far": (False, "Words that stand far apart have smaller weights for each other than neighbours have.", "distance enters no score. Without positions nothing knows it."),
    "first": (False, "Only the word that now stands first gets another vector.", "no place is special, unless a code for the place is added."),
    "heads": (False, "With several heads it would be different: each head looks at other places.", "each head is such a sum, too: heads look for contents, not for places."),
    "learned": (False, "After enough training the layer would know the order all the same.", "no setting of the weights can: whatever they are, the same set of words goes in."),
    "mlp": (False, "The MLP behind the attention mixes neighbours, so that the order comes in there.", "it works on each step by itself."),
}  # fmt: skip


def positions(draw):
    words = draw.some_of(("dog", "man", "child", "cat", "nurse", "thief"), 2)
    verb = draw.one_of(("bites", "sees", "hears", "follows"))
    true = [key for key, (holds, _, _) in CLAIMS.items() if holds]
    false = [key for key, (holds, _, _) in CLAIMS.items() if not holds]
    right = draw.some_of(true, draw.integer(1, 3))
    chosen = [*right, *draw.some_of(false, draw.integer(2, 3))]
    text = (
        f'A transformer block **without any code for positions** and without a mask reads "{words[0]} {verb} {words[1]}", then '
        f'"{words[1]} {verb} {words[0]}". Compare. **Which of these hold?** Type the letters of all that do.'
    )
    because = (
        "Self-attention is a sum over a set. Change the order of what goes in, and what comes out changes its order alike, and in nothing "
        "else. To tell who did what to whom, add a code for the place to each vector, or to the scores."
    )
    options = {key: (CLAIMS[key][1], CLAIMS[key][2]) for key in chosen}
    return quiz.choices(draw, text, right, options, because, holding=right)


# ---- parameters of a block


def block(draw):
    heads, each = draw.one_of((2, 4, 8)), draw.one_of((8, 12, 16, 24, 32))
    width, factor = heads * each, draw.one_of((2, 3, 4))
    d, hidden = width, factor * width
    attention, mlp, norms = 4 * (d * d + d), d * hidden + hidden + hidden * d + d, 4 * d
    answer = attention + mlp + norms
    text = f"""A transformer block of width {width} with {heads} heads: queries, keys, values and the joined result have a
linear layer each ({width} to {width}); the MLP goes from {width} to {hidden} and back; all with biases; two layer norms have a
factor and a shift for each of the {width} numbers. **How many parameters** is that?"""
    because = (
        f"Attention: 4 x ({d} x {d} + {d}) = {attention:,}. MLP: {d} x {hidden} + {hidden} + {hidden} x {d} + {d} = {mlp:,}. Norms: 2 x 2 x {d} = "
        f"{norms}. Together {answer:,}. Heads share the {d} numbers, so their number does not matter; nor does the length of the text."
    )
    tempting = {
        attention * heads + mlp + norms: "attention counted once a head. The heads share the width, each has a part of it.",
        answer - (d * d + d): "three layers for attention. The one that joins the heads is the fourth.",
        answer - norms: "without the norms.",
        4 * d * d + 2 * d * hidden: "weights only: no biases, no norms.",
        answer - norms // 2: "one norm. There is one before attention and one before the MLP.",
        attention + norms: f"without the MLP, which has {mlp:,}.",
    }  # fmt: skip
    return quiz.whole(text, answer, because, tempting, width=width, heads=heads, hidden=hidden)


# ---- cost against length


def cost(draw):
    batch, heads, layers = draw.integer(2, 8), draw.one_of((4, 8, 12, 16)), draw.integer(4, 24)
    length, width = 1000 * draw.integer(1, 4), 64 * heads
    times = draw.integer(2, 5)
    maps = batch * heads * layers * length * length * 4  # bytes
    answer = maps * times * times // 10**6
    text = f"""A transformer of {layers} layers, {heads} heads each, width {width}, is trained on {batch} texts of {length:,} tokens at a
time, and keeps all attention weights for the backward pass: numbers of 4 bytes. Now the texts become **{times} times as long**.
**How many megabytes** (million bytes) do the attention weights fill then?"""
    new = length * times
    because = (
        f"A map has {new:,} x {new:,} numbers, one for each pair of tokens: {batch} x {heads} x {layers} maps x {new:,}² x 4 bytes = {answer:,} MB, "
        f"{times}² = {times * times} times as many as before. (Width does not matter. Good kernels, such as flash attention, never keep the maps.)"
    )
    tempting = {
        answer // times: f"{times} times as much as before. Pairs grow with the square.",
        answer // times**2: "the texts as they were.",
        answer // heads: "one map a layer. There is one for each head.",
        answer // layers: "one layer only.",
        answer // 4: "numbers counted, not bytes.",
        batch * layers * new * width * 4 // 10**6: "the states: tokens times width. The maps are tokens times tokens.",
    }  # fmt: skip
    tempting.pop(answer, None)
    return quiz.whole(
        text,
        answer,
        because,
        tempting,
        batch=batch,
        heads=heads,
        layers=layers,
        length=length,
        times=times,
        width=width,
    )


# ---- greedy and beam


def beam(draw):
    likely = draw.one_of(
        ((40, 35, 25), (40, 33, 27), (38, 34, 28), (42, 32, 26), (45, 30, 25), (36, 34, 30))
    )  # percent
    tops = draw.one_of((40, 45)), draw.one_of((55, 60, 65, 70)), draw.one_of((60, 75, 80, 85, 90))
    branches = [(p, draw.shuffled([top, *_parts(draw, top)])) for p, top in zip(likely, tops, strict=True)]
    ends = [[p * q / 10_000 for q in row] for p, row in branches]
    greedy, second, third = (max(row) for row in ends)
    both = sorted((value for row in ends[:2] for value in row), reverse=True)
    answer = both[0]
    tempting = {
        greedy: "greedy: the likeliest first token, then the likeliest after it. The second beginning was alive, too.",
        both[0] + both[1]: "the two that are alive at the end, added up. A beam returns the better of them.",
        max(tops) / 100: "the largest single step. A sequence has the product of its steps.",
        max(p + top for p, top in zip(likely, tops, strict=True)) / 100: "a sum of steps. Probabilities multiply, logarithms add.",
    }  # fmt: skip
    if third > second:
        tempting[third] = (
            "the best of all nine. Its beginning was third after the first step, and a beam of width 2 had dropped it."
        )
    close = any(abs(wrong - answer) < 0.011 for wrong in tempting) or len(tempting) < 4 or abs(third - second) < 0.011
    if greedy > second or close:
        return beam(draw)
    branches = draw.shuffled(branches)
    text = (
        "The picture shows what a language model gives for the first token and, behind each, for the second, after which the sequence ends. "
        "A **beam search of width 2** keeps two beginnings alive. **Which probability has the sequence that it returns?**"
    )
    rest = f"a look at all nine finds {third:.4g}" if third > second else "a look at all nine finds nothing better"
    because = (
        f"After the first step {likely[0] / 100:g} and {likely[1] / 100:g} stay, the third is dropped. Of their six continuations "
        f"{likely[1] / 100:g} x {tops[1] / 100:g} = {answer:.4g} is the best. Greedy ends at {greedy:.4g}; {rest}."
    )
    return quiz.number(
        text, answer, because, tempting, within=0.005, picture=lambda: _draw_beam(branches), branches=branches
    )


def _parts(draw, top):
    """Two more steps, so that there are 100 percent."""
    one = draw.one_of([n for n in range(5, top, 5) if n < 100 - top - n < top] or [(100 - top) // 2 - 2])
    return [one, 100 - top - one]


def _draw_beam(branches):
    from matplotlib import pyplot as plt

    _, axis = plt.subplots(figsize=(6.4, 4.2))
    axis.text(0, 4, "start", ha="center", va="center", bbox={"fc": "white", "ec": "#9A9A9A"})
    seen = []
    for n, (p, row) in enumerate(branches):
        y, name = 7 - 3 * n, "abc"[n]
        axis.plot((0.22, 1.2), (4, y), color="#9A9A9A", linestyle="-", linewidth=1)
        axis.text(1.5, y, f"{name}   {p / 100:g}", ha="center", va="center", bbox={"fc": "#DCE9F2", "ec": "none"})
        for m, q in enumerate(row):
            axis.plot((1.8, 2.65), (y, y + 1 - m), color="#9A9A9A", linestyle="-", linewidth=1)
            axis.text(
                3,
                y + 1 - m,
                f"{name}{'xyz'[m]}   {q / 100:g}",
                ha="center",
                va="center",
                bbox={"fc": "#FBE6DA", "ec": "none"},
            )
        seen.append(f"{name} {p / 100:g}, then {', '.join(f'{q / 100:g}' for q in row)}")
    axis.set(xlim=(-0.4, 3.5), ylim=(-0.7, 8.7))
    axis.axis("off")
    return "A tree: from the start to " + "; ".join(seen)


QUESTIONS = (weights, shapes, masks, positions, block, cost, beam)
