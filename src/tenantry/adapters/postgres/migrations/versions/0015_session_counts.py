"""How many sessions a user can have at most, counted without looking at any."""

from alembic import op

revision = "0015"
down_revision = "0014"

STATEMENTS = (
    # Never less than there are: each new session adds one, and what ends takes nothing away. A user
    # without a row may have any number.
    """
    create table session_counts (
        user_id uuid primary key constraint session_counts_user_fkey
            references users on delete cascade,
        at_most bigint not null check (at_most > 0)
    ) with (fillfactor = 50)
    """,
    # The row is locked until the commit, so the logins of a user come one after the other here.
    # Only where it says that there could be too many are the sessions counted.
    """
    create or replace function end_surplus_sessions(home uuid, person uuid, since timestamptz,
        moment timestamptz, awake_since timestamptz, most integer) returns integer
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        counted bigint;
        allowed integer;
        present bigint;
        ended integer;
    begin
        if most is null then
            return 0;
        end if;
        insert into public.session_counts as c (user_id, at_most) values (person, 1000000)
        on conflict (user_id) do update set at_most = c.at_most + 1
        returning c.at_most into counted;
        select least(most, p.max_concurrent_logins), u.epoch
        into allowed, present
        from public.users u join public.resource_policies p on p.name = u.resource_policy
        where u.id = person;
        if counted <= allowed then
            return 0;
        end if;
        with live as (
            select tenant_id, created_at, id,
                row_number() over (order by last_seen_at desc, id desc) as place
            from public.sessions
            where tenant_id = home and user_id = person and created_at >= since
                and ended_at is null and expires_at > moment and last_seen_at > awake_since
                and epoch = present and not awaits_second_factor
        ), surplus as (
            update public.sessions s set ended_at = moment from live x
            where x.place >= allowed
                and s.tenant_id = x.tenant_id and s.created_at = x.created_at and s.id = x.id
            returning 1
        )
        select count(*) filter (where place < allowed) + 1, (select count(*) from surplus)
        into counted, ended from live;
        update public.session_counts c set at_most = counted where c.user_id = person;
        return ended;
    end
    $$
    """,
    "grant select, insert, update, delete on session_counts to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
