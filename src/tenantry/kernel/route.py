"""One line of a slice's table: how an action is reached over HTTP and on the command line."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tenantry.kernel.action import Action


@dataclass(frozen=True)
class Route:
    """Path parameters, then query (GET, DELETE) or JSON body carry the action's fields by name.

    The fields of ``inline`` but for ``refuses`` stand in its place; nobody remote gives ``preset``.
    ``command`` is noun and verb; empty: a hand-written one runs it. ``max_body`` is in bytes.
    """

    method: str
    path: str
    action: type[Action[Any]]
    command: str = ""
    status: int = 200
    inline: str | None = None
    preset: Mapping[str, object] = field(default_factory=dict)
    max_body: int | None = None
    refuses: Collection[str] = ()
