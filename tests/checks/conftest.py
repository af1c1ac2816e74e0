"""What the tests of checks need: an app whose memory is kept fresh, and people with rights."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tenantry.app import App, open_app
from tenantry.checks.service import Checks
from tenantry.grants.actions import GiveAction, RevokeAction
from tenantry.grants.model import Consistency
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData

SELECT = ("SELECT", "sales", "public", "orders")
Give = Callable[..., Awaitable[None]]


@asynccontextmanager
async def following(app: App) -> AsyncIterator[App]:
    """The app while it follows the log of changes."""
    task = asyncio.create_task(app._listener.run_forever())
    async with asyncio.timeout(10):
        while not app.feed.is_current():  # noqa: ASYNC110 - nobody tells when it is
            await asyncio.sleep(0.005)
    try:
        yield app
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def fresh(tenantry: App) -> AsyncIterator[App]:
    """The app, following."""
    async with following(tenantry):
        yield tenantry


@pytest.fixture
async def other(tenantry: App, settings: Settings, clock: ShiftedClock) -> AsyncIterator[App]:
    """Another server on the same database, following."""
    async with open_app(settings, clock=clock, upkeep=False) as app, following(app):
        yield app


async def give(app: App, principal: str, permission: str, database: str) -> None:
    action = GiveAction(principal=principal, permissions=[permission], database=database)
    await app.run(action)


async def revoke(app: App, principal: str, permission: str, database: str) -> None:
    action = RevokeAction(principal=principal, permissions=[permission], database=database)
    await app.run(action)


async def truth(checks: Checks, user: UserData | str, *asked: str) -> bool:
    """As the database has it."""
    principal = user if isinstance(user, str) else user.id
    return await checks.ask(principal, *asked, consistency=Consistency.STRONG)
