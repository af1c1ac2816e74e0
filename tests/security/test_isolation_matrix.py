"""As each role of one tenant, every route with everything of another: as if it were not there.

Generated from the table of routes: each field of each route either names something of a tenant,
and is then asked for with each name and id of what another tenant has, or is listed as naming
nothing. A route with a field that is in neither list fails.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2
import pytest

from tenantry.app import App
from tenantry.http.server import create_asgi
from tenantry.kernel.action import Audience
from tenantry.routes import API, wire
from tenantry.users.model import UserRole
from tenantry.wire import Binding, WireField
from tests.security.worlds import World, delegate, missing, rows, world

pytestmark = pytest.mark.anyio

Wrap = Callable[[str], object]


def plain(named: str) -> object:
    """The name itself."""
    return named


def listed(named: str) -> object:
    """The name as the only one of a list."""
    return [named]


# Fields that name something of a tenant: its kind, and how the name is put into the field.
NAMING: dict[str, tuple[str, Wrap]] = {
    "access_key": ("access_key", plain),
    "actor": ("user", plain),
    "database": ("database", plain),
    "domain_name": ("tenant", plain),
    "email": ("email", plain),
    "folder": ("vfolder", plain),
    "folders": ("vfolder", listed),
    "group": ("group", plain),
    "group_ids": ("group", listed),
    "job_id": ("job", plain),
    "main_access_key": ("access_key", plain),
    "granted_by": ("user", plain),
    "owner": ("user", plain),
    "parent": ("role", plain),
    "principal": ("principal", plain),
    "role": ("role", plain),
    "roles": ("role", listed),
    "session": ("compute_session", plain),
    "session_token": ("session", plain),
    "target_name": ("user", plain),
    "tenant": ("tenant", plain),
    "text": ("text", plain),
    "to": ("user", plain),
    "user": ("user", plain),
    "user_id": ("user", plain),
    "username": ("user", plain),
}
# The same where a route means something else by the word; None: it names nothing there.
ELSEWHERE: dict[tuple[str, str], tuple[str, Wrap] | None] = {
    # Usernames and addresses are unique over all tenants, the one thing that shows through.
    ("user.create", "username"): None,
    ("user.create", "email"): None,
    ("user.invite", "username"): None,
    ("user.invite", "email"): None,
    ("user.modify", "username"): None,
    ("user.modify", "email"): None,
    ("user.import", "users"): (
        "tenant",
        lambda named: [{"username": "newcomer", "domain_name": named}],
    ),
    ("user.search", "phone"): ("text", plain),
    ("user.search", "full_name"): ("text", plain),
    ("tenant.create", "admin_username"): ("user", plain),
    ("user.create", "role"): None,
    ("user.invite", "role"): None,
    ("user.modify", "role"): None,
    ("user.search", "role"): None,
    # Every tenant may have roles on databases of any name, its own or not.
    ("role.search", "database"): None,
    ("grant.check_many", "questions"): (
        "user",
        lambda named: [{"user": named, "permission": "SELECT", "database": "nothing"}],
    ),
    # An object need not be there to be granted on, see test_give.py.
    ("grant.give", "database"): None,
    # Every tenant may have groups and keys of any name.
    ("access_key.modify", "name"): None,
}
# Fields that name nothing of a tenant, whatever they hold.
NAMELESS = frozenset(
    """
    action address admin admin_email after allow_wider allowed allowed_client_ip
    allowed_vfolder_hosts assigned_at assigned_by at_least attributes audience block_common
    block_context change changed changes close_public code command consistency container_gids
    container_main_gid container_uid cpu created_at created_from created_until current_password
    cursor data databases default_for_unspecified delegate_endpoint_ownership department description
    dry_run dsn duration_minutes effect environment examined expires_at expires_in_hours first_row
    force full_name gpu granted granted_at grants heirs holders host hours id idle_timeout
    include_unknown inherits input integration_name invitation ip_address is_active isolated kind
    last_login_from last_login_until limit link lockout_minutes mail mailed max_age_days
    max_concurrent_logins max_concurrent_sessions max_concurrent_sftp_sessions
    max_containers_per_session max_customized_image_count max_databases max_failed_attempts
    max_length max_pending_session_count max_pending_session_resource_slots max_priority
    max_quota_scope_size max_session_count_per_model_session max_session_lifetime max_users
    max_vfolder_count memory message min_length minutes modified_at modified_from modified_until
    modifier name need_password_change new_password next_cursor order outcome password password_hash
    paths per_account per_source permission permissions phone policy prevent_reuse_count
    principal_id principal_type privileges purge_shared_vfolders purpose questions rate_limit reads
    reason removed require_lowercase require_numbers require_special_chars require_uppercase reset
    resource_policy schema scope secret segment shortcoming since state status status_info
    still_held success sudo_session_enabled system_permission system_permissions table tag
    take_ownership tenant_id token total_resource_slots totp_activated totp_code type unchanged
    until user_agent user_count users valid_from valid_until version window
    with_enforcement
    """.split()
)
# What a request needs beside the name that is asked for; by field, or by route and field.
NEEDED: dict[str | tuple[str, str], object] = {
    "address": "10.0.0.9",
    "code": "123456",
    "command": ["true"],
    "cpu": 1,
    "dsn": "postgresql://keeper@127.0.0.1/nothing",
    "current_password": "not the password",
    "isolated": True,
    "memory": 2**30,
    "name": "something-new",
    "new_password": "another sound passphrase",
    "password": "not the password",
    "permission": "SELECT",
    "permissions": ["SELECT"],
    "policy": "default",
    "token": "tny_p_" + "x" * 43,
    "totp_code": "123456",
    "username": "newcomer",
    "users": [{"username": "newcomer"}],
}
# What a modifier needs, so that it is none that says nothing.
SAID: dict[str, dict[str, object]] = {
    "user.modify": {"description": "mine"},
    "tenant.update": {"description": "mine"},
    "group.modify": {"description": "mine"},
    "role.modify": {"description": "mine"},
    "database.modify": {"allow_wider": True},
    "access_key.modify": {"name": "mine"},
    "grant.what_if": {"permissions": ["SELECT"]},
}
# The audit first: it tells a tenant truly what its own people have asked for in vain.
BINDINGS = sorted(wire().bindings, key=lambda b: not b.action.tag.startswith("audit."))
# Header fields that differ from answer to answer.
PASSING = {"x-request-id", "date"}


def naming(binding: Binding, field: WireField) -> tuple[str, Wrap] | None:
    """What kind of thing a field names, and how; None where it names nothing."""
    place = binding.action.tag, field.name
    return ELSEWHERE[place] if place in ELSEWHERE else NAMING.get(field.name)


@dataclass(frozen=True)
class Probe:
    """A request about something of another tenant, and how it is named."""

    binding: Binding
    field: str
    values: dict[str, object]
    named: str

    def __str__(self) -> str:
        return f"{self.binding.action.tag} {self.field}={self.named}"


def probes(binding: Binding, own: World, other: World) -> Iterator[tuple[Probe, Probe]]:
    """For each name that another tenant's things have: about it, and about nothing."""
    needed = {
        field.name: needed_by(binding, field, own) for field in binding.fields if field.required
    }
    needed |= SAID.get(binding.action.tag, {})
    for field in binding.fields:
        means = naming(binding, field)
        if means is None:
            continue
        kind, wrap = means
        for named in other.things[kind]:
            nothing = missing(named)
            yield (
                Probe(binding, field.name, {**needed, field.name: wrap(named)}, named),
                Probe(binding, field.name, {**needed, field.name: wrap(nothing)}, nothing),
            )


