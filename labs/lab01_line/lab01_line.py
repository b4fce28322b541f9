# %% [markdown]
# # A line is a network
#
# You will fit a straight line with the very steps that train a network of a billion weights:
# **guess, measure the error, find which way is downhill, take a small step, repeat.**
#
# When you are done, you can
# 1. say what a tensor is, and cut, average and share one;
# 2. write a loss and its gradient by hand, and walk downhill with it;
# 3. let PyTorch do the same with `autograd` and `nn.Linear`, and know what it did.
#
# About 65 minutes for you, 10 seconds for the processor, no GPU. 6 points: five exercises and one question
# in words.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime
runtime.start("lab01_line")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab01_line"

# %% [markdown]
# ## See it first
# Thirty bicycle rides to campus: how far (km), how long (minutes). One of them had a flat tyre.
# The next two cells only load the rides and set up the drawings. Run them and read on.

# %%
import time
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

_random = np.random.RandomState(4)
_km = np.sort(_random.uniform(0.5, 5, 30)).round(1)
_minutes = (3 * _km + 5 + _random.normal(0, 1.2, 30)).round(1)
_minutes[22] += 11  # the flat tyre
x, y = torch.tensor(_km, dtype=torch.float32), torch.tensor(_minutes, dtype=torch.float32)

_columns = torch.stack([x, torch.ones_like(x)], dim=1)
BEST_M, BEST_B = torch.linalg.lstsq(_columns, y[:, None]).solution[:, 0].tolist()  # the textbook's formula
BEST_MSE = F.mse_loss(BEST_M * x + BEST_B, y).item()
START = (-1.0, 10.0)  # the m and b that we begin with: a bad line
print(f"{len(x)} rides. The best line there is: {BEST_M:.2f} min/km and {BEST_B:.2f} min, MSE {BEST_MSE:.2f} min²")

# %%
def draw_lines(axis, lines):
    """The rides as dots, and one line for each name: (m, b)."""
    axis.plot(x, y, "o", color=plotting.GREY, markersize=5)
    for i, (name, (m, b)) in enumerate(lines.items()):
        style, color = [("--", plotting.ORANGE), ("-", plotting.BLUE)][i]
        axis.plot([0, 5.2], [b, 5.2 * m + b], style, label=name, color=color)
    axis.set(xlabel="distance (km)", ylabel="time (minutes)", ylim=(0, 30))
    axis.legend(loc="upper left")

def draw_bowl(axis, path):
    """The loss for every m and b as a map with contours; the path on it, from its first point to its last."""
    m, b = torch.meshgrid(torch.linspace(-2, 6, 80), torch.linspace(0, 14, 80), indexing="ij")
    loss = ((m[..., None] * x + b[..., None] - y) ** 2).mean(-1)
    axis.contourf(m, b, loss.log(), levels=40, cmap="Blues", vmin=1.5, vmax=8.5)
    rings = axis.contour(m, b, loss, levels=[5, 10, 20, 40, 80, 160], colors="black", linewidths=0.5)
    axis.clabel(rings, fontsize=8)
    m_path, b_path = [float(p[0]) for p in path], [float(p[1]) for p in path]
    axis.plot(m_path, b_path, ".-", color=plotting.ORANGE, markersize=5, linewidth=1)
    axis.plot(m_path[0], b_path[0], "s", color=plotting.ORANGE, markersize=9)
    axis.plot(BEST_M, BEST_B, "*", color="black", markersize=12)
    axis.set(xlabel="m (minutes per km)", ylabel="b (minutes)", title="MSE (min²): square = start, star = best")
    axis.grid(False)

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4))
draw_lines(left, {"before": START, "after": (BEST_M, BEST_B)})
draw_bowl(right, [START])
plotting.show("Left: rides, a bad falling line and a good rising one. Right: the loss over m and b, a long valley.")

