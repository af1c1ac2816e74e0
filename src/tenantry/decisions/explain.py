"""Why a user may or may not: the paths that lead there, or what stands in the way."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tenantry.decisions.facts import UserFacts
from tenantry.decisions.numbers import NOBODY, Right
from tenantry.decisions.paths import Path, door, paths
from tenantry.decisions.standing import Standing, standing
from tenantry.decisions.window import Window
from tenantry.decisions.world import World, window_of
from tenantry.privileges.model import DatabaseObject, Privilege

MOST_ROLES = 5
"""So many roles are named that would help."""


class Reason(StrEnum):
    """What stands in the way; where there are several, the first of these."""

    UNKNOWN = "unknown"
    """There is no such user."""
    INACTIVE = "inactive"
    """The user is inactive, locked or deleted."""
    TENANT_INACTIVE = "tenant_inactive"
    """The user's tenant, or the database's, is suspended or being deleted."""
    WALL = "wall"
    """The database belongs to another tenant, and one of the two is isolated."""
    NOT_YET_VALID = "not_yet_valid"
    """There is a grant that will allow it later."""
    EXPIRED = "expired"
    """There was a grant; it has ended."""
    ELSEWHERE = "elsewhere"
    """There is a grant, but it holds on the databases of another tenant only."""
    NEVER_GRANTED = "never_granted"
    """Nothing that the user has would ever allow it."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """The smallest changes each of which would allow it.

    The privilege on ``object``, granted to the user; or one of these roles, which hold it now,
    those with the fewest rights first.
    """

    privilege: Privilege
    object: DatabaseObject
    role_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its grounds: paths for a yes; a reason, and a remedy if any, for a no."""

    allowed: bool
    paths: tuple[Path, ...] = ()
    reason: Reason | None = None
    remedy: Remedy | None = None


def explain(
    world: World, user: UserFacts | None, privilege: Privilege, thing: DatabaseObject, now: datetime
) -> Explanation:
    """The decision on this question, and why it is so. The user is None where there is none."""
    if user is None:
        return Explanation(allowed=False, reason=Reason.UNKNOWN)
    having = standing(world, user, now)
    through = door(world, privilege, thing, now)
    if having.comes_through(world, through.opening, thing.database):
        return Explanation(allowed=True, paths=tuple(paths(world, user, having, through)))
    reason = _barrier(world, having, thing.database)
    if reason is not None:
        return Explanation(allowed=False, reason=reason)
    object = DatabaseObject(
        *(thing.database, thing.schema, thing.table)[: min(thing.level, privilege.narrowest)]
    )
    opening_roles = _fewest_rights(world, through.opening.roles, having)
    remedy = Remedy(privilege, object, opening_roles)
    return Explanation(
        allowed=False, reason=_lack(world, user, privilege, thing, now), remedy=remedy
    )


def _barrier(world: World, having: Standing, database: str | None) -> Reason | None:
    """What no grant would help against."""
    if not having.active:
        return Reason.INACTIVE
    if world.lets_in(having.tenant, database):
        return None
    for tenant in (having.tenant, world.owner(database)):
        if tenant != NOBODY and not world.is_active(tenant):
            return Reason.TENANT_INACTIVE
    return Reason.WALL


def _lack(
    world: World, user: UserFacts, privilege: Privilege, thing: DatabaseObject, now: datetime
) -> Reason:
    """Why what the user has does not count, from all that would count at some time or place."""
    wanted = {right[1:] for right in world.rights(privilege, thing)}
    windows = [window for right, window in _everything(world, user) if right[1:] in wanted]
    if any(window.since is not None and now < window.since for window in windows):
        return Reason.NOT_YET_VALID
    if any(not window.holds_at(now) for window in windows):
        return Reason.EXPIRED
    return Reason.ELSEWHERE if windows else Reason.NEVER_GRANTED


def _everything(world: World, user: UserFacts) -> Iterator[tuple[Right, Window]]:
    """All that the user has or inherits, whether or not it counts."""
    for grant in user.grants:
        yield world.of_grant(grant), window_of(grant)
    for role in world.with_ancestors(user.role_ids):
        for right, ways in world.roles[role].rights.items():
            for given in ways:
                yield right, given.window


def _fewest_rights(world: World, roles: Iterable[int], having: Standing) -> tuple[UUID, ...]:
    """Of the roles that open the door, those that a user of this tenant could be given."""
    possible = (world.roles[role] for role in roles)
    fitting = [role for role in possible if role.tenant in (NOBODY, having.tenant)]
    fitting.sort(key=lambda role: (len(role.rights) + len(role.parents), role.facts.id))
    return tuple(role.facts.id for role in fitting[:MOST_ROLES])
