# %% [markdown]
# # Homework 1: a network from scratch
# At the end of this notebook a network reads handwriting, 96 digits of 100 right, and every line that taught it is
# yours. No layers from a box, no `.backward()`: tensors, arithmetic and the chain rule.
#
# **You will be able to**
# - turn scores into probabilities and probabilities into one loss, without overflow;
# - write the backward pass of two layers, and check it by nudging a weight;
# - write the loop that trains anything, and put your network beside torch's own.
#
# **Time**: about two and a half hours of yours, ten seconds of one processor core. No GPU.
#
# | Question | 1 Softmax | 2 Cross-entropy | 3 Backward | 4 One step | 5 The loop | 6 In words | All |
# |---|---|---|---|---|---|---|---|
# | Points | 1 | 1 | 3 | 1 | 2 | 2 | **10** |

# %% [markdown]
# ## The rules, short
# **Write** where a cell says `raise NotImplementedError(...)`, and in the answer cell of question 6. Ten lines are enough
# for each. Add cells wherever you like; leave the test cells as they are.
#
# **Use** arithmetic, `@`, indexing, `sum`, `max`, `exp`, `log`, `clone` and their kin. **Not** `torch.softmax`,
# `logsumexp`, `torch.nn` or autograd: that is what you build today. (The tests use them, to check you.)
#
# **Graded** are the tests that you see and others that you don't: other numbers, other sizes, the cases that break
# careless code. Each question is tested by itself, so a slip in question 1 costs nothing in question 5.
#
# **Hand in**: restart the kernel, run all cells, save, and upload the notebook as `First_Last_hw1_mlp.ipynb`.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime
runtime.start("hw1_mlp")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "hw1_mlp"

# %% [markdown]
# ## Look at the data first
# In the 1990s thirteen people filled in forms with digits. Each scan was shrunk to 8 by 8 pixels: a pixel says how much
# of its little square is ink. That is not much to go by. Could *you* read them all?

# %%
import torch
import torch.nn.functional as F  # for checking, never for your answers

digits = data.load("digits")
print(digits)
plotting.show_images(digits.train.inputs[:24], titles=digits.train.labels[:24].tolist(), columns=8)

# %% [markdown]
# Our network knows nothing of pictures. It takes a row of 64 numbers, one a pixel, from 0 (black) to 1 (white).

# %%
train_x, train_y = digits.train.inputs.flatten(1) / 255, digits.train.labels
test_x, test_y = digits.test.inputs.flatten(1) / 255, digits.test.labels
print("pictures", tuple(train_x.shape), " labels", tuple(train_y.shape), " first label", int(train_y[0]))

# %% [markdown]
# ## The network, forward
# Two layers. The first turns the $D = 64$ pixels $x$ into $H = 32$ *hidden* numbers $h$, called units; the second turns
# those into $K = 10$ *scores* $s$, one a class. The highest score is the network's guess.
#
# $$h = \max(0,\; x\,W_1 + b_1) \qquad\qquad s = h\,W_2 + b_2$$
#
# $B$ pictures go through at once, one a row. $W_1$ and $W_2$ are the weights, $b_1$ and $b_2$ the biases; together they
# are the parameters, 2,410 numbers. Cutting off at 0 is called ReLU.
#
# This part is given. Everything that makes it *learn* is yours.

# %%
def new_parameters(inputs=64, hidden=32, classes=10):
    """Random weights, zero biases: [w1 (D, H), b1 (H,), w2 (H, K), b2 (K,)]."""
    w1 = torch.randn(inputs, hidden) * (2 / inputs) ** 0.5
    w2 = torch.randn(hidden, classes) * (2 / hidden) ** 0.5
    return [w1, torch.zeros(hidden), w2, torch.zeros(classes)]


def forward(x, parameters):
    """x (B, D); returns hidden (B, H) and scores (B, K)."""
    w1, b1, w2, b2 = parameters
    hidden = (x @ w1 + b1).clamp(min=0)
    return hidden, hidden @ w2 + b2


