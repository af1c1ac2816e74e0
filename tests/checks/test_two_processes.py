"""What one server changes, another knows of: within the bound, and at once with the version."""

import pytest

from tenantry.app import App
from tenantry.changes.version import writing
from tenantry.errors import NotWarm
from tenantry.users.model import UserData
from tests.checks.conftest import SELECT, give, revoke

pytestmark = pytest.mark.anyio


async def test_a_revocation_is_known_elsewhere_at_once_with_its_version(
    fresh: App, other: App, john: UserData
) -> None:
    for _ in range(20):
        with writing() as written:
            await give(fresh, "john", "SELECT", "sales")
        assert await other.decisions.ask("john", *SELECT, at_least=written.version)
        with writing() as written:
            await revoke(fresh, "john", "SELECT", "sales")
        assert not await other.decisions.ask("john", *SELECT, at_least=written.version)


async def test_an_answer_with_a_version_comes_from_memory_where_that_is_as_far(
    fresh: App, other: App, john: UserData
) -> None:
    with writing() as written:
        await give(fresh, "john", "SELECT", "sales")
    assert written.version is not None
    await other.feed.reach(written.version, 5)
    await other.decisions.warm(["john"])
    assert other.decisions.check("john", *SELECT)


async def test_a_server_that_hears_nothing_asks_the_database(
    fresh: App, other: App, john: UserData
) -> None:
    await give(fresh, "john", "SELECT", "sales")
    assert await other.decisions.ask("john", *SELECT)
    other.feed.bound = 0.0
    async with other.database.unfenced.autocommit() as tx:
        await other.feed.catch_up(tx)
    with pytest.raises(NotWarm):
        other.decisions.check("john", *SELECT)
    await revoke(fresh, "john", "SELECT", "sales")
    assert not await other.decisions.ask("john", *SELECT)
