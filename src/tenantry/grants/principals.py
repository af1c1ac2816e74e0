"""Who is meant by a principal's name: a user or a role, and never a guess between the two."""

from dataclasses import dataclass
from uuid import UUID

from tenantry.errors import InvalidInput, PrincipalNotFound, RoleNotFound, UserNotFound
from tenantry.grants.model import PrincipalType
from tenantry.grants.ports import Roles, Users
from tenantry.kernel.action import Actor
from tenantry.kernel.transaction import Transaction
from tenantry.roles.sight import Places
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a role. ``tenant_id`` is None for a role of the platform."""

    type: PrincipalType
    id: UUID
    name: str
    tenant_id: UUID | None
    user: UserData | None = None

    @property
    def user_id(self) -> UUID | None:
        """The id, if it is a user."""
        return self.id if self.type is PrincipalType.USER else None

    @property
    def role_id(self) -> UUID | None:
        """The id, if it is a role."""
        return self.id if self.type is PrincipalType.ROLE else None


@dataclass(frozen=True, slots=True)
class Named:
    """A principal as an action names it."""

    name: str
    type: PrincipalType | None = None
    tenant: str | None = None


class Principals:
    """Finds principals. ``scope`` says what the asker can see; the rest does not exist."""

    def __init__(self, *, users: Users, roles: Roles) -> None:
        self._users = users
        self._roles = roles
        self._places = Places(users)

    async def find(self, tx: Transaction, named: Named, actor: Actor, scope: Scope) -> Principal:
        """The principal; an error where there is none, and where there are two.

        A role stays at least until the transaction ends.
        """
        user = role = None
        place = await self._places.of_name(tx, actor, named.tenant, actor.tenant_id)
        if named.type is not PrincipalType.ROLE:
            user = await self._users.find(tx, UserKey.of(user=named.name), scope)
        if named.type is not PrincipalType.USER:
            found = await self._roles.resolve(tx, [named.name], place, scope)
            role = found.get(named.name)
        if user is not None and role is not None:
            message = f"is both a user and a role; say which by principal_type: {named.name[:64]}"
            raise InvalidInput.of("principal", "ambiguous_principal", message)
        if user is not None:
            return _of_user(user)
        if role is None:
            raise _missing(named.type)
        return Principal(PrincipalType.ROLE, role.id, role.name, role.tenant_id)

    async def lock(self, tx: Transaction, named: Named, actor: Actor, scope: Scope) -> Principal:
        """Like ``find``, and nobody else changes a user until the transaction ends."""
        found = await self.find(tx, named, actor, scope)
        if found.type is PrincipalType.ROLE:
            return found
        return _of_user(await self._users.lock(tx, UserKey("id", str(found.id)), scope))

    async def role(
        self, tx: Transaction, name: str, tenant: str | None, actor: Actor, scope: Scope
    ) -> Principal:
        """The role of this name or id; RoleNotFound."""
        try:
            return await self.find(tx, Named(name, PrincipalType.ROLE, tenant), actor, scope)
        except RoleNotFound:
            raise RoleNotFound(field="role") from None


def _missing(kind: PrincipalType | None) -> Exception:
    if kind is PrincipalType.USER:
        return UserNotFound(field="principal")
    return (RoleNotFound if kind is PrincipalType.ROLE else PrincipalNotFound)(field="principal")


def _of_user(user: UserData) -> Principal:
    return Principal(PrincipalType.USER, user.id, user.username, user.tenant_id, user)
