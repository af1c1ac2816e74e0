"""Blocks 20 and 21 of the account guide: the security monitor, and what to do about errors."""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry import Client
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.errors import AuthenticationError, NoVerdict
from tenantry.settings import Settings
from tests.faults.proxy import FaultyRelay
from tests.guides.account_stage import Stage
from tests.installation import serving


def fail(stage: Stage, name: str, times: int) -> None:
    for _ in range(times):
        assert not stage.log_in(name, "not this one")


def test_block_20_who_fails_too_often_is_locked_and_the_activity_is_told(stage: Stage) -> None:
    john, jane = stage.john(), stage.jane()
    assert stage.log_in(john.username, stage.cast.john_password)
    fail(stage, john.username, 3)
    fail(stage, jane.username, 2)
    fail(stage, "nobody-here", 4)
    played = stage.play(20)
    locked, *activity = played.lines
    assert john.username in locked
    assert "3" in locked
    assert len(activity) == 4
    assert john.username in activity[0]
    assert activity[1].endswith("4")  # the guide counts every login, refused ones too
    assert activity[2].endswith("3")
    assert john.username in activity[3]
    status = stage.witness.get_account_lock_status(john.username)
    assert (status.is_locked, status.locked_by) == (True, "root")
    assert status.expires_at is not None
    assert status.expires_at > datetime.now(UTC) + timedelta(minutes=55)
    assert status.reason is not None
    assert status.reason in stage.guide.blocks[19]
    assert not stage.witness.get_account_lock_status(jane.username).is_locked
    assert not stage.witness.get_account_lock_status("root").is_locked
    assert not stage.log_in(john.username, stage.cast.john_password)
    assert [entry.target for entry in stage.audited("user.lock")] == [john.username]
    played.names["monitor"].client.close()


def test_block_20_made_up_names_do_not_stop_the_monitor(stage: Stage) -> None:
    stage.john()
    fail(stage, "nobody-here", 5)
    played = stage.play(20)
    assert list(stage.witness.list_locked_accounts()) == []
    assert len(played.lines) == 3  # nobody is locked, and nothing is wrong with john
    played.names["monitor"].client.close()


def test_block_21_a_bad_password_is_an_account_error_and_nobody_is_made(stage: Stage) -> None:
    played = stage.play(21)
    (line,) = played.lines
    assert line.startswith("Account error: ")
    assert "password" in line.removeprefix("Account error: ")
    assert "password123" not in line
    assert stage.witness.get_user(stage.cast.tester) is None
    failed = stage.witness.get_audit_logs(action="user.create", outcome="failed")
    assert [entry.target for entry in failed] == [stage.cast.tester]
    caught = {"AccountError", "AuthenticationError", "PermissionError", "Exception"}
    assert caught <= {
        n.id for n in ast.walk(ast.parse(stage.guide.blocks[20])) if isinstance(n, ast.Name)
    }


@pytest.mark.parametrize("kind", ["AuthenticationError", "PermissionError", "RuntimeError"])
def test_block_21_each_error_reaches_its_own_branch(stage: Stage, kind: str) -> None:
    class Failing:
        def create_user(self, *_: object) -> None:
            from matrixone import exceptions

            raise getattr(exceptions, kind, RuntimeError)("as the test has it")

    stage.capture.readouterr()
    stage.guide.play(20, account_manager=Failing())
    first = {"AuthenticationError": "Authentication", "PermissionError": "Permission"}
    expected = f"{first.get(kind, 'Unexpected')} error: as the test has it\n"
    assert stage.capture.readouterr().out == expected


@dataclass
class Patience:
    """In the place of the module ``time``: does not sleep, but lets something happen."""

    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()


@contextmanager
def client_on(stage: Stage, settings: Settings) -> Iterator[Client]:
    """A client of a system with other settings, in the transport of the stage."""
    params = stage.installation.params
    if stage.installation.transport == "embedded":
        with Client.embedded(password=params.password, settings=settings) as client:
            yield client
        return
    with serving(settings) as port, Client(*params._replace(port=port)) as client:
        yield client


def retrying(stage: Stage, client: Client, clock: Patience) -> Callable[..., Any]:
    """The block's function that authenticates with retries, on a client of its own."""
    names = stage.play(21, account_manager=client.account, time=clock).names
    function: Callable[..., Any] = names["authenticate_with_retry"]
    return function


def test_block_21_a_refusal_is_no_reason_to_try_again(stage: Stage) -> None:
    john, clock = stage.john(), Patience()
    authenticate = retrying(stage, stage.client, clock)
    assert authenticate(john.username, "not this one").success is False
    assert authenticate(john.username, stage.cast.john_password).success is True
    assert clock.slept == []
    assert len(list(stage.witness.get_failed_login_attempts(john.username))) == 1


def test_block_21_no_verdict_is_tried_again_and_then_told(
    stage: Stage, postgres: EmbeddedPostgres, database: str
) -> None:
    """The database is out of reach for a moment, and then for good."""
    name, password = stage.john().username, stage.cast.john_password
    with FaultyRelay(postgres.socket_folder / postgres.socket_name) as relay:
        behind = replace(
            stage.installation.settings,
            database_url=f"postgresql://tenantry_app@127.0.0.1:{relay.port}/{database}",
            database_acquire_timeout=0.5,
            database_connect_timeout=1.0,
        )

        def restore() -> None:
            relay.mode = "pass"

        with client_on(stage, behind) as client:
            clock = Patience()
            authenticate = retrying(stage, client, clock)
            assert client.account.whoami().username == "root"
            relay.mode = "refuse"
            relay.cut_all()
            with pytest.raises(AuthenticationError) as raised:
                authenticate(name, password)
            assert isinstance(raised.value, NoVerdict)
            assert clock.slept == [1, 2]
            clock.meanwhile = restore
            assert authenticate(name, password).success is True
            assert len(clock.slept) <= 4
