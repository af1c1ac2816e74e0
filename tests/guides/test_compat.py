"""The packages of other systems' import paths hold nothing of their own."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

SOURCE = ROOT / "compat" / "backend-ai"
FILES = sorted(SOURCE.rglob("*.py"))


def statements(path: Path) -> Iterator[ast.stmt]:
    """What a module does, but for its docstring."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node in body:
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield node


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_module_only_hands_on_what_it_names(path: Path) -> None:
    if path == SOURCE / "tests" / "__init__.py":
        return  # it keeps other packages named tests within reach
    found = list(statements(path))
    imported: list[str] = []
    for node in found[:-1]:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        assert node.module.startswith("tenantry.")
        imported += [alias.asname or alias.name for alias in node.names]
    if found:
        assert isinstance(found[-1], ast.Assign)
        assert ast.unparse(found[-1].targets[0]) == "__all__"
        assert sorted(ast.literal_eval(found[-1].value)) == sorted(imported)


def test_every_module_that_the_readme_lists_has_these_names() -> None:
    page = (SOURCE / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {cell.strip().strip("`"): names for cell, names in rows}
    for module, names in told.items():
        found = importlib.import_module(f"ai.backend.manager.{module}")
        assert {name.strip().strip("`") for name in names.split(",")} == set(found.__all__), module
    root = SOURCE / "src" / "ai" / "backend" / "manager"
    files = [path for path in FILES if path.is_relative_to(root) and path.stem != "__init__"]
    there = {".".join(path.relative_to(root).with_suffix("").parts) for path in files}
    assert there == set(told)
