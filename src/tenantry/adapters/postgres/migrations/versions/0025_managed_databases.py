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
        enforced boolean not null default false,
        applied_seq bigint not null default 0,
        failing_since timestamptz check (isfinite(failing_since)),
        error text,
        applied_at timestamptz check (isfinite(applied_at)),
        drift_count integer check (drift_count >= 0),
        drift_at timestamptz check (isfinite(drift_at)),
        lease_id uuid,
        lease_until timestamptz check (isfinite(lease_until)),
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        version bigint not null default 1
    )
    """,
    "grant select, insert, update, delete on managed_databases to tenantry_app",
    # Whose a database is stands in one place, where those are listed that nobody manages, too.
    "call wall_in('managed_databases', 'exists (select from tenant_databases d"
    " where d.database = managed_databases.name)')",
    "call raise_walls()",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
