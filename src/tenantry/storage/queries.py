"""The SQL of vfolders: static statements, and the builder of searches from a closed list."""

from tenantry.compute import limits
from tenantry.conditions import Asked, bound
from tenantry.kernel.transaction import Statement

READ = """
    select v.*, o.username as owner, o.role as owner_role, (
        select coalesce(json_agg(json_build_object(
            'user_id', s.user_id, 'user', u.username, 'permission', s.permission,
            'granted_by', s.granted_by, 'granted_at', s.granted_at
        ) order by u.username_key), '[]')::text
        from vfolder_shares s join users u on u.id = s.user_id where s.vfolder_id = v.id
    ) as shares_text
    from vfolders v join users o on o.id = v.owner_id
"""
_OF_USER = """v.id = any(array(
    select id from vfolders where owner_id = {0}
    union all select vfolder_id from vfolder_shares where user_id = {0}
)) and (v.owner_id = {0} or v.status = 'ready')"""

CONDITIONS = {
    "tenant": "v.tenant_id = {0}",
    "user": _OF_USER,
    "id": "v.id = {0}",
    "name": "v.name_key = {0}",
    "owner_id": "v.owner_id = {0}",
    "owner": "o.username_key = {0}",
    "status": "v.status = {0}",
    "after": "(v.name_key, v.id) > ({0}, {1})",
}
"""The conditions of a search; placeholders stand for bound parameters. ``user`` are the folders
that a user owns, and those that are shared with the user and can be used."""

