"""A privilege that a server was not given is never told as one that is in effect there."""

import importlib
import json
from typing import Any

import asyncpg
import pytest

from tenantry.adapters.postgres import migrations
from tenantry.app import App
from tenantry.databases import effect
from tenantry.databases.actions import ModifyDatabaseAction
from tenantry.databases.managed import DatabaseModifier
from tenantry.databases.model import Fidelity, Finding
from tenantry.databases.refusals import Refusal, refusals_in, refused
from tenantry.grants.actions import CheckAction, ExplainAction, GiveAction
from tenantry.grants.model import EnforcementState, ServerEnforcement
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.privileges.model import Privilege, object_named
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
    def none(*_: object) -> list[Refusal]:
        """What the plan refused is forgotten."""
        return []

    monkeypatch.setattr(effect, "refusals_in", none)
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


async def test_what_was_stored_in_the_former_way_is_made_out_anew(
    tenantry: App, somewhere: Somewhere, ada: UserData, owner: asyncpg.Connection
) -> None:
    await somewhere.give(ada, "DROP_SCHEMA", schema="public")
    await somewhere.apply()
    former = [["DROP_SCHEMA", "public", None, "a reason", [somewhere.name_of(ada)]]]
    await owner.execute(
        "update managed_databases set refused = $1::text::jsonb", json.dumps(former)
    )
    step = importlib.import_module(f"{migrations.__name__}.versions.0044_refused_by_table")
    for statement in step.STATEMENTS:
        await owner.execute(statement)
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.PENDING
    await somewhere.follow()
    found = await told(tenantry, "DROP_SCHEMA", schema="public")
    assert found.state is EnforcementState.REFUSED


def test_what_is_stored_of_many_people_and_tables_is_small() -> None:
    tables = [object_named("shop", "public", f"t{number}") for number in range(100)]
    names = [f"tn_u_{number:032x}" for number in range(1000)]
    stored = refused(
        Finding(name, Fidelity.WIDER, "a reason", privilege, table, refused=True)
        for table in tables
        for privilege in (Privilege.DROP_TABLE, Privilege.ALTER_TABLE)
        for name in names
    )
    assert len(stored) < 100_000
    read = refusals_in(stored)
    assert {one.place for one in read} == {(one.schema, one.table) for one in tables}
    assert {(one.principals, one.privileges) for one in read} == {
        (frozenset(names), frozenset({"DROP_TABLE", "ALTER_TABLE"}))
    }


async def let_own(tenantry: App) -> None:
    """Let plans give more than was asked for, and make tables theirs."""
    allowed = OptionalState.update(True)
    modify = ModifyDatabaseAction(
        "shop", modifier=DatabaseModifier(allow_wider=allowed, take_ownership=allowed)
    )
    await tenantry.databases.modify_database.wait_for_complete(modify)


async def states_of(tenantry: App, permission: str, *tables: str, schema: str) -> list[str]:
    """What is made of the privilege on each of the tables."""
    found = [await told(tenantry, permission, schema=schema, table=table) for table in tables]
    return [one.state.value for one in found]


@pytest.mark.parametrize("server_shop", ["postgres_shop"], indirect=True)
@pytest.mark.parametrize("wide", [{"schema": "sales"}, {"database": "shop"}])
async def test_of_many_tables_just_those_are_refused_that_the_server_refuses(
    tenantry: App, somewhere: Somewhere, ada: UserData, wide: dict[str, str]
) -> None:
    """A view there reads with the rights of its owner, and so is not taken over."""
    await let_own(tenantry)
    await somewhere.give(ada, "DROP_TABLE", "SELECT", **wide)
    await somewhere.apply()
    states = await states_of(tenantry, "DROP_TABLE", "orders", "totals", schema="sales")
    assert states == ["in_effect", "refused"]
    found = await told(tenantry, "DROP_TABLE", schema="sales", table="totals")
    assert found.error is not None
    assert "the view" in found.error
    states = await states_of(tenantry, "SELECT", "orders", "totals", schema="sales")
    assert states == ["in_effect", "in_effect"]
    for whole in ({"schema": "sales"}, {}):
        if wide.items() <= {"database": "shop", **whole}.items():
            found = await told(tenantry, "DROP_TABLE", **whole)
            assert found.state is EnforcementState.REFUSED, "for a part of what was asked for"
    line = await somewhere.come_in(ada)
    orders, totals = somewhere.shop.tables[1:]
    assert await line.may(Privilege.DROP_TABLE, orders), "as it was told"
    await line.close()
    explain = ExplainAction(
        user="ada", permission="DROP_TABLE", database="shop", schema="sales", table="totals"
    )
    explained = (await tenantry.grants.explain.wait_for_complete(explain)).data.enforcement
    assert explained is not None
    assert explained.state is EnforcementState.REFUSED
    [said] = [one for one in (await somewhere.plan()).findings if one.refused]
    assert said.object == totals.label().replace(somewhere.shop.database, "shop")


@pytest.mark.parametrize("server_shop", ["postgres_shop"], indirect=True)
async def test_what_was_made_since_is_told_likewise_after_the_next_look(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await let_own(tenantry)
    await somewhere.give(ada, "DROP_TABLE", schema="sales")
    await somewhere.apply()
    await somewhere.shop.run(
        "drop view sales.totals", "create view sales.sums as select good from sales.orders"
    )
    await somewhere.drift()
    states = await states_of(tenantry, "DROP_TABLE", "orders", "sums", schema="sales")
    assert states == ["in_effect", "refused"]


async def test_of_what_a_role_has_on_many_tables_just_the_refused_is_told_so(
    tenantry: App, somewhere: Somewhere, ada: UserData
) -> None:
    await tenantry.run(CreateRoleAction(name="clerks"))
    for table in ("goods", "missing"):
        give = GiveAction(
            principal="clerks", permissions=["SELECT", "UPDATE"], database="shop", table=table
        )
        await tenantry.run(give)
    await tenantry.run(AssignRolesAction("ada", ["clerks"]))
    await somewhere.give(ada, "UPDATE", schema="public")
    await somewhere.apply()
    states = await states_of(tenantry, "SELECT", "goods", "missing", schema="public")
    assert states == ["in_effect", "refused"]
    states = await states_of(tenantry, "UPDATE", "goods", "missing", schema="public")
    assert states == ["in_effect", "in_effect"], "by the grant on the whole schema"
