"""What can change that decides on access."""

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Reading:
    """What the log says after a number: the head at that moment, and the changes by number."""

    after: int
    head: int
    changes: Mapping[int, Sequence[Change]]

    @property
    def is_complete(self) -> bool:
        """Whether every number from there to the head is in it.

        A missing one was removed with age, or there were too many; a head further back is that
        of a database that was restored from a backup.
        """
        return len(self.changes) == self.head - self.after

    def all(self) -> list[Change]:
        """The changes, each once, in order."""
        return list(dict.fromkeys(change for group in self.changes.values() for change in group))
