"""Whether the server of a database enforces by now what is decided here about one user."""

from uuid import UUID

from tenantry.grants.model import EnforcementState, ServerEnforcement
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.users.access import Scope

# As for whoever looks what is due, but a change of another user is none of this one's.
FIND = Statement(
    "databases.effect",
    "How far a server is with one user.",
    """
    select m.enforced, m.applied_at, m.failures, m.failing_since, m.error, m.drift_count,
        m.drift_at, d.tenant_id,
        m.applied_at is null or m.requested_at > m.applied_at or m.next_boundary <= $3
            or (m.applied_seq < h.seq and (
                exists (select from change_log c where c.seq > m.applied_seq
                    and (c.kind in ('role', 'tenant') or (c.kind = 'user' and c.subject_id = $2)))
                or not exists (select from change_log c where c.seq = m.applied_seq + 1)))
            as is_pending
    from managed_databases m cross join change_head h
    left join tenant_databases d on d.database = m.name
    where m.name = $1
    """,
)


class ServerEffects:
    """Tells how far the servers are; for everybody who may know of the database."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def of(
        self, tx: Transaction, user_id: UUID, database: str | None, scope: Scope, *, allowed: bool
    ) -> ServerEnforcement | None:
        """What the server makes of an answer that was given just before.

        None where nothing may be told: of a database that the asker cannot see, and the user may
        not use, it is not said whether it is there.
        """
        if database is None:
            return None
        row = await tx.fetchrow(FIND, database, user_id, self._clock.now())
        home = row["tenant_id"] if row is not None else None
        in_sight = scope.tenant_id in (None, home)
        if not (allowed or in_sight):
            return None
        if row is None or not row["enforced"]:
            return ServerEnforcement(database=database, state=EnforcementState.NOT_MANAGED)
        return _told(database, row, with_error=in_sight and scope.user_id is None)


def _told(database: str, row: Row, *, with_error: bool) -> ServerEnforcement:
    if row["is_pending"] and row["failures"]:
        return ServerEnforcement(
            database=database,
            state=EnforcementState.FAILED,
            since=row["failing_since"],
            error=row["error"] if with_error else None,
        )
    if row["is_pending"]:
        return ServerEnforcement(database=database, state=EnforcementState.PENDING)
    if row["drift_count"]:
        state, since = EnforcementState.DRIFTED, row["drift_at"]
    else:
        state, since = EnforcementState.IN_EFFECT, row["applied_at"]
    return ServerEnforcement(database=database, state=state, since=since)
