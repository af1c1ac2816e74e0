"""Running actions: monitors, guard, retries, actors, the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from tenantry.errors import (
    ConnectionError,
    NotAuthenticated,
    PermissionError,
    StateConflict,
    TransactionConflict,
)
from tenantry.kernel.action import (
    SYSTEM,
    Action,
    Actor,
    ActorKind,
    Origin,
    Outcome,
    Run,
    acting_as,
    current_actor,
    current_origin,
    current_run,
)
from tenantry.kernel.monitor import RunResult
from tenantry.kernel.processor import Processor, Runner
from tenantry.record import Record

pytestmark = pytest.mark.anyio

MakeRunner = Callable[..., Runner]


class Said(Record, frozen=True):
    text: str


class Say(Action[Said], frozen=True):
    """Say something."""

    tag: ClassVar[str] = "text.say"
    text: str = "hello"

    def target(self) -> str | None:
        return self.text


class Shout(Say, frozen=True):
    """Say it louder."""


@dataclass
class Watcher:
    """Writes down what it is told."""

    name: str = "watcher"
    log: list[tuple[str, str]] = field(default_factory=list)
    results: list[RunResult] = field(default_factory=list)

    async def prepare(self, action: Action[Any], run: Run) -> None:
        self.log.append((self.name, "prepare"))

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        self.log.append((self.name, "done"))
        self.results.append(result)


class Failing:
    """Breaks whenever it is told something."""

    async def prepare(self, action: Action[Any], run: Run) -> None:
        raise RuntimeError("prepare broke")

    async def done(self, action: Action[Any], run: Run, result: RunResult) -> None:
        raise RuntimeError("done broke")


class Closed:
    """Refuses everybody with an error of choice."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def check(self, actor: Actor, action: Action[Any]) -> None:
        raise self.error


async def answer(action: Say) -> Said:
    return Said(action.text)


def failing(error: BaseException) -> Callable[[Say], Awaitable[Said]]:
    async def handle(action: Say) -> Said:
        raise error

    return handle


async def test_monitors_are_told_in_order_and_back(runner: MakeRunner) -> None:
    log: list[tuple[str, str]] = []
    first, second = Watcher("first", log), Watcher("second", log)
    processor: Processor[Say, Said] = runner(first, second)(Say, answer)
    assert await processor.wait_for_complete(Say("x")) == Said("x")
    assert log == [
        ("first", "prepare"),
        ("second", "prepare"),
        ("second", "done"),
        ("first", "done"),
    ]


async def test_scenario_42_a_success_is_reported_with_what_is_known_of_it(
    runner: MakeRunner,
) -> None:
    watcher = Watcher()
    await runner(watcher)(Say, answer).wait_for_complete(Say("x"))
    (result,) = watcher.results
    assert (result.status, result.error_code) == (Outcome.SUCCEEDED, None)
    assert result.entity_id == "x"
    assert result.ended_at >= result.started_at
    assert result.duration == result.ended_at - result.started_at


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StateConflict("Not now."), Outcome.FAILED, "state_conflict"),
        (PermissionError("Not you."), Outcome.DENIED, "permission_denied"),
        (NotAuthenticated(), Outcome.DENIED, "not_authenticated"),
        (ConnectionError(), Outcome.FAILED, "unavailable"),
        (ZeroDivisionError("canary"), Outcome.FAILED, "internal_error"),
        (asyncio.CancelledError(), Outcome.FAILED, "cancelled"),
    ],
)
async def test_scenario_42_a_failure_is_raised_as_it_is_and_reported(
    runner: MakeRunner, error: BaseException, status: Outcome, code: str
) -> None:
    watcher = Watcher()
    with pytest.raises(type(error)) as raised:
        await runner(watcher)(Say, failing(error)).wait_for_complete(Say())
    assert raised.value is error
    (result,) = watcher.results
    assert (result.status, result.error_code) == (status, code)
    assert "canary" not in result.description


@pytest.mark.parametrize("error", [PermissionError("No."), NotAuthenticated()])
async def test_who_is_refused_by_the_guard_does_not_reach_the_service(error: Exception) -> None:
    reached: list[Say] = []
    watcher = Watcher()

    async def handle(action: Say) -> Said:
        reached.append(action)
        return Said("")

    with pytest.raises(type(error)):
        await Runner([watcher], Closed(error))(Say, handle).wait_for_complete(Say())
    assert reached == []
    assert watcher.log == [("watcher", "prepare"), ("watcher", "done")]
    assert watcher.results[0].status is Outcome.DENIED


