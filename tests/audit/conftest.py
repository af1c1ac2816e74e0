"""What the tests of the audit share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tenantry.app import App
from tenantry.audit.actions import AuditVerification, SearchAuditAction, VerifyAuditAction
from tenantry.audit.chain import Fault
from tenantry.audit.model import AuditEntry
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.testing.users import PASSWORD, make_user

HERE = Origin(face="http", address="203.0.113.7", user_agent="test/1", request_id="r-1")

Search = Callable[..., Awaitable[list[AuditEntry]]]
ADD = (
    "insert into audit_entries (tenant_id, at, id, run_id, action, outcome, actor, target, face)"
    " values ($1, now(), $1, $1, 'login', 'failed', 'anonymous', 'eve', 'http')"
)
FIRST = "(select id from audit_entries order by position, id limit 1)"


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


async def faults(app: App) -> set[Fault]:
    return {finding.fault for finding in (await verify(app)).findings}


class Nowhere:
    """An anchor that remembers nothing."""

    async def append(self, number: int, head: bytes) -> None:
        """Forget it."""

    async def heads(self) -> list[tuple[int, str]]:
        """Nothing."""
        return []


@pytest.fixture
async def chain(tenantry: App) -> App:
    """Three segments of the log, the middle one with some entries."""
    await make_user(tenantry, "ada")
    await seal(tenantry)
    for name in ("bob", "cleo", "dora", "emil"):
        await make_user(tenantry, name)
    await seal(tenantry)
    await make_user(tenantry, "fay")
    await seal(tenantry)
    return tenantry
