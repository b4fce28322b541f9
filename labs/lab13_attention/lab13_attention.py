# %% [markdown]
# # Sequence to sequence, and attention
#
# "friday 7 march 1997", "7. maaliskuuta 1997", "1997. márc. 7., p": eighteen languages, one day. A network reads the
# letters and writes 1997-03-07. First everything it read must pass through one vector, and it fails. Then you let it
# **look back** while it writes, and ten seconds of training are enough. Where it looks you will see, and measure.
#
# When you are done, you can
# 1. build an encoder-decoder, train it with teacher forcing, and let it write;
# 2. write attention, additive and dot-product, with a padding mask;
# 3. read an attention map, and say what it does *not* show.
#
# About 80 minutes for you, 40 seconds for the processor, no GPU. 8 points: six exercises and two questions in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, plotting, runtime, text, training
runtime.start("lab13_attention")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab13_attention"

# %%
import re
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## See it first
# This is where you will be in an hour. Each row is a character that the network writes; dark is where it looks while it
# writes it. (A recording: each digit below is a weight, in ninths.)

# %%
def draw_map(axis, source, written, weights):
    """weights (T, S): a row for each written character, a column for each character read."""
    axis.imshow(weights[: len(written), : len(source)], cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axis.set_xticks(range(len(source)), source, fontsize=9)
    axis.set_yticks(range(len(written)), written, fontsize=9)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.grid(False)

RECORDED = """
0000000000000006200
0000000000000000720
0000000000000000090
0000000000000000018
0000000000000000017
0000000004201000000
0000000006200000000
0000000005300000000
1000001110010011100
0000000800000000000"""
recorded = torch.tensor([[int(c) / 9 for c in row] for row in RECORDED.split()])
_, _axis = plt.subplots(figsize=(7.2, 4.2))
draw_map(_axis, "friday 7 march 1997", "1997-03-07", recorded)
plotting.show("A map of 10 rows by 19 columns: 1997 looks at the year at the end, 03 at march, 07 at the 7 before it")

# %%
dates = data.load("dates", size=8000)
print(dates)
for i in range(9):
    print(f"   {dates.test.inputs[i]:<32}{dates.test.labels[i]}   {dates.test.more['languages'][i]}")

# %% [markdown]
# No day of the test set is in the training set, however it may be written. Nobody tells the network what a month is.
#
# **Predict.** The first network reads the date letter by letter into **64 numbers**, and writes the ten characters from
# those. After some ten seconds of training: for what share of 2,000 unseen dates are all ten right?

# %%
guess = None
checks.predict("bottleneck", guess, "Without attention, share of unseen dates that are right to the last digit, 0 to 1?")

# %% [markdown]
# ## Tokens
# Characters become numbers. Four are the same in every vocabulary: `PAD` 0 fills up short rows, `START` 2 stands before
# what is written, `END` 3 behind it.

# %%
letters, digits = text.Vocabulary.of(dates.train), text.Vocabulary.of(dates.train.labels)
train, test = text.pairs(dates.train, letters, digits), text.pairs(dates.test, letters, digits)
first = train.take(torch.arange(3))
print(f"{len(letters)} tokens to read, {len(digits)} to write:", " ".join(digits.tokens[4:]))
print("source", *first.inputs[0].tolist(), "target: what is written already", *first.inputs[1].tolist(),
      "labels: what to write next", *first.labels.tolist(), sep="\n")

# %% [markdown]
# Target and labels are the same date, shifted by one. While training, the writer gets the *right* characters so far,
# whatever it would have written itself: **teacher forcing**. One call then teaches all steps of a date.
#
# ## 1. Write until the end (1 point)
# In use there is no teacher. The writer begins with `START`, takes the likeliest token, reads it back in, and so on until
# it says `END`: **greedy decoding**. It carries a *state* from step to step.

# %% solution="greedy"
def greedy(step, state, most):
    """step(token, state) returns scores (K,) and the next state; returns the tokens written before END, at most `most`."""
    ### BEGIN SOLUTION
    token, written = text.START, []
    for _ in range(most):
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == text.END:
            break
        written.append(token)
    return written
    ### END SOLUTION

# %% [markdown]
# Try it with two writers that need no training. The state of the first is what it still has to say. The second never
# says `END`, as young networks do.

# %%
def speller(token, rest):
    wanted = digits.encode(rest[0])[0] if rest else text.END
    return F.one_hot(torch.tensor(wanted), len(digits)).float(), rest[1:]

def stutterer(token, state):
    return F.one_hot(torch.tensor(digits.encode("1")[0] if token == text.START else token), len(digits)).float(), state

print("speller:  ", digits.decode(greedy(speller, "1997-03-07", 20)))
print("stutterer:", digits.decode(greedy(stutterer, None, 20)))

# %% test="check_greedy" points=1
_after = {2: 5, 5: 7, 7: 4, 4: 3}
def _by_token(token, state):
    return torch.eye(9)[_after[int(token)]], state
_hint = "This writer answers START by 5, 5 by 7, 7 by 4, 4 by END. (5 again and again: is the new token read back in?)"
assert list(map(int, greedy(_by_token, None, 9))) == [5, 7, 4], _hint
def _by_state(token, state):
    return torch.eye(9)[[8, 6, 6, 3, 7][state]] - 5, state + 1
_hint = "This writer's state counts its steps: 8, 6, 6, END. All its scores are below 0. Is the state handed on?"
assert list(map(int, greedy(_by_state, 0, 9))) == [8, 6, 6], _hint
assert list(map(int, greedy(_by_state, 0, 2))) == [8, 6], "at most 2 tokens, though END has not come"
assert list(greedy(_by_state, 3, 9)) == [], "END at once: nothing is written"
assert checks.passed("greedy")

# %% [markdown]
# <details><summary>Hint 1</summary>Two variables change in the loop: <code>token</code>, at first
# <code>text.START</code>, and <code>state</code>.</details>
# <details><summary>Hint 2</summary><code>for _ in range(most)</code> sees to the limit; <code>break</code> at
# <code>text.END</code>, before it is kept.</details>
# <details><summary>The idea of the solution</summary>scores and state from <code>step(token, state)</code>, token from
# <code>int(scores.argmax())</code>, stop or append.</details>
#
# ## Read, then write
# The **encoder** is a GRU that reads the date both ways. It leaves a state at each letter, and a summary at the end. The
# **decoder** is another GRU that starts from the summary (Sutskever et al. 2014). `score` is for later; without it the
# decoder never sees the states at the letters. (Machine translation worked like this from 2014 to 2017; our second language
# is ISO 8601. French follows in lab 14.)

# %%
class Encoder(nn.Module):
    def __init__(self, score=None, width=64):
        super().__init__()
        self.score = score
        self.source_embedding = nn.Embedding(len(letters), width, padding_idx=text.PAD)
        self.target_embedding = nn.Embedding(len(digits), width)
        self.reader = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.writer = nn.GRU(width, width, batch_first=True)
        self.join, self.tokens = nn.Linear(2 * width, width), nn.Linear(width, len(digits))

    def read(self, source):
        """source (B, S); returns a state at each letter (B, S, D), the mask of the real ones (B, S), the summary (1, B, D)."""
        mask = source != text.PAD
        packed = nn.utils.rnn.pack_padded_sequence(  # so that the way back begins at the last letter, not in the filling
            self.source_embedding(source), mask.sum(1), batch_first=True, enforce_sorted=False)
        states, (there, back) = self.reader(packed)
        keys, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return keys, mask, torch.cat([there, back], 1)[None]

# %%
class Translator(Encoder):
    def write(self, target, keys, mask, state):
        """target (B, T); returns scores (B, T, K) for the token after each, weights (B, T, S) or None, and the state."""
        states, state = self.writer(self.target_embedding(target), state)
        if self.score is None:
            return self.tokens(states), None, state
        weights = masked_softmax(self.score(states, keys), mask)                 # you write these functions
        states = speak(states, weights, keys, self.join.weight, self.join.bias)  # in exercises 2 to 5
        return self.tokens(states), weights, state

# %%
def arrow(axis, start, end, width=1.0, colour=plotting.GREY):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "lw": width, "color": colour, "shrinkA": 1, "shrinkB": 1})

