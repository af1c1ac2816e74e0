"""Blocks 2 and 6 to 8 of the account guide: roles, from their making to who holds them."""

import pytest

from tenantry.errors import AccountError, InvalidInput, RoleConflict, RoleNotFound, UserNotFound
from tenantry.users.model import UserStatus
from tests.guides.account_stage import Stage, flat, had


def test_block_02_users_are_created_with_all_that_was_said(stage: Stage) -> None:
    for role in stage.cast.chief_roles:
        stage.witness.create_role(role, permissions=["SELECT"])
    played = stage.play(2)
    made = played.called("create_user")
    assert [call.answer.username for call in made] == [
        stage.cast.john,
        stage.cast.jane,
        stage.cast.chief,
    ]
    played.tells((stage.cast.john,))
    for call in made:
        user = stage.seen(call.answer.username)
        assert user == call.answer
        asked = flat(call.said, "password", "roles")
        assert had(user, asked) == asked
        assert (user.status, user.domain_name) == (UserStatus.ACTIVE, "default")
        assert stage.log_in(user.username, call.said["password"])
        entries = stage.audited("user.create", user.username)
        assert {(entry.actor, entry.username) for entry in entries} == {("root", user.username)}
        assert any("roles" in entry.changes for entry in entries) is bool(user.roles)
        assert call.said["password"] not in repr(entries)
    chief = stage.seen(stage.cast.chief)
    assert sorted(chief.roles) == sorted(stage.cast.chief_roles)
    for role in stage.cast.chief_roles:
        found = stage.witness.get_role(role)
        assert found is not None
        assert found.user_count == 1
    stored = stage.rows("select * from users")
    assert not any(call.said["password"] in str(row) for row in stored for call in made)


def test_block_02_with_an_unknown_role_makes_nobody(stage: Stage) -> None:
    stage.witness.create_role(stage.cast.chief_roles[0], permissions=["SELECT"])
    with pytest.raises(AccountError) as raised:
        stage.play(2)
    assert stage.cast.chief_roles[1] in str(raised.value)
    assert stage.witness.get_user(stage.cast.chief) is None
    assert stage.seen(stage.cast.jane).username == stage.cast.jane
    role = stage.witness.get_role(stage.cast.chief_roles[0])
    assert role is not None
    assert role.user_count == 0


def test_block_06_roles_are_made_as_said(stage: Stage) -> None:
    played = stage.play(6)
    made = {call.said["name"]: call for call in played.called("create_role")}
    assert set(made) == {stage.cast.analyst, stage.cast.db_admin}
    for name, call in made.items():
        role = stage.witness.get_role(name)
        assert role == call.answer
        assert role is not None
        assert sorted(role.permissions) == sorted(call.said["permissions"])
        assert role.description == call.said["description"]
        assert role.databases == call.said.get("databases") or sorted(role.databases or []) == (
            sorted(call.said["databases"])
        )
        assert (role.user_count, role.domain_name) == (0, None)
        (entry,) = stage.audited("role.create", name)
        assert entry.actor == "root"
    assert sorted(made[stage.cast.db_admin].said["databases"]) == sorted(
        (stage.cast.database, stage.cast.second_database)
    )


def test_block_06_a_second_time_is_an_error_and_leaves_the_role_alone(stage: Stage) -> None:
    before = stage.witness.create_role(stage.cast.analyst, "ours", ["INSERT"])
    with pytest.raises(RoleConflict):
        stage.play(6)
    assert stage.witness.get_role(stage.cast.analyst) == before
    assert stage.witness.get_role(stage.cast.db_admin) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("permissions", ["SELEKT"]),
        ("permissions", "SELECT"),
        ("databases", []),
        ("databases", [""]),
        ("name", ""),
    ],
)
def test_block_06_refuses_what_makes_no_sense(stage: Stage, field: str, value: object) -> None:
    said = {"name": "odd", "description": "", "permissions": ["SELECT"], field: value}
    with pytest.raises(InvalidInput) as raised:
        stage.client.account.create_role(**said)  # type: ignore[arg-type]  # on purpose
    assert raised.value.field is not None
    assert raised.value.field.startswith(field)
    assert list(stage.witness.list_roles()) == []


def test_block_07_roles_are_listed_with_their_holders_counted(stage: Stage) -> None:
    analyst = stage.witness.create_role(stage.cast.analyst, "reads", ["SELECT", "CREATE_VIEW"])
    stage.witness.create_role(stage.cast.db_admin, "keeps", ["CREATE_TABLE"])
    for user in (stage.john(), stage.jane(status="inactive")):
        stage.witness.assign_role(user.username, stage.cast.analyst)
    played = stage.play(7)
    *listed, told = played.lines
    counts = {stage.cast.analyst: 2, stage.cast.db_admin: 0}
    assert len(listed) == 2
    for line, name in zip(listed, sorted(counts), strict=True):
        assert name in line
        assert line.endswith(str(counts[name]))
    assert all(name in told for name in analyst.permissions)


def test_block_07_of_a_role_that_is_not_there_nothing_is_told(stage: Stage) -> None:
    assert stage.play(7).lines == []


def test_block_08_roles_are_assigned_and_removed(stage: Stage) -> None:
    john, jane = stage.john(), stage.jane()
    for role in {stage.cast.analyst, *stage.cast.jane_roles}:
        stage.witness.create_role(role, permissions=["SELECT"])
    played = stage.play(8)
    assert len(played.lines) == 3
    assert played.call("remove_role").answer is True
    assert sorted(stage.seen(jane.username).roles) == sorted(stage.cast.jane_roles)
    assert stage.seen(john.username).roles == []
    holders = {role.name: role.user_count for role in stage.witness.list_roles()}
    assert holders == {stage.cast.analyst: 0} | dict.fromkeys(stage.cast.jane_roles, 1)
    assert len(stage.audited("role.assign")) >= 2
    assert len(stage.audited("role.remove")) == 1
    # Again: nothing changes, and nothing is wrong.
    manager = stage.client.account
    assert not manager.assign_roles(jane.username, list(stage.cast.jane_roles))
    assert manager.remove_role(john.username, stage.cast.analyst) is False


def test_block_08_assigns_all_or_none(stage: Stage) -> None:
    stage.john()
    jane = stage.jane()
    stage.witness.create_role(stage.cast.analyst, permissions=["SELECT"])
    stage.witness.create_role(stage.cast.jane_roles[0], permissions=["SELECT"])
    with pytest.raises(RoleNotFound):
        stage.play(8)
    assert stage.seen(jane.username).roles == []
    with pytest.raises(UserNotFound):
        stage.client.account.assign_role("nobody", stage.cast.analyst)
