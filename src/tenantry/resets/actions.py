"""What can be asked about resets of passwords."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.record import Record, SecretText
from tenantry.users.actions import OnUser
from tenantry.users.model import MustChangePassword, UserCreator, UserData

Mail = Annotated[bool, msgspec.Meta(description="Mail the token; otherwise it is shown to you.")]


class ResetRequested(Record, frozen=True):
    """The same words for everybody, whether there is such a user or not."""

    message: str = "If there is such an account, a mail is on its way to the address it has."
    success: bool = True


class RequestPasswordResetAction(Action[ResetRequested], frozen=True):
    """Ask for a mail with a one-time link for setting a new password.

    The answer is the same for everybody. The mail goes to the address that the account has, never
    to one that is given here; so often an hour and no more.
    """

    tag: ClassVar[str] = "password.request_reset"
    audience: ClassVar[Audience] = Audience.EVERYONE
    username: Annotated[str, msgspec.Meta(description="Username or email address.")]

    def target(self) -> str | None:
        return str(self.username)[:256]


class PasswordWasReset(Record, frozen=True):
    """The password is set, all sessions have ended, and ``username`` can log in with it."""

    username: str
    success: bool = True


class ResetPasswordAction(Action[PasswordWasReset], frozen=True):
    """Set a new password with a one-time token. A second factor stays as it is."""

    tag: ClassVar[str] = "password.reset"
    audience: ClassVar[Audience] = Audience.EVERYONE
    token: SecretText
    new_password: SecretText


class IssuedReset(Record, frozen=True, kw_only=True):
    """A token and the link that holds it, shown here and never again; or a mail with both."""

    user: UserData
    mailed: bool
    token: SecretText | None = None
    link: SecretText | None = None
    expires_at: datetime | None = None
    success: bool = True


class ResetUserPasswordAction(OnUser[IssuedReset], frozen=True, kw_only=True):
    """Have a user set a new password, with a one-time token that is mailed or shown here.

    The old password and the sessions hold until the token is used. Lock the account as well if
    somebody else may know the password.
    """

    tag: ClassVar[str] = "user.reset_password"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    mail: Mail = True


class SetUserPasswordAction(OnUser[PasswordWasReset], frozen=True, kw_only=True):
    """Set a user's password for them; all their sessions end.

    It is held to the policy and the history of the user's tenant. Whoever sets it knows it: have
    it changed at the next login, or have the user choose one with a reset instead.
    """

    tag: ClassVar[str] = "user.set_password"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    new_password: SecretText
    need_password_change: MustChangePassword = False


class InviteUserAction(Action[IssuedReset], frozen=True, kw_only=True):
    """Create a user who is to choose the password, with a one-time token that is mailed or shown.

    Takes the fields that creating a user takes, but for the password.
    """

    tag: ClassVar[str] = "user.invite"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    input: UserCreator
    mail: Mail = True

    def target(self) -> str | None:
        return str(self.input.username)[:256]
