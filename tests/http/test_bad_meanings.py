"""Values of the right type that mean nothing: each is refused by its field's name, nothing stored.

The types themselves are in ``test_bad_values``.
"""

from typing import Any, NamedTuple

import asyncpg
import httpx2
import pytest

from tenantry.app import App
from tenantry.testing.users import make_user
from tests.http.test_bad_values import ID, stored

pytestmark = pytest.mark.anyio


class Case(NamedTuple):
    """A request, the status of its answer and the field that the answer names."""

    method: str
    path: str
    body: dict[str, Any] | None
    field: str
    status: int = 422


NEW_USER = {"username": "new", "email": "new@example.org", "password": "a sound passphrase"}


def user(field: str, value: Any, status: int = 422) -> Case:
    """A user to be created with this, and one to be modified."""
    return Case("POST", "/users", {**NEW_USER, field: value}, field, status)


def modified(field: str, value: Any, status: int = 422) -> Case:
    return Case("PATCH", "/users/john", {field: value}, field, status)


def keypair(field: str, value: Any) -> Case:
    return Case("POST", "/keypair-policies", {"name": "p", field: value}, field)


def compute(field: str, value: Any, status: int = 422) -> Case:
    return Case("POST", "/compute-sessions", {"command": ["true"], field: value}, field, status)


