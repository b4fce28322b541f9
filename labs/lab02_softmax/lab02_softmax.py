# %% [markdown]
# # Ten weighted sums can read
#
# A line gave you a number. Today it gives a **decision**: a zero or a six, then one of ten digits. No hidden
# layers: ten weighted sums, and a fair way to turn their quarrel into probabilities.
#
# When you are done, you can
# 1. turn a weighted sum into a decision, a probability, or a share of ten probabilities;
# 2. say where cross-entropy comes from, and what it does that other losses do not;
# 3. read the weights of a linear classifier as pictures, and see at a glance what it can never do.
#
# About 75 minutes for you, 10 seconds for the processor, no GPU. 7 points: six exercises and one question
# in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime
runtime.start("lab02_softmax")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab02_softmax"

# %% [markdown]
# ## See it first
# The handwritten digits of Lab 1, each a row of 64 pixels from 0 (black) to 1 (white), and the walk downhill of
# Lab 1. Run the cells; `F.cross_entropy` is today's secret.

# %%
import time
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

digits = data.load("digits")  # clothes instead, after a download of 31 MB: data.load("fashion_mnist")
print(digits)
train_x, train_y = digits.train.inputs.flatten(1) / 255, digits.train.labels
test_x, test_y = digits.test.inputs.flatten(1) / 255, digits.test.labels

def share_right(scores, labels):
    """scores (N, K), labels (N,); the share of examples, 0 to 1, whose highest score is that of the right class."""
    return float((scores.argmax(1) == labels).float().mean())

# %%
def show_templates(rows):
    """For each name a row of ten pictures (10, 64), each row on a scale of its own."""
    figure, axes = plt.subplots(len(rows), 10, figsize=(9.6, 1.25 * len(rows)), squeeze=False)
    for row, (name, templates) in zip(axes, rows.items()):
        most = float(templates.abs().max())
        for digit, axis in enumerate(row):
            axis.imshow(templates[digit].view(8, 8).numpy(), cmap="PuOr_r", vmin=-most, vmax=most)
            axis.set(xticks=[], yticks=[], title=str(digit) if axis in axes[0] else "")
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(name)
    plotting.show("Rows of ten pictures of 8 by 8 numbers: " + "; ".join(rows) + ". Orange above 0, purple below")

# %%
layer = nn.Linear(64, 10)
optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
for _ in range(300):
    F.cross_entropy(layer(train_x), train_y).backward()
    optimizer.step(), optimizer.zero_grad()
means = torch.stack([train_x[train_y == digit].mean(0) for digit in range(10)])
show_templates({"mean image": means - means.mean(0), "weights": layer.weight.detach()})

# %% [markdown]
# Above, the mean image of each digit less the mean of all. Below, what the layer **learned**: ten times 64 weights,
# each set a picture. Orange says "ink here speaks for me", purple "against me". The rows are not alike: compare the
# two 8s. A mean says what a digit looks like; weights say **what tells it from the others**.
#
# **Predict.** What share of digits that it has never seen do these ten pictures read? Guessing gets 0.10.

# %%
guess = None
checks.predict("digits", guess, "What share of new digits do ten weighted sums read?")

# %% [markdown]
# ## 1. The perceptron (1 point)
# Start with two classes and two numbers: is it a 0 or a 6? Of each picture we keep how much ink is in its upper and
# in its lower half, measured from the average picture.

# %%
_chosen = (train_y == 0) | (train_y == 6)
_halves = train_x[_chosen].view(-1, 2, 32).sum(2)  # 32 pixels above, 32 below
ink, is_six = _halves - _halves.mean(0), (train_y[_chosen] == 6).float()
print(f"{len(ink)} pictures, {int(is_six.sum())} of them sixes; the first: ink {ink[0, 0]:+.1f} above, {ink[0, 1]:+.1f} below")
COLOURS = [plotting.BLUE, plotting.ORANGE]  # of class 0 and class 1

def draw_plane(axis, score, points, labels, names, xlabel, ylabel):
    """The plane in two colours, paler where `score`, (N, 2) -> (N,), is near 0, with a line at 0; the points."""
    (left, bottom), (right, top) = (points.amin(0) - 0.3).tolist(), (points.amax(0) + 0.3).tolist()
    xs, ys = torch.linspace(left, right, 160), torch.linspace(bottom, top, 160)
    scores = score(torch.cartesian_prod(xs, ys)).view(160, 160).T.detach()
    axis.imshow(torch.sigmoid(scores), origin="lower", extent=(left, right, bottom, top), aspect="auto", alpha=0.45,
                cmap=plotting.mpl.colors.LinearSegmentedColormap.from_list("", COLOURS[:1] + ["white"] + COLOURS[1:]),
                vmin=0, vmax=1, interpolation="bilinear")
    if scores.min() < 0 < scores.max():
        axis.contour(xs, ys, scores, levels=[0], colors="black", linewidths=1.6)
    for k, marker in enumerate("o^"):
        axis.plot(*points[labels == k].T, marker, color=COLOURS[k], markersize=5, label=names[k], markeredgecolor="white")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(False)