# %% [markdown]
# Left, the world: rides, and a line $\hat y = m x + b$ before and after training. Right, the view of the
# one who trains: each point is a whole line, and its height is how wrong that line is. **Training is a walk
# from the square to the star.** You will build the walk.
#
# ### Where are we?
# *Artificial intelligence* is any program that acts as if it thought, a chess program as well. *Machine
# learning* is the part that learns from examples: pairs $(x_i, y_i)$, a function $f(x; \theta)$ with
# weights $\theta$, and a loss whose mean you make small. *Deep learning* is the part of that in which $f$
# is many layers. From outside, each is a black box: photo in, "cat", "dog" or "other" out. What lets us
# train it is that $f$ is **differentiable**: turn a weight a little, and the answer moves a little.
#
# Most of these ideas are older than 1990. What came since is data (the web) and computing power (graphics
# cards). Theano, MXNet, Keras, TensorFlow, JAX and PyTorch all take the derivatives for you. We use
# PyTorch: it feels like NumPy, runs line by line so that you can debug it, spreads over many GPUs, and a great
# many research papers publish their code in it.

# %% [markdown]
# ## 1. Everything is a tensor (1 point)
# A tensor is a box of numbers with some number of axes, its **rank**. One handwritten digit of 64 pixels
# can be a list (rank 1), a picture (rank 2), or a stack of patches (rank 3); a batch of pictures has one
# axis more. A *colour* image has rank 3: channels, height, width. The numbers stay, only the way of
# counting changes.

# %%
digits = data.load("digits")
print(digits)
images, labels = digits.train.inputs[:, 0], digits.train.labels  # grey: drop the axis of channels
one = images[0]
boxes = {"list": one.view(64), "picture": one, "4 blocks": one.view(4, 4, 4), "batch": images[:9, None]}
for what, box in boxes.items():
    print(f"{what:<9} rank {box.dim()}  shape {tuple(box.shape)}")
_, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 3.4), height_ratios=(4, 1))
top.imshow(one.numpy())
top.set(xlabel="column (pixel)", ylabel="row (pixel)", title="rank 2: 8 x 8 pixels")
bottom.imshow(one.view(1, 64).numpy(), aspect="auto")
bottom.set(xlabel="place in the list (pixel)", yticks=[], title="rank 1: the same 64 numbers, row after row")
for axis in (top, bottom):
    axis.grid(False)
plotting.show(f"A handwritten {labels[0]} as a picture of 8 by 8 pixels and as one row of 64 numbers")

# %% [markdown]
# **Predict.** `torch.from_numpy(array)` makes a tensor. Then somebody writes 99 into `array[0]`. What is
# `tensor[0]` now? Type your number in place of `None`, run the cell, then run the next.

# %%
guess = None
checks.predict("shared", guess, "array[0] was 1, then 99: what is tensor[0]?")

# %%
array = np.array([1.0, 2.0, 3.0])
tensor, copy = torch.from_numpy(array), torch.tensor(array)
array[0] = 99
checks.outcome("shared", tensor[0])
print(f"from_numpy: {tensor.tolist()}   torch.tensor: {copy.tolist()}   back to NumPy: {tensor.numpy()}")

# %% [markdown]
# `from_numpy` and `.numpy()` **share memory**: fast, and a trap. `torch.tensor` copies.
#
# **Your turn.** What does the average 3 look like? Choose the images of one digit with a mask (`labels ==
# digit` gives True or False for each) and average them pixel by pixel. The pixels are bytes, and a mean
# needs `.float()` first.

# %% solution="mean_image"
def mean_image(images, labels, digit):
    """images (N, 8, 8) bytes, labels (N,); returns the mean of the images of that digit, (8, 8) float."""
    ### BEGIN SOLUTION
    return images[labels == digit].float().mean(dim=0)
    ### END SOLUTION

# %%
plotting.show_images([mean_image(images, labels, digit) for digit in range(10)], titles=range(10), columns=10)

