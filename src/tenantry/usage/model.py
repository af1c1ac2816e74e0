"""What fell into which quarter of an hour. Pure: sessions and readings in, bins out.

Times are seconds since 1970, in UTC, so that no time zone can come in between.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from tenantry.users.statistics import UsageBin

BIN = 900
BINS = 30 * 24 * 4
"""Of a month: thirty days, up to and including the bin that is under way."""

SPARSE = 60.0
"""Seconds; where no reading is as close to an edge as this, what falls before it is an estimate."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a session had read and written in all by then, and what it had on disk."""

    at: float
    read: int
    write: int
    disk: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A session's reading at the end of a bin."""

    session_id: UUID
    bin: int
    reading: Reading
    estimated: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A compute session in time: what it is allocated, and what is known of its IO, in order."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    cpu: int
    memory: int
    gpu: float
    started: float
    ended: float | None
    readings: tuple[Reading, ...] = ()
    estimated: bool = False

    def reaches(self, at: float) -> bool:
        """Whether its use up to then is known, or it had ended by then."""
        if self.ended is not None and self.ended <= at:
            return True
        return bool(self.readings) and self.readings[-1].at >= at

    def needs_reading(self, edge: int) -> bool:
        """Whether it goes on after this edge, and no reading of the very edge is known."""
        goes_on = self.ended is None or self.ended > edge
        return goes_on and all(reading.at != edge for reading in self.readings)


@dataclass(frozen=True, slots=True)
class Use:
    """What one or more sessions came to in one bin."""

    num_sessions: int = 0
    cpu: int = 0
    memory: int = 0
    gpu: float = 0.0
    read: int = 0
    write: int = 0
    disk: int = 0
    estimated: bool = False


def seconds(moment: datetime) -> float:
    """A moment as seconds."""
    return moment.timestamp()


def moment(at: float) -> datetime:
    """Seconds as a moment."""
    return datetime.fromtimestamp(at, UTC)


def bin_of(at: float) -> int:
    """The start of the bin that a time falls into."""
    return math.floor(at / BIN) * BIN


def month(now: float) -> range:
    """The starts of the bins of the last thirty days; the last one is under way."""
    last = bin_of(now)
    return range(last - (BINS - 1) * BIN, last + BIN, BIN)


def touched(span: Span, now: float) -> range:
    """The starts of the bins that a session ran in; one that took no time ran in one, too."""
    first = bin_of(span.started)
    end = now if span.ended is None else span.ended
    last = bin_of(math.nextafter(end, -math.inf))
    return range(first, max(first, last) + BIN, BIN)


def uses(span: Span, bins: range, now: float) -> list[tuple[int, Use]]:
    """What a session came to in each of these bins that it ran in."""
    readings = _risen(span)
    ran = touched(span, now)
    found = []
    for start in range(max(bins.start, ran.start), min(bins.stop, ran.stop), BIN):
        before, after = total_at(readings, start), total_at(readings, start + BIN)
        use = Use(
            num_sessions=1,
            cpu=span.cpu,
            memory=span.memory,
            gpu=span.gpu,
            read=after.read - before.read,
            write=after.write - before.write,
            disk=after.disk,
            estimated=span.estimated,
        )
        found.append((start, use))
    return found


def added(given: Iterable[Use]) -> Use:
    """All of them together."""
    parts = list(given)
    return Use(
        num_sessions=sum(use.num_sessions for use in parts),
        cpu=sum(use.cpu for use in parts),
        memory=sum(use.memory for use in parts),
        gpu=math.fsum(use.gpu for use in parts),
        read=sum(use.read for use in parts),
        write=sum(use.write for use in parts),
        disk=sum(use.disk for use in parts),
        estimated=any(use.estimated for use in parts),
    )


def total_at(readings: Sequence[Reading], at: float) -> Reading:
    """The totals at a time: evenly spread between two readings, and still before and after all.

    Of several readings of the very time the first counts.
    """
    if not readings:
        return Reading(at, 0, 0, 0)
    index = bisect_left(readings, at, key=lambda reading: reading.at)
    if index == 0:
        return readings[0]
    if index == len(readings):
        return readings[-1]
    earlier, later = readings[index - 1], readings[index]
    share = (at - earlier.at) / (later.at - earlier.at)
    return Reading(
        at,
        earlier.read + math.floor((later.read - earlier.read) * share),
        earlier.write + math.floor((later.write - earlier.write) * share),
        later.disk,
    )


def marks_between(session_id: UUID, earlier: Reading, later: Reading) -> list[Mark]:
    """The readings at the edges of bins that lie between two readings."""
    if later.at <= earlier.at:
        return []
    edges = range(bin_of(earlier.at) + BIN, bin_of(later.at) + BIN, BIN)
    pair = (earlier, later)
    return [
        Mark(
            session_id,
            edge - BIN,
            total_at(pair, edge),
            estimated=min(edge - earlier.at, later.at - edge) > SPARSE,
        )
        for edge in edges[-BINS:]
    ]


def shown(start: int, use: Use) -> UsageBin:
    """A bin as it is answered."""
    return {
        "date": float(start),
        "num_sessions": {"value": use.num_sessions, "unit_hint": "count"},
        "cpu_allocated": {"value": use.cpu, "unit_hint": "count"},
        "mem_allocated": {"value": use.memory, "unit_hint": "bytes"},
        "gpu_allocated": {"value": use.gpu, "unit_hint": "count"},
        "io_read_bytes": {"value": use.read, "unit_hint": "bytes"},
        "io_write_bytes": {"value": use.write, "unit_hint": "bytes"},
        "disk_used": {"value": use.disk, "unit_hint": "bytes"},
    }


def _risen(span: Span) -> list[Reading]:
    """The readings within the session's time, in order, never falling whatever an agent said."""
    end = math.inf if span.ended is None else span.ended
    within = [
        Reading(min(max(r.at, span.started), end), r.read, r.write, r.disk) for r in span.readings
    ]
    within.sort(key=lambda reading: reading.at)
    read = write = 0
    found = []
    for reading in within:
        read, write = max(read, reading.read), max(write, reading.write)
        found.append(Reading(reading.at, read, write, reading.disk))
    return found
