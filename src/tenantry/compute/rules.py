"""What may run, and who may have it run. Pure decisions."""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenantry.compute.actions import CreateComputeSessionAction
from tenantry.compute.limits import Load, Use
from tenantry.compute.model import AgentData, ComputeSessionData, Owner, SessionKind
from tenantry.errors import InvalidInput, PermissionError, StateConflict, Violation
from tenantry.kernel.action import Actor, ActorKind
from tenantry.record import require_well_formed
from tenantry.users.model import UserKey, UserRole, UserStatus
from tenantry.users.principal import lock_holds

MAX_COMMAND_BYTES = 64 * 1024
RESERVED_PREFIX = "TENANTRY_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def require_runnable(action: CreateComputeSessionAction) -> None:
    """InvalidInput that names every field that is wrong."""
    require_well_formed(action)
    found = [
        Violation(field, "invalid_text", "holds a NUL character or half a surrogate pair")
        for field, texts in _texts(action)
        if any(_is_unfit(text) for text in texts)
    ]
    if not action.command[0]:
        found.append(Violation("command", "empty", "names no program"))
    elif sum(len(part) for part in action.command) > MAX_COMMAND_BYTES:
        found.append(Violation("command", "too_long", f"is longer than {MAX_COMMAND_BYTES} bytes"))
    if action.name is not None and any(ord(character) < 32 for character in action.name):
        found.append(Violation("name", "invalid_text", "must be a single line"))
    for name in action.environment:
        if not _VARIABLE.fullmatch(name):
            shown = ascii(name)[:64]
            found.append(Violation("environment", "invalid_name", f"{shown} is no variable's name"))
        elif name.startswith(RESERVED_PREFIX):
            found.append(Violation("environment", "reserved", f"{name} is reserved"))
    if found:
        raise InvalidInput(found)


def require_each_once(folders: Sequence[UUID]) -> None:
    """InvalidInput where a folder is named twice, be it by its name and by its id."""
    if len(set(folders)) < len(folders):
        raise InvalidInput.of("folders", "repeated", "names a folder twice")


def _texts(action: CreateComputeSessionAction) -> list[tuple[str, list[str]]]:
    return [
        ("command", action.command),
        ("environment", list(action.environment.values())),
        ("folders", action.folders),
    ]


def _is_unfit(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def owner_key(actor: Actor, named: str | None) -> UserKey:
    """Whose session it is to be: the one named, or the actor."""
    if named is not None:
        return UserKey.of(user=named)
    if actor.id is None:
        raise InvalidInput.of("user", "missing", "name the user that the session is for")
    return UserKey("id", str(actor.id))


def require_may_run(actor: Actor, owner_id: object, owner_role: str) -> None:
    """PermissionError unless the actor may start and end sessions of this owner.

    The owner is one that the actor can see.
    """
    if actor.kind is ActorKind.SYSTEM or actor.role == UserRole.SUPERADMIN:
        return
    if actor.role == UserRole.MONITOR:
        raise PermissionError("Your role changes nothing here.")
    if actor.id == owner_id:
        return
    if actor.role != UserRole.ADMIN:
        raise PermissionError("You can run compute sessions of your own only.", field="user")
    if owner_role == UserRole.SUPERADMIN:
        raise PermissionError("Only a superadmin acts for a superadmin.", field="user")


def require_able(owner: Owner, now: datetime) -> None:
    """StateConflict unless the owner is in a state that allows new sessions."""
    locked = lock_holds(owner.locked_at, owner.lock_expires_at, now)
    if owner.status != UserStatus.ACTIVE or locked:
        message = f"{owner.username} is not active and cannot run anything."
        raise StateConflict(message, field="user", status=owner.status)
    if owner.tenant_status != "active":
        message = f"The tenant of {owner.username} is not active."
        raise StateConflict(message, field="user", status=owner.tenant_status)


def asked(action: CreateComputeSessionAction) -> Use:
    """What the session is to take."""
    return Use(sessions=1, cpu=action.cpu, memory=action.memory, gpu=action.gpu)


def require_room(owner: Owner, action: CreateComputeSessionAction, load: Load) -> None:
    """StateConflict when the owner's live sessions take as much as the policies allow.

    The policy of the main access key limits all of them, the user's resource policy those of
    one service. Zero allows none.
    """
    if owner.limits is not None:
        most = owner.limits.max_concurrent_sessions
        if load.live.sessions >= most:
            message = f"The keypair policy allows {most} compute sessions at once."
            raise StateConflict(message, field="user", limit=most)
        owner.limits.require_slots(asked(action), load.live)
    most = owner.max_session_count_per_model_session
    if action.kind is SessionKind.SERVICE and load.replicas >= most:
        message = f"The resource policy allows {most} sessions of a service at once."
        raise StateConflict(message, field="kind", limit=most)


def offered(before: AgentData | None, after: AgentData) -> dict[str, tuple[object, object]]:
    """What an agent offers now and did not before."""
    fields = ("address", "cpu", "memory", "gpu")
    pairs = {field: (before and getattr(before, field), getattr(after, field)) for field in fields}
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


def shown(session: ComputeSessionData) -> dict[str, tuple[object, object]]:
    """What the audit says of a new session; neither command nor environment, which may tell."""
    return {
        "user": (None, session.username),
        "kind": (None, session.kind.value),
        "cpu": (None, session.cpu),
        "memory": (None, session.memory),
        "gpu": (None, session.gpu),
    }
