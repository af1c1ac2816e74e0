"""Indexes for what is found by its age: passwords of a tenant, and jobs that are done."""

from alembic import op

revision = "0031"
down_revision = "0030"

STATEMENTS = (
    """
    create index users_password_age on users (tenant_id, password_changed_at)
        where password_changed_at is not null
    """,
    "create index jobs_done on jobs (ended_at) where state = 'done'",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
