"""What a server was not given is stored by table, each name once."""

from alembic import op

revision = "0044"
down_revision = "0043"

NOTHING = '{"names": [], "groups": [], "refusals": []}'
STATEMENTS = (
    # What stands there tells no tables: a plan is applied anew, and is told as pending until then.
    "update managed_databases set requested_at = now() where enforced and refused <> '[]'",
    f"update managed_databases set refused = '{NOTHING}'",
    f"alter table managed_databases alter column refused set default '{NOTHING}'",
)


def upgrade() -> None:
    """Forget what is told in the former way, and have it made out again."""
    for statement in STATEMENTS:
        op.execute(statement)
