# %% [markdown]
# # Recurrent networks
#
# A network reads a name letter by letter and bets on its language: *schweizer...* German? Dutch? *...tyska*: Swedish! It
# can, because it has a **memory**. You will build that memory, see it fade, repair it, and then let it compete with a
# model that has no memory at all. Place your bets. (With such memories phones learned to write down speech, and silent films
# got their sounds back: Owens et al. 2016.)
#
# When you are done, you can
# 1. write a recurrent cell, run it over a padded batch of texts, and send the gradient back through time;
# 2. say why gradients fade with the lag, and show what an open gate changes;
# 3. classify texts with RNN, GRU and LSTM, deep and both ways, and tell whether that was a good idea.
#
# About 85 minutes for you, 40 seconds for the processor, no GPU. 8 points: six exercises and one question in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, models, pictures, plotting, runtime, text, training
runtime.start("lab11_rnn")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab11_rnn"

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## See it first
# Names of countries, languages, scripts and currencies, in 18 languages, all written in Latin letters:

# %%
places = data.load("places")
pictures.show_set(places)

# %% [markdown]
# Networks want numbers. Each letter gets one, and short names are filled up with 0 (the **padding**) to make a table.
# Then a few lines train a network; in an hour you will understand them.

# %%
letters = text.Vocabulary.of(places.train)
train, test = (text.tokens(split, letters) for split in (places.train, places.test))
three = train.take(torch.arange(3))
for name, row in zip(places.train.inputs, three.inputs.tolist()):
    print(f"{name!r:<24}", *(f"{n:3}" for n in row))

RECIPE = dict(epochs=5, batch_size=128, optimizer="adam", schedule="one_cycle", clip=1.0)
torch.manual_seed(0)
lstm = models.RecurrentClassifier(len(letters), 18, width=64, kind="lstm")
histories = {"LSTM": training.fit(lstm, train, test, lr=0.015, **RECIPE, quiet=True)}
print(f"an LSTM, {sum(p.numel() for p in lstm.parameters()):,} weights, trained in {histories['LSTM'].seconds:.0f} seconds. How good is it? You bet below.")

# %%
def show_belief(model, name, axis):
    """What the model bets after each letter of a name: the six languages that it thought of most."""
    prefixes = data.Split(tuple(name[:k] for k in range(1, len(name) + 1)), torch.zeros(len(name)))
    with torch.no_grad():
        belief = model.eval()(text.tokens(prefixes, letters).inputs).softmax(1)  # (letters of the name, 18)
    most = belief.amax(0).argsort(descending=True)[:6].sort().values
    rest = 1 - belief[:, most].sum(1)
    axis.bar(range(len(name)), rest, color="#DDDDDD", width=1.0, label="others")
    below = rest
    for k, colour in zip(most.tolist(), pictures.COLOURS):
        axis.bar(range(len(name)), belief[:, k], bottom=below, color=colour, width=1.0, label=places.classes[k])
        below = below + belief[:, k]
    axis.set(xticks=range(len(name)), xticklabels=list(name), ylim=(0, 1), xlim=(-0.5, len(name) - 0.5))
    axis.grid(False)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return f"{name}: " + ", ".join(f"{letter} {places.classes[b.argmax()]}" for letter, b in zip(name, belief))

_, axes = plt.subplots(2, 1, figsize=(9.6, 4.6))
seen = [show_belief(lstm, name, axis) for name, axis in zip(("schweizertyska", "Norfolk Adası"), axes)]
axes[0].set_ylabel("probability")
plotting.show("What the network bets on after each letter. " + "; ".join(seen))

# %% [markdown]
# Swedish for "Swiss German", Turkish for "Norfolk Island". The beginning looks like one language, the end like another,
# and the network changes its mind as it reads. (Put in the name of *your* town.)
#
# **Predict.** The rival has no memory and knows no order: it looks which pieces of one, two or three letters occur in a
# name (*sch*, *tys*, *ska*), and weighs them. It is your softmax regression of lab 2, trained in two seconds. It names
# the language of 83 % of the test names. What share will this LSTM get?

# %%
guess = None
checks.predict("lstm", guess, "LSTM on names that it has never seen: accuracy, 0 to 1?")

# %% [markdown]
# ## 1. A layer with a memory (1 point)
# A hidden layer of an MLP computes $\tanh(xW_x + b)$ and forgets everything. Add one term: each unit also sees what all
# units said *one step before*. That is the whole **recurrent network** (RNN; Elman 1990):
#
# $$h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$$
#
# $x_t$ is what comes in at step $t$, here a letter's vector; the **state** $h_t$ is the memory. The weights are the same
# at every step. Before a new text the memory is **reset**: $h_0 = 0$.

# %% solution="cell"
def cell(x, h, w_x, w_h, b):
    """x (B, D), h (B, H), w_x (D, H), w_h (H, H), b (H,); returns the next state (B, H)."""
    ### BEGIN SOLUTION
    return torch.tanh(x @ w_x + h @ w_h + b)
    ### END SOLUTION

