"""Writes changes down in the transaction that makes them, and reads them in their order."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tenantry.changes.model import Change, ChangeKind, Reading
from tenantry.kernel.transaction import Statement, Transaction

NOTE = Statement(
    "changes.note",
    "Give the transaction's changes the next number, and wake who listens when it commits.",
    "select note_changes($1::text[], $2::uuid[])",
)
HOLD = Statement(
    "changes.hold",
    "Let nothing that decides on access be committed until the transaction ends.",
    "select from change_head for update",
)
READ = Statement(
    "changes.read",
    "The number of the latest change, and what has changed after this one, as far as it is kept.",
    """
    select coalesce((select seq from change_head), 0) as head, l.seq, l.kind, l.subject_id
    from (values (true)) as always left join (
        select * from change_log where seq > $1 order by seq limit $2
    ) l on true
    order by l.seq
    """,
)
FORGET = Statement(
    "changes.forget",
    "Remove some of what was noted before this moment, the oldest first.",
    """
    delete from change_log where seq <= (
        select max(seq) from (
            select seq from change_log where noted_at < $1 order by noted_at limit $2
        ) old
    )
    """,
)
MOST_READ = 10_000
"""Who is further behind than so many changes loads everything anew."""


class ChangeLog:
    """The numbered log of changes. The number's row is locked until the commit: noted last.

    So the order of numbers is the order of commits, and who has read up to a number has missed
    nothing before it.
    """

    @staticmethod
    async def note(tx: Transaction, *changes: Change) -> None:
        """Have these changes numbered with the transaction's last statement: no round trip."""
        for change in changes:
            tx.later(NOTE, change)

    @staticmethod
    async def hold(tx: Transaction) -> None:
        """Wait for what is about to change who holds what; nothing does until the end.

        Whatever takes a right away waits for this before it commits. So who decides by what is
        held, and holds the log, decides by what has been taken, and what comes of it is first.
        """
        await tx.fetch(HOLD)

    @staticmethod
    async def read(tx: Transaction, after: int) -> Reading:
        """What has changed after this number."""
        rows = await tx.fetch(READ, after, MOST_READ)
        head: int = rows[0]["head"]
        changes: dict[int, list[Change]] = {}
        for row in rows if len(rows) < MOST_READ else ():
            if row["seq"] is not None:
                change = Change(ChangeKind(row["kind"]), row["subject_id"])
                changes.setdefault(row["seq"], []).append(change)
        return Reading(after, head, changes)

    @staticmethod
    async def forget(tx: Transaction, before: datetime, at_most: int) -> int:
        """Remove what is older; how much it was."""
        return await tx.execute(FORGET, before, at_most)


def arguments_of(changes: Iterable[Change]) -> tuple[list[str], list[UUID]]:
    """What the statement takes that notes these."""
    each = list(dict.fromkeys(changes))
    return [change.kind.value for change in each], [change.subject_id for change in each]
