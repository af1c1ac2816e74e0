"""The SQL of agents and compute sessions: static statements, and the builder of one page."""

from tenantry.compute import limits
from tenantry.conditions import Asked, bound
from tenantry.kernel.transaction import Statement

READ = """
    select s.*, u.username, u.role as owner_role, t.name as domain_name
    from compute_sessions s join users u on u.id = s.user_id join tenants t on t.id = s.tenant_id
"""
_SEEN = "($2::uuid is null or s.tenant_id = $2) and ($3::uuid is null or s.user_id = $3)"
LIVE = "('pending', 'running', 'terminating')"
BY_POLICY = "('lifetime-over', 'idle')"
"""Why the server ends a session of itself."""

FIND = Statement("compute.find", "One session in sight.", f"{READ} where s.id = $1 and {_SEEN}")
LOCK = Statement(
    "compute.lock",
    "One session in sight, which nobody else changes meanwhile.",
    f"{READ} where s.id = $1 and {_SEEN} for update of s",
)

_OWNER = """
    select u.id, u.tenant_id, u.username, u.role, u.status, u.locked_at,
        u.lock_expires_at, t.status as tenant_status, u.container_uid, u.container_main_gid,
        u.container_gids, u.sudo_session_enabled,
        p.max_session_count_per_model_session, {limits} as limits
    from users u join tenants t on t.id = u.tenant_id
        join resource_policies p on p.name = u.resource_policy
        left join access_keys k on k.user_id = u.id and k.is_main
        left join keypair_policies kp on kp.name = k.resource_policy
    where {condition} and ($2::uuid is null or u.tenant_id = $2)
        and ($3::uuid is null or u.id = $3)
"""
_BY = {"id": "u.id = $1", "username": "u.username_key = $1", "email": "u.email_key = $1"}
OWNER = {
    by: Statement(
        f"compute.owner_by_{by}",
        "A user in sight.",
        _OWNER.format(condition=condition, limits=limits.READ),
    )
    for by, condition in _BY.items()
}
LOCK_OWNER = {
    # Stronger than a share: it also makes two creations of the same user count one by one.
    by: Statement(
        f"{owner.name}_locked",
        "A user in sight, whom nobody changes or purges until the session is written.",
        f"{owner.sql} for no key update of u",
    )
    for by, owner in OWNER.items()
}

LOAD = Statement(
    "compute.load",
    "What the live sessions of a user take, and those that wait, and how many one service has.",
    f"""
    select count(*) filter (where kind = 'service' and name = $2) as replicas,
        count(*) as live_sessions, coalesce(sum(cpu), 0) as live_cpu,
        coalesce(sum(memory), 0) as live_memory, coalesce(sum(gpu), 0) as live_gpu,
        count(*) filter (where agent is null) as waiting_sessions,
        coalesce(sum(cpu) filter (where agent is null), 0) as waiting_cpu,
        coalesce(sum(memory) filter (where agent is null), 0) as waiting_memory,
        coalesce(sum(gpu) filter (where agent is null), 0) as waiting_gpu
    from compute_sessions where user_id = $1 and status in {LIVE}
    """,
)
INSERT = Statement(
    "compute.insert",
    "Add a pending session.",
    """
    insert into compute_sessions
        (id, tenant_id, user_id, agent, name, kind, status, status_info, command, environment,
         folders, cpu, memory, gpu, uid, gid, gids, sudo, created_at)
    values ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $9::text::jsonb, $10, $11, $12, $13, $14,
            $15, $16, $17, $18)
    """,
)
LOCK_AGENTS = Statement(
    "compute.lock_agents",
    "Let one transaction at a time give out room on the agents.",
    "select from agents where status = 'alive' order by name for no key update",
)
ROOMIEST_AGENT = Statement(
    "compute.roomiest_agent",
    "The agent alive with the most free memory out of those that have room for the session.",
    """
    select a.name from agents a left join agent_loads() taken on taken.agent = a.name
    where a.status = 'alive' and a.cpu - coalesce(taken.cpu, 0) >= $1
        and a.memory - coalesce(taken.memory, 0) >= $2 and a.gpu - coalesce(taken.gpu, 0) >= $3
    order by a.memory - coalesce(taken.memory, 0) desc, a.name limit 1
    """,
)
UNASSIGNED = Statement(
    "compute.unassigned",
    "Pending sessions that no agent had room for, the oldest first.",
    """
    select id, cpu, memory, gpu from compute_sessions
    where status = 'pending' and agent is null
    order by created_at, id limit 100 for update skip locked
    """,
)
ASSIGN = Statement(
    "compute.assign",
    "Give a pending session to an agent.",
    """
    update compute_sessions set agent = $2, status_info = null
    where id = $1 and status = 'pending' and agent is null
    """,
)

