"""Changes are noted by a function, so that they go along with a transaction's last statement."""

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = (
    # The head's row is locked from here to the commit: whoever calls it does so last.
    """
    create function note_changes(kinds text[], subjects uuid[]) returns bigint
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        number bigint;
    begin
        insert into public.change_head as head (seq) values (1)
        on conflict (one) do update set seq = head.seq + 1 returning seq into number;
        insert into public.change_log (seq, kind, subject_id, noted_at)
        select distinct number, entry.kind, entry.subject_id, clock_timestamp()
        from unnest(kinds, subjects) as entry (kind, subject_id)
        on conflict do nothing;
        perform pg_notify('tenantry_changes', number::text);
        return number;
    end
    $$
    """,
    "grant insert on change_head to tenantry_app, tenantry_member",
    "revoke all on function note_changes(text[], uuid[]) from public",
    "grant execute on function note_changes(text[], uuid[]) to tenantry_app",
    # As before, but sessions that make room are noted as ended. The user's row is locked before
    # the head, as everybody does who changes a user.
    """
    create or replace function end_surplus_sessions(home uuid, person uuid, since timestamptz,
        moment timestamptz, awake_since timestamptz, most integer) returns integer
    language plpgsql set search_path = pg_catalog, public as $$
    declare
        counted bigint;
        allowed integer;
        present bigint;
        ended uuid[];
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
            returning s.id
        )
        select count(*) filter (where place < allowed) + 1,
            (select coalesce(array_agg(id), '{}') from surplus)
        into counted, ended from live;
        update public.session_counts c set at_most = counted where c.user_id = person;
        if cardinality(ended) > 0 then
            perform from public.users where id = person for no key update;
            perform public.note_changes(array_fill('session'::text, array[cardinality(ended)]),
                ended);
        end if;
        return cardinality(ended);
    end
    $$
    """,
    "call raise_walls()",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
