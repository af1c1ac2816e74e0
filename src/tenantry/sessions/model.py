"""Sessions and their bearer tokens.

A token is ``tny_s_`` and the base64url of tenant id, session id and 256 random bits. The ids say
where to look; only the random part, kept as a digest, proves anything.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

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

    def holds_at(self, now: datetime, policy: SessionPolicy) -> bool:
        """Whether it has not been ended, run out or fallen asleep."""
        awake = now - self.last_seen_at < policy.idle
        return self.ended_at is None and now < self.expires_at and awake