ORDER = Statement(
    "compute.order",
    "What its agent must know of a session that is to be started or ended.",
    f"""
    select id, user_id, agent, status, command, environment::text as environment, folders, cpu,
        memory, gpu, uid, gid, gids, sudo
    from compute_sessions where id = $1 and status in {LIVE}
    """,
)
MARK_RUNNING = Statement(
    "compute.mark_running",
    "A pending session runs now; its environment, which may hold secrets, has served its time.",
    """
    update compute_sessions
    set status = 'running', status_info = null, environment = '{}',
        started_at = greatest($2, created_at)
    where id = $1 and status = 'pending'
    """,
)
SAY = Statement(
    "compute.say",
    "Note why a live session is not further; why it is ended says more.",
    f"""
    update compute_sessions set status_info = $2
    where id = $1 and status in {LIVE} and coalesce(status_info not in {BY_POLICY}, true)
    """,
)
FAIL = Statement(
    "compute.fail",
    "A pending or running session has come to a bad end.",
    """
    update compute_sessions
    set status = 'failed', status_info = $2, environment = '{}', ended_at = greatest($3, started_at)
    where id = $1 and status in ('pending', 'running')
    """,
)
BEGIN_END = Statement(
    "compute.begin_end",
    "Mark a session as being ended; one that no agent has is cancelled at once.",
    """
    update compute_sessions
    set status = case when agent is null then 'cancelled' else 'terminating' end,
        ended_at = case when agent is null then greatest($2, created_at) end,
        environment = case when agent is null then '{}' else environment end
    where id = $1 and status in ('pending', 'running')
    """,
)
BEGIN_END_ALL = Statement(
    "compute.begin_end_all",
    "The same for all sessions of a user.",
    """
    update compute_sessions
    set status = case when agent is null then 'cancelled' else 'terminating' end,
        ended_at = case when agent is null then greatest($2, created_at) end,
        environment = case when agent is null then '{}' else environment end
    where user_id = $1 and status in ('pending', 'running')
    """,
)
MARK_ENDED = Statement(
    "compute.mark_ended",
    "A session has ended on its agent, of itself or because it was told to.",
    f"""
    update compute_sessions
    set status = case when started_at is null then 'cancelled' else 'terminated' end,
        status_info = coalesce($3, case when status_info in {BY_POLICY} then status_info end),
        environment = '{{}}', exit_code = $4,
        ended_at = greatest(least(coalesce($5::timestamptz, $2::timestamptz), $2), started_at),
        cpu_seconds = $6, io_read_bytes = $7, io_write_bytes = $8, disk_bytes = $9
    where id = $1 and status in ('running', 'terminating')
    """,
)

