"""What can be asked about the audit."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.audit.chain import Finding
from tenantry.audit.model import AuditEntry, FailedLogin
from tenantry.kernel.action import Action, Audience, Outcome
from tenantry.kernel.page import Page
from tenantry.moments import End, Moment
from tenantry.record import Record


class SearchAuditAction(Action[Page[AuditEntry]], frozen=True, kw_only=True):
    """Search the audit, newest entry first. All conditions given must hold.

    ``user`` is whom an entry is about or who did it, ``target`` the name or id of anything,
    ``action`` a tag such as ``login``; ``since`` is inclusive, ``until`` exclusive.
    Who may not read a tenant sees the own entries only.
    """

    tag: ClassVar[str] = "audit.search"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[
        str | None, msgspec.Meta(description="Whom it is about or who did it, by name or id.")
    ] = None
    actor: Annotated[str | None, msgspec.Meta(description="Who did it, by name or id.")] = None
    action: Annotated[
        str | None, msgspec.Meta(description="Tag of the action, such as user.create.")
    ] = None
    target_name: Annotated[
        str | None, msgspec.Meta(description="Name or id of what it was done to.")
    ] = None
    outcome: Annotated[Outcome | None, msgspec.Meta(description="How it ended.")] = None
    address: Annotated[str | None, msgspec.Meta(description="IP address that it came from.")] = None
    since: Annotated[Moment | None, msgspec.Meta(description="From this time on.")] = None
    until: Annotated[
        End | None, msgspec.Meta(description="Until before this time; of a day, with that day.")
    ] = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    cursor: str | None = None


class ListFailedLoginsAction(Action[Page[FailedLogin]], frozen=True, kw_only=True):
    """List logins that were refused in the last hours, the newest first.

    Names that no user has are left out unless ``include_unknown`` is true: whoever acts on this
    list, such as by locking accounts, must not be led astray by what somebody has made up.
    """

    tag: ClassVar[str] = "audit.list_failed_logins"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: Annotated[str | None, msgspec.Meta(description="Username or id that was tried.")] = None
    hours: Annotated[float, msgspec.Meta(gt=0, le=87_600, description="How far to look back.")] = (
        24.0
    )
    include_unknown: Annotated[bool, msgspec.Meta(description="Also names that no user has.")] = (
        False
    )
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    cursor: str | None = None


class AuditVerification(Record, frozen=True, kw_only=True):
    """What was verified, and what is wrong with it; nothing is when ``findings`` is empty.

    ``next_after`` is where to go on (None: all is verified). With the last stretch come the
    entries that wait for their seal.
    """

    segments: int
    entries: int
    last_segment: int
    sealed_until: datetime | None
    next_after: int | None
    findings: list[Finding]
    unsealed: int = 0
    oldest_unsealed: datetime | None = None


class VerifyAuditAction(Action[AuditVerification], frozen=True, kw_only=True):
    """Verify the chain of the audit: that no sealed entry was changed, removed or inserted.

    One answer covers a stretch of segments; go on with its ``next_after``. ``since`` begins with
    the first segment sealed then, ``segment`` is one alone.
    """

    tag: ClassVar[str] = "audit.verify"
    audience: ClassVar[Audience] = Audience.PLATFORM
    reads: ClassVar[bool] = True
    after: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 0
    since: Moment | None = None
    segment: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class RetainedMonth(Record, frozen=True, kw_only=True):
    """A month of the audit. ``entries`` is an estimate; ``due`` says that retention ends it."""

    month: str
    entries: int
    bytes: int
    due: bool


class AuditRetention(Record, frozen=True, kw_only=True):
    """How long entries are kept (``keep_months`` None: for ever), and the months there are.

    ``dropped`` are the months that this very request has dropped.
    """

    keep_months: int | None
    months: list[RetainedMonth]
    dropped: list[str] = msgspec.field(default_factory=list)


class ShowAuditRetentionAction(Action[AuditRetention], frozen=True):
    """Show the months of the audit, and which of them retention would drop now."""

    tag: ClassVar[str] = "audit.show_retention"
    audience: ClassVar[Audience] = Audience.PLATFORM
    reads: ClassVar[bool] = True


class ApplyAuditRetentionAction(Action[AuditRetention], frozen=True):
    """Drop the months of the audit that are older than the retention; servers do so every day."""

    tag: ClassVar[str] = "audit.apply_retention"
    audience: ClassVar[Audience] = Audience.PLATFORM
