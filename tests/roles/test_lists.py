"""Listing and searching roles, a page at a time."""

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput
from tenantry.kernel.action import acting_as
from tenantry.roles.actions import ListRolesAction, SearchRolesAction
from tenantry.roles.model import RoleFilter
from tenantry.roles.processors import RoleProcessors
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import Assign, MakeRole

pytestmark = pytest.mark.anyio


async def search(roles: RoleProcessors, **conditions: str) -> list[str]:
    action = SearchRolesAction(filter=RoleFilter(**conditions))
    page = await roles.search_roles.wait_for_complete(action)
    return [role.name for role in page.items]


async def test_pages_are_complete_and_in_order_and_say_how_many_hold_each(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, assign: Assign
) -> None:
    names = [f"role-{number}" for number in range(7)]
    for name in reversed(names):
        await make_role(name)
    for number in range(3):
        person = await make_user(tenantry, f"person-{number}", is_active=number > 0)
        await assign(person, *names[: number + 1])
    found = []
    cursor = None
    while True:
        page = await roles.list_roles.wait_for_complete(ListRolesAction(limit=3, cursor=cursor))
        found += [(role.name, role.user_count) for role in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == list(zip(names, [3, 2, 1, 0, 0, 0, 0], strict=True))


async def test_a_cursor_of_another_question_is_refused(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData
) -> None:
    for name in ("a", "b"):
        await make_role(name)
    page = await roles.list_roles.wait_for_complete(ListRolesAction(limit=1))
    action = ListRolesAction(limit=1, cursor=page.next_cursor)
    with acting_as(admin), pytest.raises(InvalidInput):
        await roles.list_roles.wait_for_complete(action)


async def test_an_admin_lists_the_own_roles_and_the_platforms(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, admin: UserData, other_tenant: str
) -> None:
    await make_role("shared")
    await make_role("own", by=admin)
    await make_role("foreign", tenant=other_tenant)
    for role in (UserRole.ADMIN, UserRole.MONITOR):
        with acting_as(await make_user(tenantry, role=role)):
            page = await roles.list_roles.wait_for_complete(ListRolesAction())
            assert [found.name for found in page.items] == ["own", "shared"]
    page = await roles.list_roles.wait_for_complete(ListRolesAction())
    assert [found.name for found in page.items] == ["foreign", "own", "shared"]


async def test_roles_are_found_by_name_permission_database_and_tenant(
    roles: RoleProcessors, make_role: MakeRole, other_tenant: str
) -> None:
    await make_role("reader_a", ["SELECT"], databases=["a"])
    await make_role("Reader_All", ["SELECT", "user.lock"])
    await make_role("writer", ["INSERT"], databases=["a"], tenant=other_tenant)
    assert await search(roles, text="READER_") == ["reader_a", "Reader_All"]
    assert await search(roles, text="r%") == []
    assert await search(roles, permission="select", database="b") == ["Reader_All"]
    assert await search(roles, permission="user.lock") == ["Reader_All"]
    assert await search(roles, database="a") == ["reader_a", "Reader_All", "writer"]
    assert await search(roles, domain_name=other_tenant) == ["writer"]
    with pytest.raises(InvalidInput) as unknown:
        await search(roles, permission="SELEKT")
    assert unknown.value.field == "permission"
