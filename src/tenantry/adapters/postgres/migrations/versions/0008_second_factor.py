"""TOTP secrets and recovery codes."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
    create table second_factors (
        user_id uuid primary key constraint second_factors_user_fkey references users,
        secret bytea not null,
        enrolled_at timestamptz not null check (isfinite(enrolled_at)),
        proven_at timestamptz check (isfinite(proven_at)),
        last_step bigint not null default 0 check (last_step >= 0)
    )
    """,
    """
    create table recovery_codes (
        user_id uuid not null constraint recovery_codes_factor_fkey
            references second_factors on delete cascade,
        digest bytea not null check (octet_length(digest) = 32),
        primary key (user_id, digest)
    )
    """,
    # A session that a password alone has opened, while a second factor is still to come.
    "alter table sessions add column awaits_second_factor boolean not null default false",
    "grant select, insert, update, delete on second_factors, recovery_codes to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
