"""A PyTorch deep learning course: what its notebooks import, and what its staff runs.

Importing the package loads nothing: take what you need, `from dlcourse import data, training`.
"""

__version__ = "0.1.0"
