# %% [markdown]
# # Competition: tune a model
# Everybody gets the same 3,200 badly printed digits and the same two small networks. What you choose is everything
# else: the optimiser, its learning rate, the schedule, the epochs, the batch. The course's first recipe gets some 14 % right.
# Two changed settings make that 60. How far do you get?
#
# **You will be able to**
# - put an interval around an accuracy, and say when two models are tied;
# - search settings by hand and by chance, and say why the scale of the search matters more than its patience;
# - read accuracy against seconds, and choose from the front;
# - explain why the best of many runs disappoints on new data.
#
# **Time**: two hours of yours or a whole night; three quarters of a minute of one processor core. No GPU, though you may use one.
#
# | Question | 1 Interval | 2 Search | 3 Front | 4 Entry | 5 In words | All |
# |---|---|---|---|---|---|---|
# | Points | 2 | 1 | 1 | 4 | 2 | **10** |
#
# The points are for everybody. The **leaderboard** is for the honour.

# %% [markdown]
# ## The rules, short
# **You hand in** one text, `ENTRY`: your recipe, the trained weights (the *checkpoint*), and an alias for the leaderboard. It
# stands in this notebook; nothing is uploaded anywhere else. Hand in again as often as you like until the due date: the newest
# notebook replaces the older one, score and all.
#
# **Your score is computed by the grader**, from the weights, on 2,000 digits that nobody here has seen, in six fonts that
# are neither among the training nor the validation images. What you believe your accuracy to be plays no part.
#
# **Fair play.** Train on `train` with `tuning.train`, wherever you like and within its budget. Not allowed: digits in other
# fonts, labels from elsewhere, weights that somebody else has trained. The recipes of the first in rank are trained again, and
# have to lead to their checkpoint.
#
# **Hand in** as `First_Last_competition1_tuning.ipynb`, restarted and run from top to bottom.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, plotting, runtime, tuning
runtime.start("competition1_tuning")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "competition1_tuning"

# %%
import random
import matplotlib.pyplot as plt
import torch

# %%
train, valid = tuning.examples()
print(train, valid, sep="\n")
shown = torch.cat([train.inputs[:9], valid.inputs[:9]])
plotting.show_images(shown, [str(int(y)) for y in torch.cat([train.labels[:9], valid.labels[:9]])], columns=9,
                     alt="Nine digits of the training, nine of the validation: turned, slanted, noisy, with scraps of others")

# %% [markdown]
# Above nine images to train on, below nine to validate on. The validation holds **four fonts that the training lacks**, since
# the grader's digits, too, are in fonts that you do not have. Validate as you will be tested, or you measure the wrong thing.
#
# ## The first recipe
# A recipe is a small dict. What you leave out has the value shown. Here is the whole list, and the first run.

# %%
for setting, (default, may) in tuning.RECIPE.items():
    print(f"{setting:13}{default!s:8}{' or '.join(map(str, may)) if isinstance(may[-1], str) else f'{may[0]:g} to {may[1]:g}'}")
_, run = tuning.train({}, train, valid)
runs = [run]  # every run of today goes in here
print(f"\nThe first recipe: {run['right']} of {run['of']} right, in {run['seconds']:.1f} s. Guessing gets one in ten.")

# %% [markdown]
# A real run, a real network, four epochs, and hardly better than guessing. Before you blame the network, turn the knob that
# beginners turn last: the learning rate. Everything else stays (save one epoch, to spare your time), so this is a search **by hand**, one
# setting at a time.

# %%
by_hand = {"constant": {}, "one_cycle": {}}

def sweep(schedule):
    for lr in (0.005, 0.05, 0.5, 2.0):
        _, run = tuning.train({"lr": lr, "schedule": schedule, "epochs": 3}, train, valid)
        runs.append(run)
        by_hand[schedule or "constant"][lr] = run["right"] / run["of"]

sweep(None)

# %%
sweep("one_cycle")
_, axis = plt.subplots(figsize=(6.4, 3.6))
for (name, found), mark in zip(by_hand.items(), "os"):
    axis.plot(list(found), list(found.values()), mark + "-", label=name.replace("_", " "))
