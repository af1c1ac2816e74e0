"""Logging in and out, and telling who a bearer token belongs to."""

from dataclasses import dataclass, replace

from tenantry.auth.actions import (
    SECOND_FACTOR_REQUIRED,
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    Done,
    EndOwnSessionAction,
    WhoAmI,
    WhoAmIAction,
)
from tenantry.auth.ports import Principals, SecondFactor
from tenantry.errors import (
    InvalidCredentials,
    NotAuthenticated,
    Overloaded,
    PasswordRejected,
    PermissionError,
    StateConflict,
)
from tenantry.kernel.action import Actor, Note, Origin, Outcome, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.model import Admission, subject_of
from tenantry.lockout.service import LockoutService
from tenantry.passwords.policy import MAX_BYTES, PasswordPolicy, require_acceptable
from tenantry.passwords.ports import PasswordHasher
from tenantry.record import require_types
from tenantry.sessions.service import SessionService
from tenantry.users.names import login_key
from tenantry.users.principal import SECOND_FACTOR_ONLY, Principal

_REFUSED = InvalidCredentials()


@dataclass(frozen=True)
class _Proof:
    """What verifying a password came to; ``reason`` is None where it fits."""

    subject: str
    admission: Admission
    reason: str | None


class AuthService:
    """Proves who somebody is.

    Unknown, wrong, locked and disabled get the same words after the same work: an attempt is
    counted, one password hash is computed, one audit entry is written.
    """

    def __init__(
        self,
        *,
        database: Database,
        principals: Principals,
        lockout_service: LockoutService,
        session_service: SessionService,
        second_factor: SecondFactor,
        hasher: PasswordHasher,
        password_policy: PasswordPolicy,
        clock: Clock,
    ) -> None:
        self._database = database
        self._principals = principals
        self._lockout = lockout_service
        self._sessions = session_service
        self._second_factor = second_factor
        self._hasher = hasher
        self._password_policy = password_policy
        self._clock = clock

    async def authenticate(self, action: AuthenticateAction) -> AuthenticationResult:
        """Log in. A refusal says nothing about its reason; the audit entry does."""
        require_types(action)
        if action.totp_code is not None:
            self._second_factor.require_code(action.totp_code, "totp_code")
        async with self._database.autocommit() as tx:
            principal = await self._principals.find_principal_by_login(tx, action.username)
        proof = await self._prove(principal, action.username, action.password)
        if principal is None or proof.reason is not None:
            await self._refuse(principal, proof, action.target())
            return _refused(action)
        if not self._second_factor.is_required(principal.user):
            better_hash = await self._better_hash(principal, action.password)
            async with self._database.transaction() as tx:
                return await self._logged_in(tx, principal, proof.subject, better_hash)
        if action.totp_code is None:
            return await self._half_done(principal, proof)
        done = await self._with_code(principal, proof, action.totp_code)
        return done if done is not None else _refused(action)

    async def complete_login(self, action: CompleteLoginAction) -> AuthenticationResult:
        """Give the second factor; the session that asks ends, and a full one begins."""
        require_types(action)
        self._second_factor.require_code(action.totp_code, "totp_code")
        actor = current_actor()
        if actor.session_id is None or actor.only != SECOND_FACTOR_ONLY:
            raise StateConflict("No login waits for a second factor here; log in first.")
        async with self._database.autocommit() as tx:
            principal = await self._principal_of(tx, actor)
        subject = subject_of(principal.user.id, principal.user.username)
        admission = await self._lockout.admit(subject)
        reason = _refusal(principal, admission, current_origin().address)
        proof = _Proof(subject, admission, reason)
        if reason is not None:
            await self._refuse(principal, proof, actor.name)
            raise InvalidCredentials
        done = await self._with_code(principal, proof, action.totp_code)
        if done is None:
            raise InvalidCredentials
        return done

    async def _half_done(self, principal: Principal, proof: _Proof) -> AuthenticationResult:
        """The password alone neither clears the failures before it nor is one."""
        user = principal.user
        async with self._database.transaction() as tx:
            token, expires_at = self._sessions.issue_awaiting(
                tx,
                tenant_id=user.tenant_id,
                user_id=user.id,
                epoch=principal.epoch,
                origin=current_origin(),
            )
            tx.note(Note(user.username, user.id, user.tenant_id, reason=SECOND_FACTOR_REQUIRED))
        await self._lockout.withdraw(proof.subject)
        return AuthenticationResult(
            success=False,
            session_token=token.text(),
            expires_at=expires_at,
            error_code=SECOND_FACTOR_REQUIRED,
            error_message="Give the code of your second factor.",
        )

    async def _with_code(
        self, principal: Principal, proof: _Proof, code: str
    ) -> AuthenticationResult | None:
        """The login, where the code fits; a wrong one is a failure like a wrong password."""
        user, actor = principal.user, current_actor()
        try:
            async with self._database.transaction() as tx:
                if await self._second_factor.verify(tx, user.id, code):
                    if actor.only == SECOND_FACTOR_ONLY:
                        await self._take_awaiting(tx, actor, principal)
                    return await self._logged_in(tx, principal, proof.subject, None)
                await self._lockout.settle(tx, proof.subject, succeeded=False)
                tx.note(_failure(principal, None, "wrong_code"))
                return None
        except BaseException:
            await self._lockout.withdraw(proof.subject)
            raise

    async def _take_awaiting(self, tx: Transaction, actor: Actor, principal: Principal) -> None:
        """End the half-done session; NotAuthenticated when it was used or overtaken meanwhile."""
        if actor.session_id is None or actor.tenant_id is None:
            raise NotAuthenticated
        epoch = await self._sessions.take_awaiting(tx, actor.tenant_id, actor.session_id)
        if epoch != principal.epoch:
            raise NotAuthenticated

    async def _logged_in(
        self, tx: Transaction, principal: Principal, subject: str, better_hash: str | None
    ) -> AuthenticationResult:
        await self._lockout.settle(tx, subject, succeeded=True)
        self._principals.note_login(tx, principal, self._clock.now(), better_hash)
        return self._open_session(tx, principal)

    async def change_own_password(self, action: ChangeOwnPasswordAction) -> AuthenticationResult:
        """Replace the actor's password; all sessions end and a new one begins."""
        require_types(action)
        async with self._database.autocommit() as tx:
            principal = await self._principal_of(tx, current_actor())
        name = principal.user.username
        proof = await self._prove(principal, name, action.current_password)
        if proof.reason is not None:
            await self._refuse(principal, proof, name)
            raise PermissionError("The current password is wrong.", field="current_password")
        try:
            new_hash = await self._new_hash(principal, action)
            async with self._database.transaction() as tx:
                await self._lockout.settle(tx, proof.subject, succeeded=True)
                return await self._replace_password(tx, principal, new_hash)
        except BaseException:
            await self._lockout.withdraw(proof.subject)
            raise

    async def _replace_password(
        self, tx: Transaction, principal: Principal, new_hash: str
    ) -> AuthenticationResult:
        now = self._clock.now()
        columns = {
            "password_hash": new_hash,
            "password_changed_at": now,
            "modified_at": now,
            "need_password_change": False,
        }
        await self._principals.update(tx, principal.user.id, columns, end_sessions=True)
        changed = await self._principal_of(tx, current_actor())
        if changed.epoch != principal.epoch + 1:
            # Password, status or role changed after the proof, which thus proves nothing now.
            raise NotAuthenticated
        return self._open_session(tx, changed, {"password": ("***", "***")})

    async def identify(self, token: str, origin: Origin) -> Actor:
        """The actor that a bearer token proves, asking from this origin; NotAuthenticated."""
        async with self._database.autocommit() as tx:
            session = await self._sessions.find_live(tx, token)
            if session is None:
                raise NotAuthenticated
            principal = await self._principals.find_principal(tx, session.user_id)
        if principal is None or principal.epoch != session.epoch:
            raise NotAuthenticated
        if principal.refusal(origin.address) is not None:
            raise NotAuthenticated
        actor = replace(principal.as_actor(), session_id=session.id)
        return replace(actor, only=SECOND_FACTOR_ONLY) if session.awaits_second_factor else actor

    async def end_own_session(self, action: EndOwnSessionAction) -> Done:
        """End the session that asks; without one there is nothing to end."""
        actor = current_actor()
        async with self._database.transaction() as tx:
            if actor.session_id is not None and actor.tenant_id is not None:
                await self._sessions.end(tx, actor.tenant_id, actor.session_id)
            tx.note(Note(target=actor.name, target_id=actor.id))
        return Done()

    async def who_am_i(self, action: WhoAmIAction) -> WhoAmI:
        """The user whom the actor is."""
        actor = current_actor()
        async with self._database.autocommit() as tx:
            principal = await self._principal_of(tx, actor)
        return WhoAmI(principal.user, sorted(actor.only) if actor.only is not None else None)

    async def _prove(self, principal: Principal | None, name: str, password: str) -> _Proof:
        """Count the attempt, then verify; against a decoy where it could not help anyway."""
        subject = subject_of(principal.user.id if principal else None, login_key(name))
        admission = await self._lockout.admit(subject)
        reason = _refusal(principal, admission, current_origin().address)
        stored = principal.password_hash if principal and reason is None else None
        too_long = len(password) > MAX_BYTES
        try:
            fits = await self._hasher.verify(
                None if too_long else stored, "" if too_long else password
            )
        except BaseException:
            if admission is Admission.GRANTED:
                await self._lockout.withdraw(subject)
            raise
        return _Proof(subject, admission, reason or (None if fits else "wrong_password"))

    async def _refuse(self, principal: Principal | None, proof: _Proof, target: str | None) -> None:
        async with self._database.transaction() as tx:
            if proof.admission is Admission.GRANTED:
                await self._lockout.settle(tx, proof.subject, succeeded=False)
            tx.note(_failure(principal, target, proof.reason))

    def _open_session(
        self,
        tx: Transaction,
        principal: Principal,
        changes: dict[str, tuple[object, object]] | None = None,
    ) -> AuthenticationResult:
        user = principal.user
        token, expires_at = self._sessions.issue(
            tx,
            tenant_id=user.tenant_id,
            user_id=user.id,
            epoch=principal.epoch,
            origin=current_origin(),
        )
        tx.note(Note(user.username, user.id, user.tenant_id, changes or {}))
        return AuthenticationResult(
            success=True, user=user, session_token=token.text(), expires_at=expires_at
        )

    async def _better_hash(self, principal: Principal, password: str) -> str | None:
        if principal.password_hash is None or not self._hasher.outdated(principal.password_hash):
            return None
        try:
            return await self._hasher.hash(password)
        except Overloaded:
            return None  # the old hash still serves; the next login tries again

    async def _new_hash(self, principal: Principal, action: ChangeOwnPasswordAction) -> str:
        user = principal.user
        if action.new_password == action.current_password:
            message = "must differ from the current password"
            raise PasswordRejected.of("new_password", "unchanged", message)
        context = user.username, user.email, user.domain_name
        require_acceptable(action.new_password, self._password_policy, context, "new_password")
        return await self._hasher.hash(action.new_password)

    async def _principal_of(self, tx: Transaction, actor: Actor) -> Principal:
        principal = await self._principals.find_principal(tx, actor.id) if actor.id else None
        if principal is None:
            raise NotAuthenticated("Only a user has this; log in first.")
        return principal


def _refusal(principal: Principal | None, admission: Admission, address: str | None) -> str | None:
    """Why an attempt fails whatever the password is; throttles come first."""
    if admission is Admission.REFUSED:
        return "throttled"
    if principal is None:
        return "unknown_user"
    if principal.password_hash is None:
        return "no_password"
    return principal.refusal(address)


def _refused(action: AuthenticateAction) -> AuthenticationResult:
    """The answer to every login that fails, or the error of the same words."""
    if action.raise_on_failure:
        raise InvalidCredentials
    return AuthenticationResult(
        success=False, error_code=_REFUSED.code, error_message=_REFUSED.message
    )


def _failure(principal: Principal | None, target: str | None, reason: str | None) -> Note:
    user = principal.user if principal else None
    return Note(
        target=user.username if user else target,
        target_id=user.id if user else None,
        tenant_id=user.tenant_id if user else None,
        outcome=Outcome.FAILED,
        reason=reason,
    )
