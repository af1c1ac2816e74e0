"""The account manager's calls on logins, sessions and locks, in both transports."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from tenantry import Client
from tenantry.errors import (
    AccountError,
    AuthenticationError,
    InvalidCredentials,
    InvalidInput,
    NotAuthenticated,
    SessionNotFound,
    StepUpRequired,
    UserNotFound,
)
from tenantry.sdk import AccountManager
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD
from tests.installation import TRANSPORTS, Installation, installed

WRONG = "not the passphrase"


@pytest.fixture(params=TRANSPORTS)
def installation(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    with installed(request.param, settings, monkeypatch) as made:
        yield made


@pytest.fixture
def manager(installation: Installation) -> Iterator[AccountManager]:
    with Client(*installation.params) as client:
        client.account.create_user("john_doe", PASSWORD)
        yield client.account


def make_stale(installation: Installation) -> None:
    """Let the last proof of every session be an hour ago."""

    async def age() -> None:
        connection = await asyncpg.connect(str(installation.settings.migration_database_url))
        await connection.execute("update sessions set authenticated_at = now() - interval '1 hour'")
        await connection.close()

    asyncio.run(age())


def test_the_guides_calls_do_what_the_guide_says(manager: AccountManager) -> None:
    result = manager.authenticate(
        "john_doe", PASSWORD, ip_address="192.168.1.100", user_agent="MyApp/1.0"
    )
    assert result.success
    assert result.user is not None
    assert result.user.username == "john_doe"
    assert manager.validate_session(str(result.session_token)) is True

    session = manager.create_session(username="john_doe", expires_in_hours=8)
    assert manager.validate_session(session.session_id) is True
    fresh = manager.refresh_session(session.session_id)
    assert fresh.session_id != session.session_id
    manager.terminate_session(session.session_id)
    assert manager.validate_session(fresh.session_id) is False


def test_a_refusal_is_returned_and_says_nothing_of_its_reason(manager: AccountManager) -> None:
    manager.create_user("jane", PASSWORD)
    manager.lock_account("jane", "odd logins")
    attempts = [("john_doe", WRONG), ("nobody", PASSWORD), ("jane", PASSWORD), ("john_doe", "")]
    refusals = [manager.authenticate(*attempt) for attempt in attempts]
    assert len(set(refusals)) == 1
    assert refusals[0].success is False
    assert (refusals[0].user, refusals[0].session_token) == (None, None)
    assert refusals[0].error_code == "invalid_credentials"
    assert refusals[0].error_message
    with pytest.raises(InvalidCredentials):
        manager.authenticate("john_doe", WRONG, raise_on_failure=True)


def test_the_clients_own_bad_login_is_not_taken_for_somebody_elses(
    installation: Installation, manager: AccountManager
) -> None:
    params = installation.params._replace(password=WRONG)
    if installation.transport == "embedded":
        return
    with Client(*params) as client:
        with pytest.raises(AuthenticationError) as raised:
            client.account.authenticate("john_doe", PASSWORD, ip_address="192.0.2.1")
        assert not isinstance(raised.value, InvalidCredentials)


def test_without_a_server_there_is_no_verdict_and_that_may_be_retried() -> None:
    with Client("127.0.0.1", 9, "root", "x", timeout=2) as client:
        with pytest.raises(AuthenticationError) as raised:
            client.account.authenticate("john_doe", PASSWORD)
        assert isinstance(raised.value, ConnectionError)


@pytest.mark.parametrize("garbage", ["", "x", None, 5, "tny_s_" + "A" * 86, "\ud800", b"bytes"])
def test_validating_and_terminating_never_raise_for_garbage(
    manager: AccountManager, garbage: object
) -> None:
    assert manager.validate_session(garbage) is False  # type: ignore[arg-type]  # on purpose
    assert manager.terminate_session(garbage) is False  # type: ignore[arg-type]  # on purpose


def test_an_ended_session_is_not_refreshed(manager: AccountManager) -> None:
    session = manager.create_session("john_doe")
    assert manager.terminate_session(session.session_id) is True
    assert manager.terminate_session(session.session_id) is False
    with pytest.raises(AuthenticationError):
        manager.refresh_session(session.session_id)


def test_bad_hours_and_unknown_users_are_account_errors(manager: AccountManager) -> None:
    for hours in (0, -1, 1e9, float("nan")):
        with pytest.raises(InvalidInput) as refused:
            manager.create_session("john_doe", hours)
        assert refused.value.field == "expires_in_hours"
    with pytest.raises(UserNotFound):
        manager.create_session("nobody")


def test_sessions_are_listed_and_ended(manager: AccountManager) -> None:
    manager.authenticate("john_doe", PASSWORD, "198.51.100.7", "browser/1")
    manager.create_session("john_doe")
    first, second = manager.list_sessions("john_doe")
    assert (second.address, second.user_agent) == ("198.51.100.7", "browser/1")
    manager.end_session(str(first.id), username="john_doe")
    with pytest.raises(SessionNotFound):
        manager.end_session(str(first.id), username="john_doe")
    manager.end_sessions("john_doe")
    assert list(manager.list_sessions("john_doe")) == []
    assert [session.current for session in manager.list_sessions()].count(True) == 1


def test_a_lock_is_set_told_and_lifted(manager: AccountManager) -> None:
    assert manager.get_account_lock_status("john_doe").is_locked is False
    locked = manager.lock_account("john_doe", "Suspicious activity", duration_minutes=30)
    status = manager.get_account_lock_status("john_doe")
    assert status == locked
    assert (status.reason, status.locked_by) == ("Suspicious activity", "root")
    assert status.expires_at is not None
    assert [item.username for item in manager.list_locked_accounts()] == ["john_doe"]
    assert manager.get_user("john_doe").status == "locked"  # type: ignore[union-attr]  # is there
    assert [user.username for user in manager.search_users(status="locked")] == ["john_doe"]
    manager.unlock_account("john_doe")
    assert manager.unlock_account("john_doe").is_locked is False
    with pytest.raises(AccountError):
        manager.lock_account("nobody", "x")


def test_the_status_locked_is_a_lock_without_an_end_and_active_lifts_it(
    manager: AccountManager,
) -> None:
    assert manager.update_user_status("john_doe", "locked").status == "locked"
    status = manager.get_account_lock_status("john_doe")
    assert (status.is_locked, status.expires_at) == (True, None)
    assert manager.update_user_status("john_doe", "active").status == "active"
    assert manager.get_account_lock_status("john_doe").is_locked is False


def test_a_client_that_knows_its_password_steps_up_by_itself(
    installation: Installation, manager: AccountManager
) -> None:
    manager.whoami()
    make_stale(installation)
    assert manager.create_session("john_doe").username == "john_doe"


def test_a_client_with_a_token_alone_is_told_to_step_up(
    installation: Installation, manager: AccountManager
) -> None:
    token = manager.create_session("root").session_id
    if installation.transport == "embedded":
        return
    host, port = installation.params.host, installation.params.port
    with Client(host, port, "root", "", token=token) as client:
        with pytest.raises(StepUpRequired):
            client.account.create_session("john_doe")
        client.account.step_up(password=installation.params.password)
        client.account.create_session("john_doe")
        with pytest.raises(InvalidInput):
            client.account.step_up()


def test_a_session_that_was_ended_is_not_authenticated(manager: AccountManager) -> None:
    with pytest.raises(NotAuthenticated):
        manager.refresh_session("tny_s_" + "A" * 86)
