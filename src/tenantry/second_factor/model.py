"""What is told of a second factor, and what is stored of one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.record import Record, SecretText


class EnrolledFactor(Record, frozen=True):
    """A secret that waits for its first code; shown here and never again."""

    secret: SecretText
    uri: SecretText
    """What authenticator apps read from a QR code."""
    success: bool = True


class ProvenFactor(Record, frozen=True, kw_only=True):
    """The second factor is active. The recovery codes are shown here and never again.

    All sessions have ended; whoever asked from one gets the token of a new one.
    """

    recovery_codes: list[SecretText]
    session_token: SecretText | None = None
    expires_at: datetime | None = None
    success: bool = True


class RecoveryCodes(Record, frozen=True):
    """Fresh recovery codes, shown here and never again; earlier ones are void."""

    recovery_codes: list[SecretText]
    success: bool = True


class RemovedFactor(Record, frozen=True, kw_only=True):
    """The second factor is gone and all sessions with it; a session that asked gets a new token."""

    session_token: SecretText | None = None
    expires_at: datetime | None = None
    success: bool = True


class SecondFactorStatus(Record, frozen=True, kw_only=True):
    """Whether a user has a second factor, since when, and how many recovery codes are left."""

    username: str
    active: bool
    activated_at: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, repr=False)
class StoredFactor:
    """A factor as it is stored, its secret sealed."""

    user_id: UUID
    sealed: bytes
    enrolled_at: datetime
    proven_at: datetime | None
    last_step: int
