"""Adds and finds audit entries, and keeps the keys that open them. Never begins or commits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tenantry.audit import queries
from tenantry.audit.keys import PersonKey
from tenantry.audit.planning import expected
from tenantry.conditions import Asked
from tenantry.kernel.transaction import Row, Transaction
from tenantry.users.names import email_key, login_key

NARROWING = frozenset(queries.CONDITIONS) - {"since", "until", "before", "nothing", "existing"}
"""Conditions that leave few entries, or many; two of them together may leave hardly any."""
AFFORDABLE, FEW = 100_000, 6_000
"""What finding all of it may cost, in the planner's units, about as many microseconds, and how
many entries that may be: of more, the first ones in order are found sooner."""


class AuditRepository:
    """The tables audit_entries, audit_keys and audit_erasures."""

    def insert(
        self, tx: Transaction, of_run: Sequence[object], entries: Sequence[Sequence[object]]
    ) -> None:
        """Add entries: what they share, and what each has, in the order of ``audit.insert``."""
        if len(entries) == 1:
            tx.later(queries.INSERT, *of_run, *entries[0])
        else:
            columns = (list(column) for column in zip(*entries, strict=True))
            tx.later(queries.INSERT_MANY, *of_run, *columns)

    def insert_keys(self, tx: Transaction, keys: Collection[PersonKey], now: datetime) -> None:
        """Add keys, together with the entries that need them."""
        ids, people = [key.id for key in keys], [key.person_id for key in keys]
        tx.later(queries.INSERT_KEYS, now, ids, people, [key.wrapped for key in keys])

    async def page(
        self,
        tx: Transaction,
        conditions: Asked,
        either: Asked,
        limit: int,
    ) -> Sequence[Row]:
        """The newest entries as they are stored; see ``search_statement``."""
        if len(NARROWING & {name for name, _ in conditions}) + bool(either) > 1:
            statement, arguments = queries.whole_statement(conditions, either, limit)
            (asked,) = await tx.fetch(queries.explained(statement), *arguments)
            whole = expected(asked["QUERY PLAN"], "found")
            if whole.cost <= AFFORDABLE and whole.rows <= FEW:
                return await tx.fetch(statement, *arguments)
        statement, arguments = queries.search_statement(conditions, either, limit)
        return await tx.fetch(statement, *arguments)

    async def keys(
        self, tx: Transaction, ids: Collection[UUID], first: datetime, last: datetime
    ) -> Sequence[Row]:
        """The keys of these ids, made in this time, that have not been destroyed."""
        return await tx.fetch(queries.KEYS, ids, first, last)

    async def find_user(
        self, tx: Transaction, name: str, tenant_id: UUID | None
    ) -> tuple[UUID, UUID] | None:
        """Id and tenant of the user of this name or address, in this tenant (None: in any)."""
        if not (key := login_key(name)):
            return None
        row = await tx.fetchrow(queries.FIND_USER, key, email_key(name), tenant_id)
        return (row["id"], row["tenant_id"]) if row else None

    async def usernames(
        self, tx: Transaction, ids: Collection[UUID]
    ) -> dict[tuple[UUID, UUID], str]:
        """The present names, by id and tenant, of those of these users that there are."""
        rows = await tx.fetch(queries.USERNAMES, ids)
        return {(row["id"], row["tenant_id"]): row["username"] for row in rows}

    async def erase(self, tx: Transaction, person_id: UUID, now: datetime) -> None:
        """Destroy a person's keys, and let no other be used again."""
        await tx.execute(queries.ERASE, person_id, now)
        await tx.execute(queries.DESTROY_KEYS, person_id)
        await tx.execute(queries.PSEUDONYMISE, person_id)

    async def destroy_late_keys(self, tx: Transaction, since: datetime) -> int:
        """Destroy what came back, or came late, of persons erased since then; how many keys."""
        return await tx.execute(queries.DESTROY_LATE_KEYS, since)

    async def adopt_cluster(self, tx: Transaction) -> None:
        """Notice when the database has been restored into another cluster."""
        await tx.execute(queries.ADOPT_CLUSTER)

    async def index_key(self, tx: Transaction) -> bytes | None:
        """The key of digests, sealed."""
        sealed: bytes | None = await tx.fetchval(queries.INDEX_KEY)
        return sealed

    async def set_index_key(self, tx: Transaction, sealed: bytes, instead: bytes | None) -> None:
        """Remember the sealed key of digests, unless another process was quicker."""
        await tx.execute(queries.SET_INDEX_KEY, sealed, instead)

    async def outdated_keys(
        self, tx: Transaction, month: tuple[datetime, datetime], after: UUID, current_id: bytes
    ) -> Sequence[Row]:
        """Some keys of a month that another key than this has wrapped."""
        return await tx.fetch(queries.OUTDATED_KEYS, *month, after, current_id)

    async def rewrap(self, tx: Transaction, key: Row, wrapped: bytes) -> None:
        """Store a key as another one has wrapped it."""
        await tx.execute(queries.REWRAP, key["id"], key["at"], wrapped)
