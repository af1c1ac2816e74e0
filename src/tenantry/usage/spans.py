"""Puts together what is known of sessions: records, readings at edges, live samples."""

from collections.abc import Sequence
from dataclasses import replace

from tenantry.kernel.transaction import Transaction
from tenantry.usage.live import LiveSamples
from tenantry.usage.model import BIN, Mark, Reading, Span
from tenantry.usage.repository import UsageRepository
from tenantry.users.access import Scope


async def known_spans(
    tx: Transaction,
    usage: UsageRepository,
    live: LiveSamples,
    *,
    since: int,
    until: float,
    scope: Scope,
) -> list[Span]:
    """The sessions in sight that ran between two times, with their readings in that time.

    One question to Valkey, for all whose records do not reach that far.
    """
    found = await usage.spans(tx, since, until, scope)
    if not found:
        return []
    marks = await usage.marks(tx, [span.id for span, _ in found], since - BIN, until)
    missing = [
        span.id
        for span, final in found
        if final is None and not _reaches(marks.get(span.id, ()), until)
    ]
    latest = await live.readings(missing)
    return [
        _completed(span, final, marks.get(span.id, ()), latest.get(span.id), since)
        for span, final in found
    ]


def _reaches(marks: Sequence[Mark], until: float) -> bool:
    return bool(marks) and marks[-1].reading.at >= until


def _completed(
    span: Span, final: Reading | None, marks: Sequence[Mark], latest: Reading | None, since: int
) -> Span:
    readings = [mark.reading for mark in marks]
    if span.started >= since:
        readings.insert(0, Reading(span.started, 0, 0, 0))
    if final is not None:
        readings.append(final)
    elif latest is not None and (not readings or latest.at > readings[-1].at):
        readings.append(latest)
    unknown_end = span.ended is not None and final is None
    estimated = unknown_end or any(mark.estimated for mark in marks)
    return replace(span, readings=tuple(readings), estimated=estimated)
