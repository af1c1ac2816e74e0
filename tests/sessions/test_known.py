"""A session is found good from memory while that is fresh, and never after what has ended it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tenantry.app import App, open_app
from tenantry.changes.consistency import Consistency
from tenantry.changes.version import writing
from tenantry.errors import InvalidInput
from tenantry.kernel.action import Origin, acting_as
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.sessions.actions import (
    EndSessionsAction,
    RefreshSessionAction,
    ValidateSessionAction,
)
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import actor_of, make_user
from tenantry.users.model import UserData
from tests.checks.conftest import following
from tests.sessions.conftest import HERE, Identify, Token
from tests.sessions.endings import ENDINGS

pytestmark = pytest.mark.anyio

ELSEWHERE = "198.51.100.1"


class Asked(Exception):
    """The database was asked."""


async def never(tx: Any, user_id: UUID) -> Any:
    raise Asked


@pytest.fixture
async def fresh(tenantry: App) -> AsyncIterator[App]:
    """The app, following the log of changes."""
    async with following(tenantry):
        yield tenantry


async def is_good(app: App, token: str, **more: Any) -> bool:
    action = ValidateSessionAction(session_token=token, **more)
    return (await app.sessions.validate_session.wait_for_complete(action)).valid


async def test_a_session_that_was_found_good_is_found_good_from_memory(
    fresh: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ValidateSessionAction(session_token=await log_in())
    first = await fresh.run(asked)
    assert (first.valid, first.username) == (True, "john")
    monkeypatch.setattr(fresh.user_repository, "find_principal", never)
    assert await fresh.run(asked) == first


async def test_the_database_is_asked_where_nothing_is_heard_or_the_answer_must_be_of_now(
    fresh: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await log_in()
    assert await is_good(fresh, token)
    monkeypatch.setattr(fresh.user_repository, "find_principal", never)
    with pytest.raises(Asked):
        await is_good(fresh, token, consistency=Consistency.STRONG)
    assert await is_good(fresh, token)
    fresh.feed.lose()
    with pytest.raises(Asked):
        await is_good(fresh, token)


async def test_other_requests_always_ask_the_database_about_their_session(
    fresh: App, john: UserData, log_in: Token, identify: Identify, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await log_in()
    await identify(token)
    assert await is_good(fresh, token)
    monkeypatch.setattr(fresh.user_repository, "find_principal", never)
    with pytest.raises(Asked):
        await identify(token)


@pytest.mark.parametrize("what", ENDINGS)
async def test_on_the_server_that_ends_it_a_session_is_over_at_once(
    fresh: App, john: UserData, log_in: Token, what: str
) -> None:
    token = await log_in()
    assert await is_good(fresh, token)
    await fresh.run(ENDINGS[what](token))
    goes_on = {"other addresses", "an order to change the password"}
    assert await is_good(fresh, token) == (what in goes_on)


@pytest.mark.parametrize("what", ["its end", "a lock", "deletion", "another password"])
async def test_on_another_server_it_is_over_at_once_for_whoever_has_the_version(
    fresh: App, settings: Settings, clock: ShiftedClock, john: UserData, log_in: Token, what: str
) -> None:
    token = await log_in()
    async with open_app(settings, clock=clock, upkeep=False) as other:
        async with following(other):
            assert await is_good(other, token)
        # It hears of nothing any more, and takes what it has for fresh: as late as it can be.
        other.feed._good_until = float("inf")
        with writing() as written:
            await fresh.run(ENDINGS[what](token))
        assert written.version is not None
        assert await is_good(other, token), "without this, the rest would prove nothing"
        assert not await is_good(other, token, at_least=written.version)
        assert not await is_good(other, token)


async def test_a_version_that_does_not_exist_makes_no_session_good(
    fresh: App, john: UserData, log_in: Token
) -> None:
    token = await log_in()
    assert await is_good(fresh, token, at_least=fresh.feed.head)
    with pytest.raises(InvalidInput):
        await is_good(fresh, token, at_least=fresh.feed.head + 1)


async def test_a_token_that_was_refreshed_is_not_good_any_more_and_its_successor_is(
    fresh: App, john: UserData, log_in: Token
) -> None:
    token = await log_in()
    assert await is_good(fresh, token)
    refreshed = await fresh.run(RefreshSessionAction(session_token=token))
    for _ in range(2):
        assert not await is_good(fresh, token)
        assert await is_good(fresh, refreshed.session_token)


async def test_what_ends_it_while_it_is_looked_up_is_not_forgotten(
    fresh: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await log_in()
    find_principal = fresh.user_repository.find_principal

    async def overtaken(tx: Any, user_id: UUID) -> Any:
        principal = await find_principal(tx, user_id)
        await fresh.run(EndSessionsAction(user="john"))
        return principal

    with monkeypatch.context() as slow:
        slow.setattr(fresh.user_repository, "find_principal", overtaken)
        await is_good(fresh, token)
    assert not await is_good(fresh, token)


async def test_memory_lets_no_other_address_in_and_tells_no_stranger(
    fresh: App, log_in: Token
) -> None:
    await make_user(fresh, "john", allowed_client_ip=["203.0.113.0/24"])
    jane = await make_user(fresh, "jane")
    token = await log_in()
    for _ in range(2):
        assert await is_good(fresh, token, ip_address=HERE.address)
        assert not await is_good(fresh, token, ip_address=ELSEWHERE)
        assert await is_good(fresh, token)
        with acting_as(await actor_of(fresh, jane), HERE):
            assert not await is_good(fresh, token, ip_address=HERE.address)


async def test_what_somebody_claims_who_is_no_administrator_decides_nothing(
    fresh: App, log_in: Token
) -> None:
    john = await make_user(fresh, "john", allowed_client_ip=["203.0.113.0/24"])
    token = await log_in()
    away = Origin("http", ELSEWHERE, "browser/1")
    for _ in range(2):
        with acting_as(await actor_of(fresh, john), HERE):
            assert await is_good(fresh, token, ip_address=ELSEWHERE)
        with acting_as(await actor_of(fresh, john), away):
            assert not await is_good(fresh, token, ip_address=HERE.address)


async def test_finding_a_session_good_from_memory_is_use_of_it(
    fresh: App, john: UserData, log_in: Token, clock: ShiftedClock
) -> None:
    token = await log_in()
    assert await is_good(fresh, token)
    clock.advance(minutes=2)
    assert await is_good(fresh, token)
    assert await fresh.assembly.logins.session_upkeep.write_down() == 1


async def test_memory_learns_the_same_of_somebody_whoever_asks(
    fresh: App, john: UserData, admin: UserData, log_in: Token, identify: Identify
) -> None:
    await fresh.run(CreateRoleAction(name="helpdesk", permissions=["user.lock"]))
    await fresh.run(AssignRolesAction("john", ["helpdesk"]))
    by_admin, by_system, by_request = [await log_in() for _ in range(3)]
    with acting_as(await actor_of(fresh, admin), HERE):
        assert await is_good(fresh, by_admin)
    assert await is_good(fresh, by_system)
    await identify(by_request)
    found = [
        fresh.session_memory.find(token, HERE.address)
        for token in (by_admin, by_system, by_request)
    ]
    actors = [replace(actor, session_id=None) for actor in found if actor is not None]
    assert len(actors) == 3
    assert actors[0] == actors[1] == actors[2]
    assert actors[0].permissions == {"user.lock"}
