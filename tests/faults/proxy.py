"""A relay between a client and the database that can fail in the ways networks do."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

Mode = Literal["pass", "refuse", "swallow", "cut_replies"]


class FaultyRelay:
    """Listens on loopback and passes on to a Unix socket, unless told otherwise.

    It has a loop and a thread of its own: a client that hangs must not hang the relay.
    ``cut_after`` breaks a connection in place of the reply to what holds these bytes.
    """

    def __init__(self, target: Path) -> None:
        self.mode: Mode = "pass"
        self.cut_after: bytes | None = None
        self.port = 0
        self._target = target
        self._lines: list[_Line] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut_all(self) -> None:
        """Break every connection off that goes through here now."""
        for line in list(self._lines):
            self._loop.call_soon_threadsafe(line.cut)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        self.mode = "pass"
        for line in self._lines:
            line.cut()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        if running:
            await asyncio.wait(running, timeout=5)

    async def _relay(self, inward: asyncio.StreamReader, outward: asyncio.StreamWriter) -> None:
        if self.mode == "refuse":
            outward.transport.abort()
            return
        reader, writer = await asyncio.open_unix_connection(str(self._target))
        line = _Line(self, outward, writer)
        self._lines.append(line)
        await asyncio.gather(line.questions(inward), line.answers(reader))
        line.cut()


class _Line:
    """One connection through the relay."""

    def __init__(
        self, relay: FaultyRelay, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._relay, self._client, self._server = relay, client, server
        self._cut_next = False

    async def questions(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the client says."""
        await self._pump(reader, self._server, from_client=True)

    async def answers(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the database says."""
        await self._pump(reader, self._client, from_client=False)

    def cut(self) -> None:
        """Break it off, without a goodbye."""
        self._client.transport.abort()
        self._server.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                while self._relay.mode == "swallow":  # noqa: ASYNC110 - set by another thread
                    await asyncio.sleep(0.02)
                if from_client and self._relay.cut_after and self._relay.cut_after in data:
                    self._cut_next = True
                if not from_client and (self._cut_next or self._relay.mode == "cut_replies"):
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
            writer.close()
