"""Which permissions of the system a changed role would give and take."""

from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.grants.actions import WhatIfRoleAction
from tenantry.grants.model import RoleChange
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.users import actor_of, make_user
from tenantry.users.model import UserData, UserRole

from .conftest import MakeRole

pytestmark = pytest.mark.anyio

NEW = ["SELECT", "user.unlock", "user.search"]


async def effects(app: App, change: RoleChange) -> dict[str, tuple[list[str], list[str]]]:
    action = WhatIfRoleAction(role="helpdesk", change=change, limit=2)
    found: dict[str, tuple[list[str], list[str]]] = {}
    while True:
        page = await app.grants.what_if_role.wait_for_complete(action)
        found |= {e.username: (e.gained_permissions, e.lost_permissions) for e in page.items}
        if page.next_cursor is None:
            return found
        action = WhatIfRoleAction(role="helpdesk", change=change, limit=2, cursor=page.next_cursor)


@pytest.fixture
async def people(tenantry: App, make_role: MakeRole, acme: str) -> list[UserData]:
    """Who holds the role: itself, by another, beside another, beyond a tenant, in vain."""
    amy, zoe, bea = [await make_user(tenantry, name) for name in ("amy", "zoe", "bea")]
    out = await make_user(tenantry, "out", domain_name=acme)
    boss = await make_user(tenantry, "boss", role=UserRole.ADMIN)
    shut = await make_user(tenantry, "shut")
    own = ["SELECT", "user.lock", "user.unlock"]
    role_id = await make_role("helpdesk", *own, members=[amy, bea, boss, shut])
    await make_role("heir", members=[zoe], parents=[role_id])
    await make_role("beside", "user.lock", "user.search", members=[bea])
    await make_role("strange", tenant="default", members=[out], parents=[role_id])
    await tenantry.run(LockAccountAction(user="shut", reason="x"))
    return [amy, zoe, bea, out, boss]


async def test_it_is_told_who_would_gain_and_lose_permissions_of_the_system(
    tenantry: App, people: list[UserData]
) -> None:
    assert await effects(tenantry, RoleChange(permissions=OptionalState.update(NEW))) == {
        "amy": (["user.search"], ["user.lock"]),
        "zoe": (["user.search"], ["user.lock"]),
    }
    dropped = RoleChange(permissions=OptionalState.update(["SELECT"]))
    assert await effects(tenantry, dropped) == {
        "amy": ([], ["user.lock", "user.unlock"]),
        "zoe": ([], ["user.lock", "user.unlock"]),
        "bea": ([], ["user.unlock"]),
    }
    elsewhere = await effects(tenantry, RoleChange(databases=TriState.update(["d"])))
    assert elsewhere
    assert all(effect == ([], []) for effect in elsewhere.values())


async def test_what_was_told_is_what_becomes_of_it(
    tenantry: App, people: list[UserData], owner: asyncpg.Connection
) -> None:
    told = await effects(tenantry, RoleChange(permissions=OptionalState.update(NEW)))
    before = await permissions(tenantry, people)
    await owner.execute("update roles set permissions = $1 where name = 'helpdesk'", NEW)
    after = await permissions(tenantry, people)
    by_id = {user.id: user.username for user in people if user.role is UserRole.USER}
    became = {
        name: (sorted(after[id] - before[id]), sorted(before[id] - after[id]))
        for id, name in by_id.items()
        if after[id] != before[id]
    }
    assert became == told


async def permissions(app: App, people: list[UserData]) -> dict[UUID, frozenset[str]]:
    """What these users' credentials carry now."""
    return {user.id: (await actor_of(app, user)).permissions for user in people}
