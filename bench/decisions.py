"""Decisions of the engine for a million users with ten thousand roles in three levels.

Against one look-up of the finished answer in a dictionary, behind one call, in the same run. No
database is needed: `python -m bench.decisions [--quick]`.
"""

import argparse
import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import psutil
from rich.console import Console

from bench.peers import bare_dict, ours
from bench.peers.peer import Prepared
from bench.peers.world import Size, World
from bench.rounds import Result
from bench.tables import show, span
from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import RoleFacts, UserFacts
from tenantry.privileges.model import Privilege

MANY, FEW = Size(1_000_000, 10_000), Size(20_000, 1_000, 50_000)
STAFF, STAFF_ROLE = 100_000, UUID(int=11)
ROUNDS, SAMPLES = 9, 1000

Ask = Callable[[Prepared], bool]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.decisions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small world")
    options = parser.parse_args()
    size = FEW if options.quick else MANY
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    world = World(size)
    questions = world.questions()
    bare = bare_dict.load(world)
    asked = [bare.prepare(question) for question in questions]
    own = [ours.prepared(question) for question in questions]
    facts = ours.Facts(world)
    decisions = ours.with_roles(facts, cached=0)
    gc.collect()
    before = psutil.Process().memory_info().rss
    began = time.process_time()
    decisions.load(facts.users(), now=ours.NOW)
    loaded = time.process_time() - began
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    plain = _asking(decisions)
    wrong = sum(plain(one) != q.allowed for one, q in zip(own, questions, strict=True))
    if wrong:
        raise SystemExit(f"{wrong} answers are wrong")
    unfrozen = _timed(gc.collect)
    gc.freeze()
    results = _compare(bare.ask, asked, ("check", plain, own, "5 x, 400,000/s"))
    decisions.keep(2 * size.questions)
    for one in own:
        plain(one)
    kept = ("check, decision cache", plain, own, "1.5 x, 1,000,000/s")
    results += _compare(bare.ask, asked, kept)
    decisions.keep(0)
    title = f"decisions: {size.users:,} users, {size.roles:,} roles, {len(set(questions)):,} doors"
    show(console, title, results)
    for result in results[1::2]:
        console.print(f"{result.name}: {1 / result.median:,.0f} a second and core")
    console.print(f"making the facts of all users and loading them: {span(loaded)}")
    console.print(f"memory: {grown / size.users:.0f} bytes a user (goal 400)")
    _print(console, "first check of a user just loaded (goal 3 ms)", _cold(decisions, own))
    _print(console, f"edit of a role of {STAFF:,} users (goal 1 ms)", _edits(decisions))
    _print(console, "edit that shuts every door", _edits(decisions, parents=True))
    frozen = _timed(gc.collect)
    console.print(
        f"full garbage collection: {span(unfrozen)}; after gc.freeze and the above {span(frozen)}"
    )


def _asking(decisions: Decisions) -> Ask:
    def ask(prepared: Prepared) -> bool:
        user, privilege, database, schema, table = prepared
        return decisions.check(user, privilege, database, schema, table, now=ours.NOW)

    return ask


def _compare(
    bare: Ask, asked: Sequence[Prepared], contestant: tuple[str, Ask, Sequence[Prepared], str]
) -> list[Result]:
    """A contestant and the dictionary in turns, in processor time."""
    name, ask, own, goal = contestant
    theirs, mine = [], []
    for _ in range(ROUNDS):
        theirs.append(_mean(bare, asked))
        mine.append(_mean(ask, own))
    reference = Result(
        name="dictionary",
        calls=len(asked) * ROUNDS,
        median=statistics.median(theirs),
        late=_late(bare, asked),
        ratios=(1.0,) * ROUNDS,
        is_reference=True,
    )
    result = Result(
        name=name,
        calls=len(own) * ROUNDS,
        median=statistics.median(mine),
        late=_late(ask, own),
        ratios=tuple(a / b for a, b in zip(mine, theirs, strict=True)),
        goal=goal,
    )
    return [reference, result]


def _mean(ask: Ask, questions: Sequence[Prepared]) -> float:
    began = time.process_time()
    for one in questions:
        ask(one)
    return (time.process_time() - began) / len(questions)


def _late(ask: Ask, questions: Sequence[Prepared]) -> float:
    """The 95th percentile of single calls."""
    taken = sorted(_timed(ask, one) for one in questions[:20_000])
    return taken[int(len(taken) * 0.95)]


def _timed(ask: Callable[..., object], *arguments: object) -> float:
    """The processor time of one call, which neighbours of the machine hardly touch."""
    began = time.process_time_ns()
    ask(*arguments)
    return (time.process_time_ns() - began) / 1e9


def _cold(decisions: Decisions, questions: Sequence[Prepared]) -> list[float]:
    """Loading the facts of one user and asking, where no door is compiled."""
    taken = []
    role_ids = frozenset(ours.role_id(number) for number in range(5))
    for number, (_, *door) in enumerate(questions[:SAMPLES]):
        user = UserFacts(UUID(int=2**100 + number), ours.TENANT, role_ids=role_ids)
        decisions.put_role(RoleFacts(STAFF_ROLE, parent_ids=frozenset({UUID(int=number)})))

        def first(user: UserFacts = user, door: list[Prepared] = door) -> None:
            decisions.load([user], now=ours.NOW)
            decisions.check(user.id, *door, now=ours.NOW)

        taken.append(_timed(first))
    return taken


def _edits(decisions: Decisions, *, parents: bool = False) -> list[float]:
    """Changing a role of many users; each change must count at once."""
    role = RoleFacts(STAFF_ROLE, privileges=frozenset(), databases=frozenset({"database0"}))
    decisions.put_role(role)
    ids = [UUID(int=2**101 + number) for number in range(STAFF)]
    some = (UserFacts(id, ours.TENANT, role_ids=frozenset({STAFF_ROLE})) for id in ids)
    decisions.load(some, now=ours.NOW)
    taken = []
    for number in range(SAMPLES):
        given = frozenset({Privilege.TRIGGER}) if number % 2 else frozenset[Privilege]()
        role = dataclasses.replace(role, privileges=given)
        if parents:
            role = dataclasses.replace(role, parent_ids=frozenset({UUID(int=number)}))
        taken.append(_timed(decisions.put_role, role))
        allowed = decisions.check(ids[number], Privilege.TRIGGER, "database0", now=ours.NOW)
        if allowed != bool(given):
            raise SystemExit("an edit did not count at the next check")
    return taken


def _print(console: Console, what: str, taken: Sequence[float]) -> None:
    ordered = sorted(taken)
    late, most = ordered[int(len(ordered) * 0.99)], ordered[-1]
    middle = span(statistics.median(ordered))
    console.print(f"{what}: median {middle}, p99 {span(late)}, most {span(most)}")


if __name__ == "__main__":
    main()
