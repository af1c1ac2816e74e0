"""Loads what decides on access, as it is at one moment: users, roles, grants, tenants, databases.

One statement answers for any number of users, so that all of it is of one snapshot.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.users.model import UserRole

MOST_ROLES = 2000
"""More roles than these are not told apart: to leave others out is more work than to read them."""
MANY = 1000
"""More users than these are made out beside the requests, which would wait."""
_SOUGHT = """
    ($5::text[] is null or (g.privilege = any($5) and (g.database is null or (g.database = $6::text
        and (g.schema_name is null or (g.schema_name = $7::text
            and (g.table_name is null or g.table_name = $8::text)))))))
"""
_AROUND = """
    or ($4 and (d.tenant_id in (select tenant_id from own)
        or d.database in (select database from given)
        or d.database in (select unnest(databases) from held)))
"""


# The planner expects hundreds of roles, and would read all there are; one user has a few.
_ONE_BY_ONE = "reached, lateral (select * from roles r where r.id = reached.role_id limit 1) r"


def _opening(role_id: str, *, one: bool) -> str:
    """Whether a role is one of those that could open what is sought."""
    # Not "= any": the planner would look at each value of it, wherever it stands.
    return "true" if one else f"($9::uuid[] is null or {role_id} in (select unnest($9::uuid[])))"


def _all_of(*, one: bool) -> str:
    """The SQL for one user and nothing beside, or for any number, and roles, and one question.

    For one it takes the id, and no condition that can be absent. So PostgreSQL sees that a plan for
    any id is as good as one for this id and keeps it; to plan all this takes three times as long
    as to do it.
    """
    who = "= $1::uuid" if one else "= any($1::uuid[])"
    named = "$2" if one else "$3"
    roles = "" if one else "union select unnest($2::uuid[])"
    sought = "true" if one else _SOUGHT
    around = "" if one else _AROUND
    of_roles = _ONE_BY_ONE if one else "roles r where r.id in (select role_id from reached)"

    return f"""
    with recursive asked as (
        select u.id, u.username, u.tenant_id, u.role, u.status, u.locked_at, u.lock_expires_at,
            array(select m.role_id from role_members m
                where m.user_id = u.id and {_opening("m.role_id", one=one)}) as role_ids
        from users u where u.id {who}
    ), reached (role_id) as (
        select m.role_id from role_members m
        where m.user_id {who} and {_opening("m.role_id", one=one)}
        {roles}
        union select p.parent_id from role_parents p join reached on reached.role_id = p.role_id
        where {_opening("p.parent_id", one=one)}
    ), held as (
        select r.id, r.name, r.tenant_id, r.permissions, r.databases,
            array(select p.parent_id from role_parents p where p.role_id = r.id) as parent_ids
        from {of_roles}
    ), given as (
        select g.id, g.user_id as principal_id, g.privilege, g.database,
            g.schema_name as schema, g.table_name as table, g.within_id, g.valid_from,
            g.valid_until
        from grants g where g.user_id {who} and {sought}
        union all
        select g.id, g.role_id, g.privilege, g.database, g.schema_name, g.table_name,
            g.within_id, g.valid_from, g.valid_until
        from grants g where g.role_id in (select role_id from reached) and {sought}
    ), own as (
        select tenant_id from held union select within_id from given
    ), owned as (
        select d.database, d.tenant_id from tenant_databases d
        where d.database = any({named}::text[]) {around}
    ), concerned as (
        select id, name, status, isolated from tenants where id in (
            select tenant_id from asked union select tenant_id from own
            union select tenant_id from owned)
    )
    select
        (select coalesce(json_agg(asked), '[]') from asked)::text as users,
        (select coalesce(json_agg(held), '[]') from held)::text as roles,
        (select coalesce(json_agg(given), '[]') from given)::text as grants,
        (select coalesce(json_agg(concerned), '[]') from concerned)::text as tenants,
        (select coalesce(json_agg(owned), '[]') from owned)::text as databases
    """


LOAD = Statement(
    "grants.load_facts",
    "All that decides on what users may do: themselves, their roles with all that these inherit,"
    " grants, the tenants that are concerned, and whose databases are.",
    _all_of(one=False),
)
LOAD_ONE = Statement("grants.load_facts_of_one", "The same for one user.", _all_of(one=True))


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts by id, the owners of databases by name, and the names that people know them by."""

    users: Mapping[UUID, UserFacts]
    roles: Mapping[UUID, RoleFacts]
    tenants: Mapping[UUID, TenantFacts]
    databases: Mapping[str, UUID]
    names: Mapping[UUID, str]
    """Of users, roles and tenants."""
    statuses: Mapping[UUID, str]
    """Of users and tenants, as they are stored."""
    tags: Mapping[UUID, frozenset[str]]
    """Of roles: their permissions of the system."""
    plain: Collection[UUID]
    """The users whose built-in role leaves it to roles what they may do in the system."""


