"""Names as weapons against the actions on managed databases, on real servers of both kinds.

The names are those of the connectors' tests; here they are of databases and of accounts.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import asyncpg
import pymysql
import pytest

from tenantry.adapters.databases.quoting import mysql_object, postgresql_object
from tenantry.adapters.postgres.embedded import SUPERUSER
from tenantry.app import App
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DatabasePlan,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
)
from tenantry.databases.login_actions import DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import DatabaseKind, ManagedDatabase
from tenantry.databases.model import Right, RightKind
from tenantry.databases.names import is_generated
from tenantry.errors import DatabaseNotFound, InvalidInput
from tenantry.grants.actions import GiveAction
from tenantry.kernel.action import Action, Actor, ActorKind, acting_as
from tenantry.privileges.model import Privilege
from tenantry.users.model import UserData
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop
from tests.connectors.test_attacks import NASTY, REFUSED, TOO_LONG
from tests.databases.conftest import AddDatabase, Somewhere

pytestmark = pytest.mark.anyio

ON_ONE: dict[str, Callable[[str], Action[Any]]] = {
    "check": CheckDatabaseAction,
    "plan": PlanDatabaseAction,
    "apply": ApplyDatabaseAction,
    "drift": DriftDatabaseAction,
    "dump": DumpDatabaseAction,
    "import": ProposeDatabaseAction,
    "revert": RevertDatabaseAction,
    "login": LoginToDatabaseAction,
    "adopt": lambda name: AdoptDatabaseAction(name, name="app", principal="ada"),
}


def quoted(shop: Shop, name: str) -> str:
    return (postgresql_object if isinstance(shop, PostgresShop) else mysql_object)(name)


@pytest.mark.parametrize("ask", ON_ONE.values(), ids=ON_ONE)
async def test_a_database_of_such_a_name_is_not_there_to_any_of_the_actions(
    tenantry: App, ada: UserData, ask: Callable[[str], Action[Any]]
) -> None:
    root = Actor(ActorKind.USER, ada.username, id=ada.id, role="superadmin")
    with acting_as(root):
        for name in (*REFUSED.values(), *TOO_LONG.values(), *NASTY):
            with pytest.raises((DatabaseNotFound, InvalidInput)):
                await tenantry.run(ask(name))


class Odd:
    """A database on a server whose name is a weapon, with a table, and one beside it."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.shop = shop
        self.name = name
        self.is_postgresql = isinstance(shop, PostgresShop)

    async def run(self, *statements: str) -> None:
        """In it, as who owns all."""
        if isinstance(self.shop, MariaShop):
            inside = (f"use {mysql_object(self.name)}", *statements, f"use `{self.shop.database}`")
            await self.shop.run(*inside)
            return
        assert isinstance(self.shop, PostgresShop)
        folder = str(self.shop.server.socket_folder)
        boss = await asyncpg.connect(host=folder, user=SUPERUSER, database=self.name)
        try:
            for statement in statements:
                await boss.execute(statement)
        finally:
            await boss.close()

    async def made(self) -> None:
        await self.shop.run(f"create database {quoted(self.shop, self.name)}")
        await self.run("create table things (i int)")

    async def dropped(self) -> None:
        force = " with (force)" if self.is_postgresql else ""
        await self.shop.run(f"drop database {quoted(self.shop, self.name)}{force}")

    async def reads(self, opened: DatabaseLogin) -> str | None:
        """By the address as it was told: what a statement says of where one is."""
        parts = urlsplit(opened.dsn)
        if self.is_postgresql:
            connection = await asyncpg.connect(opened.dsn)
            await connection.execute("select * from public.things")
            where: str = await connection.fetchval("select current_database()")
            await connection.close()
            return where
        [socket] = parse_qs(parts.query)["host"]
        line = pymysql.connect(
            unix_socket=socket,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.removeprefix("/")),
        )
        with line.cursor() as cursor:
            cursor.execute("select * from things")
            cursor.execute("select database()")
            [[where]] = cursor.fetchall()
        line.close()
        return where


@pytest.fixture
async def odd(request: pytest.FixtureRequest, server_shop: Shop) -> AsyncIterator[Odd]:
    """It, while a test runs."""
    made = Odd(server_shop, request.param)
    await made.made()
    yield made
    await made.dropped()


async def managed_as_odd(add: AddDatabase, odd: Odd) -> ManagedDatabase:
    kind = DatabaseKind.POSTGRESQL if odd.is_postgresql else DatabaseKind.MARIADB
    user, host = odd.shop.address.username, quote(odd.shop.address.host, safe="")
    dsn = f"{kind}://{user}@/{quote(odd.name, safe='')}?host={host}"
    return await add("odd", kind=kind, dsn=dsn, secret=None)


