"""Guessing is limited, however many guess at once; logging in is not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticationResult, ChangeOwnPasswordAction
from tenantry.errors import PermissionError
from tenantry.kernel.action import acting_as
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.lockout.service import LockoutService
from tenantry.lockout.throttle import Admission, Claim
from tenantry.passwords.ports import PasswordHasher
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Awaitable[AuthenticationResult]]
WRONG = "not the passphrase"
LIMIT = 10
MANY = 40


class CountingHasher:
    """Passes everything on, and counts the passwords that were really compared."""

    def __init__(self, inner: PasswordHasher) -> None:
        self._inner = inner
        self.evaluated: list[str] = []

    def place(self, *, beside: int = 0) -> AbstractContextManager[None]:
        return self._inner.place(beside=beside)

    async def hash(self, password: str) -> str:
        return await self._inner.hash(password)

    async def verify(self, stored: str | None, password: str) -> bool:
        if stored is not None:
            self.evaluated.append(password)
        return await self._inner.verify(stored, password)

    def outdated(self, stored: str) -> bool:
        return self._inner.outdated(stored)

    def recognises(self, stored: str) -> bool:
        return self._inner.recognises(stored)

    @property
    def present(self) -> str:
        return self._inner.present


READ = Statement("naive.read", "Read.", "select failures from attempts where subject = $1")
WRITE = Statement(
    "naive.write",
    "Write.",
    """
    insert into attempts values ($1, $2, 0, now())
    on conflict (subject) do update set failures = $2
    """,
)


class NaiveLockout(LockoutService):
    """What a plain implementation does: look at the count, and write it when the hash is done."""

    admitted = 0
    everybody: asyncio.Event

    async def admit(self, claim: Claim) -> Admission:
        async with self._database.autocommit() as tx:
            failures = await tx.fetchval(READ, claim.pair) or 0
        self.admitted += 1
        if self.admitted == MANY:
            self.everybody.set()
        await self.everybody.wait()
        return Admission.REFUSED if failures >= LIMIT else Admission.GRANTED

    async def settle(self, tx: Transaction, claim: Claim, *, succeeded: bool) -> None:
        failures = await tx.fetchval(READ, claim.pair) or 0
        await tx.execute(WRITE, claim.pair, 0 if succeeded else failures + 1)


@pytest.fixture
def hasher(tenantry: App) -> CountingHasher:
    counting = CountingHasher(tenantry.auth_service._hasher)
    tenantry.auth_service._prover._hasher = counting
    return counting


async def many(login: Login, passwords: list[str], name: str = "john") -> list[Any]:
    return await asyncio.gather(*(login(name, password) for password in passwords))


async def test_a_naive_count_lets_parallel_guesses_outrun_the_limit(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher
) -> None:
    real: Any = tenantry.auth_service._lockout
    naive = NaiveLockout(
        database=real._database,
        attempt_repository=real._attempts,
        policy=real._policy,
        clock=real._clock,
    )
    naive.everybody = asyncio.Event()
    tenantry.auth_service._lockout = tenantry.auth_service._prover._lockout = naive
    await many(login, [WRONG] * MANY)
    assert len(hasher.evaluated) > LIMIT


@pytest.mark.parametrize("round_number", range(5))
async def test_of_forty_parallel_guesses_at_most_the_limit_is_evaluated(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher, round_number: int
) -> None:
    results = await many(login, [WRONG] * MANY)
    assert len(hasher.evaluated) == LIMIT
    assert not any(result.success for result in results)
    assert len(set(results)) == 1
    assert not (await login("john", PASSWORD)).success


async def test_guesses_under_any_name_of_the_user_share_one_count(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher
) -> None:
    names = ["john", "JOHN", " john ", "ｊｏｈｎ", "john@example.com", "JOHN@Example.COM"]
    await asyncio.gather(*(login(names[i % len(names)], WRONG) for i in range(MANY)))
    assert len(hasher.evaluated) == LIMIT
    assert not (await login("john@example.com", PASSWORD)).success


async def test_counted_by_what_was_typed_each_name_of_the_user_has_guesses_of_its_own(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher
) -> None:
    """The naive way beside ours: the count is of the name, and one account has many names."""
    lockout = tenantry.auth_service._lockout
    ours = lockout.claim

    def by_name(user_id: UUID | None, login_name: str, address: str | None, **own: Any) -> Claim:
        return ours(None, login_name, address, **own)

    lockout.claim = by_name  # type: ignore[method-assign]  # that is the point
    for name in ("john", "john@example.com"):
        await asyncio.gather(*(login(name, WRONG) for _ in range(MANY)))
    assert len(hasher.evaluated) == 2 * LIMIT


async def test_guesses_at_a_login_and_at_a_change_of_password_share_one_count(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher
) -> None:
    async def change() -> None:
        action = ChangeOwnPasswordAction(WRONG, "another passphrase")
        with acting_as(john), pytest.raises(PermissionError):
            await tenantry.auth.change_own_password.wait_for_complete(action)

    await asyncio.gather(*(login("john", WRONG) if i % 2 else change() for i in range(MANY)))
    assert len(hasher.evaluated) == LIMIT


async def test_names_that_nobody_has_are_counted_too(
    tenantry: App, login: Login, owner: asyncpg.Connection
) -> None:
    await many(login, [WRONG] * MANY, name="nobody")
    rows = await owner.fetch("select subject, failures from attempts")
    assert [row["failures"] for row in rows] == [LIMIT, LIMIT]
    assert not any("nobody" in row["subject"] for row in rows)


async def test_one_users_guesses_do_not_lock_another(
    tenantry: App, john: UserData, login: Login
) -> None:
    await make_user(tenantry, "jane")
    await many(login, [WRONG] * MANY)
    assert (await login("jane", PASSWORD)).success


@pytest.mark.parametrize("round_number", range(3))
async def test_twenty_parallel_good_logins_all_pass(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher, round_number: int
) -> None:
    assert all(result.success for result in await many(login, [PASSWORD] * 20))
    assert len(hasher.evaluated) == 20


@pytest.mark.parametrize("place", [0, 20, 40])
async def test_a_right_password_among_forty_guesses_opens_at_most_one_more_round(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher, place: int
) -> None:
    passwords = [WRONG] * MANY
    passwords.insert(place, PASSWORD)
    results = await many(login, passwords)
    succeeded = [i for i, result in enumerate(results) if result.success]
    assert succeeded in ([], [place])
    guesses = hasher.evaluated.count(WRONG)
    assert guesses <= (2 * LIMIT if succeeded else LIMIT)
    await many(login, [WRONG] * LIMIT)
    assert not (await login("john", PASSWORD)).success


async def test_a_success_forgets_the_failures_before_it(
    tenantry: App, john: UserData, login: Login
) -> None:
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert not (await login("john", WRONG)).success
        assert (await login("john", PASSWORD)).success


async def test_the_next_after_the_last_failure_is_not_evaluated(
    tenantry: App, john: UserData, login: Login, hasher: CountingHasher
) -> None:
    for _ in range(LIMIT):
        await login("john", WRONG)
    assert len(hasher.evaluated) == LIMIT
    assert not (await login("john", PASSWORD)).success
    assert len(hasher.evaluated) == LIMIT


class StoppedClock(ShiftedClock):
    """Stands still but for what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + self.shift


