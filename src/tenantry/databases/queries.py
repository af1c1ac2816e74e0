"""The SQL of managed databases."""

from tenantry.kernel.transaction import Statement

# What decides on access since it was last applied makes the server's state a pending one.
_READ = """
    select m.id, m.name, m.kind, m.host, m.port, m.remote_name, m.username, m.tls,
        t.name as domain_name, m.allow_wider, m.close_public,
        m.take_ownership, m.error, m.failing_since, m.applied_at,
        m.drift_count, m.drift, m.drift_at,
        m.created_at, m.modified_at, m.version,
        m.steps_done, m.steps_total,
        case when m.failures > 0 then 'failing'
            when not m.enforced then 'new'
            when m.applied_at is null or m.requested_at > m.applied_at
                or exists (select from change_log c
                    where c.seq > m.applied_seq and c.kind <> 'session') then 'pending'
            else 'applied' end as standing
    from managed_databases m
    left join tenant_databases d on d.database = m.name
    left join tenants t on t.id = d.tenant_id
"""
_SEEN = "($2::uuid is null or d.tenant_id = $2)"
FIND = Statement(
    "databases.find", "One managed database by name.", f"{_READ} where m.name = $1 and {_SEEN}"
)
LOCK = Statement(
    "databases.find_locked",
    "One managed database by name, locked.",
    f"{_READ} where m.name = $1 and {_SEEN} for update of m",
)
PAGE = Statement(
    "databases.page",
    "Managed databases in order of their names.",
    f"{_READ} where ($1::text is null or m.name > $1) and {_SEEN} order by m.name limit $3",
)
INSERT = Statement(
    "databases.insert",
    "Manage a database.",
    """
    insert into managed_databases (id, name, kind, host, port, remote_name, username, tls, secret,
        allow_wider, close_public, take_ownership, created_at, modified_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
    """,
)
UPDATE = Statement(
    "databases.update",
    "Change where a managed database is, as whom one goes there, and what is taken.",
    """
    update managed_databases set host = $2, port = $3, remote_name = $4, username = $5, tls = $6,
        secret = $7, allow_wider = $8, close_public = $9, take_ownership = $10, modified_at = $11,
        requested_at = case when enforced then $11 else requested_at end,
        failures = 0, failing_since = null, retry_at = null, error = null, version = version + 1
    where id = $1
    """,
)
DELETE = Statement(
    "databases.delete",
    "Manage a database no longer.",
    "delete from managed_databases where id = $1",
)
SECRET = Statement(
    "databases.secret",
    "The sealed secret of a managed database.",
    "select secret from managed_databases where id = $1",
)
KEY_IDS = Statement(
    "databases.key_ids",
    "The keys with which secrets of managed databases were sealed.",
    "select distinct substring(secret for 8) as key_id from managed_databases"
    " where secret is not null",
)
SEALED = Statement(
    "databases.sealed",
    "All sealed secrets of managed databases.",
    "select id, secret from managed_databases where secret is not null for update",
)
RESEAL = Statement(
    "databases.reseal",
    "Store a secret that was sealed anew.",
    "update managed_databases set secret = $2 where id = $1",
)
