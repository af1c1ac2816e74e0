"""Bad requests over the whole HTTP face: a 4xx that names the field, soon, and never a 5xx."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

pytestmark = pytest.mark.anyio

USERS = "/api/v1/users"
JSON = {"Content-Type": "application/json"}

BODIES = {
    "unknown field": (b'{"username": "a", "is_admin": true}', 422, "is_admin"),
    "another's field": (b'{"username": "a", "tenant_id": "x"}', 422, "tenant_id"),
    "an id": (b'{"username": "a", "id": "x"}', 422, "id"),
    "missing field": (b"{}", 422, "username"),
    "duplicate key": (b'{"username": "a", "role": "user", "role": "admin"}', 422, "role"),
    "NaN": (b'{"username": NaN}', 422, "username"),
    "1e999": (b'{"username": "a", "container_uid": 1e999}', 422, "container_uid"),
    "5,000 digits": (
        b'{"username": "a", "container_uid": ' + b"9" * 5000 + b"}",
        422,
        "container_uid",
    ),
    "20 digits": (b'{"username": "a", "container_uid": ' + b"9" * 20 + b"}", 422, "container_uid"),
    "1.0 for a whole number": (b'{"username": "a", "container_uid": 1.0}', 422, "container_uid"),
    "true for a whole number": (b'{"username": "a", "container_uid": true}', 422, "container_uid"),
    "a text for a whole number": (b'{"username": "a", "container_uid": "5"}', 422, "container_uid"),
    "yes for true": (b'{"username": "a", "need_password_change": "yes"}', 422, None),
    "1 for true": (b'{"username": "a", "need_password_change": 1}', 422, "need_password_change"),
    "a list for a text": (b'{"username": ["a"]}', 422, "username"),
    "an operator for a text": (b'{"username": {"$ne": null}}', 422, "username"),
    "null for a text": (b'{"username": null}', 422, "username"),
    "an enum in capitals": (b'{"username": "a", "role": "ADMIN"}', 422, "role"),
    "an enum with a space": (b'{"username": "a", "role": " admin"}', 422, "role"),
    "an enum with NUL": (b'{"username": "a", "role": "admin\\u0000"}', 422, "role"),
    "an enum with a Kelvin sign": (
        '{"username": "a", "status": "lo\u212aed"}'.encode(),
        422,
        "status",
    ),
    "half a surrogate pair": (b'{"username": "\\ud800"}', 422, "username"),
    "half a pair in a key": (b'{"user\\ud800name": "a"}', 422, "user\\ud800name"),
    "NUL": (b'{"username": "a\\u0000b"}', 422, "username"),
    "NUL in a nested key": (b'{"username": "a", "attributes": {"\\u0000": 1}}', 422, None),
    "a list": (b"[]", 422, "body"),
    "a text": (b'"username"', 422, "body"),
    "null": (b"null", 422, "body"),
    "30,000 arrays": (b"[" * 30_000 + b"]" * 30_000, 422, "body"),
    "30,000 arrays in a field": (
        b'{"attributes": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        422,
        "attributes",
    ),
    "33 levels": (b'{"attributes": ' + b'{"a":' * 33 + b"1" + b"}" * 34, 422, None),
    "1,001 keys": (
        json.dumps({"attributes": {str(n): 1 for n in range(1001)}}).encode(),
        422,
        "attributes",
    ),
    "1,001 unknown fields": (json.dumps({f"f{n}": 1 for n in range(1001)}).encode(), 422, "body"),
    "1,000 unknown fields": (json.dumps({f"f{n}": 1 for n in range(1000)}).encode(), 422, "f0"),
    "empty": (b"", 400, "body"),
    "trailing text": (b'{"username": "a"} x', 400, "body"),
    "a byte order mark": (b'\xef\xbb\xbf{"username": "a"}', 400, "body"),
    "UTF-16": ('{"username": "a"}'.encode("utf-16"), 400, "body"),
    "invalid UTF-8": (b'{"username": "\xc0\x27"}', 400, "body"),
    "100,000 arrays": (b"[" * 100_000, 413, "body"),
    "1 MB in a name": (b'{"email": "a", "username": "' + b"a" * 10**6 + b'"}', 413, "username"),
    "1 MB in a password": (
        b'{"username": "a", "password": "' + b"a" * 10**6 + b'"}',
        413,
        "password",
    ),
    "10 MB": (b'{"username": "' + b"a" * 10**7 + b'"}', 413, "body"),
    "10,000 gids": (
        json.dumps({"container_gids": list(range(1000, 21000))}).encode(),
        413,
        "container_gids",
    ),
}


@pytest.mark.parametrize(("content", "status", "field"), BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_refused_by_the_name_of_its_field(
    client: httpx2.AsyncClient, app: Any, content: bytes, status: int, field: str | None
) -> None:
    started = time.perf_counter()
    answer = await client.post(USERS, content=content, headers=JSON)
    assert time.perf_counter() - started < 1
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["field"] == field or (field is None and problem["field"])
    assert not app.asked


async def test_a_body_sent_in_pieces_is_bounded_too(client: httpx2.AsyncClient, app: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"[" * 65536

    answer = await client.post(USERS, content=pieces(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_only_plain_json_is_taken(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post(USERS, content=b'{"username": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_by_its_other_spellings_is_taken(
    client: httpx2.AsyncClient, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    answer = await client.post(USERS, content=b'{"username": "a"}', headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("limit=1&limit=2", 400, "limit"),
        ("limit=1&%6cimit=2", 400, "limit"),
        ("cursor=%00", 400, "cursor"),
        ("cursor=%ff", 400, "cursor"),
        ("cursor=%ed%a0%80", 400, "cursor"),
        ("cursor=%zz", 400, "cursor"),
        ("%00=1", 400, "query"),
        ("limit=0", 422, "limit"),
        ("limit=-1", 422, "limit"),
        ("limit=1001", 422, "limit"),
        ("limit=" + "9" * 5000, 422, "limit"),
        ("limit=1;cursor=x", 422, "limit"),
        ("limit[]=1", 422, "limit[]"),
        ("limit", 422, "limit"),
        ("order=USERNAME", 422, "order"),
        ("token=abc", 422, "token"),
    ],
)
async def test_a_bad_query_is_refused_by_the_name_of_its_parameter(
    client: httpx2.AsyncClient, query: str, status: int, field: str
) -> None:
    answer = await client.get(f"{USERS}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff", "%c0%27", "%ed%a0%80"])
async def test_a_bad_path_is_refused_by_the_name_of_its_parameter(
    client: httpx2.AsyncClient, name: str
) -> None:
    answer = await client.get(f"{USERS}/{name}")
    assert (answer.status_code, answer.json()["field"]) == (400, "user")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("john%2Fdoe", "john/doe"),
        ("%252F", "%2F"),
        ("%2e%2e", ".."),
        ("j%C3%B6rg", "jörg"),
        ("a+b", "a+b"),
        ("a;b=c", "a;b=c"),
        ("find", "find"),
        ("%3Fx%23", "?x#"),
    ],
)
async def test_a_path_parameter_is_decoded_once(
    client: httpx2.AsyncClient, app: Any, sent: str, name: str
) -> None:
    answer = await client.get(f"{USERS}/{sent}")
    assert answer.status_code == 200
    assert app.asked[0][0].user == name


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "//api/v1/users", "/api/v1/users/", "/API/v1/users"]
)
async def test_an_unknown_address_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(f"http://tenantry.test{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", USERS, "GET, POST"),
        ("OPTIONS", USERS, "GET, POST"),
        ("TRACE", USERS, "GET, POST"),
        ("PUT", f"{USERS}/john", "DELETE, GET, PATCH"),
        ("PUT", f"{USERS}/find", "DELETE, GET, PATCH, POST"),
        ("POST", f"{USERS}/john", "DELETE, GET, PATCH"),
        ("HEAD", "/health/live", "GET"),
        ("BREW", "/openapi.json", "GET"),
    ],
)
async def test_a_method_that_is_not_there_is_answered_with_those_that_are(
    client: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


async def test_no_header_overrides_the_method(client: httpx2.AsyncClient, app: Any) -> None:
    await client.get(f"{USERS}/john", headers={"X-HTTP-Method-Override": "DELETE"})
    assert app.asked[0][0].tag == "user.get"


async def test_an_address_or_headers_too_long_are_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"{USERS}?cursor={'a' * 8200}")
    assert (answer.status_code, answer.json()["code"]) == (414, "url_too_long")
    answer = await client.get(USERS, headers={"X-Long": "a" * 16400})
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


async def test_a_body_where_none_belongs_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.request("DELETE", f"{USERS}/john", json={"force": True})
    assert (answer.status_code, answer.json()["code"]) == (400, "unexpected_body")
    answer = await client.request("GET", USERS, json={})
    assert answer.status_code == 400


async def test_an_action_without_fields_needs_no_body(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/api/v1/logout")).status_code == 200
    assert (await client.post("/api/v1/logout", json={})).status_code == 200
    answer = await client.post("/api/v1/logout", json={"everywhere": True})
    assert (answer.status_code, answer.json()["field"]) == (422, "everywhere")


async def test_the_import_takes_a_larger_body_but_from_nobody_unknown(
    client: httpx2.AsyncClient,
) -> None:
    users = [{"username": f"user{n}", "full_name": "a" * 200} for n in range(1000)]
    answer = await client.post(f"{USERS}/import", json={"users": users})
    assert answer.status_code == 200
    del client.headers["Authorization"]
    answer = await client.post(f"{USERS}/import", json={"users": users})
    assert (answer.status_code, answer.json()["field"]) == (413, "users")


async def test_all_wrong_fields_are_named(client: httpx2.AsyncClient) -> None:
    body = {"username": 1, "role": "king", "container_uid": "x", "nope": 1}
    problem = (await client.post(USERS, json=body)).json()
    named = [violation["field"] for violation in problem["violations"]]
    assert named == ["username", "role", "container_uid", "nope"]
    assert problem["field"] == "username"
    assert all(v["code"] and v["message"] for v in problem["violations"])
