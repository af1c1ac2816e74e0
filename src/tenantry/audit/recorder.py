"""Writes audit entries: with the change, in its transaction, or alone where nothing changed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from tenantry.audit.repository import AuditRepository
from tenantry.errors import ConnectionError
from tenantry.kernel.action import Action, Note, Outcome, Run
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.monitor import RunResult
from tenantry.kernel.transaction import Database, Transaction

PLATFORM = UUID(int=0)
"""The tenant of entries that belong to none."""


class AuditRecorder:
    """Adds the entries of a run to the transaction that makes the change."""

    def __init__(self, repository: AuditRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None:
        """One entry a note, with the last act of the transaction."""
        now = self._clock.now()
        entries = [_entry(run, note, uuid7(now)) for note in notes]
        self._repository.insert(
            tx,
            now,
            run.id,
            run.action.tag,
            run.actor.name,
            run.actor.id,
            run.origin.address,
            run.origin.user_agent,
            run.origin.request_id,
            run.origin.face,
            *(list(column) for column in zip(*entries, strict=True)),
        )


class AuditMonitor:
    """Records the runs that committed nothing: denials and failures."""

    def __init__(self, recorder: AuditRecorder, database: Database) -> None:
        self._recorder = recorder
        self._database = database

    async def prepare(self, action: Action[Any], run: Run) -> None:
        return None

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        if run.recorded or result.status is Outcome.SUCCEEDED:
            return
        if result.error_code == ConnectionError.code:
            return  # the log has it; who was refused must not wait for the same database again
        note = Note(target=action.target(), outcome=result.status, reason=result.error_code)
        async with self._database.autocommit() as tx:
            self._recorder.record(tx, run, [note])


def _entry(run: Run, note: Note, entry_id: UUID) -> tuple[object, ...]:
    changes = {name: list(pair) for name, pair in note.changes.items()}
    return (
        entry_id,
        note.tenant_id or run.actor.tenant_id or PLATFORM,
        note.outcome.value,
        note.reason,
        _storable(note.target),
        note.target_id,
        msgspec.json.encode(changes).decode(),
    )


def _storable(text: str | None) -> str | None:
    """What was asked for, in a form that the database can hold whatever it was."""
    return text and text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
