"""What can be asked about sessions."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.changes.consistency import AtLeast, Consistency, HowSure
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record, SecretText
from tenantry.sessions.model import IssuedSession, SessionData
from tenantry.users.model import Limit

MAX_HOURS = 8760
Token = Annotated[SecretText, msgspec.Meta(description="The session's token.")]
SomeUser = Annotated[str | None, msgspec.Meta(description="Username or id; oneself without it.")]


class CreateSessionAction(Action[IssuedSession], frozen=True, kw_only=True):
    """Open a session for a user without a password, as an administrator.

    It holds for the hours asked for, but not beyond the longest that sessions are allowed, and
    ends earlier when it is not used. What is sensitive needs a step-up first.
    """

    tag: ClassVar[str] = "session.create"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]
    expires_in_hours: Annotated[
        float, msgspec.Meta(gt=0, le=MAX_HOURS, description="More than 0, fractions too.")
    ] = 8

    def target(self) -> str | None:
        return str(self.user)[:256]


class Validity(Record, frozen=True, kw_only=True):
    """Whether a session holds now. Nothing is told of one that does not."""

    valid: bool
    username: str | None = None
    expires_at: datetime | None = None
    success: bool = True


class ValidateSessionAction(Action[Validity], frozen=True, kw_only=True):
    """Tell whether a session's token is good now; whatever is no token is not.

    Counts as use of the session. ``ip_address`` is where its holder asks from; it is compared
    with the user's rules on addresses where an administrator says so. The answer may be from
    memory, as that of a check.
    """

    tag: ClassVar[str] = "session.validate"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    session_token: Token
    ip_address: Annotated[str | None, msgspec.Meta(description="Where its holder asks from.")] = (
        None
    )
    at_least: AtLeast | None = None
    consistency: HowSure = Consistency.BOUNDED


class RefreshSessionAction(Action[IssuedSession], frozen=True, kw_only=True):
    """Put a new token in the place of a session's present one, which ends at once.

    Within 10 seconds the same token gets the same answer again. Later it ends the session: one
    of two holders of it must be a thief.
    """

    tag: ClassVar[str] = "session.refresh"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    session_token: Token
    ip_address: Annotated[str | None, msgspec.Meta(description="Where its holder asks from.")] = (
        None
    )


class Ended(Record, frozen=True):
    """Whether there was something to end."""

    ended: bool
    success: bool = True


class TerminateSessionAction(Action[Ended], frozen=True, kw_only=True):
    """End the session of a token, or of any token that it was refreshed from; can be repeated."""

    tag: ClassVar[str] = "session.terminate"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    session_token: Token


class ListSessionsAction(Action[Page[SessionData]], frozen=True, kw_only=True):
    """List open sessions, one's own or those of a user, the latest first."""

    tag: ClassVar[str] = "session.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: SomeUser = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class EndSessionAction(Action[Ended], frozen=True, kw_only=True):
    """End a session, named by its id, of one's own or of a user."""

    tag: ClassVar[str] = "session.end"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    session: Annotated[str, msgspec.Meta(description="The session's id, as it is listed.")]
    user: SomeUser = None

    def target(self) -> str | None:
        return self.user[:256] if self.user else None


class EndSessionsAction(Action[Ended], frozen=True, kw_only=True):
    """End all sessions of a user; of one's own all but the one that asks."""

    tag: ClassVar[str] = "session.end_all"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    user: SomeUser = None

    def target(self) -> str | None:
        return self.user[:256] if self.user else None
