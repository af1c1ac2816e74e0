"""Who may do something somewhere, page by page."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.grants.actions import (
    ListHoldersAction,
)
from tenantry.grants.holder_queries import WALKED
from tenantry.kernel.action import acting_as
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.users import make_user
from tenantry.users.model import UserRole

from .conftest import Give, MakeRole, holders

pytestmark = pytest.mark.anyio


@pytest.mark.usefixtures("way")
async def test_who_may_is_listed_whatever_the_way(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any
) -> None:
    people = [await make_user(tenantry, f"user-{n}") for n in range(9)]
    parent = await make_role("parent", "SELECT", databases=["d"])
    await make_role("child", members=people[1:3], parents=[parent])
    await make_role("elsewhere", "SELECT", databases=["e"], members=people[3:4])
    await make_role("writer", "INSERT", members=people[4:5])
    await give("writer", "SELECT", database="d", schema="public")
    await give("user-5", "ALL")
    await give("user-6", "SELECT", database="d", table="t")
    await give("user-7", "SELECT", database="d", valid_from=clock.now() + timedelta(days=1))
    await give("user-8", "SELECT", database="d")
    await tenantry.run(LockAccountAction(user="user-8", reason="x"))
    on_table = [f"user-{n}" for n in (1, 2, 4, 5, 6)]
    for limit in (1, 2, 50):
        found = await holders(tenantry, "select", database="d", table="t", limit=limit)
        assert found == on_table
    assert await holders(tenantry, "SELECT", database="d") == ["user-1", "user-2", "user-5"]
    assert await holders(tenantry, "SELECT") == ["user-5"]
    assert await holders(tenantry, "DROP_TABLE", database="x") == ["user-5"]


@pytest.mark.usefixtures("way")
async def test_who_may_is_found_behind_somebody_with_very_many_roles(
    tenantry: App, owner: asyncpg.Connection, give: Give, make_role: MakeRole, acme: str
) -> None:
    people = [await make_user(tenantry, f"user-{n}", domain_name=acme) for n in range(3)]
    await make_role("reader", "SELECT", members=people[1:2])
    await give("user-2", "SELECT")
    await owner.execute(
        "with made as (insert into roles (id, name, name_key, permissions, created_at, modified_at)"
        " select gen_random_uuid(), 'other-' || n, 'other-' || n, '{}', now(), now()"
        " from generate_series(1, 2 * $2::int) n returning id)"
        " insert into role_members (role_id, user_id, assigned_at) select id, $1, now() from made",
        people[0].id,
        2 * WALKED,
    )
    assert await holders(tenantry, "SELECT", limit=1) == ["user-1", "user-2"]
    boss = await make_user(tenantry, "boss", domain_name=acme, role=UserRole.ADMIN)
    with acting_as(boss):
        assert await holders(tenantry, "SELECT", limit=1) == ["user-1", "user-2"]


@pytest.mark.usefixtures("way")
async def test_many_candidates_of_whom_few_may_are_passed_over_page_by_page(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any
) -> None:
    people = [await make_user(tenantry, f"user-{n:02}") for n in range(30)]
    await make_role("many", members=people)
    await give("many", "SELECT", database="d", valid_from=clock.now() + timedelta(days=1))
    await give("user-29", "SELECT", database="d")
    assert await holders(tenantry, "SELECT", database="d", limit=2) == ["user-29"]
    action = ListHoldersAction(permission="SELECT", database="d", limit=1)
    page = await tenantry.grants.list_holders.wait_for_complete(action)
    assert [holder.username for holder in page.items] == ["user-29"], "the first page is full"
