"""Time-based one-time passwords (RFC 6238) and recovery codes, as pure functions.

The clock is the server's. A code is good for its own 30 seconds and the 30 on either side.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from uuid import UUID

import pyotp

from tenantry.errors import InvalidInput

STEP_SECONDS = 30
DRIFT_STEPS = 1
SECRET_BYTES = 20
"""160 bits, as RFC 4226, section 4, recommends."""
RECOVERY_CODES = 10
RECOVERY_BYTES = 15
"""120 bits: more than the 112 from which on a fast hash is enough (NIST SP 800-63B-4, 3.1.2)."""
ENROLMENT = timedelta(minutes=15)
"""How long an enrolment waits for its first code."""

_ONE_TIME = re.compile(r"[0-9]{6}")
_RECOVERY = re.compile(r"[a-z2-7]{4}(-[a-z2-7]{4}){5}")


def new_secret() -> bytes:
    """A fresh secret."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as people type it into an authenticator app."""
    return b32encode(secret).decode()


def uri(secret: bytes, username: str, issuer: str) -> str:
    """The otpauth address of the secret."""
    return pyotp.TOTP(secret_text(secret)).provisioning_uri(name=username, issuer_name=issuer)


def step_at(moment: datetime) -> int:
    """The number of the time step that a moment lies in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a time step."""
    return pyotp.TOTP(secret_text(secret)).generate_otp(step)


def matching_steps(secret: bytes, code: str, now: datetime) -> list[int]:
    """The time steps, out of those that count now, whose code this is; after equal work."""
    present = step_at(now)
    near = range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1)
    return [step for step in near if hmac.compare_digest(code_at(secret, step), code)]


def is_one_time(code: str) -> bool:
    """Whether the text has the form of a one-time code, and not that of a recovery code."""
    return _ONE_TIME.fullmatch(code) is not None


def require_one_time(code: str, field: str) -> None:
    """InvalidInput unless the text has the form of a one-time code: no spaces, no other digits."""
    if not is_one_time(code):
        raise InvalidInput.of(field, "invalid_code", "must be six digits")


def require_code(code: str, field: str) -> None:
    """InvalidInput unless the text has the form of a one-time code or of a recovery code."""
    if not is_one_time(code) and _RECOVERY.fullmatch(code) is None:
        message = "must be six digits, or a recovery code as it was shown"
        raise InvalidInput.of(field, "invalid_code", message)


def new_recovery_codes() -> list[str]:
    """Fresh recovery codes, in groups of four letters and digits."""
    raw = [b32encode(secrets.token_bytes(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    texts = [code.decode().lower() for code in raw]
    return ["-".join(text[i : i + 4] for i in range(0, len(text), 4)) for text in texts]


def recovery_digest(user_id: UUID, code: str) -> bytes:
    """What is stored of a recovery code; equal codes of two users look different."""
    return hashlib.sha256(user_id.bytes + code.encode()).digest()
