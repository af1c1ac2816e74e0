"""What is granted and what the server does are told apart, to whoever may know of the database."""

from datetime import timedelta

import pytest

from tenantry.app import App
from tenantry.grants.actions import (
    CheckAction,
    CheckResult,
    ExplainAction,
    GiveAction,
    RevokeAccessAction,
)
from tenantry.grants.model import EnforcementState, Explanation, ServerEnforcement
from tenantry.kernel.action import acting_as
from tenantry.tenants.model import CreatedTenant
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.databases.conftest import AddDatabase, Somewhere

pytestmark = pytest.mark.anyio


async def give(tenantry: App, name: str, **more: object) -> None:
    said = {"principal": name, "permissions": ["SELECT"], "database": "shop", "table": "goods"}
    action = GiveAction(**said | more)  # type: ignore[arg-type]  # of any field
    await tenantry.grants.give.wait_for_complete(action)


async def check(tenantry: App, name: str, database: str = "shop") -> CheckResult:
    action = CheckAction(
        user=name, permission="SELECT", database=database, table="goods", with_enforcement=True
    )
    return await tenantry.grants.check.wait_for_complete(action)


async def explain(tenantry: App, name: str, database: str = "shop") -> Explanation:
    action = ExplainAction(user=name, permission="SELECT", database=database, table="goods")
    return (await tenantry.grants.explain.wait_for_complete(action)).data


async def told(tenantry: App, name: str) -> tuple[bool, str]:
    """Whether it is allowed, and what the server makes of it: the same in both answers."""
    found, why = await check(tenantry, name), await explain(tenantry, name)
    assert (found.allowed, found.enforcement) == (why.allowed, why.enforcement)
    assert bool(found) is found.allowed
    assert found.enforcement is not None
    return found.allowed, found.enforcement.state


async def test_an_answer_is_pending_until_the_server_has_followed(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await give(tenantry, "ada")
    assert await told(tenantry, "ada") == (True, "not_managed")
    await somewhere.apply()
    assert await told(tenantry, "ada") == (True, "in_effect")
    revoke = RevokeAccessAction(principal="ada", database="shop")
    await tenantry.grants.revoke_access.wait_for_complete(revoke)
    assert await told(tenantry, "ada") == (False, "pending")
    await somewhere.follow()
    assert await told(tenantry, "ada") == (False, "in_effect")


async def test_what_is_pending_for_one_is_in_effect_for_another(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await make_user(tenantry, "ben")
    await give(tenantry, "ada")
    await somewhere.apply()
    await give(tenantry, "ben")
    assert await told(tenantry, "ben") == (True, "pending")
    assert await told(tenantry, "ada") == (True, "in_effect")


async def test_what_ends_by_time_is_pending_until_it_ends_on_the_server(
    tenantry: App, somewhere: Somewhere, ada: UserData, clock: ShiftedClock
) -> None:
    await give(tenantry, "ada", valid_until=clock.now() + timedelta(hours=1))
    await somewhere.apply()
    assert await told(tenantry, "ada") == (True, "in_effect")
    clock.advance(hours=2)
    assert await told(tenantry, "ada") == (False, "pending")
    await somewhere.follow()
    assert await told(tenantry, "ada") == (False, "in_effect")


async def test_a_failure_is_told_with_its_reason_to_administrators_only(
    tenantry: App, somewhere: Somewhere, ada: UserData, clock: ShiftedClock
) -> None:
    await somewhere.apply()
    somewhere.cut()
    await give(tenantry, "ada")
    began = clock.now()
    await somewhere.follow()
    assert await told(tenantry, "ada") == (True, "failed")
    found = (await check(tenantry, "ada")).enforcement
    assert found is not None
    assert found.error
    assert found.since is not None
    assert found.since >= began
    with acting_as(ada):
        own = (await check(tenantry, "ada")).enforcement
    assert own is not None
    assert (own.state, own.error) == (EnforcementState.FAILED, None)
    somewhere.join()
    clock.advance(minutes=10)
    await somewhere.follow()
    assert await told(tenantry, "ada") == (True, "in_effect")


async def test_drift_is_told_where_it_was_found(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await give(tenantry, "ada")
    await somewhere.apply()
    await somewhere.shop.run(f"grant insert on goods to {somewhere.name_of(ada)}")
    await somewhere.drift()
    assert await told(tenantry, "ada") == (True, "drifted")
    await somewhere.apply()
    assert await told(tenantry, "ada") == (True, "in_effect")


async def test_of_a_database_out_of_sight_it_is_not_told_whether_it_is_there(
    tenantry: App, add: AddDatabase, acme: CreatedTenant
) -> None:
    await add("ours", domain_name="acme")
    chief = await make_user(tenantry, "chief", role=UserRole.ADMIN)
    await make_user(tenantry, "eve")
    with acting_as(chief):
        for database in ("ours", "nowhere"):
            assert (await explain(tenantry, "eve", database)).enforcement is None
            assert (await check(tenantry, "eve", database)).enforcement is None
    assert (await explain(tenantry, "eve", "ours")).enforcement == ServerEnforcement(
        database="ours", state=EnforcementState.NOT_MANAGED
    )


async def test_nothing_is_told_of_nobody_nor_unless_it_is_asked_for(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    assert await check(tenantry, "nobody") == CheckResult(allowed=False)
    await give(tenantry, "ada")
    plain = CheckAction(user="ada", permission="SELECT", database="shop", table="goods")
    assert await tenantry.grants.check.wait_for_complete(plain) == CheckResult(allowed=True)
    everywhere = CheckAction(user="ada", permission="SELECT", with_enforcement=True)
    found = await tenantry.grants.check.wait_for_complete(everywhere)
    assert found == CheckResult(allowed=False)
