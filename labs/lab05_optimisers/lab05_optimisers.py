# %% [markdown]
# # Rates, optimisers, and a good start
#
# Three things decide whether a network trains: how **long** the steps are, by which **route** they go, and where they
# **start**. You will build momentum, AdaGrad, RMSProp and Adam in two to four lines each, and wake up a network that is dead
# on arrival.
#
# When you are done, you can
# 1. choose a learning rate from a sweep, and let it warm up and decay;
# 2. write the four optimisers that train nearly everything, and say when Adam pays and when it does not;
# 3. see a gradient vanish, layer by layer, and start a deep network so that it does not.
#
# About 85 minutes for you, 20 seconds for the processor, no GPU. 8 points: seven exercises and one question in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, pictures, plotting, runtime
runtime.start("lab05_optimisers")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab05_optimisers"

# %% [markdown]
# ## See it first
# The digits again, with one nuisance from real life: about half of the pixels, chosen at random, were measured on a **loud**
# scale (times 5), the others on a **quiet** one (a fifth). A trained network is moved off its best place in two
# directions, and walks back: 60 steps of plain SGD, 60 of Adam.

# %%
import math
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

digits = data.load("digits")  # in the field: data.load("mnist") or data.load("fashion_mnist"), with 784 in place of 64 below
labels, test_labels = digits.train.labels, digits.test.labels
tidy, test_tidy = digits.train.inputs.flatten(1) / 255, digits.test.inputs.flatten(1) / 255
loud = torch.rand(64, generator=torch.Generator().manual_seed(0)) < 0.5
scale = torch.where(loud, 5.0, 0.2)
mixed, test_mixed = tidy * scale, test_tidy * scale

# %%
def new_net():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

def train(net, inputs, optimizer, steps, size=64, rates=None):
    """Steps of `size` examples; rates: the learning rate of each. Returns the losses, in nats, until one is not finite."""
    losses = []
    for step in range(steps):
        if rates is not None:
            optimizer.param_groups[0]["lr"] = rates[step]
        chosen = torch.randint(len(inputs), (size,))
        loss = F.cross_entropy(net(inputs[chosen]), labels[chosen])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
    return losses

# %%
torch.manual_seed(1)
_net = new_net()
train(_net, mixed, torch.optim.Adam(_net.parameters(), lr=0.01), 400)
_w1, _b1, _w2, _b2 = [p.detach() for p in _net.parameters()]
_away = 0.3 * torch.randn(32, 64)
_x, _y, START = mixed[:300], labels[:300], (-0.45, -4.0)

def slice_loss(a, b):
    """The real network's loss after `a` times a random change of its loud weights, `b` times one of its quiet weights."""
    hidden = F.relu(_x @ (_w1 + _away * torch.where(loud, a, b)).T + _b1)
    return F.cross_entropy(hidden @ _w2.T + _b2, _y)

# %%
heights_known = {}

def height(a, b):
    """As slice_loss, without a gradient; each place is computed once, so that a slider need not wait."""
    if (place := (float(a), float(b))) not in heights_known:
        heights_known[place] = slice_loss(a, b).detach()
    return heights_known[place]

def draw_paths(paths):
    pictures.show_surface(height, (-0.7, 0.7), (-6, 6), paths, xlabel="change of the loud weights",
                          ylabel="change of the quiet weights", unit="loss (nats)")

def torch_path(make, steps=60):
    p = torch.tensor(START, requires_grad=True)
    optimizer, path = make([p]), [p.detach().clone()]
    for _ in range(steps):
        slice_loss(*p).backward()
        optimizer.step()
        optimizer.zero_grad()
        path.append(p.detach().clone())
    return torch.stack(path)

# %%
draw_paths({"SGD": torch_path(lambda p: torch.optim.SGD(p, lr=0.3)),
            "Adam": torch_path(lambda p: torch.optim.Adam(p, lr=0.15))})

# %% [markdown]
# The loud direction is steep, the quiet one nearly flat. SGD takes one rate for both: small enough for the steep one, it
# creeps along the other. Adam gives each weight a rate of its own. Before you build it: this map was kind. Here is the
# **loss landscape** of a *deep* network, around a good place, in two random directions.

# %%
def landscape(depth=8, reach=1.5, points=51):
    """The loss (points, points) around a trained deep tanh network; each direction has the sizes of the weights."""
    net = nn.Sequential(*[part for _ in range(depth) for part in (nn.Linear(64, 64), nn.Tanh())], nn.Linear(64, 10))
    weights = [nn.init.normal_(p, std=0.18) for p in net.parameters() if p.dim() == 2]
    train(net, tidy, torch.optim.Adam(net.parameters(), lr=0.002), 200)
    here = [w.detach().clone() for w in weights]
    ways = [[r * w.norm(dim=1, keepdim=True) / r.norm(dim=1, keepdim=True) for w in here for r in [torch.randn_like(w)]]
            for _ in range(2)]
    shifts, heights = torch.linspace(-reach, reach, points), torch.zeros(points, points)
    with torch.no_grad():
        for i, j in np.ndindex(points, points):
            for w, middle, one, other in zip(weights, here, *ways):
                w.copy_(middle + shifts[i] * one + shifts[j] * other)
            heights[i, j] = F.cross_entropy(net(tidy[:100]), labels[:100])
    return np.meshgrid(shifts, shifts, indexing="ij"), heights.numpy()

