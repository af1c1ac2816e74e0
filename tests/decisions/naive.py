"""The rules once more, written as plainly as they can be: loops over everything, nothing kept.

The engine is compared with this. It must share no code with it but the facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.privileges.model import DatabaseObject, Privilege


@dataclass
class NaiveWorld:
    """All facts, by id or name."""

    users: dict[UUID, UserFacts] = field(default_factory=dict)
    roles: dict[UUID, RoleFacts] = field(default_factory=dict)
    tenants: dict[UUID, TenantFacts] = field(default_factory=dict)
    databases: dict[str, UUID] = field(default_factory=dict)


def allows(
    world: NaiveWorld, user_id: UUID, privilege: Privilege, thing: DatabaseObject, now: datetime
) -> bool:
    """Whether the user has the privilege on the object now."""
    if not may_come_near(world, user_id, thing.database, now):
        return False
    owner = world.databases.get(thing.database) if thing.database is not None else None
    for granted, on in holdings(world, world.users[user_id], owner, now):
        if granted in (privilege, Privilege.ALL) and contains(on, thing):
            return True
    return False


def allows_any(world: NaiveWorld, user_id: UUID, database: str, now: datetime) -> bool:
    """Whether the user has any privilege on the database or on something in it."""
    if not may_come_near(world, user_id, database, now):
        return False
    owner = world.databases.get(database)
    for _, on in holdings(world, world.users[user_id], owner, now):
        if on.database in (None, database):
            return True
    return False


def may_come_near(world: NaiveWorld, user_id: UUID, database: str | None, now: datetime) -> bool:
    """Whether the state of user and tenants, and walls, leave room for any privilege."""
    user = world.users.get(user_id)
    if user is None or not user.active:
        return False
    if user.active_from is not None and now < user.active_from:
        return False
    if user.active_until is not None and now >= user.active_until:
        return False
    home = world.tenants.get(user.tenant_id)
    if home is None or not home.active:
        return False
    if database is None or database not in world.databases:
        return True
    owner = world.tenants.get(world.databases[database])
    if owner is None or not owner.active:
        return False
    return owner.id == home.id or not (owner.isolated or home.isolated)


def holdings(
    world: NaiveWorld, user: UserFacts, owner: UUID | None, now: datetime
) -> Iterator[tuple[Privilege, DatabaseObject]]:
    """All that the user holds, directly or by roles, that is good where ``owner`` is at home."""
    yield from granted(user.grants, owner, now)
    waiting = list(user.role_ids)
    seen = set()
    while waiting:
        role_id = waiting.pop()
        role = world.roles.get(role_id)
        if role_id in seen or role is None or role.tenant_id not in (None, owner):
            continue
        seen.add(role_id)
        for privilege in role.privileges:
            if role.databases is None:
                yield privilege, DatabaseObject()
            else:
                for database in role.databases:
                    yield privilege, DatabaseObject(database)
        yield from granted(role.grants, owner, now)
        waiting.extend(role.parent_ids)


def granted(
    grants: tuple[GrantFacts, ...], owner: UUID | None, now: datetime
) -> Iterator[tuple[Privilege, DatabaseObject]]:
    """What of the grants holds now on databases of this owner."""
    for grant in grants:
        if grant.within_id is not None and grant.within_id != owner:
            continue
        if grant.valid_from is not None and now < grant.valid_from:
            continue
        if grant.valid_until is not None and now >= grant.valid_until:
            continue
        yield grant.privilege, grant.object


def contains(outer: DatabaseObject, inner: DatabaseObject) -> bool:
    """Whether the inner object is the outer or lies in it."""
    if outer.database is None:
        return True
    if outer.database != inner.database:
        return False
    if outer.schema is None:
        return True
    if outer.schema != inner.schema:
        return False
    return outer.table is None or outer.table == inner.table
