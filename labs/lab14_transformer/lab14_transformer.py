# %% [markdown]
# # Self-attention and the transformer
#
# Every step of a text looks at every other, and decides for itself where to look. In seven short functions you write a
# transformer. Then *your* functions become a small GPT that writes Python docstrings letter by letter, and a translator from
# English into French. (GPT-3 and ChatGPT are stacks of your block; the first DALL-E drew with one; Pegasus summarises with two
# towers, as your translator does.)
#
# When you are done, you can
# 1. write masked multi-head attention, give it positions, and agree with PyTorch to five digits;
# 2. build an encoder, a decoder and a GPT from two kinds of blocks, and say who looks at whom;
# 3. say by measurement when attention beats an LSTM, when it does not, and what it costs.
#
# About 85 minutes for you, 60 seconds for the processor, no GPU. 8 points: seven exercises and one question in words.
# From lab 13 you know attention between two sequences, from lab 12 the bigram and the LSTM that write text.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, pictures, plotting, runtime, text, training
runtime.start("lab14_transformer")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab14_transformer"

# %%
import math
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## See it first
# Attention is a soft look-up: a **query** is compared with all **keys**, and the **values** of those that match are mixed.
# Here is one that has learned nothing. Query: the last three letters. Keys: the three letters *before* each place. Values: the
# letter that stood at that place. In words: "where have I seen these three before, and what came next?"

# %%
line = "a tale of a whale and a tale of a snail"
kinds = sorted(set(line))
onehot = F.one_hot(torch.tensor([kinds.index(c) for c in line])).float()
three = torch.cat([onehot.roll(3, 0), onehot.roll(2, 0), onehot.roll(1, 0)], 1)[3:]  # of each place from the fourth on
left_only = torch.ones(len(three), len(three)).tril(-1).bool()
match = (6 * three @ three.T).masked_fill(~left_only, -1e9).softmax(1)
copied = match @ onehot[3:]
shown = "".join(kinds[row.argmax()] if t and row.max() > 0.9 else "·" for t, row in enumerate(copied))
_, axis = plt.subplots(figsize=(7.6, 7))
axis.imshow(match * left_only, cmap="viridis")
names = [f"{line[t : t + 3].replace(' ', '␣')} → {shown[t]}" for t in range(len(three))]
axis.set(xticks=range(len(three)), xticklabels=[c.replace(" ", "␣") for c in line[3:]], yticks=range(len(three)), xlabel="looks at (value)")
axis.set_yticklabels(names, fontsize=7.5, family="monospace")
axis.set(ylabel="asks: three letters → what it foretells")
axis.grid(False)
plotting.show("A lower triangle; a bright stripe runs along a diagonal where 'a tale of a' comes for the second time")
print("the line     ", line, "\nit foretells ", "···" + shown, sep="")

# %% [markdown]
# Nothing was trained, and still the second *tale of a* is copied from the first: the bright stripe. A transformer **learns**
# its queries, keys and values. Large ones find this very trick by themselves (Olsson et al. 2022).
#
# **Predict.** A GPT and an LSTM get the same number of parameters and read the same text, batch by batch. After
# 300 batches the LSTM's loss on new text is about 1.9 nats a letter (counting pairs of letters: 2.7; guessing: 4.5).
# What will the GPT's be?

# %%
guess = None
checks.predict("gpt", guess, "The GPT's loss on new text, in nats a letter?")

# %% [markdown]
# ## 1. Scaled dot-product attention (1 point)
# $T$ steps ask, $S$ steps answer. Query and keys have $D$ numbers each; every value is a row of $V$:
#
# $$W = \operatorname{softmax}\!\Big(\frac{Q K^\top}{\sqrt{D}}\Big) \qquad \text{result} = W V$$
#
# The softmax runs over the $S$ keys, so that each row of $W$, one asking step, adds up to 1. Why $\sqrt{D}$? A sum of
# $D$ products of random numbers grows like $\sqrt{D}$; divided by it, the softmax starts out soft, and its gradient lives.
#
# A **mask** says who may look where: `True` = may look. Where it is `False`, the score becomes $-\infty$ *before* the
# softmax, and the weight is exactly 0. All axes in front of the last two are batch (and heads): `@` and
# `.transpose(-2, -1)` take care of them.

# %% solution="attention"
def attention(query, key, value, mask=None):
    """query (..., T, D), key (..., S, D), value (..., S, V), mask (..., T, S) of bool or None.

    Returns the mix (..., T, V) and the weights (..., T, S).
    """
    ### BEGIN SOLUTION
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights
    ### END SOLUTION

# %%
queries = torch.tensor([[4.0, 0], [0, 4], [0, 0]])
keys = torch.tensor([[1.0, 0], [0, 1], [0, 1], [-1, -1]])
values = torch.tensor([[10.0], [20], [40], [80]])
mixed, weights = attention(queries, keys, values)
for query, row, mix in zip(queries, weights, mixed):
    print(f"query {query.tolist()} looks {[round(w, 2) for w in row.tolist()]} and gets {mix.item():.1f}")
print("without the last key:", attention(queries, keys, values, torch.tensor([True, True, True, False]))[0].flatten().tolist())

# %% test="check_attention" points=1
_found, _weights = attention(torch.tensor([[2.0, 0, 0, 0]]), torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]]), torch.tensor([[1.0], [0]]))
_hint = "Scores 2 and 0, divided by the root of 4: 1 and 0. softmax: 0.731. (0.881: not divided; 0.622: divided by 4.)"
checks.close(_found, torch.tensor([[0.7310586]]), _hint)
checks.close(_weights, torch.tensor([[0.7310586, 0.2689414]]), "The second result is the weights, each row adding up to 1.")
_draw = torch.Generator().manual_seed(1)
_q, _k, _v = (torch.randn(s, generator=_draw) for s in ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 4)))
_mask = torch.rand(2, 1, 5, 7, generator=_draw) < 0.6
_mask[..., 0] = True
checks.close(attention(_q, _k, _v)[0], F.scaled_dot_product_attention(_q, _k, _v), "Two axes in front, no mask.", 1e-5, 1e-5)
_found, _weights = attention(_q, _k, _v, _mask)
_hint = "With a mask: True may look. Is the softmax taken after the mask, over the keys?"
checks.close(_found, F.scaled_dot_product_attention(_q, _k, _v, attn_mask=_mask), _hint, 1e-5, 1e-5)
_hint = "What is masked gets exactly 0, and the rest of the row still adds up to 1, for scores of any size."
checks.close(attention(-90 * _q.abs(), 90 * _k.abs(), _v, _mask)[1].sum(-1), torch.ones(2, 3, 5), _hint)
checks.close(attention(-90 * _q.abs(), 90 * _k.abs(), _v, _mask)[1] * ~_mask, torch.zeros(2, 3, 5, 7), _hint)
assert checks.passed("attention")

