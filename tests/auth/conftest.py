"""What the tests of logging in share."""

from collections.abc import Awaitable, Callable

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, AuthenticationResult
from tenantry.kernel.action import Actor, Origin


@pytest.fixture
def login(tenantry: App) -> Callable[[str, str], Awaitable[AuthenticationResult]]:
    """Log in, with the refusal as a result."""

    async def attempt(username: str, password: str) -> AuthenticationResult:
        action = AuthenticateAction(username, password)
        return await tenantry.auth.authenticate.wait_for_complete(action)

    return attempt


@pytest.fixture
def identify(tenantry: App) -> Callable[[str | None], Awaitable[Actor]]:
    """Whom a token proves, asked from a fixed address."""

    async def who(token: str | None) -> Actor:
        assert token is not None
        return await tenantry.auth_service.identify(token, Origin("http", "203.0.113.7"))

    return who
