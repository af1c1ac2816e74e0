"""The SQL of users: static statements, and the builder of updates, which knows its columns."""

from collections.abc import Iterable

from tenantry.kernel.transaction import Statement
from tenantry.users.model import UserData

_ELSEWHERE = ("attributes", "domain_name", "main_access_key", "roles")
_SHOWN = [n for n in UserData.__struct_fields__ if n not in _ELSEWHERE]
_READ = f"""
    select {", ".join(f"u.{name}" for name in _SHOWN)}, u.attributes::text as attributes_text,
        u.username_key, u.password_hash, u.epoch, u.locked_at, u.lock_expires_at,
        t.name as domain_name, t.status as tenant_status,
        k.access_key as main_access_key, {{roles}} as roles,
        p.max_age_days, p.max_failed_attempts, p.lockout_minutes
    from users u join tenants t on t.id = u.tenant_id
    left join access_keys k on k.user_id = u.id and k.is_main
    left join password_policies p on p.tenant_id = u.tenant_id
"""
# One user's roles come along. For many users they are read in one go, by ROLES_OF: a subquery for
# each row of a page would take as long as the page itself.
READ = _READ.format(
    roles="""array(
        select (select r.name from roles r where r.id = m.role_id)
        from role_members m where m.user_id = u.id
    )"""
)
READ_MANY = _READ.format(roles="'{}'::text[]")
# The permissions of the system that a user's roles come to: those of the own tenant's roles and
# of the platform's, with all that they inherit. Built-in roles other than "user" need none.
_PERMISSIONS = """
    case when u.role = 'user' and exists (select from role_members m where m.user_id = u.id)
    then array(
        with recursive reach (role_id) as (
            select m.role_id from role_members m join roles r on r.id = m.role_id
            where m.user_id = u.id and (r.tenant_id is null or r.tenant_id = u.tenant_id)
            union
            select i.parent_id from reach join role_parents i on i.role_id = reach.role_id
            join roles p on p.id = i.parent_id
            where p.tenant_id is null or p.tenant_id = u.tenant_id
        )
        select distinct permission from reach join roles r on r.id = reach.role_id
        cross join unnest(r.permissions) as permission where permission like '%.%'
    ) else '{}' end as system_permissions
"""
READ_PRINCIPAL = READ.replace("select ", f"select {_PERMISSIONS},", 1)
_SEEN = "($2::uuid is null or u.tenant_id = $2) and ($3::uuid is null or u.id = $3)"

