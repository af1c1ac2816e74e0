"""What a role allows is read with each credential: session and access key, at every request."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.access_keys.model import KeyScope
from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.http.server import create_asgi
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.roles.actions import DeleteRoleAction, ModifyRoleAction, RemoveRoleAction
from tenantry.roles.model import RoleModifier
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData

from .conftest import Assign, MakeRole

pytestmark = pytest.mark.anyio

LOCK = "/api/v1/users/john/lock"


@pytest.fixture
async def client(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("203.0.113.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as made:
        yield made


@pytest.fixture
async def helper(tenantry: App, make_role: MakeRole, assign: Assign) -> UserData:
    """A plain user who may lock others."""
    person = await make_user(tenantry, "helper")
    await make_role("helpdesk", ["user.lock"])
    await assign(person, "helpdesk")
    return person


async def tokens(app: App, person: UserData) -> dict[str, str]:
    """Credentials of each kind."""
    login = AuthenticateAction(person.username, PASSWORD)
    session = (await app.auth.authenticate.wait_for_complete(login)).session_token
    with acting_as(person):
        key = await app.access_keys.issue.wait_for_complete(IssueAccessKeyAction())
    return {"session": str(session), "key": str(key.token)}


async def lock(client: httpx2.AsyncClient, token: str) -> int:
    header = {"Authorization": f"Bearer {token}"}
    return (await client.post(LOCK, json={"reason": "x"}, headers=header)).status_code


@pytest.mark.parametrize("end", ["removed", "narrowed", "deleted"])
async def test_what_a_role_allows_ends_with_it_at_once_for_every_credential(
    tenantry: App, client: httpx2.AsyncClient, helper: UserData, john: UserData, end: str
) -> None:
    held = await tokens(tenantry, helper)
    for token in held.values():
        assert await lock(client, token) == 200
    if end == "removed":
        await tenantry.run(RemoveRoleAction("helper", "helpdesk"))
    elif end == "deleted":
        await tenantry.run(DeleteRoleAction("helpdesk"))
    else:
        modifier = RoleModifier(permissions=OptionalState.update(["user.unlock"]))
        await tenantry.run(ModifyRoleAction("helpdesk", modifier))
    for token in held.values():
        assert await lock(client, token) == 403


async def test_what_a_role_allows_begins_with_it_at_once(
    tenantry: App,
    client: httpx2.AsyncClient,
    make_role: MakeRole,
    assign: Assign,
    john: UserData,
) -> None:
    person = await make_user(tenantry, "helper")
    held = await tokens(tenantry, person)
    for token in held.values():
        assert await lock(client, token) == 403
    await make_role("helpdesk", ["user.lock"])
    await assign(person, "helpdesk")
    for token in held.values():
        assert await lock(client, token) == 200


async def test_a_read_only_key_stays_one(
    tenantry: App, client: httpx2.AsyncClient, helper: UserData, john: UserData
) -> None:
    with acting_as(helper):
        issue = IssueAccessKeyAction(scope=KeyScope.READ_ONLY)
        key = await tenantry.access_keys.issue.wait_for_complete(issue)
    assert await lock(client, str(key.token)) == 403


async def test_who_asks_who_it_is_is_told_its_permissions(
    tenantry: App, client: httpx2.AsyncClient, helper: UserData
) -> None:
    token = (await tokens(tenantry, helper))["session"]
    header = {"Authorization": f"Bearer {token}"}
    answer = (await client.get("/api/v1/me", headers=header)).json()
    assert answer["permissions"] == ["user.lock"]
    assert answer["user"]["roles"] == ["helpdesk"]
