"""What the tests of groups need."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.groups.actions import CreateGroupAction, ListGroupsAction
from tenantry.groups.companion import GroupCompanion
from tenantry.groups.model import GroupData
from tenantry.groups.processors import GroupProcessors
from tenantry.groups.repository import GroupRepository
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

OTHER_TENANT = UUID(int=2)

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


@pytest.fixture
async def other_tenant(tenantry: App, owner: asyncpg.Connection) -> str:
    """The name of a second tenant."""
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        OTHER_TENANT,
    )
    return "other"


@pytest.fixture
async def stranger(tenantry: App, other_tenant: str) -> UserData:
    """A plain user of the second tenant."""
    return await make_user(tenantry, "stranger", domain_name=other_tenant)


@pytest.fixture
def trail(tenantry: App) -> Callable[[str], Awaitable[list[AuditEntry]]]:
    """The entries of a tag, newest first."""

    async def entries(tag: str) -> list[AuditEntry]:
        page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action=tag))
        return page.items

    return entries
