"""The one way in which every new password is judged, whoever sets it and wherever."""

from dataclasses import dataclass
from uuid import UUID

from tenantry.errors import PasswordRejected, Violation
from tenantry.passwords.policy import PasswordPolicy, violations
from tenantry.passwords.ports import PasswordHasher


@dataclass(frozen=True)
class PasswordOwner:
    """Whose password it is to be. ``user_id`` is None for somebody who is only being made."""

    username: str
    email: str | None
    domain_name: str
    user_id: UUID | None = None

    @property
    def words(self) -> tuple[str | None, ...]:
        """What an attacker tries first."""
        return self.username, self.email, self.domain_name


class PasswordRules:
    """Judges passwords by the policy of their owner's tenant, and hashes what is fit."""

    def __init__(self, *, hasher: PasswordHasher, policy: PasswordPolicy) -> None:
        self._hasher = hasher
        self._policy = policy

    async def violations(
        self, password: object, owner: PasswordOwner, field: str
    ) -> list[Violation]:
        """All that is wrong with a password."""
        return violations(password, self._policy, owner.words, field)

    async def hashed(self, password: str, owner: PasswordOwner, field: str) -> str:
        """The hash of a password that is fit to be set; PasswordRejected names what is not."""
        found = await self.violations(password, owner, field)
        if found:
            raise PasswordRejected(found)
        return await self._hasher.hash(password)
