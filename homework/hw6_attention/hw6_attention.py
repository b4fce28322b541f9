# %% [markdown]
# # Homework 6: heads, masks and beams
# Two pieces that every translator and every chatbot contains, written so that no test breaks them: a softmax with a mask and
# attention with many heads. And one that translators are fond of: a search that keeps several sentences alive at once.
# Then you train a translator of dates in some ten seconds, watch its four heads, and ask it about 4/7/1997, of which even
# people do not know which day it is.
#
# **You will be able to**
# - write attention with any mask, rows that may look at nothing included;
# - split vectors into heads and join them again, and agree with `nn.MultiheadAttention`;
# - decode with a beam, and say when the likeliest sentence is not the best one.
#
# **Time**: about three hours of yours, twenty seconds of one processor core. No GPU.
#
# | Question | 1 Masked softmax | 2 Heads | 3 Beam | 4 To the target | 5 In words | All |
# |---|---|---|---|---|---|---|
# | Points | 2 | 3 | 3 | 2 | 2 | **12** |

# %% [markdown]
# ## The rules, short
# **Write** where a cell says `raise NotImplementedError(...)`, and in the answer cell of question 5. Fifteen lines are enough
# for each. Add cells wherever you like; leave the test cells as they are.
#
# **Use** in questions 1 and 2 arithmetic, `@`, `softmax` and the like: **not** `nn.MultiheadAttention` or
# `F.scaled_dot_product_attention`, which the tests use to check you. In question 4 use all that torch has.
#
# **Graded** are the tests that you see and others that you don't: other numbers, other sizes, the cases that break
# careless code. Each question is tested by itself, so a slip in question 1 costs nothing in question 2 if you do not call it there.
#
# **Hand in**: restart the kernel, run all cells, save, and upload the notebook as `First_Last_hw6_attention.ipynb`.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime, text
runtime.start("hw6_attention")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "hw6_attention"

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## 1. Masked softmax (2 points)
# As in the lab, and three things more that go wrong in real code:
#
# - `mask` has any shape that **broadcasts** to that of `scores`: (B, 1, S) for filling, (T, T) for "only the past".
# - A row that may look at **nothing** gets weights 0. With $-\infty$ everywhere the softmax is 0/0: NaN, and one NaN in a batch ruins
#   all weights of the model at the next step.
# - Through such a row flows the **gradient** 0, not NaN. (`nan_to_num` at the end mends the values. The gradient of `scores + mask`, with
#   a mask of 0 and $-\infty$, stays NaN: why?)
#
# $$a_s = \frac{m_s\, e^{x_s}}{\sum_j m_j\, e^{x_j}} \quad\text{or 0 where all } m_j = 0$$
#
# with $x$ the scores and $m$ the mask, 1 or 0. Keep the dtype, and change no input.

# %% solution="masked_softmax"
def masked_softmax(scores, mask):
    """scores (..., S), float; mask, bool, broadcasts to that, True: may be looked at; returns weights (..., S)."""
    ### BEGIN SOLUTION
    low = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, low).softmax(-1) * mask
    ### END SOLUTION

