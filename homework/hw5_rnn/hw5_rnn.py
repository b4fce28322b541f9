# %% [markdown]
# # Homework 5: recurrent networks
# Build the cell that runs half of the world's small sequence models, teach it to read a text that is too long to
# back-propagate through, measure how surprised it is, and then let it put back what a careless typist left out:
# *Cesko* becomes *Česko*, and *Tieng Viet* *Tiếng Việt*.
#
# **You will be able to**
# - write a GRU cell that agrees with PyTorch's, and a loss that does not see the padding;
# - cut back-propagation through time, without cutting the memory;
# - turn losses into perplexity, and tell when a perplexity is worth nothing.
#
# **Time**: about two and a half hours of yours, 20 seconds of one processor core. No GPU.
#
# | Question | 1 GRU cell | 2 Masked loss | 3 Truncated | 4 Perplexity | 5 Accents | 6 In words | All |
# |---|---|---|---|---|---|---|---|
# | Points | 2 | 2 | 2 | 1 | 2 | 1 | **10** |

# %% [markdown]
# ## The rules, short
# **Write** where a cell says `raise NotImplementedError(...)`, and in the answer cell of question 6. Ten lines are enough
# for each. Add cells wherever you like; leave the test cells as they are.
#
# **Use** in questions 1 to 4 matrix products, `sigmoid`, `tanh`, `log_softmax` and their kin, **not** `nn.GRU`, `nn.GRUCell`,
# `F.cross_entropy`: that is what you build. (The tests use them, to check you.) In question 5 everything is allowed.
#
# **Return new tensors**: no function may change a tensor that it is given.
#
# **Graded** are the tests that you see and others that you don't: other numbers, other sizes, the cases that break
# careless code. Each question is tested by itself, so a slip in question 1 costs nothing in question 5.
#
# **Hand in**: restart the kernel, run all cells, save, and upload the notebook as `First_Last_hw5_rnn.ipynb`.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime, text
runtime.start("hw5_rnn")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "hw5_rnn"

# %%
import math
import time
import unicodedata
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## 1. The GRU cell (2 points)
# A GRU (Cho et al. 2014) has one memory $h$ and two gates: $z$ says how much of the old state to **keep**, $r$ how
# much of it the new candidate $n$ may **see**. With $\sigma$ the sigmoid and $\odot$ the product number by number:
#
# $$r = \sigma(xW_{xr} + b_{xr} + hW_{hr} + b_{hr}) \qquad z = \sigma(xW_{xz} + b_{xz} + hW_{hz} + b_{hz})$$
#
# $$n = \tanh\big(xW_{xn} + b_{xn} + r \odot (hW_{hn} + b_{hn})\big) \qquad h' = z \odot h + (1 - z) \odot n$$
#
# The three blocks stand side by side, in the order $r$, $z$, $n$. Mind the brackets in $n$: the gate $r$ is applied *after*
# the matrix, and to $b_{hn}$ as well. That is PyTorch's GRU, and the reason why it has two biases.

# %% solution="gru_cell"
def gru_cell(x, h, w_x, w_h, b_x, b_h):
    """x (B, D), h (B, H), w_x (D, 3H), w_h (H, 3H), b_x and b_h (3H,); returns the next state (B, H)."""
    ### BEGIN SOLUTION
    x_r, x_z, x_n = (x @ w_x + b_x).chunk(3, 1)
    h_r, h_z, h_n = (h @ w_h + b_h).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return z * h + (1 - z) * n
    ### END SOLUTION

# %% [markdown]
# Try it. One unit holds the value 1 and hears noise for 30 steps. What does the bias of its gate $z$ make of the memory?

# %%
torch.manual_seed(0)
noise, kept = torch.randn(30), {}
for name, (see, keep) in {"z near 1": (0.0, 6.0), "z = 0.73": (0.0, 1.0), "z near 0": (0.0, -6.0)}.items():
    h, kept[name] = torch.ones(1, 1), []
    for value in noise:
        h = gru_cell(value.view(1, 1), h, torch.tensor([[0, 0, 0.5]]), torch.zeros(1, 3), torch.tensor([see, keep, 0.0]), torch.zeros(3))
        kept[name].append(h.item())
plotting.show_curves(kept, xlabel="step", ylabel="state (it began at 1)")