# %% [markdown]
# <details><summary>Hint</summary><code>query @ key.transpose(-2, -1)</code> is (..., T, S): all scores at once. Then
# <code>scores.masked_fill(~mask, -math.inf)</code>.</details>
# <details><summary>The idea of the solution</summary>Scores over the root of <code>query.shape[-1]</code>; mask if there is
# one; softmax over the last axis; <code>weights @ value</code>.</details>
#
# ## 2. Who may look at whom (1 point)
# Two reasons to forbid a look. **Padding**: short texts are filled up, and filling says nothing. **The future**: a model
# that is to foretell the next letter must not see it. With the second mask, called *causal*, all $T$ steps of a text train
# at once: each sees only its own past, as if the text ended there.
#
# Row $t$ asks, column $s$ answers. `real` says which steps are text and which filling. Filling only shuts its *column*: a
# filling step may itself go on asking (its result is ignored; a row with nothing allowed would have no softmax).

# %% solution="may_look"
def may_look(real, causal):
    """real (B, T) of bool, causal True or False; returns (B, T, T) of bool: may step t (row) look at step s (column)?"""
    ### BEGIN SOLUTION
    batch, length = real.shape
    mask = real[:, None, :].expand(batch, length, length)
    return mask.tril() if causal else mask
    ### END SOLUTION

# %%
real = torch.tensor([[True] * 8, [True] * 5 + [False] * 3])
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.4))
for axis, which, causal, title in zip(axes, (1, 0, 1), (False, True, True), ("5 letters, 3 filling", "causal", "both")):
    axis.imshow(may_look(real, causal)[which], cmap="Blues", vmin=-0.2, vmax=1.4)
    axis.set(title=title, xlabel="looked at: step s", ylabel="asks: step t", xticks=range(8), yticks=range(8))
    axis.grid(False)
plotting.show("Three 8 by 8 masks: without the last three columns, a lower triangle with its diagonal, and both together")

# %% test="check_may_look" points=1
_found = may_look(torch.tensor([[True, True, False]]), False)
checks.close(_found, torch.tensor([[[True, True, False]] * 3]), "No row may look at the third column, which is filling. (Rows?)")
_hint = "Step 0 sees itself, step 1 sees 0 and 1: a lower triangle *with* its diagonal. (Upper: that is the future.)"
checks.close(may_look(torch.ones(1, 3, dtype=torch.bool), True)[0], torch.ones(3, 3).tril().bool(), _hint)
_real = torch.tensor([[True, True, True, False], [True, False, False, False]])
_wanted = torch.stack([torch.tensor([[i <= t and bool(r[i]) for i in range(4)] for t in range(4)]) for r in _real])
checks.close(may_look(_real, True), _wanted, "Both together, two texts: allowed is what *neither* forbids.")
assert checks.passed("may_look")

# %% [markdown]
# <details><summary>Hint 1</summary><code>real[:, None, :]</code> is (B, 1, T): one row for all who ask;
# <code>.expand(B, T, T)</code> repeats it.</details>
# <details><summary>Hint 2</summary><code>.tril()</code> keeps the lower triangle and the diagonal, of bool too.</details>
#
# ## 3. Positions (1 point)
# Shuffle the words, and attention gives the same results, shuffled. It sees a bag:

# %%
words = torch.randn(5, 16, generator=torch.Generator().manual_seed(2))
order = torch.tensor([3, 0, 4, 1, 2])
first, second = attention(words, words, words)[0], attention(words[order], words[order], words[order])[0]
print(f"shuffled in, shuffled out: largest difference {(first[order] - second).abs().max():.0e}")

# %% [markdown]
# "The dog bites the man" needs more. The paper of 2017 *adds* a table of sine waves to the embeddings, GPT-2 a table
# that is learned. Most models of today **turn** queries and keys instead (*rotary* positions): take the numbers $i$ and
# $i + D/2$ of step $t$ (the first step is 0) as an arrow $(a, b)$ in the plane, and turn it by the angle $t\,\theta_i$:
#
# $$\begin{pmatrix} a \\ b \end{pmatrix} \to \begin{pmatrix} a \cos t\theta_i - b \sin t\theta_i \\
# b \cos t\theta_i + a \sin t\theta_i \end{pmatrix} \qquad \theta_i = 10000^{-2i/D}, \quad i = 0, \dots, \tfrac{D}{2} - 1$$
#
# Arrow 0 turns by 1 radian a step, the last hardly at all: hands of a clock from seconds to years. A dot product knows
# only the angle *between* two arrows, so a score depends on how far apart query and key are, not on where.

