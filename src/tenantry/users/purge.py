"""The purge: one commit marks the user and writes the steps, which can then all be repeated.

A crash at any point is resumed by the next worker; a step that fails leaves a job to retry,
and never a user of whom some rows are gone.
"""

from uuid import UUID

import msgspec

from tenantry.errors import (
    InvalidInput,
    UserModificationBadRequest,
    UserNotFound,
    UserPurgeFailure,
    Violation,
)
from tenantry.jobs.failpoints import failpoint
from tenantry.jobs.model import Job, JobState
from tenantry.jobs.worker import Progress, Receipt
from tenantry.kernel.action import (
    Actor,
    ActorKind,
    Note,
    Origin,
    current_actor,
    current_origin,
)
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.transaction import Transaction
from tenantry.record import require_types
from tenantry.users import access, administrators
from tenantry.users.access import Scope
from tenantry.users.actions import PreviewPurgeAction, PurgeResult, PurgeUserAction
from tenantry.users.admin_repository import AdminUserRepository
from tenantry.users.leftovers import Leftovers
from tenantry.users.model import UserData, UserKey
from tenantry.users.names import login_key
from tenantry.users.purging import Outcome, PurgeOrder, PurgeReceipt, UserInfoContext
from tenantry.users.repository import UserRepository

KEPT = ["audit entries, under a pseudonym"]
ANSWER_SECONDS = 5.0
"""Who asks from outside is answered by then, whatever is left to do."""


class UserPurger:
    """Handles purges and their previews."""

    def __init__(
        self,
        *,
        user_repository: UserRepository,
        admin_user_repository: AdminUserRepository,
        leftovers: Leftovers,
    ) -> None:
        self._users = user_repository
        self._admin = admin_user_repository
        self._database = user_repository.database
        self._leftovers = leftovers
        self.worker = admin_user_repository.worker(self.perform)

    async def preview(self, action: PreviewPurgeAction) -> PurgeResult:
        """What a purge would do now; changes nothing."""
        async with self._database.transaction() as tx:
            user = await self._users.get(tx, action.key(), Scope.of(current_actor()))
            order = await self._order(tx, user, action)
            plan = await self._admin.plan(tx, order)
        return PurgeResult(_receipt(user.id, user.username, plan))

    async def purge_user(self, action: PurgeUserAction) -> PurgeResult:
        """Begin the purge and work on it until it is done.

        The receipt is not ``done`` where another worker is at it, and where a face asks and it
        takes longer than ``ANSWER_SECONDS``: the job that it names goes on. UserPurgeFailure
        where the purge must not begin, and where a step failed: then the user stays marked and
        the job, which the error names, is tried again.
        """
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, action.key(), Scope.of(current_actor()))
            order = await self._order(tx, user, action)
            plan = await self._admin.plan(tx, order)
            payload = {"order": msgspec.to_builtins(order), "plan": plan}
            job_id = await self._admin.begin(tx, order, payload)
            changes = {"status": (user.status.value, "purging")}
            tx.note(Note(user.username, user.id, user.tenant_id, changes))
        failpoint("purge.marked")
        at_home = current_origin().face == Origin().face
        seconds = None if at_home else ANSWER_SECONDS
        await self._admin.work_on(job_id, self.perform, seconds)
        async with self._database.autocommit() as tx:
            job = await self._admin.job(tx, job_id)
        if job is not None and job.state is JobState.DONE:
            receipt = msgspec.convert(job.receipt, PurgeReceipt)
            return PurgeResult(msgspec.structs.replace(receipt, username=user.username))
        if job is not None and job.error is not None:
            raise UserPurgeFailure(
                f"The purge has begun but is not done: {job.error}. Job {job_id} tries it again.",
                job_id=str(job_id),
            )
        under_way = _receipt(user.id, user.username, plan)
        return PurgeResult(msgspec.structs.replace(under_way, job_id=job_id))

    async def finish(self, user_id: UUID) -> None:
        """Purge a user whose tenant goes, with all that is shared, whoever that leaves behind.

        UserPurgeFailure where it is not done yet; done already is fine.
        """
        async with self._database.transaction() as tx:
            try:
                user = await self._users.lock(tx, UserKey("id", str(user_id)), Scope())
            except UserNotFound:
                return
            order = PurgeOrder(
                user_id=user_id,
                tenant_id=user.tenant_id,
                receiver_id=None,
                purge_shared_vfolders=True,
                delegate_endpoint_ownership=False,
            )
            payload = {"order": msgspec.to_builtins(order), "plan": {}}
            job_id = await self._admin.begin(tx, order, payload)
            changes = {"status": (user.status.value, "purging")}
            tx.note(Note(user.username, user.id, user.tenant_id, changes))
        await self._admin.work_on(job_id, self.perform, None)
        async with self._database.autocommit() as tx:
            job = await self._admin.job(tx, job_id)
        if job is None or job.state is not JobState.DONE:
            raise _unfinished(job_id, job)

    async def perform(self, progress: Progress) -> Receipt:
        """Do, or go on with, a purge."""
        order = msgspec.convert(progress.job.payload["order"], PurgeOrder)
        for step in self._admin.steps:
            if step.name not in progress.done:
                outcome = await step.perform(order)
                failpoint(f"purge.performed.{step.name}")
                await progress.note(step.name, outcome)
                failpoint(f"purge.noted.{step.name}")
        steps = {step.name: progress.done[step.name] for step in self._admin.steps}
        async with self._database.autocommit() as tx:
            outside = await self._admin.outside(tx, order.user_id)
        verified = await self._leftovers.clear(outside)
        failpoint("purge.verified")
        # What stays in the outbox names nobody either.
        done = msgspec.structs.replace(
            _receipt(order.user_id, f"purged-{order.user_id}", steps),
            verified=verified,
            done=True,
            job_id=progress.job.id,
        )
        receipt: Receipt = msgspec.to_builtins(done)
        async with self._database.transaction() as tx:
            if await progress.complete(tx, receipt):
                await self._admin.remove(tx, order.user_id)
        failpoint("purge.removed")
        return receipt

    async def _order(
        self, tx: Transaction, user: UserData, action: PreviewPurgeAction
    ) -> PurgeOrder:
        actor = current_actor()
        access.require_may_purge(actor, user)
        await administrators.require_another(self._users, tx, user)
        context = action.user_info_ctx
        named = None if context is None else await self._named(tx, context, Scope.of(actor))
        if named is not None and named.id != user.id and not named.is_active:
            message = "is not active and can take nothing over"
            raise UserModificationBadRequest.of("user_info_ctx.uuid", "not_active", message)
        return PurgeOrder(
            user_id=user.id,
            tenant_id=user.tenant_id,
            receiver_id=_receiver(actor, user, named),
            purge_shared_vfolders=_said(action.purge_shared_vfolders, "purge_shared_vfolders"),
            delegate_endpoint_ownership=_said(
                action.delegate_endpoint_ownership, "delegate_endpoint_ownership"
            ),
        )

    async def _named(self, tx: Transaction, context: UserInfoContext, scope: Scope) -> UserData:
        """Whom the context names: id, email and key are one user's; who is confused must not purge.

        Somebody out of the actor's sight is nobody.
        """
        _require_sound(context)
        named = await self._users.find(tx, UserKey("id", str(context.uuid)), scope)
        if named is None:
            field = "uuid"
        elif named.email is None or login_key(context.email) != login_key(named.email):
            field = "email"
        elif context.main_access_key != named.main_access_key:
            field = "main_access_key"
        else:
            return named
        message = "does not agree with the rest of the context"
        raise UserModificationBadRequest.of(f"user_info_ctx.{field}", "disagrees", message)


