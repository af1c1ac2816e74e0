"""What can be asked about usage."""

from typing import Annotated, ClassVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.record import Record
from tenantry.usage.model import UsageBin


class MonthStatsResult(Record, frozen=True):
    """The last thirty days in 2880 bins of a quarter of an hour, the last one under way.

    ``gaps`` holds the dates of bins whose IO is an estimate, because samples were missing;
    ``live`` is false while the newest samples cannot be read, so that the newest IO is missing.
    """

    stats: list[UsageBin]
    success: bool = True
    gaps: list[float] = []  # noqa: RUF012 - msgspec copies it
    live: bool = True


class UserMonthStatsAction(Action[MonthStatsResult], frozen=True):
    """Show what the compute sessions of a user came to in the last thirty days."""

    tag: ClassVar[str] = "user.month_stats"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user_id: Annotated[str, msgspec.Meta(description="Id or username of the user.")]

    def target(self) -> str | None:
        return str(self.user_id)[:256]


class AdminMonthStatsAction(Action[MonthStatsResult], frozen=True):
    """Show what all compute sessions of the tenant came to; of all tenants for a superadmin."""

    tag: ClassVar[str] = "tenant.month_stats"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