# %% test="masked_softmax_visible" points=0.5
found = masked_softmax(torch.tensor([[0.0, 0, 9], [1, 2, 3]]), torch.tensor([[True, True, False], [False, True, False]]))
hint = "two that score alike share; what is masked gets nothing, however high it scores; one alone gets all"
assert checks.close(found, torch.tensor([[0.5, 0.5, 0], [0, 1, 0]]), hint)
found = masked_softmax(torch.zeros(2, 3, 3), torch.ones(3, 3, dtype=torch.bool).tril())
hint = "a mask (3, 3) serves both of the batch: row t shares among the steps 0 to t"
assert checks.close(found[1], torch.tensor([[1.0, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]), hint)

# %% test="masked_softmax_hidden" points=1
# Tested when your work is graded: other shapes and masks, large scores, float64, inputs unchanged, rows that may look at nothing.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(1)
for _shape, _mshape, _scale, _dtype in (((2, 3, 5), (2, 1, 5), 1, torch.float32), ((4, 6), (4, 6), 400, torch.float32), ((2, 2, 3, 4), (3, 4), 3, torch.float64)):
    _scores = (_scale * torch.randn(_shape, generator=_draw)).to(_dtype) - _scale
    _mask = torch.rand(_mshape, generator=_draw) < 0.6
    _mask[..., 0] = True
    _mask[0] = _mask[0] & (torch.arange(_mshape[-1]) == 0)  # one row with a single place
    _given = _scores.clone(), _mask.clone()
    _found = masked_softmax(*_given)
    _hint = f"scores {_shape}, mask {_mshape}, up to {_scale} large, beside torch"
    checks.close(_found, _scores.masked_fill(~_mask, float("-inf")).softmax(-1), _hint, 1e-5, 1e-6)
    assert _found.dtype == _dtype, f"weights are {_found.dtype}, scores were {_dtype}"
    assert torch.equal(_given[0], _scores) and torch.equal(_given[1], _mask), "it changes a tensor that it is given"
_none = torch.tensor([[True, False, True], [False, False, False]])
_found = masked_softmax(torch.tensor([[1.0, 5, 1], [700, -3, 2]]), _none)
assert checks.close(_found, torch.tensor([[0.5, 0, 0.5], [0, 0, 0]]), "the second row may look at nothing: zeros, and the first is as ever")
### END HIDDEN TESTS

# %% test="masked_softmax_gradient" points=0.5
# Tested when your work is graded: the gradient, also of a row that may look at nothing.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(2)
_scores, _g = torch.randn(3, 4, generator=_draw).requires_grad_(), torch.randn(3, 4, generator=_draw)
_mask = torch.tensor([[True, True, False, True], [False, False, False, False], [True, False, False, False]])
(masked_softmax(_scores, _mask) * _g).sum().backward()
_weights = torch.where(_mask, _scores.detach().exp(), torch.tensor(0.0))
_weights = _weights / _weights.sum(1, keepdim=True).clamp(min=1e-9)
_wanted = _weights * (_g - (_weights * _g).sum(1, keepdim=True))
assert checks.close(_scores.grad, _wanted, "the gradient in the scores; where a row may look at nothing it is 0, and finite", 1e-4, 1e-5)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Heads (3 points)
# One set of weights looks at one place. Language asks several questions at once, so Vaswani et al. (2017) let $H$ **heads** look, each
# with $D/H$ of the $D$ numbers. With matrices $W_q, W_k, W_v, W_o$ (each D x D, used as $x W^\top$, like `nn.Linear`):
#
# $$Q = X W_q^\top \quad K = M W_k^\top \quad V = M W_v^\top \qquad
# A_h = \text{softmax}\!\Big(\frac{Q_h K_h^\top}{\sqrt{D/H}}\Big) \qquad Y = [A_1 V_1;\dots;A_H V_H]\, W_o^\top$$
#
# $X$ asks (`query`), $M$ is looked at (`memory`). Head $h$ has columns $h D/H$ to $(h+1) D/H - 1$ of $Q$, $K$ and $V$: reshape
# (B, T, D) to (B, T, H, D/H), **then** swap axes; a reshape alone would mix steps with numbers. Where the mask (B, T, S) is
# False there is no weight, in any head. Every row may look somewhere, so the score $-\infty$ is safe here.

# %% solution="multi_head"
def multi_head(query, memory, W_q, W_k, W_v, W_o, heads, mask=None):
    """query (B, T, D), memory (B, S, D), matrices (D, D), mask (B, T, S) or None; returns (B, T, D), weights (B, heads, T, S)."""
    ### BEGIN SOLUTION
    def split(x):
        return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # (B, heads, T, D / heads)

    q, k, v = split(query @ W_q.T), split(memory @ W_k.T), split(memory @ W_v.T)
    scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask.unsqueeze(1), float("-inf"))
    weights = scores.softmax(3)
    joined = (weights @ v).transpose(1, 2).reshape(query.shape)
    return joined @ W_o.T, weights
    ### END SOLUTION

