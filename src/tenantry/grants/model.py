"""What a grant is, who can hold one, and what is told after one was given or taken away."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec

from tenantry.decisions.explain import Reason
from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.record import Record

RolePermissions = Annotated[
    list[str], msgspec.Meta(max_length=1000, description="Names of privileges that it would have")
]
RoleDatabases = Annotated[
    list[str],
    msgspec.Meta(max_length=1000, description="Databases on which alone; null is every one"),
]


class Asked(NamedTuple):
    """A check in its normal form: whom, by id or as typed, what, and where."""

    user: UUID | str
    privilege: Privilege
    on: DatabaseObject


class PrincipalType(StrEnum):
    """What can hold grants."""

    USER = "user"
    ROLE = "role"


class GrantData(Record, frozen=True, kw_only=True):
    """One privilege, on one object, given to one principal.

    No database means everything. ``within`` is the tenant on whose databases alone it holds, as
    an administrator of that tenant gave it; None where the platform did. It holds from
    ``valid_from`` on and before ``valid_until``.
    """

    id: UUID
    principal_type: PrincipalType
    principal_id: UUID
    principal: str
    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    within: str | None
    granted_by: str | None
    granted_at: datetime
    valid_from: datetime | None
    valid_until: datetime | None
    reason: str | None

    @property
    def object(self) -> DatabaseObject:
        """What it is granted on."""
        return DatabaseObject(self.database, self.schema, self.table)

    def label(self) -> str:
        """Privilege and object in words."""
        return f"{self.privilege} on {self.object.label()}"


class GivenGrants(Record, frozen=True, kw_only=True):
    """What was granted now, and what of it was there already.

    ``dormant`` is True where a grant of a tenant's administrator has no effect now because the
    database is not one of that tenant; it begins to hold when it becomes one.
    """

    granted: list[GrantData]
    unchanged: list[GrantData]
    dormant: bool = False


class AccessPath(Record, frozen=True, kw_only=True):
    """One way in which a user comes to a privilege.

    ``roles`` leads from the role that the user holds to the one that has it; none means a direct
    grant. ``grant_id`` is the grant, or None where it is among the role's own permissions. The
    bounds are those of the grant.
    """

    roles: list[str]
    grant_id: UUID | None
    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    within: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


class StillHeld(Record, frozen=True, kw_only=True):
    """A privilege that is held although it was revoked, and in which ways."""

    privilege: Privilege
    paths: list[AccessPath]


class Revocation(Record, frozen=True, kw_only=True):
    """What was removed, and what of it is still held in another way.

    ``removed`` tells the first thousand of the ``removed_count`` one by one.
    """

    removed: list[GrantData]
    removed_count: int
    still_held: list[StillHeld]


class PrivilegeOn(Record, frozen=True, kw_only=True):
    """A privilege on an object; ``within`` is the tenant on whose databases alone it is."""

    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    within: str | None = None

    def label(self) -> str:
        """Both in words."""
        on = DatabaseObject(self.database, self.schema, self.table)
        where = f"{on.label()} of {self.within}" if self.within is not None else on.label()
        return f"{self.privilege} on {where}"


class Remedy(Record, frozen=True, kw_only=True):
    """What would be enough, each by itself: the grant, or one of the roles."""

    grant: PrivilegeOn
    roles: list[str]


class EnforcementState(StrEnum):
    """What the server of a database makes of an answer that was decided here."""

    NOT_MANAGED = "not_managed"
    """No server is made to follow: what is granted here is a note, as far as Tenantry knows."""
    PENDING = "pending"
    """Something that concerns the user was changed, and is on its way to the server."""
    IN_EFFECT = "in_effect"
    """The server allows what is allowed here, and nothing else."""
    DRIFTED = "drifted"
    """It did, but somebody has changed something there by hand."""
    REFUSED = "refused"
    """It is granted here, and the server was not given it: it cannot do just that."""
    FAILED = "failed"
    """A change could not be brought there; it is tried again."""


class ServerEnforcement(Record, frozen=True, kw_only=True):
    """How far the server is with one user: since when it is so, and if it failed or refused, why.

    ``connections_ended`` is how many open connections of the user were ended there last, because
    something was taken away or the user was shut out, and ``ended_at`` when that was. The error is
    told to those who look after the database.
    """

    database: str
    state: EnforcementState
    since: datetime | None = None
    error: str | None = None
    connections_ended: int = 0
    ended_at: datetime | None = None


class Explanation(Record, frozen=True, kw_only=True):
    """Why a user may do something on the whole of an object, or may not.

    ``paths`` are the shortest ways that lead there. Where there is none, ``reason`` is a code for
    what stands in the way, such as ``expired`` or ``never_granted``, and ``remedy`` is the least
    that would help, if anything would. ``enforcement`` is what the server of the database makes of
    it; None where the question is about no database, or one of which nothing may be told.
    """

    user: str
    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    allowed: bool
    paths: list[AccessPath]
    reason: Reason | None
    remedy: Remedy | None
    enforcement: ServerEnforcement | None = None

    @property
    def object(self) -> DatabaseObject:
        """What was asked about."""
        return DatabaseObject(self.database, self.schema, self.table)


class Holder(Record, frozen=True, kw_only=True):
    """A user who may do what was asked."""

    user_id: UUID
    username: str
    full_name: str | None
    domain_name: str


class RoleEffect(Record, frozen=True, kw_only=True):
    """What a user would gain and lose."""

    user_id: UUID
    username: str
    gains: list[PrivilegeOn]
    loses: list[PrivilegeOn]
    gained_permissions: list[str]
    """Permissions of the system, such as ``user.lock``."""
    lost_permissions: list[str]


class RoleChange(Modifier, frozen=True, kw_only=True):
    """What would be changed in a role; what is not named stays as it is."""

    permissions: OptionalState[RolePermissions] = OptionalState.nop()
    databases: TriState[RoleDatabases] = TriState.nop()
