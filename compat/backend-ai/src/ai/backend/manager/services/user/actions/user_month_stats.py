"""What the compute sessions of a user came to in thirty days."""

from tenantry.users.actions import UserMonthStatsAction
from tenantry.users.statistics import MonthStatsResult as UserMonthStatsActionResult

__all__ = ["UserMonthStatsAction", "UserMonthStatsActionResult"]
