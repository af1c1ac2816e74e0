"""The SQL of the audit: entries are added and read, never changed."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tenantry.audit.model import AuditEntry
from tenantry.kernel.action import Outcome
from tenantry.kernel.transaction import Row, Statement, Transaction

INSERT = Statement(
    "audit.insert",
    "Add the entries of one run, any number of them in one round trip.",
    """
    insert into audit_entries
        (tenant_id, at, id, run_id, action, outcome, reason, actor, actor_id, target, target_id,
         address, user_agent, request_id, face, changes)
    select tenant_id, $1, id, $2, $3, outcome, reason, $4, $5, target, target_id,
           $6, $7, $8, $9, changes::jsonb
    from unnest($10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::uuid[],
                $16::text[])
        as entry (id, tenant_id, outcome, reason, target, target_id, changes)
    """,
)

_SELECT = "select *, changes::text as changes_text from audit_entries"


class AuditRepository:
    """Adds and finds audit entries."""

    def insert(self, tx: Transaction, *arguments: object) -> None:
        """Add entries; the arguments are those of ``audit.insert``."""
        tx.later(INSERT, *arguments)

    async def page(
        self, tx: Transaction, conditions: Sequence[tuple[str, object]], limit: int
    ) -> list[AuditEntry]:
        """The newest entries for which all conditions hold; see ``search_statement``."""
        statement, arguments = search_statement(conditions, limit)
        return [_entry(row) for row in await tx.fetch(statement, *arguments)]


CONDITIONS = {
    "tenant": "tenant_id = {0}",
    "self": "(target_id = {0} or actor_id = {0})",
    # A run that was denied or failed before it found the user knows the name only.
    "user": "(target_id in (select id from users where username_key = {0})"
    " or actor_id in (select id from users where username_key = {0})"
    " or target_id is null and target in"
    " (select username from users where username_key = {0} union all select {0}))",
    "actor": "actor_id in (select id from users where username_key = {0})",
    "action": "action = {0}",
    "outcome": "outcome = {0}",
    "address": "address = {0}",
    "since": "at >= {0}",
    "until": "at < {0}",
    "before": "(at, id) < ({0}, {1})",
}
"""The conditions that a search may have; placeholders stand for bound parameters."""


def search_statement(
    conditions: Sequence[tuple[str, object]], limit: int
) -> tuple[Statement, list[object]]:
    """The SQL of a search from the closed list of conditions; values are bound, never text."""
    clauses: list[str] = []
    arguments: list[object] = []
    for name, value in conditions:
        values = value if isinstance(value, tuple) else (value,)
        numbers = [f"${len(arguments) + i}" for i in range(1, len(values) + 1)]
        clauses.append(CONDITIONS[name].format(*numbers))
        arguments.extend(values)
    where = f" where {' and '.join(clauses)}" if clauses else ""
    sql = f"{_SELECT}{where} order by at desc, id desc limit ${len(arguments) + 1}"
    return Statement("audit.search", "Find entries, newest first.", sql), [*arguments, limit]


def _entry(row: Row) -> AuditEntry:
    changes: dict[str, Any] = msgspec.json.decode(row["changes_text"])  # Any: of any field
    return AuditEntry(
        id=row["id"],
        timestamp=row["at"],
        run_id=row["run_id"],
        tenant_id=row["tenant_id"],
        action=row["action"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        actor=row["actor"],
        actor_id=row["actor_id"],
        target=row["target"],
        target_id=row["target_id"],
        ip_address=row["address"],
        user_agent=row["user_agent"],
        request_id=row["request_id"],
        face=row["face"],
        changes=changes,
    )
