"""Jobs are promised in a commit and then done, once, whatever happens in between."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tenantry.app import App
from tenantry.errors import JobNotFound, StateConflict
from tenantry.jobs.actions import GetJobAction, ListJobsAction, RetryJobAction
from tenantry.jobs.model import MAX_ATTEMPTS, JobState, pause_after
from tenantry.jobs.worker import Handler, Progress, Receipt
from tenantry.kernel.action import Actor, ActorKind, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio


async def promise(tenantry: App, tenant_id: UUID | None = None) -> UUID:
    async with tenantry.database.transaction() as tx:
        return await tenantry.job_service.promise(
            tx, "test", tenant_id=tenant_id or uuid4(), subject_id=uuid4(), payload={"n": 1}
        )


def worker(tenantry: App, handler: Handler) -> "asyncio.Future[bool]":
    return asyncio.ensure_future(tenantry.job_service.worker({"test": handler}).run_next())


async def test_a_job_is_done_once_and_leaves_a_receipt(tenantry: App) -> None:
    job_id = await promise(tenantry)
    seen: list[UUID] = []

    async def handle(progress: Progress) -> Receipt:
        seen.append(progress.job.id)
        return {"made": progress.job.payload["n"]}

    assert await worker(tenantry, handle)
    assert not await worker(tenantry, handle)
    job = (await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))).data
    assert (seen, job.state, job.receipt) == ([job_id], JobState.DONE, {"made": 1})


async def test_a_promise_that_is_rolled_back_is_none(tenantry: App) -> None:
    async def promise_and_fail() -> None:
        async with tenantry.database.transaction() as tx:
            await tenantry.job_service.promise(
                tx, "test", tenant_id=uuid4(), subject_id=uuid4(), payload={}
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await promise_and_fail()
    page = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert page.items == []


async def test_two_workers_never_have_one_job_at_once(tenantry: App) -> None:
    await promise(tenantry)
    running = 0
    most = 0

    async def handle(progress: Progress) -> Receipt:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1
        return {}

    outcomes = await asyncio.gather(*(worker(tenantry, handle) for _ in range(5)))
    assert (sorted(outcomes), most) == ([False] * 4 + [True], 1)


async def test_a_job_whose_worker_has_died_is_taken_over_and_goes_on_where_it_was(
    tenantry: App, clock: ShiftedClock
) -> None:
    await promise(tenantry)
    parts: list[str] = []
    held = asyncio.Event()

    async def handle(progress: Progress) -> Receipt:
        for part in ("first", "second"):
            if part not in progress.done:
                parts.append(part)
                await progress.note(part, outcome=True)
                if len(parts) == 1:
                    held.set()
                    await asyncio.Event().wait()  # nothing more is heard of it
        return {}

    dead = worker(tenantry, handle)
    await held.wait()
    assert not await worker(tenantry, handle)
    clock.advance(minutes=3)
    assert await worker(tenantry, handle)
    assert parts == ["first", "second"]
    dead.cancel()


async def test_a_job_that_keeps_failing_is_tried_later_and_then_waits_for_help(
    tenantry: App, clock: ShiftedClock
) -> None:
    job_id = await promise(tenantry)

    async def handle(progress: Progress) -> Receipt:
        raise StateConflict("The agent does not answer.")

    for _ in range(MAX_ATTEMPTS):
        assert await worker(tenantry, handle)
        assert not await worker(tenantry, handle)
        clock.advance(minutes=6)
    job = (await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))).data
    assert (job.state, job.error) == (JobState.STUCK, "The agent does not answer.")
    retried = await tenantry.jobs.retry_job.wait_for_complete(RetryJobAction(job_id))
    assert retried.data.state is JobState.PENDING
    assert await worker(tenantry, handle)


async def test_a_job_that_is_done_cannot_be_retried(tenantry: App) -> None:
    job_id = await promise(tenantry)

    async def handle(progress: Progress) -> Receipt:
        return {}

    await worker(tenantry, handle)
    with pytest.raises(StateConflict):
        await tenantry.jobs.retry_job.wait_for_complete(RetryJobAction(job_id))


async def test_another_tenants_job_does_not_exist(tenantry: App, admin: UserData) -> None:
    job_id = await promise(tenantry)
    own_id = await promise(tenantry, admin.tenant_id)
    with acting_as(admin):
        with pytest.raises(JobNotFound):
            await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))
        with pytest.raises(JobNotFound):
            await tenantry.jobs.retry_job.wait_for_complete(RetryJobAction(job_id))
        page = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert [job.id for job in page.items] == [own_id]


async def test_jobs_are_listed_newest_first_page_by_page(tenantry: App) -> None:
    ids = [await promise(tenantry) for _ in range(5)]
    seen: list[UUID] = []
    cursor = None
    while True:
        page = await tenantry.jobs.list_jobs.wait_for_complete(
            ListJobsAction(limit=2, cursor=cursor)
        )
        seen += [job.id for job in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5


async def test_a_plain_user_sees_no_jobs(tenantry: App, john: UserData) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    anybody = Actor(ActorKind.ANONYMOUS, "anonymous")
    with acting_as(anybody), pytest.raises(Exception, match="session"):
        await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())


async def test_a_worker_leaves_jobs_of_other_kinds_to_others(tenantry: App) -> None:
    await promise(tenantry)

    async def handle(progress: Progress) -> Receipt:
        return {}

    assert not await tenantry.job_service.worker({"other": handle}).run_next()
    assert await tenantry.job_service.worker({"test": handle}).run_next()


async def test_a_worker_that_is_stopped_gives_its_job_back_at_once(tenantry: App) -> None:
    job_id = await promise(tenantry)
    begun = asyncio.Event()

    async def hang(progress: Progress) -> Receipt:
        begun.set()
        await asyncio.Event().wait()
        return {}

    async def handle(progress: Progress) -> Receipt:
        return {}

    stopped = worker(tenantry, hang)
    await begun.wait()
    assert not await worker(tenantry, handle)
    stopped.cancel()
    await asyncio.wait([stopped])
    assert await worker(tenantry, handle)
    job = (await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))).data
    assert (job.state, job.attempts) == (JobState.DONE, 1)


async def test_an_attempt_goes_on_when_nobody_waits_any_more(tenantry: App) -> None:
    job_id = await promise(tenantry)
    go_on = asyncio.Event()

    async def handle(progress: Progress) -> Receipt:
        await go_on.wait()
        return {}

    service = tenantry.job_service
    waiting = asyncio.create_task(service.attempt(service.worker({"test": handle}), job_id, 60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    go_on.set()
    await asyncio.gather(*service._running)
    job = (await tenantry.jobs.get_job.wait_for_complete(GetJobAction(job_id))).data
    assert job.state is JobState.DONE


async def test_jobs_done_long_ago_are_removed_and_open_ones_never(
    tenantry: App, clock: ShiftedClock
) -> None:
    async def handle(progress: Progress) -> Receipt:
        return {}

    old = await promise(tenantry)
    assert await worker(tenantry, handle)
    open_job = await promise(tenantry)
    clock.advance(days=tenantry.settings.job_retention_days - 1)
    recent = await promise(tenantry)
    await tenantry.job_service.worker({"test": handle}).run_next(recent)
    await tenantry.job_service.sweep()
    assert (await tenantry.jobs.get_job.wait_for_complete(GetJobAction(old))).data.state == "done"
    clock.advance(days=1, seconds=1)
    await asyncio.gather(tenantry.job_service.sweep(), tenantry.job_service.sweep())
    with pytest.raises(JobNotFound):
        await tenantry.jobs.get_job.wait_for_complete(GetJobAction(old))
    page = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert {job.id for job in page.items} == {open_job, recent}


async def test_the_figures_tell_of_open_and_stuck_jobs(tenantry: App, clock: ShiftedClock) -> None:
    async def fail(progress: Progress) -> Receipt:
        raise StateConflict

    nothing = {"pending_jobs": 0, "stuck_jobs": 0, "oldest_job_seconds": 0}
    assert await tenantry.job_service.figures() == nothing
    stuck, _ = await promise(tenantry), await promise(tenantry)
    await tenantry.job_service.worker({"test": fail}, attempts=1).run_next(stuck)
    clock.advance(seconds=60)
    found = await tenantry.job_service.figures()
    assert (found["pending_jobs"], found["stuck_jobs"]) == (1, 1)
    assert 60 <= found["oldest_job_seconds"] < 70


def test_what_fails_for_days_is_still_tried_every_five_minutes() -> None:
    assert [pause_after(n).total_seconds() for n in (1, 2, 9)] == [1, 2, 256]
    assert {pause_after(n) for n in (10, 48, 10_000)} == {timedelta(minutes=5)}
