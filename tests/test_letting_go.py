"""What is much is given up a little at a time, while others have their turn."""

import asyncio
import itertools

import pytest

from tenantry.letting_go import PORTION, emptied, little_by_little

pytestmark = pytest.mark.anyio


async def test_others_have_their_turn_while_much_is_given_up() -> None:
    first, second = ({number: number for number in range(5 * PORTION)} for _ in range(2))
    little_by_little(emptied(first, second))
    seen = [10 * PORTION]
    async with asyncio.timeout(10):
        while first or second:
            await asyncio.sleep(0)
            seen.append(len(first) + len(second))
    falls = [before - after for before, after in itertools.pairwise(seen)]
    assert max(falls) <= PORTION + 1
    assert sum(fall > 0 for fall in falls) >= 9
    assert seen[-1] == 0


async def test_nothing_to_give_up_is_nothing_to_do() -> None:
    little_by_little(emptied({}))
    await asyncio.sleep(0)
