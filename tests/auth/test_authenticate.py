"""Logging in with a password."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticateAction, AuthenticationResult
from tenantry.errors import InvalidCredentials, InvalidInput
from tenantry.kernel.action import ANONYMOUS, Origin, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserStatus

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
WRONG = "not the passphrase"
PLANNED_ONCE = """
    select generic_plans from pg_prepared_statements
    where statement like 'with%insert into sessions%'
"""
HERE = Origin(face="http", address="203.0.113.7", user_agent="test/1", request_id="r-1")


@pytest.mark.parametrize(
    "name",
    [
        "john",
        "JOHN",
        " john ",
        "ｊｏｈｎ",
        "john@example.com",
        "John@EXAMPLE.com",
        " john@example.com\n",
        "ｊｏｈｎ@example.com",
    ],
)
async def test_any_form_of_name_or_address_logs_in(
    tenantry: App, john: UserData, login: Login, name: str
) -> None:
    result = await login(name, PASSWORD)
    assert result.success
    assert result.user is not None
    assert result.user.id == john.id
    assert result.error_code is None


async def test_an_address_with_an_international_domain_logs_in_in_both_forms(
    tenantry: App, login: Login
) -> None:
    await make_user(tenantry, "ada", email="ada@bücher.example")
    for name in ("ada@bücher.example", "ADA@xn--bcher-kva.example"):
        assert (await login(name, PASSWORD)).success


async def test_a_username_goes_before_the_same_address(tenantry: App, login: Login) -> None:
    by_name = await make_user(tenantry, "ada@example.com", email=None)
    await make_user(tenantry, "other", email="ada@example.com", password="another passphrase")
    result = await login("ada@example.com", PASSWORD)
    assert result.user is not None
    assert result.user.id == by_name.id


async def test_a_password_counts_exactly_as_typed(tenantry: App, login: Login) -> None:
    await make_user(tenantry, "ada", password="  Spaces Around  ")
    for near in ("Spaces Around", "  spaces around  ", "  Spaces Around ", " Spaces Around  "):
        assert not (await login("ada", near)).success
    assert (await login("ada", "  Spaces Around  ")).success


async def test_composed_and_decomposed_accents_are_the_same_password(
    tenantry: App, login: Login
) -> None:
    await make_user(tenantry, "ada", password="é" * 12)
    assert (await login("ada", "e\u0301" * 12)).success


async def test_the_last_of_128_characters_matters(tenantry: App, login: Login) -> None:
    await make_user(tenantry, "ada", password="x" * 127 + "y")
    assert (await login("ada", "x" * 127 + "y")).success
    assert not (await login("ada", "x" * 127 + "z")).success
    assert not (await login("ada", "x" * 127)).success


@pytest.mark.parametrize("password", ["pass\0word with nul", "half a pair \ud800 in it"])
async def test_a_password_may_hold_any_character(
    tenantry: App, login: Login, password: str
) -> None:
    await make_user(tenantry, "ada", password=password)
    assert (await login("ada", password)).success
    assert not (await login("ada", password.partition(password[4])[0])).success


async def test_a_login_is_noted(tenantry: App, john: UserData, login: Login) -> None:
    result = await login("john", PASSWORD)
    assert result.user is not None
    stored = await tenantry.auth.authenticate.wait_for_complete(
        AuthenticateAction("john", PASSWORD)
    )
    assert stored.user is not None
    assert john.last_login is None
    assert stored.user.last_login is not None


# Refusals.


Prepare = Callable[[App, asyncpg.Connection], Awaitable[tuple[str, str]]]


async def _unknown(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return "nobody", PASSWORD


async def _wrong(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return (await make_user(app, "ada")).username, WRONG


async def _status(app: App, status: UserStatus) -> tuple[str, str]:
    return (await make_user(app, "ada", status=status)).username, PASSWORD


async def _inactive(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return await _status(app, UserStatus.INACTIVE)


async def _suspended(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return await _status(app, UserStatus.SUSPENDED)


async def _deleted(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    await make_user(app, "ada")
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user="ada"))
    return "ada", PASSWORD


async def _suspended_tenant(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    await make_user(app, "ada")
    await owner.execute("update tenants set status = 'suspended'")
    return "ada", PASSWORD


async def _locked(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    await make_user(app, "ada")
    await app.locks.lock_account.wait_for_complete(LockAccountAction(user="ada", reason="odd"))
    return "ada", PASSWORD


async def _throttled(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    await make_user(app, "ada")
    with acting_as(ANONYMOUS, HERE):
        for _ in range(app.settings.max_failed_attempts):
            await app.auth.authenticate.wait_for_complete(AuthenticateAction("ada", WRONG))
    await owner.execute("truncate audit_entries")
    return "ada", PASSWORD


async def _no_password(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return (await make_user(app, "ada", password=None)).username, PASSWORD


async def _over_long(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return (await make_user(app, "ada")).username, "x" * 2**20


async def _over_long_name(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return "x" * 2**20, PASSWORD


async def _impossible_name(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return "a\0b\ud800", PASSWORD


async def _empty(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return (await make_user(app, "ada")).username, ""


async def _elsewhere(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    await make_user(app, "ada", allowed_client_ip=["10.0.0.0/8"])
    return "ada", PASSWORD


async def _factor_missing(app: App, owner: asyncpg.Connection) -> tuple[str, str]:
    return "", ""


REFUSALS: dict[str, tuple[Prepare, str]] = {
    "unknown": (_unknown, "unknown_user"),
    "wrong": (_wrong, "wrong_password"),
    "inactive": (_inactive, "user_inactive"),
    "suspended": (_suspended, "user_suspended"),
    "deleted": (_deleted, "user_deleted"),
    "tenant suspended": (_suspended_tenant, "tenant_suspended"),
    "locked": (_locked, "locked"),
    "throttled": (_throttled, "throttled"),
    "no password": (_no_password, "no_password"),
    "over-long password": (_over_long, "wrong_password"),
    "over-long name": (_over_long_name, "unknown_user"),
    "impossible name": (_impossible_name, "unknown_user"),
    "empty password": (_empty, "wrong_password"),
    "empty everything": (_factor_missing, "unknown_user"),
    "other address": (_elsewhere, "address_not_allowed"),
}


@pytest.mark.parametrize(("prepare", "reason"), REFUSALS.values(), ids=list(REFUSALS))
async def test_every_refusal_is_the_same_words_after_the_same_work(
    tenantry: App, owner: asyncpg.Connection, prepare: Prepare, reason: str
) -> None:
    name, password = await prepare(tenantry, owner)
    work = _count_hashes(tenantry)
    before = await owner.fetchval("select count(*) from audit_entries")
    with acting_as(ANONYMOUS, HERE):
        result = await tenantry.auth.authenticate.wait_for_complete(
            AuthenticateAction(name, password)
        )
    refusal = InvalidCredentials()
    assert result == AuthenticationResult(
        success=False, error_code=refusal.code, error_message=refusal.message
    )
    assert work == ["hash"]
    entries = await owner.fetch("select * from audit_entries where action = 'login'")
    assert await owner.fetchval("select count(*) from audit_entries") == before + 1
    newest = max(entries, key=lambda entry: entry["at"])
    assert (newest["outcome"], newest["reason"]) == ("failed", reason)
    assert (newest["actor"], newest["request_id"]) == ("anonymous", "r-1")
    search = SearchAuditAction(address="203.0.113.7", limit=1)
    (entry,) = (await tenantry.audit.search.wait_for_complete(search)).items
    assert (entry.id, entry.ip_address) == (newest["id"], "203.0.113.7")


def _count_hashes(app: App) -> list[str]:
    """A list that gets an element for each hash that is computed from now on."""
    hasher = app.auth_service._hasher
    assert isinstance(hasher, ThreadedHasher)
    computed: list[str] = []
    compute = hasher._threads.run

    async def counting(work: Callable[[], Any]) -> Any:
        computed.append("hash")
        return await compute(work)

    hasher._threads.run = counting  # type: ignore[method-assign]  # the real one runs inside
    return computed


@pytest.mark.parametrize(("prepare", "reason"), REFUSALS.values(), ids=list(REFUSALS))
async def test_a_refusal_can_be_raised_instead(
    tenantry: App, owner: asyncpg.Connection, prepare: Prepare, reason: str
) -> None:
    name, password = await prepare(tenantry, owner)
    action = AuthenticateAction(name, password, raise_on_failure=True)
    with acting_as(ANONYMOUS, HERE), pytest.raises(InvalidCredentials) as refused:
        await tenantry.auth.authenticate.wait_for_complete(action)
    assert str(refused.value) == InvalidCredentials().message
    assert refused.value.data == {}
    entries = await owner.fetch("select reason from audit_entries where action = 'login'")
    assert reason in {entry["reason"] for entry in entries}


async def test_a_right_password_with_a_raise_asked_for_logs_in(
    tenantry: App, john: UserData
) -> None:
    action = AuthenticateAction("john", PASSWORD, raise_on_failure=True)
    assert (await tenantry.auth.authenticate.wait_for_complete(action)).success


async def test_a_user_who_is_active_again_logs_in_again(tenantry: App, login: Login) -> None:
    await make_user(tenantry, "ada", status=UserStatus.SUSPENDED)
    assert not (await login("ada", PASSWORD)).success
    modifier = UserModifier(status=OptionalState.update(UserStatus.ACTIVE))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="ada", modifier=modifier)
    )
    assert (await login("ada", PASSWORD)).success


@pytest.mark.parametrize(
    ("rules", "address", "enters"),
    [
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["203.0.113.0/24"], "203.0.114.9", False),
        (["203.0.*.*"], "203.0.7.7", True),
        (["::ffff:203.0.113.9"], "203.0.113.9", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["fe80::/10"], "fe80::1%eth0", False),
        (["10.0.0.1"], None, False),
        (["10.0.0.1"], "garbage<script>", False),
        ([], "203.0.113.9", True),
        (None, None, True),
    ],
)
async def test_an_address_is_compared_in_its_one_form(
    tenantry: App, rules: list[str] | None, address: str | None, *, enters: bool
) -> None:
    await make_user(tenantry, "ada", allowed_client_ip=rules)
    with acting_as(ANONYMOUS, Origin("http", address)):
        result = await tenantry.auth.authenticate.wait_for_complete(
            AuthenticateAction("ada", PASSWORD)
        )
    assert result.success is enters


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": 5, "password": PASSWORD}, "username"),
        ({"username": None, "password": PASSWORD}, "username"),
        ({"username": "john", "password": 5}, "password"),
        ({"username": "john", "password": b"bytes"}, "password"),
        ({"username": "john", "password": None}, "password"),
    ],
)
async def test_what_is_no_text_is_refused_by_its_field(
    tenantry: App, john: UserData, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction(**fields))
    assert refused.value.field == field


async def test_a_login_leaves_one_entry(tenantry: App, john: UserData) -> None:
    with acting_as(ANONYMOUS, HERE):
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("JOHN", PASSWORD))
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action="login"))
    (entry,) = page.items
    assert (entry.outcome, entry.reason, entry.changes) == (Outcome.SUCCEEDED, None, {})
    assert (entry.target, entry.target_id, entry.tenant_id) == ("john", john.id, john.tenant_id)
    assert (entry.ip_address, entry.user_agent, entry.face) == ("203.0.113.7", "test/1", "http")


async def test_an_entry_on_nobody_keeps_the_name_that_was_tried_in_the_platforms_books(
    tenantry: App, login: Login
) -> None:
    await login("no\0body\ud800", PASSWORD)
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction(action="login"))
    (entry,) = page.items
    assert (entry.target, entry.target_id) == ("no\\0body\\ud800", None)
    assert entry.tenant_id == UUID(int=0)


async def test_the_statement_that_ends_a_login_is_not_planned_each_time(
    tenantry: App, john: UserData, login: Login, owner: asyncpg.Connection
) -> None:
    # In a small table any plan is as good as another, and a lasting one is taken at once.
    await owner.execute(
        "insert into attempts (subject, failures, pending, changed_at)"
        " select 'name:' || n, 0, 0, now() from generate_series(1, 20000) as n"
    )
    await owner.execute("analyze attempts")
    for _ in range(12):
        assert (await login("john", PASSWORD)).success
    used: list[int] = []
    for connection in tenantry.database._pool._opened:
        used += [row[0] for row in await connection.fetch(PLANNED_ONCE)]
    assert sum(used) > 0
