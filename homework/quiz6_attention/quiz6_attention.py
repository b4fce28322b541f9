# %% [markdown]
# # Quiz 6: attention and transformers
# Seven questions on attention: who looks at whom, with which weight, in which shape, and what that costs.
#
# **Time**: 25 minutes of yours, a few seconds of one processor core. 7 points.

# %% [markdown]
# ## How it goes
# **Your name first.** Numbers, pictures and the order of choices are drawn from the name in the name cell. Your neighbour
# has other ones.
#
# **Answer** in place of the line `raise NotImplementedError(...)`: a number is typed as it is, letters stand in quotation
# marks. Run the cell, then the one below it, which tells you whether you are right.
#
# **Two tries.** A right first try is worth a point. Wrong? You learn what tempted you, and a second try is worth half:
# write it behind the first, as in `answer = (8, 2, 5, 9), (8, 2, 9, 5)`. Then comes the explanation. The cell remembers your tries until
# you restart the kernel. You remember them longer.
#
# A pencil is enough; Python is a fine calculator.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import quiz, runtime
runtime.start("quiz6_attention")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz6_attention"

# %% [markdown]
# ## 1. Who gets how much (1 point)
# A softmax, and keys that are not there.

# %%
quiz.picture("weights", NAME)
weights = quiz.ask("weights", NAME)

# %% [markdown]
# A number with three digits, such as `weights = 0.125`.

# %% solution="weights"
### BEGIN SOLUTION
q = quiz.drawn("weights", NAME)
import torch

scores = torch.tensor(q.powers, dtype=torch.float64).log()
scores[q.real :] = float("-inf")
weights = float(scores.softmax(0)[q.at])
### END SOLUTION

# %% test="weights_check" points=0.5
assert quiz.check("weights", NAME, weights)

# %% test="weights_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("weights", NAME, weights)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Shapes (1 point)
# Who asks, who is looked at, and how many heads do it?

# %%
shapes = quiz.ask("shapes", NAME)

# %% [markdown]
# Four numbers in brackets, such as `shapes = (8, 2, 5, 9)`.

# %% solution="shapes"
### BEGIN SOLUTION
q = quiz.drawn("shapes", NAME)
import torch

attention = torch.nn.MultiheadAttention(q.width, q.heads, batch_first=True)
asks, seen = torch.zeros(q.batch, q.target, q.width), torch.zeros(q.batch, q.source, q.width)
shapes = attention(asks, seen, seen, average_attn_weights=False)[1].shape
### END SOLUTION

# %% test="shapes_check" points=0.5
assert quiz.check("shapes", NAME, shapes)

# %% test="shapes_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("shapes", NAME, shapes)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. Masks (1 point)
# Four pictures, four models.

# %%
quiz.picture("masks", NAME)
masks = quiz.ask("masks", NAME)

# %% [markdown]
# Four letters, in the order of the stories, such as `masks = "BADC"`.

# %% solution="masks"
### BEGIN SOLUTION
q = quiz.drawn("masks", NAME)
masks = "".join(q.letters[key] for key in q.stories)
### END SOLUTION

# %% test="masks_check" points=0.5
assert quiz.check("masks", NAME, masks)

# %% test="masks_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("masks", NAME, masks)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. Positions (1 point)
# Attention looks at everything at once. Does it know what stands where?

# %%
positions = quiz.ask("positions", NAME)

# %% [markdown]
# Letters in quotation marks, such as `positions = "AC"`.

# %% solution="positions"
### BEGIN SOLUTION
q = quiz.drawn("positions", NAME)
positions = "".join(q.letters[key] for key in q.holding)
### END SOLUTION

# %% test="positions_check" points=0.5
assert quiz.check("positions", NAME, positions)

# %% test="positions_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("positions", NAME, positions)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. What a block costs (1 point)
# Count on paper, or let torch count.

# %%
block = quiz.ask("block", NAME)

# %% [markdown]
# A whole number, such as `block = 50_240`.

# %% solution="block"
### BEGIN SOLUTION
q = quiz.drawn("block", NAME)
import torch

layer = torch.nn.TransformerEncoderLayer(q.width, q.heads, q.hidden)
block = sum(p.numel() for p in layer.parameters())
### END SOLUTION

# %% test="block_check" points=0.5
assert quiz.check("block", NAME, block)

# %% test="block_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("block", NAME, block)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Cost against length (1 point)
# Why long texts are dear.

# %%
cost = quiz.ask("cost", NAME)

# %% [markdown]
# A whole number, such as `cost = 12_800`.

# %% solution="cost"
### BEGIN SOLUTION
q = quiz.drawn("cost", NAME)
import torch

length = q.length * q.times
maps = torch.empty(q.layers, q.batch, q.heads, length, length, device="meta")  # has a size, and takes no memory
cost = maps.numel() * maps.element_size() // 10**6
### END SOLUTION

# %% test="cost_check" points=0.5
assert quiz.check("cost", NAME, cost)

# %% test="cost_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("cost", NAME, cost)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. Greedy, beam, everything (1 point)
# Which sequence comes out depends on who searches.

# %%
quiz.picture("beam", NAME)
beam = quiz.ask("beam", NAME)

# %% [markdown]
# A number, such as `beam = 0.21`.

# %% solution="beam"
### BEGIN SOLUTION
q = quiz.drawn("beam", NAME)
alive = sorted(q.branches, key=lambda branch: -branch[0])[:2]
beam = max(first * second for first, row in alive for second in row) / 10_000
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
# You can now read a paper's figure 1 and say what each box costs.
#
# Run the cell, save, and hand in the file as `First_Last_quiz6_attention.ipynb`.

# %%
quiz.card(NAME)
