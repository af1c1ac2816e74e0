"""Who has only a permission to grant: gives what is held, where it is held, as long as it is held.

Each attempt to gain more is refused here; that it would succeed without the rule is shown by
builds that lack it.
"""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.changes.log import ChangeLog
from tenantry.errors import PermissionError, PrincipalNotFound
from tenantry.kernel.action import Actor, acting_as
from tenantry.kernel.transaction import Transaction
from tenantry.roles.authority import Authority
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import Give, Held, MakeRole, May, Revoke

pytestmark = pytest.mark.anyio

WAITS = """
    select exists (
        select from pg_locks l join pg_stat_activity a using (pid)
        where not l.granted and a.datname = current_database()
    )
"""


def delegate(user: UserData) -> AbstractContextManager[None]:
    """As this user, whose roles hold the permissions to grant and to revoke."""
    tags = {"grant.give", "grant.revoke", "grant.revoke_access"}
    return acting_as(replace(user.as_actor(), permissions=frozenset(tags)))


@pytest.fixture
async def deputy(tenantry: App, acme: str) -> UserData:
    """A plain user of acme who is going to grant."""
    return await make_user(tenantry, "deputy", domain_name=acme)


async def test_a_delegate_grants_what_is_held_where_granting_is_held(
    give: Give, held: Held, may: May, deputy: UserData, roadrunner: UserData
) -> None:
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales")
    with delegate(deputy):
        given = await give("roadrunner", "SELECT", database="acme-sales", table="orders")
    (grant,) = given.granted
    assert (grant.within, grant.granted_by) == ("acme", "deputy")
    assert await may("roadrunner", "SELECT", "acme-sales", None, "orders")


@pytest.mark.parametrize(
    "has",
    [
        [],
        [("SELECT", {"database": "acme-sales"})],
        [("GRANT_PRIVILEGES", {"database": "acme-sales"})],
        [
            ("SELECT", {"database": "acme-sales"}),
            ("GRANT_PRIVILEGES", {"database": "acme-sales", "table": "orders"}),
        ],
        [
            ("SELECT", {"database": "acme-sales", "table": "orders"}),
            ("GRANT_PRIVILEGES", {"database": "acme-sales"}),
        ],
        [("SELECT", {"database": "other"}), ("GRANT_PRIVILEGES", {"database": "other"})],
    ],
)
async def test_what_is_not_held_there_is_not_granted(
    give: Give,
    held: Held,
    deputy: UserData,
    roadrunner: UserData,
    has: list[tuple[str, dict[str, str]]],
) -> None:
    for privilege, on in has:
        await give("deputy", privilege, **on)
    with delegate(deputy), pytest.raises(PermissionError, match="do not hold") as refused:
        await give("roadrunner", "SELECT", database="acme-sales")
    assert refused.value.field == "permissions"
    assert await held("roadrunner") == []


@pytest.mark.parametrize("asked", ["INSERT", "ALL"])
async def test_every_privilege_that_is_asked_for_must_be_held(
    give: Give, held: Held, deputy: UserData, roadrunner: UserData, asked: str
) -> None:
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales")
    for principal in ("roadrunner", "deputy"):
        with delegate(deputy), pytest.raises(PermissionError):
            await give(principal, "SELECT", asked, database="acme-sales")
    assert await held("roadrunner") == []


async def test_nothing_is_granted_for_longer_than_it_is_held(
    give: Give, held: Held, clock: Any, deputy: UserData, roadrunner: UserData
) -> None:
    now = clock.now()
    day = timedelta(days=1)
    terms = {"valid_from": now + day, "valid_until": now + 3 * day}
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales", **terms)
    for more in (
        {},
        {"valid_until": now + 2 * day},
        {"valid_from": now + day},
        {"valid_from": now + day, "valid_until": now + 3 * day + timedelta(seconds=1)},
    ):
        for principal in ("roadrunner", "deputy"):
            with delegate(deputy), pytest.raises(PermissionError):
                await give(principal, "SELECT", database="acme-sales", **more)
    with delegate(deputy):
        await give("roadrunner", "SELECT", database="acme-sales", **terms)
    assert len(await held("roadrunner")) == 1


async def test_a_delegate_makes_nothing_out_of_what_is_held_elsewhere(
    give: Give, may: May, umbrella: str, deputy: UserData, roadrunner: UserData
) -> None:
    """What is granted everywhere by the platform is handed on within the own tenant only."""
    await give("deputy", "ALL")
    with delegate(deputy):
        await give("roadrunner", "ALL")
        assert (await give("roadrunner", "SELECT", database="umbrella-sales")).dormant
    assert await may("roadrunner", "SELECT", "acme-sales")
    assert not await may("roadrunner", "SELECT", "umbrella-sales")
    assert not await may("roadrunner", "SELECT", "nobodys")
    assert not await may("roadrunner", "SELECT")


async def test_a_delegate_grants_to_nobody_beyond_the_tenant_or_above(
    tenantry: App, give: Give, held: Held, make_role: MakeRole, deputy: UserData, alice: UserData
) -> None:
    await give("deputy", "ALL")
    await make_role("everywhere")
    await make_user(tenantry, "boss", domain_name="acme", role=UserRole.SUPERADMIN)
    with delegate(deputy):
        with pytest.raises(PrincipalNotFound):
            await give("alice", "SELECT", database="acme-sales")
        for principal in ("everywhere", "boss"):
            with pytest.raises(PermissionError):
                await give(principal, "SELECT", database="acme-sales")
    assert {g.principal for g in await held()} == {"deputy"}