FIND = {
    "id": Statement("users.find_by_id", "One user by id.", f"{READ} where u.id = $1 and {_SEEN}"),
    "username": Statement(
        "users.find_by_username",
        "One user by the normal form of the username.",
        f"{READ} where u.username_key = $1 and {_SEEN}",
    ),
    "email": Statement(
        "users.find_by_email",
        "One user by the normal form of the email address.",
        f"{READ} where u.email_key = $1 and {_SEEN}",
    ),
}
FIND_MANY = Statement(
    "users.find_many", "Users by their ids.", f"{READ_MANY} where u.id = any($1::uuid[])"
)
ROLES_OF = Statement(
    "users.roles_of",
    "The names of the roles that these users hold.",
    """
    select m.user_id, array_agg(r.name) as roles
    from role_members m join roles r on r.id = m.role_id
    where m.user_id = any($1::uuid[]) group by m.user_id
    """,
)
LOCK = {
    by: Statement(
        f"{found.name}_locked",
        f"{found.purpose[:-1]}, locked, with the permissions that roles give.",
        f"{found.sql.replace(READ, READ_PRINCIPAL)} for update of u",
    )
    for by, found in FIND.items()
}
FIND_PRINCIPAL = Statement(
    "users.find_principal",
    "One user by id, with the permissions that roles give.",
    f"{READ_PRINCIPAL} where u.id = $1",
)
FIND_LOGIN = Statement(
    "users.find_by_login",
    "Who logs in under this name: a username goes before an email address.",
    f"""
    {READ_PRINCIPAL} where u.id = coalesce(
        (select id from users where username_key = $1), (select id from users where email_key = $2))
    """,
)
FIND_TENANT = Statement(
    "users.find_tenant", "The tenant of a name.", "select id from tenants where name_key = $1"
)
TENANT_NAME = Statement(
    "users.tenant_name", "The name of a tenant.", "select name from tenants where id = $1"
)
RESOURCE_POLICIES = Statement(
    "users.resource_policies",
    "The names of all resource policies.",
    "select name from resource_policies",
)
COLUMNS = (
    "id tenant_id username username_key email email_key search_text password_hash full_name "
    "description department phone attributes role status status_info need_password_change "
    "resource_policy allowed_client_ip totp_activated sudo_session_enabled container_uid "
    "container_main_gid container_gids integration_name created_at modified_at "
    "password_changed_at deleted_at"
).split()
LOCK_COLUMNS = ("locked_at", "lock_reason", "lock_expires_at", "locked_by")
_CASTS = {"attributes": "::jsonb"}
_PLACES = ", ".join(f"${i}{_CASTS.get(name, '')}" for i, name in enumerate(COLUMNS, 1))
INSERT = Statement(
    "users.insert",
    "Add a user.",
    f"insert into users ({', '.join(COLUMNS)}) values ({_PLACES})",
)
INSERT_MANY = Statement(
    "users.insert_many",
    "Add many users in one round trip, leaving out those whose name or address is taken.",
    f"""
    insert into users ({", ".join(COLUMNS)})
    select {", ".join(f"{name}" for name in COLUMNS)}
    from jsonb_populate_recordset(null::users, $1::jsonb)
    on conflict do nothing returning id
    """,
)
FRESH_PLANS = Statement(
    "users.fresh_plans",
    "Plan each statement anew: a table that grows by thousands outgrows plans of a minute ago.",
    "select set_config('plan_cache_mode', 'force_custom_plan', true)",
)
TAKEN = Statement(
    "users.taken",
    "Which of these names and addresses are taken, and by whom.",
    "select username_key, email_key, tenant_id from names_taken($1::text[], $2::text[])",
)
LOCK_INSTALLATION = Statement(
    "users.lock_installation",
    "Let one transaction at a time reduce the superadmins.",
    "select from installation for update",
)
LOCK_TENANT = Statement(
    "users.lock_tenant",
    "Let one transaction at a time reduce the admins of a tenant.",
    "select from tenants where id = $1 for no key update",
)
OTHERS_WITH_ROLE = Statement(
    "users.others_with_role",
    "Whether another active user has this role, in this tenant if one is named.",
    """
    select exists (
        select from users
        where role = $1 and status = 'active' and id <> $2 and ($3::uuid is null or tenant_id = $3)
            and (locked_at is null or lock_expires_at <= $4)
    )
    """,
)
LOGGED_IN = Statement(
    "users.logged_in",
    "Note a login, and the better hash where there is one and the password is still that one.",
    """
    update users set last_login = greatest(last_login, $2),
        password_hash = case when epoch = $4 then coalesce($3, password_hash) else password_hash end
    where id = $1
    """,
)

DECIDING = frozenset(
    "username tenant_id role status allowed_client_ip need_password_change password_hash "
    "totp_activated locked_at lock_expires_at".split()
)
"""Who changes one of these changes what the user may do, or whose session still holds."""
CHANGEABLE = (frozenset(COLUMNS) | frozenset(LOCK_COLUMNS)) - {"id", "created_at"}


def update_statement(names: Iterable[str], *, end_sessions: bool) -> Statement:
    """The SQL that changes these columns of the user with id $1; the values follow in order."""
    chosen = list(names)
    unknown = set(chosen) - CHANGEABLE
    if unknown:
        raise ValueError(f"no columns to change: {unknown}")
    parts = [f"{name} = ${i}{_CASTS.get(name, '')}" for i, name in enumerate(chosen, 2)]
    parts.append("version = version + 1")
    if end_sessions:
        parts.append("epoch = epoch + 1")
    sql = f"update users set {', '.join(parts)} where id = $1"
    return Statement("users.update", "Change some columns of a user.", sql)
