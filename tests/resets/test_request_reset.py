"""Asking for a reset (RequestPasswordResetAction): one answer for everybody, and a mail for one."""

from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest

from tenantry.adapters.postgres.transaction import PostgresTransaction
from tenantry.app import MAIL_ATTEMPTS, App
from tenantry.audit.actions import SearchAuditAction
from tenantry.errors import InvalidInput
from tenantry.jobs.actions import ListJobsAction
from tenantry.jobs.model import JobState, pause_after
from tenantry.kernel.modifier import OptionalState
from tenantry.resets.actions import PasswordWasReset, RequestPasswordResetAction, ResetRequested
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.mail import FakeMailer
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier
from tests.resets.conftest import text_of, token_in

pytestmark = pytest.mark.anyio

Ask = Callable[..., Awaitable[ResetRequested]]
Deliver = Callable[[], Awaitable[list[EmailMessage]]]
Reset = Callable[..., Awaitable[PasswordWasReset]]


async def receipts(tenantry: App) -> list[dict[str, Any] | None]:
    page = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction(kind="password.mail"))
    return [job.receipt for job in page.items]


@pytest.mark.parametrize("name", ["john", "JOHN", "john@example.com", "John@EXAMPLE.com"])
async def test_the_mail_goes_to_the_address_that_the_account_has(
    tenantry: App, john: UserData, ask: Ask, deliver: Deliver, name: str
) -> None:
    await ask(name)
    (mail,) = await deliver()
    assert mail["To"] == "John Doe <john@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = text_of(mail)
    assert text.startswith("Hello John Doe,")
    assert f"{tenantry.settings.base_url}/set-password#tny_p_" in text
    assert "UTC" in text


@pytest.mark.parametrize("name", ["mıke@example.com", "ｍike@example.com", "mike@example.com "])
async def test_an_address_that_only_looks_alike_never_gets_the_mail(
    tenantry: App, ask: Ask, deliver: Deliver, name: str
) -> None:
    await make_user(tenantry, "mike", email="mike@example.com")
    await ask(name)
    assert {mail["To"].addresses[0].addr_spec for mail in await deliver()} <= {"mike@example.com"}


async def test_everybody_gets_the_same_answer(
    tenantry: App, john: UserData, ask: Ask, deliver: Deliver
) -> None:
    await make_user(tenantry, "mute", email=None)
    await make_user(tenantry, "gone")
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="gone"))
    names = ("john", "nobody", "mute", "gone", "x" * 5000, "a\0b", "\ud800", "")
    assert {await ask(name) for name in names} == {ResetRequested()}
    mails = await deliver()
    assert [mail["To"].addresses[0].addr_spec for mail in mails] == ["john@example.com"]
    reasons = [(receipt or {}).get("reason") for receipt in await receipts(tenantry)]
    assert sorted(filter(None, reasons)) == ["no_address"] + ["nobody"] * 6


