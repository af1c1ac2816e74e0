"""Writes audit entries: with the change, in its transaction, or alone where nothing changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.audit import vault
from tenantry.audit.keys import PersonKey, PersonKeys
from tenantry.audit.repository import AuditRepository
from tenantry.errors import ConnectionError, NoVerdict, Overloaded
from tenantry.kernel.action import Action, ActorKind, Note, Outcome, Run
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.monitor import RunResult
from tenantry.kernel.transaction import Database, Transaction
from tenantry.users.model import UserRole

PLATFORM = UUID(int=0)
"""The tenant of entries that belong to none."""


class AuditRecorder:
    """Adds the entries of a run to the transaction that makes the change."""

    def __init__(self, repository: AuditRepository, keys: PersonKeys, clock: Clock) -> None:
        self._repository = repository
        self._keys = keys
        self._clock = clock

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None:
        """One entry a note, with a statement of the transaction."""
        now = self._clock.now()
        fresh: dict[UUID, PersonKey] = {}

        def key_of(person_id: UUID) -> PersonKey:
            key = self._keys.known(person_id, now) or fresh.get(person_id)
            if key is None:
                key = fresh[person_id] = self._keys.make(person_id, now)
            return key

        entries = [_entry(run, note, now, key_of, self._keys.index_key) for note in notes]
        of_run = (
            now,
            run.id,
            run.action.tag,
            None if run.actor.kind is ActorKind.USER else run.actor.name,
            run.actor.id,
            run.origin.request_id,
            run.origin.face,
            vault.address_digest(self._keys.index_key, run.origin.address),
        )
        self._repository.insert(tx, of_run, entries)
        if fresh:
            self._repository.insert_keys(tx, fresh.values(), now)

            async def keep() -> None:
                self._keys.keep(fresh.values())

            tx.after_commit(keep)


class AuditMonitor:
    """Records the runs that committed nothing: denials and failures."""

    def __init__(
        self, recorder: AuditRecorder, repository: AuditRepository, database: Database
    ) -> None:
        self._recorder = recorder
        self._repository = repository
        self._database = database

    async def prepare(self, action: Action[Any], run: Run) -> None:
        return None

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        if run.recorded or result.status is Outcome.SUCCEEDED:
            return
        if result.error_code in (ConnectionError.code, NoVerdict.code, Overloaded.code):
            return  # the log has it; who was turned away must not be a burden on the database
        async with self._database.autocommit() as tx:
            person_id, tenant_id = await self._named(tx, run)
            note = Note(
                target=action.target(),
                tenant_id=tenant_id,
                outcome=result.status,
                reason=result.error_code,
                person_id=person_id,
            )
            self._recorder.record(tx, run, [note])

    async def _named(self, tx: Transaction, run: Run) -> tuple[UUID | None, UUID | None]:
        """The user whom the action names, and the tenant: the entry is that person's, too.

        Who is in another tenant than the actor stays a name that somebody has typed.
        """
        named = [getattr(run.action, field, None) for field in ("user", "username", "email")]
        if vault.is_about_users(run.action.tag):
            named.append(run.action.target())
        name = next((name for name in named if isinstance(name, str)), "")
        sight = None if run.actor.role == UserRole.SUPERADMIN else run.actor.tenant_id
        found = await self._repository.find_user(tx, name, sight)
        return found or (None, None)


def _entry(
    run: Run, note: Note, now: datetime, key_of: vault.KeyOf, index_key: bytes
) -> tuple[object, ...]:
    entry_id = uuid7(now)
    boxes = vault.filled(run, note, entry_id, now, key_of)
    return (
        entry_id,
        note.tenant_id or run.actor.tenant_id or PLATFORM,
        note.outcome.value,
        note.reason,
        note.target_id,
        note.person_id if note.person_id != note.target_id else None,
        vault.target_digest(index_key, run, note),
        boxes.key_id,
        boxes.box,
        boxes.actor_key_id,
        boxes.actor_box,
    )
