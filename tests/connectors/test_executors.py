"""Executors that may do little, and every PostgreSQL that is there, the oldest one, too."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from tenantry.adapters.databases.mysql_connector import MysqlConnector
from tenantry.adapters.databases.postgresql_connector import PostgresConnector
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Fidelity,
    PrincipalKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.privileges.model import Privilege, object_named
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.programs import OTHERS
from tests.connectors.shop import planned, settled
from tests.connectors.test_worlds import settle_one
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=[None, *OTHERS], ids=str)
def a_postgres(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """The one that Tenantry brings along, and those that this machine has."""
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder, bin_dir=request.param, durable=False) as server:
        yield server


@pytest.fixture
async def a_shop(a_postgres: EmbeddedPostgres) -> AsyncIterator[PostgresShop]:
    shop = await PostgresShop.opened(a_postgres)
    yield shop
    await shop.removed()


async def test_worlds_settle_on_each_version(a_shop: PostgresShop) -> None:
    cast = a_shop.cast()
    for seed in range(5):
        await settle_one(a_shop, cast, seed)


async def test_worlds_settle_without_a_superuser(a_shop: PostgresShop) -> None:
    await with_keeper(a_shop)
    check = await a_shop.connector.check()
    assert check.lacks == ()
    cast = a_shop.cast()
    for seed in range(5):
        await settle_one(a_shop, cast, seed)
    await a_shop.connector.apply(cast.scope, await planned(a_shop, WantedState(cast.scope)))


async def with_keeper(shop: PostgresShop) -> None:
    """Have the connector go there as one who owns the database, and is no superuser."""
    keeper = f"keeper_{uuid4().hex[:8]}"
    await shop.run(
        f"create role {keeper} login createrole",
        f"alter database {shop.database} owner to {keeper}",
        f"alter schema public owner to {keeper}",
        f"alter schema sales owner to {keeper}",
        f"alter table public.goods owner to {keeper}",
        f"alter table sales.orders owner to {keeper}",
        f"alter view sales.totals owner to {keeper}",
        f"alter sequence sales.numbers owner to {keeper}",
        f"alter function public.twice owner to {keeper}",
        f"alter procedure sales.forget owner to {keeper}",
    )
    address = Address(shop.address.host, 5432, shop.database, keeper)
    shop.connector = PostgresConnector(address, None)


async def test_what_the_executor_cannot_say_for_others_is_narrower(a_shop: PostgresShop) -> None:
    await with_keeper(a_shop)
    await a_shop.run(
        "create role elder",
        "create schema old",
        "create table old.things (i int)",
        "alter table old.things owner to elder",
    )
    assert [lack for lack in (await a_shop.connector.check()).lacks if "elder" in lack]
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    grant = WantedGrant(ann.name, Privilege.INSERT, object_named(a_shop.database, "sales"))
    wanted = WantedState(scope, (ann,), grants=frozenset({grant}))
    plan = await settled(a_shop, wanted)
    said = [one for one in plan.findings if one.fidelity is Fidelity.NARROWER]
    assert any("elder" in one.reason for one in said)
    assert (await planned(a_shop, wanted)).is_empty


async def test_an_executor_that_may_not_is_refused_with_a_reason(a_shop: PostgresShop) -> None:
    weak = f"weak_{uuid4().hex[:8]}"
    await a_shop.run(f"create role {weak} login")
    address = Address(a_shop.address.host, 5432, a_shop.database, weak)
    a_shop.connector = PostgresConnector(address, None)
    lacks = (await a_shop.connector.check()).lacks
    assert len(lacks) == 4
    scope = uuid4()
    wanted = WantedState(scope, (a_principal(scope, PrincipalKind.USER),))
    with pytest.raises(PermissionError):
        await settled(a_shop, wanted)


async def test_worlds_settle_on_mariadb_without_root(maria_shop: MariaShop) -> None:
    await with_maria_keeper(maria_shop)
    cast = maria_shop.cast()
    for seed in range(3):
        await settle_one(maria_shop, cast, seed)


async def test_an_executor_of_mariadb_is_told_which_roles_it_could_not_adopt(
    maria_shop: MariaShop,
) -> None:
    keeper = await with_maria_keeper(maria_shop)
    clerks = f"clerks_{uuid4().hex[:8]}"
    await maria_shop.run(f"create role {clerks}")
    told = [lack for lack in (await maria_shop.connector.check()).lacks if "adopted" in lack]
    assert clerks in "".join(told)
    await maria_shop.run(f"grant {clerks} to {keeper}@localhost with admin option")
    assert clerks not in "".join((await maria_shop.connector.check()).lacks)


async def with_maria_keeper(shop: MariaShop) -> str:
    """Have the connector go there as one with the rights that it needs, and no more; its name."""
    pattern = shop.database.replace("_", "\\_")
    keeper = f"keeper_{uuid4().hex[:8]}"  # a walkthrough has its own on the same server
    await shop.run(
        f"create user {keeper}@localhost identified by 'keep'",
        f"grant all on `{pattern}`.* to {keeper}@localhost with grant option",
        f"grant select, update, insert, delete on mysql.* to {keeper}@localhost",
        f"grant create user, process, connection admin on *.* to {keeper}@localhost",
    )
    address = Address(shop.address.host, None, shop.database, keeper)
    shop.connector = MysqlConnector(DatabaseKind.MARIADB, address, "keep")
    return keeper


async def test_a_weak_executor_of_mariadb_is_told_what_it_lacks(maria_shop: MariaShop) -> None:
    await maria_shop.run(
        "create user weak@localhost identified by 'weak'",
        f"grant select on `{maria_shop.database}`.* to weak@localhost",
        "grant select on mysql.user to weak@localhost",
    )
    address = Address(maria_shop.address.host, None, maria_shop.database, "weak")
    maria_shop.connector = MysqlConnector(DatabaseKind.MARIADB, address, "weak")
    assert len((await maria_shop.connector.check()).lacks) >= 4
    scope = uuid4()
    with pytest.raises(PermissionError):
        await settled(maria_shop, WantedState(scope, (a_principal(scope, PrincipalKind.USER),)))


async def test_who_may_pass_a_role_on_loses_that_before_others_lose_the_role(
    maria_shop: MariaShop,
) -> None:
    keeper = await with_maria_keeper(maria_shop)
    end = uuid4().hex[:8]
    clerks, anna, carol = f"clerks_{end}", f"anna_{end}", f"carol_{end}"
    await maria_shop.run(
        f"create role {clerks}",
        f"create user {anna}, {carol}",
        f"grant {clerks} to {anna}",
        f"grant {clerks} to {carol}, {keeper}@localhost with admin option",
        f"revoke {clerks} from root@localhost",
    )
    scope = uuid4()
    role = WantedPrincipal(uuid4(), PrincipalKind.ROLE, clerks, adopted=True)
    await settled(maria_shop, WantedState(scope, (role,)))
    left = (await maria_shop.connector.inspect(scope, [clerks])).rights
    assert not [right for right in left if right.path == (clerks,)]
