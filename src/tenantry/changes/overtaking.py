"""Tells whether what has been read may be from before a change that came in meanwhile."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tenantry.changes.model import Change


class Overtaking:
    """Remembers changes for as long as anything is being read that could be older than they are.

    A reading begins, takes its time and ends; a change that is told in between may or may not be
    in what was read. One that was told before it began is.
    """

    def __init__(self) -> None:
        self._told = 0
        self._readings = 0
        self._changed: dict[Change, int] = {}
        self._everything = 0

    def tell(self, changes: Iterable[Change]) -> None:
        """These have changed; said before anybody reads them again."""
        self._told += 1
        if self._readings:
            self._changed |= dict.fromkeys(changes, self._told)

    def tell_of_everything(self) -> None:
        """Anything may have changed."""
        self._told += 1
        self._everything = self._told

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        """What is read inside may be overtaken."""
        self._readings += 1
        try:
            yield Reader(self, self._told)
        finally:
            self._readings -= 1
            if not self._readings:
                self._changed.clear()

    def has_overtaken(self, began: int, read: Iterable[Change]) -> bool:
        """Whether one of these has changed since then."""
        if self._everything > began:
            return True
        return any(self._changed.get(change, 0) > began for change in read)


class Reader:
    """One reading."""

    def __init__(self, overtaking: Overtaking, began: int) -> None:
        self._overtaking = overtaking
        self._began = began

    def was_overtaken(self, read: Iterable[Change]) -> bool:
        """Whether one of these, which were read, may have been read before it changed."""
        return self._overtaking.has_overtaken(self._began, read)