# %% test="check_mean_image" points=1
_two = torch.tensor([[[0, 100], [200, 250]], [[9, 9], [9, 9]], [[100, 0], [200, 251]]], dtype=torch.uint8)
_labels = torch.tensor([7, 1, 7])
_hint = "Images 0 and 2 are of digit 7: their first pixels 0 and 100 give 50. Which images, and which axis?"
checks.close(mean_image(_two, _labels, 7), torch.tensor([[50.0, 50.0], [200.0, 250.5]]), _hint)
_hint = "There is one image of digit 1: it is its own mean."
checks.close(mean_image(_two, _labels, 1), torch.full((2, 2), 9.0), _hint)
assert checks.passed("mean_image")

# %% [markdown]
# <details><summary>Hint 1</summary>A mask goes into the square brackets like an index:
# <code>images[mask]</code> keeps the images where it is True.</details>
# <details><summary>Hint 2</summary>What is left is (n, 8, 8). Average away the axis of images:
# <code>.mean(dim=...)</code>.</details>
# <details><summary>The idea of the solution</summary>Mask, then <code>.float()</code>, then
# <code>.mean(dim=0)</code>: axis 0 counts the images, and it is the one that goes.</details>
#
# ## 2. You are the optimiser (1 point)
# Before any formula: turn `m` and `b` yourself until the sticks between dots and line are short. Count your
# turns, and watch *how* you decide which way to turn. Then write what you found into the next cell.

# %%
def turn(m, b):
    predicted = m * x + b
    _, axis = plt.subplots()
    draw_lines(axis, {f"m = {m:.2f}, b = {b:.2f}": (m, b)})
    axis.vlines(x, torch.minimum(predicted, y), torch.maximum(predicted, y), color=plotting.PINK, linewidth=1.2, zorder=1)
    axis.set_title(f"MSE {F.mse_loss(predicted, y):.1f} min²")
    plotting.show(f"The rides and a line with slope {m:.2f} and intercept {b:.2f}; sticks show the errors")

plotting.slider(turn, m=(-2.0, 6.0, -1.0), b=(0.0, 14.0, 10.0))

# %%
my_m, my_b = -1.0, 10.0  # your best two numbers
my_mse = F.mse_loss(my_m * x + my_b, y).item()
moved = "" if (my_m, my_b) != START else " That is still the start: move the sliders first."
print(f"Your line: MSE {my_mse:.2f} min², {my_mse / BEST_MSE:.2f} times that of the best line ({BEST_MSE:.2f}).{moved}")

# %% [markdown]
# You needed one number that says how bad a line is. The usual one is the **mean squared error**:
#
# $$\text{MSE} = \frac{1}{N} \sum_i (\hat y_i - y_i)^2$$
#
# It takes all $N$ predictions $\hat y_i$ and true values $y_i$ and gives a single number. Predicting a
# number is called **regression**. Write it without `F.mse_loss`.

# %% solution="mse"
def mse(predicted, y):
    """predicted (N,), y (N,); returns one number."""
    ### BEGIN SOLUTION
    return ((predicted - y) ** 2).mean()
    ### END SOLUTION

# %%
print(f"bad line  {mse(START[0] * x + START[1], y):6.2f} min²")
print(f"best line {mse(BEST_M * x + BEST_B, y):6.2f} min²")

# %% test="check_mse" points=1
_hint = "The errors are -2 and 0, their squares 4 and 0, the mean 2. (4: a sum. 1: no squares. 1.41: a root.)"
checks.close(mse(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0])), 2.0, _hint)
checks.close(mse(torch.tensor([1.0, -1.0]), torch.zeros(2)), 1.0, "Errors of 1 and -1 must not cancel out.")
_p, _q = torch.linspace(0, 3, 7), torch.linspace(5, 4, 7)
checks.close(mse(_p, _q), F.mse_loss(_p, _q), "Seven predictions: is there a 2 left from an example of two?")
assert checks.passed("mse")

