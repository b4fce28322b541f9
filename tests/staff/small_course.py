"""A small course for the tests of the staff's side: one lab with every kind of cell, beside its course.toml."""

from pathlib import Path

ID = "lab01_line"
TOML = """
[course]
name = "Deep learning"
timezone = "Europe/Berlin"
[publish]
repository = "https://github.com/dlcourse/dlcourse"
branch = "main"
[file_names]
pattern = "{first}_{last}_{assignment}.ipynb"
[late.lab]
rule = "none"
[weights]
lab = 1
[assignments.lab01_line]
kind = "lab"
points = 6
due = "2027-02-19T23:59:00+01:00"
"""
HEAD = """\
# %% [markdown]
# # Lines
# You double a number — twice.

# %%
import importlib.util, subprocess, sys
if importlib.util.find_spec("dlcourse") is None:  # on Colab or Kaggle: one install; nothing that is loaded is replaced
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "git+https://github.com/dlcourse/dlcourse"])
from dlcourse import runtime
runtime.start("lab01_line")

# %%
NAME = ""  # your first and last name, such as "Ada Lovelace"
ASSIGNMENT = "lab01_line"

"""
BODY = '''\
# %% [markdown]
# ## 1. Double (4 points)
# Write $2x$.
#
# One line will do.

# %% solution="double"
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %%
print("try it")

# %%
print("try it")

# %% test="double_visible" points=1
assert double(2) == 4, f"twice 2 is 4, yours {double(2)}"

# %% test="double_hidden" points=3
assert double(3) == 6

### BEGIN HIDDEN TESTS
for x in (0, -1, 2.5):
    assert double(x) == x + x, "a number that is not 2"
### END HIDDEN TESTS

# %% [markdown]
# ## 2. In words (2 points)
# Why?

# %% [markdown] answer="why" points=2
# Because.
#
# Really.
'''
SOURCE = HEAD + BODY


def make(root: Path, source: str = SOURCE, toml: str = TOML, id: str = ID, folder: str = "labs") -> Path:
    """Write the course below `root`; returns the path of its one source."""
    path = root / folder / id / f"{id}.py"
    path.parent.mkdir(parents=True)
    (root / "course.toml").write_text(toml)
    path.write_text(source)
    return path


def line_of(text: str, source: str = SOURCE) -> int:
    """Number of the line of the source that holds `text`."""
    return next(n for n, line in enumerate(source.split("\n"), 1) if text in line)
