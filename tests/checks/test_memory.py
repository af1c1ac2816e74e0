"""Memory answers as the database would, at the next check after a change on this server."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest

from tenantry.app import App
from tenantry.changes.model import Change
from tenantry.changes.overtaking import Overtaking
from tenantry.checks import resident as resident_module
from tenantry.errors import AccountError, ConnectionError, InvalidInput, NotWarm
from tenantry.grants.actions import GiveAction, RevokeAction
from tenantry.grants.loading import load
from tenantry.kernel.action import Action
from tenantry.kernel.modifier import OptionalState
from tenantry.lockout.actions import LockAccountAction, UnlockAccountAction
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DeleteRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
    RemoveRoleAction,
)
from tenantry.roles.model import RoleModifier
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    CreateTenantAction,
    ReleaseDatabaseAction,
    ResumeTenantAction,
    SetTenantIsolationAction,
    SuspendTenantAction,
)
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import (
    DeleteUserAction,
    ModifyUserAction,
    PurgeUserAction,
    RestoreUserAction,
)
from tenantry.users.model import UserData, UserModifier, UserStatus
from tests.checks.conftest import SELECT, give, revoke, truth

pytestmark = pytest.mark.anyio


async def test_who_is_warm_is_answered_at_once_by_name_and_by_id(
    fresh: App, john: UserData
) -> None:
    await give(fresh, "john", "SELECT", "sales")
    await fresh.decisions.warm(["john", john.id])
    for principal in ("john", john.id):
        assert fresh.decisions.check(principal, "select", "sales", table="orders")
        assert not fresh.decisions.check(principal, "INSERT", "sales", table="orders")
        assert not fresh.decisions.check(principal, "SELECT", "other")
        assert not fresh.decisions.check(principal, "SELECT")


async def test_who_is_not_warm_is_never_guessed_at(fresh: App, john: UserData) -> None:
    for principal in ("john", john.id, "nobody", uuid4()):
        with pytest.raises(NotWarm):
            fresh.decisions.check(principal, "SELECT", "sales")
    await fresh.decisions.warm(["nobody", uuid4()])
    with pytest.raises(NotWarm):
        fresh.decisions.check("nobody", "SELECT", "sales")


async def test_who_asks_and_waits_always_gets_an_answer(fresh: App, john: UserData) -> None:
    await give(fresh, "john", "SELECT", "sales")
    assert await fresh.decisions.ask("john", *SELECT)
    assert fresh.decisions.check("john", *SELECT)
    assert not await fresh.decisions.ask("nobody", *SELECT)
    assert not await fresh.decisions.ask(uuid4(), *SELECT)


async def test_a_question_without_a_meaning_is_an_error(fresh: App, john: UserData) -> None:
    await fresh.decisions.warm(["john"])
    for asked in (("SELEC", "sales"), ("SELECT", "*"), ("SELECT", None, "public"), ("SELECT", "")):
        with pytest.raises(InvalidInput):
            fresh.decisions.check("john", *asked)
        with pytest.raises(InvalidInput):
            await fresh.decisions.ask("john", *asked)


async def test_without_news_memory_is_silent_and_the_database_answers(
    tenantry: App, john: UserData
) -> None:
    await give(tenantry, "john", "SELECT", "sales")
    await tenantry.decisions.warm(["john"])
    with pytest.raises(NotWarm):
        tenantry.decisions.check("john", *SELECT)
    assert await tenantry.decisions.ask("john", *SELECT)


@pytest.fixture
async def furnished(fresh: App, john: UserData) -> App:
    """john may read sales by a role that inherits from another, in a tenant with a database."""
    for action in (
        CreateTenantAction("acme"),
        CreateRoleAction(name="reader"),
        CreateRoleAction(name="analyst"),
        GiveAction(principal="reader", permissions=["SELECT"], database="sales"),
        InheritRoleAction("analyst", "reader"),
        AssignRolesAction("john", ["analyst"]),
    ):
        await fresh.run(action)
    await fresh.decisions.warm(["john"])
    assert fresh.decisions.check("john", *SELECT)
    return fresh


def modified(**changes: Any) -> Action[Any]:
    return ModifyUserAction(user="john", modifier=UserModifier(**changes))


CHANGES: dict[str, Sequence[Action[Any]]] = {
    "the role is taken from the user": [RemoveRoleAction("john", "analyst")],
    "the role is deleted": [DeleteRoleAction("analyst")],
    "the parent is deleted": [DeleteRoleAction("reader")],
    "the user is locked, and unlocked": [
        LockAccountAction(user="john", reason="test"),
        UnlockAccountAction(user="john"),
    ],
    "the user is switched off and on": [
        modified(status=OptionalState.update(UserStatus.INACTIVE)),
        modified(status=OptionalState.update(UserStatus.ACTIVE)),
    ],
    "the user is deleted and restored": [
        DeleteUserAction(user="john"),
        RestoreUserAction(user="john"),
    ],
    "the database comes to a tenant with a wall, and leaves it": [
        SetTenantIsolationAction("acme", isolated=True),
        AssignDatabaseToTenantAction("acme", "sales"),
        SetTenantIsolationAction("acme", isolated=False),
        SuspendTenantAction("acme", "test"),
        ResumeTenantAction("acme"),
        ReleaseDatabaseAction("acme", "sales"),
    ],
    "the role gets a permission of its own": [
        ModifyRoleAction("analyst", RoleModifier(permissions=OptionalState.update(["INSERT"]))),
    ],
    "the user is given something, too": [
        GiveAction(principal="john", permissions=["INSERT"], database="sales"),
    ],
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_holds_at_the_next_check(furnished: App, john: UserData, what: str) -> None:
    seen = set()
    for action in CHANGES[what]:
        await furnished.run(action)
        for permission in ("SELECT", "INSERT"):
            asked = (permission, *SELECT[1:])
            answer = furnished.decisions.check("john", *asked)
            assert answer == await truth(furnished.decisions, john, *asked), action
            seen.add((permission, answer))
    assert seen & {("SELECT", False), ("INSERT", True)}, "the changes change something"


async def test_who_is_purged_is_forgotten_and_a_new_bearer_of_the_name_is_not_taken_for_it(
    furnished: App,
) -> None:
    await furnished.run(PurgeUserAction(user="john"))
    with pytest.raises(NotWarm):
        furnished.decisions.check("john", *SELECT)
    await make_user(furnished, "john")
    assert not await furnished.decisions.ask("john", *SELECT)


async def test_a_name_that_was_changed_is_the_new_bearers(furnished: App, john: UserData) -> None:
    await furnished.run(modified(username=OptionalState.update("jack")))
    with pytest.raises(NotWarm):
        furnished.decisions.check("john", *SELECT)
    assert await furnished.decisions.ask("jack", *SELECT)
    await make_user(furnished, "john", email=None)
    assert not await furnished.decisions.ask("john", *SELECT)
    assert furnished.decisions.check(john.id, *SELECT)


async def test_time_bounds_are_decided_when_the_question_is_asked(
    fresh: App, john: UserData, clock: ShiftedClock
) -> None:
    until = clock.now() + timedelta(hours=1)
    await fresh.run(
        GiveAction(principal="john", permissions=["SELECT"], database="sales", valid_until=until)
    )
    await fresh.decisions.warm(["john"])
    assert fresh.decisions.check("john", *SELECT)
    clock.advance(hours=1)
    assert not fresh.decisions.check("john", *SELECT)


async def revoked_while_it_is_read(
    app: App, john: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warm a user, whose right goes between the reading and the keeping of it."""
    await give(app, "john", "SELECT", "sales")
    times = 0

    async def overtaken(*args: Any, **more: Any) -> Any:
        nonlocal times
        loaded = await load(*args, **more)
        times += 1
        if times == 1:
            await revoke(app, "john", "SELECT", "sales")
        return loaded

    with monkeypatch.context() as slow:
        slow.setattr(resident_module, "load", overtaken)
        await app.decisions.warm(["john"])


