"""Refreshing, step-up and the limit of sessions; counts of attempts by network."""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    # A refresh changes the secret and not the row, so a lineage is one row and has one end.
    """
    alter table sessions
        add column authenticated_at timestamptz check (isfinite(authenticated_at)),
        add column lifetime interval check (lifetime > interval '0'),
        add column spent bytea[] check (cardinality(spent) <= 32),
        add column salt bytea check (octet_length(salt) = 32),
        add column refreshed_at timestamptz check (isfinite(refreshed_at))
    """,
    # Each question of a volatile function sees what has been committed until then. So whoever
    # waited for the user's row sees the sessions of those who had it before.
    """
    create function end_surplus_sessions(home uuid, person uuid, since timestamptz,
        moment timestamptz, awake_since timestamptz, most integer) returns integer
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        allowed integer;
        present bigint;
        ended integer := 0;
    begin
        if most is null then
            return ended;
        end if;
        select least(most, p.max_concurrent_logins), u.epoch into allowed, present
        from public.users u join public.resource_policies p on p.name = u.resource_policy
        where u.id = person for no key update of u;
        with surplus as (
            select tenant_id, created_at, id from public.sessions
            where tenant_id = home and user_id = person and created_at >= since
                and ended_at is null and expires_at > moment and last_seen_at > awake_since
                and epoch = present and not awaits_second_factor
            order by last_seen_at desc, id desc offset allowed - 1
        )
        update public.sessions s set ended_at = moment from surplus x
        where s.tenant_id = x.tenant_id and s.created_at = x.created_at and s.id = x.id;
        get diagnostics ended = row_count;
        return ended;
    end
    $$
    """,
    "revoke all on function end_surplus_sessions(uuid, uuid, timestamptz, timestamptz,"
    " timestamptz, integer) from public",
    "grant execute on function end_surplus_sessions(uuid, uuid, timestamptz, timestamptz,"
    " timestamptz, integer) to tenantry_app",
    # From a network whose row is known until then the user has logged in.
    "alter table attempts add column known_until timestamptz check (isfinite(known_until))",
    # Every attempt changes the time; without an index on it the row stays on its page.
    "drop index attempts_changed",
    "alter table attempts set (fillfactor = 70)",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
