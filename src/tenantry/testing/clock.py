"""A clock that a test can put forward and back."""

from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """The machine's clock, shifted by as much as the test says."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        """The shifted moment."""
        return datetime.now(UTC) + self.shift

    def advance(self, **duration: float) -> None:
        """Go forward by ``timedelta(**duration)``; backward where it is negative."""
        self.shift += timedelta(**duration)
