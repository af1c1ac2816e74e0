"""What all compute sessions came to in thirty days."""

from tenantry.users.actions import AdminMonthStatsAction
from tenantry.users.statistics import MonthStatsResult as AdminMonthStatsActionResult

__all__ = ["AdminMonthStatsAction", "AdminMonthStatsActionResult"]
