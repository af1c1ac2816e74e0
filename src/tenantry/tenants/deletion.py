"""Deleting a tenant: one commit shuts it for good and promises the rest, which can be repeated.

All compute sessions end first, so that no member's purge waits for another member's workload.
Then the users are purged one by one, each by its own job. The last transaction removes what is
left together with the tenant. A crash at any point is resumed by the next worker.
"""

from uuid import UUID

import msgspec

from tenantry.errors import TenantDeletionFailure
from tenantry.jobs.failpoints import failpoint
from tenantry.jobs.model import JobState
from tenantry.jobs.service import JobService
from tenantry.jobs.worker import Progress, Receipt
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.tenants import rules
from tenantry.tenants.actions import (
    DeleteTenantAction,
    DeletionResult,
    PreviewTenantDeletionAction,
)
from tenantry.tenants.model import DeletionReceipt, TenantData, TenantStatus
from tenantry.tenants.ports import Purges, Workloads
from tenantry.tenants.repository import TenantRepository
from tenantry.users.access import Scope

DELETE = "tenant.delete"
BATCH = 100
KEPT = ["audit entries, users under pseudonyms", "closed bins of usage"]


class TenantDeletion:
    """Handles deletions and their previews."""

    def __init__(
        self,
        *,
        database: Database,
        tenant_repository: TenantRepository,
        purges: Purges,
        workloads: Workloads,
        job_service: JobService,
        clock: Clock,
    ) -> None:
        self._database = database
        self._tenants = tenant_repository
        self._purges = purges
        self._workloads = workloads
        self._jobs = job_service
        self._clock = clock
        self.worker = job_service.worker({DELETE: self.perform})

    async def preview(self, action: PreviewTenantDeletionAction) -> DeletionResult:
        """What a deletion would remove now; changes nothing."""
        require_well_formed(action)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.get(tx, action.tenant, Scope.of(current_actor()))
            await self._require_deletable(tx, tenant)
            counts = await self._counts(tx, tenant.id)
        return DeletionResult(_receipt(tenant.id, tenant.name, counts, None))

    async def delete_tenant(self, action: DeleteTenantAction) -> DeletionResult:
        """Begin the deletion and work on it until it is done.

        TenantDeletionFailure where a part failed: then the tenant stays shut and the job, which
        the error names, is tried again. Deleting it again goes on with that job.
        """
        require_well_formed(action)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(current_actor()))
            await self._require_deletable(tx, tenant)
            job_id = await self._begin(tx, tenant)
            changes = {"status": (tenant.status.value, TenantStatus.DELETING.value)}
            tx.note(Note(tenant.name, tenant.id, tenant.id, changes))
        failpoint("tenant.marked")
        await self.worker.run_next(job_id)
        async with self._database.autocommit() as tx:
            job = await self._jobs.find(tx, job_id)
        if job is not None and job.state is JobState.DONE:
            return DeletionResult(msgspec.convert(job.receipt, DeletionReceipt))
        said = job.error if job is not None and job.error else "another worker is at it"
        raise TenantDeletionFailure(
            f"The deletion has begun but is not done: {said}. Job {job_id} tries it again.",
            job_id=str(job_id),
        )

    async def perform(self, progress: Progress) -> Receipt:
        """Do, or go on with, a deletion."""
        payload = progress.job.payload
        tenant_id = UUID(payload["tenant_id"])
        async with self._database.autocommit() as tx:
            running = await self._tenants.users_running(tx, tenant_id)
        for user_id in running:
            await self._workloads.terminate_all(user_id)
            await progress.note("compute_sessions", "under way")
        failpoint("tenant.compute_ended")
        for user_id in await self._users(tenant_id):
            await self._purges.finish(user_id)
            await progress.note("users", "under way")
            failpoint("tenant.user_purged")
        failpoint("tenant.users_purged")
        async with self._database.transaction() as tx:
            removed = await self._tenants.remove(tx, tenant_id)
            counts = {"users": int(payload["users"]), **removed}
            done = _receipt(tenant_id, payload["tenant"], counts, progress.job.id)
            receipt: Receipt = msgspec.to_builtins(done)
            await progress.complete(tx, receipt)
        failpoint("tenant.removed")
        return receipt

    async def _begin(self, tx: Transaction, tenant: TenantData) -> UUID:
        """Shut the tenant and promise the rest; the job of one that has begun already goes on."""
        open_job = await self._jobs.find_open(tx, DELETE, tenant.id)
        if open_job is not None:
            return open_job.id
        deleting = TenantStatus.DELETING
        await self._tenants.set_status(tx, tenant.id, deleting, "deleting", self._clock.now())
        payload = {
            "tenant_id": str(tenant.id),
            "tenant": tenant.name,
            "users": await self._tenants.count_users(tx, tenant.id),
        }
        return await self._jobs.promise(
            tx, DELETE, tenant_id=tenant.id, subject_id=tenant.id, payload=payload
        )

    async def _require_deletable(self, tx: Transaction, tenant: TenantData) -> None:
        has_superadmin = await self._tenants.has_superadmin(tx, tenant.id)
        rules.require_stoppable(current_actor(), tenant, has_superadmin=has_superadmin)

    async def _counts(self, tx: Transaction, tenant_id: UUID) -> dict[str, int]:
        users = await self._tenants.count_users(tx, tenant_id)
        return {"users": users, **await self._tenants.count_belongings(tx, tenant_id)}

    async def _users(self, tenant_id: UUID) -> list[UUID]:
        """All users of the tenant that are left."""
        found: list[UUID] = []
        async with self._database.autocommit() as tx:
            while True:
                after = found[-1] if found else None
                batch = await self._tenants.users_left(tx, tenant_id, after, BATCH)
                found += batch
                if len(batch) < BATCH:
                    return found


def _receipt(
    tenant_id: UUID, tenant: str, removed: dict[str, int], job_id: UUID | None
) -> DeletionReceipt:
    return DeletionReceipt(
        tenant_id=tenant_id,
        tenant=tenant,
        removed=removed,
        kept=KEPT,
        done=job_id is not None,
        job_id=job_id,
    )
