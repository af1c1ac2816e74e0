"""The kernel is small and knows nothing; files and functions stay readable."""

import ast
import sys
from pathlib import Path

KERNEL_LINES = 600
FILE_LINES = 450
FUNCTION_LINES = 60
KERNEL_MAY_IMPORT = {"msgspec", "tenantry.errors", "tenantry.record", "tenantry.kernel"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module or "")
    return names


def test_the_kernel_has_at_most_600_lines(package: Path) -> None:
    assert sum(lines(path) for path in (package / "kernel").glob("*.py")) <= KERNEL_LINES


def test_the_kernel_imports_the_standard_library_msgspec_and_its_own_ground(package: Path) -> None:
    for path in (package / "kernel").glob("*.py"):
        for name in imported(path):
            short = ".".join(name.split(".")[:2]) if name.startswith("tenantry") else name
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names or short in KERNEL_MAY_IMPORT, (path.name, name)


def test_the_kernel_names_no_noun_of_the_business(package: Path) -> None:
    nouns = ("tenants", "users", "passwords", "email", "group", "vfolder", "access_key")
    for path in (package / "kernel").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [getattr(node, "id", ""), getattr(node, "name", ""), getattr(node, "arg", "")]
            for name in filter(None, names):
                assert not any(noun in str(name) for noun in nouns), (path.name, name)


def test_files_stay_readable(package: Path) -> None:
    long = {str(p.relative_to(package)): lines(p) for p in package.rglob("*.py")}
    assert {name: count for name, count in long.items() if count >= FILE_LINES} == {}


def test_functions_stay_readable(package: Path) -> None:
    long: dict[str, int] = {}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or node.lineno) - node.lineno + 1
                if count >= FUNCTION_LINES:
                    long[f"{path.relative_to(package)}:{node.name}"] = count
    assert long == {}
