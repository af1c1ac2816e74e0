"""How long a help page takes to appear; against the start of the same interpreter."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio.to_thread
from rich.console import Console

from bench.rounds import Contestant, Effort, Result, compare

TITLE = "help_page: `tenantry --help` over an interpreter that imports click and msgspec"
GOAL = "under 0.2 s"


async def measure(_: Path, effort: Effort, __: Console) -> list[Result]:
    """Whole processes, from start to end, one at a time."""
    bare = Contestant("python, click and msgspec", lambda: _run("-c", "import click, msgspec"))
    top = Contestant("tenantry --help", lambda: _run("-m", "tenantry.cli", "--help"), goal=GOAL)
    deep = Contestant(
        "tenantry user create --help",
        lambda: _run("-m", "tenantry.cli", "user", "create", "--help"),
        goal=GOAL,
    )
    return await compare([bare, top, deep], effort)


async def _run(*arguments: str) -> None:
    command = [sys.executable, *arguments]
    # Not the loop's own way: uvloop closes every number a file could have, which takes seconds
    # where a process may have many files open.
    await anyio.to_thread.run_sync(
        partial(subprocess.run, command, stdout=subprocess.DEVNULL, check=True)
    )