# %% test="check_cell" points=1
_x, _h = torch.tensor([[1.0]]), torch.tensor([[2.0]])
_hint = "0.5 * 1 + 0.25 * 2 - 0.5 is 0.5, its tanh 0.4621. (0.5: no tanh. 0.7616: no b. 0: no memory.)"
checks.close(cell(_x, _h, torch.tensor([[0.5]]), torch.tensor([[0.25]]), torch.tensor([-0.5])), torch.tensor([[0.4621]]), _hint, 1e-3)
torch.manual_seed(1)
_twin, _x, _h = nn.RNNCell(3, 4), torch.randn(5, 3), torch.randn(5, 4)
_b = (_twin.bias_ih + _twin.bias_hh).detach()
_found = cell(_x, _h, _twin.weight_ih.detach().T, _twin.weight_hh.detach().T, _b)
checks.close(_found, _twin(_x, _h), "Random numbers beside nn.RNNCell: rows times matrix, x @ w_x, h @ w_h.", 1e-4, 1e-5)
assert checks.passed("cell")

# %% [markdown]
# <details><summary>Hint 1</summary><code>x @ w_x</code> is (B, H), as is <code>h @ w_h</code>: add them.</details>
# <details><summary>Hint 2</summary>The bias is added inside the tanh.</details>
# <details><summary>The idea of the solution</summary>One line: <code>torch.tanh</code> of three terms.</details>
#
# ## 2. Unroll it (1 point)
# Reading is a loop: step after step, each state goes into the next. Keep all states; what one does with them comes
# later. The cell is handed in as `step(x, h)`, so that the test can check you without your exercise 1.

# %% solution="read"
def read(step, xs, h):
    """step(x, h) returns the next state; xs (B, T, D), h (B, H) the state before; returns all states (B, T, H)."""
    ### BEGIN SOLUTION
    states = []
    for t in range(xs.shape[1]):
        h = step(xs[:, t], h)
        states.append(h)
    return torch.stack(states, 1)
    ### END SOLUTION

# %% [markdown]
# Try it: two words that differ in their first letter, read by an untrained RNN of 12 units. Does it remember, at the end,
# that there was a difference?

# %%
torch.manual_seed(0)
vectors = torch.randn(len(letters), 8) * 0.5  # one for each letter
w_x, w_h, b = torch.randn(8, 12) * 0.6, torch.linalg.qr(torch.randn(12, 12)).Q * 0.8, torch.zeros(12)
words = ["Österreichisch", "österreichisch"]
xs = vectors[torch.tensor([letters.encode(word) for word in words])]
states = read(lambda x, h: cell(x, h, w_x, w_h, b), xs, torch.zeros(2, 12))
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.0), sharey=True)
for axis, map_, title in zip(axes, (*states, states[0] - states[1]), (*words, "their difference")):
    axis.imshow(map_.T, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axis.set(xticks=range(14), xticklabels=list(words[1]), xlabel="letter")
    axis.set_title(title, fontsize=10)
    axis.grid(False)
axes[0].set_ylabel("unit of the state")
plotting.show("States of 12 units after each of 14 letters, for two words; their difference is large at first and fades to white")

# %% [markdown]
# It fades: every step multiplies what is left by $W_h$ and squeezes it through a tanh.

# %% test="check_read" points=1
_xs = torch.tensor([[[1.0], [2.0], [4.0]], [[1.0], [1.0], [1.0]]])
_hint = "With step = h + x the states are running sums, from 10: 11, 13, 17. (11, 12, 14: is h carried on?)"
checks.close(read(lambda x, h: h + x, _xs, torch.full((2, 1), 10.0)), torch.tensor([[[11.0], [13], [17]], [[11.0], [12], [13]]]), _hint)
_xs = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(2))
_step = lambda x, h: 0.5 * h + x.sum(1, keepdim=True).expand(-1, 2)
_whole = read(_step, _xs, torch.zeros(4, 2))
checks.shape(_whole, (4, 7, 2), "4 texts of 7 letters, 2 units: one state after each letter")
_half = read(_step, _xs[:, :3], torch.zeros(4, 2))
_hint = "Reading 3 letters, then 4 from the state that was left, is reading 7. Is the first state `h` used?"
checks.close(read(_step, _xs[:, 3:], _half[:, -1]), _whole[:, 3:], _hint, 1e-5, 1e-5)
assert checks.passed("read")

# %% [markdown]
# <details><summary>Hint 1</summary><code>xs[:, t]</code> is step t of all texts, (B, D).</details>
# <details><summary>Hint 2</summary>Write <code>h = step(xs[:, t], h)</code>: the old name gets the new state.</details>
# <details><summary>The idea of the solution</summary>Collect the states in a list, then <code>torch.stack(states, 1)</code>.
# The 1 puts time on the second axis.</details>
#
# ## One cell, many jobs
# What you read, and when you want answers, decides the shape of the network. The cell stays the same.

# %%
JOBS = {"one to one\na digit → its class": ([0], [0]), "one to many\na picture → its caption": ([0], [0, 1, 2]),
        "many to one\na name → its language": ([0, 1, 2], [2]), "many to many, in step\nletters → the next letters": ([0, 1, 2], [0, 1, 2]),
        "many to many, in turn\na sentence → its translation": ([0, 1], [2, 3])}

