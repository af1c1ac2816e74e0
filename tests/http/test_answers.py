"""Answers: results, problems, headers, and who is taken to be asking."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx2
import pytest

from tenantry import errors
from tenantry.errors import TenantryError, Violation
from tenantry.http.problems import answer_to, status_of
from tenantry.kernel.action import ANONYMOUS, Action, Audience

pytestmark = pytest.mark.anyio

ME, USERS, LOGIN = "/api/v1/me", "/api/v1/users", "/api/v1/login"
CREDENTIALS = {"username": "john", "password": "correct horse battery staple"}


def failing(error: Exception) -> Callable[[Action[Any]], Awaitable[Any]]:
    async def answer(_: Action[Any]) -> Any:
        raise error

    return answer


async def test_a_result_is_answered_with_its_status_and_data(client: httpx2.AsyncClient) -> None:
    answer = await client.post(USERS, json={"username": "john"})
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["username"] == "john"


async def test_a_login_answers_with_a_token(client: httpx2.AsyncClient) -> None:
    answer = (await client.post(LOGIN, json=CREDENTIALS)).json()
    assert answer["session_token"]
    assert answer["expires_at"]
    assert answer["user"]["username"] == "john"


STATUS = {
    "InvalidInput": 422,
    "UserCreationBadRequest": 422,
    "UserModificationBadRequest": 422,
    "PasswordRejected": 422,
    "StateConflict": 409,
    "LastAdministrator": 409,
    "InvalidToken": 410,
    "AccountError": 400,
    "NotAuthenticated": 401,
    "InvalidCredentials": 401,
    "Overloaded": 503,
    "AuthenticationError": 503,
    "PermissionError": 403,
    "ConnectionError": 503,
    "TransactionConflict": 503,
    "ConfigurationError": 500,
    "TenantryError": 500,
}


def tree(root: type[TenantryError] = TenantryError) -> Iterator[type[TenantryError]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from tree(kind)


def expected_status(kind: type[TenantryError]) -> int:
    """That of the nearest error in the table; of those that every noun has, by name."""
    if issubclass(kind, errors.AccountError) and kind.__name__.endswith(("NotFound", "Conflict")):
        return 404 if kind.__name__.endswith("NotFound") else 409
    return next(STATUS[base.__name__] for base in kind.__mro__ if base.__name__ in STATUS)


def made(kind: type[TenantryError]) -> TenantryError:
    if issubclass(kind, errors.InvalidInput):
        return kind([Violation("username", "taken", "is taken")])
    return kind("What happened.", field="username")


@pytest.mark.parametrize("kind", dict.fromkeys(tree()))
async def test_every_error_of_the_tree_has_its_status(
    client: httpx2.AsyncClient, app: Any, kind: type[TenantryError]
) -> None:
    expected = expected_status(kind)
    app.answer = failing(made(kind))
    answer = await client.get(ME)
    problem = answer.json()
    assert answer.status_code == problem["status"] == expected
    assert answer.headers["Content-Type"] == "application/problem+json"
    if expected != 500:
        assert problem["code"] == kind.code
        assert problem["type"] == f"urn:tenantry:problem:{kind.code}"
        assert problem["field"] == "username"
    assert ("WWW-Authenticate" in answer.headers) == (expected == 401)
    assert ("Retry-After" in answer.headers) == (expected == 503)


@pytest.mark.parametrize("error", [OSError(13, "denied"), ValueError("x"), KeyError("password")])
def test_what_nobody_foresaw_is_500(error: Exception) -> None:
    assert status_of(error) == 500


async def test_a_500_says_only_how_to_find_it_in_the_log(
    client: httpx2.AsyncClient, app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app.answer = failing(RuntimeError("select secret from PostgreSQL 18 at /srv/app.py"))
    with caplog.at_level(logging.ERROR):
        answer = await client.post(USERS, json={"username": "canary-in-the-body"})
    assert answer.status_code == 500
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "code", "request_id"}
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert problem["request_id"] in caplog.text
    assert "select secret" in caplog.text
    assert "canary-in-the-body" not in caplog.text


def test_text_that_no_client_could_decode_is_escaped() -> None:
    error = errors.UserConflict("half \ud800 and \0 " + "x" * 5000, field="\udfff")
    problem = json.loads(bytes(answer_to(error, "id").body))
    assert problem["detail"].startswith("half \\ud800 and \\0 x")
    assert len(problem["detail"]) < 1100
    assert problem["field"] == "\\udfff"


async def test_who_takes_too_long_is_told_that_it_may_still_happen(connect: Any) -> None:
    async def slow(_: Action[Any]) -> Any:
        await asyncio.sleep(5)

    async with connect(parts={"answer": slow}, request_timeout=0.1) as client:
        answer = await client.get(ME, headers={"Authorization": "Bearer token-of-user"})
    assert (answer.status_code, answer.json()["code"]) == (503, "deadline_exceeded")
    assert "Retry-After" in answer.headers


async def test_a_timeout_of_the_services_own_is_not_taken_for_the_deadline(
    client: httpx2.AsyncClient, app: Any
) -> None:
    app.answer = failing(TimeoutError())
    assert (await client.get(ME)).json()["code"] == "internal_error"


async def test_a_body_that_does_not_come_is_given_up(connect: Any) -> None:
    async def pieces() -> Any:
        yield b'{"username": '
        await asyncio.sleep(5)
        yield b'"a"}'

    async with connect(request_timeout=0.1) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post(LOGIN, content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (408, "body_too_slow")
    assert answer.headers["Connection"] == "close"


async def test_every_answer_has_the_security_headers(client: httpx2.AsyncClient, app: Any) -> None:
    answers = [
        await client.get(path)
        for path in (ME, "/health/live", "/health/ready", "/metrics", "/openapi.json", "/nowhere")
    ]
    answers.append(await client.post(USERS, content=b"{"))
    answers.append(await client.put(USERS))
    app.answer = failing(RuntimeError("broken"))
    answers.append(await client.get(ME))
    for answer in answers:
        headers = answer.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Permissions-Policy" in headers
        assert "X-Request-ID" in headers
        assert "Strict-Transport-Security" not in headers
        assert "Server" not in headers


async def test_a_server_under_https_says_to_keep_to_it(connect: Any) -> None:
    async with connect(public_url="https://accounts.example.org") as client:
        answer = await client.get("/health/live")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


async def test_nobody_is_anonymous_and_never_the_system(
    client: httpx2.AsyncClient, app: Any
) -> None:
    del client.headers["Authorization"]
    assert (await client.post(LOGIN, json=CREDENTIALS)).status_code == 200
    assert app.asked[0][1] == ANONYMOUS


async def test_every_action_but_the_public_ones_needs_a_login(
    client: httpx2.AsyncClient, app: Any
) -> None:
    del client.headers["Authorization"]
    for binding in app.wire.bindings:
        path = "/api/v1" + binding.route.path.replace("{user}", "john")
        for body in (None, b"{}", b"{", b'{"unknown": 1}'):
            content = None if binding.route.method in ("GET", "DELETE") else body
            headers = {"Content-Type": "application/json"} if content else {}
            answer = await client.request(
                binding.route.method, path, content=content, headers=headers
            )
            public = binding.action.audience is Audience.EVERYONE
            expected = {400, 415, 422} if public else {401}
            assert answer.status_code in expected, (binding.action.tag, body)


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer nobody's")],
        [("Authorization", "Bearer expired")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer ")],
        [("Authorization", "token-of-superadmin")],
        [("Authorization", "Basic cm9vdDpyb290")],
        [("Authorization", "Bearer token-of-superadmin x")],
        [("Authorization", "Bearer " + "a" * 600)],
        [("Authorization", "")],
        [("Authorization", "Bearer token-of-user"), ("Authorization", "Bearer token-of-admin")],
    ],
)
async def test_a_credential_that_is_no_good_is_refused_even_where_none_is_needed(
    client: httpx2.AsyncClient, app: Any, headers: list[tuple[str, str]]
) -> None:
    del client.headers["Authorization"]
    answer = await client.post(LOGIN, json=CREDENTIALS, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert not app.asked


async def test_a_token_counts_in_the_header_only(client: httpx2.AsyncClient, app: Any) -> None:
    del client.headers["Authorization"]
    client.cookies.set("session_token", "token-of-superadmin")
    assert (await client.get(ME)).status_code == 401
    assert (await client.get(f"{ME}?access_token=token-of-superadmin")).status_code == 401
    assert all(actor == ANONYMOUS for _, actor, _ in app.asked)


async def test_the_scheme_is_read_in_any_case(client: httpx2.AsyncClient, app: Any) -> None:
    answer = await client.get(ME, headers={"Authorization": "BEARER token-of-monitor"})
    assert answer.status_code == 200
    assert app.asked[0][1].role == "monitor"


async def test_the_action_runs_as_the_bearer_from_where_the_request_came(
    client: httpx2.AsyncClient, app: Any
) -> None:
    headers = {"X-Request-ID": "abc-1", "User-Agent": "curl/8\x7f" + "x" * 300}
    await client.get(ME, headers=headers)
    _, actor, origin = app.asked[0]
    assert (actor.name, actor.role) == ("superadmin", "superadmin")
    assert (origin.face, origin.address, origin.request_id) == ("http", "127.0.0.1", "abc-1")
    assert origin.user_agent.startswith("curl/8\\x7fxxx")
    assert len(origin.user_agent) == 256


@pytest.mark.parametrize("sent", ["", "a b", "a\x1b[31m", "x" * 65, "ä", "a,b", "../../etc"])
async def test_a_strange_request_id_is_replaced(client: httpx2.AsyncClient, sent: str) -> None:
    answer = await client.get("/health/live", headers=[(b"X-Request-ID", sent.encode())])
    assert answer.headers["X-Request-ID"] != sent
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_a_good_request_id_is_kept(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": "A-1_b.c"})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "A-1_b.c"
