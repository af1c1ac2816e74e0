"""The order of things when a password is reset."""

import hashlib

from tenantry.errors import InvalidInput, InvalidToken, StateConflict
from tenantry.kernel.action import Note, Outcome, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.service import LockoutService
from tenantry.lockout.windows import WindowCounter
from tenantry.passwords.rules import PasswordRules
from tenantry.passwords.tokens import PasswordTokens, Purpose
from tenantry.record import require_types
from tenantry.resets.actions import (
    InviteUserAction,
    IssuedReset,
    PasswordWasReset,
    RequestPasswordResetAction,
    ResetPasswordAction,
    ResetRequested,
    ResetUserPasswordAction,
    SetUserPasswordAction,
)
from tenantry.resets.delivery import Delivery
from tenantry.resets.letters import link_of
from tenantry.resets.model import MailOrder, ResetPolicy, source_of
from tenantry.resets.ports import Users
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey, UserStatus
from tenantry.users.names import login_key
from tenantry.users.principal import Principal
from tenantry.users.rules import owner_of
from tenantry.users.service import UserService


class ResetService:
    """Handles the actions on resets.

    Whoever asks for one learns nothing: the answer and the work are the same for an account that
    is there, is not, is locked, or was asked for too often.
    """

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        user_service: UserService,
        tokens: PasswordTokens,
        rules: PasswordRules,
        delivery: Delivery,
        counter: WindowCounter,
        lockout_service: LockoutService,
        clock: Clock,
        policy: ResetPolicy,
        base_url: str,
    ) -> None:
        self._database = database
        self._users = users
        self._user_service = user_service
        self._tokens = tokens
        self._rules = rules
        self._delivery = delivery
        self._counter = counter
        self._lockout = lockout_service
        self._clock = clock
        self._policy = policy
        self._base_url = base_url

    async def request(self, action: RequestPasswordResetAction) -> ResetRequested:
        """Promise a mail, to whom it may concern."""
        require_types(action)
        async with self._database.transaction() as tx:
            principal = await self._users.find_principal_by_login(tx, action.username)
            reason = await self._objection(tx, principal, action.username)
            user_id = principal.user.id if principal and reason is None else None
            tenant_id = principal.user.tenant_id if principal else None
            if reason != "throttled_source":
                order = MailOrder(user_id, Purpose.RESET)
                await self._delivery.promise(tx, order, tenant_id)
            tx.note(_request_note(principal, action.target(), reason))
        return ResetRequested()

    async def _objection(
        self, tx: Transaction, principal: Principal | None, name: str
    ) -> str | None:
        """Why no mail is sent. Both counters go up whatever comes of it."""
        now, window = self._clock.now(), self._policy.window
        source = source_of(current_origin().address)
        from_source = await self._counter.count(tx, source, now, window)
        account = account_subject(principal, name)
        for_account = await self._counter.count(tx, account, now, window)
        if from_source > self._policy.per_source:
            return "throttled_source"
        if for_account > self._policy.per_account:
            return "throttled"
        return None if principal else "unknown_user"

    async def reset(self, action: ResetPasswordAction) -> PasswordWasReset:
        """Set the password that comes with a good token.

        InvalidToken for any other; PasswordRejected leaves the token good for another try.
        """
        require_types(action)
        async with self._database.autocommit() as tx:
            principal = await self._holder(tx, action.token)
        owner = owner_of(principal.user)
        new_hash = await self._rules.hashed(action.new_password, owner, "new_password")
        async with self._database.transaction() as tx:
            key = UserKey("id", str(principal.user.id))
            user = await self._users.lock(tx, key, Scope())
            await self._holder(tx, action.token)
            if not await self._tokens.spend(tx, action.token):
                raise InvalidToken
            await self._replace(tx, user, new_hash, must_change=False)
        return PasswordWasReset(user.username)

    async def set_password(self, action: SetUserPasswordAction) -> PasswordWasReset:
        """Replace somebody else's password; PasswordRejected, and StateConflict in a purge."""
        require_types(action)
        key, actor = action.key(), current_actor()
        scope = Scope.of(actor)
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, key, scope)
        access.require_may_change(actor, user, {"password": None})
        # Not under the lock of the row: a hash takes as long as a login.
        new_hash = await self._rules.hashed(action.new_password, owner_of(user), "new_password")
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, UserKey("id", str(user.id)), scope)
            access.require_may_change(actor, user, {"password": None})
            if user.status is UserStatus.PURGING:
                raise StateConflict("This user is being removed.", field="user")
            await self._replace(tx, user, new_hash, must_change=action.need_password_change)
        return PasswordWasReset(user.username)

    async def _replace(
        self, tx: Transaction, user: UserData, new_hash: str, *, must_change: bool
    ) -> None:
        changes: dict[str, tuple[object, object]] = {"password": ("***", "***")}
        tx.note(Note(user.username, user.id, user.tenant_id, changes))
        now = self._clock.now()
        columns = {
            "password_hash": new_hash,
            "password_changed_at": now,
            "modified_at": now,
            "need_password_change": must_change,
        }
        await self._users.update(tx, user.id, columns, end_sessions=True)
        await self._lockout.forget(tx, user.id)

    async def _holder(self, tx: Transaction, token: str) -> Principal:
        """Whose token this is, and whom nothing else keeps out; InvalidToken."""
        holder = await self._tokens.find(tx, token)
        principal = await self._users.find_principal(tx, holder.user_id) if holder else None
        if principal is None or principal.refusal(current_origin().address) is not None:
            raise InvalidToken
        return principal

    async def reset_user(self, action: ResetUserPasswordAction) -> IssuedReset:
        """Issue a token to somebody else, or have it mailed; StateConflict has no address."""
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, action.key(), Scope.of(actor))
            access.require_may_change(actor, user, {"password": None})
            purpose = Purpose.RESET if user.password_changed_at else Purpose.INVITATION
            tx.note(Note(user.username, user.id, user.tenant_id))
            return await self._handed_out(tx, user, purpose, mail=action.mail)

    async def invite(self, action: InviteUserAction) -> IssuedReset:
        """Add a user without a password, and issue or mail the token for choosing one."""
        async with self._database.transaction() as tx:
            user = await self._user_service.add(tx, action.input)
            return await self._handed_out(tx, user, Purpose.INVITATION, mail=action.mail)

    async def _handed_out(
        self, tx: Transaction, user: UserData, purpose: Purpose, *, mail: bool
    ) -> IssuedReset:
        if mail:
            if user.email is None:
                message = "the user has no email address; have the token shown instead"
                raise InvalidInput.of("mail", "no_address", message)
            await self._delivery.promise(tx, MailOrder(user.id, purpose), user.tenant_id)
            return IssuedReset(user=user, mailed=True)
        lifetime = self._policy.lifetime(purpose)
        issued = await self._tokens.issue(tx, user.id, purpose, lifetime)
        return IssuedReset(
            user=user,
            mailed=False,
            token=issued.text,
            link=link_of(self._base_url, issued.text),
            expires_at=issued.expires_at,
        )


def account_subject(principal: Principal | None, name: str) -> str:
    """Whom requests are counted for: the user under any name, or a name that nobody has."""
    if principal is not None:
        return f"reset:user:{principal.user.id}"
    digest = hashlib.sha256(login_key(name).encode(errors="replace")).hexdigest()
    return f"reset:name:{digest}"


def _request_note(principal: Principal | None, target: str | None, reason: str | None) -> Note:
    user = principal.user if principal else None
    return Note(
        target=user.username if user else target,
        target_id=user.id if user else None,
        tenant_id=user.tenant_id if user else None,
        outcome=Outcome.SUCCEEDED if reason is None else Outcome.FAILED,
        reason=reason,
    )
