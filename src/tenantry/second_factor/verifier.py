"""Checking codes inside a transaction: what the login asks, and what the second factor itself asks.

Attempts are counted by the caller, before this is called.
"""

from datetime import datetime
from uuid import UUID

from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.second_factor import codes
from tenantry.second_factor.codes import ENROLMENT
from tenantry.second_factor.model import StoredFactor
from tenantry.second_factor.ports import Cipher
from tenantry.second_factor.repository import SecondFactorRepository

BATCH = 500


class CodeVerifier:
    """The one place that sees secrets of second factors in the clear."""

    def __init__(
        self,
        *,
        database: Database,
        second_factor_repository: SecondFactorRepository,
        cipher: Cipher,
        clock: Clock,
    ) -> None:
        self._database = database
        self._factors = second_factor_repository
        self._cipher = cipher
        self._clock = clock

    async def enrol(self, tx: Transaction, user_id: UUID, now: datetime) -> bytes | None:
        """A new secret that waits for its proof; None when there is a proven one."""
        secret = codes.new_secret()
        sealed = self._cipher.seal(secret, _context(user_id))
        return secret if await self._factors.enrol(tx, user_id, sealed, now) else None

    async def prove(self, tx: Transaction, user_id: UUID, code: str) -> bool:
        """Whether the first code of a waiting secret fits; then the factor is active."""
        now = self._clock.now()
        factor = await self._factors.find(tx, user_id)
        if factor is None or factor.proven_at is not None or now - factor.enrolled_at > ENROLMENT:
            return False
        for step in codes.matching_steps(self._secret(factor), code, now):
            if await self._factors.prove(tx, factor, step, now):
                return True
        return False

    async def verify(self, tx: Transaction, user_id: UUID, code: str) -> bool:
        """Whether a one-time code or recovery code fits; it is used up with the transaction."""
        factor = await self._factors.find(tx, user_id)
        if factor is None or factor.proven_at is None:
            return False
        if not codes.is_one_time(code):
            digest = codes.recovery_digest(user_id, code)
            return await self._factors.spend_code(tx, user_id, digest)
        for step in codes.matching_steps(self._secret(factor), code, self._clock.now()):
            if await self._factors.spend_step(tx, factor, step):
                return True
        return False

    async def key_ids(self) -> set[bytes]:
        """The ids of the keys that encrypted what is stored; the cipher needs all of them."""
        async with self._database.autocommit() as tx:
            return await self._factors.key_ids(tx, len(self._cipher.current_id))

    async def reseal(self) -> int:
        """Encrypt with the present key what another one has encrypted; how many there were."""
        total = 0
        while True:
            async with self._database.transaction() as tx:
                outdated = await self._factors.outdated(tx, self._cipher.current_id, BATCH)
                for user_id, sealed in outdated:
                    context = _context(user_id)
                    secret = self._cipher.open(sealed, context)
                    await self._factors.reseal(tx, user_id, self._cipher.seal(secret, context))
            if not outdated:
                return total
            total += len(outdated)

    def _secret(self, factor: StoredFactor) -> bytes:
        return self._cipher.open(factor.sealed, _context(factor.user_id))


def _context(user_id: UUID) -> bytes:
    return f"second factor {user_id}".encode()
