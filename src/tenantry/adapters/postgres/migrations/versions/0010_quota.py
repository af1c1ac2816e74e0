"""What vfolders hold, as it was last measured."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    "alter table vfolders add column used_bytes bigint check (used_bytes >= 0)",
    "alter table vfolders add column measured_at timestamptz check (isfinite(measured_at))",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
