"""Password policies of tenants, and earlier passwords of users."""

from alembic import op

revision = "0016"
down_revision = "0015"

STATEMENTS = (
    # A column that is null is what the platform has by default, also when that changes.
    """
    create table password_policies (
        tenant_id uuid primary key
            constraint password_policies_tenant_fkey references tenants on delete cascade,
        min_length integer check (min_length between 8 and 128),
        max_length integer check (max_length between 8 and 512),
        require_uppercase boolean,
        require_lowercase boolean,
        require_numbers boolean,
        require_special_chars boolean,
        max_age_days integer check (max_age_days between 1 and 3650),
        prevent_reuse_count integer check (prevent_reuse_count between 0 and 24),
        block_common boolean,
        block_context boolean,
        max_failed_attempts integer check (max_failed_attempts between 1 and 100),
        lockout_minutes integer check (lockout_minutes between 1 and 525600),
        modified_at timestamptz not null check (isfinite(modified_at)),
        version bigint not null
    )
    """,
    """
    create table password_history (
        user_id uuid not null
            constraint password_history_user_fkey references users on delete cascade,
        replaced_at timestamptz not null check (isfinite(replaced_at)),
        password_hash text not null,
        primary key (user_id, replaced_at)
    )
    """,
    "grant select, insert, update, delete on password_policies, password_history to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
