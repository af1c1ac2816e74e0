"""By which ways a user comes through a door."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.decisions.facts import GrantFacts, UserFacts
from tenantry.decisions.standing import Standing
from tenantry.decisions.world import Opening, Source, World
from tenantry.privileges.model import DatabaseObject, Privilege


@dataclass(frozen=True, slots=True)
class Path:
    """One way in which a user comes to a privilege on an object.

    The user holds the first of the roles, and each inherits from the next; none for a grant to the
    user. ``grant`` is None where the last role has it by its permissions. ``within_id`` is the
    tenant on whose databases alone the path leads, by a grant's bound or because a role of it is
    on the way. ``valid_until`` is when the path ends by itself.
    """

    role_ids: tuple[UUID, ...]
    privilege: Privilege
    object: DatabaseObject
    grant: GrantFacts | None
    within_id: UUID | None
    valid_until: datetime | None


class Door(NamedTuple):
    """A door as of now, with the roles that open it by what they have of themselves."""

    privilege: Privilege
    thing: DatabaseObject
    opening: Opening
    sources: dict[int, list[Source]]


def door(world: World, privilege: Privilege, thing: DatabaseObject, now: datetime) -> Door:
    """Look at a door."""
    sources: dict[int, list[Source]] = {}
    for source in world.sources(privilege, thing):
        if source.given.window.holds_at(now):
            sources.setdefault(source.role, []).append(source)
    return Door(privilege, thing, world.opening(privilege, thing, now), sources)


def paths(world: World, user: UserFacts, having: Standing, through: Door) -> list[Path]:
    """For each of the user's grants, and each right of a role reached, the shortest way there."""
    if not having.comes_through(world, through.opening, through.thing.database):
        return []
    found = []
    for right in through.opening.rights:
        for grant in having.rights.get(right, ()):
            until = _first(grant.valid_until, user.active_until)
            found.append(Path((), grant.privilege, grant.object, grant, grant.within_id, until))
    for role in having.roles:
        if role in through.opening.roles:
            found += _upwards(world, role, through, user.active_until)
    return sorted(found, key=lambda path: len(path.role_ids))


def _upwards(world: World, first: int, through: Door, until: datetime | None) -> list[Path]:
    """The paths from one role of the user, through roles that open the door, nearest first."""
    found = []
    chains: dict[int, tuple[int, ...]] = {first: (first,)}
    waiting = [first]
    for role in waiting:
        found += [
            _path(world, chains[role], source, until) for source in through.sources.get(role, ())
        ]
        for parent in sorted(world.roles[role].parents):
            if parent in through.opening.roles and parent not in chains:
                chains[parent] = (*chains[role], parent)
                waiting.append(parent)
    return found


def _path(world: World, chain: tuple[int, ...], source: Source, until: datetime | None) -> Path:
    given = source.given
    facts = [world.roles[role].facts for role in chain]
    bounds = [role.tenant_id for role in facts if role.tenant_id is not None]
    if given.grant is not None and given.grant.within_id is not None:
        bounds.append(given.grant.within_id)
    right = source.right
    return Path(
        role_ids=tuple(role.id for role in facts),
        privilege=right.privilege,
        object=DatabaseObject(right.database, right.schema, right.table),
        grant=given.grant,
        within_id=bounds[0] if bounds else None,
        valid_until=_first(given.window.until, until),
    )


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
