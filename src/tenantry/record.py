"""Values that go over the wire, and text that must never be seen."""

from datetime import datetime
from typing import Annotated, Any, get_args, get_origin

import msgspec

from tenantry.errors import InvalidInput, Violation

MAX_TEXT = 4096
FIRST_YEAR, LAST_YEAR = 1970, 9998

SecretText = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""Text that must not be shown: masked in every repr, asked for at a prompt, never logged."""


def is_secret(annotation: Any) -> bool:  # Any: a type annotation may be anything
    """Whether a field's annotation, or one inside it, is SecretText."""
    return has_mark(annotation, "secret")


def has_mark(annotation: Any, mark: str) -> bool:  # Any: as above
    """Whether a field's annotation, or one inside it, bears this mark."""
    if get_origin(annotation) is Annotated:
        metas = get_args(annotation)[1:]
        if any(isinstance(m, msgspec.Meta) and (m.extra or {}).get(mark) for m in metas):
            return True
    return any(has_mark(inner, mark) for inner in get_args(annotation) if inner is not ...)


def description_of(annotation: Any) -> str:  # Any: as above
    """What the first annotation, outside or within, says of a field."""
    metas = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    own = [m.description for m in metas if isinstance(m, msgspec.Meta) and m.description]
    inner = (description_of(part) for part in get_args(annotation) if part is not ...)
    return own[0] if own else next((text for text in inner if text), "")


class Record(msgspec.Struct, frozen=True):
    """A frozen value that goes over the wire; fields of SecretText are masked in its repr.

    What is read takes fields that a newer server has added; what is sent is an ``Input``.
    """

    def __repr__(self) -> str:
        hints = msgspec.structs.fields(self)
        shown = (
            f"{f.name}={'***' if is_secret(f.type) else repr(getattr(self, f.name))}" for f in hints
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__


def require_types(record: Record) -> None:
    """InvalidInput unless each field holds a value of the type that it declares.

    Faces have checked that already; code that embeds us builds records without any check.
    """
    try:
        msgspec.convert(msgspec.structs.asdict(record), type(record), strict=True)
    except msgspec.ValidationError as error:
        message, _, path = str(error).replace("`", "").partition(" - at $.")
        violation = Violation(path or "input", "wrong_value", message[0].lower() + message[1:])
        raise InvalidInput([violation]) from error


def require_well_formed(record: Record) -> None:
    """InvalidInput unless each field is of its type and of a form that the database can hold."""
    given = msgspec.structs.asdict(record)
    found = [
        Violation(name, *fault) for name, value in given.items() if (fault := _unfit_value(value))
    ]
    if found:
        raise InvalidInput(found)
    require_types(record)


def _unfit_value(value: object) -> tuple[str, str] | None:
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return "invalid_text", "holds a NUL character or half a surrogate pair"
        if len(value) > MAX_TEXT:
            return "too_long", f"must not be longer than {MAX_TEXT} characters"
    if isinstance(value, datetime) and not FIRST_YEAR <= value.year <= LAST_YEAR:
        return "out_of_range", f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}"
    return None


class Input(Record, frozen=True, forbid_unknown_fields=True):
    """A record that callers send: a field that it does not know is an error."""
