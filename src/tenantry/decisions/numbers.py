"""Small numbers in place of ids: quick to hash, and one space for all that opens a door."""

import itertools
from collections.abc import Hashable, Iterable
from typing import NamedTuple
from uuid import UUID

from tenantry.privileges.model import Privilege

NOBODY = 0
"""The tenant of what belongs to no tenant: the platform's roles, databases not assigned."""
SHUT_OUT = -1
"""In place of the tenant of a user who is not active."""
TIMED = -2
"""In place of the tenant of a user of whom something depends on the time."""


class Right(NamedTuple):
    """A privilege on an object, bound to the databases of one tenant or to NOBODY's."""

    bound: int
    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None


class Numbers:
    """Gives a number to each tenant and role, and to each right that is granted directly.

    A number stays with what has it also when that is gone, since users may still carry it.
    """

    def __init__(self) -> None:
        self._given: dict[Hashable, int] = {}
        self._next = itertools.count(1)

    def __len__(self) -> int:
        return len(self._given)

    def of(self, id: UUID | None) -> int:
        """The number of a tenant or role, which it gets now if it has none; NOBODY for none."""
        if id is None:
            return NOBODY
        return self._given.get(id.int) or self.give(id.int)

    def give(self, key: Hashable) -> int:
        """The number of this, which it gets now if it has none."""
        # Two threads at once may waste a number here, but never give one to two keys.
        return self._given.get(key) or self._given.setdefault(key, next(self._next))

    def find(self, key: Hashable) -> int | None:
        """The number of this, if it has one."""
        return self._given.get(key)

    def add_known(self, numbers: dict[int, None], rights: Iterable[Right]) -> dict[int, None]:
        """The numbers, and with them those that the rights have; others nobody holds."""
        for right in rights:
            number = self._given.get(right)
            if number is not None:
                numbers[number] = None
        return numbers
