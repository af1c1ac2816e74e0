"""Servers that were there before Tenantry: read without a change, and taken over by a word."""

from uuid import uuid4

import pytest

from tenantry.databases.importing import Proposal, propose
from tenantry.databases.model import (
    Policy,
    PrincipalKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.planning import diff
from tenantry.errors import StateConflict
from tenantry.privileges.model import Privilege, object_named
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.older import put_older
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, found_by, logged_in, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio

WITHOUT_A_WORD: dict[type, str] = {
    PostgresShop: "grant temporary on database {0} to app",
    MariaShop: "grant lock tables on `{1}`.* to app",
}


@pytest.fixture
async def app(shop: Shop) -> str:
    """The name, on its server, of an account that was there before."""
    name = await put_older(shop)
    pattern = shop.database.replace("_", "\\_")
    await shop.run(WITHOUT_A_WORD[type(shop)].format(shop.database, pattern))
    return name


async def proposed(shop: Shop) -> Proposal:
    return propose(await shop.connector.survey(), shop.connector.dialect)


async def test_what_is_there_is_proposed_and_nothing_changes(shop: Shop, app: str) -> None:
    before = await shop.connector.survey()
    proposal = propose(before, shop.connector.dialect)
    assert app in proposal.users
    assert "readers" in proposal.roles
    assert (app, "readers") in proposal.members
    said = {
        (one.principal, one.privilege, one.object.table)
        for one in proposal.grants
        if one.principal in (app, "readers") and one.object.table
    }
    assert said == {
        ("readers", Privilege.SELECT, "goods"),
        ("readers", Privilege.SELECT, "orders"),
        (app, Privilege.INSERT, "goods"),
    }
    words = {right.word for right in proposal.left if right.principal == app}
    assert words & {"TEMPORARY", "LOCK TABLES"}
    assert await shop.connector.survey() == before


async def test_a_proposal_made_wanted_gives_the_same_rights_beside_the_old_ones(
    shop: Shop, app: str
) -> None:
    proposal, scope = await proposed(shop), uuid4()
    people = {
        name: a_principal(scope, kind)
        for name, kind in ((app, PrincipalKind.USER), ("readers", PrincipalKind.ROLE))
    }
    wanted = WantedState(
        scope,
        tuple(people.values()),
        frozenset({(people[app].name, people["readers"].name)}),
        frozenset(
            WantedGrant(people[one.principal].name, one.privilege, one.object)
            for one in proposal.grants
            if one.principal in people
        ),
    )
    before = await shop.connector.survey()
    await settled(shop, wanted)
    old = {"readers", app}
    after = await shop.connector.survey()
    assert {r for r in before.rights if r.principal in old} == {
        r for r in after.rights if r.principal in old
    }
    assert (await planned(shop, wanted)).is_empty


async def test_an_account_with_a_name_that_is_wanted_is_not_taken_without_a_word(
    shop: Shop, app: str
) -> None:
    scope = uuid4()
    wanted = WantedState(
        scope,
        (WantedPrincipal(uuid4(), PrincipalKind.USER, app),),
        grants=frozenset({WantedGrant(app, Privilege.DELETE, shop.tables[0])}),
    )
    plan = await planned(shop, wanted)
    assert plan.is_empty
    assert [one.principal for one in plan.findings if one.refused] == [app]


async def test_an_adopted_account_is_managed_here_and_kept_elsewhere(shop: Shop, app: str) -> None:
    scope = uuid4()
    wanted = WantedState(
        scope,
        (WantedPrincipal(uuid4(), PrincipalKind.USER, app, adopted=True),),
        grants=frozenset({WantedGrant(app, Privilege.DELETE, shop.tables[0])}),
    )
    await settled(shop, wanted)
    assert (await planned(shop, wanted)).is_empty
    found = await found_by(shop, wanted)
    held = {right.word for right in found.rights if right.principal == app}
    assert "DELETE" in held
    assert "INSERT" not in held

    gone = WantedState(scope)
    adopted = [app]
    state = await shop.connector.inspect(scope, adopted)
    assert state.principals[app].managed
    await apply_on(shop, gone, adopted)
    left = await shop.connector.inspect(scope, adopted)
    assert app in left.principals, "what was there before is never dropped"
    assert not left.principals[app].can_login
    assert not any(right.word == "DELETE" for right in left.rights if right.principal == app)


async def apply_on(shop: Shop, wanted: WantedState, adopted: list[str]) -> None:
    found = await shop.connector.inspect(wanted.scope, adopted)
    await shop.connector.apply(wanted.scope, diff(wanted, found, shop.connector.dialect, Policy()))


async def test_a_generated_name_without_our_mark_is_not_ours(postgres_shop: PostgresShop) -> None:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    await postgres_shop.run(f"create role {ann.name} login superuser")
    wanted = WantedState(scope, (ann,))
    plan = await planned(postgres_shop, wanted)
    assert plan.is_empty
    assert [one.refused for one in plan.findings if one.principal == ann.name] == [True]


async def test_an_account_made_between_plan_and_apply_is_not_taken_over(
    postgres_shop: PostgresShop,
) -> None:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    wanted = WantedState(scope, (ann,))
    plan = await planned(postgres_shop, wanted)
    await postgres_shop.run(f"create role {ann.name} login superuser")
    with pytest.raises(StateConflict):
        await postgres_shop.connector.apply(scope, plan)


async def test_a_table_is_taken_over_where_that_is_allowed_and_its_owner_goes_on(
    postgres_shop: PostgresShop,
) -> None:
    shop, scope = postgres_shop, uuid4()
    await shop.run(
        "create role old_app",
        "grant usage on schema sales to old_app",
        "grant create on schema sales to old_app",
        "alter table sales.orders owner to old_app",
    )
    ann = a_principal(scope, PrincipalKind.USER)
    grant = WantedGrant(ann.name, Privilege.ALTER_TABLE, shop.tables[1])
    wanted = WantedState(scope, (ann,), grants=frozenset({grant}))
    plan = await planned(shop, wanted, Policy(allow_wider=True))
    [refused] = [one for one in plan.findings if one.refused]
    assert "old_app owns it" in refused.reason
    assert refused.tables == (shop.tables[1],)
    policy = Policy(allow_wider=True, take_ownership=True)
    await settled(shop, wanted, policy)
    assert (await planned(shop, wanted, policy)).is_empty
    line = await logged_in(shop, wanted, ann.name)
    assert await line.may(Privilege.ALTER_TABLE, shop.tables[1])
    assert not await line.may(Privilege.ALTER_TABLE, shop.tables[0])
    await line.close()
    await shop.run("set role old_app", "select * from sales.orders", "reset role")


async def test_what_somebody_made_outlives_them(postgres_shop: PostgresShop) -> None:
    shop, scope = postgres_shop, uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    place = object_named(shop.database, "sales")
    grant = WantedGrant(ann.name, Privilege.CREATE_TABLE, place)
    wanted = WantedState(scope, (ann,), grants=frozenset({grant}))
    policy = Policy(allow_wider=True)
    await settled(shop, wanted, policy)
    await shop.run(f"set role {ann.name}", "create table sales.hers (i int)", "reset role")
    await settled(shop, WantedState(scope), policy)
    found = await found_by(shop, wanted)
    assert ann.name not in found.principals
    assert found.catalogue.tables["sales", "hers"] == found.executor
