"""The question before every run: may this actor run this action at all?"""

from typing import Any, Protocol

from tenantry.kernel.action import Action, Actor


class Guard(Protocol):
    """Decides from the actor and the action alone; the service decides on the target."""

    def check(self, actor: Actor, action: Action[Any]) -> None:
        """Return quietly, or raise PermissionError or NotAuthenticated."""
