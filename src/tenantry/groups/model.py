"""What a group is, and what one says to make or change one."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Record


class GroupData(Record, frozen=True, kw_only=True):
    """A group as everybody may see it who may see it at all."""

    id: UUID
    tenant_id: UUID
    domain_name: str
    name: str
    description: str | None
    created_at: datetime
    modified_at: datetime
    version: int


class GroupModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a group; what is not named stays as it is."""

    name: OptionalState[Annotated[str, msgspec.Meta(description="New name.")]] = OptionalState.nop()
    description: TriState[Annotated[str, msgspec.Meta(description="Free text on the group.")]] = (
        TriState.nop()
    )


class Member(Record, frozen=True, kw_only=True):
    """A user in a group."""

    user_id: UUID
    username: str
    full_name: str | None
    added_at: datetime
