"""Agents and compute sessions."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    create table agents (
        name text primary key check (octet_length(name) between 1 and 63),
        address text not null check (octet_length(address) between 1 and 1024),
        status text not null check (status in ('alive', 'lost')),
        cpu integer not null check (cpu > 0),
        memory bigint not null check (memory > 0),
        gpu double precision not null default 0 check (gpu between 0 and 100000),
        registered_at timestamptz not null check (isfinite(registered_at)),
        heartbeat_at timestamptz not null check (isfinite(heartbeat_at))
    )
    """,
    """
    create table compute_sessions (
        id uuid primary key,
        tenant_id uuid not null constraint compute_sessions_tenant_fkey references tenants,
        user_id uuid not null constraint compute_sessions_user_fkey references users,
        agent text constraint compute_sessions_agent_fkey references agents,
        name text not null check (octet_length(name) between 1 and 512),
        kind text not null check (kind in ('batch', 'interactive', 'service')),
        status text not null check (status in
            ('pending', 'running', 'terminating', 'terminated', 'cancelled', 'failed')),
        status_info text,
        command text[] not null check (cardinality(command) between 1 and 256),
        environment jsonb not null default '{}' check (jsonb_typeof(environment) = 'object'),
        folders uuid[] not null default '{}',
        cpu integer not null check (cpu between 1 and 100000),
        memory bigint not null check (memory > 0),
        gpu double precision not null default 0 check (gpu between 0 and 100000),
        uid integer check (uid >= 0),
        gid integer check (gid >= 0),
        gids integer[] not null default '{}',
        sudo boolean not null default false,
        created_at timestamptz not null check (isfinite(created_at)),
        started_at timestamptz check (isfinite(started_at)),
        ended_at timestamptz check (isfinite(ended_at)),
        exit_code integer,
        cpu_seconds double precision check (cpu_seconds >= 0),
        io_read_bytes bigint check (io_read_bytes >= 0),
        io_write_bytes bigint check (io_write_bytes >= 0),
        disk_bytes bigint check (disk_bytes >= 0),
        constraint compute_sessions_ended_pair check
            ((ended_at is not null) = (status in ('terminated', 'cancelled', 'failed'))),
        constraint compute_sessions_started check
            (case status when 'running' then started_at is not null
                when 'pending' then started_at is null else true end),
        constraint compute_sessions_order check (ended_at >= started_at)
    )
    """,
    "create index compute_sessions_newest on compute_sessions (created_at, id)",
    "create index compute_sessions_user on compute_sessions (user_id, created_at, id)",
    "create index compute_sessions_tenant on compute_sessions (tenant_id, created_at, id)",
    """
    create index compute_sessions_live on compute_sessions (agent, id)
        where status in ('pending', 'running', 'terminating')
    """,
    """
    create index compute_sessions_live_user on compute_sessions (user_id, name)
        where status in ('pending', 'running', 'terminating')
    """,
    """
    create index compute_sessions_ended on compute_sessions (ended_at, user_id)
        where ended_at is not null
    """,
    """
    create index compute_sessions_folders on compute_sessions using gin (folders)
        where status in ('pending', 'running', 'terminating')
    """,
    "grant select, insert, update, delete on agents, compute_sessions to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
