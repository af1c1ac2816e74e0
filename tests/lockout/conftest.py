"""What the tests of locks and throttles share."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, AuthenticationResult
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as

LoginFrom = Callable[..., Coroutine[Any, Any, AuthenticationResult]]


@pytest.fixture
def login_from(tenantry: App) -> LoginFrom:
    """Log in from an address, as anybody would over HTTP."""

    async def attempt(
        username: str, password: str, address: str | None = "203.0.113.7"
    ) -> AuthenticationResult:
        with acting_as(ANONYMOUS, Origin("http", address)):
            action = AuthenticateAction(username, password)
            return await tenantry.auth.authenticate.wait_for_complete(action)

    return attempt


@pytest.fixture
def evaluated(tenantry: App, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gets each password that was really compared with a stored hash."""
    hasher = tenantry.auth_service._prover._hasher
    seen: list[str] = []
    verify = hasher.verify

    async def watched(stored: str | None, password: str) -> bool:
        if stored is not None:
            seen.append(password)
        return await verify(stored, password)

    monkeypatch.setattr(hasher, "verify", watched)
    return seen


@pytest.fixture
def counts(owner: asyncpg.Connection) -> Callable[[], Awaitable[dict[str, int]]]:
    """The failures under each subject."""

    async def failures() -> dict[str, int]:
        rows = await owner.fetch("select subject, failures from attempts")
        return {row["subject"]: row["failures"] for row in rows}

    return failures
