"""Reads and writes readings and bins. Never begins or commits."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.usage import queries
from tenantry.usage.model import BIN, Mark, Reading, Span, Use, moment, seconds
from tenantry.users.access import Scope

EVERYBODY = UUID(int=0)
"""Stands for all tenants together; as a user, for those who were purged."""


class UsageRepository:
    """The tables usage_progress, usage_samples, usage_bins and usage_tenant_bins."""

    async def begin(self, tx: Transaction, earliest: int, now: float) -> None:
        """Begin to close bins, unless that was done before."""
        await tx.execute(queries.BEGIN, moment(earliest), moment(now))

    async def ensure_partition(self, tx: Transaction, start: int) -> None:
        """Make the partitions that a bin belongs to, should they be missing."""
        await tx.execute(queries.ENSURE_PARTITIONS, moment(start))

    async def closed_until(self, tx: Transaction) -> int | None:
        """Up to when all bins are closed; None before the first."""
        return _whole(await tx.fetchval(queries.CLOSED_UNTIL))

    async def hold_progress(self, tx: Transaction) -> int | None:
        """The same; no bin is closed until the transaction ends."""
        return _whole(await tx.fetchval(queries.HOLD_PROGRESS))

    async def lease_progress(self, tx: Transaction) -> int | None:
        """The same, for this worker alone until the transaction ends; None for the others."""
        return _whole(await tx.fetchval(queries.LEASE_PROGRESS))

    async def move_progress(self, tx: Transaction, closed_until: int) -> None:
        """All bins before this are closed."""
        await tx.execute(queries.MOVE_PROGRESS, moment(closed_until))

    async def agents(self, tx: Transaction) -> list[str]:
        """The agents that can be asked for samples."""
        return [row["name"] for row in await tx.fetch(queries.AGENTS)]

    async def spans(
        self, tx: Transaction, since: float, until: float, scope: Scope
    ) -> list[tuple[Span, Reading | None]]:
        """The sessions in sight that ran in that time, each with what it had used in the end."""
        times = moment(since), moment(until)
        rows = await tx.fetch(queries.SPANS, *times, scope.tenant_id, scope.user_id)
        return [_span(row) for row in rows]

    async def marks(
        self, tx: Transaction, session_ids: Collection[UUID], since: int, until: float
    ) -> Mapping[UUID, Sequence[Mark]]:
        """The readings of sessions at the ends of the bins in that time, in order."""
        found: dict[UUID, list[Mark]] = defaultdict(list)
        times = moment(since), moment(until)
        for row in await tx.fetch(queries.MARKS, list(session_ids), *times):
            start = int(seconds(row["bin"]))
            reading = _reading(row, start + BIN)
            mark = Mark(row["session_id"], start, reading, row["estimated"])
            found[mark.session_id].append(mark)
        return found

    async def anchors(
        self, tx: Transaction, session_ids: Collection[UUID], since: int, until: float
    ) -> dict[UUID, Reading]:
        """The last that is on record of these sessions."""
        times = moment(since), moment(until)
        rows = await tx.fetch(queries.ANCHORS, list(session_ids), *times)
        return {row["id"]: _reading(row, seconds(row["at"])) for row in rows}

    async def add_marks(self, tx: Transaction, marks: Sequence[Mark]) -> None:
        """Keep readings; of two for one edge the first stays."""
        await tx.execute(
            queries.ADD_MARKS,
            [mark.session_id for mark in marks],
            [moment(mark.bin) for mark in marks],
            [mark.reading.read for mark in marks],
            [mark.reading.write for mark in marks],
            [mark.reading.disk for mark in marks],
            [mark.estimated for mark in marks],
        )

    async def add_user_bins(
        self, tx: Transaction, start: int, bins: Mapping[tuple[UUID, UUID], Use]
    ) -> None:
        """Close a bin for users, by tenant and user."""
        tenants = [tenant_id for tenant_id, _ in bins]
        users = [user_id for _, user_id in bins]
        columns = _columns(bins.values())
        await tx.execute(queries.ADD_USER_BINS, moment(start), tenants, users, *columns)

    async def add_tenant_bins(self, tx: Transaction, start: int, bins: Mapping[UUID, Use]) -> None:
        """Close a bin for tenants, and for everybody."""
        columns = _columns(bins.values())
        await tx.execute(queries.ADD_TENANT_BINS, moment(start), list(bins), *columns)

    async def user_bins(
        self, tx: Transaction, user_id: UUID, since: int, until: int, tenant_id: UUID | None
    ) -> list[tuple[int, Use]]:
        """The closed bins of a user."""
        times = moment(since), moment(until)
        return await _bins(tx, queries.USER_BINS, user_id, *times, tenant_id)

    async def tenant_bins(
        self, tx: Transaction, tenant_id: UUID, since: int, until: int
    ) -> list[tuple[int, Use]]:
        """The closed bins of a tenant or of everybody."""
        return await _bins(tx, queries.TENANT_BINS, tenant_id, moment(since), moment(until))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Keep what a user used in the sums, as that of nobody in particular."""
        await tx.execute(queries.FORGET, user_id, EVERYBODY)


async def _bins(tx: Transaction, statement: Statement, *arguments: object) -> list[tuple[int, Use]]:
    return [
        (
            row["bin"],
            Use(
                row["num_sessions"],
                row["cpu_allocated"],
                int(row["mem_allocated"]),
                row["gpu_allocated"],
                int(row["io_read_bytes"]),
                int(row["io_write_bytes"]),
                int(row["disk_used"]),
                row["estimated"],
            ),
        )
        for row in await tx.fetch(statement, *arguments)
    ]


def _columns(given: Iterable[Use]) -> list[list[object]]:
    rows = [
        (u.num_sessions, u.cpu, u.memory, u.gpu, u.read, u.write, u.disk, u.estimated)
        for u in given
    ]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(8)]


def _span(row: Row) -> tuple[Span, Reading | None]:
    ended = row["ended_at"] and seconds(row["ended_at"])
    span = Span(
        id=row["id"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        cpu=row["cpu"],
        memory=row["memory"],
        gpu=row["gpu"],
        started=seconds(row["started_at"]),
        ended=ended,
    )
    known = ended is not None and row["io_read_bytes"] is not None
    return span, _reading(row, ended) if known else None


def _reading(row: Row, at: float) -> Reading:
    return Reading(at, row["io_read_bytes"], row["io_write_bytes"], row["disk_bytes"] or 0)


def _whole(found: datetime | None) -> int | None:
    return None if found is None else int(seconds(found))
