"""Searching the audit."""

import difflib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tenantry.audit import vault
from tenantry.audit.actions import ListFailedLoginsAction, SearchAuditAction
from tenantry.audit.keys import PersonKeys
from tenantry.audit.model import AuditEntry, FailedLogin
from tenantry.audit.months import Month
from tenantry.audit.reading import LOGIN, entry_of, names_in
from tenantry.audit.repository import AuditRepository
from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.action import Outcome, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Row, Transaction
from tenantry.record import require_well_formed
from tenantry.users.access import Scope
from tenantry.users.addresses import parse_address, require_address
from tenantry.users.model import UserStatus, is_uuid

LOGINS = [LOGIN, "login.second_factor", "session.step_up"]
PSEUDONYM = "purged-"
Condition = tuple[str, object]


class AuditService:
    """Answers questions about what was done. ``tags`` are the actions that there are."""

    def __init__(
        self,
        *,
        database: Database,
        audit_repository: AuditRepository,
        keys: PersonKeys,
        tags: Collection[str],
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._repository = audit_repository
        self._keys = keys
        self._tags = tags
        self._clock = clock
        self._cursor_key = cursor_key

    async def search(self, action: SearchAuditAction) -> Page[AuditEntry]:
        """A page of entries, newest first, of those that the actor may see."""
        require_well_formed(action)
        self._require_sense(action)
        asked: dict[str, object | None] = {
            "action": action.action,
            "outcome": action.outcome.value if action.outcome else None,
            "since": action.since,
            "until": action.until,
        }
        conditions = [(name, value) for name, value in asked.items() if value is not None]
        require_address(action.address, "address")
        async with self._database.autocommit() as tx:
            either = await self._person(tx, action.user) if action.user is not None else []
            if action.actor is not None:
                conditions.append(("actor_id", await self._id(tx, action.actor)))
            if action.target_name is not None:
                conditions.append(await self._target(tx, action.target_name))
            if action.address is not None:
                address = str(parse_address(action.address))  # in the form that was written
                found = vault.address_digest(self._keys.index_key, address)
                conditions.append(("address", found))
            return await self._page(tx, action, conditions, either)

    async def list_failed_logins(self, action: ListFailedLoginsAction) -> Page[FailedLogin]:
        """A page of refused logins, newest first, of those that the actor may see."""
        require_well_formed(action)
        if not action.hours > 0:
            raise InvalidInput.of("hours", "wrong_value", "must be more than 0")
        conditions: list[Condition] = [
            ("outcome", Outcome.FAILED.value),
            ("actions", LOGINS),
        ]
        if not action.include_unknown:
            conditions.append(("existing", UserStatus.PURGING.value))
        since = self._clock.now() - timedelta(hours=action.hours)
        async with self._database.autocommit() as tx:
            either = await self._person(tx, action.user) if action.user is not None else []
            # Of whom was tried, not of the administrators whose programs have asked.
            either = [condition for condition in either if condition[0] != "actor_id"]
            question = [*map(repr, conditions), repr(either), repr(action.hours)]
            # The window moves on with each page; what it has left behind was shown already.
            conditions.append(("since", since))
            page = await self._page(tx, action, conditions, either, question)
        return Page([_failed_login(entry) for entry in page.items], page.next_cursor)

    async def _page(
        self,
        tx: Transaction,
        action: SearchAuditAction | ListFailedLoginsAction,
        conditions: list[Condition],
        either: list[Condition],
        question: list[str] | None = None,
    ) -> Page[AuditEntry]:
        scope = Scope.of(current_actor())
        if scope.user_id is None and scope.tenant_id is not None:
            conditions.append(("tenant", scope.tenant_id))
        elif scope.user_id is not None and either:
            conditions.append(("self", scope.user_id))
        elif scope.user_id is not None:
            either = _concerning(scope.user_id)
        asked = [repr(scope), *(question or [*map(repr, conditions), repr(either)])]
        if action.cursor is not None:
            at, entry_id = unseal(self._cursor_key, asked, action.cursor)
            conditions.append(("before", (datetime.fromisoformat(at), UUID(entry_id))))
        rows = await self._repository.page(tx, conditions, either, action.limit + 1)
        items = await self._opened(tx, rows[: action.limit])
        if len(rows) <= action.limit:
            return Page(items)
        position = [items[-1].timestamp.isoformat(), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, asked, position))

    async def _opened(self, tx: Transaction, rows: Sequence[Row]) -> list[AuditEntry]:
        """The entries with what can still be read of them."""
        if not rows:
            return []
        ids = {row[name] for row in rows for name in ("key_id", "actor_key_id")} - {None}
        first, last = Month.of(rows[-1]["at"]).first, Month.of(rows[0]["at"]).next.first
        stored = await self._repository.keys(tx, ids, first, last) if ids else []
        keys = {r["id"]: self._keys.box(r["id"], r["person_id"], r["wrapped"]) for r in stored}
        names = await self._repository.usernames(tx, names_in(rows))
        return [entry_of(row, keys, names) for row in rows]

    async def _person(self, tx: Transaction, name: str) -> list[Condition]:
        """What is about a user or done by one; of a name that nobody has, tries to be one."""
        user_id = await self._id(tx, name)
        found = vault.name_digest(self._keys.index_key, name)
        typed: list[Condition] = [("target_name", found)] if found else []
        return [*(_concerning(user_id) if user_id else []), *typed] or [("nothing", ())]

    async def _target(self, tx: Transaction, name: str) -> Condition:
        user_id = await self._id(tx, name)
        if user_id is not None:
            return ("target_id", user_id)
        found = vault.name_digest(self._keys.index_key, name)
        return ("target_name", found) if found else ("nothing", ())

    async def _id(self, tx: Transaction, name: str) -> UUID | None:
        """The id of a user, given by name, address, id or pseudonym."""
        text = name.strip().removeprefix(PSEUDONYM)
        if is_uuid(text):
            return UUID(text)
        found = await self._repository.find_user(tx, name, None)
        return found[0] if found else None

    def _require_sense(self, action: SearchAuditAction) -> None:
        """InvalidInput for an action that there is not, and for an end before the start."""
        found: list[Violation] = []
        if action.action is not None and action.action not in self._tags:
            found.append(Violation("action", "unknown_action", _unknown(action.action, self._tags)))
        if action.since and action.until and action.since >= action.until:
            found.append(Violation("since", "after_end", "must be before the end"))
        if found:
            raise InvalidInput(found)


def _concerning(user_id: UUID) -> list[Condition]:
    return [("target_id", user_id), ("person", user_id), ("actor_id", user_id)]


def _unknown(tag: str, tags: Iterable[str]) -> str:
    near = difflib.get_close_matches(tag[:64], tags, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"is not the tag of an action{hint}"


def _failed_login(entry: AuditEntry) -> FailedLogin:
    values: dict[str, Any] = {  # Any: fields have types of their own
        "id": entry.id,
        "timestamp": entry.timestamp,
        "username": entry.username or entry.target or "",
        "user_id": entry.person_id or entry.target_id,
        "ip_address": entry.ip_address,
        "user_agent": entry.user_agent,
        "reason": entry.reason or "",
    }
    return FailedLogin(**values)
