"""What one can ask for in a grant or about one. Pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenantry.errors import InvalidInput, StateConflict, Violation
from tenantry.grants.model import RoleChange
from tenantry.privileges.model import (
    DatabaseObject,
    Level,
    Privilege,
    object_named,
    privilege_named,
    require_level,
)
from tenantry.roles.powers import is_system_permission
from tenantry.roles.rules import Vocabulary, permission_named
from tenantry.tenants.rules import fit_database
from tenantry.users.model import UserData, UserStatus
from tenantry.users.names import Unfit, cap

MAX_REASON_BYTES = 1024
ANY = "*"
_GONE = frozenset({UserStatus.DELETED, UserStatus.PURGING})


@dataclass(frozen=True, slots=True)
class NewRole:
    """What would become of a role; None stays as it is."""

    permissions: frozenset[Privilege] | None
    tags: frozenset[str] | None
    databases: list[str] | None
    databases_said: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a grant holds: from the first moment on, before the second; None is no bound."""

    valid_from: datetime | None = None
    valid_until: datetime | None = None


def required_object(database: str | None, schema: str | None, table: str | None) -> DatabaseObject:
    """The object of these names; InvalidInput names each part that cannot be one."""
    parts = {"database": database, "schema": schema, "table": table}
    violations = [fault for name, text in parts.items() if (fault := _unfit(name, text))]
    if violations:
        raise InvalidInput(violations)
    return object_named(database, schema, table)


def _unfit(field: str, text: str | None) -> Violation | None:
    if text is None:
        return None
    if text == ANY:
        return Violation(field, "wildcard", "names are taken literally; leave it out for all")
    try:
        fit_database(text)
    except Unfit as unfit:
        return Violation(field, unfit.code, str(unfit))
    return None


def required_privileges(named: Sequence[str], level: Level) -> list[Privilege]:
    """The privileges of these names, each once; InvalidInput for one without a meaning there."""
    found = named_privileges(named)
    for privilege in found:
        require_level(privilege, level)
    return found


def named_privileges(named: Sequence[str]) -> list[Privilege]:
    """The privileges of these names, each once, in the order of the list that there is."""
    if not named:
        raise InvalidInput.of("permissions", "empty", "must name at least one privilege")
    found = {privilege_named(text, "permissions") for text in named}
    return [privilege for privilege in Privilege if privilege in found]


def revoked_privileges(named: Sequence[str], level: Level) -> list[Privilege]:
    """What goes with these: ALL takes every single one with it."""
    found = required_privileges(named, level)
    return list(Privilege) if Privilege.ALL in found else found


def required_bounds(
    valid_from: datetime | None, valid_until: datetime | None, now: datetime
) -> Bounds:
    """The bounds; InvalidInput where they leave no time."""
    if valid_until is not None:
        if valid_until <= now:
            raise InvalidInput.of("valid_until", "past", "must lie in the future")
        if valid_from is not None and valid_from >= valid_until:
            raise InvalidInput.of("valid_until", "before_start", "must lie after valid_from")
    return Bounds(valid_from, valid_until)


def require_reason(text: str | None) -> None:
    """InvalidInput for a reason that is too long."""
    try:
        cap(text or "", MAX_REASON_BYTES)
    except Unfit as unfit:
        raise InvalidInput.of("reason", unfit.code, str(unfit)) from unfit


def require_present(user: UserData) -> None:
    """StateConflict for a user who is on the way out."""
    if user.status in _GONE:
        raise StateConflict("A deleted user is granted nothing; restore it first.")


def required_change(change: RoleChange, vocabulary: Vocabulary) -> NewRole:
    """What would become of the role; InvalidInput where nothing is said or makes no sense.

    Permissions of the system are named among the others, as they are for a role.
    """
    said = change.changes()
    if not said:
        raise InvalidInput.of("change", "empty", "names nothing to change")
    permissions = tags = databases = None
    if "permissions" in said:
        named = {permission_named(text, vocabulary) for text in change.permissions.value()}
        permissions = frozenset(Privilege(n) for n in named if not is_system_permission(n))
        tags = frozenset(n for n in named if is_system_permission(n))
    if said.get("databases") is not None:
        databases = [str(name) for name in said["databases"]]
        if not databases:
            raise InvalidInput.of("databases", "empty", "must name one; null is every database")
        for name in databases:
            required_object(name, None, None)
    return NewRole(permissions, tags, databases, databases_said="databases" in said)