# %% [markdown]
# Try it. A sentence of twelve steps looks at itself, and only at the past. Its vectors are four waves, a cosine and a sine
# each; head 0 has the fastest wave, head 3 the slowest. Which head tells a step from its neighbour, which only near from
# far, and why does head 2 look at two places?

# %%
steps = torch.arange(12.0)[:, None]
waves = torch.cat([torch.cat([(w * steps).cos(), (w * steps).sin()], 1) for w in (3.0, 1.5, 0.8, 0.2)], 1)[None]  # (1, 12, 8)
past, same = torch.ones(1, 12, 12, dtype=torch.bool).tril(), torch.eye(8)
mixed, weights = multi_head(waves, waves, 3 * same, same, same, same, 4, past)
_, axes = plt.subplots(1, 4, figsize=(9.6, 2.9))
for h, axis in enumerate(axes):
    axis.imshow(weights[0, h], cmap="Blues", vmin=0, vmax=1)
    axis.set(title=f"head {h}", xlabel="looks at step", xticks=(0, 5, 10), yticks=(0, 5, 10))
    axis.grid(False)
axes[0].set_ylabel("step")
plotting.show("Weights of four heads over 12 steps, all below the diagonal: the first in narrow stripes, the last smeared over the recent past")

# %% test="multi_head_visible" points=1
torch.manual_seed(1)
x, m, eye = torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.eye(4)
out, weights = multi_head(x, m, eye, eye, eye, eye, 2)
checks.shape(out, (2, 3, 4), "as many steps as ask, each of D numbers")
checks.shape(weights, (2, 2, 3, 5), "a map of T x S for each head")
checks.close(weights.sum(3), torch.ones(2, 2, 3), "each row of each map adds up to 1")
hint = "one step to look at: all heads take it, and the values come back joined in order, times W_o"
W_o = torch.randn(4, 4)
assert checks.close(multi_head(x, m[:, :1], eye, eye, eye, W_o, 2)[0], (m[:, :1] @ W_o.T).expand(2, 3, 4), hint, 1e-4, 1e-5)

# %% test="multi_head_numbers" points=1
# Tested when your work is graded: random matrices, several numbers of heads, T and S different, beside torch.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(3)
for _b, _t, _s, _d, _heads in ((2, 3, 5, 12, 3), (1, 6, 2, 8, 8), (3, 4, 4, 6, 1), (2, 1, 7, 16, 4)):
    _x, _m = torch.randn(_b, _t, _d, generator=_draw), torch.randn(_b, _s, _d, generator=_draw)
    _matrices = [torch.randn(_d, _d, generator=_draw) / _d**0.5 for _ in range(4)]
    _torch = nn.MultiheadAttention(_d, _heads, bias=False, batch_first=True)
    _torch.load_state_dict({"in_proj_weight": torch.cat(_matrices[:3]), "out_proj.weight": _matrices[3]})
    with torch.no_grad():
        _wanted = _torch(_x, _m, _m, average_attn_weights=False)
    _found = multi_head(_x.clone(), _m.clone(), *[w.clone() for w in _matrices], _heads)
    _hint = f"D = {_d}, {_heads} heads, {_t} ask {_s}: which numbers belong to a head? divided by the root of what?"
    checks.close(_found[1], _wanted[1], f"weights, {_hint}", 1e-4, 1e-5)
    assert checks.close(_found[0], _wanted[0], f"result, {_hint}", 1e-4, 1e-5)
### END HIDDEN TESTS

