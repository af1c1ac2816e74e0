"""Blocks 1 and 3 to 5 of the account guide: the client, and users from first to last."""

from datetime import UTC, datetime, timedelta

import pytest

from tenantry import AccountManager
from tenantry.users.model import UserStatus
from tests.guides.account_stage import PASSWORD, Stage, flat, had


def test_block_01_a_client_is_connected_twice_and_logs_in_once(stage: Stage) -> None:
    played = stage.play(1)
    client, manager = played.names["client"], played.names["account_manager"]
    with client:
        assert isinstance(manager, AccountManager)
        assert manager is client.account
        assert manager.whoami().username == "root"
        logins = stage.audited("login", "root")
    # The blocks' client has not been asked yet: one login is the witness's.
    assert len(logins) == 2
    assert [entry.actor for entry in stage.audited("logout")] == ["root"]


def test_block_03_users_are_listed_found_and_searched(stage: Stage) -> None:
    john = stage.john()
    assert stage.log_in(john.username, stage.cast.john_password)
    jane = stage.jane(department=stage.cast.department)
    stage.user("away", None, department=stage.cast.department, status="inactive")
    stage.user("elsewhere", department="Another")
    before = datetime.now(UTC) - timedelta(minutes=5)
    played = stage.play(3)
    everybody = sorted(stage.witness.list_users(), key=lambda user: user.username)
    told = sorted(played.lines[:-3])
    assert len(told) == len(everybody) == 5
    for line, user in zip(told, everybody, strict=True):
        for value in (user.username, user.email, user.status):
            assert str(value) in line
    played.lines = played.lines[-3:]
    last_login = stage.seen(john.username).last_login
    assert last_login is not None
    assert last_login > before
    played.tells((john.username,), (john.created_at,), (last_login,))
    assert [user.username for user in played.names["users"]] == [jane.username]


def test_block_04_a_user_is_changed_and_kept_out(stage: Stage) -> None:
    john = stage.john(phone="+1 555 0100")
    session = stage.witness.create_session(john.username).session_id
    played = stage.play(4)
    asked = flat(played.call("update_user").said)
    assert had(played.names["updated_user"], asked) == asked
    status = played.call("update_user_status").said["status"]
    user = stage.seen(john.username)
    assert had(user, asked) == asked
    assert (user.status, user.phone, user.id) == (status, john.phone, john.id)
    assert stage.witness.validate_session(session) is False
    fresh = played.call("change_password").said["new_password"]
    assert not stage.log_in(john.username, fresh)
    stage.witness.update_user_status(john.username, "active")
    assert not stage.log_in(john.username, stage.cast.john_password)
    assert stage.log_in(john.username, fresh)
    told, status_told, *_ = stage.audited("user.modify", john.username)
    assert told.changes.keys() >= set(asked) - {"username"}
    assert status_told.changes.keys() >= {"status"}
    (set_password,) = stage.audited("user.set_password", john.username)
    assert fresh not in repr([told, status_told, set_password])


def test_block_05_one_user_is_gone_and_the_other_disabled(stage: Stage) -> None:
    john, jane = stage.john(), stage.jane()
    sessions = [stage.witness.create_session(u.username).session_id for u in (john, jane)]
    played = stage.play(5)
    assert len(played.lines) == 2
    assert stage.witness.get_user(john.username) is None
    assert stage.rows("select id from users where id = $1", john.id) == []
    assert [stage.witness.validate_session(session) for session in sessions] == [False, False]
    assert not stage.log_in(jane.username, PASSWORD)
    left = stage.seen(jane.username)
    assert (left.status, left.deleted_at is not None) == (UserStatus.DELETED, True)
    assert jane.username in [user.username for user in stage.witness.list_users()]
    assert len(stage.audited("user.purge")) == 1
    assert len(stage.audited("user.delete", jane.username)) == 1
    assert stage.witness.restore_user(jane.username).status == UserStatus.ACTIVE
    assert stage.log_in(jane.username, PASSWORD)


@pytest.mark.parametrize("status", ["active", "inactive", "locked", "suspended"])
def test_block_04_takes_each_status_that_the_guide_names(stage: Stage, status: str) -> None:
    john = stage.john()
    manager = stage.client.account
    manager.update_user_status(username=john.username, status=status)
    assert stage.seen(john.username).status == status
    assert stage.log_in(john.username, stage.cast.john_password) is (status == "active")
    assert manager.update_user_status(john.username, "active").status == "active"
    assert stage.log_in(john.username, stage.cast.john_password)
