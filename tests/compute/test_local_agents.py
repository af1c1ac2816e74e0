"""Compute sessions as processes of this machine: limits, identity, survival, and a clean end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psutil
import pytest

from tenantry.adapters.agents import LocalAgents
from tenantry.adapters.process import wait_until
from tenantry.compute.ports import SessionOrder, SessionState

pytestmark = pytest.mark.anyio

IS_ROOT = os.geteuid() == 0

# Double-forks into a session of its own and ignores TERM, like the command itself.
DAEMON = """
trap '' TERM
(setsid sh -c 'echo $$ > new; mv new daemon.pid; exec {sleep}' &)
touch ready
while :; do sleep 1; done
"""


# Starts a session and is killed at once.
SERVER = """
import asyncio, msgspec, os, sys
from pathlib import Path
from tenantry.adapters.agents import LocalAgents
from tenantry.adapters.process import wait_until
from tenantry.compute.ports import SessionOrder

agents = LocalAgents(Path(sys.argv[1]))
order = msgspec.json.decode(sys.argv[2], type=SessionOrder)
asyncio.run(agents.start_session(agents.name, order))
os.kill(os.getpid(), 9)
"""


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[LocalAgents]:
    found = LocalAgents(tmp_path / "agents", grace=0.5)
    yield found
    for session_id in await found.list_sessions(found.name):
        await found.terminate_session(found.name, session_id)


def an_order(*command: str, memory: int = 2**30, **more: object) -> SessionOrder:
    return SessionOrder(
        id=uuid4(),
        command=list(command),
        environment=more.pop("environment", {}),  # type: ignore[arg-type]  # as the test gives it
        cpu=1,
        memory=memory,
        **more,  # type: ignore[arg-type]  # likewise
    )


def folder(tmp_path: Path, session_id: UUID) -> Path:
    return tmp_path / "agents" / "sessions" / str(session_id)


def appeared(path: Path) -> str:
    assert wait_until(path.exists, 10)
    return path.read_text()


async def until(path: Path) -> str:
    return await asyncio.to_thread(appeared, path)


async def ended(agents: LocalAgents, session_id: UUID) -> SessionState:
    async with asyncio.timeout(20):
        while True:
            state = await agents.session_state(agents.name, session_id)
            if state is not None and not state.running:
                return state
            await asyncio.sleep(0.01)


async def output(agents: LocalAgents, tmp_path: Path, order: SessionOrder) -> list[str]:
    await agents.start_session(agents.name, order)
    await ended(agents, order.id)
    return (folder(tmp_path, order.id) / "stdout").read_text().splitlines()


@pytest.mark.parametrize("sleep", ["sleep 600", "env -i sleep 600"])
async def test_a_tree_that_ignores_term_and_a_daemon_that_left_it_are_ended(
    agents: LocalAgents, tmp_path: Path, sleep: str
) -> None:
    order = an_order("sh", "-c", DAEMON.format(sleep=sleep))
    await agents.start_session(agents.name, order)
    work = folder(tmp_path, order.id) / "work"
    await until(work / "ready")
    daemon = psutil.Process(int(await until(work / "daemon.pid")))
    state = await agents.terminate_session(agents.name, order.id)
    assert not state.running
    assert state.exit_code == 128 + signal.SIGKILL
    assert not daemon.is_running()


async def test_a_session_lasts_as_long_as_the_last_of_its_processes(
    agents: LocalAgents, tmp_path: Path
) -> None:
    order = an_order("sh", "-c", "(while [ ! -e go ]; do sleep 0.02; done) & exit 4")
    await agents.start_session(agents.name, order)
    await asyncio.sleep(0.2)
    assert await agents.list_sessions(agents.name) == {order.id}
    (folder(tmp_path, order.id) / "work" / "go").touch()
    assert (await ended(agents, order.id)).exit_code == 4


async def test_sessions_outlive_the_server_and_are_found_again(
    agents: LocalAgents, tmp_path: Path
) -> None:
    order = an_order("sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; exit 5")
    arguments = [str(tmp_path / "agents"), msgspec.json.encode(order).decode()]
    server = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SERVER, *arguments], check=False
    )
    assert server.returncode == -signal.SIGKILL
    assert await agents.list_sessions(agents.name) == {order.id}
    await agents.start_session(agents.name, order)
    assert [s.id for s in await agents.sample(agents.name)] == [order.id]
    (folder(tmp_path, order.id) / "work" / "go").touch()
    assert (await ended(agents, order.id)).exit_code == 5


async def test_a_session_whose_supervisor_was_killed_leaves_nothing_and_no_exit_code(
    agents: LocalAgents, tmp_path: Path
) -> None:
    order = an_order("sh", "-c", DAEMON.format(sleep="sleep 600"))
    await agents.start_session(agents.name, order)
    place = folder(tmp_path, order.id)
    daemon = psutil.Process(int(await until(place / "work" / "daemon.pid")))
    os.kill(json.loads((place / "process.json").read_text())["pid"], signal.SIGKILL)
    assert (await ended(agents, order.id)).exit_code is None
    assert await agents.list_sessions(agents.name) == set()
    assert not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE


async def test_a_process_that_got_the_number_of_an_ended_session_is_never_signalled(
    agents: LocalAgents, tmp_path: Path
) -> None:
    order = an_order("sleep", "600")
    await agents.start_session(agents.name, order)
    record = folder(tmp_path, order.id) / "process.json"
    said = json.loads(record.read_text())
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        # As if the supervisor had died and its number had been given to somebody else.
        record.write_text(json.dumps({**said, "pid": bystander.pid}))
        assert await agents.sample(agents.name) == []
        os.kill(said["pid"], signal.SIGKILL)
        state = await agents.terminate_session(agents.name, order.id)
        assert not state.running
        assert bystander.returncode is None
        assert psutil.pid_exists(bystander.pid)
    finally:
        bystander.kill()
        await bystander.wait()


async def test_what_a_session_used_is_known_while_it_runs_and_after(
    agents: LocalAgents, tmp_path: Path
) -> None:
    written = 4 * 2**20
    script = (
        f"sh -c 'head -c {written} /dev/zero > data; sync data';"
        "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done;"
        "touch ready; while [ ! -e go ]; do sleep 0.02; done"
    )
    order = an_order("sh", "-c", script)
    await agents.start_session(agents.name, order)
    work = folder(tmp_path, order.id) / "work"
    await until(work / "ready")
    (sample,) = await agents.sample(agents.name)
    assert sample.cpu_seconds > 0
    assert sample.memory_bytes > 0
    assert sample.io_write_bytes >= written  # by a child that has ended
    assert sample.disk_bytes >= written
    (work / "go").touch()
    last = (await ended(agents, order.id)).last
    assert last is not None
    assert last.io_write_bytes >= sample.io_write_bytes
    assert last.cpu_seconds >= sample.cpu_seconds
    assert last.disk_bytes >= written


async def test_the_environment_is_clean_but_for_what_was_ordered(
    agents: LocalAgents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANTRY_ADMIN_PASSWORD", "secret")
    lines = await output(agents, tmp_path, an_order("env", environment={"COLOUR": "blue"}))
    names = {line.partition("=")[0] for line in lines}
    assert names == {"PATH", "LANG", "HOME", "COLOUR", "TENANTRY_COMPUTE_SESSION"}
    assert "COLOUR=blue" in lines


async def test_a_process_gets_no_more_memory_than_ordered(
    agents: LocalAgents, tmp_path: Path
) -> None:
    script = "head -c 300M /dev/zero | tail -c 256M > /dev/null"
    order = an_order("sh", "-c", script, memory=128 * 2**20)
    await agents.start_session(agents.name, order)
    assert (await ended(agents, order.id)).exit_code == 1
    assert "memory" in (folder(tmp_path, order.id) / "stderr").read_text()


async def test_a_session_runs_as_the_container_identity_of_its_user(
    agents: LocalAgents, tmp_path: Path
) -> None:
    order = an_order("sh", "-c", "id -u; id -g; id -G", uid=2000, gid=2001, gids=[2002, 2003])
    lines = await output(agents, tmp_path, order)
    if IS_ROOT:
        assert lines == ["2000", "2001", "2001 2002 2003"]
    else:  # who is not root cannot become somebody else
        assert lines[0] == str(os.geteuid())


async def test_a_session_without_an_identity_is_nobody_and_not_root(
    agents: LocalAgents, tmp_path: Path
) -> None:
    expected = 65534 if IS_ROOT else os.geteuid()
    assert await output(agents, tmp_path, an_order("id", "-u")) == [str(expected)]


@pytest.mark.parametrize(("sudo", "flag"), [(False, "1"), (True, "0")])
async def test_setuid_programs_give_rights_to_sudo_sessions_only(
    agents: LocalAgents, tmp_path: Path, sudo: bool, flag: str
) -> None:
    order = an_order("grep", "NoNewPrivs", "/proc/self/status", sudo=sudo)
    (line,) = await output(agents, tmp_path, order)
    assert line.split()[-1] == flag


async def test_the_machine_keeps_its_name_and_another_folder_has_another(tmp_path: Path) -> None:
    first, again = LocalAgents(tmp_path / "a"), LocalAgents(tmp_path / "a")
    assert first.name == again.name != LocalAgents(tmp_path / "b").name


async def test_folders_of_sessions_that_ended_long_ago_are_removed(
    agents: LocalAgents, tmp_path: Path
) -> None:
    await output(agents, tmp_path, old := an_order("true"))
    await output(agents, tmp_path, fresh := an_order("true"))
    record = folder(tmp_path, old.id) / "exit.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "ended_at": 1_000_000}))
    await agents.list_sessions(agents.name)
    assert not folder(tmp_path, old.id).exists()
    assert folder(tmp_path, fresh.id).exists()