LOCK = Statement(
    "vfolders.lock",
    "One folder that is not gone, locked.",
    f"{READ} where v.id = $1 and v.status <> 'gone' for update of v",
)
LOCK_OWNED = Statement(
    "vfolders.lock_owned",
    "All folders of a user that are not gone, locked, in an order that cannot deadlock.",
    f"{READ} where v.owner_id = $1 and v.status <> 'gone' order by v.id for update of v",
)
UNFINISHED = Statement(
    "vfolders.unfinished",
    "Folders in this state since before a moment, the oldest first.",
    f"{READ} where v.status = $1 and v.status in ('performing', 'deleting')"
    " and v.changed_at <= $2 order by v.changed_at, v.id",
)
_HOLDER = """
    select u.id, u.username, u.tenant_id, u.role, u.status, p.max_vfolder_count,
        {limits} as limits
    from users u join resource_policies p on p.name = u.resource_policy
        left join access_keys k on k.user_id = u.id and k.is_main
        left join keypair_policies kp on kp.name = k.resource_policy
    where {column} = $1 and ($2::uuid is null or u.tenant_id = $2)
    for no key update of u
"""
LOCK_HOLDER = {
    "id": Statement(
        "vfolders.lock_holder_by_id",
        "A user who has or gets folders, so that two at once cannot pass the limit.",
        _HOLDER.format(column="u.id", limits=limits.READ),
    ),
    "username": Statement(
        "vfolders.lock_holder_by_username",
        "The same by the normal form of the username.",
        _HOLDER.format(column="u.username_key", limits=limits.READ),
    ),
}
KEPT_NAMES = Statement(
    "vfolders.kept_names",
    "The names that a user's folders bear, but for those that are being deleted.",
    """
    select name_key from vfolders
    where owner_id = $1 and status in ('performing', 'ready', 'trash')
    """,
)
INSERT = Statement(
    "vfolders.insert",
    "Add a folder that is about to be made.",
    """
    insert into vfolders (id, tenant_id, owner_id, creator_id, name, name_key, host, status,
        created_at, changed_at)
    values ($1, $2, $3, $4, $5, $6, $7, 'performing', $8, $8)
    """,
)
SET_STATUS = Statement(
    "vfolders.set_status",
    "Go from one state to another, unless it is in a third by now.",
    """
    update vfolders set status = $3, status_info = $4, changed_at = $5, version = version + 1,
        files_left = case when $3 = 'gone' then 0 end
    where id = $1 and status = $2
    """,
)
SET_FILES_LEFT = Statement(
    "vfolders.set_files_left",
    "Say how far a deletion is.",
    "update vfolders set files_left = $2 where id = $1 and status = 'deleting'",
)
SET_STATUS_INFO = Statement(
    "vfolders.set_status_info",
    "Say what the storage refused.",
    "update vfolders set status_info = $2 where id = $1 and status <> 'gone'",
)
GIVE = Statement(
    "vfolders.give",
    "Make somebody else the owner, and remember who left it behind.",
    """
    update vfolders set owner_id = $2, name = $3, name_key = $4, changed_at = $5,
        leaver_id = $6, version = version + 1
    where id = $1
    """,
)
DOOM_ALL = Statement(
    "vfolders.doom_all",
    "Mark all that a leaver owns as to be deleted.",
    """
    update vfolders set status = 'deleting', changed_at = $2, leaver_id = owner_id,
        version = version + 1
    where owner_id = $1 and status <> 'gone'
    """,
)
LEFT_BY = Statement(
    "vfolders.left_by",
    "What the purge of a user has handed over or deleted.",
    "select id, name, owner_id from vfolders where leaver_id = $1 order by name_key, id",
)
MOVE_TENANT = Statement(
    "vfolders.move_tenant",
    "Take a user's folders along to another tenant.",
    "update vfolders set tenant_id = $2, version = version + 1 where owner_id = $1",
)
SHARE = Statement(
    "vfolders.share",
    "Let a user use a folder.",
    """
    insert into vfolder_shares (vfolder_id, user_id, permission, granted_by, granted_at)
    values ($1, $2, $3, $4, $5)
    on conflict (vfolder_id, user_id) do update
        set permission = excluded.permission, granted_by = excluded.granted_by,
            granted_at = excluded.granted_at
        where vfolder_shares.permission <> excluded.permission
    """,
)
UNSHARE = Statement(
    "vfolders.unshare",
    "Take a share back.",
    "delete from vfolder_shares where vfolder_id = $1 and user_id = $2",
)
DROP_SHARES_OF_USER = Statement(
    "vfolders.drop_shares_of_user",
    "Remove what is shared by a user and with a user.",
    """
    delete from vfolder_shares
    where user_id = $1 or vfolder_id in (select id from vfolders where owner_id = $1)
    """,
)
DROP_GONE = Statement(
    "vfolders.drop_gone",
    "Remove the records of a user's folders that are gone.",
    "delete from vfolders where owner_id = $1 and status = 'gone'",
)
GONE = Statement(
    "vfolders.gone",
    "The folders of a user that are gone, by host.",
    """
    select host, array_agg(id order by id) as ids from vfolders
    where owner_id = $1 and status = 'gone' group by host
    """,
)
MOUNTABLE = Statement(
    "vfolders.mountable",
    "Which of these folders a user may mount, and how; none is deleted in the meantime.",
    """
    select v.id, v.name, v.host, v.owner_id, v.owner_id = $1 as is_own,
        case when v.owner_id = $1 then 'rw' else s.permission end as permission
    from vfolders v left join vfolder_shares s on s.vfolder_id = v.id and s.user_id = $1
    where v.id in (
        select id from vfolders where id = any($2::uuid[])
        union all select id from vfolders where owner_id = $1 and name_key = any($3::text[])
        union all select f.id from vfolder_shares g join vfolders f on f.id = g.vfolder_id
            where g.user_id = $1 and f.name_key = any($3::text[])
    ) and v.status = 'ready' and (v.owner_id = $1 or s.user_id is not null)
    order by v.id for share of v
    """,
)
LIMITS = Statement(
    "vfolders.limits",
    "What the keypair policy of a user's main access key allows.",
    f"""
    select {limits.READ} as limits
    from access_keys k join keypair_policies kp on kp.name = k.resource_policy
    where k.user_id = $1 and k.is_main
    """,
)
QUOTA = Statement(
    "vfolders.quota",
    "What a user's resource policy allows, and what the folders that count hold.",
    """
    select nullif(p.max_quota_scope_size, -1) as quota, (
        select coalesce(sum(v.used_bytes), 0)::bigint from vfolders v
        where v.owner_id = u.id and v.status in ('performing', 'ready', 'trash')
    ) as used
    from users u join resource_policies p on p.name = u.resource_policy where u.id = $1
    """,
)
TO_MEASURE = Statement(
    "vfolders.to_measure",
    "The folders of these users that count for a quota and were not measured lately.",
    """
    select v.id, v.host from vfolders v join users u on u.id = v.owner_id
        join resource_policies p on p.name = u.resource_policy
    where v.owner_id = any($1::uuid[]) and v.status in ('ready', 'trash')
        and p.max_quota_scope_size >= 0 and (v.measured_at is null or v.measured_at < $2)
    order by v.id
    """,
)
SET_USED = Statement(
    "vfolders.set_used",
    "Note what a folder holds.",
    "update vfolders set used_bytes = $2, measured_at = $3 where id = $1",
)


def search_statement(conditions: Asked, limit: int) -> tuple[Statement, list[object]]:
    """The SQL of folders for which all conditions hold, by name; values are bound, never text."""
    clauses, arguments = bound(CONDITIONS, conditions)
    where = " and ".join(["v.status <> 'gone'", *clauses])
    sql = f"{READ} where {where} order by v.name_key, v.id limit ${len(arguments) + 1}"
    return Statement("vfolders.search", "Find folders, by name.", sql), [*arguments, limit]
