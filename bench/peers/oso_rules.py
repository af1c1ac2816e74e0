"""Oso: Polar rules over Python objects; roles pass on what they have."""

from dataclasses import dataclass, field

import oso

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Grant, Question, World

RULES = """
allow(holder: Holder, action, place: Place) if has(holder, action, place);
has(holder: Holder, action, place: Place) if
    holder.holds(action, place);
has(holder: Holder, action, place: Place) if
    parent in holder.parents and
    has(parent, action, place);
"""


@dataclass
class Holder:
    """A user or a role."""

    grants: frozenset[Grant]
    parents: list["Holder"] = field(default_factory=list)

    def holds(self, action: str, place: "Place") -> bool:
        """Whether it has of itself the action, or ALL, on the place or around it."""
        return any(
            (kind, *names) in self.grants for kind in (action, "ALL") for names in place.around
        )


@dataclass
class Place:
    """A table, and all that it lies in."""

    around: tuple[tuple[str, str, str], ...]


def load(world: World) -> Loaded:
    """Objects for all; the rules are few."""
    rules = oso.Oso()
    rules.register_class(Holder)
    rules.register_class(Place)
    rules.load_str(RULES)
    roles = [Holder(frozenset(grants)) for grants in world.role_grants]
    for role, parents in zip(roles, world.parents, strict=True):
        role.parents = [roles[parent] for parent in parents]
    users = [
        Holder(frozenset(grants), [roles[role] for role in held])
        for _, held, grants in world.users()
    ]

    def prepare(question: Question) -> Prepared:
        database, schema, table = question.database, question.schema, question.table
        inner = ((database, schema, table), (database, schema, ""), (database, "", ""))
        return users[question.user], question.privilege, Place((*inner, ("", "", "")))

    def ask(prepared: Prepared) -> bool:
        answer: bool = rules.is_allowed(*prepared)
        return answer

    return Loaded(prepare, ask)