def _unfinished(job_id: UUID, job: Job | None) -> UserPurgeFailure:
    said = job.error if job is not None and job.error else "another worker is at it"
    message = f"The purge has begun but is not done: {said}. Job {job_id} tries it again."
    return UserPurgeFailure(message, job_id=str(job_id))


def _require_sound(context: UserInfoContext) -> None:
    """UserModificationBadRequest unless each field of the context is of its type."""
    try:
        require_types(context)
    except InvalidInput as error:
        wrong = [Violation(f"user_info_ctx.{v.field}", v.code, v.message) for v in error.violations]
        raise UserModificationBadRequest(wrong) from error


def _receiver(actor: Actor, user: UserData, named: UserData | None) -> UUID | None:
    """Who takes over what is shared: whom the context names, unless that is the purged user."""
    if named is not None and named.id != user.id:
        return named.id
    return actor.id if actor.kind is ActorKind.USER else None


def _said(option: object, field: str) -> bool:
    """Whether an option was switched on; not said is off."""
    value = option.optional_value() if isinstance(option, OptionalState) else option
    if not isinstance(option, OptionalState) or not isinstance(value, bool | None):
        message = "must be an OptionalState of true or false"
        raise UserModificationBadRequest.of(field, "wrong_type", message)
    return bool(value)


def _receipt(user_id: UUID, username: str, steps: Outcome) -> PurgeReceipt:
    return PurgeReceipt(user_id=user_id, username=username, steps=steps, kept=KEPT, done=False)