# %% [markdown]
# A **perceptron** (Rosenblatt, 1958) weighs its inputs $x_1 \dots x_D$, adds a bias $w_0$, and asks one question of
# the sum:
#
# $$z = w_0 + \sum_{i=1}^{D} w_i x_i \qquad\qquad \hat y = g(z) = \begin{cases} 1 & z > 0\\ 0 & \text{else}\end{cases}$$
#
# The $w_i$ are the weights, $g$ is the **activation**: here a step. Write it for $N$ examples at once.

# %% solution="perceptron"
def perceptron(x, weights, bias):
    """x (N, D), weights (D,), bias a number; returns (N,) float: 1 where z > 0, else 0."""
    ### BEGIN SOLUTION
    return (x @ weights + bias > 0).float()
    ### END SOLUTION

# %% [markdown]
# Try it: you are the learning algorithm. $z = 0$ is a straight line, the **decision boundary**. Turn the two
# weights, then shift the line with the bias. How few mistakes can you reach?

# %%
def turn(w1, w2, w0):
    wrong = int((perceptron(ink, torch.tensor([w1, w2]), w0) != is_six).sum())
    _, axis = plt.subplots(figsize=(6, 3.8))
    draw_plane(axis, lambda points: 1e3 * (points @ torch.tensor([w1, w2]) + w0), ink, is_six, "06",
               "ink above (pixels from average)", "ink below (pixels from average)")
    axis.set_title(f"w = ({w1:.1f}, {w2:.1f}), bias {w0:.1f}: {wrong} mistakes")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plotting.show(f"Zeros and sixes by ink above and below, parted by a line: {wrong} mistakes of {len(ink)}")

plotting.slider(turn, w1=(-3.0, 3.0, 1.0), w2=(-3.0, 3.0, 2.0), w0=(-6.0, 6.0, 1.0))

# %% test="check_perceptron" points=1
_x, _w = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), torch.tensor([2.0, -1.0])
_hint = "With weights 2 and -1 and bias 0, the sums are 2, -1, 1 and 0, and 0 is not above 0."
checks.close(perceptron(_x, _w, 0.0), torch.tensor([1.0, 0.0, 1.0, 0.0]), _hint)
_hint = "With bias -1.5 the sums are 0.5, -2.5, -0.5 and -1.5: was the bias added, inside the question?"
checks.close(perceptron(_x, _w, -1.5), torch.tensor([1.0, 0.0, 0.0, 0.0]), _hint)
_hint = "Five inputs, three examples: one answer for each example."
checks.close(perceptron(torch.eye(3, 5), torch.arange(5.0) - 1, 0.5), torch.tensor([0.0, 1.0, 1.0]), _hint)
assert checks.passed("perceptron")

# %% [markdown]
# <details><summary>Hint 1</summary><code>x @ weights</code> is a matrix by a vector: all N sums at once.</details>
# <details><summary>Hint 2</summary>A comparison gives True and False; <code>.float()</code> makes 1 and 0 of
# them.</details>
# <details><summary>The idea of the solution</summary>Sum, plus bias, then <code>&gt; 0</code>, then
# <code>.float()</code>.</details>
#
# Rosenblatt's rule does your turning: after each mistake, add **error times input** to the weights.

# %%
def rosenblatt(x, y, passes):
    """Go through the examples one by one; returns weights, bias, and the mistakes made in each pass."""
    weights, bias, mistakes = torch.zeros(x.shape[1]), 0.0, [0] * passes
    for i in range(passes):
        for x_i, y_i in zip(x, y):
            error = float(y_i - perceptron(x_i[None], weights, bias)[0])  # -1, 0 or 1
            weights, bias = weights + error * x_i, bias + error
            mistakes[i] += error != 0
    return weights, bias, mistakes

print("mistakes in each pass:", *rosenblatt(ink, is_six, passes=12)[2])

# %% [markdown]
# It learns at once, and then never rests: no line parts these clouds, so there is always one more mistake to run
# after. We need an answer that can be *a little* wrong.
#
# ## 2. The sigmoid (1 point)
# $$\sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# squashes any number into (0, 1). Read it as a probability: $p = \sigma(z)$ is how sure the model is of class 1. That is
# **logistic regression** (the name is from statistics; it classifies).
#
# The bias is a **threshold**: in $\sigma(\sum_i w_i x_i - 10)$ the neuron wakes up when the weighted inputs exceed
# 10. Write $\sigma$. Of the sliders below it `bias` moves the threshold; `times` multiplies weights and bias: the larger, the
# steeper, until it is the perceptron's step.

