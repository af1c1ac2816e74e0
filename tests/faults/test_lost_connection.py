"""The way to the database fails: refused, swallowed, or cut just when a commit is answered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.app import App, open_app
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import ConnectionError, UserConflict
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.settings import Settings
from tenantry.testing.users import ADMIN_PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction, GetUserAction
from tests.faults.proxy import FaultyRelay

pytestmark = pytest.mark.anyio

STATEMENT_SECONDS = 0.5
DEADLINE = 3.0
LOGIN = AuthenticateAction("root", ADMIN_PASSWORD)


@dataclass(frozen=True)
class Relayed:
    """An app that reaches its database through a relay only."""

    app: App
    relay: FaultyRelay

    async def get(self) -> object:
        """Show a user."""
        return await self.app.users.get_user.wait_for_complete(GetUserAction(user="root"))

    async def log_in(self) -> str:
        """Log in; the token."""
        result = await self.app.auth.authenticate.wait_for_complete(LOGIN)
        assert result.session_token is not None
        return result.session_token

    async def recovered(self) -> None:
        """Whether it works again soon, in all places of the pool."""
        self.relay.mode, self.relay.cut_after = "pass", None
        began = time.monotonic()
        while not await self.app.database.is_ready():
            assert time.monotonic() < began + DEADLINE
        size = self.app.settings.database_pool_max
        await asyncio.gather(*(self.get() for _ in range(3 * size)))


@pytest.fixture
def relay(postgres: EmbeddedPostgres) -> Iterator[FaultyRelay]:
    with FaultyRelay(postgres.socket_folder / postgres.socket_name) as relay:
        yield relay


@pytest.fixture
async def relayed(
    tenantry: App, settings: Settings, database: str, relay: FaultyRelay
) -> AsyncIterator[Relayed]:
    """A second app on the test's database, behind the relay, with short deadlines."""
    behind = replace(
        settings,
        database_url=f"postgresql://tenantry_app@127.0.0.1:{relay.port}/{database}",
        statement_timeout=STATEMENT_SECONDS,
        database_acquire_timeout=0.5,
        database_connect_timeout=1.0,
    )
    async with open_app(behind, upkeep=False) as app:
        yield Relayed(app, relay)
        relay.mode = "pass"


async def refused_in_time(ask: Callable[[], Awaitable[object]]) -> str:
    """The message of the error that must come before the deadline."""
    began = time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        await ask()
    assert time.monotonic() - began < DEADLINE
    return str(caught.value)


@pytest.mark.parametrize("mode", ["refuse", "swallow", "cut_replies"])
async def test_while_the_way_is_broken_everything_is_refused_in_time_and_nobody_let_in(
    relayed: Relayed, mode: str
) -> None:
    token = await relayed.log_in()
    await asyncio.gather(*(relayed.get() for _ in range(4)))
    assert mode in ("refuse", "swallow", "cut_replies")
    relayed.relay.mode = mode  # type: ignore[assignment] # one of the three, see above
    if mode == "refuse":
        relayed.relay.cut_all()
    for ask in (
        relayed.get,
        relayed.log_in,
        lambda: relayed.app.auth_service.identify(token, Origin()),
        lambda: make_user(relayed.app, "nobody"),
    ):
        await refused_in_time(ask)
    await relayed.recovered()
    assert await relayed.app.auth_service.identify(token, Origin())


async def test_a_swallowed_database_holds_no_waiter_longer_than_the_deadline(
    relayed: Relayed,
) -> None:
    relayed.relay.mode = "swallow"
    size = relayed.app.settings.database_pool_max
    await asyncio.gather(*(refused_in_time(relayed.get) for _ in range(3 * size)))
    await relayed.recovered()


async def test_readiness_says_that_the_database_is_away(relayed: Relayed) -> None:
    relayed.relay.mode = "swallow"
    checks = {check.name: check for check in await relayed.app.readiness()}
    assert not checks["database"].ok
    assert checks["database"].required
    await relayed.recovered()
    assert all(check.ok for check in await relayed.app.readiness() if check.required)


async def test_a_lost_answer_to_a_commit_is_unknown_and_a_repetition_makes_no_second_user(
    relayed: Relayed, owner: asyncpg.Connection
) -> None:
    relayed.relay.cut_after = b"COMMIT"
    message = await refused_in_time(lambda: make_user(relayed.app, "ada"))
    assert "unknown" in message
    assert await owner.fetchval("select count(*) from users where username = 'ada'") == 1
    await relayed.recovered()
    with pytest.raises(UserConflict) as conflict:
        await make_user(relayed.app, "ada")
    assert conflict.value.field == "username"
    assert await succeeded(owner, "user.create", "ada") == 1


async def test_a_lost_answer_to_a_login_is_unknown_and_the_attempt_is_settled(
    relayed: Relayed, owner: asyncpg.Connection
) -> None:
    await relayed.log_in()
    before = await succeeded(owner, "login", "root")
    browser = "browser of this test"
    relayed.relay.cut_after = browser.encode()  # goes over the line with the new session only
    with acting_as(ANONYMOUS, Origin(user_agent=browser)):
        message = await refused_in_time(relayed.log_in)
    assert "could find out" in message
    assert await succeeded(owner, "login", "root") == before + 1
    assert await owner.fetchval("select sum(pending) from attempts") == 0
    await relayed.recovered()


async def test_a_deletion_cut_before_its_commit_did_not_happen(
    relayed: Relayed, owner: asyncpg.Connection
) -> None:
    await make_user(relayed.app, "ada")
    relayed.relay.cut_after = b"for update of u"
    delete = DeleteUserAction(user="ada")
    await refused_in_time(lambda: relayed.app.users.delete_user.wait_for_complete(delete))
    assert await owner.fetchval("select status from users where username = 'ada'") == "active"
    assert await succeeded(owner, "user.delete", "ada") == 0


async def succeeded(owner: asyncpg.Connection, action: str, target: str) -> int:
    """How many audit entries say that this was done."""
    found = await owner.fetchval(
        "select count(*) from audit_entries"
        " where action = $1 and outcome = 'succeeded'"
        " and target_id = (select id from users where username = $2)",
        action,
        target,
    )
    return int(found)