# %% test="gru_visible" points=1
_x, _h, _zero = torch.tensor([[2.0]]), torch.tensor([[0.8]]), torch.zeros(1, 3)
hint = "z = 1 (its bias is 50): the state stays 0.8. (0: the two weights of h' are swapped.)"
assert checks.close(gru_cell(_x, _h, _zero, _zero, torch.tensor([0.0, 50, 0]), torch.zeros(3)), [[0.8]], hint, 1e-4)
hint = "z = 0: the state becomes n = tanh(0.5) = 0.4621"
assert checks.close(gru_cell(_x, _h, _zero, _zero, torch.tensor([0.0, -50, 0.5]), torch.zeros(3)), [[0.46212]], hint, 1e-4)
hint = "z = 0, r = 0: n = tanh(0.5), and b_h of n is shut out, as it stands inside the bracket"
assert checks.close(gru_cell(_x, _h, _zero, _zero, torch.tensor([-50.0, -50, 0.5]), torch.tensor([0.0, 0, 3])), [[0.46212]], hint, 1e-4)

# %% test="gru_hidden" points=1
# Tested when your work is graded: random numbers beside nn.GRUCell, several sizes, gradients.
### BEGIN HIDDEN TESTS
for _seed, (_b, _d, _size) in enumerate(((1, 3, 4), (5, 2, 3), (4, 6, 1))):
    torch.manual_seed(_seed)
    _twin = nn.GRUCell(_d, _size).double()
    _x, _h = torch.randn(_b, _d, dtype=torch.float64), torch.randn(_b, _size, dtype=torch.float64)
    _w = [_twin.weight_ih.detach().T.clone(), _twin.weight_hh.detach().T.clone(), _twin.bias_ih.detach().clone(), _twin.bias_hh.detach().clone()]
    _given = [t.clone() for t in (_x, _h, *_w)]
    _hint = f"{_b} texts, {_d} numbers in, {_size} units, beside nn.GRUCell"
    checks.close(gru_cell(*_given), _twin(_x, _h).detach(), _hint)
    assert all(torch.equal(a, b) for a, b in zip(_given, (_x, _h, *_w))), "it changes a tensor that it is given"
_x, _h = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
_w = [torch.randn(s, dtype=torch.float64) for s in ((3, 6), (2, 6), (6,), (6,))]
assert checks.gradient(lambda x, h: (gru_cell(x, h, *_w) ** 2).sum(), _x, _h, hint="the gradient by x and h")
### END HIDDEN TESTS

# %% [markdown]
# ## 2. A loss that does not see the padding (2 points)
# Texts of a batch are filled up with 0 to one length. What the network says there is nobody's business: it must count
# neither in the sum nor in the number that you divide by. With $m_{bt} = 1$ where `labels` is not 0, else 0:
#
# $$\text{loss} = \frac{\sum_{bt} m_{bt}\,\big(-\log p_{bt}\big)}{\sum_{bt} m_{bt}}$$
#
# $p_{bt}$ is the probability (softmax over the $K$ scores) of the right token of text $b$ at step $t$. Scores may be as
# large as ±1000. Where there is nothing but padding, the loss is 0, not `nan`.

# %% solution="masked_loss"
def masked_loss(scores, labels):
    """scores (B, T, K); labels (B, T), int64, 0 is padding; returns one number: the mean over the real tokens, in nats."""
    ### BEGIN SOLUTION
    each = -scores.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2)
    real = (labels != 0).to(scores.dtype)
    return (each * real).sum() / real.sum().clamp(min=1)
    ### END SOLUTION

# %% [markdown]
# Try it: the same name, with more and more padding behind it. A loss that sees the padding changes; yours must not.

# %%
torch.manual_seed(1)
scores, labels = torch.randn(1, 40, 9), torch.zeros(1, 40, dtype=torch.int64)
labels[0, :5] = torch.tensor([3, 1, 8, 2, 5])
for width in (5, 10, 40):
    careless = F.cross_entropy(scores[0, :width], labels[0, :width])
    print(f"5 letters and {width - 5:2} of padding: yours {masked_loss(scores[:, :width], labels[:, :width]):.4f}, careless {careless:.4f}")