def accuracy(parameters, x, labels):
    """The share of pictures, 0 to 1, whose highest score is that of the right class."""
    return float((forward(x, parameters)[1].argmax(1) == labels).float().mean())

# %%
hidden, scores = forward(test_x, new_parameters())
print("scores of the first picture:", [round(s, 1) for s in scores[0].tolist()])
print(f"guess {int(scores[0].argmax())}, truth {int(test_y[0])}")
print(f"right without any training: {accuracy(new_parameters(), test_x, test_y):.2f}; blind luck gives 0.10")

# %% [markdown]
# ## 1. Softmax (1 point)
# A score can be any number. A probability lies between 0 and 1, and those of one picture add up to 1. Softmax makes
# one from the other: take $e$ to the power of each score, then divide by the sum over the picture's classes.
#
# $$p_{bk} = \frac{e^{s_{bk}}}{\sum_j e^{s_{bj}}}$$
#
# Here $b$ is the picture, $k$ the class, and $j$ runs over all classes.
#
# There is a trap. A 32-bit float ends near $10^{38}$, so $e^{89}$ is already `inf`, and `inf / inf` is `nan`. The way
# out: take the same number off all scores *of one picture*, and no probability changes, because it cancels in the
# fraction. Which number makes overflow impossible, and never leaves you with `0 / 0` either?

# %% solution="softmax"
def softmax(scores):
    """scores (B, K), left as they are; returns probabilities (B, K)."""
    ### BEGIN SOLUTION
    powers = (scores - scores.max(1, keepdim=True).values).exp()
    return powers / powers.sum(1, keepdim=True)
    ### END SOLUTION

# %% [markdown]
# Try it. The second and third row differ by 100 in every score. What will come out? Guess, then run.

# %%
print(softmax(torch.tensor([[0.0, 0.0], [1.0, 2.0], [101.0, 102.0]])))

# %% test="softmax_test" points=1
found = softmax(torch.tensor([[0.0, 0.0, 0.0, 0.0]]))
assert checks.close(found, torch.tensor([[0.25, 0.25, 0.25, 0.25]]), "four equal scores share 1 equally")
found = softmax(torch.tensor([[1.0, 3.0], [5.0, 5.0]]).log())
assert checks.close(found, torch.tensor([[0.25, 0.75], [0.5, 0.5]]), "each row is a picture: sum over its classes")
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(1)
for _size in ((1, 3), (7, 10), (4, 4), (300, 2)):
    _scores = torch.randn(_size, generator=_draw) * 5
    _kept = _scores.clone()
    checks.close(softmax(_scores), _kept.softmax(1), "random scores, compared with torch.softmax")
    assert torch.equal(_scores, _kept), "your function changes the scores that it is given"
_scores = torch.tensor([[1000.0, 1001.0, 0.0], [-1000.0, -1001.0, -1003.0], [0.0, 1.0, 2.0], [1e38, 0.0, -1e38]])
assert checks.close(softmax(_scores), _scores.softmax(1), "very large, very small and ordinary rows in one batch")
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Cross-entropy (1 point)
# How bad is a guess? Look only at the probability that the network gave to the *right* class $y_b$, and take minus its
# logarithm. Sure and right costs 0; sure and wrong costs without limit. The loss is the mean over the $B$ pictures:
#
# $$L = -\frac{1}{B}\sum_b \log p_{b y_b} = \frac{1}{B}\sum_b \Big(\log \sum_j e^{s_{bj}} - s_{b y_b}\Big)$$
#
# With the natural logarithm its unit is called the nat.
#
# The right-hand side is the same thing with softmax put in. Use that one and start from the scores: a probability like
# $10^{-50}$ is rounded to 0 in 32 bits, and $\log 0$ is $-\infty$. The trap of question 1 waits in the first term;
# the same trick beats it, if you put back what you took off.

# %% solution="cross_entropy"
def cross_entropy(scores, labels):
    """scores (B, K), labels (B,) int64; returns one number, the mean loss in nats."""
    ### BEGIN SOLUTION
    top = scores.max(1).values
    log_sum = (scores - top[:, None]).exp().sum(1).log() + top
    right = scores[torch.arange(len(labels)), labels]
    return (log_sum - right).mean()
    ### END SOLUTION

