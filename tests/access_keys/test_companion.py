"""The main key comes with its user and follows the user's role and status."""

import asyncpg
import pytest

from tenantry.access_keys.actions import (
    ActivateAccessKeyAction,
    DeactivateAccessKeyAction,
    ShowSecretAction,
)
from tenantry.access_keys.companion import AccessKeyCompanion
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.app import App
from tenantry.errors import (
    AccessKeyNotFound,
    NotAuthenticated,
    PermissionError,
    StateConflict,
    UserModificationBadRequest,
)
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.users import make_user
from tenantry.users.actions import (
    DeleteUserAction,
    GetUserAction,
    ModifyUserAction,
    RestoreUserAction,
)
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole, UserStatus

from .conftest import Identify, Issue, Keys

pytestmark = pytest.mark.anyio


async def modified(tenantry: App, user: UserData, **fields: object) -> UserData:
    """Change a user."""
    said = {name: OptionalState.update(value) for name, value in fields.items()}
    action = ModifyUserAction(user=str(user.id), modifier=UserModifier(**said))  # type: ignore[arg-type]  # each field has a type of its own
    return (await tenantry.users.modify_user.wait_for_complete(action)).data


async def test_scenario_06_a_new_user_has_one_active_main_key(amy: UserData, keys_of: Keys) -> None:
    [key] = await keys_of(amy)
    assert (key.is_main, key.is_active, key.is_admin) == (True, True, False)
    assert (key.resource_policy, key.rate_limit, key.scope) == ("default", 10_000, "full")
    assert (len(key.access_key), key.access_key[:4]) == (20, "AKIA")
    assert (key.user_id, key.username, key.secret_shown_at) == (amy.id, "amy", None)


async def test_the_secret_of_the_main_key_is_shown_once_to_its_user_and_works(
    access_keys: AccessKeyProcessors, amy: UserData, keys_of: Keys, identify: Identify
) -> None:
    action = ShowSecretAction((await keys_of(amy))[0].access_key)
    with acting_as(amy):
        shown = await access_keys.show_secret.wait_for_complete(action)
        with pytest.raises(StateConflict):
            await access_keys.show_secret.wait_for_complete(action)
    assert len(shown.secret) == 40
    assert shown.secret not in repr(shown)
    assert (await identify(shown.token)).id == amy.id


async def test_scenario_11_the_key_of_an_inactive_user_waits_and_comes_with_the_user(
    tenantry: App, access_keys: AccessKeyProcessors, keys_of: Keys
) -> None:
    user = await make_user(tenantry, "bea", status=UserStatus.INACTIVE)
    assert [key.is_active for key in await keys_of(user)] == [False]
    await modified(tenantry, user, status=UserStatus.ACTIVE)
    assert [key.is_active for key in await keys_of(user)] == [True]


async def test_the_waiting_key_of_a_user_who_is_restored_comes_with_the_user(
    tenantry: App, keys_of: Keys
) -> None:
    """Restoring is a change like any other: what belongs to the user follows it."""
    waiting = await make_user(tenantry, "wendy", status=UserStatus.INACTIVE)
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="wendy"))
    assert [key.is_active for key in await keys_of(waiting)] == [False]
    await tenantry.users.restore_user.wait_for_complete(RestoreUserAction(user="wendy"))
    assert [key.is_active for key in await keys_of(waiting)] == [True]


async def test_a_key_that_was_deactivated_on_purpose_stays_so_when_the_user_comes_back(
    tenantry: App, access_keys: AccessKeyProcessors, keys_of: Keys
) -> None:
    user = await make_user(tenantry, "bea", status=UserStatus.INACTIVE)
    name = (await keys_of(user))[0].access_key
    await access_keys.activate.wait_for_complete(ActivateAccessKeyAction(name))
    await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
    await modified(tenantry, user, status=UserStatus.ACTIVE)
    assert [key.is_active for key in await keys_of(user)] == [False]


