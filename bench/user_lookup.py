"""Showing one user of many, against the bare statement that finds the same row."""

import random

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.users.actions import GetUserAction

TITLE = "user_lookup: the action user.get over a bare prepared SELECT of the same row"
FIND = "select * from users where username_key = $1"
AT_ONCE = 16


async def measure(world: World, effort: Effort) -> list[Result]:
    """Ask for users that are spread over the whole table, by username."""
    names = await world.some_usernames(2000)
    dice = random.Random(1)
    find = await world.bare.prepare(FIND)
    get_user = world.app.users.get_user

    async def bare() -> object:
        return await find.fetchrow(dice.choice(names))

    async def pooled() -> object:
        async with world.app.database.autocommit() as tx:
            return await tx.connection.fetchrow(FIND, dice.choice(names))

    async def action() -> object:
        return await get_user.wait_for_complete(GetUserAction(user=dice.choice(names)))

    contestants = [
        Contestant("bare SELECT, own connection", bare),
        Contestant("the same through the pool", pooled),
        Contestant("user.get", action),
        Contestant(f"user.get, {AT_ONCE} at once", action, at_once=AT_ONCE),
    ]
    return await compare(contestants, effort)
