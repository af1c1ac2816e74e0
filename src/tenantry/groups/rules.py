"""What the fields of a group may hold."""

from collections.abc import Mapping

from tenantry.errors import InvalidInput, Violation
from tenantry.users.names import Unfit, cap, label

MAX_NAME_BYTES = 64
MAX_DESCRIPTION_BYTES = 4096


def _fit_name(text: str) -> str:
    return label(text, MAX_NAME_BYTES)


def fit_description(text: str) -> str:
    """The description as it is stored."""
    cap(text, MAX_DESCRIPTION_BYTES)
    return text


def columns(said: Mapping[str, object]) -> dict[str, str | None]:
    """Name and description as they are stored; InvalidInput names all that is wrong."""
    fitted: dict[str, str | None] = {}
    violations: list[Violation] = []
    for name, value in said.items():
        fit = _fit_name if name == "name" else fit_description
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
