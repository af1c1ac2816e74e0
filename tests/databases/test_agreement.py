"""What has_permission says is what the server does, for whatever is granted, to whomever, when.

The server is asked by real statements of the user's own login, and PostgreSQL also by its own
functions. More worlds: ``pytest -n0 tests/databases/test_agreement.py --worlds 500``.
"""

import pytest

from tenantry.databases import wanted as wanting
from tenantry.databases.actions import ModifyDatabaseAction
from tenantry.databases.managed import DatabaseModifier
from tenantry.decisions.facts import GrantFacts
from tenantry.decisions.window import ALWAYS, Window
from tenantry.kernel.modifier import OptionalState
from tenantry.testing.clock import ShiftedClock
from tests.databases.conftest import Somewhere
from tests.databases.walk import Walk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def walk(somewhere: Somewhere, clock: ShiftedClock) -> Walk:
    """People around a shop from which everybody's rights are taken, so that only grants count."""
    closed = DatabaseModifier(close_public=OptionalState.update(True))
    modify = ModifyDatabaseAction("shop", modifier=closed)
    await somewhere.tenantry.databases.modify_database.wait_for_complete(modify)
    walk = Walk(somewhere, clock)
    await walk.begin()
    return walk


async def test_has_permission_says_what_the_server_does(walk: Walk, worlds: int) -> None:
    for seed in range(worlds):
        await walk.step(seed)
        assert await walk.different() == [], (seed, walk.done)
    assert {(True, True), (True, False), (False, False)} <= walk.seen


async def test_a_naive_build_that_forgets_the_bounds_of_a_grant_is_found(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always(_: GrantFacts) -> Window:
        """What was granted is taken to hold."""
        return ALWAYS

    monkeypatch.setattr(wanting, "window_of", always)
    found: list[str] = []
    for seed in range(30):
        await walk.step(seed)
        found = await walk.different()
        if found:
            break
    assert found
