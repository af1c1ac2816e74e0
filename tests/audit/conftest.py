"""What the tests of the audit share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import AuditVerification, SearchAuditAction, VerifyAuditAction
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


async def seal(app: App, *, patience: float = 20.0) -> None:
    """Seal everything; transactions of others in the same cluster may have to end first."""
    async with asyncio.timeout(patience):
        while True:
            await app.audit_parts.sealer.seal_all()
            if not (await verify(app)).unsealed:
                return
            await asyncio.sleep(0.02)


async def verify(app: App, **fields: Any) -> AuditVerification:
    """All stretches as one."""
    answer = await app.audit.verify.wait_for_complete(VerifyAuditAction(**fields))
    segments, entries, findings = answer.segments, answer.entries, list(answer.findings)
    while answer.next_after is not None:
        action = VerifyAuditAction(after=answer.next_after)
        answer = await app.audit.verify.wait_for_complete(action)
        segments, entries = segments + answer.segments, entries + answer.entries
        findings += answer.findings
    return AuditVerification(
        segments=segments,
        entries=entries,
        last_segment=answer.last_segment,
        sealed_until=answer.sealed_until,
        next_after=None,
        findings=findings,
        unsealed=answer.unsealed,
        oldest_unsealed=answer.oldest_unsealed,
    )
