"""Whether the time of a refused login tells anything about the account: a rank test.

Samples of every kind are taken in turns. The rank of a kind is the share of pairs, one sample of it
and one of a wrong password, in which it took longer: 0.5 where the two cannot be told apart.
"""

import random
import statistics
import time
from bisect import bisect_left, bisect_right
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address
from itertools import count

from bench.rounds import Effort, Result
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.passwords.policy import MAX_BYTES

TITLE = "login_timing: refused logins over one with a wrong password, with their rank"
SAMPLES = 200
NAMES = 40
FAIR = (0.3, 0.7)
"""Generous: neighbours on a shared machine move it by 0.1, a hash that is skipped to 0 or 1."""
WRONG, NAIVE = "wrong password", "unknown name in a build that skips the hash"
LOCK = "update users set locked_at = now(), lock_reason = 'bench' where username_key = any($1)"
UNLOCK = "update users set locked_at = null, lock_reason = null where username_key = any($1)"
DISABLE = "update users set status = 'inactive' where username_key = any($1)"
ENABLE = "update users set status = 'active' where username_key = any($1)"

Sample = Callable[[], Awaitable[object]]


async def measure(world: World, _: Effort) -> list[Result]:
    """Two hundred samples of each kind; AssertionError where a kind can be told by its time."""
    names = await world.some_usernames(3 * NAMES)
    known, locked, disabled = names[:NAMES], names[NAMES : 2 * NAMES], names[2 * NAMES :]
    await world.owner.execute(LOCK, locked)
    await world.owner.execute(DISABLE, disabled)
    try:
        taken = await _interleaved(_kinds(world, known, locked, disabled))
    finally:
        await world.owner.execute(UNLOCK, locked)
        await world.owner.execute(ENABLE, disabled)
    results = [_result(kind, seconds, taken[WRONG]) for kind, seconds in taken.items()]
    for kind, seconds in taken.items():
        fair = FAIR[0] < rank(seconds, taken[WRONG]) < FAIR[1]
        assert fair is (kind != NAIVE), f"{kind}: rank {rank(seconds, taken[WRONG]):.2f}"
    return results


def rank(samples: Sequence[float], reference: Sequence[float]) -> float:
    """Of all pairs, the share in which the sample is larger; ties count half (Mann, Whitney)."""
    ordered = sorted(reference)
    below = sum(bisect_left(ordered, s) + bisect_right(ordered, s) for s in samples)
    return below / 2 / len(samples) / len(ordered)


def _kinds(
    world: World, known: Sequence[str], locked: Sequence[str], disabled: Sequence[str]
) -> dict[str, Sample]:
    number = count(int(IPv4Address("10.0.0.0")))
    unknown = [f"nobody-{i}" for i in range(NAMES)]
    authenticate = world.app.auth.authenticate

    def trying(names: Sequence[str], password: str) -> Sample:
        async def attempt() -> object:
            # From an address of its own each time: throttles are not what is looked at here.
            at = next(number)
            with acting_as(ANONYMOUS, Origin(face="bench", address=str(IPv4Address(at)))):
                action = AuthenticateAction(names[at % len(names)], password)
                return await authenticate.wait_for_complete(action)

        return attempt

    hasher = world.app.auth_service._hasher  # noqa: SLF001 - a naive build is made of it
    unfair = trying(unknown, PASSWORD)

    async def naive() -> object:
        verify = hasher.verify

        async def skipping(stored: str | None, password: str) -> bool:
            return stored is not None and await verify(stored, password)

        hasher.verify = skipping  # type: ignore[method-assign]  # put back below
        try:
            return await unfair()
        finally:
            hasher.verify = verify  # type: ignore[method-assign]  # as it was

    return {
        WRONG: trying(known, "a wrong passphrase"),
        "unknown name": trying(unknown, PASSWORD),
        "locked, right password": trying(locked, PASSWORD),
        "disabled, right password": trying(disabled, PASSWORD),
        "empty password": trying(known, ""),
        "oversize password": trying(known, "x" * (MAX_BYTES + 1)),
        NAIVE: naive,
    }


async def _interleaved(kinds: dict[str, Sample]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = [kind for kind in kinds for _ in range(SAMPLES)]
    random.Random(7).shuffle(order)
    for kind in [kind for kind in kinds for _ in range(NAMES)]:
        await kinds[kind]()  # the audit makes a key for each person that it tells of first
    for kind in order:
        began = time.perf_counter()
        await kinds[kind]()
        taken[kind].append(time.perf_counter() - began)
    return taken


def _result(kind: str, seconds: Sequence[float], reference: Sequence[float]) -> Result:
    ordered = sorted(seconds)
    return Result(
        name=f"{kind}, rank {rank(seconds, reference):.2f}",
        calls=len(ordered),
        median=statistics.median(ordered),
        late=ordered[int(len(ordered) * 0.95)],
        ratios=(statistics.median(ordered) / statistics.median(reference),),
        goal="" if kind in (WRONG, NAIVE) else "rank 0.3 to 0.7",
        is_reference=kind == WRONG,
    )
