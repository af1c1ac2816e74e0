"""Creating, showing, changing and deleting roles."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    RoleConflict,
    RoleNotFound,
    TenantNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.roles.actions import (
    CreateRoleAction,
    DeleteRoleAction,
    EnsureRoleAction,
    FindRoleAction,
    GetRoleAction,
    ModifyRoleAction,
)
from tenantry.roles.model import Ensured, RoleData, RoleModifier
from tenantry.roles.processors import RoleProcessors
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail

from .conftest import Assign, MakeRole, RolesOf

pytestmark = pytest.mark.anyio


async def get(roles: RoleProcessors, named: str, tenant: str | None = None) -> RoleData:
    action = GetRoleAction(named, tenant)
    return (await roles.get_role.wait_for_complete(action)).data


async def changes(owner: asyncpg.Connection, kind: str, subject_id: object) -> int:
    """How often a change of this has been written down."""
    query = "select count(*) from change_log where kind = $1 and subject_id = $2"
    count: int = await owner.fetchval(query, kind, subject_id)
    return count


async def test_the_platform_makes_a_role_that_is_there_in_all_tenants(
    tenantry: App, roles: RoleProcessors, other_tenant: str, trail: Trail
) -> None:
    action = CreateRoleAction(
        name="data_analyst",
        description="Role for data analysis tasks",
        permissions=["select", "CREATE_VIEW", "SELECT", "user.lock"],
        databases=["analytics_db"],
    )
    made = (await roles.create_role.wait_for_complete(action)).data
    assert made.permissions == ["SELECT", "CREATE_VIEW", "user.lock"]
    assert (made.databases, made.description) == (["analytics_db"], "Role for data analysis tasks")
    assert (made.tenant_id, made.domain_name, made.user_count, made.version) == (None, None, 0, 1)
    with acting_as(await make_user(tenantry, role=UserRole.ADMIN, domain_name=other_tenant)):
        assert (await get(roles, "DATA_ANALYST")).id == made.id
    [entry] = await trail("role.create")
    assert (entry.target, entry.target_id) == ("data_analyst", made.id)


async def test_an_admin_makes_roles_of_the_own_tenant_only(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData, other_tenant: str, trail: Trail
) -> None:
    made = await make_role("developer", ["SELECT"], by=admin)
    assert (made.tenant_id, made.domain_name) == (admin.tenant_id, "default")
    with pytest.raises(TenantNotFound):
        await make_role("developer", tenant=other_tenant, by=admin)
    assert [e.outcome for e in await trail("role.create")] == [Outcome.FAILED, Outcome.SUCCEEDED]


async def test_a_name_is_that_of_ones_own_tenant_before_it_is_one_of_the_platform(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData, other_tenant: str
) -> None:
    platform = await make_role("developer")
    with acting_as(admin):
        assert (await get(roles, "developer")).id == platform.id
    own = await make_role("developer", by=admin)
    other = await make_role("developer", tenant=other_tenant)
    with acting_as(admin):
        assert (await get(roles, "developer")).id == own.id
        assert (await get(roles, str(platform.id))).id == platform.id
        with pytest.raises(RoleNotFound):
            await get(roles, str(other.id))
    assert (await get(roles, "developer", other_tenant)).id == other.id
    assert (await get(roles, "developer")).id == platform.id


async def test_creating_a_role_of_an_existing_name_leaves_that_one_untouched(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    before = await make_role("readonly", ["SELECT"])
    for name in ("readonly", "READONLY", "ｒｅａｄｏｎｌｙ"):
        with pytest.raises(RoleConflict) as conflict:
            await make_role(name, ["ALL"])
        assert conflict.value.field == "name"
    assert await get(roles, "readonly") == before


async def test_of_twenty_who_create_the_same_role_at_once_one_succeeds(
    make_role: MakeRole,
) -> None:
    ended = await asyncio.gather(*(make_role("race") for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, RoleConflict) for result in ended) == 19


@pytest.mark.parametrize(
    ("said", "field", "code"),
    [
        ({"name": ""}, "name", "empty"),
        ({"name": "public"}, "name", "reserved"),
        ({"name": "pg_admin"}, "name", "reserved"),
        ({"name": "a b"}, "name", "invalid_character"),
        ({"name": "a/b"}, "name", "invalid_character"),
        ({"name": "zero\u200bwidth"}, "name", "invalid_character"),
        ({"name": "x" * 64}, "name", "too_long"),
        ({"name": "n\u0301" * 1000}, "name", "too_long"),
        ({"name": "0192d3a4-0000-7000-8000-000000000000"}, "name", "reserved"),
        ({"description": "x" * 4097}, "description", "too_long"),
        ({"permissions": ["SELECTT"]}, "permissions", "unknown_privilege"),
        ({"permissions": ["user.lokc"]}, "permissions", "unknown_permission"),
        ({"permissions": ["tenant.delete"]}, "permissions", "not_delegable"),
        ({"permissions": ["whoami"]}, "permissions", "unknown_privilege"),
        ({"permissions": ["user.modify"]}, "permissions", "not_delegable"),
        ({"permissions": ["SELECT"] * 513}, "permissions", "too_many"),
        ({"databases": []}, "databases", "empty"),
        ({"databases": ["*"]}, "databases", "wildcard"),
        ({"databases": [" "]}, "databases", "empty"),
        ({"databases": ["x" * 64]}, "databases", "too_long"),
        (
            {"databases": ["db"], "permissions": ["CREATE_DATABASE"]},
            "permissions",
            "wrong_level",
        ),
    ],
)
async def test_a_role_that_cannot_be_is_refused_by_field(
    roles: RoleProcessors, said: dict[str, Any], field: str, code: str
) -> None:
    action = CreateRoleAction(**{"name": "fine", **said})
    with pytest.raises(InvalidInput) as refused:
        await roles.create_role.wait_for_complete(action)
    assert [(v.field, v.code) for v in refused.value.violations] == [(field, code)]


async def test_an_unknown_permission_is_answered_with_names_that_are_near(
    make_role: MakeRole,
) -> None:
    with pytest.raises(InvalidInput, match="did you mean SELECT"):
        await make_role("typo", ["SELCT"])
    with pytest.raises(InvalidInput, match=r"did you mean user\.lock"):
        await make_role("typo", ["user.lokc"])


async def test_looking_for_a_role_that_there_is_not_is_no_error(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    made = await make_role("there")
    found = await roles.find_role.wait_for_complete(FindRoleAction("there"))
    assert found.data == made
    assert (await roles.find_role.wait_for_complete(FindRoleAction("nowhere"))).data is None


async def test_a_plain_user_sees_the_roles_that_are_held(
    roles: RoleProcessors, make_role: MakeRole, assign: Assign, john: UserData
) -> None:
    await make_role("held")
    await make_role("other")
    await assign(john, "held")
    with acting_as(john):
        assert (await get(roles, "held")).name == "held"
        with pytest.raises(RoleNotFound):
            await get(roles, "other")


async def test_what_is_not_named_stays_as_it_is(
    roles: RoleProcessors, make_role: MakeRole, trail: Trail, owner: asyncpg.Connection
) -> None:
    made = await make_role("dev", ["SELECT"], databases=["a"])
    modifier = RoleModifier(name=OptionalState.update("developer"), databases=TriState.nullify())
    action = ModifyRoleAction("dev", modifier, version=1)
    changed = (await roles.modify_role.wait_for_complete(action)).data
    assert (changed.name, changed.databases, changed.version) == ("developer", None, 2)
    assert (changed.permissions, changed.description) == (made.permissions, "")
    [entry] = await trail("role.modify")
    assert entry.changes == {"name": ["dev", "developer"], "databases": [["a"], None]}
    assert await changes(owner, "role", made.id) == 2


async def test_who_was_slower_is_told(roles: RoleProcessors, make_role: MakeRole) -> None:
    await make_role("dev")
    modifier = RoleModifier(description=TriState.update("mine"))
    await roles.modify_role.wait_for_complete(ModifyRoleAction("dev", modifier, version=1))
    with pytest.raises(VersionConflict) as conflict:
        await roles.modify_role.wait_for_complete(ModifyRoleAction("dev", modifier, version=1))
    assert conflict.value.data == {"version": 2}


async def test_a_change_that_says_nothing_or_takes_a_name_is_refused(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    await make_role("dev")
    await make_role("ops")
    with pytest.raises(InvalidInput):
        await roles.modify_role.wait_for_complete(ModifyRoleAction("dev", RoleModifier()))
    taken = RoleModifier(name=OptionalState.update("OPS"))
    with pytest.raises(RoleConflict):
        await roles.modify_role.wait_for_complete(ModifyRoleAction("dev", taken))


async def test_narrowing_a_role_to_databases_checks_the_privileges_that_it_has(
    roles: RoleProcessors, make_role: MakeRole
) -> None:
    await make_role("maker", ["CREATE_DATABASE"])
    narrowed = RoleModifier(databases=TriState.update(["db"]))
    with pytest.raises(InvalidInput, match="CREATE_DATABASE has a meaning on everything only"):
        await roles.modify_role.wait_for_complete(ModifyRoleAction("maker", narrowed))


async def test_an_admin_cannot_touch_a_role_of_the_platform(
    roles: RoleProcessors, make_role: MakeRole, admin: UserData, trail: Trail
) -> None:
    made = await make_role("shared", ["SELECT"])
    modifier = RoleModifier(description=TriState.update("mine"))
    with acting_as(admin):
        with pytest.raises(PermissionError):
            await roles.modify_role.wait_for_complete(ModifyRoleAction("shared", modifier))
        with pytest.raises(PermissionError):
            await roles.delete_role.wait_for_complete(DeleteRoleAction("shared"))
    assert await get(roles, "shared") == made
    assert [entry.outcome for entry in await trail("role.delete")] == [Outcome.DENIED]


async def test_deleting_a_role_takes_it_from_who_held_it(
    roles: RoleProcessors,
    make_role: MakeRole,
    assign: Assign,
    roles_of: RolesOf,
    john: UserData,
    owner: asyncpg.Connection,
) -> None:
    made = await make_role("doomed")
    await assign(john, "doomed")
    deleted = (await roles.delete_role.wait_for_complete(DeleteRoleAction("doomed"))).data
    assert (deleted.id, deleted.user_count) == (made.id, 1)
    assert await roles_of(john) == []
    assert await changes(owner, "role", made.id) == 2
    with pytest.raises(RoleNotFound):
        await get(roles, "doomed")


async def test_a_role_is_made_brought_to_its_definition_or_left_alone(
    roles: RoleProcessors, trail: Trail
) -> None:
    first = EnsureRoleAction(name="etl", permissions=["SELECT", "INSERT"], databases=["a", "b"])
    made = await roles.ensure_role.wait_for_complete(first)
    assert made.outcome is Ensured.CREATED
    same = EnsureRoleAction(name="etl", permissions=["insert", "select"], databases=["b", "a"])
    again = await roles.ensure_role.wait_for_complete(same)
    assert (again.outcome, again.data) == (Ensured.UNCHANGED, made.data)
    other = EnsureRoleAction(name="etl", permissions=["SELECT"])
    changed = await roles.ensure_role.wait_for_complete(other)
    assert (changed.outcome, changed.data.permissions) == (Ensured.CHANGED, ["SELECT"])
    assert (changed.data.databases, changed.data.version) == (None, 2)
    assert [len(entry.changes) for entry in await trail("role.ensure")] == [2, 0, 3]


async def test_of_those_who_ensure_a_role_at_once_one_makes_it_and_none_fails(
    roles: RoleProcessors,
) -> None:
    action = EnsureRoleAction(name="etl", permissions=["SELECT"])
    ended = await asyncio.gather(*(roles.ensure_role.wait_for_complete(action) for _ in range(5)))
    assert sorted(result.outcome for result in ended) == ["created", *["unchanged"] * 4]


async def test_the_platform_ensures_a_role_of_its_own_beside_that_of_a_tenant(
    tenantry: App, roles: RoleProcessors, make_role: MakeRole, admin: UserData
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    own = await make_role("etl", ["SELECT"], by=admin)
    with acting_as(boss):
        ensured = await roles.ensure_role.wait_for_complete(EnsureRoleAction(name="etl"))
    assert ensured.outcome is Ensured.CREATED
    assert ensured.data.tenant_id is None
    assert (await get(roles, str(own.id))).permissions == ["SELECT"]
