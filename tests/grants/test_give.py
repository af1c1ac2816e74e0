"""Granting privileges: on what, to whom, for how long, by whom."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    PrincipalNotFound,
    RoleNotFound,
    StateConflict,
    TenantNotFound,
    UserNotFound,
)
from tenantry.grants.actions import GiveAction
from tenantry.grants.model import PrincipalType
from tenantry.kernel.action import Outcome, acting_as
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, PurgeUserAction
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail

from .conftest import Give, Held, MakeRole, May

pytestmark = pytest.mark.anyio


async def test_privileges_are_granted_on_a_database(
    give: Give, held: Held, may: May, john: UserData
) -> None:
    given = await give("john", "select", "INSERT", "Select", database="sales")
    assert [g.label() for g in given.granted] == ["SELECT on sales", "INSERT on sales"]
    assert (given.unchanged, given.dormant) == ([], False)
    one, two = await held("john")
    assert {one.privilege, two.privilege} == {"SELECT", "INSERT"}
    assert (one.principal_type, one.principal_id, one.principal) == ("user", john.id, "john")
    assert (one.within, one.granted_by, one.valid_from, one.valid_until) == (None,) * 4
    assert await may("john", "SELECT", "sales")
    assert await may("john", "INSERT", "sales", "any", "table")
    assert not await may("john", "DELETE", "sales")


async def test_granting_again_adds_nothing_and_says_so(
    give: Give, held: Held, john: UserData
) -> None:
    first = await give("john", "SELECT", database="sales")
    again = await give("john", "SELECT", "INSERT", database="sales")
    assert again.unchanged == first.granted
    assert [g.privilege for g in again.granted] == ["INSERT"]
    assert len(await held("john")) == 2


@pytest.mark.parametrize(
    ("asked", "lies"),
    [
        ({}, (None, None, None)),
        ({"database": "d"}, ("d", None, None)),
        ({"database": "d", "schema": "s"}, ("d", "s", None)),
        ({"database": "d", "schema": "s", "table": "t"}, ("d", "s", "t")),
        ({"database": "d", "table": "t"}, ("d", "public", "t")),
    ],
)
async def test_the_object_is_as_wide_as_what_is_named(
    give: Give, john: UserData, asked: dict[str, str], lies: tuple[str | None, ...]
) -> None:
    (grant,) = (await give("john", "SELECT", **asked)).granted
    assert (grant.database, grant.schema, grant.table) == lies


async def test_a_role_is_granted_to_like_a_user(
    give: Give, held: Held, may: May, make_role: MakeRole, john: UserData
) -> None:
    role_id = await make_role("analyst", members=[john])
    (grant,) = (await give("analyst", "SELECT", database="sales")).granted
    assert (grant.principal_type, grant.principal_id) == (PrincipalType.ROLE, role_id)
    assert await held("analyst") == [grant]
    assert await may("john", "SELECT", "sales")


async def test_a_name_that_a_user_and_a_role_bear_is_never_guessed(
    give: Give, held: Held, make_role: MakeRole, john: UserData
) -> None:
    role_id = await make_role("john")
    with pytest.raises(InvalidInput) as refused:
        await give("john", "SELECT", database="sales")
    assert [(v.field, v.code) for v in refused.value.violations] == [
        ("principal", "ambiguous_principal")
    ]
    assert await held() == []
    of_role = await give("john", "SELECT", database="sales", principal_type=PrincipalType.ROLE)
    of_user = await give("john", "SELECT", database="sales", principal_type=PrincipalType.USER)
    by_id = await give(str(role_id), "INSERT", database="sales")
    assert of_role.granted[0].principal_id == by_id.granted[0].principal_id == role_id
    assert of_user.granted[0].principal_id == john.id


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (None, PrincipalNotFound),
        (PrincipalType.USER, UserNotFound),
        (PrincipalType.ROLE, RoleNotFound),
    ],
)
async def test_a_principal_that_is_not_there_is_an_error(
    tenantry: App, give: Give, kind: PrincipalType | None, error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        await give("nobody", "SELECT", database="sales", principal_type=kind)
    assert getattr(refused.value, "field", None) == "principal"


@pytest.mark.parametrize(
    ("permissions", "more", "field", "code"),
    [
        ([], {"database": "d"}, "permissions", "empty"),
        (["SELEKT"], {"database": "d"}, "permissions", "unknown_privilege"),
        (["SELECT", "x" * 5000], {"database": "d"}, "permissions", "unknown_privilege"),
        (["CREATE_TABLE"], {"database": "d", "table": "t"}, "permissions", "wrong_level"),
        (["CREATE_SCHEMA"], {"database": "d", "schema": "s"}, "permissions", "wrong_level"),
        (["CREATE_DATABASE"], {"database": "d"}, "permissions", "wrong_level"),
        (["SELECT"], {"schema": "s"}, "database", "missing"),
        (["SELECT"], {"table": "t"}, "database", "missing"),
        (["SELECT"], {"database": ""}, "database", "empty"),
        (["SELECT"], {"database": "*"}, "database", "wildcard"),
        (["SELECT"], {"database": "d", "table": "*"}, "table", "wildcard"),
        (["SELECT"], {"database": "d" * 64}, "database", "too_long"),
        (["SELECT"], {"database": "d", "schema": "a\u200bb"}, "schema", "invalid_character"),
        (["SELECT"], {"database": "d\0"}, "database", "invalid_text"),
        (["SELECT"], {"database": "d", "reason": "x" * 1025}, "reason", "too_long"),
    ],
)
async def test_what_cannot_be_granted_is_refused_by_field(
    give: Give,
    held: Held,
    john: UserData,
    permissions: list[str],
    more: dict[str, Any],
    field: str,
    code: str,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await give("john", *permissions, **more)
    assert [(v.field, v.code) for v in refused.value.violations] == [(field, code)]
    assert await held() == []


async def test_an_unknown_privilege_is_told_what_it_may_have_been(
    give: Give, john: UserData
) -> None:
    with pytest.raises(InvalidInput, match="did you mean SELECT"):
        await give("john", "SELCT", database="sales")


async def test_a_privilege_on_too_small_an_object_is_told_where_it_belongs(
    give: Give, john: UserData
) -> None:
    with pytest.raises(InvalidInput, match="on a schema or more, not on a table"):
        await give("john", "CREATE_TABLE", database="sales", table="orders")


async def test_bounds_are_decided_when_one_asks(
    tenantry: App, give: Give, may: May, clock: Any, john: UserData
) -> None:
    now = clock.now()
    day = timedelta(days=1)
    await give("john", "SELECT", database="d", valid_from=now + day, valid_until=now + 3 * day)
    assert not await may("john", "SELECT", "d")
    clock.advance(days=1, seconds=1)
    assert await may("john", "SELECT", "d")
    clock.advance(days=2)
    assert not await may("john", "SELECT", "d")


async def test_bounds_that_leave_no_time_are_refused(
    give: Give, clock: Any, john: UserData
) -> None:
    now = clock.now()
    hour = timedelta(hours=1)
    for bounds in (
        {"valid_until": now - hour},
        {"valid_until": now + hour, "valid_from": now + hour},
        {"valid_until": now + hour, "valid_from": now + 2 * hour},
    ):
        with pytest.raises(InvalidInput) as refused:
            await give("john", "SELECT", database="d", **bounds)
        assert refused.value.field == "valid_until"


async def test_the_same_with_other_bounds_is_another_grant(
    give: Give, held: Held, clock: Any, john: UserData
) -> None:
    until = clock.now() + timedelta(days=1)
    await give("john", "SELECT", database="d", valid_until=until, reason="on call")
    await give("john", "SELECT", database="d")
    first, second = await held("john")
    assert (first.valid_until, first.reason) == (until, "on call")
    assert (second.valid_until, second.reason) == (None, None)


async def test_the_audit_tells_what_was_granted_by_whom_and_on_which_terms(
    tenantry: App, give: Give, trail: Trail, admin: UserData, john: UserData, clock: Any
) -> None:
    with acting_as(admin):
        await give("john", "SELECT", database="sales", reason="quarterly report")
        await give("john", "SELECT", database="sales", reason="quarterly report")
    again, first = await trail("grant.give")
    assert (first.target, first.target_id, first.actor_id) == ("john", john.id, admin.id)
    assert first.changes == {
        "SELECT on sales": [None, {"within": "default", "reason": "quarterly report"}]
    }
    assert again.changes == {}


async def test_what_an_admin_grants_holds_on_the_tenants_databases_only(
    give: Give, held: Held, may: May, acme: str, wile: UserData, roadrunner: UserData
) -> None:
    with acting_as(wile):
        given = await give("roadrunner", "ALL")
        assert given.granted[0].within == "acme"
        assert given.granted[0].granted_by == "wile"
        assert not given.dormant
    assert await may("roadrunner", "DELETE", "acme-sales")
    assert not await may("roadrunner", "SELECT", "somebody-elses")
    assert not await may("roadrunner", "SELECT")


async def test_an_admins_grant_on_what_the_tenant_does_not_have_is_told_to_be_dormant(
    give: Give, may: May, umbrella: str, wile: UserData, roadrunner: UserData
) -> None:
    with acting_as(wile):
        for database in ("umbrella-sales", "no-such-database"):
            given = await give("roadrunner", "SELECT", database=database)
            assert (given.dormant, [g.database for g in given.granted]) == (True, [database])
            assert not await may("roadrunner", "SELECT", database)
        assert not (await give("roadrunner", "SELECT", database="acme-sales")).dormant


async def test_an_admin_grants_to_nobody_of_another_tenant(
    give: Give, held: Held, make_role: MakeRole, wile: UserData, alice: UserData
) -> None:
    await make_role("chemist", tenant="umbrella")
    with acting_as(wile):
        for principal in ("alice", str(alice.id), "chemist"):
            with pytest.raises(PrincipalNotFound):
                await give(principal, "SELECT", database="acme-sales")
        with pytest.raises(TenantNotFound):
            await give("chemist", "SELECT", database="acme-sales", domain_name="umbrella")
    assert await held() == []


async def test_an_admin_grants_neither_to_the_platforms_roles_nor_to_superadmins(
    tenantry: App, give: Give, held: Held, make_role: MakeRole, wile: UserData
) -> None:
    await make_role("everywhere")
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN, domain_name="acme")
    with acting_as(wile):
        for principal in ("everywhere", "boss"):
            with pytest.raises(PermissionError):
                await give(principal, "SELECT", database="acme-sales")
    assert await held() == []


@pytest.mark.parametrize("role", [UserRole.USER, UserRole.MONITOR])
async def test_who_administers_nothing_grants_nothing_and_the_audit_tells(
    tenantry: App, held: Held, trail: Trail, john: UserData, role: UserRole
) -> None:
    actor = await make_user(tenantry, "actor", role=role)
    action = GiveAction(principal="john", permissions=["SELECT"], database="sales")
    with acting_as(actor), pytest.raises(PermissionError):
        await tenantry.grants.give.wait_for_complete(action)
    assert await held() == []
    (entry,) = await trail("grant.give")
    assert (entry.outcome, entry.actor_id) == (Outcome.DENIED, actor.id)


async def test_across_a_closed_wall_nothing_is_granted(
    give: Give, held: Held, make_role: MakeRole, isolate: Any, roadrunner: UserData, umbrella: str
) -> None:
    await make_role("tracker", tenant="acme")
    await isolate("umbrella")
    for principal in ("roadrunner", "tracker"):
        more = {"domain_name": "acme"} if principal == "tracker" else {}
        with pytest.raises(StateConflict, match="closed wall"):
            await give(principal, "SELECT", database="umbrella-sales", **more)
    assert await held() == []
    await isolate("umbrella", isolated=False)
    assert (await give("roadrunner", "SELECT", database="umbrella-sales")).granted


async def test_a_deleted_user_is_granted_nothing(tenantry: App, give: Give, john: UserData) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    with pytest.raises(StateConflict):
        await give("john", "SELECT", database="sales")


async def test_of_twenty_who_grant_the_same_at_once_one_adds_it(
    give: Give, held: Held, john: UserData
) -> None:
    given = await asyncio.gather(*(give("john", "SELECT", database="sales") for _ in range(20)))
    assert sorted(len(one.granted) for one in given) == [0] * 19 + [1]
    assert {one.unchanged[0].id for one in given if one.unchanged} == {
        grant.id for one in given for grant in one.granted
    }
    assert len(await held("john")) == 1


async def test_a_grant_that_meets_the_purge_of_its_principal_leaves_nothing_behind(
    tenantry: App, give: Give, owner: asyncpg.Connection
) -> None:
    for turn in range(5):
        name = f"leaver-{turn}"
        await make_user(tenantry, name)
        purge = tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user=name))
        ended = await asyncio.gather(
            purge,
            *(give(name, "SELECT", database=f"d{n}") for n in range(5)),
            return_exceptions=True,
        )
        assert not isinstance(ended[0], BaseException), ended[0]
        for result in ended[1:]:
            refused = isinstance(result, StateConflict | PrincipalNotFound | UserNotFound)
            assert refused or not isinstance(result, BaseException), result
    assert await owner.fetchval("select count(*) from grants") == 0


async def test_a_grant_that_meets_the_end_of_its_role_leaves_nothing_behind(
    give: Give, owner: asyncpg.Connection, make_role: MakeRole, tenantry: App
) -> None:
    for turn in range(5):
        role_id = await make_role(f"role-{turn}")
        ended = await asyncio.gather(
            owner.execute("delete from roles where id = $1", role_id),
            *(give(str(role_id), "SELECT", database=f"d{n}") for n in range(5)),
            return_exceptions=True,
        )
        for result in ended:
            refused = isinstance(result, RoleNotFound | PrincipalNotFound)
            assert refused or not isinstance(result, BaseException), result
    assert await owner.fetchval("select count(*) from grants") == 0