# %% test="masked_visible" points=1
labels = torch.tensor([[4, 2, 0, 0], [1, 3, 3, 2]])
hint = "all scores equal: each real token costs ln 5 = 1.609, and so does their mean. (1.207: divided by all eight places.)"
assert checks.close(masked_loss(torch.zeros(2, 4, 5), labels), math.log(5), hint)
scores = torch.zeros(2, 4, 5)
scores[0, 2:] = torch.tensor([0.0, 900, 0, 0, 0])
assert checks.close(masked_loss(scores, labels), math.log(5), "what is said in the padding must not count")
scores = torch.zeros(1, 2, 2)
scores[0, 0, 1] = math.log(3)
hint = "the right token has the probability 3/4 at step 1 and 1/2 at step 2: the mean of 0.288 and 0.693"
assert checks.close(masked_loss(scores, torch.tensor([[1, 1]])), 0.490415, hint, 1e-4)

# %% test="masked_hidden" points=1
# Tested when your work is graded: random batches, huge scores, nothing but padding, gradients.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(2)
for _b, _t, _k, _size in ((1, 1, 3, 1.0), (4, 9, 6, 3.0), (3, 7, 30, 800.0)):
    _scores = _size * torch.randn(_b, _t, _k, generator=_draw, dtype=torch.float64)
    _lengths = torch.randint(1, _t + 1, (_b,), generator=_draw)
    _labels = torch.randint(1, _k, (_b, _t), generator=_draw) * (torch.arange(_t) < _lengths[:, None])
    _given = _scores.clone(), _labels.clone()
    _wanted = F.cross_entropy(_scores.flatten(0, 1), _labels.flatten(), ignore_index=0)
    checks.close(masked_loss(*_given), _wanted, f"{_b} texts of up to {_t} tokens, scores of about {_size:g}")
    assert torch.equal(_given[0], _scores) and torch.equal(_given[1], _labels), "it changes a tensor that it is given"
_nothing = masked_loss(torch.randn(2, 3, 4, generator=_draw), torch.zeros(2, 3, dtype=torch.int64))
checks.close(_nothing, 0.0, "nothing but padding: 0, and no nan")
_leaf = torch.randn(2, 3, 4, generator=_draw).requires_grad_()
(_g,) = torch.autograd.grad(masked_loss(_leaf, torch.tensor([[2, 0, 0], [1, 3, 1]])), _leaf)
checks.close(_g[0, 1:], torch.zeros(2, 4), "no gradient may come from the padding")
assert float(_g[0, 0].abs().sum()) > 0.05, "the gradient of a real token is missing: was .item() or .detach() used?"
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Truncated back-propagation through time (2 points)
# A book is one text of a million letters. The gradient cannot go back through all of them: too slow, too much
# memory, and nothing would arrive. So one cuts the **gradient** into windows, but not the **memory**: the state walks on
# from window to window as a number, without its history (`h.detach()`).
#
# Write an RNN, $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$, that cuts *before* steps 0, `window`, 2 `window` and so on. The
# states are those of an RNN that is never cut; only the gradient of a loss by what came before the window is 0.

# %% solution="truncated"
def truncated(xs, h, w_x, w_h, b, window):
    """xs (B, T, D), h (B, H), w_x (D, H), w_h (H, H), b (H,); returns all states (B, T, H)."""
    ### BEGIN SOLUTION
    states = []
    for t in range(xs.shape[1]):
        if t % window == 0:
            h = h.detach()
        h = torch.tanh(xs[:, t] @ w_x + h @ w_h + b)
        states.append(h)
    return torch.stack(states, 1)
    ### END SOLUTION

# %% [markdown]
# Try it: the gradient of the *last* state by each input. Where is the cliff, and does it hurt?

# %%
def reach(window):
    torch.manual_seed(2)
    xs, w_h = torch.randn(1, 30, 8, requires_grad=True), torch.linalg.qr(torch.randn(8, 8)).Q
    states = truncated(xs, torch.zeros(1, 8), 0.2 * torch.eye(8), w_h, torch.zeros(8), window)
    (gradient,) = torch.autograd.grad(states[0, -1].sum(), xs)
    return gradient[0].norm(dim=1)

windows = (5, 15, 30)
_, axes = plt.subplots(1, 3, figsize=(9.6, 2.8), sharey=True)
for axis, window in zip(axes, windows):
    axis.bar(range(30), reach(window), color=plotting.BLUE)
    for cut in range(0, 30, window):
        axis.axvline(cut - 0.5, color="black", linestyle=":", linewidth=1)
    axis.set_title(f"window of {window}", fontsize=11)
    axis.set(xlabel="step of the input")