# %% solution="sigmoid"
def sigmoid(z):
    """z of any shape; returns the same shape, each number between 0 and 1 (with torch, so that autograd can follow)."""
    ### BEGIN SOLUTION
    return 1 / (1 + torch.exp(-z))
    ### END SOLUTION

# %%
def wake(bias, times):
    total = torch.linspace(0, 20, 201)
    _, axis = plt.subplots(figsize=(6, 3.4))
    axis.plot(total, sigmoid(times * (total + bias)), label="sigmoid")
    axis.plot(total, (total + bias > 0).float(), "--", label="step")
    axis.axvline(-bias, color="black", linestyle=":", linewidth=1.2, label="threshold: minus the bias")
    axis.set(xlabel="weighted inputs, before the bias", ylabel="answer", title=f"sigmoid({times:.1f} · (inputs {bias:+.1f}))")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.1), ncols=3, fontsize=9)
    low, high = (float(sigmoid(torch.tensor(times * (end + bias)))) for end in (0.0, 20.0))
    plotting.show(f"Your sigmoid from {low:.2f} to {high:.2f}, beside a sharp step at {-bias:.1f}")

plotting.slider(wake, bias=(-20.0, 0.0, -10.0), times=(0.2, 5.0, 1.0))
print(f"weighted inputs 12, bias -10: {sigmoid(torch.tensor(12.0 - 10.0)):.3f}")

# %% test="check_sigmoid" points=1
checks.close(sigmoid(torch.zeros(2, 3)), torch.full((2, 3), 0.5), "At 0 it has no opinion: 0.5, in the shape that came.")
_hint = "e to the power of log 3 is 3, and 1 / (1 + 1/3) is 0.75. (0.25: the sign of z.)"
checks.close(sigmoid(torch.tensor([3.0]).log()), torch.tensor([0.75]), _hint)
_z = torch.tensor([-1000.0, -2.0, 2.0, 1000.0])
_hint = "For z = 1000, e to the z overflows, and inf / inf is nan. Only e to the -z, please."
checks.close(sigmoid(_z), torch.sigmoid(_z), _hint)
checks.gradient(lambda z: sigmoid(z).sum(), torch.tensor([-2.0, 0.5], dtype=torch.float64))
assert checks.passed("sigmoid")

# %% [markdown]
# <details><summary>Hint 1</summary><code>torch.exp</code> works on each number of a tensor.</details>
# <details><summary>Hint 2</summary>Mind the minus: a large z must give nearly 1.</details>
# <details><summary>The idea of the solution</summary>The formula, as it stands, with <code>torch.exp</code>.</details>
#
# ## 3. What does a wrong answer cost? (1 point)
# The model gives example $i$ the probability $p_i$ of being a six. So it gave probability $p_i$ to what happened if
# $y_i = 1$, and $1 - p_i$ if $y_i = 0$. The product over all examples is the **likelihood**. The best weights are those
# under which the data we saw was likeliest: **maximum likelihood**.
#
# A product of a thousand probabilities is soon too small for a computer, which makes 0 of it. Take the logarithm (a sum), turn the sign, divide by $N$:
#
# $$L = -\frac{1}{N}\sum_i \big(\, y_i \log p_i + (1 - y_i) \log (1 - p_i)\,\big)$$
#
# This negative log-likelihood is **binary cross-entropy**. As the mean over the training examples it is also
# called the empirical loss, the empirical risk, the objective or the cost: four names, one number to make small. With
# the natural logarithm its unit is the **nat**.

# %% solution="binary_cross_entropy"
def binary_cross_entropy(p, y):
    """p (N,) above 0 and below 1, y (N,) of 0 and 1; returns one number (a tensor that autograd can follow)."""
    ### BEGIN SOLUTION
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    ### END SOLUTION

# %% [markdown]
# Try it: a coin fell heads 7 times in 10. Which $p$ makes that likeliest, and where is your loss lowest?

# %%
heads, ps = torch.tensor([1.0] * 7 + [0.0] * 3), torch.linspace(0.02, 0.98, 97)
likelihood, cost = ps**7 * (1 - ps) ** 3, [float(binary_cross_entropy(p.expand(10), heads)) for p in ps]
_, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.2))
left.plot(ps, likelihood)
right.plot(ps, cost, color=plotting.ORANGE)
left.set(xlabel="p, probability of heads", ylabel="likelihood of 7 heads in 10")
right.set(xlabel="p, probability of heads", ylabel="cross-entropy (nats)")
for axis in (left, right):
    axis.axvline(0.7, color="black", linestyle=":", linewidth=1.2)