# %% solution="rotate"
def rotate(x):
    """x (..., T, D), D even; returns the same shape: the arrows of step t turned by t times their theta."""
    ### BEGIN SOLUTION
    length, width = x.shape[-2:]
    theta = 10000.0 ** (-2 * torch.arange(width // 2, device=x.device) / width)
    angle = torch.arange(length, device=x.device)[:, None] * theta
    a, b = x[..., : width // 2], x[..., width // 2 :]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)
    ### END SOLUTION

# %%
turned = rotate(torch.ones(200, 32))
waves = torch.arange(200)[:, None] * 10000.0 ** (-torch.arange(0, 32, 2) / 32)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6))
shown = left.imshow(torch.cat([waves.sin(), waves.cos()], 1).T, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
left.set(xlabel="position (step)", ylabel="number", title="2017: waves that are added")
left.grid(False)
figure.colorbar(shown, ax=left)
for place in (50, 100, 150):
    right.plot(torch.arange(200) - place, turned @ turned[place] / 32, label=f"query at step {place}")
right.set(xlabel="distance of the key (steps)", ylabel="dot product of equal arrows", title="today: turned arrows", xlim=(-50, 50))
right.legend(fontsize=9)
plotting.show("Left: stripes, narrow above and wide below. Right: three curves, one for each place of the query, lie on each other")

# %% test="check_rotate" points=1
_hint = "Step 0 is not turned; step 1 turns its first arrow (1, 0) by one radian: (0.540, 0.841)."
checks.close(rotate(torch.tensor([[1.0, 0], [1, 0]])), torch.tensor([[1.0, 0], [0.5403023, 0.8414710]]), _hint)
_hint = "D = 4: arrow 0 is the numbers 0 and 2, theta 1; arrow 1 the numbers 1 and 3, theta 0.01. Here step 1."
checks.close(rotate(torch.tensor([[0.0] * 4, [0, 1, 3, 0]]))[1], torch.tensor([-2.5244130, 0.9999500, 1.6209069, 0.0099998]), _hint)
_x = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(3))
_copy, _found = _x.clone(), rotate(_x)
checks.close(_found.norm(dim=-1), _x.norm(dim=-1), "Turning an arrow keeps its length.", 1e-4, 1e-5)
checks.close(_x, _copy, "The input is changed: make a new tensor.")
_q, _k = rotate(_x[0, 0, :1].expand(9, 8)), rotate(_x[1, 0, :1].expand(9, 8))
_scores = _q @ _k.T
checks.close(_scores[1:, 1:], _scores[:-1, :-1], "Three steps apart is three steps apart: scores may depend on t - s only.", 1e-4, 1e-4)
assert checks.passed("rotate")

# %% [markdown]
# <details><summary>Hint 1</summary><code>torch.arange(T)[:, None] * theta</code> is the table of all angles, (T, D/2). Add
# <code>device=x.device</code> to both <code>arange</code>, and it runs on a GPU, too.</details>
# <details><summary>Hint 2</summary><code>a = x[..., :D // 2]</code>, <code>b = x[..., D // 2:]</code>; the axes in front
# follow by themselves.</details>
#
# ## 4. Many heads (1 point)
# One softmax can look at one kind of thing. So cut the width $D$ into $H$ **heads** of $D/H$ numbers, let each attend by
# itself, and lay the results side by side again. The matrix products cost no more: $H$ times as many scores, each a dot
# product of only $D/H$ numbers.
#
# (B, T, D) $\to$ (B, T, H, D/H) $\to$ (B, H, T, D/H), attend, and back. The mask (B, T, S) is the same for all heads: it
# needs an axis of size 1 in their place. `attend` is handed in, so that this test does not depend on your exercise 1.

# %% solution="multi_head"
def multi_head(attend, query, key, value, heads, mask=None):
    """query (B, T, D), key and value (B, S, D), mask (B, T, S) of bool or None; returns (B, T, D).

    attend(query, key, value, mask) returns the mix and the weights, as in exercise 1, for any axes in front.
    """
    ### BEGIN SOLUTION
    query, key, value = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (query, key, value))
    mixed, _ = attend(query, key, value, None if mask is None else mask.unsqueeze(1))
    return mixed.transpose(1, 2).flatten(2)
    ### END SOLUTION

# %%
torch.manual_seed(4)
theirs = nn.MultiheadAttention(64, 4, batch_first=True).eval()
steps, real = torch.randn(3, 10, 64), torch.arange(10) < torch.tensor([[10], [7], [4]])
q, k, v = (steps @ theirs.in_proj_weight.T + theirs.in_proj_bias).chunk(3, 2)
with torch.no_grad():
    ours = theirs.out_proj(multi_head(attention, q, k, v, 4, may_look(real, True)))
    wanted, _ = theirs(steps, steps, steps, key_padding_mask=~real, attn_mask=~torch.ones(10, 10).tril().bool())
print(f"yours against nn.MultiheadAttention, padding and causal mask: largest difference {(ours - wanted).abs().max():.0e}")
a, b = (F.scaled_dot_product_attention(q, k, v, is_causal=True), attention(q, k, v, may_look(torch.ones_like(real), True))[0])
print(f"yours against F.scaled_dot_product_attention, causal:         largest difference {(a - b).abs().max():.0e}")

# %% [markdown]
# (Mind the tildes: in torch's own module a mask says who may *not* look.)

# %% test="check_multi_head" points=1
def _attend(query, key, value, mask):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1) @ value, scores.softmax(-1)

_draw = torch.Generator().manual_seed(5)
_q, _k, _v = (torch.randn(s, generator=_draw) for s in ((2, 5, 12), (2, 7, 12), (2, 7, 12)))
_hint = "One head is plain attention."
checks.close(multi_head(_attend, _q, _k, _v, 1), _attend(_q, _k, _v, None)[0], _hint, 1e-5, 1e-5)
_wanted = torch.cat([_attend(_q[..., i : i + 4], _k[..., i : i + 4], _v[..., i : i + 4], None)[0] for i in (0, 4, 8)], 2)
_hint = "3 heads: the first owns numbers 0 to 3 of every step, the next 4 to 7. A reshape alone mixes steps and heads: transpose."
checks.close(multi_head(_attend, _q, _k, _v, 3), _wanted, _hint, 1e-5, 1e-5)
_mask = torch.rand(2, 5, 7, generator=_draw) < 0.6
_mask[..., 0] = True
_parts = [_attend(_q[..., i : i + 4], _k[..., i : i + 4], _v[..., i : i + 4], _mask)[0] for i in (0, 4, 8)]
checks.close(multi_head(_attend, _q, _k, _v, 3, _mask), torch.cat(_parts, 2), "With a mask: (B, 1, T, S), one for all heads.", 1e-5, 1e-5)
_square = multi_head(_attend, _q[:, :3], _k[:, :3], _v[:, :3], 2, torch.ones(3, 3).tril().bool().expand(2, 3, 3))
_parts = [_attend(_q[:, :3, i : i + 6], _k[:, :3, i : i + 6], _v[:, :3, i : i + 6], torch.ones(3, 3).tril().bool())[0] for i in (0, 6)]
checks.close(_square, torch.cat(_parts, 2), "2 heads, 3 steps, causal.", 1e-5, 1e-5)
assert checks.passed("multi_head")

