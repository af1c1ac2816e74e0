"""What is needed to hold keypair policies: when somebody last looked at a session, and saw it busy.

Policies are held from now on. The one that everybody has from the first start limited what it does
not name, which is all, and would let nobody run anything.
"""

from alembic import op

revision = "0030"
down_revision = "0025"

STATEMENTS = (
    """
    alter table compute_sessions
        add column looked_at timestamptz check (isfinite(looked_at)),
        add column looked_cpu_seconds double precision check (looked_cpu_seconds >= 0),
        add column looked_io_bytes bigint check (looked_io_bytes >= 0),
        add column active_at timestamptz check (isfinite(active_at))
    """,
    """
    update keypair_policies set default_for_unspecified = 'unlimited', version = version + 1
    where name = 'default' and default_for_unspecified = 'limited' and total_resource_slots = '{}'
        and allowed_vfolder_hosts = '{}'
    """,
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