top, bottom = float(ps[likelihood.argmax()]), float(ps[torch.tensor(cost).argmin()])
plotting.show(f"Over p: the likelihood, highest at {top:.2f}, and your cross-entropy, lowest at {bottom:.2f}")

# %% test="check_binary_cross_entropy" points=1
_hint = "One 1 with p = 1/2, one 0 with p = 1/4: (log 2 + log 4/3) / 2 is 0.490. (0.981: a sum. 1.04: p and 1 - p swapped.)"
checks.close(binary_cross_entropy(torch.tensor([0.5, 0.25]), torch.tensor([1.0, 0.0])), 0.4904146, _hint)
_p, _y = torch.linspace(0.05, 0.9, 7, dtype=torch.float64), torch.tensor([0, 1, 0, 0, 1, 1, 0], dtype=torch.float64)
checks.close(binary_cross_entropy(_p, _y), F.binary_cross_entropy(_p, _y), "Seven examples, compared with torch.")
checks.gradient(lambda p: binary_cross_entropy(p, _y), _p)
assert checks.passed("binary_cross_entropy")

# %% [markdown]
# <details><summary>Hint 1</summary>Compute both terms for all examples; the factor <code>y</code> or <code>1 - y</code>
# switches one off.</details>
# <details><summary>Hint 2</summary><code>p.log()</code> is the natural logarithm. No <code>.item()</code>: it cuts the
# graph of autograd.</details>
# <details><summary>The idea of the solution</summary>One line: both terms, their mean, a minus in front.</details>
#
# Now the loop of Lab 1, for any loss. This loss is **convex**, one bowl without side valleys, so we may start at zero, and
# each step uses all examples: nothing here depends on luck.

# %%
def train(loss_of, shapes, lr, steps, watch=None):
    """Make loss_of(*parameters) small, from zeros of these shapes; returns parameters, the loss before each step, and what
    watch saw after it."""
    parameters = [torch.zeros(shape, requires_grad=True) for shape in shapes]
    optimizer, losses, seen = torch.optim.SGD(parameters, lr=lr), [], []
    for _ in range(steps):
        loss = loss_of(*parameters)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if watch:
            with torch.no_grad():
                seen.append(watch(*parameters))
    return [p.detach() for p in parameters], losses, seen

# %%
(w, w0), losses, _ = train(lambda w, w0: binary_cross_entropy(sigmoid(ink @ w + w0), is_six), [(2,), ()], 0.3, 300)
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f} nats, {int((perceptron(ink, w, w0) != is_six).sum())} mistakes")
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9))
draw_plane(left, lambda points: points @ w + w0, ink, is_six, "06", "ink above (pixels from average)",
           "ink below (pixels from average)")
left.legend(loc="lower right", frameon=True)
z = torch.linspace(-4, 4, 161)
p, one = sigmoid(z), torch.ones(1)
right.plot(z, (z < 0).float(), ":", color=plotting.GREY, label="mistakes: 1 or 0")
right.plot(z, (1 - z).clamp(min=0), "--", label="hinge", color=plotting.GREEN)
right.plot(z, [float(binary_cross_entropy(q[None], one)) for q in p], "-", label="cross-entropy", color=plotting.BLUE)
right.plot(z, 1 - p, "-.", label="absolute error |p - 1|", color=plotting.ORANGE)
right.set(xlabel="score z of an example of class 1", ylabel="what it costs")
right.legend()
plotting.show("Left: zeros and sixes and the line of your logistic regression. Right: what the score z costs by four losses: "
              "the count of mistakes is a step, the hinge a bend, your cross-entropy and the absolute error are curves")

# %% [markdown]
# Left: logistic regression comes to rest, and its colours fade where it is in doubt. Right: four ways to charge for a
# score when the truth is 1.
# - The **count of mistakes** is what you care about. It is flat, so it gives no direction.
# - The **hinge** $\max(0, 1 - z)$ is content once $z$ is past 1 (support vector machines use it).
# - **Cross-entropy** is never quite content, and grows without limit for the sure and wrong.
# - The **mean absolute error** of $p$ (MAE) goes flat just where the model is most wrong, so the worst answers pull
#   least. In regression, where nothing saturates, MAE is at home: Lab 1's flat tyre pulls no harder than any other ride.
#
# ## 4. From two classes to K: softmax (1 point)
# One weighted sum for each class gives $K$ **scores** $s_1 \dots s_K$. Ten sigmoids would answer ten separate questions
# (is there a beach? a dog?), and their answers need not add up to 1. But a digit is *one* of ten. **Softmax** makes them
# compete:
#
# $$p_k = \frac{e^{s_k}}{\sum_j e^{s_j}}$$
#
# Adding the same number to all scores changes nothing. So take off the largest first: $e^{89}$ is too much for a
# 32-bit float.

