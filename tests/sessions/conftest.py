"""What the tests of sessions share."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Actor, Origin, acting_as
from tenantry.testing.users import PASSWORD

HERE = Origin("http", "203.0.113.7", "browser/1")
Token = Callable[..., Coroutine[Any, Any, str]]
Identify = Callable[..., Coroutine[Any, Any, Actor]]


@pytest.fixture
def log_in(tenantry: App) -> Token:
    """The token of a new session."""

    async def token(username: str = "john", password: str = PASSWORD) -> str:
        with acting_as(ANONYMOUS, HERE):
            action = AuthenticateAction(username, password, raise_on_failure=True)
            result = await tenantry.auth.authenticate.wait_for_complete(action)
        assert result.session_token is not None
        return result.session_token

    return token


@pytest.fixture
def identify(tenantry: App) -> Identify:
    """Whom a token proves."""

    async def who(token: str) -> Actor:
        return await tenantry.auth_service.identify(token, HERE)

    return who
