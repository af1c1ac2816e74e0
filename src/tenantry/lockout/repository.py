"""The SQL of attempts: counted before they are evaluated, all counts in one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenantry.kernel.transaction import Statement, Transaction
from tenantry.lockout.throttle import FIRST_DELAY, FREE_TRIES, Claim, LockoutPolicy, Standing

_COUNTED = """
    on conflict (subject) do update set
        failures = case
            when a.changed_at <= {expired} then 0
            when a.changed_at <= $9 then a.failures + a.pending
            else a.failures end,
        pending = case when a.changed_at <= $9 then 1 else a.pending + 1 end,
        changed_at = $4
"""
_DELAY = f"""make_interval(secs => least($11::float8,
    {FIRST_DELAY.total_seconds()} * power(2, least(a.failures - {FREE_TRIES}, 20))))"""
RESERVE = Statement(
    "attempts.reserve",
    "Count an attempt before it is evaluated, under all that it counts for; how many of them.",
    # A look at what is full already keeps a flood out of the other rows. What is reserved is
    # decided by the conditions of each update, row by row, in the order that all keep to.
    # The commit need not wait for the disk: the commit that settles the attempt, before anybody
    # is told how it ended, brings this one to the disk too.
    f"""
    with asked as materialized (
        select coalesce(
            (select known_until > $4 from attempts where subject = $1), false) as known
        from set_config('synchronous_commit', 'off', true)
    ), open as materialized (
        select from asked where known or not exists (
            select from attempts where subject = $2 and failures >= $6 and changed_at > $8
                or subject = $3 and failures >= $7 and changed_at > $12)
    ), pair as (
        insert into attempts as a (subject, failures, pending, changed_at)
        select $1::text, 0, 1, $4::timestamptz from open
        {_COUNTED.format(expired="$8")}
        where a.changed_at <= $8 or a.failures + a.pending < $5 and (
            a.failures < $10
            or (a.pending = 0 or a.changed_at <= $9) and a.changed_at + {_DELAY} <= $4)
        returning 1
    ), account as (
        insert into attempts as a (subject, failures, pending, changed_at)
        select $2::text, 0, 1, $4 from pair
        {_COUNTED.format(expired="$8")}
        where a.changed_at <= $8 or a.failures + a.pending < $6 or (select known from asked)
        returning 1
    ), source as (
        insert into attempts as a (subject, failures, pending, changed_at)
        select $3::text, 0, 1, $4 from account where $3 is not null
        {_COUNTED.format(expired="$12::timestamptz")}
        where a.changed_at <= $12 or a.failures + a.pending < $7 or (select known from asked)
        returning 1
    )
    select (select count(*) from pair) + (select count(*) from account)
        + (select count(*) from source)
    """,
)
# Three names and no array: of an array's length the planner knows nothing before it has one, and so
# would plan the statement that ends a login anew each time, which costs more than running it.
_HELD = """
    from (
        select subject from attempts where subject in ($1::text, $2::text, $3::text)
        order by case subject when $1 then 1 when $2 then 2 else 3 end for update
    ) held
    where a.subject = held.subject
