"""A refresh changes the token, forks nothing, and tells a thief from a lost answer."""

import asyncio
import random
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from hypothesis.strategies import integers, sampled_from

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.sessions.actions import (
    CreateSessionAction,
    RefreshSessionAction,
    TerminateSessionAction,
    ValidateSessionAction,
)
from tenantry.sessions.model import (
    TOKEN_LENGTH,
    IssuedSession,
    Session,
    SessionPolicy,
    SessionToken,
)
from tenantry.sessions.repository import SessionRepository
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import GetUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserStatus
from tests.sessions.conftest import HERE, Identify, Token

pytestmark = pytest.mark.anyio

MANY = 20


async def refresh(app: App, token: str) -> IssuedSession:
    return await app.sessions.refresh_session.wait_for_complete(
        RefreshSessionAction(session_token=token)
    )


async def is_valid(app: App, token: str) -> bool:
    action = ValidateSessionAction(session_token=token)
    return (await app.sessions.validate_session.wait_for_complete(action)).valid


async def terminate(app: App, token: str) -> bool:
    action = TerminateSessionAction(session_token=token)
    return (await app.sessions.terminate_session.wait_for_complete(action)).ended


async def test_a_refresh_gives_a_new_token_and_ends_the_old_one_at_once(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    token = await log_in()
    fresh = await refresh(tenantry, token)
    assert fresh.session_id == fresh.session_token != token
    assert len(fresh.session_id) == TOKEN_LENGTH
    assert fresh.username == "john"
    assert await is_valid(tenantry, fresh.session_id)
    assert not await is_valid(tenantry, token)
    assert (await identify(fresh.session_id)).id == john.id


async def test_the_same_token_gets_the_same_answer_for_ten_seconds(
    tenantry: App, john: UserData, log_in: Token, clock: ShiftedClock
) -> None:
    token = await log_in()
    first = await refresh(tenantry, token)
    clock.advance(seconds=9)
    assert await refresh(tenantry, token) == first
    assert await is_valid(tenantry, first.session_id)


async def test_later_reuse_ends_the_session_and_is_audited(
    tenantry: App, john: UserData, log_in: Token, clock: ShiftedClock
) -> None:
    token = await log_in()
    first = await refresh(tenantry, token)
    clock.advance(seconds=11)
    with pytest.raises(NotAuthenticated):
        await refresh(tenantry, token)
    assert not await is_valid(tenantry, first.session_id)
    with pytest.raises(NotAuthenticated):
        await refresh(tenantry, first.session_id)
    page = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="session.refresh")
    )
    reuse = next(entry for entry in page.items if entry.reason == "token_reused")
    assert (reuse.outcome, reuse.target, reuse.target_id) == (Outcome.FAILED, "john", john.id)


async def test_the_token_before_the_last_is_reuse_at_any_time(
    tenantry: App, john: UserData, log_in: Token
) -> None:
    token = await log_in()
    second = await refresh(tenantry, token)
    third = await refresh(tenantry, second.session_id)
    with pytest.raises(NotAuthenticated):
        await refresh(tenantry, token)
    assert not await is_valid(tenantry, third.session_id)


async def test_of_many_refreshes_at_once_all_get_the_one_successor(
    tenantry: App, john: UserData, log_in: Token, owner: asyncpg.Connection
) -> None:
    for _ in range(5):
        token = await log_in()
        answers = await asyncio.gather(*(refresh(tenantry, token) for _ in range(MANY)))
        assert len({answer.session_id for answer in answers}) == 1
        assert await is_valid(tenantry, answers[0].session_id)


DIGEST = Statement("naive.digest", "Look.", "select digest from sessions where id = $1")
REPLACE = Statement("naive.replace", "Write.", "update sessions set digest = $2 where id = $1")


