# %% [markdown]
# # It knows everything by heart
#
# A network that is right about all of its 300 examples, wrong labels included, and about half of the world. You will
# see how that happens, build the seven usual cures, and measure **which of them help, and when none does**.
#
# When you are done, you can
# 1. tell under-fitting from over-fitting by two curves;
# 2. write L1 and L2 penalties, dropout, batch norm, early stopping and a vote, each in a few lines;
# 3. compare cures fairly: many draws, one chart, no lucky seed.
#
# About 75 minutes for you, 30 seconds for the processor, no GPU. 7 points: six exercises and one question
# in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime, transforms
runtime.start("lab06_regularisation")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab06_regularisation"

# %% [markdown]
# ## See it first
# Printed digits, on purpose few: 300 to train on, 200 to validate on. They were labelled in a hurry: **three
# labels in ten are wrong.** The 1,000 digits of the test are labelled well, and set in other fonts.

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

glyphs = data.load("glyphs", difficulty=0.3)  # of clothes, after a download of 31 MB: data.load("fashion_mnist")
test_x, test_y = glyphs.test.inputs.float() / 255, glyphs.test.labels

def draw(seed, wrong=0.3):
    """Another 300 and 200 glyphs for each seed: (images, labels), (images, labels), and the true labels of the 300."""
    torch.manual_seed(seed)
    index = torch.randperm(len(glyphs.train))[:500]
    images, true = glyphs.train.inputs[index].float() / 255, glyphs.train.labels[index]
    other = (true + torch.randint(1, 10, true.shape)) % 10
    labels = torch.where(torch.rand(500) < wrong, other, true)
    return (images[:300], labels[:300]), (images[300:], labels[300:]), true[:300]

train_set, valid_set, true = draw(0)
plotting.show_images(train_set[0][:18], titles=train_set[1][:18].tolist(), columns=9)

# %%
def network(rate=0.0, norm=False):
    """784 pixels, 128 and 64 hidden units, 10 scores; with dropout, or batch norm, after each hidden layer."""
    layers = [nn.Flatten()]
    for before, after in ((784, 128), (128, 64)):
        layers += [nn.Linear(before, after)] + [nn.BatchNorm1d(after)] * norm + [nn.ReLU()]
        layers += [nn.Dropout(rate)] * (rate > 0)
    return nn.Sequential(*layers, nn.Linear(64, 10))

@torch.no_grad()
def measure(net, images, labels):
    """Mean loss in nats, share right, and the scores; leaves the network in evaluation mode."""
    scores = net.eval()(images)
    return F.cross_entropy(scores, labels).item(), (scores.argmax(1) == labels).float().mean().item(), scores

# %%
def train(net, train_set, epochs=30, extra=None, augment=None, watch=None):
    """Adam, batches of 50. extra(net) is added to the loss, augment(images) changes a batch, watch(net) after an epoch."""
    (images, labels), seen = train_set, []
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002, fused=True)
    for _ in range(epochs):
        net.train()
        for index in torch.randperm(len(images)).split(50):
            batch = augment(images[index]) if augment else images[index]
            loss = F.cross_entropy(net(batch), labels[index])
            loss = loss + extra(net) if extra else loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if watch:
            seen.append(watch(net))
    return seen

# %% [markdown]
# **Predict.** After 30 epochs the network is right about all 300 examples, or nearly so. About what share of the test?

# %%
guess = None
checks.predict("test", guess, "Right about all 300 it was trained on: what share of the test?")

# %%
torch.manual_seed(0)
sets = (train_set, valid_set, (test_x, test_y))
curves = train(network(), train_set, watch=lambda net: [measure(net, *some)[:2] for some in sets])  # loss and accuracy
middle = torch.stack([train_set[0][train_set[1] == digit].mean(0).flatten() for digit in range(10)])
nearest = (torch.cdist(test_x.flatten(1), middle).argmin(1) == test_y).float().mean().item()
by_set = {name: [epoch[i][1] for epoch in curves] for i, name in enumerate(("train", "valid", "test"))}
plotting.show_curves(by_set, xlabel="epoch", ylabel="accuracy", baseline=("nearest mean image", nearest))
checks.outcome("test", curves[-1][2][1])
print(f"best test accuracy on the way: {max(by_set['test']):.3f}")

