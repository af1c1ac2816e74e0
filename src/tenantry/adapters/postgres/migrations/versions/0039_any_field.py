"""Indexes for the fields of a user that no search was quick by."""

from alembic import op

revision = "0039"
down_revision = "0035"

STATEMENTS = (
    # Texts of any length: a hash of them is enough for what must be equal.
    "create index users_description on users using hash (description)",
    "create index users_status_info on users using hash (status_info)",
    """
    create index users_container_uid on users (container_uid, username_key, id)
        where container_uid is not null
    """,
    """
    create index users_container_gid on users (container_main_gid, username_key, id)
        where container_main_gid is not null
    """,
    # Both values: who asks for these wants the few who have it, or the few who do not.
    "create index users_totp on users (totp_activated, username_key, id)",
    "create index users_sudo on users (username_key, id) where sudo_session_enabled",
    "create index users_no_password on users (tenant_id) where password_changed_at is null",
    "create index users_modified on users (modified_at, id)",
    # Of the day, not of the moment: a login whose day is known touches no index.
    """
    alter table users add column last_login_day date
        generated always as ((last_login at time zone 'UTC')::date) stored
    """,
    "create index users_last_login on users (last_login_day) where last_login_day is not null",
)


def upgrade() -> None:
    """Make them all."""
    for statement in STATEMENTS:
        op.execute(statement)