# %%
torch.manual_seed(4)
ground, heights = landscape()
axis = plt.figure(figsize=(7.4, 4.8)).add_subplot(projection="3d")
axis.plot_surface(*ground, heights, cmap="viridis", rcount=51, ccount=51, linewidth=0.15, edgecolor="#FFFFFF60")
axis.set(xlabel="first direction", ylabel="second direction", zlabel="loss (nats)")
axis.view_init(32, -60)
plotting.show(f"A loss surface: rough country at about {np.median(heights):.1f} nats with a smooth funnel in its middle")

# %% [markdown]
# A funnel in rough country, and that is two directions of 34,000. Nobody sees such a map before training; an optimiser
# feels its way by slopes alone.
#
# ## Small batches, many steps
# The slope over *all* examples costs the most. **Stochastic gradient descent** divides the examples into mini-batches,
# computes the gradient of one, takes it for the true one, steps, and goes on. How wrong is that, and does it matter? (Here each
# batch is drawn at random, with repeats: nearly the same.)

# %%
def gradient(net, chosen):
    loss = F.cross_entropy(net(tidy[chosen]), labels[chosen])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])

# %%
torch.manual_seed(5)
net, sizes, everything = new_net(), [1, 4, 16, 64, 256, 1024], torch.arange(len(tidy))
true = gradient(net, everything)
noise = [np.mean([float((gradient(net, torch.randint(len(tidy), (size,))) - true).norm() / true.norm())
                  for _ in range(20)]) for size in sizes]
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8))
left.loglog(sizes, noise, "o-", label="measured")
left.loglog(sizes, [noise[0] / size**0.5 for size in sizes], "--", color="black", linewidth=1.2, label="1 / root of the size")
left.set(xlabel="examples in the batch", ylabel="error / length of the true gradient")
left.legend()
ends = {}
for size, lr in ((4, 0.03), (64, 0.3), (1437, 1.0)):  # to each size the rate that suits it
    torch.manual_seed(6)
    net = new_net()
    losses = train(net, tidy, torch.optim.SGD(net.parameters(), lr=lr), 12 * 1437 // size, size)
    part = max(1, 360 // size)  # a point of the curve is the mean over 360 examples
    means = torch.tensor(losses[: len(losses) // part * part]).view(-1, part).mean(1)
    ends[size] = float(means[-3:].mean())
    right.plot(torch.arange(1, len(means) + 1) * part * size / 1437, means, label=f"batch {size}, rate {lr}")
right.set(xlabel="times through the data", ylabel="loss (nats)")
right.legend()
plotting.show("Left: the error falls as one over the root of the batch size. Right: small batches learn far more per pass")

# %% [markdown]
# The error falls only with the root of the size: four times the work halves it. So a rough slope now beats a fine one
# later. Larger batches are smoother and bear larger rates (0.03, 0.3, 1), and on a GPU 64 examples cost hardly more than
# four: hence the usual 32 to 512.
#
# ## 1. Momentum (1 point)
# The steep direction flips its sign at every step, the flat one never. So *remember*: keep a running sum of the
# gradients $g$ and step along that. What flips cancels, what agrees adds up, like a heavy ball.
#
# $$v \leftarrow \beta\, v + g \qquad \theta \leftarrow \theta - \eta\, v$$
#
# All rules below have one form: `rule(grad, state)` returns what is to be multiplied with $-\eta$. `state` is a dict that
# is empty at first; what you put there is there at the next call.

# %% solution="momentum"
def momentum(grad, state, beta=0.9):
    """grad: a tensor of any shape; state: a dict, changed here; returns v, a tensor of that shape."""
    ### BEGIN SOLUTION
    state["v"] = beta * state.get("v", 0) + grad
    return state["v"]
    ### END SOLUTION

# %%
def walk(rule, lr, steps=60):
    """From START on the slice by your rule; the places (steps + 1, 2)."""
    p, state, path = torch.tensor(START), {}, [torch.tensor(START)]
    for _ in range(steps):
        leaf = p.clone().requires_grad_()
        p = p - lr * rule(torch.autograd.grad(slice_loss(*leaf), leaf)[0], state)
        path.append(p)
    return torch.stack(path)

print("gradients 1, 1, 1, 1 and 1, -1, 1, -1 give", [[round(float(momentum(torch.tensor(g), memory)), 2) for g in signs]
      for signs, memory in (((1.0, 1.0, 1.0, 1.0), {}), ((1.0, -1.0, 1.0, -1.0), {}))])
path = walk(momentum, 0.15)
print(f"60 steps of SGD end at loss {slice_loss(*walk(lambda g, state: g, 0.3)[-1]):.3f}, of momentum at {slice_loss(*path[-1]):.3f}")

# %% test="check_momentum" points=1
_state, _hint = {}, "Gradients 1, 1, 1: v is 1, then 0.9 + 1, then 0.9 * 1.9 + 1. (0.1, 0.19: a mean; here it is a sum.)"
_found = [momentum(torch.tensor([1.0, -2.0]), _state).clone() for _ in range(3)]
checks.close(_found, torch.tensor([[1.0, -2.0], [1.9, -3.8], [2.71, -5.42]]), _hint)
_state = {}
_found = [momentum(torch.tensor([[g]]), _state, 0.5).clone() for g in (4.0, 0.0, 1.0)]
checks.close(_found, torch.tensor([[[4.0]], [[2.0]], [[2.0]]]), "With beta 0.5 and gradients 4, 0, 1: is beta used?")
_hint = "A new weight has a new, empty state: nothing may be left over."
checks.close(momentum(torch.tensor([3.0, 0.0]), {}), torch.tensor([3.0, 0.0]), _hint)
assert checks.passed("momentum")

# %% [markdown]
# <details><summary>Hint 1</summary><code>state.get("v", 0)</code> is the old v, and 0 the first time.</details>
# <details><summary>The idea of the solution</summary>Put <code>beta * old + grad</code> into <code>state["v"]</code> and
# return it.</details>
#
# ## 2. AdaGrad (1 point)
# An **adaptive** rate, one for each weight: divide by the size of its gradients so far. Steep directions get short steps,
# flat and rare ones long steps (all operations element by element; $\epsilon = 10^{-8}$ keeps $0/0$ away):
#
# $$s \leftarrow s + g^2 \qquad \theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{s} + \epsilon}$$

# %% solution="adagrad"
def adagrad(grad, state, eps=1e-8):
    """grad: a tensor; state: a dict, changed here; returns a tensor of the same shape."""
    ### BEGIN SOLUTION
    state["s"] = state.get("s", 0) + grad**2
    return grad / (state["s"].sqrt() + eps)
    ### END SOLUTION

# %%
memory = {}
print("the same gradient 7 times:", [round(float(adagrad(torch.tensor(3.0), memory)), 2) for _ in range(7)])
print("a loud and a quiet weight:", [round(step, 3) for step in adagrad(torch.tensor([500.0, 0.02]), {}).tolist()])

# %% test="check_adagrad" points=1
_state, _hint = {}, "The first step is g / |g|, so 1 and -1. (0.33: divided by s, not by its root.)"
checks.close(adagrad(torch.tensor([3.0, -0.01]), _state), torch.tensor([1.0, -1.0]), _hint)
_hint = "After 3 comes 4: s is 9 + 16, the step 4 / 5. (1: the past is forgotten, 0.57: no squares.)"
checks.close(adagrad(torch.tensor([4.0, 0.0]), _state), torch.tensor([0.8, 0.0]), _hint)
checks.close(adagrad(torch.tensor([0.0, 2.0]), {}), torch.tensor([0.0, 1.0]), "A gradient of 0 gives a step of 0, not nan: eps.")
_hint = "A gradient as small as eps: half a step. (0.0001: eps stands inside the root.)"
checks.close(adagrad(torch.tensor([1e-8]), {}), torch.tensor([0.5]), _hint, 1e-3)
assert checks.passed("adagrad")

# %% [markdown]
# <details><summary>Hint</summary>As momentum, but what is remembered is a sum of squares, without beta; then divide
# <code>grad</code> by <code>state["s"].sqrt() + eps</code>.</details>
#
# Do you see the flaw? $s$ only grows, so the steps only shrink: 1, 0.71, 0.58 ... A long training starves.
#
# ## 3. RMSProp (1 point)
# The cure: forget. A running *mean* of the squares looks at a window of about $1/(1-\beta)$ steps:
#
# $$s \leftarrow \beta\, s + (1-\beta)\, g^2 \qquad \theta \leftarrow \theta - \eta\, \frac{g}{\sqrt{s} + \epsilon}$$

# %% solution="rmsprop"
def rmsprop(grad, state, beta=0.9, eps=1e-8):
    """grad: a tensor; state: a dict, changed here; returns a tensor of the same shape."""
    ### BEGIN SOLUTION
    state["s"] = beta * state.get("s", 0) + (1 - beta) * grad**2
    return grad / (state["s"].sqrt() + eps)
    ### END SOLUTION

# %%
memory = {}
print("the same gradient 7 times:", [round(float(rmsprop(torch.tensor(3.0), memory)), 2) for _ in range(7)])

# %% test="check_rmsprop" points=1
_state, _hint = {}, "First s is 0.1 * 9, so the step is 3 / 0.949 = 3.162. (1: no factor 1 - beta.)"
checks.close(rmsprop(torch.tensor([3.0]), _state), torch.tensor([10**0.5]), _hint)
_hint = "Then s is 0.9 * 0.9 + 0.1 * 16 = 2.41, and the step 4 / 1.552. (2.53: nothing is forgotten.)"
checks.close(rmsprop(torch.tensor([4.0]), _state), torch.tensor([4 / 2.41**0.5]), _hint)
_leaf, _state, _ours = nn.Parameter(torch.tensor([1.0, -2.0])), {}, torch.tensor([1.0, -2.0])
_optimizer = torch.optim.RMSprop([_leaf], lr=0.1, alpha=0.75)
for _grad in (torch.tensor([1.0, 0.1]), torch.tensor([-2.0, 0.0]), torch.tensor([0.5, 3.0])):
    _leaf.grad, _ours = _grad.clone(), _ours - 0.1 * rmsprop(_grad, _state, 0.75)
    _optimizer.step()
checks.close(_ours, _leaf.detach(), "Three steps with beta 0.75, against torch.optim.RMSprop.", 1e-4)
checks.close(rmsprop(torch.zeros(2), {}), torch.zeros(2), "A gradient of 0 gives a step of 0, not nan: eps.")
_hint = "A gradient as small as eps: 1 / (1 + root of 0.1) = 0.76. (0.0001: eps stands inside the root.)"
checks.close(rmsprop(torch.tensor([1e-8]), {}), torch.tensor([1 / (1 + 0.1**0.5)]), _hint, 1e-3)
assert checks.passed("rmsprop")

# %% [markdown]
# <details><summary>Hint</summary>One line of AdaGrad changes: old times beta, new times <code>1 - beta</code>.</details>
#
# Look at the seven numbers: the first step is three times too long, the seventh still 1.4 times. $s$ begins at 0 and takes a while to become a mean.
#
# ## 4. Adam (1 point)
# Adam is momentum over RMSProp, with the slow start of both means put right: at call $t = 1, 2, \dots$ divide by the share
# of the window that is already filled.
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\, g \qquad s \leftarrow \beta_2 s + (1-\beta_2)\, g^2 \qquad
# \hat m = \frac{m}{1-\beta_1^t} \quad \hat s = \frac{s}{1-\beta_2^t} \qquad
# \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat s} + \epsilon}$$

# %% solution="adam"
def adam(grad, state, beta1=0.9, beta2=0.999, eps=1e-8):
    """grad: a tensor; state: a dict, changed here; returns a tensor of the same shape."""
    ### BEGIN SOLUTION
    t = state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["s"] = beta2 * state.get("s", 0) + (1 - beta2) * grad**2
    return state["m"] / (1 - beta1**t) / ((state["s"] / (1 - beta2**t)).sqrt() + eps)
    ### END SOLUTION

# %% [markdown]
# All five from the same place. Which one turns into the valley at once, which overshoots, which creeps?

# %%
memory = {}
print("the same gradient 7 times:", [round(float(adam(torch.tensor(3.0), memory)), 2) for _ in range(7)])
rules = {"SGD": (lambda grad, state: grad, 0.3), "Adam": (adam, 0.15), "momentum": (momentum, 0.15), "AdaGrad": (adagrad, 0.5),
         "RMSProp": (rmsprop, 0.1)}
paths = {name: walk(rule, lr) for name, (rule, lr) in rules.items()}
draw_paths(paths)
slice_ends = {name: slice_loss(*path[-1]).item() for name, path in paths.items()}
print("loss after 60 steps:", ", ".join(f"{name} {loss:.3f}" for name, loss in slice_ends.items()))
theirs = torch_path(lambda p: torch.optim.Adam(p, lr=0.15))
print(f"your Adam against torch.optim.Adam: largest difference {(paths['Adam'] - theirs).abs().max():.0e}")

# %% test="check_adam" points=1
_state, _hint = {}, "The first step is g / |g|: 1 and -1. (0.1 or 3.16: a correction by 1 - beta^t is missing; t starts at 1.)"
checks.close(adam(torch.tensor([3.0, -0.01]), _state), torch.tensor([1.0, -1.0]), _hint, 1e-4)
_leaf, _state, _ours = nn.Parameter(torch.tensor([1.0, -2.0])), {}, torch.tensor([1.0, -2.0])
_optimizer = torch.optim.Adam([_leaf], lr=0.1, betas=(0.8, 0.95))
for _grad in (torch.tensor([1.0, 0.1]), torch.tensor([-2.0, 0.0]), torch.tensor([0.5, 3.0]), torch.tensor([4.0, -1.0])):
    _leaf.grad, _ours = _grad.clone(), _ours - 0.1 * adam(_grad, _state, 0.8, 0.95)
    _optimizer.step()
checks.close(_ours, _leaf.detach(), "Four steps with betas 0.8 and 0.95, against torch.optim.Adam.", 1e-4)
checks.close(adam(torch.zeros(2), {}), torch.zeros(2), "A gradient of 0 gives a step of 0, not nan: eps.")
_hint = "A gradient as small as eps: half a step. (0.0001: eps stands inside the root.)"
checks.close(adam(torch.tensor([1e-8]), {}), torch.tensor([0.5]), _hint, 1e-3)
assert checks.passed("adam")

# %% [markdown]
# <details><summary>Hint 1</summary>Count the calls in <code>state["t"]</code>; keep <code>m</code> and <code>s</code>
# uncorrected in the state.</details>
# <details><summary>Hint 2</summary>The corrected values are made anew at each call, for the quotient only.</details>
# <details><summary>The idea of the solution</summary>Four lines: t, m, s, and the quotient of <code>m / (1 - beta1**t)</code>
# and <code>(s / (1 - beta2**t)).sqrt() + eps</code>.</details>
#
# SGD creeps. Momentum, a heavy ball, swings past before its flips cancel; AdaGrad and RMSProp turn into the valley at once; Adam
# swings past in wide turns, too, and then follows it.
#
# ## Turn the knob: the learning rate
# The slider sets the exponent: -1 is a rate of 0.1. Where does SGD creep, where does it fly out of the valley?

# %%
def turn(exponent):
    path = walk(lambda grad, state: grad, 10**exponent, steps=30)
    draw_paths({f"SGD, rate {10**exponent:.3f}": path[: 1 + int((path.abs() < 50).all(1).cumprod(0).sum())]})

plotting.slider(turn, exponent=(-2.0, 0.0, -1.0))

# %% [markdown]
# A **sweep** shows the whole truth: train briefly with each rate, plot what comes out. Too small learns nothing; too large kills
# the network (back to the loss of guessing) or explodes; between lies a U. **Predict**: by what factor is SGD's best rate
# smaller when half of the pixels are loud (five times as large)?

# %%
guess = None
checks.predict("factor", guess, "SGD's best rate on tidy pixels is how many times that on mixed ones?")

# %%
class Driver:
    """Your rule, driving a real network: what torch.optim's classes are, in ten lines."""

    def __init__(self, parameters, rule, lr):
        self.parameters, self.rule = list(parameters), rule
        self.states, self.param_groups = [{} for _ in self.parameters], [{"lr": lr}]

    @torch.no_grad()
    def step(self):
        for p, state in zip(self.parameters, self.states):
            p -= self.param_groups[0]["lr"] * self.rule(p.grad, state)

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

# %%
kinds, plain = {"tidy": (tidy, test_tidy), "mixed": (mixed, test_mixed)}, lambda grad, state: grad
drivers = {"SGD": plain, "momentum": momentum, "Adam": adam}
best = {f"{name}, {kind}": 0.1 for name in drivers for kind in kinds}  # until the sweep has found better ones
rates = {"SGD": (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10), "momentum": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
         "Adam": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)}

def after(name, lr, inputs, steps=150, starts=2):
    """The mean loss on all training examples after so many steps."""
    found = []
    for start in range(starts):
        torch.manual_seed(10 + start)
        net = new_net()
        train(net, inputs, Driver(net.parameters(), drivers[name], lr), steps)
        with torch.no_grad():
            found.append(F.cross_entropy(net(inputs), labels).item())
    return float(np.mean(found))

sweeps = {f"{name}, {kind}": {lr: after(name, lr, inputs) for lr in rates[name]}
          for name in drivers for kind, (inputs, _) in kinds.items()}
sweeps = {name: {lr: loss if loss < 3 else math.inf for lr, loss in sweep.items()} for name, sweep in sweeps.items()}
best = {name: min(sweep, key=sweep.get) for name, sweep in sweeps.items()}
chosen = ("SGD, tidy", "SGD, mixed", "Adam, tidy", "Adam, mixed")
pictures.show_rates({name: sweeps[name] for name in chosen}, ylabel="loss after 150 steps (nats)", baseline=("guessing", math.log(10)))
checks.outcome("factor", best["SGD, tidy"] / best["SGD, mixed"])

# %% [markdown]
# Why not 5? Steepness grows with the *square* of a pixel's scale: 25 times for the loud half, so about 13 times on average, and
# the rates of the sweep can only say 3, 10 or 33.
#
# Now a fair race, by your own rules: each optimiser with *its own* best rate. How many steps until it reads 93 % of the test digits?
# Five starts each.

# %%
def steps_to(name, lr, kind, start, most=1000):
    torch.manual_seed(20 + start)
    net, (inputs, test) = new_net(), kinds[kind]
    optimizer = Driver(net.parameters(), drivers[name], lr)
    for step in range(10, most + 1, 10):
        train(net, inputs, optimizer, 10)
        with torch.no_grad():
            if (net(test).argmax(1) == test_labels).float().mean() >= 0.93:
                return step
    return most

race = {key: [steps_to(*key.split(", ")[:1], best[key], key.split(", ")[1], start) for start in range(5)] for key in sorted(best)}
for key, steps in sorted(race.items(), key=lambda one: np.mean(one[1])):
    print(f"{key:<16} rate {best[key]:<6g} {np.mean(steps):5.0f} steps ({min(steps)} to {max(steps)}) {'#' * int(np.mean(steps) / 15)}")
ratio = {kind: np.mean(race[f"Adam, {kind}"]) / np.mean(race[f"SGD, {kind}"]) for kind in kinds}
print(f"Adam needs {ratio['tidy']:.2f} times the steps of SGD on tidy pixels, {ratio['mixed']:.2f} times on mixed ones")

# %% [markdown]
# Where scales differ, Adam needs less than half of SGD's steps. On tidy pixels its lead is much smaller, and momentum has it, too:
# who says that Adam is always faster compared it with a badly tuned rate. What Adam does spare you is the tuning: its
# best rate hardly moved. It is large here, for a tiny network and 150 steps; with larger networks and longer training begin
# with 0.001, and go down to 0.00005 where a trained network is only fine-tuned.
#
# ## 5. A schedule (1 point)
# No rate is right for ever. **Warm up** while the gradients are still wild, then go far, then **decay** to settle in. The
# schedule in fashion, with $W$ warm-up steps of $T$ in all, for step $t = 0, \dots, T-1$:
#
# $$\eta_t = \eta\, \frac{t+1}{W} \ \text{ for } t < W, \qquad
# \eta_t = \frac{\eta}{2}\Big(1 + \cos\big(\pi\, \tfrac{t - W}{T - W}\big)\Big) \ \text{ from } W \text{ on}$$

# %% solution="schedule"
def schedule(step, steps, warmup, lr):
    """step 0 to steps - 1, warmup steps, the highest rate lr; returns the rate of this step, a number."""
    ### BEGIN SOLUTION
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
    ### END SOLUTION

# %%
plans = {"constant": [0.6] * 400, "a tenth, twice": [0.6] * 200 + [0.06] * 100 + [0.006] * 100,
         "warm-up and cosine": [schedule(t, 400, 40, 0.6) for t in range(400)]}
decayed = {}
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.8))
for name, plan in plans.items():
    decayed[name] = []
    for start in range(3):
        torch.manual_seed(30 + start)
        net = new_net()
        optimizer, losses = torch.optim.SGD(net.parameters(), lr=0.6), []
        for step in range(0, 400, 10):
            train(net, tidy, optimizer, 10, size=8, rates=plan[step : step + 10])
            with torch.no_grad():
                losses.append(F.cross_entropy(net(tidy), labels).item())
        decayed[name].append(losses[-1])
    left.plot(plan, label=name)
    right.plot(range(10, 401, 10), losses)
left.set(xlabel="step", ylabel="learning rate")
right.set(xlabel="step", ylabel="loss on all examples (nats)", yscale="log")
left.figure.legend(loc="outside upper left", ncols=3)
plotting.show("Left: three learning rates over 400 steps, yours the third. Right: the loss on all examples under each: "
              + ", ".join(f"{name} ends at {ends_at[-1]:.2f}" for name, ends_at in decayed.items()))
for name, ends_at in decayed.items():
    print(f"{name:<19} loss on all examples {min(ends_at):.3f} to {max(ends_at):.3f} (3 starts)")

# %% test="check_schedule" points=1
_found = [schedule(t, 12, 4, 2.0) for t in range(12)]
_hint = "4 warm-up steps to 2.0: 0.5, 1, 1.5, 2. (0, 0.5, 1, 1.5: t in place of t + 1.)"
checks.close(_found[:4], [0.5, 1.0, 1.5, 2.0], _hint)
_hint = "Step 4 is at the top, step 8 halfway down. (1.5 or 0.5: the warm-up was not taken off the steps.)"
checks.close([_found[4], _found[8]], [2.0, 1.0], _hint)
checks.close(_found[11], 1 + math.cos(7 * math.pi / 8), "The last step is close to 0, not at it.")
checks.close([schedule(t, 3, 0, 1.0) for t in range(3)], [1.0, 0.75, 0.25], "Without a warm-up: only the cosine.")
assert checks.passed("schedule")

# %% [markdown]
# <details><summary>Hint</summary>Two cases with <code>if step &lt; warmup</code>; <code>math.cos</code> and
# <code>math.pi</code> are there.</details>
#
# ## 6. Slopes of activations (1 point)
# So much for the route; now the start. Backward multiplies, at each layer, with the slope of its activation. The three
# that you will meet (softmax is for the output only):
#
# | | squashes to | slope | |
# |---|---|---|---|
# | sigmoid $\sigma(z)$ | 0 to 1 | $\sigma(z)\,(1 - \sigma(z))$ | reads as a probability |
# | tanh | -1 to 1 | $1 - \tanh^2(z)$ | centred on 0 |
# | ReLU $\max(0, z)$ | 0 and up | 1 where $z > 0$, else 0 | cheap; never flattens on the right |

# %% solution="activation_slope"
def activation_slope(name, z):
    """name: "sigmoid", "tanh" or "relu"; z: a tensor; returns the slope at each z, a tensor of numbers."""
    ### BEGIN SOLUTION
    if name == "sigmoid":
        return torch.sigmoid(z) * (1 - torch.sigmoid(z))
    return 1 - torch.tanh(z) ** 2 if name == "tanh" else (z > 0).to(z.dtype)
    ### END SOLUTION

# %%
z, activations = torch.linspace(-6, 6, 241), {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
steepest = {name: [float(v) for v in activation_slope(name, z)] for name in activations}
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6))
for name, function in activations.items():
    left.plot(z, function(z), label=name)
    right.plot(z, steepest[name])