axis.axhline(0.1, color="black", linestyle="--", linewidth=1.2, label="guessing")
axis.set(xscale="log", xlabel="learning rate of SGD", ylabel="accuracy on fonts held out", ylim=(0, 1))
axis.legend(fontsize=9)
plotting.show("Accuracy against the rate of SGD, 0.005 to 2: with one cycle it climbs to a peak, at constant rates it stays far below")

# %% [markdown]
# Three lessons in one picture. The rate alone can decide over some 50 points of accuracy. It lives on a **logarithmic** axis:
# between 0.005 and 0.05 lies as much as between 0.05 and 0.5. And **settings work together**: a rate of 0.5 is the best with a
# schedule that lets the steps shrink to nothing, and useless without, since the weights jump until the last step and batch
# norm's running means never catch up with them. A search that turns one knob at a time would have missed it.
#
# ## 1. How sure is an accuracy? (2 points)
# You measured $k$ right of $n$. Another $n$ images would have given another $k$. Where does the true accuracy lie? The usual
# answer, the share $\hat p = k/n$ plus and minus $1.96\sqrt{\hat p(1-\hat p)/n}$, says "exactly 1, without doubt" after three of
# three. Wilson's interval (1927) does not fall for that. With $z = 1.96$:
#
# $$\frac{1}{1 + z^2/n}\left(\hat p + \frac{z^2}{2n} \;\pm\; z\sqrt{\frac{\hat p(1-\hat p)}{n} + \frac{z^2}{4n^2}}\right)$$
#
# In 95 of 100 such measurements it holds the true accuracy. It is what the leaderboard goes by.

# %% solution="interval"
def interval(right, of):
    """right of `of` were right, whole numbers; returns (low, high), two floats between 0 and 1."""
    ### BEGIN SOLUTION
    z, share = 1.96, right / of
    middle = share + z**2 / (2 * of)
    half = z * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return (middle - half) / (1 + z**2 / of), (middle + half) / (1 + z**2 / of)
    ### END SOLUTION

# %% [markdown]
# Try it: fifty competitions. A model that is right in 83 of 100 cases is measured fifty times, on 100 images each time. How many
# of the fifty intervals miss the truth? And would you have believed in the *best* of the fifty?

# %%
luck = torch.Generator().manual_seed(5)
counts = [int((torch.rand(100, generator=luck) < 0.83).sum()) for _ in range(50)]
ends = [interval(k, 100) for k in counts]
missed = [not low <= 0.83 <= high for low, high in ends]
_, axis = plt.subplots(figsize=(8.4, 3.4))
for i, (k, (low, high), miss) in enumerate(zip(counts, ends, missed), 1):
    colour = plotting.ORANGE if miss else plotting.BLUE
    axis.plot([i, i], [low, high], "-", color=colour, linewidth=2)
    axis.plot(i, k / 100, "o", color=colour, markersize=3)
axis.axhline(0.83, color="black", linestyle="--", linewidth=1.2, label="the truth: 0.83")
axis.set(xlabel="measurement", ylabel="accuracy on 100 images", ylim=(0.6, 1))
axis.legend(loc="lower right", fontsize=9)
plotting.show(f"Fifty 95 % intervals around 0.83; {sum(missed)} of them, in orange, miss it")
print(f"{sum(missed)} of 50 miss. Best of the fifty: {max(counts)} %. The same model, only lucky.")

# %% test="interval_visible" points=1
low, high = interval(8, 10)
assert isinstance(low, float) and isinstance(high, float), f"two floats should come; yours: {type(low).__name__}, {type(high).__name__}"
assert checks.close([low, high], [0.4902, 0.9433], "8 of 10: 0.490 to 0.943. (0.552 to 1.048 is the usual formula.)", 1e-3, 1e-3)
low, high = interval(3, 3)
assert checks.close([low, high], [0.4385, 1.0], "3 of 3: from 0.438. Is everything divided by 1 + z²/n?", 1e-3, 1e-3)

# %% test="interval_hidden" points=1
# Tested when your work is graded: other counts, few and many, none right and all.
### BEGIN HIDDEN TESTS
for _k, _n in ((0, 1), (1, 1), (0, 25), (25, 25), (7, 9), (399, 797), (1663, 2000), (1_000_000, 3_000_000)):
    _hint = f"{_k} of {_n} right"
    checks.close(list(interval(_k, _n)), list(checks.wilson(_k, _n)), _hint, 1e-3, 2e-4)
