"""Requests over HTTP that bear a key or are signed with one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tenantry.access_keys import signing
from tenantry.access_keys.model import IssuedAccessKey, KeyScope
from tenantry.app import App
from tenantry.http.server import create_asgi
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import Issue

pytestmark = pytest.mark.anyio
HOST = "accounts.test"


@pytest.fixture
async def api(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that bears nothing."""
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("192.0.2.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield client


@pytest.fixture
async def boss(tenantry: App) -> UserData:
    return await make_user(tenantry, "boss", role=UserRole.ADMIN)


def headers(
    issued: IssuedAccessKey, clock: ShiftedClock, method: str, path: str, body: bytes = b""
) -> dict[str, str]:
    """The headers of a signed request."""
    route, _, query = path.partition("?")
    return signing.sign(
        issued.key.access_key,
        issued.secret,
        method=method,
        host=HOST,
        path=route,
        query=query,
        body=body,
        now=clock.now(),
    )


async def test_a_key_is_borne_like_the_token_of_a_session(
    api: httpx2.AsyncClient, amy: UserData, issue: Issue
) -> None:
    bearer = {"Authorization": f"Bearer {(await issue(amy)).token}"}
    me = await api.get("/api/v1/me", headers=bearer)
    assert me.json()["user"]["username"] == "amy"
    wrong = {"Authorization": bearer["Authorization"][:-1] + "~"}
    assert (await api.get("/api/v1/me", headers=wrong)).status_code == 401


async def test_signed_requests_read_and_write_and_are_refused_the_second_time(
    api: httpx2.AsyncClient, boss: UserData, issue: Issue, clock: ShiftedClock
) -> None:
    issued = await issue(boss, admin=True)
    read = headers(issued, clock, "GET", "/api/v1/users?limit=1&order=-username")
    path = "/api/v1/users?limit=1&order=-username"
    assert (await api.get(path, headers=read)).status_code == 200
    assert (await api.get(path, headers=read)).status_code == 401
    body = json.dumps({"username": "jane"}).encode()
    signed = headers(issued, clock, "POST", "/api/v1/users", body)
    signed["Content-Type"] = "application/json"
    made = await api.post("/api/v1/users", content=body, headers=signed)
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("change", ["body", "path", "query", "method", "host"])
async def test_a_request_that_was_changed_on_its_way_does_nothing(
    api: httpx2.AsyncClient, boss: UserData, issue: Issue, clock: ShiftedClock, change: str
) -> None:
    issued = await issue(boss, admin=True)
    body = b'{"username":"jane"}'
    signed = headers(issued, clock, "POST", "/api/v1/users", body)
    sent: dict[str, Any] = {"method": "POST", "url": "/api/v1/users", "content": body}  # Any: parts
    sent["headers"] = {**signed, "Content-Type": "application/json"}
    if change == "body":
        sent["content"] = b'{"username":"mallory"}'
    elif change == "path":
        sent["url"] = "/api/v1/users/find"
    elif change == "query":
        sent["url"] = "/api/v1/users?x=1"
    elif change == "method":
        sent |= {"method": "PATCH", "url": "/api/v1/users/boss"}
    else:
        sent["headers"]["Host"] = "evil.test"
    assert (await api.request(**sent)).status_code == 401
    bearer = {"Authorization": f"Bearer {issued.token}"}
    names = {
        u["username"] for u in (await api.get("/api/v1/users", headers=bearer)).json()["items"]
    }
    assert not names & {"jane", "mallory"}


async def test_the_main_key_of_a_new_user_is_named_in_the_answer_and_its_secret_shown_once(
    api: httpx2.AsyncClient, boss: UserData, issue: Issue
) -> None:
    bearer = {"Authorization": f"Bearer {(await issue(boss, admin=True)).token}"}
    made = await api.post("/api/v1/users", json={"username": "jane"}, headers=bearer)
    assert made.json()["main_access_key"].startswith("AKIA")
    assert "tny_k_" not in made.text


async def test_s12_a_reading_key_posts_nothing_and_learns_why(
    api: httpx2.AsyncClient, boss: UserData, issue: Issue
) -> None:
    issued = await issue(boss, admin=True, scope=KeyScope.READ_ONLY)
    bearer = {"Authorization": f"Bearer {issued.token}"}
    assert (await api.get("/api/v1/users", headers=bearer)).status_code == 200
    refused = await api.post("/api/v1/users", json={"username": "jane"}, headers=bearer)
    assert refused.status_code == 403
    assert "reading" in refused.text


async def test_the_answer_to_an_issued_key_holds_the_secret(
    api: httpx2.AsyncClient, boss: UserData, issue: Issue
) -> None:
    bearer = {"Authorization": f"Bearer {(await issue(boss)).token}"}
    issued = await api.post("/api/v1/access-keys", json={"name": "ci"}, headers=bearer)
    assert issued.status_code == 201
    assert issued.json()["token"].startswith("tny_k_AKIA")
    listed = await api.get("/api/v1/access-keys", headers=bearer)
    assert issued.json()["secret"] not in listed.text