left.set(xlabel="z", ylabel="activation", ylim=(-1.2, 3))
right.set(xlabel="z", ylabel="slope")
left.figure.legend(loc="outside upper left", ncols=3)
plotting.show("Sigmoid, tanh and ReLU, and your slopes: " + ", ".join(f"{n} up to {max(s):.2f}" for n, s in steepest.items()))
print(f"ten sigmoids in a row multiply by at most {max(steepest['sigmoid'])} to the tenth: {max(steepest['sigmoid']) ** 10:.0e}")

# %% test="check_activation_slope" points=1
_z = torch.tensor([-2.0, -0.5, 0.3, 4.0])
for _name, _function in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("relu", torch.relu)):
    _leaf = _z.clone().requires_grad_()
    _wanted = torch.autograd.grad(_function(_leaf).sum(), _leaf)[0]
    checks.close(activation_slope(_name, _z), _wanted, f"{_name}, against autograd at -2, -0.5, 0.3 and 4.", 1e-4)
checks.close(activation_slope("sigmoid", torch.zeros(2, 1)), torch.full((2, 1), 0.25), "At 0 the sigmoid has the slope 1/4.")
assert checks.passed("activation_slope")

# %% [markdown]
# <details><summary>Hint</summary>The table has the formulas; for ReLU, <code>(z > 0)</code> gives True and False, and
# <code>.to(z.dtype)</code> makes numbers of them.</details>
#
# ## 7. Where to start (1 point)
# A unit adds up $n_{\text{in}}$ products: with inputs of size about 1 its spread is $\sqrt{n_{\text{in}}}$ times that of a weight.
# Layer after layer that multiplies: signals die or explode. Draw each weight from a normal distribution with mean 0 and a standard deviation
# that keeps the spread:
#
# $$\text{Glorot (tanh, sigmoid): } \sqrt{\frac{2}{n_{\text{in}} + n_{\text{out}}}} \qquad
# \text{He (ReLU, which cuts half away): } \sqrt{\frac{2}{n_{\text{in}}}}$$

