"""Adopted principals: what each had before, whether we have locked it, and also once nobody's."""

from alembic import op

revision = "0040"
down_revision = "0039"

# Whoever stands for it may go; the account on the server stays, and must stay shut.
STATEMENTS = (
    """
    alter table adopted_principals
        add column had jsonb,
        add column locked boolean not null default false,
        drop constraint adopted_principals_one,
        add constraint adopted_principals_one check (num_nonnulls(user_id, role_id) <= 1),
        drop constraint adopted_principals_once,
        drop constraint adopted_principals_name_check,
        add constraint adopted_principals_name check (octet_length(name) between 1 and 1536),
        drop constraint adopted_principals_user_fkey,
        add constraint adopted_principals_user_fkey foreign key (user_id) references users
            on delete set null,
        drop constraint adopted_principals_role_fkey,
        add constraint adopted_principals_role_fkey foreign key (role_id) references roles
            on delete set null
    """,
    "create unique index adopted_principals_once_user on adopted_principals (database_id, user_id)"
    " where user_id is not null",
    "create unique index adopted_principals_once_role on adopted_principals (database_id, role_id)"
    " where role_id is not null",
)


def upgrade() -> None:
    """Change the table."""
    for statement in STATEMENTS:
        op.execute(statement)
