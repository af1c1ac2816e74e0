"""The account manager's operations on second factors."""

from tenantry.sdk.operations import Operations
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


class SecondFactorOperations(Operations):
    """One's own second factor, and that of others who have lost theirs."""

    async def enrol_second_factor(self, password: str) -> EnrolledFactor:
        """Begin with a second factor of one's own: a secret for an authenticator app, shown once.

        Logins ask for it from prove_second_factor() on.
        """
        return await self._run(EnrolSecondFactorAction(password))

    async def prove_second_factor(self, code: str) -> ProvenFactor:
        """Make it active with its first code; the recovery codes are shown once.

        All sessions of the user end; this client goes on with a new one. Its later logins need
        ``totp_code``.
        """
        return await self._run(ProveSecondFactorAction(code))

    async def regenerate_recovery_codes(self, password: str, code: str) -> RecoveryCodes:
        """Fresh recovery codes, shown once; earlier ones are void."""
        return await self._run(RegenerateRecoveryCodesAction(password, code))

    async def remove_own_second_factor(self, password: str, code: str) -> RemovedFactor:
        """Do without it again, with password and code as proof. All other sessions end."""
        return await self._run(RemoveOwnSecondFactorAction(password, code))

    async def remove_second_factor(self, username: str) -> SecondFactorStatus:
        """Take the second factor of a user away who has lost it."""
        return await self._run(RemoveSecondFactorAction(user=username))

    async def get_second_factor(self, username: str | None = None) -> SecondFactorStatus:
        """Whether a user has a second factor, and how many recovery codes are left; oneself
        without a name."""
        return await self._run(GetSecondFactorAction(user=username))
