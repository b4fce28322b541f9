# %% [markdown]
# # Quiz 4: transfer learning
# Seven questions: what to freeze, what learns, what moves though nobody asked it to, and how pixels have to arrive.
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
# write it behind the first, as in `answer = 0.25, 0.5`. Then comes the explanation. The cell remembers your tries until
# you restart the kernel. You remember them longer.
#
# A pencil is enough; Python is a fine calculator.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import quiz, runtime
runtime.start("quiz4_transfer")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "quiz4_transfer"

# %% [markdown]
# ## 1. Which way (1 point)
# Four tasks land on your desk. How much of somebody else's network do you use?

# %%
ways = quiz.ask("ways", NAME)

# %% [markdown]
# Four letters in the order of the tasks, such as `ways = "BADC"`.

# %% solution="ways"
### BEGIN SOLUTION
q = quiz.drawn("ways", NAME)
ways = "".join(q.letters[way] for way in q.stories)
### END SOLUTION

# %% test="ways_check" points=0.5
assert quiz.check("ways", NAME, ways)

# %% test="ways_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("ways", NAME, ways)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. What learns (1 point)
# A body that is frozen makes a large network small: for the optimiser, that is.

# %%
learns = quiz.ask("learns", NAME)

# %% [markdown]
# A whole number, such as `learns = 2_570`.

# %% solution="learns"
### BEGIN SOLUTION
q = quiz.drawn("learns", NAME)
from torch import nn

body, head = nn.Linear(3, q.width).requires_grad_(False), nn.Linear(q.width, q.classes)
learns = sum(p.numel() for p in nn.Sequential(body, head).parameters() if p.requires_grad)
### END SOLUTION

# %% test="learns_check" points=0.5
assert quiz.check("learns", NAME, learns)

# %% test="learns_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("learns", NAME, learns)
### END HIDDEN TESTS

# %% [markdown]
# ## 3. The contract: numbers (1 point)
# Every set of weights has its own idea of what a pixel is.

# %%
contract = quiz.ask("contract", NAME)

# %% [markdown]
# A number, such as `contract = -0.25`.

# %% solution="contract"
### BEGIN SOLUTION
q = quiz.drawn("contract", NAME)
import torch
from dlcourse import transforms

pixel = torch.full((1, 1, 1, 1), q.byte, dtype=torch.uint8)
contract = transforms.Normalise([q.mean], [q.std])(pixel).item()
### END SOLUTION

# %% test="contract_check" points=0.5
assert quiz.check("contract", NAME, contract)

# %% test="contract_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("contract", NAME, contract)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The contract: what is cut away (1 point)
# Photographs are oblong, networks want squares.

# %%
quiz.picture("crop", NAME)
crop = quiz.ask("crop", NAME)

# %% [markdown]
# Two whole numbers in brackets, such as `crop = (448, 448)`.

# %% solution="crop"
### BEGIN SOLUTION
q = quiz.drawn("crop", NAME)
scaled = [side * q.resize / min(q.height, q.width) for side in (q.height, q.width)]
crop = tuple(round(q.keep * side / now) for side, now in zip((q.height, q.width), scaled))
### END SOLUTION

# %% test="crop_check" points=0.5
assert quiz.check("crop", NAME, crop)

# %% test="crop_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("crop", NAME, crop)
### END HIDDEN TESTS

# %% [markdown]
# ## 5. What moves (1 point)
# Two switches freeze a body. Each stops something else.

# %%
moves = quiz.ask("moves", NAME)

# %% [markdown]
# The letters of all that hold, such as `moves = "AC"`.

# %% solution="moves"
### BEGIN SOLUTION
q = quiz.drawn("moves", NAME)
import torch
import torch.nn.functional as F
from torch import nn
from dlcourse.quizzes import quiz4_transfer

torch.manual_seed(0)
model = nn.Sequential()
model.body = nn.Sequential(nn.Conv2d(3, 512, 3), nn.BatchNorm2d(512), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
model.head = nn.Linear(512, 8)
for line in quiz4_transfer.SETTINGS[q.setting][0]:
    exec(line)
conv, norm = model.body[0], model.body[1]
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
watched = {"head": model.head.weight, "kernels": conv.weight, "gamma": norm.weight, "running": norm.running_mean}
watched["rate"] = torch.tensor(optimizer.param_groups[0]["lr"])
before = {key: value.detach().clone() for key, value in watched.items()}
F.cross_entropy(model(torch.rand(16, 3, 8, 8)), torch.arange(16) % 8).backward()
optimizer.step()
moves = "".join(sorted(q.letters[key] for key in watched if not torch.equal(before[key], watched[key])))
### END SOLUTION

# %% test="moves_check" points=0.5
assert quiz.check("moves", NAME, moves)

# %% test="moves_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("moves", NAME, moves)
### END HIDDEN TESTS

# %% [markdown]
# ## 6. Whose curve (1 point)
# Four ways, one picture. You have drawn such curves yourself.

# %%
quiz.picture("curves", NAME)
curves = quiz.ask("curves", NAME)

# %% [markdown]
# Four letters in the order asked, such as `curves = "BADC"`.

# %% solution="curves"
### BEGIN SOLUTION
q = quiz.drawn("curves", NAME)
rise = {letter: line[-1] - line[0] for letter, line in q.lines.items()}
flat = min(rise, key=rise.get)
late = min(set(q.lines) - {flat}, key=lambda letter: q.lines[letter][2])
one, other = sorted(set(q.lines) - {flat, late}, key=lambda letter: q.lines[letter][-1])
curves = late + one + other + flat
### END SOLUTION

# %% test="curves_check" points=0.5
assert quiz.check("curves", NAME, curves)

# %% test="curves_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("curves", NAME, curves)
### END HIDDEN TESTS

# %% [markdown]
# ## 7. The symptom (1 point)
# Somebody's code, and something will be odd. You see the code first.

# %%
symptom = quiz.ask("symptom", NAME)

# %% [markdown]
# One letter, such as `symptom = "B"`.

# %% solution="symptom"
### BEGIN SOLUTION
q = quiz.drawn("symptom", NAME)
symptom = q.letters[q.fault]
### END SOLUTION

# %% test="symptom_check" points=0.5
assert quiz.check("symptom", NAME, symptom)

# %% test="symptom_first" points=0.5
# the other half of the point, for a right first try, is given when the quiz is graded
### BEGIN HIDDEN TESTS
assert quiz.first("symptom", NAME, symptom)
### END HIDDEN TESTS

# %% [markdown]
# ## Hand in
# Question 5 has cost more people more evenings than any other in here. You will not be one of them.
#
# Run the cell, save, and hand in the file as `First_Last_quiz4_transfer.ipynb`.

# %%
quiz.card(NAME)
