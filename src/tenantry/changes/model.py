"""What can change that decides on access."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class ChangeKind(StrEnum):
    """What a change is about; its subject is the id of one of these."""

    USER = "user"
    """A user's state, tenant, direct grants or roles."""
    ROLE = "role"
    """A role's permissions, databases, parents or grants, or that there is one."""
    TENANT = "tenant"
    """A tenant's status, wall or databases."""
    SESSION = "session"
    """A session has ended or was rotated."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was."""

    kind: ChangeKind
    subject_id: UUID
