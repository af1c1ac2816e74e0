"""Each of the 43 acceptance scenarios has a test with its number in the name."""

import re

from tests.docs.blocks import ROOT

SCENARIOS = frozenset(range(1, 44))
_NAME = re.compile(r"def (test_\w*scenario(?:_[0-9]{2})+_\w+)\(")
_NUMBERS = re.compile(r"scenario((?:_[0-9]{2})+)_")

# Number to reason, where a scenario cannot apply to Tenantry.
CANNOT_APPLY: dict[int, str] = {}


def covered() -> set[int]:
    """The numbers in the names of tests."""
    numbers: set[int] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in _NAME.findall(path.read_text(encoding="utf-8")):
            for found in _NUMBERS.findall(name):
                numbers |= {int(number) for number in found.strip("_").split("_")}
    return numbers


def test_every_scenario_is_tested_or_cannot_apply() -> None:
    assert covered() | CANNOT_APPLY.keys() == SCENARIOS
    assert not covered() & CANNOT_APPLY.keys()
