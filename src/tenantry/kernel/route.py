"""One line of a slice's table: how an action is reached over HTTP and on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.kernel.action import Action


@dataclass(frozen=True)
class Route:
    """Path parameters, then query (GET, DELETE) or JSON body carry the action's fields by name.

    ``inline`` names a field whose own fields stand in the body in its place. ``preset`` are
    fields that no remote caller gives. ``command`` is the noun and verb of the command line; an
    empty one: a hand-written command runs the action. ``max_body``, in bytes, raises the limit.
    """

    method: str
    path: str
    action: type[Action[Any]]
    command: str = ""
    status: int = 200
    inline: str | None = None
    preset: Mapping[str, object] = field(default_factory=dict)
    max_body: int | None = None