# %% solution="initial"
def initial(n_out, n_in, kind):
    """kind: "glorot" or "he"; returns random weights (n_out, n_in), as nn.Linear keeps them."""
    ### BEGIN SOLUTION
    variance = 2 / (n_in + n_out) if kind == "glorot" else 2 / n_in
    return torch.randn(n_out, n_in) * variance**0.5
    ### END SOLUTION

# %%
def deep_net(activation, weight, depth=10):
    """Ten hidden layers of 64 units; weight(n_out, n_in) makes the weights of each, biases are 0."""
    layers = [part for _ in range(depth) for part in (nn.Linear(64, 64), activation())]
    for layer in layers[::2]:
        layer.weight.data = weight(64, 64)
        layer.bias.data.zero_()
    return nn.Sequential(*layers, nn.Linear(64, 10))

starts = {"deviation 0.01": lambda n_out, n_in: 0.01 * torch.randn(n_out, n_in), "He": lambda n_out, n_in: initial(n_out, n_in, "he"),
          "Glorot": lambda n_out, n_in: initial(n_out, n_in, "glorot"), "deviation 1": torch.randn}
standard, test_standard = [(x - tidy.mean()) / tidy.std() for x in (tidy, test_tidy)]

torch.manual_seed(40)
spreads = {}
for name, weight in starts.items():
    signal, spreads[f"{name}, ReLU"] = standard, []
    for layer in deep_net(nn.ReLU, weight)[:-1]:
        signal = layer(signal)
        if isinstance(layer, nn.ReLU):
            spreads[f"{name}, ReLU"].append(float(signal.detach().std()))