_, axes = plt.subplots(1, 5, figsize=(9.6, 2.7), width_ratios=[1, 3, 3, 3, 4])
arrow = {"arrowprops": {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}}
for axis, (job, (inputs, outputs)) in zip(axes, JOBS.items()):
    for t in range(max(inputs + outputs) + 1):
        for height, there, colour in ((0, t in inputs, plotting.ORANGE), (1, True, plotting.BLUE), (2, t in outputs, plotting.GREEN)):
            if there:
                axis.add_patch(plt.Rectangle((t - 0.25, height - 0.25), 0.5, 0.5, color=colour))
        for height, there in ((0, t in inputs), (1, t in outputs)):
            if there:
                axis.annotate("", (t, height + 0.75), (t, height + 0.25), **arrow)
        if t:
            axis.annotate("", (t - 0.25, 1), (t - 0.75, 1), **arrow)
    axis.set(xlim=(-0.5, max(inputs + outputs) + 0.5), ylim=(-0.5, 2.5), aspect="equal")
    axis.axis("off")
    axis.text(0.5, -0.02, job, transform=axis.transAxes, ha="center", va="top", fontsize=8)
plotting.show("Five networks of orange inputs, blue states and green outputs, from one to one to many to many in turn")

# %% [markdown]
# ## 3. Many to one (1 point)
# A name has one language, so only the state after its **last letter** goes on, to a layer that makes scores. In a batch
# of filled-up names that state stands at another place in each row. Pick it.

# %% solution="last_state"
def last_state(states, tokens):
    """states (B, T, H); tokens (B, T), 0 after the last letter; returns the state after each last letter (B, H)."""
    ### BEGIN SOLUTION
    last = (tokens != 0).sum(1) - 1
    return states[torch.arange(len(tokens)), last]
    ### END SOLUTION

# %% test="check_last_state" points=1
_states = torch.arange(12.0).view(3, 4, 1)
_tokens = torch.tensor([[5, 2, 0, 0], [7, 0, 0, 0], [3, 3, 2, 9]])
_hint = "Lengths 2, 1 and 4: the states at places 1, 0 and 3. (3, 7, 11: the filling is read, too. 2, 5: one place too far.)"
checks.close(last_state(_states, _tokens), torch.tensor([[1.0], [4.0], [11.0]]), _hint)
_draw = torch.Generator().manual_seed(3)
_states, _lengths = torch.randn(5, 9, 3, generator=_draw), torch.tensor([9, 1, 4, 4, 8])
_tokens = torch.randint(1, 50, (5, 9), generator=_draw) * (torch.arange(9) < _lengths[:, None])
_wanted = torch.stack([_states[i, n - 1] for i, n in enumerate(_lengths.tolist())])
checks.close(last_state(_states, _tokens), _wanted, "Five names of 9, 1, 4, 4 and 8 letters, 3 units.")
assert checks.passed("last_state")

# %% [markdown]
# <details><summary>Hint 1</summary><code>(tokens != 0).sum(1)</code> is the length of each name.</details>
# <details><summary>Hint 2</summary>A loop over rows is fine. Without one: <code>states[rows, places]</code> with two
# tensors picks a place in each row.</details>
# <details><summary>The idea of the solution</summary><code>states[torch.arange(B), lengths - 1]</code>.</details>
#
# ## 4. Back through time (2 points)
# Unrolled, an RNN is a deep network with a layer for each step, all with the same weights. So backpropagation
# works as in lab 3, from the last step to the first: **back-propagation through time**. Let $g_t$ be the gradient of the
# loss by $h_t$ (a row), and $\odot$ the product number by number. Undo the tanh, then $W_h$:
#
# $$a_t = g_t \odot (1 - h_t^2) \qquad g_{t-1} = a_t W_h^\top$$
#
# Every step has used the same $W_h$, so its gradient is a sum over all steps:
#
# $$\frac{\partial L}{\partial W_h} = \sum_{t=2}^{T} h_{t-1}^\top a_t$$
#
# (with $h_0 = 0$ the first step adds nothing). The loss sees the last state only, and its gradient there is given.
# Python counts from 0: `states[0]` is $h_1$, `states[-1]` is $h_T$, and $h_0$ is not among them.

# %% solution="through_time"
def through_time(states, w_h, gradient):
    """states (T, H) of one text, w_h (H, H), gradient (H,) by the last state; returns those by all states (T, H), by w_h (H, H)."""
    ### BEGIN SOLUTION
    by_state, by_weight = [gradient], torch.zeros_like(w_h)
    for t in reversed(range(1, len(states))):
        a = by_state[0] * (1 - states[t] ** 2)
        by_weight = by_weight + torch.outer(states[t - 1], a)
        by_state.insert(0, a @ w_h.T)
    return torch.stack(by_state), by_weight
    ### END SOLUTION

