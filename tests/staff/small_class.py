"""A small nbgrader assignment as any course may have it, and hand-ins made from it. Shared by the grading tests."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SQUARES = """def squares(n):
    if n < 1:
        raise ValueError('n is below 1')
    return [i * i for i in range(1, n + 1)]"""
DOUBLE = "def double(items):\n    return [2 * x for x in items]"
CELLS = [  # grade id, kind, source
    (None, "text", "# A small problem set"),
    ("imports", "locked", "import math\nfrom helper import close_to"),
    ("squares", "solution", SQUARES),
    ("squares_visible", 1, "assert squares(2) == [1, 4], 'the squares of 1 and 2 are 1 and 4'"),
    (
        "squares_hidden",
        2,
        "### BEGIN HIDDEN TESTS\nassert squares(11)[-1] == 121, 'it goes wrong further up'\n"
        "try:\n    squares(0)\nexcept ValueError:\n    pass\nelse:\n    assert False, 'a number below 1 is refused'\n"
        "### END HIDDEN TESTS",
    ),
    ("double", "solution", DOUBLE),
    (
        "double_test",
        2,
        "_given = [1, 2]\n_found = double(_given)\nassert _given == [1, 2], 'your function changes its argument'\n"
        "assert close_to(_found, [2, 4]), f'twice 1 and 2: yours {_found}'",
    ),
    (
        "partial",
        2,
        "_points = 0\nif double([]) == []:\n    _points += 1\nif double([0.5]) == [1.0]:\n    _points += 1\n_points",
    ),
    ("why", "answer", "Because 2 x is x + x."),
]
HELPER = """def close_to(a, b):
    return len(a) == len(b) and all(abs(x - y) < 1e-6 for x, y in zip(a, b))
"""
POINTS = {"squares_visible": 1, "squares_hidden": 2, "double_test": 2, "partial": 2, "why": 3}


def source_notebook(cells=CELLS):
    """nbgrader's source version: with solutions and hidden tests."""
    made = []
    for name, kind, text in cells:
        code = kind not in ("text", "answer")
        cell = (new_code_cell if code else new_markdown_cell)(text, id=name or "head")
        if kind == "solution":
            lines = text.split("\n")
            cell.source = "\n".join([lines[0], "    ### BEGIN SOLUTION", *lines[1:], "    ### END SOLUTION"])
        if name:
            test = isinstance(kind, int)
            mark = {
                "grade_id": name, "schema_version": 3, "task": False, "cell_type": cell.cell_type,
                "grade": test or kind == "answer", "solution": kind in ("solution", "answer"), "locked": test or kind == "locked",
            }  # fmt: skip
            if mark["grade"]:
                mark["points"] = kind if test else 3
            cell.metadata["nbgrader"] = mark
        made.append(cell)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=made, metadata={"kernelspec": kernel})


def make_source(folder, cells=CELLS):
    """Write source/ps1/ps1.ipynb with its helper module below `folder`; its path."""
    place = folder / "source" / "ps1"
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(source_notebook(cells), place / "ps1.ipynb")
    (place / "helper.py").write_text(HELPER)
    return place / "ps1.ipynb"


def released():
    from dlcourse.staff import notebooks

    return notebooks.release_notebook(source_notebook())


def hand_in(**answers):
    """A student's notebook as a dict: the release with these cells filled in; the right answers for the others."""
    right = {"squares": SQUARES, "double": DOUBLE, "why": "x + x"}
    book = json.loads(nbformat.writes(released()))
    for cell in book["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in right | answers:
            cell["source"] = (right | answers)[name]
    return book


def put(folder, name, book):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(book))
    return path
