"""Processors run actions: prepare, guard, handle, done; the same way for every face."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from tenantry.errors import NotAuthenticated, PermissionError, TenantryError, TransactionConflict
from tenantry.kernel.action import (
    Action,
    Outcome,
    Run,
    current_actor,
    current_origin,
    running,
)
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

    def start_in_background(self, work: Awaitable[None]) -> None:
        """Keep a reference until the work has ended; the loop itself would lose it."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def drain(self) -> None:
        """Wait for everything that runs in the background."""
        while self._background:
            await asyncio.wait(set(self._background))

    async def tell_prepare(self, run: Run) -> None:
        for monitor in self.action_monitors:
            try:
                await monitor.prepare(run.action, run)
            except Exception:  # a monitor watches; it must never decide
                logger.exception("monitor %r failed to prepare", type(monitor).__name__)

    async def tell_done(self, run: Run, result: RunResult) -> None:
        for monitor in reversed(self.action_monitors):
            try:
                await monitor.done(run.action, run, result)
            except Exception:  # as above: the outcome stands whatever a monitor does
                logger.exception("monitor %r failed when done", type(monitor).__name__)


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
            await self._runner.tell_prepare(run)
            try:
                self._runner.guard.check(run.actor, action)
                result = await self._attempts(action)
            except BaseException as error:
                await self._runner.tell_done(run, _failed(run, error, self._runner.clock.now()))
                raise
            await self._runner.tell_done(run, _ended(run, self._runner.clock.now()))
        return result

    def fire_and_forget(self, action: ActionT) -> None:
        """Start the action and go on. Its failure reaches the monitors and the log."""
        self._runner.start_in_background(self._quietly(action))

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


def _ended(run: Run, now: datetime) -> RunResult:
    outcome = run.outcome or Outcome.SUCCEEDED
    return _result(run, now, outcome, outcome.value.capitalize())


def _failed(run: Run, error: BaseException, now: datetime) -> RunResult:
    refused = isinstance(error, PermissionError | NotAuthenticated)
    outcome = Outcome.DENIED if refused else Outcome.FAILED
    if isinstance(error, TenantryError):
        return _result(run, now, outcome, str(error), error.code)
    code = "cancelled" if isinstance(error, asyncio.CancelledError) else "internal_error"
    return _result(run, now, outcome, type(error).__name__, code)


def _result(
    run: Run, now: datetime, outcome: Outcome, description: str, error_code: str | None = None
) -> RunResult:
    return RunResult(
        action_id=run.id,
        entity_id=run.action.target(),
        status=outcome,
        description=description,
        started_at=run.started_at,
        ended_at=now,
        duration=now - run.started_at,
        error_code=error_code,
    )
