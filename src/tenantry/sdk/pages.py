"""Lists that are too long for one answer: walked page by page, complete, never all in memory."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from tenantry.kernel.page import Page
from tenantry.sdk.portal import Linked, Portal, blocking

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


def blocking_pages(
    operation: Callable[Concatenate[Any, P], Awaitable[AsyncPages[T]]],
) -> Callable[Concatenate[Linked, P], Pages[T]]:
    """Like ``blocking``, for an operation whose answer is walked."""
    walk = blocking(operation)

    @functools.wraps(operation)
    def call(self: Linked, /, *args: P.args, **kwargs: P.kwargs) -> Pages[T]:
        return Pages(self.portal, walk(self, *args, **kwargs))

    return call
