"""Which bins a session ran in, and how its IO is spread over them: pure, for any input."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from tenantry.usage.model import (
    BIN,
    BINS,
    Reading,
    Span,
    bin_of,
    marks_between,
    month,
    total_at,
    touched,
    uses,
)

times = st.floats(min_value=1e9, max_value=1e9 + 40 * BIN, allow_nan=False)
amounts = st.integers(min_value=0, max_value=2**50)


def a_span(started: float, ended: float | None, *readings: Reading) -> Span:
    return Span(uuid4(), uuid4(), uuid4(), 1, 2**30, 0.0, started, ended, readings)


@given(times)
def test_a_month_has_2880_bins_on_quarter_hours_and_the_last_is_under_way(now: float) -> None:
    bins = month(now)
    assert len(bins) == BINS == 2880
    assert all(start % 900 == 0 for start in (bins[0], bins[-1]))
    assert bins[-1] <= now < bins[-1] + BIN


@given(times, st.floats(min_value=0, max_value=20 * BIN))
def test_a_session_ran_in_every_bin_that_it_has_a_moment_in(started: float, length: float) -> None:
    ended = started + length
    bins = touched(a_span(started, ended), now=1e10)
    expected = {
        start
        for start in range(bin_of(started) - BIN, bin_of(ended) + 2 * BIN, BIN)
        if start <= started < start + BIN or max(start, started) < min(start + BIN, ended)
    }
    assert set(bins) == expected


@given(times, st.lists(st.tuples(times, amounts, amounts), max_size=8), times)
def test_all_that_a_session_read_and_wrote_is_found_in_its_bins(
    started: float, samples: list[tuple[float, int, int]], ended: float
) -> None:
    started, ended = min(started, ended), max(started, ended)
    readings = [Reading(at, read, write, 0) for at, read, write in samples]
    top = max((r.read for r in readings), default=0), max((r.write for r in readings), default=0)
    final = Reading(ended, *top, 0)
    span = a_span(started, ended, Reading(started, 0, 0, 0), *readings, final)
    found = uses(span, range(bin_of(started), bin_of(ended) + BIN, BIN), now=1e10)
    assert sum(use.read for _, use in found) == top[0]
    assert sum(use.write for _, use in found) == top[1]
    assert all(use.read >= 0 and use.write >= 0 for _, use in found)


@given(times, times, amounts)
def test_marks_lie_on_every_edge_between_two_readings_and_rise(
    one: float, other: float, read: int
) -> None:
    earlier, later = Reading(min(one, other), 0, 0, 0), Reading(max(one, other), read, 0, 0)
    marks = marks_between(uuid4(), earlier, later)
    edges = [mark.bin + BIN for mark in marks]
    first = bin_of(earlier.at) + BIN
    assert edges == [edge for edge in range(first, first + 50 * BIN, BIN) if edge <= later.at]
    assert [mark.reading.read for mark in marks] == sorted(mark.reading.read for mark in marks)
    assert all(0 <= mark.reading.read <= read for mark in marks)


def test_marks_far_from_every_reading_are_estimates() -> None:
    edge = 10 * BIN
    near = marks_between(uuid4(), Reading(edge - 400, 0, 0, 0), Reading(edge + 10, 9, 9, 0))
    far = marks_between(uuid4(), Reading(edge - 400, 0, 0, 0), Reading(edge + 400, 9, 9, 0))
    assert [mark.estimated for mark in near] == [False]
    assert [mark.estimated for mark in far] == [True]


def test_the_totals_between_two_readings_lie_on_a_line() -> None:
    readings = [Reading(0, 0, 0, 1), Reading(100, 1000, 10, 2)]
    assert total_at(readings, 50) == Reading(50, 500, 5, 2)
    assert total_at(readings, -1) == readings[0]
    assert total_at(readings, 101) == readings[1]
