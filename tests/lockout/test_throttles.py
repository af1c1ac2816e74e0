"""Nobody guesses for long, and nobody who guesses keeps the owner out."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.app import App
from tenantry.auth.actions import ChangeOwnPasswordAction
from tenantry.errors import ConfigurationError, PermissionError
from tenantry.kernel.action import Origin, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.lockout.actions import GetLockStatusAction, LockAccountAction
from tenantry.lockout.repository import AttemptRepository
from tenantry.lockout.service import MOST_WAITING, LockoutService
from tenantry.lockout.throttle import Admission, Claim, LockoutPolicy, Standing, network_of
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD
from tenantry.users.actions import PurgeUserAction
from tenantry.users.model import UserData
from tests.lockout.conftest import LoginFrom

pytestmark = pytest.mark.anyio

WRONG = "not the passphrase"
HOME, ATTACKER = "198.51.100.20", "203.0.113.66"
Counts = Callable[[], Awaitable[dict[str, int]]]


async def test_a_thousand_bad_tries_from_one_address_do_not_keep_the_owner_out_elsewhere(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str], counts: Counts
) -> None:
    for _ in range(20):
        await asyncio.gather(*(login_from("john", WRONG, ATTACKER) for _ in range(50)))
    assert len(evaluated) == tenantry.settings.max_failed_attempts
    assert (await login_from("john", PASSWORD, HOME)).success
    assert (await counts())[f"user:{john.id}@{ATTACKER}"] == len(evaluated) - 1


async def test_many_addresses_together_have_no_more_than_the_accounts_tries(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    addresses = [f"203.0.113.{i}" for i in range(1, 81)]
    await asyncio.gather(*(login_from("john", WRONG, address) for address in addresses))
    assert len(evaluated) == tenantry.settings.max_account_failures
    assert not (await login_from("john", PASSWORD, "192.0.2.200")).success
    told = await tenantry.locks.get_lock_status.wait_for_complete(GetLockStatusAction(user="john"))
    assert not told.is_locked
    assert told.throttled_until is not None


async def test_where_the_owner_has_logged_in_from_stays_open_to_the_owner(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    assert (await login_from("john", PASSWORD, HOME)).success
    addresses = [f"203.0.113.{i}" for i in range(1, 81)]
    await asyncio.gather(*(login_from("john", WRONG, address) for address in addresses))
    assert not (await login_from("john", PASSWORD, "192.0.2.200")).success
    assert (await login_from("john", PASSWORD, HOME)).success


async def test_a_known_address_has_its_own_limit_and_no_more(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    assert (await login_from("john", PASSWORD, HOME)).success
    evaluated.clear()
    await asyncio.gather(*(login_from("john", WRONG, HOME) for _ in range(40)))
    assert len(evaluated) == tenantry.settings.max_failed_attempts
    assert not (await login_from("john", PASSWORD, HOME)).success


async def test_an_address_is_known_for_a_season_only(
    tenantry: App, john: UserData, login_from: LoginFrom, clock: ShiftedClock
) -> None:
    assert (await login_from("john", PASSWORD, HOME)).success
    clock.advance(days=91)
    addresses = [f"203.0.113.{i}" for i in range(1, 81)]
    await asyncio.gather(*(login_from("john", WRONG, address) for address in addresses))
    assert not (await login_from("john", PASSWORD, HOME)).success


async def test_spraying_many_accounts_from_one_address_ends_at_the_addresses_limit(
    tenantry: App, login_from: LoginFrom, evaluated: list[str], john: UserData
) -> None:
    limit = tenantry.settings.max_source_failures
    await asyncio.gather(*(login_from(f"name{i}", WRONG, ATTACKER) for i in range(limit + 30)))
    assert not (await login_from("john", PASSWORD, ATTACKER)).success
    assert evaluated == []
    assert (await login_from("john", PASSWORD, HOME)).success


async def test_an_ipv6_customer_is_one_source_and_his_neighbour_another(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    for i in range(tenantry.settings.max_failed_attempts + 10):
        await login_from("john", WRONG, f"2001:db8:0:7::{i:x}")
    assert len(evaluated) == tenantry.settings.max_failed_attempts
    assert (await login_from("john", PASSWORD, "2001:db8:0:8::1")).success


async def test_a_success_clears_the_accounts_counts_and_not_the_addresses(
    tenantry: App, john: UserData, login_from: LoginFrom, counts: Counts
) -> None:
    for _ in range(3):
        await login_from("john", WRONG, ATTACKER)
    await login_from("nobody", WRONG, ATTACKER)
    assert (await login_from("john", PASSWORD, ATTACKER)).success
    after = await counts()
    assert after[f"user:{john.id}"] == after[f"user:{john.id}@{ATTACKER}"] == 0
    assert [n for subject, n in after.items() if subject.startswith(f"from:{ATTACKER}")] == [4]


async def test_a_network_begins_anew_with_each_window(
    tenantry: App, login_from: LoginFrom, john: UserData, clock: ShiftedClock
) -> None:
    limit = tenantry.settings.max_source_failures
    await asyncio.gather(*(login_from(f"name{i}", WRONG, ATTACKER) for i in range(limit)))
    assert not (await login_from("john", PASSWORD, ATTACKER)).success
    clock.advance(minutes=tenantry.settings.lockout_minutes)
    assert (await login_from("john", PASSWORD, ATTACKER)).success


async def test_twenty_good_logins_among_a_flood_all_pass(
    tenantry: App, john: UserData, login_from: LoginFrom
) -> None:
    flood = [login_from("john", WRONG, ATTACKER) for _ in range(100)]
    good = [login_from("john", PASSWORD, HOME) for _ in range(20)]
    results = await asyncio.gather(*flood, *good)
    assert all(result.success for result in results[100:])
    assert not any(result.success for result in results[:100])


async def test_nothing_stays_reserved_when_all_has_ended(
    tenantry: App, john: UserData, login_from: LoginFrom, owner: asyncpg.Connection
) -> None:
    addresses = [f"203.0.113.{i % 70}" for i in range(210)]
    passwords = [PASSWORD if i % 9 == 0 else WRONG for i in range(210)]
    await asyncio.gather(
        *(login_from("john", p, a) for p, a in zip(passwords, addresses, strict=True))
    )
    assert await owner.fetchval("select sum(pending) from attempts") == 0


async def test_the_sweeper_removes_what_has_run_out_and_keeps_known_addresses(
    tenantry: App, john: UserData, login_from: LoginFrom, clock: ShiftedClock, counts: Counts
) -> None:
    await login_from("john", WRONG, ATTACKER)
    await login_from("john", PASSWORD, HOME)
    for i in range(20):
        await login_from(f"name{i}", WRONG, ATTACKER)
    lockout = tenantry.assembly.logins.lockout
    await lockout.sweep()
    assert len(await counts()) > 20
    clock.advance(minutes=tenantry.settings.lockout_minutes + 1)
    await lockout.sweep()
    assert set(await counts()) == {f"user:{john.id}@{HOME}"}
    clock.advance(days=91)
    await lockout.sweep()
    assert await counts() == {}


async def test_a_refused_flood_adds_no_rows(
    tenantry: App, login_from: LoginFrom, counts: Counts
) -> None:
    limit = tenantry.settings.max_source_failures
    await asyncio.gather(*(login_from(f"name{i}", WRONG, ATTACKER) for i in range(limit)))
    before = await counts()
    await asyncio.gather(*(login_from(f"more{i}", WRONG, ATTACKER) for i in range(50)))
    assert await counts() == before


async def test_a_password_guessed_from_a_stolen_session_fills_the_same_counts(
    tenantry: App, john: UserData, login_from: LoginFrom, evaluated: list[str]
) -> None:
    limit = tenantry.settings.max_failed_attempts
    with acting_as(john, Origin("http", ATTACKER)):
        for _ in range(limit // 2):
            with pytest.raises(PermissionError):
                await tenantry.auth.change_own_password.wait_for_complete(
                    ChangeOwnPasswordAction(WRONG, "another passphrase")
                )
    for _ in range(limit):
        await login_from("john", WRONG, ATTACKER)
    assert len(evaluated) == limit


async def test_a_flood_waits_in_a_room_that_is_bounded(
    tenantry: App, john: UserData, login_from: LoginFrom, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockout = tenantry.assembly.logins.lockout
    most = 0
    wait = lockout._wait

    async def watched(pair: str, seconds: float) -> None:
        nonlocal most
        most = max(most, lockout._waiting.total() + 1)
        await wait(pair, seconds)

    monkeypatch.setattr(lockout, "_wait", watched)
    await asyncio.gather(*(login_from("john", WRONG, ATTACKER) for _ in range(300)))
    assert 1 < most <= MOST_WAITING
    assert lockout._waiting.total() == 0


class TestProgressiveDelay:
    """With a patience that nobody has to wait for."""

    @pytest.fixture
    def lockout(self, tenantry: App, clock: ShiftedClock) -> LockoutService:
        class Impatient(LockoutPolicy):
            __slots__ = ()

            @property
            def patience(self) -> timedelta:
                return timedelta()

        return LockoutService(
            database=tenantry.database,
            attempt_repository=AttemptRepository(),
            policy=Impatient(),
            clock=clock,
        )

    async def fail(self, app: App, lockout: LockoutService, claim: Claim) -> None:
        assert await lockout.admit(claim) is Admission.GRANTED
        async with app.database.transaction() as tx:
            await lockout.settle(tx, claim, succeeded=False)

    async def test_after_some_failures_each_one_makes_the_next_wait_longer(
        self, tenantry: App, lockout: LockoutService, clock: ShiftedClock
    ) -> None:
        claim = lockout.claim(None, "john", ATTACKER)
        for _ in range(3):
            await self.fail(tenantry, lockout, claim)
        for seconds in (0.25, 0.5, 1, 2, 2, 2, 2):
            clock.advance(seconds=seconds / 2)
            assert await lockout.admit(claim) is Admission.REFUSED
            clock.advance(seconds=seconds / 2)
            await self.fail(tenantry, lockout, claim)
        clock.advance(minutes=14)
        assert await lockout.admit(claim) is Admission.REFUSED
        clock.advance(minutes=1)
        assert await lockout.admit(claim) is Admission.GRANTED

    async def test_while_one_is_slowed_others_at_once_are_not_evaluated(
        self, tenantry: App, lockout: LockoutService, clock: ShiftedClock
    ) -> None:
        claim = lockout.claim(None, "john", ATTACKER)
        for _ in range(3):
            await self.fail(tenantry, lockout, claim)
        clock.advance(seconds=5)
        admitted = await asyncio.gather(*(lockout.admit(claim) for _ in range(20)))
        assert admitted.count(Admission.GRANTED) == 1

    async def test_the_delay_is_of_one_address_only(
        self, tenantry: App, lockout: LockoutService
    ) -> None:
        for _ in range(3):
            await self.fail(tenantry, lockout, lockout.claim(None, "john", ATTACKER))
        assert await lockout.admit(lockout.claim(None, "john", ATTACKER)) is Admission.REFUSED
        assert await lockout.admit(lockout.claim(None, "john", HOME)) is Admission.GRANTED

    async def test_a_patient_login_waits_for_its_turn(
        self, tenantry: App, clock: ShiftedClock
    ) -> None:
        lockout = LockoutService(
            database=tenantry.database,
            attempt_repository=AttemptRepository(),
            policy=LockoutPolicy(longest_delay=timedelta(seconds=0.05)),
            clock=clock,
        )
        claim = lockout.claim(None, "john", ATTACKER)
        for _ in range(5):
            await self.fail(tenantry, lockout, claim)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(0, 200), st.integers(0, 50), st.floats(0, 5000), st.booleans())
def test_waiting_is_bounded_and_hopeless_only_when_failures_fill_the_limit(
    failures: int, pending: int, seconds: float, known: bool
) -> None:
    policy = LockoutPolicy()
    claim = Claim.of(None, "john", ATTACKER, NOW, policy)
    until = NOW + timedelta(days=1) if known else None
    standing = Standing(failures, pending, NOW - timedelta(seconds=seconds), until)
    pause = policy.pause(claim, {claim.pair: standing}, NOW)
    full = failures >= policy.max_failures and timedelta(seconds=seconds) < policy.duration
    assert (pause is None) is full
    assert pause is None or timedelta() < pause <= policy.patience


@given(st.integers(0, 1000))
def test_delays_never_shrink_and_stay_below_the_longest(failures: int) -> None:
    policy = LockoutPolicy()
    assert policy.delay(failures) <= policy.delay(failures + 1) <= policy.longest_delay
    assert LockoutPolicy(longest_delay=timedelta()).delay(failures) == timedelta()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        (None, None),
        ("garbage<script>", None),
        ("fe80::1%eth0", None),
    ],
)
def test_a_network_is_an_ipv4_address_or_the_64_of_an_ipv6_one(
    address: str | None, network: str | None
) -> None:
    assert network_of(address) == network


def test_subjects_fit_their_column_and_say_no_name() -> None:
    claim = Claim.of(None, "john", "2001:db8:1111:2222::", NOW, LockoutPolicy())
    assert all(len(subject) <= 80 for subject in claim.subjects)
    assert not any("john" in subject for subject in claim.subjects)


class TestTheLargestLimits:
    """No setting lets an account be guessed at more than a hundred times in a row."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, max_failed_attempts=100, max_source_failures=100_000)

    async def test_l1_of_a_hundred_and_ten_guesses_at_most_a_hundred_are_evaluated(
        self, john: UserData, login_from: LoginFrom, evaluated: list[str]
    ) -> None:
        for i in range(11):
            address = f"203.0.113.{i}"
            await asyncio.gather(*(login_from("john", WRONG, address) for _ in range(10)))
        assert len(evaluated) == 100


