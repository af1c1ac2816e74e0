"""The engine: may this user do that there, now?

A user is a row of numbers, a door a dictionary of the numbers that open it, made when it is
first asked about. A check is then: does one of the user's numbers open the door? Nothing here
waits for anything. Many threads may ask while others change.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tenantry.decisions.cache import Cache, Epoch
from tenantry.decisions.effective import Doorkeeper, Effect, Effective, compare, effective
from tenantry.decisions.explain import Explanation, explain
from tenantry.decisions.facts import RoleFacts, TenantFacts, UserFacts
from tenantry.decisions.gates import Doors, Gates
from tenantry.decisions.numbers import Numbers
from tenantry.decisions.users import Users
from tenantry.decisions.world import World
from tenantry.privileges.model import DatabaseObject, Privilege, object_named

Reach = dict[str | None, Doors]
"""The databases that users of a tenant have come to, as far as was asked."""


class Figures(NamedTuple):
    """How much is kept at the moment."""

    users: int
    roles: int
    gates: int
    numbers_in_gates: int
    decisions: int


class Decisions:
    """What there is to know for decisions, and the decisions.

    ``most_users`` and ``most_numbers`` (in compiled gates) bound the memory; who is not known is
    allowed nothing: where an answer is no, ask ``knows`` before you believe it. ``cached`` is how
    many decisions are kept as such; 0: none.
    """

    def __init__(
        self, *, most_users: int = 2_000_000, most_numbers: int = 20_000_000, cached: int = 0
    ) -> None:
        self.world = World(Numbers())
        self._gates = Gates(most_numbers)
        self._users = Users(self.world, self._gates, most_users)
        self._most_databases = max(1000, most_numbers // 100)
        self._reach: dict[int, Reach] = {}
        self._common: Reach = {}
        self._epoch = Epoch()
        self._cache: Cache | None = None
        self.keep(cached)
        # Held by whoever changes anything, and by checks that must look closer.
        self._lock = threading.Lock()

    def check(
        self,
        user_id: UUID,
        privilege: Privilege | None,
        database: str | None = None,
        schema: str | None = None,
        table: str | None = None,
        *,
        now: datetime,
    ) -> bool:
        """Whether the user has the privilege on the object now.

        None asks whether there is any privilege on the object or beneath it.
        """
        epoch = self._epoch
        cache = self._cache
        if cache is not None:
            key = (user_id.int, privilege, database, schema, table)
            found = cache.recent.get(key) or cache.find_older(key)
            if found is epoch.yes:
                return True
            if found is epoch.no:
                return False
        try:
            user = self._users.recent[user_id.int]
            gate = self._reach[user[-1]][database].gates[privilege, schema, table]
        except KeyError:
            return self._look_closer(user_id, privilege, database, schema, table, now)
        allowed = not gate.keys().isdisjoint(user)
        # User and gate must be of one moment: else a right could seem to be there that two
        # changes, one after the other, never let anybody have.
        if self._epoch is not epoch:
            return self._look_closer(user_id, privilege, database, schema, table, now)
        if cache is not None:
            cache.put(key, epoch.yes if allowed else epoch.no)
        return allowed

    def figures(self) -> Figures:
        """How much is kept at the moment."""
        kept = len(self._cache) if self._cache is not None else 0
        roles, gates = len(self.world.roles), len(self._gates)
        return Figures(len(self._users), roles, gates, self._gates.weight, kept)

    def keep(self, decisions: int) -> None:
        """Keep up to so many decisions as such from now on; 0: none."""
        self._cache = Cache(decisions) if decisions else None

    def has_database_access(self, user_id: UUID, database: str, *, now: datetime) -> bool:
        """Whether the user has any privilege on the database or on something in it."""
        return self.check(user_id, None, database, now=now)

    def knows(self, user_id: UUID) -> bool:
        """Whether the user's facts are here. If not, fetch and ``load`` them."""
        return self._users.knows(user_id.int)

    def explain(
        self, user: UserFacts | None, privilege: Privilege, thing: DatabaseObject, *, now: datetime
    ) -> Explanation:
        """What ``check`` would say of a user with these facts, and why."""
        with self._lock:
            return explain(self.world, user, privilege, thing, now)

    def effective(self, user: UserFacts, *, now: datetime) -> list[Effective]:
        """All that a user with these facts may do now, and by which paths."""
        with self._lock:
            return effective(Doorkeeper(self.world, now), user)

    def what_if(
        self,
        role_id: UUID,
        changed: RoleFacts | None,
        users: Sequence[UserFacts],
        *,
        now: datetime,
    ) -> list[Effect]:
        """Who of these gains or loses what if the role were so; None: if there were no such role.

        It works on a copy of what concerns them, so that checks need not wait for it.
        """
        concerned = {role for user in users for role in user.role_ids} | {role_id}
        if changed is not None:
            concerned |= changed.parent_ids
        with self._lock:
            before, after = self.world.part(concerned), self.world.part(concerned)
        if changed is None:
            after.drop_role(role_id)
        else:
            after.put_role(changed)
        return list(compare(Doorkeeper(before, now), Doorkeeper(after, now), users))

    def load(self, users: Iterable[UserFacts], *, now: datetime) -> None:
        """Take in users who are not known; those who are stay as they are."""
        for user in users:
            with self._lock:
                if not self._users.knows(user.id.int):
                    self._users.put(user, now)

    def forget(self) -> Iterator[None]:
        """Know nothing any more, at once.

        What was known is freed by the steps of the result: at once it would be a pause for all.
        """
        with self._changing():
            users, gates, world, cache = self._users, self._gates, self.world, self._cache
            self.world = world.emptied()
            self._gates = Gates(gates.most)
            self._users = Users(self.world, self._gates, users.most)
            self._cache = Cache(cache.size) if cache is not None else None
            self._forget_walls()
        kept = cache.steps() if cache is not None else ()
        return itertools.chain(users.steps(), gates.steps(), kept, world.steps())

    def put_user(self, user: UserFacts, *, now: datetime) -> None:
        """Add or replace a user."""
        with self._changing():
            self._users.put(user, now)

    def drop_user(self, user_id: UUID) -> None:
        """Forget a user: because there is none any more, or because the facts have changed."""
        with self._changing():
            self._users.drop(user_id.int)

    def put_role(self, role: RoleFacts) -> None:
        """Add or replace a role, however many users hold it."""
        with self._changing():
            self._gates.drop(self.world.put_role(role))

    def drop_role(self, role_id: UUID) -> None:
        """Forget a role."""
        with self._changing():
            self._gates.drop(self.world.drop_role(role_id))

    def put_tenant(self, tenant: TenantFacts) -> None:
        """Add or replace a tenant."""
        with self._changing():
            self.world.put_tenant(tenant)
            self._forget_walls()

    def drop_tenant(self, tenant_id: UUID) -> None:
        """Forget a tenant: users of it are allowed nothing."""
        with self._changing():
            self.world.drop_tenant(tenant_id)
            self._forget_walls()

    def put_database(self, database: str, tenant_id: UUID | None) -> None:
        """Say which tenant the database belongs to; None: to none."""
        with self._changing():
            self.world.put_database(database, tenant_id)
            self._gates.drop({database})
            self._forget_walls()

    def drop_database(self, database: str) -> None:
        """Say that the database belongs to no tenant any more."""
        self.put_database(database, None)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One step: who asks meanwhile is answered as before it or as after it.

        The epoch ends with the step. What was decided in its course is void, and who has looked
        at one thing before the end and at another after it looks again.
        """
        with self._lock:
            try:
                yield
            finally:
                self._epoch = Epoch()

    def _forget_walls(self) -> None:
        self._reach = {}
        self._common = {}

    def _look_closer(
        self,
        user_id: UUID,
        privilege: Privilege | None,
        database: str | None,
        schema: str | None,
        table: str | None,
        now: datetime,
    ) -> bool:
        """The check where something is timed, shut, changing, or not compiled yet."""
        thing = object_named(database, schema, table)
        with self._lock:
            user = self._users.at(user_id.int, now)
            if user is None or not self.world.lets_in(user[-1], database):
                return False
            doors = self._reach_of(user[-1], database)
            key = (privilege, schema, table)
            gate = doors.gates.get(key)
            if gate is None:
                known = doors.timed.get(key)
                if known is not None and known[1].holds_at(now):
                    gate = known[0]
                else:
                    opening = self.world.opening(privilege, thing, now)
                    gate = self.world.numbers.add_known(opening.roles, opening.rights)
                    self._gates.put(doors, key, gate, opening.window)
            return not gate.keys().isdisjoint(user)

    def _reach_of(self, tenant: int, database: str | None) -> Doors:
        """The doors of a database that the tenant's users are let in to."""
        if self._gates.databases > self._most_databases:
            self._gates.forget_all()
            self._forget_walls()
        reach = self._reach.get(tenant)
        if reach is None:
            # Tenants without a wall come to the same databases.
            reach = {} if self.world.tenants[tenant].isolated else self._common
            self._reach[tenant] = reach
        return reach.setdefault(database, self._gates.doors(database))
