"""Checks over HTTP are answered from memory, just as they would be without it."""

import json

import pytest

from tenantry.sessions.actions import EndSessionsAction
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.checks.conftest import give
from tests.checks.faces import ASK, Both, logged_in, told

pytestmark = pytest.mark.anyio


async def test_what_is_in_memory_runs_no_action(both: Both) -> None:
    await both.warm(ASK)
    for permission, allowed in (("SELECT", True), ("select", True), ("INSERT", False)):
        answer = await both.ask(json.dumps(ASK | {"permission": permission}).encode())
        assert answer.json() == {"allowed": allowed}
    assert both.runs == []


async def test_many_are_answered_in_their_order(both: Both) -> None:
    asked = {"questions": [ASK, ASK | {"permission": "INSERT"}, ASK | {"table": "orders"}] * 300}
    await both.warm(asked, "checks")
    answer = await both.ask(json.dumps(asked).encode(), "checks")
    assert answer.json() == {"allowed": [True, False, True] * 300}
    assert both.runs == []


async def test_one_call_tells_whether_the_session_holds_and_what_its_user_may(
    both: Both, john: UserData
) -> None:
    both.token = await logged_in(both.app, "john")
    asked = ASK | {"user": "current_user"}
    await both.warm(asked)
    answer = await both.ask(json.dumps(asked).encode())
    assert (answer.json(), both.runs) == ({"allowed": True}, [])
    await both.app.run(EndSessionsAction(user="john"))
    assert (await both.ask(json.dumps(asked).encode())).status_code == 401


async def test_whom_one_cannot_see_may_nothing(
    both: Both, john: UserData, stranger: UserData
) -> None:
    await give(both.app, "stranger", "SELECT", "sales")
    await both.app.decisions.warm(["stranger", "adele", "john"])
    asked = json.dumps(ASK | {"user": "stranger"}).encode()
    assert (await both.ask(asked)).json() == {"allowed": False}
    assert (await both.ask(asked)).json() == {"allowed": False}
    both.token = await logged_in(both.app, "john")
    for _ in range(2):
        assert (await both.ask(json.dumps(ASK | {"user": "adele"}).encode())).json() == {
            "allowed": False
        }
        assert (await both.ask(json.dumps(ASK).encode())).json() == {"allowed": True}


async def test_a_change_tells_its_version_and_an_answer_can_be_asked_for_from_there(
    both: Both,
) -> None:
    changed = await both.fast.post(
        "/api/v1/grants/revoke",
        json={"principal": "john", "permissions": ["SELECT"], "database": "sales"},
        headers=both.headers(),
    )
    version = int(changed.headers["Tenantry-Version"])
    assert version == both.app.feed.head
    answer = await both.ask(json.dumps(ASK | {"at_least": version}).encode())
    assert answer.json() == {"allowed": False}
    unknown = await both.ask(json.dumps(ASK | {"at_least": version + 1}).encode())
    assert (unknown.status_code, unknown.json()["violations"][0]["field"]) == (422, "at_least")
    described = await both.fast.patch(
        "/api/v1/users/john", json={"description": "x"}, headers=both.headers()
    )
    assert "Tenantry-Version" not in described.headers


async def test_answers_from_memory_are_counted_like_others(both: Both) -> None:
    await both.warm(ASK)
    name = "tenantry_http_requests_total"
    labels = {"route": "/api/v1/check", "method": "POST", "status": "200"}
    before = both.app.registry.get_sample_value(name, labels)
    await both.ask(json.dumps(ASK).encode())
    after = both.app.registry.get_sample_value(name, labels)
    assert (before, after) == (1.0, 2.0)
    assert both.app.registry.get_sample_value("tenantry_changes_applied") == both.app.feed.applied


def dumped(**changes: object) -> bytes:
    return json.dumps(ASK | changes).encode()


