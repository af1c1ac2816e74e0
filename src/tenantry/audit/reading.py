"""From rows to entries: what boxes and names tell, and pseudonyms where they tell nothing more."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from tenantry.audit.model import AuditEntry
from tenantry.audit.ports import Box
from tenantry.audit.vault import Boxes, Personal, opened
from tenantry.kernel.action import Outcome
from tenantry.kernel.transaction import Row

LOGIN = "login"

Names = Mapping[tuple[UUID, UUID], str]
"""Present names of users, by their id and tenant."""


def names_in(rows: Iterable[Row]) -> set[UUID]:
    """The ids of whom these entries are about, and of who did it."""
    columns = ("person_id", "target_id", "actor_id")
    return {row[name] for row in rows for name in columns} - {None}


def entry_of(row: Row, keys: Mapping[UUID, Box], names: Names) -> AuditEntry:
    """The entry, with what of it can still be read."""
    told = _personal(row, keys)
    actor = row["actor"] or told.get("actor") or _pseudonym(row["actor_id"]) or "unknown"
    target = told.get("target")
    if target is None and row["key_id"] is not None and row["key_id"] not in keys:
        target = _pseudonym(row["person_id"] or row["target_id"] or row["actor_id"])
    return AuditEntry(
        id=row["id"],
        timestamp=row["at"],
        run_id=row["run_id"],
        tenant_id=row["tenant_id"],
        action=row["action"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        actor=actor,
        actor_id=row["actor_id"],
        target=target,
        target_id=row["target_id"],
        ip_address=told.get("address"),
        user_agent=told.get("user_agent"),
        request_id=row["request_id"],
        face=row["face"],
        changes=told.get("changes", {}),
        person_id=row["person_id"],
        username=_username(row, target, actor, names),
    )


def _personal(row: Row, keys: Mapping[UUID, Box]) -> Personal:
    """What the boxes hold; an entry of the release before this one has it in columns."""
    boxes = Boxes(row["key_id"], row["box"], row["actor_key_id"], row["actor_box"])
    if boxes.key_id is not None:
        return opened(row["id"], boxes, keys)
    told: Personal = {name: row[name] for name in ("target", "address", "user_agent")}
    changes: dict[str, Any] = msgspec.json.decode(row["changes"])  # Any: of any field
    return told | {"changes": changes}


def _username(row: Row, target: str | None, actor: str, names: Names) -> str:
    """Whom it is about, by the present name, or as typed where that is nobody; else who did it.

    A login that an administrator's program asks for is about the name that was typed: whoever acts
    on failures must not take them for the administrator's own.
    """
    tenant_id = row["tenant_id"]
    for_others = row["actor_id"] is None or row["action"] == LOGIN
    typed = target if row["target_id"] is None and for_others else None
    about = (row["person_id"], row["target_id"], None if typed else row["actor_id"])
    present = (names.get((user_id, tenant_id)) for user_id in about if user_id is not None)
    return next((name for name in present if name is not None), typed or actor)


def _pseudonym(person_id: UUID | None) -> str | None:
    return f"purged-{person_id}" if person_id is not None else None
