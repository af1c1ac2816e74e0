"""Processors run actions: prepare, guard, handle, done; the same way for every face."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from tenantry.errors import NotAuthenticated, PermissionError, TenantryError, TransactionConflict
from tenantry.kernel.action import Action, Outcome, Run, current_actor, current_origin, running
from tenantry.kernel.clock import Clock, SystemClock, uuid7
from tenantry.kernel.guard import Guard
from tenantry.kernel.monitor import ActionMonitor, RunResult

ActionT = TypeVar("ActionT", bound=Action[Any])
ResultT = TypeVar("ResultT")

ATTEMPTS = 4
logger = logging.getLogger(__name__)


class Runner:
    """Makes processors that share monitors and a guard, and keeps what runs in the background."""

    def __init__(
        self, action_monitors: Sequence[ActionMonitor], guard: Guard, clock: Clock | None = None
    ) -> None:
        self.action_monitors = action_monitors
        self.guard = guard
        self.clock = clock or SystemClock()
        self.processors: dict[type[Action[Any]], Processor[Any, Any]] = {}
        self._background: set[asyncio.Task[None]] = set()

    def __call__(
        self, action_type: type[ActionT], handle: Callable[[ActionT], Awaitable[ResultT]]
    ) -> "Processor[ActionT, ResultT]":
        """The processor that has this kind of action handled by this service method."""
        processor = Processor(action_type, handle, self)
        self.processors[action_type] = processor
        return processor

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Hold a reference until the task has ended; the loop itself would lose it."""
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self) -> None:
        """Wait for everything that runs in the background."""
        while self._background:
            await asyncio.wait(set(self._background))

    async def tell(self, run: Run, result: RunResult | None = None) -> None:
        """Tell the monitors of a run that begins, or in reverse order of how it ended."""
        monitors = self.action_monitors if result is None else self.action_monitors[::-1]
        for monitor in monitors:
            try:
                if result is None:
                    await monitor.prepare(run.action, run)
                else:
                    await monitor.done(run.action, run, result)
            except Exception:  # a monitor watches; whatever it does, the outcome stands
                logger.exception("monitor %r failed", type(monitor).__name__)


class Processor(Generic[ActionT, ResultT]):
    """Runs one kind of action."""

    def __init__(
        self,
        action_type: type[ActionT],
        handle: Callable[[ActionT], Awaitable[ResultT]],
        runner: Runner,
    ) -> None:
        self.action_type = action_type
        self._handle = handle
        self._runner = runner

    async def wait_for_complete(self, action: ActionT) -> ResultT:
        """Run the action to its end and return its result, or raise what the service raised.

        Collisions of transactions are retried, at most three times; nothing else is.
        """
        if not isinstance(action, self.action_type):
            expected, got = self.action_type.__name__, type(action).__name__
            raise TypeError(f"this processor runs {expected}, not {got}")
        now = self._runner.clock.now()
        run = Run(uuid7(now), action, current_actor(), current_origin(), now)
        with running(run):
            await self._runner.tell(run)
            try:
                self._runner.guard.check(run.actor, action)
                result = await self._attempts(action)
            except BaseException as error:
                await self._runner.tell(run, _result(run, self._runner.clock.now(), error))
                raise
            await self._runner.tell(run, _result(run, self._runner.clock.now()))
        return result

    def fire_and_forget(self, action: ActionT) -> None:
        """Start the action and go on. Its failure reaches the monitors and the log."""
        self._runner.keep(asyncio.create_task(self._quietly(action)))

    async def _quietly(self, action: ActionT) -> None:
        try:
            await self.wait_for_complete(action)
        except Exception:  # nobody waits for this run, so the log is where its failure shows
            logger.exception("%s failed in the background", action.tag)

    async def _attempts(self, action: ActionT) -> ResultT:
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._handle(action)
            except TransactionConflict:
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 not a secret
        return await self._handle(action)


def _result(run: Run, now: datetime, error: BaseException | None = None) -> RunResult:
    outcome, description, code = run.outcome or Outcome.SUCCEEDED, "Success", None
    if error is not None:
        denied = isinstance(error, PermissionError | NotAuthenticated)
        outcome = Outcome.DENIED if denied else Outcome.FAILED
        description, code = type(error).__name__, "internal_error"
    if isinstance(error, TenantryError):
        description, code = str(error), error.code
    elif isinstance(error, asyncio.CancelledError):
        code = "cancelled"
    return RunResult(
        action_id=run.id,
        entity_id=run.action.target(),
        status=outcome,
        description=description,
        started_at=run.started_at,
        ended_at=now,
        duration=now - run.started_at,
        error_code=code,
    )
