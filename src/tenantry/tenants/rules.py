"""What the fields of a tenant may hold, and who may change which. Pure decisions."""

import unicodedata
from collections.abc import Collection, Mapping

from tenantry.errors import InvalidInput, PermissionError, StateConflict, Violation
from tenantry.kernel.action import Actor
from tenantry.tenants.model import Columns, TenantData, TenantStatus
from tenantry.users.access import Scope
from tenantry.users.model import FIRST_TENANT
from tenantry.users.names import Unfit, cap, fold, label

MAX_NAME_BYTES = 64
MAX_DESCRIPTION_BYTES = 4096
MAX_DATABASE_BYTES = 63
"""The shortest limit of the databases that can be managed, PostgreSQL's."""
OWN_FIELDS = frozenset({"description"})
"""What an admin changes in the own tenant; the rest is the platform's to say."""
MOST = 2**31 - 1
# Where an address continues with one of these words, it names no tenant.
_RESERVED = frozenset({"find", "search", ".", ".."})


def fit_name(text: str) -> str:
    """The name as it is stored; Unfit when it cannot be one."""
    name = label(text, MAX_NAME_BYTES)
    if "/" in name:
        raise Unfit("invalid_character", "must not hold /")
    if fold(name) in _RESERVED:
        raise Unfit("reserved", "is a reserved name")
    return name


def fit_database(text: str) -> str:
    """The name of a database as it is stored; Unfit when it cannot be one."""
    cap(text, MAX_DATABASE_BYTES)
    if not text.strip():
        raise Unfit("empty", "must not be empty")
    if any(unicodedata.category(character)[0] == "C" for character in text):
        raise Unfit("invalid_character", "holds an invisible character")
    return text


def require_database(text: str) -> str:
    """The name of a database; InvalidInput when it cannot be one."""
    try:
        return fit_database(text)
    except Unfit as unfit:
        raise InvalidInput.of("database", unfit.code, str(unfit)) from unfit


def columns(said: Mapping[str, object]) -> Columns:
    """The columns that these fields become; InvalidInput names all that is wrong."""
    fitted: Columns = {}
    violations: list[Violation] = []
    for name, value in said.items():
        try:
            fitted[name] = _fitted(name, value)
        except Unfit as unfit:
            violations.append(Violation(name, unfit.code, str(unfit)))
    if violations:
        raise InvalidInput(violations)
    return fitted


def _fitted(name: str, value: object) -> object:
    if value is None:
        if name == "name":
            raise Unfit("missing", "must not be null")
        return None
    if name in ("max_users", "max_databases"):
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit("wrong_type", "must be a whole number")
        if not 0 <= value <= MOST:
            raise Unfit("out_of_range", f"must be from 0 to {MOST}")
        return value
    if not isinstance(value, str):
        raise Unfit("wrong_type", "must be text")
    if name == "name":
        return fit_name(value)
    cap(value, MAX_DESCRIPTION_BYTES)
    return value


def require_may_update(actor: Actor, fields: Collection[str]) -> None:
    """PermissionError where a field is among them that the platform alone changes.

    The tenant is one that the actor can see.
    """
    if Scope.of(actor) == Scope():
        return
    for name in sorted(set(fields) - OWN_FIELDS):
        raise PermissionError(f"Only the platform's administrators change {name}.", field=name)


def require_renamable(tenant: TenantData) -> None:
    """StateConflict for the tenant that keeps its name."""
    if tenant.name == FIRST_TENANT:
        raise StateConflict(f"The tenant {FIRST_TENANT} keeps its name.", field="name")


def require_present(tenant: TenantData) -> None:
    """StateConflict for a tenant that is being deleted."""
    if tenant.status is TenantStatus.DELETING:
        raise StateConflict(f"The tenant {tenant.name} is being deleted.", field="tenant")


def require_stoppable(actor: Actor, tenant: TenantData, *, has_superadmin: bool) -> None:
    """StateConflict for tenants that must be there for those who look after all others."""
    if tenant.name == FIRST_TENANT:
        raise StateConflict(f"The tenant {FIRST_TENANT} must stay.", field="tenant")
    if actor.tenant_id == tenant.id:
        raise StateConflict("Your own tenant must stay.", field="tenant")
    if has_superadmin:
        message = "A superadmin is in this tenant; move that user elsewhere first."
        raise StateConflict(message, field="tenant")
