"""The one way in which every new password is judged, whoever sets it and wherever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tenantry.errors import PasswordRejected, Violation
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction
from tenantry.passwords.policy import PasswordPolicy, violations
from tenantry.passwords.ports import PasswordHasher
from tenantry.passwords.repository import PasswordRepository, policy_of


@dataclass(frozen=True)
class PasswordOwner:
    """Whose password it is to be. ``tenant_key`` is the normal form of the tenant's name.

    ``user_id`` is None for somebody who is only being made, and so has no earlier passwords.
    """

    username: str
    email: str | None
    domain_name: str
    tenant_key: str
    user_id: UUID | None = None

    @property
    def words(self) -> tuple[str | None, ...]:
        """What an attacker tries first."""
        return self.username, self.email, self.domain_name


class PasswordRules:
    """Judges passwords by the policy of their owner's tenant, and hashes what is fit.

    Earlier passwords are compared last, and only where nothing else is wrong: each takes as long
    as a login. Whoever lets people ask without end about somebody's earlier passwords lets them
    guess; that is why only those ask who set the password or may set it.
    """

    def __init__(
        self,
        *,
        database: Database,
        password_repository: PasswordRepository,
        hasher: PasswordHasher,
        defaults: PasswordPolicy,
        clock: Clock,
    ) -> None:
        self._database = database
        self._passwords = password_repository
        self._hasher = hasher
        self._defaults = defaults
        self._clock = clock

    async def policies(self, tenant_keys: Iterable[str]) -> dict[str, PasswordPolicy]:
        """The policies of these tenants; of one that is not there, the platform's."""
        wanted = set(tenant_keys)
        async with self._database.autocommit() as tx:
            rows = await self._passwords.of_tenants(tx, sorted(wanted))
        return {key: self.policy_of(rows.get(key)) for key in wanted}

    def policy_of(self, said: Mapping[str, Any] | None) -> PasswordPolicy:
        """The policy that these columns make with the platform's. Any: of each its own type."""
        return policy_of(said, self._defaults)

    async def violations(
        self, password: object, owner: PasswordOwner, field: str
    ) -> list[Violation]:
        """All that is wrong with a password."""
        policy = (await self.policies([owner.tenant_key]))[owner.tenant_key]
        found = violations(password, policy, owner.words, field)
        if found or not isinstance(password, str) or owner.user_id is None:
            return found
        count = policy.prevent_reuse_count
        if count and await self._was_used(password, owner.user_id, count):
            message = f"must not be one of the last {count} passwords"
            found.append(Violation(field, "reused", message))
        return found

    async def violations_of_many(
        self, wanted: Sequence[tuple[object, PasswordOwner]], field: str
    ) -> list[list[Violation]]:
        """The same for people who are only being made, in the order given."""
        policies = await self.policies(owner.tenant_key for _, owner in wanted)
        return [
            violations(password, policies[owner.tenant_key], owner.words, field)
            for password, owner in wanted
        ]

    async def hashed(self, password: str, owner: PasswordOwner, field: str) -> str:
        """The hash of a password that is fit to be set; PasswordRejected names what is not."""
        found = await self.violations(password, owner, field)
        if found:
            raise PasswordRejected(found)
        return await self._hasher.hash(password)

    async def hash(self, password: str) -> str:
        """The hash of a password that was judged already."""
        return await self._hasher.hash(password)

    def recognises(self, password_hash: str) -> bool:
        """Whether a hash made elsewhere can be verified here, at a bearable cost."""
        return self._hasher.recognises(password_hash)

    async def remember(self, tx: Transaction, user_id: UUID) -> None:
        """Keep the present password as an earlier one: it is about to be replaced."""
        await self._passwords.remember(tx, user_id, self._clock.now())

    async def _was_used(self, password: str, user_id: UUID, most: int) -> bool:
        async with self._database.autocommit() as tx:
            hashes = await self._passwords.hashes(tx, user_id, most)
        for stored in hashes:
            if await self._hasher.verify(stored, password):
                return True
        return False
