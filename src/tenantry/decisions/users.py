"""Users as tuples of numbers, kept within a bound."""

from datetime import datetime

from tenantry.decisions.facts import UserFacts
from tenantry.decisions.numbers import SHUT_OUT, TIMED
from tenantry.decisions.standing import standing
from tenantry.decisions.window import ALWAYS, Window
from tenantry.decisions.world import Touched, World

Packed = tuple[int, ...]
"""The number of the user's tenant, then those of roles and of rights held directly."""

LOCKED_OUT: Packed = (SHUT_OUT,)
LOOK_CLOSER: Packed = (TIMED,)


def pack(world: World, user: UserFacts, now: datetime) -> tuple[Packed, Window]:
    """The user as of now, and for how long that is so."""
    now_having = standing(world, user, now)
    if not now_having.active:
        return LOCKED_OUT, now_having.window
    rights = [world.number(right)[0] for right in now_having.rights]
    return (now_having.tenant, *now_having.roles, *rights), now_having.window


class Users:
    """The users that are known, up to ``most``; those not asked about for long go first.

    All are among the ``recent`` until there are too many; then all become the others. Who is asked
    about returns from there, and each that comes anew pushes out one who has not.
    """

    def __init__(self, world: World, most: int) -> None:
        self._world = world
        self._most = max(2, most)
        self.recent: dict[int, Packed] = {}
        self._others: dict[int, Packed] = {}
        self._timed: dict[int, tuple[UserFacts, Packed, Window]] = {}

    def __len__(self) -> int:
        return len(self.recent) + len(self._others)

    def knows(self, id: int) -> bool:
        """Whether the user is here."""
        return id in self.recent or id in self._others

    def give_numbers(self, user: UserFacts) -> Touched:
        """Number the user's rights; what is returned are databases whose doors are made anew."""
        touched: set[str] = set()
        for grant in user.grants:
            _, also = self._world.number(self._world.of_grant(grant))
            if also is None:
                return None
            touched |= also
        return frozenset(touched)

    def put(self, user: UserFacts, now: datetime) -> None:
        """Add or replace a user whose rights have numbers."""
        packed, window = pack(self._world, user, now)
        self.drop(user.id.int)
        if window != ALWAYS:
            self._timed[user.id.int] = user, packed, window
            packed = LOOK_CLOSER
        self._add(user.id.int, packed)

    def drop(self, id: int) -> None:
        """Forget a user."""
        self.recent.pop(id, None)
        self._others.pop(id, None)
        self._timed.pop(id, None)

    def at(self, id: int, now: datetime) -> Packed | None:
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
            packed, window = pack(self._world, user, now)
            self._timed[id] = user, packed, window
        return packed

    def _add(self, id: int, packed: Packed) -> None:
        if len(self) >= self._most:
            if not self._others:
                self.recent, self._others = {}, self.recent
            gone, _ = self._others.popitem()
            self._timed.pop(gone, None)
        self.recent[id] = packed