# %% [markdown]
# <details><summary>Hint 1</summary><code>x.view(B, T, heads, D // heads).transpose(1, 2)</code> cuts and brings the heads
# forward. The same for query, key and value (whose length may differ).</details>
# <details><summary>Hint 2</summary>Back: <code>.transpose(1, 2)</code>, then <code>.flatten(2)</code>. The mask:
# <code>mask.unsqueeze(1)</code>, if there is one.</details>
# <details><summary>The idea of the solution</summary>Three lines: cut all three, attend, put together.</details>
#
# ## 5. A block (1 point)
# Attention moves information *between* steps. Then every step **thinks** for itself: a small MLP. Both only *add* to what
# is there (a residual, lab 8), and both read it through a **layer norm** (each step brought to mean 0 and spread 1):
#
# $$x \leftarrow x + \text{look}(\text{norm}_1(x)) \qquad x \leftarrow x + \text{think}(\text{norm}_2(x))$$
#
# A stack of these is an **encoder**. With a causal mask inside `look`, the same stack is a GPT.

# %% solution="encoder_block"
def encoder_block(steps, norm1, look, norm2, think):
    """steps (B, T, D); the others are functions of one such tensor; returns (B, T, D)."""
    ### BEGIN SOLUTION
    steps = steps + look(norm1(steps))
    return steps + think(norm2(steps))
    ### END SOLUTION

# %%
print("look adds 10, think doubles, no norms: 1 becomes",
      encoder_block(torch.ones(1, 1, 1), lambda x: x, lambda x: 0 * x + 10, lambda x: x, lambda x: 2 * x).item())

# %% test="check_encoder_block" points=1
def _plain(x):
    return x.clone()

_x = torch.ones(1, 1, 1)
_found = encoder_block(_x, _plain, lambda x: 0 * x + 10, _plain, lambda x: 2 * x)
checks.close(_found, torch.full((1, 1, 1), 33.0), "1 + 10 is 11, and 11 + 22 is 33. (22: no second way around; 13: think read the old x.)")
checks.close(_x, torch.ones(1, 1, 1), "The input is changed: write x = x + ..., not x += ...")
torch.manual_seed(6)
_layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0, activation="gelu", batch_first=True, norm_first=True).eval()
_x = 3 * torch.randn(2, 5, 16) + 1
with torch.no_grad():
    _wanted = _layer(_x)
    _found = encoder_block(_x, _layer.norm1, lambda x: _layer.self_attn(x, x, x)[0], _layer.norm2,
                           lambda x: _layer.linear2(F.gelu(_layer.linear1(x))))
checks.close(_found, _wanted, "Against nn.TransformerEncoderLayer(norm_first=True): norm inside, sum outside.", 1e-4, 1e-5)
assert checks.passed("encoder_block")

# %% [markdown]
# <details><summary>The idea of the solution</summary>Two lines, the two formulas above. Each function is called once, on a
# normed x; what is added to is *not* normed.</details>
#
# ## Two towers
# A translator has two stacks. The **encoder** reads the source and leaves a *memory*, one row for each source step. The
# **decoder** writes, and its blocks have a third part in the middle, **cross-attention**: the *queries* come from the
# decoder, the *keys and values* from the memory.

# %%
def box(axis, x, y, words, colour, wide=2.3):
    axis.add_patch(plt.Rectangle((x - wide / 2, y - 0.3), wide, 0.6, facecolor=colour, edgecolor="black", alpha=0.75))
    axis.text(x, y, words, ha="center", va="center", fontsize=9)

def arrow(axis, start, end, bend=0.0):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "connectionstyle": f"arc3,rad={bend}", "linewidth": 1.3})

# %%
_, axis = plt.subplots(figsize=(8.6, 4.8))
towers = {2: (("source in", "white"), ("embed", plotting.GREY), ("look", plotting.SKY), ("think", plotting.GREEN), ("memory", "white")),
          6: (("written so far", "white"), ("embed", plotting.GREY), ("look (causal)", plotting.SKY), ("ask", plotting.ORANGE),
              ("think", plotting.GREEN), ("scores: next letter", "white"))}
for x, tower in towers.items():
    for y, (words_, colour) in enumerate(tower):
        box(axis, x, y, words_, colour)
        if y:
            arrow(axis, (x, y - 0.7), (x, y - 0.3))
for x, heights in ((2, (2, 3)), (6, (2, 3, 4))):
    for y in heights:  # the way around each part
        arrow(axis, (x + 0.25, y - 0.45), (x + 0.25, y + 0.42), 1.9)
arrow(axis, (3.15, 4), (4.85, 3), 0.0)
axis.text(3.75, 3.85, "keys, values", fontsize=9)
axis.text(2, 4.75, "encoder", ha="center", weight="bold")
axis.text(6, 5.6, "decoder; without “ask” it is a GPT", ha="center", weight="bold")
axis.set(xlim=(0, 8.4), ylim=(-0.5, 6))
axis.axis("off")
plotting.show("Two towers: the encoder's memory at its top goes into the part 'ask' of the decoder; round each part a way around")

# %% [markdown]
# ## 6. A decoder block (1 point)
# The orange part, with its own norm and its own way around, between the other two:
#
# $$x \leftarrow x + \text{look}(\text{norm}_1(x)) \qquad x \leftarrow x + \text{ask}(\text{norm}_2(x), \text{memory})
# \qquad x \leftarrow x + \text{think}(\text{norm}_3(x))$$

# %% solution="decoder_block"
def decoder_block(steps, memory, norm1, look, norm2, ask, norm3, think):
    """steps (B, T, D), memory (B, S, D); ask(steps, memory), the others take steps; returns (B, T, D)."""
    ### BEGIN SOLUTION
    steps = steps + look(norm1(steps))
    steps = steps + ask(norm2(steps), memory)
    return steps + think(norm3(steps))
    ### END SOLUTION

