"""Tenantry goes to hosts only that the setting names, whatever is asked for and whatever was."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from tenantry.adapters.databases.connecting import AllowedServers
from tenantry.app import App, open_app
from tenantry.databases.actions import ModifyDatabaseAction
from tenantry.databases.address import Address
from tenantry.databases.enforcing_actions import (
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
)
from tenantry.databases.managed import DatabaseKind, DatabaseModifier
from tenantry.errors import ConnectionError, InvalidInput
from tenantry.kernel.modifier import OptionalState
from tenantry.settings import Settings
from tests.databases.conftest import AddDatabase, Somewhere

pytestmark = pytest.mark.anyio

ELSEWHERE = (
    "postgresql://keeper@192.0.2.7/shop",
    "postgresql://keeper@[::ffff:192.0.2.7]/shop",
    "postgresql://keeper@/shop?host=/etc",
    "postgresql://keeper@/shop?host=/tmp/../etc",
    "postgresql://keeper@169.254.169.254:80/shop",
)


@pytest.mark.parametrize("dsn", ELSEWHERE)
async def test_no_database_is_added_or_moved_elsewhere(
    tenantry: App, add: AddDatabase, dsn: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await add("shop", dsn=dsn)
    assert [(one.field, one.code) for one in caught.value.violations] == [
        ("dsn", "host_not_allowed")
    ]
    await add("shop")
    moved = DatabaseModifier(dsn=OptionalState.update(dsn), secret=OptionalState.update("s"))
    with pytest.raises(InvalidInput, match="TENANTRY_MANAGED_HOSTS"):
        await tenantry.databases.modify_database.wait_for_complete(
            ModifyDatabaseAction("shop", moved)
        )


async def test_a_host_that_is_allowed_no_more_is_not_gone_to(
    somewhere: Somewhere, settings: Settings
) -> None:
    await somewhere.apply()
    narrowed = replace(settings, managed_hosts=(ip_network("192.0.2.0/24"),))
    async with open_app(narrowed, upkeep=False) as app:
        for action in (
            CheckDatabaseAction("shop"),
            PlanDatabaseAction("shop"),
            DriftDatabaseAction("shop"),
            DumpDatabaseAction("shop"),
            ProposeDatabaseAction("shop"),
            ApplyDatabaseAction("shop"),
        ):
            with pytest.raises(InvalidInput, match="TENANTRY_MANAGED_HOSTS"):
                await app.run(action)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Where names lead, the next time and the times after."""
    leads: dict[str, list[list[str]]] = {}

    async def look_up(_: object, host: str, *more: Any, **said: Any) -> Sequence[object]:
        addresses = leads[host].pop(0) if host in leads else [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", look_up)
    return leads


async def test_a_name_is_allowed_only_if_all_that_it_leads_to_is(
    names: dict[str, list[list[str]]],
) -> None:
    servers = AllowedServers((ip_network("127.0.0.0/8"),))
    names["db.example"] = [["127.0.0.1", "192.0.2.7"], ["127.0.0.1"]]
    address = Address("db.example", 5432, "shop", "keeper")
    with pytest.raises(InvalidInput):
        await servers.require_allowed(address)
    reached = await servers.require_allowed(address)
    assert (reached.host, reached.server_name) == ("127.0.0.1", "db.example")


async def test_what_was_looked_at_is_what_is_connected_to(
    names: dict[str, list[list[str]]],
) -> None:
    servers = AllowedServers((ip_network("127.0.0.0/8"),))
    for kind in (DatabaseKind.POSTGRESQL, DatabaseKind.MARIADB):
        names["db.example"] = [["127.0.0.1"], ["192.0.2.7"]]
        address = Address("db.example", 1, "shop", "keeper")
        connector = await servers.connect(kind, address, None)
        with pytest.raises(ConnectionError):
            await connector.check()
        assert names["db.example"] == [["192.0.2.7"]], "the name was not asked a second time"
