"""Who does not comply (ReportPasswordsAction)."""

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PermissionError
from tenantry.kernel.action import acting_as
from tenantry.password_policies.actions import ReportPasswordsAction, Shortcoming
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole
from tests.password_policies.conftest import SetPolicy

pytestmark = pytest.mark.anyio

FOREIGN = "$2b$04$abcdefghijklmnopqrstuuCwGXYJ3x0VTBO3gZGhZPd2rNDuF7yPi"


async def report(app: App, **asked: object) -> dict[str, list[str]]:
    action = ReportPasswordsAction(**asked)  # type: ignore[arg-type]  # of each its own type
    page = await app.password_policies.report.wait_for_complete(action)
    return {row.username: [s.value for s in row.shortcomings] for row in page.items}


async def test_each_shortcoming_is_told_where_it_is(
    tenantry: App, john: UserData, set_policy: SetPolicy, clock: ShiftedClock
) -> None:
    await make_user(tenantry, "ann", password=None)
    await make_user(tenantry, "ben", password=None, password_hash=FOREIGN)
    await make_user(tenantry, "cleo", need_password_change=True)
    assert await report(tenantry) == {
        "ann": ["no_password"],
        "ben": ["weak_hash"],
        "cleo": ["must_change"],
    }
    clock.advance(days=1)
    await set_policy(max_age_days=90)
    await make_user(tenantry, "dora")
    assert (await report(tenantry))["john"] == ["before_policy"]
    clock.advance(days=89)
    found = await report(tenantry)
    assert found["john"] == ["too_old", "before_policy"]
    assert found["ben"] == ["too_old", "before_policy", "weak_hash"]
    assert "dora" not in found
    assert set(await report(tenantry, shortcoming=Shortcoming.MUST_CHANGE)) == {"cleo"}


async def test_who_cannot_log_in_is_not_reported(tenantry: App) -> None:
    await make_user(tenantry, "ann", password=None)
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="ann"))
    assert await report(tenantry) == {}


async def test_readers_see_their_tenant_and_others_nothing(
    tenantry: App, john: UserData, other_tenant: str
) -> None:
    await make_user(tenantry, "ann", password=None)
    await make_user(tenantry, "olga", password=None, domain_name=other_tenant)
    watch = await make_user(tenantry, "watch", role=UserRole.MONITOR)
    with acting_as(watch):
        assert set(await report(tenantry)) == {"ann"}
    assert set(await report(tenantry)) == {"ann", "olga"}
    with acting_as(john), pytest.raises(PermissionError):
        await report(tenantry)


async def test_pages_follow_each_other(tenantry: App) -> None:
    for n in range(5):
        await make_user(tenantry, f"user{n}", password=None)
    seen: list[str] = []
    cursor = None
    while True:
        action = ReportPasswordsAction(limit=2, cursor=cursor)
        page = await tenantry.password_policies.report.wait_for_complete(action)
        seen += [row.username for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        with pytest.raises(InvalidInput):
            await report(tenantry, cursor=cursor, shortcoming=Shortcoming.TOO_OLD)
    assert seen == [f"user{n}" for n in range(5)]
