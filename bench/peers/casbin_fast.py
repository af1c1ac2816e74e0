"""pycasbin's FastEnforcer, its policies found by object, one call for each level."""

import casbin
from casbin.model.model_fast import FastModel

from bench.peers.peer import Loaded, Prepared
from bench.peers.world import Grant, Question, World

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && (p.act == r.act || p.act == "ALL")
"""


def load(world: World) -> Loaded:
    """Put policies and links where the enforcer reads them: adding one by one is quadratic."""
    model = FastModel([1])
    model.load_model_from_text(MODEL)
    enforcer = casbin.FastEnforcer(model, cache_key_order=[1])
    policies = enforcer.get_model().model["p"]["p"].policy
    links = enforcer.get_role_manager()
    for role, grants in enumerate(world.role_grants):
        for grant in set(grants):
            policies.append([f"role{role}", _object(grant), grant.privilege])
        for parent in world.parents[role]:
            links.add_link(f"role{role}", f"role{parent}")
    for user, roles, grants in world.users():
        for role in roles:
            links.add_link(f"user{user}", f"role{role}")
        for grant in set(grants):
            policies.append([f"user{user}", _object(grant), grant.privilege])
    enforce = enforcer.enforce

    def ask(prepared: Prepared) -> bool:
        user, privilege, places = prepared
        return any(enforce(user, place, privilege) for place in places)

    return Loaded(_prepared, ask)


def _object(grant: Grant) -> str:
    return ".".join(part for part in grant[1:] if part) or "everything"


def _prepared(question: Question) -> Prepared:
    database, schema, table = question.database, question.schema, question.table
    inner = f"{database}.{schema}.{table}"
    places = (inner, f"{database}.{schema}", database, "everything")
    return f"user{question.user}", question.privilege, places
