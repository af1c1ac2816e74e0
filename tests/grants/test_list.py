"""Listing direct grants: whose, on what, in pages."""

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PrincipalNotFound, RoleNotFound
from tenantry.grants.actions import ListGrantsAction
from tenantry.kernel.action import acting_as
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import Give, Held, MakeRole

pytestmark = pytest.mark.anyio


async def test_grants_are_found_by_principal_by_object_and_by_a_roles_members(
    tenantry: App, give: Give, held: Held, make_role: MakeRole, john: UserData
) -> None:
    amy = await make_user(tenantry, "amy")
    await make_role("analyst", members=[amy])
    await give("john", "SELECT", database="sales", table="orders")
    await give("john", "SELECT", database="stock")
    await give("amy", "INSERT", database="sales", schema="eu")
    await give("analyst", "DELETE", database="sales")

    async def found(principal: str | None = None, **more: str) -> list[str]:
        return [f"{g.principal}: {g.label()}" for g in await held(principal, **more)]

    johns = ["john: SELECT on sales.public.orders", "john: SELECT on stock"]
    assert await found("john") == johns
    assert await found("analyst") == ["analyst: DELETE on sales"]
    assert await found(database="stock") == johns[1:]
    assert await found(database="sales", schema="eu") == ["amy: INSERT on sales.eu"]
    assert await found(database="sales", table="orders") == johns[:1]
    assert len(await found(database="sales")) == 3
    assert await found(role="analyst") == ["amy: INSERT on sales.eu"]
    assert await found("john", database="sales") == johns[:1]
    assert len(await found()) == 4


async def test_pages_hold_every_grant_once(tenantry: App, give: Give, john: UserData) -> None:
    for n in range(7):
        await give("john", "SELECT", database=f"d{n}")
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        action = ListGrantsAction(principal="john", limit=3, cursor=cursor)
        page = await tenantry.grants.list_grants.wait_for_complete(action)
        seen += [grant.database for grant in page.items]
        cursor, pages = page.next_cursor, pages + 1
    assert (sorted(str(s) for s in seen), pages) == ([f"d{n}" for n in range(7)], 3)


async def test_a_cursor_is_good_for_its_own_question_only(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "SELECT", "INSERT", database="d")
    page = await tenantry.grants.list_grants.wait_for_complete(ListGrantsAction(limit=1))
    other = ListGrantsAction(database="d", limit=1, cursor=page.next_cursor)
    with pytest.raises(InvalidInput) as refused:
        await tenantry.grants.list_grants.wait_for_complete(other)
    assert refused.value.field == "cursor"


async def test_readers_see_what_their_tenants_users_and_roles_hold(
    tenantry: App,
    give: Give,
    held: Held,
    make_role: MakeRole,
    roadrunner: UserData,
    alice: UserData,
) -> None:
    monitor = await make_user(tenantry, "watch", domain_name="acme", role=UserRole.MONITOR)
    await make_role("tracker", tenant="acme")
    await make_role("chemist", tenant="umbrella")
    await make_role("anybody")
    for principal in ("roadrunner", "alice", "tracker", "chemist", "anybody"):
        more = {"domain_name": "acme"} if principal == "tracker" else {}
        more |= {"domain_name": "umbrella"} if principal == "chemist" else {}
        await give(principal, "SELECT", database="d", **more)
    with acting_as(monitor):
        assert [g.principal for g in await held()] == ["roadrunner", "tracker", "anybody"]
        for principal in ("alice", "chemist"):
            with pytest.raises(PrincipalNotFound):
                await held(principal)
        with pytest.raises(RoleNotFound):
            await held(role="chemist")


async def test_plain_users_see_their_own(
    give: Give, held: Held, make_role: MakeRole, john: UserData, admin: UserData
) -> None:
    await make_role("analyst", members=[john])
    await make_role("other", members=[admin])
    for principal in ("john", "adele", "analyst", "other"):
        await give(principal, "SELECT", database="d")
    with acting_as(john):
        assert [g.principal for g in await held()] == ["john"]
        for principal in ("adele", "other", str(admin.id)):
            with pytest.raises(PrincipalNotFound):
                await held(principal)


async def test_who_granted_it_is_told_to_who_can_see_them(
    tenantry: App, give: Give, held: Held, wile: UserData, roadrunner: UserData
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    with acting_as(boss):
        await give("roadrunner", "SELECT", database="d")
    with acting_as(wile):
        await give("roadrunner", "SELECT", database="d")
        assert [g.granted_by for g in await held("roadrunner")] == [None, "wile"]
    assert [g.granted_by for g in await held("roadrunner")] == ["boss", "wile"]
