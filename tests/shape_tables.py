"""Read the shape table of a docstring and hold a call to it: `rows(function)` gives {"images": "(B, C, H, W)", ...}."""

import inspect
import re

ROW = re.compile(r"^ *(\w+) +(\([^()]*\))", re.MULTILINE)


def rows(documented) -> dict[str, str]:
    return dict(ROW.findall(documented.__doc__))


def shape(row: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """ "(B, T + S)" with B=2, T=3, S=4 is (2, 7)."""
    return tuple(eval(row, {}, sizes))


def holds(documented, inputs: dict, outputs: dict, sizes: dict[str, int]) -> None:
    """Assert that these inputs and outputs are all that the table names, each of the shape that it says."""
    table, found = rows(documented), inputs | outputs
    assert sorted(table) == sorted(found), "the table names other things than the call"
    for name, row in table.items():
        assert tuple(found[name].shape) == shape(row, sizes), f"{documented.__qualname__}: {name} is not {row}"


def public(module) -> set[str]:
    """Names of the functions and classes that a module defines for others."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value))
        if value.__module__ == module.__name__
    }
