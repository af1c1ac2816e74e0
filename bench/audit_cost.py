"""What an audit entry costs: actions with it, against the same actions without.

Everything else is the same: guard, transaction, statements, monitors, a durable commit.
"""

import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction
from tenantry.groups.actions import AddMemberAction, CreateGroupAction, RemoveMemberAction
from tenantry.kernel.action import ANONYMOUS, Actor, ActorKind, Note, Origin, Run, acting_as
from tenantry.kernel.modifier import TriState
from tenantry.kernel.transaction import Transaction
from tenantry.users.actions import CreateUserAction, ModifyUserAction
from tenantry.users.model import UserCreator, UserModifier

TITLE = "audit_cost: actions over the same without their audit entry"
GOAL = "1.10"
ROUNDS = 200
HERE = Origin(face="http", address="203.0.113.7", user_agent="Mozilla/5.0 (bench)", request_id="b")

Act = Callable[[], Awaitable[object]]


class NoRecorder:
    """Records nothing."""

    def record(self, tx: Transaction, run: Run, notes: Sequence[Note]) -> None:
        """Nothing."""


async def measure(world: World, effort: Effort) -> list[Result]:
    """Modify a user, create one, log in; and what ends with its note, a change of a group."""
    names = await world.some_usernames(500)
    with contextlib.suppress(Exception):  # the world was kept, and the group with it
        await world.app.groups.create_group.wait_for_complete(CreateGroupAction(name="bench"))
    root = await world.owner.fetchrow("select * from users where role = 'superadmin'")
    assert root is not None
    actor = Actor(ActorKind.USER, "root", root["id"], root["tenant_id"], "superadmin")
    acts = {
        "user.modify": _modify(world, names),
        "user.create": _create(world),
        "login": _log_in(world, names),
        "group.add_member and remove": _membership(world, names),
    }
    # The difference is small, so the two must be close together in time: many short rounds.
    third = Effort(effort.seconds / len(acts), effort.quick, ROUNDS)
    results: list[Result] = []
    with acting_as(actor, HERE):
        for name, act in acts.items():
            contestants = [
                Contestant(f"{name}, no entry", _without_entry(world, act)),
                Contestant(f"{name}", act, goal=GOAL),
            ]
            results += await compare(contestants, third)
    return results


def _modify(world: World, names: list[str]) -> Act:
    dice, numbers = random.Random(1), itertools.count()
    run = world.app.users.modify_user.wait_for_complete

    async def act() -> object:
        modifier = UserModifier(full_name=TriState.update(f"Name {next(numbers)}"))
        return await run(ModifyUserAction(user=dice.choice(names), modifier=modifier))

    return act


def _log_in(world: World, names: list[str]) -> Act:
    dice = random.Random(1)
    run = world.app.auth.authenticate.wait_for_complete

    async def act() -> object:
        with acting_as(ANONYMOUS, HERE):
            return await run(AuthenticateAction(dice.choice(names), PASSWORD))

    return act


def _membership(world: World, names: list[str]) -> Act:
    dice, groups = random.Random(1), world.app.groups

    async def act() -> object:
        name = dice.choice(names)
        await groups.add_member.wait_for_complete(AddMemberAction("bench", name))
        return await groups.remove_member.wait_for_complete(RemoveMemberAction("bench", name))

    return act


def _create(world: World) -> Act:
    """Without a password: a hash would take more time than everything else together."""
    dice = random.Random()
    run = world.app.users.create_user.wait_for_complete

    async def act() -> object:
        creator = UserCreator(username=f"bench-{dice.randbytes(8).hex()}")
        return await run(CreateUserAction(input=creator))

    return act


def _without_entry(world: World, act: Act) -> Act:
    async def bare() -> object:
        with _unrecorded(world):
            return await act()

    return bare


@contextlib.contextmanager
def _unrecorded(world: World) -> Iterator[None]:
    """Contestants run one after the other, so nobody else is left without an entry."""
    database = world.app.database
    kept = database.recorder
    database.recorder = NoRecorder()
    try:
        yield
    finally:
        database.recorder = kept
