"""The SQL of usage. Bins are counted from their start, in UTC."""

from tenantry.kernel.transaction import Statement

_MEASURES = (
    "num_sessions, cpu_allocated, mem_allocated, gpu_allocated, io_read_bytes, io_write_bytes, "
    "disk_used, estimated"
)
_ARRAYS = (
    "::bigint[], ::bigint[], ::numeric[], ::double precision[], ::numeric[], ::numeric[], "
    "::numeric[], ::boolean[]"
).split(", ")

BEGIN = Statement(
    "usage.begin",
    "Begin to close bins, with that of the oldest session unless it is older than this.",
    """
    insert into usage_progress (closed_until)
    select to_timestamp(floor(extract(epoch from
        greatest($1::timestamptz, coalesce(min(created_at), $2::timestamptz))) / 900) * 900)
    from compute_sessions
    on conflict (only_row) do nothing
    """,
)
ENSURE_PARTITIONS = Statement(
    "usage.ensure_partitions",
    "Make the partition of a bin that is to be closed late, should it be missing.",
    "select ensure_partitions($1::timestamptz::date, 1)",
)
CLOSED_UNTIL = Statement(
    "usage.closed_until",
    "Up to when all bins are closed.",
    "select closed_until from usage_progress",
)
HOLD_PROGRESS = Statement(
    "usage.hold_progress",
    "The same, and no bin is closed meanwhile.",
    "select closed_until from usage_progress for share",
)
LEASE_PROGRESS = Statement(
    "usage.lease_progress",
    "The same, for the one worker that closes the next bin; nothing for all others.",
    "select closed_until from usage_progress for update skip locked",
)
MOVE_PROGRESS = Statement(
    "usage.move_progress",
    "All bins before this are closed.",
    "update usage_progress set closed_until = $1",
)
AGENTS = Statement(
    "usage.agents",
    "The agents that can be asked for samples.",
    "select name from agents where status = 'alive' order by name",
)

_SPAN = """
    select s.id, s.tenant_id, s.user_id, s.cpu, s.memory, s.gpu, s.started_at, s.ended_at,
        s.io_read_bytes, s.io_write_bytes, s.disk_bytes
    from compute_sessions s
"""
_OF = "($3::uuid is null or s.tenant_id = $3) and ($4::uuid is null or s.user_id = $4)"
SPANS = Statement(
    "usage.spans",
    "The sessions in sight that ran between two times, live and ended ones.",
    f"""
    {_SPAN} where s.status in ('pending', 'running', 'terminating') and s.started_at < $2 and {_OF}
    union all
    {_SPAN} where s.ended_at >= $1 and s.started_at < $2 and {_OF}
        and (s.ended_at > $1 or s.started_at = s.ended_at)
    """,
)
MARKS = Statement(
    "usage.marks",
    "The readings of these sessions at the ends of bins, between two bins.",
    """
    select session_id, bin, io_read_bytes, io_write_bytes, disk_bytes, estimated
    from usage_samples where session_id = any($1) and bin >= $2 and bin < $3
    order by session_id, bin
    """,
)
ANCHORS = Statement(
    "usage.anchors",
    "The last that the records know of these sessions: a reading at an edge, or their start.",
    """
    select s.id, coalesce(m.bin + interval '15 minutes', s.started_at) as at,
        coalesce(m.io_read_bytes, 0) as io_read_bytes,
        coalesce(m.io_write_bytes, 0) as io_write_bytes,
        coalesce(m.disk_bytes, 0) as disk_bytes
    from compute_sessions s left join lateral (
        select * from usage_samples m
        where m.session_id = s.id and m.bin >= $2 and m.bin < $3 order by m.bin desc limit 1
    ) m on true
    where s.id = any($1) and s.started_at is not null
    """,
)
ADD_MARKS = Statement(
    "usage.add_marks",
    "Keep readings at the ends of bins; the first one of each stays.",
    """
    insert into usage_samples
        (tenant_id, bin, session_id, io_read_bytes, io_write_bytes, disk_bytes, estimated)
    select s.tenant_id, m.bin, s.id, m.io_read, m.io_write, m.disk, m.estimated
    from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],
                $6::boolean[]) as m (session_id, bin, io_read, io_write, disk, estimated)
    join compute_sessions s on s.id = m.session_id
    on conflict do nothing
    """,
)
_UNNEST = ", ".join(f"${number}{kind}" for number, kind in enumerate(_ARRAYS, 4))
ADD_USER_BINS = Statement(
    "usage.add_user_bins",
    "Close a bin for users.",
    f"""
    insert into usage_bins (tenant_id, bin, user_id, {_MEASURES})
    select tenant_id, $1, user_id, {_MEASURES}
    from unnest($2::uuid[], $3::uuid[], {_UNNEST}) as u (tenant_id, user_id, {_MEASURES})
    """,
)
_UNNEST_TENANTS = ", ".join(f"${number}{kind}" for number, kind in enumerate(_ARRAYS, 3))
ADD_TENANT_BINS = Statement(
    "usage.add_tenant_bins",
    "Close a bin for tenants, and for all of them together.",
    f"""
    insert into usage_tenant_bins (tenant_id, bin, {_MEASURES})
    select tenant_id, $1, {_MEASURES}
    from unnest($2::uuid[], {_UNNEST_TENANTS}) as t (tenant_id, {_MEASURES})
    """,
)

_READ = """
    extract(epoch from bin)::bigint as bin, num_sessions, cpu_allocated,
    mem_allocated::text as mem_allocated, gpu_allocated, io_read_bytes::text as io_read_bytes,
    io_write_bytes::text as io_write_bytes, disk_used::text as disk_used, estimated
"""
USER_BINS = Statement(
    "usage.user_bins",
    "The closed bins of a user, of one tenant or of all that the user has been in.",
    f"""
    select {_READ} from usage_bins
    where user_id = $1 and bin >= $2 and bin < $3 and ($4::uuid is null or tenant_id = $4)
    """,
)
TENANT_BINS = Statement(
    "usage.tenant_bins",
    "The closed bins of a tenant; those of all tenants stand under the id of zeros.",
    f"select {_READ} from usage_tenant_bins where tenant_id = $1 and bin >= $2 and bin < $3",
)
FORGET = Statement(
    "usage.forget",
    "What a user used stays in the sums, as that of nobody in particular.",
    f"""
    with gone as (delete from usage_bins where user_id = $1 returning *)
    insert into usage_bins (tenant_id, bin, user_id, {_MEASURES})
    select tenant_id, bin, $2::uuid, {_MEASURES} from gone
    on conflict (tenant_id, bin, user_id) do update set
        num_sessions = usage_bins.num_sessions + excluded.num_sessions,
        cpu_allocated = usage_bins.cpu_allocated + excluded.cpu_allocated,
        mem_allocated = usage_bins.mem_allocated + excluded.mem_allocated,
        gpu_allocated = usage_bins.gpu_allocated + excluded.gpu_allocated,
        io_read_bytes = usage_bins.io_read_bytes + excluded.io_read_bytes,
        io_write_bytes = usage_bins.io_write_bytes + excluded.io_write_bytes,
        disk_used = usage_bins.disk_used + excluded.disk_used,
        estimated = usage_bins.estimated or excluded.estimated
    """,
)
