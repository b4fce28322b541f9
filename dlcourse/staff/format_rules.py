"""What can be said of a hand-in from its text alone: is the name cell filled in, does an answer stand in a code cell,
which questions were tried. Nothing of a student's is run.

`cells` are the student's cells in order, each a dict with "name" (of the cell given out that it is, or None), "code"
and "source"; `sources` are the cells of the assignment as plan.SourceCell.
"""

import ast
import re
import unicodedata
import warnings

MAX_CELL = 50_000  # characters of a cell that are looked at
NAME_CELL = re.compile(r"""^NAME\s*=\s*(?:""|'')""", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]{2,}")


def flags(sources: list, cells: list[dict]) -> list[str]:
    """The faults of form that cost points where course.toml says so: "no name", "text in code"."""
    found = []
    if any(s.is_code and NAME_CELL.search(s.released) for s in sources) and not _has_name(cells):
        found.append("no name")
    if answers_in_code(sources, cells):
        found.append("text in code")
    return found


def _has_name(cells) -> bool:
    """Whether some code cell gives NAME a text that is not blank."""
    for source in (cell["source"][:MAX_CELL] for cell in cells if cell["code"]):
        if not re.search(r"^NAME\s*=", source, re.MULTILINE):
            continue
        tree = _tree(source)
        if tree is None:  # something else in the cell cannot be read
            if re.search(r"""^NAME\s*=\s*["'][^"'\n]*\w""", source, re.MULTILINE):
                return True
            continue
        if any(_names_somebody(node) for node in tree.body):
            return True
    return False


def _names_somebody(node) -> bool:
    if not isinstance(node, ast.Assign) or not any(getattr(t, "id", None) == "NAME" for t in node.targets):
        return False
    value = getattr(node.value, "value", None)
    return isinstance(value, str) and re.search(r"\w", value) is not None


def other_name(student: str, cells: list[dict]) -> bool:
    """Whether NAME is somewhere given another person's name than that of `student`, or one that only code can tell.

    Where `student` is no name in words (a number of the university's), nothing can be said: False.
    """
    words = _words(student)
    if len(words) < 2:
        return False
    for source in (cell["source"][:MAX_CELL] for cell in cells if cell["code"]):
        tree = _tree(source) if "NAME" in source else None
        for node in ast.walk(tree) if tree is not None else ():
            if not isinstance(node, ast.Name) or node.id != "NAME" or not isinstance(node.ctx, ast.Store):
                continue
            given = next((s for s in tree.body if isinstance(s, ast.Assign) and node in s.targets), None)
            text = getattr(given.value, "value", None) if given is not None else None
            if not isinstance(text, str):
                return True
            theirs = _words(text)
            if theirs and not (words <= theirs or theirs <= words):
                return True
    return False


def _words(name: str) -> set[str]:
    """Words of a name as they can be compared: without case, accents and hyphens."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    return set(WORD.findall("".join(c for c in bare if not unicodedata.combining(c)).replace("_", " ")))


def answers_in_code(sources: list, cells: list[dict]) -> list[str]:
    """Written questions that are answered in a code cell.

    Either the Markdown cell was turned into one, or it is blank while a code cell of the student's own beside it holds
    prose.
    """
    at = {source.name: place for place, source in enumerate(sources)}
    turned = {cell["name"] for cell in cells if cell.get("turned")}
    last = {cell["name"]: cell["source"] for cell in cells if cell["name"] is not None}
    found = []
    for place, source in enumerate(sources):
        if source.kind != "manual" or source.is_code:
            continue
        if not _blank(source, last.get(source.name)):
            found += [source.name] if source.name in turned else []
            continue
        before, beside = -1, []
        for cell in cells:
            if cell["name"] is not None:
                before = at.get(cell["name"], before)
                if before > place:
                    break
                beside = beside if before == place else []
            elif cell["code"] and before in (place - 1, place):
                beside.append(cell["source"])
        if any(map(is_prose, beside)):
            found.append(source.name)
    return found


def _blank(source, given: str | None) -> bool:
    return given is None or given.strip() in ("", source.released.strip())


def is_prose(source: str) -> bool:
    """Whether a code cell holds sentences and nothing that calculates: comments, strings, or no Python at all."""
    source = source[:MAX_CELL]
    words = len(WORD.findall(source))
    if words < 5:
        return False
    tree = _tree(source)
    if tree is not None:
        return all(_only_text(node) for node in tree.body)
    letters = sum(c.isalpha() or c.isspace() or c in ".,;:!?'\"()-" for c in source)
    return words >= 8 and letters >= 0.95 * len(source) and "=" not in source


def _only_text(node) -> bool:
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if not isinstance(node, ast.Expr):
        return False
    value = node.value
    if isinstance(value, ast.Call) and getattr(value.func, "id", None) == "print":
        return bool(value.args) and all(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in value.args)
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


# ---- completion


def tried(sources: list, cells: list[dict]) -> tuple[int, int]:
    """(how many questions were tried, how many there are). A question is a cell that students fill in.

    A written answer is tried when something else stands there than was given out. Code is tried when more changed than
    comments, docstrings, `pass`, `...` and `return None`, and a `raise NotImplementedError` that was given out is gone.
    Whether it is right, or runs, plays no part.
    """
    theirs = {cell["name"]: cell for cell in cells if cell["name"] is not None}
    elsewhere = answers_in_code(sources, cells)
    questions = [s for s in sources if s.kind in ("solution", "manual")]
    done = 0
    for source in questions:
        cell = theirs.get(source.name)
        if source.is_code:
            done += cell is not None and _code_tried(source.released, cell["source"])
        else:
            done += source.name in elsewhere or not _blank(source, cell and cell["source"])
    return done, len(questions)


def _code_tried(released: str, given: str) -> bool:
    given = given[:MAX_CELL]
    stubs = "raise NotImplementedError"
    if not given.strip() or given.count(stubs) >= released.count(stubs) > 0:
        return False
    one, other = _skeleton(released), _skeleton(given)
    if one is None or other is None:
        return given.split() != released.split()
    return one != other and other != ast.dump(ast.Module([], []))  # a comment alone is no try


class _Bare(ast.NodeTransformer):
    """Takes out the statements that do nothing."""

    def visit_Pass(self, node):
        return None

    def visit_Expr(self, node):
        return None if isinstance(node.value, ast.Constant) else node

    def visit_Raise(self, node):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return None if getattr(raised, "id", None) == "NotImplementedError" else node

    def visit_Return(self, node):
        nothing = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        return None if nothing else node


def _skeleton(source: str) -> str | None:
    tree = _tree(source)
    try:
        return None if tree is None else ast.dump(_Bare().visit(tree))
    except (RecursionError, MemoryError):
        return None


def _tree(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (Exception, RecursionError, MemoryError):  # a student's text: anything may come
        return None


WORDS = {  # what each flag that can cost points says to the student
    "misnamed": "the file's name does not follow the rule",
    "no name": "your name is missing in the cell at the top",
    "text in code": "a written answer stands in a code cell, not in the Markdown cell below its question",
}
