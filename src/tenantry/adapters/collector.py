"""Python's garbage collector, kept from making pauses that grow with what is in memory.

A full collection looks at everything that could be part of a cycle, and everybody waits meanwhile.
What has survived one is here to stay, mostly: users, roles, sessions. So after a long one it is set
aside, and no later one looks at it again. It is still freed when nobody refers to it any more; only
a cycle among such things is not found. That is why what survives a short one is left where it is:
else each would set aside what requests under way have in hand (docs/decisions/0148).
"""

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LONG_SECONDS = 0.005
"""After a full collection that took longer, in processor time, what has survived is set aside."""


class _Collections:
    """Is told of each collection; one never begins within another."""

    def __init__(self) -> None:
        self._began = 0.0

    def told(self, phase: str, about: Mapping[str, Any]) -> None:  # Any: the collector's figures
        """What the collector calls before and after each."""
        if about["generation"] < 2:
            return
        if phase == "start":
            self._began = time.thread_time()
        elif time.thread_time() - self._began > LONG_SECONDS:
            gc.freeze()


@contextmanager
def short_pauses() -> Iterator[None]:
    """Inside, full collections are short; what is there already is set aside first."""
    collections = _Collections()
    gc.collect()
    gc.freeze()
    gc.callbacks.append(collections.told)
    try:
        yield
    finally:
        gc.callbacks.remove(collections.told)
        gc.unfreeze()