# %% [markdown]
# Try it. Ten equal scores: the network shrugs. What does that cost? Keep the number in mind: a new network whose
# first loss is far from it has a bug.
#
# Then the picture: what one guess costs, for each probability of the right class.

# %%
print(f"ten equal scores cost {float(cross_entropy(torch.zeros(5, 10), torch.arange(5))):.3f}")
p = torch.linspace(0.01, 0.99, 99)
costs = [float(cross_entropy(torch.stack([q, 1 - q]).log()[None], torch.tensor([0]))) for q in p]
plotting.show_curves({"one guess": costs}, xlabel="probability of the right class (percent)", ylabel="cost (nats)")

# %% test="cross_entropy_test" points=1
found = cross_entropy(torch.tensor([[1.0, 3.0], [1.0, 1.0]]).log(), torch.tensor([0, 1]))
assert checks.close(float(found), 1.03972077, "the right classes have 1/4 and 1/2: (log 4 + log 2) / 2 is 1.04", 1e-4)
### BEGIN HIDDEN TESTS
_draw = torch.Generator().manual_seed(2)
for _pictures, _classes in ((1, 2), (7, 10), (5, 5), (200, 3)):
    _scores = torch.randn(_pictures, _classes, generator=_draw) * 4
    _labels = torch.randint(_classes, (_pictures,), generator=_draw)
    _kept = _scores.clone()
    _found = cross_entropy(_scores, _labels)
    checks.close(float(_found), float(F.cross_entropy(_kept, _labels)), "random scores, compared with torch", 1e-4)
    assert torch.equal(_scores, _kept), "your function changes the scores that it is given"
_scores = torch.tensor([[0.0, 200.0], [1000.0, 1000.0], [-500.0, -502.0], [3.0, 1.0]])
for _labels in (torch.tensor([0, 1, 1, 0]), torch.tensor([1, 0, 0, 1])):
    _wanted = float(F.cross_entropy(_scores, _labels))
    assert checks.close(float(cross_entropy(_scores, _labels)), _wanted, "very large and very small scores", 1e-4)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Backward (3 points)
# Learning needs an answer for each of the 2,410 parameters: if I raise this one a little, how much does the loss rise?
# That slope is its gradient. You get all of them in one walk through the network, from the loss back to the pixels.
#
# **The scores.** Raise a score, and its picture's loss rises with a slope equal to the probability of that class, less
# 1 if it is the right class. The loss is a mean over $B$ pictures, so
#
# $$g_{bk} = \frac{\partial L}{\partial s_{bk}} = \frac{1}{B}\,\big(p_{bk} - [k = y_b]\big)$$
#
# where $[k = y_b]$ is 1 for the right class, else 0.
#
# **The second layer.** The weight from unit $j$ to class $k$ is used by every picture, so its slopes add up over the
# pictures. So do those of the bias. A unit, on the other hand, belongs to one picture and feeds all of its classes:
#
# $$\frac{\partial L}{\partial W_{2,jk}} = \sum_b h_{bj}\, g_{bk} \qquad
# \frac{\partial L}{\partial b_{2,k}} = \sum_b g_{bk} \qquad
# \frac{\partial L}{\partial h_{bj}} = \sum_k g_{bk}\, W_{2,jk}$$

# %% [markdown]
# **ReLU.** A unit at 0 was cut off: a little more or less before the cut changes nothing after it. So the gradient
# goes through where `hidden` is above 0, and is 0 elsewhere.
#
# **The first layer.** The second layer once more: what goes in is $x$ in place of $h$, and what comes back is the
# gradient that ReLU let through in place of $g$.
#
# Two of the sums above are matrix products: no loop is needed. And a gradient always has the shape of what it
# belongs to, which tells you most of the time which side wants a `.T`.

