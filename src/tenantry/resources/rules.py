"""What the fields of a policy may hold."""

import math
import re
import unicodedata
from typing import Any

import msgspec

from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.modifier import Modifier
from tenantry.record import Record
from tenantry.users.names import Unfit, cap

MAX_NAME_BYTES = 256
MAX_ENTRIES = 256
_SLOT = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
_SLOT_FIELDS = frozenset({"total_resource_slots", "max_pending_session_resource_slots"})
_LARGEST = 2**63 - 1


def fit_name(text: str) -> str:
    """The name as it is stored, without a change; Unfit when it cannot be one."""
    cap(text, MAX_NAME_BYTES)
    if not text or text != text.strip():
        raise Unfit("empty", "must not be empty, nor begin or end with a space")
    if any(unicodedata.category(character)[0] in "CZ" and character != " " for character in text):
        raise Unfit("invalid_character", "must not hold invisible characters")
    if text in (".", "..") or "/" in text:
        raise Unfit("invalid_character", "must not hold a slash")
    return text


def columns(
    policy: type[Record], said: dict[str, Any]
) -> dict[str, Any]:  # Any: columns have types of their own
    """What was said of a policy, in the form that is stored; InvalidInput names all faults."""
    declared = {field.name: field.type for field in msgspec.structs.fields(policy)}
    fitted: dict[str, Any] = {}  # Any: as above
    violations: list[Violation] = []
    for name, value in said.items():
        try:
            fitted[name] = _fitted(name, msgspec.convert(value, declared[name], strict=True))
        except msgspec.ValidationError as error:
            message, _, path = str(error).replace("`", "").partition(" - at $")
            field = name + path if path.startswith(("[", ".")) else name
            violations.append(Violation(field, "wrong_value", message[0].lower() + message[1:]))
        except Unfit as unfit:
            violations.append(Violation(name, unfit.code, str(unfit)))
    if violations:
        raise InvalidInput(violations)
    return fitted


def changed_columns(policy: type[Record], modifier: Modifier) -> dict[str, Any]:  # Any: as above
    """The columns to change; InvalidInput for a modifier that says nothing."""
    said = modifier.changes()
    if not said:
        raise InvalidInput.of("modifier", "empty", "names no field to change")
    return columns(policy, said)


def _fitted(name: str, value: Any) -> Any:  # Any: as above
    if name == "name":
        return fit_name(value)
    if name in _SLOT_FIELDS and value is not None:
        return {slot: _amount(slot, amount) for slot, amount in _entries(value).items()}
    if name == "allowed_vfolder_hosts":
        return {host: _permissions(allowed) for host, allowed in _entries(value).items()}
    return value


def _entries(value: dict[str, Any]) -> dict[str, Any]:  # Any: as above
    if len(value) > MAX_ENTRIES:
        raise Unfit("too_many", f"must not hold more than {MAX_ENTRIES} entries")
    for key in value:
        if not _SLOT.fullmatch(key):
            raise Unfit("invalid_name", f"has an entry {key[:64]!r} that is no name")
    return value


def _amount(slot: str, value: float | str) -> int | float:
    try:
        amount = value if not isinstance(value, str) else _number(value)
    except ValueError as error:
        raise Unfit("wrong_type", f"holds no number for {slot}") from error
    if not math.isfinite(amount) or not 0 <= amount <= _LARGEST:
        raise Unfit("out_of_range", f"must hold an amount from 0 to {_LARGEST} for {slot}")
    return amount


def _number(text: str) -> int | float:
    if len(text) > 32 or not text.isascii():
        raise ValueError(text)
    return int(text) if text.isdigit() else float(text)


def _permissions(allowed: list[str]) -> list[str]:
    if len(allowed) > MAX_ENTRIES or not all(_SLOT.fullmatch(name) for name in allowed):
        raise Unfit("invalid_name", "holds a permission that is no name")
    return sorted(set(allowed))
