"""Tenants, resource policies, users, sessions, attempts and the audit."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "create extension if not exists pg_trgm",
    """
    create table installation (
        only_row boolean primary key default true check (only_row),
        cursor_key bytea not null check (octet_length(cursor_key) = 32),
        created_at timestamptz not null check (isfinite(created_at))
    )
    """,
    """
    create table tenants (
        id uuid primary key,
        name text not null check (octet_length(name) between 1 and 64),
        name_key text not null constraint tenants_name_key unique,
        description text,
        status text not null check (status in ('active', 'suspended')),
        created_at timestamptz not null check (isfinite(created_at)),
        version bigint not null default 1
    )
    """,
    """
    create table resource_policies (
        name text primary key check (octet_length(name) between 1 and 256),
        max_vfolder_count integer not null check (max_vfolder_count >= 0),
        max_quota_scope_size bigint not null check (max_quota_scope_size >= -1),
        max_session_count_per_model_session integer not null
            check (max_session_count_per_model_session >= 0),
        max_customized_image_count integer not null check (max_customized_image_count >= 0),
        max_concurrent_logins integer check (max_concurrent_logins > 0),
        created_at timestamptz not null check (isfinite(created_at))
    )
    """,
    """
    create table users (
        id uuid primary key,
        tenant_id uuid not null constraint users_tenant_fkey references tenants,
        username text not null check (octet_length(username) between 1 and 63),
        username_key text not null constraint users_username_key unique,
        email text check (octet_length(email) between 3 and 320),
        email_key text constraint users_email_key unique,
        search_text text not null,
        password_hash text,
        full_name text,
        description text,
        department text,
        phone text,
        attributes jsonb not null default '{}' check (jsonb_typeof(attributes) = 'object'),
        role text not null check (role in ('superadmin', 'admin', 'monitor', 'user')),
        status text not null
            check (status in ('active', 'inactive', 'suspended', 'deleted', 'purging')),
        status_info text,
        need_password_change boolean not null default false,
        resource_policy text not null
            constraint users_resource_policy_fkey references resource_policies,
        allowed_client_ip text[] check (cardinality(allowed_client_ip) <= 256),
        totp_activated boolean not null default false,
        totp_activated_at timestamptz check (isfinite(totp_activated_at)),
        sudo_session_enabled boolean not null default false,
        container_uid integer check (container_uid >= 0),
        container_main_gid integer check (container_main_gid >= 0),
        container_gids integer[] check (cardinality(container_gids) <= 64),
        integration_name text,
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        last_login timestamptz check (isfinite(last_login)),
        password_changed_at timestamptz check (isfinite(password_changed_at)),
        deleted_at timestamptz check (isfinite(deleted_at)),
        epoch bigint not null default 1,
        version bigint not null default 1,
        constraint users_email_pair check ((email is null) = (email_key is null)),
        constraint users_deleted check ((status = 'deleted') = (deleted_at is not null))
    )
    with (fillfactor = 85) -- a login then changes its row on the same page, and no index
    """,
    "create index users_tenant_username on users (tenant_id, username_key, id)",
    "create index users_tenant_created on users (tenant_id, created_at, id)",
    "create index users_created on users (created_at, id)",
    "create index users_search on users using gin (search_text gin_trgm_ops)",
    "create index users_attributes on users using gin (attributes jsonb_path_ops)",
    """
    create index users_department on users (department, username_key, id)
        where department is not null
    """,
    """
    create index users_full_name on users (full_name, username_key, id)
        where full_name is not null
    """,
    "create index users_phone on users (phone, username_key, id) where phone is not null",
    """
    create index users_integration on users (integration_name, username_key, id)
        where integration_name is not null
    """,
    # What most users have would fill an index and help nobody; what few have is looked for.
    "create index users_role on users (role, username_key, id) where role <> 'user'",
    "create index users_status on users (status, username_key, id) where status <> 'active'",
    """
    create index users_password_due on users (username_key, id) where need_password_change
    """,
    """
    create index users_administrators on users (tenant_id, role)
        where role in ('superadmin', 'admin') and status = 'active'
    """,
    """
    create table attempts (
        subject text primary key check (octet_length(subject) between 1 and 80),
        failures integer not null check (failures >= 0),
        pending integer not null check (pending >= 0),
        changed_at timestamptz not null check (isfinite(changed_at))
    )
    """,
    "create index attempts_changed on attempts (changed_at)",
    """
    create table sessions (
        tenant_id uuid not null,
        created_at timestamptz not null,
        id uuid not null,
        user_id uuid not null,
        digest bytea not null check (octet_length(digest) = 32),
        epoch bigint not null,
        last_seen_at timestamptz not null check (isfinite(last_seen_at)),
        expires_at timestamptz not null check (isfinite(expires_at)),
        ended_at timestamptz check (isfinite(ended_at)),
        address text,
        user_agent text,
        primary key (tenant_id, created_at, id)
    ) partition by range (created_at)
    """,
    "create index sessions_user on sessions (tenant_id, user_id, created_at)",
    """
    create table audit_entries (
        tenant_id uuid not null,
        at timestamptz not null,
        id uuid not null,
        run_id uuid not null,
        action text not null,
        outcome text not null check (outcome in ('succeeded', 'denied', 'failed')),
        reason text,
        actor text not null,
        actor_id uuid,
        target text,
        target_id uuid,
        address text,
        user_agent text,
        request_id text,
        face text not null,
        changes jsonb not null default '{}',
        primary key (tenant_id, at, id)
    ) partition by range (at)
    """,
    "create index audit_entries_time on audit_entries (at, id)",
    "create index audit_entries_target on audit_entries (target_id, at, id)",
    "create index audit_entries_actor on audit_entries (actor_id, at, id)",
    """
    create index audit_entries_named on audit_entries (target, at, id) where target_id is null
    """,
    "create index audit_entries_action on audit_entries (action, at, id)",
)

ENSURE_PARTITIONS = """
    create function ensure_partitions(first_month date, months integer) returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
        parent text;
        start date;
        part text;
    begin
        if months not between 1 and 36 then
            raise exception 'months out of range';
        end if;
        perform pg_advisory_xact_lock(hashtext('tenantry.partitions'));
        foreach parent in array array['sessions', 'audit_entries'] loop
            for i in 0 .. months - 1 loop
                start := date_trunc('month', first_month) + make_interval(months => i);
                part := format('%s_%s', parent, to_char(start, 'YYYY_MM'));
                if to_regclass(format('public.%I', part)) is null then
                    execute format(
                        'create table public.%I partition of public.%I '
                        'for values from (%L) to (%L)',
                        part, parent,
                        to_char(start, 'YYYY-MM-DD') || ' 00:00:00+00',
                        to_char(start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
                    );
                end if;
            end loop;
        end loop;
    end
    $$
"""

PRIVILEGES = (
    """
    do $$ begin
        if not exists (select from pg_roles where rolname = 'tenantry_app') then
            create role tenantry_app login;
        end if;
        if not pg_has_role(current_user, 'tenantry_app', 'member') then
            execute format('grant tenantry_app to %I', current_user);
        end if;
    end $$
    """,
    "revoke all on schema public from public",
    "grant usage on schema public to tenantry_app",
    "grant select, insert on installation to tenantry_app",
    # Locking the row needs the right to update something of it; this column has one value only.
    "grant update (only_row) on installation to tenantry_app",
    "grant select, insert, update, delete on tenants, resource_policies, users to tenantry_app",
    "grant select, insert, update, delete on attempts, sessions to tenantry_app",
    "grant select, insert on audit_entries to tenantry_app",
    "revoke all on function ensure_partitions(date, integer) from public",
    "grant execute on function ensure_partitions(date, integer) to tenantry_app",
    "grant select on alembic_version to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in (*TABLES, ENSURE_PARTITIONS, *PRIVILEGES):
        op.execute(statement)
