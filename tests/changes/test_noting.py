"""What decides on access is noted in the transaction that changes it, and nothing else is."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, ChangeOwnPasswordAction
from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.changes.retention import ChangeRetention
from tenantry.changes.version import writing
from tenantry.kernel.action import ANONYMOUS, Action, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction, UnlockAccountAction
from tenantry.sessions.actions import (
    EndSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
)
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    SetTenantIsolationAction,
    SuspendTenantAction,
)
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction, PurgeUserAction
from tenantry.users.model import UserData, UserModifier, UserStatus

pytestmark = pytest.mark.anyio


async def noted(owner: asyncpg.Connection, after: int = 0) -> list[tuple[str, UUID]]:
    rows = await owner.fetch(
        "select kind, subject_id from change_log where seq > $1 order by seq, kind", after
    )
    return [(row["kind"], row["subject_id"]) for row in rows]


async def head(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select coalesce(max(seq), 0) from change_head"))


async def log_in(app: App, username: str = "john") -> str:
    with acting_as(ANONYMOUS):
        action = AuthenticateAction(username, PASSWORD, raise_on_failure=True)
        result = await app.auth.authenticate.wait_for_complete(action)
    assert result.session_token is not None
    return result.session_token


async def modify(app: App, modifier: UserModifier) -> None:
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user="john", modifier=modifier))


DECIDING: dict[str, Callable[[App], Awaitable[Any]]] = {
    "status": lambda app: modify(
        app, UserModifier(status=OptionalState.update(UserStatus.INACTIVE))
    ),
    "addresses": lambda app: modify(
        app, UserModifier(allowed_client_ip=TriState.update(["192.0.2.0/24"]))
    ),
    "lock": lambda app: app.locks.lock_account.wait_for_complete(
        LockAccountAction(user="john", reason="test")
    ),
    "delete": lambda app: app.users.delete_user.wait_for_complete(DeleteUserAction(user="john")),
    "purge": lambda app: app.users.purge_user.wait_for_complete(PurgeUserAction(user="john")),
    "sessions": lambda app: app.sessions.end_sessions.wait_for_complete(
        EndSessionsAction(user="john")
    ),
}


@pytest.mark.parametrize("what", DECIDING)
async def test_a_change_of_a_user_is_noted_and_has_a_version(
    tenantry: App, john: UserData, owner: asyncpg.Connection, what: str
) -> None:
    with writing() as written:
        await DECIDING[what](tenantry)
    assert ("user", john.id) in await noted(owner)
    assert written.version is not None
    assert 1 <= written.version <= await head(owner)


async def test_what_only_describes_a_user_is_not_noted(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    with writing() as written:
        await modify(tenantry, UserModifier(description=TriState.update("a description")))
    assert await noted(owner) == []
    assert written.version is None


async def test_logging_in_notes_nothing(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await log_in(tenantry)
    assert await noted(owner) == []
    assert await head(owner) == 0


async def test_a_login_notes_the_sessions_that_it_ends_to_make_room(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute("update resource_policies set max_concurrent_logins = 1")
    await log_in(tenantry)
    await log_in(tenantry)
    rows = await owner.fetch("select id from sessions where ended_at is not null")
    assert await noted(owner) == [("session", row["id"]) for row in rows]
    assert len(rows) == 1


async def test_the_end_and_the_refresh_of_a_session_are_noted(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    token = await log_in(tenantry)
    session_id = await owner.fetchval("select id from sessions")
    refreshed = await tenantry.sessions.refresh_session.wait_for_complete(
        RefreshSessionAction(session_token=token)
    )
    assert await noted(owner) == [("session", session_id)]
    await tenantry.sessions.terminate_session.wait_for_complete(
        TerminateSessionAction(session_token=refreshed.session_token)
    )
    assert await noted(owner) == [("session", session_id)] * 2


async def test_changes_of_a_tenant_are_noted_under_its_id(
    tenantry: App, other_tenant: str, owner: asyncpg.Connection
) -> None:
    tenant_id = await owner.fetchval("select id from tenants where name = $1", other_tenant)
    actions: tuple[Action[Any], ...] = (
        SetTenantIsolationAction(other_tenant, isolated=True),
        AssignDatabaseToTenantAction(other_tenant, "sales"),
        SuspendTenantAction(other_tenant, "unpaid"),
    )
    for count, action in enumerate(actions, 1):
        await tenantry.run(action)
        assert await noted(owner) == [("tenant", tenant_id)] * count


async def test_several_changes_of_one_transaction_have_one_number(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    one, two = uuid4(), uuid4()
    async with tenantry.database.transaction() as tx:
        await ChangeLog.note(tx, Change(ChangeKind.ROLE, one))
        await ChangeLog.note(tx, Change(ChangeKind.ROLE, two), Change(ChangeKind.ROLE, one))
    assert sorted(await noted(owner)) == sorted([("role", one), ("role", two)])
    assert await head(owner) == 1


async def test_what_is_rolled_back_is_not_noted(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    async def undone() -> None:
        async with tenantry.database.transaction() as tx:
            await ChangeLog.note(tx, Change(ChangeKind.USER, john.id))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert await noted(owner) == []


async def test_numbers_are_in_the_order_of_commits_and_have_no_gap(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    for _ in range(5):
        await asyncio.gather(
            *(
                app_action(tenantry)
                for app_action in (_lock, _unlock, _lock, _unlock, _end_all, _end_all)
            ),
            return_exceptions=True,
        )
    numbers = [
        row[0] for row in await owner.fetch("select distinct seq from change_log order by 1")
    ]
    assert numbers == list(range(1, await head(owner) + 1))


async def _lock(app: App) -> None:
    await app.locks.lock_account.wait_for_complete(LockAccountAction(user="john", reason="test"))


async def _unlock(app: App) -> None:
    await app.locks.unlock_account.wait_for_complete(UnlockAccountAction(user="john"))


async def _end_all(app: App) -> None:
    await app.sessions.end_sessions.wait_for_complete(EndSessionsAction(user="john"))


async def test_changing_ones_password_ends_and_opens_sessions_and_is_noted(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    with acting_as(john):
        action = ChangeOwnPasswordAction(PASSWORD, "quite another passphrase")
        await tenantry.auth.change_own_password.wait_for_complete(action)
    assert await noted(owner) == [("user", john.id)]


async def test_what_is_old_is_removed_from_the_log(
    tenantry: App, john: UserData, owner: asyncpg.Connection, clock: ShiftedClock
) -> None:
    await _lock(tenantry)
    await owner.execute("update change_log set noted_at = noted_at - interval '2 hours'")
    await _unlock(tenantry)
    retention = ChangeRetention(database=tenantry.database, clock=clock)
    assert await retention.remove_old() == 1
    assert await noted(owner) == [("user", john.id)]
    assert await make_user(tenantry)
