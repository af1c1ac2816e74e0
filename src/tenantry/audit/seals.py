"""Reads and writes the chain of seals. Never begins or commits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tenantry.audit import queries
from tenantry.audit.chain import MonthPart, Seal
from tenantry.audit.months import Month
from tenantry.audit.ports import Cipher
from tenantry.kernel.transaction import Row, Transaction

_SAID = b"audit seal\0"


@dataclass(frozen=True)
class StoredSeal:
    """A seal as it lies in the database, where head and signature may be wrong."""

    seal: Seal
    head: bytes
    signature: bytes

    def is_whole(self) -> bool:
        """Whether the head is the hash of the rest."""
        return self.seal.head() == self.head


@dataclass(frozen=True)
class MonthOfEntries:
    """A month that there are partitions for; ``entries`` is the planner's estimate."""

    month: Month
    entries: int
    bytes: int


class SealRepository:
    """The table audit_seals, and the entries in the order in which they are sealed."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    async def last(self, tx: Transaction) -> StoredSeal | None:
        """The end of the chain."""
        row = await tx.fetchrow(queries.LAST_SEAL)
        return _stored(row) if row else None

    async def after(self, tx: Transaction, number: int, limit: int) -> list[StoredSeal]:
        """The seals that follow this number."""
        return [_stored(row) for row in await tx.fetch(queries.SEALS, number, limit)]

    async def drops(self, tx: Transaction) -> list[StoredSeal]:
        """The seals that say that a month was dropped."""
        return [_stored(row) for row in await tx.fetch(queries.DROPS)]

    async def heads(self, tx: Transaction, numbers: Collection[int]) -> dict[int, str]:
        """The heads of these seals, in hex."""
        rows = await tx.fetch(queries.HEADS, numbers)
        return {row["number"]: row["head"].hex() for row in rows}

    async def number_before(self, tx: Transaction, since: datetime) -> int:
        """The number of the last seal made before this time; 0 where there is none."""
        return int(await tx.fetchval(queries.SEAL_SINCE, since) or 0)

    async def add(self, tx: Transaction, seal: Seal) -> bool:
        """Sign it and put it at the end; False when another process was quicker."""
        head = seal.head()
        months = msgspec.json.encode(seal.months).decode()
        added = await tx.execute(
            queries.INSERT_SEAL,
            seal.number,
            seal.from_position,
            seal.to_position,
            seal.sealed_at,
            months,
            seal.dropped,
            seal.leaves,
            seal.previous,
            head,
            self._cipher.sign(_SAID + head),
        )
        return added > 0

    def is_signed(self, stored: StoredSeal) -> bool | None:
        """Whether this installation signed the head; None where that key is not here any more."""
        return self._cipher.is_signed(_SAID + stored.head, stored.signature)

    async def horizon(self, tx: Transaction) -> int:
        """The position before which no entry can be added any more."""
        return int(await tx.fetchval(queries.HORIZON))

    async def entries(
        self, tx: Transaction, first: int, until: int, limit: int | None = None
    ) -> Sequence[Row]:
        """The entries from one position up to another, in order."""
        return await tx.fetch(queries.BETWEEN, first, until, limit)

    async def unsealed(self, tx: Transaction, position: int) -> tuple[int, datetime | None]:
        """How many entries there are from this position on, and since when."""
        row = await tx.fetchrow(queries.UNSEALED, position)
        return (row["entries"], row["oldest"]) if row else (0, None)

    async def months(self, tx: Transaction) -> list[MonthOfEntries]:
        """The months that there are partitions for, in order."""
        rows = await tx.fetch(queries.MONTHS)
        return [
            MonthOfEntries(Month.named(r["name"].replace("_", "-")), r["entries"], r["size"])
            for r in rows
        ]

    async def drop_month(self, tx: Transaction, month: Month) -> None:
        """Drop a month that is all sealed, its entries and its keys."""
        await tx.execute(queries.DROP_MONTH, month.first.date())


def _stored(row: Row) -> StoredSeal:
    parts = msgspec.json.decode(row["parts"], type=tuple[MonthPart, ...])
    names = ("number", "from_position", "to_position", "sealed_at", "dropped", "leaves", "previous")
    seal = Seal(months=parts, **{name: row[name] for name in names})
    return StoredSeal(seal, row["head"], row["signature"])
