"""Python's own documentation: the language reference that `help()` shows, or the docstrings of the standard library."""

import ast
import hashlib
import platform
import sysconfig
import warnings
from pathlib import Path

import numpy as np

from dlcourse.sets import store

_TEST = 0.15  # of the characters, at most
_SKIPPED = set("test tests idle_test site-packages dist-packages idlelib lib2to3 turtledemo".split())


def make(name: str, docstrings: bool = False) -> dict:
    """docstrings  True: those of the standard library's modules, classes and functions, each with its dotted name

    The documents stand in the order of their titles; the last ones are the test.
    """
    titles, texts = _docstrings(name) if docstrings else _topics()
    digest = hashlib.sha256(store.pack(texts)).hexdigest()[:12]
    total = sum(map(len, texts))
    from_the_end = np.cumsum([len(text) for text in reversed(texts)])
    cut = len(texts) - max(1, int((from_the_end <= _TEST * total).sum()))
    return {
        "train": {"inputs": texts[:cut], "labels": titles[:cut]},
        "test": {"inputs": texts[cut:], "labels": titles[cut:]},
        "classes": (),
        "source": "Python Software Foundation, the documentation inside the installed Python",
        "licence": "PSF-2.0",
        "note": f"Python {platform.python_version()}: {len(texts):,} documents, {total:,} characters, sha256 {digest}",
    }


def _topics() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Topics whose paragraphs are mostly those of a longer topic are left out: else the test could be learned by heart.

    "compound", for one, holds all of "if", "while" and "for".
    """
    from pydoc_data.topics import topics

    seen: set[str] = set()
    kept = {}
    for title in sorted(topics, key=lambda title: (-len(topics[title]), title)):
        paragraphs = [" ".join(paragraph.split()) for paragraph in topics[title].split("\n\n")]
        if sum(len(p) for p in paragraphs if p in seen) <= len(topics[title]) / 2:
            kept[title] = topics[title].strip() + "\n"
            seen.update(paragraphs)
    titles = tuple(sorted(kept))
    return titles, tuple(kept[title] for title in titles)


def _docstrings(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    library = Path(sysconfig.get_paths()["stdlib"])
    key = {"python": platform.python_version(), "library": str(library), "code": 1}
    kept = store.cached(f"{name}-docstrings", key, lambda: _collect(library))
    return store.unpack(kept["titles"]), store.unpack(kept["texts"])


def _collect(library: Path) -> dict[str, np.ndarray]:
    """Read, not imported: some modules do things when they are imported. The same text counts once."""
    found: dict[str, str] = {}
    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library).with_suffix("").parts
        if not _SKIPPED & set(parts):
            module = ".".join(parts).removesuffix(".__init__")
            with warnings.catch_warnings(action="ignore"):  # what a module's author should know, not a student
                for title, text in _of_module(module, path.read_bytes()):
                    found.setdefault(text, title)
    rows = sorted((title, text) for text, title in found.items())
    return {"titles": store.pack([title for title, _ in rows]), "texts": store.pack([text for _, text in rows])}


def _of_module(module: str, source: bytes):
    """(dotted name, docstring) for the module and all that it defines, functions inside of functions too."""
    try:
        below = [(module, ast.parse(source))]
    except (SyntaxError, ValueError):
        return
    while below:
        title, node = below.pop()
        if (text := ast.get_docstring(node)) and "\0" not in text:
            yield title, text
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                below.append((f"{title}.{child.name}", child))
