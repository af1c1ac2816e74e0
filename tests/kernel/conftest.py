"""An action of no slice, and a runner to run it with."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry.kernel.action import Action, Actor
from tenantry.kernel.processor import Runner


class OpenGuard:
    """Lets everybody do everything."""

    def check(self, actor: Actor, action: Action[Any]) -> None:
        return None


@pytest.fixture
def runner() -> Callable[..., Runner]:
    """A runner that asks nobody, with these monitors."""
    return lambda *monitors: Runner(list(monitors), OpenGuard())
