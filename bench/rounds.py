"""Contestants measured in turns, and the ratio of each to the first of them, the reference.

Times of a shared machine drift; the ratio of two things that ran a moment apart does not. So all
contestants run in every round, and a ratio is taken within its round.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

Call = Callable[[], Awaitable[object]]
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Effort:
    """How long and how large: ``seconds`` for each comparison, ``quick`` for small worlds."""

    seconds: float = 12.0
    quick: bool = False
    rounds: int = 15


async def _nothing() -> None:
    """What is not called again and again, but timed once a round."""


@dataclass
class Contestant:
    """Something to be done again and again; ``at_once`` of it at the same time.

    Without a call its times are put in from outside.
    """

    name: str
    call: Call = _nothing
    at_once: int = 1
    goal: str = ""
    by_round: list[list[float]] = field(default_factory=list)
    """What each call took, in seconds; for several at once, its share of the round's time."""

    async def run(self, calls: int) -> float:
        """Do it that often; the seconds of all of it."""
        taken: list[float] = []
        start = time.perf_counter()
        if self.at_once == 1:
            for _ in range(calls):
                began = time.perf_counter()
                await self.call()
                taken.append(time.perf_counter() - began)
        else:
            shares = [calls // self.at_once + 1] * self.at_once
            start = time.perf_counter()
            await asyncio.gather(*(self._repeat(share) for share in shares))
            taken = [(time.perf_counter() - start) / sum(shares)]
        self.by_round.append(taken)
        return time.perf_counter() - start

    async def _repeat(self, calls: int) -> None:
        for _ in range(calls):
            await self.call()


@dataclass(frozen=True)
class Result:
    """What one contestant came to beside the reference."""

    name: str
    calls: int
    median: float
    late: float
    """The 95th percentile of single calls, or of rounds where calls overlap."""
    ratios: tuple[float, ...]
    """Median of the contestant over median of the reference, round by round."""
    goal: str = ""
    is_reference: bool = False

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)


async def compare(contestants: Sequence[Contestant], effort: Effort) -> list[Result]:
    """Run all in turns and compare each with the first."""
    share = effort.seconds / effort.rounds / len(contestants)
    each = [await _each(contestant) for contestant in contestants]
    calls = [
        max(1, contestant.at_once, min(20_000, int(share / seconds)))
        for contestant, seconds in zip(contestants, each, strict=True)
    ]
    # What takes longer than its share gets fewer rounds, but enough for a spread.
    whole = sum(seconds * count for seconds, count in zip(each, calls, strict=True))
    rounds = max(FEWEST_ROUNDS, min(effort.rounds, int(2 * effort.seconds / whole)))
    for contestant in contestants:
        contestant.by_round.clear()
    for number in range(rounds):
        turns = list(zip(contestants, calls, strict=True))
        # Every other round backwards, so that nobody always comes after the same neighbour.
        for contestant, count in turns if number % 2 == 0 else reversed(turns):
            await contestant.run(count)
    return judged(contestants)


def judged(contestants: Sequence[Contestant]) -> list[Result]:
    """The results of rounds that have been run."""
    reference = [statistics.median(taken) for taken in contestants[0].by_round]
    results = [_result(contestant, reference) for contestant in contestants]
    return [replace(results[0], is_reference=True), *results[1:]]


async def _each(contestant: Contestant) -> float:
    """The seconds that a call takes, after a warm-up."""
    await contestant.run(2 * contestant.at_once)
    count = 2 * contestant.at_once
    return await contestant.run(count) / count


def _result(contestant: Contestant, reference: Sequence[float]) -> Result:
    every = sorted(seconds for taken in contestant.by_round for seconds in taken)
    medians = [statistics.median(taken) for taken in contestant.by_round]
    return Result(
        name=contestant.name,
        calls=len(every),
        median=statistics.median(every),
        late=every[min(len(every) - 1, int(len(every) * 0.95))],
        ratios=tuple(own / base for own, base in zip(medians, reference, strict=True)),
        goal=contestant.goal,
    )
