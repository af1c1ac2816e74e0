"""Opening, checking, refreshing and ending sessions."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from tenantry.kernel.action import Origin
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Transaction
from tenantry.sessions.model import SECRET_BYTES, Session, SessionPolicy, SessionToken, moment_of
from tenantry.sessions.repository import SessionRepository


@dataclass(frozen=True)
class Presented:
    """A token and the session that it is of; ``spent`` where it was refreshed already."""

    token: SessionToken
    session: Session
    spent: bool


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

    @property
    def policy(self) -> SessionPolicy:
        """How long sessions last, and how many there may be."""
        return self._policy

    def issue(
        self, tx: Transaction, *, tenant_id: UUID, user_id: UUID, epoch: int, origin: Origin
    ) -> tuple[SessionToken, datetime]:
        """Open a session for a user who has just proved who it is; its token and its end."""
        token, session = self._new(tenant_id, user_id, epoch, self._policy.absolute)
        session = replace(session, authenticated_at=session.created_at)
        self._insert(tx, session, origin)
        return token, session.expires_at

    def issue_unproved(
        self, tx: Transaction, *, tenant_id: UUID, user_id: UUID, epoch: int, lifetime: timedelta
    ) -> tuple[SessionToken, Session]:
        """Open a session for a user who has proved nothing, on an administrator's word."""
        lifetime = min(lifetime, self._policy.absolute)
        token, session = self._new(tenant_id, user_id, epoch, lifetime)
        self._insert(tx, session, Origin())
        return token, session

    def issue_awaiting(
        self, tx: Transaction, *, tenant_id: UUID, user_id: UUID, epoch: int, origin: Origin
    ) -> tuple[SessionToken, datetime]:
        """Open a short session that is good for giving the second factor only."""
        token, session = self._new(tenant_id, user_id, epoch, self._policy.second_step)
        self._insert(tx, replace(session, awaits_second_factor=True), origin)
        return token, session.expires_at

    async def take_awaiting(self, tx: Transaction, tenant_id: UUID, session_id: UUID) -> int | None:
        """End a session that awaits the second factor; its epoch, None the second time."""
        return await self._sessions.take_awaiting(tx, tenant_id, session_id, self._clock.now())

    def _insert(self, tx: Transaction, session: Session, origin: Origin) -> None:
        self._sessions.insert(tx, session, self._policy, origin.address, origin.user_agent)

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
            lifetime=lifetime,
        )
        return token, session

    async def present(self, tx: Transaction, text: str) -> Presented | None:
        """The session that a bearer string is of, if it still holds; its user is not looked at."""
        token = SessionToken.parse(text)
        session = await self._sessions.find(tx, token) if token else None
        if token is None or session is None:
            return None
        proved = session.is_proved_by(token)
        if not proved and not session.was_proved_by(token):
            return None
        if not session.holds_at(self._clock.now(), self._policy):
            return None
        return Presented(token, session, spent=not proved)

    async def touch(self, tx: Transaction, session: Session) -> None:
        """Note that a session is in use, unless that was noted a moment ago."""
        now = self._clock.now()
        if now - session.last_seen_at >= self._policy.touch:
            await self._sessions.touch(tx, session, now)

    async def refresh(
        self, tx: Transaction, presented: Presented
    ) -> tuple[SessionToken, Session] | None:
        """The token that follows; None where the presented one was spent too long ago.

        Of many at once with the same token one changes the row, and all get its successor.
        """
        token, session = presented.token, presented.session
        now = self._clock.now()
        if not presented.spent:
            salt = secrets.token_bytes(SECRET_BYTES)
            successor = token.successor(salt)
            expires_at = self._expiry_of(session, now)
            if await self._sessions.rotate(
                tx, session, successor=successor, salt=salt, now=now, expires_at=expires_at
            ):
                return successor, replace(session, expires_at=expires_at)
        current = await self._sessions.find(tx, token)
        if current is None or not current.holds_at(now, self._policy):
            return None
        again = current.successor_of(token, now, self._policy)
        return (again, current) if again is not None else None

    def _expiry_of(self, session: Session, now: datetime) -> datetime:
        """As long again as in the beginning, but never past the absolute limit."""
        if session.lifetime is None:
            return session.expires_at
        return min(now + session.lifetime, session.created_at + self._policy.absolute)

    def prove(self, tx: Transaction, tenant_id: UUID, session_id: UUID) -> datetime:
        """Note that the user has proved again who it is; until when that counts."""
        now = self._clock.now()
        self._sessions.prove(tx, tenant_id, session_id, now)
        return now + self._policy.fresh

    def is_fresh(self, session: Session) -> bool:
        """Whether the user has proved who it is not long ago."""
        return session.is_fresh_at(self._clock.now(), self._policy)

    async def end(
        self, tx: Transaction, tenant_id: UUID, session_id: UUID, user_id: UUID | None = None
    ) -> bool:
        """End a session, of this user if one is named; False when there was nothing to end."""
        return await self._sessions.end(tx, tenant_id, session_id, self._clock.now(), user_id)
