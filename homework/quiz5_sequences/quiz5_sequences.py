# %% [markdown]
# # Quiz 5: sequences
# Eight questions on memories, and on models that read and write: what a state holds, what fades, what a perplexity is, and
# how to make a model bold or careful.
#
# **Time**: 25 minutes of yours, a few seconds of one processor core. 8 points.

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
runtime.start("quiz5_sequences")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz5_sequences"

# %% [markdown]
# ## 1. Step by step (1 point)
# A memory is one number that is used again. Be the network for three steps.

# %%
step = quiz.ask("step", NAME)

# %% [markdown]
# A number, such as `step = 4.25`.

# %% solution="step"
### BEGIN SOLUTION
q = quiz.drawn("step", NAME)
import torch

rnn = torch.nn.RNN(1, 1, nonlinearity="relu").double()
for weight, value in zip(rnn.parameters(), (q.w_x, q.w_h, q.b, 0)):
    torch.nn.init.constant_(weight, value)
step = rnn(torch.tensor(q.xs, dtype=torch.float64).view(3, 1))[1].item()
### END SOLUTION

# %% test="step_check" points=0.5
assert quiz.check("step", NAME, step)

# %% test="step_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("step", NAME, step)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Which shape (1 point)
# The same cell can sort, tag, describe and translate. It depends on what comes in when, and what goes out.

# %%
jobs = quiz.ask("jobs", NAME)

# %% [markdown]
# Four letters in the order of the tasks, such as `jobs = "BADC"`.

# %% solution="jobs"
### BEGIN SOLUTION
q = quiz.drawn("jobs", NAME)
jobs = "".join(q.letters[task] for task in q.stories)
### END SOLUTION

# %% test="jobs_check" points=0.5
assert quiz.check("jobs", NAME, jobs)

# %% test="jobs_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("jobs", NAME, jobs)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. What a gate costs (1 point)
# Gates are layers, too, and layers have weights.

# %%
params = quiz.ask("params", NAME)

# %% [markdown]
# A whole number, such as `params = 2080`.

# %% solution="params"
### BEGIN SOLUTION
q = quiz.drawn("params", NAME)
import torch

layer = getattr(torch.nn, q.kind)(q.size, q.width, bidirectional=q.both)
params = sum(p.numel() for p in layer.parameters())
### END SOLUTION

# %% test="params_check" points=0.5
assert quiz.check("params", NAME, params)

# %% test="params_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("params", NAME, params)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. What arrives from far away (1 point)
# A letter can teach the weights only if its gradient arrives.

# %%
quiz.picture("lag", NAME)
lag = quiz.ask("lag", NAME)

# %% [markdown]
# Four letters in the order of the memories, such as `lag = "BADC"`.

# %% solution="lag"
### BEGIN SOLUTION
q = quiz.drawn("lag", NAME)
lag = "".join(q.letters[memory] for memory in q.order)
### END SOLUTION

# %% test="lag_check" points=0.5
assert quiz.check("lag", NAME, lag)

# %% test="lag_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("lag", NAME, lag)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. How surprised (1 point)
# A good language model is seldom surprised. How seldom, is a number.

# %%
quiz.picture("perplexity", NAME)
perplexity = quiz.ask("perplexity", NAME)

# %% [markdown]
# A number, such as `perplexity = 4.25`.

# %% solution="perplexity"
### BEGIN SOLUTION
q = quiz.drawn("perplexity", NAME)
import torch

scores = torch.tensor([[p, 100 - p] for p in q.percent]).log()
perplexity = torch.nn.functional.cross_entropy(scores, torch.zeros(len(q.word), dtype=torch.int64)).exp().item()
### END SOLUTION

# %% test="perplexity_check" points=0.5
assert quiz.check("perplexity", NAME, perplexity)

# %% test="perplexity_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("perplexity", NAME, perplexity)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Bits per character (1 point)
# Papers on language models count in nats, in bits, in perplexity. One quantity, three units.

# %%
bits = quiz.ask("bits", NAME)

# %% [markdown]
# A number, such as `bits = 2.125`.

# %% solution="bits"
### BEGIN SOLUTION
q = quiz.drawn("bits", NAME)
import math

bits = math.log2(math.exp(q.total / q.characters))
### END SOLUTION

# %% test="bits_check" points=0.5
assert quiz.check("bits", NAME, bits)

# %% test="bits_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("bits", NAME, bits)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Hot and cold (1 point)
# One number makes a model dull or daring.

# %%
temperature = quiz.ask("temperature", NAME)

# %% [markdown]
# A number, such as `temperature = 0.125`.

# %% solution="temperature"
### BEGIN SOLUTION
q = quiz.drawn("temperature", NAME)
import torch

scores = torch.tensor(q.percent).log()
temperature = (scores / q.heat).softmax(0).max().item()
### END SOLUTION

# %% test="temperature_check" points=0.5
assert quiz.check("temperature", NAME, temperature)

# %% test="temperature_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("temperature", NAME, temperature)
### END HIDDEN TESTS

# %% [markdown]
# ## 8. Two at a time (1 point)
# The likeliest word now can lead to an unlikely sentence. A beam keeps a few beginnings alive.

# %%
quiz.picture("beam", NAME)
beam = quiz.ask("beam", NAME)

# %% [markdown]
# One letter, such as `beam = "B"`.

# %% solution="beam"
### BEGIN SOLUTION
q = quiz.drawn("beam", NAME)
import torch

first, second = torch.tensor(q.first), torch.tensor(q.second)
kept = first.topk(2).indices.tolist()
found = max(((i, j) for i in kept for j in range(3)), key=lambda at: first[at[0]] * second[at])
beam = next(q.letters[key] for key, at in q.pairs.items() if tuple(at) == found)
### END SOLUTION

# %% test="beam_check" points=0.5
assert quiz.check("beam", NAME, beam)

# %% test="beam_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("beam", NAME, beam)
### END HIDDEN TESTS

# %% [markdown]
# ## Hand in
# Which of the eight would you have got wrong a month ago?
#
# Run the cell, save, and hand in the file as `First_Last_quiz5_sequences.ipynb`.

# %%
quiz.card(NAME)
