"""Compiled doors: for each the numbers that open it, kept within a bound."""

from collections import deque
from collections.abc import Iterable, Iterator

from tenantry.decisions.window import Window
from tenantry.privileges.model import Privilege

Gate = dict[int, None]
"""The numbers that open a door. A dictionary of numbers is nothing that the garbage collector
follows; it would have to look through sets again and again."""
Key = tuple[Privilege | None, str | None, str | None]
"""A door of a database: privilege, schema and table as they were asked for."""

OVERHEAD = 8
"""What a gate weighs beside its numbers, in numbers."""


class Doors:
    """The compiled doors of one database: those that stay, and those that the time changes."""

    __slots__ = ("gates", "timed")

    def __init__(self) -> None:
        self.gates: dict[Key, Gate] = {}
        self.timed: dict[Key, tuple[Gate, Window]] = {}


class Gates:
    """The doors of all databases. ``most`` bounds how many numbers all gates hold together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._doors: dict[str | None, Doors] = {}
        # Every gate that was compiled, oldest first, with its weight. What is dropped stays in
        # here until its turn, so that no change has to free thousands of gates at once.
        self._line: deque[tuple[Doors, Key, Gate, int]] = deque()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._line)

    def doors(self, database: str | None) -> Doors:
        """The doors of a database. They stay the same object until ``forget_all``."""
        return self._doors.setdefault(database, Doors())

    def put(self, doors: Doors, key: Key, gate: Gate, window: Window) -> None:
        """Keep a gate; the oldest go where there are too many."""
        if window == (None, None):
            doors.gates[key] = gate
        else:
            doors.timed[key] = gate, window
        weight = len(gate) + OVERHEAD
        self._line.append((doors, key, gate, weight))
        self.weight += weight
        # Two go where one comes, if they are stale, so that garbage becomes less over time.
        for _ in range(2):
            if self._line and not self._is_in_use(self._line[0]):
                self._free_oldest()
        while self.weight > self.most and len(self._line) > 1:
            self._free_oldest()

    def drop(self, databases: Iterable[str] | None) -> None:
        """Shut the doors of these databases until they are asked about again; None: of all."""
        names: Iterable[str | None] = self._doors if databases is None else databases
        for name in names:
            doors = self._doors.get(name)
            if doors is not None:
                doors.gates, doors.timed = {}, {}

    def forget_all(self) -> None:
        """Give up even the doors' objects; whoever refers to them must forget them, too."""
        self._doors = {}

    def steps(self) -> Iterator[None]:
        """Give up all, one by one."""
        while self._line:
            self._free_oldest()
            yield

    @property
    def databases(self) -> int:
        """Of how many databases there are doors."""
        return len(self._doors)

    def _free_oldest(self) -> None:
        doors, key, gate, weight = self._line.popleft()
        self.weight -= weight
        if doors.gates.get(key) is gate:
            del doors.gates[key]
        if key in doors.timed and doors.timed[key][0] is gate:
            del doors.timed[key]

    @staticmethod
    def _is_in_use(entry: tuple[Doors, Key, Gate, int]) -> bool:
        doors, key, gate, _ = entry
        return doors.gates.get(key) is gate or (key in doors.timed and doors.timed[key][0] is gate)
