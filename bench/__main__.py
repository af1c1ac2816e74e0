"""Runs the programs named, or all of them, one by one: `python -m bench list_page --quick`."""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import uvloop
from rich.console import Console

from bench import list_page, login_overhead, substring_search, user_lookup
from bench.rounds import Effort, Result
from bench.tables import show
from bench.world import World, opened

MANY, FEW = 1_000_000, 20_000

IN_LARGE_WORLD: Mapping[str, tuple[str, Callable[[World, Effort], Awaitable[list[Result]]]]] = (
    MappingProxyType(
        {
            "user_lookup": (user_lookup.TITLE, user_lookup.measure),
            "list_page": (list_page.TITLE, list_page.measure),
            "substring_search": (substring_search.TITLE, substring_search.measure),
            "login_overhead": (login_overhead.TITLE, login_overhead.measure),
        }
    )
)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(IN_LARGE_WORLD))
    parser.add_argument("--data", type=Path, help="folder that keeps the users for the next run")
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} users, not {MANY:,}")
    parser.add_argument("--users", type=int, help="number of users in the large world")
    parser.add_argument("--seconds", type=float, default=12.0, help="for each program")
    options = parser.parse_args()
    unknown = set(options.names) - set(IN_LARGE_WORLD)
    if unknown:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    effort = Effort(options.seconds, options.quick)
    users = options.users or (FEW if options.quick else MANY)
    names = options.names or list(IN_LARGE_WORLD)
    with _folder(options.data) as folder:
        uvloop.run(_in_large_world(names, folder / str(users), users, effort))


async def _in_large_world(names: list[str], folder: Path, users: int, effort: Effort) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    async with opened(folder, users, console) as world:
        for name in names:
            title, measure = IN_LARGE_WORLD[name]
            show(console, title, await measure(world, effort))


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as temporary:
        Path(temporary).chmod(0o711)
        yield Path(temporary)


if __name__ == "__main__":
    main()