# %% solution="backward"
def backward(x, hidden, probabilities, labels, w2):
    """The gradients of the mean loss: [w1 (D, H), b1 (H,), w2 (H, K), b2 (K,)], in this order.

    x (B, D), hidden (B, H), probabilities (B, K), labels (B,), w2 (H, K): all left as they are.
    """
    ### BEGIN SOLUTION
    g = probabilities.clone()
    g[torch.arange(len(labels)), labels] -= 1
    g = g / len(labels)
    before = (g @ w2.T) * (hidden > 0)
    return [x.T @ before, before.sum(0), hidden.T @ g, g.sum(0)]
    ### END SOLUTION

# %% [markdown]
# Try it. Nobody has to *believe* a gradient. In each of the four, nudge the parameter for which yours is largest up and
# down by a hair, and measure how the loss moves. How many digits agree?

# %%
torch.manual_seed(3)
x, labels = train_x[:50].double(), train_y[:50]  # 64-bit numbers: a hair is 0.00001
parameters = [p.double() for p in new_parameters()]
hidden, scores = forward(x, parameters)
gradients = backward(x, hidden, torch.softmax(scores, 1), labels, parameters[2])
for name, parameter, gradient in zip(["w1", "b1", "w2", "b2"], parameters, gradients):
    flat, place = parameter.view(-1), int(gradient.abs().argmax())
    flat[place] += 1e-5
    above = F.cross_entropy(forward(x, parameters)[1], labels)
    flat[place] -= 2e-5
    below = F.cross_entropy(forward(x, parameters)[1], labels)
    flat[place] += 1e-5  # back where it was
    print(f"{name}  measured {float(above - below) / 2e-5:+.8f}  yours {float(gradient.reshape(-1)[place]):+.8f}")

# %% [markdown]
# The first test is a network so small that you can do it in your head: one picture of 2 pixels, 2 units of which the
# second is cut off, 2 classes. Its $g$ is $(0.25, -0.25)$. The two tests after it are hidden: one looks at the second
# layer, one at the first, each against torch's autograd.

# %% test="backward_visible" points=1
x, hidden, w2 = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, -1.0], [2.0, 0.0]])
found = backward(x, hidden, torch.tensor([[0.25, 0.75]]), torch.tensor([1]), w2)
assert len(found) == 4, f"four gradients should come, for w1, b1, w2 and b2; yours are {len(found)}"
assert checks.close(found[3], torch.tensor([0.25, -0.25]), "b2: one picture, so g itself")
assert checks.close(found[2], torch.tensor([[0.75, -0.75], [0.0, 0.0]]), "w2: hidden is (3, 0), g is (0.25, -0.25)")
assert checks.close(found[1], torch.tensor([0.5, 0.0]), "b1: 0.25 + 0.25 for unit one; unit two is cut off")
assert checks.close(found[0], torch.tensor([[0.5, 0.0], [1.0, 0.0]]), "w1: the pixels are (1, 2)")
six, thirds, labels = torch.ones(6, 5), torch.ones(6, 3) / 3, torch.tensor([0, 1, 2, 0, 1, 2])
shapes = [tuple(g.shape) for g in backward(six, torch.ones(6, 4), thirds, labels, torch.ones(4, 3))]
assert shapes == [(5, 4), (4,), (4, 3), (3,)], f"6 pictures, 5 pixels, 4 units, 3 classes: your shapes are {shapes}"

# %% test="backward_second_layer" points=1
# Tested when your work is graded: the gradients of w2 and b2, on batches of several sizes.
### BEGIN HIDDEN TESTS
torch.manual_seed(4)
for _b, _d, _h, _k in ((1, 3, 2, 4), (6, 5, 4, 3), (4, 4, 4, 4), (32, 64, 32, 10)):
    _x, _labels = torch.randn(_b, _d), torch.randint(_k, (_b,))
    _parameters = [p.requires_grad_() for p in new_parameters(_d, _h, _k)]
    _hidden, _scores = forward(_x, _parameters)
    _wanted = torch.autograd.grad(F.cross_entropy(_scores, _labels), _parameters)
    _given = [t.detach().clone() for t in (_x, _hidden, _scores.softmax(1), _labels, _parameters[2])]
    _kept = [t.clone() for t in _given]
    _found = backward(*_given)
    checks.close(_found[2], _wanted[2], f"the gradient of w2, batch of {_b}, against autograd", 1e-4, 1e-6)
    checks.close(_found[3], _wanted[3], f"the gradient of b2, batch of {_b}, against autograd", 1e-4, 1e-6)
    assert all(torch.equal(a, b) for a, b in zip(_given, _kept)), "your function changes a tensor that it is given"
