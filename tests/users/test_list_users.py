"""Listing users, page by page."""

from collections.abc import Awaitable, Callable

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, NotAuthenticated, PermissionError
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, ListUsersAction, SearchUsersAction
from tenantry.users.model import UserData, UserFilter, UserOrder
from tests.conftest import Trail

pytestmark = pytest.mark.anyio

MANY = 23


async def some(app: App) -> list[UserData]:
    """Users whose order by name is not the order in which they were made."""
    names = [f"u{(i * 7) % MANY:02}" for i in range(MANY)]
    return [await make_user(app, name, password=None) for name in names]


async def walk(
    app: App,
    order: UserOrder,
    *,
    limit: int = 5,
    between: Callable[[int], Awaitable[None]] | None = None,
) -> list[UserData]:
    found: list[UserData] = []
    cursor: str | None = None
    for turn in range(100):
        action = ListUsersAction(order=order, limit=limit, cursor=cursor)
        page = await app.users.list_users.wait_for_complete(action)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(page.items) == limit
        if between is not None:
            await between(turn)
    raise AssertionError("the pages never end")


@pytest.mark.parametrize("order", UserOrder)
@pytest.mark.parametrize("limit", [1, 8, 24, 1000])
async def test_scenario_40_the_pages_hold_everybody_once_and_in_order(
    tenantry: App, order: UserOrder, limit: int
) -> None:
    await some(tenantry)
    found = await walk(tenantry, order, limit=limit)
    names = [user.username for user in found]
    assert sorted(names) == sorted(["root", *(f"u{i:02}" for i in range(MANY))])
    field = order.value.removeprefix("-")
    values = [getattr(user, field) for user in found]
    assert values == sorted(values, reverse=order.value.startswith("-"))


@pytest.mark.parametrize("order", UserOrder)
async def test_pages_miss_and_repeat_nobody_while_users_are_added_and_deleted(
    tenantry: App, order: UserOrder
) -> None:
    there = {user.username for user in await some(tenantry)} | {"root"}

    async def meddle(turn: int) -> None:
        for name in (f"a{turn}", f"u10-{turn}", f"z{turn}"):
            await make_user(tenantry, name, password=None)
        await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user=f"u{turn:02}"))

    found = [user.username for user in await walk(tenantry, order, between=meddle)]
    assert len(found) == len(set(found))
    assert there <= set(found)


async def test_users_made_in_the_same_instant_do_not_stop_the_pages(
    tenantry: App, clock: ShiftedClock
) -> None:
    instant = clock.now()
    clock.now = lambda: instant  # type: ignore[method-assign]  # time stands still
    names = {(await make_user(tenantry, f"same{i}", password=None)).username for i in range(9)}
    found = await walk(tenantry, UserOrder.CREATED, limit=2)
    assert sorted(user.username for user in found) == sorted({*names, "root"})


async def test_deleted_users_are_listed(tenantry: App, john: UserData) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    assert "john" in [user.username for user in await walk(tenantry, UserOrder.USERNAME)]


async def test_admins_and_monitors_see_their_tenant_and_a_superadmin_sees_all(
    tenantry: App, admin: UserData, monitor: UserData, superadmin: Actor, stranger: UserData
) -> None:
    own = {"root", admin.username, monitor.username}
    for who, seen in ((admin, own), (monitor, own), (superadmin, own | {"stranger"})):
        with acting_as(who):
            found = await walk(tenantry, UserOrder.USERNAME, limit=1)
        assert {user.username for user in found} == seen


async def test_a_plain_user_lists_nobody(tenantry: App, john: UserData, trail: Trail) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await walk(tenantry, UserOrder.USERNAME)
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await walk(tenantry, UserOrder.USERNAME)
    assert [entry.outcome for entry in await trail("user.list")] == [Outcome.DENIED] * 2


async def test_a_listing_leaves_no_entry(tenantry: App, trail: Trail) -> None:
    await walk(tenantry, UserOrder.USERNAME)
    assert await trail("user.list") == []


async def test_a_cursor_fits_its_own_question_and_asker_only(
    tenantry: App, admin: UserData, superadmin: Actor, other_tenant: str
) -> None:
    await some(tenantry)
    lister = tenantry.users.list_users
    with acting_as(admin):
        page = await lister.wait_for_complete(ListUsersAction(limit=2))
        cursor = page.next_cursor
        assert cursor is not None
        second = await lister.wait_for_complete(ListUsersAction(limit=3, cursor=cursor))
        assert len(second.items) == 3
        wrong_order = ListUsersAction(cursor=cursor, order=UserOrder.CREATED)
        turned = ListUsersAction(cursor=cursor, order=UserOrder.USERNAME_DESCENDING)
        for action in (wrong_order, turned):
            with pytest.raises(InvalidInput) as refused:
                await lister.wait_for_complete(action)
            assert refused.value.field == "cursor"
        other_filter = SearchUsersAction(filter=UserFilter(text="u"), cursor=cursor)
        with pytest.raises(InvalidInput):
            await tenantry.users.search_users.wait_for_complete(other_filter)
    chief = await make_user(tenantry, "chief", role="admin", domain_name=other_tenant)
    for who in (chief, superadmin):
        with acting_as(who), pytest.raises(InvalidInput):
            await lister.wait_for_complete(ListUsersAction(cursor=cursor))


async def test_a_cursor_with_any_character_changed_is_refused(tenantry: App) -> None:
    await some(tenantry)
    lister = tenantry.users.list_users
    cursor = (await lister.wait_for_complete(ListUsersAction(limit=2))).next_cursor
    assert cursor is not None
    spoilt = [
        cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :]
        for i in range(len(cursor) - 1)
    ]
    for wrong in [*spoilt, cursor[:-4], cursor + "AAAA", cursor * 2]:
        with pytest.raises(InvalidInput) as refused:
            await lister.wait_for_complete(ListUsersAction(cursor=wrong))
        assert refused.value.field == "cursor"


async def test_a_cursor_outlives_the_row_that_it_names(tenantry: App) -> None:
    await some(tenantry)
    lister = tenantry.users.list_users
    page = await lister.wait_for_complete(ListUsersAction(limit=5))
    last = page.items[-1].username
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user=last))
    following = await lister.wait_for_complete(ListUsersAction(limit=1, cursor=page.next_cursor))
    assert following.items[0].username > last
