"""Whether the server of a database enforces by now what is decided here about one user."""

from datetime import datetime
from uuid import UUID

import msgspec

from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.refusals import refusals_in, why_refused
from tenantry.databases.wanted import wanted_state
from tenantry.grants.model import EnforcementState, ServerEnforcement
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.users.access import Scope

# As for whoever looks what is due, but a change of another user is none of this one's.
FIND = Statement(
    "databases.effect",
    "How far a server is with one user.",
    """
    select m.id, m.enforced, m.refused::text as refused, m.applied_at, m.failures,
        m.failing_since, m.error, m.drift_count, m.drift_at, d.tenant_id,
        e.ended_at, e.connections,
        m.applied_at is null or m.requested_at > m.applied_at or m.next_boundary <= $3
            or (m.applied_seq < h.seq and (
                exists (select from change_log c where c.seq > m.applied_seq
                    and (c.kind in ('role', 'tenant') or (c.kind = 'user' and c.subject_id = $2)))
                or not exists (select from change_log c where c.seq = m.applied_seq + 1)))
            as is_pending
    from managed_databases m cross join change_head h
    left join tenant_databases d on d.database = m.name
    left join connections_ended e on e.database_id = m.id and e.user_id = $2
    where m.name = $1
    """,
)


BEHIND = frozenset({EnforcementState.PENDING, EnforcementState.FAILED})
"""The server does not know yet of all that was decided."""


class ServerEffects:
    """Tells how far the servers are; for everybody who may know of the database."""

    def __init__(self, *, enforcement_repository: EnforcementRepository, clock: Clock) -> None:
        self._enforcement = enforcement_repository
        self._clock = clock

    async def followed(
        self, tx: Transaction, user_id: UUID, database: str
    ) -> ServerEnforcement | None:
        """How far the server is with what was decided about a user; None where it does not follow.

        Whoever asks must be allowed to know.
        """
        row = await tx.fetchrow(FIND, database, user_id, self._clock.now())
        return _told(database, row, None) if row is not None and row["enforced"] else None

    async def of(
        self,
        tx: Transaction,
        user_id: UUID,
        privilege: Privilege,
        on: DatabaseObject,
        scope: Scope,
        *,
        allowed: bool,
    ) -> ServerEnforcement | None:
        """What the server makes of an answer that was given just before.

        None where nothing may be told: of a database that the asker cannot see, and the user may
        not use, it is not said whether it is there.
        """
        database = on.database
        if database is None:
            return None
        row = await tx.fetchrow(FIND, database, user_id, self._clock.now())
        home = row["tenant_id"] if row is not None else None
        in_sight = scope.tenant_id in (None, home)
        if not (allowed or in_sight):
            return None
        if row is None or not row["enforced"]:
            return ServerEnforcement(database=database, state=EnforcementState.NOT_MANAGED)
        refusal = await self._refusal(tx, row, user_id, privilege, on) if allowed else None
        told = _told(database, row, refusal)
        with_error = in_sight and scope.user_id is None
        return told if with_error else msgspec.structs.replace(told, error=None)

    async def _refusal(
        self, tx: Transaction, row: Row, user_id: UUID, privilege: Privilege, on: DatabaseObject
    ) -> str | None:
        """Why the server was not given what is allowed here."""
        refusals = refusals_in(row["refused"])
        if not refusals or on.database is None:
            return None
        holdings = await self._enforcement.holdings_of(tx, row["id"], on.database, user_id)
        wanted = wanted_state(holdings, self._clock.now())
        return why_refused(user_id, privilege, on, wanted, refusals)


def _told(database: str, row: Row, refusal: str | None) -> ServerEnforcement:
    state, since, error = _state(row, refusal)
    return ServerEnforcement(
        database=database,
        state=state,
        since=since,
        error=error,
        connections_ended=row["connections"] or 0,
        ended_at=row["ended_at"],
    )


def _state(row: Row, refusal: str | None) -> tuple[EnforcementState, datetime | None, str | None]:
    """What it is, since when, and why."""
    if row["is_pending"] and row["failures"]:
        return EnforcementState.FAILED, row["failing_since"], row["error"]
    if row["is_pending"]:
        return EnforcementState.PENDING, None, None
    if refusal is not None:
        return EnforcementState.REFUSED, row["applied_at"], refusal
    if row["drift_count"]:
        return EnforcementState.DRIFTED, row["drift_at"], None
    return EnforcementState.IN_EFFECT, row["applied_at"], None