@pytest.mark.parametrize("odd", [name for name in NASTY if "/" not in name], indirect=True)
async def test_a_server_with_such_a_database_is_led_like_any_other(
    tenantry: App, add: AddDatabase, odd: Odd, ada: UserData
) -> None:
    await managed_as_odd(add, odd)
    await tenantry.run(GiveAction(principal="ada", permissions=["SELECT"], database="odd"))
    await tenantry.run(ApplyDatabaseAction("odd"))
    assert (await planned(tenantry)).empty
    with acting_as(ada):
        run = tenantry.databases.login_to_database.wait_for_complete
        opened = (await run(LoginToDatabaseAction("odd"))).data
    assert opened.remote_name == odd.name
    assert await odd.reads(opened) == odd.name
    line = await odd.shop.log_in(opened.username, opened.password)
    assert not await line.may(Privilege.SELECT, odd.shop.tables[0]), "the shop beside it"
    await line.close()
    dump = (
        await tenantry.databases.dump_database.wait_for_complete(DumpDatabaseAction("odd"))
    ).data
    await tenantry.run(RevertDatabaseAction("odd"))
    left = await odd.shop.connector.survey()
    assert not any(is_generated(name) for name in left.principals)
    await odd.run(*dump.statements)
    assert (await planned(tenantry)).empty
    await tenantry.run(RevertDatabaseAction("odd"))


async def planned(tenantry: App) -> DatabasePlan:
    run = tenantry.databases.plan_database.wait_for_complete
    return (await run(PlanDatabaseAction("odd"))).data


@pytest.mark.parametrize("name", [*NASTY, *TOO_LONG.values()])
async def test_an_account_of_such_a_name_is_proposed_adopted_and_given_back_like_any_other(
    somewhere: Somewhere, ada: UserData, name: str
) -> None:
    shop, run = somewhere.shop, somewhere.tenantry.run
    is_postgresql = isinstance(shop, PostgresShop)
    if is_postgresql and name in ("public", *TOO_LONG.values()):
        with pytest.raises(InvalidInput):
            await run(AdoptDatabaseAction("shop", name=name, principal="ada"))
        return
    called = name if is_postgresql else f"{name}@%"
    account = quoted(shop, name) + ("" if is_postgresql else "@`%`")
    await shop.run(
        f"create {'role' if is_postgresql else 'user'} {account}",
        f"grant insert on goods to {account}",
    )
    before = await rights_of(shop, called)
    assert await is_told(somewhere, called)
    await run(AdoptDatabaseAction("shop", name=called, principal="ada"))
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    held = await rights_of(shop, called)
    assert "SELECT" in {right.word for right in held if right.kind is RightKind.TABLE}
    assert not before & held
    await run(RevertDatabaseAction("shop"))
    assert await rights_of(shop, called) == before


async def rights_of(shop: Shop, name: str) -> set[Right]:
    return {right for right in (await shop.connector.survey()).rights if right.principal == name}


async def is_told(somewhere: Somewhere, name: str) -> bool:
    """Whether an import proposes this one of the server, or passes it by with a reason."""
    run = somewhere.tenantry.databases.propose_database.wait_for_complete
    found = (await run(ProposeDatabaseAction("shop"))).data
    proposed = {one.on_server for one in found.principals}
    return name in proposed or any(line.startswith(f"{name}: ") for line in found.left)


async def test_no_account_is_adopted_whose_name_means_something_else(
    somewhere: Somewhere, ada: UserData
) -> None:
    refused = [*REFUSED.values()]
    if isinstance(somewhere.shop, PostgresShop):
        refused += TOO_LONG.values()
    for name in refused:
        action = AdoptDatabaseAction("shop", name=name, principal="ada")
        with pytest.raises(InvalidInput) as caught:
            await somewhere.tenantry.run(action)
        assert [violation.field for violation in caught.value.violations] == ["name"]


@pytest.mark.parametrize("part", ["%00", "a%00b", "%ff", "%c0%27", "%ed%a0%80", "", "a/b"])
async def test_no_database_is_added_whose_name_no_server_can_hold(
    add: AddDatabase, part: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add("odd", dsn=f"postgresql://keeper@127.0.0.1/{part}")
    assert [violation.field for violation in caught.value.violations] == ["dsn"]


@pytest.mark.parametrize("server_shop", ["postgres_shop"], indirect=True)
async def test_a_role_whose_name_is_no_text_stops_nothing(
    somewhere: Somewhere, ada: UserData
) -> None:
    """Whoever may make roles can make one in a database that takes any bytes for text."""
    shop = somewhere.shop
    assert isinstance(shop, PostgresShop)
    other = f"{shop.database}_bytes"
    await shop.run(f"create database {other} encoding 'SQL_ASCII' locale 'C' template template0")
    folder = str(shop.server.socket_folder)
    line = await asyncpg.connect(host=folder, user=SUPERUSER, database=other)
    role = "convert_from('\\xff', 'sql_ascii')"
    await line.execute(f"do $$ begin execute format('create role %I login', {role}); end $$")
    try:
        await somewhere.give(ada, "SELECT")
        await somewhere.apply()
        await (await somewhere.come_in(ada)).close()
        assert await is_told(somewhere, "\\xff")
        check = somewhere.tenantry.databases.check_database.wait_for_complete
        assert (await check(CheckDatabaseAction("shop"))).data.lacks == []
    finally:
        await line.execute(f"do $$ begin execute format('drop role %I', {role}); end $$")
        await line.close()
        await shop.run(f"drop database {other}")
