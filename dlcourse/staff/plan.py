"""Split an assignment between the student's box and the judge: which cell runs where, and which names cross.

Made from the instructor's notebook alone (nbgrader's source, with solutions and hidden tests), by reading syntax trees:
  - tests run in the judge;
  - the instructor's other code cells run in the judge too, as long as nothing in them comes from a student;
  - a name that a solution cell defines is fetched from the box, as it was at the test's place in the notebook, and so
    is NAME, where it is given out empty;
  - an instructor's cell that uses such names runs in the judge only when a test needs what it defines.
"""

import ast
import builtins
import hashlib
import re
import warnings
import zlib
from dataclasses import dataclass, field

MAX_CELL = 100_000  # characters of a cell that are looked at
NAME_CELL = re.compile(r"""^NAME\s*=\s*(?:""|\'\')""", re.MULTILINE)  # given out empty: the student fills it in
BUILTINS = frozenset(dir(builtins)) | {"get_ipython", "display", "__name__", "In", "Out"}


@dataclass
class Item:
    """Something the judge runs: a test, or an instructor's cell."""

    name: str
    source: str
    at: int  # place among the cells of the source
    points: float | None = None  # of a test
    names: list[str] = field(default_factory=list)  # to be fetched from the student
    needs: list[str] = field(default_factory=list)  # other items to be run before
    group: str = ""  # items that share a session in the box
    seed: int = 0
    weak: bool = False


@dataclass
class SourceCell:
    """A cell of the instructor's notebook, and what it is to the grader."""

    name: str  # nbgrader's grade_id, else the cell's own id
    kind: str  # "test", "solution", "manual", "task", "locked", "free", "text"
    source: str
    released: str  # as the student got it
    is_code: bool
    points: float | None = None
    id: str | None = None  # nbformat's, where it differs from the name
    checksum: str | None = None  # of the released cell


@dataclass
class Plan:
    """All that grading needs to know of one assignment."""

    assignment: str
    cells: list[SourceCell]
    items: dict[str, Item]
    shared: list[str]  # instructor's cells that the judge runs always, in order
    run_in_box: set[str]  # tests whose visible part later cells need in the student's process
    classes: list[str]  # that solution cells define
    imports: list[str]  # modules worth importing before the first fork
    digest: str
    broken: frozenset = frozenset()  # tests that their own solution does not pass
    changing: frozenset = frozenset()  # tests whose own values the instructor's solution changes
    weak: frozenset = frozenset()  # tests that make_plan was told to run beside the student's code

    @property
    def tests(self) -> list[Item]:
        return [i for i in self.items.values() if i.points is not None]

    @property
    def asks_who(self) -> bool:
        """Whether a test depends on the student's name."""
        return any("NAME" in item.names for item in self.tests)

    @property
    def max_score(self) -> float:
        return sum(c.points or 0 for c in self.cells)


# ---------------------------------------------------------------------------------------------------- names


def names_of(source: str) -> tuple[set[str], set[str], bool]:
    """Global names that a cell reads before it has bound them, names it binds, and whether it binds unknown ones.

    A cell that cannot be read, whoever wrote it and however, has no names: this runs in the grader's own process.
    """
    try:
        return _names_of(source) if len(source) <= MAX_CELL else (set(), set(), False)
    except (Exception, RecursionError, MemoryError):
        return set(), set(), False


def _names_of(source: str):
    from IPython.core.inputtransformer2 import TransformerManager

    source = re.sub(r"\A\s*%%(time|timeit|capture|prun)\b.*\n", "", source)  # what follows runs in the notebook
    if re.search(r"^\s*[%!?]|\?\s*$", source, re.MULTILINE):  # as the transformer is slow on long plain cells
        source = TransformerManager().transform_cell(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    reads: set[str] = set()
    bound: set[str] = set()
    late: set[str] = set()  # read inside functions: bound anywhere in the cell is soon enough
    star = False
    for statement in tree.body:
        for node in ast.walk(statement):
            star |= isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names)
        now, then, made = _visit(statement)
        reads |= now - bound
        late |= then
        bound |= made
    return reads | (late - bound), bound, star


