"""Suspending: every way in is shut at once, and opens again for those who log in anew."""

import asyncio

import asyncpg
import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.compute.actions import CreateComputeSessionAction
from tenantry.errors import (
    NotAuthenticated,
    PermissionError,
    StateConflict,
)
from tenantry.kernel.action import Actor, Origin, acting_as
from tenantry.tenants.actions import ResumeTenantAction, SuspendTenantAction
from tenantry.tenants.model import CreatedTenant, TenantData
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.model import UserData, UserRole
from tests.conftest import Trail
from tests.tenants.conftest import MakeTenant

pytestmark = pytest.mark.anyio

HERE = Origin("http", "203.0.113.7")


async def suspend(tenantry: App, tenant: str = "acme", reason: str | None = None) -> TenantData:
    action = SuspendTenantAction(tenant, reason)
    return (await tenantry.tenants.suspend_tenant.wait_for_complete(action)).data


async def resume(tenantry: App) -> TenantData:
    action = ResumeTenantAction("acme")
    return (await tenantry.tenants.resume_tenant.wait_for_complete(action)).data


async def log_in(tenantry: App, username: str) -> str | None:
    action = AuthenticateAction(username, PASSWORD)
    return (await tenantry.auth.authenticate.wait_for_complete(action)).session_token


async def test_logins_sessions_and_keys_stop_at_once_and_the_reason_is_shown(
    tenantry: App, roadrunner: UserData, trail: Trail
) -> None:
    token = await log_in(tenantry, "roadrunner")
    assert token is not None
    with acting_as(roadrunner):
        issued = await tenantry.access_keys.issue.wait_for_complete(IssueAccessKeyAction())
    await tenantry.access_key_identifier.identify_bearer(issued.token, HERE)
    suspended = await suspend(tenantry, reason="Bills unpaid")
    assert (suspended.status, suspended.status_info) == ("suspended", "Bills unpaid")
    assert await log_in(tenantry, "roadrunner") is None
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HERE)
    with pytest.raises(NotAuthenticated):
        await tenantry.access_key_identifier.identify_bearer(issued.token, HERE)
    entry = (await trail("tenant.suspend"))[0]
    assert entry.changes["status"] == ["active", "suspended"]


async def test_after_it_is_resumed_one_logs_in_anew(tenantry: App, roadrunner: UserData) -> None:
    token = await log_in(tenantry, "roadrunner")
    assert token is not None
    await suspend(tenantry)
    resumed = await resume(tenantry)
    assert (resumed.status, resumed.status_info) == ("active", None)
    with pytest.raises(NotAuthenticated):
        await tenantry.auth_service.identify(token, HERE)
    fresh = await log_in(tenantry, "roadrunner")
    assert fresh is not None
    await tenantry.auth_service.identify(fresh, HERE)
    assert await resume(tenantry) == resumed
    await tenantry.auth_service.identify(fresh, HERE)


async def test_a_login_under_way_comes_to_nothing_even_after_it_is_resumed(
    tenantry: App, roadrunner: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = tenantry.auth_service._hasher
    verify = hasher.verify
    at_work, suspended = asyncio.Event(), asyncio.Event()

    async def slowly(stored: str | None, password: str) -> bool:
        at_work.set()
        await suspended.wait()
        return await verify(stored, password)

    monkeypatch.setattr(hasher, "verify", slowly)
    login = asyncio.create_task(log_in(tenantry, "roadrunner"))
    await at_work.wait()
    await suspend(tenantry)
    suspended.set()
    token = await login
    if token is not None:
        with pytest.raises(NotAuthenticated):
            await tenantry.auth_service.identify(token, HERE)
        await resume(tenantry)
        with pytest.raises(NotAuthenticated):
            await tenantry.auth_service.identify(token, HERE)


async def test_nobody_of_it_starts_a_compute_session(
    tenantry: App, roadrunner: UserData, superadmin: Actor
) -> None:
    await suspend(tenantry)
    action = CreateComputeSessionAction(command=["true"], user="roadrunner")
    with acting_as(superadmin), pytest.raises(StateConflict):
        await tenantry.compute.create_session.wait_for_complete(action)


async def test_the_first_tenant_and_those_of_superadmins_go_on(
    tenantry: App, make_tenant: MakeTenant, owner: asyncpg.Connection
) -> None:
    with pytest.raises(StateConflict, match="must stay"):
        await suspend(tenantry, "default")
    await make_tenant("hq")
    boss = await make_user(tenantry, "boss", domain_name="hq", role=UserRole.SUPERADMIN)
    with pytest.raises(StateConflict, match="superadmin"):
        await suspend(tenantry, "hq")
    with acting_as(boss), pytest.raises(StateConflict, match="own tenant"):
        await suspend(tenantry, "hq")
    assert await owner.fetchval("select bool_and(status = 'active') from tenants")


async def test_no_superadmin_comes_into_a_suspended_tenant(
    tenantry: App, acme: CreatedTenant
) -> None:
    await suspend(tenantry)
    await make_user(tenantry, "clerk", domain_name="acme")
    with pytest.raises(StateConflict, match="suspended"):
        await make_user(tenantry, "boss", domain_name="acme", role=UserRole.SUPERADMIN)


async def test_only_the_platform_suspends_and_resumes(tenantry: App, wile: UserData) -> None:
    with acting_as(wile), pytest.raises(PermissionError):
        await suspend(tenantry)
    await suspend(tenantry)
    with acting_as(wile), pytest.raises(PermissionError):
        await resume(tenantry)
