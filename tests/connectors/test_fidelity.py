"""What a server cannot do exactly is refused or said, never left out."""

from uuid import uuid4

import pytest

from tenantry.databases.model import Fidelity, Policy, PrincipalKind, WantedGrant, WantedState
from tenantry.privileges.model import DatabaseObject, Privilege, object_named
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, logged_in, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio

WIDER = Policy(allow_wider=True)


def one_user(*grants: tuple[Privilege, DatabaseObject]) -> WantedState:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    wanted = frozenset(WantedGrant(ann.name, *grant) for grant in grants)
    return WantedState(scope, (ann,), grants=wanted)


async def test_a_wider_right_is_refused_unless_it_is_allowed(shop: Shop) -> None:
    wanted = one_user((Privilege.CREATE_TABLE, object_named(shop.database)))
    name = wanted.principals[0].name
    plan = await settled(shop, wanted)
    [finding] = [one for one in plan.findings if one.principal == name]
    assert (finding.fidelity, finding.refused) == (Fidelity.WIDER, True)
    assert not any(step.gives for step in plan.steps)

    plan = await settled(shop, wanted, WIDER)
    [finding] = [one for one in plan.findings if one.principal == name]
    assert (finding.fidelity, finding.refused) == (Fidelity.WIDER, False)
    assert Fidelity.WIDER in {step.fidelity for step in plan.steps}
    line = await logged_in(shop, wanted, name)
    assert await line.may(Privilege.CREATE_TABLE, shop.tables[0])
    await line.close()
    assert (await planned(shop, wanted, WIDER)).is_empty


async def test_what_was_allowed_before_is_taken_when_it_no_longer_is(shop: Shop) -> None:
    wanted = one_user((Privilege.CREATE_TABLE, object_named(shop.database)))
    await settled(shop, wanted, WIDER)
    plan = await settled(shop, wanted)
    assert any(step.takes for step in plan.steps)
    assert (await planned(shop, wanted)).is_empty


async def test_the_impossible_is_said(shop: Shop) -> None:
    wanted = one_user((Privilege.DROP_SCHEMA, object_named(shop.database)))
    plan = await planned(shop, wanted, WIDER)
    [finding] = [one for one in plan.findings if one.privilege is Privilege.DROP_SCHEMA]
    assert (finding.fidelity, finding.refused) == (Fidelity.IMPOSSIBLE, True)
    assert finding.reason


async def test_a_table_that_is_not_there_waits_until_it_is(shop: Shop) -> None:
    place = object_named(shop.database, "public", "later")
    wanted = one_user((Privilege.SELECT, place))
    plan = await settled(shop, wanted)
    assert [one.object for one in plan.findings if one.refused] == [place]
    assert not any(step.gives for step in plan.steps)
    await shop.run("create table later (i int)")
    plan = await settled(shop, wanted)
    assert any(step.gives for step in plan.steps)
    line = await logged_in(shop, wanted, wanted.principals[0].name)
    assert await line.may(Privilege.SELECT, place)
    await line.close()


async def test_all_is_each_single_privilege_and_says_what_is_missing_of_it(shop: Shop) -> None:
    wanted = one_user((Privilege.ALL, shop.tables[0]))
    plan = await settled(shop, wanted)
    said = {one.privilege for one in plan.findings if one.refused}
    assert Privilege.DROP_TABLE in said
    assert Privilege.SELECT not in said
    assert (await planned(shop, wanted)).is_empty


async def test_tables_made_later_by_anybody_known_are_covered(postgres_shop: PostgresShop) -> None:
    shop = postgres_shop
    wanted = one_user((Privilege.SELECT, object_named(shop.database)))
    await settled(shop, wanted)
    await shop.run("create table sales.fresh (i int)", "create schema newer")
    await shop.run("create table newer.fresh (i int)")
    assert (await planned(shop, wanted)).is_empty
    line = await logged_in(shop, wanted, wanted.principals[0].name)
    for schema in ("sales", "newer"):
        assert await line.may(Privilege.SELECT, object_named(shop.database, schema, "fresh"))
    await line.close()


async def test_one_may_insert_where_a_sequence_fills_a_column(postgres_shop: PostgresShop) -> None:
    wanted = one_user((Privilege.INSERT, postgres_shop.tables[0]))
    await settled(postgres_shop, wanted)
    line = await logged_in(postgres_shop, wanted, wanted.principals[0].name)
    assert await line.may(Privilege.INSERT, postgres_shop.tables[0])
    await line.close()


async def test_everybody_may_execute_until_public_is_closed(postgres_shop: PostgresShop) -> None:
    wanted = one_user((Privilege.SELECT, postgres_shop.tables[0]))
    plan = await settled(postgres_shop, wanted)
    said = [one.reason for one in plan.findings if one.principal == ""]
    assert any("EXECUTE" in reason for reason in said)
    line = await logged_in(postgres_shop, wanted, wanted.principals[0].name)
    assert await line.may(Privilege.EXECUTE_PROCEDURE, postgres_shop.tables[0])
    closed = Policy(close_public=True)
    await settled(postgres_shop, wanted, closed)
    assert not await line.may(Privilege.EXECUTE_PROCEDURE, postgres_shop.tables[0])
    assert (await planned(postgres_shop, wanted, closed)).is_empty
    await line.close()


async def test_a_schema_is_a_database_on_mariadb(maria_shop: MariaShop) -> None:
    here = object_named(maria_shop.database, maria_shop.database, "goods")
    elsewhere = object_named(maria_shop.database, "sales", "goods")
    wanted = one_user((Privilege.SELECT, here), (Privilege.SELECT, elsewhere))
    plan = await settled(maria_shop, wanted)
    assert [one.object for one in plan.findings if one.refused] == [elsewhere]
    line = await logged_in(maria_shop, wanted, wanted.principals[0].name)
    assert await line.may(Privilege.SELECT, maria_shop.tables[0])
    await line.close()
