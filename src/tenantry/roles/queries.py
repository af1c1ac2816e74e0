"""The SQL of roles. $1 and $2 say what the asker can see: a tenant's roles, a user's own."""

from tenantry.kernel.transaction import Statement

_READ = """
    select r.id, r.tenant_id, t.name as domain_name, r.name, r.name_key,
        coalesce(r.description, '') as description, r.permissions, r.databases,
        array(
            select p.name from role_parents i join roles p on p.id = i.parent_id
            where i.role_id = r.id order by p.name_key, p.id
        ) as inherits,
        case when $1::uuid is null
            then (select count(*) from role_members m where m.role_id = r.id)
            else (select count(*) from role_members m join users u on u.id = m.user_id
                where m.role_id = r.id and u.tenant_id = $1)
        end as user_count,
        r.created_at, r.modified_at, r.version
    from roles r left join tenants t on t.id = r.tenant_id
"""
_SEEN = """
    ($1::uuid is null or r.tenant_id = $1 or r.tenant_id is null)
    and ($2::uuid is null or exists (
        select from role_members s where s.role_id = r.id and s.user_id = $2))
"""
# In a tenant (null: the platform), and if so asked among the platform's after that.
_NAMED = "(r.tenant_id is not distinct from $4::uuid or ($5 and r.tenant_id is null))"

FIND = {
    "id": Statement("roles.find_by_id", "One role by id.", f"{_READ} where r.id = $3 and {_SEEN}"),
    "name": Statement(
        "roles.find_by_name",
        "One role by the normal form of its name: of a tenant, or else of the platform.",
        f"""
        {_READ} where r.name_key = $3 and {_NAMED} and {_SEEN}
        order by r.tenant_id is null limit 1
        """,
    ),
}
LOCATE = {
    by: Statement(
        f"{found.name}_only",
        f"{found.purpose[:-1]}, without counting who holds it.",
        found.sql.replace(_READ, "select r.id from roles r"),
    )
    for by, found in FIND.items()
}
LOCK = {
    by: Statement(
        f"{found.name}_locked",
        f"{found.purpose[:-1]}, locked.",
        f"{found.sql} for no key update of r",
    )
    for by, found in FIND.items()
}
RESOLVE = Statement(
    "roles.resolve",
    "Roles by id or name, which nobody can delete until the transaction ends.",
    f"""
    select r.id, r.tenant_id, r.name, r.name_key from roles r
    where (r.id = any($3::uuid[]) or (r.name_key = any($6::text[]) and {_NAMED})) and {_SEEN}
    order by r.tenant_id is not null, r.id for key share of r
    """,
)
INSERT = Statement(
    "roles.insert",
    "Add a role, unless there is one of this name.",
    """
    insert into roles (id, tenant_id, name, name_key, description, permissions, databases,
        created_at, modified_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
    """,
)
UPDATE = Statement(
    "roles.update",
    "Change what a role is.",
    """
    update roles set name = $2, name_key = $3, description = $4, permissions = $5, databases = $6,
        modified_at = $7, version = version + 1
    where id = $1
    """,
)
DELETE = Statement(
    "roles.delete",
    "Delete a role; who holds or inherits it does so no more.",
    "delete from roles where id = $1",
)
PAGE = Statement(
    "roles.page",
    "Roles in order of their names: what fits, or those of one member.",
    f"""
    {_READ} where ($3::text is null or (r.name_key, r.id) > ($3, $4::uuid)) and {_SEEN}
        and ($5::uuid is null or exists (
            select from role_members h where h.role_id = r.id and h.user_id = $5))
        and ($6::text is null or r.name_key like $6)
        and ($7::text is null or r.permissions @> array[$7])
        and ($8::text is null or r.databases is null or r.databases @> array[$8])
        and ($9::uuid is null or r.tenant_id = $9)
    order by r.name_key, r.id limit $10
    """,
)
MEMBERS = Statement(
    "roles.members",
    "The users who hold a role in order of their usernames.",
    """
    select u.id as user_id, u.username, u.full_name, t.name as domain_name, m.assigned_at,
        u.username_key
    from role_members m join users u on u.id = m.user_id join tenants t on t.id = u.tenant_id
    where m.role_id = $1 and ($2::text is null or (u.username_key, u.id) > ($2, $3::uuid))
        and ($4::uuid is null or u.tenant_id = $4)
    order by u.username_key, u.id limit $5
    """,
    anew=True,
)
ASSIGN = Statement(
    "roles.assign",
    "Have users hold roles; who holds one already goes on to.",
    """
    insert into role_members (role_id, user_id, assigned_at, assigned_by)
    select role_id, user_id, $3, $4 from unnest($1::uuid[], $2::uuid[]) as entry (role_id, user_id)
    on conflict (role_id, user_id) do nothing returning role_id, user_id
    """,
)
REMOVE = Statement(
    "roles.remove",
    "Have a user hold a role no more.",
    "delete from role_members where role_id = $1 and user_id = $2",
)
HELD_NAMES = Statement(
    "roles.held_names",
    "The names of the roles that a user holds directly.",
    """
    select r.name from role_members m join roles r on r.id = m.role_id
    where m.user_id = $1 order by r.name_key, r.id
    """,
)
COUNT_HELD = Statement(
    "roles.count_held",
    "How many roles a user holds directly.",
    "select count(*) from role_members where user_id = $1",
)
FORGET = Statement(
    "roles.forget",
    "Have a user hold no role any more.",
    "delete from role_members where user_id = $1",
)
LEAVE = Statement(
    "roles.leave",
    "Have a user hold no role of a tenant that it left, and none beyond a wall any more.",
    """
    delete from role_members m using roles r
    left join tenants t on t.id = r.tenant_id
    where m.user_id = $1 and r.id = m.role_id and r.tenant_id <> $3 and (
        r.tenant_id = $2 or t.isolated or (select isolated from tenants where id = $3))
    """,
)
IS_WALLED = Statement(
    "roles.is_walled",
    "Whether a wall stands between a tenant and others.",
    """
    select exists (
        select from tenants t join tenants own on own.id = $1
        where t.id = any($2::uuid[]) and t.id <> own.id and (t.isolated or own.isolated))
    """,
)

