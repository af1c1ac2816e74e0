"""The log is followed by one connection, which may be lost, stalled, or told nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import asyncpg
import pytest

from tenantry.adapters.postgres.database import connector
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.listener import CHANNEL, ChangeListener
from tenantry.adapters.postgres.transaction import PostgresTransaction
from tenantry.app import App
from tenantry.changes.feed import ChangeFeed
from tenantry.settings import Settings
from tests.changes.conftest import Memory, Write, user_changed
from tests.faults.proxy import FaultyRelay

pytestmark = pytest.mark.anyio

BOUND = 0.4
SEEN = "%change_log where seq%"
"""The last thing that a listener has asked of its database."""
SOON = 5.0


class TrustingListener(ChangeListener):
    """The naive build: connects once, and reads the log when it is told to and at no other time."""

    async def run_forever(self) -> None:
        connection = await self._connect()
        await connection.add_listener(CHANNEL, self._heard)
        while True:
            await self._feed.catch_up(PostgresTransaction(connection))
            self._feed._good_until = float("inf")
            await self._woken.wait()
            self._woken.clear()


@pytest.fixture
def relay(postgres: EmbeddedPostgres) -> Iterator[FaultyRelay]:
    with FaultyRelay(postgres.socket_folder / postgres.socket_name) as relay:
        yield relay


@pytest.fixture
def feed(tenantry: App, memory: Memory) -> ChangeFeed:
    """Of another process than the one that writes."""
    feed = ChangeFeed(database=tenantry.database.unfenced, bound=BOUND)
    feed.add(memory)
    return feed


def listener_of(
    kind: type[ChangeListener], feed: ChangeFeed, settings: Settings, relay: FaultyRelay, name: str
) -> ChangeListener:
    dsn = f"postgresql://tenantry_app@127.0.0.1:{relay.port}/{name}"
    return kind(connect=connector(dsn, settings), feed=feed)


@pytest.fixture
async def listening(
    feed: ChangeFeed, settings: Settings, relay: FaultyRelay, database: str
) -> AsyncIterator[None]:
    """A listener, behind the relay, that is at work."""
    listener = listener_of(ChangeListener, feed, settings, relay, database)
    task = asyncio.create_task(listener.run_forever())
    await until(feed.is_current)
    yield
    relay.mode = "pass"
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool]) -> float:
    """Wait; after how many seconds it was so."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + SOON
        await asyncio.sleep(0.002)
    return time.monotonic() - began


async def silently(owner: asyncpg.Connection) -> int:
    """A change of which nobody is notified."""
    return int(
        await owner.fetchval(
            "with head as (update change_head set seq = seq + 1 returning seq)"
            " insert into change_log select seq, 'user', $1, now() from head returning seq",
            uuid4(),
        )
    )


@pytest.mark.usefixtures("listening")
async def test_a_change_is_applied_as_soon_as_it_is_notified(
    feed: ChangeFeed, memory: Memory, write: Write
) -> None:
    feed.bound = 60  # so that no polling can be what finds it
    subject = uuid4()
    version = await write(subject)
    await until(lambda: feed.applied == version)
    assert memory.renewed == [user_changed(subject)]


@pytest.mark.usefixtures("listening")
async def test_a_change_that_nobody_is_told_of_is_found_by_polling(
    feed: ChangeFeed, write: Write, owner: asyncpg.Connection
) -> None:
    await write(uuid4())
    version = await silently(owner)
    assert await until(lambda: feed.applied == version) < BOUND


@pytest.mark.usefixtures("listening")
async def test_a_connection_that_is_lost_turns_to_the_database_at_once_and_comes_back(
    feed: ChangeFeed, write: Write, relay: FaultyRelay
) -> None:
    relay.mode = "refuse"
    relay.cut_all()
    await until(lambda: not feed.is_current())
    version = await write(uuid4())
    assert feed.applied < version
    relay.mode = "pass"
    await until(feed.is_current)
    assert feed.applied == version


@pytest.mark.usefixtures("listening")
async def test_a_backend_that_is_killed_is_replaced(
    feed: ChangeFeed, write: Write, owner: asyncpg.Connection
) -> None:
    pids = await owner.fetch(
        "select pid from pg_stat_activity where query like $1 and datname = current_database()",
        SEEN,
    )
    assert len(pids) == 1
    await owner.execute(f"select pg_terminate_backend({pids[0][0]})")
    await until(lambda: not feed.is_current())
    version = await write(uuid4())
    await until(lambda: feed.is_current() and feed.applied == version)


@pytest.mark.usefixtures("listening")
async def test_a_connection_that_stalls_is_trusted_no_longer_than_the_bound(
    feed: ChangeFeed, write: Write, relay: FaultyRelay
) -> None:
    relay.mode = "swallow"
    began = time.monotonic()
    version = await write(uuid4())
    while feed.is_current():
        assert time.monotonic() < began + BOUND
        await asyncio.sleep(0.002)
    assert feed.applied < version
    relay.mode = "pass"
    await until(lambda: feed.is_current() and feed.applied == version)


async def test_a_listener_that_trusts_notifications_answers_from_the_past_for_ever(
    feed: ChangeFeed, settings: Settings, relay: FaultyRelay, database: str, write: Write
) -> None:
    listener = listener_of(TrustingListener, feed, settings, relay, database)
    task = asyncio.create_task(listener.run_forever())
    await until(feed.is_current)
    version = await write(uuid4())
    await until(lambda: feed.applied == version)
    relay.mode = "refuse"
    relay.cut_all()
    await asyncio.sleep(0.05)
    relay.mode = "pass"
    version = await write(uuid4())
    await asyncio.sleep(2 * BOUND)
    assert feed.is_current()
    assert feed.applied < version
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