async def test_bug_37_a_failing_monitor_breaks_nothing(
    runner: MakeRunner, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = Watcher("before"), Watcher("after")
    make = runner(before, Failing(), after)
    assert await make(Say, answer).wait_for_complete(Say("x")) == Said("x")
    with pytest.raises(StateConflict):
        await make(Say, failing(StateConflict())).wait_for_complete(Say())
    for watcher in (before, after):
        assert [result.status for result in watcher.results] == [Outcome.SUCCEEDED, Outcome.FAILED]
    assert "Failing" in caplog.text


async def test_a_processor_runs_its_own_kind_only(runner: MakeRunner) -> None:
    processor = runner()(Shout, answer)
    wrong: Any = Say()
    with pytest.raises(TypeError, match="runs Shout, not Say"):
        await processor.wait_for_complete(wrong)
    assert await runner()(Say, answer).wait_for_complete(Shout("x")) == Said("x")


# Retries.


def colliding(times: int, error: Exception) -> tuple[Callable[[Say], Awaitable[Said]], list[int]]:
    tries: list[int] = []

    async def handle(action: Say) -> Said:
        tries.append(len(tries))
        if len(tries) <= times:
            raise error
        return Said("done")

    return handle, tries


async def test_colliding_transactions_are_tried_again_at_most_three_times(
    runner: MakeRunner,
) -> None:
    for times in range(4):
        handle, tries = colliding(times, TransactionConflict())
        assert await runner()(Say, handle).wait_for_complete(Say()) == Said("done")
        assert len(tries) == times + 1
    handle, tries = colliding(100, TransactionConflict())
    watcher = Watcher()
    with pytest.raises(TransactionConflict):
        await runner(watcher)(Say, handle).wait_for_complete(Say())
    assert len(tries) == 4
    assert len(watcher.results) == 1


@pytest.mark.parametrize(
    "error", [ConnectionError(), StateConflict(), ValueError(), TimeoutError(), OSError()]
)
async def test_nothing_else_is_tried_again(runner: MakeRunner, error: Exception) -> None:
    handle, tries = colliding(1, error)
    with pytest.raises(type(error)):
        await runner()(Say, handle).wait_for_complete(Say())
    assert len(tries) == 1


# In the background.


async def test_what_runs_in_the_background_is_waited_for_in_the_end(runner: MakeRunner) -> None:
    finished: list[str] = []

    async def slow(action: Say) -> Said:
        for _ in range(5):
            await asyncio.sleep(0)
        finished.append(action.text)
        return Said("")

    make = runner()
    processor = make(Say, slow)
    for text in ("a", "b", "c"):
        processor.fire_and_forget(Say(text))
    assert finished == []
    await make.drain()
    assert sorted(finished) == ["a", "b", "c"]


async def test_no_failure_in_the_background_is_lost(
    runner: MakeRunner, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher()
    make = runner(watcher)
    processor = make(Say, failing(ZeroDivisionError("broken")))
    with caplog.at_level(logging.ERROR):
        processor.fire_and_forget(Say())
        processor.fire_and_forget(Say())
        await make.drain()
    assert [result.error_code for result in watcher.results] == ["internal_error"] * 2
    assert caplog.text.count("text.say failed in the background") == 2


async def test_the_background_keeps_the_actor_who_asked(runner: MakeRunner) -> None:
    actors: list[str] = []

    async def handle(action: Say) -> Said:
        await asyncio.sleep(0)
        actors.append(current_actor().name)
        return Said("")

    make = runner()
    processor = make(Say, handle)
    with acting_as(Actor(ActorKind.USER, "ada")):
        processor.fire_and_forget(Say())
    processor.fire_and_forget(Say())
    await make.drain()
    assert actors == ["ada", "system"]


# Actors.


async def test_outside_any_face_the_system_acts_and_acting_as_narrows_it() -> None:
    ada, bob = Actor(ActorKind.USER, "ada"), Actor(ActorKind.USER, "bob")
    assert current_actor() is SYSTEM
    with acting_as(ada, Origin("http", "203.0.113.7")):
        assert current_actor() is ada
        with acting_as(bob):
            assert current_actor() is bob
            assert current_origin().address == "203.0.113.7"
        assert current_actor() is ada
    assert current_actor() is SYSTEM
    assert current_origin() == Origin()


async def test_an_error_does_not_leave_the_actor_behind() -> None:
    with pytest.raises(ZeroDivisionError), acting_as(Actor(ActorKind.USER, "ada")):
        raise ZeroDivisionError
    assert current_actor() is SYSTEM


async def test_tasks_side_by_side_have_their_own_actors(runner: MakeRunner) -> None:
    async def handle(action: Say) -> Said:
        for _ in range(10):
            await asyncio.sleep(0)
            assert current_actor().name == action.text
            run = current_run()
            assert run is not None
            assert run.action is action
        return Said(current_actor().name)

    processor = runner()(Say, handle)

    async def ask(name: str) -> Said:
        with acting_as(Actor(ActorKind.USER, name)):
            await asyncio.sleep(0)
            return await processor.wait_for_complete(Say(name))

    names = [f"user{i}" for i in range(50)]
    assert await asyncio.gather(*map(ask, names)) == [Said(name) for name in names]
    assert current_run() is None
