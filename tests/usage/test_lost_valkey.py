"""A real Valkey that is stopped, and one that is emptied: nothing that matters is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from valkey import Valkey

from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.adapters.valkey_statistics import ValkeyStatistics
from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import PermissionError
from tenantry.kernel.action import Origin, acting_as
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD
from tenantry.usage.model import BIN
from tenantry.users.actions import ListUsersAction
from tenantry.users.model import UserData

from .conftest import Usage
from .test_collector import write

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that no other test uses."""
    with EmbeddedValkey(tmp_path / "valkey") as started:
        yield started


@pytest.fixture
def settings(settings: Settings, server: EmbeddedValkey) -> Settings:
    return replace(settings, valkey_url=server.url)


@pytest.fixture
async def stat_client(server: EmbeddedValkey) -> AsyncIterator[ValkeyStatistics]:
    made = ValkeyStatistics.connect(server.url)
    yield made
    await made.close()


async def is_ready(tenantry: App) -> bool:
    (check,) = [check for check in await tenantry.readiness() if check.name == "valkey"]
    assert not check.required
    return check.ok


async def logs_in(tenantry: App, password: str = PASSWORD) -> bool:
    action = AuthenticateAction("john", password)
    result = await tenantry.auth.authenticate.wait_for_complete(action)
    if result.session_token is not None:
        await tenantry.auth_service.identify(result.session_token, Origin(address="192.0.2.7"))
    return result.success


async def test_without_valkey_logins_and_decisions_are_as_ever_and_the_gap_is_shown(
    tenantry: App, usage: Usage, john: UserData, server: EmbeddedValkey
) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 900, BIN - 5)
    await write(usage, session, 920, BIN + 5)
    await usage.collect(BIN + 61)
    closed = await usage.owner.fetch("select * from usage_bins order by bin")
    assert len(closed) == 1
    assert (await usage.of(john)).live
    assert await is_ready(tenantry)

    await asyncio.to_thread(server.stop)
    assert not await is_ready(tenantry)
    assert await logs_in(tenantry)
    assert not await logs_in(tenantry, "wrong")
    with acting_as(john), pytest.raises(PermissionError):
        await tenantry.users.list_users.wait_for_complete(ListUsersAction())
    shown = await usage.of(john)
    assert not shown.live
    assert usage.values(shown, "io_write_bytes")[0] == 910
    await usage.collect(2 * BIN + 61)
    assert (await usage.owner.fetch("select * from usage_bins order by bin"))[:1] == closed
    assert len(await usage.owner.fetch("select * from usage_bins")) == 2

    await asyncio.to_thread(server.start)
    await write(usage, session, 2000, 2 * BIN + 100)
    found = await usage.of(john)
    assert found.live
    assert sum(usage.values(found, "io_write_bytes").values()) == 2000
    assert usage.clock.edge + BIN in found.gaps
    assert await is_ready(tenantry)


async def test_an_emptied_valkey_loses_neither_a_closed_bin_nor_any_io(
    tenantry: App, usage: Usage, john: UserData, server: EmbeddedValkey
) -> None:
    session = await usage.session(john, 0)
    await write(usage, session, 900, BIN - 5)
    await write(usage, session, 920, BIN + 5)
    await usage.collect(BIN + 61)
    closed = await usage.owner.fetch("select * from usage_bins order by bin")
    with Valkey.from_url(server.url) as client:
        assert client.dbsize() > 0
        client.flushall()
    assert await logs_in(tenantry)
    assert usage.values(await usage.of(john), "io_write_bytes") == {0: 910}
    await write(usage, session, 2000, 2 * BIN + 10)
    assert sum(usage.values(await usage.of(john), "io_write_bytes").values()) == 2000
    await usage.collect(2 * BIN + 61)
    assert (await usage.owner.fetch("select * from usage_bins order by bin"))[:1] == closed


async def test_wrong_logins_are_counted_although_valkey_is_emptied_in_between(
    tenantry: App, usage: Usage, john: UserData, server: EmbeddedValkey
) -> None:
    most = tenantry.settings.max_failed_attempts
    for number in range(most):
        assert not await logs_in(tenantry, f"wrong {number}")
        with Valkey.from_url(server.url) as client:
            client.flushall()
    assert not await logs_in(tenantry)
