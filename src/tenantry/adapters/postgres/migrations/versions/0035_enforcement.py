"""What a plan that is broken off must not forget, how a server differs, and since when it fails."""

from alembic import op

revision = "0035"
down_revision = "0031"

STATEMENTS = (
    """
    alter table managed_databases
        add column unended text[] not null default '{}',
        add column drift jsonb not null default '{}',
        add column failing_since timestamptz check (isfinite(failing_since))
    """,
)


def upgrade() -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
