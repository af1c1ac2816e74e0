"""What a login costs beside its password hash, which is slow on purpose and cannot be saved."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from argon2 import PasswordHasher

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import PASSWORD, World, sample_hash
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as

TITLE = "login_overhead: the action login over a bare Argon2id verification in a thread"
GOAL = "at most 1.10 x"


async def measure(world: World, effort: Effort) -> list[Result]:
    """Many users log in one after another, then as many at once as there are processors."""
    argon2, stored = PasswordHasher(), sample_hash()
    names = cycle(await world.some_usernames(500))
    note = await world.bare.prepare("update users set last_login = now() where username_key = $1")
    processors = os.cpu_count() or 1
    loop = asyncio.get_running_loop()
    authenticate = world.app.auth.authenticate

    async def log_in() -> object:
        with acting_as(ANONYMOUS, Origin(face="bench", address="127.0.0.1")):
            action = AuthenticateAction(next(names), PASSWORD, raise_on_failure=True)
            return await authenticate.wait_for_complete(action)

    with ThreadPoolExecutor(processors) as threads:

        async def verify() -> object:
            return await loop.run_in_executor(threads, argon2.verify, stored, PASSWORD)

        async def verify_and_write() -> object:
            await verify()
            return await note.fetch(next(names))

        single = [
            Contestant("bare Argon2id", verify),
            Contestant("the same and one bare durable write", verify_and_write),
            Contestant("login", log_in, goal=GOAL),
        ]
        at_once = [
            Contestant(f"bare Argon2id, {processors} at once", verify, processors),
            Contestant(f"login, {processors} at once", log_in, processors),
        ]
        half = Effort(effort.seconds / 2, effort.quick, effort.rounds)
        return await compare(single, half) + await compare(at_once, half)
