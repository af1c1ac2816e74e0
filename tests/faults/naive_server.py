"""The server as a plain implementation would have it: the audit entry follows after the commit.

Run as a program, with the environment of `tenantry serve`.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tenantry import foundation
from tenantry.adapters.postgres.database import PostgresDatabase
from tenantry.adapters.postgres.transaction import PostgresTransaction
from tenantry.http.serve import run_server
from tenantry.kernel.action import Note, Run, current_run
from tenantry.kernel.transaction import Transaction
from tenantry.settings import Settings


class RecordsNothing:
    """Stands where the real recorder stands."""

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None:
        return None


class NaiveDatabase(PostgresDatabase):
    """Commits the change, and then writes about it."""

    def __init__(self, pool: Any, recorder: Any, acquire_timeout: float, fence: Any) -> None:
        super().__init__(pool, RecordsNothing(), acquire_timeout, fence)
        self._afterwards = recorder

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        async with super().transaction() as tx:
            yield tx
        run = current_run()
        if run is not None and tx.notes:
            async with self.autocommit() as own:
                self._afterwards.record(own, run, tx.notes)


if __name__ == "__main__":
    setattr(foundation, "PostgresDatabase", NaiveDatabase)  # noqa: B010 - mypy forbids the plain form
    run_server(Settings.from_environment(os.environ))
