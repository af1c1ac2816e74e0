"""One login at a time, what the last plan refused, and which differences were told."""

from alembic import op

revision = "0041"
down_revision = "0040"

STATEMENTS = (
    """
    alter table database_logins
        add column lease_id uuid,
        add column lease_until timestamptz check (isfinite(lease_until)),
        add constraint database_logins_lease check (num_nulls(lease_id, lease_until) in (0, 2))
    """,
    """
    alter table managed_databases
        add column refused jsonb not null default '[]',
        add column drift_digest bytea
    """,
)


def upgrade() -> None:
    """Add the columns."""
    for statement in STATEMENTS:
        op.execute(statement)
