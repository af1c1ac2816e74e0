"""A comparison of a large server takes seconds of work, and others are served meanwhile."""

import asyncio
import threading
from types import ModuleType
from typing import Any

import pytest

from tenantry.adapters.databases import postgresql_inspection
from tenantry.databases import enforcement
from tenantry.databases.enforcing_actions import ApplyDatabaseAction, DriftDatabaseAction
from tenantry.grants import loading
from tenantry.users.actions import GetUserAction
from tenantry.users.model import UserData
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio

SECONDS = 20.0


@pytest.mark.parametrize(
    ("module", "part"),
    [
        (loading, "_facts_of"),
        (postgresql_inspection, "_said_by"),
        (enforcement, "wanted_state"),
        (enforcement, "diff"),
    ],
    ids=["making out who holds what", "reading rights", "deciding what is wanted", "comparing"],
)
@pytest.mark.parametrize("action", [ApplyDatabaseAction("shop"), DriftDatabaseAction("shop")])
@pytest.mark.parametrize("server_shop", ["postgres_shop"], indirect=True)
async def test_others_are_served_while_a_server_is_compared(
    somewhere: Somewhere,
    ada: UserData,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    part: str,
    action: Any,
) -> None:
    await somewhere.give(ada, "SELECT")
    working, served = threading.Event(), threading.Event()
    whole = getattr(module, part)

    def held_up(*args: Any, **more: Any) -> Any:
        working.set()
        assert served.wait(SECONDS), "nobody was served meanwhile"
        return whole(*args, **more)

    monkeypatch.setattr(loading, "MANY", 0)
    monkeypatch.setattr(module, part, held_up)
    comparing = asyncio.create_task(somewhere.tenantry.run(action))
    assert await asyncio.to_thread(working.wait, SECONDS)
    await somewhere.tenantry.users.get_user.wait_for_complete(GetUserAction(user="ada"))
    served.set()
    await comparing
