"""Whom people mean by a name, as far as it is in memory."""

from collections.abc import Iterator
from uuid import UUID

from tenantry.letting_go import emptied, little_by_little


class Names:
    """Names as they were typed, each with the user that was found under it.

    A name that nobody bears is not kept, so a user who is new is found at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.ids: dict[str, UUID] = {}
        self._typed: dict[UUID, tuple[str, ...]] = {}

    def put(self, typed: str, user_id: UUID) -> None:
        """Keep a name; all are given up where there are too many."""
        if typed in self.ids:
            self.drop(self.ids[typed])
        if len(self.ids) >= self._most:
            little_by_little(self.steps())
            self.ids, self._typed = {}, {}
        self.ids[typed] = user_id
        self._typed[user_id] = (*self._typed.get(user_id, ()), typed)

    def steps(self) -> Iterator[None]:
        """Give up all that are kept now, one by one."""
        return emptied(self.ids, self._typed)

    def drop(self, user_id: UUID) -> tuple[str, ...]:
        """Forget all names of a user; which they were."""
        names = self._typed.pop(user_id, ())
        for typed in names:
            self.ids.pop(typed, None)
        return names
