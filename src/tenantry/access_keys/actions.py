"""What can be asked about access keys."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.access_keys.model import (
    DEFAULT_POLICY,
    DEFAULT_RATE_LIMIT,
    AccessKeyData,
    AccessKeyModifier,
    IssuedAccessKey,
    KeyScope,
)
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.users.model import Limit, Moment

ResultT = TypeVar("ResultT")


class AccessKeyResult(Record, frozen=True):
    """The key as it is after the action, or as it was when it was revoked."""

    data: AccessKeyData
    success: bool = True


class OnAccessKey(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one access key."""

    access_key: Annotated[str, msgspec.Meta(description="The key's public part, AKIA...")]

    def target(self) -> str | None:
        return str(self.access_key)[:256]


class IssueAccessKeyAction(Action[IssuedAccessKey], frozen=True, kw_only=True):
    """Issue a further access key, for oneself unless a user is named. The secret shows once.

    Policy, rate limit and ``admin`` are the administrators' to choose. Who asks with an access
    key gets none that is good for more or for longer.
    """

    tag: ClassVar[str] = "access_key.issue"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    user: Annotated[str | None, msgspec.Meta(description="Username or id of its user")] = None
    name: Annotated[str | None, msgspec.Meta(description="What you call it.")] = None
    scope: Annotated[
        KeyScope, msgspec.Meta(description="Everything that the user may, or only to read.")
    ] = KeyScope.FULL
    admin: Annotated[
        bool, msgspec.Meta(description="Whether it has an administrator's rights.")
    ] = False
    expires_at: Annotated[Moment | None, msgspec.Meta(description="When it ends to be valid.")] = (
        None
    )
    resource_policy: Annotated[str, msgspec.Meta(description="Name of the keypair policy.")] = (
        DEFAULT_POLICY
    )
    rate_limit: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)],
        msgspec.Meta(description="How many requests it is for; kept as data."),
    ] = DEFAULT_RATE_LIMIT

    def target(self) -> str | None:
        return str(self.user)[:256] if self.user is not None else None


class GetAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Show an access key, without its secret."""

    tag: ClassVar[str] = "access_key.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True


class ListAccessKeysAction(Action[Page[AccessKeyData]], frozen=True, kw_only=True):
    """List access keys, oldest first: one's own, or all that one can see."""

    tag: ClassVar[str] = "access_key.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[str | None, msgspec.Meta(description="Username or id of their user")] = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Change what is named of an access key."""

    tag: ClassVar[str] = "access_key.modify"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    modifier: AccessKeyModifier = AccessKeyModifier()
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class ActivateAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Make an access key valid again."""

    tag: ClassVar[str] = "access_key.activate"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class DeactivateAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Make an access key invalid until it is activated again."""

    tag: ClassVar[str] = "access_key.deactivate"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class RevokeAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Remove an access key for good; the main one cannot be removed."""

    tag: ClassVar[str] = "access_key.revoke"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class SwitchMainAccessKeyAction(OnAccessKey[AccessKeyResult], frozen=True):
    """Make this active key its user's main one; the one before stays a key."""

    tag: ClassVar[str] = "access_key.switch_main"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED


class ShowSecretAction(OnAccessKey[IssuedAccessKey], frozen=True):
    """Show the secret of the main key that came with one's account. Works once."""

    tag: ClassVar[str] = "access_key.show_secret"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
