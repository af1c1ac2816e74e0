"""The version that a change has brought about, told to who made it.

A version is a number of the log of changes. Whoever passes it with a later question gets an
answer that knows of the change, whichever server is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

VERSION_HEADER = "Tenantry-Version"
"""The header of an answer over HTTP that tells it."""


@dataclass(slots=True)
class Written:
    """What was written inside of a block; ``version`` is None where no change decides on access."""

    version: int | None = None


_written: ContextVar[Written | None] = ContextVar("written", default=None)


@contextmanager
def writing() -> Iterator[Written]:
    """Collect the version of what is written inside."""
    written = Written()
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def note_version(version: int) -> None:
    """Tell who has begun to collect, if anybody."""
    written = _written.get()
    if written is not None:
        written.version = max(version, written.version or 0)
