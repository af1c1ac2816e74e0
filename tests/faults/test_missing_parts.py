"""Something that is not the database is missing: Valkey, or the partition for this month."""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.process import is_running, wait_until
from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.app import App, open_app
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import ConfigurationError, InvalidCredentials
from tenantry.kernel.action import Origin
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD, make_user
from tenantry.users.model import UserData

pytestmark = pytest.mark.anyio


@pytest.fixture
async def without_valkey(tenantry: App, settings: Settings, tmp_path: Path) -> AsyncIterator[App]:
    """A second app whose Valkey has been killed."""
    with EmbeddedValkey(tmp_path / "valkey") as valkey:
        async with open_app(replace(settings, valkey_url=valkey.url), upkeep=False) as app:
            assert all(check.ok for check in await app.readiness())
            pid = valkey.pid
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: not is_running(pid), 5)
            yield app


async def test_without_valkey_logins_go_on_and_readiness_says_what_is_missing(
    without_valkey: App, john: UserData
) -> None:
    app = without_valkey
    result = await app.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))
    assert result.session_token is not None
    actor = await app.auth_service.identify(result.session_token, Origin())
    assert actor.id == john.id
    checks = {check.name: check for check in await app.readiness()}
    assert not checks["valkey"].ok
    assert not checks["valkey"].required
    assert all(check.ok for check in checks.values() if check.required)


async def test_without_valkey_wrong_passwords_still_lock(
    without_valkey: App, john: UserData
) -> None:
    app = without_valkey
    wrong = AuthenticateAction("john", "not the password", raise_on_failure=True)
    for _ in range(app.settings.max_failed_attempts):
        with pytest.raises(InvalidCredentials):
            await app.auth.authenticate.wait_for_complete(wrong)
    right = AuthenticateAction("john", PASSWORD)
    assert not (await app.auth.authenticate.wait_for_complete(right)).success


async def test_without_a_partition_nothing_is_stored_by_halves(
    tenantry: App, clock: ShiftedClock, owner: asyncpg.Connection
) -> None:
    clock.advance(days=3 * 365)
    with pytest.raises(ConfigurationError, match=r"audit_\w+ has no partition"):
        await make_user(tenantry, "ada")
    assert await owner.fetchval("select count(*) from users where username = 'ada'") == 0
    login = AuthenticateAction("root", ADMIN_PASSWORD)
    with pytest.raises(ConfigurationError, match="no partition"):
        await tenantry.auth.authenticate.wait_for_complete(login)
    assert await owner.fetchval("select last_login from users where username = 'root'") is None
    assert await owner.fetchval("select count(*) from sessions") == 0
