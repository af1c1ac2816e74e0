"""The SQL of policies. Both kinds have a table of the same manner, so one class serves both."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

from tenantry.errors import PolicyConflict, PolicyInUse, PolicyNotFound
from tenantry.kernel.transaction import ConstraintViolation, Row, Statement, Transaction
from tenantry.resources.model import (
    KeypairPolicy,
    KeypairPolicyData,
    ResourcePolicy,
    ResourcePolicyData,
)

DataT = TypeVar("DataT", bound=ResourcePolicyData | KeypairPolicyData)

_MAPS = frozenset(
    {"total_resource_slots", "max_pending_session_resource_slots", "allowed_vfolder_hosts"}
)


class PolicyRepository(Generic[DataT]):
    """The policies of one kind; ``table`` and the column names come from this file's lists."""

    def __init__(
        self,
        table: str,
        data: type[DataT],
        policy: type[ResourcePolicy] | type[KeypairPolicy],
        used_by: str,
    ) -> None:
        self.policy = policy
        self._data = data
        self._used_by = used_by
        self._table = table
        self._columns = policy.__struct_fields__
        places = ", ".join(f"${i}{_cast(name)}" for i, name in enumerate(self._columns, 1))
        read = ", ".join(
            f"{name}::text as {name}" if name in _MAPS else name
            for name in (*self._columns, "created_at", "version")
        )
        self.insert_statement = Statement(
            f"{table}.insert",
            "Add a policy.",
            f"insert into {table} ({', '.join(self._columns)}, created_at) "
            f"values ({places}, ${len(self._columns) + 1})",
        )
        self.find_statement = Statement(
            f"{table}.find", "One policy.", f"select {read} from {table} where name = $1"
        )
        self.lock_statement = Statement(
            f"{table}.lock", "One policy, locked.", f"{self.find_statement.sql} for update"
        )
        self.page_statement = Statement(
            f"{table}.page",
            "Policies in order of their names.",
            f"select {read} from {table} where $1::text is null or name > $1 "
            "order by name limit $2",
        )
        self.delete_statement = Statement(
            f"{table}.delete", "Delete a policy.", f"delete from {table} where name = $1"
        )

    async def get(self, tx: Transaction, name: str) -> DataT:
        """The policy; PolicyNotFound."""
        return self._policy_of(await tx.fetchrow(self.find_statement, name))

    async def lock(self, tx: Transaction, name: str) -> DataT:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        return self._policy_of(await tx.fetchrow(self.lock_statement, name))

    async def page(self, tx: Transaction, limit: int, after: str | None) -> list[DataT]:
        """Policies after this name."""
        rows = await tx.fetch(self.page_statement, after, limit)
        return [self._policy_of(row) for row in rows]

    async def insert(
        self, tx: Transaction, columns: dict[str, Any], now: object
    ) -> None:  # Any: columns have types of their own
        """Add a policy; PolicyConflict when there is one of this name."""
        values = [_stored(name, columns[name]) for name in self._columns]
        try:
            await tx.execute(self.insert_statement, *values, now)
        except ConstraintViolation as violation:
            if violation.constraint == f"{self._table}_pkey":
                raise PolicyConflict(field="name") from violation
            raise

    async def update(
        self, tx: Transaction, name: str, columns: dict[str, Any]
    ) -> None:  # Any: as above
        """Change some columns of a policy."""
        values = [_stored(column, value) for column, value in columns.items()]
        await tx.execute(self.update_statement(columns), name, *values)

    def update_statement(self, names: Iterable[str]) -> Statement:
        """The SQL that changes these columns of the policy $1; the values follow in order."""
        chosen = list(names)
        if set(chosen) - set(self._columns):
            raise ValueError(f"no columns to change: {chosen}")
        parts = [f"{name} = ${i}{_cast(name)}" for i, name in enumerate(chosen, 2)]
        sql = f"update {self._table} set {', '.join(parts)}, version = version + 1 where name = $1"
        return Statement(f"{self._table}.update", "Change some columns of a policy.", sql)

    async def delete(self, tx: Transaction, name: str) -> None:
        """Delete a policy; PolicyInUse while something has it."""
        try:
            await tx.execute(self.delete_statement, name)
        except ConstraintViolation as violation:
            message = f"The policy {name} is in use; give its {self._used_by} another one first."
            raise PolicyInUse(message, field="policy") from violation

    def _policy_of(self, row: Row | None) -> DataT:
        if row is None:
            raise PolicyNotFound(field="policy")
        found = {
            name: msgspec.json.decode(value) if name in _MAPS and value is not None else value
            for name, value in row.items()
        }
        return msgspec.convert(found, self._data)


def resource_policies() -> PolicyRepository[ResourcePolicyData]:
    """The policies of users."""
    return PolicyRepository("resource_policies", ResourcePolicyData, ResourcePolicy, "users")


def keypair_policies() -> PolicyRepository[KeypairPolicyData]:
    """The policies of access keys."""
    return PolicyRepository("keypair_policies", KeypairPolicyData, KeypairPolicy, "access keys")


def _cast(name: str) -> str:
    return "::jsonb" if name in _MAPS else ""


def _stored(name: str, value: Any) -> Any:  # Any: columns have types of their own
    return msgspec.json.encode(value).decode() if name in _MAPS and value is not None else value