TERMINATING_OF = Statement(
    "compute.terminating_of",
    "The sessions of a user that are still being ended.",
    "select id from compute_sessions where user_id = $1 and status = 'terminating' order by id",
)
_POLICY = """
    access_keys k join keypair_policies kp on kp.name = k.resource_policy
    where k.user_id = s.user_id and k.is_main and s.status = 'running'
"""
TO_LOOK_AT = Statement(
    "compute.to_look_at",
    "Interactive sessions that may be idle for only so long, and the last look at each.",
    f"""
    select s.id, s.agent, s.looked_at, s.looked_cpu_seconds, s.looked_io_bytes
    from compute_sessions s join agents a on a.name = s.agent and a.status = 'alive', {_POLICY}
        and s.kind = 'interactive' and kp.idle_timeout > 0 and (s.looked_at is null
            or extract(epoch from $1 - s.looked_at) >= least(15, kp.idle_timeout / 4.0))
    order by s.id limit 5000
    """,
)
NOTE_LOOKS = Statement(
    "compute.note_looks",
    "What these sessions have used until now, and whether they did anything since the last look.",
    """
    update compute_sessions s
    set looked_at = l.at, looked_cpu_seconds = l.cpu_seconds, looked_io_bytes = l.io_bytes,
        active_at = case when l.busy then l.at else coalesce(s.active_at, l.at) end
    from unnest($1::uuid[], $2::timestamptz[], $3::float8[], $4::bigint[], $5::boolean[])
        as l (id, at, cpu_seconds, io_bytes, busy)
    where s.id = l.id and s.status = 'running' and coalesce(s.looked_at < l.at, true)
    """,
)
_OVER = f"""{_POLICY} and (
        kp.max_session_lifetime between 1 and extract(epoch from $1 - s.started_at)
        or s.kind = 'interactive'
            and kp.idle_timeout between 1 and extract(epoch from s.looked_at - s.active_at))
"""
OVER = Statement(
    "compute.over",
    "What has run for too long, and what nobody uses.",
    f"select s.id from compute_sessions s, {_OVER} order by s.id limit 500",
)
END_BY_POLICY = Statement(
    "compute.end_by_policy",
    "Mark one of these as being ended, unless it is by now.",
    f"""
    update compute_sessions s
    set status = 'terminating', status_info = case
        when kp.max_session_lifetime between 1 and extract(epoch from $1 - s.started_at)
        then 'lifetime-over' else 'idle' end
    from {_OVER} and s.id = $2
    returning s.tenant_id, s.user_id, s.status_info
    """,
)
TO_LAUNCH = Statement(
    "compute.to_launch",
    "Pending sessions whose agent should have started them by now.",
    """
    select s.id from compute_sessions s join agents a on a.name = s.agent
    where s.status = 'pending' and s.created_at < $1 and a.status = 'alive' order by s.id limit 500
    """,
)
TO_END = Statement(
    "compute.to_end",
    "Sessions that are still being ended.",
    """
    select s.id from compute_sessions s join agents a on a.name = s.agent
    where s.status = 'terminating' and a.status = 'alive' order by s.id limit 500
    """,
)
RUNNING_ON = Statement(
    "compute.running_on",
    "The sessions that run on an agent as far as we know.",
    "select id from compute_sessions where agent = $1 and status = 'running'",
)
LIVE_ON = Statement(
    "compute.live_on",
    "Which of these an agent may rightly have.",
    f"select id from compute_sessions where agent = $1 and id = any($2) and status in {LIVE}",
)

MOUNTED_BY_OTHERS = Statement(
    "compute.mounted_by_others",
    "Live sessions of others that have one of these folders mounted.",
    f"""
    select s.id as session_id, s.user_id, u.username, folder as folder_id
    from compute_sessions s join users u on u.id = s.user_id
        cross join unnest(s.folders) as folder
    where s.folders && $1 and s.status in {LIVE} and s.user_id <> $2 and folder = any($1)
    order by s.id, folder
    """,
)
DELEGATE_SERVICES = Statement(
    "compute.delegate_services",
    "Live services get another owner, and it is noted from whom.",
    f"""
    update compute_sessions s
    set user_id = u.id, tenant_id = u.tenant_id, status_info = 'delegated-by-' || s.user_id
    from users u
    where u.id = $2 and s.user_id = $1 and s.kind = 'service' and s.status in {LIVE}
    """,
)
DELEGATED = Statement(
    "compute.delegated",
    "The services that a user has from another.",
    """
    select id from compute_sessions
    where user_id = $2 and kind = 'service' and status_info = 'delegated-by-' || $1::uuid
    order by id
    """,
)
LIVE_SERVICES = Statement(
    "compute.live_services",
    "The live services of a user.",
    f"""
    select id from compute_sessions where user_id = $1 and kind = 'service' and status in {LIVE}
    order by id
    """,
)
COUNT = Statement(
    "compute.count",
    "How many sessions a user has, ended ones included.",
    "select count(*) from compute_sessions where user_id = $1",
)
DELETE_SERVICES = Statement(
    "compute.delete_services",
    "Remove the services of a user that have ended.",
    f"""
    delete from compute_sessions
    where user_id = $1 and kind = 'service' and status not in {LIVE}
    """,
)
HAS_LIVE = Statement(
    "compute.has_live",
    "Whether the user has live sessions.",
    f"select exists (select from compute_sessions where user_id = $1 and status in {LIVE})",
)
ENDED_ON = Statement(
    "compute.ended_on",
    "The ended sessions of a user on agents alive, by agent.",
    f"""
    select s.agent, array_agg(s.id order by s.id) as ids
    from compute_sessions s join agents a on a.name = s.agent and a.status = 'alive'
    where s.user_id = $1 and s.status not in {LIVE} group by s.agent
    """,
)
FORGET = Statement(
    "compute.forget", "Remove all of a user.", "delete from compute_sessions where user_id = $1"
)

