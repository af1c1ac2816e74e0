"""A code is good once, however many try it at the same time, and every guess counts."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from tenantry.adapters.cipher import KEY_BYTES, Cipher
from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import PermissionError
from tenantry.kernel.action import acting_as
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.second_factor.actions import (
    ProveSecondFactorAction,
    RegenerateRecoveryCodesAction,
    RemoveOwnSecondFactorAction,
)
from tenantry.second_factor.codes import code_at, step_at
from tenantry.second_factor.model import StoredFactor
from tenantry.second_factor.processors import SecondFactorProcessors
from tenantry.second_factor.repository import SecondFactorRepository
from tenantry.second_factor.service import SecondFactorService
from tenantry.second_factor.verifier import CodeVerifier
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD
from tenantry.users.model import UserData

from .conftest import Device, enrol

pytestmark = pytest.mark.anyio
Verify = Callable[[str], Awaitable[bool]]

LAST_STEP = Statement(
    "naive.last_step", "Look.", "select last_step from second_factors where user_id = $1"
)
STORE_STEP = Statement(
    "naive.store_step", "Store.", "update second_factors set last_step = $2 where user_id = $1"
)
IS_THERE = Statement(
    "naive.is_there",
    "Look.",
    "select exists (select from recovery_codes where user_id = $1 and digest = $2)",
)
REMOVE_CODE = Statement(
    "naive.remove_code",
    "Remove.",
    "delete from recovery_codes where user_id = $1 and digest = $2",
)


@pytest.fixture
def verify(tenantry: App, service: SecondFactorService, device: Device) -> Verify:
    """Whether a code is accepted, in a transaction of its own."""

    async def accepted(code: str) -> bool:
        async with tenantry.database.transaction() as tx:
            return await service.verify(tx, device.user.id, code)

    return accepted


async def test_t3_a_code_is_accepted_once(verify: Verify, device: Device) -> None:
    code = device.code()
    assert [await verify(code), await verify(code)] == [True, False]
    device.clock.advance(seconds=30)
    assert [await verify(code), await verify(device.code())] == [False, True]


async def test_t2_codes_of_the_steps_beside_this_one_are_accepted_and_no_others(
    verify: Verify, device: Device
) -> None:
    assert [await verify(device.code(steps)) for steps in (-2, 2, -3, 3)] == [False] * 4
    assert [await verify(device.code(steps)) for steps in (-1, 0, 1)] == [True] * 3


async def test_t4_an_older_step_is_refused_after_a_newer_one(
    verify: Verify, device: Device
) -> None:
    newer, older = device.code(1), device.code()
    assert [await verify(newer), await verify(older), await verify(device.code(-1))] == [
        True,
        False,
        False,
    ]


async def test_a_code_that_was_refused_with_its_transaction_is_not_used_up(
    tenantry: App, service: SecondFactorService, verify: Verify, device: Device
) -> None:
    code = device.code()

    async def broken_off() -> None:
        async with tenantry.database.transaction() as tx:
            assert await service.verify(tx, device.user.id, code)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken_off()
    assert await verify(code)


async def test_of_two_naive_checks_of_one_code_at_once_both_accept_it(
    verify: Verify, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong where the last step is read first and stored then."""
    both_have_looked = asyncio.Barrier(2)

    async def look_then_store(
        self: SecondFactorRepository, tx: Transaction, factor: StoredFactor, step: int
    ) -> bool:
        last: int = await tx.fetchval(LAST_STEP, factor.user_id)
        await both_have_looked.wait()
        await tx.execute(STORE_STEP, factor.user_id, step)
        return last < step

    monkeypatch.setattr(SecondFactorRepository, "spend_step", look_then_store)
    code = device.code()
    assert all(await asyncio.gather(verify(code), verify(code)))


async def test_t3_of_twenty_uses_of_one_code_at_once_one_is_accepted(
    verify: Verify, device: Device
) -> None:
    for _ in range(3):
        code = device.code()
        assert sum(await asyncio.gather(*(verify(code) for _ in range(20)))) == 1
        device.clock.advance(seconds=30)


