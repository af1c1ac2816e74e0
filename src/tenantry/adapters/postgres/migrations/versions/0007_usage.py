"""Usage: readings at the edges of bins, closed bins of users and tenants, how far they go."""

from alembic import op

revision = "0007"
down_revision = "0006"

ALIGNED = "isfinite({0}) and mod(extract(epoch from {0})::bigint, 900) = 0"

MEASURES = """
        num_sessions bigint not null check (num_sessions > 0),
        cpu_allocated bigint not null check (cpu_allocated >= 0),
        mem_allocated numeric not null check (mem_allocated >= 0),
        gpu_allocated double precision not null check (gpu_allocated >= 0),
        io_read_bytes numeric not null check (io_read_bytes >= 0),
        io_write_bytes numeric not null check (io_write_bytes >= 0),
        disk_used numeric not null check (disk_used >= 0),
        estimated boolean not null
"""

STATEMENTS = (
    f"""
    create table usage_progress (
        only_row boolean primary key default true check (only_row),
        closed_until timestamptz not null check ({ALIGNED.format("closed_until")})
    )
    """,
    f"""
    create table usage_samples (
        tenant_id uuid not null,
        bin timestamptz not null check ({ALIGNED.format("bin")}),
        session_id uuid not null,
        io_read_bytes bigint not null check (io_read_bytes >= 0),
        io_write_bytes bigint not null check (io_write_bytes >= 0),
        disk_bytes bigint not null check (disk_bytes >= 0),
        estimated boolean not null,
        primary key (tenant_id, bin, session_id)
    ) partition by range (bin)
    """,
    "create index usage_samples_session on usage_samples (session_id, bin)",
    f"""
    create table usage_bins (
        tenant_id uuid not null,
        bin timestamptz not null check ({ALIGNED.format("bin")}),
        user_id uuid not null,
        {MEASURES},
        primary key (tenant_id, bin, user_id)
    ) partition by range (bin)
    """,
    "create index usage_bins_user on usage_bins (user_id, bin)",
    f"""
    create table usage_tenant_bins (
        tenant_id uuid not null,
        bin timestamptz not null check ({ALIGNED.format("bin")}),
        {MEASURES},
        primary key (tenant_id, bin)
    ) partition by range (bin)
    """,
    # All tables that are partitioned, whatever they are called: a later table needs no new text.
    """
    create or replace function ensure_partitions(first_month date, months integer) returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
        parent text;
        start date;
        part text;
    begin
        if months not between 1 and 36 then
            raise exception 'months out of range';
        end if;
        perform pg_advisory_xact_lock(hashtext('tenantry.partitions'));
        for parent in
            select relname from pg_class
            where relkind = 'p' and relnamespace = 'public'::regnamespace and not relispartition
            order by relname
        loop
            for i in 0 .. months - 1 loop
                start := date_trunc('month', first_month) + make_interval(months => i);
                part := format('%s_%s', parent, to_char(start, 'YYYY_MM'));
                if to_regclass(format('public.%I', part)) is null then
                    execute format(
                        'create table public.%I partition of public.%I '
                        'for values from (%L) to (%L)',
                        part, parent,
                        to_char(start, 'YYYY-MM-DD') || ' 00:00:00+00',
                        to_char(start + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
                    );
                end if;
            end loop;
        end loop;
    end
    $$
    """,
    "grant select, insert, update on usage_progress to tenantry_app",
    "grant select, insert, update, delete on usage_samples, usage_bins to tenantry_app",
    "grant select, insert on usage_tenant_bins to tenantry_app",
)


def upgrade() -> None:
    """Make it all."""
    for statement in STATEMENTS:
        op.execute(statement)
