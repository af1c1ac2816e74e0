"""The SQL of attempts: counted before they are evaluated, each in one statement."""

from datetime import datetime

from tenantry.kernel.transaction import Statement, Transaction
from tenantry.lockout.model import LockoutPolicy

RESERVE = Statement(
    "attempts.reserve",
    "Count an attempt before it is evaluated; no row means that none may be evaluated now.",
    # Its commit need not wait for the disk: the commit that settles the attempt, before anybody
    # is told how it ended, brings this one to the disk too.
    """
    insert into attempts as a (subject, failures, pending, changed_at)
    select $1::text, 0, 1, $2::timestamptz from set_config('synchronous_commit', 'off', true)
    on conflict (subject) do update set
        failures = case
            when a.changed_at <= $4 then 0
            when a.changed_at <= $5 then a.failures + a.pending
            else a.failures end,
        pending = case when a.changed_at <= $5 then 1 else a.pending + 1 end,
        changed_at = $2
    where a.changed_at <= $4 or a.failures + a.pending < $3
    returning failures
    """,
)
STANDING = Statement(
    "attempts.standing",
    "Whether waiting makes sense: fewer failures than the limit, the rest is under way.",
    "select failures < $2 and changed_at > $3 from attempts where subject = $1",
)
FAILED = Statement(
    "attempts.failed",
    "Turn an attempt under way into a failure.",
    """
    update attempts set failures = failures + 1, pending = greatest(pending - 1, 0),
        changed_at = $2
    where subject = $1
    """,
)
SUCCEEDED = Statement(
    "attempts.succeeded",
    "Give an attempt back and forget the failures before it.",
    """
    update attempts set failures = 0, pending = greatest(pending - 1, 0), changed_at = $2
    where subject = $1
    """,
)
WITHDRAWN = Statement(
    "attempts.withdrawn",
    "Take back an attempt that was never evaluated.",
    "update attempts set pending = greatest(pending - 1, 0) where subject = $1",
)


class AttemptRepository:
    """Counts attempts."""

    async def reserve(
        self, tx: Transaction, subject: str, policy: LockoutPolicy, now: datetime
    ) -> bool:
        """Take one of the attempts that are left; False when there is none."""
        forgotten, abandoned = now - policy.duration, now - policy.abandoned_after
        reserved = await tx.fetchrow(
            RESERVE, subject, now, policy.max_failures, forgotten, abandoned
        )
        return reserved is not None

    async def may_wait(
        self, tx: Transaction, subject: str, policy: LockoutPolicy, now: datetime
    ) -> bool:
        """Whether attempts under way, not failures, hold the places."""
        abandoned = now - policy.abandoned_after
        return bool(await tx.fetchval(STANDING, subject, policy.max_failures, abandoned))

    def fail(self, tx: Transaction, subject: str, now: datetime) -> None:
        """The attempt was a failure."""
        tx.later(FAILED, subject, now)

    def succeed(self, tx: Transaction, subject: str, now: datetime) -> None:
        """The attempt was a success."""
        tx.later(SUCCEEDED, subject, now)

    async def withdraw(self, tx: Transaction, subject: str) -> None:
        """The attempt was not evaluated after all."""
        await tx.execute(WITHDRAWN, subject)
