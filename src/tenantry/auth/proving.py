"""Verifying what somebody gives as proof, the same way wherever a proof is asked for.

The attempt is counted first. Then exactly one password hash is computed, against a decoy where the
true one could not help, so that every refusal costs what a success costs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tenantry.kernel.action import Note, Outcome
from tenantry.kernel.transaction import Database, Transaction
from tenantry.lockout.service import LockoutService
from tenantry.lockout.throttle import Admission, Claim
from tenantry.passwords.policy import MAX_BYTES
from tenantry.passwords.ports import PasswordHasher
from tenantry.users.principal import Principal

Changes = dict[str, tuple[object, object]]


@dataclass(frozen=True)
class Proof:
    """What verifying came to; ``reason`` is None where it fits."""

    claim: Claim
    admission: Admission
    reason: str | None


class Prover:
    """Counts attempts and verifies passwords."""

    def __init__(
        self, *, database: Database, lockout_service: LockoutService, hasher: PasswordHasher
    ) -> None:
        self._database = database
        self._lockout = lockout_service
        self._hasher = hasher

    async def admitted(
        self, principal: Principal | None, claim: Claim, address: str | None
    ) -> Proof:
        """Count an attempt; the proof says whether it may be evaluated at all."""
        admission = await self._lockout.admit(claim)
        return Proof(claim, admission, _refusal(principal, admission, address))

    async def password(
        self, principal: Principal | None, claim: Claim, password: str, address: str | None
    ) -> Proof:
        """Count an attempt, then verify a password."""
        proof = await self.admitted(principal, claim, address)
        stored = principal.password_hash if principal and proof.reason is None else None
        too_long = len(password) > MAX_BYTES
        try:
            fits = await self._hasher.verify(
                None if too_long else stored, "" if too_long else password
            )
        except BaseException:
            if proof.admission is Admission.GRANTED:
                await self._lockout.withdraw(claim)
            raise
        reason = proof.reason or (None if fits else "wrong_password")
        return Proof(claim, proof.admission, reason)

    @asynccontextmanager
    async def pending(self, proof: Proof) -> AsyncIterator[Transaction]:
        """A transaction that settles the attempt; where it fails, the attempt is given back."""
        try:
            async with self._database.transaction() as tx:
                yield tx
        except BaseException:
            await self._lockout.withdraw(proof.claim)
            raise

    async def refuse(
        self,
        principal: Principal | None,
        proof: Proof,
        target: str | None,
        changes: Changes | None = None,
    ) -> None:
        """Turn the attempt into a failure, and write the true reason into the audit."""
        async with self._database.transaction() as tx:
            if proof.admission is Admission.GRANTED:
                await self._lockout.settle(tx, proof.claim, succeeded=False)
            tx.note(failure(principal, target, proof.reason, changes))


def failure(
    principal: Principal | None,
    target: str | None,
    reason: str | None,
    changes: Changes | None = None,
) -> Note:
    """What the audit is told of a proof that failed."""
    user = principal.user if principal else None
    return Note(
        target=user.username if user else target,
        target_id=user.id if user else None,
        tenant_id=user.tenant_id if user else None,
        changes=changes or {},
        outcome=Outcome.FAILED,
        reason=reason,
    )


def _refusal(principal: Principal | None, admission: Admission, address: str | None) -> str | None:
    """Why an attempt fails whatever the password is; throttles come first."""
    if admission is Admission.REFUSED:
        return "throttled"
    if principal is None:
        return "unknown_user"
    if principal.password_hash is None:
        return "no_password"
    return principal.refusal(address)
