"""Locks of accounts."""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    # At most one lock a user, and read with every credential: columns cost no join.
    """
    alter table users
        add column locked_at timestamptz check (isfinite(locked_at)),
        add column lock_reason text,
        add column lock_expires_at timestamptz check (isfinite(lock_expires_at)),
        add column locked_by uuid,
        add constraint users_lock check ((locked_at is null) = (lock_reason is null)
            and (locked_at is not null or (lock_expires_at is null and locked_by is null)))
    """,
    "create index users_locked on users (locked_at, id) where locked_at is not null",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
