"""What the tests of the audit share."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.testing.users import PASSWORD

HERE = Origin(face="http", address="203.0.113.7", user_agent="test/1", request_id="r-1")

Search = Callable[..., Awaitable[list[AuditEntry]]]


@pytest.fixture
def search(tenantry: App) -> Search:
    """The entries for which conditions hold, as the actor sees them."""

    async def run(**conditions: Any) -> list[AuditEntry]:
        action = SearchAuditAction(limit=1000, **conditions)
        return (await tenantry.audit.search.wait_for_complete(action)).items

    return run


async def log_in(app: App, name: str, password: str = PASSWORD, origin: Origin = HERE) -> bool:
    """Whether a login from here succeeds."""
    with acting_as(ANONYMOUS, origin):
        action = AuthenticateAction(name, password)
        return (await app.auth.authenticate.wait_for_complete(action)).success