# %% [markdown]
# **Over-fitting**: the training curve climbs to 1, wrong labels and all, while the other two climb, turn, and fall. First
# the network learned what digits have in common. Then it learned the 300. The distance between train and test is the
# **generalisation gap**. (Valid lies lower than test: its labels are wrong, too.)
#
# ## 1. Too stiff, right, too supple (1 point)
# The same with a model that you can see. A polynomial $w_0 + w_1 x + \dots + w_D x^D$ is a linear layer on the powers
# of $x$; its degree $D$ is its **capacity**. Write the powers.

# %% solution="powers"
def powers(x, degree):
    """x (N,); returns (N, degree + 1): each row 1, x, x², ..., x to the power of degree."""
    ### BEGIN SOLUTION
    return torch.stack([x**k for k in range(degree + 1)], dim=1)
    ### END SOLUTION

# %%
def points(seed, count=15):
    """x and noisy y of a sine, float64."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, count, dtype=torch.float64) + 0.04 * torch.randn(count, dtype=torch.float64)
    return x, torch.sin(4 * x) + 0.25 * torch.randn(count, dtype=torch.float64)

def fitted(x, y, degree):
    return torch.linalg.lstsq(powers(x, degree), y[:, None]).solution[:, 0]  # the least squares of Lab 1

def errors(seed, degree):
    """Root mean squared error on the 15 points, and on 500 new ones."""
    (x, y), (new_x, new_y) = points(seed), points(10_000 + seed, 500)
    w = fitted(x, y, degree)
    return [float(((powers(a, degree) @ w - b) ** 2).mean().sqrt()) for a, b in ((x, y), (new_x, new_y))]

# %%
(x, y), line = points(1), torch.linspace(-1, 1, 300, dtype=torch.float64)
_, axes = plt.subplots(1, 4, figsize=(9.6, 2.9), width_ratios=(1, 1, 1, 1.5))
for axis, (degree, name) in zip(axes, ((1, "under-fit"), (5, "ideal"), (14, "over-fit"))):
    axis.plot(line, torch.sin(4 * line), "--", color=plotting.GREY, linewidth=1.2)
    axis.plot(line, powers(line, degree) @ fitted(x, y, degree))
    axis.plot(x, y, "o", color=plotting.ORANGE, markersize=4)
    axis.set(ylim=(-2, 2), xlabel="x", title=f"{name}: degree {degree}")
axes[0].set_ylabel("y")
found = torch.tensor([[errors(seed, degree) for degree in range(15)] for seed in range(20)])  # (20, 15, 2)
for i, (name, colour) in enumerate((("15 points", plotting.BLUE), ("new points", plotting.ORANGE))):
    low, mid, high = found[..., i].quantile(torch.tensor([0.1, 0.5, 0.9]), dim=0)
    axes[3].plot(range(15), mid, "-o", color=colour, label=name, markersize=3)
    axes[3].fill_between(range(15), low, high, color=colour, alpha=0.2, linewidth=0)
axes[3].set(yscale="log", ylim=(0.02, 100), xlabel="degree", ylabel="error (RMSE)", title="20 draws: median, 80 %")
axes[3].legend()
plotting.show("A line misses the bends of a sine, degree 5 follows it, degree 14 runs through every point and swings far "
              "off between. Right: the error on the points falls with the degree; on new ones it falls, then soars")

# %% test="check_powers" points=1
_hint = "Powers 0 to 2 of 2 are 1, 2, 4; of -3 they are 1, -3, 9. The degree counts: 2 gives three columns."
checks.close(powers(torch.tensor([2.0, -3.0]), 2), torch.tensor([[1.0, 2.0, 4.0], [1.0, -3.0, 9.0]]), _hint)
checks.close(powers(torch.tensor([5.0, 0.0, 7.0]), 0), torch.ones(3, 1), "Degree 0: a column of ones, for x = 0 as well.")
_x = torch.linspace(-1, 1, 4, dtype=torch.float64)
checks.close(powers(_x, 6), torch.linalg.vander(_x, N=7), "Four numbers and degree 6, compared with torch.", rtol=1e-9)
assert checks.passed("powers")

# %% [markdown]
# <details><summary>Hint 1</summary><code>x**k</code> is one column.</details>
# <details><summary>Hint 2</summary><code>torch.stack(list_of_columns, dim=1)</code>; k runs from 0 to degree,
# both included.</details>
# <details><summary>The idea of the solution</summary>Stack <code>x**k</code> for <code>k in range(degree + 1)</code> along
# axis 1.</details>
#
# **Under-fitting**: too stiff, bad on old and new points alike. **Over-fitting**: perfect on the old, and anything
# in between. The training error alone cannot tell you: it only ever falls.
#
# ## 2. A price on weights: L1 and L2 (1 point)
# The wild curve needs huge weights. So put a price on them:
#
# $$L = \text{loss} + \lambda_1 \sum_i |w_i| + \lambda_2 \sum_i w_i^2$$
#
# The $\lambda$s say how dear weights are. Write the price alone, over a list of tensors.

# %% solution="penalty"
def penalty(weights, l1, l2):
    """weights: a list of tensors of any shapes; returns one number (a tensor that autograd can follow)."""
    ### BEGIN SOLUTION
    return sum(l1 * w.abs().sum() + l2 * (w**2).sum() for w in weights)
    ### END SOLUTION

# %% [markdown]
# Try it: degree 14 again, with a price. Look at the curves, then at the weights. What does L1 do that L2 does not?

# %%
def priced(l1, l2):
    """The 15 weights of degree 14 that make error plus price small."""
    w = torch.zeros(15, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.02)
    for _ in range(1500):
        optimizer.zero_grad()
        (((powers(x, 14) @ w - y) ** 2).mean() + penalty([w], l1, l2)).backward()
        optimizer.step()
    return w.detach()

fits = {"no price": fitted(x, y, 14), "L2": priced(0.0, 0.003), "L1": priced(0.01, 0.0)}
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
for i, ((name, w), marker) in enumerate(zip(fits.items(), "os^")):
    left.plot(line, powers(line, 14) @ w, label=name)
    right.plot(torch.arange(15) + 0.15 * (i - 1), w.abs().clamp(min=1e-3), marker, linestyle="none")
    print(f"{name:<9} largest weight {w.abs().max():8.1f}, {int((w.abs() < 0.01).sum())} of 15 weights below 0.01")
left.plot(x, y, "o", color="black", markersize=4)
left.set(ylim=(-2, 3), xlabel="x", ylabel="y")
right.set(yscale="log", xlabel="power of x", ylabel="size of its weight")
left.figure.legend(loc="outside upper left", ncols=3)
plotting.show("Left: a wild curve, and two calm ones by L1 and L2. Right: weights up to 200,000 without a price, about 2 "
              "with L2; with L1 most lie at the foot, at zero")

# %% test="check_penalty" points=1
_w = [torch.tensor([[1.0, -2.0], [0.0, 3.0]]), torch.tensor([-4.0])]
checks.close(penalty(_w, 0.5, 0.0), 5.0, "Sizes 1 + 2 + 0 + 3 + 4 are 10, times 0.5 is 5. (-1: without the size.)")
checks.close(penalty(_w, 0.0, 0.1), 3.0, "Squares 1 + 4 + 0 + 9 + 16 are 30, times 0.1 is 3. (0.55: roots.)")
checks.close(penalty(_w, 1.0, 2.0), 70.0, "Both at once: 10 + 60, over all tensors of the list.")
_v = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
checks.gradient(lambda v: penalty([v, 2 * v], 0.3, 0.7), _v)
assert checks.passed("penalty")

# %% [markdown]
# <details><summary>Hint 1</summary>For one tensor: <code>w.abs().sum()</code> and <code>(w**2).sum()</code>.</details>
# <details><summary>Hint 2</summary>Python's <code>sum(... for w in weights)</code> adds over the list.</details>
# <details><summary>The idea of the solution</summary>One line: both prices of each tensor, summed over the list. Not
# <code>.item()</code>: the gradient must come through.</details>
#
# L1 pulls every weight with the same force, down to zero, and keeps a few. L2 pulls in proportion, so weights
# get small and never quite vanish. In a step of plain SGD with learning rate $\eta$, L2 multiplies each weight by
# $1 - 2\eta\lambda_2$: hence its other name, **weight decay**.
#
# ## 3. Dropout (1 point)
# While training, silence each unit with probability $p$, anew for each example and step. No unit can lean on one
# neighbour, so none can hold half of a memorised example. Those that stay are multiplied by $1 / (1 - p)$, which
# keeps the expected sum the same. In evaluation, nothing happens at all.

# %% solution="dropout"
def dropout(x, p, training):
    """x of any shape, p from 0 to below 1; returns the same shape. x itself stays as it is."""
    ### BEGIN SOLUTION
    if not training:
        return x
    keep = (torch.rand_like(x) >= p).to(x.dtype)
    return x * keep / (1 - p)
    ### END SOLUTION

# %%
torch.manual_seed(1)
one, rates = train_set[0][7, 0], (0.2, 0.5, 0.5)
shown = [one] + [dropout(one, p, training=True) for p in rates] + [dropout(one, 0.5, training=False)]
plotting.show_images(shown, titles=["glyph", *[f"p = {p}" for p in rates], "evaluation"], columns=6)
print("mean brightness:", [round(float(image.mean()), 3) for image in shown])

# %% test="check_dropout" points=1
torch.manual_seed(5)
_x = torch.full((200, 300), 3.0)
_out = dropout(_x, 0.25, True)
checks.shape(_out, (200, 300), "One answer for each number.")
checks.close((_out == 0).float().mean(), 0.25, "p = 0.25 silences a quarter of 60,000 numbers.", atol=0.02)
checks.close(_out.max(), 4.0, "What stays is multiplied by 1 / (1 - p): 3 / 0.75 is 4.")
checks.close(_out.mean(), 3.0, "On average nothing changes.", atol=0.1)
_rows, _columns = (_out == 0).float().mean(1), (_out == 0).float().mean(0)
assert _rows.std() < 0.1 and _columns.std() < 0.1, "Whole rows or columns fall silent: draw for each number."
assert not torch.equal(dropout(_x, 0.25, True), _out), "The second call silences the same units: draw anew."
checks.close(dropout(_x, 0.25, False), torch.full((200, 300), 3.0), "In evaluation nothing happens, no factor either.")
checks.close(dropout(_x, 0.0, True), torch.full((200, 300), 3.0), "p = 0 silences nothing.")
checks.close(_x, torch.full((200, 300), 3.0), "Your function changes the x that it is given.")
assert checks.passed("dropout")

# %% [markdown]
# <details><summary>Hint 1</summary><code>torch.rand_like(x)</code> draws a number from 0 to 1 for each of x.</details>
# <details><summary>Hint 2</summary>It is at least p with probability 1 - p: that comparison is the mask.</details>
# <details><summary>The idea of the solution</summary>Not training: x. Else mask times x, divided by 1 - p.</details>
#
# ## 4. Batch norm (1 point)
# Give each unit mean 0 and variance 1 over the batch, then let it choose its own scale $\gamma$ and shift $\beta$:
#
# $$y = \gamma\, \frac{x - \mu}{\sqrt{v + \epsilon}} + \beta$$
#
# ($\epsilon = 10^{-5}$ saves a unit that is always the same from a division by 0.) In **training**, $\mu$ and $v$ are the
# batch's mean and variance; running averages of them are kept. In **evaluation** the running ones are used: what your glyph is must not depend on who sits next to it.

# %% solution="batch_norm"
def batch_norm(x, scale, shift, mean, var, training, momentum=0.1, eps=1e-5):
    """x (B, D), all else (D,); returns out (B, D), and the running mean and var (D,) as they are afterwards.

    Training: normalise with x.mean(0) and x.var(0, unbiased=False); move the running ones the share `momentum` of the
    way to x.mean(0) and (a habit of torch) x.var(0). Else: normalise with the running ones; they stay.
    """
    ### BEGIN SOLUTION
    used_mean, used_var = mean, var
    if training:
        used_mean, used_var = x.mean(0), x.var(0, unbiased=False)
        mean = (1 - momentum) * mean + momentum * used_mean
        var = (1 - momentum) * var + momentum * x.var(0)
    return scale * (x - used_mean) / (used_var + eps).sqrt() + shift, mean, var
    ### END SOLUTION

# %%
sums = 5 * train_set[0].flatten(1)[:100, 300:304] - 2  # four pixels of a hundred glyphs, as a bad layer might give them
mean, var = torch.zeros(4), torch.ones(4)
for step in range(1, 31):
    out, mean, var = batch_norm(sums, torch.ones(4), torch.zeros(4), mean, var, training=True)
    if step in (1, 10, 30):
        print(f"step {step:>2}  out: mean {out.mean(0).abs().max():.2f}, variance {out.var(0).mean():.2f};  "
              f"running mean {mean[0]:.2f}, var {var[0]:.2f}  (batch {sums.mean(0)[0]:.2f}, {sums.var(0)[0]:.2f})")
alone, _, _ = batch_norm(sums[:1], torch.ones(4), torch.zeros(4), mean, var, training=False)
print("one glyph alone, in evaluation:", [round(v, 2) for v in alone[0].tolist()])

# %% test="check_batch_norm" points=1
torch.manual_seed(6)
_x, _scale, _shift = torch.randn(8, 3) * 4 + 2, torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.0, 1.0, 5.0])
for _training in (True, False):
    _mean, _var = torch.tensor([1.0, 0.0, -1.0]), torch.tensor([2.0, 1.0, 4.0])
    _out, _new_mean, _new_var = batch_norm(_x, _scale, _shift, _mean.clone(), _var.clone(), _training)
    _wanted = F.batch_norm(_x, _mean, _var, _scale, _shift, _training)  # changes _mean and _var
    _mode = "training: the batch's own mean and variance" if _training else "evaluation: the running ones"
    checks.close(_out, _wanted, f"The output in {_mode}, over axis 0.", rtol=1e-4, atol=1e-5)
    _hint = "0.9 of the old and 0.1 of the batch's" if _training else "In evaluation they stay."
    checks.close(_new_mean, _mean, f"The running mean. {_hint}", rtol=1e-4, atol=1e-5)
    checks.close(_new_var, _var, f"The running variance. {_hint}", rtol=1e-4, atol=1e-5)
assert checks.passed("batch_norm")

# %% [markdown]
# <details><summary>Hint 1</summary>Choose first what you normalise with: two names, one pair for each mode.</details>
# <details><summary>Hint 2</summary><code>mean = (1 - momentum) * mean + momentum * x.mean(0)</code>, in training
# only.</details>
# <details><summary>The idea of the solution</summary>Start from the running pair; in training replace it by the batch's and
# move the running ones; then the formula, once.</details>
#
# Its inventors wanted faster training and larger rates (Ioffe and Szegedy, 2015), and got them. That
# each example is also shaken a little by its batch mates is said to regularise. We shall see.
#
# ## 5. Early stopping (1 point)
# The cheapest cure: watch the loss on the **validation** set, keep the best weights, stop when nothing better has come for
# `patience` epochs. Never watch the test set: it would become part of the training.

# %% solution="best_epoch"
def best_epoch(losses, patience):
    """losses: one an epoch, epochs counted from 1; returns the epoch of the best weights, and the one that ends training.

    Training ends as soon as `patience` epochs in a row were not below the best before; else with the last.
    """
    ### BEGIN SOLUTION
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)
    ### END SOLUTION

# %%
losses = {name: [epoch[i][0] for epoch in curves] for i, name in enumerate(("train", "valid", "test"))}
best, last = best_epoch(losses["valid"], patience=5)
plotting.show_curves(losses, xlabel="epoch", ylabel="loss (nats)", mark=("best weights", best))
print(f"stop in epoch {last}, go back to epoch {best}: test accuracy {by_set['test'][best - 1]:.3f}, loss "
      f"{losses['test'][best - 1]:.2f} nats; after all 30 epochs {by_set['test'][-1]:.3f}, {losses['test'][-1]:.2f} nats")

# %% test="check_best_epoch" points=1
_hint = "The best is 0.5 in epoch 3; epochs 4 and 5 are not below it, so with patience 2 training ends in 5."
assert tuple(best_epoch([0.9, 0.7, 0.5, 0.6, 0.55, 0.1], 2)) == (3, 5), _hint
_hint = "Epoch 4 is a new best, so the count starts again: best 4, end in 7."
assert tuple(best_epoch([0.9, 0.7, 0.8, 0.6, 0.8, 0.8, 0.7, 0.1], 3)) == (4, 7), _hint
_hint = "It falls to the end: the last epoch is the best, and nothing stops it."
assert tuple(best_epoch([0.9, 0.8, 0.7], 5)) == (3, 3), _hint
_hint = "Equal is not better: [0.5, 0.5, 0.5] with patience 2 has its best in 1 and ends in 3."
assert tuple(best_epoch([0.5, 0.5, 0.5, 0.4], 2)) == (1, 3), _hint
assert checks.passed("best_epoch")

# %% [markdown]
# <details><summary>Hint 1</summary>Walk through the losses with <code>enumerate(losses, start=1)</code> and remember the
# epoch of the best.</details>
# <details><summary>Hint 2</summary>epoch - best counts the epochs without a new best.</details>
# <details><summary>The idea of the solution</summary>In the loop: a new best? remember it. Waited for patience epochs?
# return both. After the loop: best and the last epoch.</details>
#
# ## 6. Many eyes: augmentation and ensembles (1 point)
# **Augmentation** makes new examples from old ones: shifted by up to 3 pixels, turned by up to 10 degrees, anew in each
# batch (Lab 4). It says what you know about digits: they stay themselves when they move.

# %%
def augment(images):
    generator = torch.default_generator
    return transforms.rotate(transforms.crop(images, generator, 3), generator, 10.0)

torch.manual_seed(2)
plotting.show_images(torch.cat([train_set[0][7:8], augment(train_set[0][7:8].expand(8, -1, -1, -1))]),
                     titles=["glyph", *["augmented"] * 8], columns=9)

# %% [markdown]
# An **ensemble** is several networks that differ in their random start. Average their *probabilities*, and
# what only one of them believes is voted down.

# %% solution="vote"
def vote(scores):
    """scores (M, N, K) of M networks; returns the mean of their probabilities, (N, K)."""
    ### BEGIN SOLUTION
    return scores.softmax(dim=2).mean(dim=0)
    ### END SOLUTION

# %%
three = torch.tensor([[[4.0, 0.0, 0.0]], [[0.0, 2.0, 0.0]], [[0.0, 1.5, 0.5]]])  # one is sure of class 0, two lean to 1
print("probabilities:", [[round(p, 2) for p in row] for row in three.softmax(2)[:, 0].tolist()])
print("vote:", [round(p, 2) for p in vote(three)[0].tolist()])

# %% test="check_vote" points=1
_scores = torch.tensor([[[1.0, 3.0], [1.0, 1.0]], [[3.0, 1.0], [1.0, 9.0]]]).log()
_hint = "Two networks give example 0 the shares 1/4, 3/4 and 3/4, 1/4: half and half. Example 1: (0.5 + 0.1) / 2."
checks.close(vote(_scores), torch.tensor([[0.5, 0.5], [0.3, 0.7]]), _hint)
torch.manual_seed(7)
_scores = torch.randn(5, 4, 3) * 3
_hint = "Five networks: softmax first, over the classes, then the mean over the networks."
checks.close(vote(_scores), sum(s.softmax(1) for s in _scores) / 5, _hint)
assert checks.passed("vote")

# %% [markdown]
# <details><summary>Hint 1</summary>Which axis counts the classes, which the networks?</details>
# <details><summary>Hint 2</summary>Softmax over the last axis, mean over the first. The mean of scores is something
# else.</details>
# <details><summary>The idea of the solution</summary><code>scores.softmax(2).mean(0)</code>.</details>
#
# ## Against the library
# Your functions and torch's, on the same numbers. `weight_decay` adds its share of the weight to the gradient, so
# it is your $2 \lambda_2$.

# %%
torch.manual_seed(3)
x_big, layer = torch.randn(500, 128) * 3 + 1, nn.BatchNorm1d(128)
out, mean, var = batch_norm(x_big, torch.ones(128), torch.zeros(128), torch.zeros(128), torch.ones(128), True)
with torch.no_grad():
    gaps = [float((layer(x_big) - out).abs().max()), float((layer.running_var - var).abs().max())]
print(f"batch norm: largest difference {max(gaps):.0e}")
mine, theirs = dropout(x_big, 0.3, True), F.dropout(x_big, 0.3, True)
print(f"dropout: silent {float((mine == 0).float().mean()):.3f} and {float((theirs == 0).float().mean()):.3f}, "
      f"mean {mine.mean():.2f} and {theirs.mean():.2f}")
w = [torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)]
torch.optim.SGD(w[:1], lr=0.1, weight_decay=0.2).step(lambda: w[0].sum().backward())
torch.optim.SGD(w[1:], lr=0.1).step(lambda: (w[1].sum() + penalty(w[1:], 0.0, 0.1)).backward())
print("after one step:", [round(p[0].item(), 4) for p in w], "by weight_decay and by penalty")
took = []
for step in (lambda *a: batch_norm(x_big, *a, mean, var, True), lambda *a: F.batch_norm(x_big, mean, var, *a, True)):
    began = time.perf_counter()
    for _ in range(200):
        step(torch.ones(128), torch.zeros(128))
    took.append((time.perf_counter() - began) / 200 * 1e6)
print(f"a batch of 500: your batch norm {took[0]:.0f} µs, torch's {took[1]:.0f} µs")

# %% [markdown]
# ## Train and watch: one run
# All cures, each on the same 300 glyphs from the same random start. Stopping early costs no run of its own: it is the
# untreated run, cut short.

# %%
def matrices(net):
    return [p for p in net.parameters() if p.dim() == 2]

CURES = {  # what network(...) gets, what train(...) gets
    "untreated": ({}, {}),
    "L1": ({}, {"extra": lambda net: penalty(matrices(net), 3e-4, 0.0)}),
    "L2": ({}, {"extra": lambda net: penalty(matrices(net), 0.0, 1e-2)}),
    "dropout": ({"rate": 0.5}, {}),
    "batch norm": ({"norm": True}, {}),
    "augmentation": ({}, {"augment": augment}),
}

def trained(name, seed, some, watch=None):
    """The network of that name, and what watch saw of it."""
    torch.manual_seed(seed)
    net = network(**CURES[name][0])
    return net, train(net, some, watch=watch, **CURES[name][1])

# %%
def treat(seed, wrong, votes=1):
    """One draw: the test accuracy of each cure."""
    some, valid, _ = draw(100 + seed, wrong)
    by_epoch = trained("untreated", seed, some, lambda net: (measure(net, *valid)[0], measure(net, test_x, test_y)[1]))[1]
    best, _ = best_epoch([loss for loss, _ in by_epoch], patience=5)
    result = {"untreated": by_epoch[-1][1]}
    for name in ("L1", "L2", "dropout", "batch norm"):
        result[name] = measure(trained(name, seed, some)[0], test_x, test_y)[1]
    result["early stopping"] = by_epoch[best - 1][1]
    nets = [trained("augmentation", seed + 50 * i, some)[0] for i in range(votes)]
    tests = [measure(net, test_x, test_y) for net in nets]
    result["augmentation"] = sum(test[1] for test in tests) / votes
    if votes > 1:
        shares = vote(torch.stack([test[2] for test in tests]))
        result[f"augmented, {votes} votes"] = (shares.argmax(1) == test_y).float().mean().item()
    return result

first = treat(0, wrong=0.3, votes=3)
for name, accuracy in sorted(first.items(), key=lambda item: -item[1]):
    print(f"{name:<20} {accuracy:.3f}")

# %% [markdown]
# A table like this is in many a report. Would you bet on its order? Draw another 300 glyphs, with other wrong labels and
# other random starts, four times.
#
# **Predict.** Six cures: L1, L2, dropout, batch norm, early stopping, augmentation. How many beat the untreated network
# in all five draws?

# %%
guess = None
checks.predict("cures", guess, "How many of six cures win in all five draws?")

# %%
hurried = [treat(seed, wrong=0.3, votes=3) for seed in range(1, 5)] + [first]

def gains(results, name):
    """Points won over the untreated network, draw by draw."""
    return [100 * (result[name] - result["untreated"]) for result in results]

print(f"{'points won:':<20} {'mean':>6} {'worst':>6} {'best':>6}  draws won")
for name in list(first)[1:]:
    won = gains(hurried, name)
    print(f"{name:<20} {sum(won) / 5:6.1f} {min(won):6.1f} {max(won):6.1f}  {sum(w > 0 for w in won)} of 5")
checks.outcome("cures", sum(min(gains(hurried, name)) > 0 for name in list(first)[1:7]))

# %% [markdown]
# And if the labels had been right all along? The same five draws, not a label wrong:

# %%
careful = [treat(seed, wrong=0.0) for seed in range(5)]
_, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), sharey=True, sharex=True)
for axis, results, title in zip(axes, (hurried, careful), ("3 labels in 10 wrong", "all labels right")):
    for place, name in enumerate(reversed(first)):
        accuracies = [result[name] for result in results if name in result]
        if accuracies:
            colour = plotting.GREY if name == "untreated" else plotting.SKY
            axis.barh(place, sum(accuracies) / 5, color=colour, height=0.65)
        if name == "untreated":
            axis.axvline(sum(accuracies) / 5, color="black", linestyle="--", linewidth=1.2)
        axis.plot(accuracies, [place] * len(accuracies), "o", color="black", markersize=4)
    axis.set(xlabel="test accuracy (bar: mean, dots: five draws)", title=title, xlim=(0.3, 0.9))
axes[0].set_yticks(range(len(first)), reversed(first))
plotting.show("Bars for each cure, a dot for each draw. Left, with wrong labels: dropout and augmentation stand clear of the "
              "dashed untreated line. Right, with right labels: no cure stands clear of it")

# %% [markdown]
# Read the dots, not the bars.
# - **Augmentation and dropout** help where there is something to forget, and three votes add to it. (In fifty draws of
#   ours each of them won fifty times.)
# - **L1, L2 and early stopping** help less, and a single draw could have told you anything. Is there a draw in which
#   stopping did harm? 200 validation glyphs, three in ten labelled wrong, are a poor clock.
# - **Batch norm** is no cure here. How many draws does it win? It was made for speed.
# - **On the right nothing helps.** Clean labels, 30 epochs: there is no disease, and some medicines have side effects.
#
# ## Turn the knob: more data
# The dearest cure. The same network and the same number of steps, three draws each.

# %%
sizes, gap = (100, 300, 1000, 3000), {"train": [], "test": []}
for size in sizes:
    for seed in range(3):
        torch.manual_seed(seed)
        index, net = torch.randperm(len(glyphs.train))[:size], network()
        some = (glyphs.train.inputs[index].float() / 255, glyphs.train.labels[index])
        train(net, some, epochs=9000 // size)  # 180 batches of 50
        gap["train"].append(measure(net, *some)[1])
        gap["test"].append(measure(net, test_x, test_y)[1])
_, axis = plt.subplots()
for (name, shares), marker in zip(gap.items(), "os"):
    means = torch.tensor(shares).view(4, 3).mean(1)
    drawn, = axis.plot(sizes, means, label=name)
    axis.plot([s for s in sizes for _ in range(3)], shares, marker, color=drawn.get_color(), markersize=5)
axis.set(xscale="log", xlabel="training examples, all labelled right", ylabel="accuracy")
axis.set_xticks(sizes, sizes)
axis.legend()
plotting.show("Accuracy over the number of training examples: train stays near 1, test climbs towards it")

# %% [markdown]
# ## Look at the errors
# Whose fault is an error? Sort the **training** examples by the loss of an augmented network, which did not learn them by
# heart. Above each: the label it was given.

# %%
(images, labels), _, right = draw(100)
net, _ = trained("augmentation", 0, (images, labels))
with torch.no_grad():
    cost = F.cross_entropy(net.eval()(images), labels, reduction="none")
worst = cost.argsort(descending=True)
caught = int((labels != right)[worst[:30]].sum())
plotting.show_images(images[worst[:9]], titles=[f"label {labels[i]}" for i in worst[:9]], columns=9)
print(f"of the 30 training examples with the highest loss, {caught} are labelled wrong")

# %% [markdown]
# A network that over-fits has no loss left to sort by. One that does not finds your labelling mistakes for you.
#
# ## 7. In words (1 point)
# Augmentation wins by ten points or so where labels are wrong, and by nothing where they are right. Explain both, in three or
# four sentences: what does the untreated network do with a wrong label, and why can it not do the same when every
# image comes moved and turned?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_augmentation" points=1
# The untreated network has weights enough to single out each of the 300 images and give it its label, so it learns the
# wrong labels by heart, and images like them are misread. An augmented image is never the same twice: a wrong label can
# no longer be tied to exact pixels, while what is common to all images of a digit stays, so the majority, which is
# right, wins. With right labels learning by heart does no such harm, and harder training images even slow down what can
# be learned in 30 epochs.

# %% [markdown]
# ## Break it
# The network with dropout, measured three times. Three answers for the same network and the same digits. Find what is missing.

# %%
net = trained("dropout", 0, train_set)[0]
for _ in range(3):
    with torch.no_grad():
        guesses = net(test_x).argmax(1)
    print(f"test accuracy {(guesses == test_y).float().mean():.3f}")

# %% [markdown]
# <details><summary>The bug</summary><code>net.eval()</code>. After training the network is in training mode, so half of its
# units are still silenced while it is measured. (With it: over 0.5, three times the same.) With batch norm it is worse: the answer for one image would depend on
# its neighbours, and a single one raises an error. Switch on the way in (<code>eval</code>) and on the way back
# (<code>train</code>); <code>torch.no_grad</code> does neither.</details>
#
# ## Going further (optional)
# - Do cures add up? Give `CURES` an entry with both dropout and augmentation. (With us it loses to augmentation alone.)
# - Train the untreated network for 300 epochs. Does the test accuracy fall for ever?
# - Let the vote be one of five networks without augmentation. Why does it win so little? Think of what all five have
#   learned by heart.
#
# To read: Srivastava et al. 2014 on dropout; Zhang et al. 2017, "Understanding deep learning requires rethinking
# generalization", whose networks learn random labels; *Dive into Deep Learning*, chapters 3.6, 3.7 and 5.6 (d2l.ai).

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab06_regularisation.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("powers", "penalty", "dropout", "batch_norm", "best_epoch", "vote")