# %% test="multi_head_masks" points=1
# Tested when your work is graded: filling and the past, another mask for each of the batch; gradients; inputs unchanged.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(4)
_x, _matrices = torch.randn(2, 5, 6, generator=_draw), [torch.randn(6, 6, generator=_draw) / 2 for _ in range(4)]
_mask = torch.ones(5, 5, dtype=torch.bool).tril() & (torch.arange(5) < torch.tensor([5, 3])[:, None])[:, None]
_torch = nn.MultiheadAttention(6, 2, bias=False, batch_first=True)
_torch.load_state_dict({"in_proj_weight": torch.cat(_matrices[:3]), "out_proj.weight": _matrices[3]})
_wanted = _torch(_x, _x, _x, attn_mask=(~_mask).repeat_interleave(2, 0), average_attn_weights=False)
_given = [_x.clone(), _mask.clone()]
_found = multi_head(_given[0], _given[0], *_matrices, 2, _given[1])
_hint = "two texts of 5 and 3 steps, only the past: each text has its own mask, and both heads obey it"
checks.close(_found[1], _wanted[1], f"weights, {_hint}", 1e-4, 1e-5)
checks.close(_found[0], _wanted[0], f"result, {_hint}", 1e-4, 1e-5)
assert torch.equal(_given[0], _x) and torch.equal(_given[1], _mask), "it changes a tensor that it is given"
_far = _x.clone()
_far[0, 4] += 9.0
_moved = multi_head(_far, _far, *_matrices, 2, _mask)[0] - _found[0]
assert checks.close(_moved[:, :4], torch.zeros(2, 4, 6), "the last step was changed: no step before it may notice", 1e-4, 1e-5)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Beam search (3 points)
# Greedy decoding takes the likeliest token and never looks back. A **beam** keeps the `width` likeliest *beginnings*
# (hypotheses). In each round
#
# 1. every hypothesis that has not ended is continued by every token; its log-probability grows by that of the token;
# 2. hypotheses that have ended (their last token is `text.END`) compete as they are;
# 3. the `width` with the highest log-probability stay.
#
# Stop when all have ended, or after `most` rounds. The first token read is `text.START`. Each hypothesis has a state *of its own*. Return
# them all, the best first, as pairs: the list of tokens without `START` and `END`, and the log-probability, that of `END` included.

# %% solution="beam"
def beam(step, state, width, most):
    """step(token, state) returns log-probabilities (K,) and the next state; returns up to width pairs (tokens, log-probability)."""
    ### BEGIN SOLUTION
    hypotheses = [([text.START], 0.0, state)]
    for _ in range(most):
        candidates = []
        for tokens, total, state in hypotheses:
            if len(tokens) > 1 and tokens[-1] == text.END:
                candidates.append((tokens, total, state))
                continue
            log_p, after = step(tokens[-1], state)
            values, choices = log_p.topk(min(width, len(log_p)))
            candidates += [([*tokens, c], total + v, after) for v, c in zip(values.tolist(), choices.tolist())]
        hypotheses = sorted(candidates, key=lambda h: -h[1])[:width]
        if all(tokens[-1] == text.END for tokens, _, _ in hypotheses):
            break
    return [([t for t in tokens if t not in (text.START, text.END)], total) for tokens, total, _ in hypotheses]
    ### END SOLUTION

# %% [markdown]
# Try it on the smallest language model there is: how often does a letter follow another in names of places? Greedy, which is a beam of width
# 1, goes for the likeliest letter each time. What do wider beams find, and do you like it?

# %%
places = data.load("places")
english = places.classes.index("English")
names = [name for name, label in zip(places.train.inputs, places.train.labels) if label == english]
alphabet = text.Vocabulary.of(names)
counts = torch.full((len(alphabet), len(alphabet)), 1e-6)
for name in names:
    row = [text.START, *alphabet.encode(name), text.END]
    counts.index_put_((torch.tensor(row[:-1]), torch.tensor(row[1:])), torch.tensor(1.0), accumulate=True)
chain = (counts / counts.sum(1, keepdim=True)).log()

def chain_step(token, state):
    return chain[token], state

widths, best = (1, 2, 3, 5, 10, 30), []
for width in widths:
    tokens, total = beam(chain_step, None, width, 20)[0]
    best.append(total)
    print(f"width {width:>2}: {alphabet.decode(tokens)!r:<24} log-probability {total:7.2f}")

