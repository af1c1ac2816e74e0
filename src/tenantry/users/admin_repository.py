"""The privileged half of the repository: what only a purge may do."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.jobs.model import Job
from tenantry.jobs.service import JobService
from tenantry.jobs.worker import Handler, Worker
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.users.ports import Companions
from tenantry.users.purging import Outcome, Outside, PurgeOrder, PurgeStep

PURGE = "user.purge"

MARK = Statement(
    "users.mark_purging",
    "Let nobody in as this user any more, and end all sessions.",
    """
    update users set status = 'purging', deleted_at = null, status_info = 'purging',
        modified_at = $2, epoch = epoch + 1, version = version + 1
    where id = $1
    """,
)
REMOVE_SESSIONS = Statement(
    "users.remove_sessions",
    "Remove the login sessions of a user.",
    "delete from sessions where user_id = $1",
)
REMOVE_ATTEMPTS = Statement(
    "users.remove_attempts",
    "Forget the attempts on a user's login, and at resetting the password.",
    """
    delete from attempts
    where subject between 'user:' || $1::uuid::text and 'user:' || $1::uuid::text || '@~'
        or subject = 'reset:user:' || $1::uuid::text
    """,
)
REMOVE = Statement("users.remove", "Remove a user.", "delete from users where id = $1")


class AdminUserRepository:
    """Removes users, with everything that other slices keep of them."""

    def __init__(
        self,
        *,
        steps: Sequence[PurgeStep],
        companions: Sequence[Companions],
        job_service: JobService,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._steps = steps
        self._companions = companions
        self._jobs = job_service

    @property
    def steps(self) -> Sequence[PurgeStep]:
        """The parts of a purge, in order."""
        return self._steps

    async def plan(self, tx: Transaction, order: PurgeOrder) -> Outcome:
        """What each step would do; UserPurgeFailure where one refuses."""
        return {step.name: await step.plan(tx, order) for step in self._steps}

    async def outside(self, tx: Transaction, user_id: UUID) -> Outside:
        """What the user had outside the database, as far as records tell."""
        folders: dict[str, list[UUID]] = {}
        sessions: dict[str, list[UUID]] = {}
        for step in self._steps:
            found = await step.outside(tx, user_id)
            folders |= found.folders
            sessions |= found.sessions
        return Outside(folders, sessions)

    async def begin(self, tx: Transaction, order: PurgeOrder, payload: dict[str, Any]) -> UUID:
        """Mark the user and promise the purge; the job of one that has begun already goes on."""
        open_job = await self._jobs.find_open(tx, PURGE, order.user_id)
        if open_job is not None:
            return open_job.id
        await tx.execute(MARK, order.user_id, self._clock.now())
        await ChangeLog.note(tx, Change(ChangeKind.USER, order.user_id))
        return await self._jobs.promise(
            tx, PURGE, tenant_id=order.tenant_id, subject_id=order.user_id, payload=payload
        )

    async def remove(self, tx: Transaction, user_id: UUID) -> None:
        """Remove the rows of all steps, then the user's own; the audit keeps a pseudonym."""
        for step in self._steps:
            await step.forget(tx, user_id)
        for companion in self._companions:
            await companion.forget(tx, user_id)
        await tx.execute(REMOVE_SESSIONS, user_id)
        await tx.execute(REMOVE_ATTEMPTS, user_id)
        await tx.execute(REMOVE, user_id)
        await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))

    async def job(self, tx: Transaction, job_id: UUID) -> Job | None:
        """The job of a purge."""
        return await self._jobs.find(tx, job_id)

    async def work_on(self, job_id: UUID, handler: Handler, seconds: float | None) -> None:
        """Do this purge now, and wait for it so long at most; see ``JobService.attempt``."""
        await self._jobs.attempt(self.worker(handler), job_id, seconds)

    def worker(self, handler: Handler) -> Worker:
        """What does purges."""
        return self._jobs.worker({PURGE: handler})
