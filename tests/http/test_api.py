"""The API over the real system: log in, work, log out; and bad input all the way down."""

import asyncio
import time
from typing import Any

import httpx2
import pytest

pytestmark = pytest.mark.anyio

USERS = "/api/v1/users"
LOGIN = "/api/v1/login"
PASSWORD = "correct horse battery staple"


async def logged_in(api: httpx2.AsyncClient, username: str) -> dict[str, str]:
    answer = await api.post(LOGIN, json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['session_token']}"}


async def test_a_login_opens_a_session_and_a_logout_ends_it(
    api: httpx2.AsyncClient, root_credentials: dict[str, str]
) -> None:
    answer = await api.post(LOGIN, json=root_credentials)
    assert answer.status_code == 200
    assert answer.json()["user"]["role"] == "superadmin"
    assert answer.json()["expires_at"]
    bearer = {"Authorization": f"Bearer {answer.json()['session_token']}"}
    me = await api.get("/api/v1/me", headers=bearer)
    assert me.json()["user"]["username"] == root_credentials["username"]
    assert (await api.post("/api/v1/logout", headers=bearer)).status_code == 200
    assert (await api.get("/api/v1/me", headers=bearer)).status_code == 401


async def test_a_refused_login_says_nothing_of_its_reason(
    api: httpx2.AsyncClient, root_credentials: dict[str, str]
) -> None:
    wrong = await api.post(LOGIN, json=root_credentials | {"password": "wrong"})
    unknown = await api.post(LOGIN, json={"username": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    same = [{**answer.json(), "request_id": ""} for answer in (wrong, unknown)]
    assert same[0] == same[1]
    assert same[0]["code"] == "invalid_credentials"


async def test_a_user_lives_from_creation_to_restoration(root: httpx2.AsyncClient) -> None:
    made = await root.post(USERS, json={"username": "jane", "email": "jane@example.org"})
    assert made.status_code == 201, made.text
    jane = made.json()
    assert (await root.get(f"{USERS}/jane")).json() == jane
    assert (await root.get(f"{USERS}/{jane['id']}")).json() == jane
    changed = await root.patch(
        f"{USERS}/jane", json={"full_name": "Jane Doe", "phone": None, "version": jane["version"]}
    )
    assert changed.json()["full_name"] == "Jane Doe"
    found = await root.post(f"{USERS}/search", json={"text": "ane do"})
    assert [user["username"] for user in found.json()["items"]] == ["jane"]
    deleted = await root.delete(f"{USERS}/jane")
    assert deleted.json()["status"] == "deleted"
    restored = await root.post(f"{USERS}/jane/restore")
    assert restored.json()["status"] == "active"
    audit = await root.get("/api/v1/audit", params={"user": "jane"})
    actions = {entry["action"] for entry in audit.json()["items"]}
    assert {"user.create", "user.modify", "user.delete", "user.restore"} <= actions


async def test_a_conflict_names_its_field(root: httpx2.AsyncClient) -> None:
    await root.post(USERS, json={"username": "jane"})
    answer = await root.post(USERS, json={"username": "JANE"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "user_conflict")
    assert problem["field"] == "username"


async def test_of_many_creations_of_one_name_one_wins(root: httpx2.AsyncClient) -> None:
    names = ["jane", "JANE", "Jane", "\uff4a\uff41\uff4e\uff45", "jane"] * 4
    answers = await asyncio.gather(*(root.post(USERS, json={"username": name}) for name in names))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 19


async def test_an_old_version_is_refused(root: httpx2.AsyncClient) -> None:
    jane = (await root.post(USERS, json={"username": "jane"})).json()
    change = {"full_name": "Jane", "version": jane["version"]}
    assert (await root.patch(f"{USERS}/jane", json=change)).status_code == 200
    answer = await root.patch(f"{USERS}/jane", json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")


async def test_a_plain_user_may_not_create_users_and_the_denial_is_audited(
    root: httpx2.AsyncClient,
) -> None:
    await root.post(USERS, json={"username": "jane", "password": PASSWORD})
    bearer = await logged_in(root, "jane")
    denied = await root.post(USERS, json={"username": "bob"}, headers=bearer)
    assert (denied.status_code, denied.json()["code"]) == (403, "permission_denied")
    audit = await root.get("/api/v1/audit", params={"outcome": "denied"})
    entry = audit.json()["items"][0]
    assert (entry["actor"], entry["action"], entry["face"]) == ("jane", "user.create", "http")
    assert entry["request_id"] == denied.headers["X-Request-ID"]


async def test_nobody_finds_what_is_not_there(root: httpx2.AsyncClient) -> None:
    answer = await root.get(f"{USERS}/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")
    found = await root.post(f"{USERS}/find", json={"user": "nobody"})
    assert (found.status_code, found.json()) == (200, None)


async def test_pages_follow_each_other(root: httpx2.AsyncClient) -> None:
    for name in ("ann", "bob", "cid"):
        await root.post(USERS, json={"username": name})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = (await root.get(USERS, params={"limit": "1", **cursor})).json()
        seen += [user["username"] for user in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert seen == ["ann", "bob", "cid", "root"]
    answer = await root.get(USERS, params={"cursor": "AAAA"})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


async def test_no_secret_is_ever_shown(root: httpx2.AsyncClient) -> None:
    await root.post(USERS, json={"username": "jane", "password": "canary battery staple"})
    for path in (f"{USERS}/jane", USERS, "/api/v1/audit", "/metrics"):
        text = (await root.get(path)).text
        assert "canary" not in text
        assert "$argon2" not in text


NAMES = {
    "empty": "",
    "blank": " ",
    "64 letters": "a" * 64,
    "40 times é": "é" * 40,
    "60,000 letters": "a" * 60_000,
    "combining marks": "e" + "\u0301" * 20_000,
    "a line break": "a\nb",
    "a carriage return": "a\r\nb",
    "escape": "a\x1b[31m",
    "delete": "a\x7f",
    "next line": "a\x85b",
    "right to left": "a\u202eb",
    "zero width": "a\u200bb",
    "a mark of byte order": "a\ufeffb",
    "isolate": "a\u2066b",
    "a quote": "a'b",
    "SQL": 'a"; DROP TABLE users; --',
    "public": "public",
    "PUBLIC": "PUBLIC",
    "none": "none",
    "pg_": "pg_monitor",
    "current_user": "current_user",
    "an id": "01890000-0000-7000-8000-000000000000",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_a_bad_username_is_refused_by_its_field(root: httpx2.AsyncClient, name: str) -> None:
    started = time.perf_counter()
    answer = await root.post(USERS, json={"username": name})
    assert time.perf_counter() - started < 1
    assert (answer.status_code, answer.json()["field"]) == (422, "username"), answer.text


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "an address without a host": ({"email": "a@"}, "email"),
    "a quoted address": ({"email": '"very unusual"@example.com'}, "email"),
    "a literal": ({"email": "user@[127.0.0.1]"}, "email"),
    "a second header": ({"email": "a@example.com\r\nBcc: b@example.com"}, "email"),
    "a long local part": ({"email": "a" * 65 + "@example.com"}, "email"),
    "an unknown tenant": ({"domain_name": "nowhere"}, "domain_name"),
    "uid 0": ({"container_uid": 0}, "container_uid"),
    "uid 2^31": ({"container_uid": 2**31}, "container_uid"),
    "a net with host bits": ({"allowed_client_ip": ["192.168.1.5/24"]}, "allowed_client_ip"),
    "a leading zero": ({"allowed_client_ip": ["010.0.0.1"]}, "allowed_client_ip"),
    "half an address": ({"allowed_client_ip": ["10.1"]}, "allowed_client_ip"),
    "a zone id": ({"allowed_client_ip": ["fe80::1%eth0"]}, "allowed_client_ip"),
    "a host mask": ({"allowed_client_ip": ["10.0.0.0/0.0.0.255"]}, "allowed_client_ip"),
    "a short password": ({"password": "short"}, "password"),
    "a common password": ({"password": "password123"}, "password"),
    "a long password": ({"password": "a" * 5000}, "password"),
}


@pytest.mark.parametrize(("values", "field"), FIELDS.values(), ids=FIELDS.keys())
async def test_a_bad_value_is_refused_by_its_field(
    root: httpx2.AsyncClient, values: dict[str, Any], field: str
) -> None:
    started = time.perf_counter()
    answer = await root.post(USERS, json={"username": "jane", **values})
    assert time.perf_counter() - started < 1
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["field"].startswith(field), answer.text


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01T00:00:00Z",
        "since=9999-12-31T23:59:59Z",
        "until=infinity",
        "since=2024-01-01T00:00:00",
        "since=2024-02-30T00:00:00Z",
        "since=10000-01-01T00:00:00Z",
        "since=2024-01-01T24:00:00Z",
        "since=01/02/2024",
        "user=%25_%5C*",
        "address=garbage",
        "user=" + "a" * 5000,
    ],
)
async def test_no_search_of_the_audit_makes_it_fail(root: httpx2.AsyncClient, query: str) -> None:
    answer = await root.get(f"/api/v1/audit?{query}")
    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize("text", ["%", "_", "\\", "*", ".*", "(a+)+$", "a" * 10_000, "é" * 5000])
async def test_a_search_takes_text_as_text(root: httpx2.AsyncClient, text: str) -> None:
    answer = await root.post(f"{USERS}/search", json={"text": text})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert answer.json()["items"] == []


async def test_ready_and_metrics_tell_of_the_real_system(root: httpx2.AsyncClient) -> None:
    ready = await root.get("/health/ready")
    assert ready.status_code == 200
    assert {check["name"] for check in ready.json()} >= {"database"}
    metrics = (await root.get("/metrics")).text
    assert 'tenantry_action_runs_total{action="login",outcome="succeeded"}' in metrics
