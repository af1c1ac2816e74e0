"""What decides on access, kept in memory for those who are asked about, and renewed as it changes.

Memory is filled by readings of the database. A change that comes in while one is under way makes
what was read worthless where it touches it; then it is read again. So nothing that is kept here is
older than the last change that the feed has told of.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from tenantry.changes.model import Change, ChangeKind
from tenantry.changes.overtaking import Overtaking
from tenantry.checks import queries
from tenantry.checks.names import Names
from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import RoleFacts, TenantFacts
from tenantry.errors import ConnectionError
from tenantry.grants.loading import Loaded, load
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Row, Transaction
from tenantry.letting_go import emptied, little_by_little
from tenantry.users.model import is_uuid
from tenantry.users.names import fold, login_key

BATCH = 1000
"""So many users are read at once."""
ATTEMPTS = 20
"""So often a reading that was overtaken is begun again; a busy moment has passed by then."""


_TOO_FAST = "What decides on access changes faster than it can be read."


@dataclass(slots=True)
class Held:
    """One generation of memory."""

    engine: Decisions
    names: Names
    homes: dict[UUID, UUID] = field(default_factory=dict)
    """The tenant of each user."""
    roles: dict[UUID, RoleFacts] = field(default_factory=dict)
    tenants: dict[UUID, TenantFacts] = field(default_factory=dict)
    owners: dict[str, UUID] = field(default_factory=dict)
    owned: dict[UUID, set[str]] = field(default_factory=dict)
    complete: bool = False
    """Whether all tenants and the owners of all databases are here."""
    filled: int = 0
    """Rises with everything that is put in."""

    def steps(self) -> Iterator[None]:
        """Give up all, one by one; only the engine is used further."""
        yield from self.names.steps()
        yield from emptied(self.homes, self.roles, self.tenants, self.owners, self.owned)

    def drop_user(self, user_id: UUID) -> tuple[str, ...]:
        """Forget a user, and the names that were typed for it; which they were."""
        if self.homes.pop(user_id, None) is None:
            return ()
        self.engine.drop_user(user_id)
        return self.names.drop(user_id)

    def put_tenants(self, tenants: Mapping[UUID, TenantFacts]) -> None:
        """Put in what is not so already."""
        for tenant_id, tenant in tenants.items():
            if self.tenants.get(tenant_id) != tenant:
                self.engine.put_tenant(tenant)
                self.tenants[tenant_id] = tenant

    def put_owned(self, tenant_id: UUID, databases: Set[str]) -> None:
        """Say that a tenant owns these databases and no others."""
        before = self.owned.pop(tenant_id, set())
        for database in before - databases:
            del self.owners[database]
            self.engine.drop_database(database)
        for database in databases - before:
            if (other := self.owners.get(database)) is not None:
                self.owned[other].discard(database)
            self.owners[database] = tenant_id
            self.engine.put_database(database, tenant_id)
        if databases:
            self.owned[tenant_id] = set(databases)


class Resident:
    """The memory; a keeper of the feed. ``held`` may be asked by any thread."""

    def __init__(self, *, clock: Clock, most_users: int, cached: int) -> None:
        self._clock = clock
        self._most_users = most_users
        self._overtaking = Overtaking()
        self._completing = asyncio.Lock()
        engine = Decisions(most_users=most_users, cached=cached)
        self.held = Held(engine, Names(2 * most_users))

    def let_go(self) -> None:
        """Begin with nothing; what there was is freed in the background."""
        self._overtaking.tell_of_everything()
        old = self.held
        self.held = Held(old.engine, Names(2 * self._most_users))
        little_by_little(chain(old.engine.forget(), old.steps()))

    def concerned(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Changes of what is kept; what is being read and has changed will be read again."""
        self._overtaking.tell(changes)
        held = self.held
        kept: dict[ChangeKind, Callable[[UUID], bool]] = {
            ChangeKind.USER: held.homes.__contains__,
            ChangeKind.ROLE: held.roles.__contains__,
            ChangeKind.TENANT: lambda _: held.complete,
            ChangeKind.SESSION: lambda _: False,
        }
        return [change for change in changes if kept[change.kind](change.subject_id)]

    def drop(self, changes: Sequence[Change]) -> None:
        """Let go of these users; on roles and tenants others depend, so then of everything."""
        if any(change.kind is not ChangeKind.USER for change in changes):
            self.let_go()
            return
        self._overtaking.tell(changes)
        for change in changes:
            self.held.drop_user(change.subject_id)

    async def renew(self, tx: Transaction, changes: Sequence[Change]) -> None:
        """Read again what has changed."""
        ids = {
            kind: [change.subject_id for change in changes if change.kind is kind]
            for kind in ChangeKind
        }
        try:
            if ids[ChangeKind.TENANT]:
                await self._read_tenants(tx, ids[ChangeKind.TENANT])
            if ids[ChangeKind.USER] or ids[ChangeKind.ROLE]:
                await self._read(tx, ids[ChangeKind.USER], ids[ChangeKind.ROLE])
        except BaseException:
            self.drop(changes)
            raise

    async def warm(self, tx: Transaction, principals: Collection[UUID | str]) -> None:
        """Have these users in memory, by id or by name; who is not there is left out."""
        async with self._completing:
            if not self.held.complete:
                await self._read_tenants(tx, None)
        asked = list(principals)
        for start in range(0, len(asked), BATCH):
            await self._warm(tx, asked[start : start + BATCH])

    async def _warm(self, tx: Transaction, principals: Sequence[UUID | str]) -> None:
        for _ in range(ATTEMPTS):
            with self._overtaking.reading() as reader:
                held = self.held
                known = held.names.ids
                typed = [one for one in principals if isinstance(one, str)]
                found = await _find(tx, [one for one in typed if one not in known])
                wanted = {one for one in principals if isinstance(one, UUID)}
                wanted |= {known[one] for one in typed if one in known} | set(found.values())
                missing = [one for one in wanted if not held.engine.knows(one)]
                loaded = await load(tx, missing) if missing else None
                if reader.was_overtaken(_of(wanted, (), loaded)):
                    continue
                if loaded is not None:
                    self._put(held, loaded, missing, ())
                for name, user_id in found.items():
                    if user_id in held.homes:
                        held.names.put(name, user_id)
                return
        raise ConnectionError(_TOO_FAST)

    async def _read(
        self, tx: Transaction, user_ids: Sequence[UUID], role_ids: Sequence[UUID]
    ) -> None:
        """Read users and roles, with what the roles inherit, and put them in place at once."""
        for _ in range(ATTEMPTS):
            with self._overtaking.reading() as reader:
                held = self.held
                loaded = await load(tx, user_ids, role_ids=role_ids)
                if not reader.was_overtaken(_of(user_ids, role_ids, loaded)):
                    self._put(held, loaded, user_ids, role_ids)
                    return
        raise ConnectionError(_TOO_FAST)

    def _put(
        self, held: Held, loaded: Loaded, user_ids: Iterable[UUID], role_ids: Iterable[UUID]
    ) -> None:
        """Users go first and come last: nobody has an old right by way of a new role.

        What was not overtaken is at least as new as what is kept, so all of it is put in.
        """
        typed = {user_id: held.drop_user(user_id) for user_id in user_ids}
        held.put_tenants(loaded.tenants)
        for role_id in role_ids:
            if role_id not in loaded.roles and held.roles.pop(role_id, None) is not None:
                held.engine.drop_role(role_id)
        for role_id, role in loaded.roles.items():
            if held.roles.get(role_id) != role:
                held.engine.put_role(role)
                held.roles[role_id] = role
        now = self._clock.now()
        for user_id, user in loaded.users.items():
            held.homes[user_id] = user.tenant_id
            held.engine.put_user(user, now=now)
            key = fold(loaded.names[user_id])
            for name in typed.get(user_id, ()):
                if is_uuid(name) or login_key(name) == key:
                    held.names.put(name, user_id)
        held.filled += 1
        if len(held.homes) > 2 * self._most_users:
            self.let_go()  # the engine forgets users by itself, and the rest here is not told

    async def _read_tenants(self, tx: Transaction, tenant_ids: Sequence[UUID] | None) -> None:
        """Read these tenants and what databases they own, or all there are."""
        for _ in range(ATTEMPTS):
            with self._overtaking.reading() as reader:
                held = self.held
                rows = await tx.fetch(queries.TENANTS, tenant_ids)
                found = {row["id"]: row for row in rows}
                read = found.keys() if tenant_ids is None else tenant_ids
                if reader.was_overtaken(Change(ChangeKind.TENANT, one) for one in read):
                    continue
                for tenant_id in read:
                    _put_tenant(held, tenant_id, found.get(tenant_id))
                held.complete = held.complete or tenant_ids is None
                held.filled += 1
                return
        raise ConnectionError(_TOO_FAST)