# %% test="check_states" points=1
_found = through_time(torch.tensor([[0.6], [0.8]]), torch.tensor([[0.5]]), torch.tensor([1.0]))
assert len(_found) == 2, f"two results should come: by the states, by w_h; yours are {len(_found)}"
_hint = "The last gradient is the one given, 1. Before it (1 - 0.64) * 0.5 = 0.18. (0.32: the tanh of the step before.)"
checks.close(_found[0], torch.tensor([[0.18], [1.0]]), _hint)
_draw = torch.Generator().manual_seed(4)
_w, _inputs, _g = torch.randn(3, 3, generator=_draw).requires_grad_(), torch.randn(6, 3, generator=_draw), torch.randn(3, generator=_draw)
_states = [torch.tanh(_inputs[0]).requires_grad_()]
for _x in _inputs[1:]:
    _states.append(torch.tanh(_x + _states[-1] @ _w))
_wanted = torch.stack(torch.autograd.grad(_states[-1] @ _g, _states, retain_graph=True))
_found = through_time(torch.stack(_states).detach(), _w.detach(), _g)
assert checks.close(_found[0], _wanted, "Six steps, three units, beside autograd: is w_h transposed on the way back?", 1e-4, 1e-5)

# %% test="check_weights" points=1
_draw = torch.Generator().manual_seed(5)
_w, _inputs, _g = torch.randn(3, 3, generator=_draw).requires_grad_(), torch.randn(6, 3, generator=_draw), torch.randn(3, generator=_draw)
_states = [torch.tanh(_inputs[0]).requires_grad_()]
for _x in _inputs[1:]:
    _states.append(torch.tanh(_x + _states[-1] @ _w))
(_wanted,) = torch.autograd.grad(_states[-1] @ _g, _w)
_found = through_time(torch.stack(_states).detach(), _w.detach(), _g)
_hint = "Beside autograd: every step adds outer(state before, a). Only one step? Transposed?"
checks.close(_found[1], _wanted, _hint, 1e-4, 1e-5)
assert checks.passed("through_time")

# %% [markdown]
# <details><summary>Hint 1</summary>Go backwards: <code>for t in reversed(range(1, T))</code>. In the loop first
# <code>a = g * (1 - states[t] ** 2)</code>.</details>
# <details><summary>Hint 2</summary>Add <code>torch.outer(states[t - 1], a)</code> to the weights' gradient, then
# <code>g = a @ w_h.T</code>, and keep each g.</details>
# <details><summary>The idea of the solution</summary>Put each new g in front of a list; in the end
# <code>torch.stack</code>.</details>
#
# ### Turn the knob
# $W_h$ is a random rotation times a **scale**. Rotations keep lengths, so a scale of 1 neither shrinks nor stretches.
# Move it. What becomes of a gradient that is multiplied forty times?

# %%
torch.manual_seed(0)
rotation, quiet = torch.linalg.qr(torch.randn(24, 24)).Q, 1e-6 * torch.randn(40, 24)  # so faint that tanh is a straight line

def fade(scale):
    states = read(lambda x, h: torch.tanh(x + scale * h @ rotation), quiet[None], torch.zeros(1, 24))[0]
    by_state, _ = through_time(states, scale * rotation, torch.ones(24) / 24**0.5)
    _, axis = plt.subplots(figsize=(6.4, 3.8))
    axis.plot(range(40), by_state.norm(dim=1).flip(0), "o-", markersize=3)
    axis.axhline(1, color="black", linestyle="--", linewidth=1.2)
    axis.set(xlabel="lag: steps back from the end", ylabel="length of the gradient", yscale="log", ylim=(1e-8, 1e6))
    axis.set_title(f"scale {scale:.2f}: {by_state[0].norm():.1e} of it after 39 steps", fontsize=11)
    plotting.show(f"Gradient against lag at scale {scale:.2f}: from 1 at lag 0 to {by_state[0].norm():.1e} at lag 39")

plotting.slider(fade, scale=(0.6, 1.4, 1.0))

# %% [markdown]
# Below 1 it **vanishes**: the first letters cannot teach the weights anything. Above 1 it **explodes**, and one step
# throws the weights far away. (`clip=1.0` in our recipe shortens such gradients.) A factor of 1 for forty steps is a
# balancing act. Is there a cell for which it is easy?
#
# ## 5. The LSTM: a factor of 1 on purpose (1 point)
# Hochreiter and Schmidhuber (1997) added a second memory $c$ that is not multiplied by a matrix and not squeezed.
# **Gates**, numbers between 0 and 1, say for each unit what to keep, to write and to show (the gate for keeping came three
# years later: Gers et al. 2000). With $\sigma$ the sigmoid,
#
# $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$
#
# $$[\,i,\, f,\, g,\, o\,] = [\,\sigma,\ \sigma,\ \tanh,\ \sigma\,]\big([x_t, h_{t-1}]\,W + b\big)$$
#
# $i$, $f$, $o$ are the input, forget and output gate, $g$ is what could be written; the product has $4H$ columns, cut in
# four in that order. Where $f = 1$ and $i = 0$, $c$ stays for ever, and its gradient passes unchanged.