# %% test="check_decoder_block" points=1
torch.manual_seed(7)
_layer = nn.TransformerDecoderLayer(16, 2, 32, dropout=0, activation="gelu", batch_first=True, norm_first=True).eval()
for _norm in (_layer.norm1, _layer.norm2, _layer.norm3):
    nn.init.normal_(_norm.weight)  # three norms that differ
_x, _memory = 2 * torch.randn(2, 5, 16) + 1, torch.randn(2, 7, 16)
_x_copy, _memory_copy = _x.clone(), _memory.clone()
with torch.no_grad():
    _wanted = _layer(_x, _memory)
    _found = decoder_block(_x, _memory, _layer.norm1, lambda x: _layer.self_attn(x, x, x)[0], _layer.norm2,
                           lambda x, m: _layer.multihead_attn(x, m, m)[0], _layer.norm3,
                           lambda x: _layer.linear2(F.gelu(_layer.linear1(x))))
_hint = "Against nn.TransformerDecoderLayer: look, ask, think in this order, each with its own norm and way around. The memory is not normed again."
checks.close(_found, _wanted, _hint, 1e-4, 1e-5)
checks.close([_x.sum(), _memory.sum()], [_x_copy.sum(), _memory_copy.sum()], "An input is changed: write x = x + ..., not x += ...")
assert checks.passed("decoder_block")

# %% [markdown]
# <details><summary>The idea of the solution</summary>Three lines: exercise 5 with
# <code>steps + ask(norm2(steps), memory)</code> in the middle.</details>
#
# ## Put together
# The cells below hold what is *learned*: matrices for queries, keys, values and result, the MLP, the norms. What is *done* with
# them is yours. One thing is new since 2017: `blend` mixes queries, keys and values with those of the two steps before, a
# depthwise convolution of three weights (So et al. 2021, *Primer*). So no head need spend its looks on the neighbours.

# %%
def blend(x, share):
    """x (B, T, D), share (3, D): each step with something of the step before it and of the one before that."""
    return share[0] * x + share[1] * F.pad(x, (0, 0, 1, 0))[:, :-1] + share[2] * F.pad(x, (0, 0, 2, 0))[:, :-2]

# %%
class Look(nn.Module):
    """Multi-head attention from `steps` to `source`, or to themselves; keeps its last weights for the pictures."""
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.weights = heads, None
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.near = nn.ParameterList(nn.Parameter(torch.tensor([[0.5], [0.25], [0.25]]).repeat(1, width)) for _ in range(3))

    def forward(self, steps, mask, source=None):
        def attend(query, key, value, mask):
            if source is None:  # positions, among its own steps
                query, key = rotate(query), rotate(key)
            mixed, weights = attention(query, key, value, mask)
            self.weights = weights.detach()
            return mixed, weights
        parts = self.q(steps), *(part(steps if source is None else source) for part in (self.k, self.v))
        if source is None:
            parts = [blend(x, share) for x, share in zip(parts, self.near)]
        return self.out(multi_head(attend, *parts, self.heads, mask))

# %%
class Block(nn.Module):
    """An encoder block; with cross=True a decoder block, which is handed a memory, too."""
    def __init__(self, width, heads, cross=False):
        super().__init__()
        self.look, self.ask = Look(width, heads), Look(width, heads) if cross else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if cross else 2))
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, steps, mask, memory=None, memory_mask=None):
        def look(x):
            return self.look(x, mask)
        if memory is None:
            return encoder_block(steps, self.norms[0], look, self.norms[1], self.think)
        def ask(x, memory):
            return self.ask(x, memory_mask, memory)
        return decoder_block(steps, memory, self.norms[0], look, self.norms[1], ask, self.norms[2], self.think)

# %%
class GPT(nn.Module):
    """Tokens (B, T) to scores (B, T, K) for the token after each."""
    def __init__(self, vocabulary, width=96, heads=4, blocks=2):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, tokens, mask=None):
        mask = may_look(torch.ones_like(tokens, dtype=torch.bool), True) if mask is None else mask
        steps = self.embed(tokens)
        for block in self.blocks:
            steps = block(steps, mask)
        return self.scores(self.norm(steps))

# %%
docs = data.load("docs", docstrings=True)  # in the field: data.load("shakespeare")
letters = text.Vocabulary.of(docs.train, least=100)
LENGTH, K = 64, len(letters)
train_pieces, test_pieces = (text.windows(part, letters, LENGTH) for part in (docs.train, docs.test))
test_pieces = test_pieces.take(torch.arange(0, len(test_pieces), 3))
device = runtime.device()
test_inputs, test_labels = test_pieces.inputs.to(device), test_pieces.labels.to(device)
torch.manual_seed(0)
gpt, lstm = GPT(K).to(device), models.RecurrentLM(K, 160).to(device)
size = {name: sum(p.numel() for p in model.parameters()) for name, model in (("GPT", gpt), ("LSTM", lstm))}
print(f"{len(docs.train):,} docstrings of the standard library in pieces of {LENGTH} letters: {len(train_pieces):,} to train on,")
print(f"{len(test_pieces):,} of other modules to test on; GPT {size['GPT']:,} parameters, LSTM {size['LSTM']:,}")
print("one piece:", repr(letters.decode(train_pieces.inputs[1000])))

# %% [markdown]
# ## Train and watch
# Same pieces, same number of steps, each with the best rate found for it (0.015 and 0.008), warmed up and brought down to 0.

# %%
STEPS, curves, seconds = 300, {}, {}

