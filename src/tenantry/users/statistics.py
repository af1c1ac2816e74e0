"""Month statistics as they are answered; the slice of usage adds them up."""

from typing import Protocol, TypedDict

from tenantry.kernel.transaction import Transaction
from tenantry.record import Record
from tenantry.users.access import Scope
from tenantry.users.ports import SampleStore


class Measure(TypedDict):
    """An amount; the unit is ``count`` or ``bytes``."""

    value: int | float
    unit_hint: str


class UsageBin(TypedDict):
    """A quarter of an hour; ``date`` is its start in seconds since 1970.

    What is allocated counts for each session that ran in the bin. IO is what fell into the bin.
    """

    date: float
    num_sessions: Measure
    cpu_allocated: Measure
    mem_allocated: Measure
    gpu_allocated: Measure
    io_read_bytes: Measure
    io_write_bytes: Measure
    disk_used: Measure


class MonthStatsResult(Record, frozen=True):
    """The last thirty days in 2880 bins of a quarter of an hour, the last one under way.

    ``gaps`` holds the dates of bins whose IO is an estimate, because samples were missing;
    ``live`` is false while the newest samples cannot be read, so that the newest IO is missing.
    """

    stats: list[UsageBin]
    success: bool = True
    gaps: list[float] = []  # noqa: RUF012 - msgspec copies it
    live: bool = True


class MonthStatistics(Protocol):
    """Knows what compute sessions came to."""

    async def month(self, tx: Transaction, scope: Scope, samples: SampleStore) -> MonthStatsResult:
        """The month of whatever is in this scope: a user, a tenant or everybody."""