async def test_without_the_permission_holding_everything_grants_nothing(
    give: Give, held: Held, deputy: UserData, roadrunner: UserData
) -> None:
    await give("deputy", "ALL")
    with acting_as(deputy), pytest.raises(PermissionError):
        await give("roadrunner", "SELECT", database="acme-sales")
    assert await held("roadrunner") == []


async def test_a_delegate_takes_away_what_it_could_give_and_no_more(
    give: Give,
    revoke: Revoke,
    revoke_access: Revoke,
    held: Held,
    wile: UserData,
    deputy: UserData,
    roadrunner: UserData,
) -> None:
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales")
    await give("roadrunner", "SELECT", database="acme-sales")
    with acting_as(wile):
        await give("roadrunner", "SELECT", "INSERT", database="acme-sales")
    with delegate(deputy):
        for refused in (
            revoke("roadrunner", "INSERT", database="acme-sales"),
            revoke("roadrunner", "ALL", database="acme-sales"),
            revoke_access("roadrunner", "acme-sales"),
        ):
            with pytest.raises(PermissionError):
                await refused
        taken = await revoke("roadrunner", "SELECT", database="acme-sales")
    assert [grant.within for grant in taken.removed] == ["acme"]
    assert [still.privilege for still in taken.still_held] == ["SELECT"]
    left = {(grant.label(), grant.within) for grant in await held("roadrunner")}
    assert left == {("SELECT on acme-sales", None), ("INSERT on acme-sales", "acme")}


async def test_a_right_that_is_lost_meanwhile_is_not_handed_on(
    give: Give,
    revoke: Revoke,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    deputy: UserData,
    roadrunner: UserData,
) -> None:
    """The rights are looked at, then the revocation runs as far as it can, then comes the grant."""
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales")
    assert await race(give, revoke, monkeypatch, owner, deputy) == "waited"
    assert await committed(owner, deputy, roadrunner) == ["given", "revoked"]


async def test_a_build_that_does_not_hold_the_log_hands_on_what_is_lost(
    give: Give,
    revoke: Revoke,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    deputy: UserData,
    roadrunner: UserData,
) -> None:
    async def no_hold(tx: Transaction) -> None:
        """The naive build."""

    monkeypatch.setattr(ChangeLog, "hold", staticmethod(no_hold))
    await give("deputy", "SELECT", "GRANT_PRIVILEGES", database="acme-sales")
    assert await race(give, revoke, monkeypatch, owner, deputy) == "went through"
    assert await committed(owner, deputy, roadrunner) == ["revoked", "given"]


async def race(
    give: Give,
    revoke: Revoke,
    monkeypatch: pytest.MonkeyPatch,
    owner: asyncpg.Connection,
    deputy: UserData,
) -> str:
    """What the loss of a right could do between the look at it and the grant that follows."""
    looked, done = asyncio.Event(), asyncio.Event()
    required = Authority.require_held
    became: list[str] = []

    async def slowly(self: Authority, tx: Transaction, actor: Actor, *args: Any) -> None:
        await required(self, tx, actor, *args)
        if actor.name == "deputy":
            looked.set()
            became.append(await until_it_waits(owner, done))

    monkeypatch.setattr(Authority, "require_held", slowly)

    async def granting() -> None:
        with delegate(deputy):
            await give("roadrunner", "SELECT", database="acme-sales")

    async def revoking() -> None:
        await looked.wait()
        await revoke("deputy", "SELECT", database="acme-sales")
        done.set()

    await asyncio.gather(granting(), revoking())
    return became[0]


async def until_it_waits(owner: asyncpg.Connection, done: asyncio.Event) -> str:
    """Whether what runs meanwhile ends, or comes to wait for a lock, however slow the machine."""
    async with asyncio.timeout(60):
        while not done.is_set():
            if await owner.fetchval(WAITS):
                return "waited"
            await asyncio.sleep(0.01)
    return "went through"


async def committed(owner: asyncpg.Connection, deputy: UserData, roadrunner: UserData) -> list[str]:
    """The order in which the last two changes were committed: numbers are given at the end."""
    names = {deputy.id: "revoked", roadrunner.id: "given"}
    rows = await owner.fetch("select subject_id from change_log order by seq desc limit 2")
    return [names[row["subject_id"]] for row in reversed(rows)]


@pytest.mark.parametrize(
    ("principal", "more"),
    [
        ("roadrunner", {"database": "acme-sales"}),
        ("deputy", {"database": "acme-sales"}),
        ("roadrunner", {"database": "acme-sales", "table": "orders"}),
    ],
)
async def test_a_build_that_asks_only_for_the_permission_gives_away_what_nobody_held(
    give: Give,
    may: May,
    monkeypatch: pytest.MonkeyPatch,
    deputy: UserData,
    roadrunner: UserData,
    principal: str,
    more: dict[str, str],
) -> None:
    """The same call as above, which is refused there: without the rule it is an escalation."""

    async def not_asked(self: Authority, *args: Any) -> None:
        """The naive build."""

    with delegate(deputy), pytest.raises(PermissionError):
        await give(principal, "DROP_TABLE", **more)
    monkeypatch.setattr(Authority, "require_held", not_asked)
    with delegate(deputy):
        await give(principal, "DROP_TABLE", **more)
    on = more["database"], "public" if "table" in more else None, more.get("table")
    assert await may(principal, "DROP_TABLE", *on)