assert all(isinstance(x, float) for x in interval(3, 4)), "two floats should come"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Search by chance (1 point)
# A grid over six settings with four values each has 4,096 runs. **Random search** draws each setting anew for every run. With
# the same number of runs you see as many *different* values of the setting that matters, instead of four (Bergstra and
# Bengio 2012). But draw rates evenly between 0.001 and 1, and nine of ten are above 0.1. Draw so that **every factor of ten is
# equally likely**: evenly on the logarithmic axis.

# %% solution="draw"
def draw(low, high, count):
    """Returns a tensor (count,) of floats between low and high, both above 0: evenly spread on a logarithmic axis."""
    ### BEGIN SOLUTION
    start, end = torch.tensor(float(low)).log(), torch.tensor(float(high)).log()
    return (start + (end - start) * torch.rand(count)).exp()
    ### END SOLUTION

# %% [markdown]
# Try it: a thousand rates of yours, and a thousand drawn evenly. The grey lines are factors of ten.

# %%
torch.manual_seed(0)
_, axis = plt.subplots(figsize=(7.4, 2.2))
for y, (name, found) in enumerate({"evenly": 0.001 + 0.999 * torch.rand(1000), "yours": draw(0.001, 1.0, 1000)}.items()):
    axis.plot(found, y + 0.3 * torch.rand(1000) - 0.15, ".", markersize=3, color=plotting.ORANGE if y == 0 else plotting.BLUE)
    print(f"{name}: {int((found < 0.01).sum())} below 0.01, {int((found < 0.1).sum())} below 0.1")
axis.set(xscale="log", xlim=(0.0008, 1.25), ylim=(-0.5, 1.5), yticks=(0, 1), yticklabels=("evenly", "yours"), xlabel="learning rate")
plotting.show("A thousand rates drawn evenly crowd between 0.1 and 1; a thousand drawn on the logarithmic axis fill it")

# %% test="draw_visible" points=0.5
torch.manual_seed(1)
found = draw(0.001, 1.0, 3000)
checks.shape(found, (3000,), "one number for each of the 3,000 runs")
assert 0.00099 <= float(found.min()) and float(found.max()) <= 1.001, "every number lies between low and high"
share = float((found < 0.01).float().mean())
assert 0.28 < share < 0.39, f"a third should lie below 0.01, one of three factors of ten; of yours {share:.2f} do"

# %% test="draw_hidden" points=0.5
# Tested when your work is graded: another range, each factor of ten; two calls differ.
### BEGIN HIDDEN TESTS
torch.manual_seed(2)
_found = draw(2e-5, 2e-1, 4000)
assert 2e-5 * 0.999 <= float(_found.min()) and float(_found.max()) <= 0.2002, "every number lies between low and high, whatever they are"
_shares = torch.histc(_found.log10(), 4, -4.69897, -0.69897) / 4000
assert float((_shares - 0.25).abs().max()) < 0.04, "another range: each factor of ten should get the same share"
assert not torch.equal(draw(0.1, 1, 5), draw(0.1, 1, 5)), "two calls should draw different numbers"
### END HIDDEN TESTS

# %% [markdown]
# ### Let it run
# Six recipes by chance, small and short so that the search stays cheap. It stops by itself after 15 seconds. **Make it yours:**
# other ranges, other settings, more seconds, on whatever machine you have.

# %%
def random_recipe(rate, seed):
    """One recipe by chance. Adam moves further at the same rate, so its rates are smaller."""
    choose = random.Random(seed)
    optimizer = choose.choice(["sgd", "adam"])
    recipe = {"optimizer": optimizer, "lr": float(rate) / (20 if optimizer == "adam" else 1)}
    recipe |= {"schedule": choose.choice([None, "cosine", "one_cycle"]), "epochs": choose.choice([2, 3, 5])}
    return recipe | {"batch_size": choose.choice([16, 32, 64]), "width": choose.choice([4, 6, 8])}

# %%
torch.manual_seed(3)
spent = 0.0
for seed, rate in enumerate(draw(0.02, 2.0, 6)):
    if spent < 15:
        try:
            runs.append(tuning.train(random_recipe(rate, seed), train, valid)[1])
            spent += runs[-1]["seconds"]
        except ValueError as error:  # a rate so high that the loss ran away: a result, too
            print(f"{random_recipe(rate, seed)}: {error}")
tuning.table(runs)

