"""Vfolders inside compute sessions: under their names, for the session only, as they are shared.

Where the tests run as root the folders are mounted; elsewhere they are links, and what would have
to be mounted is refused.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tenantry.adapters.agents import LocalAgents
from tenantry.adapters.storage import LocalStorage
from tenantry.app import App
from tenantry.compute.actions import CreateComputeSessionAction, TerminateComputeSessionAction
from tenantry.compute.model import ComputeSessionData, SessionStatus
from tenantry.compute.ports import Mount, SessionOrder
from tenantry.errors import StateConflict, VfolderNotFound
from tenantry.kernel.action import acting_as
from tenantry.storage.actions import CreateVfolderAction, ShareVfolderAction
from tenantry.storage.model import SharePermission, VfolderData
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

from .test_local_agents import IS_ROOT, an_order, ended, folder, output

pytestmark = pytest.mark.anyio

HOST = "local"
WRITE = "echo written > data/file && cat data/file"


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[LocalAgents]:
    found = LocalAgents(tmp_path / "agents", grace=0.5)
    yield found
    for session_id in await found.list_sessions(found.name):
        await found.terminate_session(found.name, session_id)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[LocalStorage]:
    made = LocalStorage({HOST: tmp_path / "vfolders"})
    await made.prepare()
    yield made
    made.close()


async def made(storage: LocalStorage, name: str = "data", *, read_only: bool = False) -> Mount:
    folder_id = uuid4()
    await storage.create_folder(HOST, folder_id)
    path = await storage.folder_path(HOST, folder_id)
    return Mount(path=path, name=name, read_only=read_only)


def script(text: str, *mounts: Mount, **more: Any) -> SessionOrder:
    return an_order("sh", "-c", text, folders=list(mounts), **more)


@pytest.mark.parametrize("uid", [None, 2000])
async def test_a_session_writes_into_its_folder_whatever_its_identity(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path, uid: int | None
) -> None:
    mount = await made(storage)
    ids = {} if uid is None else {"uid": uid, "gid": 2001, "gids": [2002]}
    lines = await output(agents, tmp_path, script(f"{WRITE}; stat -c %u data/file", mount, **ids))
    own = os.geteuid() if not IS_ROOT else 65534 if uid is None else uid
    assert lines == ["written", str(own)]
    assert (Path(mount.path) / "file").read_text() == "written\n"


async def test_users_of_different_identities_share_what_they_write(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path
) -> None:
    mount = await made(storage)
    await output(agents, tmp_path, script("umask 077; echo one > data/first", mount, uid=2000))
    text = "cat data/first; echo two >> data/first; mkdir data/sub; mv data/first data/sub/second"
    assert await output(agents, tmp_path, script(text, mount, uid=3000)) == ["one"]
    last = await output(agents, tmp_path, script("cat data/sub/second", mount))
    assert last == ["one", "two"]


async def test_what_a_session_writes_is_never_roots(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path
) -> None:
    mount = await made(storage)
    await output(agents, tmp_path, script("touch data/file; chmod 4755 data/file", mount, uid=2000))
    assert (Path(mount.path) / "file").stat().st_uid == (65534 if IS_ROOT else os.geteuid())


@pytest.mark.parametrize("uid", [None, 2000])
async def test_a_folder_for_reading_only_cannot_be_written_to(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path, uid: int | None
) -> None:
    mount = await made(storage, read_only=True)
    (Path(mount.path) / "file").write_text("as it was\n")
    (Path(mount.path) / "file").chmod(0o666)
    attempts = (
        "cat data/file; echo x > data/file; rm data/file; touch data/new; chmod 777 data;"
        f"mount -o remount,rw data; echo x > {mount.path}/file;"
        "unshare -Urm sh -c 'mount -o remount,bind,rw data && echo x > data/file'; true"
    )
    order = script(attempts, mount, uid=uid)
    if not IS_ROOT:
        with pytest.raises(StateConflict, match="for reading only"):
            await agents.start_session(agents.name, order)
        return
    assert await output(agents, tmp_path, order) == ["as it was"]
    assert os.listdir(mount.path) == ["file"]  # noqa: PTH208 - no async path for one name
    assert (Path(mount.path) / "file").read_text() == "as it was\n"


async def test_read_only_is_refused_where_it_would_be_a_pretence(
    agents: LocalAgents, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = await made(storage, read_only=True)
    with pytest.raises(StateConflict, match="reading only"):
        await agents.start_session(agents.name, script("true", mount, sudo=True))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StateConflict, match="reading only"):
        await agents.start_session(agents.name, script("true", mount))


async def test_as_root_a_session_reaches_no_folder_that_is_not_mounted_for_it(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path
) -> None:
    mounted, other = await made(storage), await made(storage, "other")
    (Path(other.path) / "secret").write_text("secret")
    (Path(other.path) / "secret").chmod(0o666)
    text = f"ls data; cat {other.path}/secret; ls {mounted.path}; true"
    found = await output(agents, tmp_path, script(text, mounted, uid=2000))
    assert found == ([] if IS_ROOT else ["secret"])


async def test_mounts_are_seen_by_the_session_alone_and_end_with_it(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path
) -> None:
    mount = await made(storage)
    (Path(mount.path) / "file").touch()
    order = script("ls data; while [ ! -e go ]; do sleep 0.02; done", mount)
    await agents.start_session(agents.name, order)
    place = folder(tmp_path, order.id) / "work"
    assert (place / "data").is_symlink() is not IS_ROOT
    if IS_ROOT:
        assert os.listdir(place / "data") == []  # noqa: PTH208 - as above
    mounted = await asyncio.to_thread(Path("/proc/self/mountinfo").read_text)
    assert str(place) not in mounted
    (place / "go").touch()
    await ended(agents, order.id)
    assert (place.parent / "stdout").read_text() == "file\n"


async def test_a_session_fails_with_the_folders_name_where_it_cannot_be_mounted(
    agents: LocalAgents, storage: LocalStorage, tmp_path: Path
) -> None:
    gone = Mount(path=str(tmp_path / "nowhere"), name="gone")
    order = script("cat gone/file", gone)
    if not IS_ROOT:  # a link to nowhere
        assert await output(agents, tmp_path, order) == []
        return
    with pytest.raises(StateConflict, match="gone: No such file"):
        await agents.start_session(agents.name, order)


# Through the actions, with the app's own agent and storage.


async def run(app: App, text: str, *folders: str, user: str | None = None) -> ComputeSessionData:
    action = CreateComputeSessionAction(
        command=["sh", "-c", text], folders=list(folders), user=user, memory=2**26
    )
    return (await app.compute.create_session.wait_for_complete(action)).data


async def said(app: App, session_id: UUID) -> str:
    """What a session has written, once it has ended."""
    agents = app.agent_registry
    await ended(agents, session_id)
    place = app.settings.data_dir / "agents" / "sessions" / str(session_id)
    return (place / "stdout").read_text()


async def a_folder(app: App, owner: UserData, name: str) -> VfolderData:
    with acting_as(owner):
        return (await app.vfolders.create.wait_for_complete(CreateVfolderAction(name))).data


async def shared(app: App, owner: UserData, name: str, permission: SharePermission) -> None:
    await a_folder(app, owner, name)
    with acting_as(owner):
        await app.vfolders.share.wait_for_complete(
            ShareVfolderAction(name, user="jane", permission=permission)
        )


@pytest.mark.parametrize("permission", list(SharePermission))
async def test_a_guest_has_a_folder_as_it_is_shared(
    tenantry: App, john: UserData, permission: SharePermission
) -> None:
    jane = await make_user(tenantry, "jane", container_uid=2000)
    await tenantry.assembly.workloads.compute_upkeep.run_once()
    await shared(tenantry, john, "data", permission)
    with acting_as(john):
        await said(tenantry, (await run(tenantry, "echo john > data/file", "data")).id)
    with acting_as(jane):
        session = await run(tenantry, "cat data/file; echo jane > data/new && ls data", "data")
    if permission is SharePermission.READ and not IS_ROOT:
        assert session.status is SessionStatus.FAILED
        assert session.status_info is not None
        assert "reading only" in session.status_info
        return
    expected = "john\nfile\nnew\n" if permission is SharePermission.WRITE else "john\n"
    assert await said(tenantry, session.id) == expected


async def test_a_mounted_folder_stays_until_its_session_has_ended(
    tenantry: App, john: UserData
) -> None:
    await tenantry.assembly.workloads.compute_upkeep.run_once()
    folder_data = await a_folder(tenantry, john, "data")
    with acting_as(john):
        session = await run(tenantry, "sleep 600", "data")
        assert session.folders == [folder_data.id]
        with pytest.raises(VfolderNotFound):
            await run(tenantry, "true", "other")
        await tenantry.compute.terminate_session.wait_for_complete(
            TerminateComputeSessionAction(session.id)
        )
    assert (await tenantry.agent_registry.list_sessions(tenantry.agent_registry.name)) == set()
