"""The list of races and attacks names tests that exist, and leaves none out that must be there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).with_name("README.md")
TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")
MUST_BE_THERE = (
    "Parallel guesses",
    "A code of the second factor again, in parallel",
    "The same over two processes",
    "Refresh forks",
    "A reset token twice",
    "The last administrator leaves, two at once",
    "A lost update",
    "Variants of a name around the counter",
    "Enumeration by words",
    "Enumeration by time",
    "A session after lock, deletion or a change of password on another server",
    "More rights by an edit of a role, a grant, an import or a move to another tenant",
)


def lines_of(page: str) -> dict[str, list[str]]:
    """The cells of each line of the table, by the attack."""
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return {attack: rest for attack, *rest in cells[2:]}


LINES = lines_of(PAGE.read_text(encoding="utf-8"))


def is_there(named: str) -> bool:
    """Whether the file holds such a test, or a class with such a test."""
    path, *names = named.split("::")
    if not (ROOT / path).is_file():
        return False
    inside: list[ast.stmt] = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    for name in names:
        found = [n for n in inside if isinstance(n, DEFINITIONS) and n.name == name]
        if not found:
            return False
        inside = found[0].body
    return True


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@pytest.mark.parametrize("attack", LINES)
def test_an_attack_has_a_test_that_fails_it_and_one_that_lets_it_succeed(attack: str) -> None:
    fails, succeeds, guard = LINES[attack]
    one, other = TEST.fullmatch(fails), TEST.fullmatch(succeeds)
    assert one is not None
    assert other is not None
    assert one[1] != other[1]
    assert is_there(one[1])
    assert is_there(other[1])
    assert guard


def test_no_attack_is_left_out() -> None:
    assert set(MUST_BE_THERE) <= set(LINES)


def test_a_name_that_is_not_there_would_be_noticed() -> None:
    here = "tests/security/test_list_of_attacks.py"
    assert is_there(f"{here}::test_no_attack_is_left_out")
    assert not is_there(f"{here}::test_that_nobody_wrote")
    assert not is_there("tests/security/test_nothing.py::test_no_attack_is_left_out")