def trainer(name, model, rate):
    """Returns more(steps), which goes on training by so many batches of 32 pieces."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99))
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=STEPS + 1, pct_start=0.1)
    order, losses, seconds[name] = torch.Generator().manual_seed(0), [], 0.0
    def more(steps):
        began = time.process_time()
        for _ in range(steps):
            batch = train_pieces.take(torch.randint(len(train_pieces), (32,), generator=order))
            loss = F.cross_entropy(model(batch.inputs.to(device)).flatten(0, 1), batch.labels.to(device).flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"{name}, step {len(losses)}: {sum(losses[-25:]) / 25:.2f} nats a letter", flush=True)
        seconds[name] += time.process_time() - began
        curves[name] = [sum(losses[max(0, i - 9) : i + 1]) / min(10, i + 1) for i in range(len(losses))]  # of the last ten
    return more

# %%
torch.manual_seed(1)
trainer("LSTM", lstm, 0.015)(STEPS)

# %%
torch.manual_seed(2)
more = trainer("GPT", gpt, 0.008)
more(STEPS // 2)

# %%
more(STEPS // 2)

# %%
@torch.no_grad()
def each_loss(model, inputs=None, labels=None, **more):
    """Loss of every letter (N, T), in nats."""
    inputs, labels = (test_inputs, test_labels) if inputs is None else (inputs, labels)
    parts = [F.cross_entropy(model(x, **more).transpose(1, 2), y, reduction="none") for x, y in zip(inputs.split(128), labels.split(128))]
    return torch.cat(parts).cpu()

pairs = text.bigram(train_pieces.inputs, train_pieces.labels, K)
common = train_pieces.labels.flatten().bincount(minlength=K).float().add(1).log()
unseen = {"letter frequencies": -(common - common.exp().sum().log())[test_pieces.labels],
          "bigram, counted": -pairs[test_pieces.inputs, test_pieces.labels]}
for name, model in (("LSTM", lstm), ("GPT", gpt)):
    unseen[name] = each_loss(model)
print(f"{'new text, nats a letter':<26}{'loss':>7}{'bits':>7}{'parameters':>12}{'steps':>7}{'seconds':>9}")
for name, loss in unseen.items():
    what = f"{size[name]:>12,}{STEPS:>7}{seconds[name]:>9.0f}" if name in size else ""
    print(f"{name:<26}{loss.mean():>7.3f}{loss.mean() / math.log(2):>7.2f}{what}")
plotting.show_curves({f"{name}, training": curve for name, curve in curves.items()}, xlabel="step", ylabel="loss (nats a letter)",
                     baseline=("bigram on new text", float(unseen["bigram, counted"].mean())))
checks.outcome("gpt", float(unseen["GPT"].mean()))

# %% [markdown]
# **On which terms does the GPT win?** Equal parameters, equal text, equal steps: yes, by 0.03 to 0.07 nats. Equal *seconds on a CPU*:
# **no**. An LSTM step costs half as much; with the GPT's seconds the LSTM makes 660 steps and comes to 1.75. (On a GPU that turns
# round: the LSTM must walk its 64 steps one after the other, the GPT does all at once.) Nor with little text: on the manual of
# lab 12, which both read twice in 300 steps, a GPT without `blend` had 1.64 and the LSTM 1.61. Attention takes less for granted,
# so it has more to learn.
#
# ## Where does it win?
# Left: the loss against the place in the piece, that is, how much can be looked back at. Right: letters whose last three have
# stood in the piece before and were followed by the *same* letter, so that one could copy, and all others.

# %%
def copyable(inputs, labels):
    """(N, T) of bool: did the last three letters stand here before, followed by this very letter?"""
    same = (inputs[:, :, None] == inputs[:, None, :])  # (N, T, S)
    three = same[:, 2:, 2:] & same[:, 1:-1, 1:-1] & same[:, :-2, :-2] & (labels[:, 2:, None] == labels[:, None, 2:])
    return F.pad(three.tril(-1).any(2), (2, 0))

copies = copyable(test_pieces.inputs[:600], test_pieces.labels[:600])
models_shown = {name: each_loss(model, test_inputs[:600], test_labels[:600]) for name, model in (("LSTM", lstm), ("GPT", gpt))}
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.7), width_ratios=(1.5, 1))
for shift, (name, loss) in zip((-0.2, 0.2), models_shown.items()):
    left.plot(range(2, LENGTH + 1, 2), loss.mean(0).view(-1, 2).mean(1), label=name)
    bars = right.bar([0 + shift, 1 + shift], [loss[copies].mean(), loss[~copies].mean()], 0.38, label=name)
    right.bar_label(bars, fmt="%.2f", fontsize=9)
left.set(xlabel="place in the piece (letter)", ylabel="loss (nats a letter)")
right.set(xticks=(0, 1), xticklabels=(f"could be copied\n({copies.float().mean():.0%})", "all others"))
left.legend()
plotting.show("Left: both fall with more to look back at, the GPT further. Right: bars of both for letters that could be copied, and others")

# %% [markdown]
# ## Turn the knob: how far back?
# Your mask is a knob. Take the trained GPT and let each step see only the last $n$ letters:

# %%
def look_back(n):
    near = torch.ones(LENGTH, LENGTH, dtype=torch.bool, device=device).tril().triu(-n + 1)
    return float(each_loss(gpt, test_inputs[:256], test_labels[:256], mask=near.expand(1, -1, -1)).mean())

reach = {n: look_back(n) for n in (1, 2, 3, 4, 6, 8, 16, 32, 64)}
_, axis = plt.subplots()
axis.plot(list(reach), list(reach.values()), "o-", label="GPT, blinkered")
axis.axhline(float(unseen["bigram, counted"].mean()), color="black", linestyle="--", linewidth=1.2, label="bigram")
axis.set(xscale="log", xlabel="letters that each step may see, in each block", ylabel="loss on new text (nats a letter)",
         xticks=list(reach), xticklabels=list(reach))
axis.minorticks_off()
axis.legend()
plotting.show("The loss falls steeply from 1 to 4 letters and is nearly flat from 16 on; the dashed bigram is as high as its beginning")

# %% [markdown]
# Eight letters in each block are nearly enough. (With two blocks and `blend` that reaches 18 letters back: each block hands on
# what it saw.) Of what lies further back this text has little use. That is why an LSTM comes so close: forgetting costs it
# little here.
#
# ## What the heads look at
# Two blocks, four heads each. First on average over 128 pieces, then four of them on one line, letter by letter.

# %%
def habits(inputs):
    """For each of the 8 heads: the share of its looks that go to the step itself, 1 back, 2 to 8 back, further."""
    gpt(inputs.to(device))
    looks = torch.cat([block.look.weights for block in gpt.blocks], 1).mean(0).cpu()[:, 16:]  # (8, T - 16, T)
    back = torch.arange(16, LENGTH)[:, None] - torch.arange(LENGTH)
    return torch.stack([(looks * near).sum(2).mean(1) for near in (back == 0, back == 1, (back > 1) & (back < 9), back > 8)])

table = habits(test_pieces.inputs[:128])
WHAT = ("itself", "1 back", "2 to 8 back", "further")
print(f"{'share of the looks':<18}" + "".join(f"{what:>13}" for what in WHAT))
for head in range(8):
    print(f"block {head // 4 + 1}, head {head % 4 + 1:<4}" + "".join(f"{float(share):>13.2f}" for share in table[:, head]))

# %%
sentence = "if key is in the dict, return key"
gpt(torch.tensor([letters.encode(sentence)], device=device))
maps = torch.cat([block.look.weights[0] for block in gpt.blocks]).cpu()  # (8, T, T)
names = [c.replace(" ", "␣") for c in sentence]
_, axes = plt.subplots(2, 2, figsize=(9.6, 9.6))
for kind, axis in enumerate(axes.flat):
    head = int(table[kind].argmax())
    axis.imshow(maps[head] ** 0.5, cmap="viridis", vmin=0, vmax=1)
    axis.set_title(f"most looks at: {WHAT[kind]} (block {head // 4 + 1}, head {head % 4 + 1})", fontsize=10)
    axis.set(xticks=range(len(names)), yticks=range(len(names)))
    axis.set_xticklabels(names, fontsize=7)
    axis.set_yticklabels(names, fontsize=7)
    axis.grid(False)
axes[0, 0].set(ylabel="asks")
axes[1, 0].set(ylabel="asks", xlabel="looks at")
plotting.show("Four lower triangles: bright along the diagonal, one beside it, in short columns at the beginnings of words, and spread wide")

# %% [markdown]
# Nobody assigned these jobs. Short columns at the first letters of words are looks back at how the word began; a wide, pale head
# collects what the text is about.

# %% [markdown]
# ## Let it write
# Lab 12's loop, only that a GPT keeps no memory: at each step it reads the last 64 letters anew.

# %%
@torch.no_grad()
def continued(start, count, temperature):
    tokens = torch.tensor([letters.encode(start)], device=device)
    for _ in range(count):
        scores = gpt(tokens[:, -LENGTH:])[0, -1] / temperature
        tokens = torch.cat([tokens, torch.multinomial(scores.softmax(0), 1)[None]], 1)
    return "".join(letters.tokens[n] if n > 3 else "\n~\n" for n in tokens[0].tolist())  # ~ between two docstrings

torch.manual_seed(3)
for temperature in (0.4, 0.8):
    print(f"--- temperature {temperature}\n{continued('Return the ', 220, temperature)}\n")

# %% [markdown]
# ## Translate
# Now the other tower. English dates into French, word by word: an encoder block, a decoder block, both yours, a tenth of the
# GPT's training. Watch the map of the cross-attention.

# %%
def of_kind(part, kind="date"):
    return part.take(torch.tensor([i for i, one in enumerate(part.more["kinds"]) if one == kind]))

phrases = data.load("phrases")
english_train, english_test = of_kind(phrases.train), of_kind(phrases.test)
english, french = text.Vocabulary.of(english_train, "word"), text.Vocabulary.of(english_train.labels, "word")
dates, new_dates = (text.pairs(part, english, french) for part in (english_train, english_test))

class Translator(nn.Module):
    """source (B, S) and what is written so far (B, T) to scores (B, T, K) for the next word."""
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.source, self.target = nn.Embedding(len(english), width), nn.Embedding(len(french), width)
        self.encoder, self.decoder = Block(width, heads), Block(width, heads, cross=True)
        self.norms, self.scores = nn.ModuleList(nn.LayerNorm(width) for _ in range(2)), nn.Linear(width, len(french))

    def forward(self, source, target):
        real = source != 0
        memory = self.norms[0](self.encoder(self.source(source), may_look(real, False)))
        seen = may_look(torch.ones_like(target, dtype=torch.bool), True)
        to_memory = real[:, None, :].expand(-1, target.shape[1], -1)
        return self.scores(self.norms[1](self.decoder(self.target(target), seen, memory, to_memory)))

# %%
torch.manual_seed(4)
translator = Translator()
history = training.fit(translator, dates, epochs=4, batch_size=64, lr=0.005, optimizer="adam", schedule="one_cycle", clip=1.0,
             precision="float32", device="cpu")

# %%
@torch.no_grad()
def translate(source, steps=10):
    """The likeliest next word, again and again: (B, steps)."""
    written = torch.full((len(source), 1), text.START)
    for _ in range(steps):
        written = torch.cat([written, translator(source, written)[:, -1:].argmax(2)], 1)
    return written[:, 1:]

RIGHT = float(text.exact(translate(new_dates.inputs[0]), new_dates.labels).float().mean())
print(f"{RIGHT:.1%} of {len(new_dates)} new dates are right to the last word")
longest = int(new_dates.lengths[:, 0].argmax())
source = new_dates.inputs[0][longest : longest + 1]
found = translate(source)
asked = [english.tokens[n] for n in source[0].tolist() if n]
said = [french.tokens[n] for n in found[0, : found[0].tolist().index(text.END) + 1].tolist()]
print(" ".join(asked), "->", " ".join(said[:-1]))
pictures.show_attention(translator.decoder.ask.weights[0].mean(0)[: len(said), : len(asked)], asked, said)

# %% [markdown]
# Nobody said which word is which, and the order differs. (On the whole set, with lists, money and units, two epochs brought a
# transformer of two and two blocks to 78 % right in 14 seconds, a GRU with attention to 29 % in 11: *that* race it wins by the
# clock, too.)
#
# ## 7. What does it cost? (1 point)
# Count the multiplications of an encoder block for a text of $T$ steps at width $D$. Four matrices of $D \times D$ (queries,
# keys, values, result) meet each step; so do the two of the MLP, $D \times 4D$ and $4D \times D$. Then the scores: $T \times T$
# dot products of $D$ numbers, over all heads together. Then the mix: as many again. Leave out norms, softmax and biases.

# %% solution="multiplications"
def multiplications(length, width):
    """Of an encoder block for one text of `length` steps; a whole number."""
    ### BEGIN SOLUTION
    matrices = 4 * length * width**2 + 8 * length * width**2
    looking = 2 * length**2 * width
    return matrices + looking
    ### END SOLUTION

# %%
def clock(function, *inputs):
    times = []
    for _ in range(4):
        began = time.process_time()  # of the processor: other programs do not count
        with torch.no_grad():
            function(*inputs)
        times.append(time.process_time() - began)
    return 1000 * min(times)  # milliseconds

block, recurrent = Block(96, 4).eval(), nn.LSTM(96, 256, batch_first=True).eval()
lengths, cost = (64, 128, 256, 512, 1024, 2048), {"block": [], "LSTM": []}
for length in lengths:
    x = torch.randn(1, length, 96)
    cost["block"].append(clock(block, x, may_look(torch.ones(1, length, dtype=torch.bool), True)))
    cost["LSTM"].append(clock(recurrent, x))
counted = torch.tensor([float(multiplications(length, 96)) for length in lengths])
_, axis = plt.subplots()
axis.loglog(lengths, cost["block"], "o-", label="transformer block, width 96")
axis.loglog(lengths, cost["LSTM"], "s--", label="LSTM, width 256")
axis.loglog(lengths, counted / counted[0] * cost["block"][0], ":", color="black", label="your count, from the first point on")
axis.set(xlabel="length of the text (steps)", ylabel="processor time for one text (ms)", xticks=lengths, xticklabels=lengths)
axis.minorticks_off()
axis.legend()
plotting.show("On two logarithmic axes the LSTM is a straight line of slope 1; the block begins below it and bends upwards to slope 2")
print(f"twice the length, 1024 to 2048: the block takes {cost['block'][-1] / cost['block'][-2]:.1f} times as long, the LSTM {cost['LSTM'][-1] / cost['LSTM'][-2]:.1f} times")

# %% test="check_multiplications" points=1
checks.close(multiplications(1, 1), 14, "One step, width 1: 4 + 8 for the matrices, 1 score, 1 product in the mix.")
checks.close(multiplications(2, 1), 32, "Two steps: the matrices twice, 24, and 2 x 2 looks, twice: 8.")
checks.close(multiplications(10, 4), 12 * 10 * 16 + 2 * 100 * 4, "Width 4: a matrix is 4 x 4, a dot product 4 products.")
checks.close(multiplications(2048, 512), 2 * multiplications(1024, 512) + 4 * 1024**2 * 512, "Twice the length: four times the looks.")
assert isinstance(multiplications(3, 5), int), "a count is a whole number"
assert checks.passed("multiplications")

# %% [markdown]
# <details><summary>Hint</summary>A D x D matrix costs D<sup>2</sup> a step. 4 of these, and 8 for the MLP (4 + 4). Looking: T<sup>2</sup>
# D, twice.</details>
#
# The looks cost as much as all matrices together when $2T^2D = 12TD^2$: at $T = 6D$. For width 96 that is 576 letters, for
# GPT-3 (12,288) some 74,000. Before the square, the *memory* hurts: above 1,000 letters the measured curve outruns your count, for
# $T \times T$ weights no longer fit into the cache. `F.scaled_dot_product_attention` never writes them all down (Dao et al. 2022,
# *FlashAttention*).
#
# ## 8. In words (1 point)
# Your GPT has no loop and no memory. Suppose you train it anew (a) without the turned positions and without `blend`, (b) without
# the causal mask. For each: what happens to the training loss, and what to the text that it writes?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="what_if" points=1
# (a) Without both a step sees a bag of earlier letters (only the causal mask leaks a little about order): the loss stays
# much higher, between letter frequencies and bigram or little below, and the text is word-like soup. (b) Without the mask every
# step sees the letter that it is to foretell: the training loss falls towards 0, but it has learned to copy from the right,
# where there is nothing yet when it writes: nonsense.

# %% [markdown]
# ## Break it
# A colleague reports a sensation: a small GPT at a fraction of *your* loss after 80 steps. One thing in the mask is wrong. Which,
# and why does the text give it away at once?

# %%
class ColleaguesGPT(GPT):
    def forward(self, tokens):
        length = tokens.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril(1)
        return super().forward(tokens, mask.expand(1, -1, -1))

torch.manual_seed(5)
sensation = ColleaguesGPT(K, width=64, blocks=1).to(device)
optimizer = torch.optim.AdamW(sensation.parameters(), lr=0.01)
for _ in range(80):
    batch = train_pieces.take(torch.randint(len(train_pieces), (32,)))
    loss = F.cross_entropy(sensation(batch.inputs.to(device)).flatten(0, 1), batch.labels.to(device).flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
CHEAT = float(each_loss(sensation, test_inputs[:256], test_labels[:256]).mean())
print(f"loss on new text: {CHEAT:.2f} nats a letter, on text it never saw!")
tokens = torch.tensor([letters.encode("Return the ")], device=device)
for _ in range(60):
    scores = sensation(tokens[:, -LENGTH:])[0, -1].detach()
    tokens = torch.cat([tokens, torch.multinomial(scores.softmax(0), 1)[None]], 1)
print("and it writes:", repr(letters.decode(tokens[0])))

# %% [markdown]
# <details><summary>The bug</summary><code>tril(1)</code> keeps one diagonal too many: step t sees step t + 1, which is the letter that
# it is asked for. In training and in testing it copies; when it writes, there is no next letter. If a language model is far better
# than the published ones, look for the future in its inputs. And let it write.</details>
#
# ## Going further (optional)
# - Take the turn out (`rotate` returns `x`) and train again. How much of the GPT's lead was it?
# - `data.load("shakespeare")` in place of the docstrings; on a GPU six blocks of width 256 and 5,000 steps.
# - Give `Look` a memory of the keys and values that it has computed: then each new letter costs one query (*KV cache*).
#
# To read: Vaswani et al. 2017, *Attention is all you need* (arXiv 1706.03762); Su et al. 2021, *RoFormer* (arXiv 2104.09864), the
# turned positions; Olsson et al. 2022, *In-context learning and induction heads*; Karpathy, "Let's build GPT".

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab14_transformer.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("attention", "may_look", "rotate", "multi_head", "encoder_block", "decoder_block", "multiplications")
