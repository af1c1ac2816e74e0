"""When open connections of whom were last ended on a managed server, and how many."""

from alembic import op

revision = "0042"
down_revision = "0041"

STATEMENTS = (
    """
    create table connections_ended (
        database_id uuid not null references managed_databases (id) on delete cascade,
        user_id uuid not null references users (id) on delete cascade,
        ended_at timestamptz not null check (isfinite(ended_at)),
        connections integer not null check (connections > 0),
        primary key (database_id, user_id)
    )
    """,
    "create index connections_ended_user on connections_ended (user_id)",
    "grant select, insert, update, delete on connections_ended to tenantry_app",
    "call raise_walls()",
)


def upgrade() -> None:
    """Add the table."""
    for statement in STATEMENTS:
        op.execute(statement)
