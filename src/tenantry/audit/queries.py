"""The SQL of the audit: entries are added and read, never changed."""

from tenantry.conditions import Asked, bound
from tenantry.kernel.transaction import Statement

_POSITION = "(select audit_offset from installation) + pg_current_xact_id()::text::bigint"
_WRITTEN = """at, run_id, action, actor, actor_id, request_id, face, address_digest,
        id, tenant_id, outcome, reason, target_id, person_id, target_digest, key_id, box,
        actor_key_id, actor_box, position"""
INSERT = Statement(
    "audit.insert",
    "Add the entry of a run.",
    f"""
    insert into audit_entries ({_WRITTEN})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            {_POSITION})
    """,
)
INSERT_MANY = Statement(
    "audit.insert_many",
    "Add the entries of one run, any number of them in one round trip.",
    f"""
    insert into audit_entries ({_WRITTEN})
    select $1, $2, $3, $4, $5, $6, $7, $8, entry.*, {_POSITION}
    from unnest($9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::uuid[], $14::uuid[],
                $15::bytea[], $16::uuid[], $17::bytea[], $18::uuid[], $19::bytea[]) as entry
    """,
)
INSERT_KEYS = Statement(
    "audit.insert_keys",
    "Add the keys that these entries are the first to need.",
    """
    insert into audit_keys (at, id, person_id, wrapped)
    select $1, id, person_id, wrapped
    from unnest($2::uuid[], $3::uuid[], $4::bytea[]) as key (id, person_id, wrapped)
    """,
)
KEYS = Statement(
    "audit.keys",
    "The keys of these ids and this time that may still be used.",
    """
    select id, person_id, wrapped from audit_keys k
    where id = any($1) and at >= $2 and at < $3
        and not exists (select from audit_erasures e where e.person_id = k.person_id)
    """,
)
FIND_USER = Statement(
    "audit.find_user",
    "The user of a name or an address, in a tenant or anywhere; a name goes before an address.",
    """
    select id, tenant_id from users
    where (username_key = $1 or email_key = $2) and ($3::uuid is null or tenant_id = $3)
    order by username_key <> $1 limit 1
    """,
)
USERNAMES = Statement(
    "audit.usernames",
    "The present names of users, and the tenants that they are in.",
    "select id, tenant_id, username from users where id = any($1)",
)

ERASE = Statement(
    "audit.erase",
    "Remember that a person's keys must not exist.",
    """
    insert into audit_erasures (person_id, erased_at) values ($1, $2)
    on conflict (person_id) do nothing
    """,
)
DESTROY_KEYS = Statement(
    "audit.destroy_keys", "Destroy a person's keys.", "delete from audit_keys where person_id = $1"
)
DESTROY_LATE_KEYS = Statement(
    "audit.destroy_late_keys",
    "Destroy keys that were written while their person was purged since then, or restored.",
    """
    delete from audit_keys k using audit_erasures e
    where k.person_id = e.person_id and e.erased_at >= $1
    """,
)
PSEUDONYMISE = Statement(
    "audit.pseudonymise",
    "Put a pseudonym into entries that the release before this one wrote.",
    "select pseudonymise_audit($1)",
)

LAST_SEAL = Statement(
    "audit.last_seal",
    "The seal at the end of the chain.",
    "select *, months::text as parts from audit_seals order by number desc limit 1",
)
SEALS = Statement(
    "audit.seals",
    "Seals in their order, after this one.",
    """
    select *, months::text as parts from audit_seals where number > $1 order by number limit $2
    """,
)
SEAL_SINCE = Statement(
    "audit.seal_since",
    "The last seal that was made before this time.",
    "select max(number) from audit_seals where sealed_at < $1",
)
DROPS = Statement(
    "audit.drops",
    "The seals that say that a month was dropped.",
    "select *, months::text as parts from audit_seals where dropped is not null order by number",
)
HEADS = Statement(
    "audit.heads",
    "The heads of these seals.",
    "select number, head from audit_seals where number = any($1)",
)
INSERT_SEAL = Statement(
    "audit.insert_seal",
    "Put a seal at the end of the chain, unless another process was quicker.",
    """
    insert into audit_seals (number, from_position, to_position, sealed_at, months, dropped,
                             leaves, previous, head, signature)
    values ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9, $10)
    on conflict (number) do nothing
    """,
)
HORIZON = Statement(
    "audit.horizon",
    "The position before which every transaction has ended, so that no entry can still come.",
    """
    select audit_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint from installation
    """,
)
UNSEALED = Statement(
    "audit.unsealed",
    "How many entries stand after this position, and since when.",
    "select count(*) as entries, min(at) as oldest from audit_entries where position >= $1",
)
MONTHS = Statement(
    "audit.months",
    "The months that there are partitions for, with an estimate of their entries and their size.",
    """
    select right(c.relname, 7) as name, greatest(c.reltuples, 0)::bigint as entries,
        pg_total_relation_size(c.oid) as size
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'audit_entries'::regclass order by name
    """,
)
DROP_MONTH = Statement(
    "audit.drop_month", "Drop a month, entries and keys.", "select drop_audit_month($1)"
)

