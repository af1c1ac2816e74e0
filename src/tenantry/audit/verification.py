"""Verifies the chain: every entry that was sealed is there, as it was, and no other is."""

import asyncio
from collections.abc import Mapping, Sequence

from tenantry.audit.actions import AuditVerification, VerifyAuditAction
from tenantry.audit.chain import Fault, Finding, Seal, faults_of_entries, faults_of_order
from tenantry.audit.ports import Anchor
from tenantry.audit.seals import SealRepository, StoredSeal
from tenantry.errors import ConfigurationError, InvalidInput
from tenantry.kernel.transaction import Database, Row, Transaction
from tenantry.record import require_well_formed

MOST_ENTRIES = 10_000
MOST_SEALS = 200
MOST_FINDINGS = 1000
HEADS_AT_ONCE = 1000


class AuditVerifier:
    """Answers whether the audit is whole, a stretch of it at a time."""

    def __init__(
        self, *, database: Database, seal_repository: SealRepository, anchor: Anchor
    ) -> None:
        self._database = database
        self._seals = seal_repository
        self._anchor = anchor

    async def verify(self, action: VerifyAuditAction) -> AuditVerification:
        """What is wrong with the segments after ``after``, and where to go on."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            after = await self._start(tx, action)
            most = 1 if action.segment is not None else MOST_SEALS
            stretch = _stretch(await self._seals.after(tx, after, most))
            if action.segment is not None and (
                not stretch or stretch[0].seal.number != action.segment
            ):
                raise InvalidInput.of("segment", "unknown", "there is no such segment")
            before = await self._seals.after(tx, after - 1, 1) if after else []
            dropped = await self._dropped(tx)
            end = await self._seals.last(tx)
            rows: Sequence[Row] = ()
            if stretch:
                first, last = stretch[0].seal.from_position, stretch[-1].seal.to_position
                rows = await self._seals.entries(tx, first, last)
        previous = before[0].seal if before and before[0].seal.number == after else None
        findings = await asyncio.to_thread(self._judged, previous, stretch, rows, dropped)
        reached = stretch[-1].seal.number if stretch else after
        last_number = end.seal.number if end else 0
        done = action.segment is not None or reached >= last_number or not stretch
        unsealed, oldest = 0, None
        if done and action.segment is None:
            if end is not None and self._seals.is_signed(end) is None:
                findings.append(_not_signed(last_number))
            findings += await self._anchored()
            async with self._database.autocommit() as tx:
                position = end.seal.to_position if end else 0
                unsealed, oldest = await self._seals.unsealed(tx, position)
        return AuditVerification(
            segments=len(stretch),
            entries=sum(stored.seal.entries for stored in stretch),
            last_segment=last_number,
            sealed_until=stretch[-1].seal.sealed_at if stretch else None,
            next_after=None if done else reached,
            findings=findings[:MOST_FINDINGS],
            unsealed=unsealed,
            oldest_unsealed=oldest,
        )

    async def _start(self, tx: Transaction, action: VerifyAuditAction) -> int:
        if action.segment is not None:
            return action.segment - 1
        if action.since is not None and action.after == 0:
            return await self._seals.number_before(tx, action.since)
        return action.after

    async def _dropped(self, tx: Transaction) -> dict[str, int]:
        """The months that this installation has dropped, by the numbers of the seals."""
        return {
            stored.seal.dropped: stored.seal.number
            for stored in await self._seals.drops(tx)
            if stored.seal.dropped and stored.is_whole() and self._seals.is_signed(stored)
        }

    def _judged(
        self,
        before: Seal | None,
        stretch: Sequence[StoredSeal],
        rows: Sequence[Row],
        dropped: Mapping[str, int],
    ) -> list[Finding]:
        findings: list[Finding] = []
        start = 0
        for stored in stretch:
            seal = stored.seal
            findings += faults_of_order(before, seal)
            findings += self._faults_of_seal(stored)
            # What lies before it belongs to a segment that is gone, as has been said already.
            while start < len(rows) and rows[start]["position"] < seal.from_position:
                start += 1
            end = start
            while end < len(rows) and rows[end]["position"] < seal.to_position:
                end += 1
            findings += faults_of_entries(seal, rows[start:end], dropped)
            before, start = seal, end
        return findings

    def _faults_of_seal(self, stored: StoredSeal) -> list[Finding]:
        number = stored.seal.number
        if not stored.is_whole():
            message = f"segment {number} was changed after it was sealed"
            return [Finding(fault=Fault.SEGMENT_CHANGED, segment=number, message=message)]
        # Of a key that has been changed since, a later signature vouches for all before it.
        return [_not_signed(number)] if self._seals.is_signed(stored) is False else []

    async def _anchored(self) -> list[Finding]:
        """Where the chain is not the one that the anchor remembers."""
        try:
            heads = await self._anchor.heads()
        except ConfigurationError as error:
            return [Finding(fault=Fault.ANCHOR_DIFFERS, segment=0, message=error.message)]
        findings: list[Finding] = []
        for start in range(0, len(heads), HEADS_AT_ONCE):
            some = heads[start : start + HEADS_AT_ONCE]
            async with self._database.autocommit() as tx:
                found = await self._seals.heads(tx, [number for number, _ in some])
            for number, head in some:
                if found.get(number) != head:
                    what = "has another head than" if number in found else "is missing, but not in"
                    message = f"segment {number} {what} the anchor"
                    findings.append(
                        Finding(fault=Fault.ANCHOR_DIFFERS, segment=number, message=message)
                    )
        return findings


def _not_signed(number: int) -> Finding:
    message = f"segment {number} was not signed by this installation"
    return Finding(fault=Fault.SEGMENT_NOT_SIGNED, segment=number, message=message)


def _stretch(seals: Sequence[StoredSeal]) -> list[StoredSeal]:
    """As many as can be verified at once, and at least one."""
    taken: list[StoredSeal] = []
    entries = 0
    for stored in seals:
        entries += stored.seal.entries
        if taken and entries > MOST_ENTRIES:
            break
        taken.append(stored)
    return taken
