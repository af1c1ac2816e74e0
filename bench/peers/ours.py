"""Tenantry's own engine, with a cache of decisions and without."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import DATABASES, Grant, Question, World
from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.privileges.model import DatabaseObject, Privilege

TENANT = UUID(int=1)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
GOLDEN = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Numbers times this are spread like ids."""


def user_id(number: int) -> UUID:
    """The id of a user of the world."""
    return UUID(int=(number * GOLDEN + 2) % 2**128)


def role_id(number: int) -> UUID:
    """The id of a role of the world."""
    return UUID(int=((number * GOLDEN + 3) % 2**128) ^ 2**127)


class Facts:
    """The world's facts; equal objects are one, as whoever reads many rows would keep them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._grants: dict[Grant, GrantFacts] = {}

    def grant(self, grant: Grant) -> GrantFacts:
        """One without bounds."""
        known = self._grants.get(grant)
        if known is None:
            thing = DatabaseObject(*(part or None for part in grant[1:]))
            known = GrantFacts(UUID(int=len(self._grants)), Privilege(grant.privilege), thing)
            self._grants[grant] = known
        return known

    def roles(self) -> Iterator[RoleFacts]:
        """All roles of the world, the platform's."""
        for number, grants in enumerate(self._world.role_grants):
            parents = self._world.parents[number]
            yield RoleFacts(
                id=role_id(number),
                parent_ids=frozenset(role_id(parent) for parent in parents),
                grants=tuple(self.grant(grant) for grant in set(grants)),
            )

    def users(self) -> Iterator[UserFacts]:
        """All users of the world."""
        for number, roles, grants in self._world.users():
            yield UserFacts(
                id=user_id(number),
                tenant_id=TENANT,
                role_ids=frozenset(role_id(role) for role in roles),
                grants=tuple(self.grant(grant) for grant in grants),
            )


def with_roles(facts: Facts, *, cached: int) -> Decisions:
    """The engine with all roles of the world."""
    decisions = Decisions(cached=cached)
    decisions.put_tenant(TenantFacts(TENANT))
    for number in range(DATABASES):
        decisions.put_database(f"database{number}", TENANT)
    for role in facts.roles():
        decisions.put_role(role)
    return decisions


def load(world: World) -> Loaded:
    """Every check is worked out."""
    return _loaded(world, cached=0)


def load_cached(world: World) -> Loaded:
    """Decisions are kept until something changes."""
    return _loaded(world, cached=2 * world.size.questions)


def _loaded(world: World, *, cached: int) -> Loaded:
    facts = Facts(world)
    decisions = with_roles(facts, cached=cached)
    decisions.load(facts.users(), now=NOW)

    def ask(prepared: Prepared) -> bool:
        user, privilege, database, schema, table = prepared
        return decisions.check(user, privilege, database, schema, table, now=NOW)

    return Loaded(prepared, ask)


def prepared(question: Question) -> Prepared:
    """The question with ids."""
    place = (question.database, question.schema, question.table)
    return (user_id(question.user), Privilege(question.privilege), *place)
