"""The SQL of tenants, their databases, and of what goes with a tenant."""

from tenantry.kernel.transaction import Statement

READ = """
    select t.id, t.name, t.description, t.status, t.status_info, t.isolated, t.max_users,
        t.max_databases, t.created_at, coalesce(t.modified_at, t.created_at) as modified_at,
        t.version, t.name_key,
        (select count(*) from users u
         where u.tenant_id = t.id and u.status not in ('deleted', 'purging')) as user_count,
        (select count(*) from tenant_databases d where d.tenant_id = t.id) as database_count
    from tenants t
"""
_SEEN = "($2::uuid is null or t.id = $2)"
FIND = {
    "id": Statement(
        "tenants.find_by_id", "One tenant by id.", f"{READ} where t.id = $1 and {_SEEN}"
    ),
    "name": Statement(
        "tenants.find_by_name",
        "One tenant by the normal form of its name.",
        f"{READ} where t.name_key = $1 and {_SEEN}",
    ),
}
LOCK = {
    by: Statement(
        f"{found.name}_locked",
        f"{found.purpose[:-1]}, locked.",
        f"{found.sql} for no key update of t",
    )
    for by, found in FIND.items()
}
PAGE = Statement(
    "tenants.page",
    "Tenants in order of their names, those that fit.",
    f"""
    {READ} where ($1::text is null or (t.name_key, t.id) > ($1, $3::uuid)) and {_SEEN}
        and ($4::text is null or t.search_text like $4) and ($5::text is null or t.status = $5)
        and ($6::boolean is null or t.isolated = $6)
    order by t.name_key, t.id limit $7
    """,
)
INSERT = Statement(
    "tenants.insert",
    "Add a tenant.",
    """
    insert into tenants
        (id, name, name_key, description, search_text, status, created_at, modified_at)
    values ($1, $2, $3, $4, $5, 'active', $6, $6)
    """,
)
UPDATE = Statement(
    "tenants.update",
    "Change what people edit of a tenant.",
    """
    update tenants set name = $2, name_key = $3, description = $4, search_text = $5,
        max_users = $6, max_databases = $7, modified_at = $8, version = version + 1
    where id = $1
    """,
)
SET_STATUS = Statement(
    "tenants.set_status",
    "Suspend, resume, or begin the deletion; nobody gets in but where it is active.",
    """
    update tenants set status = $2, status_info = $3, modified_at = $4, version = version + 1
    where id = $1
    """,
)
SET_ISOLATED = Statement(
    "tenants.set_isolated",
    "Close the wall, or open it.",
    "update tenants set isolated = $2, modified_at = $3, version = version + 1 where id = $1",
)
HAS_SUPERADMIN = Statement(
    "tenants.has_superadmin",
    "Whether a superadmin is in a tenant.",
    """
    select exists (select from users where tenant_id = $1 and role = 'superadmin')
    from installation for update
    """,
)
END_SESSIONS = Statement(
    "tenants.end_sessions",
    "End all logins of a tenant.",
    """
    update sessions set ended_at = $2
    where tenant_id = $1 and ended_at is null and expires_at > $2
    """,
)

STANDING = Statement(
    "tenants.standing",
    "The states of tenants without a limit, which nobody changes until the transaction ends.",
    """
    select id, name, status, max_users from tenants
    where id = any($1::uuid[]) and max_users is null order by id for share
    """,
)
STANDING_LIMITED = Statement(
    "tenants.standing_limited",
    "The same for those with a limit, one newcomer at a time.",
    """
    select id, name, status, max_users from tenants
    where id = any($1::uuid[]) and max_users is not null order by id for no key update
    """,
)
COUNT_USERS = Statement(
    "tenants.count_users",
    "How many users a tenant has, deleted ones included.",
    "select count(*) from users where tenant_id = $1",
)
USERS_LEFT = Statement(
    "tenants.users_left",
    "Some users of a tenant.",
    "select id from users where tenant_id = $1 and id > $2 order by id limit $3",
)
USERS_RUNNING = Statement(
    "tenants.users_running",
    "The users of a tenant who have live compute sessions.",
    """
    select distinct user_id from compute_sessions
    where tenant_id = $1 and status in ('pending', 'running', 'terminating') order by user_id
    """,
)

_DATABASE = """
    select d.database, d.tenant_id, t.name as tenant, d.assigned_at
    from tenant_databases d join tenants t on t.id = d.tenant_id
"""
DATABASE = Statement(
    "tenants.database", "The tenant of a database.", f"{_DATABASE} where d.database = $1"
)
DATABASES = Statement(
    "tenants.databases",
    "The databases of a tenant by name.",
    f"""
    {_DATABASE} where d.tenant_id = $1 and ($2::text is null or d.database > $2)
    order by d.database limit $3
    """,
)
ASSIGN_DATABASE = Statement(
    "tenants.assign_database",
    "Give a database to a tenant.",
    """
    insert into tenant_databases (database, tenant_id, assigned_at, assigned_by)
    values ($1, $2, $3, $4)
    on conflict (database) do update set tenant_id = excluded.tenant_id,
        assigned_at = excluded.assigned_at, assigned_by = excluded.assigned_by
    where tenant_databases.tenant_id <> excluded.tenant_id
    """,
)
RELEASE_DATABASE = Statement(
    "tenants.release_database",
    "Take a database from its tenant.",
    "delete from tenant_databases where database = $1 and tenant_id = $2",
)

REMOVED = ("databases", "grants", "groups", "roles", "sessions")
"""What goes with a tenant beside its users, in this order."""
_ROWS = {
    "databases": "tenant_databases where tenant_id = $1",
    # Those of its users go with these.
    "grants": "grants where within_id = $1 and not exists ("
    "select from users u where u.id = grants.user_id and u.tenant_id = $1)",
    "groups": "groups where tenant_id = $1",
    "roles": "roles where tenant_id = $1",
    "sessions": "sessions where tenant_id = $1",
}
COUNT = {
    name: Statement(
        f"tenants.count_{name}",
        f"How many {name} a tenant has.",
        f"select count(*) from {_ROWS[name]}",
    )
    for name in REMOVED
}
REMOVE_ALL = {
    name: Statement(
        f"tenants.remove_{name}",
        f"Remove the {name} of a tenant.",
        f"delete from {_ROWS[name]}",
    )
    for name in REMOVED
}
REMOVE = Statement("tenants.remove", "Remove a tenant.", "delete from tenants where id = $1")