axes[0].set_ylabel("gradient by the input")
plotting.show("Gradient of the last of 30 states by each input, windows of 5, 15 and 30: zero before the last cut")

# %% test="truncated_states" points=1
_xs = torch.tensor([[[1.0], [0.0], [0.0]]])
found = truncated(_xs, torch.tensor([[0.0]]), torch.tensor([[0.5]]), torch.tensor([[1.0]]), torch.tensor([0.0]), 2)
hint = "tanh(0.5), its tanh, and the tanh of that: the cut must not touch the states. (0 at the end: the memory was reset.)"
assert checks.close(found, [[[0.462117], [0.431807], [0.406822]]], hint, 1e-4)
### BEGIN HIDDEN TESTS
for _seed, (_b, _t, _window) in enumerate(((1, 1, 1), (3, 10, 4), (2, 9, 3), (2, 5, 99))):
    torch.manual_seed(_seed)
    _twin, _xs, _h = nn.RNN(3, 4, batch_first=True), torch.randn(_b, _t, 3), torch.randn(_b, 4)
    _w = [_twin.weight_ih_l0.detach().T.clone(), _twin.weight_hh_l0.detach().T.clone(), (_twin.bias_ih_l0 + _twin.bias_hh_l0).detach()]
    _given = [t.clone() for t in (_xs, _h, *_w)]
    _hint = f"{_t} steps, windows of {_window}, beside nn.RNN"
    checks.close(truncated(*_given, _window), _twin(_xs, _h[None])[0].detach(), _hint, 1e-4, 1e-5)
    assert all(torch.equal(a, b) for a, b in zip(_given, (_xs, _h, *_w))), "it changes a tensor that it is given"
### END HIDDEN TESTS

# %% test="truncated_gradient" points=1
# Tested when your work is graded: the gradients by the inputs, by the first state and by the weights, several windows.
### BEGIN HIDDEN TESTS
for _seed, (_t, _window) in enumerate(((7, 3), (6, 2), (5, 1), (4, 9))):
    torch.manual_seed(_seed)
    _xs, _h, _give = torch.randn(2, _t, 3), torch.randn(2, 4), torch.randn(2, _t, 4)
    _w = [torch.randn(s) * 0.5 for s in ((3, 4), (4, 4), (4,))]
    _leaves = [t.clone().requires_grad_() for t in (_xs, *_w)]
    _states = truncated(_leaves[0], _h, *_leaves[1:], _window)
    _found = torch.autograd.grad((_states * _give).sum(), _leaves)
    _twins, _kept = [t.clone().requires_grad_() for t in (_xs, *_w)], []
    for _start in range(0, _t, _window):
        _state = _kept[-1].detach() if _kept else _h
        for _i in range(_start, min(_start + _window, _t)):
            _state = torch.tanh(_twins[0][:, _i] @ _twins[1] + _state @ _twins[2] + _twins[3])
            _kept.append(_state)
    _wanted = torch.autograd.grad((torch.stack(_kept, 1) * _give).sum(), _twins)
    for _what, _a, _b in zip(("xs", "w_x", "w_h", "b"), _found, _wanted):
        checks.close(_a, _b, f"{_t} steps, windows of {_window}: the gradient by {_what}", 1e-3, 1e-5)
_first = torch.randn(2, 4).requires_grad_()
_states = truncated(_xs.requires_grad_(), _first, *_w, 9)
(_g,) = torch.autograd.grad(_states.sum(), _first, allow_unused=True)
assert _g is None or float(_g.abs().max()) == 0, "the first state comes from an earlier window: cut there, too"
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Perplexity (1 point)
# A language model is judged by how surprised it is by new text. The **perplexity** is $e^{\text{loss}}$, with the mean loss
# per token in nats: a model with perplexity 7 is as unsure as somebody who has to choose among 7 equally likely tokens.
#
# Your text came in batches, each with its mean loss and its number of tokens. Some batches are longer than others. What is
# the perplexity of the *whole* text?

# %% solution="perplexity"
def perplexity(losses, counts):
    """losses: of each batch the mean over its tokens, in nats; counts: of each batch its tokens; returns one number."""
    ### BEGIN SOLUTION
    total = sum(loss * count for loss, count in zip(losses, counts))
    return math.exp(total / sum(counts))
    ### END SOLUTION

