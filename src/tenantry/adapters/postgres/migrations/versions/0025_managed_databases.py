"""Managed databases: where they are, and how far their servers obey."""

from alembic import op

revision = "0025"
down_revision = "0023"

STATEMENTS = (
    """
    create table managed_databases (
        id uuid primary key,
        name text not null constraint managed_databases_name unique
            check (octet_length(name) between 1 and 63),
        kind text not null check (kind in ('postgresql', 'mysql', 'mariadb', 'matrixone')),
        host text not null check (octet_length(host) between 1 and 255),
        port integer check (port between 1 and 65535),
        remote_name text not null check (octet_length(remote_name) between 1 and 63),
        username text not null check (octet_length(username) between 1 and 63),
        tls boolean not null,
        secret bytea,
        allow_wider boolean not null,
        close_public boolean not null,
        take_ownership boolean not null,
        enforced boolean not null default false,
        requested_at timestamptz check (isfinite(requested_at)),
        applied_seq bigint not null default 0,
        applied_at timestamptz check (isfinite(applied_at)),
        wanted_digest bytea,
        next_boundary timestamptz check (isfinite(next_boundary)),
        steps_total integer,
        steps_done integer,
        failures integer not null default 0,
        retry_at timestamptz check (isfinite(retry_at)),
        error text,
        drift_count integer check (drift_count >= 0),
        drift_at timestamptz check (isfinite(drift_at)),
        lease_id uuid,
        lease_until timestamptz check (isfinite(lease_until)),
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        version bigint not null default 1
    )
    """,
    # Logins and roles that were on the server before, and whom they stand for.
    """
    create table adopted_principals (
        database_id uuid not null constraint adopted_principals_database_fkey
            references managed_databases on delete cascade,
        name text not null check (octet_length(name) between 1 and 63),
        user_id uuid constraint adopted_principals_user_fkey references users
            on delete cascade,
        role_id uuid constraint adopted_principals_role_fkey references roles on delete cascade,
        adopted_at timestamptz not null check (isfinite(adopted_at)),
        primary key (database_id, name),
        constraint adopted_principals_one check (num_nonnulls(user_id, role_id) = 1),
        constraint adopted_principals_once unique nulls not distinct (database_id, user_id, role_id)
    )
    """,
    "create index adopted_principals_user on adopted_principals (user_id)",
    "create index adopted_principals_role on adopted_principals (role_id)",
    # Short-lived credentials that are out: to be ended where the server cannot do so by itself.
    """
    create table database_logins (
        database_id uuid not null constraint database_logins_database_fkey
            references managed_databases on delete cascade,
        user_id uuid not null constraint database_logins_user_fkey references users
            on delete cascade,
        name text not null,
        opened_at timestamptz not null check (isfinite(opened_at)),
        valid_until timestamptz not null check (isfinite(valid_until)),
        primary key (database_id, user_id)
    )
    """,
    "create index database_logins_user on database_logins (user_id)",
    "create index database_logins_end on database_logins (valid_until)",
    "grant select, insert, update, delete on managed_databases, adopted_principals, database_logins"
    " to tenantry_app",
    # Whose a database is stands in one place, where those are listed that nobody manages, too.
    "call wall_in('managed_databases', 'exists (select from tenant_databases d"
    " where d.database = managed_databases.name)')",
    "call raise_walls()",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
