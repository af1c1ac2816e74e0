"""Deleting a tenant: all or nothing of it, whatever happens meanwhile."""

import asyncio

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.compute.actions import CreateComputeSessionAction, RegisterAgentAction
from tenantry.errors import (
    PermissionError,
    StateConflict,
    TenantDeletionFailure,
    TenantNotFound,
)
from tenantry.groups.actions import CreateGroupAction
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState
from tenantry.kernel.action import acting_as
from tenantry.kernel.transaction import Statement
from tenantry.storage.actions import CreateVfolderAction, ShareVfolderAction
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    DeleteTenantAction,
    PreviewTenantDeletionAction,
)
from tenantry.tenants.model import CreatedTenant, DeletionReceipt
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail
from tests.tenants.conftest import FindTenant, FindUser, MakeTenant

pytestmark = pytest.mark.anyio

KEPT = {
    "audit_entries",
    "audit_erasures",
    "audit_keys",
    "change_log",  # its id for an hour, so that every server hears of it
    "audit_seals",
    "jobs",
    "usage_bins",
    "usage_tenant_bins",
}
"""Tables that keep something of a tenant that is gone: under pseudonyms, or figures."""


async def delete(tenantry: App, tenant: str = "acme") -> DeletionReceipt:
    action = DeleteTenantAction(tenant)
    return (await tenantry.tenants.delete_tenant.wait_for_complete(action)).data


async def preview(tenantry: App, tenant: str = "acme") -> DeletionReceipt:
    action = PreviewTenantDeletionAction(tenant)
    return (await tenantry.tenants.preview_deletion.wait_for_complete(action)).data


async def traces(owner: asyncpg.Connection, tenant: CreatedTenant) -> dict[str, int]:
    """How many rows of which tables still name the tenant."""
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
    )
    found = {}
    for (table,) in tables:
        query = f"select count(*) from {table} t where t::text like '%{tenant.id}%'"
        found[table] = await owner.fetchval(query)
    return {table: count for table, count in found.items() if count and table not in KEPT}


@pytest.fixture
async def furnished(tenantry: App, acme: CreatedTenant, roadrunner: UserData) -> CreatedTenant:
    """acme with a group, a database, a shared folder."""
    group = CreateGroupAction(name="crew", domain_name="acme")
    await tenantry.groups.create_group.wait_for_complete(group)
    database = AssignDatabaseToTenantAction("acme", "sales")
    await tenantry.tenants.assign_database.wait_for_complete(database)
    with acting_as(roadrunner):
        made = await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction(name="data"))
        share = ShareVfolderAction(folder=str(made.data.id), user="wile")
        await tenantry.vfolders.share.wait_for_complete(share)
    return acme


async def test_a_preview_says_what_would_go_and_changes_nothing(
    tenantry: App, furnished: CreatedTenant, find_tenant: FindTenant, find_user: FindUser
) -> None:
    before = await find_tenant("acme")
    plan = await preview(tenantry)
    assert plan.removed == {
        "users": 2,
        "databases": 1,
        "grants": 0,
        "groups": 1,
        "roles": 0,
        "sessions": 0,
    }
    assert (plan.done, plan.job_id) == (False, None)
    assert await find_tenant("acme") == before
    assert await find_user("roadrunner") is not None


async def test_all_of_it_goes_and_the_receipt_keeps_the_previews_promise(
    tenantry: App,
    furnished: CreatedTenant,
    owner: asyncpg.Connection,
    find_user: FindUser,
    trail: Trail,
) -> None:
    plan = await preview(tenantry)
    receipt = await delete(tenantry)
    assert (receipt.removed, receipt.done) == (plan.removed, True)
    assert await traces(owner, furnished) == {}
    assert await find_user("roadrunner") is None
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert {job.state for job in jobs.items} == {JobState.DONE}
    entries = await trail("tenant.delete")
    assert [entry.target for entry in entries if entry.target_id == furnished.id] == ["acme"]
    page = await tenantry.audit.search.wait_for_complete(SearchAuditAction())
    assert "roadrunner" not in {name for e in page.items for name in (e.actor, e.target)}


async def test_its_name_is_free_and_the_new_tenant_inherits_nothing(
    tenantry: App, furnished: CreatedTenant, make_tenant: MakeTenant
) -> None:
    await delete(tenantry)
    again = await make_tenant("acme", admin_username="wile")
    assert again.id != furnished.id
    assert (again.user_count, again.database_count, again.description) == (1, 0, None)
    with pytest.raises(TenantNotFound):
        await preview(tenantry, str(furnished.id))