def draw_machine(axis, source, written, weights=None):
    for i, c in enumerate(source):
        axis.text(i, 0, c, ha="center", va="center", bbox={"fc": "#DCE9F2", "ec": plotting.BLUE, "boxstyle": "square,pad=0.35"})
        if i:
            arrow(axis, (i - 0.65, 0), (i - 0.35, 0))
    for t, c in enumerate(written):
        x = len(source) + 2 + t
        axis.text(x, 2, c, ha="center", va="center", bbox={"fc": "#FBE6DA", "ec": plotting.ORANGE, "boxstyle": "square,pad=0.35"})
        if t:
            arrow(axis, (x - 0.65, 2), (x - 0.35, 2))
        for i in range(len(source)) if weights is not None else ():
            if weights[t, i] > 0.15:
                arrow(axis, (i, 0.45), (x, 1.55), 2.5 * float(weights[t, i]), plotting.BLUE)
    arrow(axis, (len(source) - 0.6, 0.1), (len(source) + 1.5, 1.75), 3, plotting.GREEN)
    axis.text(len(source) + 0.9, 0.45, "64 numbers", color=plotting.GREEN, fontsize=10)
    axis.set(xlim=(-1, len(source) + len(written) + 2.5), ylim=(-0.7, 2.7))
    axis.axis("off")

# %%
_, axes = plt.subplots(2, 1, figsize=(9.6, 4.6))
draw_machine(axes[0], "7 march 1997", "1997-03-07")
axes[0].set_title("encoder and decoder: all that was read passes through one vector", fontsize=11)
draw_machine(axes[1], "7 march 1997", "1997-03-07", recorded[:, 7:])
axes[1].set_title("with attention: each step also looks back at the letters (weights as recorded)", fontsize=11)
plotting.show("Two drawings: twelve letters and ten written characters, joined by one arrow; below, many more arrows look back")

# %% [markdown]
# `translate` is your loop of exercise 1 for a whole batch. `learn` is the training loop you know, with the cross-entropy of
# the next character. It notes the seconds, so that networks can be compared **at the same training time**.

# %%
@torch.no_grad()
def translate(model, source, steps=11):
    """source (B, S); returns the likeliest tokens (B, steps) and the weights (B, steps, S) or None."""
    keys, mask, state = model.read(source)
    token, tokens, maps = torch.full((len(source), 1), text.START), [], []
    for _ in range(steps):
        scores, weights, state = model.write(token, keys, mask, state)
        token = scores.argmax(2)
        tokens.append(token)
        maps.append(weights)
    return torch.cat(tokens, 1), None if maps[0] is None else torch.cat(maps, 1)

def exact(model, split, count):
    """The share of the first `count` dates that are right to the last character."""
    some = split.take(torch.arange(count))
    return float((translate(model, some.inputs[0])[0] == some.labels).all(1).float().mean())

