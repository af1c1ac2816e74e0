"""The chain of seals: what is hashed, in which order, and how a difference is named.

A leaf is the hash of an entry, a root the hash of a month's leaves in the order of position and
id, a head the hash of a seal with the head before it. Boxes are hashed as they are stored, so
that destroying a person's key breaks nothing. Once published, no byte of this may change: a new
form gets a new number.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from enum import StrEnum
from uuid import UUID

import msgspec

from tenantry.audit.months import Month
from tenantry.kernel.clock import EPOCH
from tenantry.kernel.transaction import Row
from tenantry.record import Record

FORM = 1
GENESIS = bytes(32)
"""The head before the first seal."""
SHORT = 8
"""Bytes of a leaf that a seal keeps, to name the entry where a root does not fit."""

_PLAIN = ("tenant_id", "at", "id", "run_id", "action", "outcome", "reason", "actor_id")
_MORE = ("target_id", "person_id", "request_id", "face", "key_id", "box", "actor_key_id")
_LAST = ("actor_box", "target_digest", "address_digest", "position")
# Empty since there are boxes. What an earlier release wrote here becomes a pseudonym one day.
_TEXTS = ("actor", "target", "address", "user_agent", "changes")


class MonthPart(msgspec.Struct, frozen=True, array_like=True):
    """The entries of a month in a segment: how many, and their root in hex."""

    month: str
    count: int
    root: str


@dataclass(frozen=True, kw_only=True)
class Seal:
    """A sealed segment: all entries from a position up to another, or a month that was dropped."""

    number: int
    from_position: int
    to_position: int
    sealed_at: datetime
    months: tuple[MonthPart, ...]
    dropped: str | None
    leaves: bytes
    previous: bytes

    def head(self) -> bytes:
        """The hash of all of it."""
        parts = [[part.month, part.count, part.root] for part in self.months]
        leaves = hashlib.sha256(self.leaves).digest()
        said = [FORM, self.number, self.from_position, self.to_position, _micro(self.sealed_at)]
        return _hash([*said, parts, self.dropped, leaves, self.previous])

    @property
    def entries(self) -> int:
        """How many entries it seals."""
        return sum(part.count for part in self.months)


class Fault(StrEnum):
    """What can be wrong with the chain."""

    ENTRY_CHANGED = "entry_changed"
    ENTRY_REMOVED = "entry_removed"
    ENTRY_INSERTED = "entry_inserted"
    SEGMENT_CHANGED = "segment_changed"
    SEGMENT_REMOVED = "segment_removed"
    SEGMENT_OUT_OF_ORDER = "segment_out_of_order"
    SEGMENT_NOT_SIGNED = "segment_not_signed"
    ANCHOR_DIFFERS = "anchor_differs"


class Finding(Record, frozen=True, kw_only=True):
    """One fault: in which segment, at which entry where that is known, and a sentence."""

    fault: Fault
    segment: int
    entry_id: UUID | None = None
    message: str


def leaf(row: Row) -> bytes:
    """The hash of an entry as it is stored."""
    texts = [None] * len(_TEXTS) if row["key_id"] is None else [row[name] for name in _TEXTS]
    return _hash([FORM, *(_plain(row[name]) for name in (*_PLAIN, *_MORE, *_LAST)), *texts])


def by_month(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The entries of each month, months and entries in order."""
    months: dict[str, list[Row]] = {}
    for row in rows:
        months.setdefault(Month.of(row["at"]).name, []).append(row)
    return dict(sorted(months.items()))


def sealed(rows: Iterable[Row], *, previous: Seal | None, until: int, now: datetime) -> Seal:
    """The seal that follows, over entries in order of position and id up to this position."""
    parts: list[MonthPart] = []
    leaves: list[bytes] = []
    for month, entries in by_month(rows).items():
        own = [leaf(row) for row in entries]
        parts.append(MonthPart(month, len(own), _root(own)))
        leaves += [one[:SHORT] for one in own]
    return Seal(
        number=previous.number + 1 if previous else 1,
        from_position=previous.to_position if previous else 0,
        to_position=until,
        sealed_at=now,
        months=tuple(parts),
        dropped=None,
        leaves=b"".join(leaves),
        previous=previous.head() if previous else GENESIS,
    )


