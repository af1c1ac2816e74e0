"""The outbox."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    create table jobs (
        id uuid primary key,
        kind text not null,
        tenant_id uuid not null,
        subject_id uuid,
        payload jsonb not null,
        progress jsonb not null default '{}',
        receipt jsonb,
        state text not null check (state in ('pending', 'stuck', 'done')),
        attempts integer not null default 0,
        run_at timestamptz not null check (isfinite(run_at)),
        lease_until timestamptz check (isfinite(lease_until)),
        error text,
        created_at timestamptz not null check (isfinite(created_at)),
        ended_at timestamptz check (isfinite(ended_at)),
        constraint jobs_ended check ((state = 'done') = (ended_at is not null))
    )
    """,
    "create index jobs_due on jobs (run_at) where state = 'pending'",
    "create index jobs_created on jobs (created_at, id)",
    "create unique index jobs_one_open on jobs (kind, subject_id) where state <> 'done'",
    "grant select, insert, update, delete on jobs to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
