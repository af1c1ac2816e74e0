"""What can be asked about the audit."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.audit.model import AuditEntry
from tenantry.kernel.action import Action, Audience, Outcome
from tenantry.kernel.page import Page


class SearchAuditAction(Action[Page[AuditEntry]], frozen=True, kw_only=True):
    """Search the audit, newest entry first. All conditions given must hold.

    ``user`` is the target's or the actor's username; ``since`` is inclusive, ``until`` exclusive.
    Who may not read a tenant sees the own entries only.
    """

    tag: ClassVar[str] = "audit.search"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: str | None = None
    actor: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    address: str | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    cursor: str | None = None
