"""Groups and memberships."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """
    create table groups (
        id uuid primary key,
        tenant_id uuid not null constraint groups_tenant_fkey references tenants,
        name text not null check (octet_length(name) between 1 and 64),
        name_key text not null,
        description text,
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        version bigint not null default 1,
        constraint groups_name_key unique (tenant_id, name_key),
        constraint groups_home unique (id, tenant_id)
    )
    """,
    "create index groups_order on groups (name_key, id)",
    "alter table users add constraint users_home unique (id, tenant_id)",
    # Both keys hold the tenant, so that no membership can ever cross the wall. The user's is
    # checked at the commit, because whoever moves a user drops the memberships after that.
    """
    create table memberships (
        group_id uuid not null,
        user_id uuid not null,
        tenant_id uuid not null,
        added_at timestamptz not null check (isfinite(added_at)),
        primary key (group_id, user_id),
        constraint memberships_group_fkey foreign key (group_id, tenant_id)
            references groups (id, tenant_id) on delete cascade,
        constraint memberships_user_fkey foreign key (user_id, tenant_id)
            references users (id, tenant_id) deferrable initially deferred
    )
    """,
    "create index memberships_user on memberships (user_id, group_id)",
    "grant select, insert, update, delete on groups, memberships to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