# %%
def learn(score, epochs, batch_size=64, lr=0.01):
    """Returns a trained translator and its curve: (seconds, loss, exact) every 25 steps."""
    torch.manual_seed(0)
    model, order, curve = Translator(score), torch.Generator().manual_seed(torch.initial_seed()), []
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    steps, seconds, losses = epochs * len(train) // batch_size, 0.0, []
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1)
    for epoch in range(epochs):
        for index in data.batches(train, batch_size, order):
            began, batch = time.process_time(), train.take(index)
            scores = model.write(batch.inputs[1], *model.read(batch.inputs[0]))[0]
            loss = F.cross_entropy(scores.flatten(0, 1), batch.labels.flatten(), ignore_index=text.PAD)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
            losses.append(loss.item())
            seconds += time.process_time() - began
            if len(losses) % 25 == 0:
                curve.append((seconds, sum(losses[-25:]) / 25, exact(model, test, 200)))
        print(f"epoch {epoch + 1}, {seconds:4.1f} s: loss {curve[-1][1]:.3f}, exact {curve[-1][2]:.3f} of 200 unseen", flush=True)
    return model, curve

# %%
class Trained(dict):
    def __missing__(self, kind):  # not trained yet: an exercise above is still open
        raise NotImplementedError("your code goes here: replace this line")

nets, curves, found = Trained(), Trained(), Trained()
nets["without"], curves["without"] = learn(None, epochs=4)
found["without"] = exact(nets["without"], test, 2000)
checks.outcome("bottleneck", found["without"])

# %%
def show_some(kind, places):
    some = test.take(torch.tensor(places))
    for i, tokens in zip(places, translate(nets[kind], some.inputs[0])[0]):
        said, wanted = digits.decode(tokens), dates.test.labels[i]
        print(f"   {dates.test.inputs[i]:<36}{said:<12}{'right' if said == wanted else 'should be ' + wanted}")

show_some("without", range(8))

# %% [markdown]
# The form is there, and the year, nearly. Month and day are the same two or three everywhere: the network has learned what
# dates look like. All ten characters have to survive in the same 64 numbers, and the gradient of the day has to find its
# way back through ten steps of writing and thirty of reading.
#
# ## Look back
# Bahdanau, Cho and Bengio (2015) kept all the encoder's states, one a letter, and let the decoder choose among them at
# every step, softly, so that a gradient flows:
#
# $$e_{ts} = \text{score}(q_t, k_s) \qquad a_{ts} = \frac{\exp e_{ts}}{\sum_{j} \exp e_{tj}} \qquad c_t = \sum_s a_{ts}\, k_s$$
#
# The **query** $q_t$ is the decoder's state at step $t$, the **keys** $k_s$ are the encoder's states at the letters
# $s$. The weights $a_{ts}$ are positive and add up to 1 over $s$; the **context** $c_t$ is the mean of the keys with these weights.
#
# ## 2. The padding mask (1 point)
# In a batch short dates are filled up with `PAD`, and no weight may go there. To multiply by 0 *after* the softmax is too
# late: the rest no longer adds up to 1. Give a filled place the score $-\infty$ *before* it: $e^{-\infty} = 0$.

# %% solution="masked_softmax"
def masked_softmax(scores, mask):
    """scores (B, T, S), mask (B, S), True for real letters; returns weights (B, T, S) that add up to 1 over the real S."""
    ### BEGIN SOLUTION
    return scores.masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(2)
    ### END SOLUTION

# %%
scores = torch.tensor([[[1.0, 2.5, 0.5, 1.5, 2.0, 1.0]]])
mask = torch.tensor([[True, True, True, True, False, False]])
shown = {"softmax, no mask": scores.softmax(2), "times the mask": scores.softmax(2) * mask, "yours": masked_softmax(scores, mask)}
_, axes = plt.subplots(1, 3, figsize=(9.6, 2.7), sharey=True)
for axis, (name, weights) in zip(axes, shown.items()):
    axis.bar(range(6), weights[0, 0], color=[plotting.BLUE if m else plotting.ORANGE for m in mask[0]])
    axis.set_xticks(range(6), ["9", ".", "5", ".", "PAD", "PAD"], fontsize=9)
    axis.set_title(f"{name}: real ones {weights[0, 0][mask[0]].sum():.2f}", fontsize=11)
    axis.grid(axis="x")
axes[0].set_ylabel("weight")
plotting.show("Three bar charts: without a mask a third of the weight lies on PAD; with yours the four real letters share 1")

# %% test="check_masked_softmax" points=1
_scores = torch.tensor([[[0.0, 0.0, 5.0], [1.0, 1.0, -3.0]], [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]])
_mask = torch.tensor([[True, True, False], [True, True, True]])
_kept, _third = _scores.clone(), [1 / 3] * 3
_hint = "Two letters are real and score alike: a half each, nothing for the filling, however well it scores."
checks.close(masked_softmax(_scores, _mask), torch.tensor([[[0.5, 0.5, 0.0]] * 2, [_third] * 2]), _hint)
assert torch.equal(_scores, _kept), "the scores that came in have changed: masked_fill without _ makes new ones"
_draw = torch.Generator().manual_seed(2)
_scores, _mask = 30 * torch.randn(3, 4, 5, generator=_draw) - 200, torch.arange(5) < torch.tensor([[5], [2], [3]])
_wanted = torch.stack([F.pad(s[:, :n].softmax(1), (0, 5 - n)) for s, n in zip(_scores, (5, 2, 3))])
_hint = "Scores about -200: a filled place with score 0 would win. Over which axis must the weights add up to 1?"
checks.close(masked_softmax(_scores, _mask), _wanted, _hint)
assert checks.passed("masked_softmax")

