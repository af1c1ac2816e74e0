"""Reports of actions by mail: all that happened, in few mails, and nothing secret."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from tenantry.adapters.mail_report import PARTICULARS, ReportPost
from tenantry.app import App, open_app
from tenantry.auth.actions import AuthenticateAction
from tenantry.databases.actions import AddDatabaseAction
from tenantry.databases.enforcing_actions import ApplyDatabaseAction
from tenantry.errors import ConnectionError, PermissionError
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.settings import Settings
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.mail import FakeMailer
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import ListUsersAction

pytestmark = pytest.mark.anyio

CANARY = "canary-of-a-password"


@pytest.fixture(params=["error"])
def policy(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
async def watched(
    tenantry: App, settings: Settings, clock: ShiftedClock, mailer: FakeMailer, policy: str
) -> AsyncIterator[App]:
    """The system with somebody who gets reports."""
    reporting = replace(settings, report_to=("Watch", "watch@example.org"), report_policy=policy)
    async with open_app(reporting, clock=clock, upkeep=False, mailer=mailer) as app:
        yield app


def post_of(app: App) -> ReportPost:
    assert app.report_post is not None
    return app.report_post


async def deliver(app: App) -> None:
    worker = app.mail_worker()
    while await worker.run_next():
        pass


async def fail_to_log_in(app: App, name: str = "nobody") -> None:
    with acting_as(ANONYMOUS, Origin("http", "203.0.113.7")):
        await app.auth.authenticate.wait_for_complete(AuthenticateAction(name, CANARY))


async def test_failures_and_denials_are_reported_with_who_and_where(
    watched: App, mailer: FakeMailer
) -> None:
    john = await make_user(watched, "john")
    await fail_to_log_in(watched)
    with acting_as(john), pytest.raises(PermissionError):
        await watched.users.list_users.wait_for_complete(ListUsersAction())
    await post_of(watched).post()
    await deliver(watched)
    (mail,) = mailer.sent
    assert mail["To"] == "Watch <watch@example.org>"
    assert mail["Subject"].endswith(": 2 actions to report")
    text = mail.get_content()
    assert "login failed" in text
    assert "on nobody, by anonymous from 203.0.113.7" in text
    assert "user.list denied (permission_denied), by john" in text
    assert "user.create" not in text
    assert CANARY not in text
    assert PASSWORD not in text


@pytest.mark.parametrize("policy", ["all"], indirect=True)
async def test_everything_is_reported_where_that_is_wanted(
    watched: App, mailer: FakeMailer
) -> None:
    await make_user(watched, "john")
    await post_of(watched).post()
    await deliver(watched)
    assert "user.create succeeded on john, by system" in mailer.sent[0].get_content()


async def test_a_server_that_does_not_follow_is_reported(watched: App, mailer: FakeMailer) -> None:
    add = AddDatabaseAction("shop", dsn="postgresql://keeper@127.0.0.1:1/shop", secret="a key ring")
    await watched.databases.add_database.wait_for_complete(add)
    with pytest.raises(ConnectionError):
        await watched.databases.apply_database.wait_for_complete(ApplyDatabaseAction("shop"))
    await post_of(watched).post()
    await deliver(watched)
    [mail] = mailer.sent
    assert mail["Subject"].endswith("a server needs looking after, 1 action to report")
    assert "The server of database shop does not follow." in mail.get_content()


async def test_warnings_are_told_without_any_action_and_never_without_bound(
    watched: App, mailer: FakeMailer
) -> None:
    reporter = post_of(watched).reporter
    for number in range(40):
        statements = [f"extra: REVOKE {n};\u202e" for n in range(30)]
        reporter.warn(f"The server of database d{number} has drifted.", statements)
    await post_of(watched).post()
    await deliver(watched)
    text = mailer.sent[0].get_content()
    assert "The server of database d0 has drifted." in text
    assert "  extra: REVOKE 9;" in text
    assert "  and 20 more" in text
    assert "REVOKE 10;" not in text
    assert f"and {40 * 12 - PARTICULARS} lines more" in text
    assert "\u202e" not in text


async def test_nothing_is_sent_where_nothing_happened(watched: App, mailer: FakeMailer) -> None:
    await make_user(watched, "john")
    await post_of(watched).post()
    await deliver(watched)
    assert mailer.sent == []


async def test_an_attack_makes_one_mail_with_its_numbers(watched: App, mailer: FakeMailer) -> None:
    for n in range(120):
        await fail_to_log_in(watched, f"nobody-{n}")
    await post_of(watched).post()
    await post_of(watched).post()
    await deliver(watched)
    (mail,) = mailer.sent
    text = mail.get_content()
    assert "      120  login failed" in text
    assert text.count("on nobody-") == PARTICULARS


async def test_a_name_can_neither_add_a_line_nor_turn_one_round(
    watched: App, mailer: FakeMailer
) -> None:
    await fail_to_log_in(watched, "x\n  99:99  user.purge succeeded on root\u202eyb, " + "y" * 500)
    await post_of(watched).post()
    await deliver(watched)
    text = mailer.sent[0].get_content()
    assert sum("user.purge" in line for line in text.splitlines()) == 1
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) < 200


async def test_the_outbox_never_shows_what_is_in_a_report_and_then_forgets_it(
    watched: App, mailer: FakeMailer, owner: asyncpg.Connection
) -> None:
    await fail_to_log_in(watched, "somebody-of-note")
    await post_of(watched).post()
    assert "somebody-of-note" not in str(await owner.fetch("select j::text from jobs j"))
    await deliver(watched)
    assert await owner.fetchval("select payload::text from jobs") == "{}"


async def test_a_mail_server_that_is_away_fails_no_action_and_the_report_waits(
    watched: App, mailer: FakeMailer, clock: ShiftedClock
) -> None:
    mailer.down = True
    await fail_to_log_in(watched)
    await post_of(watched).post()
    await deliver(watched)
    page = await watched.jobs.list_jobs.wait_for_complete(ListJobsAction(kind="report.mail"))
    assert [job.state for job in page.items] == [JobState.PENDING]
    mailer.down = False
    clock.advance(seconds=2)
    await deliver(watched)
    assert len(mailer.sent) == 1


async def test_what_is_left_is_posted_when_the_server_stops(
    watched: App, mailer: FakeMailer
) -> None:
    task = asyncio.create_task(post_of(watched).run_forever())
    await asyncio.sleep(0)
    await fail_to_log_in(watched)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await deliver(watched)
    assert len(mailer.sent) == 1


async def test_without_an_address_nobody_is_told(tenantry: App) -> None:
    assert tenantry.report_post is None
    assert not any("Report" in type(monitor).__name__ for monitor in tenantry.action_monitors)
