"""Showing a user over HTTP on loopback, against the bare statement that finds the same row."""

import asyncio
import json
import random

from bench.rounds import Contestant, Effort, Result, compare
from bench.serving import serving
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction

TITLE = "http_get: GET /api/v1/users/{user} over a bare prepared SELECT of the same row"
FIND = "select * from users where username_key = $1"
AT_ONCE = 8


class Line:
    """One connection that stays open, with as little around it as can be."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str | None
    ) -> None:
        self._reader, self._writer = reader, writer
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self._rest = f" HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}"

    @classmethod
    async def to(cls, port: int, token: str | None = None) -> "Line":
        """A line to the server on this machine, as the bearer of the token."""
        return cls(*await asyncio.open_connection("127.0.0.1", port), token)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """Status, head in small letters, and body of the answer."""
        form = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path}{self._rest}{form}\r\n".encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        return int(head[9:12]), head, await self._reader.readexactly(int(length))

    async def get(self, path: str) -> bytes:
        """The body; RuntimeError for any answer but 200."""
        status, head, body = await self.ask("GET", path)
        if status != 200:
            raise RuntimeError(head.decode())
        return body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def measure(world: World, effort: Effort) -> list[Result]:
    """The server is another process on the same data, as a user would have it."""
    names = await world.some_usernames(2000)
    dice = random.Random(1)
    find = await world.bare.prepare(FIND)
    login = AuthenticateAction("root", PASSWORD, raise_on_failure=True)
    token = (await world.app.auth.authenticate.wait_for_complete(login)).session_token
    async with serving(world.folder) as server:
        lines = [await Line.to(server.port, token) for _ in range(AT_ONCE)]

        async def bare() -> object:
            return await find.fetchrow(dice.choice(names))

        async def get() -> object:
            line = lines.pop()
            try:
                return json.loads(await line.get(f"/api/v1/users/{dice.choice(names)}"))
            finally:
                lines.append(line)

        results = await compare(
            [
                Contestant("bare SELECT, own connection", bare),
                Contestant("GET", get),
                Contestant(f"GET, {AT_ONCE} at once", get, at_once=AT_ONCE),
            ],
            effort,
        )
        for line in lines:
            line.close()
        return results