# %% solution="softmax"
def softmax(scores):
    """scores (N, K); returns (N, K): each row positive, with sum 1 (with torch, so that autograd can follow)."""
    ### BEGIN SOLUTION
    powers = (scores - scores.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=1, keepdim=True)
    ### END SOLUTION

# %% [markdown]
# Try it. With two classes, one of them at score 0, an old friend comes back.

# %%
scores = torch.tensor([[2.0, 1.0, -1.0, 1.0]])
for name, shares in (("scores", scores), ("sigmoids", sigmoid(scores)), ("softmax", softmax(scores))):
    print(f"{name:<9}" + "".join(f"{share:7.3f}" for share in shares[0]) + f"   sum {shares.sum():.3f}")
print("softmax of (2, 0):", round(softmax(torch.tensor([[2.0, 0.0]]))[0, 0].item(), 4),
      "  sigmoid of 2:", round(sigmoid(torch.tensor(2.0)).item(), 4))

# %% test="check_softmax" points=1
_hint = "Powers 1 and 3 give 1/4 and 3/4; 2, 2 and 4 a quarter, a quarter, a half. Each ROW sums to 1."
checks.close(softmax(torch.tensor([[1.0, 3.0]]).log()), torch.tensor([[0.25, 0.75]]), _hint)
_scores = torch.tensor([[2.0, 2.0, 4.0], [1.0, 5.0, 2.0]]).log()
checks.close(softmax(_scores), torch.tensor([[0.25, 0.25, 0.5], [0.125, 0.625, 0.25]]), _hint)
_scores = torch.tensor([[1000.0, 1001.0, 999.0], [-1000.0, -1002.0, -1001.0]])
_hint = "Two rows a long way apart: take off the largest score of each row, not of all."
checks.close(softmax(_scores), _scores.softmax(1), _hint, rtol=1e-3)  # 32 bits near 1000 are coarse
checks.gradient(lambda s: softmax(s)[:, 0].sum(), torch.tensor([[1.0, 2.0, -1.0], [0.0, 3.0, 1.0]], dtype=torch.float64))
assert checks.passed("softmax")

# %% [markdown]
# <details><summary>Hint 1</summary><code>scores.max(dim=1, keepdim=True).values</code> is (N, 1): it can be subtracted
# from (N, K).</details>
# <details><summary>Hint 2</summary>The same <code>dim=1, keepdim=True</code> for the sum below the line.</details>
# <details><summary>The idea of the solution</summary>Subtract the row's largest, take powers, divide by the row's
# sum.</details>
#
# ## 5. Cross-entropy for K classes (1 point)
# Maximum likelihood once more: only the probability of what happened counts. With $y_i$ the right class of example $i$:
#
# $$L = -\frac{1}{N}\sum_i \log p_{i, y_i}$$
#
# Sure and right costs 0. It is the default loss of classification.

# %% solution="cross_entropy"
def cross_entropy(probabilities, labels):
    """probabilities (N, K), labels (N,) int64; returns one number (a tensor that autograd can follow)."""
    ### BEGIN SOLUTION
    return -probabilities[torch.arange(len(labels)), labels].log().mean()
    ### END SOLUTION

# %%
for name, row in (("sure and right", [0.98, 0.01, 0.01]), ("no idea", [1 / 3] * 3), ("sure and wrong", [0.01, 0.98, 0.01])):
    print(f"{name:<15} {cross_entropy(torch.tensor([row]), torch.tensor([0])).item():.3f} nats")

# %% test="check_cross_entropy" points=1
_p = torch.tensor([[0.25, 0.5, 0.25], [0.5, 0.125, 0.375]])
_hint = "The right classes have 1/2 and 1/8: (log 2 + log 8) / 2 is 1.386. (2.773: a sum. 2.079: another example. 1.040: another class.)"
checks.close(cross_entropy(_p, torch.tensor([1, 1])), 1.3862944, _hint)
_draw = torch.Generator().manual_seed(1)
_s, _labels = torch.randn(6, 4, generator=_draw, dtype=torch.float64), torch.tensor([3, 0, 2, 2, 1, 0])
checks.close(cross_entropy(_s.softmax(1), _labels), F.cross_entropy(_s, _labels), "Six examples, compared with torch.")
checks.gradient(lambda s: cross_entropy(s.softmax(1), _labels), _s)
assert checks.passed("cross_entropy")