# %%
for losses, counts in (([math.log(10)], [5]), ([0.0, math.log(16)], [3, 1]), ([0.0, math.log(16)], [1, 3])):
    print(f"losses {[round(loss, 3) for loss in losses]}, tokens {counts}: perplexity {perplexity(losses, counts):.3f}")

# %% test="perplexity_test" points=1
assert checks.close(perplexity([math.log(10)], [5]), 10.0, "as unsure as among ten")
hint = "three tokens cost 0 and one ln 16: a mean of ln 2, perplexity 2. (4: the batches were weighted alike. 4.75: a mean of perplexities.)"
assert checks.close(perplexity([0.0, math.log(16)], [3, 1]), 2.0, hint)
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(4)
for _n in (1, 4, 30):
    _losses, _counts = (3 * torch.rand(_n, generator=_draw, dtype=torch.float64)).tolist(), torch.randint(1, 500, (_n,), generator=_draw).tolist()
    _wanted = math.exp(sum(a * c for a, c in zip(_losses, _counts)) / sum(_counts))
    checks.close(float(perplexity(_losses, _counts)), _wanted, f"{_n} batches of different lengths", 1e-4)
assert checks.close(float(perplexity([1.0, 0.0], [700_000, 300_000])), math.exp(0.7), "a million tokens: no overflow on the way", 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ### At work: a book in windows of eight letters
# The Python language reference, letter by letter, with PyTorch's GRU. It is laid out in 32 rows that are read side by
# side, eight letters at a time. One network starts each window with an empty memory. The other gets the state that
# the last window left, detached: your question 3. Nothing else differs.

# %%
docs = data.load("docs")
signs = text.Vocabulary.of(docs.train)

def rows(split, count, most):
    """A long text as `count` rows side by side, and the sign that follows each."""
    stream = torch.tensor([n for document in split.inputs for n in signs.encode(document)][:most])
    length = (len(stream) - 1) // count
    return stream[: count * length].view(count, length), stream[1 : count * length + 1].view(count, length)

train_rows, test_rows = rows(docs.train, 32, 120_000), rows(docs.test, 8, 24_000)
chain = text.bigram(*train_rows, len(signs))
BIGRAM, seen = (math.exp(-chain[part[0], part[1]].mean()) for part in (test_rows, train_rows))
print(f"{len(signs)} signs; a table of letter pairs has perplexity {BIGRAM:.2f} on the test")

# %%
class Writer(nn.Module):
    """Signs (B, T) and a state in; scores (B, T, K) for the signs that follow and the state behind them out."""

    def __init__(self, width=64):
        super().__init__()
        self.embedding, self.memory = nn.Embedding(len(signs), 32), nn.GRU(32, width, batch_first=True)
        self.scores = nn.Linear(width, len(signs))

    def forward(self, tokens, state=None):
        states, state = self.memory(self.embedding(tokens), state)
        return self.scores(states), state

# %%
def go(net, both, carry, optimizer=None, window=8):
    """Through the rows, window by window; the mean loss and the number of tokens of each."""
    losses, counts, state = [], [], None
    with torch.set_grad_enabled(optimizer is not None):
        for t in range(0, both[0].shape[1] - window + 1, window):
            x, y = (part[:, t : t + window] for part in both)
            scores, state = net(x, state.detach() if carry and t else None)
            loss = F.cross_entropy(scores.flatten(0, 1), y.flatten())
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            losses.append(loss.item())
            counts.append(y.numel())
    return losses, counts

# %%
curves, tested = {}, {}
for name, carry in (("memory emptied", False), ("memory carried on", True)):
    torch.manual_seed(0)
    net = Writer()
    losses, counts = go(net, train_rows, carry, torch.optim.Adam(net.parameters(), lr=0.01))
    curves[name] = [perplexity(losses[i : i + 15], counts[i : i + 15]) for i in range(0, len(losses), 15)]
    tested[name] = perplexity(*go(net, test_rows, carry))
    print(f"{name:<18} perplexity {tested[name]:.2f} on the test")
plotting.show_curves(curves, xlabel="windows read, in blocks of 15", ylabel="perplexity on the training text", baseline=("letter pairs", seen), log=True)

# %% [markdown]
# A state that is carried on is worth that much, though no gradient reaches back more than eight letters. `.detach()` is what
# makes it affordable.
#
# ## 5. Put the accents back (2 points)
# A many-to-many task: one answer for each letter. Somebody typed Czech and Vietnamese names on an English keyboard. Restore
# them: the input is a row of plain letters, the label of each its rightful sign.

# %%
def plain(name):
    """Without accents: Česko becomes Cesko."""
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return bare.translate(str.maketrans("đĐ", "dD"))

places = data.load("places", languages=("cs", "vi"))
typed = {part: tuple(plain(name) for name in getattr(places, part).inputs) for part in ("train", "test")}
keys, marks = text.Vocabulary.of(typed["train"]), text.Vocabulary.of(places.train)
x, test_x = (text.tokens(data.Split(typed[part], getattr(places, part).labels, part), keys).inputs for part in ("train", "test"))
y, test_y = (text.tokens(getattr(places, part), marks).inputs for part in ("train", "test"))

as_typed = sum(a == b for t, n in zip(typed["test"], places.test.inputs) for a, b in zip(t, n)) / int((test_y != 0).sum())
untouched = sum(t == n for t, n in zip(typed["test"], places.test.inputs)) / len(test_x)
print(f"{len(x):,} names to train on, {len(test_x)} to test; {len(keys)} keys in, {len(marks)} signs out")
for t, n in list(zip(typed["train"], places.train.inputs))[:6]:
    print(f"  {t:<28} {n}")
print(f"left as typed: {as_typed:.1%} of the letters and {untouched:.1%} of the names are right")

# %%
class Restorer(nn.Module):
    """Tokens (B, T), 0 is padding; returns scores (B, T, K), one row of scores for each letter."""

    def __init__(self, both_ways=True, width=48):
        super().__init__()
        self.embedding = nn.Embedding(len(keys), 32, padding_idx=0)
        self.memory = nn.GRU(32, width, batch_first=True, bidirectional=both_ways)
        self.scores = nn.Linear(width * (1 + both_ways), len(marks))

    def forward(self, tokens):
        return self.scores(self.memory(self.embedding(tokens))[0])

# %% [markdown]
# That is the network. `both_ways=False` reads left to right only. Write `train`: make a network, train it on what you are
# handed, return it. Loss, optimiser, rate, batch size and epochs are yours. The budget, on these 2,000 names:
#
# - at most **60,000 parameters** and **20 seconds** of one processor core (aim at 5: bring names of like length together),
# - at least **95 %** of the letters of new names right. (Leaving all as typed gets 89 %.)
#
# The test trains anew, with another seed. Then it trains once more, on labels drawn at random: who still gets the accents
# right has not learned them from the labels.

# %% solution="train"
def train(inputs, labels, both_ways=True):
    """inputs and labels (N, T), int64, 0 is padding; returns the trained network."""
    ### BEGIN SOLUTION
    net, epochs = Restorer(both_ways), 4
    groups = (labels != 0).sum(1).argsort().split(32)  # names of like length together: half the padding, half the time
    optimizer = torch.optim.Adam(net.parameters(), lr=0.015)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.015, total_steps=epochs * len(groups) + 1)
    for _ in range(epochs):
        for i in torch.randperm(len(groups)).tolist():
            batch = groups[i]
            longest = int((labels[batch] != 0).sum(1).max())
            scores = net(inputs[batch, :longest])
            loss = F.cross_entropy(scores.flatten(0, 1), labels[batch, :longest].flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()
    ### END SOLUTION

# %%
@torch.no_grad()
def letters_right(net, x, y):
    """The share of letters, of names, and which letters (N, T) are right."""
    right = net(x).argmax(2) == y
    return float(right[y != 0].float().mean()), float((right | (y == 0)).all(1).float().mean()), right

nets, results = {}, {}
for name, both_ways in (("left to right", False), ("both ways", True)):
    torch.manual_seed(0)
    began = time.process_time()
    nets[name] = train(x, y, both_ways)
    seconds = time.process_time() - began
    results[name] = letters_right(nets[name], test_x, test_y)[:2]
    print(f"{name:<14} {results[name][0]:.1%} of the letters, {results[name][1]:.1%} of the names right; {seconds:.1f} seconds")

# %% [markdown]
# Eight short names that only one of the two gets right, letter by letter. Green: an accent that was put where it belongs. Orange: a
# mistake. On the right the truth.

# %%
with torch.no_grad():
    said = {name: net(test_x).argmax(2) for name, net in nets.items()}
real = test_y != 0
wrong = [((guess != test_y) & real).any(1).long() for guess in said.values()]
chosen = ((sum(wrong) == 1) & (real.sum(1) <= 14)).nonzero().flatten()[:8]
shown = {f"{name}: {results[name][0]:.1%}": guess[chosen] for name, guess in said.items()} | {"the truth": test_y[chosen]}
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.2))
for axis, (name, said) in zip(axes, shown.items()):
    for row, i in enumerate(chosen.tolist()):
        for t in range(int(real[i].sum())):
            sign, typed_sign, right = marks.tokens[said[row, t]], keys.tokens[test_x[i, t]], said[row, t] == test_y[i, t]
            colour = plotting.ORANGE if not right else plotting.GREEN if sign != typed_sign else "black"
            axis.text(t, row, sign, ha="center", va="center", color=colour, fontsize=10, weight="normal" if colour == "black" else "bold")
    axis.set(xlim=(-0.6, 13.6), ylim=(7.6, -0.6), title=name)
    axis.axis("off")
