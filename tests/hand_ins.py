"""What a class hands in, made from an assignment's source and its answers.py."""

import os

from dlcourse.staff import notebooks
from dlcourse.staff.plan import names_of

ROOT = notebooks.find_root()
JOBS = 1 if "PYTEST_XDIST_WORKER" in os.environ else None  # each worker grades an assignment of its own


def parts(id):
    """The source, the student's notebook, and the reference's answers."""
    source, course = notebooks.load_checked(ROOT, id)
    released = notebooks.release_notebook(notebooks.instructor_notebook(source, course))
    return source, released, notebooks.reference_answers(source)


def lean_source(id, folder):
    """The path of an nbgrader source notebook in `folder`, made anew, with the tests of the assignment `id` and the
    cells that they and the solutions need."""
    source, course = notebooks.load_checked(ROOT, id)
    book = notebooks.instructor_notebook(source, course)
    folder.mkdir(parents=True)
    path = folder / f"{id}.ipynb"
    path.write_text(notebooks.dumps(lean(book, [c.text for c in source.cells if c.mark == "test"])))
    return path


def lean(book, tests=()):
    """The notebook without the cells that its solutions do not need: forty cases need not draw every picture.

    tests  texts of tests: what they need stays, too, for a grader that runs them in the student's kernel
    """
    needed, kept = set().union(*(names_of(text)[0] for text in tests)), []
    for cell in reversed(book.cells):
        if cell.cell_type == "code":
            reads, binds, _ = names_of(cell.source)
            mark = cell.metadata.get("nbgrader", {})
            if not mark and not binds & needed:
                continue
            if not mark.get("grade"):
                needed |= reads
        kept.append(cell)
    book.cells = kept[::-1]
    return book
