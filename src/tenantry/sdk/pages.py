"""Lists that are too long for one answer: walked page by page, complete, never all in memory."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from tenantry.kernel.page import Page
from tenantry.sdk.portal import Linked, Portal

P = ParamSpec("P")
T = TypeVar("T")

Fetch = Callable[[str | None], Awaitable[Page[T]]]

PAGE_SIZE = 200


class AsyncPages(Generic[T]):
    """All items of an answer, for ``async for``. True when there is at least one.

    The first page is there already, so that a question that cannot be answered fails where it is
    asked; the others are fetched while one walks. Each walk starts from the beginning.
    """

    def __init__(self, fetch: Fetch[T], first: Page[T]) -> None:
        self._fetch = fetch
        self.first = first

    @classmethod
    async def of(cls, fetch: Fetch[T]) -> Self:
        """Fetch the first page and know how to get the others."""
        return cls(fetch, await fetch(None))

    async def after(self, page: Page[T]) -> Page[T] | None:
        """The page that follows, or None after the last."""
        return await self._fetch(page.next_cursor) if page.next_cursor is not None else None

    async def __aiter__(self) -> AsyncIterator[T]:
        page: Page[T] | None = self.first
        while page is not None:
            for item in page.items:
                yield item
            page = await self.after(page)

    def __bool__(self) -> bool:
        return bool(self.first.items)


class Pages(Generic[T]):
    """The same for a plain ``for`` loop. It can be walked again, also by several threads."""

    def __init__(self, portal: Portal, pages: AsyncPages[T]) -> None:
        self._portal = portal
        self._pages = pages

    def __iter__(self) -> Iterator[T]:
        page: Page[T] | None = self._pages.first
        while page is not None:
            yield from page.items
            page = self._portal.run(functools.partial(self._pages.after, page))

    def __bool__(self) -> bool:
        return bool(self._pages)


class BlockingPages(Generic[P, T]):
    """Like Blocking, for an operation whose answer is walked."""

    def __init__(self, operation: Callable[Concatenate[Any, P], Awaitable[AsyncPages[T]]]) -> None:
        self._name = operation.__name__
        self.__doc__ = operation.__doc__
        self.__wrapped__ = operation

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...

    @overload
    def __get__(self, instance: Linked, owner: type[object]) -> Callable[P, Pages[T]]: ...

    def __get__(self, instance: Linked | None, owner: type[object]) -> Self | Callable[P, Pages[T]]:
        if instance is None:
            return self
        portal = instance.portal
        operation: Callable[P, Awaitable[AsyncPages[T]]] = getattr(instance.operations, self._name)

        @functools.wraps(operation)
        def call(*args: P.args, **kwargs: P.kwargs) -> Pages[T]:
            return Pages(portal, portal.run(functools.partial(operation, *args, **kwargs)))

        return call