def needed_by(binding: Binding, field: WireField, own: World) -> object:
    """A value with which the request is sound, of the own tenant where it names something."""
    means = naming(binding, field)
    if means is not None:
        kind, wrap = means
        return wrap(own.things[kind][-1])
    place = binding.action.tag, field.name
    return NEEDED.get(place, NEEDED.get(field.name, "something"))


async def ask(client: httpx2.AsyncClient, probe: Probe, token: str | None) -> tuple[object, ...]:
    """Status, header and body of the answer, with the name asked for and the request's id out."""
    values = dict(probe.values)
    path = probe.binding.route.path
    for name in probe.binding.path_names:
        path = path.replace(f"{{{name}}}", quote(str(values.pop(name)), safe=""))
    where = {field.name: field.where for field in probe.binding.fields}
    query = {n: str(v) for n, v in values.items() if where[n] == "query"}
    body = {n: v for n, v in values.items() if where[n] == "body"}
    method = probe.binding.route.method
    more: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": body}
    answer = await client.request(
        method,
        f"{API}{path}",
        params=query,
        headers={"Authorization": f"Bearer {token}"} if token is not None else {},
        **more,
    )
    assert answer.status_code < 500, f"{probe}: {answer.text}"
    request_id = answer.headers.get("x-request-id", "")
    text = answer.text
    for said in (json.dumps(probe.named)[1:-1], ascii(probe.named)[1:-1], probe.named):
        text = text.replace(said, "<asked>")
    header = {n: v for n, v in answer.headers.items() if n not in PASSING}
    return answer.status_code, header, text.replace(request_id, "<request>")


