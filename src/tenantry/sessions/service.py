"""Opening, checking and ending sessions."""

import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from tenantry.kernel.action import Origin
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Transaction
from tenantry.sessions.model import SECRET_BYTES, Session, SessionPolicy, SessionToken, moment_of
from tenantry.sessions.repository import SessionRepository


class SessionService:
    """Sessions are rows; their tokens are known to their holders only."""

    def __init__(
        self,
        *,
        session_repository: SessionRepository,
        policy: SessionPolicy,
        clock: Clock,
    ) -> None:
        self._sessions = session_repository
        self._policy = policy
        self._clock = clock

    def issue(
        self, tx: Transaction, *, tenant_id: UUID, user_id: UUID, epoch: int, origin: Origin
    ) -> tuple[SessionToken, datetime]:
        """Open a session for a user; its token and when it ends at the latest."""
        token, session = self._new(tenant_id, user_id, epoch, self._policy.absolute)
        self._sessions.insert(tx, session, origin.address, origin.user_agent)
        return token, session.expires_at

    def issue_awaiting(
        self, tx: Transaction, *, tenant_id: UUID, user_id: UUID, epoch: int, origin: Origin
    ) -> tuple[SessionToken, datetime]:
        """Open a short session that is good for giving the second factor only."""
        token, session = self._new(tenant_id, user_id, epoch, self._policy.second_step)
        session = replace(session, awaits_second_factor=True)
        self._sessions.insert(tx, session, origin.address, origin.user_agent)
        return token, session.expires_at

    async def take_awaiting(self, tx: Transaction, tenant_id: UUID, session_id: UUID) -> int | None:
        """End a session that awaits the second factor; its epoch, None the second time."""
        return await self._sessions.take_awaiting(tx, tenant_id, session_id, self._clock.now())

    def _new(
        self, tenant_id: UUID, user_id: UUID, epoch: int, lifetime: timedelta
    ) -> tuple[SessionToken, Session]:
        now = self._clock.now()
        token = SessionToken(tenant_id, uuid7(now), secrets.token_bytes(SECRET_BYTES))
        created_at = moment_of(token.session_id)
        session = Session(
            id=token.session_id,
            tenant_id=tenant_id,
            user_id=user_id,
            digest=token.digest,
            epoch=epoch,
            created_at=created_at,
            last_seen_at=created_at,
            expires_at=now + lifetime,
            ended_at=None,
        )
        return token, session

    async def find_live(self, tx: Transaction, text: str) -> Session | None:
        """The session that a bearer string proves, if it still holds; its user is not looked at."""
        token = SessionToken.parse(text)
        session = await self._sessions.find(tx, token) if token else None
        if token is None or session is None:
            return None
        proved = hmac.compare_digest(session.digest, token.digest)
        now = self._clock.now()
        if not proved or not session.holds_at(now, self._policy):
            return None
        if now - session.last_seen_at >= self._policy.touch:
            await self._sessions.touch(tx, session, now)
        return session

    async def end(self, tx: Transaction, tenant_id: UUID, session_id: UUID) -> bool:
        """End a session; False when it had ended already."""
        return await self._sessions.end(tx, tenant_id, session_id, self._clock.now())
