"""Threads that compute password hashes beside the event loop, and the queue before them.

A hash takes as much of a processor as it gets, for longer than anything else here, and drives all
else out of the processor's caches. So the threads give way to everybody, and bother the loop as
seldom as they can (docs/decisions/0130).
"""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tenantry.errors import Overloaded

T = TypeVar("T")

LESS_URGENT = 5
"""So much nicer are the threads than the process, on the scale of Unix: a third of the weight."""
HOLD_SECONDS = 0.05
"""A result waits no longer than this for others to be handed over with."""
WEIGHT = 0.1
"""Of the newest hash in the mean time that a hash takes."""


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    work: Callable[[], T]
    future: "asyncio.Future[T]"
    until: float
    result: T | None = None
    error: BaseException | None = None

    def do(self) -> None:
        """Run it, unless it has waited for too long."""
        try:
            if time.monotonic() > self.until:
                raise Overloaded
            self.result = self.work()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self.error = error

    def tell(self) -> None:
        """Let who waits for it know."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # set, as no error is


class HashThreads:
    """``threads`` hashes at once, first come, first served; used from one event loop at a time.

    At most ``queue`` wait, and only as many as come to their turn within ``wait`` seconds.
    """

    def __init__(self, *, threads: int | None, queue: int, wait: float) -> None:
        self._count = threads or os.cpu_count() or 1
        self._queue = queue
        self._wait = wait
        self._seconds = 0.0
        self._places = 0
        self._unanswered = 0
        self._look: asyncio.TimerHandle | None = None
        self._changed = threading.Condition()
        # Below is what the threads share with the loop, and only touched while holding the above.
        self._waiting: deque[_Job[Any]] = deque()  # Any: each job has a result of its own
        self._ended: list[_Job[Any]] = []
        self._started = False
        self._closed = False

    @property
    def room(self) -> int:
        """How many hashes may be under way or waiting at present."""
        most = self._count + self._queue
        if not self._seconds:
            return most
        return max(1, min(most, int(self._count * (1 + self._wait / self._seconds))))

    @contextmanager
    def place(self, *, beside: int = 0) -> Iterator[None]:
        """Keep a place for what is inside; Overloaded where it would have to wait for too long.

        So many ``beside`` have a place and do not need it at present.
        """
        if self._places - beside >= self.room:
            raise Overloaded
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """The result of this work; Overloaded where it cannot be had in time."""
        if self._unanswered >= self.room:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(work, future, time.monotonic() + self._wait)
        self._unanswered += 1
        try:
            self._put(job)
            if self._look is None:
                self._look = loop.call_later(HOLD_SECONDS, self._look_again)
            return await future
        finally:
            self._unanswered -= 1
            if future.cancelled():
                with self._changed, suppress(ValueError):
                    self._waiting.remove(job)

    def close(self) -> None:
        """Let running hashes end and start no others."""
        if self._look is not None:
            self._look.cancel()
        with self._changed:
            self._closed = True
            dropped, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for job in dropped:
            job.future.cancel()

    def _put(self, job: _Job[Any]) -> None:
        with self._changed:
            self._waiting.append(job)
            if not self._started:
                self._started = True
                for number in range(self._count):
                    name = f"hash-{number}"
                    threading.Thread(target=self._hash, name=name, daemon=True).start()
            self._changed.notify()

    def _look_again(self) -> None:
        """Hand over what was held for longer than it took others to end."""
        self._look = None
        self._tell()
        if self._unanswered:
            self._look = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._look_again)

    def _tell(self) -> None:
        with self._changed:
            ended, self._ended = self._ended, []
        for job in ended:
            job.tell()

    def _hash(self) -> None:
        give_way()
        while (job := self._next()) is not None:
            began = time.monotonic()
            job.do()
            self._end(job, time.monotonic() - began)

    def _next(self) -> "_Job[Any] | None":
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return None if self._closed else self._waiting.popleft()

    def _end(self, job: _Job[Any], seconds: float) -> None:
        """Hand over what has ended: at once where nobody waits, or else some at a time.

        Each time that the loop wakes, it finds its memory driven out of the caches; two results a
        thread at once make it wake half as often, for those whose turn takes longer to come anyway.
        """
        with self._changed:
            if job.error is None:
                old = self._seconds or seconds
                self._seconds = old + WEIGHT * (seconds - old)
            self._ended.append(job)
            if self._waiting and len(self._ended) < 2 * self._count:
                return
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            job.future.get_loop().call_soon_threadsafe(self._tell)


def give_way() -> None:
    """Have this thread run after everything that is short, such as the loop and the database."""
    if sys.platform != "linux":
        return  # elsewhere a priority is the whole process's
    nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + LESS_URGENT)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
