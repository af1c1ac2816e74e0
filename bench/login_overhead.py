"""What a login costs beside its password hash, which is slow on purpose and cannot be saved.

The cost is what logins add where processors have no time left: the work of all processes, with
nothing hidden in waiting. One login on an idle machine takes longer than its work, since each
process that it wakes has slept for the time of the hash; the second table shows by how much, beside
a single bare statement that is woken in the same way.
"""

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
    """Users who were here before log in, more at once than there are processors, then in turn."""
    argon2, stored = PasswordHasher(), sample_hash()
    usernames = await world.some_usernames(100)
    names = cycle(usernames)
    note = await world.bare.prepare("update users set last_login = now() where username_key = $1")
    processors = os.cpu_count() or 1
    loop = asyncio.get_running_loop()
    authenticate = world.app.auth.authenticate

    async def log_in() -> object:
        with acting_as(ANONYMOUS, Origin(face="bench", address="127.0.0.1")):
            action = AuthenticateAction(next(names), PASSWORD, raise_on_failure=True)
            return await authenticate.wait_for_complete(action)

    for _ in usernames:
        await log_in()  # The first login ever counts the user's sessions; those after it need not.
    with ThreadPoolExecutor(processors) as threads:

        async def verify() -> object:
            return await loop.run_in_executor(threads, argon2.verify, stored, PASSWORD)

        async def verify_and_write() -> object:
            await verify()
            return await note.fetch(next(names))

        waiting = 4 * processors
        busy = [
            Contestant(f"bare Argon2id, {waiting} at once", verify, waiting),
            Contestant(f"login, {waiting} at once", log_in, waiting, GOAL),
        ]
        idle = [
            Contestant("bare Argon2id, one at a time", verify),
            Contestant("the same and one bare durable write", verify_and_write),
            Contestant("login, one at a time", log_in),
        ]
        half = Effort(effort.seconds / 2, effort.quick, effort.rounds)
        return await compare(busy, half) + await compare(idle, half)
