"""Runs the programs named, or all of them, one by one: `python -m bench list_page --quick`."""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from bench import (
    any_field,
    audit_cost,
    auth_overload,
    bad_input,
    check_http,
    csv_import,
    database_import,
    databases,
    delete_folder,
    enforcement,
    freshness,
    help_page,
    http_get,
    list_page,
    login_overhead,
    login_timing,
    million,
    pauses,
    purge_user,
    session_check,
    start_up,
    substring_search,
    user_lookup,
)
from bench.rounds import Effort, Result
from bench.tables import show
from bench.world import World, opened

MANY, FEW = 1_000_000, 20_000
SECONDS = 12.0

InWorld = Callable[[World, Effort], Awaitable[list[Result]]]
InFolder = Callable[[Path, Effort, Console], Awaitable[list[Result]]]

IN_FOLDER: Mapping[str, tuple[str, InFolder]] = MappingProxyType(
    {
        "start_up": (start_up.TITLE, start_up.measure),
        "help_page": (help_page.TITLE, help_page.measure),
        "csv_import": (csv_import.TITLE, csv_import.measure),
        "databases": (databases.TITLE, databases.measure),
        "database_import": (database_import.TITLE, database_import.measure),
        "enforcement": (enforcement.TITLE, enforcement.measure),
        "delete_folder": (delete_folder.TITLE, delete_folder.measure),
        "purge_user": (purge_user.TITLE, purge_user.measure),
    }
)
"""Programs that need an empty folder of their own."""

IN_WORLD: Mapping[str, tuple[str, InWorld]] = MappingProxyType(
    {
        "user_lookup": (user_lookup.TITLE, user_lookup.measure),
        "list_page": (list_page.TITLE, list_page.measure),
        "any_field": (any_field.TITLE, any_field.measure),
        "substring_search": (substring_search.TITLE, substring_search.measure),
        "login_overhead": (login_overhead.TITLE, login_overhead.measure),
        "login_timing": (login_timing.TITLE, login_timing.measure),
        "auth_overload": (auth_overload.TITLE, auth_overload.measure),
        "session_check": (session_check.TITLE, session_check.measure),
        "http_get": (http_get.TITLE, http_get.measure),
        "bad_input": (bad_input.TITLE, bad_input.measure),
        "check_http": (check_http.TITLE, check_http.measure),
        "pauses": (pauses.TITLE, pauses.measure),
        "freshness": (freshness.TITLE, freshness.measure),
        "audit_cost": (audit_cost.TITLE, audit_cost.measure),
        "million": (million.TITLE, million.measure),
    }
)
"""Programs that share the large world."""

IN_PROCESS = ("month_statistics", "audit_search", "decisions")
"""Programs with a large world or much memory of their own, each in a process of its own."""

NAMES = (*IN_FOLDER, *IN_WORLD, *IN_PROCESS)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--data", type=Path, help="folder that keeps the users for the next run")
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} users, not {MANY:,}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each program")
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    effort = Effort(options.seconds, options.quick)
    names = options.names or NAMES
    with _temporary() as temporary, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_alone(names, temporary, effort, console))
        users = FEW if options.quick else MANY
        folder = (options.data or temporary) / f"users-{users}"
        runner.run(_together(names, folder, users, effort, console))
    for name in names:
        if name in IN_PROCESS:
            size = ["--quick"] if options.quick else []
            subprocess.run([sys.executable, "-m", f"bench.{name}", *size], check=True)


async def _alone(names: Sequence[str], folder: Path, effort: Effort, console: Console) -> None:
    for name in names:
        if name in IN_FOLDER:
            title, measure = IN_FOLDER[name]
            show(console, title, await measure(folder / name, effort, console))


async def _together(
    names: Sequence[str], folder: Path, users: int, effort: Effort, console: Console
) -> None:
    chosen = [name for name in names if name in IN_WORLD]
    if not chosen:
        return
    async with opened(folder, users, console) as world:
        for name in chosen:
            title, measure = IN_WORLD[name]
            show(console, title, await measure(world, effort))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that the server has, where there is one of that kind."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as folder:
        # PostgreSQL may run as another user than root, and must get to its part.
        Path(folder).chmod(0o711)
        yield Path(folder)


if __name__ == "__main__":
    main()
