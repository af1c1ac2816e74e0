"""Purging a user with 100,000 files and 50 compute sessions, against doing the same by hand.

By hand is `rm -rf` of an equal tree and the end of as many bare processes (TERM, and waiting for
them), in the same run; a second time with a sync, as a purge is done when it is on the disk.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import anyio.to_thread
from rich.console import Console

from bench.delete_folder import fill, sync
from bench.rounds import Contestant, Effort, Result, judged
from tenantry.app import App, open_app
from tenantry.compute.actions import CreateComputeSessionAction, RegisterAgentAction
from tenantry.compute.model import SessionStatus
from tenantry.kernel.modifier import OptionalState
from tenantry.resources.actions import ModifyKeypairPolicyAction
from tenantry.resources.model import KeypairPolicyModifier
from tenantry.settings import Settings
from tenantry.storage.actions import CreateVfolderAction
from tenantry.users.actions import CreateUserAction, PurgeUserAction
from tenantry.users.model import UserCreator

TITLE = "purge_user: a user with files and compute sessions, over rm -rf and TERM"
MANY, FEW = (100_000, 50), (2_000, 5)
MOST_ROUNDS = 3
PASSWORD = "a sound passphrase of the bench"
WAITING = ("sleep", "3600")

Purge = Callable[[Path, int, int], Awaitable[float]]


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """Each round makes a user and a heap of the same, and times their end only."""
    files, sessions = FEW if effort.quick else MANY
    rounds = 1 if effort.quick else min(effort.rounds, MOST_ROUNDS)
    settings = Settings(data_dir=folder / "data", port=0, admin_password=PASSWORD)
    async with open_app(settings, upkeep=False) as app:
        await _make_room(app, sessions)

        async def purge(_: Path, files: int, sessions: int) -> float:
            return await _purge(app, files, sessions)

        turns: list[tuple[Contestant, Purge]] = [
            (
                Contestant(f"rm -rf and TERM, {files:,} files, {sessions} processes"),
                _bare,
            ),
            (Contestant("rm -rf and TERM, and on the disk"), _bare_and_sync),
            (Contestant("user.purge"), purge),
        ]
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}", style="dim")
            for contestant, end in turns if number % 2 == 0 else reversed(turns):
                contestant.by_round.append([await end(folder / "bare", files, sessions)])
    return judged([contestant for contestant, _ in turns])


async def _make_room(app: App, sessions: int) -> None:
    """Let this machine take as many sessions as there are to be, whatever it has."""
    agent = app.agent_registry.name
    await app.compute.register_agent.wait_for_complete(
        RegisterAgentAction(name=agent, address="bench", cpu=1000, memory=2**45)
    )
    modifier = KeypairPolicyModifier(max_concurrent_sessions=OptionalState.update(sessions))
    await app.resources.modify_keypair_policy.wait_for_complete(
        ModifyKeypairPolicyAction("default", modifier)
    )


async def _purge(app: App, files: int, sessions: int) -> float:
    name = "leaver"
    creator = UserCreator(
        username=name, email="leaver@example.org", password=PASSWORD, domain_name="default"
    )
    await app.users.create_user.wait_for_complete(CreateUserAction(creator))
    create = CreateVfolderAction("data", owner=name)
    made = (await app.vfolders.create.wait_for_complete(create)).data
    place = Path(await app.storage_manager.folder_path(made.host, made.id))
    await anyio.to_thread.run_sync(fill, place, files)
    for _ in range(sessions):
        run = CreateComputeSessionAction(command=list(WAITING), user=name, memory=2**26)
        session = (await app.compute.create_session.wait_for_complete(run)).data
        if session.status is not SessionStatus.RUNNING:
            raise SystemExit(f"A session is {session.status}: {session.status_info}")
    begun = time.perf_counter()
    result = await app.users.purge_user.wait_for_complete(PurgeUserAction(user=name))
    taken = time.perf_counter() - begun
    await _require_all_gone(
        app, made.id, result.data.steps["compute_sessions"]["removed"], sessions
    )
    return taken


async def _require_all_gone(app: App, folder_id: UUID, removed: int, sessions: int) -> None:
    running = await app.agent_registry.list_sessions(app.agent_registry.name)
    if (
        running
        or removed != sessions
        or await app.storage_manager.folder_exists("local", folder_id)
    ):
        raise SystemExit("The purge left something behind.")


async def _bare(folder: Path, files: int, sessions: int) -> float:
    """Remove the tree and end the processes at the same time."""
    await anyio.to_thread.run_sync(fill, folder, files)
    heap = [await asyncio.create_subprocess_exec(*WAITING) for _ in range(sessions)]
    begun = time.perf_counter()
    for process in heap:
        process.terminate()
    remover = await asyncio.create_subprocess_exec(shutil.which("rm") or "/bin/rm", "-rf", folder)
    await asyncio.gather(remover.wait(), *(process.wait() for process in heap))
    return time.perf_counter() - begun


async def _bare_and_sync(folder: Path, files: int, sessions: int) -> float:
    taken = await _bare(folder, files, sessions)
    begun = time.perf_counter()
    await anyio.to_thread.run_sync(sync, folder.parent)
    return taken + time.perf_counter() - begun
