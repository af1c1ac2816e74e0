"""What a tenant is, and what one says to change one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Record, SecretText


class TenantStatus(StrEnum):
    """Only in an active tenant can anybody log in. One that is being deleted never comes back."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


TenantName = Annotated[str, msgspec.Meta(description="Unique name, 1-64 bytes.")]
Description = Annotated[str, msgspec.Meta(description="Free text on the tenant.")]
Most = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
MaxUsers = Annotated[
    Most, msgspec.Meta(description="How many users it may have; null: any number.")
]
MaxDatabases = Annotated[
    Most, msgspec.Meta(description="How many databases it may have; null: any number.")
]


class TenantData(Record, frozen=True, kw_only=True):
    """A tenant as those may see it who may read it.

    ``user_count`` and ``database_count`` are counted when one asks; deleted users do not count.
    """

    id: UUID
    name: str
    description: str | None
    status: TenantStatus
    status_info: str | None
    isolated: bool
    max_users: int | None
    max_databases: int | None
    user_count: int
    database_count: int
    created_at: datetime
    modified_at: datetime
    version: int


class CreatedTenant(TenantData, frozen=True, kw_only=True):
    """A tenant that has just been made.

    ``admin_token`` is there where the admin had to be made, too, and is told this once only: it
    sets the admin's first password.
    """

    admin_username: str | None = None
    admin_token: SecretText | None = None


class TenantModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a tenant; what is not named stays as it is."""

    name: OptionalState[TenantName] = OptionalState.nop()
    description: TriState[Description] = TriState.nop()
    max_users: TriState[MaxUsers] = TriState.nop()
    max_databases: TriState[MaxDatabases] = TriState.nop()


class TenantDatabase(Record, frozen=True, kw_only=True):
    """A database and the tenant that it belongs to."""

    database: str
    tenant_id: UUID
    tenant: str
    assigned_at: datetime


class DeletionReceipt(Record, frozen=True, kw_only=True):
    """What a deletion removed, or in a preview would remove, and what stays.

    ``removed`` maps what it is to how many there were. ``job_id`` is None in a preview.
    """

    tenant_id: UUID
    tenant: str
    removed: dict[str, int]
    kept: list[str]
    done: bool
    job_id: UUID | None = None


Columns = dict[str, Any]  # Any: columns have types of their own
