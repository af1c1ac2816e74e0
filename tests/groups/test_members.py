"""Putting users into groups, taking them out, and listing who is in."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import GroupNotFound, PermissionError, StateConflict, UserNotFound
from tenantry.groups.actions import (
    AddMemberAction,
    DeleteGroupAction,
    ListGroupsAction,
    ListMembersAction,
    RemoveMemberAction,
)
from tenantry.groups.processors import GroupProcessors
from tenantry.kernel.action import Actor, acting_as
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole
from tests.conftest import OTHER_TENANT

from .conftest import GroupsOf, MakeGroup

pytestmark = pytest.mark.anyio


async def test_a_user_joins_and_leaves_and_both_can_be_repeated(
    groups: GroupProcessors,
    make_group: MakeGroup,
    groups_of: GroupsOf,
    admin: UserData,
    john: UserData,
) -> None:
    await make_group("lab")
    with acting_as(admin):
        for changed in (True, False):
            joined = await groups.add_member.wait_for_complete(AddMemberAction("lab", "john"))
            assert joined.changed is changed
        assert await groups_of(john) == ["lab"]
        for changed in (True, False):
            left = await groups.remove_member.wait_for_complete(RemoveMemberAction("lab", "john"))
            assert left.changed is changed
    assert await groups_of(john) == []


async def test_of_twenty_who_add_one_member_at_once_one_changes_something(
    groups: GroupProcessors, make_group: MakeGroup, groups_of: GroupsOf, john: UserData
) -> None:
    await make_group("lab")
    adding = (
        groups.add_member.wait_for_complete(AddMemberAction("lab", "john")) for _ in range(20)
    )
    assert sum(result.changed for result in await asyncio.gather(*adding)) == 1
    assert await groups_of(john) == ["lab"]


async def test_nobody_joins_a_group_of_another_tenant(
    groups: GroupProcessors,
    make_group: MakeGroup,
    admin: UserData,
    superadmin: Actor,
    stranger: UserData,
    john: UserData,
    other_tenant: str,
) -> None:
    own, foreign = await make_group("lab"), await make_group("their lab", other_tenant)
    with acting_as(admin), pytest.raises(UserNotFound):
        await groups.add_member.wait_for_complete(AddMemberAction("lab", "stranger"))
    with acting_as(admin), pytest.raises(GroupNotFound):
        await groups.add_member.wait_for_complete(AddMemberAction(str(foreign.id), "john"))
    with acting_as(superadmin), pytest.raises(StateConflict):
        await groups.add_member.wait_for_complete(AddMemberAction(str(own.id), "stranger"))
    action = AddMemberAction("their lab", "john", domain_name=other_tenant)
    with acting_as(superadmin), pytest.raises(StateConflict):
        await groups.add_member.wait_for_complete(action)


async def test_the_schema_itself_holds_the_wall_between_tenants(
    make_group: MakeGroup, john: UserData, stranger: UserData, owner: asyncpg.Connection
) -> None:
    lab = await make_group("lab")
    insert = (
        "insert into memberships (group_id, user_id, tenant_id, added_at)"
        " values ($1, $2, $3, now())"
    )
    for tenant_id in (lab.tenant_id, OTHER_TENANT):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await owner.execute(insert, lab.id, stranger.id, tenant_id)
    await owner.execute(insert, lab.id, john.id, lab.tenant_id)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("update users set tenant_id = $2 where id = $1", john.id, OTHER_TENANT)


async def test_an_admin_does_not_move_a_superadmin(
    tenantry: App, groups: GroupProcessors, make_group: MakeGroup, admin: UserData
) -> None:
    await make_group("lab")
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    with acting_as(admin), pytest.raises(PermissionError):
        await groups.add_member.wait_for_complete(AddMemberAction("lab", "boss"))


async def test_a_deleted_user_joins_no_group(
    tenantry: App, groups: GroupProcessors, make_group: MakeGroup, john: UserData
) -> None:
    await make_group("lab")
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    with pytest.raises(StateConflict):
        await groups.add_member.wait_for_complete(AddMemberAction("lab", "john"))


async def test_joining_a_group_that_is_deleted_at_the_same_time_is_clean_either_way(
    groups: GroupProcessors, make_group: MakeGroup, groups_of: GroupsOf, john: UserData
) -> None:
    for number in range(10):
        name = f"lab {number}"
        await make_group(name)
        joined, deleted = await asyncio.gather(
            groups.add_member.wait_for_complete(AddMemberAction(name, "john")),
            groups.delete_group.wait_for_complete(DeleteGroupAction(name)),
            return_exceptions=True,
        )
        assert not isinstance(deleted, BaseException)
        assert isinstance(joined, GroupNotFound) or not isinstance(joined, BaseException)
    assert await groups_of(john) == []


async def test_members_are_listed_in_pages_by_username(
    tenantry: App, groups: GroupProcessors, make_group: MakeGroup, admin: UserData, john: UserData
) -> None:
    await make_group("lab")
    for name in ("zoe", "amy", "max"):
        await make_user(tenantry, name)
        await groups.add_member.wait_for_complete(AddMemberAction("lab", name))
    with acting_as(admin):
        first = await groups.list_members.wait_for_complete(ListMembersAction(group="lab", limit=2))
        rest = await groups.list_members.wait_for_complete(
            ListMembersAction(group="lab", limit=2, cursor=first.next_cursor)
        )
    assert [member.username for member in first.items + rest.items] == ["amy", "max", "zoe"]
    assert rest.next_cursor is None
    with acting_as(john), pytest.raises(PermissionError):
        await groups.list_members.wait_for_complete(ListMembersAction(group="lab"))


async def test_the_groups_of_somebody_out_of_sight_are_not_told(
    groups: GroupProcessors, admin: UserData, stranger: UserData
) -> None:
    with acting_as(admin), pytest.raises(UserNotFound):
        await groups.list_groups.wait_for_complete(ListGroupsAction(user="stranger"))
