"""Creating compute sessions."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.compute.actions import (
    CreateComputeSessionAction,
    GetComputeSessionAction,
    TerminateComputeSessionAction,
)
from tenantry.compute.model import SessionKind, SessionStatus
from tenantry.compute.ports import Mount
from tenantry.errors import (
    InvalidInput,
    PermissionError,
    StateConflict,
    UserNotFound,
    VfolderNotFound,
)
from tenantry.kernel.action import SYSTEM, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole, UserStatus

from .conftest import Compute, agent_data

pytestmark = pytest.mark.anyio


async def test_a_session_runs_for_whoever_creates_it(compute: Compute, john: UserData) -> None:
    with acting_as(john):
        session = await compute.run("/usr/bin/train", "--epochs", "3", cpu=2, gpu=0.5)
    assert session.status is SessionStatus.RUNNING
    assert (session.username, session.name, session.agent) == ("john", "train", "one")
    assert session.started_at is not None
    assert compute.agents.running() == {session.id}
    assert compute.agents.orders[session.id].command == ["/usr/bin/train", "--epochs", "3"]


async def test_the_order_carries_the_users_container_identity_and_sudo_flag(
    tenantry: App, compute: Compute
) -> None:
    user = await make_user(
        tenantry,
        container_uid=2000,
        container_main_gid=2001,
        container_gids=[2002],
        sudo_session_enabled=True,
    )
    session = await compute.run(user=user.username)
    order = compute.agents.orders[session.id]
    assert (order.uid, order.gid, order.gids, order.sudo) == (2000, 2001, [2002], True)
    assert session.sudo


async def test_the_environment_reaches_the_agent_and_is_kept_no_longer(
    compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    session = await compute.run(user="john", environment={"KEY": "secret"})
    assert compute.agents.orders[session.id].environment == {"KEY": "secret"}
    kept = await owner.fetchval(
        "select environment::text from compute_sessions where id = $1", session.id
    )
    assert kept == "{}"


@pytest.mark.parametrize(
    "status", [s for s in UserStatus if s not in (UserStatus.ACTIVE, UserStatus.LOCKED)]
)
async def test_a_user_who_is_not_active_cannot_run_anything(
    compute: Compute, john: UserData, owner: asyncpg.Connection, status: UserStatus
) -> None:
    await owner.execute(
        "update users set status = $2, deleted_at = case when $2 = 'deleted' then now() end"
        " where id = $1",
        john.id,
        status.value,
    )
    with pytest.raises(StateConflict):
        await compute.run(user="john")
    assert compute.agents.calls == []


async def test_a_locked_user_cannot_run_anything_until_the_lock_expires(
    compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    lock = (
        "update users set locked_at = now(), lock_reason = 'odd', lock_expires_at = $2"
        " where id = $1"
    )
    await owner.execute(lock, john.id, None)
    with pytest.raises(StateConflict):
        await compute.run(user="john")
    await owner.execute(lock, john.id, datetime.now(UTC) - timedelta(seconds=1))
    await compute.run(user="john")


async def test_a_creation_waits_for_a_deletion_under_way_and_is_refused(
    tenantry: App, compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "update users set status = 'deleted', deleted_at = now() where id = $1", john.id
    )
    creation = asyncio.create_task(compute.run(user="john"))
    await asyncio.sleep(0.2)
    assert not creation.done()
    await transaction.commit()
    with pytest.raises(StateConflict):
        await creation


async def test_a_deletion_waits_for_a_creation_under_way(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    creations = [compute.run(user="john") for _ in range(3)]
    deletion = tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    outcomes = await asyncio.gather(*creations, deletion, return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert all(isinstance(o, StateConflict) for o in refused)
    assert len(compute.agents.running()) == 3 - len(refused)


async def test_bug_45_nobody_creates_sessions_owned_by_others(
    tenantry: App, compute: Compute, john: UserData, admin: UserData
) -> None:
    root = await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    with acting_as(john), pytest.raises(UserNotFound):
        await compute.run(user="adele")
    with acting_as(admin):
        assert (await compute.run(user="john")).username == "john"
        with pytest.raises(PermissionError):
            await compute.run(user="boss")
    with acting_as(root):
        assert (await compute.run(user="adele")).username == "adele"


async def test_a_monitor_runs_nothing(tenantry: App, compute: Compute, john: UserData) -> None:
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    with acting_as(monitor):
        for fields in ({}, {"user": "john"}):
            with pytest.raises(PermissionError):
                await compute.run(**fields)


async def test_the_system_must_say_whose_session_it_is(compute: Compute) -> None:
    with acting_as(SYSTEM), pytest.raises(InvalidInput, match="user"):
        await compute.run()


async def test_a_session_waits_until_an_agent_has_room(compute: Compute, john: UserData) -> None:
    first = await compute.run(user="john", cpu=6)
    second = await compute.run(user="john", cpu=4)
    assert (second.status, second.agent) == (SessionStatus.PENDING, None)
    assert second.status_info == "waiting-for-room"
    compute.agents.finish(first.id, 0)
    await compute.upkeep.run_once()
    await compute.upkeep.run_once()
    found = await compute.processors.get_session.wait_for_complete(
        GetComputeSessionAction(second.id)
    )
    assert found.data.status is SessionStatus.RUNNING


async def test_parallel_creations_never_give_the_same_room_twice(
    tenantry: App, compute: Compute
) -> None:
    users = [await make_user(tenantry) for _ in range(6)]
    await asyncio.gather(*(compute.run(user=u.username, cpu=3) for u in users))
    assert len(compute.agents.running()) == 2  # of eight processors


async def test_the_roomiest_agent_is_taken(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    compute.agents.names.add("two")
    async with tenantry.database.autocommit() as tx:
        other = agent_data(clock, "two", memory=128 * 2**30)
        await compute.repository.register_agent(tx, other, clock.now())
    assert (await compute.run(user="john")).agent == "two"


async def test_the_resource_policy_limits_the_sessions_of_a_service(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    creations = [compute.run(user="john", kind=SessionKind.SERVICE, name="api") for _ in range(5)]
    outcomes = await asyncio.gather(*creations, return_exceptions=True)
    assert sum(isinstance(outcome, StateConflict) for outcome in outcomes) == 4
    other = await compute.run(user="john", kind=SessionKind.SERVICE, name="web")
    assert other.status is SessionStatus.RUNNING


async def test_the_policy_of_the_main_key_limits_all_live_sessions(
    compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "insert into keypair_policies (name, default_for_unspecified, total_resource_slots,"
        " max_session_lifetime, max_concurrent_sessions, max_concurrent_sftp_sessions,"
        " max_containers_per_session, idle_timeout, allowed_vfolder_hosts, created_at)"
        " values ('two', 'unlimited', '{}', 0, 2, 1, 1, 0, '{}', now())"
    )
    await owner.execute(
        "insert into access_keys (access_key, user_id, secret, is_main, is_active, is_admin, scope,"
        " resource_policy, rate_limit, created_at, modified_at) values"
        " ('AKIAAAAAAAAAAAAAAAAA', $1, '', true, true, false, 'full', 'two', 0, now(), now())"
        " on conflict do nothing",
        john.id,
    )
    await owner.execute("update access_keys set resource_policy = 'two' where is_main")
    outcomes = await asyncio.gather(
        *(compute.run(user="john") for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, StateConflict) for outcome in outcomes) == 2
    (running, _) = compute.agents.running()
    await compute.processors.terminate_session.wait_for_complete(
        TerminateComputeSessionAction(running)
    )
    assert (await compute.run(user="john")).status is SessionStatus.RUNNING


async def test_only_folders_that_the_owner_may_mount_are_mounted(
    compute: Compute, john: UserData
) -> None:
    folder_id = uuid4()
    compute.folders.paths[john.id, folder_id] = "/folders/data"
    session = await compute.run(user="john", folders=[str(folder_id)])
    mount = Mount(path="/folders/data", name="data")
    assert compute.agents.orders[session.id].folders == [mount]
    with pytest.raises(VfolderNotFound):
        await compute.run(user="john", folders=[str(uuid4())])


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("command", {"command": []}),
        ("command", {"command": [""]}),
        ("command", {"command": ["a\0b"]}),
        ("command", {"command": ["x", "\ud800"]}),
        ("command", {"command": ["x"] * 257}),
        ("command", {"command": ["x" * 4096] * 17}),
        ("name", {"name": ""}),
        ("name", {"name": "two\nlines"}),
        ("name", {"name": "n" * 129}),
        ("cpu", {"cpu": 0}),
        ("cpu", {"cpu": True}),
        ("memory", {"memory": -1}),
        ("memory", {"memory": 2**63}),
        ("gpu", {"gpu": float("nan")}),
        ("gpu", {"gpu": -0.5}),
        ("environment", {"environment": {"A=B": "x"}}),
        ("environment", {"environment": {"TENANTRY_X": "x"}}),
        ("environment", {"environment": {"A": "\0"}}),
        ("folders", {"folders": ["a\0b"]}),
        ("folders", {"folders": [""]}),
        ("kind", {"kind": "other"}),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_is_stored(
    compute: Compute, john: UserData, owner: asyncpg.Connection, field: str, fields: dict[str, Any]
) -> None:
    action = CreateComputeSessionAction(**{"command": ["true"], "user": "john", **fields})
    with pytest.raises(InvalidInput) as caught:
        await compute.processors.create_session.wait_for_complete(action)
    assert {v.field.partition(".")[0].partition("[")[0] for v in caught.value.violations} == {field}
    assert await owner.fetchval("select count(*) from compute_sessions") == 0


async def test_creations_and_denials_are_audited_without_command_or_environment(
    tenantry: App, compute: Compute, john: UserData, owner: asyncpg.Connection
) -> None:
    with acting_as(john):
        session = await compute.run("printf", "hush", environment={"KEY": "hush"})
        with pytest.raises(UserNotFound):
            await compute.run("printf", "hush", user="nobody-here")
    rows = await owner.fetch(
        "select * from audit_entries where action = 'compute.create' order by at"
    )
    assert [row["outcome"] for row in rows] == ["succeeded", "failed"]
    assert (rows[0]["actor_id"], rows[0]["target_id"]) == (john.id, session.id)
    assert not any("hush" in str(dict(row)) for row in rows)
