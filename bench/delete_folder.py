"""Deleting a vfolder of 100,000 files, against `rm -rf` of the same tree in the same run.

It needs no large world: `python -m bench.delete_folder [--quick]`.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import anyio.to_thread
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, judged
from bench.tables import show
from tenantry.adapters.storage import LocalStorage

TITLE = "delete_folder: the storage adapter over rm -rf of the same tree"
MANY, FEW = 100_000, 10_000
PER_DIRECTORY = 100
HOST = "bench"

Deletion = Callable[[UUID], Awaitable[object]]


async def measure(effort: Effort) -> list[Result]:
    """Each round makes a tree for everybody, and times the deletions only."""
    files = FEW if effort.quick else MANY
    remover = shutil.which("rm") or "/bin/rm"
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as base:
        storage = LocalStorage({HOST: Path(base)})
        await storage.prepare()

        async def rm(folder_id: UUID) -> None:
            place = await storage.folder_path(HOST, folder_id)
            process = await asyncio.create_subprocess_exec(remover, "-rf", place)
            await process.wait()

        async def adapter(folder_id: UUID) -> None:
            await storage.delete_folder(HOST, folder_id)

        reference = Contestant(f"rm -rf, {files:,} files", _nothing)
        turns = [(reference, rm), (Contestant("delete_folder", _nothing), adapter)]
        for number in range(effort.rounds):
            for contestant, delete in turns if number % 2 == 0 else reversed(turns):
                contestant.by_round.append([await _timed(storage, files, delete)])
        storage.close()
        return judged([contestant for contestant, _ in turns])


async def _timed(storage: LocalStorage, files: int, delete: Deletion) -> float:
    folder_id = uuid4()
    await storage.create_folder(HOST, folder_id)
    place = Path(await storage.folder_path(HOST, folder_id))
    await anyio.to_thread.run_sync(_fill, place, files)
    begun = time.perf_counter()
    await delete(folder_id)
    taken = time.perf_counter() - begun
    if await storage.folder_exists(HOST, folder_id):
        raise SystemExit("A deletion left something behind.")
    return taken


def _fill(place: Path, files: int) -> None:
    """A tree of three levels, written to the disk before anybody deletes it."""
    for number in range(files // PER_DIRECTORY):
        directory = place / str(number % 10) / str(number)
        directory.mkdir(parents=True)
        for name in range(PER_DIRECTORY):
            (directory / str(name)).write_bytes(b"x" * 64)
    os.sync()


async def _nothing() -> None:
    """The contestants are timed here, because each needs a tree first."""


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.delete_folder", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} files, not {MANY:,}")
    options = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    show(console, TITLE, asyncio.run(measure(Effort(quick=options.quick))))


if __name__ == "__main__":
    main()
