"""The order of things when a second factor is enrolled, proven, asked for and removed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from tenantry.errors import NotAuthenticated, PermissionError, StateConflict
from tenantry.kernel.action import Note, Outcome, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.service import LockoutService
from tenantry.lockout.throttle import Admission, Claim
from tenantry.passwords.policy import MAX_BYTES
from tenantry.passwords.ports import PasswordHasher
from tenantry.record import require_types, require_well_formed
from tenantry.second_factor import codes
from tenantry.second_factor.actions import (
    EnrolSecondFactorAction,
    GetSecondFactorAction,
    ProveSecondFactorAction,
    RegenerateRecoveryCodesAction,
    RemoveOwnSecondFactorAction,
    RemoveSecondFactorAction,
)
from tenantry.second_factor.model import (
    EnrolledFactor,
    ProvenFactor,
    RecoveryCodes,
    RemovedFactor,
    SecondFactorStatus,
)
from tenantry.second_factor.ports import Users
from tenantry.second_factor.repository import SecondFactorRepository
from tenantry.second_factor.verifier import CodeVerifier
from tenantry.sessions.service import SessionService
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey
from tenantry.users.principal import Principal

T = TypeVar("T")
ISSUER = "Tenantry"
NOT_PROVEN = "The code is wrong, or no secret waits for its first code; enrol again for a new one."


class SecondFactorService:
    """Handles the actions on second factors.

    Every password and code that is given here counts as an attempt at logging in, before it is
    looked at: there is one counter a user, whichever way somebody guesses.
    """

    def __init__(
        self,
        *,
        database: Database,
        second_factor_repository: SecondFactorRepository,
        verifier: CodeVerifier,
        users: Users,
        lockout_service: LockoutService,
        session_service: SessionService,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> None:
        self._database = database
        self._factors = second_factor_repository
        self._verifier = verifier
        self._users = users
        self._lockout = lockout_service
        self._sessions = session_service
        self._hasher = hasher
        self._clock = clock

    @staticmethod
    def is_required(user: UserData) -> bool:
        """Whether a login of this user needs a code beside the password."""
        return user.totp_activated

    @staticmethod
    def require_code(code: str, field: str) -> None:
        """InvalidInput unless the text has the form of a code, which says nothing of whose."""
        codes.require_code(code, field)

    async def verify(self, tx: Transaction, user_id: UUID, code: str) -> bool:
        """Whether a code fits, to be used up with the transaction; the attempt is counted."""
        return await self._verifier.verify(tx, user_id, code)

    async def enrol(self, action: EnrolSecondFactorAction) -> EnrolledFactor:
        """A new secret; an earlier one that was never proven is void."""
        require_types(action)
        principal = await self._self()
        user = principal.user

        async def store(tx: Transaction) -> bytes:
            secret = await self._verifier.enrol(tx, user.id, self._clock.now())
            if secret is None:
                raise StateConflict("There is a second factor already; remove it first.")
            tx.note(_note(user, {}))
            return secret

        secret = await self._attempt(principal, action.password, store)
        return EnrolledFactor(codes.secret_text(secret), codes.uri(secret, user.username, ISSUER))

    async def prove(self, action: ProveSecondFactorAction) -> ProvenFactor:
        """Make the waiting secret active. All sessions end, and the one that asks begins anew."""
        require_types(action)
        codes.require_one_time(action.code, "code")
        principal = await self._self()
        user = principal.user
        fresh = codes.new_recovery_codes()

        async def activate(tx: Transaction) -> tuple[str | None, datetime | None] | None:
            await self._users.lock(tx, UserKey("id", str(user.id)), Scope())
            if not await self._verifier.prove(tx, user.id, action.code):
                return None
            await self._replace_codes(tx, user.id, fresh)
            now = self._clock.now()
            await self._factors.mark_user(tx, user.id, now, now)
            tx.note(_note(user, {"totp_activated": (False, True)}))
            return await self._renewed(tx, principal)

        token, expires_at = await self._attempt(principal, None, activate, otherwise=NOT_PROVEN)
        return ProvenFactor(recovery_codes=fresh, session_token=token, expires_at=expires_at)

    async def regenerate_codes(self, action: RegenerateRecoveryCodesAction) -> RecoveryCodes:
        """Fresh recovery codes; a code that was used to ask for them is among the void ones."""
        require_types(action)
        codes.require_code(action.code, "code")
        principal = await self._self()
        user = principal.user
        fresh = codes.new_recovery_codes()

        async def replace(tx: Transaction) -> list[str] | None:
            if not await self._verifier.verify(tx, user.id, action.code):
                return None
            await self._replace_codes(tx, user.id, fresh)
            tx.note(_note(user, {"recovery_codes": ("***", "***")}))
            return fresh

        return RecoveryCodes(await self._attempt(principal, action.password, replace))

    async def remove_own(self, action: RemoveOwnSecondFactorAction) -> RemovedFactor:
        """Remove the actor's factor. All sessions end, and the one that asks begins anew."""
        require_types(action)
        codes.require_code(action.code, "code")
        principal = await self._self()
        user = principal.user

        async def remove(tx: Transaction) -> tuple[str | None, datetime | None] | None:
            await self._users.lock(tx, UserKey("id", str(user.id)), Scope())
            if not await self._verifier.verify(tx, user.id, action.code):
                return None
            await self._remove(tx, user)
            return await self._renewed(tx, principal)

        token, expires_at = await self._attempt(principal, action.password, remove)
        return RemovedFactor(session_token=token, expires_at=expires_at)

    async def remove(self, action: RemoveSecondFactorAction) -> SecondFactorStatus:
        """Remove the factor of somebody else, and end all sessions; can be repeated."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, UserKey.of(user=action.user), Scope.of(actor))
            if actor.id == user.id:
                raise PermissionError("Remove your own second factor with password and code.")
            access.require_may_change(actor, user, {"totp_activated": False})
            if user.totp_activated:
                await self._remove(tx, user)
            else:
                await self._factors.remove(tx, user.id)
                tx.note(_note(user, {}))
            return await self._status(tx, await self._fresh(tx, user.id))

    async def get(self, action: GetSecondFactorAction) -> SecondFactorStatus:
        """The state of a user's factor, of which nothing secret is told."""
        require_well_formed(action)
        actor = current_actor()
        named = action.user if action.user is not None else str(actor.id)
        if action.user is None and actor.id is None:
            raise NotAuthenticated("Only a user has this; log in first.")
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, UserKey.of(user=named), Scope.of(actor))
            return await self._status(tx, user)

    async def _attempt(
        self,
        principal: Principal,
        password: str | None,
        work: Callable[[Transaction], Awaitable[T | None]],
        *,
        otherwise: str = "The code is wrong.",
    ) -> T:
        """Count an attempt, check the password if one is needed, and do the work.

        The work answers None where a code does not fit; it must not have changed anything then.
        """
        user, address = principal.user, current_origin().address
        claim = self._lockout.claim(
            user.id,
            user.username,
            address,
            max_failures=principal.max_failed_attempts,
            minutes=principal.lockout_minutes,
        )
        if await self._lockout.admit(claim) is Admission.REFUSED:
            await self._refuse(principal, None, "throttled")
            raise PermissionError("Too many failures; try again later.", reason="throttled")
        try:
            if password is not None and not await self._fits(principal, password):
                await self._refuse(principal, claim, "wrong_password")
                wrong, message = "password", "The password is wrong."
            else:
                async with self._database.transaction() as tx:
                    result = await work(tx)
                    await self._lockout.settle(tx, claim, succeeded=result is not None)
                    if result is not None:
                        return result
                    tx.note(_note(principal.user, {}, "wrong_code"))
                wrong, message = "code", otherwise
        except BaseException:
            await self._lockout.withdraw(claim)
            raise
        raise PermissionError(message, field=wrong)

    async def _fits(self, principal: Principal, password: str) -> bool:
        if len(password) > MAX_BYTES:
            return False
        return await self._hasher.verify(principal.password_hash, password)

    async def _refuse(self, principal: Principal, claim: Claim | None, reason: str) -> None:
        async with self._database.transaction() as tx:
            if claim is not None:
                await self._lockout.settle(tx, claim, succeeded=False)
            tx.note(_note(principal.user, {}, reason))

    async def _remove(self, tx: Transaction, user: UserData) -> None:
        await self._factors.remove(tx, user.id)
        await self._factors.mark_user(tx, user.id, None, self._clock.now())
        tx.note(_note(user, {"totp_activated": (True, False)}))

    async def _replace_codes(self, tx: Transaction, user_id: UUID, fresh: list[str]) -> None:
        digests = [codes.recovery_digest(user_id, code) for code in fresh]
        await self._factors.replace_codes(tx, user_id, digests)

    async def _renewed(
        self, tx: Transaction, principal: Principal
    ) -> tuple[str | None, datetime | None]:
        """A session in place of the one that asked, which has ended with all others."""
        changed = await self._users.find_principal(tx, principal.user.id)
        if changed is None or changed.epoch != principal.epoch + 1:
            # Password, status or role changed after the actor was identified.
            raise NotAuthenticated
        if current_actor().session_id is None:
            return None, None
        token, expires_at = self._sessions.issue(
            tx,
            tenant_id=changed.user.tenant_id,
            user_id=changed.user.id,
            epoch=changed.epoch,
            origin=current_origin(),
        )
        return token.text(), expires_at

    async def _self(self) -> Principal:
        """The actor's own state."""
        actor = current_actor()
        async with self._database.autocommit() as tx:
            principal = await self._users.find_principal(tx, actor.id) if actor.id else None
        if principal is None:
            raise NotAuthenticated("Only a user has this; log in first.")
        return principal

    async def _fresh(self, tx: Transaction, user_id: UUID) -> UserData:
        return await self._users.get(tx, UserKey("id", str(user_id)), Scope())

    async def _status(self, tx: Transaction, user: UserData) -> SecondFactorStatus:
        return SecondFactorStatus(
            username=user.username,
            active=user.totp_activated,
            activated_at=user.totp_activated_at,
            recovery_codes_left=await self._factors.codes_left(tx, user.id),
        )


def _note(
    user: UserData, changes: dict[str, tuple[object, object]], failure: str | None = None
) -> Note:
    outcome = Outcome.SUCCEEDED if failure is None else Outcome.FAILED
    return Note(user.username, user.id, user.tenant_id, changes, outcome, failure)
