"""What the keypair policy of the main access key lets compute sessions take, and for how long."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tenantry.app import App
from tenantry.compute import queries
from tenantry.compute.actions import AgentHeartbeatAction, GetComputeSessionAction
from tenantry.compute.limits import Load
from tenantry.compute.model import ComputeSessionData, SessionKind, SessionStatus
from tenantry.compute.repository import ComputeRepository
from tenantry.errors import ConnectionError, StateConflict
from tenantry.kernel.action import Note, Outcome, Run
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Transaction
from tenantry.resources.actions import GetKeypairPolicyAction, ModifyKeypairPolicyAction
from tenantry.resources.model import KeypairPolicyModifier, Unspecified
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData
from tests.conftest import Trail

from .conftest import AGENT, Compute

pytestmark = pytest.mark.anyio

GIB = 2**30


async def policy(app: App, **fields: Any) -> None:
    """Change the policy that everybody's main key has."""
    states = {
        name: TriState.update(value) if "pending" in name else OptionalState.update(value)
        for name, value in fields.items()
    }
    modifier = KeypairPolicyModifier(**states)  # type: ignore[arg-type]  # each field has its own
    modify = ModifyKeypairPolicyAction("default", modifier)
    await app.resources.modify_keypair_policy.wait_for_complete(modify)


async def now(compute: Compute, session: ComputeSessionData) -> ComputeSessionData:
    action = GetComputeSessionAction(session.id)
    return (await compute.processors.get_session.wait_for_complete(action)).data


async def refused(compute: Compute, **fields: Any) -> StateConflict:
    with pytest.raises(StateConflict) as caught:
        await compute.run(user="john", **fields)
    return caught.value