# %% [markdown]
# <details><summary>Hint 1</summary>From row 0 take the entry in column <code>labels[0]</code>, from row 1 that in column
# <code>labels[1]</code>, and so on.</details>
# <details><summary>Hint 2</summary>Two lists of indices do it at once:
# <code>probabilities[torch.arange(len(labels)), labels]</code>.</details>
# <details><summary>The idea of the solution</summary>Pick, log, mean, minus.</details>
#
# **Why "entropy"?** Say ten readers looked at a smudge: seven read 4, three read 9. Their shares $q$ carry a doubt
# that no model can remove, the entropy $-\sum_k q_k \log q_k$. What a model $p$ loses on top of it is the
# **Kullback–Leibler divergence** from $q$ to $p$:
#
# $$\underbrace{-\sum_k q_k \log p_k}_{\text{cross-entropy}} = \underbrace{-\sum_k q_k \log q_k}_{\text{entropy}}
# + \underbrace{\sum_k q_k \log \frac{q_k}{p_k}}_{\text{KL}}$$
#
# With one certain label the entropy is 0, and cross-entropy *is* KL. (It comes back with the autoencoders.)

# %%
q, p = torch.tensor([0.7, 0.3]), torch.tensor([0.95, 0.05])
crossed, entropy, lost = -(q * p.log()).sum(), -(q * q.log()).sum(), (q * (q / p).log()).sum()
print(f"cross-entropy {crossed:.3f} = entropy {entropy:.3f} + KL {lost:.3f} nats")
print(f"F.kl_div says {F.kl_div(p.log(), q, reduction='sum'):.3f}")

# %% [markdown]
# ## Against the library
# `F.cross_entropy` takes the *scores* and does softmax and logarithm in one. Slower or faster, it is safer: see the last
# line. And what autograd finds for the weights has the form of Rosenblatt's rule: **error times input**. The error is
# the probability, less 1 for the right class.

# %%
def microseconds(function, times=50):
    began = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - began) / times * 1e6

weights = (torch.linspace(-1, 1, 640).view(64, 10) ** 3).requires_grad_()  # any weights will do
ours, theirs = cross_entropy(softmax(train_x @ weights), train_y), F.cross_entropy(train_x @ weights, train_y)
print(f"yours {ours:.6f}  torch {theirs:.6f}  difference {abs(ours - theirs):.0e}")
ours.backward()
with torch.no_grad():
    scores = train_x @ weights
    error = softmax(scores) - F.one_hot(train_y, 10)
    gap = (weights.grad - train_x.T @ error / len(train_x)).abs().max()
print(f"autograd against error times input: largest difference {gap:.0e}")
print(f"time: yours {microseconds(lambda: cross_entropy(softmax(scores), train_y)):.0f} µs, "
      f"torch {microseconds(lambda: F.cross_entropy(scores, train_y)):.0f} µs")
hopeless, right = torch.tensor([[0.0, -200.0]]), torch.tensor([1])
print(f"right score 200 below the other: yours {cross_entropy(softmax(hopeless), right):.0f}, "
      f"torch {F.cross_entropy(hopeless, right):.0f}")

# %% [markdown]
# ## Train and watch
# All parts are yours. Dashed: what it costs to have no idea. The number to beat is not 0.10, though: comparing with the
# ten mean images is a classifier, too.

# %%
weights, bias, accuracy = torch.zeros(64, 10), torch.zeros(10), 0.1  # no idea yet
(weights, bias), losses, seen = train(
    lambda w, b: cross_entropy(softmax(train_x @ w + b), train_y), [(64, 10), (10,)], lr=1.0, steps=300,
    watch=lambda w, b: float(F.cross_entropy(test_x @ w + b, test_y)))
no_idea = ("ten equal guesses", torch.tensor(10.0).log().item())
plotting.show_curves({"train": losses, "test": seen}, xlabel="step", ylabel="loss (nats)", baseline=no_idea)
accuracy = share_right(test_x @ weights + bias, test_y)
nearest = share_right(-torch.cdist(test_x, means), test_y)
checks.outcome("digits", accuracy)
print(f"new digits read: {accuracy:.3f} (target: 0.90); by the nearest mean image {nearest:.3f}")
print(f"your weights and those at the top point the same way: {F.cosine_similarity(weights.T, layer.weight).mean():.3f} of 1")

# %% [markdown]
# ## Turn the knob
# The same ten sums under three losses, at the same rate. Which one is slow, and where did the figure with the four costs
# say so?

# %%
wanted = F.one_hot(train_y, 10)
knob = {
    "cross-entropy": lambda scores: F.cross_entropy(scores, train_y),
    "hinge": lambda scores: F.multi_margin_loss(scores, train_y),  # max(0, 1 - right score + wrong score), averaged
    "absolute error": lambda scores: (softmax(scores) - wanted).abs().sum(1).mean(),
}
def accuracies(loss, lr=1.0):
    """The accuracy on new digits after each of 300 steps."""
    return train(lambda w, b: loss(train_x @ w + b), [(64, 10), (10,)], lr, steps=300,
                 watch=lambda w, b: share_right(test_x @ w + b, test_y))[2]

