"""The index of ages tells by itself who has too old a password, without a look at the users."""

from alembic import op

revision = "0043"
down_revision = "0042"

STATEMENTS = (
    "drop index users_password_age",
    """
    create index users_password_age on users (tenant_id, password_changed_at)
        include (need_password_change, username_key, id)
        where password_changed_at is not null
    """,
)


def upgrade() -> None:
    """Make the index again, with what is shown of it."""
    for statement in STATEMENTS:
        op.execute(statement)
