"""Random worlds: principals, memberships and grants for one small database."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from tenantry.databases.model import (
    Policy,
    PrincipalKind,
    WantedGrant,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.names import generated_name
from tenantry.privileges.model import DatabaseObject, Privilege, expanded, object_named


def a_principal(scope: UUID, kind: PrincipalKind, id: UUID | None = None) -> WantedPrincipal:
    known = id or uuid4()
    return WantedPrincipal(known, kind, generated_name(scope, kind, known))


@dataclass
class Cast:
    """Who and what there can be in the worlds of one scope."""

    database: str
    tables: Sequence[DatabaseObject]
    scope: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        self.users = [a_principal(self.scope, PrincipalKind.USER) for _ in range(4)]
        self.roles = [a_principal(self.scope, PrincipalKind.ROLE) for _ in range(3)]
        schemas = {object_named(one.database, one.schema) for one in self.tables}
        missing = object_named(self.database, "public", "missing")
        self.objects = [
            object_named(self.database),
            *sorted(schemas, key=DatabaseObject.label),
            *self.tables,
            missing,
        ]

    def world(self, dice: random.Random) -> tuple[WantedState, Policy]:
        """Some of them, with some memberships and grants, under some policy."""
        there = [one for one in (*self.users, *self.roles) if dice.random() < 0.8]
        members = {
            (one.name, role.name)
            for one in there
            for role in there
            if role.kind is PrincipalKind.ROLE
            and (one.kind is PrincipalKind.USER or one.name < role.name)
            and dice.random() < 0.3
        }
        grants = {self.grant(dice, there) for _ in range(dice.randrange(12)) if there}
        policy = Policy(
            allow_wider=dice.random() < 0.6,
            close_public=dice.random() < 0.5,
            take_ownership=dice.random() < 0.3,
        )
        wanted = WantedState(self.scope, tuple(there), frozenset(members), frozenset(grants))
        return wanted, policy

    def grant(self, dice: random.Random, there: Sequence[WantedPrincipal]) -> WantedGrant:
        place = dice.choice(self.objects)
        privilege = dice.choice([one for one in Privilege if one.narrowest >= place.level])
        return WantedGrant(dice.choice(there).name, privilege, place)


def allowed(wanted: WantedState, name: str, privilege: Privilege, place: DatabaseObject) -> bool:
    """What Tenantry says: by a grant that covers the object, own or of a role at any distance."""
    reached = roles_of(wanted, name)
    return any(
        grant.principal in reached
        and privilege in expanded([grant.privilege])
        and grant.object.covers(place)
        for grant in wanted.grants
    )


def roles_of(wanted: WantedState, name: str) -> set[str]:
    """The principal itself and all roles that it has, at any distance."""
    reached, fresh = {name}, {name}
    while fresh:
        fresh = {role for one, role in wanted.members if one in fresh} - reached
        reached |= fresh
    return reached