async def test_what_changes_while_it_is_read_is_read_again(
    fresh: App, john: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    await revoked_while_it_is_read(fresh, john, monkeypatch)
    assert not fresh.decisions.check("john", *SELECT)


async def test_a_build_that_does_not_look_for_that_keeps_the_old_right(
    fresh: App, john: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: Overtaking, began: int, read: Sequence[Change]) -> bool:
        return False

    monkeypatch.setattr(Overtaking, "has_overtaken", never)
    await revoked_while_it_is_read(fresh, john, monkeypatch)
    assert fresh.decisions.check("john", *SELECT)


async def test_what_cannot_be_read_again_is_not_answered_from_memory(
    furnished: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(resident_module, "load", fail)
        await furnished.run(RemoveRoleAction("john", "analyst"))
    with pytest.raises(NotWarm):
        furnished.decisions.check("john", *SELECT)
    assert not await furnished.decisions.ask("john", *SELECT)


async def test_many_who_ask_about_somebody_cold_are_read_at_once(
    fresh: App, john: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [john, *[await make_user(fresh) for _ in range(9)]]
    await fresh.decisions.warm([])
    readings = 0

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal readings
        readings += 1
        return await load(*args, **more)

    monkeypatch.setattr(resident_module, "load", counted)
    asked = [fresh.decisions.ask(user.username, *SELECT) for user in users * 20]
    assert not any(await asyncio.gather(*asked))
    assert readings <= 2


USERS, ROLES, DATABASES = ["john", "jane"], ["r1", "r2", "r3"], ["sales", "hr"]
PERMISSIONS = ["SELECT", "INSERT"]


def drawn(chance: random.Random) -> Action[Any]:
    """Any change of who may do what."""
    user, role, database = chance.choice(USERS), chance.choice(ROLES), chance.choice(DATABASES)
    principal, permissions = chance.choice([user, role]), [chance.choice(PERMISSIONS)]
    return chance.choice(
        [
            GiveAction(principal=principal, permissions=permissions, database=database),
            RevokeAction(principal=principal, permissions=permissions, database=database),
            AssignRolesAction(user, [role]),
            RemoveRoleAction(user, role),
            InheritRoleAction(role, chance.choice(ROLES)),
            AssignDatabaseToTenantAction("acme", database),
            ReleaseDatabaseAction("acme", database),
            SetTenantIsolationAction("acme", isolated=chance.random() < 0.5),
        ]
    )


@pytest.mark.usefixtures("john")
async def test_after_any_changes_memory_agrees_with_the_database(fresh: App) -> None:
    chance = random.Random(7)
    await make_user(fresh, "jane")
    await fresh.run(CreateTenantAction("acme"))
    for role in ROLES:
        await fresh.run(CreateRoleAction(name=role))
    await fresh.decisions.warm(USERS)
    seen = []
    for _ in range(80):
        with suppress(AccountError):  # a circle of roles, or what is so already, is refused
            await fresh.run(drawn(chance))
        for user, database, permission in product(USERS, DATABASES, PERMISSIONS):
            said = fresh.decisions.check(user, permission, database)
            assert said == await truth(fresh.decisions, user, permission, database)
            seen.append(said)
    assert 0.1 < sum(seen) / len(seen) < 0.9


async def test_the_ids_of_memory_are_those_of_the_database(fresh: App, john: UserData) -> None:
    await fresh.decisions.warm([str(john.id), "JOHN"])
    assert not fresh.decisions.check(str(john.id), *SELECT)
    assert not fresh.decisions.check("JOHN", *SELECT)
    assert not fresh.decisions.check(UUID(str(john.id)), *SELECT)


async def test_memory_that_is_let_go_of_answers_nothing_until_it_is_filled_again(
    fresh: App, john: UserData
) -> None:
    await give(fresh, "john", "SELECT", "sales")
    await fresh.decisions.warm(["john"])
    resident = fresh.assembly.grants.resident
    old = resident.held
    assert fresh.decisions.check("john", *SELECT)
    resident.let_go()
    for _ in range(3):
        with pytest.raises(NotWarm):
            fresh.decisions.check("john", *SELECT)
        await asyncio.sleep(0.01)
    assert not (old.homes)
    assert not (old.names.ids)
    assert not (old.tenants)
    assert await fresh.decisions.ask("john", *SELECT)
    assert fresh.decisions.check("john", *SELECT)
