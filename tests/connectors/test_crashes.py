"""A plan that is broken off, by a crash or another plan, leaves a server from which one goes on."""

import asyncio
import random
import signal
import sys

import pytest

from tenantry.databases.model import WantedState
from tenantry.errors import StateConflict
from tests.connectors.killed import many_people
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, found_by, planned, settled

pytestmark = pytest.mark.anyio

STEP, BATCH = "databases.apply.step", "databases.apply.batch"


async def killed_at(shop: PostgresShop | MariaShop, seed: int, place: str) -> int:
    """Apply the plan in a process that dies there; how that process ended."""
    kind = "postgresql" if isinstance(shop, PostgresShop) else "mariadb"
    command = ("-m", "tests.connectors.killed", kind, shop.address.host, shop.database)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, str(seed), place)
    return await asyncio.wait_for(process.wait(), 60)


async def there(shop: Shop, seed: int) -> int:
    """How many of the wanted principals are on the server."""
    wanted = many_people(seed, shop.database)
    found = await found_by(shop, wanted)
    return sum(one.name in found.principals for one in wanted.principals)


@pytest.mark.parametrize(("place", "left"), [(f"{STEP}=60", 0), (f"{BATCH}=1", 100)])
async def test_a_killed_plan_goes_on_from_its_last_transaction(
    postgres_shop: PostgresShop, place: str, left: int
) -> None:
    assert await killed_at(postgres_shop, left + 1, place) == -signal.SIGKILL
    assert await there(postgres_shop, left + 1) == left
    wanted = many_people(left + 1, postgres_shop.database)
    await settled(postgres_shop, wanted)
    assert (await planned(postgres_shop, wanted)).is_empty


@pytest.mark.parametrize("steps", [1, 60, 125])
async def test_a_killed_plan_goes_on_from_its_last_statement(
    maria_shop: MariaShop, steps: int
) -> None:
    assert await killed_at(maria_shop, steps, f"{STEP}={steps}") == -signal.SIGKILL
    assert await there(maria_shop, steps) == min(steps, 120)
    wanted = many_people(steps, maria_shop.database)
    await settled(maria_shop, wanted)
    assert (await planned(maria_shop, wanted)).is_empty


async def test_the_plan_that_was_broken_off_can_be_applied_itself(shop: Shop) -> None:
    wanted = many_people(7, shop.database)
    plan = await planned(shop, wanted)
    some = type(plan)(plan.steps[:70], plan.findings)
    await shop.connector.apply(wanted.scope, some)
    await shop.connector.apply(wanted.scope, plan)
    assert (await planned(shop, wanted)).is_empty


async def test_a_step_that_the_server_refuses_is_said_with_its_reason(shop: Shop) -> None:
    wanted = many_people(8, shop.database)
    plan = await planned(shop, wanted)
    await shop.run("drop table goods")
    with pytest.raises(StateConflict, match="goods"):
        await shop.connector.apply(wanted.scope, plan)
    await settled(shop, wanted)
    assert (await planned(shop, wanted)).is_empty


async def test_two_plans_at_once_end_as_one_after_the_other_would(shop: Shop) -> None:
    cast = shop.cast()
    first, policy = cast.world(random.Random(3))
    second, _ = cast.world(random.Random(4))
    await asyncio.gather(
        *(settled_somehow(shop, wanted) for wanted in (first, second, first, second))
    )
    await settled(shop, second, policy)
    assert (await planned(shop, second, policy)).is_empty


async def settled_somehow(shop: Shop, wanted: WantedState) -> None:
    """Apply; what the other one has taken away meanwhile is a conflict, and nothing worse."""
    try:
        await settled(shop, wanted)
    except StateConflict:
        return


async def test_plans_of_two_databases_on_one_server_run_at_once(shop: Shop) -> None:
    worlds = [many_people(seed, shop.database) for seed in (11, 12, 13)]
    await asyncio.gather(*(settled(shop, wanted) for wanted in worlds))
    for wanted in worlds:
        assert (await planned(shop, wanted)).is_empty
