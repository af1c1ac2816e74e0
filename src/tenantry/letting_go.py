"""Giving up what is much, a little at a time: to free a million things at once stops everybody."""

import asyncio
from collections.abc import Iterator, MutableMapping
from itertools import islice
from typing import Any

PORTION = 500
"""So many steps are made at once: some tenths of a millisecond."""
PAUSE_SECONDS = 0.002


def little_by_little(steps: Iterator[None]) -> None:
    """Make these steps on the event loop, some at a time, in the background."""
    loop = asyncio.get_running_loop()

    def some() -> None:
        for _ in islice(steps, PORTION):
            pass
        if next(steps, _END) is not _END:
            loop.call_later(PAUSE_SECONDS, some)

    loop.call_soon(some)


def emptied(*mappings: MutableMapping[Any, Any]) -> Iterator[None]:  # Any: whatever is in there
    """Steps that take the things out of these, which nobody uses any more, one by one."""
    for mapping in mappings:
        while mapping:
            mapping.popitem()
            yield


_END = object()
