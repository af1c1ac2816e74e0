"""Names as weapons, on real servers. Each attack is shown to work on a naive builder first."""

from uuid import uuid4

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.adapters.databases.mysql_dialect import MysqlDialect
from tenantry.adapters.databases.postgresql_dialect import PostgresDialect
from tenantry.adapters.databases.quoting import (
    mysql_grantee,
    mysql_object,
    mysql_pattern,
    postgresql_object,
    postgresql_principal,
    postgresql_text,
)
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Catalogue,
    FoundState,
    Policy,
    PrincipalKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.names import generated_name
from tenantry.databases.planning import diff
from tenantry.errors import InvalidInput
from tenantry.privileges.model import DatabaseObject, Privilege, object_named
from tests.connectors.mariadb_shop import MariaLine, MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, logged_in, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio

REFUSED = {
    "public": "public",
    "PUBLIC": "PUBLIC",
    "padded": " public ",
    "none": "none",
    "of the server": "pg_read_all_data",
    "of the server, in capitals": "PG_monitor",
    "very long": "a" * 100_000,
    "empty": "",
    "NUL": "a\0b",
    "half a surrogate": "a\udc27",
}
TOO_LONG = {"64 bytes": "a" * 64, "80 bytes of 40 letters": "é" * 40}
"""For PostgreSQL, which would cut them off."""
NASTY = (
    'a"; drop role x; --',
    "a'b",
    "a`b",
    "$1",
    "%s",
    "{}",
    "a.b",
    "a_b%c",
    "back\\slash",
    "new\nline",
    'quoted "name"',
    "a" * 63,
    "é" * 31,
    "public",
    "--",
    "/* */",
    "\u202eright to left",
)
FIT = st.text(min_size=1, max_size=20).filter(lambda t: "\0" not in t and t.isprintable())


def one_grant(privilege: Privilege, place: DatabaseObject) -> WantedState:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    grant = WantedGrant(ann.name, privilege, place)
    return WantedState(scope, (ann,), grants=frozenset({grant}))


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_no_principal_has_a_name_that_means_something_else(name: str) -> None:
    for quote in (postgresql_principal, mysql_grantee):
        with pytest.raises(InvalidInput):
            quote(name)
    wanted = WantedState(uuid4(), (WantedPrincipal(uuid4(), PrincipalKind.USER, name),))
    for kind in (DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB):
        found = FoundState(kind, "shop", "keeper", True, catalogue=Catalogue())
        dialect = PostgresDialect() if kind is DatabaseKind.POSTGRESQL else MysqlDialect(kind)
        with pytest.raises(InvalidInput):
            diff(wanted, found, dialect, Policy())


@pytest.mark.parametrize("name", TOO_LONG.values(), ids=TOO_LONG)
def test_no_principal_has_a_name_that_its_server_would_cut_off(name: str) -> None:
    with pytest.raises(InvalidInput):
        postgresql_principal(name)
    assert mysql_grantee(f"{name}@localhost") == f"`{name}`@`localhost`"
    with pytest.raises(InvalidInput):
        mysql_grantee("a" * 641)


async def test_naively_quoted_public_is_everybody(postgres_shop: PostgresShop) -> None:
    await postgres_shop.run('grant select on goods to "public"')
    asked = "select has_table_privilege(oid, 'goods', 'SELECT') from pg_roles"
    assert all(row[0] for row in await postgres_shop.owner.fetch(asked))


async def test_a_naively_quoted_long_name_is_another_one(postgres_shop: PostgresShop) -> None:
    victim = "a" * 63
    await postgres_shop.run(f"create role {victim}", f'grant delete on goods to "{victim}b"')
    asked = "select has_table_privilege($1, 'goods', 'DELETE')"
    assert await postgres_shop.owner.fetchval(asked, victim)