# %% [markdown]
# <details><summary>Hint 1</summary>Subtract the two tensors first: PyTorch does it for all N at
# once.</details>
# <details><summary>Hint 2</summary><code>** 2</code> squares each number, <code>.mean()</code> averages
# them.</details>
# <details><summary>The idea of the solution</summary>One line: difference, squared, mean. Square before you
# average, or errors up and down cancel.</details>
#
# ## 3. The line as a network (1 point)
# A **fully connected layer** takes $D$ numbers and gives $K$: multiply by a matrix $A$ of learned weights,
# add a bias. With one input (km) and one output (minutes), $A$ is the single number $m$, and the layer is
# our line.
#
# $$\hat y = A x + b$$
#
# Write it for a whole batch of $N$ examples, one in each row. PyTorch keeps $A$ as (K, D), so something
# must be turned round.

# %% solution="linear"
def linear(x, weight, bias):
    """x (N, D), weight (K, D), bias (K,); returns (N, K)."""
    ### BEGIN SOLUTION
    return x @ weight.T + bias
    ### END SOLUTION

# %%
ours = linear(x[:, None], torch.tensor([[BEST_M]]), torch.tensor([BEST_B]))  # x[:, None]: (30,) becomes (30, 1)
print(f"as a line: {BEST_M * x[0] + BEST_B:.3f} minutes for the shortest ride, as a network: {ours[0, 0]:.3f}")

# %% test="check_linear" points=1
_x, _bias = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([10.0, 20.0])
_weight = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
_hint = "1 * 1 + 10 is 11, and 3 * 2 + 20 is 26: was the bias added?"
checks.close(linear(_x, _weight, _bias), torch.tensor([[11.0, 26.0]]), _hint)
_x, _weight = torch.arange(12.0).view(4, 3), torch.arange(6.0).view(2, 3) - 2
_hint = "Four examples of 3 numbers and a weight of (2, 3) give (4, 2), each row with the same bias."
checks.close(linear(_x, _weight, _bias), F.linear(_x, _weight, _bias), _hint)
_weight = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
_hint = "A square weight hides a missing transpose from the shapes, but not from the values."
checks.close(linear(torch.eye(2), _weight, torch.zeros(2)), _weight.T, _hint)
assert checks.passed("linear")

# %% [markdown]
# <details><summary>Hint 1</summary><code>@</code> multiplies matrices: the inner sizes must agree, (N, D)
# by (D, K).</details>
# <details><summary>Hint 2</summary>The weight is (K, D): <code>.T</code> turns it round. A (K,) bias is
# added to each row by itself.</details>
# <details><summary>The idea of the solution</summary><code>x</code>, times the transposed weight, plus the
# bias. <code>weight @ x</code> is right for one column, not for a batch of rows.</details>
#
# ## 4. Which way is downhill? (1 point)
# The **gradient** says how fast the loss grows when you raise one weight and keep the other. Take the
# derivative of the square, and do not forget what stands inside it:
#
# $$\frac{\partial\,\text{MSE}}{\partial m} = \frac{2}{N}\sum_i (m x_i + b - y_i)\, x_i \qquad
# \frac{\partial\,\text{MSE}}{\partial b} = \frac{2}{N}\sum_i (m x_i + b - y_i)$$
#
# In words: the mean of twice the error, times what the weight was multiplied with (the bias was multiplied
# with 1).

# %% solution="slopes"
def slopes(x, y, m, b):
    """x (N,), y (N,), m and b numbers; returns two numbers: the slope of the MSE in m, and that in b."""
    ### BEGIN SOLUTION
    error = m * x + b - y
    return 2 * (error * x).mean(), 2 * error.mean()
    ### END SOLUTION

# %% [markdown]
# Try it: hold `b` at 5 and cut through the bowl. Your slope at three places, drawn as a short line, must
# touch the curve.

# %%
ms = torch.linspace(-1, 7, 81)
_, axis = plt.subplots()
axis.plot(ms, [F.mse_loss(m * x + 5, y) for m in ms])
for m in (0.5, 3.2, 5.5):
    slope, height = float(slopes(x, y, m, 5.0)[0]), F.mse_loss(m * x + 5, y).item()
    axis.plot([m - 0.7, m + 0.7], [height - 0.7 * slope, height + 0.7 * slope], "-", color=plotting.ORANGE)
    side = 0 if abs(slope) < 5 else -slope / abs(slope)  # write inside the bowl
    axis.annotate(f"slope {slope:.0f}", (m + 0.7 * side, height + 8), ha="center")
