"""One thread with an event loop, in which the coroutines of all other threads are run."""

import atexit
import functools
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from tenantry.errors import ConnectionError
from tenantry.sdk.line import CLOSED

P = ParamSpec("P")
T = TypeVar("T")

FORKED = "The client was made before this process was forked; make a new one, or connect() again."
EXIT_SECONDS = 10.0

_open: "weakref.WeakSet[Portal]" = weakref.WeakSet()


class Portal:
    """A running event loop for callers that have none. Any number of threads may call at once.

    Does not survive a fork: make another in the child. Without a close() it ends when nobody
    holds it any more, or with the process.
    """

    def __init__(self, clean_up: Callable[[], Awaitable[None]]) -> None:
        started: Future[BlockingPortal] = Future()
        self._process = os.getpid()
        self._thread = threading.Thread(
            target=anyio.run, args=(_serve, started, clean_up), name="tenantry-client", daemon=True
        )
        self._thread.start()
        self._portal = started.result()
        self._end = weakref.finalize(self, _stop, self._portal, self._process)
        _open.add(self)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of a coroutine function, run in the portal's thread.

        An interrupt of the waiting thread (Ctrl-C) cancels the work.
        """
        if self.is_foreign:
            raise ConnectionError(FORKED)
        try:
            running = self._portal.start_task_soon(work)
        except RuntimeError as error:
            raise ConnectionError(_why(error)) from error
        try:
            return running.result()
        except CancelledError:
            raise ConnectionError(CLOSED) from None
        except BaseException:
            running.cancel()
            raise

    @property
    def is_foreign(self) -> bool:
        """Whether this process was forked from the one that has the thread."""
        return self._process != os.getpid()

    def close(self, seconds: float | None = None) -> None:
        """Cancel what still runs, clean up, and wait (so long, or forever) for the thread to end.

        A forked child only lets go: thread and connections are its parent's.
        """
        self._end()
        _open.discard(self)
        if not self.is_foreign:
            self._thread.join(seconds)


class Linked(Protocol):
    """What operations in the blocking form are methods of."""

    @property
    def portal(self) -> Portal: ...

    @property
    def operations(self) -> Any: ...  # Any: of the class that the operation was taken from


def blocking(
    operation: Callable[Concatenate[Any, P], Awaitable[T]],
) -> Callable[Concatenate[Linked, P], T]:
    """A method that runs a coroutine method of ``operations`` in the portal.

    It has the signature and the docstring of the original. This is how the blocking surface
    follows from the asynchronous one without a second copy.
    """
    name = operation.__name__

    @functools.wraps(operation)
    def call(self: Linked, /, *args: P.args, **kwargs: P.kwargs) -> T:
        original: Callable[P, Awaitable[T]] = getattr(self.operations, name)
        return self.portal.run(functools.partial(original, *args, **kwargs))

    return call


async def _serve(
    started: "Future[BlockingPortal]", clean_up: Callable[[], Awaitable[None]]
) -> None:
    try:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)  # or whoever waits for the start would wait for ever
    finally:
        await clean_up()


def _stop(portal: BlockingPortal, process: int) -> None:
    """Ask the loop to end, from whatever thread the garbage collector happens to be in."""
    if process != os.getpid():
        return
    try:
        portal.start_task_soon(functools.partial(portal.stop, cancel_remaining=True))
    except RuntimeError:
        return  # stopped already, or the interpreter ends


def _why(error: RuntimeError) -> str:
    if "event loop thread" in str(error):
        return "A blocking call was made from the client's own event loop."
    return "The client is closed; call connect() first."


@atexit.register
def _close_all() -> None:
    """Log out and stop embedded servers also where nobody has called close()."""
    for portal in list(_open):
        portal.close(EXIT_SECONDS)
