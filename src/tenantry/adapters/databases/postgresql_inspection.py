"""What there is in a database of PostgreSQL, read from its catalogue.

Grantees are ours ($1 is our mark, $3 are names that were adopted) or PUBLIC; with $2 everybody's
rights are read. Rights that an owner has by owning are left out, as nobody grants or takes them.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Catalogue,
    FoundPrincipal,
    FoundState,
    PrincipalKind,
    Right,
    RightKind,
)
from tenantry.databases.names import is_generated, kind_of, marker, owner_name

# Names of roles are of no encoding: who makes one in a database that takes any bytes can give it
# a name that is no text. It is told as its bytes; nobody can adopt it, and it stops nothing.
_TAIL = "[89ab][0-9a-f]"
_TEXT = "|".join(
    (
        "[0-7][0-9a-f]",
        f"(c[2-9a-f]|d[0-9a-f]){_TAIL}",
        f"(e0[ab][0-9a-f]|e[1-9a-cef]{_TAIL}|ed[89][0-9a-f]){_TAIL}",
        f"(f0[9ab][0-9a-f]|f[1-3]{_TAIL}|f48[0-9a-f]){_TAIL}{_TAIL}",
    )
)
ROLES = f"""
    roles as materialized (
        select r.*, case when said.bytes ~ '^({_TEXT})*$' then r.rolname::text
            else '\\x' || said.bytes end as called
        from pg_roles r cross join lateral (
            select encode(textsend(r.rolname::text), 'hex') as bytes
        ) said
    )
"""
_ENTRY = f"""
    with {ROLES}, ours as (
        select oid from roles
        where $2 and called !~ '^pg_' or shobj_description(oid, 'pg_authid') = $1
            or called = any($3)
    ), us as (
        select oid, rolsuper from roles where rolname = current_user
    )
"""
# The grantor is told only where it is neither the owner nor the executor.
_SAID = """
    coalesce(g.called, '') as principal, a.privilege_type as word, a.is_grantable,
    case when a.grantor in ({owner}, us.oid) then '' else coalesce(f.called, '') end as grantor
"""
_WHO = """
    cross join us left join roles g on g.oid = a.grantee
    left join roles f on f.oid = a.grantor
    where a.grantee <> {owner}
      and (a.grantee in (select oid from ours) or a.grantee = 0 and {public})
"""
_OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"

ACL_QUERIES = {
    "database": f"""
        {_ENTRY} select 'database' as kind, array[d.datname] as path, {_SAID}
        from pg_database d
        cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a {_WHO}
    """.format(owner="d.datdba", public="d.datname = current_database()"),
    "schema": f"""
        {_ENTRY} select 'schema' as kind, array[n.nspname] as path, {_SAID}
        from pg_namespace n cross join aclexplode(n.nspacl) a {_WHO}
    """.format(owner="n.nspowner", public=_OURS),
    "table": f"""
        {_ENTRY} select case c.relkind when 'S' then 'sequence' else 'table' end as kind,
            array[n.nspname, c.relname] as path, {_SAID}
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join aclexplode(c.relacl) a {_WHO}
    """.format(owner="c.relowner", public=_OURS),
    "column": f"""
        {_ENTRY} select 'column' as kind, array[n.nspname, c.relname, t.attname] as path, {_SAID}
        from pg_attribute t join pg_class c on c.oid = t.attrelid
        join pg_namespace n on n.oid = c.relnamespace cross join aclexplode(t.attacl) a {_WHO}
    """.format(owner="c.relowner", public=_OURS),
    "routine": f"""
        {_ENTRY} select 'routine' as kind,
            array[n.nspname::text, p.oid::regprocedure::text] as path, {_SAID}
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a {_WHO}
          and p.prokind <> 'a'
    """.format(
        owner="p.proowner",
        public=f"{_OURS} and not exists (select from pg_depend e where e.objid = p.oid"
        " and e.classid = 'pg_proc'::regclass and e.deptype = 'e')",
    ),
}
# PUBLIC may execute what is made later unless that was taken from it, which is also said here.
FUTURE_QUERY = f"""
    {_ENTRY}
    select o.kind, array[r.called, coalesce(n.nspname, '')] as path,
        coalesce(g.called, '') as principal, a.privilege_type as word, a.is_grantable,
        '' as grantor
    from (values ('r', 'future_tables'), ('S', 'future_sequences'), ('f', 'future_routines'),
        ('n', 'future_schemas')) o (code, kind)
    cross join (
        select oid, 0::oid as namespace from roles where called = any($4)
        union select defaclrole, defaclnamespace from pg_default_acl
    ) of (creator, namespace)
    join roles r on r.oid = of.creator
    left join pg_namespace n on n.oid = of.namespace
    left join pg_default_acl d on d.defaclrole = of.creator and d.defaclnamespace = of.namespace
        and d.defaclobjtype = o.code::"char"
    cross join aclexplode(coalesce(d.defaclacl, case when of.namespace = 0 and o.code = 'f'
        then acldefault('f', of.creator) end)) a
    left join roles g on g.oid = a.grantee
    where a.grantee <> of.creator
      and (a.grantee in (select oid from ours) or a.grantee = 0 and r.called = any($4))
