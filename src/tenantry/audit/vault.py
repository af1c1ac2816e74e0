"""What of an entry is personal, and how it is kept: in boxes of persons, and as keyed digests.

An entry has at most two boxes: one of the person whom it is about, with the target's name and the
changed values, and one of who did it, if that is somebody else, with name, address and user
agent. What nobody is known for goes into a box of the month.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.audit.keys import PersonKey
from tenantry.audit.ports import Box
from tenantry.errors import ConfigurationError
from tenantry.kernel.action import ActorKind, Note, Run
from tenantry.users.names import login_key

DIGEST_BYTES = 16
ABOUT_USERS = frozenset(
    {"user", "login", "logout", "session", "second_factor", "password", "invitation"}
)
"""First words of the tags whose targets are users. These are found by id; a digest of the name
would still tie the name to the entry when the person is gone."""

Personal = dict[str, Any]  # Any: names are text, changed values of any type
KeyOf = Callable[[UUID], PersonKey]


class Boxes(msgspec.Struct, frozen=True):
    """The personal part of an entry as it is stored; a key is named where there is a box."""

    key_id: UUID | None = None
    box: bytes | None = None
    actor_key_id: UUID | None = None
    actor_box: bytes | None = None


def nobody(now: datetime) -> UUID:
    """Stands for the person where none is known; each month has another one."""
    return UUID(int=now.year * 100 + now.month)


def filled(run: Run, note: Note, entry_id: UUID, now: datetime, key_of: KeyOf) -> Boxes:
    """The boxes of an entry."""
    who = run.actor.id if run.actor.kind is ActorKind.USER else None
    about = note.person_id or note.target_id or who or nobody(now)
    contents: dict[UUID, Personal] = {about: {}, who or about: {}}
    contents[about]["target"] = storable(note.target)
    contents[about]["changes"] = {name: list(pair) for name, pair in note.changes.items()}
    contents[who or about]["address"] = run.origin.address
    contents[who or about]["user_agent"] = run.origin.user_agent
    if run.actor.kind is ActorKind.USER:
        contents[who or about]["actor"] = storable(run.actor.name)
    key = key_of(about)
    box = key.box.seal(_packed(contents[about]), _context(entry_id, "target"))
    if who is None or who == about:
        return Boxes(key.id, box)
    actor_key = key_of(who)
    actor_box = actor_key.box.seal(_packed(contents[who]), _context(entry_id, "actor"))
    return Boxes(key.id, box, actor_key.id, actor_box)


def opened(entry_id: UUID, boxes: Boxes, keys: Mapping[UUID, Box]) -> Personal:
    """What the boxes hold that can still be opened."""
    found: Personal = {}
    for key_id, box, side in (
        (boxes.key_id, boxes.box, "target"),
        (boxes.actor_key_id, boxes.actor_box, "actor"),
    ):
        key = keys.get(key_id) if key_id is not None else None
        if key is not None and box is not None:
            try:
                found |= msgspec.json.decode(key.open(box, _context(entry_id, side)))
            except (ConfigurationError, msgspec.DecodeError):
                continue  # damaged or moved: the chain tells of it, the rest can be read
    return found


def is_about_users(tag: str) -> bool:
    """Whether the targets of such actions are users."""
    return tag.partition(".")[0] in ABOUT_USERS


def target_digest(index_key: bytes, run: Run, note: Note) -> bytes | None:
    """What the target's name is found by, unless the target is a user who is known by id."""
    if note.target_id is not None and is_about_users(run.action.tag):
        return None
    return name_digest(index_key, note.target)


def name_digest(index_key: bytes, name: str | None) -> bytes | None:
    """Stands for a name, in any spelling of it; only who has the key can tell which."""
    return _digest(index_key, "name", login_key(name) if name else None)


def address_digest(index_key: bytes, address: str | None) -> bytes | None:
    """Stands for an address likewise."""
    return _digest(index_key, "address", address)


def storable(text: str | None) -> str | None:
    """What was asked for, in a form that the database can hold whatever it was."""
    return text and text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def _digest(index_key: bytes, kind: str, text: str | None) -> bytes | None:
    if not text:
        return None
    said = f"{kind}\0{text}".encode()
    return hashlib.blake2b(said, key=index_key, digest_size=DIGEST_BYTES).digest()


def _packed(content: Personal) -> bytes:
    return msgspec.json.encode({name: value for name, value in content.items() if value})


def _context(entry_id: UUID, side: str) -> bytes:
    return f"audit entry {side} ".encode() + entry_id.bytes