# %% solution="lstm_step"
def lstm_step(x, h, c, w, b):
    """x (B, D), h and c (B, H), w (D + H, 4H), b (4H,); returns the next h and the next c."""
    ### BEGIN SOLUTION
    i, f, g, o = (torch.cat([x, h], 1) @ w + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
    ### END SOLUTION

# %% test="check_lstm_step" points=1
_open, _shut = 50.0, -50.0
_given = torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[3.0]]), torch.zeros(2, 4)
_hint = "Forget gate 1, input gate 0: c stays 3, and h is tanh(3) = 0.995 where the output gate is open."
checks.close(torch.cat(lstm_step(*_given, torch.tensor([_shut, _open, 0.5, _open]))), torch.tensor([[0.99505], [3.0]]), _hint)
_hint = "Forget gate 0, input gate 1: c becomes g = tanh(0.5) = 0.462; with a shut output gate h is 0."
checks.close(torch.cat(lstm_step(*_given, torch.tensor([_open, _shut, 0.5, _shut]))), torch.tensor([[0.0], [0.46212]]), _hint)
torch.manual_seed(6)
_twin, _x, _h, _c = nn.LSTMCell(3, 4), torch.randn(5, 3), torch.randn(5, 4), torch.randn(5, 4)
_w = torch.cat([_twin.weight_ih, _twin.weight_hh], 1).detach().T
_hint = "Random numbers beside nn.LSTMCell: order i, f, g, o? The tanh of the *new* c?"
checks.close(torch.stack(lstm_step(_x, _h, _c, _w, (_twin.bias_ih + _twin.bias_hh).detach())), torch.stack(_twin(_x, (_h, _c))), _hint, 1e-4, 1e-5)
assert checks.passed("lstm_step")

# %% [markdown]
# <details><summary>Hint 1</summary><code>torch.cat([x, h], 1) @ w + b</code> is (B, 4H); <code>.chunk(4, 1)</code> cuts
# it in four.</details>
# <details><summary>Hint 2</summary>Compute the new c first; h needs it.</details>
# <details><summary>The idea of the solution</summary>Four lines: cut, c, h, return both.</details>
#
# ### Gradient against lag
# The **GRU** (Cho et al. 2014) is the LSTM's lean sister: one memory, and one gate $z$ for keeping and writing,
# $h_t = z \odot h_{t-1} + (1 - z) \odot n_t$ with $n_t$ the candidate; you will build it in homework 5. Here are all three as
# PyTorch makes them, and the two with gates once more, their gate biased to **open**. How much of the gradient by the last
# state reaches an input $k$ steps before?

# %%
def memory(kind, size, width, open_gate=None):
    """nn.RNN, nn.GRU or nn.LSTM; open_gate: the bias of the gate that keeps (f of the LSTM, z of the GRU)."""
    made = getattr(nn, kind)(size, width, batch_first=True)
    if open_gate is not None:
        with torch.no_grad():
            made.bias_hh_l0[width : 2 * width] = open_gate  # the second block in both
    return made

KINDS = {"RNN": ("RNN", None), "GRU": ("GRU", None), "LSTM": ("LSTM", None), "GRU, gate open": ("GRU", 4.0), "LSTM, gate open": ("LSTM", 4.0)}
STYLES = dict(zip(KINDS, ((plotting.GREY, ":"), (plotting.ORANGE, "--"), (plotting.BLUE, "--"), (plotting.ORANGE, "-"), (plotting.BLUE, "-"))))

# %%
lags = {}
for name, (kind, gate) in KINDS.items():
    torch.manual_seed(0)
    net, x = memory(kind, 16, 32, gate), torch.randn(64, 50, 16, requires_grad=True)
    last = net(x)[0][:, -1]
    (gradient,) = torch.autograd.grad((last * torch.randn(last.shape)).sum(), x)
    length = gradient.norm(dim=2).mean(0).flip(0)
    lags[name] = length / length[0]

_, axis = plt.subplots(figsize=(8.0, 4.2))
for name, (colour, line) in STYLES.items():
    axis.plot(lags[name], line, color=colour, label=name)
axis.axvline(29, color="black", linewidth=1, linestyle=":")
axis.set(xlabel="lag: steps back from the end", ylabel="gradient, as a share of that at lag 0", yscale="log", ylim=(1e-12, 3))
axis.legend(loc="lower left", fontsize=9)
plotting.show("Gradient against lag: RNN, GRU and LSTM lose five powers of ten within 30 steps; with open gates they stay above a tenth")

# %% [markdown]
# Surprised? Fresh from the factory an LSTM forgets almost as fast as an RNN: the sigmoid of 0 is ½, and $½^{30}$ is a
# billionth. Gates only make remembering *possible*; an open start makes it real (Gers et al. 2000; Jozefowicz et al. 2015).
#
# Does it matter? A task that needs nothing but memory: read 30 random digits from 0 to 7, then name the **first**.
# Guessing costs $\ln 8 = 2.08$ nats.

# %%
def recall(kind, gate, steps=150, width=32):
    torch.manual_seed(0)
    embedding, net, scores = nn.Embedding(8, 16), memory(kind, 16, width, gate), nn.Linear(width, 8)
    parameters = [*embedding.parameters(), *net.parameters(), *scores.parameters()]
    optimizer, losses = torch.optim.Adam(parameters, lr=0.01), []
    for step in range(steps + 1):
        digits = torch.randint(8, (32 if step < steps else 1000, 30))
        said = scores(net(embedding(digits))[0][:, -1])
        loss = F.cross_entropy(said, digits[:, 0])
        if step == steps:  # after the training: 1,000 new ones
            return losses, float((said.argmax(1) == digits[:, 0]).float().mean())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())

