"""Finding the users who must change their password, be it that they were told or that it is old."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.tenants.actions import CreateTenantAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users import search_queries
from tenantry.users.actions import ModifyUserAction, SearchUsersAction
from tenantry.users.model import UserFilter, UserModifier

pytestmark = pytest.mark.anyio


async def names(app: App, wanted: bool, **more: Any) -> set[str]:
    action = SearchUsersAction(filter=UserFilter(need_password_change=wanted), limit=100, **more)
    page = await app.users.search_users.wait_for_complete(action)
    assert all(user.need_password_change is wanted for user in page.items)
    return {user.username for user in page.items} - {"root"}


async def limit_age(app: App, tenant: str, days: int | None) -> None:
    age = TriState[int].nullify() if days is None else TriState.update(days)
    action = SetPasswordPolicyAction(
        tenant=tenant, modifier=PasswordPolicyModifier(max_age_days=age)
    )
    await app.password_policies.set.wait_for_complete(action)


async def test_old_passwords_are_found_by_the_policy_of_their_tenant(
    tenantry: App, other_tenant: str, clock: ShiftedClock
) -> None:
    await make_user(tenantry, "old")
    await make_user(tenantry, "elsewhere", domain_name="Other")
    await make_user(tenantry, "told", need_password_change=True)
    clock.advance(days=30)
    await make_user(tenantry, "fresh")
    assert await names(tenantry, True) == {"told"}
    await limit_age(tenantry, "default", 30)
    assert await names(tenantry, True) == {"told", "old"}
    assert await names(tenantry, False) == {"fresh", "elsewhere"}
    await limit_age(tenantry, "Other", 29)
    assert await names(tenantry, True) == {"told", "old", "elsewhere"}
    await limit_age(tenantry, "default", None)
    assert await names(tenantry, True) == {"told", "elsewhere"}


async def test_a_new_password_is_not_found_any_more(tenantry: App, clock: ShiftedClock) -> None:
    await make_user(tenantry, "old")
    await limit_age(tenantry, "default", 1)
    clock.advance(days=1)
    assert await names(tenantry, True) == {"old"}
    modifier = UserModifier(password=OptionalState.update("another good passphrase"))
    modify = ModifyUserAction(user="old", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(modify)
    assert await names(tenantry, True) == set()


@pytest.mark.parametrize(
    ("looked_through", "sorted_at_most"), [(500, 20_000), (1, 20_000), (1, 2)], ids=str
)
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(True, "a0 a1 a2 a3 a4 b0 b1 b2 b3 d1"), (False, "a5 c0 c1 d0 d2 d3 d4")],
    ids=["who must", "who need not"],
)
async def test_pages_of_who_must_change_are_the_same_whichever_way_they_are_found(
    tenantry: App,
    other_tenant: str,
    clock: ShiftedClock,
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool,
    expected: str,
    looked_through: int,
    sorted_at_most: int,
) -> None:
    await tenantry.run(CreateTenantAction(name="Third"))
    for number in range(5):
        await make_user(
            tenantry, f"d{number}", domain_name="Third", need_password_change=number == 1
        )
    for number in range(2):
        await make_user(tenantry, f"c{number}", password=None)
    for number in range(4):
        await make_user(tenantry, f"a{number}")
        await make_user(tenantry, f"b{number}", domain_name="Other", need_password_change=True)
    clock.advance(days=30)
    await make_user(tenantry, "a4", need_password_change=True)
    await make_user(tenantry, "a5")
    for tenant in ("default", "Other"):
        await limit_age(tenantry, tenant, 30)
    monkeypatch.setattr(search_queries, "LOOKED_THROUGH", looked_through)
    monkeypatch.setattr(search_queries, "MOST_SORTED", sorted_at_most)
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 20:
        action = SearchUsersAction(
            filter=UserFilter(need_password_change=wanted), limit=2, cursor=cursor
        )
        page = await tenantry.users.search_users.wait_for_complete(action)
        seen += [user.username for user in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [name for name in seen if name != "root"] == expected.split()
