import socket
from typing import Any

import pytest

from tenantry import errors
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import ChangeOwnPasswordAction, WhoAmIAction
from tenantry.kernel.action import Action
from tenantry.kernel.modifier import TriState
from tenantry.sdk.address import checked_url, server_url
from tenantry.sdk.transport import HttpTransport
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    GetUserAction,
    ListUsersAction,
    ModifyUserAction,
    SearchUsersAction,
)
from tenantry.users.model import UserCreator, UserFilter, UserModifier, UserRole

from .conftest import FakeServer, problem

pytestmark = pytest.mark.anyio

A_LONE_HALF = UserModifier(full_name=TriState.update("\ud800"))


def logged_in(url: str, password: str = "right", timeout: float = 5.0) -> HttpTransport:
    return HttpTransport(url, user="root", password=password, timeout=timeout)


async def test_an_action_becomes_its_request_and_the_answer_its_result(
    fake: FakeServer, url: str
) -> None:
    async with logged_in(url) as transport:
        creator = UserCreator(username="john", role=UserRole.MONITOR)
        result = await transport.run(CreateUserAction(creator))
    assert result.data.username == "john"
    asked = fake.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/v1/users")
    assert asked.body == {"username": "john", "role": "monitor"}


async def test_what_a_get_asks_for_stands_in_the_query(fake: FakeServer, url: str) -> None:
    fake.answers.append((200, {"items": [], "next_cursor": None}))
    async with logged_in(url) as transport:
        await transport.run(ListUsersAction(limit=7, cursor="a b&c"))
    assert fake.asked[0].query == {"limit": "7", "cursor": "a b&c"}


@pytest.mark.parametrize("name", ["a/b", "..", ".", "a?b=c#d", "ü 王", "100%"])
async def test_a_name_cannot_leave_its_place_in_the_path(
    fake: FakeServer, url: str, name: str
) -> None:
    from urllib.parse import unquote

    async with logged_in(url) as transport:
        await transport.run(DeleteUserAction(user=name))
    path = fake.asked[0].path
    assert path.count("/") == 4
    assert unquote(path) == f"/api/v1/users/{name}"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "user_not_found", errors.UserNotFound),
        (409, "user_conflict", errors.UserConflict),
        (409, "last_administrator", errors.LastAdministrator),
        (403, "permission_denied", errors.PermissionError),
        (503, "unavailable", errors.ConnectionError),
        (503, "overloaded", errors.Overloaded),
        (418, "from_the_future", errors.AccountError),
        (500, "internal_error", errors.ConnectionError),
        (403, "from_the_future", errors.PermissionError),
        (413, "body_too_large", errors.InvalidInput),
    ],
)
async def test_an_error_comes_back_as_the_class_that_was_raised(
    fake: FakeServer, url: str, status: int, code: str, expected: type[Exception]
) -> None:
    fake.answers.append((status, problem(code, field="email")))
    async with logged_in(url) as transport:
        with pytest.raises(errors.TenantryError) as caught:
            await transport.run(GetUserAction(user="john"))
    assert type(caught.value) is expected
    assert caught.value.field == "email"
    assert "It was refused" in str(caught.value)


async def test_every_violation_comes_back(fake: FakeServer, url: str) -> None:
    broken = [{"field": f"f{i}", "code": "bad", "message": "is bad"} for i in range(2)]
    fake.answers.append((422, problem("password_rejected", violations=broken)))
    async with logged_in(url) as transport:
        with pytest.raises(errors.PasswordRejected) as caught:
            await transport.run(GetUserAction(user="john"))
    assert [v.field for v in caught.value.violations] == ["f0", "f1"]


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b"", b"{}", b"[1]"])
async def test_an_answer_that_is_not_ours_is_no_result(
    fake: FakeServer, url: str, answer: bytes
) -> None:
    fake.answers.append((200, answer))
    async with logged_in(url) as transport:
        with pytest.raises(errors.ConnectionError, match="did not answer as a Tenantry server"):
            await transport.run(GetUserAction(user="john"))


async def test_a_redirect_is_not_followed_with_the_token(fake: FakeServer, url: str) -> None:
    fake.answers.append((302, b""))
    async with logged_in(url) as transport:
        with pytest.raises(errors.ConnectionError, match="302"):
            await transport.run(GetUserAction(user="john"))
    assert len(fake.asked) == 1


async def test_a_session_that_ended_is_renewed(fake: FakeServer, url: str) -> None:
    async with logged_in(url) as transport:
        await transport.run(WhoAmIAction())
        fake.end_sessions()
        await transport.run(WhoAmIAction())
    assert fake.logins == 2
    assert [asked.token for asked in fake.asked] == ["token-1", "token-1", "token-2"]