def _visit(node) -> tuple[set[str], set[str], set[str]]:
    """(names read now, names read when called, names bound) of one statement at the top of a cell."""
    now: set[str] = set()
    late: set[str] = set()
    made: set[str] = set()

    def walk(n, local: frozenset | None):
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            if not isinstance(n, ast.Lambda):
                (made.add if local is None else lambda x: None)(n.name)
                for part in [*n.decorator_list, *([n.returns] if n.returns else [])]:
                    walk(part, local)
            arguments = n.args
            for part in [*arguments.defaults, *(d for d in arguments.kw_defaults if d)]:
                walk(part, local)
            inner = set(local or ())
            inner |= {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
            inner |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a}
            body = [n.body] if isinstance(n, ast.Lambda) else n.body
            inner |= _bound_inside(body)
            for part in body:
                walk(part, frozenset(inner))
            return
        if isinstance(n, ast.ClassDef):
            (made.add if local is None else lambda x: None)(n.name)
            for part in [*n.decorator_list, *n.bases, *n.keywords]:
                walk(part, local)
            inside = frozenset(set(local or ()) | _bound_inside(n.body))
            for part in n.body:
                walk(part, inside)
            return
        if isinstance(n, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            targets = {t.id for g in n.generators for t in ast.walk(g.target) if isinstance(t, ast.Name)}
            inner = frozenset(set(local or ()) | targets)
            for part in ast.iter_child_nodes(n):
                walk(part, inner if local is not None else _Comp(inner))
            return
        if isinstance(n, ast.Name):
            if isinstance(n.ctx, ast.Load):
                if local is None or isinstance(local, _Comp):
                    if n.id not in (local or ()) and n.id not in made:
                        now.add(n.id)
                elif n.id not in local:
                    late.add(n.id)
            elif local is None:
                made.add(n.id)
            return
        if isinstance(n, ast.Import | ast.ImportFrom) and local is None:
            made.update((a.asname or a.name.split(".")[0]) for a in n.names if a.name != "*")
            return
        if isinstance(n, ast.ExceptHandler) and n.name and local is None:
            made.add(n.name)
        if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and local is None:
            now.add(n.target.id)
        if isinstance(n, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and n.value is not None:
            walk(n.value, local)  # the right side is read first
            for target in n.targets if isinstance(n, ast.Assign) else [n.target]:
                walk(target, local)
            return
        if isinstance(n, (ast.For, ast.AsyncFor)):
            for part in [n.iter, n.target, *n.body, *n.orelse]:
                walk(part, local)
            return
        for part in ast.iter_child_nodes(n):
            walk(part, local)

    walk(node, None)
    return now, late, made


class _Comp(frozenset):
    """Names bound by a comprehension at the top of a cell: it runs at once."""


def _bound_inside(body) -> set[str]:
    found: set[str] = set()
    outer: set[str] = set()
    for statement in body:
        for n in ast.walk(statement):
            if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load):
                found.add(n.id)
            elif isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(n.name)
            elif isinstance(n, (ast.Import, ast.ImportFrom)):
                found.update((a.asname or a.name.split(".")[0]) for a in n.names)
            elif isinstance(n, ast.ExceptHandler) and n.name:
                found.add(n.name)
            elif isinstance(n, ast.Global):
                outer.update(n.names)
    return found - outer


def classes_of(source: str) -> list[str]:
    try:
        return [n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)]
    except (Exception, RecursionError, MemoryError):
        return []


