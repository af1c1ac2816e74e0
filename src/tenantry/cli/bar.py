"""How far something is: a bar on a terminal, silence everywhere else."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tenantry.cli.invocation import current

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """Told how far the work is; this one shows nothing, for where nobody watches."""

    is_watched = False

    def advance(self, steps: int) -> None:
        """So many more are done."""

    def left(self, steps: int) -> None:
        """So many are left; the most there ever were counts as the whole."""


class _Drawn(Bar):
    is_watched = True

    def __init__(self, progress: "Progress", task: "TaskID", total: int | None) -> None:
        self._progress = progress
        self._task = task
        self._total = total

    def advance(self, steps: int) -> None:
        self._progress.advance(self._task, steps)

    def left(self, steps: int) -> None:
        self._total = max(self._total or 0, steps)
        done = self._total - steps
        self._progress.update(self._task, total=self._total or None, completed=done)


@contextlib.contextmanager
def bar(what: str, total: int | None = None) -> Iterator[Bar]:
    """A bar until the end of the block; without a total it only moves until one is known."""
    if not sys.stderr.isatty() or total == 0:
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from tenantry.cli.output import colored

    console = Console(stderr=True, no_color=not colored(current()) or None)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Drawn(progress, progress.add_task(what, total=total), total)
