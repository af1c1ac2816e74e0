"""Values that go over the wire, and text that must never be seen."""

from typing import Annotated, Any, get_args, get_origin

import msgspec

SecretText = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""Text that must not be shown: masked in every repr, asked for at a prompt, never logged."""


def is_secret(annotation: Any) -> bool:  # Any: a type annotation may be anything
    """Whether a field's annotation, or one inside it, is SecretText."""
    if get_origin(annotation) is Annotated:
        metas = get_args(annotation)[1:]
        if any(isinstance(m, msgspec.Meta) and (m.extra or {}).get("secret") for m in metas):
            return True
    return any(is_secret(inner) for inner in get_args(annotation) if inner is not ...)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value that goes over the wire; fields of SecretText are masked in its repr."""

    def __repr__(self) -> str:
        hints = msgspec.structs.fields(self)
        shown = (
            f"{f.name}={'***' if is_secret(f.type) else repr(getattr(self, f.name))}" for f in hints
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__
