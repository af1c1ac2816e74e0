"""Showing compute sessions: own ones, those of the tenant, and none else."""

import pytest

from tenantry.app import App
from tenantry.compute.actions import GetComputeSessionAction, ListComputeSessionsAction
from tenantry.compute.model import ComputeSessionData, SessionStatus
from tenantry.errors import ComputeSessionNotFound, InvalidInput, UserNotFound
from tenantry.kernel.action import Actor, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole

from .conftest import Compute

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stranger(tenantry: App, other_tenant: str) -> UserData:
    """An admin of another tenant."""
    return await make_user(tenantry, "sam", role=UserRole.ADMIN, domain_name=other_tenant)


async def listed(compute: Compute, **fields: object) -> list[str]:
    action = ListComputeSessionsAction(**fields)  # type: ignore[arg-type]  # as the test gives it
    page = await compute.processors.list_sessions.wait_for_complete(action)
    return [session.username for session in page.items]


async def shown(compute: Compute, session: ComputeSessionData) -> ComputeSessionData:
    action = GetComputeSessionAction(session.id)
    return (await compute.processors.get_session.wait_for_complete(action)).data


async def test_others_do_not_exist_for_who_may_not_see_them(
    tenantry: App,
    compute: Compute,
    john: UserData,
    admin: UserData,
    stranger: UserData,
    superadmin: Actor,
) -> None:
    monitor = await make_user(tenantry, "mona", role=UserRole.MONITOR)
    jane = await make_user(tenantry, "jane")
    session = await compute.run(user="john")
    for who in (john, admin, monitor, superadmin):
        with acting_as(who):
            assert await shown(compute, session) == session
            assert await listed(compute) == await listed(compute, user="john") == ["john"]
    for who in (jane, stranger):
        with acting_as(who):
            with pytest.raises(ComputeSessionNotFound):
                await shown(compute, session)
            assert await listed(compute) == []
            with pytest.raises(UserNotFound):
                await listed(compute, user="john")


async def test_a_list_is_newest_first_and_paged(
    compute: Compute, john: UserData, clock: ShiftedClock
) -> None:
    made = []
    for _ in range(5):
        made.append((await compute.run(user="john")).id)
        clock.advance(seconds=1)
    seen, cursor = [], None
    while True:
        action = ListComputeSessionsAction(limit=2, cursor=cursor)
        page = await compute.processors.list_sessions.wait_for_complete(action)
        seen += [session.id for session in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_a_list_is_narrowed_by_status(compute: Compute, john: UserData) -> None:
    await compute.run(user="john")
    compute.agents.unknown_programs.add("nothing")
    await compute.run("nothing", user="john")
    assert await listed(compute, status=SessionStatus.FAILED) == ["john"]
    assert len(await listed(compute)) == 2


async def test_a_cursor_of_another_question_is_refused(compute: Compute, john: UserData) -> None:
    for _ in range(2):
        await compute.run(user="john")
    action = ListComputeSessionsAction(limit=1)
    page = await compute.processors.list_sessions.wait_for_complete(action)
    with acting_as(john), pytest.raises(InvalidInput, match="cursor"):
        await listed(compute, cursor=page.next_cursor)
