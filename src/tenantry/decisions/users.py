"""Users as rows of numbers, kept within a bound."""

from array import array
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

from tenantry.decisions.facts import UserFacts
from tenantry.decisions.gates import Gates
from tenantry.decisions.numbers import SHUT_OUT, TIMED
from tenantry.decisions.standing import standing
from tenantry.decisions.window import ALWAYS, Window
from tenantry.decisions.world import Touched, World
from tenantry.letting_go import emptied

Packed: TypeAlias = "array[int]"
"""The numbers of the user's roles, of rights held directly, and of the tenant, which opens nothing.

So what opens doors is tried first. An array is nothing that the garbage collector follows. With one
tuple that is new among a million, it would go through the dictionary of all, within some check.
"""


def _row(numbers: Iterable[int]) -> Packed:
    return array("i", numbers)


LOCKED_OUT = _row([SHUT_OUT])
LOOK_CLOSER = _row([TIMED])


def pack(world: World, user: UserFacts, now: datetime) -> tuple[Packed, Window, Touched]:
    """The user as of now, and for how long that is so.

    Rights that nobody had directly before get a number; that touches doors, which do not know it.
    """
    having = standing(world, user, now)
    touched: Touched = frozenset()
    numbers = list(having.roles)
    for right in having.rights:
        number = world.numbers.find(right)
        if number is None:
            number, also = world.number(right)
            touched = None if touched is None or also is None else touched | also
        numbers.append(number)
    packed = _row((*numbers, having.tenant)) if having.active else LOCKED_OUT
    return packed, having.window, touched


class Users:
    """The users that are known, up to ``most``; those not asked about for long go first.

    All are among the ``recent`` until there are too many; then all become the others. Who is asked
    about returns from there, and each that comes anew pushes out one who has not.
    """

    def __init__(self, world: World, gates: Gates, most: int) -> None:
        self._world = world
        self._gates = gates
        self.most = max(2, most)
        self.recent: dict[int, Packed] = {}
        self._others: dict[int, Packed] = {}
        self._timed: dict[int, tuple[UserFacts, Packed, Window]] = {}

    def __len__(self) -> int:
        return len(self.recent) + len(self._others)

    def knows(self, id: int) -> bool:
        """Whether the user is here."""
        return id in self.recent or id in self._others

    def put(self, user: UserFacts, now: datetime) -> None:
        """Add or replace a user."""
        packed, window = self._prepared(user, now)
        id = user.id.int
        self.drop(id)
        if window != ALWAYS:
            self._timed[id] = user, packed, window
            packed = LOOK_CLOSER
        self._add(id, packed)

    def steps(self) -> Iterator[None]:
        """Give up all, one by one."""
        return emptied(self.recent, self._others, self._timed)

    def drop(self, id: int) -> None:
        """Forget a user."""
        self.recent.pop(id, None)
        self._others.pop(id, None)
        self._timed.pop(id, None)

    def at(self, id: int, now: datetime) -> "Packed | None":
        """The user as of now; None for one not known."""
        packed = self.recent.get(id)
        if packed is None:
            packed = self._others.pop(id, None)
            if packed is None:
                return None
            self._add(id, packed)
        if packed is not LOOK_CLOSER:
            return packed
        user, packed, window = self._timed[id]
        if not window.holds_at(now):
            packed, window = self._prepared(user, now)
            self._timed[id] = user, packed, window
        return packed

    def _prepared(self, user: UserFacts, now: datetime) -> tuple[Packed, Window]:
        """The user as of now, when doors that do not know a right of the user yet are gone."""
        packed, window, touched = pack(self._world, user, now)
        self._gates.drop(touched)
        return packed, window

    def _add(self, id: int, packed: Packed) -> None:
        if len(self) >= self.most:
            if not self._others:
                self.recent, self._others = {}, self.recent
            gone, _ = self._others.popitem()
            self._timed.pop(gone, None)
        self.recent[id] = packed
