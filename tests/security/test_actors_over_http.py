"""Each kind of actor against each route, over HTTP: who is let as far as the service, and who not.

The table of who may is ``MATRIX`` of test_who_may_ask.py; here real credentials meet real routes.
All names in the requests are of things that there are not, so that who is let in changes nothing.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import httpx2
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.http.server import create_asgi
from tenantry.kernel.action import Audience
from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD, make_user
from tenantry.users.model import UserRole
from tenantry.users.principal import PASSWORD_CHANGE_ONLY, SECOND_FACTOR_ONLY
from tenantry.wire import Binding, WireField
from tests.security.test_isolation_matrix import (
    BINDINGS,
    NEEDED,
    SAID,
    Probe,
    ask,
    naming,
)
from tests.security.test_who_may_ask import MATRIX
from tests.security.worlds import World, delegate, missing, world

pytestmark = pytest.mark.anyio

Credential = Callable[[], Awaitable[str | None]]
ACTORS = (
    "anonymous",
    "second-factor-only",
    "password-change-only",
    "user",
    "monitor",
    "admin",
    "admin of another tenant",
    "superadmin",
    "read-only key of an admin",
    "holder of every permission",
)


def may(actor: str, binding: Binding) -> bool:
    """Whether the actor is let as far as the service."""
    action = binding.action
    if action.audience is Audience.EVERYONE:
        return True
    limited: Mapping[str, frozenset[str]] = {
        "second-factor-only": SECOND_FACTOR_ONLY,
        "password-change-only": PASSWORD_CHANGE_ONLY,
    }
    if actor in limited:
        return action.tag in limited[actor]
    if actor == "holder of every permission":
        return action.audience is not Audience.PLATFORM
    if actor == "read-only key of an admin":
        return action.reads and "admin" in MATRIX[action.tag]
    return actor.partition(" ")[0] in MATRIX[action.tag]


def request_of(binding: Binding, other: World) -> Probe:
    """A sound request about things that there are not."""
    values = {f.name: nothing(binding, f, other) for f in binding.fields if f.required}
    return Probe(binding, "", values | SAID.get(binding.action.tag, {}), "nothing-at-all")


def nothing(binding: Binding, field: WireField, other: World) -> object:
    """A value that names nothing that there is."""
    means = naming(binding, field)
    if means is None:
        return NEEDED.get((binding.action.tag, field.name), NEEDED.get(field.name, "something"))
    kind, wrap = means
    return wrap(missing(other.things[kind][-1]))


async def log_in(app: App, username: str, password: str = PASSWORD) -> str:
    action = AuthenticateAction(username, password)
    result = await app.auth.authenticate.wait_for_complete(action)
    assert result.session_token is not None, result.error_code
    return result.session_token


@pytest.fixture
async def client(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("203.0.113.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as made:
        yield made


@pytest.fixture
async def worlds(tenantry: App) -> tuple[World, World]:
    return await world(tenantry, "acme"), await world(tenantry, "umbrella")


@pytest.fixture
async def credentials(
    tenantry: App, worlds: tuple[World, World], owner: asyncpg.Connection
) -> dict[str, Credential]:
    """How each kind of actor comes to a credential that is good now."""
    own, other = worlds
    await make_user(tenantry, "half", domain_name="acme")
    await owner.execute("update users set totp_activated = true where username = 'half'")
    await delegate(tenantry, "acme")
    await make_user(tenantry, "stale", domain_name="acme", need_password_change=True)

    def person(username: str, password: str = PASSWORD) -> Credential:
        return lambda: log_in(tenantry, username, password)

    async def nobody() -> str | None:
        return None

    async def key() -> str | None:
        return own.read_only_key

    made: dict[str, Credential] = {
        "anonymous": nobody,
        "second-factor-only": person("half"),
        "password-change-only": person("stale"),
        "admin of another tenant": person(other.people[UserRole.ADMIN].username),
        "superadmin": person(tenantry.settings.admin_user, ADMIN_PASSWORD),
        "read-only key of an admin": key,
        "holder of every permission": person("acme-deputy"),
    }
    for role in (UserRole.USER, UserRole.MONITOR, UserRole.ADMIN):
        made[role.value] = person(own.people[role].username)
    return made


async def was_let_in(client: httpx2.AsyncClient, probe: Probe, token: str | None) -> bool:
    """Whether the answer is the service's; the guard refuses with words of its own."""
    status, _, text = await ask(client, probe, token)
    body = str(text)
    if status == 401:
        return "A valid session is needed for this." not in body
    tag = probe.binding.action.tag
    told = (
        f"The permission {tag} is needed",
        "Give the code of your second factor first",
        "Change your password first",
        "This access key is good for reading only",
    )
    return status != 403 or not any(words in body for words in told)


@pytest.mark.parametrize("actor", ACTORS)
async def test_each_route_lets_in_whom_the_table_names(
    client: httpx2.AsyncClient,
    worlds: tuple[World, World],
    credentials: dict[str, Credential],
    owner: asyncpg.Connection,
    actor: str,
) -> None:
    wrong: list[Any] = []
    for binding in BINDINGS:
        await owner.execute("delete from attempts")
        probe = request_of(binding, worlds[1])
        let_in = await was_let_in(client, probe, await credentials[actor]())
        if let_in is not may(actor, binding):
            wrong.append((binding.action.tag, let_in))
    assert wrong == []


def test_the_table_has_a_line_for_each_route_and_no_other() -> None:
    assert set(MATRIX) == {binding.action.tag for binding in BINDINGS}
