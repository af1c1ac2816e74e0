"""For how long what was found out holds."""

from datetime import datetime
from typing import NamedTuple


class Window(NamedTuple):
    """From when on, and before when; None: without end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Whether the moment lies in it."""
        begun = self.since is None or self.since <= now
        return begun and (self.until is None or now < self.until)

    def around(self, now: datetime, other: "Window") -> "Window":
        """The part of this around now in which the other neither begins nor ends."""
        since, until = self
        for moment in other:
            if moment is None:
                continue
            if moment <= now:
                since = moment if since is None else max(since, moment)
            else:
                until = moment if until is None else min(until, moment)
        return Window(since, until)


ALWAYS = Window()
