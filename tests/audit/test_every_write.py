"""Every write leaves an entry that says who, what, from where, and the values before and after."""

import json
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest

from tenantry import access_keys, compute, grants, groups, resources, roles, storage
from tenantry.access_keys import routes as _access_keys  # noqa: F401 - makes the attribute
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction, VerifyAuditAction
from tenantry.compute import routes as _compute  # noqa: F401 - as above
from tenantry.grants import routes as _grants  # noqa: F401 - as above
from tenantry.groups import routes as _groups  # noqa: F401 - as above
from tenantry.http.server import create_asgi
from tenantry.resources import routes as _resources  # noqa: F401 - as above
from tenantry.roles import routes as _roles  # noqa: F401 - as above
from tenantry.routes import wire
from tenantry.storage import routes as _storage  # noqa: F401 - as above
from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD, make_user
from tenantry.users.actions import PurgeUserAction
from tests.http.test_bad_values import ID, plausible

pytestmark = pytest.mark.anyio

ADDRESS = "192.0.2.7"
SECRET = "hush-hush-1234567890"
SLICES = (access_keys, compute, grants, groups, resources, roles, storage)


class Step(NamedTuple):
    """A request that succeeds, and what its entry says beside the usual."""

    tag: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    changes: dict[str, Any] | None = None
    """Some of the fields that are noted, each with its value before and after."""
    has_id: bool = True


SOMETHING: dict[str, Any] = {"something": "whatever it is"}
NEW_KEY = {"user": "john", "name": "script"}
RUN = {"command": ["sleep", "600"], "memory": 2**26, "environment": {"TOKEN": SECRET}}
ROLE = {"name": "dev", "permissions": ["SELECT"]}
ON_SALES = {"principal": "john", "permissions": ["SELECT"], "database": "sales"}
# {access_key_issue} stands for the id in the answer to the step of that tag.
STEPS = (
    Step("group.create", "POST", "/groups", {"name": "crew"}, {"name": [None, "crew"]}),
    Step("group.modify", "PATCH", "/groups/crew", {"name": "team"}, {"name": ["crew", "team"]}),
    Step("group.add_member", "POST", "/groups/team/members", {"user": "john"}, SOMETHING),
    Step("group.remove_member", "DELETE", "/groups/team/members/john", None, SOMETHING),
    Step("group.delete", "DELETE", "/groups/team", None, SOMETHING),
    Step(
        "resource_policy.create",
        "POST",
        "/resource-policies",
        {"name": "small", "max_vfolder_count": 2},
        {"max_vfolder_count": [None, 2]},
        has_id=False,
    ),
    Step(
        "resource_policy.modify",
        "PATCH",
        "/resource-policies/small",
        {"max_vfolder_count": 3},
        {"max_vfolder_count": [2, 3]},
        has_id=False,
    ),
    Step("resource_policy.delete", "DELETE", "/resource-policies/small", has_id=False),
    Step("keypair_policy.create", "POST", "/keypair-policies", {"name": "kp"}, has_id=False),
    Step(
        "keypair_policy.modify",
        "PATCH",
        "/keypair-policies/kp",
        {"idle_timeout": 60},
        {"idle_timeout": [1800, 60]},
        has_id=False,
    ),
    Step("keypair_policy.delete", "DELETE", "/keypair-policies/kp", has_id=False),
    Step("role.create", "POST", "/roles", ROLE, {"permissions": [None, ["SELECT"]]}),
    Step("role.modify", "PATCH", "/roles/dev", {"name": "ops"}, {"name": ["dev", "ops"]}),
    Step("role.ensure", "PUT", "/roles/base", {}, {"name": [None, "base"]}),
    Step(
        "role.inherit",
        "POST",
        "/roles/ops/parents",
        {"parent": "base"},
        {"inherits": [None, "base"]},
    ),
    Step(
        "role.disinherit", "DELETE", "/roles/ops/parents/base", None, {"inherits": ["base", None]}
    ),
    Step("role.assign", "POST", "/users/john/roles", {"roles": ["ops"]}, {"roles": [[], ["ops"]]}),
    Step("role.remove", "DELETE", "/users/john/roles/ops", None, {"roles": [["ops"], []]}),
    Step("role.delete", "DELETE", "/roles/ops", None, SOMETHING),
    Step("grant.give", "POST", "/grants", ON_SALES, {"SELECT on sales": [None, {}]}),
    Step("grant.revoke", "POST", "/grants/revoke", ON_SALES, {"SELECT on sales": [{}, None]}),
    Step("grant.give", "POST", "/grants", ON_SALES, SOMETHING),
    Step(
        "grant.revoke_access",
        "POST",
        "/grants/revoke-access",
        {"principal": "john", "database": "sales"},
        SOMETHING,
    ),
    Step("access_key.issue", "POST", "/access-keys", NEW_KEY, SOMETHING),
    Step(
        "access_key.modify",
        "PATCH",
        "/access-keys/{access_key_issue}",
        {"name": "cron"},
        {"name": ["script", "cron"]},
    ),
    Step(
        "access_key.deactivate",
        "POST",
        "/access-keys/{access_key_issue}/deactivate",
        {},
        SOMETHING,
    ),
    Step("access_key.activate", "POST", "/access-keys/{access_key_issue}/activate", {}, SOMETHING),
    Step("access_key.switch_main", "POST", "/access-keys/{access_key_issue}/main", {}, SOMETHING),
    Step("access_key.revoke", "DELETE", "/access-keys/{former_main}", None, SOMETHING),
    Step("vfolder.create", "POST", "/vfolders", {"name": "data"}, {"name": [None, "data"]}),
    Step(
        "vfolder.share",
        "POST",
        "/vfolders/data/shares",
        {"user": "john", "permission": "rw"},
        {"shares.john": [None, "rw"]},
    ),
    Step(
        "vfolder.unshare",
        "DELETE",
        "/vfolders/data/shares/john",
        None,
        {"shares.john": ["rw", None]},
    ),
    Step("vfolder.delete", "DELETE", "/vfolders/data", None, {"status": ["ready", "trash"]}),
    Step(
        "vfolder.restore", "POST", "/vfolders/data/restore", {}, {"status": ["trash", "performing"]}
    ),
    Step(
        "vfolder.hand_over",
        "POST",
        "/vfolders/data/hand-over",
        {"to": "john"},
        SOMETHING,
    ),
    Step(
        "vfolder.delete",
        "DELETE",
        "/vfolders/data?owner=john",
        None,
        {"status": ["ready", "trash"]},
    ),
    Step(
        "vfolder.purge",
        "POST",
        "/vfolders/data/purge",
        {"owner": "john"},
        {"status": ["trash", "deleting"]},
    ),
    Step(
        "agent.register",
        "PUT",
        "/agents/far",
        {"address": "x", "cpu": 64, "memory": 2**40},
        has_id=False,
    ),
    Step("compute.create", "POST", "/compute-sessions", RUN, {"memory": [None, 2**26]}),
    Step(
        "compute.terminate",
        "POST",
        "/compute-sessions/{compute_create}/terminate",
        {},
        {"status": ["pending", "terminating"]},
    ),
)
NEEDS_ITS_USER = {"access_key.show_secret"}
"""Only the user that a key belongs to sees its secret; tried with the keys themselves."""