GRANT = {"permissions": ["SELECT"], "database": "sales"}
CASES = [
    *(user(f, v) for f in ("container_uid", "container_main_gid") for v in (-1, 0, 999, 2**31)),
    *(user("container_gids", v) for v in ([-1], [2000, 0], [2**31])),
    *(
        user("allowed_client_ip", [v])
        for v in ("192.168.1.5/24", "fe80::1%eth0", "10.1", "010.0.0.1", "::ffff:1.2.3.4/24", "")
    ),
    user("domain_name", "nowhere"),
    user("resource_policy", "nothing"),
    user("role", "emperor"),
    user("group_ids", [ID]),
    user("group_ids", ["no-id"]),
    user("description", "x" * 60_000),
    *(modified(f, None) for f in ("username", "role", "status", "password", "domain_name")),
    modified("domain_name", "nowhere"),
    modified("resource_policy", "nothing"),
    modified("group_ids", [ID]),
    modified("container_uid", -5),
    Case("PATCH", "/users/john", {}, "modifier"),
    *(
        Case("POST", "/vfolders", {"name": name}, "name")
        for name in ("", "..", "a/b", "a b", ".hidden", "-rf", "a\u202eb", "x" * 256, ID, "a\n")
    ),
    Case("POST", "/vfolders", {"name": "data", "host": "nowhere"}, "host"),
    Case("POST", "/vfolders", {"name": "data", "owner": "nobody-here"}, "owner", 404),
    Case("POST", "/vfolders/none/shares", {"user": "john"}, "folder", 404),
    Case("POST", "/vfolders/none/shares", {"user": "john", "permission": "wd"}, "permission"),
    Case("POST", "/vfolders/none/hand-over", {"to": "john"}, "folder", 404),
    *(compute("cpu", v) for v in (0, -1, 2**31)),
    *(compute("memory", v) for v in (0, -1, 2**26 - 1, 2**62)),
    compute("gpu", -0.1),
    compute("gpu", 1e300),
    *(compute("command", v) for v in ([], [""], ["x" * 4097], ["x"] * 257)),
    *(compute("name", v) for v in ("", "x" * 129, "a\nb")),
    *(compute("environment", {k: "x"}) for k in ("", "A=B", "1A", "TENANTRY_X", "É", "x" * 200)),
    compute("folders", ["nothing"], 404),
    compute("folders", [ID], 404),
    compute("folders", [""]),
    compute("user", "nobody-here", 404),
    compute("user", "", 404),
    *(
        Case("POST", "/access-keys", {field: value}, field)
        for field, value in (
            ("rate_limit", -1),
            ("rate_limit", 2**31),
            ("expires_at", "2020-01-01T00:00:00Z"),
            ("expires_at", "9999-12-31T23:59:59Z"),
            ("resource_policy", "nothing"),
            ("name", "x" * 300),
            ("scope", "everything"),
        )
    ),
    Case("POST", "/access-keys", {"user": "nobody-here"}, "user", 404),
    *(
        Case("POST", "/resource-policies", {"name": "p", field: value}, field)
        for field, value in (
            ("max_vfolder_count", -1),
            ("max_quota_scope_size", -2),
            ("max_quota_scope_size", 2**63),
            ("max_session_count_per_model_session", 2**31),
            ("max_concurrent_logins", 0),
        )
    ),
    *(
        Case("POST", "/resource-policies", {"name": name}, "name")
        for name in ("", " ", "a/b", "..", "x" * 257, "a\u200bb")
    ),
    keypair("total_resource_slots", {"CPU": 1}),
    keypair("total_resource_slots", {"cpu": -1}),
    keypair("total_resource_slots", {"cpu": "many"}),
    keypair("total_resource_slots", {"cpu": "1e999"}),
    keypair("total_resource_slots", {f"slot{n}": 1 for n in range(300)}),
    keypair("allowed_vfolder_hosts", {"local": ["a permission"]}),
    keypair("max_containers_per_session", 0),
    keypair("idle_timeout", -1),
    keypair("default_for_unspecified", "LIMITED"),
    Case("PATCH", "/resource-policies/default", {}, "modifier"),
    Case("PATCH", "/keypair-policies/default", {"max_concurrent_sessions": None}, "max_concurrent"),
    *(
        Case("PUT", "/agents/one", {"address": "x", "cpu": 1, "memory": 2**30, field: v}, field)
        for field, v in (
            ("cpu", 0),
            ("memory", 1),
            ("gpu", -1),
            ("address", ""),
            ("address", "x" * 256),
        )
    ),
    Case("PUT", "/agents/-x", {"address": "x", "cpu": 1, "memory": 2**30}, "name"),
    Case("POST", "/agents/unknown/heartbeat", {}, "name", 404),
    Case("POST", "/groups", {"name": ""}, "name"),
    Case("POST", "/groups", {"name": "g", "domain_name": "nowhere"}, "domain_name", 404),
    *(
        Case("POST", "/roles", {"name": "dev", field: value}, field)
        for field, value in (
            ("name", ""),
            ("name", "public"),
            ("name", "a/b"),
            ("permissions", ["SELEKT"]),
            ("permissions", ["user.lokc"]),
            ("permissions", ["tenant.create"]),
            ("databases", []),
            ("databases", ["*"]),
            ("databases", ["x" * 64]),
            ("description", "x" * 4097),
        )
    ),
    Case("POST", "/roles", {"name": "dev", "domain_name": "nowhere"}, "domain_name", 404),
    Case("PUT", "/roles/public", {}, "name"),
    Case("PATCH", "/roles/nothing", {"name": "dev"}, "role", 404),
    Case("DELETE", "/roles/nothing", None, "role", 404),
    Case("GET", "/roles/nothing/members", None, "role", 404),
    Case("GET", "/roles?cursor=forged", None, "cursor"),
    Case("POST", "/roles/search", {"permission": "SELEKT"}, "permission"),
    Case("POST", "/roles/nothing/parents", {"parent": "nothing"}, "role", 404),
    Case("POST", "/users/john/roles", {"roles": []}, "roles"),
    Case("POST", "/users/john/roles", {"roles": ["nothing"]}, "role", 404),
    Case("POST", "/users/nobody-here/roles", {"roles": ["nothing"]}, "user", 404),
    Case("DELETE", "/users/john/roles/nothing", None, "role", 404),
    Case("GET", "/users/nobody-here/roles", None, "user", 404),
    *(
        Case("POST", "/grants", {"principal": "john", **GRANT, field: value}, field)
        for field, value in (
            ("permissions", []),
            ("permissions", ["SELEKT"]),
            ("permissions", ["CREATE_DATABASE"]),
            ("database", ""),
            ("database", "*"),
            ("database", "x" * 64),
            ("schema", "a\u202eb"),
            ("table", " "),
            ("reason", "x" * 1025),
            ("valid_until", "2020-01-01T00:00:00Z"),
            ("principal_type", "group"),
        )
    ),
    Case("POST", "/grants", {"principal": "nobody-here", **GRANT}, "principal", 404),
    Case("POST", "/grants", {"principal": "", **GRANT}, "principal", 404),
    Case("POST", "/grants", {**GRANT, "principal": "john", "domain_name": "x"}, "domain_name", 404),
    Case("POST", "/grants/revoke", {"principal": "john", "permissions": []}, "permissions"),
    Case("POST", "/grants/revoke", {"principal": "nobody", **GRANT}, "principal", 404),
    Case("POST", "/grants/revoke-access", {"principal": "john", "database": "*"}, "database"),
    Case("POST", "/check", {"user": "john", "permission": "SELEKT"}, "permission"),
    Case("POST", "/check", {"user": "john", "permission": "SELECT", "table": "t"}, "database"),
    Case("POST", "/checks", {"questions": [{"user": "x", "permission": "?"}]}, "questions[0]"),
    Case("POST", "/checks", {"questions": [{"user": "x"}]}, "questions[0].permission"),
    Case("POST", "/check-access", {"user": "john", "database": ""}, "database"),
    Case("GET", "/grants/explain?user=nobody&permission=SELECT", None, "user", 404),
    Case("GET", "/grants/holders?permission=SELEKT", None, "permission"),
    Case("GET", "/grants?schema=s", None, "database"),
    Case("GET", "/grants?cursor=forged", None, "cursor"),
    Case("GET", "/users/nobody-here/permissions", None, "user", 404),
    Case("POST", "/grants/what-if", {"role": "nothing", "permissions": ["ALL"]}, "role", 404),
    Case("GET", "/compute-sessions?limit=0", None, "limit"),
    Case("GET", "/vfolders?limit=1001", None, "limit"),
    Case("GET", "/vfolders?cursor=forged", None, "cursor"),
    Case("GET", "/compute-sessions?cursor=e30.e30", None, "cursor"),
    Case("GET", "/usage/users/nobody-here", None, "user_id", 404),
]


async def test_a_value_without_a_meaning_is_refused_by_name_and_stores_nothing(
    tenantry: App, root: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    await make_user(tenantry, "john", email="john@example.com")
    before = await stored(owner)
    wrong = []
    for case in CASES:
        answer = await root.request(case.method, f"/api/v1{case.path}", json=case.body)
        problem = answer.json()
        named = [v["field"] for v in problem.get("violations", [])] or [str(problem.get("field"))]
        if answer.status_code != case.status or not all(n.startswith(case.field) for n in named):
            wrong.append(f"{str(case)[:150]}: {answer.status_code} {named} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert await stored(owner) == before


async def test_all_wrong_fields_are_named_at_once(tenantry: App, root: httpx2.AsyncClient) -> None:
    wrong = {"command": [], "cpu": 0, "memory": "much", "environment": {"A": 1}, "surprise": True}
    problem = (await root.post("/api/v1/compute-sessions", json=wrong)).json()
    named = {v["field"].partition(".")[0].partition("[")[0] for v in problem["violations"]}
    assert named == set(wrong)
