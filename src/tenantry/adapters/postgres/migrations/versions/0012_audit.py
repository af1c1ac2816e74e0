"""The audit keeps personal data under keys of the persons, and is sealed in a chain.

Entries of the previous release, which go on arriving while its servers run, keep their text
columns; new ones leave these empty and have boxes.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

ENTRIES = (
    "alter table audit_entries alter column actor drop not null",
    """
    alter table audit_entries
        add column person_id uuid,
        add column key_id uuid,
        add column box bytea,
        add column actor_key_id uuid,
        add column actor_box bytea,
        add column target_digest bytea check (octet_length(target_digest) = 16),
        add column address_digest bytea check (octet_length(address_digest) = 16),
        add column position bigint not null default 0
    """,
    # Those that are there already all come first; with this default the table is not rewritten.
    """
    alter table audit_entries
        alter column position set default (pg_current_xact_id()::text::bigint)
    """,
    # Unknown names are digests now, which few entries have.
    "drop index audit_entries_named",
    """
    create index audit_entries_target_digest on audit_entries (target_digest, at, id)
        where target_digest is not null
    """,
    """
    create index audit_entries_address on audit_entries (address_digest, at, id)
        where address_digest is not null
    """,
    """
    create index audit_entries_person on audit_entries (person_id, at, id)
        where person_id is not null
    """,
    """
    create index audit_entries_outcome on audit_entries (outcome, at, id)
        where outcome <> 'succeeded'
    """,
    "create index audit_entries_position on audit_entries (position)",
)

KEYS = (
    """
    create table audit_keys (
        at timestamptz not null,
        id uuid not null,
        person_id uuid not null,
        wrapped bytea not null,
        primary key (id, at)
    ) partition by range (at)
    """,
    "create index audit_keys_person on audit_keys (person_id)",
    """
    create table audit_erasures (
        person_id uuid primary key,
        erased_at timestamptz not null check (isfinite(erased_at))
    )
    """,
    "create index audit_erasures_time on audit_erasures (erased_at)",
    """
    create table audit_seals (
        number bigint primary key check (number > 0),
        from_position bigint not null,
        to_position bigint not null,
        sealed_at timestamptz not null check (isfinite(sealed_at)),
        months jsonb not null check (jsonb_typeof(months) = 'array'),
        dropped text,
        leaves bytea not null,
        previous bytea not null check (octet_length(previous) = 32),
        head bytea not null check (octet_length(head) = 32),
        signature bytea not null,
        constraint audit_seals_range check (to_position >= from_position)
    )
    """,
    "create index audit_seals_dropped on audit_seals (number) where dropped is not null",
    """
    alter table installation
        add column audit_index_key bytea,
        add column audit_cluster text,
        add column audit_offset bigint not null default 0
    """,
    # Today's month and the next, so that the server of this release finds its place at once; the
    # others are made when it starts.
    "select ensure_partitions(current_date, 2)",
)

ADOPT = """
    create function adopt_audit_cluster() returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
        present text := (select system_identifier::text from pg_control_system());
        known text;
    begin
        select audit_cluster into known from installation for update;
        if known is not distinct from present then
            return;
        end if;
        -- Another cluster counts its transactions anew: go on after all that came before.
        update installation set audit_cluster = present, audit_offset = case
            when known is null then 0
            else greatest(audit_offset, (
                select greatest(
                    coalesce((select max(position) from audit_entries), 0),
                    coalesce((select max(to_position) from audit_seals), 0)) + 1))
            end;
    end
    $$
"""

DROP_MONTH = """
    create function drop_audit_month(first_day date) returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
        suffix text := to_char(first_day, 'YYYY_MM');
        last bigint;
    begin
        if first_day <> date_trunc('month', first_day)::date
                or first_day > date_trunc('month', now()) - interval '1 month' then
            raise exception 'not a month that has passed';
        end if;
        if to_regclass(format('public.audit_entries_%s', suffix)) is null then
            return;
        end if;
        execute format('select max(position) from public.audit_entries_%s', suffix) into last;
        if last >= (select coalesce(max(to_position), 0) from audit_seals) then
            raise exception 'not sealed yet';
        end if;
        execute format('drop table public.audit_entries_%s', suffix);
        execute format('drop table if exists public.audit_keys_%s', suffix);
    end
    $$
"""

PRIVILEGES = (
    "revoke all on function adopt_audit_cluster() from public",
    "revoke all on function drop_audit_month(date) from public",
    "grant execute on function adopt_audit_cluster() to tenantry_app",
    "grant execute on function drop_audit_month(date) to tenantry_app",
    "grant select, insert, delete on audit_keys to tenantry_app",
    "grant update (wrapped) on audit_keys to tenantry_app",
    "grant select, insert on audit_erasures, audit_seals to tenantry_app",
    "grant update (audit_index_key) on installation to tenantry_app",
)

# Entries with boxes have nothing to be changed; those of the previous release do.
PSEUDONYMISE = """
    create or replace function pseudonymise_audit(person uuid) returns void
    language sql security definer set search_path = pg_catalog, public as $$
        update public.audit_entries set
            actor = case when actor_id = person then 'purged-' || person else actor end,
            target = case when target_id = person then 'purged-' || person else target end,
            address = case when actor_id = person then null else address end,
            user_agent = case when actor_id = person then null else user_agent end,
            changes = case when target_id = person then '{}' else changes end
        where (actor_id = person or target_id = person)
            and key_id is null and actor_key_id is null
    $$
"""


def upgrade() -> None:
    """Make it all."""
    for statement in (*ENTRIES, *KEYS, ADOPT, DROP_MONTH, *PRIVILEGES, PSEUDONYMISE):
        op.execute(statement)
