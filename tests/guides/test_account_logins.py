"""Blocks 12 to 16 of the account guide: logins, sessions, password policy, locks and audit."""

import ast
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.app import open_app
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import AuthenticationError, InvalidInput, PasswordRejected, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Origin, acting_as
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tests.guides.account_stage import Stage


def test_block_12_a_login_that_succeeds_opens_a_session_and_is_on_record(stage: Stage) -> None:
    john = stage.john()
    played = stage.play(12)
    first, second = (call.answer for call in played.called("authenticate"))
    played.tells((john.username,), (first.session_token,))
    assert (first.success, second.success) == (True, True)
    assert second.user.username == john.username
    assert first.session_token != second.session_token
    for result in (first, second):
        assert stage.witness.validate_session(result.session_token) is True
    said = played.called("authenticate")[1].said
    entries = stage.audited("login", john.username)
    assert len(entries) == 2
    assert (entries[1].ip_address, entries[1].user_agent) == (
        said["ip_address"],
        said["user_agent"],
    )
    latest = next(iter(stage.witness.list_sessions(john.username)))
    assert latest.address == said["ip_address"]
    seen = stage.seen(john.username).last_login
    assert seen is not None
    assert seen >= john.created_at
    assert first.session_token not in repr(first)
    stored = stage.rows("select * from sessions where user_id = $1", john.id)
    assert len(stored) == 2
    assert first.session_token not in repr(stored)


@pytest.mark.parametrize("why", ["wrong password", "locked", "unknown", "inactive"])
def test_block_12_a_login_that_fails_says_the_same_whatever_the_reason(
    stage: Stage, why: str
) -> None:
    if why != "unknown":
        john = stage.john() if why != "wrong password" else stage.user(stage.cast.john)
        if why == "locked":
            stage.witness.lock_account(john.username, "a test")
        if why == "inactive":
            stage.witness.update_user_status(john.username, "inactive")
    played = stage.play(12)
    played.tells((played.called("authenticate")[0].answer.error_message,))
    for call in played.called("authenticate"):
        result = call.answer
        assert (result.success, result.user, result.session_token) == (False, None, None)
        assert result.error_code == "invalid_credentials"
    attempts = stage.witness.get_failed_login_attempts(stage.cast.john, include_unknown=True)
    assert len(list(attempts)) == 2
    if why != "unknown":
        assert list(stage.witness.list_sessions(stage.cast.john)) == []


def test_block_13_a_session_lives_until_any_of_its_tokens_is_terminated(stage: Stage) -> None:
    john = stage.john()
    played = stage.play(13)
    session, fresh = played.names["session"], played.names["new_session"]
    played.tells((session.session_id,), ("True",), (fresh.session_id,), ())
    assert (session.username, fresh.username) == (john.username, john.username)
    assert session.session_id != fresh.session_id
    hours = played.call("create_session").said["expires_in_hours"]
    lasts = session.expires_at - session.created_at
    assert abs(lasts - timedelta(hours=hours)) < timedelta(milliseconds=1)
    assert played.call("terminate_session").answer is True
    for action in ("session.create", "session.refresh", "session.terminate"):
        assert len(stage.audited(action)) == 1, action
    for token in (session.session_id, fresh.session_id):
        assert stage.witness.validate_session(token) is False
        assert stage.witness.terminate_session(token) is False
        with pytest.raises(AuthenticationError):
            stage.witness.refresh_session(token)
    assert list(stage.witness.list_sessions(john.username)) == []
    (row,) = stage.rows("select ended_at from sessions where user_id = $1", john.id)
    assert row["ended_at"] is not None


def test_block_13_does_not_open_a_session_for_somebody_who_may_not_log_in(stage: Stage) -> None:
    with pytest.raises(UserNotFound):
        stage.play(13)
    stage.john(status="suspended")
    with pytest.raises(Exception, match="active"):
        stage.play(13)
    assert list(stage.witness.list_sessions(stage.cast.john)) == []


def test_block_14_a_policy_holds_for_the_next_password(stage: Stage) -> None:
    john = stage.john()
    played = stage.play(14)
    policy = played.names["policy"]
    asked = played.call("set_password_policy").said
    for found in (policy, stage.witness.get_password_policy()):
        assert {name: getattr(found, name) for name in asked} == asked
    assert {warning.field for warning in policy.warnings} >= {"max_age_days"}
    assert played.names["is_valid"] is True
    played.tells(("True",))
    good = played.call("validate_password").said["password"]
    assert stage.witness.validate_password(good[: asked["min_length"] - 1]) is False
    broken = {v.code for v in stage.witness.check_password("lower case and long enough")}
    assert len(broken) == 2
    with pytest.raises(PasswordRejected):
        stage.witness.change_password(john.username, "lower case and long enough")
    stage.witness.change_password(john.username, good)
    assert stage.witness.validate_password(good, username=john.username) is False
    assert len(stage.audited("password_policy.set")) == 1
    with pytest.raises(UserNotFound):
        stage.witness.validate_password(good, username="nobody")


