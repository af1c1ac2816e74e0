"""A process knows how far it has followed the log, and when that was confirmed."""

from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.changes.feed import ChangeFeed
from tenantry.errors import ConnectionError, InvalidInput
from tests.changes.conftest import Memory, Write, user_changed

pytestmark = pytest.mark.anyio

BOUND = 2.0


@dataclass
class Elapsed:
    """Seconds that go by when told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed() -> Elapsed:
    return Elapsed()


@pytest.fixture
def feed(tenantry: App, memory: Memory, elapsed: Elapsed) -> ChangeFeed:
    """Of another process than the one that writes."""
    feed = ChangeFeed(database=tenantry.database.unfenced, bound=BOUND, elapsed=elapsed)
    feed.add(memory)
    return feed


async def caught_up(feed: ChangeFeed, app: App) -> None:
    async with app.database.unfenced.autocommit() as tx:
        await feed.catch_up(tx)


async def test_it_begins_at_the_end_of_the_log_with_nothing_in_memory(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write
) -> None:
    version = await write(uuid4())
    await caught_up(feed, tenantry)
    assert (feed.applied, feed.head) == (version, version)
    assert (memory.renewed, memory.emptied) == ([], 1)


async def test_what_changes_is_renewed_once_and_in_order(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write
) -> None:
    await caught_up(feed, tenantry)
    subjects = [uuid4(), uuid4()]
    for subject in (*subjects, subjects[0]):
        version = await write(subject)
    await caught_up(feed, tenantry)
    assert memory.renewed == [user_changed(subject) for subject in subjects]
    assert feed.applied == version
    await caught_up(feed, tenantry)
    assert len(memory.renewed) == 2


async def test_memory_may_be_asked_for_as_long_as_the_bound_after_a_reading_began(
    tenantry: App, feed: ChangeFeed, elapsed: Elapsed
) -> None:
    assert not feed.is_current()
    assert feed.seconds_since_confirmed == float("inf")
    await caught_up(feed, tenantry)
    elapsed.seconds += BOUND - 0.001
    assert feed.is_current()
    assert feed.seconds_since_confirmed == pytest.approx(BOUND - 0.001)
    elapsed.seconds += 0.001
    assert not feed.is_current()
    await caught_up(feed, tenantry)
    assert feed.is_current()
    feed.lose()
    assert not feed.is_current()


async def test_who_is_further_behind_than_the_log_goes_begins_anew(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write, owner: asyncpg.Connection
) -> None:
    await caught_up(feed, tenantry)
    first, latest = await write(uuid4()), await write(uuid4())
    await owner.execute("delete from change_log where seq = $1", first)
    await caught_up(feed, tenantry)
    assert (memory.renewed, memory.emptied, feed.applied) == ([], 2, latest)


async def test_a_database_that_counts_from_further_back_is_another_one(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write, owner: asyncpg.Connection
) -> None:
    for _ in range(3):
        await write(uuid4())
    await caught_up(feed, tenantry)
    await owner.execute("delete from change_log where seq > 1; update change_head set seq = 1")
    await caught_up(feed, tenantry)
    assert (memory.renewed, memory.emptied, feed.applied) == ([], 2, 1)


async def test_a_change_that_could_not_be_read_again_is_not_counted_as_applied(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caught_up(feed, tenantry)
    before = feed.applied
    version = await write(uuid4())

    async def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(memory, "renew", fail)
        with pytest.raises(ConnectionError):
            await caught_up(feed, tenantry)
    assert feed.applied == before
    await caught_up(feed, tenantry)
    assert feed.applied == version
    assert len(memory.renewed) == 1


async def test_ones_own_change_is_renewed_before_its_result_is_told(
    tenantry: App, memory: Memory, write: Write
) -> None:
    tenantry.feed.add(memory)
    subject = uuid4()
    version = await write(subject)
    assert memory.renewed == [user_changed(subject)]
    assert tenantry.feed.head == version


async def test_ones_own_change_that_cannot_be_read_again_is_dropped_and_stays_done(
    tenantry: App, memory: Memory, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    tenantry.feed.add(memory)
    monkeypatch.setattr(memory, "renew", fail)
    subject = uuid4()
    assert await write(subject) == 1
    assert memory.dropped == [user_changed(subject)]


async def test_a_version_is_reached_by_reading_the_log(
    tenantry: App, feed: ChangeFeed, memory: Memory, write: Write
) -> None:
    await caught_up(feed, tenantry)
    subject = uuid4()
    version = await write(subject)
    await feed.reach(version, 1)
    assert memory.renewed == [user_changed(subject)]


async def test_a_version_that_does_not_exist_is_an_error_of_the_asker(
    feed: ChangeFeed, write: Write
) -> None:
    version = await write(uuid4())
    with pytest.raises(InvalidInput) as caught:
        await feed.reach(version + 1, 1)
    assert caught.value.violations[0].field == "at_least"


async def test_what_takes_longer_than_the_deadline_is_given_up(
    feed: ChangeFeed, write: Write, monkeypatch: pytest.MonkeyPatch, memory: Memory
) -> None:
    version = await write(uuid4())
    with pytest.raises(ConnectionError):
        await feed.reach(version, 0)
