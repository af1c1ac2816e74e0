"""Vfolders and their shares."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS: tuple[str, ...] = (
    """
    create table vfolders (
        id uuid primary key,
        tenant_id uuid not null constraint vfolders_tenant_fkey references tenants,
        owner_id uuid not null constraint vfolders_owner_fkey references users,
        creator_id uuid,
        leaver_id uuid,
        name text not null check (octet_length(name) between 1 and 255),
        name_key text not null check (octet_length(name_key) between 1 and 1024),
        host text not null check (octet_length(host) between 1 and 63),
        status text not null
            check (status in ('performing', 'ready', 'trash', 'deleting', 'gone')),
        status_info text,
        files_left bigint check (files_left >= 0),
        created_at timestamptz not null check (isfinite(created_at)),
        changed_at timestamptz not null check (isfinite(changed_at)),
        version bigint not null default 1
    )
    """,
    "create index vfolders_leaver on vfolders (leaver_id) where leaver_id is not null",
    """
    create unique index vfolders_owner_name_key on vfolders (owner_id, name_key)
        where status in ('performing', 'ready', 'trash')
    """,
    "create index vfolders_owner on vfolders (owner_id, name_key, id)",
    """
    create index vfolders_tenant on vfolders (tenant_id, name_key, id) where status <> 'gone'
    """,
    "create index vfolders_name on vfolders (name_key, id) where status <> 'gone'",
    """
    create index vfolders_unfinished on vfolders (changed_at, id)
        where status in ('performing', 'deleting')
    """,
    """
    create table vfolder_shares (
        vfolder_id uuid not null constraint vfolder_shares_vfolder_fkey references vfolders,
        user_id uuid not null constraint vfolder_shares_user_fkey references users,
        permission text not null check (permission in ('ro', 'rw')),
        granted_by uuid,
        granted_at timestamptz not null check (isfinite(granted_at)),
        primary key (vfolder_id, user_id)
    )
    """,
    "create index vfolder_shares_user on vfolder_shares (user_id, vfolder_id)",
    "grant select, insert, update, delete on vfolders, vfolder_shares to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
