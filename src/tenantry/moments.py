"""Dates and times as people give them, made into moments where the people are.

``YYYY-MM-DD``, an ISO string, a date or a datetime. Without a zone it is local time of this
machine. A bare date is the whole day: its first moment where something begins, its last where
something ends.
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated

import msgspec

Given = str | date | datetime
MAX_TEXT = 64

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
End = Annotated[datetime, msgspec.Meta(tz=True, extra={"end": True})]
"""A moment before which something ends."""


def start_of(given: Given) -> datetime:
    """The first moment of what was given; ValueError where that is no time."""
    return _aware(_read(given))


def end_of(given: Given) -> datetime:
    """The moment before which it ends: after the day, or just after the very moment."""
    read = _read(given)
    if isinstance(read, datetime):
        return _aware(read) + timedelta(microseconds=1)
    return _aware(read + timedelta(days=1))


def _read(given: Given) -> date:
    """A date, or its subclass datetime."""
    if isinstance(given, date):
        return given
    if not isinstance(given, str) or len(given) > MAX_TEXT:
        raise ValueError("no time")
    try:
        return date.fromisoformat(given)
    except ValueError:
        return datetime.fromisoformat(given)


def _aware(read: date) -> datetime:
    moment = read if isinstance(read, datetime) else datetime.combine(read, time())
    return moment if moment.tzinfo else moment.astimezone()
