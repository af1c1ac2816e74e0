"""Sessions are made, listed and ended by who may."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import (
    InvalidInput,
    NotAuthenticated,
    PermissionError,
    SessionNotFound,
    StateConflict,
    UserNotFound,
)
from tenantry.kernel.action import Actor, Origin, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction
from tenantry.sessions.actions import (
    CreateSessionAction,
    EndSessionAction,
    EndSessionsAction,
    ListSessionsAction,
    TerminateSessionAction,
    ValidateSessionAction,
)
from tenantry.sessions.model import IssuedSession, SessionData
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole, UserStatus
from tests.sessions.conftest import HERE, Identify, Token

pytestmark = pytest.mark.anyio


async def create(app: App, user: str = "john", hours: float = 8) -> IssuedSession:
    action = CreateSessionAction(user=user, expires_in_hours=hours)
    return await app.sessions.create_session.wait_for_complete(action)


async def is_valid(app: App, token: str, ip_address: str | None = None) -> bool:
    action = ValidateSessionAction(session_token=token, ip_address=ip_address)
    return (await app.sessions.validate_session.wait_for_complete(action)).valid


async def listed(app: App, user: str | None = None) -> list[SessionData]:
    page = await app.sessions.list_sessions.wait_for_complete(ListSessionsAction(user=user))
    return page.items


async def end(app: App, session: UUID | str, user: str | None = None) -> bool:
    action = EndSessionAction(session=str(session), user=user)
    return (await app.sessions.end_session.wait_for_complete(action)).ended


async def end_all(app: App, user: str | None = None) -> None:
    await app.sessions.end_sessions.wait_for_complete(EndSessionsAction(user=user))


async def modify(app: App, name: str, **states: Any) -> None:
    action = ModifyUserAction(user=name, modifier=UserModifier(**states))
    await app.users.modify_user.wait_for_complete(action)


async def test_an_administrator_opens_a_session_for_a_user(
    tenantry: App, john: UserData, admin: UserData, identify: Identify, clock: ShiftedClock
) -> None:
    with acting_as(admin):
        session = await create(tenantry)
    assert session.session_id == session.session_token
    assert (session.username, session.success) == ("john", True)
    assert abs(session.expires_at - clock.now() - timedelta(hours=8)) < timedelta(seconds=20)
    actor = await identify(session.session_id)
    assert (actor.id, actor.role) == (john.id, "user")


async def test_fractions_of_an_hour_are_hours_and_too_many_are_cut_to_the_limit(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    short, long = await create(tenantry, hours=0.5), await create(tenantry, hours=8760)
    clock.advance(minutes=29)
    assert await is_valid(tenantry, short.session_id)
    clock.advance(minutes=1)
    assert not await is_valid(tenantry, short.session_id)
    most = timedelta(hours=tenantry.settings.session_max_hours)
    assert abs(long.expires_at - long.created_at - most) < timedelta(seconds=1)


@pytest.mark.parametrize("hours", [0, -1, 1e9, float("nan"), float("inf"), "8", None, True])
async def test_hours_out_of_range_are_refused_by_name(
    tenantry: App, john: UserData, hours: Any
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await create(tenantry, hours=hours)
    assert refused.value.field == "expires_in_hours"


async def test_no_session_is_opened_for_whom_no_login_would_let_in(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    with pytest.raises(UserNotFound):
        await create(tenantry, "nobody")
    await modify(tenantry, "john", status=OptionalState.update(UserStatus.SUSPENDED))
    with pytest.raises(StateConflict):
        await create(tenantry)
    await modify(tenantry, "john", status=OptionalState.update(UserStatus.ACTIVE))
    lock = LockAccountAction(user="john", reason="odd")
    await tenantry.locks.lock_account.wait_for_complete(lock)
    with pytest.raises(StateConflict):
        await create(tenantry)
    await modify(tenantry, "john", status=OptionalState.update(UserStatus.ACTIVE))
    await owner.execute("update tenants set status = 'suspended'")
    with pytest.raises(StateConflict):
        await create(tenantry)


async def test_who_opens_sessions_for_whom(
    tenantry: App, john: UserData, admin: UserData, other_tenant: str
) -> None:
    await make_user(tenantry, "stranger", domain_name=other_tenant)
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    for actor in (john, monitor):
        with acting_as(actor), pytest.raises(PermissionError):
            await create(tenantry)
    with acting_as(admin):
        with pytest.raises(UserNotFound):
            await create(tenantry, "stranger")
        with pytest.raises(PermissionError):
            await create(tenantry, "root")


@pytest.mark.parametrize("text", ["", "garbage", "tny_s_", "\0", "é" * 92, "x" * 4000])
async def test_validating_garbage_is_false_and_never_an_error(tenantry: App, text: str) -> None:
    assert await is_valid(tenantry, text) is False
    action = TerminateSessionAction(session_token=text)
    assert (await tenantry.sessions.terminate_session.wait_for_complete(action)).ended is False


async def test_validity_ends_with_whatever_ends_a_session(
    tenantry: App, john: UserData, log_in: Token, clock: ShiftedClock
) -> None:
    token = await log_in()
    assert await is_valid(tenantry, token)
    clock.advance(minutes=59)
    assert await is_valid(tenantry, token)
    clock.advance(minutes=59)
    assert await is_valid(tenantry, token), "to validate is to use"
    clock.advance(minutes=60)
    assert not await is_valid(tenantry, token)
    token = await log_in()
    await modify(tenantry, "john", password=OptionalState.update("another passphrase"))
    assert not await is_valid(tenantry, token)


async def test_the_address_that_an_administrator_states_is_compared_and_no_other(
    tenantry: App, john: UserData, admin: UserData, log_in: Token, identify: Identify
) -> None:
    token = await log_in()
    own = await identify(token)
    rules = TriState.update(["198.51.100.0/24"])
    await modify(tenantry, "john", allowed_client_ip=rules)
    with acting_as(admin, HERE):
        assert await is_valid(tenantry, token)
        assert await is_valid(tenantry, token, "198.51.100.9")
        assert not await is_valid(tenantry, token, "203.0.113.7")
        with pytest.raises(InvalidInput) as refused:
            await is_valid(tenantry, token, "garbage")
        assert refused.value.field == "ip_address"
    with acting_as(own, HERE):
        assert not await is_valid(tenantry, token, "198.51.100.9"), "a user's own word"


async def test_own_sessions_are_listed_and_the_one_that_asks_is_marked(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    await make_user(tenantry, "jane")
    await log_in("jane")
    tokens = [await log_in() for _ in range(3)]
    actors = [await identify(token) for token in tokens]
    with acting_as(actors[1], HERE):
        found = await listed(tenantry)
    assert [s.id for s in found] == [actor.session_id for actor in reversed(actors)]
    assert [s.current for s in found] == [False, True, False]
    first = found[0]
    assert (first.username, first.address, first.user_agent) == ("john", "203.0.113.7", "browser/1")
    assert first.created_at <= first.last_seen_at < first.expires_at
    assert not any(token in repr(found) for token in tokens)


async def test_what_has_ended_is_not_listed(
    tenantry: App, john: UserData, log_in: Token, identify: Identify, clock: ShiftedClock
) -> None:
    gone = await identify(await log_in())
    await end(tenantry, str(gone.session_id), "john")
    await log_in()
    clock.advance(minutes=30)
    awake = await identify(await log_in())
    clock.advance(minutes=31)
    assert [s.id for s in await listed(tenantry, "john")] == [awake.session_id]
    await modify(tenantry, "john", password=OptionalState.update("another passphrase"))
    assert await listed(tenantry, "john") == []


async def test_pages_of_sessions_follow_on_each_other(
    tenantry: App, john: UserData, log_in: Token
) -> None:
    for _ in range(5):
        await log_in()
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        action = ListSessionsAction(user="john", limit=2, cursor=cursor)
        page = await tenantry.sessions.list_sessions.wait_for_complete(action)
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [item.id for item in await listed(tenantry, "john")]
    assert len(set(seen)) == 5


async def test_s5_a_user_ends_own_sessions_and_nobody_elses(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    await make_user(tenantry, "jane")
    hers, mine, kept = await log_in("jane"), await log_in(), await log_in()
    jane, gone = await identify(hers), await identify(mine)
    with acting_as(await identify(kept), HERE):
        for session in (str(jane.session_id), str(UUID(int=7)), "garbage"):
            with pytest.raises(SessionNotFound):
                await end(tenantry, session)
        with pytest.raises(UserNotFound):
            await end(tenantry, str(jane.session_id), "jane")
        with pytest.raises(UserNotFound):
            await listed(tenantry, "jane")
        assert await end(tenantry, str(gone.session_id))
        with pytest.raises(SessionNotFound):
            await end(tenantry, str(gone.session_id))
    with pytest.raises(NotAuthenticated):
        await identify(mine)
    await identify(hers)
    await identify(kept)


async def test_ending_all_own_sessions_keeps_the_one_that_asks(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    others = [await log_in() for _ in range(3)]
    kept = await log_in()
    with acting_as(await identify(kept), HERE):
        await end_all(tenantry)
    for token in others:
        with pytest.raises(NotAuthenticated):
            await identify(token)
    await identify(kept)
    assert len(await listed(tenantry, "john")) == 1


async def test_an_administrator_ends_all_sessions_of_a_user_and_logins_under_way(
    tenantry: App, john: UserData, admin: UserData, log_in: Token, identify: Identify
) -> None:
    for _ in range(5):
        logins = [asyncio.create_task(log_in()) for _ in range(4)]
        with acting_as(admin):
            await end_all(tenantry, "john")
        tokens = await asyncio.gather(*logins)
        live = {session.id for session in await listed(tenantry, "john")}
        for token in tokens:
            try:
                assert (await identify(token)).session_id in live
            except NotAuthenticated:
                continue
    with acting_as(admin):
        await end_all(tenantry, "john")
        assert await listed(tenantry, "john") == []


async def test_a_monitor_sees_sessions_and_ends_none(
    tenantry: App, john: UserData, log_in: Token
) -> None:
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    await log_in()
    with acting_as(monitor):
        (session,) = await listed(tenantry, "john")
        with pytest.raises(PermissionError):
            await end(tenantry, session.id, "john")
        with pytest.raises(PermissionError):
            await end_all(tenantry, "john")


async def test_who_is_no_user_has_no_sessions(tenantry: App) -> None:
    with pytest.raises(NotAuthenticated):
        await listed(tenantry)


class TestLimit:
    """The number of sessions at once."""

    async def cap(self, owner: asyncpg.Connection, most: int) -> None:
        await owner.execute("update resource_policies set max_concurrent_logins = $1", most)

    async def test_one_more_than_allowed_ends_the_one_unused_for_longest(
        self,
        tenantry: App,
        john: UserData,
        log_in: Token,
        identify: Identify,
        owner: asyncpg.Connection,
        clock: ShiftedClock,
    ) -> None:
        await self.cap(owner, 3)
        tokens = []
        for _ in range(3):
            tokens.append(await log_in())
            clock.advance(minutes=2)
        await identify(tokens[0])
        tokens.append(await log_in())
        with pytest.raises(NotAuthenticated):
            await identify(tokens[1])
        for token in (tokens[0], tokens[2], tokens[3]):
            await identify(token)

    async def test_s6_of_twenty_logins_at_once_no_more_than_allowed_live(
        self, tenantry: App, john: UserData, log_in: Token, owner: asyncpg.Connection
    ) -> None:
        await self.cap(owner, 3)
        for _ in range(3):
            tokens = await asyncio.gather(*(log_in() for _ in range(20)))
            assert sum([await is_valid(tenantry, token) for token in tokens]) == 3
            assert len(await listed(tenantry, "john")) == 3

    async def test_where_nobody_waits_for_the_others_more_of_them_live(
        self, tenantry: App, john: UserData, log_in: Token, owner: asyncpg.Connection
    ) -> None:
        """What goes wrong where each login counts before the others are there."""
        await self.cap(owner, 3)
        source: str = await owner.fetchval(
            "select pg_get_functiondef('end_surplus_sessions'::regproc)"
        )
        begin, end = source.index("insert into public.session"), source.index("select least(")
        naive = source[:begin] + "counted := 1000000;" + source[end:]
        naive = naive.replace("update public.session_counts", "-- ")
        # Long enough for all who log in at once to have counted before one of them commits.
        last = "return cardinality(ended);"
        assert last in naive
        naive = naive.replace(last, f"perform pg_sleep(0.1); {last}")
        await owner.execute(naive)
        try:
            await asyncio.gather(*(log_in() for _ in range(20)))
            assert len(await listed(tenantry, "john")) > 3
        finally:
            await owner.execute(source)

    async def test_sessions_that_an_administrator_opens_count(
        self, tenantry: App, john: UserData, owner: asyncpg.Connection
    ) -> None:
        await self.cap(owner, 2)
        sessions = [await create(tenantry) for _ in range(5)]
        live = [s for s in sessions if await is_valid(tenantry, s.session_id)]
        assert live == sessions[3:]

    async def test_the_setting_holds_where_the_policy_says_nothing(
        self, tenantry: App, john: UserData, owner: asyncpg.Connection
    ) -> None:
        sessions = [await create(tenantry) for _ in range(tenantry.settings.max_sessions + 2)]
        assert not await is_valid(tenantry, sessions[0].session_id)
        assert await is_valid(tenantry, sessions[2].session_id)


async def test_a_superadmin_sees_sessions_of_every_tenant(
    tenantry: App, superadmin: Actor, other_tenant: str, log_in: Token
) -> None:
    await make_user(tenantry, "stranger", domain_name=other_tenant)
    token = await log_in("stranger")
    with acting_as(superadmin, Origin("http", "192.0.2.1")):
        assert len(await listed(tenantry, "stranger")) == 1
        assert await is_valid(tenantry, token)
