"""Writes changes down in the transaction that makes them."""

from tenantry.changes.model import Change
from tenantry.kernel.transaction import Statement, Transaction

NOTE = Statement(
    "changes.note",
    "Give the transaction's changes the next number, and wake who listens when it commits.",
    """
    with head as (update change_head set seq = seq + 1 returning seq),
    noted as (
        insert into change_log (seq, kind, subject_id, noted_at)
        select head.seq, entry.kind, entry.subject_id, clock_timestamp()
        from head, unnest($1::text[], $2::uuid[]) as entry (kind, subject_id)
        on conflict do nothing
    )
    select seq, pg_notify('tenantry_changes', seq::text) from head
    """,
)


class ChangeLog:
    """The numbered log of changes. The number's row is locked until the commit: note late.

    So the order of numbers is the order of commits, and who has read up to a number has missed
    nothing before it.
    """

    async def note(self, tx: Transaction, *changes: Change) -> int:
        """Number these changes; the number becomes valid with the commit."""
        kinds = [change.kind.value for change in changes]
        subjects = [change.subject_id for change in changes]
        seq: int = await tx.fetchval(NOTE, kinds, subjects)
        return seq
