"""Many requests, of which some are on their way at the same time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tenantry.errors import TenantryError

Item = TypeVar("Item")
ResultT = TypeVar("ResultT")
AT_ONCE = 4

Told = Callable[[int], None]
"""Is told each time that so many more things are done."""


def unwatched(steps: int) -> None:
    """Where nobody watches."""


async def each(items: Sequence[Item], work: Callable[[Item], Awaitable[ResultT]]) -> list[ResultT]:
    """The result for each of the items. After a failure no other one is begun."""
    import anyio

    results: dict[int, ResultT] = {}
    failures: list[TenantryError] = []
    waiting = iter(enumerate(items))

    async def worker() -> None:
        for place, item in waiting:
            try:
                results[place] = await work(item)
            except TenantryError as error:
                failures.append(error)
            if failures:
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(AT_ONCE, len(items))):
            group.start_soon(worker)
    if failures:
        raise failures[0]
    return [results[place] for place in range(len(items))]
