# %% [markdown]
# # Forward and backward through a network
#
# One layer draws straight lines. Several, one behind the other, bend the plane until a straight line is enough. You
# will push numbers **forward** through a network, send the blame **backward** with the chain rule, and then watch a
# network of your own unroll a spiral.
#
# When you are done, you can
# 1. compute every number in a small network, and every slope, and *prove* the slopes right;
# 2. say which weight matters most, and why going backward is the cheap way to know;
# 3. build networks with `nn.Sequential` and `nn.Module`, and look at what their layers do.
#
# About 85 minutes for you, 25 seconds for the processor, no GPU. 8 points: seven exercises and one question in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, pictures, plotting, runtime
runtime.start("lab03_backprop")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab03_backprop"

# %% [markdown]
# ## See it first
# Three arms, wound round each other: no straight line parts them. But turn every point back about the middle, the
# further out the more, and they come straight. (Two cells to load and to draw, then the picture.)

# %%
import math, time
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

spiral = data.load("spiral", classes=3, size=600)
arms, seen = spiral.test.labels, spiral.test.inputs  # 1,000 points to test with and to look at
SIDE = 121
PLANE = torch.cartesian_prod(*[torch.linspace(-1.15, 1.15, SIDE)] * 2)  # a fine net over the whole plane

def twist(places, turns):
    """Turn each place (..., 2) about the middle: by so many turns at distance 1, by less further in."""
    angle, (x, y) = 2 * math.pi * turns * places.norm(dim=-1), places.unbind(-1)
    return torch.stack([angle.cos() * x - angle.sin() * y, angle.sin() * x + angle.cos() * y], -1)

# %%
def draw_plane(axis, title, plane, places, shares, wrong=()):
    """Where the net over the plane and the points have come to; shares: whose ground it is, a row of 3 a place."""
    ground = 0.6 + 0.4 * shares @ torch.tensor([mpl.colors.to_rgb(c) for c in pictures.COLOURS[:3]])
    x, y = plane.view(SIDE, SIDE, 2).permute(2, 0, 1).numpy()
    cells = axis.pcolormesh(x, y, np.zeros((SIDE - 1, SIDE - 1)), linewidth=0.3)
    cells.set(array=None, edgecolor="face")
    cells.set_facecolor(ground.clamp(0, 1).view(SIDE, SIDE, 3)[:-1, :-1].reshape(-1, 3).numpy())
    for lines in (x[::10].T, y[::10].T), (x[:, ::10], y[:, ::10]):
        axis.plot(*lines, "-", color="white", linewidth=0.7)
    for k in range(3):
        style = {"color": pictures.COLOURS[k], "markersize": 3.2, "markeredgecolor": "black", "markeredgewidth": 0.25}
        axis.plot(*places[:400][arms[:400] == k].T.numpy(), pictures.MARKERS[k], **style)
    axis.plot(*places[list(wrong)].T.numpy(), "x", color="black", markersize=7, markeredgewidth=1.6)
    axis.set(title=title, xlabel="first number", ylabel="second number")
    axis.set_aspect("equal", adjustable="datalim")
    axis.grid(False)

# %%
_straight = twist(PLANE, -1)
_sector = F.one_hot((torch.atan2(_straight[:, 1], _straight[:, 0]) * 3 / (2 * math.pi)).round().long() % 3, 3).float()
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.6))
for axis, turns in zip(axes, (0, -0.5, -1.0)):
    draw_plane(axis, f"{-turns:g} turns back", twist(PLANE, turns), twist(seen, turns), _sector)
    axis.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
plotting.show("A spiral of three arms on a squared plane; the plane is turned back until the arms are three straight sectors")

# %% [markdown]
# That was cheating: *we* knew how the spiral was made. In classical machine learning a person supplies such a
# **feature**, as you did with the rings in lab 2. In **deep learning** the layers find it: each hands the next a new
# **representation** of the input. Units *in* a layer are pieces side by side; layers are a hierarchy, pieces of pieces.
# *Deep* only means: many layers. At the end a network does the untwisting, and nobody tells it how.

# %% [markdown]
# ## 1. Forward (1 point)
# A fruit stall. Five measurements come in, three verdicts go out, and between them stand three **hidden units** (or
# neurons): hidden, since nobody tells them what to be. A unit's output is its **activation**. Unit $i$ of the hidden
# layer and output $k$ compute
#
# $$z_i = b^{(1)}_i + \sum_j w^{(1)}_{ij}\, x_j, \quad a_i = \sigma(z_i), \qquad
# \hat y_k = \sigma\Big(b^{(2)}_k + \sum_i w^{(2)}_{ki}\, a_i\Big)$$
#
# Nobody writes it so. One line a layer $l$ says the same, with $a^{(0)} = x$ and $\sigma$ the sigmoid of lab 2:
#
# $$a^{(l)} = \sigma\big(W^{(l)} a^{(l-1)} + b^{(l)}\big)$$
#
# Weights and biases start at random: at first the stall talks nonsense.

# %%
torch.manual_seed(5)
KINDS, MEASURES = ("apple", "banana", "pear"), ("red", "yellow", "round", "long", "soft")
_typical = torch.tensor([[0.8, 0.3, 0.9, 0.3, 0.3], [0.1, 0.9, 0.1, 0.9, 0.7], [0.2, 0.6, 0.6, 0.5, 0.5]]).double()
kind = torch.arange(90) % 3
fruits = (_typical[kind] + 0.1 * torch.randn(90, 5)).clamp(0, 1).round(decimals=2)  # 64-bit: we will measure slopes
targets = F.one_hot(kind, 3).double()  # one-hot: 1 for the right kind, else 0
weights = [torch.randn(3, 5).double().round(decimals=1), torch.randn(3, 3).double().round(decimals=1)]
biases = [torch.randn(3).double().round(decimals=1), torch.randn(3).double().round(decimals=1)]
parameters = [weights[0], biases[0], weights[1], biases[1]]

# %% [markdown]
# **Your turn.** Write it for a batch, one fruit a row, and any number of layers. Keep *every* activation: the way back
# needs them. (As in lab 1, weights are (out, in), so they must be turned.)

# %% solution="forward"
def forward(x, weights, biases):
    """x (N, D), lists of weights (out, in) and biases (out,); returns the list of activations, x first."""
    ### BEGIN SOLUTION
    activations = [x]
    for weight, bias in zip(weights, biases):
        activations.append(torch.sigmoid(activations[-1] @ weight.T + bias))
    return activations
    ### END SOLUTION

