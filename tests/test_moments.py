"""Dates as people give them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tenantry.moments import Given, end_of, start_of

EAST = timezone(timedelta(hours=3))
DAY = date(2026, 1, 31)


def local(*parts: int) -> datetime:
    return datetime(*parts).astimezone()  # type: ignore[arg-type]  # of so many parts


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ("2026-01-31", local(2026, 1, 31), local(2026, 2, 1)),
        (DAY, local(2026, 1, 31), local(2026, 2, 1)),
        (
            "2026-01-31T10:30",
            local(2026, 1, 31, 10, 30),
            local(2026, 1, 31, 10, 30) + timedelta(microseconds=1),
        ),
        (
            "2026-01-31T10:30:00Z",
            datetime(2026, 1, 31, 10, 30, tzinfo=UTC),
            datetime(2026, 1, 31, 10, 30, 0, 1, tzinfo=UTC),
        ),
        (
            datetime(2026, 1, 31, 10, tzinfo=EAST),
            datetime(2026, 1, 31, 7, tzinfo=UTC),
            datetime(2026, 1, 31, 7, 0, 0, 1, tzinfo=UTC),
        ),
        (
            datetime(2026, 1, 31),  # noqa: DTZ001 - a moment without a zone is what this is about
            local(2026, 1, 31),
            local(2026, 1, 31) + timedelta(microseconds=1),
        ),
    ],
)
def test_a_day_is_all_of_it_and_a_moment_without_a_zone_is_local(
    given: Given, start: datetime, end: datetime
) -> None:
    assert start_of(given) == start
    assert end_of(given) == end
    assert start_of(given).tzinfo is not None


NO_TIMES = ["", "yesterday", "2026-13-01", "2026-1-1", "x" * 10_000, 5, None]


@pytest.mark.parametrize("given", NO_TIMES)
def test_what_is_no_time_is_refused(given: Given) -> None:
    for read in (start_of, end_of):
        with pytest.raises(ValueError, match=r".*"):
            read(given)