_POWERS = """
    select root, permission as name, database, null as schema, null as table,
        r.tenant_id as within_id, null::timestamptz as valid_from, null::timestamptz as valid_until
    from reach join roles r on r.id = reach.role_id
    cross join unnest(r.permissions) as permission
    cross join unnest(coalesce(r.databases, array[null::text])) as database
    union
    select root, g.privilege, g.database, g.schema_name, g.table_name, g.within_id, g.valid_from,
        g.valid_until
    from reach join grants g on g.role_id = reach.role_id
"""
_CLIMB = """
    select root, i.parent_id from role_parents i join reach on reach.role_id = i.role_id
"""
POWERS_OF_ROLES = Statement(
    "roles.powers_of_roles",
    "What each of some roles comes to, with all that it inherits.",
    f"""
    with recursive reach (root, role_id) as (
        select id, id from unnest($1::uuid[]) as given (id) union {_CLIMB}
    ) {_POWERS}
    """,
)
POWERS_OF_USER = Statement(
    "roles.powers_of_user",
    "What a user's roles, of the own tenant and the platform, and grants come to.",
    f"""
    with recursive reach (root, role_id) as (
        select m.user_id, m.role_id from role_members m join roles r on r.id = m.role_id
        where m.user_id = $1 and (r.tenant_id is null or r.tenant_id = $2) union {_CLIMB}
    ) {_POWERS}
    union
    select g.user_id, g.privilege, g.database, g.schema_name, g.table_name, g.within_id,
        g.valid_from, g.valid_until
    from grants g where g.user_id = $1
    """,
)

HOLD_INHERITANCE = Statement(
    "roles.hold_inheritance",
    "Let one transaction at a time change what roles inherit.",
    "select from installation for update",
)
ANCESTRY = Statement(
    "roles.ancestry",
    "From a role upward, who inherits from whom, each once.",
    """
    with recursive edges (role_id, parent_id) as (
        select i.role_id, i.parent_id from role_parents i where i.role_id = $1
        union
        select i.role_id, i.parent_id from role_parents i join edges on edges.parent_id = i.role_id
    )
    select edges.role_id, edges.parent_id, p.name from edges join roles p on p.id = edges.parent_id
    """,
)
INHERIT = Statement(
    "roles.inherit",
    "Have a role inherit from another one.",
    """
    insert into role_parents (role_id, parent_id, granted_at, granted_by) values ($1, $2, $3, $4)
    on conflict (role_id, parent_id) do nothing
    """,
)
DISINHERIT = Statement(
    "roles.disinherit",
    "Have a role inherit from another one no more.",
    "delete from role_parents where role_id = $1 and parent_id = $2",
)
