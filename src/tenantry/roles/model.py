"""What a role is, and what one says to make or change one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Input, Record

Permissions = Annotated[
    list[str],
    msgspec.Meta(
        description="Privileges on databases, such as SELECT, and permissions of the system, "
        "such as user.lock."
    ),
]
Databases = Annotated[
    list[str],
    msgspec.Meta(description="Databases on which the privileges hold; every one unless given."),
]


class RoleData(Record, frozen=True, kw_only=True):
    """A role as everybody may see it who may see it at all.

    ``databases`` is None for every database: every one of the tenant, if it is a tenant's role.
    """

    id: UUID
    tenant_id: UUID | None
    """None for a role of the platform, which is there in all tenants."""
    domain_name: str | None
    name: str
    description: str
    permissions: list[str]
    databases: list[str] | None
    inherits: list[str]
    """The names of the roles that it was given itself."""
    user_count: int
    """How many users hold it directly, as far as one can see them."""
    created_at: datetime
    modified_at: datetime
    version: int


class RoleModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a role; what is not named stays as it is."""

    name: OptionalState[Annotated[str, msgspec.Meta(description="New name.")]] = OptionalState.nop()
    description: TriState[Annotated[str, msgspec.Meta(description="Free text on the role.")]] = (
        TriState.nop()
    )
    permissions: OptionalState[Permissions] = OptionalState.nop()
    databases: TriState[Databases] = TriState.nop()


class RoleFilter(Input, frozen=True, kw_only=True):
    """Which roles to find: all given conditions hold."""

    text: Annotated[
        str | None, msgspec.Meta(description="Part of the name, whatever its case.")
    ] = None
    permission: Annotated[
        str | None, msgspec.Meta(description="A privilege or permission that it holds itself.")
    ] = None
    database: Annotated[
        str | None, msgspec.Meta(description="A database on which its privileges hold.")
    ] = None
    domain_name: Annotated[str | None, msgspec.Meta(description="Tenant that it belongs to.")] = (
        None
    )


class RoleMember(Record, frozen=True, kw_only=True):
    """A user who holds a role directly."""

    user_id: UUID
    username: str
    full_name: str | None
    domain_name: str
    assigned_at: datetime


class Ensured(StrEnum):
    """What had to be done for a role to be as it should."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
