"""What breaks lets nobody in and changes nothing."""

from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import ConnectionError, NotAuthenticated, NoVerdict, TenantryError
from tenantry.kernel.action import Action, Actor, Origin
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users import access, addresses, principal
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio

HERE = Origin("http", "203.0.113.7")


class Broken(Exception):
    """A bug in a check."""


def breaks(*_: Any, **__: Any) -> Any:
    raise Broken


async def login(app: App, password: str = PASSWORD) -> str:
    action = AuthenticateAction("john", password)
    result = await app.auth.authenticate.wait_for_complete(action)
    assert result.session_token is not None
    return result.session_token


async def test_a_guard_that_breaks_lets_nobody_through(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    class BrokenGuard:
        def check(self, actor: Actor, action: Action[Any]) -> None:
            raise Broken

    tenantry._runner.guard = BrokenGuard()
    with pytest.raises(Broken):
        await login(tenantry)
    with pytest.raises(Broken):
        await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    assert await owner.fetchval("select status from users where username = 'john'") == "active"
    assert await owner.fetchval("select count(*) from sessions") == 0


@pytest.mark.parametrize(
    ("module", "name"),
    [(access, "require_may_change"), (access, "require_may_delete"), (access.Scope, "of")],
    ids=["change", "delete", "scope"],
)
async def test_a_rule_that_breaks_changes_nothing(
    tenantry: App,
    john: UserData,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
) -> None:
    monkeypatch.setattr(module, name, breaks)
    with pytest.raises(Broken):
        await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    assert await owner.fetchval("select status from users where username = 'john'") == "active"


async def test_a_state_that_cannot_be_judged_opens_no_session_and_keeps_none(
    tenantry: App, john: UserData, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await login(tenantry)
    monkeypatch.setattr(principal.Principal, "refusal", breaks)
    with pytest.raises(Broken):
        await tenantry.auth_service.identify(token, HERE)
    with pytest.raises(Broken):
        await login(tenantry)
    assert await owner.fetchval("select count(*) from sessions") == 1


async def test_a_stored_rule_that_cannot_be_read_lets_nobody_in(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    token = await login(tenantry)
    await owner.execute("update users set allowed_client_ip = '{nonsense}'")
    with pytest.raises(ValueError, match="nonsense"):
        addresses.allowed(["nonsense"], HERE.address)
    with pytest.raises((ValueError, NotAuthenticated)):
        await tenantry.auth_service.identify(token, HERE)


@pytest.mark.parametrize("table", ["users", "attempts", "sessions", "audit_entries", "tenants"])
async def test_without_one_of_its_tables_a_login_is_not_waved_through(
    tenantry: App, john: UserData, owner: asyncpg.Connection, table: str
) -> None:
    await owner.execute(f"revoke all on {table} from tenantry_app")
    try:
        with pytest.raises(Exception, match="permission denied"):
            await login(tenantry)
    finally:
        privileges = "select, insert, update, delete"
        if table == "audit_entries":
            privileges = "select, insert"
        await owner.execute(f"grant {privileges} on {table} to tenantry_app")
    assert await owner.fetchval("select count(*) from sessions") == 0
    await login(tenantry)


async def test_without_a_database_there_is_no_verdict(tenantry: App, john: UserData) -> None:
    token = await login(tenantry)
    pool: Any = tenantry.database._pool
    pool.terminate()
    with pytest.raises(NoVerdict):
        await login(tenantry)
    with pytest.raises(ConnectionError):
        await tenantry.auth_service.identify(token, HERE)
    assert not await tenantry.database.is_ready()


async def test_a_verification_that_breaks_is_no_success_and_costs_no_attempt(
    tenantry: App, john: UserData, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenantry.auth_service._hasher, "verify", breaks)
    with pytest.raises(Broken):
        await login(tenantry)
    assert await owner.fetchval("select count(*) from sessions") == 0
    counted = await owner.fetchrow("select failures, pending from attempts")
    assert counted is not None
    assert tuple(counted) == (0, 0)


async def test_a_stored_hash_that_is_damaged_fits_no_password(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    await make_user(tenantry, "john")
    for damaged in ("", "x", "$argon2id$", "$2b$04$x", "$argon2id$v=19$m=8,t=1,p=1$$"):
        await owner.execute("update users set password_hash = $1 where username = 'john'", damaged)
        for password in (PASSWORD, "", damaged):
            result = await tenantry.auth.authenticate.wait_for_complete(
                AuthenticateAction("john", password)
            )
            assert result.success is False
        await owner.execute("truncate attempts")


async def test_every_error_of_ours_has_a_code_and_words_without_data() -> None:
    def tree(kind: type[TenantryError]) -> list[type[TenantryError]]:
        return [kind, *(inner for child in kind.__subclasses__() for inner in tree(child))]

    every = dict.fromkeys(tree(TenantryError))  # one has two parents
    kinds = [kind for kind in every if kind.__module__ == "tenantry.errors"]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(kind.__doc__ for kind in kinds)
