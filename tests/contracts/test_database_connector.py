"""What every connector to a managed database does, on a pretended server and on real ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tenantry.databases.model import PrincipalKind, Step, WantedGrant, WantedState
from tenantry.databases.names import generated_name
from tenantry.errors import StateConflict
from tenantry.privileges.model import Privilege
from tests.connectors.shop import PASSWORD, Shop, found_by, logged_in, planned, settled
from tests.connectors.worlds import a_principal

pytestmark = pytest.mark.anyio

LATER = timedelta(hours=1)


def a_world(shop: Shop, *privileges: Privilege) -> WantedState:
    """Ann, who has a role that has these privileges on the first table."""
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    role = a_principal(scope, PrincipalKind.ROLE)
    grants = {WantedGrant(role.name, privilege, shop.tables[0]) for privilege in privileges}
    return WantedState(scope, (ann, role), frozenset({(ann.name, role.name)}), frozenset(grants))


def ann_in(wanted: WantedState) -> str:
    return wanted.principals[0].name


async def test_a_role_lets_a_user_do_what_it_has_and_nothing_else(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    line = await logged_in(any_shop, wanted, ann_in(wanted))
    assert await line.may(Privilege.SELECT, any_shop.tables[0])
    assert not await line.may(Privilege.INSERT, any_shop.tables[0])
    assert not await line.may(Privilege.SELECT, any_shop.tables[1])
    await line.close()


async def test_a_second_plan_is_empty(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT, Privilege.UPDATE)
    first = await settled(any_shop, wanted)
    assert not first.is_empty
    assert (await planned(any_shop, wanted)).is_empty


async def test_the_same_plan_can_be_applied_again(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    plan = await settled(any_shop, wanted)
    await any_shop.connector.apply(wanted.scope, plan)
    assert (await planned(any_shop, wanted)).is_empty


async def test_what_is_no_longer_wanted_is_taken_and_connections_end(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    line = await logged_in(any_shop, wanted, ann_in(wanted))
    less = WantedState(wanted.scope, wanted.principals, wanted.members)
    plan = await settled(any_shop, less)
    assert [step.ends for step in plan.steps if step.takes] != []
    assert not await line.is_open()
    await line.close()


async def test_steps_are_told_in_order_once_they_are_done(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    plan = await planned(any_shop, wanted)
    told: list[Step] = []

    async def tell(step: Step) -> None:
        told.append(step)

    await any_shop.connector.apply(wanted.scope, plan, tell)
    assert tuple(told) == plan.steps


async def test_who_is_gone_from_tenantry_is_gone_from_the_server(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    assert ann_in(wanted) in (await found_by(any_shop, wanted)).principals
    await settled(any_shop, WantedState(wanted.scope))
    left = (await found_by(any_shop, wanted)).principals
    assert not {one.name for one in wanted.principals} & left.keys()


async def test_nobody_logs_in_without_a_credential_or_after_it_was_closed(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    name = ann_in(wanted)
    with pytest.raises(PermissionError):
        await any_shop.log_in(name, PASSWORD)
    line = await logged_in(any_shop, wanted, name)
    assert await any_shop.connector.close_login(wanted.scope, name) == 1
    assert not await line.is_open()
    with pytest.raises(PermissionError):
        await any_shop.log_in(name, PASSWORD)
    await line.close()


async def test_a_new_credential_takes_the_place_of_the_last_one(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    name, until = ann_in(wanted), datetime.now(UTC) + LATER
    await any_shop.connector.open_login(wanted.scope, name, PASSWORD, until)
    await any_shop.connector.open_login(wanted.scope, name, "another 2", until)
    with pytest.raises(PermissionError):
        await any_shop.log_in(name, PASSWORD)
    line = await any_shop.log_in(name, "another 2")
    await line.close()


async def test_a_credential_is_opened_for_what_is_managed_only(any_shop: Shop) -> None:
    wanted = a_world(any_shop)
    stranger = generated_name(uuid4(), PrincipalKind.USER, uuid4())
    until = datetime.now(UTC) + LATER
    with pytest.raises(StateConflict):
        await any_shop.connector.open_login(wanted.scope, stranger, PASSWORD, until)


async def test_who_is_locked_is_put_out_and_stays_out(any_shop: Shop) -> None:
    wanted = a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    line = await logged_in(any_shop, wanted, ann_in(wanted))
    locked = WantedState(
        wanted.scope,
        (replace(wanted.principals[0], locked=True), wanted.principals[1]),
        wanted.members,
        wanted.grants,
    )
    plan = await settled(any_shop, locked)
    assert plan.steps[0].locks == ann_in(wanted)
    assert not await line.is_open()
    with pytest.raises(PermissionError):
        await any_shop.log_in(ann_in(wanted), PASSWORD)
    assert (await planned(any_shop, locked)).is_empty
    await line.close()


async def test_terminate_ends_all_connections_of_one_and_of_no_other(any_shop: Shop) -> None:
    wanted, other = a_world(any_shop, Privilege.SELECT), a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    await settled(any_shop, other)
    line = await logged_in(any_shop, wanted, ann_in(wanted))
    second = await any_shop.log_in(ann_in(wanted), PASSWORD)
    bystander = await logged_in(any_shop, other, ann_in(other))
    assert await any_shop.connector.terminate([ann_in(wanted)]) == 2
    assert not await line.is_open()
    assert not await second.is_open()
    assert await bystander.is_open()
    assert await any_shop.connector.terminate([ann_in(wanted)]) == 0
    for one in (line, second, bystander):
        await one.close()


async def test_two_managed_databases_on_one_server_do_not_meet(any_shop: Shop) -> None:
    wanted, other = a_world(any_shop, Privilege.SELECT), a_world(any_shop, Privilege.SELECT)
    await settled(any_shop, wanted)
    await settled(any_shop, other)
    assert (await planned(any_shop, wanted)).is_empty
    await settled(any_shop, WantedState(other.scope))
    assert (await planned(any_shop, wanted)).is_empty


async def test_a_check_says_who_the_executor_is(any_shop: Shop) -> None:
    check = await any_shop.connector.check()
    assert check.executor
    assert check.lacks == ()
