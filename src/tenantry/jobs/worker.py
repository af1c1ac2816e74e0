"""The worker: takes jobs that are due, has them handled, and tries again what failed."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from uuid import UUID

from tenantry.errors import TenantryError
from tenantry.jobs.model import MAX_ATTEMPTS, Job, pause_after
from tenantry.jobs.repository import JobRepository
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction

logger = logging.getLogger(__name__)

Receipt = dict[str, object]
POLL_SECONDS = 1.0


class Progress:
    """What a handler notes of a job: parts that are done are not done again after a crash."""

    def __init__(
        self, job: Job, database: Database, repository: JobRepository, clock: Clock
    ) -> None:
        self.job = job
        self.done: dict[str, object] = dict(job.progress)
        self._database = database
        self._jobs = repository
        self._clock = clock

    async def note(self, part: str, outcome: object) -> None:
        """Remember what came of a part, and keep the job."""
        self.done[part] = outcome
        async with self._database.autocommit() as tx:
            await self._jobs.advance(tx, self.job.id, {part: outcome}, self._clock.now())

    async def complete(self, tx: Transaction, receipt: Receipt) -> bool:
        """End the job in the transaction of its last change; False when it had ended already."""
        return await self._jobs.complete(tx, self.job.id, receipt, self._clock.now())

    async def forget(self) -> None:
        """Keep nothing of what the job was about, once it is done and must not be known."""
        async with self._database.autocommit() as tx:
            await self._jobs.forget(tx, self.job.id)


Handler = Callable[[Progress], Coroutine[Any, Any, Receipt]]  # Any: what no coroutine here uses
"""Does a job; must bear being repeated from any point. What it raises is tried again later."""


class Worker:
    """Works on jobs of the kinds that it has handlers for; any number may run side by side."""

    def __init__(
        self,
        *,
        database: Database,
        job_repository: JobRepository,
        clock: Clock,
        handlers: Mapping[str, Handler],
        attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._database = database
        self._jobs = job_repository
        self._clock = clock
        self._handlers = handlers
        self._attempts = attempts

    async def run_forever(self) -> None:
        """Look for due jobs every second, and again at once while there are some."""
        while True:
            try:
                worked = await self.run_next()
            except TenantryError as error:
                logger.warning("jobs cannot be looked up: %s", error)
                worked = False
            if not worked:
                await asyncio.sleep(POLL_SECONDS)

    async def run_next(self, job_id: UUID | None = None) -> bool:
        """Work on this job, or the next due one; False when there is none to work on."""
        async with self._database.autocommit() as tx:
            job = await self._jobs.claim(tx, self._clock.now(), list(self._handlers), job_id)
        if job is None:
            return False
        await self._attempt(job)
        return True

    async def _attempt(self, job: Job) -> None:
        progress = Progress(job, self._database, self._jobs, self._clock)
        try:
            # The house's own work, whoever has it done: in a new context the actor is the system,
            # which may look everywhere. And it is no part of the run that promised it: that
            # has its entries, and others would bear a name that a purge has just taken away.
            work = self._handlers[job.kind](progress)
            receipt = await asyncio.create_task(work, context=contextvars.Context())
        except asyncio.CancelledError:
            async with self._database.autocommit() as tx:
                await self._jobs.release(tx, job.id)
            raise
        except Exception as error:  # whatever it is, the job must not be lost
            logger.exception("job %s (%s) failed", job.id, job.kind)
            said = str(error) if isinstance(error, TenantryError) else type(error).__name__
            run_at = self._clock.now() + pause_after(job.attempts)
            async with self._database.autocommit() as tx:
                await self._jobs.postpone(tx, job.id, said, run_at, self._attempts)
            return
        async with self._database.autocommit() as tx:
            await self._jobs.complete(tx, job.id, receipt, self._clock.now())
