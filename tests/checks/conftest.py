"""What the tests of checks need: an app whose memory is kept fresh, and people with rights."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tenantry.app import App, open_app
from tenantry.changes.consistency import Consistency
from tenantry.checks.service import Checks
from tenantry.grants.actions import GiveAction, RevokeAction
from tenantry.http.fast_checks import FastChecks
from tenantry.http.server import create_asgi
from tenantry.kernel.action import Action
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData
from tests.checks.faces import Both, client_of, logged_in

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


@pytest.fixture
async def both(
    fresh: App, john: UserData, admin: UserData, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Both]:
    """Asked by an admin, while john may read sales."""
    await give(fresh, "john", "SELECT", "sales")
    runs: list[Action[Any]] = []
    run = fresh.run

    async def counted(action: Action[Any]) -> Any:
        runs.append(action)
        return await run(action)

    monkeypatch.setattr(fresh, "run", counted)
    face = create_asgi(fresh)
    assert isinstance(face, FastChecks)
    async with client_of(face) as fast, client_of(face._app) as slow:
        yield Both(fresh, fast, slow, await logged_in(fresh, "adele"), runs)
