"""Purging a user: everything goes, here and outside, or a job says what is left to do."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.compute.actions import CreateComputeSessionAction, RegisterAgentAction
from tenantry.errors import (
    InvalidInput,
    LastAdministrator,
    PermissionError,
    UserModificationBadRequest,
    UserNotFound,
    UserPurgeFailure,
)
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.transaction import Statement
from tenantry.storage.actions import CreateVfolderAction, ShareVfolderAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    PreviewPurgeAction,
    PurgeResult,
    PurgeUserAction,
)
from tenantry.users.model import UserCreator, UserData, UserRole, UserStatus
from tenantry.users.purging import UserInfoContext

pytestmark = pytest.mark.anyio


async def purge(tenantry: App, user: str, **options: Any) -> PurgeResult:
    return await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user=user, **options))


async def is_gone(tenantry: App, user: str) -> bool:
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user=user))
    return found.data is None


@pytest.fixture
async def folder(tenantry: App, john: UserData) -> str:
    with acting_as(john):
        made = await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(name="data"))
    return str(made.data.id)


async def test_scenario_30_a_deleted_user_is_purged_and_the_name_is_free(
    tenantry: App, john: UserData
) -> None:
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    result = await purge(tenantry, "john")
    assert (result.success, result.data.done) == (True, True)
    again = UserCreator(username="john", email=john.email)
    made = await tenantry.users.create_user.wait_for_complete(CreateUserAction(input=again))
    assert made.data.id != john.id


async def test_scenario_31_an_unknown_user_cannot_be_purged(tenantry: App) -> None:
    with pytest.raises(UserNotFound):
        await purge(tenantry, "nobody")


async def test_a_preview_says_what_would_go_and_changes_nothing(
    tenantry: App, john: UserData, folder: str
) -> None:
    action = PreviewPurgeAction(user="john")
    plan = await tenantry.users.preview_purge.wait_for_complete(action)
    assert plan.data.steps["vfolders"]["deleted"] == [{"id": folder, "name": "data"}]
    assert not plan.data.done
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user="john"))
    assert found.data == john


async def test_the_receipt_says_what_the_preview_promised(
    tenantry: App, john: UserData, folder: str
) -> None:
    action = PreviewPurgeAction(user="john")
    plan = await tenantry.users.preview_purge.wait_for_complete(action)
    receipt = await purge(tenantry, "john")
    assert receipt.data.steps == plan.data.steps
    assert plan.data.verified == {}
    assert await is_gone(tenantry, "john")


async def test_shared_vfolders_go_to_who_asks_unless_they_are_to_be_deleted(
    tenantry: App, john: UserData, admin: UserData, folder: str
) -> None:
    await make_user(tenantry, "jane")
    with acting_as(john):
        share = ShareVfolderAction(folder=folder, user="jane")
        await tenantry.vfolders.share.wait_for_complete(share)
    with pytest.raises(UserPurgeFailure, match="nobody is named"):
        await purge(tenantry, "john")
    with acting_as(admin):
        receipt = await purge(tenantry, "john")
    assert [f["id"] for f in receipt.data.steps["vfolders"]["handed_over"]] == [folder]


async def test_the_context_may_name_the_purged_user_and_must_agree_with_itself(
    tenantry: App, john: UserData
) -> None:
    assert john.email is not None
    assert john.main_access_key is not None
    right = {"uuid": john.id, "email": john.email, "main_access_key": john.main_access_key}
    for wrong in ({"uuid": uuid4()}, {"email": "x@y.org"}, {"main_access_key": "AKIA"}):
        context = UserInfoContext(**{**right, **wrong})  # type: ignore[arg-type]  # of any field
        with pytest.raises(UserModificationBadRequest) as caught:
            await purge(tenantry, "john", user_info_ctx=context)
        assert caught.value.field == f"user_info_ctx.{next(iter(wrong))}"
    context = UserInfoContext(**right)  # type: ignore[arg-type]  # as above
    assert (await purge(tenantry, "john", user_info_ctx=context)).data.done


async def test_the_context_is_checked_whatever_its_types_are(
    tenantry: App, john: UserData, admin: UserData, folder: str
) -> None:
    """An id as text that names the purged user must not make that user the heir."""
    await make_user(tenantry, "jane")
    with acting_as(john):
        share = ShareVfolderAction(folder=folder, user="jane")
        await tenantry.vfolders.share.wait_for_complete(share)
    given: dict[str, Any] = {"email": john.email, "main_access_key": john.main_access_key}
    for wrong in ("no id", 7):
        context = UserInfoContext(uuid=wrong, **given)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(UserModificationBadRequest) as caught:
            await purge(tenantry, "john", user_info_ctx=context)
        assert caught.value.field == "user_info_ctx.uuid"
    context = UserInfoContext(uuid=str(john.id), **given)  # type: ignore[arg-type]  # as above
    with acting_as(admin):
        receipt = await purge(tenantry, "john", user_info_ctx=context)
    assert [f["id"] for f in receipt.data.steps["vfolders"]["handed_over"]] == [folder]


async def test_nobody_who_is_not_active_takes_anything_over(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    heir = await make_user(tenantry, "heir", status=UserStatus.SUSPENDED)
    assert heir.email is not None
    context = UserInfoContext(uuid=heir.id, email=heir.email, main_access_key=heir.main_access_key)
    with acting_as(admin), pytest.raises(UserModificationBadRequest, match="not active"):
        await purge(tenantry, "john", user_info_ctx=context)


@pytest.mark.parametrize("option", ["purge_shared_vfolders", "delegate_endpoint_ownership"])
@pytest.mark.parametrize("value", [True, None, "yes", OptionalState.update("yes")])
async def test_an_option_is_an_optional_state_of_true_or_false(
    tenantry: App, john: UserData, option: str, value: Any
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await purge(tenantry, "john", **{option: value})
    assert caught.value.field == option
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user="john"))
    assert found.data == john


async def test_nobody_purges_themselves_or_the_last_superadmin(
    tenantry: App, admin: UserData
) -> None:
    with acting_as(admin), pytest.raises(PermissionError):
        await purge(tenantry, admin.username)
    with pytest.raises(LastAdministrator):
        await purge(tenantry, "root")
    with pytest.raises(LastAdministrator):
        await purge(tenantry, admin.username)


async def test_a_plain_user_and_a_monitor_purge_nobody(tenantry: App, john: UserData) -> None:
    watcher = await make_user(tenantry, role=UserRole.MONITOR)
    for actor in (john, watcher):
        with acting_as(actor), pytest.raises(PermissionError):
            await purge(tenantry, "root")


async def test_an_agent_that_cannot_be_reached_leaves_a_job_and_no_half_removed_user(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    agent = RegisterAgentAction(name="far", address="nowhere", cpu=4, memory=2**33)
    await tenantry.compute.register_agent.wait_for_complete(agent)
    with acting_as(john):
        session = CreateComputeSessionAction(command=["sleep", "60"])
        await tenantry.compute.create_session.wait_for_complete(session)
    async with tenantry.database.autocommit() as tx:
        sql = "update compute_sessions set status = 'running', started_at = created_at"
        await tx.execute(Statement("test.running", "As if it had begun.", sql))
    with pytest.raises(UserPurgeFailure, match="has begun"):
        await purge(tenantry, "john")
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert [job.state for job in jobs.items] == [JobState.PENDING]
    found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user="john"))
    assert found.data is not None
    assert found.data.status == "purging"


async def test_two_who_purge_at_once_end_with_one_receipt(
    tenantry: App, john: UserData, folder: str
) -> None:
    both = await asyncio.gather(
        purge(tenantry, "john"), purge(tenantry, "john"), return_exceptions=True
    )
    receipts = [result for result in both if isinstance(result, PurgeResult)]
    assert receipts
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert [job.state for job in jobs.items] == [JobState.DONE]
    assert await is_gone(tenantry, "john")


async def test_no_table_holds_the_address_of_a_purged_person(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await purge(tenantry, "john")
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
    )
    for (table,) in tables:
        query = f"select count(*) from {table} t where t::text ~ 'john@example.com|John Doe'"
        assert await owner.fetchval(query) == 0, table


async def test_the_audit_keeps_a_pseudonym(tenantry: App, john: UserData) -> None:
    await purge(tenantry, "john")
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction())
    entries = [entry for entry in page.items if entry.target_id == john.id]
    assert {entry.target for entry in entries} == {f"purged-{john.id}"}
    assert {entry.action for entry in entries} >= {"user.create", "user.purge"}
