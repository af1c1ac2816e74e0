"""What the operations of every noun build on: running actions, making them, walking lists."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from tenantry.kernel.action import Action
from tenantry.kernel.page import Page
from tenantry.sdk.decision_cache import DecisionCache
from tenantry.sdk.pages import AsyncPages
from tenantry.wire import Wire

ResultT = TypeVar("ResultT")
ActionT = TypeVar("ActionT", bound=Action[Any])
ItemT = TypeVar("ItemT")


class Line(Protocol):
    """What carries actions; raises ConnectionError while its client is not connected."""

    @property
    def bindings(self) -> Wire: ...
    @property
    def decision_cache(self) -> DecisionCache | None: ...
    @property
    def last_version(self) -> int | None: ...

    async def run(self, action: Action[ResultT]) -> ResultT:
        """The action's result, or the error that it raised."""


class Operations:
    """The base of ``UserOperations`` and its like: one class a noun, one coroutine an operation."""

    def __init__(self, line: Line) -> None:
        self._line = line

    @property
    def last_version(self) -> int | None:
        """The version of the latest change made here that decides on access; None before one.

        Passed on as ``at_least=`` to a check, by whomever and on whichever server, it makes sure
        that the answer knows of the change.
        """
        return self._line.last_version

    async def _run(self, action: Action[ResultT]) -> ResultT:
        """The action's result, or the error that it raised."""
        return await self._line.run(action)

    def _action(self, action_type: type[ActionT], /, **values: object) -> ActionT:
        """The action of these values; InvalidInput names every one that is wrong, before sending.

        A moment without a zone is one of this machine's clock.
        """
        action = self._line.bindings.of(action_type).of_values(_zoned(values))
        assert isinstance(action, action_type)  # noqa: S101 - for mypy: a binding is of its action
        return action

    async def _walk(
        self, page_of: Callable[[str | None], Action[Page[ItemT]]]
    ) -> AsyncPages[ItemT]:
        """All items of an action's pages; ``page_of`` makes the action for a cursor."""

        async def fetch(cursor: str | None) -> Page[ItemT]:
            return await self._run(page_of(cursor))

        return await AsyncPages.of(fetch)


def listed(given: Iterable[str] | None) -> object:
    """A list of names; a lone text stays one, or it would be taken for a list of letters."""
    return given if given is None or isinstance(given, str) else list(given)


def _zoned(values: Mapping[str, object]) -> dict[str, object]:
    return {
        n: v.astimezone() if isinstance(v, datetime) and v.tzinfo is None else v
        for n, v in values.items()
    }