# %%
activations = forward(fruits, weights, biases)
pictures.show_network((5, 3, 3), weights, [a[1] for a in activations], names=("measurements", "hidden", "verdicts"))
print("biases:", *[[round(b, 2) for b in bias.tolist()] for bias in biases])
print("in:", ", ".join(f"{name} {value:g}" for name, value in zip(MEASURES, fruits[1].tolist())))
print("out:", ", ".join(f"{name} {value:.2f}" for name, value in zip(KINDS, activations[-1][1].tolist())))
print(f"It is a {KINDS[kind[1]]}.")

# %% test="check_forward" points=1
_x, _w, _b = torch.tensor([[1.0, 2.0]]), [torch.tensor([[1.0, -1.0], [0.0, 0.0], [0.0, 1.0]])], [torch.tensor([1.0, 0.0, 0.0])]
_found = forward(_x, _w, _b)
assert len(_found) == 2, f"one layer: the input and its activations, so 2 tensors; yours are {len(_found)}"
_hint = "z is (1 - 2 + 1, 0, 2) = (0, 0, 2), so a is (0.5, 0.5, 0.88): was the bias added, the sigmoid taken?"
checks.close(_found[1], torch.tensor([[0.5, 0.5, 0.8807971]]), _hint)
checks.close(_found[0], _x, "The first in the list is the input as it is.")
_g = torch.Generator().manual_seed(1)
_w, _b = [[torch.randn(out, *width, generator=_g) for out in (4, 4, 2)] for width in ((4,), ())]
_x = torch.randn(6, 4, generator=_g)
_a = [_x]
for _weight, _bias in zip(_w, _b):
    _a.append(torch.sigmoid(F.linear(_a[-1], _weight, _bias)))
_found = forward(_x, _w, _b)
assert len(_found) == 4, f"three layers: four tensors; yours are {len(_found)}"
checks.close(_found[1], _a[1], "Square weights hide a missing transpose: (out, in) has to be turned.")
checks.close(_found[3], _a[3], "Each layer takes the activations of the layer before; the last has its sigmoid, too.")
assert checks.passed("forward")

# %% [markdown]
# <details><summary>Hint 1</summary>Begin with <code>activations = [x]</code>, go through <code>zip(weights,
# biases)</code>, append.</details>
# <details><summary>Hint 2</summary>The newest activations are <code>activations[-1]</code>; turn the weight with
# <code>.T</code>.</details>
# <details><summary>The idea of the solution</summary>In the loop: <code>torch.sigmoid(activations[-1] @ weight.T +
# bias)</code>.</details>
#
# ## 2. How wrong? (1 point)
# The **cost**: square each output's miss, add up over the outputs, take the mean over the $N$ examples.
#
# $$C = \frac1N \sum_n \sum_k (\hat y_{nk} - y_{nk})^2$$
#
# It takes *all* weights and gives one number. (Cross-entropy trains better; this is easier by hand.)

# %% solution="cost"
def cost(outputs, targets):
    """outputs (N, K), targets (N, K); returns one number."""
    ### BEGIN SOLUTION
    return ((outputs - targets) ** 2).sum(1).mean()
    ### END SOLUTION

# %% [markdown]
# The best-known untrained network, 3Blue1Brown's, was shown a 3. Its outputs for 0 to 9 are below. His sum is 3.37, his
# verdict "utter trash". Yours?

# %%
film = torch.tensor([[0.4316, 0.2844, 0.1889, 0.8825, 0.7240, 0.0100, 0.6387, 0.8595, 0.9908, 0.6323]])
a_three = F.one_hot(torch.tensor([3]), 10)
for digit, (output, miss) in enumerate(zip(film[0], (film - a_three)[0])):
    print(f"{digit}  says {output:.2f}  should {a_three[0, digit]}  squared miss {miss**2:.4f} {'#' * int(30 * miss**2)}")
print(f"cost of this 3: {cost(film, a_three):.2f}; with outputs cut to two digits: {cost(film.round(decimals=2), a_three):.2f}")
print(f"cost at the fruit stall: {cost(activations[-1], targets):.2f}; one third for every kind: {cost(1 / 3, targets):.2f}")

# %% test="check_cost" points=1
_out = torch.tensor([[0.4316, 0.2844, 0.1889, 0.8825, 0.7240, 0.0100, 0.6387, 0.8595, 0.9908, 0.6323]])
_hint = "The film's 3: 0.43² + 0.28² + 0.19² + (0.88 - 1)² + ... is 3.37. (0.34: a mean over the outputs. 1.84: a root.)"
checks.close(float(cost(_out, F.one_hot(torch.tensor([3]), 10))), 3.3691, _hint, atol=1e-3)
_hint = "Misses (1, 0) and (1, 2) cost 1 and 5, the mean is 3. (6: a sum over the examples, 1.5: a mean over all.)"
checks.close(float(cost(torch.tensor([[1.0, 0.0], [1.0, -1.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]]))), 3.0, _hint)
assert checks.passed("cost")

# %% [markdown]
# <details><summary>Hint 1</summary>The miss is a tensor (N, K). Square it before you add anything up.</details>
# <details><summary>Hint 2</summary><code>.sum(1)</code> adds up over the outputs of each example;
# <code>.mean()</code> then averages the examples.</details>
# <details><summary>The idea of the solution</summary>Difference, squared, <code>.sum(1)</code>, <code>.mean()</code>, in
# one line.</details>
#
# ## 3. The chain rule, line by line (1 point)
# How does $C$ answer a nudge of one weight? Take the smallest deep network, one unit a layer:
#
# $$z_1 = w_1 x + b_1 \quad a_1 = \sigma(z_1) \quad z_2 = w_2 a_1 + b_2 \quad a_2 = \sigma(z_2) \quad C = (a_2 - y)^2$$
#
# Nudge $w_1$: that moves $z_1$, which moves $a_1$, and so on to $C$. Each link has a slope, a **partial derivative**;
# the **chain rule** says: multiply them. Begin at the end. With $\sigma'(z) = a\,(1 - a)$:
#
# | | why |
# |---|---|
# | $\partial C/\partial a_2 = 2\,(a_2 - y)$ | the square |
# | $\partial C/\partial z_2 = \partial C/\partial a_2 \cdot a_2(1-a_2)$ | **chain rule!** through the sigmoid |
# | $\partial C/\partial w_2 = \partial C/\partial z_2 \cdot a_1$ | the weight was multiplied with $a_1$ |
# | $\partial C/\partial b_2 = \partial C/\partial z_2 \cdot 1$ | the bias is only added |
# | $\partial C/\partial a_1 = \partial C/\partial z_2 \cdot w_2$ | $a_1$ was multiplied with $w_2$ |
# | $\partial C/\partial z_1,\ \partial C/\partial w_1,\ \partial C/\partial b_1$ | yours: the same moves, one layer further in |
#
# Only the last factor of a line is new: **we already computed** the rest above. That is all of *backpropagation*.