def dropping(month: Month, *, previous: Seal, now: datetime) -> Seal:
    """The seal that says that a month, all of it sealed before, was dropped on purpose."""
    return Seal(
        number=previous.number + 1,
        from_position=previous.to_position,
        to_position=previous.to_position,
        sealed_at=now,
        months=(),
        dropped=month.name,
        leaves=b"",
        previous=previous.head(),
    )


def faults_of_entries(seal: Seal, rows: Sequence[Row], dropped: Mapping[str, int]) -> list[Finding]:
    """How the entries found differ from those that were sealed.

    ``dropped`` are the months dropped since, by the number of the seal that says so.
    """
    found = by_month(rows)
    faults: list[Finding] = []
    start = 0
    for part in seal.months:
        short = seal.leaves[start : start + SHORT * part.count]
        start += SHORT * part.count
        entries = found.pop(part.month, [])
        if dropped.get(part.month, 0) > seal.number:
            faults += [_fault(Fault.ENTRY_INSERTED, seal.number, row) for row in entries]
            continue
        own = [leaf(row) for row in entries]
        if len(own) != part.count or _root(own) != part.root:
            faults += _compared(seal.number, short, entries, own)
    for entries in found.values():
        faults += [_fault(Fault.ENTRY_INSERTED, seal.number, row) for row in entries]
    return faults


def faults_of_order(before: Seal | None, seal: Seal) -> list[Finding]:
    """Whether a seal follows the one before it."""
    due = before.number + 1 if before else 1
    if seal.number > due:
        gap = f"segment {due}" if seal.number == due + 1 else f"segments {due} to {seal.number - 1}"
        message = f"{gap} removed before segment {seal.number}"
        return [Finding(fault=Fault.SEGMENT_REMOVED, segment=due, message=message)]
    expected = (before.head(), before.to_position) if before else (GENESIS, 0)
    if (seal.previous, seal.from_position) == expected:
        return []
    message = f"segment {seal.number} does not follow segment {seal.number - 1}"
    return [Finding(fault=Fault.SEGMENT_OUT_OF_ORDER, segment=seal.number, message=message)]


def _compared(
    number: int, short: bytes, rows: Sequence[Row], leaves: Sequence[bytes]
) -> list[Finding]:
    """Name the entries that differ, by what the seal keeps of their leaves."""
    sealed_ones = [short[i : i + SHORT] for i in range(0, len(short), SHORT)]
    found = [one[:SHORT] for one in leaves]
    faults: list[Finding] = []
    matcher = SequenceMatcher(None, sealed_ones, found, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            continue
        changed = min(j - i, m - k)
        faults += [_fault(Fault.ENTRY_CHANGED, number, row) for row in rows[k : k + changed]]
        faults += [_fault(Fault.ENTRY_INSERTED, number, row) for row in rows[k + changed : m]]
        faults += [_missing(number, rows, k + changed)] * (j - i - changed)
    message = f"the entries of segment {number} are not those that it sealed"
    return faults or [Finding(fault=Fault.ENTRY_CHANGED, segment=number, message=message)]


def _fault(fault: Fault, number: int, row: Row) -> Finding:
    verb = fault.removeprefix("entry_")
    message = f"entry {row['id']} of {row['at']:%Y-%m-%d %H:%M:%S} was {verb}"
    return Finding(fault=fault, segment=number, entry_id=row["id"], message=message)


def _missing(number: int, rows: Sequence[Row], place: int) -> Finding:
    """An entry is gone: its neighbours tell where it was."""
    near = [f"after {rows[place - 1]['id']}"] if 0 < place <= len(rows) else []
    near += [f"before {rows[place]['id']}"] if place < len(rows) else []
    where = " and ".join(near) or "with all others of the segment"
    message = f"an entry of segment {number} was removed, {where}"
    return Finding(fault=Fault.ENTRY_REMOVED, segment=number, message=message)


def _root(leaves: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(leaves)).hexdigest()


def _hash(values: list[object]) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(values)).digest()


def _plain(value: object) -> object:
    """Ids as bytes and moments as microseconds: forms that no library can change."""
    if isinstance(value, UUID):
        return value.bytes
    return _micro(value) if isinstance(value, datetime) else value


def _micro(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
