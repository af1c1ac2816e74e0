"""Roles, tenants and databases, and the rules by which they open doors.

A *door* is a privilege on an object. Who comes through it is said in numbers: those of the roles
that open it, and those of the rights that users hold directly. All else in this folder asks here;
there is no second copy of the rules.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts
from tenantry.decisions.numbers import NOBODY, Numbers, Right
from tenantry.decisions.window import ALWAYS, Window
from tenantry.letting_go import emptied
from tenantry.privileges.model import DatabaseObject, Privilege

Touched = frozenset[str] | None
"""The databases whose doors a change may have opened or shut; None: all."""


@dataclass(frozen=True, slots=True)
class Given:
    """How a role has a right of itself: by a grant, or (None) by its permissions."""

    within: int = NOBODY
    window: Window = ALWAYS
    grant: GrantFacts | None = None


BY_PERMISSION = Given()


def window_of(grant: GrantFacts) -> Window:
    """When the grant holds."""
    timed = grant.valid_from or grant.valid_until
    return Window(grant.valid_from, grant.valid_until) if timed else ALWAYS


class Source(NamedTuple):
    """A role that opens a door by what it has of itself."""

    role: int
    right: Right
    given: Given


@dataclass(frozen=True, slots=True)
class Role:
    """A role's facts, and numbers in place of their ids."""

    facts: RoleFacts
    tenant: int
    parents: frozenset[int]
    rights: dict[Right, tuple[Given, ...]]

    def ways(self) -> Iterator[Given]:
        """How it has all that it has of itself."""
        return itertools.chain.from_iterable(self.rights.values())


class Opening(NamedTuple):
    """The roles that open a door, the rights held directly that do, and for how long just these."""

    roles: dict[int, None]
    rights: tuple[Right, ...]
    window: Window


