# %% [markdown]
# # Homework 2: the machinery of training
# One narrow valley, four optimisers, and a network that trains with nothing but your own Adam, weight decay, batch norm,
# dropout and schedule. In the end torch's versions run beside yours, and the two curves are one.
#
# **You will be able to**
# - write Adam with its bias correction, and say what L2 and decoupled decay do to it;
# - write batch norm and dropout, each with its two faces: one for training, one for use;
# - plan a learning rate: warm up, then cool down along a cosine.
#
# **Time**: about two and a half hours of yours, ten seconds of one processor core. No GPU.
#
# | Question | 1 Adam | 2 Decay | 3 Batch norm | 4 Dropout | 5 Schedule | 6 In words | All |
# |---|---|---|---|---|---|---|---|
# | Points | 2 | 1 | 3 | 1 | 1 | 2 | **10** |

# %% [markdown]
# ## The rules, short
# **Write** where a cell says `raise NotImplementedError(...)`, and in the answer cell of question 6. Ten lines are enough
# for each. Add cells wherever you like; leave the test cells as they are.
#
# **Use** arithmetic, `sqrt`, `mean`, `var`, `torch.rand`, `math` and their kin. **Not** `torch.optim`, `torch.nn`,
# `F.batch_norm`, `F.dropout`: that is what you build today. (The tests use them, to check you.)
#
# **Return new tensors**: no function may change a tensor that it is given.
#
# **Graded** are the tests that you see and others that you don't: other numbers, other sizes, the cases that break
# careless code. Each question is tested by itself, so a slip in question 1 costs nothing in question 5.
#
# **Hand in**: restart the kernel, run all cells, save, and upload the notebook as `First_Last_hw2_training.ipynb`.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, pictures, plotting, runtime
runtime.start("hw2_training")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "hw2_training"

# %%
import math
import torch
import torch.nn.functional as F  # for checking, never for your answers
from torch import nn             # likewise

# %% [markdown]
# ## Three ways to improve a step
# Here $\theta$ is a tensor of parameters, $g$ its gradient now, $\eta$ the learning rate; every operation works on each
# number by itself. All three keep something from step to step.
#
# - **Momentum** keeps a running sum of gradients and moves along it: what points the same way adds up.
# - **AdaGrad** adds up the *squares*, number by number, and divides by the root: each parameter gets a rate of its own,
#   which only ever shrinks.
# - **RMSProp** lets old squares fade, so that the rate can grow again.

# %%
def momentum(theta, g, v, rate, beta=0.9):
    v = beta * v + g
    return theta - rate * v, v

def adagrad(theta, g, s, rate):
    s = s + g**2
    return theta - rate * g / (s.sqrt() + 1e-8), s

def rmsprop(theta, g, s, rate, beta=0.9):
    s = beta * s + (1 - beta) * g**2
    return theta - rate * g / (s.sqrt() + 1e-8), s

# %% [markdown]
# ## 1. Adam (2 points)
# Adam (Kingma and Ba 2015) takes the direction of momentum and the scale of RMSProp. At step $t = 1, 2, \dots$
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# Both start at 0, so for the first steps both are far too small: after one step $m$ is only a tenth of $g$, and $v$ a
# thousandth of $g^2$. The **bias correction** divides by the weight that has really been given out so far, and the step
# uses the corrected ones:
#
# $$\hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad
# \theta \leftarrow \theta - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon}$$
#
# What you hand on to the next step are $m$ and $v$ without the correction.

