"""Giving roles to roles, and what must not come of it."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import PermissionError, RoleNotFound, StateConflict
from tenantry.kernel.action import acting_as
from tenantry.kernel.transaction import Transaction
from tenantry.roles.actions import (
    DeleteRoleAction,
    DisinheritRoleAction,
    GetRoleAction,
    InheritRoleAction,
)
from tenantry.roles.processors import RoleProcessors
from tenantry.roles.repository import RoleRepository
from tenantry.users.model import UserData
from tests.conftest import Trail

from .conftest import MakeRole

pytestmark = pytest.mark.anyio


async def inherit(roles: RoleProcessors, role: str, parent: str) -> bool:
    result = await roles.inherit.wait_for_complete(InheritRoleAction(role, parent))
    return result.changed


async def inherited(roles: RoleProcessors, name: str) -> list[str]:
    return (await roles.get_role.wait_for_complete(GetRoleAction(name))).data.inherits


async def test_a_role_inherits_from_others_and_no_more(
    roles: RoleProcessors, make_role: MakeRole, trail: Trail, owner: asyncpg.Connection
) -> None:
    for name in ("lead", "developer", "tester"):
        made = await make_role(name)
    assert await inherit(roles, "lead", "tester")
    assert await inherit(roles, "lead", "developer")
    assert not await inherit(roles, "lead", "developer")
    assert await inherited(roles, "lead") == ["developer", "tester"]
    action = DisinheritRoleAction("lead", "tester")
    assert (await roles.disinherit.wait_for_complete(action)).changed
    assert not (await roles.disinherit.wait_for_complete(action)).changed
    assert await inherited(roles, "lead") == ["developer"]
    assert [e.changes for e in await trail("role.inherit")] == [
        {},
        {"inherits": [None, "developer"]},
        {"inherits": [None, "tester"]},
    ]
    lead = (await roles.get_role.wait_for_complete(GetRoleAction("lead"))).data
    noted = "select count(*) from change_log where kind = 'role' and subject_id = $1"
    assert await owner.fetchval(noted, lead.id) == 4
    assert await owner.fetchval(noted, made.id) == 1


async def test_a_cycle_is_refused_and_the_error_shows_the_way_round(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    for name in ("a", "b", "c", "d"):
        await make_role(name)
    for role, parent in (("b", "c"), ("c", "d"), ("a", "b"), ("a", "d")):
        await inherit(roles, role, parent)
    with pytest.raises(StateConflict, match="d -> a -> d") as cycle:
        await inherit(roles, "d", "a")
    assert cycle.value.data == {"path": ["d", "a", "d"]}
    with pytest.raises(StateConflict, match="d -> b -> c -> d"):
        await inherit(roles, "d", "b")
    with pytest.raises(StateConflict, match="a -> a"):
        await inherit(roles, "a", "a")
    assert await inherited(roles, "d") == []


async def test_unknown_roles_are_named(roles: RoleProcessors, make_role: MakeRole) -> None:
    await make_role("there")
    for role, parent in (("there", "nowhere"), ("nowhere", "there")):
        with pytest.raises(RoleNotFound):
            await inherit(roles, role, parent)


async def test_a_role_inherits_from_its_own_tenant_and_the_platform_only(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData, other_tenant: str
) -> None:
    platform = await make_role("base")
    own = await make_role("own", by=admin)
    foreign = await make_role("foreign", tenant=other_tenant)
    assert await inherit(roles, str(own.id), str(platform.id))
    for role, parent in ((own, foreign), (platform, own)):
        with pytest.raises(StateConflict):
            await inherit(roles, str(role.id), str(parent.id))


async def test_an_admin_gives_to_the_own_roles_what_is_held(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData, other_tenant: str
) -> None:
    await make_role("base", ["SELECT"])
    await make_role("helpdesk", ["user.lock"])
    await make_role("own", by=admin)
    foreign = await make_role("foreign", tenant=other_tenant)
    with acting_as(admin):
        assert await inherit(roles, "own", "helpdesk")
        with pytest.raises(PermissionError, match="SELECT"):
            await inherit(roles, "own", "base")
        with pytest.raises(PermissionError):
            await inherit(roles, "base", "helpdesk")
        for role, parent in (("own", str(foreign.id)), (str(foreign.id), "own")):
            with pytest.raises(RoleNotFound):
                await inherit(roles, role, parent)


async def two_chains(roles: RoleProcessors, make_role: MakeRole) -> None:
    """b -> c and d -> a: with a -> b and c -> d they are a ring, with one of the two a line."""
    for name in "abcd":
        await make_role(name)
    await inherit(roles, "b", "c")
    await inherit(roles, "d", "a")


async def test_of_two_edits_at_once_that_would_close_a_cycle_one_is_refused(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    await two_chains(roles, make_role)
    edits = inherit(roles, "a", "b"), inherit(roles, "c", "d")
    ended = await asyncio.gather(*edits, return_exceptions=True)
    assert {type(one) for one in ended} == {bool, StateConflict}


async def test_without_the_lock_both_edits_would_be_let_through(
    roles: RoleProcessors, make_role: MakeRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive build: each looks for a cycle and then writes, and two do so at once."""
    await two_chains(roles, make_role)
    met = asyncio.Barrier(2)
    ancestry = RoleRepository.ancestry

    async def unlocked(self: RoleRepository, tx: Transaction) -> None:
        """Wait for nobody."""

    async def looked(
        self: RoleRepository, tx: Transaction, role_id: UUID
    ) -> list[tuple[UUID, UUID, str]]:
        found = await ancestry(self, tx, role_id)
        await met.wait()
        return found

    monkeypatch.setattr(RoleRepository, "hold_inheritance", unlocked)
    monkeypatch.setattr(RoleRepository, "ancestry", looked)
    edits = inherit(roles, "a", "b"), inherit(roles, "c", "d")
    assert list(await asyncio.gather(*edits)) == [True, True]


async def test_a_role_that_is_inherited_can_be_deleted(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole
) -> None:
    for name in ("child", "parent"):
        await make_role(name)
    await inherit(roles, "child", "parent")
    await roles.delete_role.wait_for_complete(DeleteRoleAction("parent"))
    assert await inherited(roles, "child") == []
