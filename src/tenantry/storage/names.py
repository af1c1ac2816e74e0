"""Names of vfolders: what may stand in one, and which one is free for a folder handed over.

The rules are those of usernames, for the same reasons, and two of a path's: no slash, no dot.
"""

import unicodedata
from collections.abc import Collection
from uuid import UUID

from tenantry.users.model import is_uuid
from tenantry.users.names import Unfit, cap, fold, require_plain

MAX_NAME_BYTES = 255
_SUFFIX_DIGITS = 10

_SEPARATORS = ":#/."


def folder_name(text: str) -> str:
    """The name as it is stored; Unfit when it is not one."""
    cap(text, 4 * MAX_NAME_BYTES)
    name = unicodedata.normalize("NFKC", text)
    if not name:
        raise Unfit("empty", "must not be empty")
    cap(name, MAX_NAME_BYTES)
    require_plain(name, _SEPARATORS)
    if name[0] == "-":
        raise Unfit("invalid_character", "must not begin with a hyphen")
    if is_uuid(fold(name)):
        raise Unfit("reserved", "must not look like an id")
    return name


def lookup_key(text: str) -> str:
    """The form in which a name is looked up; "" for text that can be no folder's."""
    try:
        cap(text, 4 * MAX_NAME_BYTES)
    except Unfit:
        return ""
    return fold(text.strip())


def free_name(name: str, folder_id: UUID, taken: Collection[str]) -> str | None:
    """The name itself, or the first with a suffix whose key is not taken; None if all are.

    The suffix is a part of the id, so that repeating a hand-over never makes another one.
    """
    digits = folder_id.hex
    short, long = f"-{digits[-_SUFFIX_DIGITS:]}", f"-{digits}"
    base = name.removesuffix(long).removesuffix(short)
    candidates = (name, _with_suffix(base, short), _with_suffix(base, long))
    return next((fitting for fitting in candidates if fold(fitting) not in taken), None)


def _with_suffix(base: str, suffix: str) -> str:
    room = MAX_NAME_BYTES - len(suffix)
    return base.encode()[:room].decode(errors="ignore") + suffix