@pytest.mark.parametrize("name", ["MAX_FAILED_ATTEMPTS", "MAX_ACCOUNT_FAILURES"])
@pytest.mark.parametrize("value", ["0", "101", "-1", "1e3"])
def test_a_limit_out_of_range_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TENANTRY_{name}"):
        Settings.from_environment({f"TENANTRY_{name}": value})


async def test_a_purge_leaves_no_address_of_its_user(
    tenantry: App, john: UserData, login_from: LoginFrom, counts: Counts
) -> None:
    await login_from("john", PASSWORD, HOME)
    assert any(HOME in subject and str(john.id) in subject for subject in await counts())
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert not any(str(john.id) in subject for subject in await counts())


async def set_numbers(app: App, *, attempts: int, minutes: int) -> None:
    modifier = PasswordPolicyModifier(
        max_failed_attempts=TriState.update(attempts), lockout_minutes=TriState.update(minutes)
    )
    action = SetPasswordPolicyAction(modifier=modifier)
    await app.password_policies.set.wait_for_complete(action)


async def test_how_long_a_user_is_throttled_is_told_by_the_numbers_of_the_tenant(
    tenantry: App, john: UserData, login_from: LoginFrom, clock: ShiftedClock
) -> None:
    await set_numbers(tenantry, attempts=60, minutes=40)
    for first in (0, 55):
        addresses = [f"203.0.113.{i}" for i in range(first + 1, first + 56)]
        await asyncio.gather(*(login_from("john", WRONG, address) for address in addresses))
        told = await tenantry.locks.get_lock_status.wait_for_complete(
            GetLockStatusAction(user="john")
        )
        if not first:  # the platform would have had enough after 50
            assert told.throttled_until is None
    assert told.throttled_until is not None
    left = told.throttled_until - clock.now()
    assert timedelta(minutes=39) < left <= timedelta(minutes=40)
    clock.advance(minutes=20)  # the platform's number would be over
    told = await tenantry.locks.get_lock_status.wait_for_complete(GetLockStatusAction(user="john"))
    assert told.throttled_until is not None


async def test_the_figures_count_who_has_no_attempts_left_by_the_numbers_that_hold_for_each(
    tenantry: App, john: UserData, login_from: LoginFrom, clock: ShiftedClock
) -> None:
    await set_numbers(tenantry, attempts=3, minutes=40)
    await asyncio.gather(*(login_from("john", WRONG, ATTACKER) for _ in range(5)))
    await asyncio.gather(*(login_from("nobody", WRONG, HOME) for _ in range(5)))
    lockout = tenantry.assembly.logins.lockout
    assert await lockout.figures() == {"throttled_subjects": 1}
    clock.advance(minutes=20)
    assert await lockout.figures() == {"throttled_subjects": 1}
    clock.advance(minutes=21)
    assert await lockout.figures() == {"throttled_subjects": 0}


async def test_the_figures_count_locks_that_hold(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    locks = tenantry.assembly.logins.locks
    assert await locks.figures() == {"locked_accounts": 0}
    lock = LockAccountAction(user="john", reason="test", duration_minutes=5)
    await tenantry.locks.lock_account.wait_for_complete(lock)
    assert await locks.figures() == {"locked_accounts": 1}
    clock.advance(minutes=6)
    assert await locks.figures() == {"locked_accounts": 0}
