"""What the planner expects of a statement, read from its own account of the plan."""

from dataclasses import dataclass

import msgspec

_TITLES = {"cost": "Total Cost", "rows": "Plan Rows", "name": "Subplan Name", "steps": "Plans"}


@dataclass(frozen=True)
class Expectation:
    """The cost in the planner's units, very roughly microseconds, and the rows of a part."""

    cost: float
    rows: float


def expected(explained: str, part: str) -> Expectation:
    """What ``explain (format json)`` says of a statement and of one of its ``with`` parts."""
    (plan,) = msgspec.json.decode(explained, type=list[_Plan])
    return Expectation(plan.top.cost, plan.top.rows_of(f"CTE {part}"))


class _Step(msgspec.Struct, rename=_TITLES):
    cost: float
    rows: float
    name: str = ""
    steps: list["_Step"] = msgspec.field(default_factory=list)

    def rows_of(self, name: str) -> float:
        if self.name == name:
            return self.rows
        return max((step.rows_of(name) for step in self.steps), default=0.0)


class _Plan(msgspec.Struct, rename={"top": "Plan"}):
    top: _Step
