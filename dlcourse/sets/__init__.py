"""How each data set is made or fetched; `dlcourse.data.load` calls the `make` of one of these files.

Nobody needs to read them to take the course. A maker returns a plain dictionary, so that these files know arrays and
nothing of the rest of the package:

    {"train": {"inputs": ..., "labels": ...}, "test": {...}, "classes": (...), "source": "...", "licence": "..."}

with, where the set has them, "lengths" and "more" beside inputs and labels (see data.Split), and "note".
"""


class Missing(OSError):
    """A set cannot be downloaded: says what is missing, where it would be put, which embedded set serves instead."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"Missing: {self}"]