### END HIDDEN TESTS

# %% test="backward_first_layer" points=1
# Tested when your work is graded: the gradients of w1 and b1, on batches of several sizes.
### BEGIN HIDDEN TESTS
torch.manual_seed(5)
for _b, _d, _h, _k in ((1, 3, 2, 4), (6, 5, 4, 3), (4, 4, 4, 4), (32, 64, 32, 10)):
    _x, _labels = torch.randn(_b, _d), torch.randint(_k, (_b,))
    _parameters = [p.requires_grad_() for p in new_parameters(_d, _h, _k)]
    _hidden, _scores = forward(_x, _parameters)
    _wanted = torch.autograd.grad(F.cross_entropy(_scores, _labels), _parameters)
    _given = [t.detach() for t in (_x, _hidden, _scores.softmax(1), _labels, _parameters[2])]
    _found = backward(*_given)
    checks.close(_found[0], _wanted[0], f"the gradient of w1, batch of {_b}, against autograd", 1e-4, 1e-6)
    assert checks.close(_found[1], _wanted[1], f"the gradient of b1, batch of {_b}, against autograd", 1e-4, 1e-6)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. One step (1 point)
# A gradient points uphill. Take a small step the other way, in every parameter $\theta$ at once. The learning rate
# $\eta$ says how long the step is:
#
# $$\theta \leftarrow \theta - \eta\,\frac{\partial L}{\partial \theta}$$
#
# The caller hands you a list and goes on using that list. So after the call the list itself must hold the moved
# values: a line that only gives a new tensor a name leaves the list as it was. The gradients stay as they are.

# %% solution="step"
def step(parameters, gradients, rate):
    """Move every tensor in the list `parameters` against its gradient. Returns nothing."""
    ### BEGIN SOLUTION
    for parameter, gradient in zip(parameters, gradients):
        parameter -= rate * gradient
    ### END SOLUTION

# %% [markdown]
# Try it. Roll down the bowl $w^2$, whose gradient is $2w$, from $w = 8$ at the rate 0.25. Where is $w$ after each step?
# Guess the rule, then run.

# %%
bowl = [torch.tensor([8.0])]
for _ in range(5):
    step(bowl, [2 * bowl[0]], rate=0.25)
    print(bowl[0].item())

# %% test="step_test" points=1
found = [torch.tensor([3.0]), torch.tensor([[1.0, 2.0]])]
step(found, [torch.tensor([6.0]), torch.tensor([[0.0, -4.0]])], 0.25)
assert checks.close(found[0], torch.tensor([1.5]), "3 less 0.25 times 6 is 1.5, and the list has to hold it")
assert checks.close(found[1], torch.tensor([[1.0, 3.0]]), "the second parameter moves, too: 2 less 0.25 times -4 is 3")
### BEGIN HIDDEN TESTS
torch.manual_seed(6)
for _rate in (1.0, 0.1, 0.003):
    _start = [torch.randn(size) for size in ((5, 4), (4,), (4, 3), (3,), (1,))]
    _gradients = [torch.randn_like(p) for p in _start]
    _moved, _kept = [p.clone() for p in _start], [g.clone() for g in _gradients]
    step(_moved, _gradients, _rate)
    step(_moved, _gradients, _rate)
    for _p, _s, _g in zip(_moved, _start, _kept):
        checks.close(_p, _s - 2 * _rate * _g, f"five parameters of random values, two steps at the rate {_rate}")
    assert all(torch.equal(a, b) for a, b in zip(_gradients, _kept)), "your function changes the gradients"
