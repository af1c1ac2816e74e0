"""Cedar through cedarpy: who may is a set on each object, policies and entities parsed before."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator

import cedarpy

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import DATABASES, PRIVILEGES, SCHEMAS, TABLES, Grant, Question, World

Entity = dict[str, object]
Holders = dict[Grant, list[Entity]]


def load(world: World) -> Loaded:
    """One policy a privilege; an object that lies in another names it."""
    policies = cedarpy.PolicySet.from_str("\n".join(_policy(name) for name in PRIVILEGES))
    entities = cedarpy.Entities.from_json_str(json.dumps(list(_entities(world))))

    def ask(prepared: Prepared) -> bool:
        answer: bool = cedarpy.is_authorized(prepared, policies, entities).allowed
        return answer

    return Loaded(_prepared, ask)


def _policy(privilege: str) -> str:
    database = "resource.schema.database"
    places = ("resource", "resource.schema", database, f"{database}.everything")
    held = " || ".join(f"principal in {place}.{privilege}" for place in places)
    return f'permit(principal, action == Action::"{privilege}", resource) when {{ {held} }};'


def _entities(world: World) -> Iterator[Entity]:
    holders: Holders = defaultdict(list)
    for role, parents in enumerate(world.parents):
        for grant in set(world.role_grants[role]):
            holders[grant].append({"__entity": _named("Role", f"{role}")})
        yield _entity("Role", f"{role}", {}, [_named("Role", f"{parent}") for parent in parents])
    for user, roles, grants in world.users():
        for grant in set(grants):
            holders[grant].append({"__entity": _named("User", f"{user}")})
        yield _entity("User", f"{user}", {}, [_named("Role", f"{role}") for role in roles])
    yield _entity("Place", "everything", _attributes(holders, ""), [])
    for number in range(DATABASES):
        database = f"database{number}"
        inner = {"everything": {"__entity": _named("Place", "everything")}}
        yield _entity("Place", database, _attributes(holders, database) | inner, [])
        for place in range(SCHEMAS):
            schema = f"schema{place}"
            name = f"{database}.{schema}"
            inner = {"database": {"__entity": _named("Place", database)}}
            yield _entity("Place", name, _attributes(holders, database, schema) | inner, [])
            inner = {"schema": {"__entity": _named("Place", name)}}
            for table in (f"table{number}" for number in range(TABLES)):
                attributes = _attributes(holders, database, schema, table) | inner
                yield _entity("Place", f"{name}.{table}", attributes, [])


def _attributes(holders: Holders, *place: str) -> Entity:
    return {
        name: list(
            itertools.chain(
                holders.get(Grant(name, *place), ()), holders.get(Grant("ALL", *place), ())
            )
        )
        for name in PRIVILEGES
    }


def _entity(kind: str, name: str, attributes: Entity, parents: list[dict[str, str]]) -> Entity:
    return {"uid": _named(kind, name), "attrs": attributes, "parents": parents}


def _named(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _prepared(question: Question) -> Prepared:
    place = f"{question.database}.{question.schema}.{question.table}"
    return {
        "principal": f'User::"{question.user}"',
        "action": f'Action::"{question.privilege}"',
        "resource": f'Place::"{place}"',
    }
