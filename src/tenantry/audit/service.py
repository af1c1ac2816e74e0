"""Searching the audit."""

from datetime import datetime
from uuid import UUID

from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.audit.repository import AuditRepository
from tenantry.kernel.action import current_actor
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database
from tenantry.record import require_well_formed
from tenantry.users.access import Scope
from tenantry.users.names import login_key


class AuditService:
    """Answers questions about what was done."""

    def __init__(
        self, *, database: Database, audit_repository: AuditRepository, cursor_key: bytes
    ) -> None:
        self._database = database
        self._repository = audit_repository
        self._cursor_key = cursor_key

    async def search(self, action: SearchAuditAction) -> Page[AuditEntry]:
        """A page of entries, newest first, of those that the actor may see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        conditions = _conditions(action, scope)
        question = [repr(condition) for condition in conditions]
        if action.cursor is not None:
            at, entry_id = unseal(self._cursor_key, question, action.cursor)
            conditions.append(("before", (datetime.fromisoformat(at), UUID(entry_id))))
        async with self._database.autocommit() as tx:
            found = await self._repository.page(tx, conditions, action.limit + 1)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        position = [items[-1].timestamp.isoformat(), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))


def _conditions(action: SearchAuditAction, scope: Scope) -> list[tuple[str, object]]:
    asked: dict[str, object | None] = {
        "tenant": scope.tenant_id if scope.user_id is None else None,
        "self": scope.user_id,
        "user": login_key(action.user) if action.user is not None else None,
        "actor": login_key(action.actor) if action.actor is not None else None,
        "action": action.action,
        "outcome": action.outcome.value if action.outcome else None,
        "address": action.address,
        "since": action.since,
        "until": action.until,
    }
    return [(name, value) for name, value in asked.items() if value is not None]
