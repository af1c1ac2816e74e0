"""Answers of has_permission() that a client keeps for a moment, where somebody asks for that."""

import time
from collections.abc import Callable

Key = tuple[str | None, ...]


class DecisionCache:
    """At most so many answers, each for so many seconds. For ``Client(decision_cache=...)``.

    An answer may then be older than the server's own by these seconds: a right that somebody
    else takes away is still there for as long. What this client itself changes counts at once,
    and so does a question with ``at_least`` or ``consistency``, which is never answered from here.
    """

    def __init__(
        self,
        *,
        seconds: float = 1.0,
        most: int = 10_000,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        if seconds <= 0 or most < 1:
            raise ValueError("A cache holds at least one answer, for some time.")
        self._seconds = seconds
        self._most = most
        self._elapsed = elapsed
        self._kept: dict[Key, tuple[bool, float]] = {}
        self.generation = 0
        """Rises whenever all is forgotten."""

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key) -> bool | None:
        """The answer, if it is here and not too old."""
        found = self._kept.get(key)
        if found is None or self._elapsed() >= found[1]:
            return None
        return found[0]

    def keep(self, key: Key, *, answer: bool, asked_at: float, generation: int) -> None:
        """Keep an answer from when it was asked for, unless all was forgotten since."""
        if generation != self.generation:
            return
        self._kept.pop(key, None)
        while len(self._kept) >= self._most:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key] = answer, asked_at + self._seconds

    def now(self) -> float:
        """The clock that answers are dated by."""
        return self._elapsed()

    def forget(self) -> None:
        """Keep nothing, and nothing that is being asked for now."""
        self._kept.clear()
        self.generation += 1