# %% solution="chain"
def chain(x, y, w1, b1, w2, b2):
    """Numbers; returns eight slopes of C, from the back: in a2, z2, w2, b2, a1, z1, w1, b1."""
    a1 = 1 / (1 + math.exp(-(w1 * x + b1)))
    a2 = 1 / (1 + math.exp(-(w2 * a1 + b2)))
    ### BEGIN SOLUTION
    c_a2 = 2 * (a2 - y)
    c_z2 = c_a2 * a2 * (1 - a2)
    c_w2, c_b2, c_a1 = c_z2 * a1, c_z2, c_z2 * w2
    c_z1 = c_a1 * a1 * (1 - a1)
    c_w1, c_b1 = c_z1 * x, c_z1
    return [c_a2, c_z2, c_w2, c_b2, c_a1, c_z1, c_w1, c_b1]
    ### END SOLUTION

# %%
def draw_chain(x, y, w1, b1, w2, b2):
    """Values in blue, computed forward; slopes of C in orange, computed backward."""
    slopes = dict(zip(("a₂", "z₂", "w₂", "b₂", "a₁", "z₁", "w₁", "b₁"), chain(x, y, w1, b1, w2, b2)))
    a1, a2 = (float(a) for a in forward(torch.tensor([[x]]), [torch.tensor([[w]]) for w in (w1, w2)], [b1, b2])[1:])
    row = {"x": x, "z₁": w1 * x + b1, "a₁": a1, "z₂": w2 * a1 + b2, "a₂": a2, "C": (a2 - y) ** 2}
    _, axis = plt.subplots(figsize=(9.6, 3.3))
    spots = {name: (2 * i, 0.0) for i, name in enumerate(row)}
    spots |= {"w₁": (1.4, -1.5), "b₁": (2.6, -1.5), "w₂": (5.4, -1.5), "b₂": (6.6, -1.5)}
    for name, (at, height) in spots.items():
        value = (row | {"w₁": w1, "b₁": b1, "w₂": w2, "b₂": b2})[name]
        axis.add_patch(plt.Circle((at, height), 0.33, facecolor="white", edgecolor="black", zorder=3))
        axis.text(at, height, name, ha="center", va="center", zorder=4)
        low, high = (0.48, 0.9) if height == 0 else (-1.1, -0.68)
        axis.text(at, height + high, f"{value:.2f}", ha="center", color=plotting.BLUE)
        axis.text(at, height + low, f"{slopes[name]:+.3f}" if name in slopes else "", ha="center", color=plotting.ORANGE)
    for start, end in [*zip(row, list(row)[1:]), ("w₁", "z₁"), ("b₁", "z₁"), ("w₂", "z₂"), ("b₂", "z₂")]:
        style = {"arrowstyle": "->", "shrinkA": 15, "shrinkB": 15, "color": plotting.GREY}
        axis.annotate("", spots[end], spots[start], arrowprops=style)
    axis.set(xlim=(-0.6, 10.6), ylim=(-2.7, 1.3), aspect="equal")
    axis.axis("off")
    plotting.show(f"Six units in a row, four parameters below; values in blue, slopes in orange: in w1 {slopes['w₁']:+.3f}, in w2 {slopes['w₂']:+.3f}")

draw_chain(x=1.5, y=1.0, w1=0.8, b1=-0.4, w2=-2.0, b2=0.5)

# %% test="check_chain" points=1
def _cost(x, y, w1, b1, w2, b2):
    return (torch.sigmoid(w2 * torch.sigmoid(w1 * x + b1) + b2) - y) ** 2

_found = chain(2.0, 0.0, 0.0, 0.0, 4.0, -2.0)
assert len(_found) == 8, f"eight slopes should come, from a2 back to b1; yours are {len(_found)}"
_hint = "a1 and a2 are 0.5 here: in a2 the slope is 2 * 0.5 = 1, in z2 that times 0.5 * 0.5, in w2 times a1 again."
checks.close(_found[:4], [1.0, 0.25, 0.125, 0.25], _hint)
_hint = "On from z2: in a1 times w2 = 4, in z1 times a1 (1 - a1), in w1 times x = 2, in b1 times 1."
checks.close(_found[4:], [1.0, 0.25, 0.5, 0.25], _hint)
for _at in ((0.7, 1.0, -0.5, 0.3, 1.2, -0.8), (-1.3, 0.2, 0.9, 0.1, -0.6, 0.4)):
    _wanted = checks.numeric_gradient(_cost, *(torch.tensor(v) for v in _at))
    _found = [float(slope) for slope in chain(*_at)]
    checks.close([_found[i] for i in (6, 7, 2, 3)], [float(_wanted[i]) for i in (2, 3, 4, 5)], "In w1, b1, w2, b2, against the measured slopes.", 1e-4)
assert checks.passed("chain")

# %% [markdown]
# <details><summary>Hint 1</summary>Give each slope a name, such as <code>c_z2</code>, and use the names of the lines
# above.</details>
# <details><summary>Hint 2</summary>From <code>c_a1</code> on it is the second line again: times
# <code>a1 * (1 - a1)</code>.</details>
# <details><summary>The idea of the solution</summary><code>c_z1 = c_a1 * a1 * (1 - a1)</code>; in w1 that times
# <code>x</code>, in b1 that alone.</details>
#
# **What the lines mean.** An output is too low. Three ways to raise it: raise the bias; change the weights, *in
# proportion to the activations* they carry (a weight on a silent unit does nothing); or change the activations before,
# *in proportion to the weights*: a wish, passed back to the layer before. Add up the wishes of all outputs, average
# those of all examples: that is the gradient.
#
# ## 4. The oracle (1 point)
# Never believe a gradient; measure it. Nudge *one* number $p_i$ up and down by a hair $h$:
#
# $$\frac{\partial C}{\partial p_i} \approx \frac{C(p_i + h) - C(p_i - h)}{2h}$$

