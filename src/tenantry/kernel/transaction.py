"""What services and repositories know of a database: transactions, and nothing of a driver."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from tenantry.kernel.action import Note

Row = Mapping[str, Any]  # Any: columns have types of their own


@dataclass(frozen=True)
class Statement:
    """A piece of SQL with a name and a purpose; a test PREPAREs every one."""

    name: str
    purpose: str
    sql: str
    anew: bool = False  # plan it for the values at hand: the best way depends on them


class Transaction(Protocol):
    """Statements that become true together. Raises ConnectionError when the database is away.

    A broken constraint is raised as ConstraintViolation, a lost race as TransactionConflict.
    """

    async def execute(self, statement: Statement, *arguments: object) -> int:
        """Run it; the number of rows that it touched."""

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        """All rows."""

    async def fetchrow(self, statement: Statement, *arguments: object) -> Row | None:
        """The first row, or None."""

    async def fetchval(self, statement: Statement, *arguments: object) -> Any:
        """The first column of the first row, or None."""

    def later(self, statement: Statement, *arguments: object) -> None:
        """Run it at the end, at once with its like; each must touch rows of its own."""

    def note(self, note: Note) -> None:
        """Have this audit entry written too; without one, an entry names the target as given."""

    def after_commit(self, effect: Callable[[], Awaitable[None]]) -> None:
        """Run this once the commit has succeeded; never when it is rolled back."""


class Database(Protocol):
    """Gives out transactions. One action opens one, in its service."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Commit at the end of the block, after the run's audit entry; roll back on an error."""

    def autocommit(self) -> AbstractAsyncContextManager[Transaction]:
        """For reads, and single statements that stand alone; writes no audit entry."""


class ConstraintViolation(Exception):
    """A constraint of the schema was broken; the repository says what that means."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(constraint)
