"""Rego through regopy: roles closed over inheritance, grants by holder, a rule that looks up."""

import json

import regopy

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Grant, Question, World

RULES = """
package access

import rego.v1

holders contains holder if {
    some role in data.users[input.user]
    some holder in data.closed[role]
}

holders contains input.user

allow if {
    some holder in holders
    some privilege in [input.privilege, "ALL"]
    some place in input.places
    data.grants[holder][privilege][place]
}
"""


def load(world: World) -> Loaded:
    """All data at once, and a bundle of the compiled question."""
    grants = {f"role{n}": _by_privilege(held) for n, held in enumerate(world.role_grants)}
    users = {}
    for number, roles, held in world.users():
        users[f"user{number}"] = [f"role{role}" for role in roles]
        grants[f"user{number}"] = _by_privilege(held)
    closed = {
        f"role{n}": [f"role{one}" for one in world.heirlooms(n)] for n in range(world.size.roles)
    }
    engine = regopy.Interpreter()
    engine.add_data_json(json.dumps({"users": users, "grants": grants, "closed": closed}))
    engine.add_module("access", RULES)
    bundle = engine.build("data.access.allow", [])

    def ask(prepared: Prepared) -> bool:
        engine.set_input(prepared)
        return "true" in str(engine.query_bundle(bundle)).lower()

    return Loaded(_prepared, ask)


def _by_privilege(held: list[Grant]) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for grant in held:
        found.setdefault(grant.privilege, {})[_place(grant[1:])] = True
    return found


def _place(names: tuple[str, ...]) -> str:
    return ".".join(name for name in names if name) or "everything"


def _prepared(question: Question) -> Prepared:
    names = (question.database, question.schema, question.table)
    places = [_place(names[:level]) for level in range(4)]
    return {"user": f"user{question.user}", "privilege": question.privilege, "places": places}
