"""What somebody does on a server past Tenantry is seen, typed, and mended by its statement."""

from uuid import uuid4

import pytest

from tenantry.databases.model import (
    Drift,
    DriftKind,
    Policy,
    PrincipalKind,
    WantedGrant,
    WantedState,
)
from tenantry.databases.planning import drift
from tenantry.privileges.model import Privilege, object_named
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio

OWNING = Policy(allow_wider=True, take_ownership=True)


async def a_settled_world(
    shop: Shop, privilege: Privilege = Privilege.SELECT, policy: Policy | None = None
) -> WantedState:
    """Ann has the role, and the role may do this with the first table."""
    scope = uuid4()
    ann, role = a_principal(scope, PrincipalKind.USER), a_principal(scope, PrincipalKind.ROLE)
    grants = {WantedGrant(role.name, privilege, shop.tables[0])}
    wanted = WantedState(scope, (ann, role), frozenset({(ann.name, role.name)}), frozenset(grants))
    await settled(shop, wanted, policy)
    return wanted


async def seen_and_mended(
    shop: Shop, wanted: WantedState, policy: Policy | None = None
) -> list[Drift]:
    """The drift; after its statements, run by hand, there is none."""
    found = drift(await planned(shop, wanted, policy))
    for one in found:
        await shop.run(one.statement)
    assert drift(await planned(shop, wanted, policy)) == []
    return found


def kinds(found: list[Drift]) -> list[DriftKind]:
    return [one.kind for one in found]


@pytest.fixture
async def wanted(shop: Shop) -> WantedState:
    return await a_settled_world(shop)


@pytest.fixture
async def on_postgres(postgres_shop: PostgresShop) -> WantedState:
    return await a_settled_world(postgres_shop)


@pytest.fixture
async def on_maria(maria_shop: MariaShop) -> WantedState:
    return await a_settled_world(maria_shop)


def names(wanted: WantedState) -> tuple[str, str]:
    return wanted.principals[0].name, wanted.principals[1].name


async def test_what_was_given_by_hand_is_extra(shop: Shop, wanted: WantedState) -> None:
    ann, role = names(wanted)
    await shop.run(f"grant insert on goods to {role}", f"grant update on goods to {ann}")
    found = await seen_and_mended(shop, wanted)
    assert kinds(found) == [DriftKind.EXTRA, DriftKind.EXTRA]
    assert {one.principals for one in found} == {(ann,), (role,)}


async def test_what_was_taken_by_hand_is_missing(shop: Shop, wanted: WantedState) -> None:
    _, role = names(wanted)
    await shop.run(f"revoke select on goods from {role}")
    assert kinds(await seen_and_mended(shop, wanted)) == [DriftKind.MISSING]


async def test_a_principal_that_was_dropped_by_hand_is_missing(
    shop: Shop, wanted: WantedState
) -> None:
    _, role = names(wanted)
    if isinstance(shop, PostgresShop):
        await shop.run(f"drop owned by {role}")
    await shop.run(f"drop role {role}")
    assert set(kinds(await seen_and_mended(shop, wanted))) == {DriftKind.MISSING}


async def test_a_column_that_was_given_by_hand_is_extra(shop: Shop, wanted: WantedState) -> None:
    ann, _ = names(wanted)
    await shop.run(f"grant update (price), insert (name, price) on goods to {ann}")
    assert set(kinds(await seen_and_mended(shop, wanted))) == {DriftKind.EXTRA}


async def test_what_is_not_ours_is_never_touched(shop: Shop, wanted: WantedState) -> None:
    await shop.run(
        "create role bystander",
        "grant select, insert on goods to bystander",
    )
    plan = await planned(shop, wanted, Policy(allow_wider=True, close_public=True))
    assert not any("bystander" in step.statement for step in plan.steps)
    await settled(shop, WantedState(wanted.scope))
    left = await shop.connector.survey()
    assert "bystander" in left.principals
    assert any(right.principal == "bystander" for right in left.rights)


async def test_a_stranger_in_a_role_of_ours_is_extra(shop: Shop, wanted: WantedState) -> None:
    _, role = names(wanted)
    await shop.run("create role stranger", f"grant {role} to stranger")
    assert kinds(await seen_and_mended(shop, wanted)) == [DriftKind.EXTRA]


async def test_a_role_of_others_is_taken_from_ours(shop: Shop, wanted: WantedState) -> None:
    ann, _ = names(wanted)
    await shop.run("create role mighty", f"grant mighty to {ann}")
    assert kinds(await seen_and_mended(shop, wanted)) == [DriftKind.EXTRA]


@pytest.mark.parametrize("word", ["superuser", "createrole", "createdb", "bypassrls", "noinherit"])
async def test_an_attribute_of_a_role_is_wider(
    postgres_shop: PostgresShop, on_postgres: WantedState, word: str
) -> None:
    ann, _ = names(on_postgres)
    await postgres_shop.run(f"alter role {ann} {word}")
    assert kinds(await seen_and_mended(postgres_shop, on_postgres)) == [DriftKind.WIDER]


