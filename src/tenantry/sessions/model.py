"""Sessions and their bearer tokens.

A token is ``tny_s_`` and the base64url of tenant id, session id and 256 random bits. The ids say
where to look; only the random part, kept as a digest, proves anything.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tenantry.kernel.action import Actor
from tenantry.record import Record, SecretText

SECRET_BYTES = 32
"""More than the 112 bits that NIST SP 800-63B-4, section 5.1, asks of a session secret."""
PREFIX = "tny_s_"
TOKEN_LENGTH = len(PREFIX) + 86


def moment_of(identifier: UUID) -> datetime:
    """The moment that a time-ordered id was made for, to the millisecond, exactly."""
    milliseconds = identifier.int >> 80
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )


@dataclass(frozen=True)
class SessionPolicy:
    """How long a session lasts: unused, and in all (NIST SP 800-63B-4, section 5.2)."""

    idle: timedelta = timedelta(hours=1)
    absolute: timedelta = timedelta(hours=24)
    second_step: timedelta = timedelta(minutes=5)
    """How long the password alone is good for the second step."""
    touch: timedelta = timedelta(minutes=1)
    """How exact the time of last use is; it is not written more often."""
    grace: timedelta = timedelta(seconds=10)
    """How long after a refresh the same token may ask again, whose answer was lost."""
    fresh: timedelta = timedelta(minutes=15)
    """How long after a proof of identity what is sensitive can be done."""
    most: int = 100
    """Sessions of one user at once; the user's resource policy may allow fewer."""


@dataclass(frozen=True)
class SessionToken:
    """What a token says."""

    tenant_id: UUID
    session_id: UUID
    secret: bytes

    @property
    def digest(self) -> bytes:
        """What is stored. The secret is random, so a fast hash is enough."""
        return hashlib.sha256(self.secret).digest()

    def successor(self, salt: bytes) -> "SessionToken":
        """What follows on this token in a refresh.

        It takes both to make it, the secret, which the database does not have, and the salt,
        which nobody else has: so a retry gets the same one and nothing usable is stored.
        """
        secret = hmac.new(self.secret, b"successor" + salt, hashlib.sha256).digest()
        return SessionToken(self.tenant_id, self.session_id, secret)

    def text(self) -> str:
        """The bearer string."""
        raw = self.tenant_id.bytes + self.session_id.bytes + self.secret
        return PREFIX + urlsafe_b64encode(raw).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "SessionToken | None":
        """The token in a bearer string; None when it cannot be one."""
        if len(text) != TOKEN_LENGTH or not text.startswith(PREFIX) or not text.isascii():
            return None
        try:
            raw = urlsafe_b64decode(text.removeprefix(PREFIX) + "==")
        except ValueError:
            return None
        if len(raw) != 64:
            return None
        token = cls(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:])
        return token if token.text() == text else None

    def __repr__(self) -> str:
        return f"SessionToken(session_id={self.session_id}, secret=***)"


@dataclass(frozen=True)
class Session:
    """A stored session."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    digest: bytes
    epoch: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    awaits_second_factor: bool = False
    authenticated_at: datetime | None = None
    """When the user has last proved who it is; None where an administrator made the session."""
    lifetime: timedelta | None = None
    """What a refresh adds; None where nothing is."""
    spent: tuple[bytes, ...] = ()
    """The digests of tokens that were refreshed, the latest last."""
    salt: bytes | None = None
    refreshed_at: datetime | None = None

    def is_proved_by(self, token: SessionToken) -> bool:
        """Whether the token is the present one."""
        return hmac.compare_digest(self.digest, token.digest)

    def was_proved_by(self, token: SessionToken) -> bool:
        """Whether the token is one of those that were refreshed."""
        return any(hmac.compare_digest(digest, token.digest) for digest in self.spent)

    def successor_of(
        self, token: SessionToken, now: datetime, policy: SessionPolicy
    ) -> SessionToken | None:
        """The present token, for who holds the one before it and asks again in time."""
        if self.salt is None or self.refreshed_at is None or not self.spent:
            return None
        in_time = now - self.refreshed_at <= policy.grace
        if not in_time or not hmac.compare_digest(self.spent[-1], token.digest):
            return None
        return token.successor(self.salt)

    def is_fresh_at(self, now: datetime, policy: SessionPolicy) -> bool:
        """Whether the user has proved who it is not long ago."""
        return self.authenticated_at is not None and now - self.authenticated_at < policy.fresh

    def holds_at(self, now: datetime, policy: SessionPolicy) -> bool:
        """Whether it has not been ended, run out or fallen asleep."""
        awake = now - self.last_seen_at < policy.idle
        return self.ended_at is None and now < self.expires_at and awake


@dataclass(frozen=True, slots=True)
class SessionActor(Actor):
    """A user who acts through a session. ``fresh``: who it is was proved not long ago."""

    fresh: bool = False

    @classmethod
    def of(cls, actor: Actor, session: Session, *, fresh: bool) -> "SessionActor":
        """The user as the actor of a request with this session."""
        said = {field.name: getattr(actor, field.name) for field in fields(Actor)}
        return cls(**said | {"session_id": session.id}, fresh=fresh)


class IssuedSession(Record, frozen=True, kw_only=True):
    """A session with its token, which is shown here only.

    ``session_id`` and ``session_token`` are the same bearer text.
    """

    session_id: SecretText
    session_token: SecretText
    username: str
    created_at: datetime
    expires_at: datetime
    success: bool = True


class SessionData(Record, frozen=True, kw_only=True):
    """A session as its user and administrators see it. ``id`` names it and proves nothing."""

    id: UUID
    username: str
    address: str | None
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool = False
    """Whether it is the session that asks."""