async def test_the_first_tenant_ones_own_and_those_of_superadmins_stay(
    tenantry: App, make_tenant: MakeTenant, find_tenant: FindTenant
) -> None:
    await make_tenant("hq")
    boss = await make_user(tenantry, "boss", domain_name="hq", role=UserRole.SUPERADMIN)
    for ask in (preview, delete):
        with pytest.raises(StateConflict, match="must stay"):
            await ask(tenantry, "default")
        with pytest.raises(StateConflict, match="superadmin"):
            await ask(tenantry, "hq")
        with acting_as(boss), pytest.raises(StateConflict, match="own tenant"):
            await ask(tenantry, "hq")
    assert await find_tenant("hq") is not None


async def test_only_the_platform_deletes(
    tenantry: App, wile: UserData, find_tenant: FindTenant
) -> None:
    with acting_as(wile):
        for ask in (preview, delete):
            with pytest.raises(PermissionError):
                await ask(tenantry)
    found = await find_tenant("acme")
    assert found is not None
    assert found.status == "active"


async def test_an_agent_out_of_reach_leaves_the_tenant_shut_and_a_job_that_goes_on(
    tenantry: App,
    roadrunner: UserData,
    find_tenant: FindTenant,
    clock: ShiftedClock,
    owner: asyncpg.Connection,
) -> None:
    agent = RegisterAgentAction(name="far", address="nowhere", cpu=4, memory=2**33)
    await tenantry.compute.register_agent.wait_for_complete(agent)
    with acting_as(roadrunner):
        session = CreateComputeSessionAction(command=["sleep", "60"])
        await tenantry.compute.create_session.wait_for_complete(session)
    async with tenantry.database.autocommit() as tx:
        sql = "update compute_sessions set status = 'running', started_at = created_at"
        await tx.execute(Statement("test.running", "As if it had begun.", sql))
    with pytest.raises(TenantDeletionFailure, match="has begun") as caught:
        await delete(tenantry)
    found = await find_tenant("acme")
    assert found is not None
    assert (found.status, found.user_count) == ("deleting", 2)
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())
    assert [str(job.id) for job in jobs.items] == [caught.value.data["job_id"]]
    await owner.execute("update compute_sessions set status = 'terminated', ended_at = now()")
    clock.advance(minutes=3)
    while await tenantry.assembly.tenant_deletion.worker.run_next():
        pass
    assert await find_tenant("acme") is None


async def test_deleting_it_again_goes_on_with_the_same_job(
    tenantry: App, furnished: CreatedTenant
) -> None:
    both = await asyncio.gather(delete(tenantry), delete(tenantry), return_exceptions=True)
    receipts = [result for result in both if isinstance(result, DeletionReceipt)]
    assert receipts
    jobs = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction(kind="tenant.delete"))
    assert [job.state for job in jobs.items] == [JobState.DONE]


async def test_users_made_during_a_deletion_leave_nothing_behind(
    tenantry: App, furnished: CreatedTenant, owner: asyncpg.Connection
) -> None:
    made = [make_user(tenantry, f"late{i}", domain_name="acme") for i in range(8)]
    results = await asyncio.gather(*made[:4], delete(tenantry), *made[4:], return_exceptions=True)
    refused = [result for result in results if isinstance(result, Exception)]
    for error in refused:
        assert isinstance(error, StateConflict) or "tenant" in str(error), error
    assert await traces(owner, furnished) == {}
    assert await owner.fetchval("select count(*) from users where username like 'late%'") == 0


async def test_a_newcomer_who_is_there_first_makes_the_deletion_wait(
    tenantry: App, acme: CreatedTenant, owner: asyncpg.Connection
) -> None:
    """Without the lock that a newcomer takes, the mark would be set at once."""
    async with owner.transaction():
        newcomer = "select status from tenants where id = $1 for share"
        await owner.fetchval(newcomer, acme.id)
        deletion = asyncio.create_task(delete(tenantry))
        await asyncio.sleep(0.2)
        assert not deletion.done()
        status = "select status from tenants where id = $1"
        assert await owner.fetchval(status, acme.id) == "active"
    assert (await deletion).done


async def test_every_table_that_names_a_tenant_is_emptied_or_kept_on_purpose(
    owner: asyncpg.Connection,
) -> None:
    from tenantry.tenants.queries import REMOVE_ALL

    rows = await owner.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
        " and not c.relispartition and a.attname in ('tenant_id', 'within_id')"
    )
    removed = {statement.sql.split()[2] for statement in REMOVE_ALL.values()}
    of_users = {"users", "memberships", "vfolders", "compute_sessions", "usage_samples"}
    cascading = {"password_policies", "roles"} & {row["relname"] for row in rows}
    assert {row["relname"] for row in rows} == removed | of_users | cascading | KEPT & {
        row["relname"] for row in rows
    }