# %% solution="numeric_gradient"
def numeric_gradient(function, p, step):
    """function(p) gives one number; p is a tensor of any shape, left as it is; returns the slopes, shaped as p."""
    ### BEGIN SOLUTION
    slopes = torch.zeros_like(p)
    for i in range(p.numel()):
        nudge = torch.zeros_like(p)
        nudge.view(-1)[i] = step
        slopes.view(-1)[i] = (function(p + nudge) - function(p - nudge)) / (2 * step)
    return slopes
    ### END SOLUTION

# %% [markdown]
# How small is a hair? Guess what happens as $h$ shrinks from $10^{-1}$ to $10^{-12}$. Then look.

# %%
def cost_of(one):
    """The stall's cost as a function of its very first weight (1,), in the number type of that weight."""
    first = torch.cat([one, weights[0].to(one).view(-1)[1:]]).view(3, 5)
    x, w2, b1, b2, y = [t.to(one) for t in (fruits, weights[1], *biases, targets)]
    return cost(forward(x, [first, w2], [b1, b2])[-1], y)

w, errors = weights[0].view(-1)[:1].clone(), {"up and down": [], "up only": [], "up and down, 32 bits": []}
leaf = w.clone().requires_grad_()
true, hairs = torch.autograd.grad(cost_of(leaf), leaf)[0], [10.0**-k for k in range(1, 13)]
for h in hairs:
    found = numeric_gradient(cost_of, w, h), (cost_of(w + h) - cost_of(w)) / h, numeric_gradient(cost_of, w.float(), h)
    for name, slope in zip(errors, found):
        errors[name].append(abs(float(slope) - float(true)))
_, axis = plt.subplots()
for marker, (name, values) in zip("os^", errors.items()):
    axis.loglog(hairs, values, marker=marker, label=name)
axis.set(xlabel="h, the hair", ylabel="error of the slope")
axis.figure.legend(loc="outside upper left", ncols=3)
plotting.show("Error of the measured slope over h: each curve falls as h shrinks, then rises as rounding takes over")
print(f"Up and down is best at h = {hairs[np.argmin(errors['up and down'])]:g}: {min(errors['up and down']):.0e} off")

# %% test="check_numeric_gradient" points=1
_p = torch.tensor([[1.0, 2.0, -1.0], [0.0, 3.0, 0.5]], dtype=torch.float64)
_hint = "Of p³ with h = 0.1, up and down gives 3p² + 0.01 exactly. (3p² + 0.3p + 0.01: up only. Twice that: divided by h.)"
checks.close(numeric_gradient(lambda p: (p**3).sum(), _p, 0.1), 3 * _p**2 + 0.01, _hint)
_hint = "Here the numbers are multiplied with one another: is each back at its place before the next is nudged?"
_q = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
checks.close(numeric_gradient(lambda q: q[0] * q[1] * q[2], _q, 0.5), torch.tensor([15.0, 10.0, 6.0]).double(), _hint)
assert torch.equal(_q, torch.tensor([2.0, 3.0, 5.0]).double()), f"p was changed on the way, to {_q.tolist()}: put it back"
assert checks.passed("numeric_gradient")

# %% [markdown]
# <details><summary>Hint 1</summary>Flat is easier: <code>p.numel()</code> numbers, and
# <code>slopes.view(-1)[i]</code> reaches the i-th whatever the shape.</details>
# <details><summary>Hint 2</summary>Make a tensor of zeros shaped as p, put <code>step</code> at place i, and ask the
# function at <code>p + nudge</code> and <code>p - nudge</code>.</details>
# <details><summary>The idea of the solution</summary>That, in a loop over i, divided by <code>2 * step</code>. Adding
# makes a new tensor, so p itself stays.</details>
#
# Large $h$: the cost is curved. Tiny $h$: rounding is all that is left of the difference. So: both sides, 64 bits,
# $h = 10^{-5}$.
#
# ## 5. Backward through two layers (1 point)
# Section 3 once more, with matrices. Write $\delta^{(l)}$ for the slopes in $z^{(l)}$, one row an example; $\odot$
# multiplies place by place.
#
# $$\delta^{(2)} = \tfrac{2}{N}\,(a^{(2)} - y) \odot a^{(2)} \odot (1 - a^{(2)}) \qquad
# \delta^{(1)} = \big(\delta^{(2)} W^{(2)}\big) \odot a^{(1)} \odot (1 - a^{(1)})$$
#
# A weight serves all examples, so its slopes add up over them: $\partial C/\partial W^{(l)}$ is
# $\delta^{(l)\top} a^{(l-1)}$, and for $b^{(l)}$ it is the sum of $\delta^{(l)}$ over the rows.

# %% solution="backward"
def backward(activations, y, w2):
    """activations x (N, D), a1 (N, H), a2 (N, K); y (N, K); w2 (K, H); returns the slopes in W1, b1, W2, b2."""
    x, a1, a2 = activations
    ### BEGIN SOLUTION
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * a1 * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]
    ### END SOLUTION

# %%
found, worst_gap = backward(forward(fruits, weights, biases), targets, weights[1]), 0.0
for place, name in enumerate(("W1", "b1", "W2", "b2")):
    def cost_at(p, place=place):
        w1, b1, w2, b2 = [p if i == place else other for i, other in enumerate(parameters)]
        return cost(forward(fruits, [w1, w2], [b1, b2])[-1], targets)
    measured = numeric_gradient(cost_at, parameters[place], 1e-5)
    gap = (found[place] - measured).abs().max().item()
    worst_gap = max(worst_gap, gap)
    print(f"{name}  {found[place].numel():>2} slopes, largest {found[place].abs().max():.4f}, largest gap to measured {gap:.0e}")
print("Target reached: every gap is below 0.000001." if worst_gap < 1e-6 else "Not there yet: below 0.000001 is the target.")

