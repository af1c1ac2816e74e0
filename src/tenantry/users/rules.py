"""What each field of a user may hold. Pure: from what was asked to columns, or all violations."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tenantry.errors import (
    InvalidInput,
    UserCreationBadRequest,
    UserModificationBadRequest,
    Violation,
)
from tenantry.kernel.modifier import OptionalState
from tenantry.passwords.rules import PasswordOwner
from tenantry.record import require_well_formed
from tenantry.users import addresses, names
from tenantry.users.model import (
    FIRST_TENANT,
    UserCreator,
    UserData,
    UserFilter,
    UserModifier,
    UserRole,
    UserStatus,
)
from tenantry.users.names import Unfit, fold

_DERIVED = (UserStatus.PURGING, UserStatus.LOCKED)
SETTABLE_STATUS = tuple(s.value for s in UserStatus if s not in _DERIVED)
MAX_ATTRIBUTE_BYTES = 16 * 1024
MAX_GROUP_IDS = 64
MAX_GROUPS = 256
MAX_ROLES = 256
LOWEST_CONTAINER_ID = 1000
HIGHEST_CONTAINER_ID = 2**31 - 1

Columns = dict[str, Any]  # Any: columns have types of their own


def _text(value: object, maximum_bytes: int, *, lines: bool = False) -> str:
    if not isinstance(value, str):
        raise Unfit("wrong_type", "must be text")
    names.cap(value, maximum_bytes)
    if not lines and any(ord(character) < 32 for character in value):
        raise Unfit("invalid_text", "must be a single line without control characters")
    return value


def _username(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("wrong_type", "must be text")
    return names.username(value)


def _email(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("wrong_type", "must be text")
    return names.email(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("wrong_type", "must be true or false")
    return value


def _role(value: object) -> str:
    try:
        return UserRole(str(value)).value
    except ValueError as error:
        raise Unfit("unknown_value", f"must be one of {', '.join(UserRole)}") from error


def _status(value: object) -> str:
    if value not in SETTABLE_STATUS:
        raise Unfit("unknown_value", f"must be one of {', '.join(SETTABLE_STATUS)}")
    return str(value)


def _container_id(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit("wrong_type", "must be a whole number")
    if not LOWEST_CONTAINER_ID <= value <= HIGHEST_CONTAINER_ID:
        raise Unfit("out_of_range", f"must be from {LOWEST_CONTAINER_ID} to {HIGHEST_CONTAINER_ID}")
    return value


def _container_ids(value: object) -> list[int]:
    if not isinstance(value, list | tuple):
        raise Unfit("wrong_type", "must be a list of whole numbers")
    if len(value) > MAX_GROUP_IDS:
        raise Unfit("too_many", f"must not hold more than {MAX_GROUP_IDS} entries")
    return [_container_id(item) for item in value]


def _addresses(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise Unfit("wrong_type", "must be a list of addresses")
    return addresses.normalised_rules(value)


def _group_ids(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise Unfit("wrong_type", "must be a list of groups")
    if len(value) > MAX_GROUPS:
        raise Unfit("too_many", f"must not hold more than {MAX_GROUPS} entries")
    return [_text(item, 256) for item in value]


def _roles(value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        raise Unfit("wrong_type", "must be a list of roles")
    if len(value) > MAX_ROLES:
        raise Unfit("too_many", f"must not hold more than {MAX_ROLES} entries")
    return [_text(item, 256) for item in value]


def _attributes(value: object) -> str:
    if not isinstance(value, Mapping):
        raise Unfit("wrong_type", "must be an object")
    for key in value:
        if not isinstance(key, str) or not key.isidentifier() or len(key) > 64:
            raise Unfit("invalid_attribute", f"has a name that is no identifier: {str(key)[:64]!r}")
    try:
        encoded = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit("invalid_attribute", "must hold JSON values only") from error
    if msgspec.json.decode(encoded) != value:
        raise Unfit("invalid_attribute", "must hold JSON values only")
    if len(encoded) > MAX_ATTRIBUTE_BYTES:
        raise Unfit("too_long", f"must not be longer than {MAX_ATTRIBUTE_BYTES} bytes as JSON")
    if "\\u0000" in encoded:
        raise Unfit("invalid_text", "holds a NUL character")
    return encoded


_CHECKS: dict[str, Callable[[Any], object]] = {  # Any: a check looks at the type itself
    "username": _username,
    "email": _email,
    "full_name": lambda v: _text(v, 1024),
    "description": lambda v: _text(v, 4096, lines=True),
    "department": lambda v: _text(v, 512),
    "phone": lambda v: _text(v, 64),
    "integration_name": lambda v: _text(v, 512),
    "domain_name": lambda v: _text(v, 64),
    "resource_policy": lambda v: _text(v, 256),
    "attributes": _attributes,
    "need_password_change": _flag,
    "totp_activated": _flag,
    "sudo_session_enabled": _flag,
    "is_active": _flag,
    "role": _role,
    "status": _status,
    "allowed_client_ip": _addresses,
    "container_uid": _container_id,
    "container_main_gid": _container_id,
    "container_gids": _container_ids,
    "group_ids": _group_ids,
    "roles": _roles,
    "main_access_key": lambda v: _text(v, 64),
}
_CREATED = tuple(name for name in _CHECKS if name in UserCreator.__struct_fields__)
COMPANIONS_FIELDS = frozenset({"group_ids", "main_access_key"})
"""Fields that the companions store."""
NULLABLE = frozenset(
    "email full_name description department phone allowed_client_ip container_uid "
    "container_main_gid container_gids integration_name group_ids roles main_access_key".split()
)


def owner_of(user: UserData | UserCreator, domain_name: str | None = None) -> PasswordOwner:
    """Whose password is judged; in another tenant, if the user is about to move there."""
    tenant = domain_name or user.domain_name or FIRST_TENANT
    return PasswordOwner(
        username=user.username,
        email=user.email,
        domain_name=tenant,
        tenant_key=fold(tenant),
        user_id=user.id if isinstance(user, UserData) else None,
    )


def require_searchable(wanted: UserFilter) -> None:
    """InvalidInput unless a search can be made for these values."""
    require_well_formed(wanted)
    found = []
    for name in ("container_uid", "container_main_gid"):
        value = getattr(wanted, name)
        if value is not None and not 0 <= value <= HIGHEST_CONTAINER_ID:
            message = f"must be from 0 to {HIGHEST_CONTAINER_ID}"
            found.append(Violation(name, "out_of_range", message))
    try:
        _attributes(wanted.attributes)
    except Unfit as unfit:
        found.append(Violation("attributes", unfit.code, str(unfit)))
    if found:
        raise InvalidInput(found)


def created_columns(creator: UserCreator) -> Columns:
    """The columns of a new user, but for tenant and password; UserCreationBadRequest names all.

    ``domain_name`` stays among them for the service to resolve; groups and roles are the work of
    the companions.
    """
    said = {name: getattr(creator, name) for name in _CREATED}
    if said["domain_name"] is None:
        said["domain_name"] = FIRST_TENANT
    if said["status"] is None:
        inactive = said["is_active"] is False
        said["status"] = UserStatus.INACTIVE if inactive else UserStatus.ACTIVE
    said["is_active"] = True if said["is_active"] is None else said["is_active"]
    columns, violations = _checked(said)
    if said["totp_activated"] is True:
        message = "a second factor is enrolled by the user; it cannot be switched on here"
        violations.append(Violation("totp_activated", "not_enrolled", message))
    if columns.get("status") == UserStatus.DELETED:
        violations.append(Violation("status", "unknown_value", "a new user cannot be deleted"))
    foreign_hash: object = creator.password_hash
    if creator.password is not None and foreign_hash is not None:
        message = "give a password or a password hash, not both"
        violations.append(Violation("password_hash", "ambiguous", message))
    elif not isinstance(foreign_hash, str | None):
        violations.append(Violation("password_hash", "wrong_type", "must be text"))
    if violations:
        raise UserCreationBadRequest(violations)
    del columns["is_active"], columns["group_ids"], columns["roles"]
    return columns


def changed_columns(modifier: UserModifier) -> Columns:
    """The columns to change, but for the password; UserModificationBadRequest names all faults.

    What the companions change is checked here, too, as far as it goes without them.
    """
    _require_states(modifier)
    said = modifier.changes()
    if not said:
        message = "names no field to change"
        raise UserModificationBadRequest.of("modifier", "empty", message)
    password = said.pop("password", "")
    columns, violations = _checked(said)
    if password is None:
        violations.append(Violation("password", "missing", "must not be null"))
    if violations:
        raise UserModificationBadRequest(violations)
    for name in COMPANIONS_FIELDS:
        columns.pop(name, None)
    active = columns.pop("is_active", None)
    if active is not None and "status" not in columns:
        columns["status"] = UserStatus.ACTIVE.value if active else UserStatus.INACTIVE.value
    return columns


def _require_states(modifier: UserModifier) -> None:
    said = {name: getattr(modifier, name) for name in modifier.__struct_fields__}
    message = "must be wrapped in OptionalState or TriState"
    plain = [n for n, state in said.items() if not isinstance(state, OptionalState)]
    if plain:
        raise UserModificationBadRequest([Violation(n, "wrong_type", message) for n in plain])


def _checked(said: Mapping[str, object]) -> tuple[Columns, list[Violation]]:
    columns: Columns = {}
    violations: list[Violation] = []
    for name, value in said.items():
        try:
            if value is None and name not in NULLABLE:
                raise Unfit("missing", "must not be null")
            columns[name] = None if value is None else _CHECKS[name](value)
        except Unfit as unfit:
            violations.append(Violation(name, unfit.code, str(unfit)))
    return columns, violations
