"""Earlier passwords, and that every way to a password asks the same rules."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import bcrypt
import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction, ChangeOwnPasswordAction
from tenantry.errors import InvalidInput, PasswordRejected
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.passwords.tokens import Purpose
from tenantry.resets.actions import ResetPasswordAction
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import (
    CreateUserAction,
    ImportUsersAction,
    ModifyUserAction,
    PurgeUserAction,
)
from tenantry.users.model import UserCreator, UserData, UserModifier

pytestmark = pytest.mark.anyio


async def set_policy(app: App, **values: Any) -> None:
    states: dict[str, Any] = {name: TriState.update(value) for name, value in values.items()}
    action = SetPasswordPolicyAction(modifier=PasswordPolicyModifier(**states))
    await app.password_policies.set.wait_for_complete(action)


async def by_admin(app: App, user: UserData, password: str) -> None:
    modifier = UserModifier(password=OptionalState.update(password))
    action = ModifyUserAction(user=str(user.id), modifier=modifier)
    await app.users.modify_user.wait_for_complete(action)


async def by_token(app: App, user: UserData, password: str, purpose: Purpose) -> None:
    async with app.database.autocommit() as tx:
        lifetime = timedelta(hours=1)
        issued = await app.assembly.passwords.tokens.issue(tx, user.id, purpose, lifetime)
    await app.resets.reset.wait_for_complete(ResetPasswordAction(issued.text, password))


async def by_reset(app: App, user: UserData, password: str) -> None:
    await by_token(app, user, password, Purpose.RESET)


async def by_invitation(app: App, user: UserData, password: str) -> None:
    await by_token(app, user, password, Purpose.INVITATION)


async def by_self(app: App, user: UserData, password: str) -> None:
    """Whatever the present password is of those that are used here."""
    for current in (PASSWORD, *(name(n) for n in range(1, 9))):
        login = AuthenticateAction(user.username, current)
        if (await app.auth.authenticate.wait_for_complete(login)).success:
            with acting_as(user):
                action = ChangeOwnPasswordAction(current, password)
                await app.auth.change_own_password.wait_for_complete(action)
            return
    raise AssertionError


def name(n: int) -> str:
    return f"passphrase number {n} of many"


async def kept(owner: asyncpg.Connection, user: UserData) -> int:
    count: int = await owner.fetchval(
        "select count(*) from password_history where user_id = $1", user.id
    )
    return count


Change = Callable[[App, UserData, str], Awaitable[None]]
CHANGES: list[Change] = [by_admin, by_self, by_reset, by_invitation]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_last_five_cannot_be_used_again_and_the_sixth_can(
    tenantry: App, john: UserData, change: Change
) -> None:
    await set_policy(tenantry, prevent_reuse_count=5)
    for n in range(1, 6):
        await change(tenantry, john, name(n))
    for n in range(1, 6):
        with pytest.raises(PasswordRejected) as refused:
            await change(tenantry, john, name(n))
        expected = "unchanged" if n == 5 and change is by_self else "reused"
        assert [v.code for v in refused.value.violations] == [expected]
    await change(tenantry, john, PASSWORD)


async def test_one_form_of_a_password_is_as_used_as_another(tenantry: App, john: UserData) -> None:
    await set_policy(tenantry, prevent_reuse_count=2)
    await by_admin(tenantry, john, "caf\u00e9 au lait, s'il vous pla\u00eet")
    with pytest.raises(PasswordRejected, match="last 2"):
        await by_admin(tenantry, john, "cafe\u0301 au lait, s'il vous plai\u0302t")


async def test_a_hash_made_elsewhere_counts_as_an_earlier_password(tenantry: App) -> None:
    await set_policy(tenantry, prevent_reuse_count=3)
    foreign = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    ann = await make_user(tenantry, "ann", password=None, password_hash=foreign)
    await by_admin(tenantry, ann, name(1))
    with pytest.raises(PasswordRejected, match="last 3"):
        await by_admin(tenantry, ann, PASSWORD)


async def test_no_more_is_kept_than_the_policy_asks_for(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await by_admin(tenantry, john, name(1))
    assert await kept(owner, john) == 0, "where no history is asked for there is none"
    await set_policy(tenantry, prevent_reuse_count=3)
    for n in range(2, 7):
        await by_admin(tenantry, john, name(n))
    assert await kept(owner, john) == 2
    await set_policy(tenantry, prevent_reuse_count=2)
    await by_admin(tenantry, john, name(7))
    assert await kept(owner, john) == 1
    await set_policy(tenantry, prevent_reuse_count=0)
    await by_admin(tenantry, john, name(8))
    assert await kept(owner, john) == 0


async def test_a_change_that_fails_leaves_no_trace(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await set_policy(tenantry, prevent_reuse_count=3)
    modifier = UserModifier(
        password=OptionalState.update(name(1)), resource_policy=OptionalState.update("nowhere")
    )
    with pytest.raises(InvalidInput):
        await tenantry.users.modify_user.wait_for_complete(
            ModifyUserAction(user="john", modifier=modifier)
        )
    assert await kept(owner, john) == 0


async def test_a_purge_takes_the_earlier_passwords_and_tokens_along(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await set_policy(tenantry, prevent_reuse_count=3)
    await by_admin(tenantry, john, name(1))
    await by_reset(tenantry, john, name(2))
    assert await kept(owner, john) == 2
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert await owner.fetchval("select count(*) from password_history") == 0
    assert await owner.fetchval("select count(*) from password_tokens") == 0


async def by_create(app: App, user: UserData, password: str) -> None:
    creator = UserCreator(username="newcomer", email="newcomer@example.com", password=password)
    await app.users.create_user.wait_for_complete(CreateUserAction(input=creator))


async def by_import(app: App, user: UserData, password: str) -> None:
    creator = UserCreator(username="newcomer", email="newcomer@example.com", password=password)
    result = await app.users.import_users.wait_for_complete(ImportUsersAction(users=[creator]))
    (row,) = result.rows
    if row.outcome == "refused":
        assert row.field == "password"
        raise PasswordRejected.of("password", "imported", str(row.message))


@pytest.mark.parametrize("change", [by_create, by_import, *CHANGES])
@pytest.mark.parametrize(
    ("policy", "password"),
    [
        ({"min_length": 20}, "nineteen characters"),
        ({"max_length": 16}, "seventeen letters"),
        ({"require_numbers": True}, "a passphrase in words only"),
        ({"block_common": True}, "passwordpassword"),
        ({"block_context": True}, "default-default-default"),
    ],
)
async def test_every_way_to_a_password_asks_the_tenants_policy(
    tenantry: App, john: UserData, change: Change, policy: dict[str, Any], password: str
) -> None:
    await set_policy(tenantry, **policy)
    with pytest.raises(PasswordRejected):
        await change(tenantry, john, password)
    off = {"block_common": False, "block_context": False, "require_numbers": False}
    await set_policy(tenantry, **off, min_length=8, max_length=128)
    await change(tenantry, john, password)
