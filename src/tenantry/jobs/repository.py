"""The SQL of the outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.jobs.model import LEASE, Job, JobState
from tenantry.kernel.transaction import Row, Statement, Transaction

_COLUMNS = """
    id, kind, tenant_id, subject_id, payload::text as payload, progress::text as progress,
    receipt::text as receipt, state, attempts, run_at, error, created_at, ended_at
"""
INSERT = Statement(
    "jobs.insert",
    "Promise an effect in the transaction that needs it.",
    """
    insert into jobs (id, kind, tenant_id, subject_id, payload, state, run_at, created_at)
    values ($1, $2, $3, $4, $5::jsonb, 'pending', $6, $6)
    """,
)
CLAIM = Statement(
    "jobs.claim",
    "Take the next job of these kinds that is due and nobody works on.",
    f"""
    update jobs set lease_until = $2, attempts = attempts + 1
    where id = (
        select id from jobs
        where state = 'pending' and run_at <= $1 and kind = any($3::text[])
            and (lease_until is null or lease_until < $1)
        order by run_at limit 1 for update skip locked
    )
    returning {_COLUMNS}
    """,
)
CLAIM_ONE = Statement(
    "jobs.claim_one",
    "Take this job if nobody works on it.",
    f"""
    update jobs set lease_until = $2, attempts = attempts + 1
    where id = $3 and state = 'pending' and (lease_until is null or lease_until < $1)
    returning {_COLUMNS}
    """,
)
ADVANCE = Statement(
    "jobs.advance",
    "Note that a part is done, and keep the job for a while longer.",
    """
    update jobs set progress = progress || $2::jsonb, lease_until = $3
    where id = $1 and state = 'pending'
    """,
)
COMPLETE = Statement(
    "jobs.complete",
    "The effect has happened; only the first completion counts.",
    """
    update jobs set state = 'done', receipt = $2::jsonb, ended_at = $3, lease_until = null,
        error = null
    where id = $1 and state = 'pending'
    """,
)
RELEASE = Statement(
    "jobs.release",
    "Whoever worked on it was stopped; that was no attempt, and the next one need not wait.",
    """
    update jobs set lease_until = null, attempts = attempts - 1
    where id = $1 and state = 'pending' and lease_until is not null
    """,
)
FORGET = Statement(
    "jobs.forget",
    "Keep nothing of what a job was about.",
    "update jobs set payload = '{}' where id = $1",
)
POSTPONE = Statement(
    "jobs.postpone",
    "The attempt failed: try again later, or call for help.",
    """
    update jobs set error = $2, run_at = $3, lease_until = null,
        state = case when attempts >= $4 then 'stuck' else 'pending' end
    where id = $1 and state = 'pending'
    """,
)
RETRY = Statement(
    "jobs.retry",
    "Make a job due now, with all attempts before it.",
    """
    update jobs set state = 'pending', attempts = 0, run_at = $2, lease_until = null
    where id = $1 and state in ('pending', 'stuck')
    """,
)
FIND = Statement(
    "jobs.find",
    "One job, if it is in sight.",
    f"select {_COLUMNS} from jobs where id = $1 and ($2::uuid is null or tenant_id = $2)",
)
FIND_OPEN = Statement(
    "jobs.find_open",
    "The open job of a kind on a subject.",
    f"""
    select {_COLUMNS} from jobs where kind = $1 and subject_id = $2 and state <> 'done'
    order by created_at limit 1
    """,
)
PAGE = Statement(
    "jobs.page",
    "Jobs, newest first.",
    f"""
    select {_COLUMNS} from jobs
    where ($1::uuid is null or tenant_id = $1) and ($2::text is null or state = $2)
        and ($3::text is null or kind = $3)
        and ($4::timestamptz is null or (created_at, id) < ($4, $5::uuid))
    order by created_at desc, id desc limit $6
    """,
)
SWEEP = Statement(
    "jobs.sweep",
    "Remove some jobs that were done long ago.",
    """
    delete from jobs where id in (
        select id from jobs where state = 'done' and ended_at < $1 order by ended_at limit $2
        for update skip locked)
    """,
)
BATCH = 1000
OUTSTANDING = Statement(
    "jobs.outstanding",
    "How many jobs are open and stuck, and since when the oldest waits.",
    """
    select count(*) filter (where state = 'pending') as pending,
        count(*) filter (where state = 'stuck') as stuck, min(created_at) as oldest
    from jobs where state <> 'done'
    """,
)


class JobRepository:
    """The jobs table."""

    async def insert(self, tx: Transaction, job: Job) -> None:
        """Add a job."""
        payload = _json(job.payload)
        await tx.execute(
            INSERT, job.id, job.kind, job.tenant_id, job.subject_id, payload, job.run_at
        )

    async def claim(
        self, tx: Transaction, now: datetime, kinds: Sequence[str], job_id: UUID | None = None
    ) -> Job | None:
        """Take this job, or the next of these kinds that is due; for a while nobody else can."""
        if job_id is None:
            row = await tx.fetchrow(CLAIM, now, now + LEASE, kinds)
        else:
            row = await tx.fetchrow(CLAIM_ONE, now, now + LEASE, job_id)
        return _job(row) if row else None

    async def advance(
        self, tx: Transaction, job_id: UUID, done: Mapping[str, object], now: datetime
    ) -> None:
        """Note what is done, and renew the lease."""
        await tx.execute(ADVANCE, job_id, _json(done), now + LEASE)

    async def release(self, tx: Transaction, job_id: UUID) -> None:
        """Give a job back that was neither done nor failed."""
        await tx.execute(RELEASE, job_id)

    async def complete(
        self, tx: Transaction, job_id: UUID, receipt: Mapping[str, object], now: datetime
    ) -> bool:
        """End it; False when it had ended already."""
        return await tx.execute(COMPLETE, job_id, _json(receipt), now) > 0

    async def forget(self, tx: Transaction, job_id: UUID) -> None:
        """Empty its payload."""
        await tx.execute(FORGET, job_id)

    async def postpone(
        self, tx: Transaction, job_id: UUID, error: str, run_at: datetime, most_attempts: int
    ) -> None:
        """Try again then, unless it has failed so often."""
        await tx.execute(POSTPONE, job_id, error, run_at, most_attempts)

    async def retry(self, tx: Transaction, job_id: UUID, now: datetime) -> bool:
        """Make it due; False when it is done or never was."""
        return await tx.execute(RETRY, job_id, now) > 0

    async def find(self, tx: Transaction, job_id: UUID, tenant_id: UUID | None) -> Job | None:
        """The job, if it is this tenant's (None: any)."""
        row = await tx.fetchrow(FIND, job_id, tenant_id)
        return _job(row) if row else None

    async def find_open(self, tx: Transaction, kind: str, subject_id: UUID) -> Job | None:
        """The job of this kind on this subject that has not ended."""
        row = await tx.fetchrow(FIND_OPEN, kind, subject_id)
        return _job(row) if row else None

    async def page(
        self,
        tx: Transaction,
        *,
        tenant_id: UUID | None,
        state: JobState | None,
        kind: str | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Job]:
        """Jobs, newest first."""
        at, job_id = before or (None, None)
        state_name = state.value if state else None
        rows = await tx.fetch(PAGE, tenant_id, state_name, kind, at, job_id, limit)
        return [_job(row) for row in rows]

    async def sweep(self, tx: Transaction, ended_before: datetime) -> bool:
        """Remove some jobs that were done before this moment; whether there may be more."""
        return await tx.execute(SWEEP, ended_before, BATCH) == BATCH

    async def outstanding(self, tx: Transaction) -> Row:
        """The numbers ``pending`` and ``stuck``, and when the ``oldest`` began."""
        row = await tx.fetchrow(OUTSTANDING)
        return row or {"pending": 0, "stuck": 0, "oldest": None}


def _json(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value).decode()


def _job(row: Row) -> Job:
    values: dict[str, Any] = dict(row)  # Any: columns have types of their own
    for name in ("payload", "progress", "receipt"):
        values[name] = msgspec.json.decode(values[name]) if values[name] is not None else None
    values["state"] = JobState(values["state"])
    return Job(**values)
