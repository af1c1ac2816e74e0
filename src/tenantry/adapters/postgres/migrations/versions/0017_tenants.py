"""What a tenant is beyond its name: suspension, isolation, limits, and the databases it has."""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = (
    "alter table tenants drop constraint tenants_status_check",
    """
    alter table tenants
        add constraint tenants_status_check
            check (status in ('active', 'suspended', 'deleting')),
        add column status_info text,
        add column if not exists isolated boolean not null default false,
        add column max_users integer check (max_users >= 0),
        add column max_databases integer check (max_databases >= 0),
        add column search_text text not null default '',
        add column modified_at timestamptz check (isfinite(modified_at))
    """,
    "update tenants set search_text = name_key",
    "create index tenants_order on tenants (name_key, id)",
    # A database is one tenant's or nobody's; who has none of it sees no row of it.
    """
    create table if not exists tenant_databases (
        database text primary key check (octet_length(database) between 1 and 63),
        tenant_id uuid not null constraint tenant_databases_tenant_fkey references tenants,
        assigned_at timestamptz not null check (isfinite(assigned_at)),
        assigned_by uuid
    )
    """,
    "create index if not exists tenant_databases_tenant on tenant_databases (tenant_id, database)",
    "grant select, insert, update, delete on tenant_databases to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
