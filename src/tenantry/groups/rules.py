"""What the fields of a group may hold."""

import unicodedata
from collections.abc import Mapping

from tenantry.errors import InvalidInput, Violation
from tenantry.users.model import is_uuid
from tenantry.users.names import Unfit, cap

MAX_NAME_BYTES = 64
MAX_DESCRIPTION_BYTES = 4096


def fit_name(text: str) -> str:
    """The name as it is stored; Unfit when it cannot be one."""
    cap(text, 4 * MAX_NAME_BYTES)
    name = unicodedata.normalize("NFKC", text)
    if not name.strip():
        raise Unfit("empty", "must not be empty")
    if name != name.strip():
        raise Unfit("invalid_character", "must not begin or end with a space")
    cap(name, MAX_NAME_BYTES)
    for character in name:
        if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029":
            raise Unfit(
                "invalid_character", f"holds an invisible character, U+{ord(character):04X}"
            )
    if is_uuid(name):
        raise Unfit("reserved", "must not look like an id")
    return name


def fit_description(text: str) -> str:
    """The description as it is stored."""
    cap(text, MAX_DESCRIPTION_BYTES)
    return text


def columns(said: Mapping[str, object]) -> dict[str, str | None]:
    """Name and description as they are stored; InvalidInput names all that is wrong."""
    fitted: dict[str, str | None] = {}
    violations: list[Violation] = []
    for name, value in said.items():
        fit = fit_name if name == "name" else fit_description
        try:
            if value is None and name == "name":
                raise Unfit("missing", "must not be null")
            if value is not None and not isinstance(value, str):
                raise Unfit("wrong_type", "must be text")
            fitted[name] = None if value is None else fit(value)
        except Unfit as unfit:
            violations.append(Violation(name, unfit.code, str(unfit)))
    if violations:
        raise InvalidInput(violations)
    return fitted
