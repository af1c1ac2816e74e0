"""Taking privileges away: exactly what was named, and the truth about what stays."""

import asyncio
from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PermissionError, PrincipalNotFound
from tenantry.grants.actions import RevokeAccessAction, RevokeAction
from tenantry.kernel.action import Outcome, acting_as
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.conftest import Trail

from .conftest import Give, Held, MakeRole, May, Revoke

pytestmark = pytest.mark.anyio


def labels(grants: list[Any]) -> set[str]:
    return {grant.label() for grant in grants}


async def test_a_privilege_is_taken_away_on_just_the_object_that_is_named(
    give: Give, revoke: Revoke, held: Held, john: UserData
) -> None:
    await give("john", "SELECT", "INSERT", database="sales")
    await give("john", "SELECT", database="sales", schema="eu")
    await give("john", "SELECT", database="sales", table="orders")
    await give("john", "SELECT")
    taken = await revoke("john", "SELECT", database="sales")
    assert (labels(taken.removed), taken.removed_count) == ({"SELECT on sales"}, 1)
    assert labels(await held("john")) == {
        "SELECT on everything",
        "INSERT on sales",
        "SELECT on sales.eu",
        "SELECT on sales.public.orders",
    }


async def test_what_is_still_held_is_told_with_the_way_that_leads_to_it(
    give: Give, revoke: Revoke, may: May, make_role: MakeRole, john: UserData
) -> None:
    parent = await make_role("staff", "SELECT", databases=["sales"])
    await make_role("analyst", members=[john], parents=[parent])
    await give("john", "SELECT", "INSERT", database="sales", table="orders")
    taken = await revoke("john", "SELECT", "INSERT", database="sales", table="orders")
    assert taken.removed_count == 2
    (still,) = taken.still_held
    assert still.privilege == "SELECT"
    assert [(path.roles, path.grant_id, path.database) for path in still.paths] == [
        (["analyst", "staff"], None, "sales")
    ]
    assert await may("john", "SELECT", "sales", None, "orders")
    assert not await may("john", "INSERT", "sales", None, "orders")


async def test_a_wider_grant_that_covers_what_was_taken_is_told(
    give: Give, revoke: Revoke, john: UserData
) -> None:
    wide = (await give("john", "ALL", database="sales")).granted[0]
    await give("john", "INSERT", database="sales", table="orders")
    taken = await revoke("john", "INSERT", database="sales", table="orders")
    (still,) = taken.still_held
    assert [(path.grant_id, path.privilege) for path in still.paths] == [(wide.id, "ALL")]


async def test_taking_one_of_all_leaves_all_and_says_so(
    give: Give, revoke: Revoke, held: Held, john: UserData
) -> None:
    await give("john", "ALL", database="sales")
    taken = await revoke("john", "SELECT", database="sales")
    assert (taken.removed, [s.privilege for s in taken.still_held]) == ([], ["SELECT"])
    assert labels(await held("john")) == {"ALL on sales"}


async def test_taking_all_takes_every_single_one_at_that_level(
    give: Give, revoke: Revoke, held: Held, john: UserData
) -> None:
    await give("john", "ALL", "SELECT", "CONNECT", database="sales")
    await give("john", "SELECT", database="sales", table="orders")
    taken = await revoke("john", "ALL", database="sales")
    assert taken.removed_count == 3
    assert labels(await held("john")) == {"SELECT on sales.public.orders"}


async def test_taking_what_is_not_held_removes_nothing_and_is_no_error(
    revoke: Revoke, revoke_access: Revoke, john: UserData, trail: Trail
) -> None:
    assert (await revoke("john", "SELECT", database="sales")).removed_count == 0
    assert (await revoke_access("john", "sales")).removed_count == 0
    assert [entry.changes for entry in await trail("grant.revoke")] == [{}]


async def test_access_to_a_database_goes_with_everything_in_it(
    give: Give, revoke_access: Revoke, held: Held, john: UserData
) -> None:
    await give("john", "SELECT", "INSERT", database="sales")
    await give("john", "SELECT", database="sales", schema="eu")
    await give("john", "SELECT", database="sales", table="orders")
    await give("john", "SELECT", database="stock")
    taken = await revoke_access("john", "sales")
    assert (taken.removed_count, taken.still_held) == (4, [])
    assert labels(await held("john")) == {"SELECT on stock"}