async def test_scenario_16_bug_24_a_promotion_flags_the_main_key_and_no_other(
    tenantry: App, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    await issue(amy)
    await modified(tenantry, amy, role=UserRole.ADMIN)
    flags = [(key.is_main, key.is_admin, key.is_active) for key in await keys_of(amy)]
    assert flags == [(True, True, True), (False, False, True)]


async def test_scenario_17_a_demotion_strips_every_key_also_inactive_ones(
    tenantry: App, access_keys: AccessKeyProcessors, issue: Issue, keys_of: Keys
) -> None:
    boss = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    issued = await issue(boss, admin=True)
    name = issued.key.access_key
    await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
    assert [key.is_admin for key in await keys_of(boss)] == [True, True]
    await modified(tenantry, boss, role=UserRole.ADMIN)
    assert [key.is_admin for key in await keys_of(boss)] == [True, True]
    await make_user(tenantry, "other admin".replace(" ", "-"), role=UserRole.ADMIN)
    await modified(tenantry, boss, role=UserRole.USER)
    flags = [(key.is_admin, key.is_active) for key in await keys_of(boss)]
    assert flags == [(False, True), (False, False)]


async def test_bug_24_bug_16_a_role_change_and_a_purge_do_without_any_key(
    tenantry: App, amy: UserData, keys_of: Keys, companion: AccessKeyCompanion
) -> None:
    async with tenantry.database.transaction() as tx:
        await companion.forget(tx, amy.id)
    await modified(tenantry, amy, role=UserRole.ADMIN)
    assert await keys_of(amy) == []
    async with tenantry.database.transaction() as tx:
        await companion.forget(tx, amy.id)


async def test_the_first_key_issued_to_a_user_without_any_is_the_main_one(
    tenantry: App, amy: UserData, issue: Issue, keys_of: Keys, companion: AccessKeyCompanion
) -> None:
    async with tenantry.database.transaction() as tx:
        await companion.forget(tx, amy.id)
    await issue(amy)
    await issue(amy)
    assert [key.is_main for key in await keys_of(amy)] == [True, False]


async def test_many_newcomers_get_a_key_each(
    tenantry: App,
    john: UserData,
    admin: UserData,
    keys_of: Keys,
    companion: AccessKeyCompanion,
    owner: asyncpg.Connection,
) -> None:
    await owner.execute("delete from access_keys")
    creator = UserCreator(username="unused")
    async with tenantry.database.transaction() as tx:
        await companion.welcome(tx, [(john, creator), (admin, creator)])
    assert [(k.is_main, k.is_admin) for k in await keys_of(john)] == [(True, False)]
    assert [(k.is_main, k.is_admin) for k in await keys_of(admin)] == [(True, True)]


async def choose_main(tenantry: App, user: UserData, state: TriState[str]) -> UserData:
    """Say which key is the main one, along with something else."""
    modifier = UserModifier(main_access_key=state, department=TriState.update("Research"))
    action = ModifyUserAction(user=str(user.id), modifier=modifier)
    return (await tenantry.users.modify_user.wait_for_complete(action)).data


async def test_scenario_41_bug_25_a_modifier_switches_the_main_key_exactly_once(
    tenantry: App, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    name = (await issue(amy)).key.access_key
    for _ in range(2):
        changed = await choose_main(tenantry, amy, TriState.update(name))
        assert (changed.main_access_key, changed.department) == (name, "Research")
        assert [key.access_key for key in await keys_of(amy) if key.is_main] == [name]


async def test_scenario_41_a_key_of_somebody_else_or_of_nobody_is_refused_by_field(
    tenantry: App, amy: UserData, john: UserData, issue: Issue
) -> None:
    foreign = (await issue(john)).key.access_key
    cases: list[tuple[TriState[str], type[Exception]]] = [
        (TriState.update(foreign), PermissionError),
        (TriState.update("AKIA" + "A" * 16), AccessKeyNotFound),
        (TriState.update("nonsense"), UserModificationBadRequest),
        (TriState.nullify(), UserModificationBadRequest),
    ]
    for state, error in cases:
        with pytest.raises(error) as refused:
            await choose_main(tenantry, amy, state)
        assert getattr(refused.value, "field", None) == "main_access_key"
    action = GetUserAction(user=str(amy.id))
    assert (await tenantry.users.get_user.wait_for_complete(action)).data == amy


async def test_the_main_key_is_chosen_by_administrators_only(
    tenantry: App, admin: UserData, amy: UserData, issue: Issue
) -> None:
    name = (await issue(amy)).key.access_key
    with acting_as(amy), pytest.raises(PermissionError) as refused:
        await choose_main(tenantry, amy, TriState.update(name))
    assert refused.value.field == "department"
    with acting_as(admin):
        assert (await choose_main(tenantry, amy, TriState.update(name))).main_access_key == name


async def test_scenario_41_an_inactive_or_expired_key_does_not_become_the_main_one(
    tenantry: App, access_keys: AccessKeyProcessors, amy: UserData, issue: Issue, keys_of: Keys
) -> None:
    name = (await issue(amy)).key.access_key
    await access_keys.deactivate.wait_for_complete(DeactivateAccessKeyAction(name))
    with pytest.raises(StateConflict):
        await choose_main(tenantry, amy, TriState.update(name))
    assert [key.is_main for key in await keys_of(amy)] == [True, False]


async def test_scenario_25_keys_of_a_deleted_user_stay_but_open_nothing(
    tenantry: App, amy: UserData, issue: Issue, keys_of: Keys, identify: Identify
) -> None:
    token = (await issue(amy)).token
    before = await keys_of(amy)
    await modified(tenantry, amy, status=UserStatus.DELETED)
    assert await keys_of(amy) == before
    with pytest.raises(NotAuthenticated):
        await identify(token)
    await modified(tenantry, amy, status=UserStatus.ACTIVE)
    assert (await identify(token)).id == amy.id