plotting.show("Eight names with their accents put back, reading left to right, both ways, and the truth; mistakes are orange")

# %% test="train_visible" points=1
torch.manual_seed(1)
inputs, labels = torch.randint(4, len(keys), (40, 9)), torch.randint(4, len(marks), (40, 9))
inputs[:20, 5:], labels[:20, 5:] = 0, 0
kept = inputs.clone(), labels.clone()
with checks.seconds(20, "40 names should be a matter of a moment"):
    found = train(inputs, labels)
checks.parameters(found, 60_000, "A smaller width?")
checks.shape(found(inputs[:7]), (7, 9, len(marks)), "7 names of 9 letters: scores for each letter")
assert torch.equal(inputs, kept[0]) and torch.equal(labels, kept[1]), "your function changes what it is given"

# %% test="train_hidden" points=1
# Tested when your work is graded: the training names, another seed; 95 % of the test letters; then labels drawn at random.
### BEGIN HIDDEN TESTS
runtime.seed_everything(7)
with checks.seconds(40, "two trainings: fewer epochs, larger batches, a smaller network?"):
    _net = train(x.clone(), y.clone())
    _random = torch.randint(4, len(marks), y.shape, generator=torch.Generator().manual_seed(7)) * (y != 0)
    _control = train(x[:400].clone(), _random[:400])
