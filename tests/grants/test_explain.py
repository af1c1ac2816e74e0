"""Why somebody may do something or may not, and what a changed role would come to."""

from datetime import timedelta
from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput
from tenantry.grants.actions import WhatIfRoleAction
from tenantry.grants.model import RoleChange
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.lockout.actions import LockAccountAction
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

from .conftest import Give, MakeRole, May, explained

pytestmark = pytest.mark.anyio


async def test_an_explanation_shows_the_ways_that_lead_there(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any, john: UserData
) -> None:
    staff = await make_role("staff", "SELECT", databases=["d"])
    await make_role("analyst", members=[john], parents=[staff])
    until = clock.now() + timedelta(days=1)
    direct = (await give("john", "ALL", database="d", table="t", valid_until=until)).granted[0]
    found = await explained(tenantry, "john", "select", database="d", table="t")
    assert (found.allowed, found.reason, found.remedy) == (True, None, None)
    ways = {(tuple(p.roles), p.grant_id, p.privilege.value, p.valid_until) for p in found.paths}
    assert ways == {
        ((), direct.id, "ALL", until),
        (("analyst", "staff"), None, "SELECT", None),
    }


async def test_an_explanation_of_a_no_says_why_and_what_would_help(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any, john: UserData
) -> None:
    await make_role("reader", "SELECT", databases=["d"])
    await give("john", "SELECT", database="d", table="t")
    found = await explained(tenantry, "john", "SELECT", database="d")
    assert (found.allowed, found.paths, found.reason) == (False, [], "never_granted")
    assert found.remedy is not None
    assert (found.remedy.grant.label(), found.remedy.roles) == ("SELECT on d", ["reader"])
    tomorrow = clock.now() + timedelta(days=1)
    await give("john", "SELECT", database="d", valid_from=tomorrow)
    assert (await explained(tenantry, "john", "SELECT", database="d")).reason == "not_yet_valid"
    with acting_as(john):
        own = await explained(tenantry, "john", "SELECT", database="d")
    assert own.remedy is not None
    assert own.remedy.roles == []


async def test_an_explanation_says_what_bars_a_user_altogether(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "SELECT", database="d")
    await tenantry.run(LockAccountAction(user="john", reason="x"))
    found = await explained(tenantry, "john", "SELECT", database="d")
    assert (found.allowed, found.reason, found.remedy) == (False, "inactive", None)


async def test_a_wall_is_told_only_to_who_looks_over_it_or_meets_it(
    tenantry: App, give: Give, isolate: Any, wile: UserData, roadrunner: UserData, umbrella: str
) -> None:
    await isolate("umbrella")

    async def reason(database: str) -> str | None:
        found = await explained(tenantry, "roadrunner", "SELECT", database=database)
        return found.reason.value if found.reason else None

    assert await reason("umbrella-sales") == "wall"
    with acting_as(wile):
        assert await reason("umbrella-sales") == await reason("nothing") == "never_granted"
    await give("roadrunner", "SELECT")
    with acting_as(wile):
        assert await reason("umbrella-sales") == "wall"
        assert await reason("nothing") is None


async def test_the_change_of_a_role_is_tried_out_without_being_made(
    tenantry: App, give: Give, make_role: MakeRole, may: May
) -> None:
    amy, zoe = [await make_user(tenantry, name) for name in ("amy", "zoe")]
    role_id = await make_role("analyst", "SELECT", "INSERT", databases=["d"], members=[amy])
    await make_role("heir", members=[zoe], parents=[role_id])
    await give("zoe", "INSERT", database="d")

    async def effects(**change: Any) -> dict[str, tuple[list[str], list[str]]]:
        action = WhatIfRoleAction(role="analyst", change=RoleChange(**change))
        page = await tenantry.grants.what_if_role.wait_for_complete(action)
        return {e.username: (labels(e.gains), labels(e.loses)) for e in page.items}

    def labels(found: list[Any]) -> list[str]:
        return sorted(one.label() for one in found)

    assert await effects(permissions=OptionalState.update(["SELECT", "UPDATE"])) == {
        "amy": (["UPDATE on d"], ["INSERT on d"]),
        "zoe": (["UPDATE on d"], []),
    }
    assert await effects(databases=TriState.update(["e"])) == {
        "amy": (["INSERT on e", "SELECT on e"], ["INSERT on d", "SELECT on d"]),
        "zoe": (["INSERT on e", "SELECT on e"], ["SELECT on d"]),
    }
    same = ["INSERT", "select"]
    assert await effects(permissions=OptionalState.update(same)) == {}
    with pytest.raises(InvalidInput, match=r"did you mean user\.lock"):
        await effects(permissions=OptionalState.update(["user.lokc"]))
    assert await may("amy", "INSERT", "d")
    with pytest.raises(InvalidInput):
        await effects()
    with pytest.raises(InvalidInput):
        await effects(databases=TriState.update([]))