# %%
def draw_tree(axis, width):
    """Which beginnings of the chain stay alive in four rounds."""
    for round in range(1, 5):
        for place, (tokens, total) in enumerate(beam(chain_step, None, width, round)):
            ended = len(tokens) < round
            axis.text(round, -place, f"{alphabet.decode(tokens).replace(' ', '␣') or '(nothing)'}{' |' if ended else ''}\n{total:.1f}", ha="center", va="center",
                      fontsize=10, bbox={"fc": "#FBE6DA" if ended else "#DCE9F2", "ec": "none"})
    axis.set(xlim=(0.5, 4.5), ylim=(-width + 0.4, 0.6), xticks=range(1, 5), yticks=[], xlabel="round")
    axis.set_title(f"width {width}: alive, the best on top")
    axis.grid(False)

_, axes = plt.subplots(1, 2, figsize=(9.6, 4.2), width_ratios=(1, 1))
draw_tree(axes[0], 1)
draw_tree(axes[1], 4)
plotting.show("Beginnings of names alive in rounds 1 to 4, with width 1 and width 4; ␣ is a blank, those that have ended carry a bar and stay")

# %% test="beam_visible" points=1
P = {2: {4: 0.6, 5: 0.4}, 4: {6: 0.5, 7: 0.5}, 5: {6: 0.9, 7: 0.1}, 6: {3: 1.0}, 7: {3: 1.0}}
def little(token, state):
    log_p = torch.full((8,), -100.0)
    for after, p in P.get(int(token), {3: 1.0}).items():
        log_p[after] = torch.tensor(p).log()
    return log_p, state
found = beam(little, None, 3, 9)
assert len(found) == 3, f"width 3: three hypotheses; yours returns {len(found)}"
hint = "4 is likelier than 5 at first, but 5, 6 has 0.4 * 0.9 = 0.36 and 4, 6 only 0.6 * 0.5 = 0.3"
assert [int(t) for t in found[0][0]] == [5, 6], f"the best is 5, 6; yours {found[0][0]}. {hint}"
assert checks.close(found[0][1], torch.tensor(0.36).log(), hint, 1e-4, 1e-4)
assert [int(t) for t in beam(little, None, 1, 9)[0][0]][:1] == [4], "width 1 is greedy: it begins with 4"
assert len(beam(little, None, 2, 1)[0][0]) == 1, "most = 1: one round, one token, though none has ended"

# %% test="beam_hidden" points=1
# Tested when your work is graded: small random languages, where a wide beam must find what trying everything finds.
### BEGIN HIDDEN TESTS
import itertools
_draw = torch.Generator().manual_seed(5)
for _trial in range(3):
    _table = torch.randn(6, 6, generator=_draw)
    _table[:, 2] = -60.0  # START never comes again
    _table = _table.log_softmax(1)
    def _markov(token, state, table=_table):
        return table[int(token)].clone(), state
    _all = []
    for _n in range(1, 5):
        for _tokens in itertools.product(range(6), repeat=_n):
            if 3 in _tokens[:-1] or (_tokens[-1] != 3 and _n < 4):
                continue  # ended before, or not ended though there was room
            _path = [2, *_tokens]
            _all.append((float(sum(_table[a, b] for a, b in zip(_path, _path[1:]))), [t for t in _tokens if t != 3]))
    _all.sort(key=lambda pair: -pair[0])
    _found = beam(_markov, None, 1500, 4)
    _hint = "a beam wide enough for all hypotheses finds the likeliest four: do ended ones stay as they are? is the log-probability of END counted?"
    checks.close([float(p) for _, p in _found[:4]], [p for p, _ in _all[:4]], _hint, 1e-4, 1e-4)
    _same = [[int(t) for t in tokens] for tokens, _ in _found[:4]] == [tokens for _, tokens in _all[:4]]
    assert _same, "log-probabilities are right, but not the tokens that belong to them (START and END do not belong)"
