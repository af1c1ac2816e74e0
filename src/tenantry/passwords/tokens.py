"""One-time tokens with which somebody sets a password without knowing an earlier one.

A token is ``tny_p_`` and the base64url of 256 random bits; only a digest of it is stored. It is
spent by one conditional statement, so that of two who use it at once one comes too late. Any
change of the password ends all tokens of the user, because they name the change before them.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Statement, Transaction

SECRET_BYTES = 32
"""More than the 112 bits from which on a fast hash is enough (NIST SP 800-63B-4, 3.1.2)."""
PREFIX = "tny_p_"
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


class Purpose(StrEnum):
    """Why a token was issued: a password was lost, or there was none yet."""

    RESET = "reset"
    INVITATION = "invitation"


ISSUE = Statement(
    "password_tokens.issue",
    "Give a user a token; an older one for the same purpose ends.",
    """
    insert into password_tokens
        (user_id, purpose, digest, issued_at, expires_at, password_changed_at)
    select id, $2, $3, $4, $5, password_changed_at from users where id = $1
    on conflict (user_id, purpose) do update set
        digest = excluded.digest, issued_at = excluded.issued_at,
        expires_at = excluded.expires_at, password_changed_at = excluded.password_changed_at,
        spent_at = null
    """,
)
FIND = Statement(
    "password_tokens.find",
    "Whose token this is, while it is good.",
    """
    select t.user_id, t.purpose from password_tokens t join users u on u.id = t.user_id
    where t.digest = $1 and t.spent_at is null and t.expires_at > $2
        and t.password_changed_at is not distinct from u.password_changed_at
    """,
)
SPEND = Statement(
    "password_tokens.spend",
    "Use a token up; no row when it is no longer good.",
    """
    update password_tokens t set spent_at = $2
    from users u
    where t.digest = $1 and t.spent_at is null and t.expires_at > $2 and u.id = t.user_id
        and t.password_changed_at is not distinct from u.password_changed_at
    """,
)


@dataclass(frozen=True, repr=False)
class IssuedToken:
    """A token, to be shown once, and until when it is good."""

    text: str
    expires_at: datetime


@dataclass(frozen=True)
class TokenHolder:
    """Whose token it is, and what for."""

    user_id: UUID
    purpose: Purpose


class PasswordTokens:
    """Issues and spends tokens, in the transactions of those who ask."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def issue(
        self,
        tx: Transaction,
        user_id: UUID,
        purpose: Purpose,
        lifetime: timedelta,
        *,
        since: datetime | None = None,
    ) -> IssuedToken:
        """A fresh token of a user who is there; its lifetime begins now, or has begun ``since``."""
        token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock.now()
        expires_at = (since or now) + lifetime
        await tx.execute(ISSUE, user_id, purpose.value, _digest(token), now, expires_at)
        return IssuedToken(token, expires_at)

    async def find(self, tx: Transaction, token: str) -> TokenHolder | None:
        """Whose token this is; None when it is not, or no longer, good."""
        if not _FORM.fullmatch(token):
            return None
        row = await tx.fetchrow(FIND, _digest(token), self._clock.now())
        return TokenHolder(row["user_id"], Purpose(row["purpose"])) if row else None

    async def spend(self, tx: Transaction, token: str) -> bool:
        """Use the token up with the transaction; False when somebody was quicker.

        Lock the user before: then no change of the password goes unnoticed in between.
        """
        return await tx.execute(SPEND, _digest(token), self._clock.now()) > 0


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
