"""What a notebook finds here of the machine it was written on: Colab's modules, a GPU that is not there.

Both are for honest students. A cell that mounts a drive, or says `.cuda()`, and then does its work, gets to that work.
Runs in the student's process; imports the standard library only, torch where it is loaded.
"""

import ast
import importlib.abc
import importlib.machinery
import linecache
import re
import sys
import types

GPU = re.compile(r"cuda|\bmps\b|\bxpu\b|\bhip\b")
MAKERS = """
    zeros ones empty full rand randn randint randperm arange linspace logspace eye tensor as_tensor from_numpy asarray
    zeros_like ones_like empty_like full_like rand_like randn_like randint_like scalar_tensor tril_indices triu_indices
""".split()


class Nothing:
    """Has every name, and does nothing when called."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __call__(self, *args, **kwargs):
        return {}


class Anything(types.ModuleType):
    """A module that has every name."""

    __path__ = ()
    __getattr__ = Nothing.__getattr__


class Colab(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `google.colab` for a plain import; one that is guarded fails, as on the student's own machine.

    `try: import google.colab` asks where the notebook runs: told "on Colab", it would go to folders that are not here.
    """

    def find_spec(self, name, path=None, target=None):
        ours = name in ("google", "google.colab") or name.startswith("google.colab.")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours and not _is_asking() else None

    def create_module(self, spec):
        return Anything(spec.name)

    def exec_module(self, module):
        pass


def _is_asking() -> bool:
    """Whether the import that runs now stands in a `try`, or is no import statement."""
    frame = sys._getframe(2)
    while frame is not None and ("importlib" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
        if frame.f_code.co_name == "find_spec" and frame.f_globals.get("__name__") == "importlib.util":
            return True
        frame = frame.f_back
    if frame is None:
        return False
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Try)
        and node.handlers
        and node.body[0].lineno <= frame.f_lineno <= node.body[-1].end_lineno
        for node in ast.walk(tree)
    )


def pretend_colab() -> None:
    sys.meta_path.append(Colab())


def _here(device):
    """The device that stands for `device` here: the CPU for one of another machine."""
    if isinstance(device, int) and not isinstance(device, bool):
        return "cpu"
    kind = getattr(device, "type", device)
    return "cpu" if isinstance(kind, str) and GPU.match(kind) else device


def pretend_gpu(source: str) -> None:
    """Where `source`, the text of a cell, names a GPU and there is none, let the CPU stand for it."""
    torch = sys.modules.get("torch")
    if torch is None or not GPU.search(source) or not hasattr(torch, "cuda") or getattr(torch, "_cpu_stands_in", False):
        return
    if torch.cuda.is_available() or (torch.backends.mps.is_available()):
        return
    torch._cpu_stands_in = True

    def stand_in(function, moves=False):
        def changed(*args, **kwargs):
            if kwargs.get("device") is not None:
                kwargs["device"] = _here(kwargs["device"])
            if moves and len(args) > 1:
                args = (args[0], _here(args[1]), *args[2:])
            return function(*args, **kwargs)

        changed.__name__, changed.__doc__ = getattr(function, "__name__", "function"), function.__doc__
        return changed

    def stay(self, *args, **kwargs):
        return self

    for name in MAKERS:
        if hasattr(torch, name):
            setattr(torch, name, stand_in(getattr(torch, name)))
    for kind in (torch.Tensor, torch.nn.Module):
        kind.to = stand_in(kind.to, moves=True)
        for name in ("cuda", "xpu"):
            setattr(kind, name, stay)
    for name in ("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"):
        setattr(torch.Tensor, name, stand_in(getattr(torch.Tensor, name)))
    default, load = torch.set_default_device, torch.load
    torch.set_default_device = lambda device: default(_here(device))

    def load_here(*args, **kwargs):
        return load(*args, **(kwargs | {"map_location": "cpu"}))

    torch.load = load_here
    for name in ("synchronize", "set_device", "reset_peak_memory_stats", "init"):
        setattr(torch.cuda, name, lambda *args, **kwargs: None)