_real = test_y != 0
_share = float((_net(test_x).argmax(2) == test_y)[_real].float().mean())
assert _share >= 0.95, f"95 % of the letters of new names should be right; yours gets {_share:.1%}"
_share = float((_control(test_x).argmax(2) == test_y)[_real].float().mean())
assert _share < 0.4, f"trained on random labels, yours still gets {_share:.1%} of the letters: learn from the arguments only"
### END HIDDEN TESTS

# %% [markdown]
# ## 6. In words (1 point)
# Reading both ways restores far more names than reading left to right. Delighted, somebody makes the `Writer` of
# question 4 read both ways, trains it on the same rows, and reports a test perplexity of 1.02. **Explain in at most 80
# words** why both ways helps with accents, and why that perplexity is worth nothing.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_both_ways" points=1
# Which accent a letter needs depends on the letters after it as much as on those before, and all of them are there when we
# restore. In a language model the label is the next letter: the network that reads backwards has just seen it and only copies it.
# That is a leak of the label; the model cannot write, for when it writes the next letter does not exist yet.
#
# **Rubric**
# - *1 point*: context from the right for accents, and the label (the next sign) is in the input of the backward reader.
# - *half a point*: one of the two.
# - *0 points*: "more parameters", "bidirectional is more powerful", or that it over-fits.

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells: what only works because of a line that you have deleted fails now, and not when
# it is graded. Is your name in the second code cell? Then save, name the file `First_Last_hw5_rnn.ipynb`, upload it.
#
# ## Going further (no points)
# - **The boring rival.** For each letter with its two neighbours on either side, look up the most frequent sign in the training
#   names. How near does this table come to your network, and where does it fail?
# - **More languages.** `data.load("places", languages=("cs", "hu", "lt", "pl", "tr", "vi"))`: what happens to a name that two
#   languages would spell in two ways?
# - **Longer windows.** `go(..., window=32)`: does the carried memory still pay?
# - **Read**: Cho et al. 2014, *Learning phrase representations* (arXiv 1406.1078); Williams and Peng 1990 on truncated
#   back-propagation through time.