# %%
sweep = {name: accuracies(loss) for name, loss in knob.items()}
first = {name: next((i + 1 for i, share in enumerate(seen) if share >= 0.9), None) for name, seen in sweep.items()}
for name, seen in sweep.items():
    print(f"{name:<15} 0.90 after {first[name]} steps, {seen[-1]:.3f} after 300")
absolute, eights = knob["absolute error"], test_y == 8
print("absolute error, rates 3 and 10:", [round(accuracies(absolute, lr)[-1], 3) for lr in (3.0, 10.0)])
by_steps = {}
for steps in (1, 100, 300):
    (w, b), _, _ = train(lambda w, b: absolute(train_x @ w + b), [(64, 10), (10,)], 1.0, steps)
    by_steps[steps] = round(share_right(test_x[eights] @ w + b, test_y[eights]), 2)
print("absolute error, share of the eights that is read, by steps:", by_steps)
plotting.show_curves(sweep, xlabel="step", ylabel="accuracy on new digits", log_x=True,
                     baseline=("nearest mean image", nearest))

# %% [markdown]
# The absolute error pulls on a digit by $p\,(1 - p)$: hardly at all where $p$ has sunk to 0. So it first gives up whole
# digits for the sake of the rest: the valley at step 20. Most come back; the eights need 280 steps. With a rate of 3 they come
# back sooner, with 10 never.
#
# A gem at the left edge: one step from zero reads 0.87. All guesses are 0.1 there, so error times input is, up to
# a factor, *mean image less the mean of all*: the upper row of the first figure. The rest of the training turns
# it into the lower one.
#
# ## Look at the errors
# The nine worst, with what it says and how sure it is. Hold one against the weights at the top: which stroke fooled it?

# %%
scores = test_x @ weights + bias
cost, (sure, says) = F.cross_entropy(scores, test_y, reduction="none"), F.softmax(scores, 1).max(1)
worst = cost.argsort(descending=True)[:9].tolist()
titles = [f"{says[i]}, not {test_y[i]} ({sure[i]:.2f})" for i in worst]
plotting.show_images(digits.test.inputs[worst], titles=titles, columns=5)
print(f"{int((says != test_y).sum())} of {len(test_y)} are wrong")

# %% [markdown]
# ## 6. Where a line must fail (1 point)
# Multiply XLVII by XIX. Now 47 by 19. The numbers are the same, the **representation** does the work. Here are two rings, a
# small one inside a large one, with the same middle.
#
# **Predict**: what share of the points does logistic regression's line put on the right side? Half of them belong to
# each ring.

# %%
guess = None
checks.predict("rings", guess, "What share of two rings does logistic regression's line get right?")

# %% [markdown]
# In polar coordinates a point is its distance $r = \sqrt{x_1^2 + x_2^2}$ from the middle and its angle
# $\varphi$. Write the change of coordinates. `torch.atan2(x2, x1)` gives the angle, from $-\pi$ to $\pi$.

# %% solution="to_polar"
def to_polar(points):
    """points (N, 2), columns x1 and x2; returns (N, 2), columns r and angle (radians)."""
    ### BEGIN SOLUTION
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([(x1**2 + x2**2).sqrt(), torch.atan2(x2, x1)], dim=1)
    ### END SOLUTION

# %%
rings = data.load("rings").train
names, where = ("inner", "outer"), rings.labels.float()

def logistic(features):
    """Train on features(points); returns the score as a function of points (N, 2), and the share that is right."""
    x = features(rings.inputs)
    (w, w0), _, _ = train(lambda w, w0: F.binary_cross_entropy_with_logits(x @ w + w0, where), [(2,), ()], 2.0, 500)
    return (lambda points: points @ w + w0), float(((x @ w + w0 > 0) == (where > 0)).float().mean())

line, straight = logistic(lambda points: points)
polar_line, bent = logistic(to_polar)
_, axes = plt.subplots(1, 3, figsize=(9.6, 3.4))
draw_plane(axes[0], line, rings.inputs, where, names, "x1", "x2")
draw_plane(axes[1], polar_line, to_polar(rings.inputs), where, names, "distance r", "angle (radians)")
draw_plane(axes[2], lambda points: polar_line(to_polar(points)), rings.inputs, where, names, "x1", "x2")
for axis, title in zip(axes, (f"raw: {straight:.2f} right", f"polar: {bent:.2f} right", "the same, drawn back")):
    axis.set_title(title)
plotting.show(f"Two rings and the line learned from x1 and x2: {straight:.2f} right; the same points in your coordinates, "
              f"with the line learned there: {bent:.2f} right; and that line drawn back among the rings")
