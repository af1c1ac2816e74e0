"""The SQL of grants."""

from tenantry.kernel.transaction import Statement

_FIELDS = """
    g.id, case when g.user_id is null then 'role' else 'user' end as principal_type,
    coalesce(g.user_id, g.role_id) as principal_id, coalesce(u.username, r.name) as principal,
    g.privilege, g.database, g.schema_name as schema, g.table_name as table, w.name as within,
    b.username as granted_by, g.granted_at, g.valid_from, g.valid_until, g.reason
"""
_READ = f"""
    select {_FIELDS}
    from grants g
    left join users u on u.id = g.user_id
    left join roles r on r.id = g.role_id
    left join tenants w on w.id = g.within_id
    left join users b on b.id = g.granted_by
"""
_OF_PRINCIPAL = "(g.user_id = $1 or g.role_id = $2)"
_EXACTLY = """
    g.database is not distinct from $3 and g.schema_name is not distinct from $4
    and g.table_name is not distinct from $5 and g.privilege = any($6::text[])
"""
_BELOW = """
    ($3::text is null or g.database = $3) and ($4::text is null or g.schema_name = $4)
    and ($5::text is null or g.table_name = $5) and g.privilege = any($6::text[])
"""
_WITHIN = "($7::uuid is null or g.within_id = $7)"

ADD = Statement(
    "grants.add",
    "Grant privileges on an object to a principal; what is there already stays as it is.",
    """
    insert into grants (id, user_id, role_id, privilege, database, schema_name, table_name,
        within_id, granted_by, granted_at, valid_from, valid_until, reason)
    select entry.id, $3, $4, entry.privilege, $5, $6, $7, $8, $9, $10, $11, $12, $13
    from unnest($1::uuid[], $2::text[]) as entry (id, privilege)
    on conflict on constraint grants_once do nothing
    returning id
    """,
)
SAME = Statement(
    "grants.same",
    "The grants of a principal that are just as these.",
    f"""
    {_READ} where {_OF_PRINCIPAL} and {_EXACTLY} and g.within_id is not distinct from $7
        and g.valid_from is not distinct from $8 and g.valid_until is not distinct from $9
    order by g.id
    """,
)
FIND = {
    "exact": Statement(
        "grants.find_exact",
        "The direct grants of a principal on just this object, those within a tenant if named.",
        f"{_READ} where {_OF_PRINCIPAL} and {_EXACTLY} and {_WITHIN} order by g.id",
    ),
    "below": Statement(
        "grants.find_below",
        "The direct grants of a principal on an object and below, likewise.",
        f"{_READ} where {_OF_PRINCIPAL} and {_BELOW} and {_WITHIN} order by g.id",
    ),
}
DELETE = Statement(
    "grants.delete",
    "Remove grants; which were still there.",
    "delete from grants where id = any($1::uuid[]) returning id",
)
# That a grant is a user's or a role's says nothing, but lets both indexes by object be used, which
# hold either kind: otherwise all grants on a database are looked through for those on one table.
PAGE = Statement(
    "grants.page",
    "Grants in the order of their ids: whose, on what, and what the asker can see.",
    f"""
    {_READ} where ($1::uuid is null or g.id > $1)
        and ($2::uuid is null or g.user_id = $2) and ($3::uuid is null or g.role_id = $3)
        and ($4::uuid is null or g.user_id in (
            select m.user_id from role_members m where m.role_id = $4))
        and ($5::text is null or g.database = $5) and ($6::text is null or g.schema_name = $6)
        and ($7::text is null or g.table_name = $7)
        and ($8::uuid is null or u.tenant_id = $8
            or (u.id is null and (r.tenant_id = $8 or r.tenant_id is null)))
        and ($9::uuid is null or g.user_id = $9)
        and (g.user_id is not null or g.role_id is not null)
    order by g.id limit $10
    """,
    anew=True,
)
COUNT = Statement(
    "grants.count",
    "How many direct grants a user has.",
    "select count(*) from grants where user_id = $1",
)
FORGET = Statement(
    "grants.forget",
    "Remove all direct grants of a user.",
    "delete from grants where user_id = $1",
)
DORMANT = Statement(
    "grants.dormant",
    "Whether a database is none of a tenant's.",
    """
    select not exists (
        select from tenant_databases where database = $1 and tenant_id = $2)
    """,
)
WALLED = Statement(
    "grants.walled",
    "Whether a wall stands between a tenant and the one that a database belongs to.",
    """
    select exists (
        select from tenant_databases d join tenants t on t.id = d.tenant_id
        join tenants own on own.id = $2
        where d.database = $1 and d.tenant_id <> $2 and (t.isolated or own.isolated))
    """,
)
FORBIDDEN = Statement(
    "grants.forbidden",
    "The direct grants of a user beyond a wall that now stands around its tenant, or another's.",
    f"""
    {_READ}
    join tenants own on own.id = $2
    left join tenant_databases d on d.database = g.database
    left join tenants t on t.id = d.tenant_id
    where g.user_id = $1 and (
        (w.id <> own.id and (w.isolated or own.isolated))
        or (t.id <> own.id and (t.isolated or own.isolated)))
    order by g.id
    """,
)