@dataclass(frozen=True, slots=True)
class Sought:
    """One question about very many users: only what can open this is loaded.

    ``role_ids`` are all roles that could, their heirs among them.
    """

    privilege: Privilege
    on: DatabaseObject
    role_ids: Collection[UUID]

    @property
    def arguments(self) -> tuple[object, ...]:
        """What the statement takes of it."""
        opening = [self.privilege, Privilege.ALL]
        roles = list(self.role_ids) if len(self.role_ids) <= MOST_ROLES else None
        return (opening, self.on.database, self.on.schema, self.on.table, roles)


async def load(
    tx: Transaction,
    user_ids: Collection[UUID],
    *,
    role_ids: Collection[UUID] = (),
    databases: Collection[str] = (),
    whole: bool = False,
    sought: Sought | None = None,
) -> Loaded:
    """The facts of these users and roles, with all that they inherit.

    Of databases, those that are named here; with ``whole`` also every one that a grant or role
    names, and all of the tenants that one is limited to. Who is not there is missing.
    """
    if len(user_ids) == 1 and not (role_ids or whole or sought):
        row = await tx.fetchrow(LOAD_ONE, next(iter(user_ids)), list(databases))
    else:
        arguments = sought.arguments if sought is not None else (None,) * 5
        row = await tx.fetchrow(
            LOAD, list(user_ids), list(role_ids), list(databases), whole, *arguments
        )
    assert row is not None  # noqa: S101 - for mypy: the statement has just one row
    if len(user_ids) <= MANY:
        return _facts_of(row)
    return await asyncio.to_thread(_facts_of, row)


def _facts_of(row: Row) -> Loaded:
    """What the answer says."""
    users = msgspec.json.decode(row["users"], type=list[_User])
    roles = msgspec.json.decode(row["roles"], type=list[_Role])
    grants = _by_principal(msgspec.json.decode(row["grants"], type=list[_Grant]))
    tenants = msgspec.json.decode(row["tenants"], type=list[_Tenant])
    owned = msgspec.json.decode(row["databases"], type=list[_Database])
    return Loaded(
        users={user.id: user.facts(grants.get(user.id, ())) for user in users},
        roles={role.id: role.facts(grants.get(role.id, ())) for role in roles},
        tenants={tenant.id: tenant.facts() for tenant in tenants},
        databases={one.database: one.tenant_id for one in owned},
        names={r.id: r.name for r in roles}
        | {t.id: t.name for t in tenants}
        | {u.id: u.username for u in users},
        statuses={u.id: u.status for u in users} | {t.id: t.status for t in tenants},
        tags={r.id: frozenset(p for p in r.permissions if "." in p) for r in roles},
        plain=frozenset(u.id for u in users if u.role is UserRole.USER),
    )


class _User(msgspec.Struct, frozen=True):
    id: UUID
    username: str
    tenant_id: UUID
    role: UserRole
    status: str
    locked_at: datetime | None
    lock_expires_at: datetime | None
    role_ids: frozenset[UUID]

    def facts(self, grants: tuple[GrantFacts, ...]) -> UserFacts:
        """A lock that ends lets the user in from then on; one without an end does not."""
        for_good = self.locked_at is not None and self.lock_expires_at is None
        return UserFacts(
            id=self.id,
            tenant_id=self.tenant_id,
            active=self.status == "active" and not for_good,
            active_from=self.lock_expires_at if self.locked_at is not None else None,
            role_ids=self.role_ids,
            grants=grants,
        )


class _Role(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    tenant_id: UUID | None
    permissions: list[str]
    databases: frozenset[str] | None
    parent_ids: frozenset[UUID]

    def facts(self, grants: tuple[GrantFacts, ...]) -> RoleFacts:
        """Its permissions are names of privileges and, with a dot in them, tags of actions."""
        return RoleFacts(
            id=self.id,
            tenant_id=self.tenant_id,
            privileges=frozenset(Privilege(p) for p in self.permissions if "." not in p),
            databases=self.databases,
            parent_ids=self.parent_ids,
            grants=grants,
        )


class _Grant(msgspec.Struct, frozen=True):
    id: UUID
    principal_id: UUID
    privilege: Privilege
    database: str | None
    schema: str | None
    table: str | None
    within_id: UUID | None
    valid_from: datetime | None
    valid_until: datetime | None

    def facts(self) -> GrantFacts:
        return GrantFacts(
            id=self.id,
            privilege=self.privilege,
            object=DatabaseObject(self.database, self.schema, self.table),
            within_id=self.within_id,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class _Tenant(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    status: str
    isolated: bool

    def facts(self) -> TenantFacts:
        return TenantFacts(self.id, active=self.status == "active", isolated=self.isolated)


class _Database(msgspec.Struct, frozen=True):
    database: str
    tenant_id: UUID


def _by_principal(grants: Iterable[_Grant]) -> Mapping[UUID, tuple[GrantFacts, ...]]:
    found: defaultdict[UUID, list[GrantFacts]] = defaultdict(list)
    for grant in grants:
        found[grant.principal_id].append(grant.facts())
    return {principal_id: tuple(facts) for principal_id, facts in found.items()}