# %% solution="adam"
def adam(theta, g, m, v, t, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """theta, g, m, v tensors of one shape, t = 1 in the first step; returns new theta, new m, new v."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - rate * m_hat / (v_hat.sqrt() + eps), m, v
    ### END SOLUTION

# %% [markdown]
# Try it: a valley 20 times as steep across as along. Each optimiser has a rate that suits it. Who cuts the corner, who
# overshoots, who runs out of breath?

# %%
STEEP = torch.tensor([1.0, 20.0])

def walk(step, memories, rate, steps=60):
    theta, path = torch.tensor([-4.0, 1.5]), []
    memory = [torch.zeros(2) for _ in range(memories)]
    for t in range(1, steps + 1):
        path.append(theta)
        count = (t,) if memories == 2 else ()
        theta, *memory = step(theta, STEEP * theta, *memory, *count, rate)
    return torch.stack(path)

paths = {"momentum": walk(momentum, 1, 0.01), "AdaGrad": walk(adagrad, 1, 0.3), "RMSProp": walk(rmsprop, 1, 0.1)}
paths["Adam, yours"] = walk(adam, 2, 0.2)
pictures.show_surface(lambda a, b: (a**2 + 20 * b**2) / 2, (-5, 3), (-2, 2), paths, xlabel="along", ylabel="across")

# %% test="adam_visible" points=1
zero = torch.zeros(2)
found = adam(torch.tensor([1.0, 1.0]), torch.tensor([4.0, -0.01]), zero, zero, 1, 0.1)
assert len(found) == 3, f"three tensors should come: theta, m, v; yours are {len(found)}"
assert checks.close(found[1], torch.tensor([0.4, -0.001]), "m: a tenth of the gradient, not corrected")
assert checks.close(found[2], torch.tensor([0.016, 1e-7]), "v: a thousandth of the gradient's square", 1e-4, 1e-12)
hint = "corrected, m is g and v is g squared: the first step is as long as the rate, however long the gradient"
assert checks.close(found[0], torch.tensor([0.9, 1.1]), hint, 1e-4)

# %% test="adam_hidden" points=1
# Tested when your work is graded: many steps beside torch's Adam, other betas and eps, several shapes.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(1)
for _size, _rate, _betas, _eps in (((5,), 0.1, (0.9, 0.999), 1e-8), ((3, 4), 0.01, (0.8, 0.95), 1e-2), ((1,), 1.0, (0.5, 0.6), 1.0)):
    _theta = torch.randn(_size, generator=_draw, dtype=torch.float64)
    _twin = _theta.clone().requires_grad_()
    _torch, _m, _v = torch.optim.Adam([_twin], lr=_rate, betas=_betas, eps=_eps), torch.zeros_like(_theta), torch.zeros_like(_theta)
    for _t in range(1, 13):
        _g = torch.randn(_size, generator=_draw, dtype=torch.float64) * 10 ** (_t % 3 - 1)
        _given = [x.clone() for x in (_theta, _g, _m, _v)]
        _twin.grad = _g.clone()
        _torch.step()
        _found = adam(*_given, _t, _rate, *_betas, _eps)
        checks.close(_found[0], _twin.detach(), f"step {_t} beside torch.optim.Adam, betas {_betas}, eps {_eps}")
        assert all(torch.equal(a, b) for a, b in zip(_given, (_theta, _g, _m, _v))), "it changes a tensor that it is given"
        _theta, _m, _v = _twin.detach().clone(), _betas[0] * _m + (1 - _betas[0]) * _g, _betas[1] * _v + (1 - _betas[1]) * _g**2
        checks.close(_found[1], _m, f"the m that is handed on after step {_t}")
        assert checks.close(_found[2], _v, f"the v that is handed on after step {_t}")
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Two kinds of decay (1 point)
# Large weights make a network twitchy, so one pulls them towards 0, with a strength $\lambda$. There are two ways, and
# both happen *before* the optimiser's step:
#
# - **L2 penalty**: add $\tfrac{\lambda}{2}\sum\theta^2$ to the loss. Its gradient is $\lambda\theta$, so
#   $g \leftarrow g + \lambda\theta$; the optimiser then does with it what it does with any gradient.
# - **Decoupled decay** (AdamW, Loshchilov and Hutter 2019): leave the gradient alone and shrink the parameter itself,
#   $\theta \leftarrow (1 - \eta\lambda)\,\theta$.
#
# Return what the optimiser is to be called with. (An L1 penalty $\lambda\sum|\theta|$ would add
# $\lambda\,\text{sign}(\theta)$: it pulls small weights as hard as large ones, all the way to 0.)

# %% solution="decay"
def decay(theta, g, rate, strength, decoupled):
    """theta, g tensors of one shape; returns theta and g for the optimiser's step: two tensors."""
    ### BEGIN SOLUTION
    if decoupled:
        return theta * (1 - rate * strength), g
    return theta, g + strength * theta
    ### END SOLUTION

# %% [markdown]
# Try it. Two weights of 1, and a loss that pushes neither: their gradients change sign at every step. Those of the first
# have the size 10, those of the second 0.01. Guess: after 300 steps of Adam, what is left of each?

# %%
def shrink(decoupled, rate=0.005, strength=0.1):
    twin, size = torch.ones(2, requires_grad=True), torch.tensor([10.0, 0.01])
    optimizer = torch.optim.Adam([twin], lr=rate)  # torch's: question 2 needs no right answer to question 1
    for t in range(300):
        theta, twin.grad = decay(twin.detach().clone(), (-1) ** t * size, rate, strength, decoupled)
        twin.data.copy_(theta)
        optimizer.step()
    return twin.detach()

for name, decoupled in (("L2 penalty", False), ("decoupled", True)):
    kept = shrink(decoupled)
    print(f"{name:<11} large gradients: {kept[0]:.2f} is left, small gradients: {kept[1]:.2f}")
print(f"the decay alone would leave (1 - 0.005 * 0.1) ** 300 = {(1 - 0.0005) ** 300:.2f}")

# %% test="decay_test" points=1
theta, g = torch.tensor([2.0, -4.0]), torch.tensor([1.0, 1.0])
found = decay(theta, g, 0.1, 0.5, False)
assert checks.close(found, torch.tensor([[2.0, -4.0], [2.0, -1.0]]), "L2: theta as it was, g plus 0.5 times theta")
found = decay(theta, g, 0.1, 0.5, True)
assert checks.close(found, torch.tensor([[1.9, -3.8], [1.0, 1.0]]), "decoupled: theta times 1 - 0.1 * 0.5, g as it was")
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(3)
for _rate, _strength, _kind in ((0.1, 0.3, False), (0.1, 0.3, True), (0.02, 1.5, False), (0.02, 1.5, True)):
    _start = torch.randn(4, 3, generator=_draw, dtype=torch.float64)
    _kinds = (torch.optim.Adam, torch.optim.AdamW)
    _ours, _theirs = _start.clone().requires_grad_(), _start.clone().requires_grad_()
    _plain, _torch = torch.optim.Adam([_ours], lr=_rate), _kinds[_kind]([_theirs], lr=_rate, weight_decay=_strength)
    for _ in range(5):
        _g = torch.randn(4, 3, generator=_draw, dtype=torch.float64)
        _given = [_ours.detach().clone(), _g.clone()]
        _theta, _gradient = decay(*_given, _rate, _strength, _kind)
        assert torch.equal(_given[0], _ours.detach()) and torch.equal(_given[1], _g), "it changes a tensor that it is given"
        _ours.data.copy_(torch.as_tensor(_theta))
        _ours.grad, _theirs.grad = torch.as_tensor(_gradient).clone(), _g.clone()
        _plain.step()
        _torch.step()
    assert checks.close(_ours.detach(), _theirs.detach(), f"beside torch.optim.{_kinds[_kind].__name__}, five steps")
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Batch norm (3 points)
# Batch norm (Ioffe and Szegedy 2015) stands between a layer and its ReLU and gives each feature the mean 0 and the
# variance 1, then lets the network choose another scale $\gamma$ and another mean $\beta$:
#
# $$y_{bd} = \gamma_d\,\frac{x_{bd} - \mu_d}{\sqrt{\sigma_d^2 + \varepsilon}} + \beta_d$$
#
# **While training**, $\mu_d$ and $\sigma_d^2$ are the mean and the variance of feature $d$ *over the batch* of $B$ examples,
# the squares divided by $B$. At the same time two running statistics learn what is usual. With the momentum $\alpha$,
#
# $$\text{mean}_d \leftarrow (1-\alpha)\,\text{mean}_d + \alpha\,\mu_d \qquad
# \text{var}_d \leftarrow (1-\alpha)\,\text{var}_d + \alpha\,\tfrac{B}{B-1}\,\sigma_d^2$$
#
# The factor $\tfrac{B}{B-1}$ makes the estimate unbiased, and stands in the running variance *only*. That is torch's
# convention, and a trap.
#
# **In use** (evaluation) there may be one example and no batch. Then $\mu$ and $\sigma^2$ are the running statistics, and these
# stay as they are.

# %% solution="batch_norm"
def batch_norm(x, gamma, beta, mean, var, training, momentum=0.1, eps=1e-5):
    """x (B, D); gamma, beta and the running mean and var (D,); returns y (B, D), new running mean, new running var."""
    ### BEGIN SOLUTION
    if training:
        mu, sigma2 = x.mean(0), x.var(0, unbiased=False)
        batch = len(x)
        mean = (1 - momentum) * mean + momentum * mu
        var = (1 - momentum) * var + momentum * sigma2 * batch / (batch - 1)
    else:
        mu, sigma2 = mean, var
    y = gamma * (x - mu) / (sigma2 + eps).sqrt() + beta
    return y, mean, var
    ### END SOLUTION

# %% [markdown]
# Try it. One example in two different companies, and alone. What does batch norm say of it, in training and in use?

# %%
one, calm, wild = torch.tensor([[1.0]]), torch.tensor([[0.9], [1.1], [1.2]]), torch.tensor([[-40.0], [5.0], [30.0]])
ones, zeros = torch.ones(1), torch.zeros(1)
for name, batch in (("among calm ones", torch.cat([one, calm])), ("among wild ones", torch.cat([one, wild])), ("alone", one)):
    said = {True: "", False: ""}
    for training in said:
        if training and len(batch) == 1:
            said[training] = "  (no variance)"
        else:
            y, _, _ = batch_norm(batch, ones, zeros, zeros, ones, training)
            said[training] = f"{y[0, 0]:+.2f}"
    print(f"{name:<16} training {said[True]:>6}   in use {said[False]}")

# %% test="batch_norm_visible" points=1
x, gamma, beta = torch.tensor([[1.0, 10.0], [3.0, 30.0]]), torch.tensor([1.0, 2.0]), torch.tensor([0.0, 5.0])
y, mean, var = batch_norm(x, gamma, beta, torch.zeros(2), torch.ones(2), True)
hint = "means 2 and 20, variances 1 and 100: rows of -1 and 1, the second column times 2 plus 5"
assert checks.close(y, torch.tensor([[-1.0, 3.0], [1.0, 7.0]]), hint, 1e-4)
assert checks.close(mean, torch.tensor([0.2, 2.0]), "a tenth of the way from 0 to the means 2 and 20")
assert checks.close(var, torch.tensor([1.1, 20.9]), "a tenth of the way from 1 to 2 and 200: squares over B - 1 here")
y, mean, var = batch_norm(x[:1], gamma, beta, torch.tensor([3.0, 4.0]), torch.tensor([4.0, 9.0]), False)
assert checks.close(y, torch.tensor([[-1.0, 9.0]]), "in use: (1 - 3) / 2, and (10 - 4) / 3 times 2 plus 5", 1e-4)

# %% test="batch_norm_training" points=1
# Tested when your work is graded: batches of several sizes in turn beside nn.BatchNorm1d, its running statistics, gradients.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(4)
for _d, _momentum, _eps in ((3, 0.1, 1e-5), (6, 0.7, 0.5)):
    _twin = nn.BatchNorm1d(_d, eps=_eps, momentum=_momentum, dtype=torch.float64)
    nn.init.normal_(_twin.weight), nn.init.normal_(_twin.bias)
    _mean, _var = torch.zeros(_d, dtype=torch.float64), torch.ones(_d, dtype=torch.float64)
    for _b in (8, 2, 5, _d):
        _x = torch.randn(_b, _d, generator=_draw, dtype=torch.float64) * 3 + torch.arange(_d)
        _given = [_x.clone(), _twin.weight.detach().clone(), _twin.bias.detach().clone(), _mean.clone(), _var.clone()]
        _found = batch_norm(*_given, True, _momentum, _eps)
        _wanted = _twin(_x).detach()
        checks.close(_found[0], _wanted, f"a batch of {_b} beside nn.BatchNorm1d in training, eps {_eps}")
        _kept = (_x, _twin.weight.detach(), _twin.bias.detach(), _mean, _var)
        assert all(torch.equal(a, b) for a, b in zip(_given, _kept)), "it changes a tensor that it is given"
        _mean, _var = _twin.running_mean.clone(), _twin.running_var.clone()
        checks.close(_found[1], _mean, f"the running mean after a batch of {_b}, momentum {_momentum}")
        checks.close(_found[2], _var, f"the running variance after a batch of {_b}, momentum {_momentum}")
_x = torch.randn(4, 2, generator=_draw, dtype=torch.float64)
_zero, _one = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
assert checks.gradient(lambda x: (batch_norm(x, _one, _zero, _zero, _one, True)[0] ** 3).sum(), _x, hint="through mean and variance, too")
### END HIDDEN TESTS

# %% test="batch_norm_eval" points=1
# Tested when your work is graded: in use, with batches of any size, beside nn.BatchNorm1d; nothing is learned from them.
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(5)
for _b, _d, _eps in ((1, 4, 1e-5), (7, 4, 0.3), (3, 3, 1e-5)):
    _twin = nn.BatchNorm1d(_d, eps=_eps, dtype=torch.float64)
    nn.init.normal_(_twin.weight), nn.init.normal_(_twin.bias)
    _twin.running_mean.copy_(torch.randn(_d, generator=_draw))
    _twin.running_var.copy_(torch.rand(_d, generator=_draw) + 0.1)
    _x = torch.randn(_b, _d, generator=_draw, dtype=torch.float64) * 2 + 1
    _given = [t.detach().clone() for t in (_x, _twin.weight, _twin.bias, _twin.running_mean, _twin.running_var)]
    _found = batch_norm(*_given, False, 0.1, _eps)
    checks.close(_found[0], _twin.eval()(_x).detach(), f"a batch of {_b} in use, beside nn.BatchNorm1d in eval mode")
    checks.close(_found[1], _twin.running_mean, "the running mean in use: it stays as it is")
    assert checks.close(_found[2], _twin.running_var, "the running variance in use: it stays as it is")
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Dropout (1 point)
# **While training**, dropout (Srivastava et al. 2014) sets each number to 0 with the probability $p$, drawn anew for every
# number and every call: no unit can rely on one other. What is left would be too small on average, so it is divided by
# $1 - p$. That is *inverted* dropout, and its point is that **in use** there is nothing to do: the input comes back.
#
# At $p = 1$ all is silent: zeros, and no `nan`.

# %% solution="dropout"
def dropout(x, p, training):
    """x of any shape, p from 0 to 1; returns a tensor of the same shape."""
    ### BEGIN SOLUTION
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    keep = (torch.rand(x.shape) >= p).to(x.dtype)
    return x * keep / (1 - p)
    ### END SOLUTION

# %%
torch.manual_seed(6)
print(f"8 ones, p = 0.5: {dropout(torch.ones(8), 0.5, True).tolist()}")
for p in (0.1, 0.5, 0.9):
    many = dropout(torch.ones(10_000), p, True)
    print(f"p = {p}: {float((many == 0).float().mean()):.3f} are 0, the mean of all is {float(many.mean()):.2f}")

# %% test="dropout_test" points=1
found = dropout(torch.full((10_000,), 3.0), 0.25, True)
assert checks.close(found.unique(), torch.tensor([0.0, 4.0]), "of threes at p = 0.25 each is 0, or 3 / 0.75, which is 4")
silent = float((found == 0).float().mean())
assert 0.22 < silent < 0.28, f"a quarter of 10,000 should be silent, give or take; of yours {silent:.3f}: p or 1 - p?"
assert checks.close(dropout(torch.full((5,), 3.0), 0.25, False), torch.full((5,), 3.0), "in use: as it came")
### BEGIN HIDDEN TESTS
_x = torch.randn(200, 50, generator=torch.Generator().manual_seed(7), dtype=torch.float64) + 0.001
for _p in (0.1, 0.5, 0.8):
    _given = _x.clone()
    _found, _again = dropout(_given, _p, True), dropout(_given, _p, True)
    assert torch.equal(_given, _x), "it changes a tensor that it is given"
    _alive = _found != 0
    checks.close(_found, _x * _alive / (1 - _p), "what is left is the input over 1 - p, also where that is negative")
    assert abs(float(_alive.double().mean()) - 1 + _p) < 0.03, "the share of zeros is not p"
    assert not torch.equal(_alive, _again != 0), "two calls should silence different numbers"
    assert 0 < float(_alive.double().mean(1).std()) < 0.2, "each number is drawn by itself, not a whole row at once"
    assert 0 < float(_alive.double().mean(0).std()) < 0.2, "each number is drawn by itself, not a whole column at once"
    checks.close(dropout(_x, _p, False), _x, "in use nothing happens")
checks.close(dropout(_x, 0.0, True), _x, "p = 0: nothing is silenced")
assert checks.close(dropout(_x, 1.0, True), torch.zeros_like(_x), "p = 1: everything is silenced")
### END HIDDEN TESTS

# %% [markdown]
# ## 5. A schedule (1 point)
# At first the statistics of Adam and of batch norm rest on a handful of examples: small steps are wise. In the end one wants
# to settle: small steps again. So the rate **warms up** in a straight line over the first $w$ of $n$ steps and then falls
# along half a **cosine**. With steps counted $t = 0, 1, \dots, n - 1$ and the highest rate $\eta$:
#
# $$\text{rate}(t) = \begin{cases} \eta\,\dfrac{t + 1}{w} & t < w \\[2ex]
# \dfrac{\eta}{2}\Big(1 + \cos\dfrac{\pi\,(t - w)}{n - w}\Big) & t \ge w \end{cases}$$

# %% solution="rate_at"
def rate_at(t, steps, highest, warm_up):
    """t from 0 to steps - 1, warm_up from 0 to steps - 1; returns the learning rate of that step, a number."""
    ### BEGIN SOLUTION
    if t < warm_up:
        return highest * (t + 1) / warm_up
    return highest / 2 * (1 + math.cos(math.pi * (t - warm_up) / (steps - warm_up)))
    ### END SOLUTION

# %%
rates = {f"warm-up of {w}": [rate_at(t, 100, 0.01, w) for t in range(100)] for w in (0, 10, 40)}
plotting.show_curves(rates, xlabel="step", ylabel="learning rate")

# %% test="rate_test" points=1
found = [float(rate_at(t, 8, 1.0, 4)) for t in range(8)]
assert checks.close(found[:4], [0.25, 0.5, 0.75, 1.0], "warm-up in 4 steps: a quarter more each, and 1 in the fourth")
assert checks.close(found[4:], [1.0, 0.853553, 0.5, 0.146447], "then half a cosine over 4 steps: 1, 0.85, 0.5, 0.15")
### BEGIN HIDDEN TESTS
_twin = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
_torch = torch.optim.lr_scheduler.CosineAnnealingLR(_twin, 37)
for _t in range(37):
    for _w, _hint in ((0, "no warm-up: torch's CosineAnnealingLR"), (5, "after a warm-up of 5 steps")):
        checks.close(float(rate_at(_t + _w, 37 + _w, 0.3, _w)), _torch.get_last_lr()[0], _hint, 1e-5, 1e-9)
    _twin.step()
    _torch.step()
_found = [float(rate_at(t, 1000, 0.02, 100)) for t in range(1000)]
checks.close(_found[:100], torch.arange(1.0, 101, dtype=torch.float64) * 0.0002, "a warm-up of 100 steps of 1,000", 1e-5, 1e-9)
assert max(_found) <= 0.02 * 1.0001 and min(_found) > 0, "the rate should stay above 0 and at most the highest"
### END HIDDEN TESTS

# %% [markdown]
# ## All five at work
# A network of two layers on handwritten digits, built of your parts: `x @ w1`, batch norm, ReLU, dropout, `@ w2 + b2`.
# Only 300 examples, so that the network could learn them by heart. Autograd may do the gradients: you have earned it.

# %%
digits = data.load("digits")
few = data.few(digits.train, 30, seed=0)
train_x, train_y = few.inputs.flatten(1) / 255, few.labels
test_x, test_y = digits.test.inputs.flatten(1) / 255, digits.test.labels

def new_parameters(hidden=64):
    w1, w2 = torch.randn(64, hidden) * (2 / 64) ** 0.5, torch.randn(hidden, 10) * (1 / hidden) ** 0.5
    return [p.requires_grad_() for p in (w1, torch.ones(hidden), torch.zeros(hidden), w2, torch.zeros(10))]

def forward(parameters, running, x, training, p=0.0):
    w1, gamma, beta, w2, b2 = parameters
    y, mean, var = batch_norm(x @ w1, gamma, beta, *running, training)
    running[:] = mean.detach(), var.detach()
    return dropout(y.clamp(min=0), p, training) @ w2 + b2

def accuracy(parameters, running, training=False):
    with torch.no_grad():
        return float((forward(parameters, list(running), test_x, training).argmax(1) == test_y).float().mean())

# %%
def train(parameters, running, steps=300, highest=0.01, warm_up=30, strength=0.1, p=0.0, seed=0):
    """Your optimiser, your decay, your schedule; returns the loss of each step."""
    losses, order = [], torch.Generator().manual_seed(seed)
    memory = [(torch.zeros_like(q), torch.zeros_like(q)) for q in parameters]
    for t in range(steps):
        batch = torch.randint(len(train_x), (32,), generator=order)
        loss = F.cross_entropy(forward(parameters, running, train_x[batch], True, p), train_y[batch])
        gradients, rate = torch.autograd.grad(loss, parameters), rate_at(t, steps, highest, warm_up)
        for i, (theta, g) in enumerate(zip(parameters, gradients)):
            theta, g = decay(theta.detach(), g, rate, strength, decoupled=True)
            new, *memory[i] = adam(theta, g, *memory[i], t + 1, rate)
            parameters[i] = new.requires_grad_()
        losses.append(loss.item())
    return losses

# %%
table, runs = {"p = 0": 0.0, "p = 0.3": 0.3}, {}
for name, p in table.items():
    found = []
    for seed in range(5):
        torch.manual_seed(seed)
        parameters, running = new_parameters(), [torch.zeros(64), torch.ones(64)]
        losses = train(parameters, running, p=p, seed=seed)
        found.append(accuracy(parameters, running))
    runs[name] = found
    spread = f"mean {sum(found) / 5:.3f}, {min(found):.3f} to {max(found):.3f}"
    print(f"dropout {name:<8} 300 examples, five seeds: {spread}; last batch of the last seed: loss {losses[-1]:.3f}")

# %% [markdown]
# The last loss is higher with dropout, but it is that of one batch, measured while units are silent: it says nothing yet.
# Does dropout gain anything on new digits? Compare the two means with the spread over seeds before you answer: a single
# run could have told you either.
#
# ## Yours against torch
# The same start, the same batches, torch's `BatchNorm1d`, `AdamW` and a torch scheduler that asks your `rate_at`. (Without
# dropout, which draws its own numbers.)

# %%
torch.manual_seed(1)
my_losses, torch_losses = [], []
mine, running = new_parameters(), [torch.zeros(64), torch.ones(64)]
network = nn.Sequential(nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
for theirs, ours in zip(network.parameters(), mine):
    theirs.data.copy_(ours.detach().t())  # torch keeps weights as (out, in)
my_losses = train(mine, running, seed=1)
optimizer = torch.optim.AdamW(network.parameters(), lr=1.0, weight_decay=0.1)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: rate_at(t, 300, 0.01, 30) if t < 300 else 0.0)
order = torch.Generator().manual_seed(1)
for _ in range(300):
    batch = torch.randint(len(train_x), (32,), generator=order)
    loss = F.cross_entropy(network(train_x[batch]), train_y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    torch_losses.append(loss.item())

# %%
apart = max((abs(a - b) for a, b in zip(my_losses, torch_losses)), default=float("nan"))
theirs = (network.eval()(test_x).argmax(1) == test_y).float().mean()
print(f"the two lists of losses differ by at most {apart:.0e}")
print(f"right on new digits: yours {accuracy(mine, running):.3f}, torch {theirs:.3f}")
plotting.show_curves({"yours": my_losses, "torch": torch_losses}, xlabel="step", ylabel="loss (nats)",
                     baseline=("ten equal scores", 2.303), log=True)

# %% [markdown]
# One line on top of the other. Rounding drives them apart a little, step by step: the same sums in another order.
#
# ## The bug that every project has once
# Somebody forgets `model.eval()`. Here is your trained network in the wrong mode, asked about the test digits in batches.
# The weights are the same. When does it matter?

# %%
@torch.no_grad()
def in_wrong_mode(batch_size, sort):
    order = test_y.argsort() if sort else torch.arange(len(test_y))
    hits = 0
    for batch in order.split(batch_size):
        if len(batch) > 1:
            hits += int((forward(mine, list(running), test_x[batch], True).argmax(1) == test_y[batch]).sum())
    return hits / len(test_y)

print(f"in use (eval):                      {accuracy(mine, running):.3f}")
for size, sort, what in ((360, False, "all at once"), (8, False, "batches of 8"), (36, True, "sorted by class, batches of 36")):
    print(f"left in training mode, {what:<31} {in_wrong_mode(size, sort):.3f}")

# %% [markdown]
# In a large mixed batch you might never notice. In a small one each picture is judged by its neighbours, and where the
# neighbours are all of one class, batch norm takes away what they have in common: the very thing to see.
#
# ## 6. In words (2 points)
# Look at the two weights of question 2. Under Adam, the L2 penalty treats a weight with large gradients unlike one with small
# gradients; decoupled decay treats both alike. Explain why, from the formulas. What would plain gradient descent do? At
# most 80 words.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="two_decays" points=2
# The penalty's λθ is added to g before Adam divides by the root of v. Where gradients are large, v is large, and the pull
# shrinks with it; where they are small, λθ dominates g and v, and the weight moves about η a step whatever λ is. Decoupled decay
# multiplies θ by 1 − ηλ outside of that division: every weight shrinks by the same share. Plain gradient descent divides by
# nothing: there the two are one.
#
# **Rubric**
# - *2 points*: the division by √v acts on λθ as well; decoupled decay stands outside of it; in gradient descent the two are one.
# - *1 point*: the division is named, but one of the other two is missing.
# - *0 points*: only "L2 is in the loss, decay is not", or the effect told again without a reason.
#
# Beyond 80 words, only the first 80 count.

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells: what only works because of a line that you have deleted fails now, and not when
# it is graded. Is your name in the second code cell? Then save, name the file `First_Last_hw2_training.ipynb`, upload it.
#
# ## Going further (no points)
# - **Adam's blind spot.** Multiply the loss by 1,000 and train again. What changes, and what would plain descent do?
# - **No warm-up.** Train with `highest=0.1`, with and without the 30 steps of warm-up, over five seeds.
# - **Read**: Loshchilov and Hutter 2019, *Decoupled weight decay regularization* (arXiv 1711.05101); Ioffe and Szegedy 2015,
#   *Batch normalization* (arXiv 1502.03167), sections 1 to 3.