checks.outcome("rings", straight)

# %% test="check_to_polar" points=1
_points = torch.tensor([[3.0, 4.0], [-2.0, 0.0], [0.0, -1.0]])
_hint = "(3, 4) is 5 from the middle at 0.927 radians (53 degrees); (-2, 0) is 2 away at pi; (0, -1) is 1 away at -pi/2."
checks.close(to_polar(_points), torch.tensor([[5.0, 0.9272952], [2.0, 3.1415927], [1.0, -1.5707963]]), _hint)
_points = torch.tensor([[-1.0, -1.0], [0.5, -2.0]])
_hint = "Left of the middle atan(x2 / x1) cannot tell above from below: atan2 can."
checks.close(to_polar(_points), torch.stack([_points.norm(dim=1), torch.atan2(_points[:, 1], _points[:, 0])], 1), _hint)
assert checks.passed("to_polar")

# %% [markdown]
# <details><summary>Hint 1</summary><code>points[:, 0]</code> is the column x1.</details>
# <details><summary>Hint 2</summary><code>torch.stack([r, angle], dim=1)</code> puts two columns side by side.</details>
# <details><summary>The idea of the solution</summary>Root of the sum of squares, <code>atan2(x2, x1)</code>, stacked.
# Then the line is at r = 0.75 or so, and the angle does not matter.</details>
#
# (Some line gets 0.67 of the rings right. Cross-entropy does not look for it.)
#
# The activation did not help: $\sigma$ bends the answer, not the boundary. $\sigma(z) = 0.5$ is $z = 0$, a straight line
# (with ten classes, straight pieces). What helped was a feature that *we* built. **Hidden layers learn such
# features by themselves**: Lab 3.
#
# ## 7. In words (1 point)
# You would read a digit that is moved by one pixel without noticing. Your classifier?

# %%
for shift in (0, 1, 2):
    moved = F.pad(test_x.view(-1, 8, 8), (shift, 0))[:, :, :8].flatten(1)  # to the right; what comes in is black
    shifted = share_right(moved @ weights + bias, test_y)
    print(f"moved to the right by {shift} pixel{'s' * (shift != 1)}: {shifted:.3f} of the new digits read")

# %% [markdown]
# Why does one pixel cost so much, and why are two worse still? Two or three sentences; look at the ten weight
# images. What in the form $z = w_0 + \sum_i w_i x_i$ makes it so?
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_shift" points=1
# Each pixel has a weight of its own, whatever its neighbours are: a template glued to the grid. Strokes are one or two
# pixels wide, and beside an orange stroke there is purple, so that a shifted stroke falls on weights that speak
# against its own class (or for another's). With two pixels hardly any stroke meets its orange. Nothing in the sum
# knows that pixel 20 is beside pixel 21: it would take training on shifted digits, or weights that are shared by all
# places (a convolution).

# %% [markdown]
# ## Break it
# The loop is right, the accuracy is decent, and yet one thing is wrong. No error, no warning. The loss can never
# get below $\log(1 + 9/e) = 1.461$ here. Why?

# %%
(w, b), broken, _ = train(lambda w, b: F.cross_entropy(torch.softmax(train_x @ w + b, 1), train_y),
                          [(64, 10), (10,)], lr=1.0, steps=600)
for step in (1, 100, 300, 600):
    print(f"step {step:>4}  loss {broken[step - 1]:.3f} nats")
print(f"new digits read: {share_right(test_x @ w + b, test_y):.3f}; yours after half of the steps: {accuracy:.3f}")

# %% [markdown]
# <details><summary>The bug</summary>Softmax twice: <code>F.cross_entropy</code> takes scores and brings its own.
# Probabilities lie between 0 and 1, so as scores they differ by 1 at most: however sure the network, the best it may
# say is e / (e + 9) = 0.23. The gradient shrinks, training crawls. A floor of 1.46 with ten classes is the fingerprint of
# this bug.</details>
#
# ## Going further (optional)
# - Negatives: what share of `1 - test_x` is read? It is far below chance. Why?
# - Train for 20,000 steps and draw the test loss: where is it lowest? What becomes of the weight images? (It is called
#   overfitting, and Lab 6 is about it.)
# - The real thing: `data.load("fashion_mnist")`. Flatten to 784 numbers, write `view(28, 28)` in `show_templates`, and look at
#   the ten templates of clothes.
#
# To read: *Dive into Deep Learning*, chapter 4.1 (d2l.ai); CS231n's notes on linear classification; Rosenblatt's paper
# of 1958, if only for the title: "The perceptron: a probabilistic model for information storage and organization in the
# brain".

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab02_softmax.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("perceptron", "sigmoid", "binary_cross_entropy", "softmax", "cross_entropy", "to_polar")
