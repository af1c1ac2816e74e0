"""One-time tokens for setting a password."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    """
    create table password_tokens (
        user_id uuid not null
            constraint password_tokens_user_fkey references users on delete cascade,
        purpose text not null check (purpose in ('reset', 'invitation')),
        digest bytea not null constraint password_tokens_digest unique
            check (octet_length(digest) = 32),
        issued_at timestamptz not null check (isfinite(issued_at)),
        expires_at timestamptz not null check (isfinite(expires_at)),
        spent_at timestamptz check (isfinite(spent_at)),
        -- What the user's own column said then: any later change of the password ends the token.
        password_changed_at timestamptz check (isfinite(password_changed_at)),
        primary key (user_id, purpose)
    )
    """,
    "grant select, insert, update, delete on password_tokens to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
