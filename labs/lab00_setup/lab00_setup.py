# %% [markdown]
# # Set-up: your first hand-in
#
# Ten minutes, and nothing after this will stop you. When you are done, you
# 1. know that your machine has what the course needs;
# 2. have met each kind of cell that the labs use: run, predict, write, test, hint, answer in words;
# 3. have handed in a notebook, all the way through the machine that grades it.
#
# About 10 minutes for you, 5 seconds for the processor, no GPU. 2 points.
#
# **How to run a cell:** click into it, then press Shift and Enter together. Go from top to bottom.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import checks, data, plotting, runtime
runtime.start("lab00_setup")

# %% [markdown]
# That was the set-up cell: each lab begins with it. Next comes the name cell. Write your first and last
# name between the quotation marks and run the cell. It is how your work is known to be yours.

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab00_setup"

# %% [markdown]
# ## The doctor
# One line for each thing that the labs need. `ok` is ok, `note` can wait, `miss` says what to do. On Colab
# everything is there. On your own computer, a conda environment or `pip install` brings what is missing.

# %%
import matplotlib.pyplot as plt
import torch

well = runtime.doctor()

# %% [markdown]
# ## See it first
# Labs show you early where you are going. In a few weeks, a network of yours will read these digits. Today
# you look at them: real handwriting, squeezed into 8 by 8 pixels.

# %%
digits = data.load("digits")
print(digits)
plotting.show_images(digits.test.inputs[:16], titles=digits.test.labels[:16].tolist(), columns=8)

# %% [markdown]
# ## Predict, and a partial derivative
# Labs ask you for a number *before* you see it. A wrong guess costs nothing, and you remember what
# surprised you.
#
# Take $f(u, v) = u^2 v$. A partial derivative asks: raise $u$ a little and hold $v$ still; how much faster
# does $f$ grow? What is $\partial f / \partial u$ at $u = 3$, $v = 2$? Work it out on paper, and type it in
# place of `None`.

# %%
guess = None
checks.predict("derivative", guess, "df/du of u² v at u = 3, v = 2?")

# %%
u, v, small = 3.0, 2.0, 1e-6
slope = ((u + small) ** 2 * v - (u - small) ** 2 * v) / (2 * small)  # one small step each way
checks.outcome("derivative", slope)
us = torch.linspace(0, 5, 51)
_, axis = plt.subplots()
axis.plot(us, us**2 * v, label="f(u, 2)")
axis.plot([u - 2, u + 2], [u**2 * v - 2 * slope, u**2 * v + 2 * slope], label=f"a slope of {slope:.0f} at u = 3")
axis.plot(u, u**2 * v, "o", color="black")
axis.set(xlabel="u, with v held at 2", ylabel="f(u, 2)")
axis.legend()
plotting.show(f"The parabola f over u with a straight line of slope {slope:.0f} that touches it at u = 3")

# %% [markdown]
# Hold $v$ still: the derivative of $u^2$ is $2u$, so $2 u v = 12$. The cell measured the same with two
# small steps. That is all the calculus that you need to begin with. If it felt rusty, read up on partial
# derivatives this week.
#
# ## 1. Write: a warm-up with tensors (1 point)
# A tensor is PyTorch's array, and nearly all that you know from NumPy works: `x.mean()`, `x.max()`, `x +
# 1`, `x[0]`, `x[x > 0]`.
#
# Bring a tensor to the scale from 0 to 1: its smallest number becomes 0, its largest 1. The cell below is a
# **solution cell**: replace the line that raises `NotImplementedError` by your own code, and leave the
# first line as it is. No loop needed.

# %% solution="rescale"
def rescale(x):
    """x, a tensor of any shape whose numbers are not all the same; returns it on the scale 0 to 1."""
    ### BEGIN SOLUTION
    return (x - x.min()) / (x.max() - x.min())
    ### END SOLUTION

# %% [markdown]
# **Try it** before you test it. Degrees Celsius of one day:

# %%
celsius = torch.tensor([4.0, 6.0, 14.0, 9.0])
for degrees, share in zip(celsius.tolist(), rescale(celsius).tolist(), strict=True):
    print(f"{degrees:4.0f} degrees -> {share:.1f}")

# %% [markdown]
# Now the **test**. It is locked, and it counts. When it fails, read its last line first: it says what came,
# what was awaited, and where to look. Mend your cell, run it, and run the test again, as often as you like.

# %% test="check_rescale" points=1
_hint = "4 should become 0, 14 should become 1, and 9, half-way between, 0.5."
checks.close(rescale(torch.tensor([4.0, 9.0, 14.0])), torch.tensor([0.0, 0.5, 1.0]), _hint)
_hint = "Here the smallest number is negative, and the tensor has two axes: one minimum for all of it."
checks.close(rescale(torch.tensor([[-2.0, 0.0], [6.0, 2.0]])), torch.tensor([[0.0, 0.25], [1.0, 0.5]]), _hint)
_x = torch.tensor([1.0, 3.0])
rescale(_x)
checks.close(_x, torch.tensor([1.0, 3.0]), "What you are handed must stay as it was: -= and /= change it in place.")
assert checks.passed("rescale")

# %% [markdown]
# Stuck? Open a **hint**, one at a time. It costs nothing.
#
# <details><summary>Hint 1</summary>First make the smallest number 0: what do you subtract?</details>
# <details><summary>Hint 2</summary>Then the largest is <code>x.max() - x.min()</code>. What do you divide
# by, to make it 1?</details>
# <details><summary>The idea of the solution</summary>Subtract the minimum, divide by the range, in one line
# with brackets round both differences.</details>

# %% [markdown]
# ## 2. In words (1 point)
# Some answers are read by a person. They go into a Markdown cell: double-click it, write over its text,
# press Shift and Enter.
#
# What would you like a network to do for you by the end of this course, and what data would it need? Two
# sentences.

# %% [markdown] answer="wish" points=1
# Tell from a photo of a leaf which tree it comes from, so that I can learn the trees on my way. It would
# need some hundred photos of each kind, taken in many seasons and lights, with the right name beside each.

# %% [markdown]
# ## The receipt
# What you did, and what you guessed beside what came. Each lab ends with one.

# %%
checks.receipt("rescale")

# %% [markdown]
# ## Hand it in
# 1. Choose *Kernel > Restart Kernel and Run All Cells* (Colab: *Runtime, Restart session and run all*). It finds what
#    only worked by chance.
# 2. Save, and download the notebook (*File, Download*).
# 3. Name it `First_Last_lab00_setup.ipynb` with your own names: `Ada_Lovelace_lab00_setup.ipynb`.
# 4. Upload it where your course collects work. You may do so again until the due date; the last one counts.
#
# On your own computer, a terminal in this folder can help: `dlcourse check lab00_setup.ipynb` tells you what the grader
# will say, and `dlcourse submit lab00_setup.ipynb` does step 3 and writes you a receipt.
#
# Your own code cells are yours: add as many as you like. Locked cells are put back before grading, so
# changing a test changes nothing. Warnings and prints cost no points.