# %% [markdown]
# <details><summary>Hint 1</summary>The mask has no axis for T: <code>mask.unsqueeze(1)</code> is (B, 1, S) and fits
# all T.</details>
# <details><summary>Hint 2</summary><code>scores.masked_fill(where, value)</code> fills where <code>where</code> is True.
# Your mask is True at the *real* letters: <code>~mask</code>.</details>
# <details><summary>The idea of the solution</summary>Fill with <code>float("-inf")</code>, then
# <code>.softmax(2)</code>.</details>
#
# ## 3. Dot-product scores (1 point)
# How well does a key answer a query? Luong et al. (2015): by their **dot product**, large where both point the same way.
# For a whole batch it is one matrix product:
#
# $$e_{ts} = q_t \cdot k_s$$

# %% solution="dot_scores"
def dot_scores(query, keys):
    """query (B, T, D), keys (B, S, D); returns scores (B, T, S)."""
    ### BEGIN SOLUTION
    return query @ keys.transpose(1, 2)
    ### END SOLUTION

# %% [markdown]
# Try it: a **soft dictionary**. Five keys lie in the plane as blue arrows. The orange query gets a mean of all five (green), by
# how well they fit. The longer the query, the harder the choice.

# %%
WORDS = {"day": 20, "month": 75, "year": 140, "comma": 215, "weekday": 300}
angles = torch.tensor(list(WORDS.values())) * torch.pi / 180
keys = torch.stack([angles.cos(), angles.sin()], 1)[None]
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.5))
for axis, length in zip(axes, (0.5, 3.0, 12.0)):
    query = length * torch.tensor([[[0.64, 0.77]]])
    weights = masked_softmax(dot_scores(query, keys), torch.ones(1, 5, dtype=torch.bool))[0, 0]
    for (x, y), w, word in zip(keys[0], weights, WORDS):
        arrow(axis, (0, 0), (float(x), float(y)), 1 + 5 * float(w), plotting.BLUE)
        axis.text(1.32 * x, 1.2 * y, f"{word}\n{w:.2f}", ha="center", va="center", fontsize=9)
    arrow(axis, (0, 0), (0.64, 0.77), 2, plotting.ORANGE)
    mean = (weights @ keys[0]).tolist()
    axis.plot(*mean, "o", color=plotting.GREEN, markersize=9)
    axis.set(xlim=(-1.8, 1.8), ylim=(-1.5, 1.5), title=f"query of length {length:g}", aspect="equal")
    axis.axis("off")
plotting.show("Five arrows with weights. A short query (orange) weighs all alike, a long one takes month and day; green: the context")

# %% test="check_dot_scores" points=1
_query, _keys = torch.tensor([[[1.0, 2], [0, 1]]]), torch.tensor([[[3.0, 4], [5, 6], [-1, 0]]])
_hint = "The query (1, 2) and the key (3, 4) give 3 + 8 = 11. A row for each query, a column for each key."
checks.close(dot_scores(_query, _keys), torch.tensor([[[11.0, 17, -1], [4, 6, 0]]]), _hint)
_draw = torch.Generator().manual_seed(3)
_query, _keys = torch.randn(3, 4, 6, generator=_draw), torch.randn(3, 5, 6, generator=_draw)
_wanted = torch.stack([torch.stack([(k * q).sum(1) for q in qs]) for qs, k in zip(_query, _keys)])
checks.close(dot_scores(_query, _keys), _wanted, "Each date of the batch by itself: 3 of them, 4 queries, 5 keys.", 1e-4, 1e-5)
assert checks.passed("dot_scores")

# %% [markdown]
# <details><summary>Hint 1</summary><code>@</code> multiplies the matrices of a batch one by one: (B, T, D) @ (B, D, S)
# is (B, T, S).</details>
# <details><summary>Hint 2</summary>Only the last two axes of <code>keys</code> change places; <code>.T</code> would turn all
# three round.</details>
# <details><summary>The idea of the solution</summary><code>query @</code> the transposed keys, or
# <code>torch.einsum("btd,bsd->bts", ...)</code>.</details>
#
# ## 4. Additive scores (1 point)
# Bahdanau's score came first: a tiny network with one hidden layer looks at query and key together,
#
# $$e_{ts} = v \cdot \tanh(W q_t + U k_s)$$
#
# with $W$, $U$ (H, D) and $v$ (H,), all learned. Queries and keys need not speak the same language. The price: a hidden
# vector for *every pair*, B x T x S x H numbers.

# %% solution="additive_scores"
def additive_scores(query, keys, W, U, v):
    """query (B, T, D), keys (B, S, D), W and U (H, D), v (H,); returns scores (B, T, S)."""
    ### BEGIN SOLUTION
    pairs = torch.tanh((query @ W.T).unsqueeze(2) + (keys @ U.T).unsqueeze(1))  # (B, T, S, H)
    return pairs @ v
    ### END SOLUTION

# %% [markdown]
# Try it: one query (the star), and what every key of the plane would score. The dot product knows one shape, a slope. The small
# network, still untrained, bends.