async def test_roles_stay_when_access_goes_and_are_told(
    give: Give, revoke_access: Revoke, may: May, make_role: MakeRole, john: UserData
) -> None:
    await make_role("analyst", "SELECT", members=[john])
    await give("john", "INSERT", database="sales", table="orders")
    taken = await revoke_access("john", "sales")
    assert [(s.privilege, s.paths[0].roles) for s in taken.still_held] == [("SELECT", ["analyst"])]
    assert await may("john", "SELECT", "sales")


async def test_a_roles_grants_are_taken_away_likewise(
    give: Give, revoke: Revoke, revoke_access: Revoke, may: May, make_role: MakeRole, john: UserData
) -> None:
    await make_role("analyst", "UPDATE", members=[john])
    await give("analyst", "SELECT", "UPDATE", "INSERT", database="sales")
    taken = await revoke("analyst", "SELECT", "UPDATE", database="sales")
    assert taken.removed_count == 2
    assert [s.privilege for s in taken.still_held] == ["UPDATE"]
    assert not await may("john", "SELECT", "sales")
    assert (await revoke_access("analyst", "sales")).removed_count == 1
    assert not await may("john", "INSERT", "sales")


@pytest.mark.parametrize(
    ("permissions", "more", "field"),
    [
        ([], {"database": "d"}, "permissions"),
        (["NOTHING"], {"database": "d"}, "permissions"),
        (["CREATE_TABLE"], {"database": "d", "table": "t"}, "permissions"),
        (["SELECT"], {"table": "t"}, "database"),
        (["SELECT"], {"database": "*"}, "database"),
    ],
)
async def test_what_cannot_be_taken_is_refused_by_field(
    give: Give,
    revoke: Revoke,
    held: Held,
    john: UserData,
    permissions: list[str],
    more: dict[str, Any],
    field: str,
) -> None:
    await give("john", "SELECT", database="d")
    with pytest.raises(InvalidInput) as refused:
        await revoke("john", *permissions, **more)
    assert refused.value.field == field
    assert len(await held()) == 1


async def test_the_audit_tells_what_was_taken(
    give: Give, revoke: Revoke, revoke_access: Revoke, trail: Trail, admin: UserData, john: UserData
) -> None:
    await give("john", "SELECT", "INSERT", database="sales", reason="for a week")
    with acting_as(admin):
        await revoke("john", "SELECT", database="sales")
        await revoke_access("john", "sales")
    (one,), (other,) = await trail("grant.revoke"), await trail("grant.revoke_access")
    assert one.changes == {"SELECT on sales": [{"reason": "for a week"}, None]}
    assert other.changes == {"INSERT on sales": [{"reason": "for a week"}, None]}
    assert {entry.target_id for entry in (one, other)} == {john.id}


async def test_another_tenants_principals_are_like_none(
    give: Give, revoke: Revoke, revoke_access: Revoke, held: Held, wile: UserData, alice: UserData
) -> None:
    await give("alice", "SELECT", database="umbrella-sales")
    with acting_as(wile):
        for principal in ("alice", str(alice.id)):
            with pytest.raises(PrincipalNotFound):
                await revoke(principal, "SELECT", database="umbrella-sales")
            with pytest.raises(PrincipalNotFound):
                await revoke_access(principal, "umbrella-sales")
    assert len(await held("alice")) == 1


async def test_who_administers_nothing_takes_nothing_away(
    tenantry: App, give: Give, held: Held, trail: Trail, john: UserData
) -> None:
    await give("john", "SELECT", database="sales")
    with acting_as(await make_user(tenantry, "amy")):
        for action in (
            RevokeAction(principal="john", permissions=["SELECT"], database="sales"),
            RevokeAccessAction(principal="john", database="sales"),
        ):
            with pytest.raises(PermissionError):
                await tenantry.run(action)
    assert len(await held("john")) == 1
    assert [e.outcome for e in await trail("grant.revoke")] == [Outcome.DENIED]


async def test_a_grant_that_meets_its_revocation_is_there_or_told_as_removed(
    give: Give, revoke: Revoke, held: Held, john: UserData
) -> None:
    for turn in range(5):
        database = f"d{turn}"
        given, taken = await asyncio.gather(
            asyncio.gather(*(give("john", "SELECT", database=database) for _ in range(4))),
            asyncio.gather(*(revoke("john", "SELECT", database=database) for _ in range(4))),
        )
        added = sum(len(one.granted) for one in given)
        removed = sum(one.removed_count for one in taken)
        assert added - removed == len(await held("john", database=database))
