"""The log of changes that decide on access, and its head."""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = (
    """
    create table change_head (
        one boolean primary key default true check (one),
        seq bigint not null
    ) with (fillfactor = 10)
    """,
    "insert into change_head (seq) values (0)",
    """
    create table change_log (
        seq bigint not null,
        kind text not null,
        subject_id uuid not null,
        noted_at timestamptz not null check (isfinite(noted_at)),
        primary key (seq, kind, subject_id)
    )
    """,
    "create index change_log_age on change_log (noted_at)",
    "grant select, update on change_head to tenantry_app",
    "grant select, insert, delete on change_log to tenantry_app",
    "call raise_walls()",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