plotting.show_curves(spreads, xlabel="hidden layer", ylabel="spread of the activations", log=True)

# %% test="check_initial" points=1
torch.manual_seed(41)
for _kind, _out, _in, _std in (("he", 100, 400, (2 / 400) ** 0.5), ("glorot", 100, 400, (2 / 500) ** 0.5), ("he", 300, 50, 0.2)):
    _w = initial(_out, _in, _kind)
    checks.shape(_w, (_out, _in), "as nn.Linear: (out, in)")
    _hint = f"{_kind} for {_in} inputs and {_out} outputs: a standard deviation of {_std:.4f}. The root? n_in or n_out?"
    checks.close(float(_w.std()), _std, _hint, 0.04)
    checks.close(float(_w.mean()), 0.0, "The mean should be 0.", 0, 0.1 * _std)
    checks.close(float((_w.abs() < _std).float().mean()), 0.683, "Normally distributed, 68 % lie within one deviation.", 0, 0.02)
assert float((initial(9, 9, "he") - initial(9, 9, "he")).abs().max()) > 0, "two layers should not get the same weights"
assert checks.passed("initial")

# %% [markdown]
# <details><summary>Hint</summary><code>torch.randn(n_out, n_in)</code> has deviation 1: multiply it with the one you
# want.</details>
#
# He keeps the spread. With Glorot a ReLU loses a factor of about 1.4 a layer: his formula does not know that half is cut away.
#
# ## The vanishing gradient
# One backward pass through ten hidden layers and the output (number 11), before any training. Each ridge shows how the gradients of one layer's weights are
# spread, in powers of ten; the first layer stands at the bottom.

