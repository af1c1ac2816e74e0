"""A purged person's place in the audit is taken by a pseudonym."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    # The application may not change audit rows; this one change it may have made by the owner.
    """
    create function pseudonymise_audit(person uuid) returns void
    language sql security definer set search_path = pg_catalog, public as $$
        update public.audit_entries set
            actor = case when actor_id = person then 'purged-' || person else actor end,
            target = case when target_id = person then 'purged-' || person else target end,
            address = case when actor_id = person then null else address end,
            user_agent = case when actor_id = person then null else user_agent end,
            changes = case when target_id = person then '{}' else changes end
        where actor_id = person or target_id = person
    $$
    """,
    "revoke all on function pseudonymise_audit(uuid) from public",
    "grant execute on function pseudonymise_audit(uuid) to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