class TestWithTimeStandingStill:
    """To the microsecond."""

    @pytest.fixture
    def clock(self) -> ShiftedClock:
        return StoppedClock()

    async def test_a_lock_ends_exactly_when_its_minutes_are_over(
        self, tenantry: App, clock: ShiftedClock, john: UserData, login: Login
    ) -> None:
        for _ in range(LIMIT):
            await login("john", WRONG)
        minutes = tenantry.settings.lockout_minutes
        clock.shift = timedelta(minutes=minutes) - timedelta(microseconds=1)
        assert not (await login("john", PASSWORD)).success
        clock.shift = timedelta(minutes=minutes)
        assert (await login("john", PASSWORD)).success

    async def test_knocking_at_a_locked_door_does_not_keep_it_locked(
        self, tenantry: App, clock: ShiftedClock, john: UserData, login: Login
    ) -> None:
        for _ in range(LIMIT):
            await login("john", WRONG)
        for minute in range(1, tenantry.settings.lockout_minutes):
            clock.shift = timedelta(minutes=minute)
            await login("john", WRONG)
        clock.shift = timedelta(minutes=tenantry.settings.lockout_minutes)
        assert (await login("john", PASSWORD)).success

    async def test_after_a_lock_the_count_begins_anew(
        self,
        tenantry: App,
        clock: ShiftedClock,
        john: UserData,
        login: Login,
        hasher: CountingHasher,
    ) -> None:
        for _ in range(LIMIT):
            await login("john", WRONG)
        clock.advance(minutes=tenantry.settings.lockout_minutes)
        for _ in range(LIMIT + 5):
            await login("john", WRONG)
        assert len(hasher.evaluated) == 2 * LIMIT

    async def test_an_attempt_that_was_never_settled_becomes_a_failure(
        self,
        tenantry: App,
        clock: ShiftedClock,
        john: UserData,
        login: Login,
        owner: asyncpg.Connection,
    ) -> None:
        await login("john", WRONG)
        await owner.execute("update attempts set pending = 4")
        clock.advance(seconds=31)
        await login("john", WRONG)
        counted = await owner.fetch("select failures, pending from attempts")
        assert [tuple(row) for row in counted] == [(6, 0), (6, 0)]