# %%
torch.manual_seed(3)
W, U, v = torch.randn(16, 2), 1.5 * torch.randn(16, 2), torch.randn(16)
line = torch.linspace(-2, 2, 81)
plane = torch.stack(torch.meshgrid(line, line, indexing="xy"), 2).view(1, -1, 2)
star = torch.tensor([[[1.0, 0.5]]])
_, axes = plt.subplots(1, 2, figsize=(8.2, 3.6))
for axis, (name, made) in zip(axes, {"dot product": dot_scores(star, plane), "additive": additive_scores(star, plane, W, U, v)}.items()):
    most = float(made.abs().max())
    picture = axis.contourf(line, line, made.view(81, 81), levels=13, cmap="RdBu", vmin=-most, vmax=most)
    axis.plot(1.0, 0.5, "*", color="black", markersize=14)
    axis.set(title=name, xlabel="first number of the key", ylabel="second number", aspect="equal")
    plt.colorbar(picture, ax=axis, label="score", shrink=0.8)
plotting.show("Two maps of scores over the plane: the dot product rises evenly towards the star; the additive one has hills and valleys")

# %% test="check_additive_scores" points=1
_query, _keys = torch.tensor([[[0.5, 0], [0, 2.0]]]), torch.tensor([[[1.0, 0], [0, 0], [0, -2]]])
_one, _v = torch.eye(2), torch.tensor([1.0, 10.0])
_wanted = torch.tanh(torch.tensor([[[1.5, 0.5, 0.5], [1, 0, 0]]])) + 10 * torch.tanh(torch.tensor([[[0.0, 0, -2], [2, 2, 0]]]))
_hint = "With W = U = identity: tanh of the sum of query and key, number by number, then weighed by v = (1, 10) and summed."
checks.close(additive_scores(_query, _keys, _one, _one, _v), _wanted, _hint)
_draw = torch.Generator().manual_seed(4)
_query, _keys = torch.randn(3, 4, 6, generator=_draw), torch.randn(3, 5, 6, generator=_draw)
_W, _U, _v = torch.randn(7, 6, generator=_draw), torch.randn(7, 6, generator=_draw), torch.randn(7, generator=_draw)
_wanted = torch.stack([torch.stack([torch.stack([_v @ torch.tanh(_W @ q + _U @ k) for k in ks]) for q in qs])
                       for qs, ks in zip(_query, _keys)])
_hint = "Random numbers, H is 7 and D is 6. W goes with the query, U with the keys."
checks.close(additive_scores(_query, _keys, _W, _U, _v), _wanted, _hint, 1e-4, 1e-5)
assert checks.passed("additive_scores")

# %% [markdown]
# <details><summary>Hint 1</summary>For a whole batch $Wq$ is <code>query @ W.T</code>, (B, T, H). Likewise the keys, (B, S, H).</details>
# <details><summary>Hint 2</summary>All pairs: <code>unsqueeze(2)</code> makes (B, T, 1, H) of the one, <code>unsqueeze(1)</code>
# makes (B, 1, S, H) of the other. Add them.</details>
# <details><summary>The idea of the solution</summary><code>tanh</code> of that sum, (B, T, S, H), then
# <code>@ v</code>.</details>
#
# ## 5. Speak (1 point)
# Each step now has its own state $q_t$, and what it saw, the context $c_t$. Luong joins them by one layer:
#
# $$\tilde q_t = \tanh\big(W_j\,[q_t ; c_t] + b_j\big) \qquad c_t = \sum_s a_{ts} k_s$$
#
# where $[\,;\,]$ puts one vector behind the other, the state first. From $\tilde q_t$ come the scores of the characters.

# %% solution="speak"
def speak(states, weights, keys, W, b):
    """states (B, T, D), weights (B, T, S), keys (B, S, D), W (D, 2D), b (D,); returns the joined states (B, T, D)."""
    ### BEGIN SOLUTION
    context = weights @ keys
    return torch.tanh(torch.cat([states, context], 2) @ W.T + b)
    ### END SOLUTION

# %% test="check_speak" points=1
_states, _keys, _weights = torch.tensor([[[0.1, 0.2]]]), torch.tensor([[[1.0, 0], [0, 3], [9, 9]]]), torch.tensor([[[0.5, 0.5, 0]]])
_second, _b = torch.tensor([[0.0, 0, 1, 0], [0, 0, 0, 1]]), torch.tensor([0.0, -1.0])
_hint = "Half of the key (1, 0) and half of (0, 3) are the context (0.5, 1.5). This W takes the second half of [state; context]."
checks.close(speak(_states, _weights, _keys, _second, _b), torch.tensor([[[0.5, 0.5]]]).tanh(), _hint)
_draw = torch.Generator().manual_seed(5)
_states, _keys = torch.randn(3, 4, 6, generator=_draw), torch.randn(3, 5, 6, generator=_draw)
_weights, _W, _b = torch.rand(3, 4, 5, generator=_draw), torch.randn(6, 12, generator=_draw), torch.randn(6, generator=_draw)
_context = torch.stack([sum(_weights[:, :, s, None] * _keys[:, None, s] for s in range(5))])[0]
_wanted = torch.tanh(_states @ _W[:, :6].T + _context @ _W[:, 6:].T + _b)
checks.close(speak(_states, _weights, _keys, _W, _b), _wanted, "Random numbers: state first, then context; bias; tanh.", 1e-4, 1e-5)
assert checks.passed("speak")

# %% [markdown]
# <details><summary>Hint 1</summary>All contexts at once: (B, T, S) @ (B, S, D).</details>
# <details><summary>Hint 2</summary><code>torch.cat([..., ...], 2)</code> joins along the last axis.</details>
# <details><summary>The idea of the solution</summary>Two lines: the context; tanh of the joined vectors
# <code>@ W.T + b</code>.</details>
#
# ## Against the library
# Your additive score as a module that can learn, beside the package's; your dot product beside torch's:

# %%
class Additive(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.of_query, self.of_key = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.v = nn.Parameter(nn.Linear(width, 1).weight.detach()[0])

    def forward(self, query, keys):
        return additive_scores(query, keys, self.of_query.weight, self.of_key.weight, self.v)

query, keys, mask = torch.randn(64, 11, 64), torch.randn(64, 30, 64), torch.arange(30) < torch.randint(8, 31, (64, 1))
theirs, ours = models.AdditiveAttention(64), Additive()
with torch.no_grad():
    theirs.of_query.bias.zero_()
    ours.load_state_dict({"of_query.weight": theirs.of_query.weight, "of_key.weight": theirs.of_key.weight, "v": theirs.score.weight[0]})
    pairs = {"additive": (lambda: masked_softmax(ours(query, keys), mask) @ keys, lambda: theirs(query, keys, mask)[0]),
             "dot": (lambda: masked_softmax(dot_scores(query, keys), mask) @ keys,
                     lambda: F.scaled_dot_product_attention(query, keys, keys, mask[:, None], scale=1.0))}
    for name, two in pairs.items():
        clocks, made = [], [function() for function in two]
        for function in two:
            began = time.perf_counter()
            [function() for _ in range(10)]
            clocks.append((time.perf_counter() - began) * 100)
        print(f"{name:<9} largest difference {(made[0] - made[1]).abs().max():.0e}   yours {clocks[0]:.1f} ms, library {clocks[1]:.1f} ms")

# %% [markdown]
# ## Train and watch
# The same loop, the same reader and writer; new is only what you wrote. First additive, then the dot product, which has no
# weights of its own.

# %%
nets["additive"], curves["additive"] = learn(Additive(), epochs=3)
found["additive"] = exact(nets["additive"], test, 2000)

# %%
nets["dot"], curves["dot"] = learn(dot_scores, epochs=3)
found["dot"] = exact(nets["dot"], test, 2000)

# %% [markdown]
# What would a **rule** have got? Four digits are the year; of two other numbers the first is the day; months in letters it
# cannot read.

# %%
def rule(date):
    year = re.search(r"\d{4}", date)[0]
    others = [n for n in re.findall(r"\d+", date) if len(n) < 3]
    return f"{year}-{int(others[1]):02}-{int(others[0]):02}" if len(others) == 2 else f"{year}-01-01"

found["rule"] = sum(map(str.__eq__, map(rule, dates.test.inputs), dates.test.labels)) / len(test)
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8))
for name, style in (("without", ":"), ("dot", "--"), ("additive", "-")):
    seconds, losses, shares = zip(*curves[name])
    left.plot(seconds, losses, style, label=name)
    right.plot(seconds, shares, style, label=f"{name}: {found[name]:.3f} of 2,000")
right.axhline(found["rule"], color="black", linestyle="--", linewidth=1.2, label=f"the rule: {found['rule']:.3f}")
left.set(xlabel="training (processor seconds)", ylabel="loss (nats a character)")
right.set(xlabel="training (processor seconds)", ylabel="right to the last digit", ylim=(-0.03, 1.03))
left.legend()
right.legend(fontsize=9, loc="center right", bbox_to_anchor=(1, 0.6))
plotting.show("Loss and share of right dates over seconds: both kinds of attention shoot up to nearly 1, without it stays near 0")

# %% [markdown]
# For a while attention is no better. Then it *finds* the parts, and within a hundred steps nearly all is right. Which
# characters are?

# %%
_, axis = plt.subplots(figsize=(9.6, 3.2))
for shift, name in enumerate(("without", "dot", "additive")):
    right = (translate(nets[name], test.inputs[0])[0] == test.labels).float().mean(0)[:10]
    axis.bar(torch.arange(10) + 0.27 * (shift - 1), right, 0.25, label=name)
axis.set_xticks(range(10), "Y Y Y Y - M M - D D".split())
axis.set(xlabel="character that is written", ylabel="share right", ylim=(0, 1.05))
axis.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
plotting.show("Bars for ten characters: with attention all near 1; without it year and dashes are right, month and day are guessed")

# %% [markdown]
# Without attention the year survives, which is written first. Month and day are as good as guessed.
#
# ## Look at the map
# Four languages, and nobody said where the year stands. Set `MINE` to your date of birth.

