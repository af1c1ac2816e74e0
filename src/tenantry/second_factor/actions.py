"""What can be asked about the second factor."""

from typing import Annotated, ClassVar

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.record import SecretText
from tenantry.second_factor.model import (
    EnrolledFactor,
    ProvenFactor,
    RecoveryCodes,
    RemovedFactor,
    SecondFactorStatus,
)


class EnrolSecondFactorAction(Action[EnrolledFactor], frozen=True):
    """Begin with a second factor: show a new secret for an authenticator app.

    Nothing changes for logins until its first code has been given.
    """

    tag: ClassVar[str] = "second_factor.enrol"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    password: SecretText


class ProveSecondFactorAction(Action[ProvenFactor], frozen=True):
    """Make the second factor active with its first code, and show the recovery codes."""

    tag: ClassVar[str] = "second_factor.prove"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    code: SecretText


class RegenerateRecoveryCodesAction(Action[RecoveryCodes], frozen=True):
    """Show fresh recovery codes; earlier ones are void."""

    tag: ClassVar[str] = "second_factor.regenerate_codes"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    password: SecretText
    code: SecretText


class RemoveOwnSecondFactorAction(Action[RemovedFactor], frozen=True):
    """Do without the second factor again, with password and code as proof."""

    tag: ClassVar[str] = "second_factor.remove_own"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    password: SecretText
    code: SecretText


class RemoveSecondFactorAction(Action[SecondFactorStatus], frozen=True):
    """Take the second factor of somebody else away, who has lost it."""

    tag: ClassVar[str] = "second_factor.remove"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    user: Annotated[str, msgspec.Meta(description="Username or id of the user")]

    def target(self) -> str | None:
        return str(self.user)[:256]


class GetSecondFactorAction(Action[SecondFactorStatus], frozen=True):
    """Show whether a user has a second factor; oneself unless a user is named."""

    tag: ClassVar[str] = "second_factor.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[str | None, msgspec.Meta(description="Username or id of the user")] = None
