"""Deleting a vfolder of 100,000 files, against `rm -rf` of the same tree in the same run.

The adapter is done when the deletion is on the disk. `rm` does not wait for that, so it runs a
second time with a sync after it.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import anyio.to_thread
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from tenantry.adapters.storage import LocalStorage

TITLE = "delete_folder: the storage adapter over rm -rf of the same tree"
MANY, FEW = 100_000, 1_000
ROUNDS, FEW_ROUNDS = 3, 2
PER_DIRECTORY = 100
HOST = "bench"

Deletion = Callable[[UUID], Awaitable[object]]


async def measure(folder: Path, effort: Effort, console: Console) -> list[Result]:
    """Each round makes a tree for both, and times the deletions only."""
    files = FEW if effort.quick else MANY
    remover = shutil.which("rm") or "/bin/rm"
    storage = LocalStorage({HOST: folder})
    await storage.prepare()

    async def rm(folder_id: UUID) -> None:
        place = await storage.folder_path(HOST, folder_id)
        process = await asyncio.create_subprocess_exec(remover, "-rf", place)
        await process.wait()

    async def rm_and_sync(folder_id: UUID) -> None:
        parent = Path(await storage.folder_path(HOST, folder_id)).parent
        await rm(folder_id)
        await anyio.to_thread.run_sync(sync, parent)

    async def adapter(folder_id: UUID) -> None:
        await storage.delete_folder(HOST, folder_id)

    reference = Contestant(f"rm -rf, {files:,} files")
    turns = [
        (reference, rm),
        (Contestant("rm -rf, and on the disk"), rm_and_sync),
        (Contestant("delete_folder"), adapter),
    ]
    rounds = FEW_ROUNDS if effort.quick else ROUNDS
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}", style="dim")
        for contestant, delete in turns if number % 2 == 0 else reversed(turns):
            contestant.by_round.append([await _timed(storage, files, delete)])
    storage.close()
    return judged([contestant for contestant, _ in turns])


async def _timed(storage: LocalStorage, files: int, delete: Deletion) -> float:
    folder_id = uuid4()
    await storage.create_folder(HOST, folder_id)
    place = Path(await storage.folder_path(HOST, folder_id))
    await anyio.to_thread.run_sync(fill, place, files)
    begun = time.perf_counter()
    await delete(folder_id)
    taken = time.perf_counter() - begun
    if await storage.folder_exists(HOST, folder_id):
        raise SystemExit("A deletion left something behind.")
    return taken


def fill(place: Path, files: int) -> None:
    """A tree of three levels, written to the disk before anybody deletes it."""
    for number in range(files // PER_DIRECTORY):
        directory = place / str(number % 10) / str(number)
        directory.mkdir(parents=True)
        for name in range(PER_DIRECTORY):
            (directory / str(name)).write_bytes(b"x" * 64)
    os.sync()


def sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
