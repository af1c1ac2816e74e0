"""A server that differs is noticed on a schedule: a gauge says how much, and an alarm goes once."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tenantry.app import App
from tenantry.databases.enforcing_actions import ApplyDatabaseAction
from tenantry.databases.managed import DatabaseKind, Standing
from tenantry.errors import ConnectionError
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData
from tests.databases.conftest import AddDatabase, Somewhere

pytestmark = pytest.mark.anyio

WIDER = {
    DatabaseKind.POSTGRESQL: "alter role {} createdb",
    DatabaseKind.MARIADB: "grant process on *.* to {}",
}


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
    tenantry: App, somewhere: Somewhere, ada: UserData, clock: ShiftedClock, bell: Bell
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    assert await gauge(tenantry, "extra") == 0
    mine = somewhere.name_of(ada)
    await somewhere.shop.run(
        f"grant insert, delete on goods to {mine}",
        f"revoke select on goods from {mine}",
        WIDER[somewhere.shop.kind].format(mine),
    )
    await compared(tenantry, clock)
    found = [await gauge(tenantry, kind) for kind in ("extra", "missing", "wider", "owner")]
    assert found == [1, 1, 1, 0]
    [(said, mending)] = bell.told
    assert said == "The server of database shop has drifted: 1 extra, 1 missing, 1 wider."
    assert any(line.startswith("extra: REVOKE DELETE, INSERT ON ") for line in mending)
    assert any(line.startswith("missing: GRANT SELECT ON ") for line in mending)
    await compared(tenantry, clock)
    assert len(bell.told) == 1, "it is no news any more"
    for line in mending:
        await somewhere.shop.run(line.partition(": ")[2])
    await compared(tenantry, clock)
    assert await gauge(tenantry, "extra") == 0
    assert len(bell.told) == 1
    await somewhere.shop.run(f"grant delete on goods to {mine}")
    await compared(tenantry, clock)
    assert len(bell.told) == 2, "it has drifted anew"


async def test_other_differences_are_news_though_there_are_as_many(
    tenantry: App, somewhere: Somewhere, ada: UserData, clock: ShiftedClock, bell: Bell
) -> None:
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    mine = somewhere.name_of(ada)
    await somewhere.shop.run(f"grant insert on goods to {mine}")
    await compared(tenantry, clock)
    await somewhere.shop.run(
        f"revoke insert on goods from {mine}", f"grant delete on goods to {mine}"
    )
    await compared(tenantry, clock)
    assert await gauge(tenantry, "extra") == 1
    assert len(bell.told) == 2, "as many as before, and another one"
    assert any("REVOKE DELETE" in line for line in bell.told[-1][1])
    await compared(tenantry, clock)
    assert len(bell.told) == 2


async def test_a_server_is_not_compared_before_its_time(
    tenantry: App, somewhere: Somewhere, clock: ShiftedClock, bell: Bell
) -> None:
    await somewhere.apply()
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
    tenantry: App, somewhere: Somewhere, ada: UserData, bell: Bell
) -> None:
    await somewhere.apply()
    await somewhere.give(ada, "SELECT")
    assert not (await somewhere.drift()).empty, "whoever asks sees what an apply would do"
    assert await gauge(tenantry, "missing") == 0
    assert bell.told == []


async def test_a_server_that_is_lost_while_nothing_changes_is_noticed_and_found_again(
    tenantry: App, somewhere: Somewhere, clock: ShiftedClock, bell: Bell
) -> None:
    await somewhere.apply()
    somewhere.cut()
    await compared(tenantry, clock)
    seen = await somewhere.seen()
    assert seen.standing is Standing.FAILING
    assert seen.error
    assert [said for said, _ in bell.told] == ["The server of database shop does not follow."]
    somewhere.join()
    await compared(tenantry, clock)
    seen = await somewhere.seen()
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
