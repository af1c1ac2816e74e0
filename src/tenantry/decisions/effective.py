"""All that a user may do, and what would change if a role did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tenantry.decisions.facts import UserFacts
from tenantry.decisions.paths import Door, Path, door, paths
from tenantry.decisions.standing import Standing, standing
from tenantry.decisions.world import World
from tenantry.privileges.model import DatabaseObject, Privilege, expanded


@dataclass(frozen=True, slots=True)
class Effective:
    """A privilege that a user has on an object and all in it, and every path to it.

    ``within_id``: only on the databases of this tenant. ALL is said as each privilege. What lies
    on everything does not go over a wall, so whether the user may do one thing is a check.
    """

    privilege: Privilege
    object: DatabaseObject
    within_id: UUID | None
    paths: tuple[Path, ...]


class Doorkeeper:
    """Looks at each door once; for many questions on one world at one moment."""

    def __init__(self, world: World, now: datetime) -> None:
        self.world = world
        self.now = now
        self._doors: dict[tuple[Privilege, DatabaseObject], Door] = {}

    def door(self, privilege: Privilege, thing: DatabaseObject) -> Door:
        """The door as of the moment."""
        found = self._doors.get((privilege, thing))
        if found is None:
            found = door(self.world, privilege, thing, self.now)
            self._doors[privilege, thing] = found
        return found


def effective(keeper: Doorkeeper, user: UserFacts) -> list[Effective]:
    """All that the user may do now, wider objects first."""
    having = standing(keeper.world, user, keeper.now)
    found: dict[tuple[Privilege, DatabaseObject, UUID | None], dict[Path, None]] = {}
    for path in _all_paths(keeper, user, having):
        within = None if path.object.database is not None else path.within_id
        for privilege in expanded({path.privilege}):
            found.setdefault((privilege, path.object, within), {})[path] = None
    every = [Effective(*what, tuple(ways)) for what, ways in found.items()]
    return sorted(every, key=lambda one: (one.object.level, one.object.label(), one.privilege))


def _all_paths(keeper: Doorkeeper, user: UserFacts, having: Standing) -> Iterator[Path]:
    """Every path to each thing that the user might have, through the door of just that thing."""
    world = keeper.world
    roles = world.with_ancestors(user.role_ids)
    rights = {*having.rights, *(right for role in roles for right in world.roles[role].rights)}
    tenants = {world.roles[role].tenant for role in roles} | {right.bound for right in rights}
    tenants |= {given.within for role in roles for given in world.roles[role].ways()}
    for privilege, *place in {right[1:] for right in rights}:
        thing = DatabaseObject(*place)
        doors = [thing]
        if thing.database is None:
            # A tenant lets in to all of its databases or to none: one stands for all.
            doors += [DatabaseObject(name) for t in sorted(tenants) for name in world.one_of(t)]
        for one in doors:
            for path in paths(world, user, having, keeper.door(privilege, one)):
                if path.object == thing and path.privilege == privilege:
                    yield path


@dataclass(frozen=True, slots=True)
class Effect:
    """What one user would gain and lose, as far as nothing else would give the same."""

    user_id: UUID
    gains: tuple[Effective, ...]
    losses: tuple[Effective, ...]


def compare(before: Doorkeeper, after: Doorkeeper, users: Iterable[UserFacts]) -> Iterator[Effect]:
    """The effect on each user for whom there is one."""
    for user in users:
        was, will_be = effective(before, user), effective(after, user)
        gains = tuple(_not_in(before.world, will_be, was))
        losses = tuple(_not_in(before.world, was, will_be))
        if gains or losses:
            yield Effect(user.id, gains, losses)


def _not_in(world: World, ones: list[Effective], others: list[Effective]) -> Iterator[Effective]:
    """Those of the ones that none of the others covers."""
    for one in ones:
        if not any(_covers(world, other, one) for other in others):
            yield one


def _covers(world: World, wider: Effective, other: Effective) -> bool:
    if wider.privilege is not other.privilege or not wider.object.covers(other.object):
        return False
    if wider.within_id is None or wider.within_id == other.within_id:
        return True
    return world.owner(other.object.database) == world.numbers.of(wider.within_id)
