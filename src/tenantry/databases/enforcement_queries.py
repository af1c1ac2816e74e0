"""The SQL of having servers enforce what is granted: who is concerned, what is due, what came."""

from tenantry.kernel.transaction import Statement

CONCERNED_ROLES = Statement(
    "databases.concerned_roles",
    "The roles that can be good on a database: the platform's, and those of its tenant.",
    """
    select r.id from roles r
    where r.tenant_id is null
        or r.tenant_id = (select d.tenant_id from tenant_databases d where d.database = $1)
    """,
)
CONCERNED_USERS = Statement(
    "databases.concerned_users",
    "Who may hold something in a database: by a grant, by one of these roles, by an own account.",
    """
    select u.id, u.username from users u where u.status <> 'purging' and u.id in (
        select g.user_id from grants g
        where g.user_id is not null and (g.database is null or g.database = $1)
        union select m.user_id from role_members m where m.role_id = any($2::uuid[])
        union select a.user_id from adopted_principals a
            where a.database_id = $3 and a.user_id is not null)
    """,
)
ADOPTED = Statement(
    "databases.adopted",
    "The principals of a server that were there before, and whom they stand for.",
    """
    select name, coalesce(user_id, role_id) as id, had::text as had, locked
    from adopted_principals where database_id = $1 order by name
    """,
)
ADOPT = Statement(
    "databases.adopt",
    "Have a principal of a server stand for a user or a role; also one whose former one is gone.",
    """
    insert into adopted_principals as a (database_id, name, user_id, role_id, adopted_at)
    values ($1, $2, $3, $4, $5)
    on conflict (database_id, name)
        do update set user_id = excluded.user_id, role_id = excluded.role_id,
            adopted_at = excluded.adopted_at
        where num_nonnulls(a.user_id, a.role_id) = 0
    """,
)
# The lease is asked for, since whoever has lost it must not speak for the one who has it now.
_IN_TURN = """
    database_id = $1 and exists
        (select from managed_databases m where m.id = $1 and m.lease_id = $2)
"""
REMEMBER_HAD = Statement(
    "databases.remember_had",
    "What a principal had on the server before a plan of ours was first applied.",
    f"""
    update adopted_principals set had = $4::text::jsonb
    where name = $3 and had is null and {_IN_TURN}
    """,
)
REMEMBER_LOCKED = Statement(
    "databases.remember_locked",
    "Which logins that were there before are locked by a plan of ours from now on.",
    f"update adopted_principals set locked = true where name = any($3) and {_IN_TURN}",
)
OPENED_AGAIN = Statement(
    "databases.opened_again",
    "Which of them are not locked by us any more.",
    "update adopted_principals set locked = false where database_id = $1 and name = any($2)",
)
GIVEN_BACK = Statement(
    "databases.given_back",
    "All of them are again as they were before.",
    "update adopted_principals set locked = false, had = null where database_id = $1",
)
ENFORCED = Statement(
    "databases.enforced",
    "Managed databases whose servers follow.",
    "select id, name from managed_databases where enforced order by name",
)
# Who is removed at this moment is waited for, and then left out.
REMEMBER_ENDED = Statement(
    "databases.remember_ended",
    "Whose open connections were ended, how many, and when.",
    """
    with ended as (
        select who.user_id, sum(e.connections) as connections
        from unnest($2::text[], $3::int[]) as e (name, connections)
        join (
            select name, user_id from database_logins where database_id = $1
            union select name, user_id from adopted_principals where database_id = $1
        ) who on who.name = e.name
        group by who.user_id
    ), there as (
        select u.id from users u where u.id in (select user_id from ended) for key share
    )
    insert into connections_ended as c (database_id, user_id, ended_at, connections)
    select $1, e.user_id, $4, e.connections from ended e join there t on t.id = e.user_id
    on conflict (database_id, user_id)
        do update set ended_at = excluded.ended_at, connections = excluded.connections
    """,
)
HEAD = Statement("databases.head", "The number of the last change.", "select seq from change_head")
# A change of a session decides on nothing that a server enforces. Where the next change is not in
# the log any more, nobody knows what it was about.
DUE = Statement(
    "databases.due",
    "Managed databases whose servers may have to enforce something new now.",
    """
    select m.name from managed_databases m
    where m.enforced and (m.retry_at is null or m.retry_at <= $1)
        and (m.lease_until is null or m.lease_until <= $1)
        and (m.requested_at > m.applied_at or m.applied_at is null or m.next_boundary <= $1
            or (m.applied_seq < (select seq from change_head) and (
                exists (select from change_log c
                    where c.seq > m.applied_seq and c.kind <> 'session')
                or not exists (select from change_log c where c.seq = m.applied_seq + 1))))
    order by m.applied_at nulls first
    """,
)
DRIFT_DUE = Statement(
    "databases.drift_due",
    "Managed databases that were not compared with their servers for long.",
    """
    select m.name from managed_databases m
    where m.enforced and m.applied_at >= m.requested_at and (m.drift_at is null or m.drift_at < $1)
        and (m.retry_at is null or m.retry_at <= $2)
        and (m.lease_until is null or m.lease_until <= $2)
    """,
)
CLAIM = Statement(
    "databases.claim",
    "Have one worker at a time change a server; others wait until the lease ends.",
    """
    update managed_databases set lease_id = $2, lease_until = $4, steps_done = 0, steps_total = null
    where id = $1 and (lease_until is null or lease_until <= $3)
    """,
)
ADVANCE = Statement(
    "databases.advance",
    "Keep the lease, and say how far it is.",
    """
    update managed_databases set lease_until = $3, steps_done = $4, steps_total = $5
    where id = $1 and lease_id = $2
    """,
)
REQUEST = Statement(
    "databases.request",
    "Have a server enforce what is granted from now on, or nothing any more.",
    """
    update managed_databases set enforced = $3, requested_at = $2, retry_at = null where id = $1
    """,
)
END_LATER = Statement(
    "databases.end_later",
    "Whose open connections must be ended, should the plan that begins now be broken off.",
    "update managed_databases set unended = $3 where id = $1 and lease_id = $2",
)
SUCCEED = Statement(
    "databases.succeed",
    "The server enforces all that was granted up to a change.",
    """
    update managed_databases set applied_seq = $3, applied_at = $4, wanted_digest = $5,
        next_boundary = $6, drift_count = 0, drift = '{}', drift_digest = null, drift_at = $4,
        failures = 0, failing_since = null, retry_at = null, error = null, unended = '{}',
        refused = $7::text::jsonb, lease_id = null, lease_until = null
    where id = $1 and lease_id = $2
    """,
)
KEEP = Statement(
    "databases.keep",
    "Changes up to this one concern nothing that the server enforces.",
    """
    update managed_databases set applied_seq = $3, next_boundary = $4, lease_id = null,
        lease_until = null
    where id = $1 and lease_id = $2
    """,
)
FAIL = Statement(
    "databases.fail",
    "The server could not be made to enforce it; try again later.",
    """
    update managed_databases set failures = failures + 1,
        failing_since = coalesce(failing_since, $5), retry_at = $3, error = $4,
        lease_id = null, lease_until = null
    where id = $1 and lease_id is not distinct from $2
    """,
)
# What is on its way to the server is no drift: nothing may have been applied meanwhile, and what
# was wanted then must be what the server was made to do.
DRIFTED = Statement(
    "databases.drifted",
    "Remember which differences were found, and tell whether they are others than before.",
    """
    update managed_databases m
    set drift_count = $2, drift = $3::text::jsonb, drift_digest = $7, drift_at = $4,
        refused = $8::text::jsonb,
        failures = 0, failing_since = null, retry_at = null, error = null
    from (select id, drift_digest from managed_databases where id = $1 for update) former
    where m.id = former.id and m.wanted_digest = $5 and m.applied_at = $6
        and (m.lease_until is null or m.lease_until <= $4)
    returning former.drift_digest is distinct from m.drift_digest as news
    """,
)
FIGURES = Statement(
    "databases.figures",
    "How far each server that is to follow does so.",
    """
    select name, drift, extract(epoch from $1 - failing_since)::float8 as failing,
        extract(epoch from $1 - drift_at)::float8 as compared
    from managed_databases where enforced order by name
    """,
)
STATE = Statement(
    "databases.state",
    "How far a server is, and what was wanted last.",
    """
    select enforced, applied_seq, wanted_digest, failures, requested_at, applied_at, steps_done,
        steps_total, lease_until, unended
    from managed_databases where id = $1
    """,
)
# Until the server has answered nobody knows which password is good there; where the lease runs out
# before that, the login is shut. A former one keeps its time until a new one has taken its place.
CLAIM_LOGIN = Statement(
    "databases.claim_login",
    "Have the credential of a user to oneself; whoever opens another one meanwhile is refused.",
    """
    insert into database_logins as l
        (database_id, user_id, name, opened_at, valid_until, lease_id, lease_until)
    values ($1, $2, $3, $5, $6, $4, $6)
    on conflict (database_id, user_id)
        do update set name = excluded.name, lease_id = excluded.lease_id,
            lease_until = excluded.lease_until
        where l.lease_until is null or l.lease_until <= $5
    """,
)
OPENED_LOGIN = Statement(
    "databases.opened_login",
    "Remember that a user has a credential of the server, and until when.",
    """
    update database_logins set opened_at = $4, valid_until = $5, lease_id = null,
        lease_until = null
    where database_id = $1 and user_id = $2 and lease_id = $3
    """,
)
REFUSED_LOGIN = Statement(
    "databases.refused_login",
    "The server has opened none; a former one is what it was.",
    """
    update database_logins set lease_id = null, lease_until = null
    where database_id = $1 and user_id = $2 and lease_id = $3
    """,
)
LOGIN_USERS = Statement(
    "databases.login_users",
    "Whose logins these are.",
    """
    select l.name, u.username from database_logins l join users u on u.id = l.user_id
    where l.database_id = $1 and l.name = any($2)
    """,
)
OPEN_LOGINS = Statement(
    "databases.open_logins",
    "Credentials of one database that may still be good.",
    "select name from database_logins where database_id = $1 order by name",
)
_IS_OVER = "(l.lease_until is null and l.valid_until <= $1 or l.lease_until <= $1)"
ENDED_LOGINS = Statement(
    "databases.ended_logins",
    "Credentials whose time is over, with the database that each is of.",
    f"""
    select l.database_id, l.user_id, l.name, m.name as database
    from database_logins l join managed_databases m on m.id = l.database_id
    where {_IS_OVER} and (m.retry_at is null or m.retry_at <= $1)
    """,
)
CLAIM_ENDED_LOGIN = Statement(
    "databases.claim_ended_login",
    "Have a credential whose time is over to oneself: nobody opens a new one while it is shut.",
    f"""
    update database_logins l set lease_id = $4, lease_until = $5
    where l.database_id = $2 and l.user_id = $3 and {_IS_OVER}
    """,
)
CLOSE_LOGIN = Statement(
    "databases.close_login",
    "Forget a credential that was shut.",
    "delete from database_logins where database_id = $1 and user_id = $2 and lease_id = $3",
)