async def test_where_a_token_is_looked_at_first_and_replaced_then_it_has_two_successors(
    tenantry: App, john: UserData, log_in: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive way beside ours: both have looked before one replaces it."""
    both_have_looked = asyncio.Barrier(2)

    async def look_then_replace(
        self: SessionRepository,
        tx: Transaction,
        session: Session,
        *,
        successor: SessionToken,
        **beside: object,
    ) -> bool:
        present: bytes = await tx.fetchval(DIGEST, session.id)
        await both_have_looked.wait()
        await tx.execute(REPLACE, session.id, successor.digest)
        return present == session.digest

    monkeypatch.setattr(SessionRepository, "rotate", look_then_replace)
    token = await log_in()
    answers = await asyncio.gather(refresh(tenantry, token), refresh(tenantry, token))
    assert len({answer.session_id for answer in answers}) == 2


async def test_a_spent_token_is_good_for_its_refresh_and_its_end_only(
    tenantry: App, john: UserData, log_in: Token, identify: Identify
) -> None:
    """Who lost the answer has nothing else to ask with."""
    token = await log_in()
    fresh = await refresh(tenantry, token)
    actor = await identify(token)
    with acting_as(actor, HERE):
        assert (await refresh(tenantry, token)) == fresh
        with pytest.raises(NotAuthenticated):
            await is_valid(tenantry, fresh.session_id)
        assert await terminate(tenantry, token)
    assert not await is_valid(tenantry, fresh.session_id)


async def test_terminating_any_token_of_the_lineage_ends_it_and_can_be_repeated(
    tenantry: App, john: UserData, log_in: Token
) -> None:
    token = await log_in()
    fresh = await refresh(tenantry, token)
    assert await terminate(tenantry, token)
    assert not await is_valid(tenantry, fresh.session_id)
    assert not await terminate(tenantry, token)
    assert not await terminate(tenantry, fresh.session_id)


async def test_a_refresh_keeps_the_length_and_never_passes_the_absolute_end(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    session = await tenantry.sessions.create_session.wait_for_complete(
        CreateSessionAction(user="john", expires_in_hours=1)
    )
    limit = session.created_at + timedelta(hours=tenantry.settings.session_max_hours)
    token = session.session_id
    for _ in range(2 * tenantry.settings.session_max_hours - 1):
        clock.advance(minutes=30)
        answer = await refresh(tenantry, token)
        token = answer.session_id
        wanted = clock.now() + timedelta(hours=1)
        assert abs(answer.expires_at - min(wanted, limit)) < timedelta(seconds=20)
    clock.advance(minutes=31)
    with pytest.raises(NotAuthenticated):
        await refresh(tenantry, token)


@pytest.mark.parametrize(
    "change",
    [
        UserModifier(password=OptionalState.update("another passphrase")),
        UserModifier(status=OptionalState.update(UserStatus.SUSPENDED)),
        UserModifier(allowed_client_ip=TriState.update(["198.51.100.0/24"])),
    ],
    ids=["password", "status", "address"],
)
async def test_what_stops_a_session_stops_its_refresh(
    tenantry: App, john: UserData, log_in: Token, identify: Identify, change: UserModifier
) -> None:
    token = await log_in()
    actor = await identify(token)
    action = ModifyUserAction(user="john", modifier=change)
    await tenantry.users.modify_user.wait_for_complete(action)
    with acting_as(actor, HERE), pytest.raises(NotAuthenticated):
        await refresh(tenantry, token)


async def test_garbage_with_the_right_ids_ends_nothing(
    tenantry: App, john: UserData, log_in: Token
) -> None:
    token = await log_in()
    parsed = SessionToken.parse(token)
    assert parsed is not None
    guess = SessionToken(parsed.tenant_id, parsed.session_id, secrets.token_bytes(32))
    with pytest.raises(NotAuthenticated):
        await refresh(tenantry, guess.text())
    assert not await terminate(tenantry, guess.text())
    assert await is_valid(tenantry, token)


async def test_somebody_elses_token_is_refreshed_by_administrators_of_the_tenant_only(
    tenantry: App, john: UserData, admin: UserData, other_tenant: str, log_in: Token
) -> None:
    await make_user(tenantry, "jane")
    await make_user(tenantry, "stranger", domain_name=other_tenant)
    token, foreign = await log_in(), await log_in("stranger")
    with acting_as(await _user(tenantry, "jane")), pytest.raises(NotAuthenticated):
        await refresh(tenantry, token)
    with acting_as(admin):
        assert (await refresh(tenantry, token)).username == "john"
        assert not await is_valid(tenantry, foreign)
        assert not await terminate(tenantry, foreign)
        with pytest.raises(NotAuthenticated):
            await refresh(tenantry, foreign)
    assert await is_valid(tenantry, foreign)


async def _user(app: App, name: str) -> UserData:
    return (await app.users.get_user.wait_for_complete(GetUserAction(user=name))).data


async def test_nothing_stored_opens_a_session(
    tenantry: App, john: UserData, log_in: Token, owner: asyncpg.Connection
) -> None:
    token = await log_in()
    fresh = await refresh(tenantry, token)
    parsed = SessionToken.parse(fresh.session_id)
    assert parsed is not None
    stored = await owner.fetchval("select s::text from sessions s")
    assert parsed.digest.hex() in stored
    assert parsed.secret.hex() not in stored


class Lineage(RuleBasedStateMachine):
    """Refreshes by honest and late holders in any order, against a model of one live token."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = SessionPolicy()
        self.row = _fresh_session()
        self.tokens = [_FIRST]
        self.ended = False

    @rule(index=integers(0, 6), seconds=sampled_from([0, 5, 11]))
    def present(self, index: int, seconds: int) -> None:
        token = self.tokens[index % len(self.tokens)]
        now = (self.row.refreshed_at or self.row.created_at) + timedelta(seconds=seconds)
        known = self.row.is_proved_by(token) or self.row.was_proved_by(token)
        assert known
        if self.row.is_proved_by(token):
            salt = secrets.token_bytes(32)
            self._rotate(token, salt, now)
            return
        again = self.row.successor_of(token, now, self.policy)
        in_time = token == self.tokens[-2] and seconds <= 10
        assert (again == self.tokens[-1]) if in_time else (again is None)

    def _rotate(self, token: SessionToken, salt: bytes, now: datetime) -> None:
        successor = token.successor(salt)
        self.row = replace(
            self.row,
            digest=successor.digest,
            spent=(*self.row.spent, self.row.digest),
            salt=salt,
            refreshed_at=now,
        )
        self.tokens.append(successor)
        live = [t for t in self.tokens if self.row.is_proved_by(t)]
        assert live == [successor]


def _fresh_session() -> Session:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Session(
        id=_FIRST.session_id,
        tenant_id=_FIRST.tenant_id,
        user_id=_FIRST.tenant_id,
        digest=_FIRST.digest,
        epoch=1,
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(days=1),
        ended_at=None,
    )


def _first() -> SessionToken:
    return SessionToken(UUID(int=1), UUID(int=2), secrets.token_bytes(32))


_FIRST = _first()


def test_in_any_order_there_is_one_live_token() -> None:
    run_state_machine_as_test(
        Lineage, settings=settings(deadline=None, suppress_health_check=list(HealthCheck))
    )


@pytest.mark.parametrize("seed", range(12))
async def test_any_history_of_refreshes_is_that_of_a_model(
    tenantry: App, john: UserData, log_in: Token, clock: ShiftedClock, seed: int
) -> None:
    """One live token; the one before it for ten seconds; any other, or later, ends it all."""
    chance = random.Random(seed)
    tokens, refreshed_at, ended = [await log_in()], clock.now(), False
    for _ in range(25):
        clock.advance(seconds=chance.choice([0, 0, 3, 6, 12]))
        token = chance.choice(tokens[-3:])
        if chance.random() < 0.1:
            assert await terminate(tenantry, token) is not ended
            ended = True
        again = token in tokens[:-1]
        # The moments of a refresh and of its repetition are not the test's to choose.
        since = (clock.now() - refreshed_at).total_seconds()
        if again and 9 < since < 11:
            continue
        in_time = not again or (token == tokens[-2] and since <= 10)
        if ended or not in_time:
            with pytest.raises(NotAuthenticated):
                await refresh(tenantry, token)
            ended = True
        else:
            answer = (await refresh(tenantry, token)).session_id
            if again:
                assert answer == tokens[-1]
            else:
                tokens.append(answer)
                refreshed_at = clock.now()
        live = [known for known in tokens if await is_valid(tenantry, known)]
        assert live == ([] if ended else tokens[-1:])