"""
MEMBER_QUERY = f"""
    {_ENTRY}
    select r.called as role, m.called as member, x.admin_option,
        coalesce((to_jsonb(x) ->> 'inherit_option')::boolean, true) as inherits,
        case when x.grantor in (10, us.oid) or current_setting('server_version_num')::int < 160000
            then '' else coalesce(f.called, '') end as grantor
    from pg_auth_members x cross join us
    join roles r on r.oid = x.roleid join roles m on m.oid = x.member
    left join roles f on f.oid = x.grantor
    where (x.member in (select oid from ours) or x.roleid in (select oid from ours))
      and x.member <> us.oid
"""
ROLE_QUERY = f"""
    with {ROLES}
    select r.called, r.rolcanlogin, r.rolvaliduntil, r.rolsuper, r.rolcreatedb, r.rolcreaterole,
        r.rolreplication, r.rolbypassrls, r.rolinherit,
        shobj_description(r.oid, 'pg_authid') is not distinct from $1
        or r.called = any($2) as managed
    from roles r where r.called !~ '^pg_'
"""
CATALOGUE_QUERIES = {
    "schemas": f"""
        with {ROLES} select n.nspname as schema, o.called as owner
        from pg_namespace n join roles o on o.oid = n.nspowner where {_OURS}
    """,
    "relations": f"""
        with {ROLES}
        select n.nspname as schema, c.relname as name, c.relkind = 'S' as is_sequence,
            c.relkind in ('v', 'm') as is_view,
            o.called as owner, s.nspname as table_schema, t.relname as table_name
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join roles o on o.oid = c.relowner
        left join pg_depend d on c.relkind = 'S' and d.classid = 'pg_class'::regclass
            and d.objid = c.oid and d.deptype = 'a' and d.refclassid = 'pg_class'::regclass
        left join pg_class t on t.oid = d.refobjid
        left join pg_namespace s on s.oid = t.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {_OURS}
    """,
    "columns": f"""
        select n.nspname as schema, c.relname as table, t.attname as name
        from pg_attribute t join pg_class c on c.oid = t.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'f') and t.attnum > 0 and not t.attisdropped
            and {_OURS}
    """,
    "routines": f"""
        select n.nspname as schema, p.oid::regprocedure::text as name
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where p.prokind <> 'a' and {_OURS} and not exists (
            select from pg_depend e where e.objid = p.oid and e.classid = 'pg_proc'::regclass
                and e.deptype = 'e')
    """,
}
CREATOR_QUERY = f"""
    with {ROLES}, makers as (
        select relowner as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and {_OURS}
        union select proowner from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where {_OURS} and not exists (select from pg_depend e where e.objid = p.oid
                and e.classid = 'pg_proc'::regclass and e.deptype = 'e')
        union select nspowner from pg_namespace n where {_OURS} and n.nspname <> 'public'
        union select datdba from pg_database where datname = current_database()
        union select a.grantee from pg_namespace n cross join aclexplode(n.nspacl) a
            where {_OURS} and a.privilege_type = 'CREATE'
        union select defaclrole from pg_default_acl
        union select oid from roles where rolname = current_user
    )
    select r.called as name, pg_has_role(r.oid, 'USAGE') as may
    from makers m join roles r on r.oid = m.oid where r.called !~ '^pg_'
"""
_ATTRIBUTES = {
    "rolsuper": "NOSUPERUSER",
    "rolcreatedb": "NOCREATEDB",
    "rolcreaterole": "NOCREATEROLE",
    "rolreplication": "NOREPLICATION",
    "rolbypassrls": "NOBYPASSRLS",
}


class _Read(NamedTuple):
    """What the catalogue says of rights: entries of access lists, and who is in which role."""

    entries: Sequence[asyncpg.Record]
    members: Sequence[asyncpg.Record]


async def inspect(
    connection: asyncpg.Connection,
    scope: UUID,
    adopted: Sequence[str] = (),
    *,
    everybody: bool = False,
) -> FoundState:
    """What there is now, in one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        [(database, executor, owns_all)] = await connection.fetch(
            "select current_database(), rolname, rolsuper from pg_roles"
            " where rolname = current_user"
        )
        roles = await connection.fetch(ROLE_QUERY, marker(scope), list(adopted))
        catalogue = await _catalogue(connection, with_columns=bool(adopted))
        read = await _rights(connection, catalogue, marker(scope), everybody, list(adopted))
    # There may be hundreds of thousands of rights: others are served meanwhile.
    rights = await asyncio.to_thread(
        _said_by, read, roles, catalogue, scope, database, everybody=everybody
    )
    return FoundState(
        kind=DatabaseKind.POSTGRESQL,
        database=database,
        executor=executor,
        executor_owns_all=owns_all,
        principals={row["called"]: _principal(row) for row in roles},
        rights=rights,
        catalogue=catalogue,
    )


