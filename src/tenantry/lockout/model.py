"""How many attempts are let through, as a rule without a clock of its own."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LockoutPolicy:
    """``max_failures`` in a row shut the account to logins for ``duration`` after the last."""

    max_failures: int = 10
    duration: timedelta = timedelta(minutes=15)
    patience: timedelta = timedelta(seconds=2)
    """How long an attempt waits for others that are under way."""
    abandoned_after: timedelta = timedelta(seconds=30)
    """When an attempt that was never settled, as after a crash, counts as a failure."""


class Admission(Enum):
    """Whether an attempt may be evaluated."""

    GRANTED = "granted"
    REFUSED = "refused"


def subject_of(user_id: UUID | None, login_name: str) -> str:
    """Whom attempts are counted for: the user under any name, or a name that nobody has."""
    if user_id is not None:
        return f"user:{user_id}"
    return "name:" + hashlib.sha256(login_name.encode(errors="replace")).hexdigest()
