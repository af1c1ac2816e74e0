"""One thread with an event loop, in which the coroutines of all other threads are run."""

import functools
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import anyio
from anyio.from_thread import BlockingPortal

from tenantry.errors import ConnectionError

P = ParamSpec("P")
T = TypeVar("T")

CLOSED = "The client was closed during the call."


class Portal:
    """A running event loop for callers that have none. Any number of threads may call at once.

    Does not survive a fork: make another in the child. Without a close() it ends when nobody
    holds it any more.
    """

    def __init__(self, clean_up: Callable[[], Awaitable[None]]) -> None:
        started: Future[BlockingPortal] = Future()
        self._thread = threading.Thread(
            target=anyio.run, args=(_serve, started, clean_up), name="tenantry-client", daemon=True
        )
        self._thread.start()
        self._portal = started.result()
        self._end = weakref.finalize(self, _stop, self._portal)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of a coroutine function, run in the portal's thread.

        An interrupt of the waiting thread (Ctrl-C) cancels the work.
        """
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

    def close(self) -> None:
        """Cancel what still runs, clean up, and wait for the thread to end."""
        self._end()
        self._thread.join()


class Linked(Protocol):
    """What operations in the blocking form are called on."""

    @property
    def portal(self) -> Portal: ...

    @property
    def operations(self) -> Any: ...  # Any: of the class that the operation was taken from


class Blocking(Generic[P, T]):
    """A method that runs a coroutine method of ``operations`` in the portal, with its signature.

    This is how the blocking surface follows from the asynchronous one without a second copy.
    """

    def __init__(self, operation: Callable[Concatenate[Any, P], Awaitable[T]]) -> None:
        self._name = operation.__name__
        self.__doc__ = operation.__doc__
        self.__wrapped__ = operation

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...

    @overload
    def __get__(self, instance: Linked, owner: type[object]) -> Callable[P, T]: ...

    def __get__(self, instance: Linked | None, owner: type[object]) -> Self | Callable[P, T]:
        if instance is None:
            return self
        portal = instance.portal
        operation: Callable[P, Awaitable[T]] = getattr(instance.operations, self._name)

        @functools.wraps(operation)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return portal.run(functools.partial(operation, *args, **kwargs))

        return call


async def _serve(
    started: "Future[BlockingPortal]", clean_up: Callable[[], Awaitable[None]]
) -> None:
    try:
        async with BlockingPortal() as portal:
            started.set_result(portal)
            await portal.sleep_until_stopped()
    finally:
        await clean_up()


def _stop(portal: BlockingPortal) -> None:
    """Ask the loop to end, from whatever thread the garbage collector happens to be in."""
    try:
        portal.start_task_soon(functools.partial(portal.stop, cancel_remaining=True))
    except RuntimeError:
        return  # stopped already, or the interpreter ends


def _why(error: RuntimeError) -> str:
    if "event loop thread" in str(error):
        return "A blocking call was made from the client's own event loop."
    return "The client is closed; call connect() first."