def _said_by(
    read: _Read,
    roles: Sequence[asyncpg.Record],
    catalogue: Catalogue,
    scope: UUID,
    database: str,
    *,
    everybody: bool,
) -> frozenset[Right]:
    """All rights that count for the comparison."""
    mine = {row["called"] for row in roles if row["managed"]}
    looked_at = {row["called"] for row in roles if everybody} | mine
    made = {name for name in mine if is_generated(name)}
    rights = {*_acl(read.entries), *_memberships(read.members)}
    rights |= set(_attributes(row for row in roles if everybody or row["called"] in made))
    # What an adopted role has outside of this database, and by roles of others, is not ours.
    rights = {r for r in rights if r.principal not in mine - made or _is_here(r, database, mine)}
    rights |= {
        Right(owner, RightKind.OWNER, table, "OWNER")
        for table, owner in catalogue.tables.items()
        if owner == owner_name(scope) or (everybody and owner in looked_at - mine)
    }
    return frozenset(rights)


async def _catalogue(connection: asyncpg.Connection, *, with_columns: bool) -> Catalogue:
    schemas = await connection.fetch(CATALOGUE_QUERIES["schemas"])
    relations = await connection.fetch(CATALOGUE_QUERIES["relations"])
    routines = await connection.fetch(CATALOGUE_QUERIES["routines"])
    columns = await connection.fetch(CATALOGUE_QUERIES["columns"]) if with_columns else []
    creators = await connection.fetch(CREATOR_QUERY)
    return Catalogue(
        schemas={row["schema"]: row["owner"] for row in schemas},
        tables={(r["schema"], r["name"]): r["owner"] for r in relations if not r["is_sequence"]},
        views=frozenset((r["schema"], r["name"]) for r in relations if r["is_view"]),
        columns=frozenset((row["schema"], row["table"], row["name"]) for row in columns),
        sequences={
            (row["schema"], row["name"]): (row["table_schema"] or "", row["table_name"] or "")
            for row in relations
            if row["is_sequence"]
        },
        routines=frozenset((row["schema"], row["name"]) for row in routines),
        # Nobody logs in as a role: it lets others make, and makes nothing.
        creators={
            row["name"]: row["may"]
            for row in creators
            if kind_of(row["name"]) is not PrincipalKind.ROLE
        },
    )


async def _rights(connection: asyncpg.Connection, catalogue: Catalogue, *whose: object) -> _Read:
    known = [name for name, may in catalogue.creators.items() if may]
    entries: list[asyncpg.Record] = []
    for query in ACL_QUERIES.values():
        entries += await connection.fetch(query, *whose)
    entries += await connection.fetch(FUTURE_QUERY, *whose, known)
    return _Read(entries, await connection.fetch(MEMBER_QUERY, *whose))


def _memberships(rows: Iterable[asyncpg.Record]) -> Iterable[Right]:
    for row in rows:
        path, grantor = (row["role"],), row["grantor"]
        word = "MEMBER" if row["inherits"] else "MEMBER WITHOUT INHERIT"
        yield Right(row["member"], RightKind.MEMBER, path, word, grantor)
        if row["admin_option"]:
            option = "ADMIN OPTION FOR MEMBER"
            yield Right(row["member"], RightKind.MEMBER, path, option, grantor)


def _acl(rows: Iterable[asyncpg.Record]) -> Iterable[Right]:
    kinds = {kind.value: kind for kind in RightKind}
    for kind, path, principal, word, grantable, grantor in rows:
        place = tuple(path)
        yield Right(principal, kinds[kind], place, word, grantor)
        if grantable:
            option = f"GRANT OPTION FOR {word}"
            yield Right(principal, kinds[kind], place, option, grantor)


def _is_here(right: Right, database: str, ours: set[str]) -> bool:
    if right.kind is RightKind.MEMBER:
        return right.path[0] in ours
    return right.kind is not RightKind.DATABASE or right.path == (database,)


def _attributes(rows: Iterable[asyncpg.Record]) -> Iterable[Right]:
    for row in rows:
        for column, word in _ATTRIBUTES.items():
            if row[column]:
                yield Right(row["called"], RightKind.ATTRIBUTE, (), word)
        if not row["rolinherit"]:
            yield Right(row["called"], RightKind.ATTRIBUTE, (), "INHERIT")


def _principal(row: asyncpg.Record) -> FoundPrincipal:
    until = row["rolvaliduntil"]
    return FoundPrincipal(row["called"], row["managed"], row["rolcanlogin"], until)