### END HIDDEN TESTS

# %% [markdown]
# ## Four functions, one machine
# Put together, your four functions are one step of learning on one batch. Read it line by line: this is what
# "training a network" means, and nothing is left out.

# %%
def learner(parameters, rate):
    """Make learn(x, labels): it takes one step on one batch and returns the batch's mean loss, a float."""
    def learn(x, labels):
        hidden, scores = forward(x, parameters)
        loss = cross_entropy(scores, labels)
        gradients = backward(x, hidden, softmax(scores), labels, parameters[2])
        step(parameters, gradients, rate)
        return float(loss)
    return learn

# %% [markdown]
# ## 5. The loop (2 points)
# Now show it the pictures, again and again. One pass over all of them is an *epoch*. In each epoch:
#
# - draw a new random order of all pictures;
# - cut it into batches of `batch_size`; what is left over at the end is a batch, too, only shorter;
# - call `learn` on the pictures and labels of each batch, once;
# - note the mean loss *of the pictures*. `learn` returns the mean of its batch, and a short batch holds fewer pictures:
#   weigh it by its length.
#
# Your loop does not ask what `learn` does inside. That is a strength: it will train torch's network as well as yours.

# %% solution="train"
def train(learn, x, labels, epochs, batch_size):
    """learn(x, labels) -> float; x (N, D), labels (N,), left as they are; returns a list: one loss an epoch."""
    ### BEGIN SOLUTION
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(batch_size):
            total += learn(x[batch], labels[batch]) * len(batch)
        losses.append(total / len(x))
    return losses
    ### END SOLUTION

# %% [markdown]
# Try it with a `learn` that learns nothing and only prints its labels: ten pictures in batches of four, two epochs.
# What do you expect to see?

# %%
def show_labels(x, labels):
    print(labels.tolist())
    return 0.0

train(show_labels, torch.zeros(10, 64), torch.arange(10), epochs=2, batch_size=4)
print("done")

# %% test="train_visible" points=1
sizes = []
def report(x, labels):  # pretends that the loss of a picture is its label
    sizes.append(len(labels))
    return float(labels.float().mean())

found = train(report, torch.zeros(10, 3), torch.arange(10), epochs=3, batch_size=4)
assert sorted(sizes) == [2, 2, 2, 4, 4, 4, 4, 4, 4], f"10 pictures by 4, 3 epochs: 4, 4, 2 each; yours came as {sizes}"
assert len(found) == 3, f"one loss an epoch, so 3; your list has {len(found)}"
assert checks.close([float(value) for value in found], [4.5, 4.5, 4.5],
                    "the mean of 0, 1, ... 9 is 4.5 in any order, if each batch is weighed by its length")

# %% test="train_hidden" points=1
# Tested when your work is graded: what each batch holds, and real training: other pictures, another seed, and labels that mean nothing.
### BEGIN HIDDEN TESTS
_x, _seen, _pick = torch.arange(37.0).view(37, 1), [], torch.randperm(len(train_x))[:1000]
train(lambda x, labels: (_seen.append((x[:, 0], labels)), 0.0)[1], _x, 100 + torch.arange(37), 3, 8)
assert len(_seen) == 15, f"37 pictures by 8 are 5 batches, in 3 epochs 15; yours were {len(_seen)}"
_xs, _labels = (torch.cat(part) for part in zip(*_seen))
assert torch.equal(_xs + 100, _labels.float()), "a picture came with the label of another one"
_orders = [_xs[i : i + 37].tolist() for i in (0, 37, 74)]
assert all(sorted(o) == _x[:, 0].tolist() for o in _orders), "an epoch has to show every picture once, none twice"
_random = all(max(o[:8]) - min(o[:8]) > 7 for o in _orders) and _orders[0] != _orders[1] != _orders[2]
assert _random, "the order of the pictures has to be random, and drawn again in each epoch"
assert torch.equal(_x, torch.arange(37.0).view(37, 1)), "your function changes the pictures that it is given"
def _learn(x, labels):
    loss = F.cross_entropy(forward(x, _net)[1], labels)
    for p, g in zip(_net, torch.autograd.grad(loss, _net)):
        p.data -= 0.5 * g
    return loss.item()