### END HIDDEN TESTS

# %% test="beam_states" points=1
# Tested when your work is graded: writers with a memory, narrow beams, a beam wider than the vocabulary, END at once.
### BEGIN HIDDEN TESTS
_memory = torch.randn(3000, 7, generator=torch.Generator().manual_seed(6))
_memory[:, 2], _memory[7] = -60.0, 60.0 * torch.eye(7)[3]  # START never comes again; in state 7 it ends
_memory = _memory.log_softmax(1)
def _remembers(token, state):
    _place = state if state == 7 else (31 * state + 7 * int(token) + 1) % 3000
    return _memory[_place].clone(), _place
def _reference(state, width, most):
    _alive = [(0.0, [2], state)]
    for _ in range(most):
        _new = [h for h in _alive if h[1][-1] == 3]
        for _total, _tokens, _state in [h for h in _alive if h[1][-1] != 3]:
            _log_p, _after = _remembers(_tokens[-1], _state)
            _new += [(_total + float(_log_p[k]), [*_tokens, k], _after) for k in range(7)]
        _alive = sorted(_new, key=lambda h: -h[0])[:width]
    return _alive
for _state, _width, _most in ((5, 1, 6), (5, 2, 8), (9, 4, 12), (5, 20, 3), (7, 1, 5)):
    _wanted, _found = _reference(_state, _width, _most), beam(_remembers, _state, _width, _most)
    _hint = f"a writer that remembers, width {_width}, {_most} rounds: has each hypothesis the state that belongs to it?"
    assert len(_found) == len(_wanted), f"{len(_wanted)} hypotheses should come back, yours are {len(_found)}: {_hint}"
    checks.close([float(p) for _, p in _found], [h[0] for h in _wanted], _hint, 1e-4, 1e-4)
    assert [int(t) for t in _found[0][0]] == [t for t in _wanted[0][1][1:] if t != 3], f"the best tokens. {_hint}"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. To the target (2 points)
# The translator of the lab, with a change: its attention has **four heads**. (It is torch's, equal to yours, so that question 2 costs you nothing here.)
# Dates of four languages this time.

# %%
dates = data.load("dates", size=2500, languages=("en", "fr", "de", "fi"))
letters, digits = text.Vocabulary.of(dates.train), text.Vocabulary.of(dates.train.labels)
train_x, train_y = (text.pairs(dates.train, letters, digits).inputs[0], text.pairs(dates.train, letters, digits).labels)
test_x, test_y = (text.pairs(dates.test, letters, digits).inputs[0], text.pairs(dates.test, letters, digits).labels)
print(dates, *[f"{dates.test.inputs[i]:<28}{dates.test.labels[i]}" for i in range(4)], sep="\n")

class Layers(nn.Module):
    def __init__(self, width=48, heads=4):
        super().__init__()
        self.read_in, self.write_in = nn.Embedding(len(letters), width, padding_idx=0), nn.Embedding(len(digits), width)
        self.reader = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.writer = nn.GRU(width, width, batch_first=True)
        self.attention = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
        self.join, self.scores = nn.Linear(2 * width, width), nn.Linear(width, len(digits))

# %%
class Translator(Layers):
    def read(self, source):
        """source (B, S); returns keys (B, S, D), mask (B, S), state (1, B, D)."""
        mask = source != text.PAD
        packed = nn.utils.rnn.pack_padded_sequence(self.read_in(source), mask.sum(1), batch_first=True, enforce_sorted=False)
        states, (there, back) = self.reader(packed)
        keys, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        return keys, mask, torch.cat([there, back], 1)[None]

    def write(self, target, keys, mask, state):
        """target (B, T), tokens written so far; returns scores (B, T, K) for the next, weights (B, heads, T, S), state."""
        query, state = self.writer(self.write_in(target), state)
        context, weights = self.attention(query, keys, keys, key_padding_mask=~mask, average_attn_weights=False)
        return self.scores(torch.tanh(self.join(torch.cat([query, context], 2)))), weights, state

