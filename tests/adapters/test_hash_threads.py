"""The threads that hash: a bounded queue, in order, that bothers nobody."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tenantry.adapters import hash_threads
from tenantry.adapters.hash_threads import HOLD_SECONDS, LESS_URGENT, HashThreads
from tenantry.errors import Overloaded

pytestmark = pytest.mark.anyio


class Stuck:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self._gate = threading.Event()

    def __call__(self) -> str:
        self.begun += 1
        self._gate.wait(10)
        return "done"

    def let_go(self) -> None:
        self._gate.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    work = Stuck()
    yield work
    work.let_go()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads and others set no event
            await asyncio.sleep(0.001)


async def test_more_than_can_wait_are_turned_away_and_the_others_get_their_result(
    stuck: Stuck,
) -> None:
    threads = HashThreads(threads=2, queue=3, wait=60)
    admitted = [asyncio.create_task(threads.run(stuck)) for _ in range(5)]
    await until(lambda: stuck.begun == 2)
    with pytest.raises(Overloaded):
        await threads.run(stuck)
    stuck.let_go()
    assert await asyncio.gather(*admitted) == ["done"] * 5
    assert await threads.run(lambda: "room again") == "room again"
    threads.close()


async def test_who_comes_first_is_served_first() -> None:
    threads = HashThreads(threads=1, queue=50, wait=60)
    served: list[int] = []

    def serving(number: int) -> Callable[[], None]:
        return lambda: served.append(number)

    await asyncio.gather(*(threads.run(serving(number)) for number in range(30)))
    assert served == list(range(30))
    threads.close()


async def test_what_has_waited_for_too_long_is_not_done_any_more(stuck: Stuck) -> None:
    threads = HashThreads(threads=1, queue=5, wait=60)
    first = asyncio.create_task(threads.run(stuck))
    await until(lambda: stuck.begun == 1)
    threads._wait = 0.01
    late: list[str] = []
    second = asyncio.create_task(threads.run(lambda: late.append("done")))
    await asyncio.sleep(0.05)
    stuck.let_go()
    assert await first == "done"
    with pytest.raises(Overloaded):
        await second
    assert late == []
    threads.close()


async def test_where_hashes_take_long_fewer_may_wait() -> None:
    threads = HashThreads(threads=1, queue=1000, wait=0.1)
    assert threads.room == 1001
    for _ in range(3):
        await threads.run(lambda: time.sleep(0.02))
    # At twenty milliseconds each there is time for five before the sixth, or for some less.
    assert 1 <= threads.room <= 6
    threads.close()


async def test_a_place_is_kept_from_the_beginning_and_given_back() -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    with threads.place(), threads.place():
        with pytest.raises(Overloaded), threads.place():
            pass
        with threads.place(beside=1):
            pass
    with threads.place():
        pass
    threads.close()


async def test_who_gives_up_makes_room_and_is_never_served(stuck: Stuck) -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    first = asyncio.create_task(threads.run(stuck))
    await until(lambda: stuck.begun == 1)
    late: list[str] = []
    second = asyncio.create_task(threads.run(lambda: late.append("given up")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    third = asyncio.create_task(threads.run(lambda: late.append("served")))
    await asyncio.sleep(0)
    stuck.let_go()
    await asyncio.gather(first, third)
    assert late == ["served"]
    threads.close()


async def test_an_error_is_raised_where_somebody_waits() -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: 7) == 7
    threads.close()


async def test_one_alone_is_answered_at_once() -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    await threads.run(lambda: None)
    fastest = 1.0
    for _ in range(20):
        began = time.perf_counter()
        await threads.run(lambda: None)
        fastest = min(fastest, time.perf_counter() - began)
    assert fastest < HOLD_SECONDS / 2
    threads.close()


async def test_the_loop_is_woken_seldom_where_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_threads, "HOLD_SECONDS", 60.0)
    threads = HashThreads(threads=2, queue=100, wait=60)
    woken: list[int] = []
    tell = threads._tell

    def counting() -> None:
        woken.append(len(threads._ended))
        tell()

    monkeypatch.setattr(threads, "_tell", counting)
    await asyncio.gather(*(threads.run(lambda: time.sleep(0.002)) for _ in range(40)))
    assert sum(woken) == 40
    assert len(woken) <= 20
    threads.close()


async def test_a_result_is_not_held_for_as_long_as_others_take(stuck: Stuck) -> None:
    threads = HashThreads(threads=1, queue=5, wait=60)
    quick = asyncio.create_task(threads.run(lambda: "quick"))
    slow = [asyncio.create_task(threads.run(stuck)) for _ in range(2)]
    async with asyncio.timeout(5):
        assert await quick == "quick"
    assert not any(task.done() for task in slow)
    stuck.let_go()
    await asyncio.gather(*slow)
    threads.close()


async def test_the_threads_give_way_to_the_loop() -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    less = LESS_URGENT if sys.platform == "linux" else 0
    assert await threads.run(priority) == min(19, own + less)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
    threads.close()


async def test_who_waits_when_all_ends_is_told(stuck: Stuck) -> None:
    threads = HashThreads(threads=1, queue=1, wait=60)
    first = asyncio.create_task(threads.run(stuck))
    await until(lambda: stuck.begun == 1)
    second = asyncio.create_task(threads.run(stuck))
    await asyncio.sleep(0)
    threads.close()
    with pytest.raises(asyncio.CancelledError):
        await second
    stuck.let_go()
    assert await first == "done"