# %% [markdown]
# ## 3. The front (1 point)
# More seconds buy accuracy, but not every run is worth its seconds. A run is on the **front** (Pareto's) if no other run
# is at least as accurate *and* at most as slow, with one of the two strictly better. All others you can forget: something on
# the front beats them.

# %% solution="front"
def front(seconds, accuracies):
    """Two lists of N numbers, one for each run; returns the list of the places (0 to N - 1) on the front, in order."""
    ### BEGIN SOLUTION
    kept = []
    for i, (s, a) in enumerate(zip(seconds, accuracies)):
        beaten = any(t <= s and b >= a and (t < s or b > a) for t, b in zip(seconds, accuracies))
        if not beaten:
            kept.append(i)
    return kept
    ### END SOLUTION

# %%
def on_the_front():
    return front([run["seconds"] for run in runs], [run["right"] / run["of"] for run in runs])

tuning.show_runs(runs, on_the_front(), baseline=("guessing", 0.1))

# %% test="front_visible" points=0.5
found = list(front([1.0, 2.0, 3.0, 2.5], [0.5, 0.7, 0.6, 0.8]))
assert found == [0, 1, 3], f"the run of 3 s at 0.6 is slower and worse than the one at 0.7: [0, 1, 3] stay; yours {found}"
assert list(front([4.0], [0.2])) == [0], "a single run is beaten by none"

# %% test="front_hidden" points=0.5
# Tested when your work is graded: ties, equal runs, any order, lists that stay as they are.
### BEGIN HIDDEN TESTS
assert list(front([2, 2, 1], [0.5, 0.6, 0.4])) == [1, 2], "equally fast: the more accurate stays"
assert list(front([2, 1, 3], [0.6, 0.6, 0.7])) == [1, 2], "equally accurate: the faster stays"
assert list(front([1, 1, 2], [0.5, 0.5, 0.4])) == [0, 1], "two runs that are alike do not beat each other"
assert list(front([5, 4, 3, 2, 1], [0.9, 0.8, 0.7, 0.6, 0.5])) == [0, 1, 2, 3, 4], "in the order of the runs, whatever is sorted"
_draw = random.Random(4)
_s, _a = [_draw.randint(1, 20) for _ in range(60)], [_draw.randint(1, 20) / 20 for _ in range(60)]
_kept = _s[:], _a[:]
_wanted = [i for i in range(60) if not any(t <= _s[i] and b >= _a[i] and (t, b) != (_s[i], _a[i]) for t, b in zip(_s, _a))]
assert list(front(_s, _a)) == _wanted, "sixty runs with many ties"
assert (_s, _a) == _kept, "it changes a list that it is given"
### END HIDDEN TESTS

# %% [markdown]
# Look at the picture before you choose. Where intervals overlap, the order of two runs may be luck. How many of these runs
# are Adam's: is that enough to judge it by? If not, give it more draws. And the whole picture is of *one* family, the little
# CNN. A residual network costs four to five times as much at the same width: does it learn more from it?
#
# ## 4. Your entry (4 points)
# Train your best recipe and pack the model, recipe and alias into one text. The alias, up to 30 characters, is what the class
# sees. Limits: 30,000 weights, and 500 billion multiplications (`tuning.cost(recipe)`), a minute or so of one
# core, the same on every machine.
#
# One point for an entry that can be read and beats 40 % on the validation fonts. The other three by the grader's own digits:
#
# | right of 2,000 unseen digits | 55 % | 65 % | 75 % |
# |---|---|---|---|
# | points | 1 | 2 | 3 |

# %%
ENTRY = None  # nothing handed in yet: the next cell is yours

# %% [markdown]
# Train in the cell below, and end with `ENTRY = tuning.pack(model, recipe, alias="...")`.
#
# Does your training take longer than half a minute, or did it run on another machine? The grader gives a cell 60 seconds. Then
# hand in the weights as text: run `tuning.freeze(ENTRY)` in a cell of its own. It puts one long line `ENTRY = "..."` into a new
# cell; move that line into your entry cell in place of the training. The weights travel, the training stays at home.

# %% solution="entry"
### BEGIN SOLUTION
recipe = {"width": 8, "optimizer": "adam", "lr": 0.05, "schedule": "one_cycle", "epochs": 5, "batch_size": 32}
model, _ = tuning.train(recipe, train, valid)
ENTRY = tuning.pack(model, recipe, alias="the course")
### END SOLUTION