async def test_a_right_to_pass_on_is_extra_with_what_was_passed_on(
    postgres_shop: PostgresShop, on_postgres: WantedState
) -> None:
    _, role = names(on_postgres)
    await postgres_shop.run(
        f"grant select on public.goods to {role} with grant option",
        "create role friend",
        f"set role {role}",
        "grant select on public.goods to friend",
        "reset role",
    )
    assert kinds(await seen_and_mended(postgres_shop, on_postgres)) == [DriftKind.EXTRA]
    left = await postgres_shop.connector.survey()
    assert not any(right.principal == "friend" for right in left.rights)


async def test_what_another_role_gave_is_taken_as_that_role(
    postgres_shop: PostgresShop, on_postgres: WantedState
) -> None:
    ann, _ = names(on_postgres)
    await postgres_shop.run(
        "create role giver",
        "grant usage on schema public to giver",
        "grant select on public.goods to giver with grant option",
        "set role giver",
        f"grant select on public.goods to {ann}",
        "reset role",
    )
    [found] = drift(await planned(postgres_shop, on_postgres))
    assert found.kind is DriftKind.EXTRA
    async with postgres_shop.owner.transaction():
        await postgres_shop.run(found.statement)
    assert (await planned(postgres_shop, on_postgres)).is_empty


async def test_default_privileges_that_were_taken_are_typed_as_such(
    postgres_shop: PostgresShop,
) -> None:
    wanted = await a_settled_world(postgres_shop)
    role = wanted.principals[1].name
    place = object_named(postgres_shop.database, "sales")
    more = WantedGrant(role, Privilege.SELECT, place)
    wanted = WantedState(wanted.scope, wanted.principals, wanted.members, wanted.grants | {more})
    await settled(postgres_shop, wanted)
    head = "alter default privileges in schema sales"
    await postgres_shop.run(f"{head} revoke select on tables from {role}")
    found = await seen_and_mended(postgres_shop, wanted)
    assert kinds(found) == [DriftKind.DEFAULT_PRIVILEGE]


async def test_tables_of_somebody_new_are_missing_and_then_covered(
    postgres_shop: PostgresShop,
) -> None:
    wanted = await a_settled_world(postgres_shop)
    role = wanted.principals[1].name
    more = WantedGrant(role, Privilege.SELECT, object_named(postgres_shop.database, "sales"))
    wanted = WantedState(wanted.scope, wanted.principals, wanted.members, wanted.grants | {more})
    await settled(postgres_shop, wanted)
    await postgres_shop.run(
        "create role newcomer", "grant usage, create on schema sales to newcomer"
    )
    assert kinds(await seen_and_mended(postgres_shop, wanted)) == [DriftKind.DEFAULT_PRIVILEGE]
    await postgres_shop.run("set role newcomer", "create table sales.news (i int)", "reset role")
    assert (await planned(postgres_shop, wanted)).is_empty


async def test_a_table_that_was_given_to_another_owner_is_typed_as_owner(
    postgres_shop: PostgresShop,
) -> None:
    wanted = await a_settled_world(postgres_shop, Privilege.ALTER_TABLE, OWNING)
    assert (await planned(postgres_shop, wanted, OWNING)).is_empty
    await postgres_shop.run("create role other", "alter table public.goods owner to other")
    found = await seen_and_mended(postgres_shop, wanted, OWNING)
    assert DriftKind.OWNER in kinds(found)


async def test_the_whole_database_where_one_table_is_wanted_is_wider(
    maria_shop: MariaShop, on_maria: WantedState
) -> None:
    _, role = names(on_maria)
    name = maria_shop.database.replace("_", "\\_")
    await maria_shop.run(f"grant select on `{name}`.* to {role}")
    assert kinds(await seen_and_mended(maria_shop, on_maria)) == [DriftKind.WIDER]


async def test_rights_on_the_whole_server_are_wider(
    maria_shop: MariaShop, on_maria: WantedState
) -> None:
    ann, _ = names(on_maria)
    await maria_shop.run(f"grant select, process on *.* to {ann} with grant option")
    assert set(kinds(await seen_and_mended(maria_shop, on_maria))) == {DriftKind.WIDER}


async def test_a_right_on_another_database_is_extra(
    maria_shop: MariaShop, on_maria: WantedState
) -> None:
    ann, _ = names(on_maria)
    await maria_shop.run(f"grant select on mysql.* to {ann}")
    assert kinds(await seen_and_mended(maria_shop, on_maria)) == [DriftKind.EXTRA]


async def test_an_account_that_stands_before_ours_is_wider(
    maria_shop: MariaShop, on_maria: WantedState
) -> None:
    ann, _ = names(on_maria)
    await maria_shop.run(f"create user {ann}@localhost identified by 'let me in'")
    assert kinds(await seen_and_mended(maria_shop, on_maria)) == [DriftKind.WIDER]


async def test_what_is_given_to_public_is_reported_and_taken_if_closed(
    maria_shop: MariaShop, on_maria: WantedState
) -> None:
    await maria_shop.run("grant delete on goods to public")
    plan = await planned(maria_shop, on_maria)
    assert plan.is_empty
    assert [one.reason for one in plan.findings if one.principal == ""]
    found = await seen_and_mended(maria_shop, on_maria, Policy(close_public=True))
    assert kinds(found) == [DriftKind.WIDER]
