"""Indexes by which grants are found: whose on an object, in order, and all on a database."""

from alembic import op

revision = "0022"
down_revision = "0020"

STATEMENTS = (
    # Who may do something on an object is asked for in the order of the users' ids.
    """
    create index grants_holders on grants
        (database, schema_name, table_name, privilege, user_id) where user_id is not null
    """,
    # Likewise the roles that open an object.
    """
    create index grants_opening on grants
        (database, schema_name, table_name, privilege, role_id) where role_id is not null
    """,
    "drop index grants_object",
    "create index grants_database on grants (database, id)",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