FIND_AGENT = Statement(
    "compute.find_agent", "One agent, locked.", "select * from agents where name = $1 for update"
)
REGISTER_AGENT = Statement(
    "compute.register_agent",
    "Add an agent or change what it offers; it is alive.",
    """
    insert into agents
        (name, address, status, cpu, memory, gpu, registered_at, heartbeat_at)
    values ($1, $2, 'alive', $3, $4, $5, $6, $6)
    on conflict (name) do update
    set address = excluded.address, status = 'alive', cpu = excluded.cpu,
        memory = excluded.memory, gpu = excluded.gpu,
        heartbeat_at = greatest(agents.heartbeat_at, excluded.heartbeat_at)
    returning *
    """,
)
HEARTBEAT = Statement(
    "compute.heartbeat",
    "An agent is alive.",
    """
    update agents set status = 'alive', heartbeat_at = greatest(heartbeat_at, $2) where name = $1
    returning *
    """,
)
AGENTS = Statement(
    "compute.agents",
    "Agents by name, after this one.",
    "select * from agents where name > $1 order by name limit $2",
)
AGENTS_ALIVE = Statement(
    "compute.agents_alive",
    "The names of the agents alive.",
    "select name from agents where status = 'alive' order by name",
)
LOSE_AGENTS = Statement(
    "compute.lose_agents",
    "Agents that were not heard of since then count as lost.",
    "update agents set status = 'lost' where status = 'alive' and heartbeat_at < $1",
)
GIVE_UP_LOST = Statement(
    "compute.give_up_lost",
    "Sessions on agents not heard of since then have ended when these were last heard of.",
    f"""
    update compute_sessions s
    set status = case when s.status <> 'terminating' then 'failed'
            when s.started_at is null then 'cancelled' else 'terminated' end,
        status_info = 'agent-lost', environment = '{{}}',
        ended_at = greatest(a.heartbeat_at, s.created_at, s.started_at)
    from agents a
    where a.name = s.agent and a.status = 'lost' and a.heartbeat_at < $1 and s.status in {LIVE}
    """,
)

CONDITIONS = {
    "tenant": "s.tenant_id = {0}",
    "user": "s.user_id = {0}",
    "status": "s.status = {0}",
    "kind": "s.kind = {0}",
    "before": "(s.created_at, s.id) < ({0}, {1})",
}
"""The conditions that a list may have; placeholders stand for bound parameters."""


def page_statement(conditions: Asked, limit: int) -> tuple[Statement, list[object]]:
    """The SQL of one page from the closed list of conditions, and its arguments."""
    clauses, arguments = bound(CONDITIONS, conditions)
    where = f"where {' and '.join(clauses)}" if clauses else ""
    sql = f"{READ} {where} order by s.created_at desc, s.id desc limit ${len(arguments) + 1}"
    return Statement("compute.page", "One page of a list, newest first.", sql), [*arguments, limit]
