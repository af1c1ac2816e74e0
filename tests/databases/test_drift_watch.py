"""A server that differs is noticed on a schedule: a gauge says how much, and an alarm goes once."""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import pytest

from tenantry.adapters.postgres.embedded import SUPERUSER
from tenantry.app import App
from tenantry.databases.actions import GetDatabaseAction
from tenantry.databases.enforcing_actions import ApplyDatabaseAction, DriftDatabaseAction
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.databases.model import PrincipalKind
from tenantry.databases.names import generated_name
from tenantry.errors import ConnectionError
from tenantry.grants.actions import GiveAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tests.databases.conftest import AddDatabase
from tests.databases.servers import Shop

pytestmark = pytest.mark.anyio


class Bell:
    """What the alarms have told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    def __call__(self, said: str, particulars: Sequence[str]) -> None:
        self.told.append((said, list(particulars)))


@pytest.fixture
def bell(tenantry: App) -> Bell:
    bell = Bell()
    tenantry.assembly.databases.add_alarm(bell)
    return bell


async def compared(tenantry: App, clock: ShiftedClock) -> None:
    """When its time has come the server is compared."""
    clock.advance(minutes=tenantry.settings.drift_minutes + 1)
    await tenantry.assembly.databases.watch.run_once()


async def gauge(tenantry: App, kind: str) -> float | None:
    await tenantry.figures.look_up()
    labels = {"database": "shop", "kind": kind}
    return tenantry.registry.get_sample_value("tenantry_database_drift", labels)


async def test_drift_is_found_on_schedule_counted_and_told_once(
    tenantry: App, managed: ManagedDatabase, shop: Shop, clock: ShiftedClock, bell: Bell
) -> None:
    ada = await make_user(tenantry, "ada")
    give = GiveAction(principal="ada", permissions=["SELECT"], database="shop", table="orders")
    await tenantry.grants.give.wait_for_complete(give)
    apply = ApplyDatabaseAction("shop")
    await tenantry.databases.apply_database.wait_for_complete(apply)
    assert await gauge(tenantry, "extra") == 0
    root = await shop.connect()
    mine = generated_name(managed.id, PrincipalKind.USER, ada.id)
    await root.execute(f'grant insert, delete on orders to "{mine}"')
    await root.execute(f'revoke select on orders from "{mine}"')
    await root.execute(f'alter role "{mine}" createdb')
    await compared(tenantry, clock)
    found = [await gauge(tenantry, kind) for kind in ("extra", "missing", "wider", "owner")]
    assert found == [1, 1, 1, 0]
    [(said, mending)] = bell.told
    assert said == "The server of database shop has drifted: 1 extra, 1 missing, 1 wider."
    assert any(line.startswith("extra: REVOKE DELETE, INSERT ON TABLE") for line in mending)
    assert any(line.startswith("missing: GRANT SELECT ON TABLE") for line in mending)
    await compared(tenantry, clock)
    assert len(bell.told) == 1, "it is no news any more"
    for line in mending:
        await root.execute(line.partition(": ")[2])
    await compared(tenantry, clock)
    assert await gauge(tenantry, "extra") == 0
    assert len(bell.told) == 1
    await root.execute(f'grant delete on orders to "{mine}"')
    await compared(tenantry, clock)
    assert len(bell.told) == 2, "it has drifted anew"
    await root.close()


async def test_a_server_is_not_compared_before_its_time(
    tenantry: App, managed: ManagedDatabase, shop: Shop, clock: ShiftedClock, bell: Bell
) -> None:
    apply = ApplyDatabaseAction("shop")
    await tenantry.databases.apply_database.wait_for_complete(apply)
    await compared(tenantry, clock)
    clock.advance(minutes=1)
    await tenantry.assembly.databases.watch.run_once()
    await tenantry.figures.look_up()
    since = tenantry.registry.get_sample_value(
        "tenantry_database_compared_seconds", {"database": "shop"}
    )
    assert since is not None
    assert timedelta(seconds=since) >= timedelta(minutes=1)


async def test_what_is_on_its_way_to_the_server_is_no_drift(
    tenantry: App, managed: ManagedDatabase, clock: ShiftedClock, bell: Bell
) -> None:
    await make_user(tenantry, "ada")
    apply = ApplyDatabaseAction("shop")
    await tenantry.databases.apply_database.wait_for_complete(apply)
    give = GiveAction(principal="ada", permissions=["SELECT"], database="shop", table="orders")
    await tenantry.grants.give.wait_for_complete(give)
    drift = DriftDatabaseAction("shop")
    found = (await tenantry.databases.drift_database.wait_for_complete(drift)).data
    assert not found.empty, "whoever asks sees what an apply would do"
    assert await gauge(tenantry, "missing") == 0
    assert bell.told == []


async def test_a_server_that_is_lost_while_nothing_changes_is_noticed_and_found_again(
    tenantry: App, managed: ManagedDatabase, shop: Shop, clock: ShiftedClock, bell: Bell
) -> None:
    apply = ApplyDatabaseAction("shop")
    await tenantry.databases.apply_database.wait_for_complete(apply)
    root = await asyncpg.connect(shop.server.dsn(SUPERUSER, "postgres"))
    await root.execute(f"alter database {shop.name} allow_connections false")
    await compared(tenantry, clock)
    get = GetDatabaseAction("shop")
    seen = (await tenantry.databases.get_database.wait_for_complete(get)).data
    assert seen.standing is Standing.FAILING
    assert seen.error
    assert [said for said, _ in bell.told] == ["The server of database shop does not follow."]
    await root.execute(f"alter database {shop.name} allow_connections true")
    await root.close()
    await compared(tenantry, clock)
    seen = (await tenantry.databases.get_database.wait_for_complete(get)).data
    assert (seen.standing, seen.error, seen.failing_since) == (Standing.APPLIED, None, None)


async def test_a_server_out_of_reach_is_told_once_and_counted_for_as_long(
    tenantry: App, add: AddDatabase, clock: ShiftedClock, bell: Bell
) -> None:
    await add("away", dsn="postgresql://keeper@127.0.0.1:1/shop")
    apply = ApplyDatabaseAction("away")
    with pytest.raises(ConnectionError):
        await tenantry.databases.apply_database.wait_for_complete(apply)
    clock.advance(minutes=10)
    await tenantry.assembly.databases.watch.run_once()
    assert [said for said, _ in bell.told] == ["The server of database away does not follow."]
    await tenantry.figures.look_up()
    since = tenantry.registry.get_sample_value(
        "tenantry_database_failing_seconds", {"database": "away"}
    )
    assert since is not None
    assert since >= 600
