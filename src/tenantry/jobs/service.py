"""Promising effects, and answering questions about them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import Context
from datetime import datetime, timedelta
from uuid import UUID

from tenantry.errors import JobNotFound, StateConflict, TenantryError
from tenantry.jobs.actions import GetJobAction, JobResult, ListJobsAction, RetryJobAction
from tenantry.jobs.model import MAX_ATTEMPTS, Job, JobState
from tenantry.jobs.repository import JobRepository
from tenantry.jobs.worker import Handler, Worker
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0


class JobService:
    """The outbox, as other slices and people see it."""

    def __init__(
        self,
        *,
        database: Database,
        job_repository: JobRepository,
        clock: Clock,
        cursor_key: bytes,
        visible_tenant: Callable[[Actor], UUID | None],
        kept: timedelta,
    ) -> None:
        self._database = database
        self._kept = kept
        self._visible_tenant = visible_tenant
        self._jobs = job_repository
        self._clock = clock
        self._cursor_key = cursor_key
        self._running: set[asyncio.Task[bool]] = set()

    async def promise(
        self,
        tx: Transaction,
        kind: str,
        *,
        tenant_id: UUID,
        subject_id: UUID,
        payload: dict[str, object],
    ) -> UUID:
        """Have this done once the transaction has committed; the job's id."""
        now = self._clock.now()
        job = Job(
            id=uuid7(now),
            kind=kind,
            tenant_id=tenant_id,
            subject_id=subject_id,
            payload=payload,
            progress={},
            receipt=None,
            state=JobState.PENDING,
            attempts=0,
            run_at=now,
            error=None,
            created_at=now,
            ended_at=None,
        )
        await self._jobs.insert(tx, job)
        return job.id

    def worker(self, handlers: Mapping[str, Handler], *, attempts: int = MAX_ATTEMPTS) -> Worker:
        """What does the jobs of these kinds; one that failed so often is stuck."""
        return Worker(
            database=self._database,
            job_repository=self._jobs,
            clock=self._clock,
            handlers=handlers,
            attempts=attempts,
        )

    async def attempt(self, worker: Worker, job_id: UUID, seconds: float | None) -> None:
        """Have a job done now, unless another worker is at it, and wait for it so long at most.

        It is done in a task of its own, which goes on when nobody waits any more. The task's
        context is empty: it is no part of the run that asked for it.
        """
        coroutine = worker.run_next(job_id)
        work = asyncio.get_running_loop().create_task(coroutine, context=Context())
        self._running.add(work)
        work.add_done_callback(self._ended)
        done, _ = await asyncio.wait([work], timeout=seconds)
        if done:
            await work

    async def close(self) -> None:
        """Stop what is attempted; another process goes on with it."""
        for work in list(self._running):
            work.cancel()
            await asyncio.wait([work])

    def _ended(self, work: "asyncio.Task[bool]") -> None:
        self._running.discard(work)
        if not work.cancelled() and work.exception() is not None:
            logger.warning("a job could not be attempted: %s", work.exception())

    async def sweep(self) -> None:
        """Remove what was done long ago. Open jobs stay, however old they are."""
        more = True
        while more:
            async with self._database.autocommit() as tx:
                more = await self._jobs.sweep(tx, self._clock.now() - self._kept)

    async def run_forever(self) -> None:
        """Sweep every hour; any number of servers may do it at once."""
        while True:
            try:
                await self.sweep()
            except TenantryError as error:
                logger.warning("old jobs could not be removed: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def figures(self) -> dict[str, float]:
        """How many jobs are open and stuck, and for how long the oldest is, for gauges."""
        async with self._database.autocommit() as tx:
            found = await self._jobs.outstanding(tx)
        oldest = found["oldest"]
        age = (self._clock.now() - oldest).total_seconds() if oldest else 0.0
        return {
            "pending_jobs": found["pending"],
            "stuck_jobs": found["stuck"],
            "oldest_job_seconds": max(age, 0.0),
        }

    async def find_open(self, tx: Transaction, kind: str, subject_id: UUID) -> Job | None:
        """The job of this kind on this subject that has not ended."""
        return await self._jobs.find_open(tx, kind, subject_id)

    async def find(self, tx: Transaction, job_id: UUID) -> Job | None:
        """The job, whoever asks: for code of the house."""
        return await self._jobs.find(tx, job_id, None)

    async def list_jobs(self, action: ListJobsAction) -> Page[Job]:
        """A page of the jobs that the actor can see."""
        tenant_id = self._visible_tenant(current_actor())
        question = [str(tenant_id), action.state, action.kind]
        before = None
        if action.cursor is not None:
            at, job_id = unseal(self._cursor_key, question, action.cursor)
            before = datetime.fromisoformat(at), UUID(job_id)
        async with self._database.autocommit() as tx:
            found = await self._jobs.page(
                tx,
                tenant_id=tenant_id,
                state=action.state,
                kind=action.kind,
                before=before,
                limit=action.limit + 1,
            )
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        position = [items[-1].created_at.isoformat(), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def get_job(self, action: GetJobAction) -> JobResult:
        """The job; JobNotFound also for another tenant's."""
        async with self._database.autocommit() as tx:
            return JobResult(await self._get(tx, action.job_id))

    async def retry_job(self, action: RetryJobAction) -> JobResult:
        """Make it due now; StateConflict when it is done."""
        async with self._database.transaction() as tx:
            job = await self._get(tx, action.job_id)
            if not await self._jobs.retry(tx, job.id, self._clock.now()):
                raise StateConflict("This job is done already.", field="job_id")
            tx.note(Note(str(job.id), job.id, job.tenant_id, {"state": (job.state, "pending")}))
            return JobResult(await self._get(tx, action.job_id))

    async def _get(self, tx: Transaction, job_id: UUID) -> Job:
        job = await self._jobs.find(tx, job_id, self._visible_tenant(current_actor()))
        if job is None:
            raise JobNotFound(field="job_id")
        return job