# %%
def ridges(axis, title, net):
    """Histograms of log10 |gradient| of the weights of each layer; returns the typical size in the first and the last."""
    F.cross_entropy(net(standard), labels).backward()
    sizes, edges = [], np.linspace(-12, 0, 97)
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    for i, layer in enumerate(layers):
        size = layer.weight.grad.abs()
        logs = size[size > 0].log10().numpy()
        heights = np.histogram(logs, edges)[0]
        shade = plt.get_cmap("viridis")(i / len(layers))
        x, top = (edges[1:] + edges[:-1]) / 2, i + 2.2 * heights / max(heights.max(), 1)
        axis.fill_between(x, i, top, color=shade, alpha=0.85, zorder=20 - i, linewidth=0)
        axis.plot(x, top, "-", color="white", linewidth=1, zorder=20 - i)
        sizes.append(float(np.median(logs)))
    axis.set(title=title, xlabel="log10 |gradient|", yticks=range(0, len(layers), 2), yticklabels=range(1, len(layers) + 1, 2))
    return 10 ** sizes[0], 10 ** sizes[-1]

# %%
torch.manual_seed(42)
recipes = {"sigmoid, Glorot": (nn.Sigmoid, starts["Glorot"]), "tanh, Glorot": (nn.Tanh, starts["Glorot"]), "ReLU, He": (nn.ReLU, starts["He"])}
nets = {name: deep_net(*recipe) for name, recipe in recipes.items()}
_, axes = plt.subplots(1, 3, figsize=(9.6, 4.4), sharey=True)
typical = {name: ridges(axis, name, net) for axis, (name, net) in zip(axes, nets.items())}
axes[0].set_ylabel("layer")
fall = ", ".join(f"{name} by a factor of {(last / first) ** 0.1:.1f}" for name, (first, last) in typical.items())
plotting.show(f"Ridges of gradient sizes by layer; each layer nearer to the input is smaller, {fall}")
for name, (first, last) in typical.items():
    print(f"{name:<16} typical gradient in the first layer {first:.0e}, in the last {last:.0e}")

