"""Counting what somebody asks for, in windows of a fixed length."""

from datetime import datetime, timedelta

from tenantry.kernel.transaction import Statement, Transaction

COUNT = Statement(
    "windows.count",
    "Count a request within its window, before anything is done about it; how many there were.",
    # What changed_at holds here is the end of the window.
    """
    insert into attempts as a (subject, failures, pending, changed_at) values ($1, 1, 0, $3)
    on conflict (subject) do update set
        failures = case when a.changed_at <= $2 then 1 else least(a.failures + 1, 1000000) end,
        changed_at = case when a.changed_at <= $2 then $3 else a.changed_at end
    returning failures
    """,
)


class WindowCounter:
    """Counts requests in windows of a fixed length."""

    async def count(self, tx: Transaction, subject: str, now: datetime, window: timedelta) -> int:
        """How many requests there have been in this window, this one included."""
        counted: int = await tx.fetchval(COUNT, subject, now, now + window)
        return counted