def must_be_beside(source: str) -> bool:
    """Whether a test works only beside the student's code: it changes what that code is to meet, or looks into it.

    Apart, a test for what must not be in the source, or must not overflow or warn, would pass whatever was handed in.
    """
    try:
        tree = ast.parse(source)
    except (Exception, RecursionError, MemoryError):
        return False
    modules = {a.asname or a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    modules |= {"np", "numpy", "torch", "math", "random", "nn", "F", "plt", "builtins", "sys", "os"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__code__":
            return True
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in modules:
                return True
        if isinstance(node, ast.Call):
            words = ast.unparse(node.func)
            if re.search(r"\bpatch\b|monkeypatch|\b(getsource|getsourcelines|getclosurevars)$", words):
                return True
            said = {str(getattr(v, "value", None)) for v in (*node.args, *(k.value for k in node.keywords))}
            if re.search(r"\b(errstate|seterr|simplefilter|filterwarnings)$", words) and said & {"raise", "error"}:
                return True
            if words == "setattr" and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id in modules:
                return True
    return False


def lines_of_imports(sources) -> str:
    """The lines of these cells that look like imports, wherever they stand."""
    return "\n".join(
        line for s in sources for line in re.findall(r"^\s*(?:import|from)\s.*$", s[:MAX_CELL], re.MULTILINE)
    )


def imports_of(source: str) -> str:
    """The import statements at the top level of a cell, alone."""
    try:
        tree = ast.parse(source)
    except (Exception, RecursionError, MemoryError):
        return ""
    kept = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(n) for n in kept)


# ---------------------------------------------------------------------------------------------------- the plan


def read_cells(instructor, released) -> list[SourceCell]:
    """Classify the cells of an instructor's notebook; `released` is what students got, cell by cell."""
    cells = []
    for number, (cell, given) in enumerate(zip(instructor.cells, released.cells, strict=True)):
        mark = cell.metadata.get("nbgrader") or {}
        is_code = cell.cell_type == "code"
        grade, solution, locked, task = (bool(mark.get(k)) for k in ("grade", "solution", "locked", "task"))
        if task:
            kind = "task"
        elif grade and solution:
            kind = "manual"
        elif grade:
            kind = "test" if is_code else "manual"
        elif solution:
            kind = "solution" if is_code else "manual"
        elif not is_code:
            kind = "text"
        else:
            kind = "locked" if locked else "free"
        points = float(mark.get("points") or 0) if grade or task else None
        name = mark.get("grade_id") or cell.get("id") or f"cell-{number}"
        checksum = (given.metadata.get("nbgrader") or {}).get("checksum")
        cells.append(SourceCell(name, kind, cell.source, given.source, is_code, points, cell.get("id"), checksum))
    return cells


def make_plan(assignment: str, cells: list[SourceCell], weak: frozenset = frozenset()) -> Plan:
    """Decide what the judge runs for `assignment`, and what each test takes from the student."""
    items: dict[str, Item] = {}
    shared: list[str] = []
    definer: dict[str, str] = {}  # name -> "student", "judge", or the item that defines it
    star = False
    test_names: dict[str, str] = {}
    run_in_box: set[str] = set()
    for at, cell in enumerate(cells):
        if not cell.is_code:
            continue
        reads, binds, opens = names_of(cell.source)
        seed = zlib.crc32(f"{assignment}/{cell.name}".encode())
        if cell.kind in ("solution", "manual"):
            if not binds and cell.name.isidentifier():  # a blank that asks for a value: its name is the cell's
                binds = {cell.name}
            definer.update(dict.fromkeys(binds, "student"))
            run_in_box |= {test_names[n] for n in reads if n in test_names}
            lines = imports_of(cell.source)
            if lines:
                _, imported, _ = names_of(lines)
                name = f"{cell.name}.imports"
                items[name] = Item(name, lines, at, seed=seed)
                shared.append(name)
                definer.update(dict.fromkeys(imported, "judge"))
            continue
        item = Item(cell.name, cell.source, at, points=cell.points if cell.kind == "test" else None, seed=seed)
        for name in sorted(reads):
            source = definer.get(name)
            if source == "student" or (source is None and name not in BUILTINS and not star and cell.kind == "test"):
                item.names.append(name)
            elif source not in (None, "judge", cell.name):
                item.needs.append(source)
        if cell.kind == "test":
            item.weak = cell.name in weak or must_be_beside(cell.source)
            taken = {
                n for n in binds if item.weak and definer.get(n) == "student"
            }  # a weak test leaves its names there
            definer.update(dict.fromkeys(binds - taken, cell.name))
            test_names.update(dict.fromkeys(binds, cell.name))
        else:
            star |= opens
            run_in_box |= {test_names[n] for n in reads if n in test_names}
            for n in binds:
                test_names.pop(n, None)
            if item.names or item.needs:
                definer.update(dict.fromkeys(binds, cell.name))
            else:
                shared.append(cell.name)
                definer.update(dict.fromkeys(binds, "judge"))
            if "NAME" in binds and NAME_CELL.search(cell.source):
                definer["NAME"] = "student"
        items[cell.name] = item
    _group(items)
    wanted = {n for i in items.values() if i.points is not None for n in _all_needs(items, i)}
    items = {k: i for k, i in items.items() if i.points is not None or k in shared or k in wanted}
    rest = _read_by_no_test(shared, items, {cell.name for cell in cells if cell.kind == "locked"})
    shared = [name for name in shared if name not in rest]
    items = {k: i for k, i in items.items() if k not in rest}
    imports = slow_imports("\n".join(c.source for c in cells))
    digest = hashlib.sha256(
        repr([(c.name, c.kind, c.source, c.points, c.name in weak) for c in cells]).encode()
    ).hexdigest()
    classes = sorted({n for c in cells if c.kind in ("solution", "manual") and c.is_code for n in classes_of(c.source)})
    return Plan(assignment, cells, items, shared, run_in_box, classes, imports, digest, weak=weak)


SETTING = re.compile(
    r"set_default|use_deterministic|set_num_threads|filterwarnings|rcParams|sys\.path|environ|chdir|setattr"
)
BY_STRING = {"eval", "exec", "globals", "locals", "vars"}


def _read_by_no_test(shared: list[str], items: dict[str, Item], locked: set[str]) -> set[str]:
    """Those given cells on which no test can depend: they train and draw for the student, and need not run again.

    A cell stays that binds a name which is read, or that touches a value which is read (a call may change its
    arguments), or an attribute of something that is read; so does every locked cell and one that changes a setting.
    """
    facts = {name: names_of(items[name].source) for name in items}
    read = set().union(*(facts[name][0] for name in items if name not in shared))
    if read & BY_STRING:
        return set()
    values = set().union(*(_values(items[name].source, facts[name][1]) for name in shared))
    rest = set(shared)
    while kept := {name for name in rest if name in locked or _matters(items[name].source, facts[name], read, values)}:
        rest -= kept
        read |= set().union(*(facts[name][0] for name in kept))
    return rest


def _matters(source: str, facts: tuple, read: set[str], values: set[str]) -> bool:
    reads, binds, star = facts
    touched = (binds & read) or (reads & read & values) or (_changed(source) & read)
    return bool(star or touched or SETTING.search(source))


def _values(source: str, binds: set[str]) -> set[str]:
    """The names bound by a cell that are no functions, classes or modules."""
    try:
        body = ast.parse(source).body
    except (Exception, RecursionError, MemoryError):  # a magic
        return binds
    others = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            others |= {a.asname or a.name.split(".")[0] for a in node.names}
    return binds - others


def _changed(source: str) -> set[str]:
    """Names whose attributes or items a cell sets, such as torch in `torch.backends.cudnn.benchmark = True`."""
    try:
        tree = ast.parse(source)
    except (Exception, RecursionError, MemoryError):
        return names_of(source)[0]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            found |= {node.id} if isinstance(node, ast.Name) else set()
    return found


def slow_imports(text: str) -> list[str]:
    """What a sandbox imports once for all: `dlcourse` stands for numpy and torch, its pictures for pyplot."""
    hints = {
        "numpy": ("numpy", "dlcourse"),
        "torch": ("torch", "dlcourse"),
        "matplotlib.pyplot": ("matplotlib", "plotting", "pictures", "quiz.picture"),
    }
    imports = [module for module, words in hints.items() if any(word in text for word in words)]
    if "torch" in imports and ("optim" in text or "training" in text):
        imports.append("torch._dynamo")  # the first optimiser of a process imports it
    return imports


def _all_needs(items, item, seen=None) -> list[str]:
    """The items that `item` stands on, each after what it needs itself."""
    seen = [] if seen is None else seen
    for need in item.needs:
        if need in items and need not in seen and need != item.name:
            _all_needs(items, items[need], seen)
            if need not in seen:
                seen.append(need)
    return seen


def order_of(plan: Plan, item: Item) -> list[str]:
    return [n for n in _all_needs(plan.items, item) if plan.items[n].points is None]


def _group(items: dict[str, Item]) -> None:
    """Items that hand objects to one another share a session: a test and what it needs, and all that need the same."""
    parent = {name: name for name in items}

    def root(name):
        while parent[name] != name:
            name = parent[name]
        return name

    for item in items.values():
        for need in item.needs:
            if need in items:
                parent[root(item.name)] = root(need)
    for item in items.values():
        item.group = root(item.name)