@pytest.fixture
async def api(tenantry: App) -> Any:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=(ADDRESS, 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as client:
        yield client


async def log_in(api: httpx2.AsyncClient, username: str, password: str) -> None:
    login = {"username": username, "password": password}
    token = (await api.post("/api/v1/login", json=login)).json()["session_token"]
    api.headers["Authorization"] = f"Bearer {token}"


async def entries_of(tenantry: App, request_id: str) -> list[dict[str, Any]]:
    """What a request has left among the newest entries."""
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(limit=20))
    return [msgspec.structs.asdict(e) for e in page.items if e.request_id == request_id]


def test_every_write_of_these_slices_is_a_step() -> None:
    routes = [route for module in SLICES for route in module.routes.ROUTES]
    writes = {route.action.tag for route in routes if not route.action.reads}
    assert {step.tag for step in STEPS} | NEEDS_ITS_USER == writes


async def test_a_success_is_noted_with_actor_target_origin_and_change(
    tenantry: App, api: httpx2.AsyncClient
) -> None:
    john = await make_user(tenantry, "john")
    await log_in(api, tenantry.settings.admin_user, ADMIN_PASSWORD)
    made: dict[str, str] = {"former_main": str(john.main_access_key)}
    for step in STEPS:
        path = "/api/v1" + step.path.format_map(made)
        answer = await api.request(step.method, path, json=step.body)
        assert answer.is_success, (step, answer.text)
        found = answer.json()
        key = found.get("key", found).get("access_key")
        made[step.tag.replace(".", "_")] = str(key or found.get("id"))
        (entry,) = await entries_of(tenantry, answer.headers["X-Request-ID"])
        assert (entry["action"], entry["outcome"], entry["actor"]) == (
            step.tag,
            "succeeded",
            "root",
        )
        assert (entry["ip_address"], entry["face"]) == (ADDRESS, "http"), step
        assert entry["actor_id"] is not None
        assert entry["target"]
        assert (entry["target_id"] is not None) is step.has_id, step
        changes = entry["changes"]
        assert all(len(pair) == 2 for pair in changes.values()), step
        if step.changes is SOMETHING:
            assert changes, step
        else:
            assert {name: changes.get(name) for name in step.changes or {}} == (
                step.changes or {}
            ), step
        assert SECRET not in str(entry)


