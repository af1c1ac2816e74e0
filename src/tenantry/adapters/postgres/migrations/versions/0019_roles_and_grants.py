"""Roles, who holds them, what they inherit, and grants on databases."""

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = (
    # A role of no tenant is the platform's, and there for all tenants. What a tenant's role
    # allows holds on that tenant's databases only.
    """
    create table roles (
        id uuid primary key,
        tenant_id uuid constraint roles_tenant_fkey references tenants,
        name text not null check (octet_length(name) between 1 and 63),
        name_key text not null,
        description text,
        permissions text[] not null,
        databases text[] check (cardinality(databases) > 0),
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        version bigint not null default 1,
        constraint roles_name_key unique nulls not distinct (tenant_id, name_key)
    )
    """,
    "create index roles_order on roles (name_key, id)",
    """
    create table role_members (
        role_id uuid not null constraint role_members_role_fkey references roles on delete cascade,
        user_id uuid not null constraint role_members_user_fkey references users,
        assigned_at timestamptz not null check (isfinite(assigned_at)),
        assigned_by uuid,
        primary key (role_id, user_id)
    )
    """,
    "create index role_members_user on role_members (user_id, role_id)",
    # A role has what its parents have.
    """
    create table role_parents (
        role_id uuid not null constraint role_parents_role_fkey references roles on delete cascade,
        parent_id uuid not null constraint role_parents_parent_fkey references roles
            on delete cascade,
        granted_at timestamptz not null check (isfinite(granted_at)),
        granted_by uuid,
        primary key (role_id, parent_id),
        constraint role_parents_self check (role_id <> parent_id)
    )
    """,
    "create index role_parents_parent on role_parents (parent_id, role_id)",
    # within_id: the tenant on whose databases alone the grant holds, because one of its
    # administrators gave it; null where the platform did.
    """
    create table grants (
        id uuid primary key,
        user_id uuid constraint grants_user_fkey references users,
        role_id uuid constraint grants_role_fkey references roles on delete cascade,
        privilege text not null,
        database text check (octet_length(database) between 1 and 63),
        schema_name text check (octet_length(schema_name) between 1 and 63),
        table_name text check (octet_length(table_name) between 1 and 63),
        within_id uuid constraint grants_within_fkey references tenants,
        granted_by uuid,
        granted_at timestamptz not null check (isfinite(granted_at)),
        valid_from timestamptz check (isfinite(valid_from)),
        valid_until timestamptz check (isfinite(valid_until)),
        reason text,
        constraint grants_principal check (num_nonnulls(user_id, role_id) = 1),
        constraint grants_object check (
            (schema_name is null or database is not null)
            and (table_name is null or schema_name is not null)),
        constraint grants_bounds check (valid_from < valid_until),
        constraint grants_once unique nulls not distinct (user_id, role_id, privilege, database,
            schema_name, table_name, within_id, valid_from, valid_until)
    )
    """,
    "create index grants_role on grants (role_id) where role_id is not null",
    "create index grants_object on grants (database, schema_name, table_name, privilege)",
    "create index grants_within on grants (within_id) where within_id is not null",
    "grant select, insert, update, delete on roles, role_members, role_parents, grants"
    " to tenantry_app",
    "call raise_walls()",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