LARGE = b'{"user": "john", "permission": "SELECT"' + b" " * 70_000 + b"}"
BODIES: dict[str, bytes] = {
    "plain": dumped(),
    "nulls": dumped(schema=None, table=None),
    "a table": dumped(table="orders"),
    "everything named": dumped(schema="public", table="orders", at_least=0),
    "compact": json.dumps(ASK, separators=(",", ":")).encode(),
    "spaces around": b"  " + dumped() + b"\n",
    "strong": dumped(consistency="strong"),
    "bounded": dumped(consistency="bounded"),
    "a name twice": b'{"user":"john","user":"john","permission":"SELECT","database":"sales"}',
    "a name twice, otherwise": b'{"user":"a","permission":"SELECT","database":"x","database":"s"}',
    "an escape": rb'{"user":"\u006aohn","permission":"SELECT","database":"sales"}',
    "half a surrogate": rb'{"user":"john","permission":"SELECT","database":"\ud800"}',
    "a NUL": b'{"user":"john","permission":"SELECT","database":"\x00"}',
    "an escaped NUL": rb'{"user":"john","permission":"SELECT","database":"\u0000"}',
    "no UTF-8": b'{"user":"john","permission":"SELECT","database":"\xff"}',
    "a byte order mark": b"\xef\xbb\xbf" + dumped(),
    "nothing": b"",
    "a list": b"[]",
    "a text": b'"john"',
    "not closed": dumped()[:-1],
    "more after it": dumped() + b"{}",
    "an unknown field": dumped(nonsense="x"),
    "a number for a name": dumped(user=7),
    "a missing field": b'{"user":"john"}',
    "an unknown privilege": dumped(permission="SELEC"),
    "an empty database": dumped(database=""),
    "a wildcard": dumped(database="*"),
    "a long name": dumped(database="x" * 64),
    "a table of nothing": dumped(database=None, table="orders"),
    "nobody": dumped(user="nobody"),
    "an empty user": dumped(user=""),
    "a user by id": dumped(user="00000000-0000-0000-0000-000000000001"),
    "a version below zero": dumped(at_least=-1),
    "a version that is no number": dumped(at_least="1"),
    "a version too large": b'{"user":"john","permission":"SELECT","at_least":99999999999999999999}',
    "a fraction": b'{"user":"john","permission":"SELECT","at_least":1e0}',
    "not a number": b'{"user":"john","permission":"SELECT","at_least":NaN}',
    "too large": LARGE,
    "too deep": b"[" * 200 + b"]" * 200,
    "delete character": dumped(database="a\x7f"),
    "letters of another kind": json.dumps(ASK | {"user": "j\u00f6hn"}, ensure_ascii=False).encode(),
    "many": json.dumps({"questions": [ASK, ASK]}).encode(),
    "none": b'{"questions": []}',
    "too many": json.dumps({"questions": [ASK] * 1001}).encode(),
    "many twice": b'{"questions":[],"questions":[' + dumped() + b"]}",
    "one of many is wrong": json.dumps({"questions": [ASK, ASK | {"database": "*"}]}).encode(),
    "a name twice in one of many": b'{"questions":[{"user":"john","permission":"SELECT"'
    b',"permission":"INSERT"}]}',
}
HEADERS: dict[str, dict[str, str]] = {
    "plain": {},
    "its own request id": {"X-Request-Id": "abc-1"},
    "a request id that is none": {"X-Request-Id": "a b"},
    "no token": {"Authorization": ""},
    "a token that is none": {"Authorization": "Bearer x"},
    "another scheme": {"Authorization": "Basic eDp5"},
    "small letters": {"Content-Type": "APPLICATION/JSON; charset=utf-8"},
    "a form": {"Content-Type": "text/plain"},
    "an encoding": {"Content-Encoding": "gzip"},
    "a proxy that nobody trusts": {"X-Forwarded-For": "198.51.100.1"},
    "large headers": {"X-Large": "x" * 17_000},
}


@pytest.mark.parametrize("path", ["check", "checks"])
async def test_memory_in_front_changes_no_answer(both: Both, path: str) -> None:
    await both.warm(ASK)
    await both.warm({"questions": [ASK]}, "checks")
    for what, body in BODIES.items():
        url, headers = f"/api/v1/{path}", both.headers()
        fast = await both.fast.post(url, content=body, headers=headers)
        slow = await both.slow.post(url, content=body, headers=headers)
        assert told(fast) == told(slow), what
    for what, more in HEADERS.items():
        url, headers = f"/api/v1/{path}", both.headers(more)
        fast = await both.fast.post(url, content=dumped(), headers=headers)
        slow = await both.slow.post(url, content=dumped(), headers=headers)
        assert told(fast) == told(slow), what
        given = more.get("X-Request-Id")
        assert (fast.headers["x-request-id"] == given) == (given == "abc-1"), what
    for method, url in (
        ("GET", f"/api/v1/{path}"),
        ("POST", f"/api/v1/{path}?user=john"),
        ("POST", f"/api/v1/%63heck{path[5:]}"),
        ("POST", f"/api/v1/{path}/"),
    ):
        fast = await both.fast.request(method, url, content=dumped(), headers=both.headers())
        slow = await both.slow.request(method, url, content=dumped(), headers=both.headers())
        assert told(fast) == told(slow), (method, url)


async def test_a_limited_session_is_refused_as_everywhere(both: Both) -> None:
    await make_user(both.app, "jane", need_password_change=True, role=UserRole.USER)
    both.token = await logged_in(both.app, "jane")
    for _ in range(2):
        answer = await both.ask(json.dumps(ASK | {"user": "current_user"}).encode())
        assert answer.status_code == 403


async def test_a_body_that_comes_in_parts_or_slowly_is_left_to_others(both: Both) -> None:
    await both.warm(ASK)
    headers = both.headers({"X-In-Parts": "1"})
    answer = await both.fast.post("/api/v1/check", content=dumped(), headers=headers)
    assert (answer.json(), len(both.runs)) == ({"allowed": True}, 1)