# %%
def look(kind, sentences):
    """Draw the attention maps of one network for some dates."""
    source = text.tokens(data.Split(tuple(sentences), ("",) * len(sentences), "test"), letters).inputs
    tokens, weights = translate(nets[kind], source)
    _, axes = plt.subplots(-(-len(sentences) // 2), 2, figsize=(9.6, 2.9 * -(-len(sentences) // 2)), squeeze=False)
    for axis, sentence, row, w in zip(axes.flat, sentences, tokens, weights):
        draw_map(axis, sentence, digits.decode(row), w)
    plotting.show(f"Attention maps ({kind}): " + "; ".join(f"{s} becomes {digits.decode(t)}" for s, t in zip(sentences, tokens)))

MINE = "friday 7 march 1997"
look("additive", [MINE, "1997. márc. 7., p", "7 de março de 1997", "7. maaliskuuta 1997"])

# %% [markdown]
# The 0 of a day looks nowhere in particular: no letter says that it has one digit only.
#
# ## 6. Measure the map (1 point)
# A pretty map proves nothing: somebody picked it. So count, over all unseen dates. For each of the eight digits we know where
# the right part of the text begins and ends. How often does the **largest** weight lie in it?

# %% solution="alignment"
def alignment(weights, spans):
    """weights (N, T, S), spans (N, T, 2): begin and end (not included); returns the share of the N T largest weights inside."""
    ### BEGIN SOLUTION
    place = weights.argmax(2)
    inside = (spans[:, :, 0] <= place) & (place < spans[:, :, 1])
    return float(inside.float().mean())
    ### END SOLUTION

# %% test="check_alignment" points=1
_weights = torch.tensor([[[0.1, 0.7, 0.2, 0.0], [0.4, 0.3, 0.3, 0.0]], [[0.0, 0.1, 0.3, 0.6], [0.2, 0.5, 0.2, 0.1]]])
_spans = torch.tensor([[[1, 3], [1, 4]], [[2, 3], [0, 2]]])
_hint = "The largest lie at 1, 0, 3 and 1; inside are 1 in [1, 3) and 1 in [0, 2): a half. (0.75: 3 is the end of [2, 3), not in it.)"
checks.close(float(alignment(_weights, _spans)), 0.5, _hint)
_hint = "Only the largest counts, not how much weight lies inside."
checks.close(float(alignment(torch.tensor([[[0.26, 0.25, 0.25, 0.24]]]), torch.tensor([[[0, 1]]]))), 1.0, _hint)
checks.close(float(alignment(torch.tensor([[[0.26, 0.25, 0.25, 0.24]]]), torch.tensor([[[1, 4]]]))), 0.0, _hint)
_weights, _spans = torch.eye(7)[torch.tensor([[2, 5, 6], [0, 0, 3]])], torch.tensor([[[2, 4], [5, 6], [0, 6]], [[1, 7], [0, 1], [3, 7]]])
checks.close(float(alignment(_weights, _spans)), 4 / 6, "2 dates, 3 steps, 7 letters: largest at 2, 5, 6 and 0, 0, 3. Over which axis do you look?")
assert checks.passed("alignment")

# %% [markdown]
# <details><summary>Hint 1</summary>Where the largest lies, for each date and step: <code>weights.argmax(2)</code>, (N, T).</details>
# <details><summary>Hint 2</summary>Begins are <code>spans[:, :, 0]</code>. Join two comparisons by <code>&</code>, each in
# brackets.</details>
# <details><summary>The idea of the solution</summary>Compare, make floats of the truth values, take the mean.</details>
#
# Where is the month in "7. maaliskuuta 1997"? **A word that, in one language, only ever comes with one month is its name.**
# Dates that stay unclear, such as 5.5.2012, are left out.

# %%
months = {}
for date, iso, language in zip(dates.train.inputs, dates.train.labels, dates.train.more["languages"]):
    for word in re.findall(r"[^\W\d]+", date.lower()):
        months.setdefault((language, word), []).append(iso[5:7])

def parts(date, iso, language):
    """(begin, end) of year, month and day in the text, or None where that is not clear."""
    year, month, day = iso.split("-")
    numbers = list(re.finditer(r"\d+", date))
    found = [[n for n in numbers if len(n[0]) == 4], [], []]
    short = [n for n in numbers if len(n[0]) < 4]
    if len(short) == 2 and month != day:
        found[1], found[2] = ([n for n in short if int(n[0]) == int(part)] for part in (month, day))
    elif len(short) == 1:
        seen = [(w, months.get((language, w[0].lower()), [])) for w in re.finditer(r"[^\W\d]+", date)]
        found[1], found[2] = [w for w, m in seen if len(m) > 2 and set(m) == {month}], short
    return [one[0].span() for one in found] if all(len(one) == 1 for one in found) else None

clear = [(i, p) for i, p in enumerate(map(parts, dates.test.inputs, dates.test.labels, dates.test.more["languages"])) if p]
spans = torch.tensor([[p[0]] * 4 + [p[1]] * 2 + [p[2]] * 2 for _, p in clear])  # for YYYY, MM, DD
print(f"{len(clear):,} of {len(test):,} dates are clear, such as {dates.test.inputs[clear[0][0]]!r}: year, month, day at {clear[0][1]}")

# %%
WRITTEN, aligned = torch.tensor([0, 1, 2, 3, 5, 6, 8, 9]), {}
some = test.take(torch.tensor([i for i, _ in clear]))
for kind in ("additive", "dot"):
    weights = translate(nets[kind], some.inputs[0])[1][:, WRITTEN]
    wider = spans + torch.tensor([-1, 1])  # one character more on either side
    aligned[kind] = [alignment(weights, spans), alignment(weights, wider)]
    each = [alignment(weights[:, t], spans[:, t]) for t in (slice(0, 4), slice(4, 6), slice(6, 8))]
    print(f"{kind:<9} largest weight on the right part: {aligned[kind][0]:.3f} (year {each[0]:.3f}, month {each[1]:.3f}, "
          f"day {each[2]:.3f}); or one character beside it: {aligned[kind][1]:.3f}")

# %% [markdown]
# Both know where to look. Some of the largest weights lie *beside* the part, though. That depends on the seed: over ten seeds
# it was up to one digit in eight for the dot product. And in your run?

# %%
look("dot", [MINE, "7. maaliskuuta 1997"])

# %% [markdown]
# ## Turn the knob
# Multiply all scores by a number $p$. With $p = 0$ all letters weigh the same, $p = 1$ is the trained network, a
# large $p$ leaves only the largest weight. (Each weight is raised to the power $p$ before they add up to 1 again. Why?)

# %%
def scaled(p, split):
    """The dot-product network with its scores times p: translations, weights."""
    nets["dot"].score = lambda query, keys: p * dot_scores(query, keys)
    out = translate(nets["dot"], split.inputs[0])
    nets["dot"].score = dot_scores
    return out

few, factors = test.take(torch.arange(300)), (0, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 100)
shares = [float((scaled(p, few)[0] == few.labels).all(1).float().mean()) for p in factors]
one = data.Split(("friday 7 march 1997",), ("1997-03-07",), "test")

def draw_scaled(p):
    tokens, weights = scaled(p, text.pairs(one, letters, digits))
    _, (above, below) = plt.subplots(2, 1, figsize=(5.6, 5.6), height_ratios=(1.7, 1))
    draw_map(above, one.inputs[0], digits.decode(tokens[0]), weights[0])
    below.plot(factors[:-1], shares[:-1], "o-")
    below.axvline(p, color=plotting.ORANGE, linestyle="--")
    below.set(xlabel=f"scores times p (here {p:g})", ylabel="share right", ylim=(-0.05, 1.05))
    plotting.show(f"The map for p = {p:g}, and the share of right dates over p: low at 0, all weights equal; high from 1 on, as trained")

plotting.slider(draw_scaled, p=(0.0, 2.0, 0.2))
print(f"only the largest weight left (p = 100): {shares[-1]:.3f} of 300 dates right")

# %% [markdown]
# ## Look at the errors
# Which dates does the dot-product network still get wrong? Would you?

# %%
tokens, _ = translate(nets["dot"], test.inputs[0])
wrong = (~(tokens == test.labels).all(1)).nonzero().flatten().tolist()
print(f"{len(wrong)} of {len(test):,}; the first nine:")
show_some("dot", wrong[:9])

# %% [markdown]
# ## 7. In words (1 point)
# Without attention the loss falls, too, and yet hardly a date is right. Why does the one vector fail here, and what two things
# does attention change, for what has to be stored and for the way of the gradient? Three sentences or so.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_attention" points=1
# All digits of the date must be packed into one vector of 64 numbers and kept there over ten steps of writing; one slip and the whole date is
# wrong, so that a fair share of right digits is still no right date. With attention nothing has to be kept: each step fetches what it needs from the
# state at the letters, and so the length of the input no longer matters. And the gradient of a written digit reaches the letter that it depends on
# in one step, instead of through all steps of decoder and encoder.

# %% [markdown]
# ## 8. In words (1 point)
# With some seeds the largest weight lies on the blank beside the month, and the month is right all the same. What does a column of
# the map really stand for, how can that be enough, and what may you therefore *not* conclude from such a map?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="what_the_map_shows" points=1
# A column stands for the encoder's state at that character, not for the character. The encoder is a GRU that reads both ways, so its state at the blank after
# "march" knows the whole word. A map shows from which states the decoder takes its mean; one may not conclude that the
# letters under the weight are the reason for the output, nor that letters without weight were not used.

# %% [markdown]
# ## Break it
# A colleague prepares the tokens without `text.pairs`. One epoch, and the loss is lower than anything above after three. Then the network is
# used. *What did it learn, and which line is wrong?*

# %%
def my_pairs(split):
    source = text.tokens(split, letters)
    written = torch.tensor([[*digits.encode(iso), text.END] for iso in split.labels])  # (N, 11): all have one length
    lengths = torch.stack([source.lengths, torch.full_like(source.lengths, 11)], 1)
    return data.Split((source.inputs, written), written, "train", lengths)

kept, train = train, my_pairs(dates.train)
nets["broken"], curves["broken"] = learn(dot_scores, epochs=1)
train = kept
show_some("broken", range(4))

# %% [markdown]
# <details><summary>The bug</summary>Target and labels are the same row: the shift is missing. At every step the writer is handed the very
# character that it must predict, and learns to copy it. In use it gets <code>START</code>, which it has never met. The target
# must be <code>[text.START, *row]</code> without the last token. A loss that is too good to be true is not true: write out a few
# translations before you celebrate.</details>
#
# ## Going further (optional)
# - **Real sentences.** Set `REAL` below: sentences of the Tatoeba project in English and Spanish, word by word, with the package's
#   `models.Seq2Seq`, which is what you built. A GPU is used by itself; then take all sentences and width 256.
# - `learn(None, epochs=30)`: how long until the bottleneck catches up?
# - Look at the encoder's *last* state at every step (Cho et al. 2014): `weights` that are 1 there. How far does that get?
#
# To read: Bahdanau, Cho and Bengio 2015 (arXiv 1409.0473), figure 3; Luong, Pham and Manning 2015 (arXiv 1508.04025);
# *Dive into Deep Learning*, chapter 11 (d2l.ai).

# %%
REAL = None  # or "english_spanish": fetched once from manythings.org; or "phrases": English to French, embedded
if REAL:
    pair = data.load(REAL)
    many, new = (split.take(torch.tensor([i for i, s in enumerate(split.inputs) if len(s) < 24][:20000])) for split in (pair.train, pair.test))
    words = [text.Vocabulary.of(x, "word", least=3) for x in (many.inputs, many.labels)]
    model = models.Seq2Seq(len(words[0]), len(words[1]), 96)
    training.fit(model, text.pairs(many, *words), epochs=4, batch_size=64, lr=0.005, optimizer="adam", schedule="one_cycle", clip=1.0)
    said, _ = model.translate(text.pairs(new, *words).inputs[0], start=text.START, end=text.END, steps=12)
    for i in range(9):
        print(f"   {new.inputs[i]:<26}{words[1].decode(said[i]):<34}({new.labels[i]})")

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab13_attention.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("greedy", "masked_softmax", "dot_scores", "additive_scores", "speak", "alignment")
