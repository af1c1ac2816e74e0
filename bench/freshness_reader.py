"""Another process on the same data: it keeps users in memory and says when each change is there.

Run as a program: `python -m bench.freshness_reader FOLDER USER...`.
"""

import asyncio
import sys
import time
from pathlib import Path

from tenantry.app import App, open_app
from tenantry.settings import Settings


async def follow(folder: Path, users: list[str]) -> None:
    """Print the number of each version that is applied, and the machine's monotonic clock."""
    async with open_app(Settings(data_dir=folder, port=0)) as app:
        while not app.feed.is_current():  # noqa: ASYNC110 - nobody tells when it is
            await asyncio.sleep(0.01)
        await app.decisions.warm(users)
        _tell(app)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _tell(app: App) -> None:
    catch_up, told = app.feed.catch_up, app.feed.applied

    async def caught_up(tx: object) -> None:
        nonlocal told
        await catch_up(tx)  # type: ignore[arg-type]  # passed on as it comes
        if app.feed.applied > told:
            told = app.feed.applied
            print(told, time.monotonic(), flush=True)

    setattr(app.feed, "catch_up", caught_up)  # noqa: B010 - mypy forbids the plain form


if __name__ == "__main__":
    asyncio.run(follow(Path(sys.argv[1]), sys.argv[2:]))