_true = train_y[_pick]
_mixed = _true[torch.randperm(1000)]  # 100 seeds: true labels worst 0.928, margin 0.028; mixed best 0.203, margin 0.097
for _what, _labels, _epochs, _ok in (("true", _true, 20, (0.9, 1)), ("shuffled", _mixed, 5, (0, 0.3))):
    _net = [p.requires_grad_() for p in new_parameters()]
    train(_learn, train_x[_pick], _labels, _epochs, 50)
    _share = accuracy(_net, test_x, test_y)
    assert _ok[0] <= _share <= _ok[1], f"{_what} labels: {_share:.2f} of the test digits are right, not {_ok}"
### END HIDDEN TESTS

# %% [markdown]
# ## Your network reads
# Everything is in place. Thirty epochs, batches of 32, learning rate 0.5: before you run the cell, how many of 100 new
# digits will your network read, and how long will it take?

# %%
import time

torch.manual_seed(1)
start, my_losses, clock = new_parameters(), [], time.perf_counter()
mine = [p.clone() for p in start]
torch.manual_seed(2)  # for the order of the pictures
my_losses = train(learner(mine, rate=0.5), train_x, train_y, epochs=30, batch_size=32)
print(f"loss {my_losses[0]:.3f} in the first epoch, {my_losses[-1]:.3f} in the last")
seconds = time.perf_counter() - clock
print(f"right: {accuracy(mine, test_x, test_y):.3f} of the test pictures; {seconds:.1f} seconds")

# %% [markdown]
# ## Yours against torch
# Here is the same network with torch's layers, torch's loss, autograd and torch's optimiser. It starts from the same
# weights, and your own loop feeds it the same batches. If your mathematics is right, the two curves are one.

# %%
def torch_learner(parameters, rate):
    """The same as `learner`, in torch: returns the network and its learn(x, labels)."""
    w1, _, w2, _ = parameters
    network = torch.nn.Sequential(torch.nn.Linear(*w1.shape), torch.nn.ReLU(), torch.nn.Linear(*w2.shape))
    for theirs, ours in zip(network.parameters(), parameters):
        theirs.data.copy_(ours.t())  # torch keeps weights as (out, in)
    optimizer = torch.optim.SGD(network.parameters(), lr=rate)

    def learn(x, labels):
        loss = F.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()
    return network, learn

# %%
network, learn = torch_learner(start, rate=0.5)
torch.manual_seed(2)  # the same order of the pictures
torch_losses = train(learn, train_x, train_y, epochs=30, batch_size=32)
apart = max((abs(a - b) for a, b in zip(my_losses, torch_losses)), default=float("nan"))
share = (network(test_x).argmax(1) == test_y).float().mean()
print(f"torch: {share:.3f} of the test pictures; the two lists of losses differ by at most {apart:.0e}")
plotting.show_curves({"yours": my_losses, "torch": torch_losses}, xlabel="epoch", ylabel="loss (nats)",
                     baseline=("ten equal scores", 2.303))

# %% [markdown]
# One line on top of the other, to six digits or more. There is no magic in the box: you have just written it. (If
# your loop shuffles with another generator than torch's, the batches differ, and the curves are only close.)

# %% [markdown]
# ## The nine worst
# Which test pictures does your network get most wrong? Sort them by the probability that it gave to the truth. Be fair:
# cover the titles and read them yourself first.

# %%
probabilities = softmax(forward(test_x, mine)[1])
truth = probabilities[torch.arange(len(test_y)), test_y]
worst = truth.argsort()[:9]
titles = [f"is {int(test_y[i])}, says {int(probabilities[i].argmax())}" for i in worst]
plotting.show_images(digits.test.inputs[worst], titles=titles, columns=5)
print("probability of the truth:", [round(float(truth[i]), 3) for i in worst])