# %% test="check_backward" points=1
_x, _a1, _a2 = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5]]), torch.tensor([[0.5]])
_found = backward([_x, _a1, _a2], torch.tensor([[0.0]]), torch.tensor([[4.0]]))
assert len(_found) == 4, f"four slopes, for W1, b1, W2, b2; yours are {len(_found)}"
_hint = "The 3rd and 4th: delta2 is 2 * 0.5 * 0.5 * 0.5 = 0.25; for W2 that times a1 = 0.5."
checks.close([float(_found[2]), float(_found[3])], [0.125, 0.25], _hint)
_hint = "delta1 is 0.25 * 4 * 0.5 * 0.5 = 0.25, and x is (1, 2)."
checks.close(_found[0], torch.tensor([[0.25, 0.5]]), _hint)
_g = torch.Generator().manual_seed(2)
_x, _y, *_p = [torch.randn(s, generator=_g).double() for s in ((7, 4), (7, 3), (3, 4), (3,), (3, 3), (3,))]
_a1 = torch.sigmoid(F.linear(_x, *_p[:2]))
_found = backward([_x, _a1, torch.sigmoid(F.linear(_a1, *_p[2:]))], _y, _p[2])
def _cost2(w1, b1, w2, b2):
    return ((torch.sigmoid(F.linear(torch.sigmoid(F.linear(_x, w1, b1)), w2, b2)) - _y) ** 2).sum(1).mean()

for _name, _theirs, _measured in zip(("W1", "b1", "W2", "b2"), _found, checks.numeric_gradient(_cost2, *_p)):
    checks.close(_theirs, _measured, f"7 examples, against the measured slopes in {_name}: the mean, a .T, the (1 - a)?", 0, 1e-6)
assert checks.passed("backward")

# %% [markdown]
# <details><summary>Hint 1</summary>Two deltas first, each in one line. Every slope has the shape of what it belongs to:
# that tells you where the <code>.T</code> goes.</details>
# <details><summary>Hint 2</summary><code>@</code> only for <code>delta2 @ w2</code> and the two weights; all else is
# place by place.</details>
# <details><summary>The idea of the solution</summary><code>delta1.T @ x, delta1.sum(0), delta2.T @ a1,
# delta2.sum(0)</code>.</details>
#
# ### What $-\nabla C$ says
# The gradient $\nabla C$ is the list of all slopes. With a minus it is a list of wishes: the sign says which way, the size
# **how much a weight matters**. Find the thickest line before you read the list. (Both go from top to bottom: on the left
# the measurements in the order of `MEASURES`, in the middle hidden 0 to 2, on the right the fruits in that of `KINDS`.)

# %%
slopes = backward(forward(fruits, weights, biases), targets, weights[1])
pictures.show_network((5, 3, 3), [-slopes[0], -slopes[2]], names=("measurements", "hidden", "verdicts"))
wishes, before = [], float(cost(forward(fruits, weights, biases)[-1], targets))
for layer, slope in enumerate((slopes[0], slopes[2])):
    for i, j in np.ndindex(*slope.shape):
        moved = [w.clone() for w in weights]
        moved[layer][i, j] -= 0.1 * slope[i, j].sign()
        fall = before - float(cost(forward(fruits, moved, biases)[-1], targets))
        verdict = ("decrease" if slope[i, j] > 0 else "increase") + (" a lot" if slope[i, j].abs() > 0.1 else " a little")
        ends = (MEASURES[j], f"hidden {i}") if layer == 0 else (f"hidden {j}", KINDS[i])
        wishes.append((abs(float(slope[i, j])), f"{ends[0]:>8} to {ends[1]:<8}  {-slope[i, j]:+.4f} {verdict:<17}", fall))
wishes.sort(reverse=True)
for size, words, fall in wishes[:4] + wishes[-2:]:
    print(f"{words} moved by 0.1, C falls by {fall:.4f} (0.1 times the slope: {0.1 * size:.4f})")

# %% [markdown]
# Now all 30 numbers follow their wishes, 600 times. Nothing here is PyTorch's but the arithmetic.

# %%
def train_stall(backward, steps=600, lr=2.0):
    """Train a copy of the stall with this backward; the cost before each step, and the share named rightly."""
    w1, b1, w2, b2 = [p.clone() for p in parameters]
    costs = []
    for _ in range(steps):
        activations = forward(fruits, [w1, w2], [b1, b2])
        costs.append(float(cost(activations[-1], targets)))
        for p, slope in zip((w1, b1, w2, b2), backward(activations, targets, w2)):
            p -= lr * slope
    return costs, float((activations[-1].argmax(1) == kind).double().mean())

shrug, stall_costs, stall_right = ("one third for every kind", 2 / 3), [], 0.0
stall_costs, stall_right = train_stall(backward)
plotting.show_curves({"your backward": stall_costs}, xlabel="step", ylabel="cost", baseline=shrug, log_x=True)
print(f"named rightly after {len(stall_costs)} steps: {stall_right:.0%}; guessing: 33%")

# %% [markdown]
# ## 6. Any function, from hinges (1 point)
# What can *one* hidden layer make? On an interval it comes as near as you like to **any** continuous function, if it is
# wide enough. That is the **universal approximation theorem**, which holds for any number of inputs (Cybenko 1989, Hornik
# 1991). Build the proof, for one input:
# $\text{ReLU}(x - x_i) = \max(0, x - x_i)$ is a hinge: flat, then rising from the **knot** $x_i$ on. Add up $n$
# hinges with weights $c_i$:
#
# $$f(x) = y_0 + \sum_{i=0}^{n-1} c_i\, \text{ReLU}(x - x_i)$$
#
# At each knot the slope changes by $c_i$. Choose the $c_i$ so that $f$ runs straight from point to point through
# $(x_0, y_0), \dots, (x_n, y_n)$: no training, only slopes.

# %% solution="hinges"
def hinges(xs, ys):
    """xs (n+1,), rising; ys (n+1,); returns the weights c (n,): the first slope, then each change of slope."""
    ### BEGIN SOLUTION
    slopes = ys.diff() / xs.diff()
    return torch.cat([slopes[:1], slopes.diff()])
    ### END SOLUTION

# %% [markdown]
# Try it: put your weights into a network that nobody trained. `nn.Sequential` runs its parts one after the other.

# %%
def relu_network(xs, ys):
    net = nn.Sequential(nn.Linear(1, len(xs) - 1), nn.ReLU(), nn.Linear(len(xs) - 1, 1)).double()
    with torch.no_grad():
        net[0].weight.fill_(1)
        net[0].bias.copy_(-xs[:-1])
        net[2].weight.copy_(hinges(xs, ys)[None])
        net[2].bias.copy_(ys[:1])
    return net

