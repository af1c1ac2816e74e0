"""The account manager's operations on passwords: policies, resets and invitations."""

from typing import Any

from msgspec import UNSET

from tenantry.password_policies.actions import (
    CheckPasswordAction,
    GetPasswordPolicyAction,
    PasswordPolicyData,
    PasswordReport,
    PasswordViolation,
    ReportPasswordsAction,
    SetPasswordPolicyAction,
    Shortcoming,
)
from tenantry.resets.actions import (
    InviteUserAction,
    IssuedReset,
    PasswordWasReset,
    RequestPasswordResetAction,
    ResetPasswordAction,
    ResetRequested,
    ResetUserPasswordAction,
)
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages
from tenantry.sdk.users import with_attributes

_UNSAID: Any = UNSET  # Any: stands where a value of any type may stand, and for none of them


class PasswordOperations(Operations):
    """What an account manager can do with passwords."""

    async def set_password_policy(
        self,
        *,
        min_length: int | None = _UNSAID,
        max_length: int | None = _UNSAID,
        require_uppercase: bool | None = _UNSAID,
        require_lowercase: bool | None = _UNSAID,
        require_numbers: bool | None = _UNSAID,
        require_special_chars: bool | None = _UNSAID,
        max_age_days: int | None = _UNSAID,
        prevent_reuse_count: int | None = _UNSAID,
        block_common: bool | None = _UNSAID,
        block_context: bool | None = _UNSAID,
        max_failed_attempts: int | None = _UNSAID,
        lockout_minutes: int | None = _UNSAID,
        tenant: str | None = None,
        version: int | None = None,
    ) -> PasswordPolicyData:
        """Change what a tenant asks of passwords; what is not given stays, None is the default.

        ``warnings`` of the answer name the standard that advises against a value. ``tenant`` is
        one's own unless given. ``version=`` (from the policy as read) refuses the change if
        somebody else was faster.
        """
        values: dict[str, object] = {
            "min_length": min_length,
            "max_length": max_length,
            "require_uppercase": require_uppercase,
            "require_lowercase": require_lowercase,
            "require_numbers": require_numbers,
            "require_special_chars": require_special_chars,
            "max_age_days": max_age_days,
            "prevent_reuse_count": prevent_reuse_count,
            "block_common": block_common,
            "block_context": block_context,
            "max_failed_attempts": max_failed_attempts,
            "lockout_minutes": lockout_minutes,
        }
        said = {name: value for name, value in values.items() if value is not UNSET}
        action = self._action(SetPasswordPolicyAction, tenant=tenant, version=version, **said)
        return (await self._run(action)).data

    async def get_password_policy(self, tenant: str | None = None) -> PasswordPolicyData:
        """What a tenant asks of passwords; one's own tenant unless another is named."""
        return (await self._run(GetPasswordPolicyAction(tenant))).data

    async def validate_password(self, password: str, username: str | None = None) -> bool:
        """Whether the password could be set, for this user if one is named.

        UserNotFound for a user who is not there. check_password() tells what is wrong.
        """
        return not await self.check_password(password, username)

    async def check_password(
        self, password: str, username: str | None = None
    ) -> list[PasswordViolation]:
        """All rules that the password breaks, each with a code; none of them repeats it.

        The user's names count; and, where one may set that user's password, earlier passwords.
        """
        action = self._action(CheckPasswordAction, password=password, user=username)
        return (await self._run(action)).violations

    async def report_passwords(
        self, shortcoming: Shortcoming | None = None
    ) -> AsyncPages[PasswordReport]:
        """Active users whose passwords do not comply, as far as can be known, and why."""
        return await self._walk(
            lambda cursor: self._action(
                ReportPasswordsAction, shortcoming=shortcoming, limit=PAGE_SIZE, cursor=cursor
            )
        )

    async def request_password_reset(self, username: str) -> ResetRequested:
        """Have a link for a new password mailed to the address that the account has.

        ``username`` may be the email address. The answer is the same for everybody.
        """
        return await self._run(self._action(RequestPasswordResetAction, username=username))

    async def reset_password(self, token: str, new_password: str) -> PasswordWasReset:
        """Set a new password with a one-time token. InvalidToken where it is no longer good."""
        action = self._action(ResetPasswordAction, token=token, new_password=new_password)
        return await self._run(action)

    async def reset_user_password(self, username: str, *, mail: bool = True) -> IssuedReset:
        """Have a user set a new password with a one-time token: mailed, or in the answer.

        The old password holds until the token is used. To set a password yourself there is
        change_password().
        """
        return await self._run(self._action(ResetUserPasswordAction, user=username, mail=mail))

    async def invite_user(
        self,
        /,
        username: str,
        email: str | None = None,
        *,
        mail: bool = True,
        **attributes: object,
    ) -> IssuedReset:
        """Create a user who chooses the password with a one-time token: mailed, or in the answer.

        Further keywords are fields of UserCreator, or else become attributes.
        """
        said = with_attributes(attributes) | {"username": username}
        given = said if email is None else said | {"email": email}
        return await self._run(self._action(InviteUserAction, mail=mail, **given))
