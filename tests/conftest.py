"""How tests share the cores: `pytest -n logical --dist loadgroup` (pytest-xdist), as `make test` does with most."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: several workers, a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep together what shares slow fixtures: the tests of a file, or of one assignment in it."""
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        part = next((parameters[name] for name in ("id", "graded") if name in parameters), "")
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {part}"))
