"""Creating, showing, listing, changing and deleting groups."""

import asyncio

import pytest

from tenantry.app import App
from tenantry.errors import (
    GroupConflict,
    GroupNotFound,
    InvalidInput,
    PermissionError,
    TenantNotFound,
    VersionConflict,
)
from tenantry.groups.actions import (
    AddMemberAction,
    CreateGroupAction,
    DeleteGroupAction,
    GetGroupAction,
    ListGroupsAction,
    ModifyGroupAction,
)
from tenantry.groups.model import GroupModifier
from tenantry.groups.processors import GroupProcessors
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail

from .conftest import GroupsOf, MakeGroup

pytestmark = pytest.mark.anyio


async def test_an_admin_creates_a_group_in_the_own_tenant(
    groups: GroupProcessors, admin: UserData, trail: Trail
) -> None:
    with acting_as(admin):
        action = CreateGroupAction(name="Data Science", description="people with data")
        made = (await groups.create_group.wait_for_complete(action)).data
    assert (made.name, made.description) == ("Data Science", "people with data")
    assert (made.tenant_id, made.domain_name, made.version) == (admin.tenant_id, "default", 1)
    [entry] = await trail("group.create")
    assert (entry.target, entry.target_id, entry.actor_id) == (made.name, made.id, admin.id)


async def test_one_name_is_taken_once_in_a_tenant_in_whatever_form(
    groups: GroupProcessors, make_group: MakeGroup, other_tenant: str
) -> None:
    await make_group("research")
    for name in ("research", "RESEARCH", "ｒｅｓｅａｒｃｈ"):
        with pytest.raises(GroupConflict) as conflict:
            await make_group(name)
        assert conflict.value.field == "name"
    assert (await make_group("research", other_tenant)).domain_name == other_tenant