# %%
def translate(model, source):
    """The likeliest token at each step: (B, 11)."""
    with torch.no_grad():
        keys, mask, state = model.read(source)
        token, tokens = torch.full((len(source), 1), text.START), []
        for _ in range(11):
            scores, _, state = model.write(token, keys, mask, state)
            token = scores.argmax(2)
            tokens.append(token)
    return torch.cat(tokens, 1)

model = Translator()  # untrained; below yours takes its place

# %% [markdown]
# Write `train`: make a translator, train it with teacher forcing on what you are handed, and return it. `labels` are the dates with `END`,
# all 11 tokens long; what the writer reads is the same, shifted by one, with `START` in front. Batch size, optimiser, rate,
# schedule, epochs and width are yours. The budget, on 2,000 dates: **at most 25 seconds** of one processor core (aim at 10), and **at least 90 %
# of unseen dates right** to the last digit.
#
# The test trains anew, with another seed, on dates that it draws. Then it trains once more, on dates that are dealt out to
# the wrong texts. Who still gets them right has looked them up.

# %% solution="train"
def train(source, labels):
    """source (N, S), int64, filled up with 0; labels (N, 11), int64; returns the trained Translator."""
    ### BEGIN SOLUTION
    model, batch_size, epochs = Translator(), 32, 4
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    steps = epochs * -(-len(source) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps + 1)
    target = torch.cat([torch.full((len(labels), 1), text.START), labels[:, :-1]], 1)
    for _ in range(epochs):
        for batch in torch.randperm(len(source)).split(batch_size):
            scores = model.write(target[batch], *model.read(source[batch]))[0]
            loss = F.cross_entropy(scores.flatten(0, 1), labels[batch].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model
    ### END SOLUTION

# %%
torch.manual_seed(0)
began = time.process_time()
model = train(train_x[:2000], train_y[:2000])
seconds = time.process_time() - began
right = (translate(model, test_x) == test_y).all(1)
print(f"{seconds:.1f} seconds, {right.float().mean():.1%} of 2,000 unseen dates right; wrong are")
for i in (~right).nonzero().flatten().tolist()[:5]:
    print(f"   {dates.test.inputs[i]:<32}{digits.decode(translate(model, test_x[i : i + 1])[0])}, should be {dates.test.labels[i]}")

# %% [markdown]
# What do the four heads look at? And, if your beam works, **what are its three best readings** of a date that nobody should write?

# %%
def encoded(date):
    return torch.tensor([letters.encode(date)])

sentence = "friday 7 march 1997"
with torch.no_grad():
    keys, mask, state = model.read(encoded(sentence))
    tokens = translate(model, encoded(sentence))
    maps = model.write(torch.cat([torch.tensor([[text.START]]), tokens[:, :-1]], 1), keys, mask, state)[1][0]
_, axes = plt.subplots(2, 2, figsize=(9.6, 6.4))
for h, axis in enumerate(axes.flat):
    axis.imshow(maps[h, :10], cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(sentence)), sentence)
    axis.set_yticks(range(10), digits.decode(tokens[0])[:10])
    axis.set(xlabel="read", ylabel="written")
    axis.set_title(f"head {h}", fontsize=11)
    axis.grid(False)
plotting.show(f"Maps of four heads while {sentence} becomes {digits.decode(tokens[0])}: one row for each sign written, darker where more is read")

# %%
def model_step(token, state):
    scores, _, state = model.write(torch.tensor([[token]]), *kept, state)
    return scores[0, 0].log_softmax(0), state

for date in (sentence, "4/7/1997", "04.07.1997", "31 february 1997", "someday in 1997"):
    with torch.no_grad():
        *kept, state = model.read(encoded(date))
        print(f"{date:<22}", *[f"{digits.decode(tokens)} ({2.718281828**total:.2f})" for tokens, total in beam(model_step, state, 3, 11)], sep="  ")

