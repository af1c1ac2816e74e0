"""What can be asked about password policies."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

import msgspec

from tenantry.kernel.action import Action, Audience
from tenantry.kernel.modifier import Modifier, TriState
from tenantry.kernel.page import Page
from tenantry.passwords.policy import PasswordPolicy, PolicyWarning
from tenantry.record import Record, SecretText
from tenantry.users.model import Limit

Tenant = Annotated[
    str | None, msgspec.Meta(description="Name of the tenant; one's own unless given.")
]
MinLength = Annotated[
    int, msgspec.Meta(description="Characters that a password has at least, from 8.")
]
MaxLength = Annotated[int, msgspec.Meta(description="Characters that a password has at most.")]
Uppercase = Annotated[bool, msgspec.Meta(description="Whether an upper-case letter is needed.")]
Lowercase = Annotated[bool, msgspec.Meta(description="Whether a lower-case letter is needed.")]
Numbers = Annotated[bool, msgspec.Meta(description="Whether a number is needed.")]
Specials = Annotated[bool, msgspec.Meta(description="Whether another sign is needed.")]
MaxAge = Annotated[int, msgspec.Meta(description="Days after which a password must be changed.")]
Reuse = Annotated[
    int, msgspec.Meta(description="Passwords that cannot be used again, the present one included.")
]
Common = Annotated[bool, msgspec.Meta(description="Whether common passwords are refused.")]
Context = Annotated[
    bool, msgspec.Meta(description="Whether names of the user and the tenant are refused.")
]
Attempts = Annotated[
    int, msgspec.Meta(description="Wrong passwords in a row that lock an account, at most 100.")
]
Lockout = Annotated[int, msgspec.Meta(description="Minutes such a lock holds.")]


class PasswordPolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a password policy; null goes back to what the platform has by default."""

    min_length: TriState[MinLength] = TriState.nop()
    max_length: TriState[MaxLength] = TriState.nop()
    require_uppercase: TriState[Uppercase] = TriState.nop()
    require_lowercase: TriState[Lowercase] = TriState.nop()
    require_numbers: TriState[Numbers] = TriState.nop()
    require_special_chars: TriState[Specials] = TriState.nop()
    max_age_days: TriState[MaxAge] = TriState.nop()
    prevent_reuse_count: TriState[Reuse] = TriState.nop()
    block_common: TriState[Common] = TriState.nop()
    block_context: TriState[Context] = TriState.nop()
    max_failed_attempts: TriState[Attempts] = TriState.nop()
    lockout_minutes: TriState[Lockout] = TriState.nop()


class PasswordPolicyData(PasswordPolicy, frozen=True, kw_only=True):
    """The policy that holds for a tenant, and where standards advise against it.

    ``version`` counts the changes; 0 means that the tenant has never set anything.
    """

    tenant: str
    warnings: list[PolicyWarning]
    version: int
    modified_at: datetime | None


class PasswordPolicyResult(Record, frozen=True):
    """The policy as it is after the action."""

    data: PasswordPolicyData
    success: bool = True


class GetPasswordPolicyAction(Action[PasswordPolicyResult], frozen=True):
    """Show what a tenant asks of passwords."""

    tag: ClassVar[str] = "password_policy.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    tenant: Tenant = None

    def target(self) -> str | None:
        return str(self.tenant)[:256] if self.tenant is not None else None


class SetPasswordPolicyAction(Action[PasswordPolicyResult], frozen=True, kw_only=True):
    """Change what a tenant asks of passwords. It holds for passwords that are set from now on.

    What is not named stays; null goes back to the default. ``max_age_days`` and the limits of
    failed logins hold at the next login.
    """

    tag: ClassVar[str] = "password_policy.set"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    modifier: PasswordPolicyModifier = PasswordPolicyModifier()
    tenant: Tenant = None
    version: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None

    def target(self) -> str | None:
        return str(self.tenant)[:256] if self.tenant is not None else None


class PasswordViolation(Record, frozen=True):
    """One broken rule: a stable code, and a sentence that does not hold the password."""

    code: str
    message: str


class PasswordChecked(Record, frozen=True):
    """Whether a password could be set, and all that is against it."""

    fits: bool
    violations: list[PasswordViolation]


class CheckPasswordAction(Action[PasswordChecked], frozen=True):
    """Compare a password with the policy, without setting it.

    With a user named, its names count as well; and, for whoever may set that user's password, its
    earlier passwords.
    """

    tag: ClassVar[str] = "password.check"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    password: SecretText
    user: Annotated[str | None, msgspec.Meta(description="Username or id of the user.")] = None

    def target(self) -> str | None:
        return str(self.user)[:256] if self.user is not None else None


class Shortcoming(StrEnum):
    """What can be known of a password without knowing it."""

    NO_PASSWORD = "no_password"  # noqa: S105 - says what is the case
    MUST_CHANGE = "must_change"
    TOO_OLD = "too_old"
    BEFORE_POLICY = "before_policy"
    WEAK_HASH = "weak_hash"


class PasswordReport(Record, frozen=True, kw_only=True):
    """A user whose password may not comply with the policy of today, and why.

    ``before_policy``: it was set before the policy was last changed, so nobody knows.
    ``weak_hash``: it was hashed elsewhere or at a lower cost; the next login mends that.
    """

    id: UUID
    username: str
    domain_name: str
    shortcomings: list[Shortcoming]
    password_changed_at: datetime | None
    last_login: datetime | None


class ReportPasswordsAction(Action[Page[PasswordReport]], frozen=True, kw_only=True):
    """List active users whose passwords do not comply with the policy, as far as can be known."""

    tag: ClassVar[str] = "password.report"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    shortcoming: Annotated[
        Shortcoming | None, msgspec.Meta(description="Only users with this one.")
    ] = None
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None
