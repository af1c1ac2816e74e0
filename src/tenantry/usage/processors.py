"""The processors of usage."""

from tenantry.kernel.processor import Runner
from tenantry.usage.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.usage.service import UsageService


class UsageProcessors:
    """Runs the actions on usage."""

    def __init__(self, *, usage_service: UsageService, run: Runner) -> None:
        self.user_month_stats = run(UserMonthStatsAction, usage_service.user_month_stats)
        self.admin_month_stats = run(AdminMonthStatsAction, usage_service.admin_month_stats)