# %% [markdown]
# Some of them nobody could read. Others are plain, and the network is wrong and sure of it.
#
# One caution before you print the accuracy on a shirt: the same thirteen people wrote the train and the test pictures.
# Nothing here says how well it reads *your* hand.

# %% [markdown]
# ## What the first layer learned
# Each of the 32 hidden units has 64 weights, one a pixel, so its weights are a picture, too. Orange: ink here switches
# the unit on. Purple: ink here switches it off. Above before training, below after.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(4, 8, figsize=(7.6, 4.2))
units = mine[0].norm(dim=0).argsort(descending=True)[:16]  # the sixteen with the largest weights
for i, axis in enumerate(axes.flat):
    weights = (start if i < 16 else mine)[0][:, units[i % 16]]
    axis.imshow(weights.view(8, 8).numpy(), cmap="PuOr_r", vmin=-1.5, vmax=1.5)
    axis.axis("off")
figure.suptitle("16 units: two rows before training, the same two rows after")
plotting.show("32 pictures of 8 by 8 weights: noise before training, stronger patches and strokes after")

# %% [markdown]
# The left edge has hardly changed: there is hardly ever ink, so nothing pushed those weights. Elsewhere you may find a
# stroke or a loop. Most units look like nothing that has a name, and the network reads all the same.

# %% [markdown]
# ## 6. In words (2 points)
# Why start from random weights? Zero sounds fairer: no unit is favoured. Guess what happens, then run the next cell,
# which starts all four parameters at zero.

# %%
zeros = [torch.zeros_like(p) for p in start]
losses = train(learner(zeros, rate=0.5), train_x, train_y, epochs=10, batch_size=32)
print("loss of each epoch:", [round(float(loss), 2) for loss in losses])
print(f"right: {accuracy(zeros, test_x, test_y):.3f} of the test pictures")

# %% [markdown]
# **Explain what you see, in at most 80 words, in the cell below.** Which of the four gradients are zero at the first
# step, and why do they stay zero for ever? What is left to learn, and what does the network end up saying? Argue with
# the formulas of question 3.

# %% [markdown] answer="why_random" points=2
# With zero weights every hidden unit is 0, so the gradient of $W_2$, a sum of $h\,g$, is 0. What flows back to the
# units, a sum of $g\,W_2$, is 0 too: $W_1$ and $b_1$ get nothing. None of them moves, so the next step is the same. Only
# $b_2$ has a gradient, the sum of $g$. It learns how common each digit is: every picture gets the same answer, near 1/10
# each; the loss stays near $\log 10$.
#
# **Rubric**
# - *2 points*: both reasons ($h = 0$ stops $W_2$; $W_2 = 0$, or the closed ReLU, stops $W_1$ and $b_1$), and what is
#   left: $b_2$ learns, and every picture gets the same answer.
# - *1 point*: it says that (almost) nothing can learn or that only $b_2$ does, but one of the two reasons is missing;
#   or it names "symmetry" without a look at the gradients.
# - *0 points*: no gradient in the argument, such as "the learning rate is too small" or "a local minimum".
#
# Beyond 80 words, only the first 80 count.

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells: what only works because of a line that you have deleted fails now, and not when
# it is graded. Is your name in the second code cell? Then save, name the file `First_Last_hw1_mlp.ipynb`, upload it.
#
# ## Going further (no points)
# - **Momentum.** Keep a running sum $v \leftarrow 0.9\,v + g$ of each parameter's gradient $g$ and step along $v$, at a
#   tenth of the rate. Then leave $v$ out again and keep the small rate. What did $v$ do for you?
# - **Shuffled labels.** Train on `train_y[torch.randperm(len(train_y))]` for 300 epochs. The loss falls. What has the
#   network learned, and how would you have noticed?
# - **A third layer.** Which lines of `backward` do you repeat? You have just found out why autograd was invented.
# - **Read**: Michael Nielsen, *Neural Networks and Deep Learning*, chapter 2, on backpropagation (free online).