@pytest.mark.parametrize("who", ["john", "nobody"])
async def test_whatever_becomes_of_a_write_its_entry_names_the_actor_and_no_secret(
    tenantry: App, api: httpx2.AsyncClient, who: str
) -> None:
    """Of each action that writes, an attempt by a plain user and one without a login."""
    await make_user(tenantry, "john")
    if who == "john":
        await log_in(api, "john", PASSWORD)
    for binding in wire().bindings:
        if binding.action.reads or binding.action.tag in ("logout", "user.change_password"):
            continue
        body = {
            f.name: SECRET if f.secret else json.loads(plausible(f.type))
            for f in binding.fields
            if f.where == "body" and (f.required or f.secret)
        }
        path = binding.route.path
        for name in binding.path_names:
            path = path.replace(f"{{{name}}}", ID)
        has_body = binding.route.method not in ("GET", "DELETE")
        answer = await api.request(
            binding.route.method, f"/api/v1{path}", json=body if has_body else None
        )
        assert SECRET not in answer.text
        if answer.status_code == 422:
            continue  # it was never asked
        found = await entries_of(tenantry, answer.headers["X-Request-ID"])
        assert found, (binding.action.tag, answer.status_code, answer.text[:200])
        for entry in found:
            actor = "john" if who == "john" else "anonymous"
            assert (entry["actor"], entry["ip_address"]) == (actor, ADDRESS), binding.action.tag
            # Who asks for a reset is told the same whether there is such an account or not.
            assert answer.is_success or entry["outcome"] != "succeeded", (entry, answer.text)
            assert SECRET not in str(entry), binding.action.tag


# What else is done to john or with his name; last he is moved, which others could not outdo.
Request = tuple[str, str, dict[str, Any] | None]
MORE: tuple[Request, ...] = (
    ("POST", "/users/john/lock", {"reason": "a test", "duration_minutes": 5}),
    ("POST", "/users/john/unlock", {}),
    ("PATCH", "/users/john", {"full_name": "John of the Audit"}),
    ("PUT", "/users/john/password", {"new_password": "quite another passphrase"}),
    ("POST", "/users/john/reset-password", {"mail": False}),
    ("POST", "/sessions", {"user": "john"}),
    ("POST", "/tenants", {"name": "made-for", "admin_username": "john"}),
    (
        "POST",
        "/users",
        {"username": "chief", "email": None, "role": "admin", "domain_name": "made-for"},
    ),
    ("PATCH", "/users/john", {"role": "user"}),
    ("POST", "/tenants/default/users", {"user": "john"}),
)
# What is refused, by name, by address, and where the name is no user of any.
REFUSED: tuple[Request, ...] = (
    ("POST", "/users/john/lock", {"reason": ""}),
    ("POST", "/groups/nowhere/members", {"user": "john"}),
    ("DELETE", "/groups/nowhere/members/john", None),
    ("POST", "/vfolders/nothing/shares", {"user": "john"}),
    ("POST", "/vfolders", {"name": "a/b", "owner": "john"}),
    ("POST", "/tenants/nowhere/users", {"user": "john"}),
    ("POST", "/tenants", {"name": "default", "admin_username": "john"}),
    ("POST", "/compute-sessions", {"command": ["true"], "folders": ["no"], "user": "john"}),
    ("POST", "/access-keys", {"user": "john", "resource_policy": "none"}),
    ("DELETE", "/users/john@example.com", None),
    ("POST", "/password/request-reset", {"username": "john@example.com"}),
    ("POST", "/login", {"username": "john@example.com", "password": "wrong passphrase"}),
)


async def test_no_entry_of_anybodys_tells_a_purged_name_also_when_it_was_sealed_before(
    tenantry: App, api: httpx2.AsyncClient
) -> None:
    """Everything is done by others, so that a name in a box of theirs would stay readable."""
    john = await make_user(tenantry, "john")
    await make_user(tenantry, "jane")
    await log_in(api, tenantry.settings.admin_user, ADMIN_PASSWORD)
    made: dict[str, str] = {"former_main": str(john.main_access_key)}
    for step in STEPS:
        answer = await api.request(
            step.method, "/api/v1" + step.path.format_map(made), json=step.body
        )
        found = answer.json()
        key = found.get("key", found).get("access_key")
        made[step.tag.replace(".", "_")] = str(key or found.get("id"))
    for method, path, body in MORE:
        answer = await api.request(method, f"/api/v1{path}", json=body)
        assert answer.is_success, (path, answer.text)
    for method, path, body in REFUSED:
        await api.request(method, f"/api/v1{path}", json=body)
    await log_in(api, "jane", PASSWORD)
    for method, path, body in (*MORE, *REFUSED):
        answer = await api.request(method, f"/api/v1{path}", json=body)
    assert "john" in await everything(tenantry)
    await tenantry.audit_parts.sealer.seal_all()
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    shown = await everything(tenantry)
    assert [word for word in ("john", "John") if word in shown] == [], shown
    report = await tenantry.audit.verify.wait_for_complete(VerifyAuditAction())
    assert report.findings == []


async def everything(tenantry: App) -> str:
    """All entries as whoever may read everything sees them; those that tell the name, alone."""
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(limit=1000))
    entries = [msgspec.json.encode(entry).decode() for entry in page.items]
    return "\n".join(entry for entry in entries if "john" in entry.lower())
