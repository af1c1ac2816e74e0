"""Memberships that are said with a user.

Of the scenarios and defects that the facts list for projects, the ones about a project of the
kind "model store", which everybody joins, cannot apply: our groups have no kinds.
"""

from collections.abc import Awaitable, Callable

import pytest

from tenantry.app import App
from tenantry.audit.model import AuditEntry
from tenantry.errors import (
    PermissionError,
    UserConflict,
    UserCreationBadRequest,
    UserModificationBadRequest,
    UserNotFound,
)
from tenantry.groups.companion import GroupCompanion
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole

from .conftest import GroupsOf, MakeGroup

pytestmark = pytest.mark.anyio


async def modified(tenantry: App, user: str, **fields: object) -> UserData:
    """Change a user."""
    said = {name: OptionalState.update(value) for name, value in fields.items()}
    action = ModifyUserAction(user=user, modifier=UserModifier(**said))  # type: ignore[arg-type]  # each field has a type of its own
    return (await tenantry.users.modify_user.wait_for_complete(action)).data


async def test_scenario_10_a_user_is_created_into_groups_named_by_id_or_name(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf
) -> None:
    lab, _, _ = await make_group("lab"), await make_group("Office"), await make_group("other")
    named = [str(lab.id), "office", "OFFICE", str(lab.id)]
    user = await make_user(tenantry, "amy", group_ids=named)
    assert await groups_of(user) == ["lab", "Office"]


@pytest.mark.parametrize("given", [None, []])
async def test_bug_22_a_user_without_groups_is_created_into_none(
    tenantry: App, groups_of: GroupsOf, given: list[str] | None
) -> None:
    user = await make_user(tenantry, "amy", group_ids=given)
    assert await groups_of(user) == []


async def test_an_unknown_or_foreign_group_is_named_and_nothing_is_created(
    tenantry: App, make_group: MakeGroup, companion: GroupCompanion, other_tenant: str
) -> None:
    foreign = await make_group("theirs", other_tenant)
    await make_group("lab")
    named = ["lab", "nowhere", str(foreign.id), "theirs"]
    with pytest.raises(UserCreationBadRequest) as refused:
        await make_user(tenantry, "amy", group_ids=named)
    violations = refused.value.violations
    assert {violation.field for violation in violations} == {"group_ids"}
    assert [str(foreign.id) in v.message for v in violations] == [False, True, False]
    with pytest.raises(UserNotFound):
        await tenantry.users.get_user.wait_for_complete(GetUserAction(user="amy"))


async def test_bug_04_groups_are_replaced_without_a_change_of_tenant(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf
) -> None:
    for name in ("one", "two", "three"):
        await make_group(name)
    user = await make_user(tenantry, "amy", group_ids=["one", "two"])
    await modified(tenantry, "amy", group_ids=["two", "three"])
    assert await groups_of(user) == ["three", "two"]


async def test_scenario_21_an_empty_list_removes_all_and_is_noted(
    tenantry: App,
    make_group: MakeGroup,
    groups_of: GroupsOf,
    trail: Callable[[str], Awaitable[list[AuditEntry]]],
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    await modified(tenantry, "amy", group_ids=[])
    assert await groups_of(user) == []
    changes = [entry.changes for entry in await trail("user.modify")]
    assert {"group_ids": [["one"], []]} in changes


async def test_bug_05_groups_that_are_not_mentioned_stay(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    await modified(tenantry, "amy", need_password_change=True)
    assert await groups_of(user) == ["one"]


async def test_scenario_20_bug_06_a_change_of_role_keeps_the_groups(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    for role in (UserRole.ADMIN, UserRole.MONITOR, UserRole.USER):
        if role is UserRole.MONITOR:
            await make_user(tenantry, "second", role=UserRole.ADMIN)
        await modified(tenantry, "amy", role=role)
        assert await groups_of(user) == ["one"]


async def test_bug_39_a_change_of_tenant_drops_the_groups_of_the_old_one(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf, other_tenant: str
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    moved = await modified(tenantry, "amy", domain_name=other_tenant)
    assert (moved.domain_name, await groups_of(user)) == (other_tenant, [])


async def test_scenario_18_a_change_of_tenant_may_name_groups_of_the_new_one(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf, other_tenant: str
) -> None:
    await make_group("one")
    await make_group("one", other_tenant)
    user = await make_user(tenantry, "amy", group_ids=["one"])
    await modified(tenantry, "amy", domain_name=other_tenant, group_ids=["one"])
    assert await groups_of(user) == ["one"]


async def test_a_change_of_tenant_with_a_group_of_the_old_one_changes_nothing(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf, other_tenant: str
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    with pytest.raises(UserModificationBadRequest) as refused:
        await modified(tenantry, "amy", domain_name=other_tenant, group_ids=["one"])
    assert refused.value.field == "group_ids"
    found = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="amy"))
    assert (found.data, await groups_of(user)) == (user, ["one"])


async def test_bug_40_groups_and_the_user_change_together_or_not_at_all(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf, john: UserData
) -> None:
    await make_group("one")
    user = await make_user(tenantry, "amy", group_ids=["one"])
    with pytest.raises(UserModificationBadRequest):
        await modified(tenantry, "amy", username="amelia", group_ids=["nowhere"])
    with pytest.raises(UserConflict):
        await modified(tenantry, "amy", username="john", group_ids=[])
    found = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="amy"))
    assert (found.data, await groups_of(user)) == (user, ["one"])


def test_bug_41_null_groups_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="cannot be null"):
        OptionalState[list[str]].update(None)  # type: ignore[arg-type]  # what is refused here


async def test_plain_users_do_not_choose_their_groups(
    tenantry: App, make_group: MakeGroup, companion: GroupCompanion, john: UserData
) -> None:
    await make_group("one")
    with acting_as(john), pytest.raises(PermissionError) as denied:
        await modified(tenantry, "john", group_ids=["one"])
    assert denied.value.field == "group_ids"


async def test_forgetting_a_user_removes_the_memberships_and_nobody_elses(
    tenantry: App, make_group: MakeGroup, groups_of: GroupsOf, companion: GroupCompanion
) -> None:
    await make_group("one")
    amy = await make_user(tenantry, "amy", group_ids=["one"])
    bea = await make_user(tenantry, "bea", group_ids=["one"])
    async with tenantry.database.transaction() as tx:
        await companion.forget(tx, amy.id)
    assert (await groups_of(amy), await groups_of(bea)) == ([], ["one"])
