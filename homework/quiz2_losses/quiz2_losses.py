# %% [markdown]
# # Quiz 2: losses and training
# Eight questions: what a network is told about its errors, how it walks downhill, and what its curves say when it
# goes wrong.
#
# **Time**: 20 minutes of yours, a few seconds of one processor core. 8 points.

# %% [markdown]
# ## How it goes
# **Your name first.** Numbers, pictures and the order of choices are drawn from the name in the name cell. Your neighbour
# has other ones.
#
# **Answer** in place of the line `raise NotImplementedError(...)`: a number is typed as it is, letters stand in quotation
# marks. Run the cell, then the one below it, which tells you whether you are right.
#
# **Two tries.** A right first try is worth a point. Wrong? You learn what tempted you, and a second try is worth half:
# write it behind the first, as in `answer = 0.25, 0.5`. Then comes the explanation. The cell remembers your tries until
# you restart the kernel. You remember them longer.
#
# A pencil is enough; Python is a fine calculator.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import quiz, runtime
runtime.start("quiz2_losses")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz2_losses"

# %% [markdown]
# ## 1. One number, many names (1 point)
# You will meet it under four names, depending on whose paper you read.

# %%
risk = quiz.ask("risk", NAME)

# %% [markdown]
# A number, such as `risk = 0.25`.

# %% solution="risk"
### BEGIN SOLUTION
q = quiz.drawn("risk", NAME)
risk = sum(q.train) / len(q.train)
### END SOLUTION

# %% test="risk_check" points=0.5
assert quiz.check("risk", NAME, risk)

# %% test="risk_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("risk", NAME, risk)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Which loss (1 point)
# The loss says what counts as wrong, and how much. Choose it by what comes out of the network.

# %%
which = quiz.ask("which", NAME)

# %% [markdown]
# Four letters in the order of the tasks, such as `which = "BADC"`.

# %% solution="which"
### BEGIN SOLUTION
q = quiz.drawn("which", NAME)
which = "".join(q.letters[task] for task in q.stories)
### END SOLUTION

# %% test="which_check" points=0.5
assert quiz.check("which", NAME, which)

# %% test="which_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("which", NAME, which)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Cross-entropy from a picture (1 point)
# A softmax gave each animal its share of 1.

# %%
quiz.picture("cross_entropy", NAME)
cross_entropy = quiz.ask("cross_entropy", NAME)

# %% [markdown]
# A number, such as `cross_entropy = 0.25`.

# %% solution="cross_entropy"
### BEGIN SOLUTION
q = quiz.drawn("cross_entropy", NAME)
import torch

scores = torch.tensor(q.percent).log()[None]
cross_entropy = torch.nn.functional.cross_entropy(scores, torch.tensor([q.truth])).item()
### END SOLUTION

# %% test="cross_entropy_check" points=0.5
assert quiz.check("cross_entropy", NAME, cross_entropy)

# %% test="cross_entropy_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("cross_entropy", NAME, cross_entropy)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. How many steps (1 point)
# An epoch shows the network every example once. A step changes its weights once.

# %%
steps = quiz.ask("steps", NAME)

# %% [markdown]
# A whole number, such as `steps = 120`.

# %% solution="steps"
### BEGIN SOLUTION
q = quiz.drawn("steps", NAME)
import torch

order = torch.arange(q.examples)
steps = q.epochs * len(order.split(q.batch))
### END SOLUTION

# %% test="steps_check" points=0.5
assert quiz.check("steps", NAME, steps)

# %% test="steps_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("steps", NAME, steps)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. Too slow, too fast (1 point)
# The learning rate says how long a step is. It is the first thing that you will tune, for the rest of your life.

# %%
quiz.picture("rates", NAME)
rates = quiz.ask("rates", NAME)

# %% [markdown]
# Four letters, smallest rate first, such as `rates = "BADC"`.

# %% solution="rates"
### BEGIN SOLUTION
q = quiz.drawn("rates", NAME)
rates = "".join(q.letters[speed] for speed in q.order)
### END SOLUTION

# %% test="rates_check" points=0.5
assert quiz.check("rates", NAME, rates)

# %% test="rates_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("rates", NAME, rates)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. A heavy ball (1 point)
# Plain descent forgets each gradient at once. With momentum it remembers.

# %%
momentum = quiz.ask("momentum", NAME)

# %% [markdown]
# A number, such as `momentum = 4.125`.

# %% solution="momentum"
### BEGIN SOLUTION
q = quiz.drawn("momentum", NAME)
import torch

w = torch.tensor(float(q.start), dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=q.rate, momentum=q.share)
for _ in range(3):
    w.grad = torch.tensor(float(q.slope), dtype=torch.float64)
    optimizer.step()
momentum = w.item()
### END SOLUTION

# %% test="momentum_check" points=0.5
assert quiz.check("momentum", NAME, momentum)

# %% test="momentum_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("momentum", NAME, momentum)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. When to stop (1 point)
# The curve that you train on always looks good. Look at the other one.

# %%
quiz.picture("early", NAME)
early = quiz.ask("early", NAME)

# %% [markdown]
# A whole number, such as `early = 7`.

# %% solution="early"
### BEGIN SOLUTION
q = quiz.drawn("early", NAME)
best, waited = 1, 0
for epoch, loss in enumerate(q.valid, 1):
    best, waited = (epoch, 0) if loss < q.valid[best - 1] or epoch == 1 else (best, waited + 1)
    if waited == q.patience:
        break
early = epoch if q.asks_end else best
### END SOLUTION

# %% test="early_check" points=0.5
assert quiz.check("early", NAME, early)

# %% test="early_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("early", NAME, early)
### END HIDDEN TESTS

# %% [markdown]
# ## 8. The doctor is in (1 point)
# A pair of curves is a thermometer: it does not name the illness, but it rules many out.

# %%
quiz.picture("cure", NAME)
cure = quiz.ask("cure", NAME)

# %% [markdown]
# One letter, such as `cure = "B"`.

# %% solution="cure"
### BEGIN SOLUTION
q = quiz.drawn("cure", NAME)
cure = q.letters[q.ill]
### END SOLUTION

# %% test="cure_check" points=0.5
assert quiz.check("cure", NAME, cure)

# %% test="cure_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("cure", NAME, cure)
### END HIDDEN TESTS

# %% [markdown]
# ## Hand in
# Was there a curve that fooled you? It will come back, in your own training.
#
# Run the cell, save, and hand in the file as `First_Last_quiz2_losses.ipynb`.

# %%
quiz.card(NAME)
