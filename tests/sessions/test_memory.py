"""Sessions are kept in memory once they were let in, and never outlive what ends them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import ANONYMOUS, Action, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DeleteRoleAction,
    DisinheritRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
    RemoveRoleAction,
)
from tenantry.roles.model import RoleModifier
from tenantry.sessions.actions import (
    EndSessionsAction,
    RefreshSessionAction,
)
from tenantry.sessions.memory import KEPT
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, enrol, make_user
from tenantry.users.model import UserData
from tests.sessions.conftest import HERE, Identify, Token
from tests.sessions.endings import ENDINGS

pytestmark = pytest.mark.anyio


def kept(app: App, token: str, address: str | None = HERE.address) -> UUID | None:
    """The user whom a token proves from memory."""
    actor = app.session_memory.find(token, address)
    return actor.id if actor is not None else None


async def test_a_session_is_in_memory_once_it_was_let_in(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    token = await log_in()
    assert kept(tenantry, token) is None
    actor = await identify(token)
    assert kept(tenantry, token) == john.id
    found = tenantry.session_memory.find(token, HERE.address)
    assert found is not None
    assert (found.session_id, found.tenant_id, found.only) == (
        actor.session_id,
        actor.tenant_id,
        None,
    )


@pytest.mark.parametrize("what", ENDINGS)
async def test_it_is_forgotten_with_whatever_changes_it(
    tenantry: App, john: UserData, log_in: Token, identify: Identify, what: str
) -> None:
    token = await log_in()
    await identify(token)
    assert kept(tenantry, token) == john.id
    await tenantry.run(ENDINGS[what](token))
    assert kept(tenantry, token) is None


@pytest.mark.usefixtures("stranger")
async def test_it_is_forgotten_when_its_tenant_is_suspended(
    tenantry: App, log_in: Token, identify: Identify
) -> None:
    token = await log_in("stranger")
    await identify(token)
    assert kept(tenantry, token) is not None
    await tenantry.run(SuspendTenantAction("other", "test"))
    assert kept(tenantry, token) is None


ROLE_CHANGES: dict[str, Action[Any]] = {
    "assigned": AssignRolesAction("john", ["other"]),
    "removed": RemoveRoleAction("john", "helpdesk"),
    "widened": ModifyRoleAction(
        "helpdesk", RoleModifier(permissions=OptionalState.update(["user.lock", "user.unlock"]))
    ),
    "narrowed": ModifyRoleAction("helpdesk", RoleModifier(permissions=OptionalState.update([]))),
    "what it inherits narrowed": ModifyRoleAction(
        "base", RoleModifier(permissions=OptionalState.update([]))
    ),
    "made to inherit": InheritRoleAction("helpdesk", "other"),
    "made to inherit no more": DisinheritRoleAction("helpdesk", "base"),
    "deleted": DeleteRoleAction("helpdesk"),
}


@pytest.mark.parametrize("what", ROLE_CHANGES)
async def test_it_is_forgotten_with_every_change_of_a_role_that_its_user_holds(
    tenantry: App, john: UserData, log_in: Token, identify: Identify, what: str
) -> None:
    for name in ("helpdesk", "base", "other"):
        await tenantry.run(CreateRoleAction(name=name, permissions=["user.lock"]))
    await tenantry.run(InheritRoleAction("helpdesk", "base"))
    await tenantry.run(AssignRolesAction("john", ["helpdesk"]))
    await make_user(tenantry, "jane")
    token, plain = await log_in(), await log_in("jane")
    for one in (token, plain):
        await identify(one)
    found = tenantry.session_memory.find(token, HERE.address)
    assert found is not None
    assert found.permissions == {"user.lock"}
    await tenantry.run(ROLE_CHANGES[what])
    assert kept(tenantry, token) is None
    assert kept(tenantry, plain) is not None


async def test_a_role_that_changes_while_a_session_is_looked_up_is_noticed(
    tenantry: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tenantry.run(CreateRoleAction(name="helpdesk", permissions=["user.lock"]))
    await tenantry.run(AssignRolesAction("john", ["helpdesk"]))
    token = await log_in()
    find_principal = tenantry.user_repository.find_principal

    async def overtaken(tx: Any, user_id: UUID) -> Any:
        principal = await find_principal(tx, user_id)
        await tenantry.run(ROLE_CHANGES["narrowed"])
        return principal

    with monkeypatch.context() as slow:
        slow.setattr(tenantry.user_repository, "find_principal", overtaken)
        await tenantry.auth_service.identify(token, HERE)
    assert kept(tenantry, token) is None


async def test_an_address_that_is_not_allowed_is_left_to_the_database(
    tenantry: App, log_in: Token, identify: Identify
) -> None:
    await make_user(tenantry, "john", allowed_client_ip=["203.0.113.0/24"])
    token = await log_in()
    await identify(token)
    assert kept(tenantry, token) is not None
    assert kept(tenantry, token, "198.51.100.1") is None
    assert kept(tenantry, token, None) is None
    assert kept(tenantry, token, "203.0.113.9") is not None


async def test_it_is_asked_about_again_when_it_is_old_unused_or_over(
    tenantry: App, john: UserData, log_in: Token, identify: Identify, clock: ShiftedClock
) -> None:
    token = await log_in()
    await identify(token)
    clock.advance(seconds=KEPT.total_seconds() - 5)
    assert kept(tenantry, token) is not None
    clock.advance(seconds=5)
    assert kept(tenantry, token) is None
    await identify(token)
    clock.advance(hours=1)
    assert kept(tenantry, token) is None
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_a_spent_token_and_one_that_awaits_a_factor_are_never_kept(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    spent = await log_in()
    await tenantry.run(RefreshSessionAction(session_token=spent))
    await identify(spent)
    assert kept(tenantry, spent) is None
    await enrol(tenantry, john)
    half = await half_logged_in(tenantry)
    await identify(half)
    assert kept(tenantry, half) is None


async def half_logged_in(app: App) -> str:
    with acting_as(ANONYMOUS, HERE):
        result = await app.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))
    assert result.session_token is not None
    return result.session_token


async def test_what_changes_while_it_is_looked_up_is_not_kept(
    tenantry: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await log_in()
    find_principal = tenantry.user_repository.find_principal

    async def overtaken(tx: Any, user_id: UUID) -> Any:
        principal = await find_principal(tx, user_id)
        await tenantry.run(EndSessionsAction(user="john"))
        return principal

    with monkeypatch.context() as slow:
        slow.setattr(tenantry.user_repository, "find_principal", overtaken)
        await tenantry.auth_service.identify(token, HERE)
    assert kept(tenantry, token) is None


async def test_a_use_from_memory_is_written_down_in_time_and_once(
    tenantry: App,
    john: UserData,
    log_in: Token,
    identify: Identify,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
) -> None:
    token, other = await log_in(), await log_in()
    for one in (token, other):
        await identify(one)
    upkeep = tenantry.assembly.logins.session_upkeep
    assert await upkeep.write_down() == 0
    clock.advance(minutes=2)
    for one in (token, token, other):
        assert kept(tenantry, one) == john.id
    assert await upkeep.write_down() == 2
    assert await upkeep.write_down() == 0
    seen: list[datetime] = [r[0] for r in await owner.fetch("select last_seen_at from sessions")]
    assert all(abs(clock.now() - moment) < timedelta(seconds=30) for moment in seen)


async def test_no_more_are_kept_than_there_is_room_for(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    tenantry.session_memory._most = 2
    tokens = [await log_in() for _ in range(3)]
    for token in tokens:
        await identify(token)
    assert [kept(tenantry, token) is not None for token in tokens] == [False, True, True]
