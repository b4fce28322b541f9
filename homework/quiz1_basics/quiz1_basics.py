# %% [markdown]
# # Quiz 1: what it is, and how large
# Seven questions on two things: which problems call for deep learning, and how large a network is.
#
# **Time**: 15 to 20 minutes of yours, a few seconds of one processor core. 7 points.

# %% [markdown]
# ## How it goes
# **Your name first.** Numbers, pictures and the order of choices are drawn from the name in the name cell. Your neighbour
# has other ones.
#
# **Answer** in place of the line `raise NotImplementedError(...)`: a number is typed as it is, letters stand in quotation
# marks. Run the cell, then the one below it, which tells you whether you are right.
#
# **Two tries.** A right first try is worth a point. Wrong? You learn what tempted you, and a second try is worth half:
# write it behind the first, as in `answer = 2048, 2080`. Then comes the explanation. The cell remembers your tries until
# you restart the kernel. You remember them longer.
#
# A pencil is enough; Python is a fine calculator.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import quiz, runtime
runtime.start("quiz1_basics")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz1_basics"

# %% [markdown]
# ## 1. Three words (1 point)
# People say artificial intelligence, machine learning and deep learning as if they were all the same. They are not: one
# lies inside the other.

# %%
quiz.picture("nested", NAME)
nested = quiz.ask("nested", NAME)

# %% [markdown]
# One letter, such as `nested = "B"`.

# %% solution="nested"
### BEGIN SOLUTION
q = quiz.drawn("nested", NAME)
nested = q.letters[q.ring]
### END SOLUTION

# %% test="nested_check" points=0.5
assert quiz.check("nested", NAME, nested)

# %% test="nested_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("nested", NAME, nested)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Four ways to learn (1 point)
# A network becomes better by comparing what it does with something. With what? That is what tells the kinds of
# learning apart.

# %%
learning = quiz.ask("learning", NAME)

# %% [markdown]
# Four letters in the order of the stories, such as `learning = "BADC"`.

# %% solution="learning"
### BEGIN SOLUTION
q = quiz.drawn("learning", NAME)
learning = "".join(q.letters[kind] for kind in q.stories)
### END SOLUTION

# %% test="learning_check" points=0.5
assert quiz.check("learning", NAME, learning)

# %% test="learning_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("learning", NAME, learning)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. When to use it (1 point)
# Deep learning is a heavy tool. Sometimes a formula, a straight line or a tree is better.

# %%
when = quiz.ask("when", NAME)

# %% [markdown]
# All letters that speak for it, in any order, such as `when = "AC"`.

# %% solution="when"
### BEGIN SOLUTION
q = quiz.drawn("when", NAME)
when = [q.letters[fact] for fact in q.speaking]
### END SOLUTION

# %% test="when_check" points=0.5
assert quiz.check("when", NAME, when)

# %% test="when_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("when", NAME, when)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Why deep (1 point)
# Two classes of points, blue dots and orange crosses, mixed up more or less.

# %%
quiz.picture("deep", NAME)
deep = quiz.ask("deep", NAME)

# %% [markdown]
# One letter, such as `deep = "B"`.

# %% solution="deep"
### BEGIN SOLUTION
q = quiz.drawn("deep", NAME)
deep = q.letters["clumps"]
### END SOLUTION

# %% test="deep_check" points=0.5
assert quiz.check("deep", NAME, deep)

# %% test="deep_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("deep", NAME, deep)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. What shape comes out (1 point)
# Most errors in your first month will be about shapes. Good: a computer finds those for you. Better: you see them
# before.

# %%
shape = quiz.ask("shape", NAME)

# %% [markdown]
# The numbers in brackets, such as `shape = (8, 3)`.

# %% solution="shape"
### BEGIN SOLUTION
q = quiz.drawn("shape", NAME)
import torch

x = torch.zeros(q.batch, 7)
shape = tuple(torch.nn.Linear(7, q.outputs)(x).shape)
### END SOLUTION

# %% test="shape_check" points=0.5
assert quiz.check("shape", NAME, shape)

# %% test="shape_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("shape", NAME, shape)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Count the parameters (1 point)
# The gradient says for each parameter how steeply the loss rises with it. How many numbers is that?

# %%
quiz.picture("params", NAME)
params = quiz.ask("params", NAME)

# %% [markdown]
# A whole number, such as `params = 2080`.

# %% solution="params"
### BEGIN SOLUTION
q = quiz.drawn("params", NAME)
import torch
from itertools import pairwise

layers = [torch.nn.Linear(a, b) for a, b in pairwise(q.sizes)]
params = sum(p.numel() for layer in layers for p in layer.parameters())
### END SOLUTION

# %% test="params_check" points=0.5
assert quiz.check("params", NAME, params)

# %% test="params_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("params", NAME, params)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Backwards (1 point)
# Now the other way round: the number of parameters is given, and a layer is to be found.

# %%
budget = quiz.ask("budget", NAME)

# %% [markdown]
# A whole number, such as `budget = 12`.

# %% solution="budget"
### BEGIN SOLUTION
q = quiz.drawn("budget", NAME)
budget = 0
while (q.inputs + 1) * (budget + 1) + (budget + 2) * q.classes <= q.budget:
    budget += 1
### END SOLUTION

# %% test="budget_check" points=0.5
assert quiz.check("budget", NAME, budget)

# %% test="budget_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("budget", NAME, budget)
### END HIDDEN TESTS

# %% [markdown]
# ## Hand in
# How did it go? What was wrong at first is what you learned today.
#
# Run the cell, save, and hand in the file as `First_Last_quiz1_basics.ipynb`.

# %%
quiz.card(NAME)