async def test_of_twenty_who_create_the_same_group_at_once_one_succeeds(
    groups: GroupProcessors, make_group: MakeGroup
) -> None:
    ended = await asyncio.gather(*(make_group("race") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, GroupConflict) for result in ended) == 19


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (" padded", "invalid_character"),
        ("tab\there", "invalid_character"),
        ("zero\u200bwidth", "invalid_character"),
        ("x" * 65, "too_long"),
        ("0192d3a4-0000-7000-8000-000000000000", "reserved"),
        ("n\u0301" * 100_000, "too_long"),
    ],
)
async def test_a_name_that_cannot_be_one_is_refused_by_field(
    make_group: MakeGroup, name: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await make_group(name)
    assert [(v.field, v.code) for v in refused.value.violations] == [("name", code)]


async def test_a_group_is_found_by_name_and_by_id(
    groups: GroupProcessors, make_group: MakeGroup
) -> None:
    made = await make_group("lab")
    for named in ("lab", "LAB", str(made.id)):
        found = await groups.get_group.wait_for_complete(GetGroupAction(named))
        assert found.data == made


async def test_another_tenants_group_is_like_none_for_an_admin(
    groups: GroupProcessors, make_group: MakeGroup, admin: UserData, other_tenant: str
) -> None:
    foreign = await make_group("secret", other_tenant)
    with acting_as(admin):
        for named in ("secret", str(foreign.id)):
            with pytest.raises(GroupNotFound):
                await groups.get_group.wait_for_complete(GetGroupAction(named))
            with pytest.raises(GroupNotFound):
                await groups.delete_group.wait_for_complete(DeleteGroupAction(named))
        for domain_name in ("other", "no-such-tenant"):
            action = GetGroupAction("secret", domain_name=domain_name)
            with pytest.raises(TenantNotFound):
                await groups.get_group.wait_for_complete(action)
        page = await groups.list_groups.wait_for_complete(ListGroupsAction())
        assert page.items == []


async def test_plain_users_see_the_groups_that_they_are_in_and_no_others(
    groups: GroupProcessors, make_group: MakeGroup, john: UserData
) -> None:
    mine, _ = await make_group("mine"), await make_group("theirs")
    await groups.add_member.wait_for_complete(AddMemberAction("mine", "john"))
    with acting_as(john):
        page = await groups.list_groups.wait_for_complete(ListGroupsAction())
        assert page.items == [mine]
        with pytest.raises(GroupNotFound):
            await groups.get_group.wait_for_complete(GetGroupAction("theirs"))


async def test_plain_users_and_monitors_change_no_group(
    tenantry: App, groups: GroupProcessors, make_group: MakeGroup, john: UserData, trail: Trail
) -> None:
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    made = await make_group("lab")
    for who in (john, monitor):
        with acting_as(who), pytest.raises(PermissionError):
            await groups.create_group.wait_for_complete(CreateGroupAction(name="x"))
        with acting_as(who), pytest.raises(PermissionError):
            await groups.delete_group.wait_for_complete(DeleteGroupAction("lab"))
    assert (await groups.get_group.wait_for_complete(GetGroupAction("lab"))).data == made
    assert {entry.outcome for entry in await trail("group.delete")} == {Outcome.DENIED}


async def test_a_list_comes_in_pages_that_miss_nothing(
    groups: GroupProcessors, make_group: MakeGroup, other_tenant: str
) -> None:
    names = [f"group {i}" for i in range(5)]
    for name in reversed(names):
        await make_group(name)
    await make_group("group 2", other_tenant)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        action = ListGroupsAction(limit=2, cursor=cursor)
        page = await groups.list_groups.wait_for_complete(action)
        seen += [group.name for group in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted([*names, "group 2"])
    with pytest.raises(InvalidInput):
        await groups.list_groups.wait_for_complete(ListGroupsAction(cursor="bm9uc2Vuc2U"))


async def test_a_change_is_stored_noted_and_guarded_by_the_version(
    groups: GroupProcessors, make_group: MakeGroup, trail: Trail
) -> None:
    made = await make_group("lab")
    modifier = GroupModifier(
        name=OptionalState.update("Laboratory"), description=TriState.update("")
    )
    action = ModifyGroupAction(str(made.id), modifier, version=1)
    changed = (await groups.modify_group.wait_for_complete(action)).data
    assert (changed.name, changed.description, changed.version) == ("Laboratory", "", 2)
    with pytest.raises(VersionConflict):
        await groups.modify_group.wait_for_complete(action)
    entry = (await trail("group.modify"))[-1]
    assert entry.changes == {"name": ["lab", "Laboratory"], "description": [None, ""]}
    cleared = ModifyGroupAction("laboratory", GroupModifier(description=TriState.nullify()))
    assert (await groups.modify_group.wait_for_complete(cleared)).data.description is None


async def test_a_group_cannot_take_anothers_name_and_an_empty_modifier_is_refused(
    groups: GroupProcessors, make_group: MakeGroup
) -> None:
    await make_group("one")
    await make_group("two")
    taken = ModifyGroupAction("two", GroupModifier(name=OptionalState.update("ONE")))
    with pytest.raises(GroupConflict):
        await groups.modify_group.wait_for_complete(taken)
    with pytest.raises(InvalidInput):
        await groups.modify_group.wait_for_complete(ModifyGroupAction("two"))


async def test_deleting_a_group_leaves_its_members_as_users(
    tenantry: App,
    groups: GroupProcessors,
    make_group: MakeGroup,
    groups_of: GroupsOf,
    john: UserData,
) -> None:
    await make_group("lab")
    await groups.add_member.wait_for_complete(AddMemberAction("lab", "john"))
    await groups.delete_group.wait_for_complete(DeleteGroupAction("lab"))
    assert await groups_of(john) == []
    same = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
    assert same.data == john
    with pytest.raises(GroupNotFound):
        await groups.delete_group.wait_for_complete(DeleteGroupAction("lab"))