async def _find(tx: Transaction, names: Sequence[str]) -> dict[str, UUID]:
    """Who bears these names, which may be ids."""
    found = {name: UUID(name) for name in names if is_uuid(name)}
    keys = {name: login_key(name) for name in names if name not in found}
    if keys:
        rows = await tx.fetch(queries.IDS, list(set(keys.values())))
        by_key = {row["username_key"]: row["id"] for row in rows}
        found |= {name: by_key[key] for name, key in keys.items() if key in by_key}
    return found


def _of(
    user_ids: Iterable[UUID], role_ids: Iterable[UUID], loaded: Loaded | None
) -> Iterable[Change]:
    """What a reading is made of."""
    roles, tenants = (loaded.roles, loaded.tenants) if loaded is not None else ({}, {})
    yield from (Change(ChangeKind.USER, one) for one in user_ids)
    yield from (Change(ChangeKind.ROLE, one) for one in {*roles, *role_ids})
    yield from (Change(ChangeKind.TENANT, one) for one in tenants)


def _put_tenant(held: Held, tenant_id: UUID, row: Row | None) -> None:
    if row is None:
        held.put_owned(tenant_id, frozenset())
        if held.tenants.pop(tenant_id, None) is not None:
            held.engine.drop_tenant(tenant_id)
        return
    held.put_tenants({tenant_id: TenantFacts(tenant_id, row["active"], row["isolated"])})
    held.put_owned(tenant_id, frozenset(row["databases"]))
