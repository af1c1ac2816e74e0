"""Credentials for the server: short-lived, seen by nobody, and of no use once closed or late."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tenantry.adapters.databases.scram import scram_verifier
from tenantry.databases.model import Plan, PrincipalKind, WantedGrant, WantedState
from tenantry.errors import InvalidInput, StateConflict
from tenantry.privileges.model import Privilege
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import PASSWORD, Shop, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wanted(shop: Shop) -> WantedState:
    """Ann, who may read a table."""
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    grant = WantedGrant(ann.name, Privilege.SELECT, shop.tables[0])
    wanted = WantedState(scope, (ann,), grants=frozenset({grant}))
    await settled(shop, wanted)
    return wanted


def ann_in(wanted: WantedState) -> str:
    return wanted.principals[0].name


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def test_an_open_credential_is_no_drift(shop: Shop, wanted: WantedState) -> None:
    await shop.connector.open_login(wanted.scope, ann_in(wanted), PASSWORD, in_an_hour())
    assert (await planned(shop, wanted)).is_empty


async def test_postgresql_itself_refuses_a_credential_that_is_late(
    postgres_shop: PostgresShop,
) -> None:
    shop, scope = postgres_shop, uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    await settled(shop, WantedState(scope, (ann,)))
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    await shop.connector.open_login(scope, ann.name, PASSWORD, soon)
    line = await shop.log_in(ann.name, PASSWORD)
    await asyncio.sleep(2)
    with pytest.raises(PermissionError):
        await shop.log_in(ann.name, PASSWORD)
    assert await line.is_open(), "who is in stays in until the login is closed"
    assert await shop.connector.close_login(scope, ann.name) == 1
    assert not await line.is_open()


async def test_mariadb_refuses_it_once_the_account_is_locked(maria_shop: MariaShop) -> None:
    shop, scope = maria_shop, uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    await settled(shop, WantedState(scope, (ann,)))
    await shop.connector.open_login(scope, ann.name, PASSWORD, in_an_hour())
    line = await shop.log_in(ann.name, PASSWORD)
    assert await shop.connector.close_login(scope, ann.name) == 1
    assert not await line.is_open()
    with pytest.raises(PermissionError):
        await shop.log_in(ann.name, PASSWORD)
    [row] = await shop.rows(f"select Priv from mysql.global_priv where User = '{ann.name}'")
    assert '"account_locked":true' in row["Priv"]
    assert '"authentication_string":"invalid"' in row["Priv"]


async def test_who_is_no_longer_wanted_is_put_out_and_told(shop: Shop, wanted: WantedState) -> None:
    name = ann_in(wanted)
    await shop.connector.open_login(wanted.scope, name, PASSWORD, in_an_hour())
    lines = [await shop.log_in(name, PASSWORD) for _ in range(2)]
    nobody = WantedState(wanted.scope)
    ended = await shop.connector.apply(wanted.scope, await planned(shop, nobody))
    assert ended == {name: 2}
    assert not any([await line.is_open() for line in lines])
    with pytest.raises(PermissionError):
        await shop.log_in(name, PASSWORD)
    assert (await planned(shop, nobody)).is_empty


async def test_whom_a_broken_plan_has_left_connected_the_next_one_puts_out(
    shop: Shop, wanted: WantedState
) -> None:
    name = ann_in(wanted)
    await shop.connector.open_login(wanted.scope, name, PASSWORD, in_an_hour())
    line = await shop.log_in(name, PASSWORD)
    assert await shop.connector.apply(wanted.scope, Plan(ends=(name,))) == {name: 1}
    assert not await line.is_open()


async def test_closing_twice_is_closing_once(shop: Shop, wanted: WantedState) -> None:
    await shop.connector.open_login(wanted.scope, ann_in(wanted), PASSWORD, in_an_hour())
    assert await shop.connector.close_login(wanted.scope, ann_in(wanted)) == 0
    assert await shop.connector.close_login(wanted.scope, ann_in(wanted)) == 0


async def test_no_server_is_told_the_password(
    postgres_shop: PostgresShop, maria_shop: MariaShop
) -> None:
    for shop in (postgres_shop, maria_shop):
        await shop.log_statements()
        scope = uuid4()
        ann = a_principal(scope, PrincipalKind.USER)
        await settled(shop, WantedState(scope, (ann,)))
        await shop.connector.open_login(scope, ann.name, PASSWORD, in_an_hour())
        said = await shop.logged_statements()
        assert ann.name in said
        assert PASSWORD not in said


@pytest.mark.parametrize("password", ["passwörd", "tab\ud800"])
async def test_a_password_that_is_no_ascii_is_refused(
    shop: Shop, wanted: WantedState, password: str
) -> None:
    with pytest.raises(InvalidInput):
        await shop.connector.open_login(wanted.scope, ann_in(wanted), password, in_an_hour())


async def test_a_stranger_with_a_good_name_gets_no_credential(
    postgres_shop: PostgresShop,
) -> None:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    await postgres_shop.run(f"create role {ann.name} superuser")
    with pytest.raises(StateConflict):
        await postgres_shop.connector.open_login(scope, ann.name, PASSWORD, in_an_hour())
    with pytest.raises(StateConflict):
        await postgres_shop.connector.close_login(scope, ann.name)


def test_a_verifier_is_salted_and_has_the_form_that_the_server_keeps() -> None:
    verifier = scram_verifier("pencil")
    assert re.fullmatch(r"SCRAM-SHA-256\$4096:[\w+/=]{24}\$[\w+/=]{44}:[\w+/=]{44}", verifier)
    assert scram_verifier("pencil", b"0" * 16) == scram_verifier("pencil", b"0" * 16)
    assert scram_verifier("pencil") != verifier
