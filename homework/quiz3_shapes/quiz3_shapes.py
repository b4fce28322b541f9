# %% [markdown]
# # Quiz 3: sizes of convolutional networks
# Seven questions on convolutions: what slides, what comes out, what it costs, and what it sees.
#
# **Time**: 20 minutes of yours, a few seconds of one processor core. 7 points.

# %% [markdown]
# ## How it goes
# **Your name first.** Numbers, pictures and the order of choices are drawn from the name in the name cell. Your neighbour
# has other ones.
#
# **Answer** in place of the line `raise NotImplementedError(...)`: a number is typed as it is, letters stand in quotation
# marks. Run the cell, then the one below it, which tells you whether you are right.
#
# **Two tries.** A right first try is worth a point. Wrong? You learn what tempted you, and a second try is worth half:
# write it behind the first, as in `answer = (8, 5, 5), (8, 6, 6)`. Then comes the explanation. The cell remembers your tries until
# you restart the kernel. You remember them longer.
#
# A pencil is enough; Python is a fine calculator.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import quiz, runtime
runtime.start("quiz3_shapes")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz3_shapes"

# %% [markdown]
# ## 1. Kernels, filters, maps (1 point)
# Three words that are used as if they were one, until somebody has to count them.

# %%
words = quiz.ask("words", NAME)

# %% [markdown]
# Four numbers in brackets, such as `words = (3, 4, 5, 6)`.

# %% solution="words"
### BEGIN SOLUTION
q = quiz.drawn("words", NAME)
import torch

layer = torch.nn.Conv2d(q.channels, q.filters, 3)
filters, kernels = layer.weight.shape[:2]
maps = layer(torch.zeros(1, q.channels, 9, 9)).shape[1]
words = (filters * kernels, filters, maps, layer.bias.numel())
### END SOLUTION

# %% test="words_check" points=0.5
assert quiz.check("words", NAME, words)

# %% test="words_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("words", NAME, words)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What comes out (1 point)
# Stride and padding decide how many places a kernel has.

# %%
quiz.picture("size", NAME)
size = quiz.ask("size", NAME)

# %% [markdown]
# Three numbers in brackets, such as `size = (8, 5, 5)`.

# %% solution="size"
### BEGIN SOLUTION
q = quiz.drawn("size", NAME)
import torch

layer = torch.nn.Conv2d(q.channels, q.filters, q.kernel, q.stride, q.pad)
size = layer(torch.zeros(q.channels, q.height, q.width)).shape
### END SOLUTION

# %% test="size_check" points=0.5
assert quiz.check("size", NAME, size)

# %% test="size_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("size", NAME, size)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What it costs (1 point)
# A fully connected layer on a photograph has millions of parameters. And a convolution?

# %%
weights = quiz.ask("weights", NAME)

# %% [markdown]
# A whole number, such as `weights = 2080`.

# %% solution="weights"
### BEGIN SOLUTION
q = quiz.drawn("weights", NAME)
import torch

weights = sum(p.numel() for p in torch.nn.Conv2d(q.channels, q.filters, q.kernel).parameters())
### END SOLUTION

# %% test="weights_check" points=0.5
assert quiz.check("weights", NAME, weights)

# %% test="weights_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("weights", NAME, weights)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Pooling (1 point)
# Four numbers become one. Which one?

# %%
quiz.picture("pool", NAME)
pool = quiz.ask("pool", NAME)

# %% [markdown]
# Four numbers in brackets, the upper row first, such as `pool = (1, -2, 3, 4)`.

# %% solution="pool"
### BEGIN SOLUTION
q = quiz.drawn("pool", NAME)
import torch.nn.functional as F
import torch

cells = torch.tensor(q.cells, dtype=torch.float32).view(1, 4, 4)
pooled = F.max_pool2d(cells, 2) if q.kind == "maximum" else F.avg_pool2d(cells, 2)
pool = pooled.flatten().tolist()
### END SOLUTION

# %% test="pool_check" points=0.5
assert quiz.check("pool", NAME, pool)

# %% test="pool_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("pool", NAME, pool)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Who made this map (1 point)
# A feature map is a picture of where its filter found something. Read it backwards.

# %%
quiz.picture("maps", NAME)
maps = quiz.ask("maps", NAME)

# %% [markdown]
# One letter, such as `maps = "B"`.

# %% solution="maps"
### BEGIN SOLUTION
q = quiz.drawn("maps", NAME)
maps = q.letters[q.kernel]
### END SOLUTION

# %% test="maps_check" points=0.5
assert quiz.check("maps", NAME, maps)

# %% test="maps_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("maps", NAME, maps)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. How far it sees (1 point)
# One value deep in the network has looked at a patch of the image, through all layers before it.

# %%
sees = quiz.ask("sees", NAME)

# %% [markdown]
# A whole number, such as `sees = 9`.

# %% solution="sees"
### BEGIN SOLUTION
q = quiz.drawn("sees", NAME)
import torch

x = torch.zeros(1, 1, 400, requires_grad=True)
y = x
for kernel, stride in zip(q.kernels, q.strides):
    y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
y[0, 0, 20].backward()
sees = int((x.grad != 0).sum())
### END SOLUTION

# %% test="sees_check" points=0.5
assert quiz.check("sees", NAME, sees)

# %% test="sees_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("sees", NAME, sees)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. The number that everybody gets wrong once (1 point)
# At the end the maps are laid flat for the last layer, and somebody has to say how many numbers that is.

# %%
quiz.picture("flatten", NAME)
flatten = quiz.ask("flatten", NAME)

# %% [markdown]
# A whole number, such as `flatten = 2080`.

# %% solution="flatten"
### BEGIN SOLUTION
q = quiz.drawn("flatten", NAME)
import torch
from torch import nn

body = nn.Sequential(
    nn.Conv2d(1, 2, q.kernel, padding=q.pad), nn.MaxPool2d(2),
    nn.Conv2d(2, q.second, q.kernel, padding=q.pad), nn.MaxPool2d(2), nn.Flatten(),
)
flatten = body(torch.zeros(1, 1, q.side, q.side)).shape[1]
### END SOLUTION

# %% test="flatten_check" points=0.5
assert quiz.check("flatten", NAME, flatten)

# %% test="flatten_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("flatten", NAME, flatten)
### END HIDDEN TESTS

# %% [markdown]
# ## Hand in
# You can now read a network's sizes off its code. Few error messages will scare you.
#
# Run the cell, save, and hand in the file as `First_Last_quiz3_shapes.ipynb`.

# %%
quiz.card(NAME)
