"""`tenantry serve` as a process that tests may kill, and a client that logs in to it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.config import read_connection
from tenantry.testing.users import ADMIN_PASSWORD

SERVE = (sys.executable, "-m", "tenantry.cli", "serve")
START_SECONDS = 40.0


@dataclass
class Serving:
    """One installation in a folder; its server is started, killed and started again."""

    folder: Path
    command: Sequence[str] = SERVE
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        """Where its data are."""
        return self.folder / "data"

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The PostgreSQL below it."""
        return EmbeddedPostgres(self.data / "postgres")

    @property
    def url(self) -> str:
        """Where the server listens that was started last."""
        return f"http://127.0.0.1:{read_connection(self.data).port}"

    async def start(self) -> float:
        """Start the server; after how many seconds it was ready."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TENANTRY_")}
        environ |= {
            "TENANTRY_DATA_DIR": str(self.data),
            "TENANTRY_PORT": "0",
            "TENANTRY_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "TENANTRY_HASH_MEMORY_KIB": "8",
            "TENANTRY_HASH_TIME_COST": "1",
        }
        (self.data / "connection.json").unlink(missing_ok=True)
        began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it only starts here
                self.command, env=environ, stdout=log, stderr=log, cwd=self.folder
            )
        async with httpx2.AsyncClient(trust_env=False) as client:
            while time.monotonic() < began + START_SECONDS and self.process.poll() is None:
                if (self.data / "connection.json").exists() and await self._is_ready(client):
                    return time.monotonic() - began
                await asyncio.sleep(0.02)
        raise AssertionError((self.folder / "server.log").read_text()[-4000:])

    async def _is_ready(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/health/ready")).status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """End the server as a power cut would, and nothing below it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def clean_up(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)
        for server in (self.postgres, EmbeddedValkey(self.data / "valkey")):
            if server.folder.exists():
                server.start()
                server.stop()


@asynccontextmanager
async def both_serving(
    first: Serving, command: Sequence[str] | None = None
) -> AsyncIterator[tuple[str, str]]:
    """Two servers in one folder, started one after the other; where each of them listens."""
    await first.start()
    here = first.url
    second = replace(first, process=None, command=command or first.command)
    try:
        await second.start()
        assert second.url != here
        yield here, second.url
    finally:
        if second.process is not None:
            second.process.terminate()
            second.process.wait(40)


class Client:
    """The administrator, over HTTP. ``Refused`` is any answer that is not a success."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def log_in(self) -> None:
        """Ask with a session from now on."""
        answer = await self.ask("POST", "login", username="root", password=ADMIN_PASSWORD)
        self._http.headers["Authorization"] = f"Bearer {answer['session_token']}"

    async def create(self, name: str) -> int:
        """Make a user; its version."""
        answer = await self.ask("POST", "users", username=name)
        return int(answer["version"])

    async def describe(self, name: str, description: str) -> int:
        """Change a user; its version."""
        answer = await self.ask("PATCH", f"users/{name}", description=description)
        return int(answer["version"])

    async def ask(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """The answer's body."""
        answer = await self._http.request(method, f"/api/v1/{path}", json=body)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.text)
        return dict(answer.json())


class Refused(Exception):
    """The server answered, and it was no success."""