axis.set(xlabel="m (minutes per km), b held at 5", ylabel="MSE (min²)")
plotting.show("The loss as a parabola over m, with a tangent left of its lowest point, near it and right of it")

# %% test="check_slopes" points=1
_hint = "In m: -10 (10: the sign turned, -5: no 2, -20: a sum for a mean, -6: no x). In b: -6."
checks.close(slopes(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]), 0.0, 0.0), [-10.0, -6.0], _hint)
_x = torch.linspace(-1, 2, 9, dtype=torch.float64)
_here = (torch.tensor(1.5), torch.tensor(-2.0))
checks.gradient(lambda m, b: F.mse_loss(m * _x + b, _x**2), *_here, found=slopes(_x, _x**2, 1.5, -2.0))
assert checks.passed("slopes")

# %% [markdown]
# <details><summary>Hint 1</summary>Give the error a name first: what the line says, less what was true. It
# is used twice.</details>
# <details><summary>Hint 2</summary>For m: each error times its own x, then the mean, then times 2. For b
# the same without x.</details>
# <details><summary>The idea of the solution</summary>Two lines: <code>error = m * x + b - y</code>, then
# the two means. Left of the lowest point the slope is negative: a larger m helps.</details>
#
# ## 5. Walk downhill (1 point)
# **Gradient descent**: start anywhere, look at the slopes, step *against* them, repeat. The **learning
# rate** $\eta$ says how far a step goes:
#
# $$m \leftarrow m - \eta\,\frac{\partial\,\text{MSE}}{\partial m} \qquad
# b \leftarrow b - \eta\,\frac{\partial\,\text{MSE}}{\partial b}$$
#
# **Predict** first: with $\eta = 0.01$ from the square, after how many steps is the line within 10 % of the
# best MSE?

# %%
guess = None
checks.predict("steps", guess, "How many steps to within 10 % of the best MSE?")

# %% [markdown]
# Both weights move at once, from slopes taken at the *same* point. `slopes_at` is handed in: a function
# that you call as `slopes_at(x, y, m, b)`, which is how the test can check your walk without your slopes.

# %% solution="descend"
def descend(slopes_at, x, y, m, b, lr, steps):
    """Walk from (m, b); returns the list of all pairs (m, b), the start first: steps + 1 of them."""
    ### BEGIN SOLUTION
    path = [(m, b)]
    for _ in range(steps):
        slope_m, slope_b = slopes_at(x, y, m, b)
        m, b = m - lr * slope_m, b - lr * slope_b
        path.append((m, b))
    return path
    ### END SOLUTION

# %%
path = descend(slopes, x, y, *START, lr=0.01, steps=600)
losses = [F.mse_loss(m * x + b, y).item() for m, b in path]
near = [step for step, loss in enumerate(losses) if loss <= 1.1 * BEST_MSE]
_, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4))
draw_lines(left, {"before": path[0], "after": path[-1]})
draw_bowl(right, path)
plotting.show("Left: the line before and after the walk. Right: the path drops into the valley, then creeps along it.")
if near:
    checks.outcome("steps", near[0])
done = "Target reached!" if near else "Not there yet."
print(f"MSE {losses[0]:.1f} -> {losses[-1]:.2f} min², least squares {BEST_MSE:.2f}. {done}")

# %% test="check_descend" points=1
_hint = "The slopes are m + b and m. From (1, 2) with lr 0.5: 1 - 0.5 * 3 is -0.5, and 2 - 0.5 * 1 is 1.5."
_wanted = [[1.0, 2.0], [-0.5, 1.5], [-1.0, 1.75]]
checks.close(descend(lambda x, y, m, b: (m + b, m), None, None, 1.0, 2.0, 0.5, 2), _wanted, _hint)
_found = descend(lambda x, y, m, b: (1.0, 1.0), None, None, 3.0, 4.0, 0.1, 0)
checks.close(_found, [[3.0, 4.0]], "No step: the start alone.")
_found = descend(lambda x, y, m, b: (x, y), 2.0, -3.0, 0.0, 0.0, 1.0, 1)
checks.close(_found, [[0.0, 0.0], [-2.0, 3.0]], "Hand x and y on as they came.")
assert checks.passed("descend")