async def differences(
    client: httpx2.AsyncClient,
    own: World,
    other: World,
    role: UserRole = UserRole.USER,
    *,
    token: str | None = None,
) -> list[tuple[str, object, object]]:
    """Where somebody of one tenant is answered otherwise about another's things than about none."""
    token = token or own.tokens[role]
    different: list[tuple[str, object, object]] = []
    for binding in BINDINGS:
        if binding.action.audience is Audience.EVERYONE:
            continue
        for about, nothing in probes(binding, own, other):
            answer = await ask(client, about, token)
            expected = await ask(client, nothing, token)
            if answer != expected:
                different.append((str(about), answer, expected))
    return different


@pytest.fixture
async def client(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("203.0.113.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as made:
        yield made


def test_every_field_of_every_route_names_something_or_nothing() -> None:
    for binding in BINDINGS:
        for field in binding.fields:
            place = binding.action.tag, field.name
            known = place in ELSEWHERE or field.name in NAMING or field.name in NAMELESS
            assert known, f"{place}: say in this file what it names"


@pytest.mark.parametrize("role", [UserRole.ADMIN, UserRole.MONITOR, UserRole.USER])
async def test_what_another_tenant_has_does_not_exist(
    tenantry: App, client: httpx2.AsyncClient, owner: asyncpg.Connection, role: UserRole
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    before = await rows(owner, other)
    assert {table for table, found in before.items() if found} >= {"users", "groups", "vfolders"}
    assert await differences(client, own, other, role) == []
    assert await rows(owner, other) == before


async def test_nor_does_it_for_who_holds_every_permission_by_a_role(
    tenantry: App, client: httpx2.AsyncClient, owner: asyncpg.Connection
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    token = await delegate(tenantry, "acme")
    before = await rows(owner, other)
    assert await differences(client, own, other, token=token) == []
    assert await rows(owner, other) == before


async def test_who_logs_in_is_not_told_in_which_tenant_a_name_exists(
    tenantry: App, client: httpx2.AsyncClient
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    for binding in BINDINGS:
        if binding.action.audience is Audience.EVERYONE:
            for about, nothing in probes(binding, own, other):
                token = own.tokens[UserRole.ADMIN]
                assert await ask(client, about, token) == await ask(client, nothing, token), about


async def test_the_same_questions_are_answered_to_who_may_ask_them(
    tenantry: App, client: httpx2.AsyncClient
) -> None:
    """The matrix is no use if its questions fail for another reason than the wall."""
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    answered = set()
    for binding in BINDINGS:
        if binding.route.method == "GET":
            for about, nothing in probes(binding, other, other):
                token = other.tokens[UserRole.ADMIN]
                if await ask(client, about, token) != await ask(client, nothing, token):
                    answered.add(binding.action.tag)
    expected = {
        "access_key.get",
        "access_key.list",
        "compute.get",
        "group.get",
        "job.get",
        "role.get",
        "role.list_members",
        "tenant.get",
        "user.get",
        "vfolder.get",
    }
    assert answered >= expected, expected - answered
    assert own.things.keys() == other.things.keys()