"""
STANDINGS = Statement(
    "attempts.standings",
    "What is counted under some subjects.",
    """
    select subject, failures, pending, changed_at, known_until
    from attempts where subject = any($1::text[])
    """,
)
FAILED = Statement(
    "attempts.failed",
    "Turn an attempt under way into a failure.",
    f"""
    update attempts a set failures = a.failures + 1, pending = greatest(a.pending - 1, 0),
        changed_at = $4
    {_HELD}
    """,
)
THROTTLED = Statement(
    "attempts.throttled",
    "What is counted of a user from everywhere, and the numbers that the user's tenant has set.",
    """
    select a.failures, a.pending, a.changed_at, a.known_until,
        p.max_failed_attempts, p.lockout_minutes
    from attempts a join users u on u.id = $1
        left join password_policies p on p.tenant_id = u.tenant_id
    where a.subject = 'user:' || $1::uuid::text
    """,
)
FULL = Statement(
    "attempts.full",
    "How many subjects are refused now: accounts, accounts from a network, and networks.",
    """
    select count(*) from attempts a
        left join users u on u.id = case when a.subject like 'user:%'
            then substring(a.subject from 6 for 36)::uuid end
        left join password_policies p on p.tenant_id = u.tenant_id
        cross join lateral (
            select coalesce(p.max_failed_attempts, $2::integer) as tries,
                case when a.subject not like 'from:%' then p.lockout_minutes end as minutes
        ) own
    where a.failures > 0
        and a.changed_at
            > $1::timestamptz - coalesce(make_interval(mins => own.minutes), $5::interval)
        and a.failures >= case when a.subject like 'from:%' then $4::integer
            when a.subject like '%@%' then own.tries else greatest(own.tries, $3::integer) end
    """,
)
SUCCEEDED = Statement(
    "attempts.succeeded",
    "Give an attempt back, and forget the account's failures but not those of the network.",
    f"""
    update attempts a set pending = greatest(a.pending - 1, 0), changed_at = $4,
        failures = case when a.subject = $3 then a.failures else 0 end,
        known_until = case when a.subject = $1 then $5::timestamptz end
    {_HELD}
    """,
)
WITHDRAWN = Statement(
    "attempts.withdrawn",
    "Take back an attempt that was never evaluated.",
    f"update attempts a set pending = greatest(a.pending - 1, 0) {_HELD}",
)
FORGET = Statement(
    "attempts.forget",
    "Forget the failures of a user from everywhere; known networks stay known.",
    """
    update attempts set failures = 0
    where failures > 0
        and subject between 'user:' || $1::uuid::text and 'user:' || $1::uuid::text || '@~'
    """,
)
SWEEP = Statement(
    "attempts.sweep",
    "Remove some counts that have run out.",
    """
    delete from attempts where subject in (
        select subject from attempts
        where changed_at <= $1::timestamptz - make_interval(
                mins => (select coalesce(max(lockout_minutes), 0) from password_policies))
            and (known_until is null or known_until <= $2)
        limit $3 for update skip locked)
    """,
)
BATCH = 5000


class AttemptRepository:
    """Counts attempts."""

    async def reserve(
        self, tx: Transaction, claim: Claim, policy: LockoutPolicy, now: datetime
    ) -> int:
        """Take a place under the claim's subjects, in order; how many had one."""
        taken: int = await tx.fetchval(
            RESERVE,
            claim.pair,
            claim.account,
            claim.source,
            now,
            claim.policy.max_failures,
            claim.policy.max_account_failures,
            policy.max_source_failures,
            now - claim.policy.duration,
            now - policy.abandoned_after,
            policy.free_tries,
            policy.longest_delay.total_seconds(),
            now - policy.duration,
        )
        return taken

    async def standings(self, tx: Transaction, subjects: Sequence[str]) -> dict[str, Standing]:
        """The counts under these subjects, those that there are."""
        rows = await tx.fetch(STANDINGS, list(subjects))
        return {
            row["subject"]: Standing(
                row["failures"], row["pending"], row["changed_at"], row["known_until"]
            )
            for row in rows
        }

    def fail(self, tx: Transaction, claim: Claim, now: datetime) -> None:
        """The attempt was a failure."""
        tx.later(FAILED, *_three(claim.subjects), now)

    def succeed(self, tx: Transaction, claim: Claim, policy: LockoutPolicy, now: datetime) -> None:
        """The attempt was a success; the network, if there is one, is known from now on."""
        known_until = now + policy.known_for if claim.source else None
        tx.later(SUCCEEDED, *_three(claim.subjects), now, known_until)

    async def withdraw(self, tx: Transaction, subjects: Sequence[str]) -> None:
        """The attempt was not evaluated after all."""
        await tx.execute(WITHDRAWN, *_three(subjects))

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Forget the failures of a user."""
        await tx.execute(FORGET, user_id)

    async def throttled_until(
        self, tx: Transaction, user_id: UUID, policy: LockoutPolicy, now: datetime
    ) -> datetime | None:
        """Until when the user is refused from networks that are not known; None: not at all."""
        row = await tx.fetchrow(THROTTLED, user_id)
        if row is None:
            return None
        own = policy.of_tenant(row["max_failed_attempts"], row["lockout_minutes"])
        standing = Standing(row["failures"], row["pending"], row["changed_at"], row["known_until"])
        if standing.failures_at(now, own) < own.max_account_failures:
            return None
        return standing.changed_at + own.duration

    async def count_full(self, tx: Transaction, policy: LockoutPolicy, now: datetime) -> int:
        """How many subjects have no tries left now."""
        counted: int = await tx.fetchval(
            FULL,
            now,
            policy.max_failures,
            policy.max_account_failures,
            policy.max_source_failures,
            policy.duration,
        )
        return counted

    async def sweep(self, tx: Transaction, unchanged_since: datetime, now: datetime) -> bool:
        """Remove some counts that say nothing any more; whether there may be more of them."""
        return await tx.execute(SWEEP, unchanged_since, now, BATCH) == BATCH


def _three(subjects: Sequence[str]) -> list[str | None]:
    """The subjects of a claim, or the first of them, in as many places as there can be."""
    return [*subjects, None, None][:3]