ADOPT_CLUSTER = Statement(
    "audit.adopt_cluster",
    "Go on counting where a database left off that was restored elsewhere.",
    "select adopt_audit_cluster()",
)
SET_INDEX_KEY = Statement(
    "audit.set_index_key",
    "Remember the key of digests; the first one stays.",
    "update installation set audit_index_key = $1 where audit_index_key is not distinct from $2",
)
INDEX_KEY = Statement(
    "audit.index_key", "The key of digests, sealed.", "select audit_index_key from installation"
)
OUTDATED_KEYS = Statement(
    "audit.outdated_keys",
    "Keys of persons that another key has wrapped, after this one.",
    """
    select at, id, person_id, wrapped from audit_keys
    where at >= $1 and at < $2 and id > $3 and substring(wrapped from 1 for 8) <> $4
    order by id limit 500
    """,
)
REWRAP = Statement(
    "audit.rewrap",
    "Wrap a person's key with today's key.",
    "update audit_keys set wrapped = $3 where id = $1 and at = $2",
)

CONDITIONS = {
    "tenant": "e.tenant_id = {0}",
    "self": "(e.target_id = {0} or e.person_id = {0} or e.actor_id = {0})",
    "target_id": "e.target_id = {0}",
    "person": "e.person_id = {0}",
    "actor_id": "e.actor_id = {0}",
    # What an erased person's entry was found by must not tie it to that person again.
    "target_name": "e.target_digest = {0} and not exists (select from audit_erasures gone"
    " where gone.person_id = coalesce(e.person_id, e.target_id, e.actor_id))",
    "address": "e.address_digest = {0} and not exists (select from audit_erasures gone"
    " where gone.person_id = coalesce(e.actor_id, e.person_id, e.target_id))",
    "nothing": "false",
    "action": "e.action = {0}",
    "actions": "e.action = any({0})",
    "outcome": "e.outcome = {0}",
    "existing": "exists (select from users u"
    " where u.id = coalesce(e.person_id, e.target_id) and u.status <> {0})",
    "since": "e.at >= {0}",
    "until": "e.at < {0}",
    # The first half says again what the second implies, for partitions to be left out by it.
    "before": "e.at <= {0} and (e.at, e.id) < ({0}, {1})",
}
"""The conditions that a search may have; placeholders stand for bound parameters."""

COLUMNS = (
    "tenant_id, at, id, run_id, action, outcome, reason, actor, actor_id, target, target_id,"
    " person_id, address, user_agent, request_id, face, changes::text as changes, key_id, box,"
    " actor_key_id, actor_box, target_digest, address_digest, position"
)
BETWEEN = Statement(
    "audit.between",
    "Entries from one position to another, in the order in which they are sealed.",
    f"""
    select {COLUMNS} from audit_entries where position >= $1 and position < $2
    order by position, id limit $3
    """,
)
IN_ORDER = frozenset("target_id person actor_id target_name address action".split())
"""Conditions for which an index has the entries in order, whatever the value."""
_NEWEST = "order by at desc, id desc limit $1"
_PURPOSE = "Find entries, newest first."


def search_statement(
    conditions: Asked, either: Asked, limit: int
) -> tuple[Statement, list[object]]:
    """The SQL of entries for which all conditions hold and, if there are such, one of ``either``.

    Each of these is a search of its own, which ends at the limit: an index gives its newest
    entries in order, which it could not do for all of them together. Where that is the way for
    whatever value, the plan is kept: to plan each part for each month takes longer than to do it.
    """
    parts, arguments = _parts(conditions, either, limit)
    ordered = [f"{part} {_NEWEST}" for part in parts]
    sql = ordered[0]
    if len(parts) > 1:
        together = " union all ".join(f"({part})" for part in ordered)
        sql = f"select distinct on (at, id) * from ({together}) as found {_NEWEST}"
    names = {name for name, _ in (*conditions, *either)}
    anew = len(conditions) + bool(either) > 1 or not names <= IN_ORDER
    return Statement("audit.search", _PURPOSE, sql, anew), arguments


def whole_statement(conditions: Asked, either: Asked, limit: int) -> tuple[Statement, list[object]]:
    """The same, but found as a whole before it is put in order.

    Several indexes can then be used together. To walk one of them in order is a bet that what
    fits comes early; where each condition is common and both together are rare, it is lost.
    """
    parts, arguments = _parts(conditions, either, limit)
    sql = f"""
        with found as materialized ({" union all ".join(parts)})
        select distinct on (at, id) * from found {_NEWEST}
    """
    return Statement("audit.search_whole", _PURPOSE, sql, anew=True), arguments


def explained(statement: Statement) -> Statement:
    """The statement that asks the planner what another one would cost."""
    sql = f"explain (format json) {statement.sql}"
    return Statement(f"{statement.name}_cost", "What a search would cost.", sql, anew=True)


def _parts(conditions: Asked, either: Asked, limit: int) -> tuple[list[str], list[object]]:
    arguments: list[object] = [limit]
    parts: list[str] = []
    for alternative in [[one] for one in either] or [[]]:
        clauses, arguments = bound(CONDITIONS, [*alternative, *conditions], arguments)
        where = " and ".join(clauses) or "true"
        parts.append(f"select {COLUMNS} from audit_entries e where {where}")
    return parts, arguments
