"""Month statistics as the user service answers them; tests/usage/ has what goes into a bin."""

import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError, UserNotFound
from tenantry.kernel.action import ANONYMOUS, acting_as
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.model import UserData
from tenantry.users.statistics import MonthStatsResult

pytestmark = pytest.mark.anyio


async def of(app: App, user: str) -> MonthStatsResult:
    return await app.users.user_month_stats.wait_for_complete(UserMonthStatsAction(user_id=user))


async def of_all(app: App) -> MonthStatsResult:
    return await app.users.admin_month_stats.wait_for_complete(AdminMonthStatsAction())


async def test_scenario_38_without_sessions_all_bins_are_there_and_zero(
    tenantry: App, john: UserData
) -> None:
    for result in (await of(tenantry, str(john.id)), await of_all(tenantry)):
        assert (result.success, len(result.stats)) == (True, 2880)
        assert not any(one["num_sessions"]["value"] for one in result.stats)


@pytest.mark.parametrize("user", ["nobody", "00000000-0000-0000-0000-000000000007", ""])
async def test_scenario_38_statistics_of_nobody_are_not_found(tenantry: App, user: str) -> None:
    with pytest.raises(UserNotFound):
        await of(tenantry, user)


async def test_scenario_39_a_user_sees_the_own_statistics_only(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    with acting_as(john):
        assert (await of(tenantry, "john")).success
        with pytest.raises(UserNotFound):
            await of(tenantry, str(admin.id))
        with pytest.raises(PermissionError):
            await of_all(tenantry)
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await of(tenantry, "john")