async def test_the_policy_from_the_first_start_limits_nothing_that_it_does_not_name(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    found = await tenantry.resources.get_keypair_policy.wait_for_complete(
        GetKeypairPolicyAction("default")
    )
    assert found.data.default_for_unspecified is Unspecified.UNLIMITED
    session = await compute.run(user="john", cpu=8, memory=64 * GIB, gpu=4.0)
    assert session.status is SessionStatus.RUNNING


@pytest.mark.parametrize(
    ("slot", "most", "field", "fits", "more"),
    [
        ("cpu", 4, "cpu", {"cpu": 3}, {"cpu": 2}),
        ("mem", 4 * GIB, "memory", {"memory": 3 * GIB}, {"memory": 2 * GIB}),
        ("memory", "4294967296", "memory", {"memory": 3 * GIB}, {"memory": 2 * GIB}),
        ("gpu", 0.75, "gpu", {"gpu": 0.5}, {"gpu": 0.5}),
        ("cuda.shares", 2, "gpu", {"gpu": 1.5}, {"gpu": 0.75}),
    ],
)
async def test_slots_limit_what_all_live_sessions_take_together(
    tenantry: App,
    compute: Compute,
    john: UserData,
    slot: str,
    most: float | str,
    field: str,
    fits: dict[str, Any],
    more: dict[str, Any],
) -> None:
    await policy(tenantry, total_resource_slots={slot: most})
    first = await compute.run(user="john", **fits)
    error = await refused(compute, **more)
    assert (error.field, error.data["limit"]) == (field, float(most))
    assert str(error.data["limit"]) in str(error)
    compute.agents.finish(first.id, 0)
    await compute.upkeep.run_once()
    assert (await compute.run(user="john", **more)).status is SessionStatus.RUNNING


async def test_amounts_up_to_the_limit_fit_however_they_are_rounded(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    await policy(tenantry, total_resource_slots={"gpu": 0.3})
    for share in (0.1, 0.2):
        await compute.run(user="john", gpu=share)
    assert (await refused(compute, gpu=0.1)).field == "gpu"


async def test_a_limited_policy_gives_nothing_of_what_it_does_not_name(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    slots = {"cpu": 4, "mem": 8 * GIB}
    await policy(tenantry, default_for_unspecified=Unspecified.LIMITED, total_resource_slots=slots)
    error = await refused(compute, gpu=0.5)
    assert (error.field, error.data["limit"]) == ("gpu", 0)
    assert (await compute.run(user="john")).status is SessionStatus.RUNNING
    await policy(tenantry, total_resource_slots={})
    assert (await refused(compute)).field == "cpu"


async def test_sessions_beyond_the_limit_may_not_even_wait(
    tenantry: App, compute: Compute, john: UserData
) -> None:
    await policy(tenantry, max_pending_session_count=1)
    await compute.run(user="john", cpu=8)
    waiting = await compute.run(user="john")
    assert waiting.status_info == "waiting-for-room"
    error = await refused(compute)
    assert (error.field, error.data["limit"]) == ("user", 1)
    slots = {"cpu": 2}
    await policy(tenantry, max_pending_session_count=9, max_pending_session_resource_slots=slots)
    error = await refused(compute, cpu=2)
    assert (error.field, error.data["limit"]) == ("cpu", 2)
    assert (await compute.run(user="john")).status_info == "waiting-for-room"


class CarelessRepository(ComputeRepository):
    """Adds up what is taken without keeping anybody else from doing the same."""

    def __init__(self, *, locks: bool) -> None:
        self._locks = locks

    async def lock_owner(self, tx: Transaction, key: Any, scope: Any) -> Any:
        found = super().lock_owner if self._locks else super().owner
        return await found(tx, key, scope)

    async def load(self, tx: Transaction, user_id: UUID, name: str) -> Load:
        found = await super().load(tx, user_id, name)
        await asyncio.sleep(0.1)
        return found


@pytest.mark.parametrize("locks", [True, False])
async def test_sessions_made_at_once_cannot_pass_the_limit_together(
    tenantry: App, compute: Compute, john: UserData, locks: bool
) -> None:
    """The same creations, when nobody locks the owner, do pass it."""
    await policy(tenantry, total_resource_slots={"cpu": 2})
    compute.service._sessions = CarelessRepository(locks=locks)
    outcomes = await asyncio.gather(
        *(compute.run(user="john") for _ in range(6)), return_exceptions=True
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert all(isinstance(o, StateConflict) and o.field == "cpu" for o in outcomes if o not in made)
    assert (len(made) == 2) if locks else (len(made) > 2)


async def test_a_session_is_ended_when_its_lifetime_is_over(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    await policy(tenantry, max_session_lifetime=20)
    session = await compute.run(user="john")
    clock.advance(seconds=19)
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    clock.advance(seconds=1)
    await compute.upkeep.run_once()
    found = await now(compute, session)
    assert (found.status, found.status_info) == (SessionStatus.TERMINATED, "lifetime-over")
    assert compute.agents.running() == set()


async def test_the_reason_of_the_end_stays_while_the_agent_is_away(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    await policy(tenantry, max_session_lifetime=5)
    session = await compute.run(user="john")
    compute.agents.away.add(AGENT)
    clock.advance(seconds=6)
    await compute.upkeep.run_once()
    found = await now(compute, session)
    assert (found.status, found.status_info) == (SessionStatus.TERMINATING, "lifetime-over")
    compute.agents.away.clear()
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status_info == "lifetime-over"


async def idle_for(compute: Compute, clock: ShiftedClock, seconds: int) -> None:
    for _ in range(seconds // 5):
        clock.advance(seconds=5)
        await compute.processors.heartbeat.wait_for_complete(AgentHeartbeatAction(AGENT))
        await compute.upkeep.run_once()


async def test_an_interactive_session_that_does_nothing_is_ended(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    await policy(tenantry, idle_timeout=60)
    session = await compute.run(user="john", kind=SessionKind.INTERACTIVE)
    batch = await compute.run(user="john")
    service = await compute.run(user="john", kind=SessionKind.SERVICE)
    await compute.upkeep.run_once()
    await idle_for(compute, clock, 55)
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    await idle_for(compute, clock, 20)
    found = await now(compute, session)
    assert (found.status, found.status_info) == (SessionStatus.TERMINATED, "idle")
    assert compute.agents.running() == {batch.id, service.id}


@pytest.mark.parametrize("total", ["cpu_seconds", "io_read_bytes", "io_write_bytes"])
async def test_what_a_session_does_keeps_it_alive(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock, total: str
) -> None:
    await policy(tenantry, idle_timeout=60)
    session = await compute.run(user="john", kind=SessionKind.INTERACTIVE)
    for step in range(1, 6):
        compute.agents.use(session.id, **{total: step})
        await idle_for(compute, clock, 30)
    assert (await now(compute, session)).status is SessionStatus.RUNNING


async def test_what_nobody_watched_does_not_count_as_idle(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    await policy(tenantry, idle_timeout=60)
    session = await compute.run(user="john", kind=SessionKind.INTERACTIVE)
    await compute.upkeep.run_once()
    compute.agents.away.add(AGENT)
    await idle_for(compute, clock, 90)
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    compute.agents.away.clear()
    await idle_for(compute, clock, 30)
    assert (await now(compute, session)).status is SessionStatus.RUNNING


async def test_two_servers_that_look_at_once_keep_the_later_look(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    await policy(tenantry, idle_timeout=60)
    session = await compute.run(user="john", kind=SessionKind.INTERACTIVE)
    early = await compute.agents.sample(AGENT)
    clock.advance(seconds=10)
    late = await compute.agents.sample(AGENT)
    async with tenantry.database.autocommit() as tx:
        await compute.repository.note_looks(tx, [(late[0], False)])
        await compute.repository.note_looks(tx, [(early[0], True)])
        later = await tx.fetchrow(queries.FIND, session.id, None, None)
    assert later is not None
    assert later["looked_at"] - early[0].at > timedelta(seconds=9)


async def test_an_end_by_policy_is_an_entry_of_the_system_with_the_reason(
    tenantry: App, compute: Compute, john: UserData, clock: ShiftedClock, trail: Trail
) -> None:
    await policy(tenantry, max_session_lifetime=20, idle_timeout=10)
    batch = await compute.run(user="john")
    clock.advance(seconds=1)
    idle = await compute.run(user="john", kind=SessionKind.INTERACTIVE)
    await compute.upkeep.run_once()
    await idle_for(compute, clock, 15)
    clock.advance(seconds=5)
    await compute.upkeep.run_once()
    by_age, by_idleness = await trail("compute.terminate")
    for entry, session in ((by_idleness, idle), (by_age, batch)):
        assert (entry.actor, entry.actor_id, entry.outcome) == ("system", None, Outcome.SUCCEEDED)
        assert (entry.target, entry.target_id) == (str(session.id), session.id)
        assert (entry.person_id, entry.tenant_id) == (john.id, john.tenant_id)
        assert entry.changes == {"status": ["running", "terminating"]}
    assert (by_idleness.reason, by_age.reason) == ("idle", "lifetime-over")


@pytest.mark.parametrize("ends_anyway", [False, True], ids=["as built", "without a condition"])
async def test_of_two_servers_that_end_a_session_by_policy_one_says_so(
    tenantry: App,
    compute: Compute,
    john: UserData,
    clock: ShiftedClock,
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
    ends_anyway: bool,
) -> None:
    await policy(tenantry, max_session_lifetime=5)
    session = await compute.run(user="john")
    compute.agents.away.add(AGENT)
    clock.advance(seconds=6)
    both_have_looked = asyncio.Barrier(2)
    look, end = ComputeRepository.over, queries.END_BY_POLICY

    async def look_together(self: ComputeRepository, tx: Transaction, now: datetime) -> list[UUID]:
        found = await look(self, tx, now)
        await both_have_looked.wait()
        return found

    monkeypatch.setattr(ComputeRepository, "over", look_together)
    if ends_anyway:
        sql = end.sql.replace("s.status = 'running'", "true")
        monkeypatch.setattr(queries, "END_BY_POLICY", replace(end, sql=sql))
    await asyncio.gather(compute.upkeep.run_once(), compute.upkeep.run_once())
    entries = await trail("compute.terminate")
    assert {entry.target_id for entry in entries} == {session.id}
    assert len(entries) == (2 if ends_anyway else 1)


async def test_a_session_whose_end_cannot_be_audited_goes_on(
    tenantry: App,
    compute: Compute,
    john: UserData,
    clock: ShiftedClock,
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await policy(tenantry, max_session_lifetime=5)
    session = await compute.run(user="john")
    clock.advance(seconds=6)
    with monkeypatch.context() as broken:
        broken.setattr(tenantry.database.recorder, "record", no_audit)
        with pytest.raises(ConnectionError):
            await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.RUNNING
    await compute.upkeep.run_once()
    assert (await now(compute, session)).status is SessionStatus.TERMINATED
    assert len(await trail("compute.terminate")) == 1


def no_audit(tx: Transaction, run: Run, notes: Sequence[Note]) -> None:
    raise ConnectionError