# %%
def wave(x):
    return torch.sin(2 * x) + 0.5 * torch.sin(7 * x)  # any function will do: put in yours

x, fits = torch.linspace(0, 3, 601).double()[:, None], {}
for n in (4, 8, 16, 32, 64, 128):
    xs = torch.linspace(0, 3, n + 1).double()
    fits[n] = relu_network(xs, wave(xs))(x).detach()
misses = {n: float((fit - wave(x)).abs().max()) for n, fit in fits.items()}
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8), width_ratios=(3, 2))
left.plot(x, wave(x), color=plotting.GREY, linewidth=5, alpha=0.4, label="the function")
for n in (4, 16):
    left.plot(x, fits[n], label=f"{n} ReLUs")
left.set(xlabel="x", ylabel="f(x)")
left.legend()
right.loglog(misses.keys(), misses.values(), "o-")
right.set(xlabel="ReLUs", ylabel="largest miss")
plotting.show("Left: 4 hinges follow a wave roughly, 16 closely. Right: the largest miss falls with the number of ReLUs")
print(f"64 ReLUs miss by {misses[64]:.4f}, twice as many by {misses[128]:.4f}: {misses[64] / misses[128]:.1f} times less")

# %% test="check_hinges" points=1
_hint = "Slopes 2, then 0, then -1: the changes are 2, -2, -1. (2, 0, -1: the slopes themselves.)"
checks.close(hinges(torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([5.0, 7.0, 7.0, 6.0])), torch.tensor([2.0, -2.0, -1.0]), _hint)
_hint = "Knots 0, 1, 3: the second piece climbs 4 over a width of 2, so its slope is 2."
checks.close(hinges(torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.0, 1.0, 5.0])), torch.tensor([1.0, 1.0]), _hint)
_xs = torch.tensor([-1.0, -0.2, 0.1, 0.9, 2.0], dtype=torch.float64)
_f = 3.0 + (_xs[:, None] - _xs[:-1]).clamp(min=0) @ hinges(_xs, 3 + _xs.sin() - _xs[0].sin()).double()
checks.close(_f, 3 + _xs.sin() - _xs[0].sin(), "Built from your weights, f should pass through all five points.")
assert checks.passed("hinges")

# %% [markdown]
# <details><summary>Hint 1</summary><code>ys.diff()</code> gives all rises, <code>xs.diff()</code> all widths.</details>
# <details><summary>Hint 2</summary>The first weight is the first slope; each later one is a slope less the slope
# before: <code>slopes.diff()</code>.</details>
# <details><summary>The idea of the solution</summary><code>torch.cat([slopes[:1], slopes.diff()])</code>.</details>
#
# Twice the units, a quarter of the miss: so why go deeper? Wide enough may be *very* wide, and nobody says that training
# finds those weights.
#
# **Predict.** The film's network has 784 pixels, two hidden layers of 16, and 10 outputs. How many weights and biases is
# that, in thousands?

# %%
guess = None
checks.predict("count", guess, "How many thousand weights and biases has 784-16-16-10?")

# %%
def new_reader():
    layers = [nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 10)]
    return nn.Sequential(nn.Flatten(), *layers)

reader = new_reader()
for name, p in reader.named_parameters():
    print(f"layer {name:<9} {str(tuple(p.shape)):<10} {p.numel():>6,}")
total = sum(p.numel() for p in reader.parameters())
checks.outcome("count", total / 1000)
print(f"The gradient is a list of {total:,} slopes: from w_0 to w_{total - 1:,}, since programmers count from 0.")


# %%
images, digits = torch.rand(64, 1, 28, 28), torch.arange(64) % 10
clock = [time.perf_counter()]
for work in (lambda: F.cross_entropy(reader(images), digits), lambda: F.cross_entropy(reader(images), digits).backward()):
    for _ in range(200):
        work()
    clock.append(time.perf_counter())
forward_ms, both_ms = [(b - a) * 5 for a, b in zip(clock, clock[1:])]
print(f"one forward {forward_ms:.2f} ms; forward and autograd's backward, all slopes, {both_ms:.2f} ms")
print(f"the oracle of section 4: two forwards a weight, about {2 * total * forward_ms / 1000:.0f} s for one step")

# %% [markdown]
# ## 7. Your own module (1 point)
# `nn.Sequential` is a pipe. The network for the spiral needs a way *around*: a **stage** leaves each point where it is
# and adds a push, $x + W_2 \tanh(W_1 x + b_1) + b_2$. Whatever is not a pipe is written as an `nn.Module`: `__init__` makes
# the parts (PyTorch finds their weights through `self`), `forward` says how the numbers flow; the way back comes free.
#
# Begin with $W_2$ and $b_2$ at zero (`nn.init.zeros_` on each): a new stage pushes nobody.

# %% solution="stage"
class Stage(nn.Module):
    """places (..., 2) to places (..., 2), through a hidden layer of tanh units."""

    def __init__(self, hidden):
        super().__init__()
        ### BEGIN SOLUTION
        self.inner, self.outer = nn.Linear(2, hidden), nn.Linear(hidden, 2)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        return x + self.outer(torch.tanh(self.inner(x)))
        ### END SOLUTION

# %%
stage = Stage(24)
print(stage)
print("numbers to learn:", sum(p.numel() for p in stage.parameters()))
print("a new stage moves (1, 2) to", stage(torch.tensor([1.0, 2.0])).tolist())

# %% test="check_stage" points=1
_stage, _x = Stage(5), torch.tensor([[1.0, 2.0], [-0.5, 0.3], [0.0, 0.0]])
_p = {tuple(p.shape): p for p in _stage.parameters()}
_hint = "W1 (5, 2), b1 (5,), W2 (2, 5), b2 (2,) should be found: are both layers kept in self?"
assert sorted(_p) == [(2,), (2, 5), (5,), (5, 2)], f"{_hint} Found: {sorted(_p)}"
checks.close(_stage(_x), _x, "A new stage should leave the points where they are: W2 and b2 at zero, and x + ...")
assert float(_p[5, 2].detach().abs().sum()) > 0, "W1 should start at random: with both at zero nothing could ever learn"
with torch.no_grad():
    _p[2, 5].copy_(torch.linspace(-1, 1, 10).view(2, 5))
    _p[2,].copy_(torch.tensor([0.5, -0.25]))
