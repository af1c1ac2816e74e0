"""Refused logins: of whom there is, unless made-up names are asked for."""

import pytest

from tenantry.app import App
from tenantry.audit.actions import ListFailedLoginsAction
from tenantry.audit.model import FailedLogin
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import InvalidInput, NotAuthenticated
from tenantry.kernel.action import ANONYMOUS, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import ModifyUserAction, PurgeUserAction
from tenantry.users.model import UserData, UserModifier

from .conftest import log_in

pytestmark = pytest.mark.anyio


async def failed(app: App, **fields: object) -> list[FailedLogin]:
    action = ListFailedLoginsAction(**fields)  # type: ignore[arg-type]  # of any field
    return (await app.audit.list_failed_logins.wait_for_complete(action)).items


@pytest.fixture
async def tries(tenantry: App, john: UserData, admin: UserData) -> UserData:
    """Good and bad logins of some names."""
    assert await log_in(tenantry, "john")
    for name in ("john", "john@example.com", "adele", "eve", "eve"):
        assert not await log_in(tenantry, name, "wrong passphrase")
    return john


async def test_each_says_who_when_from_where_and_why(tenantry: App, tries: UserData) -> None:
    found = await failed(tenantry)
    assert [entry.username for entry in found] == ["adele", "john", "john"]
    newest = found[-1]
    assert (newest.user_id, newest.reason) == (tries.id, "wrong_password")
    assert (newest.ip_address, newest.user_agent) == ("203.0.113.7", "test/1")
    assert newest.timestamp.tzinfo is not None


async def test_names_that_nobody_has_are_listed_when_asked_for(
    tenantry: App, tries: UserData
) -> None:
    found = await failed(tenantry, include_unknown=True)
    assert [entry.username for entry in found] == ["eve", "eve", "adele", "john", "john"]
    assert {entry.reason for entry in found if entry.username == "eve"} == {"unknown_user"}
    assert await failed(tenantry, user="eve") == []
    assert len(await failed(tenantry, user="EVE", include_unknown=True)) == 2


async def test_one_user_can_be_asked_for(tenantry: App, tries: UserData) -> None:
    assert [entry.username for entry in await failed(tenantry, user="JOHN")] == ["john"] * 2
    assert await failed(tenantry, user="root") == []


async def test_tries_that_an_administrators_program_passes_on_are_not_the_administrators(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    for name in ("john", "eve"):
        with acting_as(admin):
            action = AuthenticateAction(name, "wrong passphrase", ip_address="192.0.2.7")
            assert not (await tenantry.auth.authenticate.wait_for_complete(action)).success
    found = await failed(tenantry, include_unknown=True)
    assert [entry.username for entry in found] == ["eve", "john"]
    assert [entry.username for entry in await failed(tenantry)] == ["john"]
    assert await failed(tenantry, user="adele", include_unknown=True) == []


async def test_only_the_last_hours_count(
    tenantry: App, tries: UserData, clock: ShiftedClock
) -> None:
    clock.advance(hours=2)
    assert await failed(tenantry, hours=1.5) == []
    assert len(await failed(tenantry, hours=3)) == 3
    clock.advance(hours=30)
    assert await failed(tenantry) == []


async def test_a_renamed_user_is_listed_by_the_name_that_can_be_acted_on(
    tenantry: App, tries: UserData
) -> None:
    modifier = UserModifier(username=OptionalState.update("jack"))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=modifier)
    )
    assert {entry.username for entry in await failed(tenantry)} == {"adele", "jack"}


async def test_a_purged_user_is_not_listed(tenantry: App, tries: UserData) -> None:
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert {entry.username for entry in await failed(tenantry)} == {"adele"}


async def test_tries_on_a_locked_account_have_that_as_their_reason(
    tenantry: App, john: UserData
) -> None:
    lock = LockAccountAction(user="john", reason="lost phone")
    await tenantry.locks.lock_account.wait_for_complete(lock)
    assert not await log_in(tenantry, "john")
    assert [entry.reason for entry in await failed(tenantry)] == ["locked"]


async def test_tries_after_too_many_are_listed_with_their_reason(
    tenantry: App, john: UserData
) -> None:
    for _ in range(12):
        await log_in(tenantry, "john", "wrong passphrase")
    reasons = [entry.reason for entry in await failed(tenantry)]
    assert len(reasons) == 12
    assert reasons[-1] == "wrong_password"
    assert reasons[0] != "wrong_password"


async def test_everybody_sees_the_own_ones_and_admins_those_of_the_tenant(
    tenantry: App, tries: UserData, admin: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    with acting_as(tries):
        assert [entry.username for entry in await failed(tenantry)] == ["john"] * 2
        assert await failed(tenantry, user="adele") == []
    with acting_as(jane):
        assert await failed(tenantry, include_unknown=True) == []
    with acting_as(admin):
        assert len(await failed(tenantry, include_unknown=True)) == 3
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await failed(tenantry)


async def test_pages_follow_each_other(tenantry: App, tries: UserData) -> None:
    run = tenantry.audit.list_failed_logins.wait_for_complete
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await run(ListFailedLoginsAction(limit=2, cursor=cursor))
        seen += [entry.username for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["adele", "john", "john"]


@pytest.mark.parametrize(
    ("field", "samples"),
    [
        ("hours", [0, -1, 1e9, "x", float("nan"), float("inf")]),
        ("user", [5, "\0", "x" * 10_000]),
        ("limit", [0, 1001]),
        ("include_unknown", ["yes"]),
        ("cursor", ["x"]),
    ],
)
async def test_a_bad_field_is_named(tenantry: App, field: str, samples: list[object]) -> None:
    for sample in samples:
        with pytest.raises(InvalidInput) as refused:
            await failed(tenantry, **{field: sample})
        assert refused.value.field == field, sample
