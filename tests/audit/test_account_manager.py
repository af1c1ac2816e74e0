"""What guide B asks about the audit, as its client does."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tenantry.app import App
from tenantry.errors import AccountError, InvalidInput
from tenantry.kernel.action import acting_as
from tenantry.kernel.modifier import TriState
from tenantry.sdk.audit import AuditOperations
from tenantry.sdk.decision_cache import DecisionCache
from tenantry.testing.users import make_user
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier

from .conftest import log_in

pytestmark = pytest.mark.anyio


class Line:
    """Runs actions where they are, as whoever acts."""

    def __init__(self, app: App) -> None:
        self.bindings = app.wire
        self.run = app.run
        self.decision_cache: DecisionCache | None = None
        self.last_version: int | None = None


@pytest.fixture
async def account(tenantry: App, john: UserData) -> AuditOperations:
    """The operations, in a system where john has logged in twice, once with success."""
    await log_in(tenantry, "john", "wrong passphrase")
    await log_in(tenantry, "john")
    await log_in(tenantry, "nobody-at-all", "wrong passphrase")
    return AuditOperations(Line(tenantry))


async def logs(account: AuditOperations, *args: Any, **fields: Any) -> list[Any]:
    return [log async for log in await account.get_audit_logs(*args, **fields)]


async def test_the_sample_of_the_guide_reads_what_it_prints(account: AuditOperations) -> None:
    found = await logs(
        account, username="john", action="login", start_date="2024-01-01", end_date="2099-01-31"
    )
    assert [(log.action, log.success, log.ip_address) for log in found] == [
        ("login", True, "203.0.113.7"),
        ("login", False, "203.0.113.7"),
    ]
    assert found[0].timestamp.tzinfo is not None
    assert {log.username for log in found} == {"john"}


async def test_both_outcomes_of_a_login_are_one_action(account: AuditOperations) -> None:
    """So the guide's "successful logins" counts tries; who wants successes asks for the outcome."""
    assert len(await logs(account, "john", "login")) == 2
    assert len(await logs(account, "john", "login", outcome="succeeded")) == 1


@pytest.mark.parametrize(
    "today",
    [
        lambda: f"{datetime.now():%Y-%m-%d}",  # noqa: DTZ005 - local dates are what is tried
        lambda: date.today(),  # noqa: DTZ011 - likewise
        lambda: datetime.now(),  # noqa: DTZ005 - likewise
        lambda: datetime.now(UTC).isoformat(),
    ],
)
async def test_dates_come_in_every_form(account: AuditOperations, today: Any) -> None:
    now = today()
    assert len(await logs(account, "john", start_date="2024-01-01", end_date=now)) == 3
    if isinstance(now, datetime):
        assert await logs(account, "john", start_date=now + timedelta(minutes=1)) == []
    assert await logs(account, "john", end_date="2024-01-01") == []


async def test_a_week_back_in_local_time_as_the_guide_has_it(account: AuditOperations) -> None:
    week_ago = datetime.now() - timedelta(days=7)  # noqa: DTZ005 - the guide's own words
    assert len(await logs(account, username="john", start_date=week_ago)) == 3


async def test_every_wrong_date_is_named(account: AuditOperations) -> None:
    with pytest.raises(AccountError) as refused:
        await account.get_audit_logs(start_date="yesterday", end_date="2024-13-01")
    assert isinstance(refused.value, InvalidInput)
    assert [v.field for v in refused.value.violations] == ["start_date", "end_date"]
    with pytest.raises(InvalidInput) as refused:
        await account.get_audit_logs(start_date="2024-02-01", end_date="2024-01-31")
    assert refused.value.field == "start_date"
    await account.get_audit_logs(start_date="2024-02-01", end_date="2024-02-01")
    with pytest.raises(InvalidInput, match="did you mean login"):
        await account.get_audit_logs(action="logn")
    for limit in (0, -1, "5", True):
        with pytest.raises(InvalidInput) as refused:
            await account.get_audit_logs(limit=limit)  # type: ignore[arg-type]  # wrong ones too
        assert refused.value.field == "limit"


async def test_a_limit_ends_the_walk_and_without_one_it_is_complete(
    tenantry: App, account: AuditOperations
) -> None:
    ada = await make_user(tenantry, "ada")
    modifier = UserModifier(phone=TriState.update("+1"))
    with acting_as(ada):
        for _ in range(230):
            await tenantry.run(ModifyUserAction(user="ada", modifier=modifier))
    assert len(await logs(account, "ada", limit=3)) == 3
    assert len(await logs(account, "ada", limit=205)) == 205
    assert len(await logs(account, "ada")) == 231
    pages = await account.get_audit_logs("ada", limit=205)
    assert [log.id async for log in pages] == [log.id async for log in pages]


async def test_failed_logins_are_those_of_users(account: AuditOperations) -> None:
    found = [one async for one in await account.get_failed_login_attempts(hours=1)]
    assert [one.username for one in found] == ["john"]
    found = [one async for one in await account.get_failed_login_attempts("john", 24)]
    assert len(found) == 1
    everybody = await account.get_failed_login_attempts(hours=0.5, include_unknown=True)
    assert [one.username async for one in everybody] == ["nobody-at-all", "john"]
    with pytest.raises(InvalidInput) as refused:
        await account.get_failed_login_attempts(hours=0)
    assert refused.value.field == "hours"
