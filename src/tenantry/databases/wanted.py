"""What a managed database is to enforce: principals, memberships and grants, from the facts. Pure.

A role's rights are given to its role on the server flattened, with all that it inherits, so that a
server needs no inheritance and no bounds: what is not good on this database is left out here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.databases.adopted import NO_ID, Adopted
from tenantry.databases.model import (
    PrincipalKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.names import generated_name
from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.decisions.numbers import NOBODY, Numbers
from tenantry.decisions.window import Window
from tenantry.decisions.world import World, window_of
from tenantry.privileges.model import DatabaseObject


@dataclass(frozen=True, slots=True)
class Holdings:
    """All that counts in one database: who may hold something there, and whose it is.

    ``adopted`` are the principals that were on the server before.
    """

    scope: UUID
    database: str
    owner: TenantFacts | None
    users: Mapping[UUID, UserFacts]
    roles: Mapping[UUID, RoleFacts]
    tenants: Mapping[UUID, TenantFacts]
    adopted: tuple[Adopted, ...] = ()

    @property
    def owner_id(self) -> UUID | None:
        """The tenant that the database belongs to."""
        return self.owner.id if self.owner is not None else None


def wanted_state(holdings: Holdings, now: datetime) -> WantedState:
    """What the server is to enforce from this moment until ``next_boundary``."""
    walls = _walls(holdings)
    granted = {id: set(_of_role(holdings, walls, id, now)) for id in holdings.roles}
    adopted = _adopted(holdings, walls, now)
    names = {one.id: one for one in adopted}
    principals = {one.name: one for one in adopted}
    members: set[tuple[str, str]] = set()
    grants: set[WantedGrant] = set()
    for role_id in names.keys() & granted.keys():
        grants.update(_given(holdings, names[role_id], granted[role_id]))
    for user in holdings.users.values():
        own = set(_usable(holdings, user.grants, now))
        held = {role_id for role_id in user.role_ids if granted.get(role_id)}
        home = walls.numbers.of(user.tenant_id)
        if not walls.lets_in(home, holdings.database) or not (own or held):
            continue
        login = names.get(user.id) or _made(
            holdings, user.id, PrincipalKind.USER, locked=not _is_active(user, now)
        )
        principals[login.name] = login
        grants.update(_given(holdings, login, own))
        for role_id in held:
            if login.adopted:
                # Which of its roles are active is its own business: it gets each right itself.
                grants.update(_given(holdings, login, granted[role_id]))
                continue
            role = names.get(role_id) or _made(holdings, role_id, PrincipalKind.ROLE)
            principals[role.name] = role
            members.add((login.name, role.name))
            grants.update(_given(holdings, role, granted[role_id]))
    ordered = tuple(principals[name] for name in sorted(principals))
    return WantedState(holdings.scope, ordered, frozenset(members), frozenset(grants))


def next_boundary(holdings: Holdings, now: datetime) -> datetime | None:
    """When time alone will next change what is wanted; None: never."""
    grants = [g for holder in _holders(holdings) for g in holder.grants]
    moments = [moment for g in grants for moment in (g.valid_from, g.valid_until)]
    moments += [
        m for user in holdings.users.values() for m in (user.active_from, user.active_until)
    ]
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _holders(holdings: Holdings) -> Iterable[UserFacts | RoleFacts]:
    yield from holdings.users.values()
    yield from holdings.roles.values()


def _of_role(
    holdings: Holdings, walls: World, role_id: UUID, now: datetime
) -> Iterator[GrantFacts]:
    """What the role has in the database, by itself and by its ancestors."""
    for number in walls.good_on(holdings.database, [role_id]):
        role = walls.roles[number].facts
        if role.databases is None or holdings.database in role.databases:
            place = None if role.databases is None else holdings.database
            for privilege in role.privileges:
                yield GrantFacts(role.id, privilege, DatabaseObject(place))
        yield from _usable(holdings, role.grants, now)


def _usable(
    holdings: Holdings, grants: Collection[GrantFacts], now: datetime
) -> Iterator[GrantFacts]:
    for grant in grants:
        here = grant.object.database in (None, holdings.database)
        bound = grant.within_id in (None, holdings.owner_id)
        if here and bound and window_of(grant).holds_at(now):
            yield grant


def _given(
    holdings: Holdings, holder: WantedPrincipal, grants: Iterable[GrantFacts]
) -> Iterator[WantedGrant]:
    """The same on this server, where a grant on everything is one on the database."""
    for grant in grants:
        whole = grant.object.database is None
        place = DatabaseObject(holdings.database) if whole else grant.object
        yield WantedGrant(holder.name, grant.privilege, place)


def _walls(holdings: Holdings) -> World:
    """Roles, tenants and the database, as decisions have them: what is inherited, and whom a wall
    or a suspension stops.
    """
    world = World(Numbers())
    for role in holdings.roles.values():
        world.put_role(role)
    for tenant in holdings.tenants.values():
        world.put_tenant(tenant)
    world.put_database(holdings.database, holdings.owner_id)
    return world


def _adopted(holdings: Holdings, walls: World, now: datetime) -> list[WantedPrincipal]:
    """All that were on the server before. Who is gone, or may not come in at all, is locked."""
    found: list[WantedPrincipal] = []
    for one in holdings.adopted:
        user = holdings.users.get(one.id) if one.id is not None else None
        is_role = one.id in holdings.roles
        home = walls.numbers.of(user.tenant_id) if user is not None else NOBODY
        may = user is not None and _is_active(user, now) and walls.is_active(home)
        kind = PrincipalKind.ROLE if is_role else PrincipalKind.USER
        locked = not (may or is_role)
        found.append(WantedPrincipal(one.id or NO_ID, kind, one.name, locked=locked, adopted=True))
    return found


def _is_active(user: UserFacts, now: datetime) -> bool:
    return user.active and Window(user.active_from, user.active_until).holds_at(now)


def _made(
    holdings: Holdings, id: UUID, kind: PrincipalKind, *, locked: bool = False
) -> WantedPrincipal:
    return WantedPrincipal(id, kind, generated_name(holdings.scope, kind, id), locked=locked)