# %%
if ENTRY is not None:
    right, of = tuning.score(ENTRY, valid)  # from the packed weights, as the grader does it
    low, high = interval(right, of)
    entry = tuning.told(ENTRY)
    print(f"“{entry['alias']}”, {len(ENTRY):,} characters; {entry['work']:.0f} of {tuning.BUDGET:.0f} billion multiplications")
    print(f"On the validation fonts {right} of {of}: {right / of:.1%}, between {low:.1%} and {high:.1%}")
    tuning.show_runs(runs, on_the_front(), baseline=("your entry", right / of))

# %% test="entry_visible" points=1
told = tuning.told(ENTRY)
assert told["work"] <= tuning.BUDGET, f"{told['work']:,.0f} billion multiplications, {tuning.BUDGET:,.0f} are allowed: fewer epochs, or narrower"
right, of = told["valid"]
assert right >= 0.4 * of, f"{right} of {of} on the validation fonts; 40 % were awaited: is it the trained model that you packed?"

# %% test="entry_bronze" points=1
# The grader's digits, 55 % right. Here the score is taken down for the leaderboard, too.
### BEGIN HIDDEN TESTS
_right, _of = tuning.score(ENTRY, tuning.unseen(2000, seed=2027))
checks.measured("accuracy", _right, _of, **tuning.told(ENTRY))
assert _right >= 0.55 * _of, f"{_right} of {_of} unseen digits are right; this point asks for 55 %"
### END HIDDEN TESTS

# %% test="entry_silver" points=1
# The same digits, 65 % right.
### BEGIN HIDDEN TESTS
_right, _of = tuning.score(ENTRY, tuning.unseen(2000, seed=2027))
assert _right >= 0.65 * _of, f"{_right} of {_of} unseen digits are right; this point asks for 65 %"
### END HIDDEN TESTS

# %% test="entry_gold" points=1
# The same digits, 75 % right.
### BEGIN HIDDEN TESTS
_right, _of = tuning.score(ENTRY, tuning.unseen(2000, seed=2027))
assert _right >= 0.75 * _of, f"{_right} of {_of} unseen digits are right; this point asks for 75 %"
### END HIDDEN TESTS

# %% [markdown]
# ## 5. In words (2 points)
# After forty runs your best has 84.2 % on the 797 validation digits, the second 83.6 %. **In at most 80 words:** is the
# first better? And why should you expect both to lose a little on the grader's digits, even if its fonts were no harder? Use
# the picture of the fifty intervals.
#
# *Double-click the cell below, write over it, and run it.*

# %% [markdown] answer="why_lucky" points=2
# The intervals are some 5 points wide (81.5 to 86.6) and overlap almost wholly: these two cannot be told apart; more images
# would be needed. The best of forty is the one that is good *and* lucky on just these 797 digits, as the best of the fifty
# measurements was only luck. Luck does not come again on new digits, so the chosen run falls back towards its true accuracy.
#
# **Rubric**
# - *2 points*: the lead of 5 digits is far less than the intervals are wide, so it cannot tell which is better; and choosing the
#   best of many also chooses luck, which new data do not repeat.
# - *1 point*: one of the two.
# - *0 points*: "the first is better since 84.2 is more", or only "overfitting" without saying of what to what.

# %% [markdown]
# ## Before you hand in
# Restart the kernel and run all cells. Is your name in the second code cell? Does the search stop before half a minute? (What
# takes longer than 60 s in one cell is stopped when graded; an entry that is text does not mind.) Then save, name the file
# `First_Last_competition1_tuning.ipynb`, upload it.
#
# ## Going further (no points)
# - **Halving.** Train twenty recipes for one epoch, keep the best ten for two, the best five for four. Better than ten at random?
# - **Pairs.** Both models were measured on the same digits: count only those that one gets right and the other wrong. What is
#   the interval of *that* share?
# - **Ranks.** How many digits would the grader need to tell 84.2 % from 83.6 %? Turn the formula of question 1 round.
# - **Seeds.** Train your recipe with five values of `seed`. Is the spread wider than the interval? What does each measure?
# - **Read**: Bergstra and Bengio 2012, *Random search for hyper-parameter optimization* (JMLR 13); Wilson 1927.
