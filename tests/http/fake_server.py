"""A server process over the fake app, for tests that need real sockets and real signals.

Arguments: the port, and seconds that headers may take. A user called ``slow`` takes a second.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import FakeApp, result_of  # type: ignore[import-not-found]  # beside this file

from tenantry.http import protocol
from tenantry.http.serve import run_server
from tenantry.kernel.action import Action
from tenantry.settings import Settings


@dataclass
class FakeOpened(FakeApp):  # type: ignore[misc]  # as above
    """What of the app only a server process uses."""

    first_password: str | None = "the-first-password"
    connection_file: Path = Path("data/connection.json")

    def write_connection_file(self, host: str, port: int) -> None:
        print(f"connection file: {host} {port}")


async def slow_or_not(action: Action[Any]) -> Any:
    if action.target() == "slow":
        await asyncio.sleep(1)
    return result_of(action)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[FakeOpened]:
    print("opening", flush=True)
    try:
        if settings.admin_user == "hanging":
            await asyncio.sleep(60)
        yield FakeOpened(settings=settings, answer=slow_or_not)
    finally:
        print("closed", flush=True)


if __name__ == "__main__":
    port, protocol.HEADER_SECONDS, admin = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    data_dir = Path("no-such-folder")
    run_server(Settings(port=port, admin_user=admin, data_dir=data_dir), opened)
