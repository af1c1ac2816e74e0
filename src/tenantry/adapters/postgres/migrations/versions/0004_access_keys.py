"""Keypair policies, access keys and the nonces of signed requests."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "alter table resource_policies add column version bigint not null default 1",
    """
    create table keypair_policies (
        name text primary key check (octet_length(name) between 1 and 256),
        default_for_unspecified text not null
            check (default_for_unspecified in ('limited', 'unlimited')),
        total_resource_slots jsonb not null check (jsonb_typeof(total_resource_slots) = 'object'),
        max_session_lifetime integer not null check (max_session_lifetime >= 0),
        max_concurrent_sessions integer not null check (max_concurrent_sessions >= 0),
        max_pending_session_count integer check (max_pending_session_count >= 0),
        max_pending_session_resource_slots jsonb
            check (jsonb_typeof(max_pending_session_resource_slots) = 'object'),
        max_concurrent_sftp_sessions integer not null check (max_concurrent_sftp_sessions >= 0),
        max_containers_per_session integer not null check (max_containers_per_session >= 1),
        idle_timeout bigint not null check (idle_timeout >= 0),
        allowed_vfolder_hosts jsonb not null
            check (jsonb_typeof(allowed_vfolder_hosts) = 'object'),
        max_priority integer check (max_priority >= 0),
        created_at timestamptz not null check (isfinite(created_at)),
        version bigint not null default 1
    )
    """,
    """
    create table access_keys (
        access_key text primary key check (access_key ~ '^AKIA[A-Z2-7]{16}$'),
        user_id uuid not null constraint access_keys_user_fkey references users,
        name text check (octet_length(name) between 1 and 256),
        secret bytea not null,
        secret_shown_at timestamptz check (isfinite(secret_shown_at)),
        is_main boolean not null,
        is_active boolean not null,
        awaits_user boolean not null default false,
        is_admin boolean not null,
        scope text not null check (scope in ('full', 'read_only')),
        resource_policy text not null
            constraint access_keys_resource_policy_fkey references keypair_policies,
        rate_limit integer not null check (rate_limit >= 0),
        created_at timestamptz not null check (isfinite(created_at)),
        modified_at timestamptz not null check (isfinite(modified_at)),
        expires_at timestamptz check (isfinite(expires_at)),
        last_used_at timestamptz check (isfinite(last_used_at)),
        version bigint not null default 1,
        constraint access_keys_awaiting check (not (awaits_user and is_active))
    )
    """,
    "create unique index access_keys_main on access_keys (user_id) where is_main",
    "create index access_keys_user on access_keys (user_id, created_at, access_key)",
    "create index access_keys_created on access_keys (created_at, access_key)",
    "create index access_keys_policy on access_keys (resource_policy)",
    "create index users_policy on users (resource_policy)",
    """
    create table access_key_nonces (
        access_key text not null,
        nonce text not null check (octet_length(nonce) between 16 and 64),
        forget_at timestamptz not null check (isfinite(forget_at)),
        primary key (access_key, nonce)
    )
    """,
    "create index access_key_nonces_forget on access_key_nonces (forget_at)",
    """
    grant select, insert, update, delete on keypair_policies, access_keys, access_key_nonces
        to tenantry_app
    """,
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