recalled = {name: recall(*how) for name, how in KINDS.items()}

# %%
_, axis = plt.subplots(figsize=(8.0, 4.0))
for name, (colour, line) in STYLES.items():
    axis.plot(recalled[name][0], line, color=colour, label=f"{name}: {recalled[name][1]:.0%} right in the end")
axis.axhline(2.079, color="black", linestyle="--", linewidth=1.2, label="guessing")
axis.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 2.6))
axis.legend(loc="lower left", fontsize=9)
plotting.show("Loss while learning to recall the first of 30 digits: only the two with open gates leave the line of guessing")

# %% [markdown]
# Same cells, same number of weights. Where the gradient does not reach the first digit, nothing is learned. (The LSTM of
# `models` starts with a forget bias of 1.)
#
# ## 6. Both ways, and deep (1 point)
# A name is all there when we read it. So read it **backwards**, too, with a second cell, and join the two last states: a
# **bidirectional** RNN. And as with layers in an MLP, the states of one RNN can be what the next one reads: a **deep** RNN.
#
# Backwards has a trap: turned round with its padding, a short name begins with zeros. Turn round the letters only.

# %% solution="reverse"
def reverse(tokens):
    """tokens (B, T), 0 after the last letter; returns (B, T): the letters of each row backwards, the 0 still at the end."""
    ### BEGIN SOLUTION
    turned = torch.zeros_like(tokens)
    for i, row in enumerate(tokens):
        length = int((row != 0).sum())
        turned[i, :length] = row[:length].flip(0)
    return turned
    ### END SOLUTION

# %% test="check_reverse" points=1
_tokens = torch.tensor([[5, 2, 7, 0], [9, 0, 0, 0], [1, 2, 3, 4]])
_kept = _tokens.clone()
_hint = "5, 2, 7 and one 0 become 7, 2, 5 and one 0. (0, 7, 2, 5: the padding was turned round as well.)"
checks.close(reverse(_tokens), torch.tensor([[7, 2, 5, 0], [9, 0, 0, 0], [4, 3, 2, 1]]), _hint)
assert torch.equal(_tokens, _kept), "your function changes the tokens that it is given; return new ones"
_tokens = torch.randint(1, 99, (6, 12), generator=torch.Generator().manual_seed(7)) * (torch.arange(12) < torch.tensor([[12], [3], [7], [1], [11], [2]]))
checks.close(reverse(reverse(_tokens)), _tokens, "Turned round twice it should be as before.")
_last = _tokens[torch.arange(6), torch.tensor([12, 3, 7, 1, 11, 2]) - 1]
checks.close(reverse(_tokens)[:, 0], _last, "Each row begins with its last letter.")
assert checks.passed("reverse")

# %% [markdown]
# <details><summary>Hint 1</summary>A loop over rows. The first <code>length</code> places of a row are its letters.</details>
# <details><summary>Hint 2</summary><code>row[:length].flip(0)</code> turns them round; write them into
# <code>torch.zeros_like(tokens)</code>.</details>
# <details><summary>The idea of the solution</summary>Four lines: zeros, loop, length, write. Without a loop:
# <code>gather</code> at the places <code>length - 1 - t</code>.</details>
#
# ## Against the library
# Your functions beside `nn.RNN`, `nn.LSTM`, and a bidirectional `nn.LSTM` with PyTorch's own way around the padding
# (`pack_padded_sequence`):