async def test_renewing_is_no_loop(fake: FakeServer, url: str) -> None:
    fake.never_content = True
    async with logged_in(url) as transport:
        with pytest.raises(errors.NotAuthenticated):
            await transport.run(WhoAmIAction())
    assert (fake.logins, len(fake.asked)) == (2, 2)


async def test_a_given_session_is_never_replaced(fake: FakeServer, url: str) -> None:
    async with HttpTransport(url, token="stale") as transport:
        with pytest.raises(errors.NotAuthenticated):
            await transport.run(WhoAmIAction())
    assert fake.logins == 0


async def test_logging_out_ends_only_what_was_begun_here(fake: FakeServer, url: str) -> None:
    fake.tokens.add("given")
    async with HttpTransport(url, token="given") as transport:
        await transport.log_out()
    assert fake.asked == []
    async with logged_in(url) as transport:
        await transport.run(WhoAmIAction())
        await transport.log_out()
    assert [asked.path for asked in fake.asked] == ["/api/v1/me", "/api/v1/logout"]


async def test_after_a_change_of_the_own_password_the_new_one_counts(
    fake: FakeServer, url: str
) -> None:
    answer = {"success": True, "user": None, "session_token": "next", "expires_at": None}
    fake.answers.append((200, answer))
    async with logged_in(url) as transport:
        await transport.run(ChangeOwnPasswordAction("right", "newer"))
        fake.tokens, fake.password = {"next"}, "newer"
        await transport.run(WhoAmIAction())
        fake.end_sessions()
        await transport.run(WhoAmIAction())
    assert [asked.token for asked in fake.asked][1:] == ["next", "next", "token-2"]


async def test_an_unreachable_server_is_named_and_nothing_secret_is() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    async with HttpTransport(f"http://127.0.0.1:{port}", token="top-secret") as transport:
        with pytest.raises(errors.ConnectionError, match=f"127.0.0.1:{port}") as caught:
            await transport.run(WhoAmIAction())
    assert "top-secret" not in f"{caught.value!r} {transport!r}"


async def test_a_server_that_hangs_does_not_hang_the_client(fake: FakeServer, url: str) -> None:
    fake.login_seconds = 0.5
    async with logged_in(url, timeout=0.1) as transport:
        with pytest.raises(errors.ConnectionError, match="did not answer in time"):
            await transport.run(WhoAmIAction())


async def test_a_proxy_never_sees_the_loopback(
    fake: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with logged_in(url) as transport:
        await transport.run(WhoAmIAction())
    assert len(fake.asked) == 1


@pytest.mark.parametrize("value", [object(), "\ud800", 1e400])
async def test_what_is_no_json_is_refused_here(fake: FakeServer, url: str, value: Any) -> None:
    action = SearchUsersAction(filter=UserFilter(attributes={"x": value}))
    async with logged_in(url) as transport:
        with pytest.raises(errors.InvalidInput, match="cannot be written as JSON") as caught:
            await transport.run(action)
    assert caught.value.field == "attributes"
    assert fake.asked == []


@pytest.mark.parametrize(
    ("action", "field"),
    [
        (GetUserAction(user="\ud800"), "user"),
        (ModifyUserAction(user="x", modifier=A_LONE_HALF), "full_name"),
        (SearchAuditAction(actor="\ud800"), "actor"),
    ],
)
async def test_the_field_that_is_no_json_is_named_wherever_it_stands(
    fake: FakeServer, url: str, action: Action[Any], field: str
) -> None:
    async with logged_in(url) as transport:
        with pytest.raises(errors.InvalidInput, match="cannot be written as JSON") as caught:
            await transport.run(action)
    assert caught.value.field == field
    assert fake.asked == []


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 8420, "http://127.0.0.1:8420"),
        ("::1", 8420, "http://[::1]:8420"),
        ("https://accounts.example.org", 443, "https://accounts.example.org:443"),
        ("https://accounts.example.org:8443", 443, "https://accounts.example.org:8443"),
    ],
)
def test_a_host_may_say_its_scheme(host: str, port: int, expected: str) -> None:
    assert server_url(host, port) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost", "http://localhost:8420"),
        ("https://a.example.org", "https://a.example.org:443"),
        ("http://[::1]:9000/", "http://[::1]:9000"),
        ("https://a.example.org/accounts/", "https://a.example.org:443/accounts"),
    ],
)
def test_an_address_is_completed(text: str, expected: str) -> None:
    assert checked_url(text) == expected


@pytest.mark.parametrize(
    "text", ["", "ftp://a", "http://", "http://u:p@a", "http://a:99999", "a?b"]
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        checked_url(text)
