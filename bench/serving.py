"""`tenantry serve` as a process of its own, on the data of a folder."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tenantry.config import read_connection

COMMAND = (sys.executable, "-m", "tenantry.cli", "serve")
GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True)
class Serving:
    """Where a server listens, and the process that it is."""

    port: int
    process: int


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Serving]:
    """Start the server; go on as soon as it says that it is ready; stop it in the end."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TENANTRY_")}
    environ |= {"TENANTRY_DATA_DIR": str(folder), "TENANTRY_PORT": "0"}
    (folder / "connection.json").unlink(missing_ok=True)
    server = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
        COMMAND, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port = await _port(server, folder, time.monotonic() + GIVE_UP_SECONDS)
        yield Serving(port, server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        await asyncio.to_thread(server.wait, GIVE_UP_SECONDS)


async def _port(server: "subprocess.Popen[bytes]", folder: Path, until: float) -> int:
    async with httpx2.AsyncClient(trust_env=False) as client:
        while time.monotonic() < until and server.poll() is None:
            await asyncio.sleep(0.005)
            if not (folder / "connection.json").exists():
                continue
            port = read_connection(folder).port
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/health/ready")
            except httpx2.TransportError:
                continue
            if answer.status_code == 200:
                return port
    raise RuntimeError("the server did not become ready")