# %% [markdown]
# ## Train and watch
# Ten layers, 500 steps of SGD, and nothing differs but activation and start.

# %%
recipes |= {f"ReLU, {name}": (nn.ReLU, starts[name]) for name in ("deviation 0.01", "deviation 1")}
deep_losses, first_loss, deep_right, deep_nets = {}, {}, {}, {}
for name, recipe in recipes.items():
    torch.manual_seed(43)
    deep_nets[name] = net = deep_net(*recipe)
    losses = train(net, standard, torch.optim.SGD(net.parameters(), lr=0.05), 500)
    with torch.no_grad():
        deep_right[name] = float((net(test_standard).argmax(1) == test_labels).float().mean())
    first_loss[name], deep_losses[name] = losses[0], np.array(losses[: len(losses) // 10 * 10]).reshape(-1, 10).mean(1)
curves = {name: losses for name, losses in deep_losses.items() if name != "ReLU, deviation 1"}
plotting.show_curves(curves, xlabel="step / 10", ylabel="loss (nats)", baseline=("guessing", math.log(10)))
for name, right in deep_right.items():
    print(f"{name:<20} {right:.3f} of the test digits; first loss {first_loss[name]:.3g}")

# %% [markdown]
# Two flat lines lie on the dashed one: dead on arrival, no error message, the loss of guessing. The one with weights of deviation
# 1 is not in the picture: look at its first loss. (Sigmoids still have their place, at an output that is a probability.)
#
# ## Look at the errors
# The nine digits that the deep ReLU network gets most wrong, with what it says and how sure it is. Which would you have read?

# %%
net = deep_nets.get("ReLU, He") or deep_net(*recipes["ReLU, He"])
with torch.no_grad():
    pictures.show_errors(digits.test.inputs, test_labels, net(test_standard), count=9)

# %% [markdown]
# ## 8. In words (1 point)
# Why do the sigmoid network's *first* layers not learn, although its last layer has healthy gradients? And why does a
# larger learning rate not save it? Two to four sentences, with numbers from above.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_vanishes" points=1
# On the way back the gradient is multiplied, at each layer, with the sigmoid's slope, which is at most 1/4 (and with the
# weights, which are small). Ten layers leave a millionth or less: 2e-9 in the first layer where the last has 9e-3. A rate
# large enough for the first layer would be a million times too large for the last, which would explode. (A rate of its
# own for each weight, as in Adam, helps somewhat; ReLU with He's start removes the cause.)

# %% [markdown]
# ## Break it
# A colleague's ten layers of ReLU, "with He initialisation, as in the paper". The loss does not move. Look at the
# spreads, and find the one thing that is missing.

# %%
def colleagues_he(n_out, n_in):
    return torch.randn(n_out, n_in) * (2 / n_in)

torch.manual_seed(44)
net, signal, spread = deep_net(nn.ReLU, colleagues_he), standard, []
for layer in net[:-1]:
    signal = layer(signal)
    spread.append(f"{signal.detach().std():.0e}")
losses = train(net, standard, torch.optim.SGD(net.parameters(), lr=0.05), 100)
print(f"loss at step 1: {losses[0]:.4f}, at step 100: {losses[-1]:.4f}; guessing: {math.log(10):.4f}")
print("spread after each ReLU:", ", ".join(spread[1::2]))

# %% [markdown]
# <details><summary>The bug</summary>The root: a <i>variance</i> of 2 / n_in is a standard deviation of
# <code>(2 / n_in) ** 0.5</code>. So each layer shrinks the signal about six times, and after ten of them the input no
# longer matters. Print the spread of every layer before you train: it takes a second and finds this bug at once.</details>
#
# ## Going further (optional)
# - Train the sigmoid network with `torch.optim.Adam`. Why does a rate for each weight help here?
# - Take `mixed` pixels and standardise each (subtract its mean, divide by its spread plus 1e-6, since
#   three pixels never change). What is left of Adam's lead?
# - Batch norm, lab 6, keeps the spread by force. Put `nn.BatchNorm1d(64)` before each sigmoid.
#
# To read: Kingma and Ba 2015, *Adam*; He et al. 2015, *Delving deep into rectifiers*; Li et al. 2018, *Visualizing the
# loss landscape of neural nets*; Goh 2017, "Why momentum really works" (distill.pub).

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab05_optimisers.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("momentum", "adagrad", "rmsprop", "adam", "schedule", "activation_slope", "initial")