async def test_a_naive_grant_on_a_database_opens_its_neighbour(maria_shop: MariaShop) -> None:
    neighbour = maria_shop.database.replace("_", "x")
    await maria_shop.run(
        f"create database {neighbour}", f"create table {neighbour}.secrets (i int)"
    )
    try:
        place = object_named(maria_shop.database)
        wanted = one_grant(Privilege.SELECT, place)
        await settled(maria_shop, wanted)
        line = await logged_in(maria_shop, wanted, wanted.principals[0].name)
        assert isinstance(line, MariaLine)
        name = wanted.principals[0].name
        peek = f"select * from {neighbour}.secrets"
        with pytest.raises(pymysql.MySQLError):
            await line.ask(peek)
        await maria_shop.run(f"grant select on `{maria_shop.database}`.* to {name}")
        await line.ask(peek)
        await line.close()
    finally:
        await maria_shop.run(f"drop database {neighbour}")


@pytest.mark.parametrize("table", NASTY)
async def test_a_grant_on_a_table_with_a_nasty_name_is_on_that_table_only(
    shop: Shop, table: str
) -> None:
    quote = postgresql_object if isinstance(shop, PostgresShop) else mysql_object
    await shop.run(f"create table {quote(table)} (i int)")
    wanted = one_grant(Privilege.SELECT, object_named(shop.database, "public", table))
    plan = await settled(shop, wanted)
    assert [one for one in plan.findings if one.refused] == []
    assert (await planned(shop, wanted)).is_empty
    found = await shop.connector.inspect(wanted.scope)
    held = {right.path[-1] for right in found.rights if right.word == "SELECT" and right.principal}
    assert held == {table}
    assert ("public" if isinstance(shop, PostgresShop) else shop.database, "goods") in (
        found.catalogue.tables
    )


async def test_a_schema_with_a_nasty_name_is_covered_with_all_in_it(
    postgres_shop: PostgresShop,
) -> None:
    for schema in NASTY[:-4]:
        await postgres_shop.run(
            f"create schema {postgresql_object(schema)}",
            f"create function {postgresql_object(schema)}.{postgresql_object(schema)}(text)"
            " returns int language sql as 'select 1'",
        )
    everything = object_named(postgres_shop.database)
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    words = (Privilege.EXECUTE_PROCEDURE, Privilege.SELECT)
    grants = frozenset(WantedGrant(ann.name, word, everything) for word in words)
    wanted = WantedState(scope, (ann,), grants=grants)
    closed = Policy(close_public=True)
    await settled(postgres_shop, wanted, closed)
    assert (await planned(postgres_shop, wanted, closed)).is_empty
    await settled(postgres_shop, WantedState(scope), closed)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=FIT)
async def test_a_name_comes_out_of_quotes_as_it_went_in(
    postgres_shop: PostgresShop, maria_shop: MariaShop, name: str
) -> None:
    if len(name.encode()) <= 63:
        [told] = await postgres_shop.owner.fetch(f"select 1 as {postgresql_object(name)}")
        assert list(told.keys()) == [name]
    # Blanks at the ends of an alias are cut there, and letters beyond the first 65,536 refused.
    if name == name.strip() and max(name) <= "\uffff":
        [row] = await maria_shop.rows(f"select 1 as {mysql_object(name)}")
        assert list(row) == [name]


@given(name=FIT)
def test_a_pattern_means_its_own_name_and_no_other(name: str) -> None:
    pattern = mysql_pattern(name)
    bare = pattern.replace("\\\\", "").replace("\\_", "").replace("\\%", "")
    assert not set(bare) & {"\\", "_", "%"}


def test_a_text_never_leaves_its_quotes() -> None:
    assert postgresql_text("it's") == "'it''s'"
    for text in ("back\\slash", "nul\0"):
        with pytest.raises(InvalidInput):
            postgresql_text(text)


def test_generated_names_hold_no_text_of_anybody() -> None:
    seen = {generated_name(uuid4(), kind, uuid4()) for kind in PrincipalKind for _ in range(200)}
    assert len(seen) == 200 * len(PrincipalKind)
    for name in seen:
        assert postgresql_principal(name) == f'"{name}"'
        assert len(name) <= 32
