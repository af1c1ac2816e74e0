"""What the tests of groups need."""

from collections.abc import Awaitable, Callable

import pytest

from tenantry.app import App
from tenantry.groups.actions import CreateGroupAction, ListGroupsAction
from tenantry.groups.companion import GroupCompanion
from tenantry.groups.model import GroupData
from tenantry.groups.processors import GroupProcessors
from tenantry.groups.repository import GroupRepository
from tenantry.users.model import UserData

MakeGroup = Callable[..., Awaitable[GroupData]]
GroupsOf = Callable[[UserData], Awaitable[list[str]]]


@pytest.fixture
def companion(tenantry: App) -> GroupCompanion:
    """The groups' part in what happens to users."""
    return GroupCompanion(group_repository=GroupRepository(), clock=tenantry.clock)


@pytest.fixture
def groups(tenantry: App) -> GroupProcessors:
    """The processors of groups."""
    return tenantry.groups


@pytest.fixture
def make_group(groups: GroupProcessors) -> MakeGroup:
    """Create a group, in the first tenant unless told otherwise."""

    async def make(name: str, domain_name: str | None = None) -> GroupData:
        action = CreateGroupAction(name=name, domain_name=domain_name)
        return (await groups.create_group.wait_for_complete(action)).data

    return make


@pytest.fixture
def groups_of(groups: GroupProcessors) -> GroupsOf:
    """The names of the groups that a user is in."""

    async def names(user: UserData) -> list[str]:
        page = await groups.list_groups.wait_for_complete(ListGroupsAction(user=str(user.id)))
        return [group.name for group in page.items]

    return names
