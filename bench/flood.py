"""Very many logins over HTTP, from a process of their own: clients do not share the server's time.

Started as `python -m bench.flood` with an order on stdin; answers on stdout. Both are JSON.
"""

import asyncio
import itertools
import sys
import time
from collections import Counter

import msgspec

from bench.http_get import Line


class Order(msgspec.Struct):
    """What is to be done: ``clients`` that take turns, or ``rate`` logins begun in each second."""

    port: int
    usernames: list[str]
    password: str
    seconds: float
    clients: int = 0
    rate: float = 0.0


class Told(msgspec.Struct):
    """How it went: the logins answered in time, by what they were answered with."""

    seconds: float
    asked: int
    answers: dict[int, int]
    without_retry_after: int
    told_to_wait: list[float]
    """What it took to be turned away."""


class Flood:
    """Logins on as many connections as there are logins at once, all of which are kept."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._names = itertools.cycle(order.usernames)
        self._lines: list[Line] = []
        self._end = time.perf_counter() + order.seconds
        self._answers: Counter[int] = Counter()
        self._without = 0
        self._asked = 0
        self._told_to_wait: list[float] = []

    async def run(self) -> Told:
        """Do what was ordered."""
        begin = time.perf_counter()
        order = self._order
        self._end = begin + order.seconds
        if order.clients:
            await asyncio.gather(*(self._client() for _ in range(order.clients)))
        else:
            await self._at_rate(begin)
        return Told(
            order.seconds,
            self._asked,
            dict(self._answers),
            self._without,
            self._told_to_wait,
        )

    async def _client(self) -> None:
        while time.perf_counter() < self._end:
            await self._log_in()

    async def _at_rate(self, begin: float) -> None:
        logins: list[asyncio.Task[None]] = []
        for number in range(int(self._order.rate * self._order.seconds)):
            await asyncio.sleep(max(0.0, begin + number / self._order.rate - time.perf_counter()))
            logins.append(asyncio.create_task(self._log_in()))
        await asyncio.gather(*logins)

    async def _log_in(self) -> None:
        body = {"username": next(self._names), "password": self._order.password}
        began = time.perf_counter()
        self._asked += 1
        line = self._lines.pop() if self._lines else await Line.to(self._order.port)
        status, head, _ = await line.ask("POST", "/api/v1/login", msgspec.json.encode(body))
        self._lines.append(line)
        now = time.perf_counter()
        if now > self._end:
            return
        self._answers[status] += 1
        if status == 503:
            self._without += b"\r\nretry-after: " not in head
            self._told_to_wait.append(now - began)


def main() -> None:
    """Read the order, carry it out, tell of it."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    told = asyncio.run(Flood(order).run())
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
