"""What one may ask, and that it is answered yes or no: who asks, about whom, how many at once."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PermissionError, UserNotFound
from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    Question,
)
from tenantry.kernel.action import acting_as
from tenantry.lockout.actions import LockAccountAction
from tenantry.privileges.model import Privilege
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole, UserStatus

from .conftest import Give, MakeRole, May, explained, holders
from .test_user_permissions import permissions_of

pytestmark = pytest.mark.anyio


async def reaches(tenantry: App, user: str, database: str) -> bool:
    action = CheckAccessAction(user=user, database=database)
    return (await tenantry.grants.check_access.wait_for_complete(action)).allowed


async def test_a_grant_holds_inside_of_its_object_and_not_around_it(
    give: Give, may: May, john: UserData
) -> None:
    await give("john", "SELECT", database="d", schema="s")
    assert await may("john", "SELECT", "d", "s")
    assert await may("john", "SELECT", "d", "s", "t")
    assert not await may("john", "SELECT", "d")
    assert not await may("john", "SELECT", "d", "other", "t")
    assert not await may("john", "SELECT")


async def test_all_is_every_privilege_and_only_all_answers_for_all(
    give: Give, may: May, john: UserData
) -> None:
    await give("john", "ALL", database="d")
    for privilege in Privilege:
        assert await may("john", privilege.value, "d")
    await give(
        "john", *(p.value for p in Privilege if p.narrowest > 0 and p != "ALL"), database="e"
    )
    assert not await may("john", "ALL", "e")


async def test_fails_closed_for_whoever_is_not_there_or_not_active(
    tenantry: App, give: Give, may: May
) -> None:
    assert not await may("nobody", "SELECT", "d")
    assert not await reaches(tenantry, "nobody", "d")
    for status in (UserStatus.INACTIVE, UserStatus.SUSPENDED):
        await make_user(tenantry, status.value, status=status)
        await give(status.value, "SELECT", database="d")
        assert not await may(status.value, "SELECT", "d")
        assert not await reaches(tenantry, status.value, "d")
    for name in ("locked", "deleted"):
        await make_user(tenantry, name)
        await give(name, "SELECT", database="d")
        assert await may(name, "SELECT", "d")
        assert await reaches(tenantry, name, "d")
    await tenantry.run(LockAccountAction(user="locked", reason="x", duration_minutes=5))
    await tenantry.run(DeleteUserAction(user="deleted"))
    for name in ("locked", "deleted"):
        assert not await may(name, "SELECT", "d")
        assert not await reaches(tenantry, name, "d")


async def test_a_lock_that_has_run_out_shuts_nobody_out(
    tenantry: App, give: Give, may: May, clock: Any, john: UserData
) -> None:
    await give("john", "SELECT", database="d")
    await tenantry.run(LockAccountAction(user="john", reason="x", duration_minutes=5))
    clock.advance(minutes=6)
    assert await may("john", "SELECT", "d")


async def test_a_suspended_tenants_users_may_nothing(
    tenantry: App, give: Give, may: May, roadrunner: UserData
) -> None:
    await give("roadrunner", "SELECT")
    assert await may("roadrunner", "SELECT", "d")
    await tenantry.run(SuspendTenantAction("acme"))
    assert not await may("roadrunner", "SELECT", "d")


async def test_an_unknown_privilege_is_an_error_also_about_nobody(tenantry: App) -> None:
    action = CheckAction(user="nobody", permission="DELET", database="d")
    with pytest.raises(InvalidInput, match="did you mean DELETE") as refused:
        await tenantry.grants.check.wait_for_complete(action)
    assert refused.value.field == "permission"


async def test_access_to_a_database_is_anything_on_it_or_inside(
    tenantry: App, give: Give, make_role: MakeRole, john: UserData
) -> None:
    await give("john", "SELECT", database="d", table="t")
    assert await reaches(tenantry, "john", "d")
    assert not await reaches(tenantry, "john", "e")
    await make_role("analyst", "SELECT", databases=["e"], members=[john])
    assert await reaches(tenantry, "john", "e")


async def test_many_questions_are_answered_in_their_order(
    tenantry: App, give: Give, john: UserData, admin: UserData
) -> None:
    await give("john", "SELECT", database="d")
    asked = [
        Question(user="john", permission="SELECT", database="d"),
        Question(user="nobody", permission="SELECT", database="d"),
        Question(user=str(john.id), permission="select", database="d", table="t"),
        Question(user="adele", permission="SELECT", database="d"),
        Question(user="JOHN", permission="INSERT", database="d"),
    ]
    action = CheckManyAction(questions=asked)
    answer = await tenantry.grants.check_many.wait_for_complete(action)
    assert answer.allowed == [True, False, True, False, False]


async def test_each_question_without_a_meaning_is_named_by_its_place(
    tenantry: App, john: UserData
) -> None:
    asked = [
        Question(user="john", permission="SELECT"),
        Question(user="john", permission="SELEC", table="t"),
        Question(user="john", permission="SELECT", table="t"),
        Question(user="john\0", permission="SELECT"),
    ]
    with pytest.raises(InvalidInput) as refused:
        await tenantry.grants.check_many.wait_for_complete(CheckManyAction(questions=asked))
    fields = [violation.field for violation in refused.value.violations]
    assert fields == ["questions[1].permission", "questions[2].database", "questions[3].user"]
    with pytest.raises(InvalidInput):
        await tenantry.grants.check_many.wait_for_complete(CheckManyAction(questions=[]))


async def test_a_thousand_questions_are_answered_at_once_and_no_more(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "SELECT", database="d")
    asked = [Question(user="john", permission="SELECT", database=f"{'d' * n}") for n in (1, 2)]
    action = CheckManyAction(questions=asked * 500)
    answer = await tenantry.grants.check_many.wait_for_complete(action)
    assert answer.allowed == [True, False] * 500
    action = CheckManyAction(questions=[*asked * 500, asked[0]])
    with pytest.raises(InvalidInput, match="questions"):
        await tenantry.grants.check_many.wait_for_complete(action)


async def test_plain_users_ask_about_themselves_and_readers_about_their_tenant(
    tenantry: App, give: Give, may: May, roadrunner: UserData, wile: UserData, alice: UserData
) -> None:
    monitor = await make_user(tenantry, "watch", domain_name="acme", role=UserRole.MONITOR)
    for user in ("roadrunner", "alice", "wile"):
        await give(user, "SELECT", database="d")

    async def answers() -> list[bool]:
        return [await may(user, "SELECT", "d") for user in ("roadrunner", "wile", "alice")]

    with acting_as(roadrunner):
        assert await answers() == [True, False, False]
        for user in ("wile", "alice", "nobody"):
            with pytest.raises(UserNotFound):
                await explained(tenantry, user, "SELECT", database="d")
            with pytest.raises(UserNotFound):
                await permissions_of(tenantry, user)
        assert (await explained(tenantry, "roadrunner", "SELECT", database="d")).allowed
        with pytest.raises(PermissionError):
            await holders(tenantry, "SELECT", database="d")
    with acting_as(monitor):
        assert await answers() == [True, True, False]
        assert await holders(tenantry, "SELECT", database="d") == ["roadrunner", "wile"]
        with pytest.raises(UserNotFound):
            await permissions_of(tenantry, "alice")


async def test_what_decides_is_the_truth_also_where_the_asker_cannot_see_it(
    give: Give, may: May, isolate: Any, wile: UserData, roadrunner: UserData, umbrella: str
) -> None:
    """The wall of a tenant that the asker knows nothing of."""
    await give("roadrunner", "SELECT")
    with acting_as(wile):
        assert await may("roadrunner", "SELECT", "umbrella-sales")
    await isolate("umbrella")
    with acting_as(wile):
        assert not await may("roadrunner", "SELECT", "umbrella-sales")
