"""What decisions are made from. Plain values, as whoever reads the tables puts them together."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tenantry.privileges.model import DatabaseObject, Privilege


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """One privilege on one object, to whom the facts belong that hold this.

    ``within_id`` is the tenant on whose databases alone it holds; None: on any. It holds from
    ``valid_from`` on and before ``valid_until``.
    """

    id: UUID
    privilege: Privilege
    object: DatabaseObject
    within_id: UUID | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user. ``active`` counts from ``active_from`` (a lock runs out) to ``active_until``."""

    id: UUID
    tenant_id: UUID
    active: bool = True
    active_from: datetime | None = None
    active_until: datetime | None = None
    role_ids: Set[UUID] = frozenset()
    grants: tuple[GrantFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role; of no tenant: the platform's.

    ``privileges`` are those among its permissions, on ``databases``, or on every one for None.
    ``parent_ids`` are the roles that it inherits from.
    """

    id: UUID
    tenant_id: UUID | None = None
    privileges: Set[Privilege] = frozenset()
    databases: Set[str] | None = None
    parent_ids: Set[UUID] = frozenset()
    grants: tuple[GrantFacts, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """A tenant; it is not active while it is suspended or being deleted."""

    id: UUID
    active: bool = True
    isolated: bool = False
