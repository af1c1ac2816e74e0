"""Decisions kept as such, for as long as nothing changes."""

import threading
from collections.abc import Iterator

from tenantry.letting_go import emptied

Question = tuple[object, ...]


class Epoch:
    """The time between two changes. Its yes and no are its own, and mean nothing in another.

    So a change makes all kept decisions void by being there; none has to be removed.
    """

    __slots__ = ("no", "yes")

    def __init__(self) -> None:
        self.yes = object()
        self.no = object()


class Cache:
    """Up to ``size`` decisions: the recent ones, and behind them those from before.

    When there are enough recent ones, they become those from before, and what was before leaves:
    a few with each that comes, because freeing tens of thousands at once is a pause for all.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._half = max(1, size // 2)
        self.recent: dict[Question, object] = {}
        self._before: dict[Question, object] = {}
        self._leaving: dict[Question, object] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.recent) + len(self._before) + len(self._leaving)

    def steps(self) -> Iterator[None]:
        """Give up all, one by one."""
        return emptied(self._leaving, self._before, self.recent)

    def find_older(self, question: Question) -> object | None:
        """The decision, if it is one from before; from now on it is a recent one."""
        answer = self._before.get(question)
        if answer is not None:
            self.put(question, answer)
        return answer

    def put(self, question: Question, answer: object) -> None:
        """Keep a decision, said in its epoch's yes or no."""
        with self._lock:
            if len(self.recent) >= self._half:
                self._leaving, self._before, self.recent = self._before, self.recent, {}
            for _ in range(min(2, len(self._leaving))):
                self._leaving.popitem()
            self.recent[question] = answer