def test_block_15_a_lock_is_lifted_and_the_status_says_so(stage: Stage) -> None:
    john = stage.john()
    session = stage.witness.create_session(john.username).session_id
    played = stage.play(15)
    played.tells(("False",))
    asked, locked = played.call("lock_account").said, played.call("lock_account").answer
    assert (locked.is_locked, locked.reason) == (True, asked["reason"])
    assert locked.expires_at - locked.locked_at == timedelta(minutes=asked["duration_minutes"])
    assert locked.locked_by == "root"
    status = played.names["lock_status"]
    assert (status.is_locked, status.reason, status.expires_at) == (False, None, None)
    assert stage.witness.get_account_lock_status(john.username) == status
    assert stage.witness.validate_session(session) is False
    assert stage.log_in(john.username, stage.cast.john_password)
    assert [len(stage.audited(f"user.{verb}")) for verb in ("lock", "unlock")] == [1, 1]


def test_block_15_tells_why_and_until_when_while_a_lock_holds(stage: Stage) -> None:
    john = stage.john()
    held = stage.witness.lock_account(john.username, "odd logins", duration_minutes=30)
    text = stage.guide.blocks[14]
    asks = [s for s in ast.parse(text).body if "unlock_account" not in ast.unparse(s)]
    status = [ast.unparse(s) for s in asks if "lock_account" not in ast.unparse(s)]
    assert len(status) == 3
    exec("\n".join(status), {"account_manager": stage.client.account})
    first, second, third = stage.capture.readouterr().out.splitlines()
    assert "True" in first
    assert "odd logins" in second
    assert str(held.expires_at) in third
    assert not stage.log_in(john.username, stage.cast.john_password)


JANUARY = datetime(2024, 1, 15, 12, tzinfo=UTC)


def log_in_long_ago(stage: Stage, *attempts: tuple[datetime, str]) -> None:
    """Let the guide's user have logged in, or tried to, when the block's dates are."""

    async def live() -> None:
        clock = ShiftedClock()
        clock.shift = JANUARY - datetime.now(UTC)
        async with open_app(stage.installation.settings, clock=clock, upkeep=False) as app:
            await make_user(app, stage.cast.john, password=stage.cast.john_password)
            for moment, password in attempts:
                clock.shift = moment - datetime.now(UTC)
                with acting_as(ANONYMOUS, Origin(address="192.0.2.44")):
                    await app.run(AuthenticateAction(stage.cast.john, password))

    asyncio.run(live())


def test_block_16_the_logins_of_a_month_and_the_failures_of_a_day(stage: Stage) -> None:
    right = stage.cast.john_password
    last = datetime(2024, 1, 31, 23, 59, 59).astimezone()
    log_in_long_ago(
        stage,
        (JANUARY + timedelta(hours=1), right),
        (JANUARY + timedelta(hours=2), "not this one"),
        (last, right),
        (last + timedelta(seconds=2), right),
    )
    stage.log_in(stage.cast.john, "not this one either")
    stage.witness.lock_account(stage.cast.john, "another action")
    played = stage.play(16)
    logs = list(played.names["logs"])
    assert [log.success for log in logs] == [True, False, True]
    assert logs[0].timestamp.replace(microsecond=0) == last
    lines: list[tuple[Any, ...]] = []
    for log in logs:
        assert (log.action, log.ip_address, log.username) == (
            "login",
            "192.0.2.44",
            stage.cast.john,
        )
        lines += [("login", log.timestamp), (log.ip_address, log.success)]
    played.tells(*lines)
    (failed,) = played.names["failed_logins"]
    assert (failed.username, failed.reason) == (stage.cast.john, "wrong_password")
    assert failed.timestamp > datetime.now(UTC) - timedelta(hours=1)


def test_block_16_dates_are_taken_in_each_form_and_checked(stage: Stage) -> None:
    stage.john()
    manager = stage.client.account
    now = datetime.now()  # noqa: DTZ005 - as the guide gives it
    for begin in (now - timedelta(days=1), now.date(), str(now.date()), now.astimezone(UTC)):
        found = list(
            manager.get_audit_logs(
                start_date=begin - timedelta(minutes=1) if isinstance(begin, datetime) else begin,
                action="user.create",
            )
        )
        assert stage.cast.john in [entry.target for entry in found]
        assert all(entry.timestamp.tzinfo is not None for entry in found)
    for wrong in ("yesterday", "2026-02-30", 20240101, "2024-01-32"):
        with pytest.raises(InvalidInput) as refused:
            manager.get_audit_logs(end_date=wrong)  # type: ignore[arg-type]  # on purpose
        assert refused.value.field == "end_date"
    with pytest.raises(InvalidInput):
        manager.get_audit_logs(start_date="2024-02-01", end_date="2024-01-31")
    assert len(list(manager.get_audit_logs(limit=1))) == 1


def test_block_16_names_that_nobody_has_are_told_on_request_only(stage: Stage) -> None:
    john = stage.john()
    for name in (john.username, "nobody-here"):
        stage.log_in(name, "not this one")
    manager = stage.client.account
    known = manager.get_failed_login_attempts(hours=24)
    assert [attempt.username for attempt in known] == [john.username]
    everybody = manager.get_failed_login_attempts(hours=24, include_unknown=True)
    assert {attempt.username for attempt in everybody} == {john.username, "nobody-here"}