# %% [markdown]
# <details><summary>Hint 1</summary>Begin with <code>path = [(m, b)]</code> and append a pair after each
# step.</details>
# <details><summary>Hint 2</summary>Ask for both slopes once a step, before you change m or b. Then subtract
# lr times each.</details>
# <details><summary>The idea of the solution</summary>A loop of three lines: ask for the two slopes;
# <code>m, b = m - lr * ..., b - lr * ...</code>; append the pair.</details>
#
# ## Against the library: autograd
# Nobody derives a billion slopes by hand. Mark a tensor with `requires_grad`, and PyTorch notes every
# operation on it in a **graph**, anew each time the code runs. `backward()` walks that graph from the loss
# back and leaves each slope in `.grad`.

# %%
m, b = (torch.tensor(value, requires_grad=True) for value in START)
loss = F.mse_loss(m * x + b, y)
last, before = loss.grad_fn, loss.grad_fn.next_functions[0][0]
print("the last operation noted:", last.name(), "  the one before:", before.name())
loss.backward()
by_hand = [float(slope) for slope in slopes(x, y, *START)]
gap = max(abs(m.grad.item() - by_hand[0]), abs(b.grad.item() - by_hand[1]))
print(f"{'':<8} {'dMSE/dm':>10} {'dMSE/db':>10}")
print(f"by hand  {by_hand[0]:10.4f} {by_hand[1]:10.4f}")
print(f"autograd {m.grad:10.4f} {b.grad:10.4f}   largest difference {gap:.1e}")

# %%
def microseconds(function, times=300):
    began = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - began) / times * 1e6

# %%
def with_autograd():
    return torch.autograd.grad(F.mse_loss(m * x + b, y), (m, b))

print(f"slopes by hand {microseconds(lambda: slopes(x, y, *START)):4.0f} µs")
print(f"autograd       {microseconds(with_autograd):4.0f} µs")
layer = nn.Linear(1, 1)
gap = (linear(x[:, None], layer.weight, layer.bias) - layer(x[:, None])).abs().max().item()
print(f"your layer against nn.Linear: largest difference {gap:.1e}")

# %% [markdown]
# For two numbers autograd is the slower one: keeping the notes costs more than the sums. It wins when the sums
# are large and the formulas are many.
#
# ## Train and watch
# The same walk with the parts that you will use from now on: `nn.Linear` holds the weights (random at
# first), `torch.optim.SGD` takes the step. Read the four lines in the middle. Each training loop in this
# course has them.

# %%
def train(layer, lr, steps, say=0):
    optimizer = torch.optim.SGD([p for p in layer.parameters() if p.requires_grad], lr=lr)
    losses = []
    for step in range(1, steps + 1):
        loss = F.mse_loss(layer(x[:, None])[:, 0], y)  # how wrong
        loss.backward()                                # which way
        optimizer.step()                               # one step
        optimizer.zero_grad()                          # forget the slopes: the next ones would be added
        losses.append(loss.item())
        if say and step % say == 0:
            print(f"step {step:>4}  MSE {loss.item():.2f} min²")
    return losses

torch.manual_seed(0)
layer = nn.Linear(1, 1)
losses = train(layer, lr=0.05, steps=120, say=30)
target = ("least squares", BEST_MSE)
plotting.show_curves({"nn.Linear": losses}, xlabel="step", ylabel="MSE (min²)", baseline=target, log=True)
m, b = layer.weight.item(), layer.bias.item()
print(f"m {m:.2f}, b {b:.2f}: {losses[-1] / BEST_MSE:.3f} times least squares (the target: 1.1)")

# %% [markdown]
# **Freeze.** A weight with `requires_grad` off stays as it is. Say a friend with a stopwatch swears that
# unlocking takes 2 minutes. And where you only ask and do not train, `torch.no_grad()` saves the notes.

