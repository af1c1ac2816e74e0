"""What an engine must do to be compared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.peers.world import Question, World

Prepared = Any  # Any: each engine has a form of its own in which it likes to be asked


@dataclass(frozen=True)
class Loaded:
    """An engine that knows the world.

    ``prepare`` puts a question into the form in which the engine takes it, outside of the time
    that is measured; ``ask`` answers.
    """

    prepare: Callable[[Question], Prepared]
    ask: Callable[[Prepared], bool]


Load = Callable[[World], Loaded]
