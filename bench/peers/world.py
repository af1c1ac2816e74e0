"""The world that all engines are asked about. The same numbers make the same world, anywhere.

100 databases of 5 schemas of 20 tables. Roles in three levels (10, 30 and 60 of a hundred), each
below the first inheriting from one or two of the level above, with ten grants each: 80 of a hundred
on a table, 15 on a schema, 5 on a database, few on everything; 12 of a hundred are ALL. A user has
five roles and two direct grants. Questions come from users as Zipf has it, so some ask often; half
are allowed, and half of the others are near misses.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

PRIVILEGES = (
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
    "ALTER_TABLE",
)
DATABASES, SCHEMAS, TABLES = 100, 5, 20


class Grant(NamedTuple):
    """A privilege on everything, a database, a schema or a table; "" for a part not named."""

    privilege: str
    database: str = ""
    schema: str = ""
    table: str = ""


class Question(NamedTuple):
    """May this user do that on this table? ``allowed`` is the right answer."""

    user: int
    privilege: str
    database: str
    schema: str
    table: str
    allowed: bool


@dataclass(frozen=True)
class Size:
    """How large a world is."""

    users: int
    roles: int
    questions: int = 200_000


class World:
    """Roles at once, users when asked for: a million of them would leave no room to measure."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._random = Random(20261129)
        first, second = size.roles // 10, size.roles * 4 // 10
        self.parents: list[tuple[int, ...]] = []
        self.role_grants: list[list[Grant]] = []
        for role in range(size.roles):
            above = range(first) if role < second else range(first, second)
            count = 0 if role < first else self._random.choice((1, 1, 2))
            self.parents.append(tuple(sorted(set(self._random.choices(above, k=count)))))
            self.role_grants.append([_grant(self._random) for _ in range(10)])

    def user(self, number: int) -> tuple[tuple[int, ...], list[Grant]]:
        """The roles of a user, and the direct grants."""
        random = Random(number * 7919 + 1)
        roles = tuple(sorted({random.randrange(self.size.roles) for _ in range(5)}))
        return roles, [_grant(random), _grant(random)]

    def users(self) -> Iterator[tuple[int, tuple[int, ...], list[Grant]]]:
        """All users, in order."""
        for number in range(self.size.users):
            yield number, *self.user(number)

    def heirlooms(self, role: int) -> list[int]:
        """The role and all that it inherits from."""
        found = dict.fromkeys([role])
        waiting = [role]
        for one in waiting:
            for parent in self.parents[one]:
                if parent not in found:
                    found[parent] = None
                    waiting.append(parent)
        return waiting

    def holdings(self, number: int) -> set[Grant]:
        """All grants that a user has, directly or by roles."""
        roles, grants = self.user(number)
        inherited = {one for role in roles for one in self.heirlooms(role)}
        return {*grants, *(grant for role in inherited for grant in self.role_grants[role])}

    def questions(self) -> list[Question]:
        """As many as the size says, in the order in which they are asked."""
        random = Random(2)
        asking = _zipf(random, self.size.users, 1.1, self.size.questions)
        known: dict[int, _WorkingSet] = {}
        shares = list(itertools.accumulate(1 / rank for rank in range(1, 41)))
        asked = []
        for place in asking:
            # The users who ask often are spread over all numbers.
            user = place * 7_368_787 % self.size.users
            if user not in known:
                known[user] = _WorkingSet(user, self.holdings(user))
            rank = bisect.bisect(shares, random.random() * shares[-1])
            asked.append(known[user].question(rank))
        return asked


class _WorkingSet:
    """What one user asks about, made as far as it is wanted: half of it allowed."""

    def __init__(self, user: int, held: set[Grant]) -> None:
        self._user = user
        self._random = Random(user * 104_729 + 3)
        self._held = held
        self._choices = sorted(held)
        self._made: list[Question] = []

    def question(self, rank: int) -> Question:
        """The question that comes at this rank."""
        while len(self._made) <= rank:
            self._made.append(self._another())
        return self._made[rank]

    def _another(self) -> Question:
        random = self._random
        kind = random.choice(("yes", "yes", "near", "any"))
        # Whoever holds ALL on everything is never refused: then the last try will do.
        for _ in range(20):
            door = _inside(random, random.choice(self._choices))
            if kind == "near" and random.random() < 0.5:
                door = door._replace(privilege=random.choice(PRIVILEGES))
            elif kind == "near":
                door = door._replace(table=f"table{random.randrange(TABLES)}")
            elif kind == "any":
                door = _inside(random, Grant("ALL"))
            allowed = covered(self._held, door)
            if allowed == (kind == "yes"):
                break
        return Question(self._user, *door, allowed)


def covered(held: set[Grant], door: Grant) -> bool:
    """Whether one of the grants covers this table."""
    _, database, schema, table = door
    places = (("", "", ""), (database, "", ""), (database, schema, ""), (database, schema, table))
    # A plain tuple is equal to a Grant of the same parts.
    return any((kind, *place) in held for kind in (door.privilege, "ALL") for place in places)


def _grant(random: Random) -> Grant:
    privilege = "ALL" if random.random() < 0.12 else random.choice(PRIVILEGES)
    where = random.random()
    place = (
        f"database{random.randrange(DATABASES)}",
        f"schema{random.randrange(SCHEMAS)}",
        f"table{random.randrange(TABLES)}",
    )
    named = 3 if where < 0.8 else 2 if where < 0.95 else 1 if where < 0.9997 else 0
    return Grant(privilege, *place[:named])


def _inside(random: Random, grant: Grant) -> Grant:
    """A table that the grant covers."""
    privilege = random.choice(PRIVILEGES) if grant.privilege == "ALL" else grant.privilege
    return Grant(
        privilege,
        grant.database or f"database{random.randrange(DATABASES)}",
        grant.schema or f"schema{random.randrange(SCHEMAS)}",
        grant.table or f"table{random.randrange(TABLES)}",
    )


def _zipf(random: Random, many: int, exponent: float, count: int) -> Sequence[int]:
    weights = itertools.accumulate(1 / rank**exponent for rank in range(1, many + 1))
    return random.choices(range(many), cum_weights=list(weights), k=count)