async def test_of_two_naive_uses_of_one_recovery_code_at_once_both_are_accepted(
    verify: Verify, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong where the code is looked for first and removed then."""
    both_have_looked = asyncio.Barrier(2)

    async def look_then_remove(
        self: SecondFactorRepository, tx: Transaction, user_id: UUID, digest: bytes
    ) -> bool:
        there: bool = await tx.fetchval(IS_THERE, user_id, digest)
        await both_have_looked.wait()
        await tx.execute(REMOVE_CODE, user_id, digest)
        return there

    monkeypatch.setattr(SecondFactorRepository, "spend_code", look_then_remove)
    code = device.recovery_codes[3]
    assert all(await asyncio.gather(verify(code), verify(code)))


async def test_t8_of_twenty_uses_of_one_recovery_code_at_once_one_is_accepted(
    verify: Verify, device: Device, owner: asyncpg.Connection
) -> None:
    code = device.recovery_codes[3]
    assert sum(await asyncio.gather(*(verify(code) for _ in range(20)))) == 1
    assert await owner.fetchval("select count(*) from recovery_codes") == 9


async def test_recovery_codes_are_stored_as_digests(
    device: Device, owner: asyncpg.Connection
) -> None:
    stored = [row["digest"] for row in await owner.fetch("select digest from recovery_codes")]
    for code in device.recovery_codes:
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored


async def test_a_code_of_somebody_else_and_of_nobody_fits_nothing(
    tenantry: App, service: SecondFactorService, device: Device, john: UserData
) -> None:
    async with tenantry.database.transaction() as tx:
        for code in (device.code(), device.recovery_codes[0]):
            assert not await service.verify(tx, john.id, code)


async def test_l2_l9_wrong_codes_and_wrong_passwords_fill_one_counter(
    tenantry: App, second_factor: SecondFactorProcessors, device: Device, owner: asyncpg.Connection
) -> None:
    limit = tenantry.settings.max_failed_attempts
    wrong = "000000" if device.code() != "000000" else "111111"
    with acting_as(device.user):
        for number in range(limit // 2):
            code = wrong if number % 2 else "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"
            action = RegenerateRecoveryCodesAction(PASSWORD, code)
            with pytest.raises(PermissionError) as refused:
                await second_factor.regenerate_codes.wait_for_complete(action)
            assert refused.value.field == "code"
    for _ in range(limit - limit // 2):
        login = AuthenticateAction("amy", "a wrong passphrase")
        assert not (await tenantry.auth.authenticate.wait_for_complete(login)).success
    assert await owner.fetchval("select failures from attempts") == limit
    right = RemoveOwnSecondFactorAction(PASSWORD, device.code())
    with acting_as(device.user), pytest.raises(PermissionError) as shut_out:
        await second_factor.remove_own.wait_for_complete(right)
    assert shut_out.value.data["reason"] == "throttled"
    device.clock.advance(minutes=tenantry.settings.lockout_minutes)
    right = RemoveOwnSecondFactorAction(PASSWORD, device.code())
    with acting_as(device.user):
        assert (await second_factor.remove_own.wait_for_complete(right)).success


async def test_l2_no_more_guesses_at_once_are_looked_at_than_the_counter_allows(
    tenantry: App,
    second_factor: SecondFactorProcessors,
    verifier: CodeVerifier,
    device: Device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at = 0
    verify = verifier.verify

    async def counted(*arguments: object) -> bool:
        nonlocal looked_at
        looked_at += 1
        return await verify(*arguments)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(verifier, "verify", counted)
    action = RegenerateRecoveryCodesAction(PASSWORD, "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa")
    with acting_as(device.user):
        guessing = (second_factor.regenerate_codes.wait_for_complete(action) for _ in range(40))
        ended = await asyncio.gather(*guessing, return_exceptions=True)
    assert all(isinstance(result, PermissionError) for result in ended)
    assert looked_at == tenantry.settings.max_failed_attempts


async def test_after_a_change_of_keys_codes_still_fit(
    tenantry: App,
    verifier: CodeVerifier,
    second_factor: SecondFactorProcessors,
    john: UserData,
    clock: ShiftedClock,
) -> None:
    old, new = b"1" * KEY_BYTES, b"2" * KEY_BYTES
    verifier._cipher = Cipher([old])
    secret = await enrol(second_factor, john)
    rotating = CodeVerifier(
        database=tenantry.database,
        second_factor_repository=SecondFactorRepository(),
        cipher=Cipher([new, old]),
        clock=clock,
    )
    assert await verifier.key_ids() == {Cipher([old]).current_id}
    assert [await rotating.reseal(), await rotating.reseal()] == [1, 0]
    assert await verifier.key_ids() == {Cipher([new]).current_id}
    verifier._cipher = Cipher([new])
    with acting_as(john):
        action = ProveSecondFactorAction(code_at(secret, step_at(clock.now())))
        assert (await second_factor.prove.wait_for_complete(action)).success
