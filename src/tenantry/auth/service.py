"""Logging in and out, and telling who a bearer token belongs to."""

from dataclasses import replace

from tenantry.auth.actions import (
    SECOND_FACTOR_REQUIRED,
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    Done,
    EndOwnSessionAction,
    SteppedUp,
    StepUpAction,
    WhoAmI,
    WhoAmIAction,
)
from tenantry.auth.ports import Principals, SecondFactor
from tenantry.auth.proving import Changes, Proof, Prover, failure
from tenantry.auth.stated import Whence, whence
from tenantry.changes.overtaking import Reader
from tenantry.errors import (
    ConnectionError,
    InvalidCredentials,
    InvalidInput,
    NotAuthenticated,
    NoVerdict,
    Overloaded,
    PasswordRejected,
    PermissionError,
    StateConflict,
    TransactionConflict,
)
from tenantry.kernel.action import Actor, Note, Origin, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.service import LockoutService
from tenantry.lockout.throttle import Claim
from tenantry.passwords.ports import PasswordHasher
from tenantry.passwords.rules import PasswordRules
from tenantry.record import require_types
from tenantry.sessions.memory import SessionMemory
from tenantry.sessions.model import SessionActor
from tenantry.sessions.service import SessionService
from tenantry.users.addresses import require_address
from tenantry.users.names import login_key
from tenantry.users.principal import REFRESH_ONLY, SECOND_FACTOR_ONLY, Principal
from tenantry.users.rules import owner_of

