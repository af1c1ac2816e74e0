"""What a purge asks of compute, each of it repeated."""

from uuid import uuid4

import asyncpg
import msgspec
import pytest

from tenantry.app import App
from tenantry.compute.model import SessionKind
from tenantry.compute.purge import ComputePurge
from tenantry.errors import ConnectionError, UserPurgeFailure
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tenantry.users.purging import PurgeOrder

from .conftest import AGENT, Compute

pytestmark = pytest.mark.anyio


async def statuses(owner: asyncpg.Connection, user: UserData) -> list[str]:
    rows = await owner.fetch(
        "select status from compute_sessions where user_id = $1 order by id", user.id
    )
    return [row["status"] for row in rows]


async def test_bug_14_sessions_are_ended_and_do_not_stand_in_the_way_of_a_purge(
    tenantry: App, compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    await compute.run(user="john")
    await compute.run(user="john", cpu=100)
    async with tenantry.database.transaction() as tx:
        with pytest.raises(UserPurgeFailure):
            await compute.service.forget(tx, john.id)
    assert await compute.service.terminate_all(john.id) == 1
    assert await compute.service.terminate_all(john.id) == 0
    assert await statuses(owner, john) == ["terminated", "cancelled"]
    for _ in range(2):
        async with tenantry.database.transaction() as tx:
            await compute.service.forget(tx, john.id)
    await owner.execute("delete from access_keys where user_id = $1", john.id)
    await owner.execute("delete from users where id = $1", john.id)
    assert compute.agents.running() == set()


async def test_ending_all_says_so_when_an_agent_is_away_and_can_be_repeated(
    tenantry: App, compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    for _ in range(3):
        await compute.run(user="john")
    compute.agents.away.add(AGENT)
    with pytest.raises(ConnectionError):
        await compute.service.terminate_all(john.id)
    assert set(await statuses(owner, john)) == {"terminating"}
    compute.agents.away.clear()
    assert await compute.service.terminate_all(john.id) == 3
    assert set(await statuses(owner, john)) == {"terminated"}


async def test_folders_mounted_by_others_are_found_while_their_sessions_live(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    jane = await make_user(tenantry, "jane")
    shared, own = uuid4(), uuid4()
    for user_id, folder_id in ((jane.id, shared), (john.id, shared), (john.id, own)):
        compute.folders.paths[user_id, folder_id] = f"/{folder_id}"
    await compute.run(user="john", folders=[str(shared), str(own)])
    session = await compute.run(user="jane", folders=[str(shared)])
    async with tenantry.database.autocommit() as tx:
        (mount,) = await compute.service.mounted_by_others(tx, [shared, own], john.id)
    assert (mount.session_id, mount.username, mount.folder_id) == (session.id, "jane", shared)
    await compute.service.terminate_all(jane.id)
    async with tenantry.database.autocommit() as tx:
        assert await compute.service.mounted_by_others(tx, [shared, own], john.id) == []


async def test_a_service_that_was_handed_over_goes_on(
    tenantry: App, compute: Compute, john: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    service = await compute.run(user="john", kind=SessionKind.SERVICE, name="api")
    await compute.run(user="john")
    for expected in (1, 0):
        async with tenantry.database.transaction() as tx:
            moved = await compute.service.delegate_services(tx, john.id, admin.id)
        assert moved == expected
    await compute.service.terminate_all(john.id)
    assert await statuses(owner, john) == ["terminated"]
    assert await statuses(owner, admin) == ["running"]
    assert compute.agents.running() == {service.id}


async def test_services_are_deleted_once_they_have_ended(
    tenantry: App, compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    await compute.run(user="john", kind=SessionKind.SERVICE, name="api")
    async with tenantry.database.transaction() as tx:
        with pytest.raises(UserPurgeFailure):
            await compute.service.delete_services(tx, john.id)
    await compute.service.terminate_all(john.id)
    for expected in (1, 0):
        async with tenantry.database.transaction() as tx:
            assert await compute.service.delete_services(tx, john.id) == expected
    assert await statuses(owner, john) == []


async def test_a_purge_says_what_it_hands_over_and_removes_also_when_repeated(
    tenantry: App, compute: Compute, john: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    step = ComputePurge(
        database=tenantry.database,
        compute_repository=compute.repository,
        compute_service=compute.service,
    )
    service = await compute.run(user="john", kind=SessionKind.SERVICE, name="api")
    await compute.run(user="john")
    order = PurgeOrder(
        user_id=john.id,
        tenant_id=john.tenant_id,
        receiver_id=admin.id,
        purge_shared_vfolders=False,
        delegate_endpoint_ownership=True,
    )
    expected = {"handed_over": [str(service.id)], "removed": 1}
    async with tenantry.database.autocommit() as tx:
        assert await step.plan(tx, order) == expected
        with pytest.raises(UserPurgeFailure):
            await step.plan(tx, msgspec.structs.replace(order, receiver_id=None))
    for _ in range(2):
        assert await step.perform(order) == expected
    async with tenantry.database.transaction() as tx:
        await step.forget(tx, john.id)
    assert await statuses(owner, john) == []
    assert compute.agents.running() == {service.id}
