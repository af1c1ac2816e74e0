"""Asks the engine about facts that were just loaded: the truth of this moment."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tenantry.decisions.effective import Effective
from tenantry.decisions.engine import Decisions
from tenantry.decisions.explain import Explanation, Reason
from tenantry.decisions.facts import RoleFacts, TenantFacts, UserFacts
from tenantry.decisions.paths import Path
from tenantry.grants.loading import Loaded, Sought, load
from tenantry.grants.principals import Principal
from tenantry.grants.rules import NewRole
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.privileges.model import DatabaseObject, Privilege

_NOWHERE = UUID(int=0)
_OF_THE_DATABASE = frozenset({Reason.WALL, Reason.TENANT_INACTIVE})


class Picture:
    """What decides on access, as it was at one moment, and the answers that follow."""

    def __init__(self, loaded: Loaded, now: datetime) -> None:
        self.loaded = loaded
        self.now = now
        self._decisions = _decisions(loaded, now, loaded.databases)

    def allows(self, user_id: UUID, privilege: Privilege, on: DatabaseObject) -> bool:
        """Whether the user may do this on the whole of the object."""
        parts = on.database, on.schema, on.table
        return self._decisions.check(user_id, privilege, *parts, now=self.now)

    def reaches(self, user_id: UUID, database: str) -> bool:
        """Whether the user may do anything on the database or inside it."""
        return self._decisions.has_database_access(user_id, database, now=self.now)

    def effective(self, user: UserFacts) -> list[Effective]:
        """All that the user may do."""
        return self._decisions.effective(user, now=self.now)

    def explain(
        self, user_id: UUID, privilege: Privilege, on: DatabaseObject, sight: UUID | None
    ) -> Explanation:
        """Why the user may, or may not, to somebody who looks no further than this tenant.

        That a database belongs to another tenant is told only where the answer shows it anyway.
        """
        user = self.loaded.users.get(user_id)
        found = self._decisions.explain(user, privilege, on, now=self.now)
        if sight is None or found.reason not in _OF_THE_DATABASE:
            return found
        seen = {name: of for name, of in self.loaded.databases.items() if of == sight}
        decisions = _decisions(self.loaded, self.now, seen)
        as_seen = decisions.explain(user, privilege, on, now=self.now)
        return found if as_seen.allowed else as_seen

    def ways(self, user: UserFacts, privilege: Privilege, on: DatabaseObject) -> Sequence[Path]:
        """The paths by which the user comes to this; none where the user may not."""
        return self._decisions.explain(user, privilege, on, now=self.now).paths

    def effects(
        self, user_ids: Iterable[UUID], role_id: UUID, change: NewRole
    ) -> dict[UUID, tuple[list[Effective], list[Effective]]]:
        """What each of the users who would notice a change of a role would gain and lose."""
        role = self.loaded.roles.get(role_id)
        users = [self.loaded.users[id] for id in user_ids if id in self.loaded.users]
        if role is None:
            return {}
        found = self._decisions.what_if(role_id, _changed(role, change), users, now=self.now)
        return {one.user_id: (list(one.gains), list(one.losses)) for one in found}

    def standing_for(self, principal: Principal, database: str | None) -> UserFacts | None:
        """The user; for a role, somebody who has that role and nothing else.

        Of a role of the platform it does not depend on a tenant what it lets its members do, so
        that somebody is of the database's.
        """
        if principal.user_id is not None:
            return self.loaded.users.get(principal.id)
        home = principal.tenant_id or self.loaded.databases.get(database or "", _NOWHERE)
        if home not in self.loaded.tenants:
            self._decisions.put_tenant(TenantFacts(home))
        return UserFacts(principal.id, home, role_ids=frozenset({principal.id}))


def ways_to(
    picture: Picture, principal: Principal, privileges: Sequence[Privilege], on: DatabaseObject
) -> dict[Privilege, list[Path]]:
    """The paths by which a principal comes to these on an object.

    By the privileges asked for; where ALL is among them, by what each path gives.
    """
    holder = picture.standing_for(principal, on.database)
    if holder is None:
        return {}
    if Privilege.ALL not in privileges:
        return {p: list(picture.ways(holder, p, on)) for p in privileges}
    found: dict[Privilege, dict[Path, None]] = {}
    for privilege in Privilege:
        for path in picture.ways(holder, privilege, on):
            found.setdefault(path.privilege, {})[path] = None
    return {privilege: list(paths) for privilege, paths in found.items()}


def ways_into(picture: Picture, principal: Principal, database: str) -> dict[Privilege, list[Path]]:
    """The paths to anything on a database or inside it, by what each gives."""
    holder = picture.standing_for(principal, database)
    owner = picture.loaded.databases.get(database)
    found: dict[Privilege, dict[Path, None]] = {}
    for one in picture.effective(holder) if holder is not None else ():
        here = one.object.database == database
        everywhere = one.object.database is None and one.within_id in (None, owner)
        if here or everywhere:
            for path in one.paths:
                found.setdefault(path.privilege, {})[path] = None
    return {privilege: list(paths) for privilege, paths in found.items()}


class Decider:
    """Loads what decides, and asks the engine."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def picture(
        self,
        tx: Transaction,
        user_ids: Collection[UUID],
        *,
        role_ids: Collection[UUID] = (),
        databases: Collection[str] = (),
        whole: bool = False,
        sought: Sought | None = None,
    ) -> Picture:
        """What there is now of these; see ``load``."""
        loaded = await load(
            tx, user_ids, role_ids=role_ids, databases=databases, whole=whole, sought=sought
        )
        return Picture(loaded, self._clock.now())


def _decisions(loaded: Loaded, now: datetime, databases: Mapping[str, UUID]) -> Decisions:
    decisions = Decisions()
    for tenant in loaded.tenants.values():
        decisions.put_tenant(tenant)
    for database, tenant_id in databases.items():
        decisions.put_database(database, tenant_id)
    for role in loaded.roles.values():
        decisions.put_role(role)
    decisions.load(loaded.users.values(), now=now)
    return decisions


def _changed(role: RoleFacts, change: NewRole) -> RoleFacts:
    privileges = role.privileges if change.permissions is None else change.permissions
    databases = role.databases
    if change.databases_said:
        databases = None if change.databases is None else frozenset(change.databases)
    return replace(role, privileges=privileges, databases=databases)