_REFUSED = InvalidCredentials()


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
        password_rules: PasswordRules,
        memory: SessionMemory,
        clock: Clock,
    ) -> None:
        self._database = database
        self._memory = memory
        self._principals = principals
        self._lockout = lockout_service
        self._sessions = session_service
        self._second_factor = second_factor
        self._hasher = hasher
        self._password_rules = password_rules
        self._clock = clock
        self._prover = Prover(database=database, lockout_service=lockout_service, hasher=hasher)

    async def authenticate(self, action: AuthenticateAction) -> AuthenticationResult:
        """Log in. A refusal says nothing about its reason; the audit entry does.

        NoVerdict where the database is out of reach; Overloaded where too many wait, at once
        and before anything is asked of the database.
        """
        try:
            with self._hasher.place(beside=self._lockout.delayed):
                return await self._authenticate(action)
        except TransactionConflict:
            raise
        except ConnectionError as error:
            raise NoVerdict from error

    async def _authenticate(self, action: AuthenticateAction) -> AuthenticationResult:
        require_types(action)
        require_address(action.ip_address, "ip_address")
        if action.totp_code is not None:
            self._second_factor.require_code(action.totp_code, "totp_code")
        async with self._database.autocommit() as tx:
            principal = await self._principals.find_principal_by_login(tx, action.username)
        asked = whence(action, principal)
        user_id = principal.user.id if principal else None
        claim = self._lockout.claim(
            user_id,
            login_key(action.username),
            asked.counted,
            max_failures=principal.max_failed_attempts if principal else None,
            minutes=principal.lockout_minutes if principal else None,
        )
        proof = await self._prover.password(principal, claim, action.password, asked.origin.address)
        if principal is None or proof.reason is not None:
            await self._prover.refuse(principal, proof, action.target(), asked.changes)
            return _refused(action)
        if not self._second_factor.is_required(principal.user):
            better_hash = await self._better_hash(principal, action.password)
            async with self._prover.pending(proof) as tx:
                return await self._logged_in(tx, principal, claim, asked, better_hash)
        if action.totp_code is None:
            return await self._half_done(principal, proof, asked)
        done = await self._with_code(principal, proof, action.totp_code, asked)
        return done if done is not None else _refused(action)

    async def complete_login(self, action: CompleteLoginAction) -> AuthenticationResult:
        """Give the second factor; the session that asks ends, and a full one begins."""
        require_types(action)
        self._second_factor.require_code(action.totp_code, "totp_code")
        actor = current_actor()
        if actor.session_id is None or actor.only != SECOND_FACTOR_ONLY:
            raise StateConflict("No login waits for a second factor here; log in first.")
        principal, proof = await self._own_attempt(actor)
        if proof.reason is not None:
            await self._prover.refuse(principal, proof, actor.name)
            raise InvalidCredentials
        asked = Whence(current_origin(), None, {})
        done = await self._with_code(principal, proof, action.totp_code, asked)
        if done is None:
            raise InvalidCredentials
        return done

    async def step_up(self, action: StepUpAction) -> SteppedUp:
        """Prove again who one is, by password or code, for what is sensitive."""
        require_types(action)
        actor = current_actor()
        if actor.session_id is None or actor.tenant_id is None:
            raise StateConflict("Only a session can be stepped up.")
        if (action.password is None) == (action.totp_code is None):
            raise InvalidInput.of(
                "password", "ambiguous_proof", "give either password or totp_code"
            )
        if action.totp_code is not None:
            self._second_factor.require_code(action.totp_code, "totp_code")
        principal, proof = await self._own_attempt(actor, action.password)
        if proof.reason is not None:
            await self._prover.refuse(principal, proof, actor.name)
            raise PermissionError("The password is wrong, or not accepted now.", field="password")
        async with self._prover.pending(proof) as tx:
            code = action.totp_code
            if code is None or await self._second_factor.verify(tx, principal.user.id, code):
                await self._lockout.settle(tx, proof.claim, succeeded=True)
                until = self._sessions.prove(tx, actor.tenant_id, actor.session_id)
                tx.note(_note(principal))
                return SteppedUp(until)
            await self._lockout.settle(tx, proof.claim, succeeded=False)
            tx.note(failure(principal, None, "wrong_code"))
        raise PermissionError("The code is wrong.", field="totp_code")

    async def _own_attempt(
        self, actor: Actor, password: str | None = None
    ) -> tuple[Principal, Proof]:
        """An attempt of the actor's own, counted, with the password verified where one is given."""
        async with self._database.autocommit() as tx:
            principal = await self._principal_of(tx, actor)
        user, address = principal.user, current_origin().address
        claim = self._lockout.claim(
            user.id,
            user.username,
            address,
            max_failures=principal.max_failed_attempts,
            minutes=principal.lockout_minutes,
        )
        if password is None:
            return principal, await self._prover.admitted(principal, claim, address)
        return principal, await self._prover.password(principal, claim, password, address)

    async def _half_done(
        self, principal: Principal, proof: Proof, asked: Whence
    ) -> AuthenticationResult:
        """The password alone neither clears the failures before it nor is one."""
        user = principal.user
        async with self._database.transaction() as tx:
            token, expires_at = self._sessions.issue_awaiting(
                tx,
                tenant_id=user.tenant_id,
                user_id=user.id,
                epoch=principal.epoch,
                origin=asked.origin,
            )
            tx.note(_note(principal, asked.changes, SECOND_FACTOR_REQUIRED))
        await self._lockout.withdraw(proof.claim)
        return AuthenticationResult(
            success=False,
            session_token=token.text(),
            expires_at=expires_at,
            error_code=SECOND_FACTOR_REQUIRED,
            error_message="Give the code of your second factor.",
        )

    async def _with_code(
        self, principal: Principal, proof: Proof, code: str, asked: Whence
    ) -> AuthenticationResult | None:
        """The login, where the code fits; a wrong one is a failure like a wrong password."""
        actor = current_actor()
        async with self._prover.pending(proof) as tx:
            if await self._second_factor.verify(tx, principal.user.id, code):
                if actor.only == SECOND_FACTOR_ONLY:
                    await self._take_awaiting(tx, actor, principal)
                return await self._logged_in(tx, principal, proof.claim, asked, None)
            await self._lockout.settle(tx, proof.claim, succeeded=False)
            tx.note(failure(principal, None, "wrong_code", asked.changes))
            return None

    async def _take_awaiting(self, tx: Transaction, actor: Actor, principal: Principal) -> None:
        """End the half-done session; NotAuthenticated when it was used or overtaken meanwhile."""
        if actor.session_id is None or actor.tenant_id is None:
            raise NotAuthenticated
        epoch = await self._sessions.take_awaiting(tx, actor.tenant_id, actor.session_id)
        if epoch != principal.epoch:
            raise NotAuthenticated

    async def _logged_in(
        self,
        tx: Transaction,
        principal: Principal,
        claim: Claim,
        asked: Whence,
        better_hash: str | None,
    ) -> AuthenticationResult:
        await self._lockout.settle(tx, claim, succeeded=True)
        self._principals.note_login(tx, principal, self._clock.now(), better_hash)
        return self._open_session(tx, principal, asked.origin, asked.changes)

    async def change_own_password(self, action: ChangeOwnPasswordAction) -> AuthenticationResult:
        """Replace the actor's password; all sessions end and a new one begins."""
        require_types(action)
        actor = current_actor()
        principal, proof = await self._own_attempt(actor, action.current_password)
        if proof.reason is not None:
            await self._prover.refuse(principal, proof, actor.name)
            raise PermissionError("The current password is wrong.", field="current_password")
        try:
            new_hash = await self._new_hash(principal, action)
        except BaseException:
            await self._lockout.withdraw(proof.claim)
            raise
        async with self._prover.pending(proof) as tx:
            await self._lockout.settle(tx, proof.claim, succeeded=True)
            return await self._replace_password(tx, principal, new_hash)

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
        return self._open_session(tx, changed, current_origin(), {"password": ("***", "***")})

    async def identify(self, token: str, origin: Origin) -> Actor:
        """The actor that a bearer token proves, asking from this origin; NotAuthenticated."""
        with self._memory.looking() as reader:
            return await self._identify(token, origin, reader)

    async def _identify(self, token: str, origin: Origin, reader: Reader) -> Actor:
        async with self._database.autocommit() as tx:
            presented = await self._sessions.present(tx, token)
            if presented is None:
                raise NotAuthenticated
            session = presented.session
            if not presented.spent:
                await self._sessions.touch(tx, session)
            principal = await self._principals.find_principal(tx, session.user_id)
        if principal is None or principal.epoch != session.epoch:
            raise NotAuthenticated
        if principal.refusal(origin.address) is not None:
            raise NotAuthenticated
        fresh = self._sessions.is_fresh(session)
        actor = SessionActor.of(principal.as_actor(), session, fresh=fresh)
        if session.awaits_second_factor:
            return replace(actor, only=SECOND_FACTOR_ONLY)
        if presented.spent:
            return replace(actor, only=REFRESH_ONLY)
        self._memory.keep(reader, token, session, principal)
        return actor

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
        only = sorted(actor.only) if actor.only is not None else None
        return WhoAmI(principal.user, only, sorted(principal.permissions))

    def _open_session(
        self, tx: Transaction, principal: Principal, origin: Origin, changes: Changes
    ) -> AuthenticationResult:
        user = principal.user
        token, expires_at = self._sessions.issue(
            tx,
            tenant_id=user.tenant_id,
            user_id=user.id,
            epoch=principal.epoch,
            origin=origin,
        )
        tx.note(_note(principal, changes))
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
        return await self._password_rules.hashed(
            action.new_password, owner_of(user), "new_password"
        )

    async def _principal_of(self, tx: Transaction, actor: Actor) -> Principal:
        principal = await self._principals.find_principal(tx, actor.id) if actor.id else None
        if principal is None:
            raise NotAuthenticated("Only a user has this; log in first.")
        return principal


def _refused(action: AuthenticateAction) -> AuthenticationResult:
    """The answer to every login that fails, or the error of the same words."""
    if action.raise_on_failure:
        raise InvalidCredentials
    return AuthenticationResult(
        success=False, error_code=_REFUSED.code, error_message=_REFUSED.message
    )


def _note(principal: Principal, changes: Changes | None = None, reason: str | None = None) -> Note:
    user = principal.user
    return Note(user.username, user.id, user.tenant_id, changes or {}, reason=reason)