_wanted = _x + F.linear(torch.tanh(F.linear(_x, _p[5, 2], _p[5,])), _p[2, 5], _p[2,])
checks.close(_stage(_x), _wanted, "Then W2 and b2 were set: x + W2 tanh(W1 x + b1) + b2 should come.", 1e-4)
assert checks.passed("stage")

# %% [markdown]
# <details><summary>Hint 1</summary>Two parts: <code>self.inner = nn.Linear(2, hidden)</code> and
# <code>self.outer = nn.Linear(hidden, 2)</code>; call both in <code>forward</code>.</details>
# <details><summary>Hint 2</summary><code>nn.init.zeros_(self.outer.weight)</code>, and the same for its
# bias.</details>
# <details><summary>The idea of the solution</summary><code>return x + self.outer(torch.tanh(self.inner(x)))</code>. The
# "x +" makes it a <i>residual</i> connection; lab 8 meets it again.</details>
#
# ## Train and watch
# Five of your stages, then one straight-line layer for the verdict. Between two stages there are only *two* numbers: all
# that the network knows of a point can be drawn. (Two helpers come early: steps that shrink, lab 5, and a soft pull of
# the weights towards 0, lab 6.)

# %%
def train(model, inputs, labels, steps, lr, weight_decay=0.0):
    """Steps of 64 examples; the learning rate falls to 0. Returns the mean loss of every 50 steps, in nats."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr, weight_decay=weight_decay), []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        chosen = torch.randint(len(labels), (64,))
        loss = F.cross_entropy(model(inputs[chosen]), labels[chosen])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return torch.tensor(losses).view(-1, 50).mean(1).tolist()

def accuracy(model, inputs, labels):
    with torch.no_grad():
        return float((model(inputs).argmax(1) == labels).float().mean())

unroller, spiral_right = nn.Sequential(nn.Linear(2, 3)), 0.0  # without any stage, until you have one

# %%
torch.manual_seed(1)
unroller = nn.Sequential(*[Stage(24) for _ in range(5)], nn.Linear(2, 3))
spiral_losses = train(unroller, spiral.train.inputs, spiral.train.labels, steps=4000, lr=0.3, weight_decay=1e-3)
straight = nn.Sequential(nn.Linear(2, 24), nn.Linear(24, 24), nn.Linear(24, 3))  # three layers and no bend
line_losses = train(straight, spiral.train.inputs, spiral.train.labels, steps=4000, lr=0.05)
spiral_right = accuracy(unroller, seen, arms)
plotting.show_curves({"five stages": spiral_losses, "no bends": line_losses}, xlabel="50 steps of 64 points",
                     ylabel="loss (nats)", baseline=("guessing", math.log(3)))
print(f"new points right: three layers without a bend {accuracy(straight, seen, arms):.3f}, five stages {spiral_right:.3f}")
print("Target reached!" if spiral_right >= 0.97 else "Not there yet: 0.97 is the target.")
pictures.show_boundary(straight, seen, arms)

# %% [markdown]
# A matrix of a matrix is a matrix: **without a bend between them, three layers are one**, and every boundary is a straight
# line. What do five stages with a bend in each make of the same plane?

# %% [markdown]
# The curve of the five stages may jump up again on its way: 0.3 is a bold rate. It settles as the rate falls to 0 (lab 5).
#
# Here is what it found. The ground is painted with the network's verdict; crosses are the test points that it gets wrong.
# Follow one arm from picture to picture.

# %%
def unfold(t):
    """Where the plane and the points are after t stages; of a stage begun, that part of its push."""
    plane, places = PLANE, seen
    with torch.no_grad():
        for i, stage in enumerate(unroller[:-1]):
            share = min(max(t - i, 0), 1)
            plane, places = plane + share * (stage(plane) - plane), places + share * (stage(places) - places)
    return plane, places

with torch.no_grad():
    verdict = unroller(PLANE).softmax(1)
    wrong = (unroller(seen).argmax(1) != arms).nonzero()[:, 0].tolist()
_, axes = plt.subplots(2, 3, figsize=(9.6, 6.6))
for t, axis in enumerate(axes.flat):
    draw_plane(axis, f"after stage {t}" if t else "the plane", *unfold(t), verdict, wrong)
plotting.show("Six pictures: stage by stage the squared plane is stretched, bent and folded until straight cuts nearly part the arms")

# %% [markdown]
# Nobody mentioned an angle, and the network did not find ours: it bent the plane in its own way, until straight cuts were
# nearly enough. A stage is continuous, so it cannot tear the plane: at the centre, where the arms meet, all it can do is
# stretch. What do the crosses have in common?
#
# ## Turn the knob
# Go through the network in slow motion: `t` counts stages, 2.5 is the third one half done.

# %%
def slow_motion(t):
    _, axis = plt.subplots(figsize=(5, 4.8))
    draw_plane(axis, f"after {t:.2f} stages", *unfold(t), verdict, wrong)
    plotting.show(f"The plane and the arms after {t:.2f} of 5 stages")

plotting.slider(slow_motion, t=(0, 5, 2.5))

# %% [markdown]
# **How deep?** The more mixed up the data, the more stages it takes. Arms of 0, a half and one turn; networks of 0 to 4
# narrow stages. To show luck, too, twelve networks train side by side: one more axis in each tensor.

# %%
def side_by_side(stages, turns=(0, 0.5, 1), each=4, hidden=8, steps=1500, lr=0.3):
    """Test accuracy (each, turns) of networks of so many stages: `each` random starts for every spiral."""
    n = each * len(turns)
    x, new = (torch.stack([twist(p, t - 1) for t in turns]).repeat(each, 1, 1) for p in (spiral.train.inputs, seen))
    parts, ends = [(2, hidden), (1, hidden), (hidden, 2), (1, 2)] * stages, [(2, 3), (1, 3)]
    p = [(1.4 * torch.rand(n, *size) - 0.7) * (size[1] != 2) for size in parts + ends]  # what ends a stage starts at 0
    def scores(a):
        for w1, b1, w2, b2 in zip(*[iter(p[:-2])] * 4):
            a = a + (a @ w1 + b1).tanh() @ w2 + b2
        return a @ p[-2] + p[-1]
    optimizer = torch.optim.SGD([one.requires_grad_() for one in p], lr=lr, weight_decay=1e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        chosen = torch.randint(x.shape[1], (64,))
        loss = n * F.cross_entropy(scores(x[:, chosen]).flatten(0, 1), spiral.train.labels[chosen].repeat(n))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        return (scores(new).argmax(2) == arms).float().mean(1).view(each, -1)

# %%
torch.manual_seed(2)
depths, turns = (0, 1, 2, 4), (0, 0.5, 1)
depth_scores = torch.stack([side_by_side(stages) for stages in depths])  # (depths, starts, turns)
mean, low, high = depth_scores.mean(1), depth_scores.amin(1), depth_scores.amax(1)
_, axis = plt.subplots(figsize=(6.4, 3.9))
axis.imshow(mean, cmap="Blues", vmin=0.2, vmax=1.15, aspect="auto")
for i, j in np.ndindex(*mean.shape):
    said = f"{mean[i, j]:.2f}\n{low[i, j]:.2f} to {high[i, j]:.2f}"
    axis.text(j, i, said, ha="center", va="center", color="white" if mean[i, j] > 0.8 else "black")
axis.set(xticks=range(3), xticklabels=turns, yticks=range(4), yticklabels=depths)
axis.set(xlabel="turns of the spiral", ylabel="stages", title="new points right: mean, worst to best of 4 starts")
axis.grid(False)
print(f"Each stage has 8 hidden units here; your five stages of 24 have {spiral_right:.3f} right at one turn.")
plotting.show(f"Accuracy of 0, 1, 2, 4 stages (rows) for 0, 0.5, 1 turns: {mean.mul(100).round().int().tolist()} percent")

# %% [markdown]
# Straight arms need no stage, half a turn one, a full turn several: a staircase.
#
# ## Look inside a reader
# The hope: the first layer finds edges, the second loops and strokes, the last digits. Two networks 784-16-16-10, alike
# but for their random start, read digits in unseen fonts. The 784 weights of each first-layer unit make a picture.

# %%
glyphs = data.load("glyphs")  # the field's own set: data.load("mnist") or data.load("fashion_mnist")
inked, fresh, readers, reads = glyphs.train.inputs / 255, glyphs.test.inputs / 255, [], []
for seed in (1, 2):
    torch.manual_seed(seed)
    readers.append(new_reader())
    train(readers[-1], inked, glyphs.train.labels, steps=1500, lr=0.3)
    reads.append(accuracy(readers[-1], fresh, glyphs.test.labels))
first, second = (net[1].weight.detach() for net in readers)
pictures.show_filters(first)
alike = F.cosine_similarity(first[:, None], second[None], dim=2).amax(1).sort().values
print(f"right: {reads[0]:.3f} and {reads[1]:.3f} of the new digits")
with torch.no_grad():
    trash, trained = [net(fresh).softmax(1) for net in (reader, readers[0])]
truth = F.one_hot(glyphs.test.labels, 10)
print(f"cost of section 2, mean of the new digits: untrained {cost(trash, truth):.2f}, trained {cost(trained, truth):.2f}")
print(f"likeness (cosine; 1: the same) of each unit to its nearest in the other network: {alike[0]:.2f} to {alike[-1]:.2f}")

# %% [markdown]
# Some hint at a stroke, most look like nothing with a name, and the other network, just as good, has other pictures.
# Units do not have to mean something to us.
#
# ## 8. In words (1 point)
# For one step of the digit reader the oracle of section 4 takes 26,004 forward passes; `backward` gets the *same* 13,002
# slopes for the price of two or three. What does the oracle compute again and again that `backward` computes once? Two or three
# sentences, with section 3 in mind.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_backward" points=1
# The oracle runs the whole network twice for each weight, though a nudge of one weight leaves almost everything as it
# was. Backward keeps the activations of a single forward pass and computes each unit's slope $\delta$ once, from the
# $\delta$ of the layer after it; all weights into that unit, and all layers before it, share that number. So all
# slopes together cost about as much as two or three forward passes, however many weights there are.

# %% [markdown]
# ## Break it
# Somebody else's `backward`. The cost falls, nothing crashes, and it is wrong. Could you tell from the curve? From the
# gaps you can: in which line is the bug?

# %%
def somebody_elses(activations, y, w2):
    x, a1, a2 = activations
    delta2 = 2 / len(x) * (a2 - y) * a2 * (1 - a2)
    delta1 = (delta2 @ w2) * (1 - a1)
    return [delta1.T @ x, delta1.sum(0), delta2.T @ a1, delta2.sum(0)]

their_costs, their_right = train_stall(somebody_elses)
curves = {"your backward": stall_costs, "somebody else's": their_costs}
plotting.show_curves(curves, xlabel="step", ylabel="cost", baseline=shrug, log_x=True)
print(f"named rightly: yours {stall_right:.0%}, theirs {their_right:.0%}")
theirs = somebody_elses(forward(fruits, weights, biases), targets, weights[1])
leaves = [p.clone().requires_grad_() for p in parameters]
cost(forward(fruits, leaves[::2], leaves[1::2])[-1], targets).backward()
for name, their_slope, leaf in zip(("W1", "b1", "W2", "b2"), theirs, leaves):
    print(f"{name}  largest gap to autograd {(their_slope - leaf.grad).abs().max():.0e}")

# %% [markdown]
# <details><summary>The bug</summary>W2 and b2 agree, W1 and b1 do not, so it sits between them: <code>delta1</code>
# lacks the factor <code>a1</code> of the sigmoid's slope. That factor is positive: for each single fruit the wishes keep
# their signs. But every fruit now counts too much or too little, and in the sum over all fruits some wishes turn round. The network
# learns all the same, only worse. A curve that falls proves nothing. The oracle does.</details>
#
# ## Going further (optional)
# - Take `torch.tanh` out of your stage and train again. The figure is the straight line's: a line of a line is a line.
# - Give the unroller a spiral of one and a half turns, `twist(..., 0.5)`. How many stages does it take?
# - Keep the layers of a module in a plain list, `self.layers = [...]`. What does `parameters()` find? (`nn.ModuleList`
#   mends it.)
#
# To read: the films "Backpropagation, intuitively" and "Backpropagation calculus" by 3Blue1Brown; Michael Nielsen,
# *Neural Networks and Deep Learning*, chapters 2 and 4; Christopher Olah, "Neural Networks, Manifolds, and Topology".

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab03_backprop.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("forward", "cost", "chain", "numeric_gradient", "backward", "hinges", "stage")