class World:
    """All roles, tenants and databases. What changes them says which databases it touches."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.roles: dict[int, Role] = {}
        self.tenants: dict[int, TenantFacts] = {}
        self._owners: dict[str, int] = {}
        self._owned: dict[int, set[str]] = {}
        self._children: dict[int, set[int]] = {}
        # A right in here is bound to the role's tenant, so that a look-up for a database meets
        # no role of a third tenant.
        self._holders: dict[Right, dict[int, tuple[Given, ...]]] = {}
        self._beneath: dict[str | None, set[Right]] = {}

    def owner(self, database: str | None) -> int:
        """The tenant that the database belongs to."""
        return NOBODY if database is None else self._owners.get(database, NOBODY)

    def of_grant(self, grant: GrantFacts) -> Right:
        """What who holds this grant directly has by it."""
        thing = grant.object
        bound = self.numbers.of(grant.within_id)
        return Right(bound, grant.privilege, thing.database, thing.schema, thing.table)

    def one_of(self, tenant: int) -> Iterator[str]:
        """One of the tenant's databases, if it has any."""
        return itertools.islice(self._owned.get(tenant, ()), 1)

    def with_ancestors(self, role_ids: Iterable[UUID]) -> list[int]:
        """The roles and all that they inherit from, as far as they are known; a cycle ends."""
        return self._upward(role_ids, self.roles.__contains__)

    def good_on(self, database: str, role_ids: Iterable[UUID]) -> list[int]:
        """The same on a database: a role of a third tenant is good for nothing there, and neither
        is what is inherited through it.
        """
        tenants = (NOBODY, self.owner(database))
        return self._upward(
            role_ids, lambda role: role in self.roles and self.roles[role].tenant in tenants
        )

    def _upward(self, role_ids: Iterable[UUID], counts: Callable[[int], bool]) -> list[int]:
        found = dict.fromkeys(self.numbers.of(role_id) for role_id in role_ids)
        waiting = [role for role in found if counts(role)]
        for role in waiting:
            for parent in self.roles[role].parents:
                if parent not in found and counts(parent):
                    found[parent] = None
                    waiting.append(parent)
        return waiting

    def part(self, role_ids: Iterable[UUID]) -> "World":
        """A copy that has of the roles only these and what they inherit from."""
        part = World(self.numbers)
        part.tenants = dict(self.tenants)
        part._owners = dict(self._owners)
        part._owned = {tenant: set(names) for tenant, names in self._owned.items()}
        for role in self.with_ancestors(role_ids):
            part.put_role(self.roles[role].facts)
        return part

    def emptied(self) -> "World":
        """One that knows nothing but the numbers, and which rights users may come back with."""
        world = World(self.numbers)
        world._beneath = self._beneath
        return world

    def steps(self) -> Iterator[None]:
        """Give up all, one by one."""
        return emptied(self.roles, self._holders, self._children, self._owned)

    # Changing

    def number(self, right: Right) -> tuple[int, Touched]:
        """The number of a right that a user holds directly. A new one touches doors."""
        known = self.numbers.find(right)
        if known is not None:
            return known, frozenset()
        self._beneath.setdefault(right.database, set()).add(right)
        return self.numbers.give(right), self.touched(right)

    def put_tenant(self, tenant: TenantFacts) -> None:
        """Add or replace a tenant."""
        self.tenants[self.numbers.of(tenant.id)] = tenant

    def drop_tenant(self, tenant_id: UUID) -> None:
        """Forget a tenant; nobody in it is allowed anything from now on."""
        self.tenants.pop(self.numbers.of(tenant_id), None)

    def put_database(self, database: str, tenant_id: UUID | None) -> None:
        """Say who owns the database; None: nobody."""
        self._owned.get(self.owner(database), set()).discard(database)
        self._owners.pop(database, None)
        if tenant_id is not None:
            owner = self.numbers.of(tenant_id)
            self._owners[database] = owner
            self._owned.setdefault(owner, set()).add(database)

    def put_role(self, facts: RoleFacts) -> Touched:
        """Add or replace a role."""
        number = self.numbers.of(facts.id)
        old = self.roles.get(number)
        new = self._role(facts)
        self._take_out(number)
        self.roles[number] = new
        for parent in new.parents:
            self._children.setdefault(parent, set()).add(number)
        for right, given in new.rights.items():
            self._holders.setdefault(right, {})[number] = given
            self._beneath.setdefault(right.database, set()).add(right)
        if old is None or old.tenant != new.tenant:
            return self._of_tenants(new.tenant, old.tenant if old else new.tenant)
        if old.parents != new.parents:
            return self._of_tenants(new.tenant)
        both = old.rights | new.rights
        return self.touched(*(r for r in both if old.rights.get(r) != new.rights.get(r)))

    def drop_role(self, role_id: UUID) -> Touched:
        """Forget a role."""
        number = self.numbers.of(role_id)
        old = self.roles.get(number)
        self._take_out(number)
        return frozenset() if old is None else self._of_tenants(old.tenant)

    def touched(self, *rights: Right) -> Touched:
        """The databases in which these rights count."""
        databases: set[str] = set()
        for right in rights:
            if right.database is not None:
                databases.add(right.database)
            elif right.bound != NOBODY:
                databases |= self._owned.get(right.bound, set())
            else:
                return None
        return frozenset(databases)

    def _of_tenants(self, *tenants: int) -> Touched:
        if NOBODY in tenants:
            return None
        return frozenset().union(*(self._owned.get(tenant, set()) for tenant in tenants))

    def _role(self, facts: RoleFacts) -> Role:
        tenant = self.numbers.of(facts.tenant_id)
        rights: dict[Right, tuple[Given, ...]] = {}
        databases = [None] if facts.databases is None else facts.databases
        for database in databases:
            for privilege in facts.privileges:
                rights[Right(tenant, privilege, database, None, None)] = (BY_PERMISSION,)
        for grant in facts.grants:
            place = (grant.object.database, grant.object.schema, grant.object.table)
            right = Right(tenant, grant.privilege, *place)
            given = Given(self.numbers.of(grant.within_id), window_of(grant), grant)
            rights[right] = (*rights.get(right, ()), given)
        parents = frozenset(self.numbers.of(id) for id in facts.parent_ids)
        return Role(facts, tenant, parents, rights)

    def _take_out(self, number: int) -> None:
        old = self.roles.pop(number, None)
        if old is None:
            return
        for parent in old.parents:
            self._children[parent].discard(number)
        for right in old.rights:
            holders = self._holders[right]
            del holders[number]
            if not holders:
                del self._holders[right]
                if self.numbers.find(right) is None:
                    self._beneath[right.database].discard(right)

    # Deciding

    def is_active(self, tenant: int) -> bool:
        """Whether the tenant is known and not suspended."""
        known = self.tenants.get(tenant)
        return known is not None and known.active

    def lets_in(self, tenant: int, database: str | None) -> bool:
        """Whether users of the tenant can have any right on the database: walls, suspension."""
        owner = self.owner(database)
        if not self.is_active(tenant):
            return False
        if owner in (NOBODY, tenant):
            return True
        if not self.is_active(owner):
            return False
        return not (self.tenants[tenant].isolated or self.tenants[owner].isolated)

    def opening(self, privilege: Privilege | None, thing: DatabaseObject, now: datetime) -> Opening:
        """Who comes through the door: privilege None asks for any, on the object or beneath."""
        roles: dict[int, None] = {}
        window = ALWAYS
        owner = self.owner(thing.database)
        rights = tuple(self.rights(privilege, thing))
        for source in self._sources(rights, owner):
            if source.given.window is not ALWAYS:
                window = window.around(now, source.given.window)
            if source.given.window.holds_at(now):
                roles[source.role] = None
        self._add_heirs(roles, owner)
        return Opening(roles, rights, window)

    def sources(self, privilege: Privilege | None, thing: DatabaseObject) -> Iterator[Source]:
        """The roles that have of themselves what opens the door, at some time."""
        return self._sources(self.rights(privilege, thing), self.owner(thing.database))

    def _sources(self, rights: Iterable[Right], owner: int) -> Iterator[Source]:
        for right in rights:
            for role, ways in self._holders.get(right, {}).items():
                for given in ways:
                    if given.within in (NOBODY, owner):
                        yield Source(role, right, given)

    def rights(self, privilege: Privilege | None, thing: DatabaseObject) -> Iterator[Right]:
        """Every right that opens the door: by itself or by ALL, on the object or around it."""
        bounds = {NOBODY, self.owner(thing.database)}
        if privilege is None:
            for database in (None, thing.database):
                for right in self._beneath.get(database, ()):
                    if right.bound in bounds:
                        yield right
            return
        for place in _around(thing):
            for covering in {privilege, Privilege.ALL}:
                for bound in bounds:
                    yield Right(bound, covering, *place)

    def _add_heirs(self, roles: dict[int, None], owner: int) -> None:
        """Add each role that inherits from these, where it is itself good on the database."""
        waiting = list(roles)
        for parent in waiting:
            for child in self._children.get(parent, ()):
                if child not in roles and self.roles[child].tenant in (NOBODY, owner):
                    roles[child] = None
                    waiting.append(child)


def _around(thing: DatabaseObject) -> Iterator[tuple[str | None, str | None, str | None]]:
    """Everything, and what lies around the object, down to itself."""
    database, schema, table = thing.database, thing.schema, thing.table
    yield None, None, None
    if database is not None:
        yield database, None, None
        if schema is not None:
            yield database, schema, None
            if table is not None:
                yield database, schema, table