# %%
layer = nn.Linear(1, 1)
with torch.no_grad():
    layer.bias.fill_(2.0)
layer.bias.requires_grad_(False)
frozen = train(layer, lr=0.05, steps=120)
m, b = layer.weight.item(), layer.bias.item()
print(f"m {m:.2f}, b {b:.2f} (frozen): MSE {frozen[-1]:.2f} min²; with both free {BEST_MSE:.2f}")

inputs, net = torch.randn(64, 256), nn.Sequential(*[nn.Linear(256, 256) for _ in range(4)])
print(f"forward through four layers: {microseconds(lambda: net(inputs), 100):4.0f} µs")
with torch.no_grad():
    print(f"the same without notes:      {microseconds(lambda: net(inputs), 100):4.0f} µs")

# %% [markdown]
# ## Turn the knob
# Three learning rates, all else equal. Which one do you think reaches the dashed line first, and is there one
# that never does?

# %%
sweep = {}
for lr in (0.01, 0.05, 0.09):
    torch.manual_seed(0)
    sweep[f"lr {lr}"] = train(nn.Linear(1, 1), lr, steps=60)
plotting.show_curves(sweep, xlabel="step", ylabel="MSE (min²)", baseline=target, log=True)

# %% [markdown]
# ## Look at the errors
# A mean hides who is behind it. Here are the nine rides that the best line gets most wrong. Do you find the
# flat tyre?

# %%
error = y - (BEST_M * x + BEST_B)
share = error**2 / (error**2).sum()
for i in error.abs().argsort(descending=True)[:9].tolist():
    bar = "#" * int(40 * share[i])
    print(f"{x[i]:.1f} km in {y[i]:4.1f} min, {error[i]:+.1f} off: {share[i]:3.0%} of the loss {bar}")

# %% [markdown]
# ## 6. In words (1 point)
# With the learning rate 0.09 the loss explodes, although every step goes downhill at the place where it
# starts. Why? Two or three sentences. Think of the valley, and of where a long step lands.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_explodes" points=1
# The slope is true only at the point where it was taken. The valley is narrow across: a long step jumps
# over its floor and lands higher up on the other side, where the slope is steeper, so that the next step is
# longer still. A smaller learning rate stays inside (below 2 over the steepest curvature, here about
# 0.087).

# %% [markdown]
# ## Break it
# This is the loop from above with one line wrong. Run it, look at the curve, then find the line. What does
# the shape tell you?

# %%
torch.manual_seed(0)
layer, broken = nn.Linear(1, 1), []
optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
for _ in range(120):
    optimizer.zero_grad
    loss = F.mse_loss(layer(x[:, None])[:, 0], y)
    loss.backward()
    optimizer.step()
    broken.append(loss.item())
plotting.show_curves({"broken": broken}, xlabel="step", ylabel="MSE (min²)", baseline=target)

# %% [markdown]
# <details><summary>The bug</summary><code>optimizer.zero_grad</code> without brackets names the function and
# does not call it. The slopes of all steps add up, and the line swings like a heavy ball that nothing brakes.
# No error message, just a worse curve: that is what bugs in deep learning look like.</details>
#
# ## Going further (optional)
# - Use the mean *absolute* error, `(predicted - y).abs().mean()`, as the loss in `train`. How much does the
#   flat tyre pull now?
# - Centre the distances (`x - x.mean()`) and draw the bowl again. It turns round. How large may the
#   learning rate be?
# - Put ten rides of your own in place of ours.
#
# To read: *Dive into Deep Learning*, chapter 3.1 (d2l.ai); the fast.ai lesson "How does a neural net really
# work?"; the film "Gradient descent, how neural networks learn" by 3Blue1Brown.

# %% [markdown]
# ## Receipt
# Run the cell, save, and hand in the file as `First_Last_lab01_line.ipynb`.
#
# What cost you most time, and what would you cut? One line of yours, in a new Markdown cell, is read and counts for nothing.

# %%
checks.receipt("mean_image", "mse", "linear", "slopes", "descend")
