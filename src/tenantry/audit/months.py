"""Months, as the audit is divided into them: all of them in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """A month of the calendar, UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The month that a moment is in."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def named(cls, name: str) -> Self:
        """The month of a name such as ``2026-11``."""
        year, _, number = name.partition("-")
        return cls(int(year), int(number))

    @property
    def name(self) -> str:
        """Year and month, such as ``2026-11``."""
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> datetime:
        """The moment with which it begins."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def next(self) -> "Month":
        """The month after it."""
        return self.plus(1)

    def plus(self, months: int) -> "Month":
        """So many months later, or earlier."""
        whole = self.year * 12 + self.number - 1 + months
        return Month(whole // 12, whole % 12 + 1)