# %% test="train_visible" points=0.5
torch.manual_seed(2)
x, y = train_x[:40], train_y[:40]
kept_x, kept_y = x.clone(), y.clone()
with checks.seconds(15, "40 dates should be a matter of a moment"):
    found = train(x, y)
with torch.no_grad():
    keys, mask, state = found.read(test_x[:7])
    checks.shape(found.write(torch.full((7, 3), text.START), keys, mask, state)[0], (7, 3, len(digits)), "scores for each token at each step")
assert torch.equal(x, kept_x) and torch.equal(y, kept_y), "your function changes what it is given"

# %% test="train_hidden" points=1.5
# Tested when your work is graded: 2,000 of the training dates, another seed; 90 % of unseen dates; then dates dealt out wrongly.
### BEGIN HIDDEN TESTS
def _share(model, count=400):
    with torch.no_grad():
        _keys, _mask, _state = model.read(test_x[:count])
        _token, _right = torch.full((count, 1), text.START), torch.ones(count, dtype=torch.bool)
        for t in range(11):
            _scores, _, _state = model.write(_token, _keys, _mask, _state)
            _token = _scores.argmax(2)
            _right &= _token[:, 0] == test_y[:count, t]
    return float(_right.float().mean())

torch.manual_seed(7)
_order = torch.randperm(len(train_x))[:2000]
with checks.seconds(25, "one training on 2,000 dates: fewer epochs, larger batches, a smaller network?"):
    _found = _share(train(train_x[_order].clone(), train_y[_order].clone()))
assert _found >= 0.9, f"90 % of 400 unseen dates should be right; yours gets {_found:.1%}: is the target shifted? long enough? rate, schedule?"
torch.manual_seed(7)
_wrong = _share(train(train_x[_order[:300]].clone(), train_y[_order[:300].roll(1)].clone()))
assert _wrong <= 0.1, f"trained on dates of other texts, yours gets {_wrong:.1%} right. So it knows them from elsewhere: learn from your arguments only"
### END HIDDEN TESTS

# %% [markdown]
# ## 5. In words (2 points)
# Look again at what the beam found in the chain of letters: the wider, the likelier, and the *shorter*. **Explain in at most 80 words** why a
# search for the likeliest sequence prefers short ones (think of what each further token does to the log-probability), why greedy
# decoding suffers less from it, and name one remedy.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_short" points=2
# Every token multiplies the probability by a factor below 1, it adds a negative number to the log-probability: among complete
# sequences the short ones lose least, though each long one may be fine at every step. Greedy compares single next tokens, never a finished sequence with
# an unfinished one, so an early END wins only where it is the likeliest next token. Remedy: compare log-probabilities divided by the length (to
# some power), or a bonus for each token, or a least length.
#
# **Rubric**
# - *2 points*: each token adds a negative log-probability, so that short complete sequences win; greedy compares single steps only; a remedy.
# - *1 point*: what length does to the sum; one or both of the others missing or wrong.
# - *0 points*: no mention of what length does to the sum, such as "the beam is too narrow".

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells: what only works because of a line that you have deleted fails now, and not when
# it is graded. Is your name in the second code cell? Then save, name the file `First_Last_hw6_attention.ipynb`, upload it.
#
# ## Going further (no points)
# - **Your attention inside.** Let `Translator` call your `multi_head` with `self.attention`'s weights. Same result? How much slower?
# - **Heads.** Train with 1, 2, 4, 8, 16 heads over three seeds. Then set one head's weights to equal ones and count again: which can go?
# - **Length.** Give `beam` an argument `alpha`, and sort by total / length ** alpha. Which alpha makes good names of places?
# - **Real text.** `data.load("english_spanish")` or `data.load("multi30k")`, words for characters, a GPU for patience.
# - **Read**: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2; Michel, Levy and Neubig 2019, *Are sixteen heads really better than one?*
#   (arXiv 1905.10650); Stahlberg and Byrne 2019 (arXiv 1908.10090), who found that the likeliest translation is often empty.
