"""A privilege that a server was not given is never told as one that is in effect there."""

from typing import Any

import pytest

from tenantry.app import App
from tenantry.databases import effect
from tenantry.databases.actions import ModifyDatabaseAction
from tenantry.databases.managed import DatabaseModifier
from tenantry.grants.actions import CheckAction, GiveAction
from tenantry.grants.model import EnforcementState, ServerEnforcement
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.users.model import UserData
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio


async def told(tenantry: App, permission: str, **where: Any) -> ServerEnforcement:
    """What is made on the server of what Ada may."""
    action = CheckAction(
        user="ada", permission=permission, database="shop", with_enforcement=True, **where
    )
    found = await tenantry.grants.check.wait_for_complete(action)
    assert found.allowed
    assert found.enforcement is not None
    return found.enforcement


async def test_what_the_server_can_only_give_with_more_is_refused_with_the_reason(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "CREATE_TABLE", "SELECT", schema="public")
    await somewhere.apply()
    found = await told(tenantry, "CREATE_TABLE", schema="public")
    assert found.state is EnforcementState.REFUSED
    assert found.since is not None
    assert found.error is not None
    assert found.error.startswith("CREATE on a ")
    assert (await told(tenantry, "SELECT", table="goods")).state is EnforcementState.IN_EFFECT
    wider = DatabaseModifier(allow_wider=OptionalState.update(True))
    modify = ModifyDatabaseAction("shop", modifier=wider)
    await tenantry.databases.modify_database.wait_for_complete(modify)
    await somewhere.follow()
    assert (await told(tenantry, "CREATE_TABLE", schema="public")).state is (
        EnforcementState.IN_EFFECT
    )


async def test_a_naive_build_tells_it_as_in_effect(
    tenantry: App, somewhere: Somewhere, ada: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> dict[Any, str]:
        """What the plan refused is forgotten."""
        return {}

    monkeypatch.setattr(effect, "reasons_in", none)
    await somewhere.give(ada, "DROP_SCHEMA", schema="public")
    await somewhere.apply()
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.IN_EFFECT


async def test_of_all_that_is_granted_each_part_is_told_by_itself(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "ALL", table="goods")
    await somewhere.apply()
    states = {
        word: (await told(tenantry, word, table="goods")).state
        for word in ("SELECT", "DELETE", "DROP_TABLE", "ALL")
    }
    assert states == {
        "SELECT": EnforcementState.IN_EFFECT,
        "DELETE": EnforcementState.IN_EFFECT,
        "DROP_TABLE": EnforcementState.REFUSED,
        "ALL": EnforcementState.REFUSED,
    }


async def test_what_comes_by_a_role_that_inherits_is_told_likewise(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await tenantry.run(CreateRoleAction(name="makers"))
    give = GiveAction(
        principal="makers", permissions=["DROP_SCHEMA"], database="shop", schema="public"
    )
    await tenantry.run(give)
    await tenantry.run(AssignRolesAction("ada", ["makers"]))
    await somewhere.apply()
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.REFUSED


async def test_what_is_not_on_the_server_is_refused_unless_it_comes_by_more(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "SELECT", table="missing")
    await somewhere.apply()
    found = await told(tenantry, "SELECT", table="missing")
    assert found.state is EnforcementState.REFUSED
    assert found.error is not None
    assert "there is no table" in found.error
    await somewhere.give(ada, "SELECT", schema="public")
    await somewhere.follow()
    found = await told(tenantry, "SELECT", table="missing")
    assert found.state is EnforcementState.IN_EFFECT, "as soon as it is there"


async def test_the_reason_is_for_who_looks_after_the_database(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.give(ada, "DROP_SCHEMA", schema="public")
    await somewhere.apply()
    with acting_as(ada):
        found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert (found.state, found.error) == (EnforcementState.REFUSED, None)


async def test_what_is_granted_and_on_its_way_is_pending_first(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await somewhere.apply()
    await somewhere.give(ada, "DROP_SCHEMA", schema="public")
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.PENDING
    await somewhere.follow()
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.REFUSED
