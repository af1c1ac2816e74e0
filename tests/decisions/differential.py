"""Compares the engine with the naive model on random worlds that change while they are asked.

``python -m tests.decisions.differential --worlds 100000`` does so for many; a few are part of the
tests. Each world is made from its number alone, so a difference can be looked at again with
``--first N --worlds 1``.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from tenantry.decisions.effective import Effective
from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.privileges.model import DatabaseObject, Privilege
from tests.decisions import naive
from tests.decisions.naive import NaiveWorld

START = datetime(2026, 1, 1, tzinfo=UTC)
TENANTS = [UUID(int=100 + n) for n in range(3)]
ROLES = [UUID(int=200 + n) for n in range(5)]
USERS = [UUID(int=300 + n) for n in range(4)]
DATABASES = ["sales", "stock", "staff", "common"]
PRIVILEGES = [Privilege.SELECT, Privilege.INSERT, Privilege.CREATE_TABLE, Privilege.ALL]
OBJECTS = [
    DatabaseObject(),
    *(DatabaseObject(database) for database in DATABASES),
    *(DatabaseObject(database, schema) for database in DATABASES for schema in ("public", "old")),
    *(
        DatabaseObject(database, schema, table)
        for database in DATABASES
        for schema in ("public", "old")
        for table in ("a", "b")
    ),
]
EDITS, QUESTIONS = 12, 8


class Difference(AssertionError):
    """The engine and the naive model do not say the same."""


class Pair:
    """One world in the naive model and in engines that keep much, little, and decisions too."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = START
        # What depends on the time goes another way, so in every other world nothing does.
        self.timed = seed % 2 == 0
        self.world = NaiveWorld()
        self.engines = {
            "plain": Decisions(),
            "cached": Decisions(cached=1000),
            "small": Decisions(most_users=2, most_numbers=30, cached=4),
        }

    def run(self) -> None:
        """Fill the world, then change it and ask, in turns."""
        for tenant_id in TENANTS:
            self._put_tenant(tenant_id)
        for _ in range(self.random.randint(3, EDITS)):
            self._edit()
        for user_id in USERS:
            self._put_user(user_id)
        for _ in range(EDITS):
            for _ in range(QUESTIONS):
                self._ask()
            self._edit()
            if self.random.random() < 0.3:
                self.now += timedelta(hours=self.random.randint(-2, 3))
        self._ask_for_explanations()
        self._compare_lists()
        self._try_a_change()

    # Making worlds

    def _edit(self) -> None:
        self.random.choice(
            [
                self._put_role,
                self._put_role,
                self._put_role,
                self._drop_role,
                lambda: self._put_tenant(self.random.choice(TENANTS)),
                self._put_database,
                lambda: self._put_user(self.random.choice(USERS)),
                self._drop_user,
            ]
        )()

    def _put_role(self) -> None:
        role = self._random_role()
        self.world.roles[role.id] = role
        self._tell(lambda engine: engine.put_role(role))

    def _drop_role(self) -> None:
        role_id = self.random.choice(ROLES)
        self.world.roles.pop(role_id, None)
        self._tell(lambda engine: engine.drop_role(role_id))

    def _put_tenant(self, tenant_id: UUID) -> None:
        if self._chance(0.05):
            self.world.tenants.pop(tenant_id, None)
            self._tell(lambda engine: engine.drop_tenant(tenant_id))
            return
        tenant = TenantFacts(tenant_id, active=self._chance(0.9), isolated=self._chance(0.3))
        self.world.tenants[tenant_id] = tenant
        self._tell(lambda engine: engine.put_tenant(tenant))

    def _put_database(self) -> None:
        database = self.random.choice(DATABASES[:3])
        if self._chance(0.2):
            self.world.databases.pop(database, None)
            self._tell(lambda engine: engine.drop_database(database))
            return
        tenant_id = self.random.choice(TENANTS)
        self.world.databases[database] = tenant_id
        self._tell(lambda engine: engine.put_database(database, tenant_id))

    def _put_user(self, user_id: UUID) -> None:
        user = UserFacts(
            id=user_id,
            tenant_id=self.random.choice(TENANTS),
            active=self._chance(0.9),
            active_from=self._moment() if self._sometimes() else None,
            active_until=self._moment() if self._sometimes() else None,
            role_ids=frozenset(self.random.sample(ROLES, self.random.randint(0, 3))),
            grants=self._random_grants(),
        )
        self.world.users[user_id] = user
        self._tell(lambda engine: engine.put_user(user, now=self.now))

    def _drop_user(self) -> None:
        user_id = self.random.choice(USERS)
        self.world.users.pop(user_id, None)
        self._tell(lambda engine: engine.drop_user(user_id))

    def _random_role(self) -> RoleFacts:
        databases = None
        if self._chance(0.6):
            databases = frozenset(self.random.sample(DATABASES, self.random.randint(1, 2)))
        return RoleFacts(
            id=self.random.choice(ROLES),
            tenant_id=self.random.choice([None, None, *TENANTS]),
            privileges=frozenset(self.random.sample(PRIVILEGES, self.random.choice([0, 1, 1, 2]))),
            databases=databases,
            parent_ids=frozenset(self.random.sample(ROLES, self.random.choice([0, 0, 1, 2]))),
            grants=self._random_grants(),
        )

    def _random_grants(self) -> tuple[GrantFacts, ...]:
        count = self.random.choice([0, 1, 2, 3])
        grants = []
        for _ in range(count):
            first, last = sorted([self._moment(), self._moment() + timedelta(seconds=1)])
            grants.append(
                GrantFacts(
                    id=UUID(int=self.random.getrandbits(100)),
                    privilege=self.random.choice(PRIVILEGES),
                    object=self._random_object(),
                    within_id=self.random.choice(TENANTS) if self._chance(0.3) else None,
                    valid_from=first if self._sometimes() else None,
                    valid_until=last if self._sometimes() else None,
                )
            )
        return tuple(grants)

    def _random_object(self) -> DatabaseObject:
        """As often wide as narrow, or nearly all would be tables that nobody asks about."""
        table = OBJECTS[-1 - self.random.randrange(16)]
        names = (table.database, table.schema, table.table)
        return DatabaseObject(*names[: self.random.randint(0, 3)])

    def _moment(self) -> datetime:
        return START + timedelta(hours=self.random.randint(-3, 12))

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _sometimes(self) -> bool:
        return self.timed and self._chance(0.15)

    def _tell(self, change: Callable[[Decisions], None]) -> None:
        for engine in self.engines.values():
            change(engine)

    # Comparing

    def _ask(self) -> None:
        user_id = self.random.choice(USERS)
        thing = self.random.choice(OBJECTS)
        privilege = self.random.choice(PRIVILEGES)
        schema = thing.schema
        if thing.table is not None and schema == "public" and self._chance(0.5):
            schema = None
        near = thing.database is not None and self._chance(0.2)
        if near and thing.database is not None:
            expected = naive.allows_any(self.world, user_id, thing.database, self.now)
        else:
            expected = naive.allows(self.world, user_id, privilege, thing, self.now)
        for name, engine in self.engines.items():
            user = self.world.users.get(user_id)
            if not engine.knows(user_id) and user is not None:
                engine.load([user], now=self.now)
            # Again, because what was found out the first time is then answered another way.
            for _ in range(2):
                if near and thing.database is not None:
                    said = engine.has_database_access(user_id, thing.database, now=self.now)
                else:
                    parts = (thing.database, schema, thing.table)
                    said = engine.check(user_id, privilege, *parts, now=self.now)
                if said != expected:
                    what = f"{name}: {user_id} {privilege} {thing.label()} {near=}"
                    self._same(said, expected, what)

    def _ask_for_explanations(self) -> None:
        engine = self.engines["plain"]
        for user_id in USERS:
            user = self.world.users.get(user_id)
            privilege, thing = self.random.choice(PRIVILEGES), self.random.choice(OBJECTS)
            expected = naive.allows(self.world, user_id, privilege, thing, self.now)
            told = engine.explain(user, privilege, thing, now=self.now)
            self._same(told.allowed, expected, f"explained: {user_id} {privilege} {thing.label()}")
            self._same(bool(told.paths), expected, f"paths: {user_id} {privilege} {thing.label()}")
            self._same(told.reason is None, expected, f"reason: {told.reason}")
            if user is None:
                continue
            for path in told.paths:
                self._follow(user, path.role_ids, path.grant)
            if told.remedy is not None:
                self._heed(user, privilege, thing, told.remedy.privilege, told.remedy.object)
                self._assign(user, privilege, thing, told.remedy.role_ids)

    def _follow(
        self, user: UserFacts, role_ids: tuple[UUID, ...], grant: GrantFacts | None
    ) -> None:
        """Each step of a path is a fact."""
        steps = [user.role_ids, *(self.world.roles[role_id].parent_ids for role_id in role_ids)]
        for role_id, holders in zip(role_ids, steps, strict=False):
            self._same(role_id in holders, True, f"{role_id} is not on the path")
        if grant is not None:
            grants = self.world.roles[role_ids[-1]].grants if role_ids else user.grants
            self._same(grant in grants, True, f"{grant} is not there")

    def _heed(
        self,
        user: UserFacts,
        privilege: Privilege,
        thing: DatabaseObject,
        given: Privilege,
        on: DatabaseObject,
    ) -> None:
        """With the grant that was said to help, it is allowed."""
        helped = dataclasses.replace(
            user, grants=(*user.grants, GrantFacts(UUID(int=1), given, on))
        )
        self._allowed(helped, privilege, thing)

    def _assign(
        self,
        user: UserFacts,
        privilege: Privilege,
        thing: DatabaseObject,
        role_ids: tuple[UUID, ...],
    ) -> None:
        """With each role that was said to help, it is allowed."""
        for role_id in role_ids:
            helped = dataclasses.replace(user, role_ids=user.role_ids | {role_id})
            self._allowed(helped, privilege, thing)

    def _allowed(self, user: UserFacts, privilege: Privilege, thing: DatabaseObject) -> None:
        world = dataclasses.replace(self.world, users={user.id: user})
        allowed = naive.allows(world, user.id, privilege, thing, self.now)
        self._same(allowed, True, f"the remedy for {user.id} {privilege} {thing.label()}")

    def _compare_lists(self) -> None:
        """What is listed is all that is allowed."""
        user = self.world.users.get(self.random.choice(USERS))
        if user is None:
            return
        listed = self.engines["plain"].effective(user, now=self.now)
        for thing in self.random.sample(OBJECTS, 8):
            privilege = self.random.choice(PRIVILEGES[:3])
            expected = naive.allows(self.world, user.id, privilege, thing, self.now)
            said = self._near(self.world, user.id, thing) and any(
                self._gives(self.world, one, privilege, thing) for one in listed
            )
            self._same(said, expected, f"listed: {user.id} {privilege} {thing.label()}")

    def _try_a_change(self) -> None:
        """What a changed role would give and take is the difference of two worlds."""
        role_id = self.random.choice(ROLES)
        changed = dataclasses.replace(self._random_role(), id=role_id)
        gone = self._chance(0.2)
        roles = {k: v for k, v in self.world.roles.items() if k != role_id}
        after = dataclasses.replace(
            self.world, roles=roles if gone else {**roles, role_id: changed}
        )
        users = list(self.world.users.values())
        engine = self.engines["plain"]
        effects = engine.what_if(role_id, None if gone else changed, users, now=self.now)
        by_user = {effect.user_id: effect for effect in effects}
        for user in users:
            effect = by_user.get(user.id)
            for thing in self.random.sample(OBJECTS, 5):
                privilege = self.random.choice(PRIVILEGES[:3])
                was = naive.allows(self.world, user.id, privilege, thing, self.now)
                will_be = naive.allows(after, user.id, privilege, thing, self.now)
                if was == will_be:
                    continue
                differing = (effect.gains if will_be else effect.losses) if effect else ()
                said = any(self._gives(after, one, privilege, thing) for one in differing)
                self._same(said, True, f"what if: {user.id} {privilege} {thing.label()}")
        for effect in effects:
            self._are_real(effect.user_id, effect.gains, self.world, after)
            self._are_real(effect.user_id, effect.losses, after, self.world)

    def _are_real(
        self, user_id: UUID, ones: tuple[Effective, ...], without: NaiveWorld, having: NaiveWorld
    ) -> None:
        for one in ones:
            if one.within_id is None:
                there = naive.allows(having, user_id, one.privilege, one.object, self.now)
                before = naive.allows(without, user_id, one.privilege, one.object, self.now)
                self._same((there, before), (True, False), f"{one.privilege} {one.object.label()}")

    def _near(self, world: NaiveWorld, user_id: UUID, thing: DatabaseObject) -> bool:
        return naive.may_come_near(world, user_id, thing.database, self.now)

    @staticmethod
    def _gives(
        world: NaiveWorld, one: Effective, privilege: Privilege, thing: DatabaseObject
    ) -> bool:
        if one.privilege is not privilege or not naive.contains(one.object, thing):
            return False
        owner = world.databases.get(thing.database) if thing.database is not None else None
        return one.within_id is None or one.within_id == owner

    def _same(self, said: object, expected: object, what: str) -> None:
        if said != expected:
            raise Difference(f"world {self.seed}: {what}: {said}, but {expected} is right")


def worlds(first: int, count: int) -> Iterator[int]:
    """Compare in these worlds; Difference for the first that has one."""
    for seed in range(first, first + count):
        Pair(seed).run()
        yield seed


def _run(part: tuple[int, int]) -> int:
    return sum(1 for _ in worlds(*part))


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.decisions.differential")
    parser.add_argument("--worlds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    step = 1000
    last = options.first + options.worlds
    parts = [(n, min(step, last - n)) for n in range(options.first, last, step)]
    began = time.monotonic()
    done = 0
    with ProcessPoolExecutor(options.processes) as pool:
        for count in pool.map(_run, parts):
            done += count
            if done % 10_000 == 0:
                print(f"{done:,} worlds agree", flush=True)
    print(f"{done:,} worlds, no difference, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
