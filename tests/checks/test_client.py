"""The client tells versions, passes them on, and keeps answers only where it is told to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput
from tenantry.http.server import create_asgi
from tenantry.kernel.action import Action
from tenantry.sdk import AsyncAccountManager, DecisionCache
from tenantry.sdk.line import ClientLine
from tenantry.sdk.transport import HttpTransport
from tenantry.testing.users import ADMIN_PASSWORD
from tenantry.users.model import UserData
from tests.checks.conftest import revoke

pytestmark = pytest.mark.anyio

ResultT = TypeVar("ResultT")


class InProcess(HttpTransport):
    """A client's transport whose server is in the same process."""

    def __init__(self, app: App, password: str) -> None:
        super().__init__("http://testserver", user="root", password=password)
        self._face = create_asgi(app)
        self.requests = 0

    def _connect(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self._face, client=("127.0.0.1", 50000))
        return httpx2.AsyncClient(transport=transport)

    async def run(self, action: Action[ResultT]) -> ResultT:
        self.requests += 1
        return await super().run(action)


@dataclass
class Elapsed:
    """Seconds that go by when told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Known:
    """A client, and what it is made of."""

    account: AsyncAccountManager
    transport: InProcess
    cache: DecisionCache
    elapsed: Elapsed

    async def may(self, **more: Any) -> bool:
        return await self.account.has_permission("john", "sales", permission="SELECT", **more)


@pytest.fixture
async def known(fresh: App, john: UserData) -> AsyncIterator[Known]:
    """A client of an administrator, with a cache."""
    elapsed = Elapsed()
    cache = DecisionCache(seconds=1.0, most=2, elapsed=elapsed)
    line = ClientLine(cache)
    transport = InProcess(fresh, ADMIN_PASSWORD)
    await line.lead_to(transport)
    yield Known(AsyncAccountManager(line), transport, cache, elapsed)
    await line.cut()


async def test_a_change_tells_its_version_which_a_check_can_name(known: Known) -> None:
    account = known.account
    assert known.transport.last_version is None
    await account.grant_database_access("john", "sales", ["SELECT"])
    first = account.last_version
    assert first is not None
    await account.update_user("john", description="A plain user")
    assert account.last_version == first
    assert await known.may(at_least=first)
    await account.revoke_database_access("john", "sales")
    assert account.last_version is not None
    assert account.last_version > first
    question = {"username": "john", "permission": "SELECT", "database": "sales"}
    assert await account.check_permissions([question], at_least=account.last_version) == [False]
    assert not await known.may(consistency="strong")
    with pytest.raises(InvalidInput):
        await known.may(at_least=account.last_version + 1)
    with pytest.raises(InvalidInput):
        await known.may(consistency="eventual")


async def test_an_answer_is_kept_for_its_time_and_no_longer(known: Known, fresh: App) -> None:
    await known.account.grant_database_access("john", "sales", ["SELECT"])
    assert await known.may()
    before = known.transport.requests
    assert await known.may()
    assert known.transport.requests == before
    await revoke(fresh, "john", "SELECT", "sales")
    assert await known.may(), "what others change is not known for a moment: that is the bargain"
    assert not await known.may(consistency="strong")
    assert not await known.may(at_least=fresh.feed.head)
    known.elapsed.seconds += 1.0
    assert not await known.may()


async def test_what_the_client_itself_changes_counts_at_once(known: Known) -> None:
    await known.account.grant_database_access("john", "sales", ["SELECT"])
    assert await known.may()
    await known.account.revoke_database_access("john", "sales")
    assert not await known.may()


async def test_an_answer_that_was_under_way_during_a_change_is_not_kept(known: Known) -> None:
    asked_at, generation = known.cache.now(), known.cache.generation
    await known.account.revoke_database_access("john", "sales")
    known.cache.keep(("john",), answer=True, asked_at=asked_at, generation=generation)
    assert known.cache.find(("john",)) is None


async def test_no_more_is_kept_than_there_is_room_for(known: Known) -> None:
    for name in ("a", "b", "c", "c"):
        known.cache.keep((name,), answer=True, asked_at=0.0, generation=known.cache.generation)
    assert len(known.cache) == 2
    assert [known.cache.find((name,)) for name in ("a", "b", "c")] == [None, True, True]


def test_a_cache_without_a_bound_is_refused() -> None:
    for wrong in ({"seconds": 0.0}, {"most": 0}):
        with pytest.raises(ValueError, match="at least one"):
            DecisionCache(**wrong)
