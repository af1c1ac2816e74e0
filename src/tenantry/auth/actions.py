"""What can be asked about being logged in."""

from datetime import datetime
from typing import ClassVar

from tenantry.kernel.action import Action, Audience
from tenantry.record import Record, SecretText
from tenantry.users.model import UserData

SECOND_FACTOR_REQUIRED = "second_factor_required"


class AuthenticationResult(Record, frozen=True, kw_only=True):
    """A login that succeeded, or one that was refused, always with the same words.

    ``session_token`` is shown here only; the server keeps a digest. With the ``error_code``
    ``second_factor_required`` the password was right and the token is good for
    ``CompleteLoginAction`` only, for five minutes.
    """

    success: bool
    user: UserData | None = None
    session_token: SecretText | None = None
    expires_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None


class AuthenticateAction(Action[AuthenticationResult], frozen=True):
    """Log in with username (or email) and password, and the second factor where there is one.

    ``totp_code`` may also be a recovery code. Without it the login of a user who has a second
    factor is half done, and ``CompleteLoginAction`` does the rest.
    ``ip_address`` and ``user_agent`` say where the person sits for whom a server asks. An
    administrator's word counts for the users of the own tenant; anybody else's is recorded as a
    claim and decides nothing.
    A refusal is returned, or raised as InvalidCredentials with ``raise_on_failure``.
    AuthenticationError otherwise means that no verdict was possible and a retry makes sense.
    """

    tag: ClassVar[str] = "login"
    audience: ClassVar[Audience] = Audience.EVERYONE
    username: str
    password: SecretText
    raise_on_failure: bool = False
    totp_code: SecretText | None = None
    ip_address: str | None = None
    user_agent: str | None = None

    def target(self) -> str | None:
        return str(self.username)[:256]


class CompleteLoginAction(Action[AuthenticationResult], frozen=True):
    """Give the second factor, a one-time code or a recovery code, after the password."""

    tag: ClassVar[str] = "login.second_factor"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    totp_code: SecretText


class ChangeOwnPasswordAction(Action[AuthenticationResult], frozen=True):
    """Change one's own password, with the current one as proof.

    Ends all sessions of the user; the answer holds the token of a new one.
    """

    tag: ClassVar[str] = "user.change_password"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    current_password: SecretText
    new_password: SecretText


class SteppedUp(Record, frozen=True):
    """Until when the proof counts."""

    fresh_until: datetime
    success: bool = True


class StepUpAction(Action[SteppedUp], frozen=True):
    """Prove again who one is, by password or code; what is sensitive needs a proof not long ago.

    Counts as an attempt at logging in.
    """

    tag: ClassVar[str] = "session.step_up"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    password: SecretText | None = None
    totp_code: SecretText | None = None


class Done(Record, frozen=True):
    """It is done, and there is nothing more to say."""

    success: bool = True


class EndOwnSessionAction(Action[Done], frozen=True):
    """Log out: end the session that asks."""

    tag: ClassVar[str] = "logout"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class WhoAmI(Record, frozen=True):
    """Who the session belongs to. ``only`` lists what it is limited to, if it is.

    ``permissions`` are those that roles give beyond the built-in role.
    """

    user: UserData
    only: list[str] | None = None
    permissions: list[str] = []  # noqa: RUF012 - msgspec copies it


class WhoAmIAction(Action[WhoAmI], frozen=True):
    """Show who is logged in."""

    tag: ClassVar[str] = "whoami"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