# %%
def twin(net, end=""):
    """The weights of an nn.RNN or nn.LSTM as our functions take them."""
    w_x, w_h, b_x, b_h = (getattr(net, f"{part}_l0{end}").detach() for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return w_x.T, w_h.T, b_x + b_h

def lstm_states(x, w_x, w_h, b):
    weight, zeros = torch.cat([w_x, w_h]), torch.zeros(len(x), 2 * w_h.shape[0])
    return read(lambda x, hc: torch.cat(lstm_step(x, *hc.chunk(2, 1), weight, b), 1), x, zeros)[:, :, : w_h.shape[0]]

torch.manual_seed(0)
sixty = test.take(torch.arange(60))
tokens, table = sixty.inputs, torch.randn(len(letters), 16)
rnn, one_way, both = nn.RNN(16, 32, batch_first=True), nn.LSTM(16, 32, batch_first=True), nn.LSTM(16, 32, batch_first=True, bidirectional=True)
packed = nn.utils.rnn.pack_padded_sequence(table[tokens], sixty.lengths, batch_first=True, enforce_sorted=False)
pairs = {
    "RNN": (lambda: read(lambda x, h: cell(x, h, *twin(rnn)), table[tokens], torch.zeros(60, 32)), lambda: rnn(table[tokens])[0]),
    "LSTM": (lambda: lstm_states(table[tokens], *twin(one_way)), lambda: one_way(table[tokens])[0]),
    "backwards": (lambda: last_state(lstm_states(table[reverse(tokens)], *twin(both, "_reverse")), reverse(tokens)), lambda: both(packed)[1][0][1]),
}

# %%
for name, (ours, theirs) in pairs.items():
    began = time.perf_counter()
    a = ours().detach()
    middle = time.perf_counter()
    b_ = theirs().detach()
    used = (middle - began, time.perf_counter() - middle)
    print(f"{name:<10} largest difference {(a - b_).abs().max():.0e}   yours {1000 * used[0]:5.1f} ms, torch {1000 * used[1]:5.1f} ms")

# %% [markdown]
# ## Train and watch: the rival
# First the model without a memory: every piece of up to $n$ letters of `^name$` (`^` marks the beginning, `$` the end, and
# both count as letters) has 18 weights, one for each language, and a name's scores are the sum over its pieces. From single
# letters to pieces of four:

# %%
def pieces(name, n):
    return [name[i : i + k] for k in range(1, n + 1) for i in range(len(name) - k + 1)]

def as_pieces(split, number, n):
    """The split with the numbers of the known pieces of ^name$ in place of the letters."""
    rows = [[number[p] for p in pieces(f"^{name}$", n) if p in number] or [0] for name in split.inputs]
    table = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    return data.Split(table, split.labels, split.role, torch.tensor([len(row) for row in rows]))

bags, numbers, accuracy = {}, {}, {}
for n in (1, 2, 3, 4):
    found = sorted({p for name in places.train.inputs for p in pieces(f"^{name}$", n)})
    numbers[n] = {p: i for i, p in enumerate(found, 1)}
    bags[n] = nn.EmbeddingBag(len(found) + 1, 18, mode="sum", padding_idx=0)
    nn.init.zeros_(bags[n].weight)
    history = training.fit(bags[n], as_pieces(places.train, numbers[n], n), as_pieces(places.test, numbers[n], n), lr=0.03,
                           **RECIPE | {"epochs": 3}, quiet=True)
    accuracy[f"pieces of 1 to {n}" if n > 1 else "single letters"] = history.test_accuracy[-1]
    print(f"pieces up to {n}: {18 * len(found):>8,} weights, accuracy on new names {history.test_accuracy[-1]:.3f}")
BASELINE = accuracy["pieces of 1 to 3"]

# %% [markdown]
# ## Train and watch: the readers
# The LSTM is waiting. Now the RNN and the GRU, and an LSTM of two layers that reads both ways.

# %%
for kind, lr in (("rnn", 0.005), ("gru", 0.015)):
    torch.manual_seed(0)
    net = models.RecurrentClassifier(len(letters), 18, width=64, kind=kind)
    histories[kind.upper()] = training.fit(net, train, test, lr=lr, **RECIPE)

# %%
class BothWays(nn.Module):
    """Letters in, scores out: a deep LSTM that reads both ways."""

    def __init__(self, width=40, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), 32)
        self.memory = nn.LSTM(32, width, layers, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(2 * width, 18)

    def forward(self, tokens):
        x, lengths = self.embedding(tokens), (tokens != 0).sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.memory(packed)  # h (2 * layers, B, H): the last two are the top layer's, there and back
        return self.scores(torch.cat([h[-2], h[-1]], 1))

torch.manual_seed(0)
deep = BothWays()
histories["deep, both ways"] = training.fit(deep, train, test, lr=0.015, **RECIPE)

# %%
with torch.no_grad():
    says = {"LSTM": lstm(test.inputs), "deep": deep(test.inputs), "pieces": bags[3](as_pieces(places.test, numbers[3], 3).inputs)}
    says = {name: scores.log_softmax(1) for name, scores in says.items()}
readers = {name: history.test_accuracy[-1] for name, history in histories.items()}
together = float(((says["deep"] + says["pieces"]).argmax(1) == test.labels).float().mean())
curves = {name: history.test_accuracy for name, history in histories.items()}
plotting.show_curves(curves, xlabel="epoch", ylabel="accuracy on new names", baseline=("the rival", BASELINE))
checks.outcome("lstm", readers["LSTM"])

# %%
bars = accuracy | dict(sorted(readers.items(), key=lambda item: item[1])) | {"deep and pieces together": together}
colours = [plotting.ORANGE] * 4 + [plotting.BLUE] * 4 + [plotting.GREEN]
_, axis = plt.subplots(figsize=(8.4, 4.0))
drawn = axis.barh(list(bars), list(bars.values()), color=colours)
axis.bar_label(drawn, [f"{value:.3f}" for value in bars.values()], padding=-42, color="white")
axis.axvline(BASELINE, color="black", linestyle="--", linewidth=1.2)
axis.invert_yaxis()
axis.set(xlabel="accuracy on 2,816 new names (guessing: 0.08)", xlim=(0, 1))
axis.grid(False, axis="y")
plotting.show("Accuracy: " + ", ".join(f"{name} {value:.2f}" for name, value in bars.items()))

# %% [markdown]
# The rival wins, and even pairs of letters beat the RNN, the GRU and the LSTM. Order, gates, memory: all for less than a
# bag of pieces. Always train the boring model first. Yet the two *together* beat either: the reader knows something that
# the bag does not.
#
# ## Look at the errors
# Languages that are relatives should be confused. Here they stand family by family; is it a block along the diagonal?

# %%
FAMILIES = ["Danish", "Swedish", "Dutch", "German", "English", "French", "Italian", "Spanish", "Portuguese",
            "Czech", "Polish", "Lithuanian", "Finnish", "Estonian", "Hungarian", "Turkish", "Indonesian", "Vietnamese"]
place = torch.tensor([FAMILIES.index(language) for language in places.classes])
predicted = says["LSTM"].argmax(1)
pictures.show_confusion(place[test.labels], place[predicted], FAMILIES)

# %%
truth = says["LSTM"][torch.arange(len(test)), test.labels].exp()
print(f"{'the nine worst':<40}{'is':<12}{'says':<12}{'its p':>6}{'p of the truth':>16}")
for i in truth.argsort()[:9].tolist():
    languages = places.classes[test.labels[i]], places.classes[predicted[i]]
    print(f"{places.test.inputs[i][:38]:<40}{languages[0]:<12}{languages[1]:<12}{says['LSTM'][i].max().exp():6.2f}{truth[i]:16.6f}")

# %% [markdown]
# Which of them would *you* have got? Some are borrowed words, some carry no trace at all.
#
# ## 7. In words (1 point)
# Why does a bag of three-letter pieces beat an LSTM here? Give two reasons in two or three sentences. Look at the bars
# (what do pieces of 4 add to those of 3?), at the number of training names, and at what each model has to learn
# before it can use a piece such as *ska*.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_pieces" points=1
# What tells these languages apart is local: pieces of up to three letters say nearly all (pieces of 4 add nothing), so
# a long memory has nothing to remember. The bag is given each piece as a feature with its own weights, and only weighs; the
# LSTM must first learn from 11,263 short names to detect pieces by its gates, and to keep what it found until the last
# letter. With far more text, or where order over long distances counts, it would be the other way round.

# %% [markdown]
# ## Break it
# This reader runs, all shapes are right, and its loss falls. Yet it is far worse than any of the others; and its
# opinion of a name depends on **which names stand next to it**. One word is missing. Where?

# %%
class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.memory, self.scores = nn.Embedding(len(letters), 32), nn.LSTM(32, 64), nn.Linear(64, 18)

    def forward(self, tokens):
        states, _ = self.memory(self.embedding(tokens))
        return self.scores(states[torch.arange(len(tokens), device=tokens.device), (tokens != 0).sum(1) - 1])

torch.manual_seed(0)
broken = Broken()
history = training.fit(broken, train, test, lr=0.015, **RECIPE | {"epochs": 2})
finland = torch.tensor([letters.encode("Finnland")])
with torch.no_grad():
    for company in ("Frankreich", "Bulgarie", "Đan Mạch"):
        rows = nn.utils.rnn.pad_sequence([torch.tensor(letters.encode(company)), finland[0]], batch_first=True)
        told = broken.eval()(rows)[1].softmax(0)
        print(f"Finnland next to {company:<11} {places.classes[told.argmax()]:<11} {told.max():.2f}")

# %% [markdown]
# <details><summary>The bug</summary><code>nn.LSTM</code> without <code>batch_first=True</code> takes the first axis for time: it
# reads the batch <em>downwards</em>, letter 1 of this name after letter 1 of the name above. Nothing complains. Whenever
# examples share a batch, test that the scores of one do not depend on its company.</details>
#
# ## Going further (optional)
# **Did the reviewer like the film?** The same network reads words as well. SST-2 has 9,600 sentences of film reviews (1 MB to
# download), `"imdb"` 50,000 whole reviews (84 MB; take a GPU: no line changes). The bag of words is trained first, of course. (On SST-2 it
# gets 0.80, the GRU 0.72.)

# %%
REAL = ""  # "sst2" or "imdb"
if REAL:
    films = data.load(REAL)
    known = text.Vocabulary.of(films.train, unit="word", least=2)
    film_train, film_test = (text.tokens(split, known, longest=200) for split in (films.train, films.test))
    for bag in (True, False):
        torch.manual_seed(0)
        net = nn.EmbeddingBag(len(known), 2, mode="sum", padding_idx=0) if bag else models.RecurrentClassifier(len(known), 2, 64, "gru", 0.3)
        if bag:
            nn.init.zeros_(net.weight)
        history = training.fit(net, film_train, film_test, lr=0.005, **RECIPE | {"epochs": 3}, quiet=True)
        print(f"{REAL}, {'bag of words' if bag else 'GRU'}: {history.test_accuracy[-1]:.3f}")

# %% [markdown]
# - Train the LSTM to answer after **every** letter (many to many in step: the label at each place). Does it know earlier?
# - `recall` with a lag of 100: which gate bias does it take? And what does one of 10 cost?
# - `data.load("surnames")`: 18 languages again, 20,000 family names. Who wins there?
#
# To read: Elman 1990, *Finding structure in time*; Hochreiter and Schmidhuber 1997, *Long short-term memory*; Pascanu et al.
# 2013, arXiv 1211.5063, on exploding and vanishing; Karpathy 2015, *The unreasonable effectiveness of recurrent neural
# networks* (the five drawings are his); *Dive into Deep Learning*, chapters 9 and 10 (d2l.ai).

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab11_rnn.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("cell", "read", "last_state", "through_time", "lstm_step", "reverse")
