"""Modules of a package do not import each other in a circle, not even with imports inside functions."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import promptseg

ROOT = Path(promptseg.__file__).parent


def imports(path: Path) -> set[str]:
    """Return the modules of its own package that a module imports, also inside functions or for types; as paths without suffix."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            found |= {str(base), *(str(base / name.name) for name in node.names)}
    return found


@pytest.mark.parametrize("package", ["annotation", "datasets", "evaluation"])
def test_a_package_has_no_import_circle(package):
    modules = {str(path.with_suffix("")): path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"}
    graph = {name: imports(path) & modules.keys() for name, path in modules.items()}
    assert any(graph.values())
    TopologicalSorter(graph).prepare()  # It raises a CycleError that names the circle.