async def test_asking_takes_the_same_statements_whether_there_is_such_a_user_or_not(
    tenantry: App, john: UserData, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for method in ("execute", "fetchrow", "fetchval", "fetch", "later"):
        original = getattr(PostgresTransaction, method)

        def noted(self: Any, statement: Any, *rest: Any, _original: Any = original) -> Any:
            seen.append(statement.name)
            return _original(self, statement, *rest)

        monkeypatch.setattr(PostgresTransaction, method, noted)

    async def asked(name: str) -> list[str]:
        seen.clear()
        await ask(name)
        return list(seen)

    await asked("whoever")  # the first entry of a month on nobody makes a key for them all
    known = await asked("john")
    assert "jobs.insert" in known
    assert await asked("nobody") == known
    for _ in range(5):
        again = await asked("john")
    assert again == known, "also when it was asked for too often"


async def test_an_account_gets_so_many_mails_an_hour_whoever_asks(
    tenantry: App, john: UserData, ask: Ask, deliver: Deliver, clock: ShiftedClock
) -> None:
    for n in range(8):
        await ask("john" if n % 2 else "john@example.com", f"203.0.113.{n}")
    assert len(await deliver()) == 5
    clock.advance(minutes=61)
    await ask("john")
    assert len(await deliver()) == 6


async def test_a_source_may_ask_so_often_an_hour_and_an_ipv6_network_is_one(
    tenantry: App, john: UserData, ask: Ask, deliver: Deliver, clock: ShiftedClock
) -> None:
    for n in range(50):
        await ask(f"nobody-{n}", f"2001:db8::{n:x}")
    assert await ask("john", "2001:db8::beef") == ResetRequested()
    assert await deliver() == []
    await ask("john", "2001:db8:0:1::1")
    assert len(await deliver()) == 1


async def test_no_token_stands_in_the_clear_anywhere(
    tenantry: App,
    john: UserData,
    ask: Ask,
    deliver: Deliver,
    owner: asyncpg.Connection,
    mailer: FakeMailer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mailer.mute = True
    await ask("john")
    (mail,) = await deliver()
    token = token_in(mail)
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace"
    )
    stored = ""
    for table in tables:
        stored += str(await owner.fetch(f"select t::text from {table[0]} t"))
    assert "password.mail" in stored
    assert token not in stored
    assert token[-20:] not in stored
    assert token not in caplog.text
    assert "john@example.com" not in str(await owner.fetch("select j::text from jobs j"))


async def test_a_mail_that_is_sent_again_says_the_same(
    tenantry: App,
    john: UserData,
    ask: Ask,
    deliver: Deliver,
    mailer: FakeMailer,
    clock: ShiftedClock,
    reset: Reset,
) -> None:
    mailer.mute = True
    await ask("john")
    await deliver()
    mailer.mute = False
    clock.advance(seconds=2)
    first, second = await deliver()
    assert first["Message-ID"] == second["Message-ID"]
    assert text_of(first) == text_of(second)
    await reset(token_in(first))


async def test_a_mail_server_that_is_away_delays_nobody_and_loses_nothing(
    tenantry: App,
    john: UserData,
    ask: Ask,
    deliver: Deliver,
    mailer: FakeMailer,
    clock: ShiftedClock,
) -> None:
    mailer.down = True
    assert await ask("john") == ResetRequested()
    assert await deliver() == []
    (job,) = (await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())).items
    assert (job.state, job.error) == (
        JobState.PENDING,
        "The mail could not be handed over; it is tried again.",
    )
    mailer.down = False
    clock.advance(seconds=2)
    assert len(await deliver()) == 1
    assert await receipts(tenantry) == [{"sent": True}]


async def test_a_mail_that_nobody_takes_gets_stuck_where_people_see_it(
    tenantry: App, admin: UserData, ask: Ask, deliver: Deliver, mailer: FakeMailer, clock: Any
) -> None:
    mailer.down = True
    await ask("adele")
    for attempt in range(1, MAIL_ATTEMPTS + 1):
        await deliver()
        clock.advance(seconds=pause_after(attempt).total_seconds() + 1)
    page = await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction(state=JobState.STUCK))
    assert [(job.kind, job.tenant_id) for job in page.items] == [("password.mail", admin.tenant_id)]


async def test_a_token_that_has_ended_meanwhile_is_not_mailed(
    tenantry: App,
    john: UserData,
    ask: Ask,
    deliver: Deliver,
    mailer: FakeMailer,
    clock: ShiftedClock,
) -> None:
    mailer.down = True
    await ask("john")
    await deliver()
    modifier = UserModifier(password=OptionalState.update("set by an administrator"))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=modifier)
    )
    await ask("john")
    clock.advance(minutes=61)
    mailer.down = False
    assert await deliver() == []
    assert [r and r["reason"] for r in await receipts(tenantry)] == ["outdated", "outdated"]


async def test_the_audit_tells_administrators_what_the_answer_does_not(
    tenantry: App, john: UserData, ask: Ask
) -> None:
    await ask("john@example.com")
    await ask("nobody")
    action = SearchAuditAction(action="password.request_reset")
    entries = (await tenantry.audit.search.wait_for_complete(action)).items
    assert [(e.target, e.target_id, e.outcome, e.reason) for e in reversed(entries)] == [
        ("john", john.id, "succeeded", None),
        ("nobody", None, "failed", "unknown_user"),
    ]


async def test_a_name_that_is_no_text_is_named(tenantry: App) -> None:
    with pytest.raises(InvalidInput, match="username"):
        await tenantry.resets.request.wait_for_complete(RequestPasswordResetAction(7))  # type: ignore[arg-type]  # on purpose
