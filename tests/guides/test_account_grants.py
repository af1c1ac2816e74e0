"""Blocks 9 to 11 of the account guide: rights on databases, given, taken and asked for."""

import pytest

from tenantry.errors import AccountError, InvalidInput
from tests.guides.account_stage import Stage


def test_block_08_a_role_gives_what_it_holds_while_it_is_held(stage: Stage) -> None:
    john, jane = stage.john().username, stage.jane().username
    for role in {stage.cast.analyst, *stage.cast.jane_roles}:
        stage.witness.create_role(role, permissions=["SELECT"])
    stage.play(8)
    assert stage.witness.has_permission(jane, permission="SELECT")
    assert not stage.witness.has_permission(john, permission="SELECT")


def test_block_09_grants_hold_where_they_were_given_and_nowhere_else(stage: Stage) -> None:
    cast, see = stage.cast, stage.witness.has_permission
    john, jane = stage.john().username, stage.jane().username
    stage.witness.create_role(cast.analyst)
    stage.user("holder")
    stage.witness.assign_role("holder", cast.analyst)
    played = stage.play(9)
    for name in played.call("grant_database_access").said["permissions"]:
        assert see(john, cast.database, permission=name)
        assert see(john, cast.database, cast.table, name)
        assert not see(john, cast.second_database, permission=name)
        assert not see(john, permission=name)
    assert not see(john, cast.database, permission="DROP_TABLE")
    for name in played.call("grant_table_permissions").said["permissions"]:
        assert see(jane, cast.database, cast.table, name)
        assert not see(jane, cast.database, permission=name)
        assert not see(jane, cast.database, "another", name)
    for name in played.call("grant_schema_permissions").said["permissions"]:
        assert see("holder", cast.database, schema=cast.schema, permission=name)
        assert not see("holder", cast.database, schema="elsewhere", permission=name)
        assert not see("holder", cast.database, permission=name)
    assert len(stage.audited("grant.give")) == 3
    kept = stage.rows("select count(*) as n from grants")[0]["n"]
    assert kept == sum(len(call.said["permissions"]) for call in played.calls)
    stage.play(9)  # again: the same grants, not more of them
    assert stage.rows("select count(*) as n from grants")[0]["n"] == kept


def test_block_09_takes_no_name_for_another(stage: Stage) -> None:
    """The guide gives a role's name as ``username``; where a user bears it too, nobody guesses."""
    stage.john()
    stage.jane()
    with pytest.raises(AccountError, match="no such user or role"):
        stage.play(9)
    stage.witness.create_role(stage.cast.analyst)
    stage.user(stage.cast.analyst)
    with pytest.raises(AccountError, match="principal_type"):
        stage.play(9)
    given = stage.rows("select * from grants where role_id is not null or schema_name is not null")
    assert [row for row in given if row["table_name"] is None] == []


@pytest.mark.parametrize("permissions", [[], ["SELEKT"], ["CREATE_TABLE"], "SELECT"])
def test_block_09_refuses_what_means_nothing_on_a_table(stage: Stage, permissions: object) -> None:
    jane = stage.jane().username
    with pytest.raises(InvalidInput):
        stage.client.account.grant_table_permissions(
            username=jane,
            database=stage.cast.database,
            table=stage.cast.table,
            permissions=permissions,  # type: ignore[arg-type]  # on purpose
        )
    assert stage.rows("select * from grants") == []


def test_block_10_takes_away_what_was_given_and_tells_what_is_left(stage: Stage) -> None:
    cast, see = stage.cast, stage.witness.has_permission
    john, jane = stage.john().username, stage.jane().username
    stage.witness.create_role(cast.analyst, permissions=["SELECT"], databases=[cast.database])
    stage.witness.assign_role(john, cast.analyst)
    stage.witness.grant_database_access(john, cast.database, ["SELECT", "UPDATE"])
    stage.witness.grant_table_permissions(john, cast.database, cast.table, ["DELETE"])
    stage.witness.grant_database_access(john, cast.second_database, ["UPDATE"])
    stage.witness.grant_table_permissions(jane, cast.database, cast.table, ["SELECT", "INSERT"])
    stage.witness.grant_schema_permissions(jane, cast.database, "public", ["UPDATE"])
    played = stage.play(10)
    taken = played.call("revoke_database_access").answer
    assert taken.removed_count == 3
    assert [held.privilege for held in taken.still_held] == ["SELECT"]
    assert taken.still_held[0].paths[0].roles == [cast.analyst]
    assert not see(john, cast.database, cast.table, "DELETE")
    assert not see(john, cast.database, permission="UPDATE")
    assert see(john, cast.database, permission="SELECT")  # by the role
    assert see(john, cast.second_database, permission="UPDATE")
    revoked = played.call("revoke_permissions").answer
    assert [grant.privilege for grant in revoked.removed] == ["INSERT"]
    assert revoked.still_held == []
    assert see(jane, cast.database, cast.table, "SELECT")
    assert see(jane, cast.database, cast.table, "UPDATE")
    assert not see(jane, cast.database, cast.table, "INSERT")
    again = stage.play(10)
    assert again.call("revoke_permissions").answer.removed == []


def test_block_11_tells_what_a_user_may_do(stage: Stage) -> None:
    john, cast = stage.john().username, stage.cast
    stage.witness.grant_database_access(john, cast.database, ["SELECT", "INSERT", "UPDATE"])
    played = stage.play(11)
    first, second, third = played.lines
    assert all(name in first for name in ("SELECT", "INSERT", "UPDATE", cast.database))
    assert second.endswith("True")
    assert third.endswith("True")
    held = played.names["permissions"]
    assert "SELECT" in held
    assert "DELETE" not in held
    assert ("SELECT", cast.database, "public", cast.table) in held
    assert ("SELECT", cast.second_database) not in held
    assert held == stage.witness.get_user_permissions(john) or list(held) == list(
        stage.witness.get_user_permissions(john)
    )


@pytest.mark.parametrize("state", ["unknown", "no right", "locked", "suspended", "deleted"])
def test_block_11_says_no_and_raises_not_for_whoever_has_nothing(stage: Stage, state: str) -> None:
    cast = stage.cast
    if state != "unknown":
        stage.john()
    if state in ("locked", "suspended", "deleted"):
        stage.witness.grant_database_access(cast.john, cast.database, ["ALL"])
        if state == "deleted":
            stage.witness.soft_delete_user(cast.john)
        else:
            stage.witness.update_user_status(cast.john, state)
    manager = stage.client.account
    assert manager.has_database_access(username=cast.john, database=cast.database) is False
    found = manager.has_permission(
        username=cast.john, database=cast.database, table=cast.table, permission="SELECT"
    )
    assert found is False
    with pytest.raises(AccountError, match="SELECT"):
        manager.has_permission(cast.john, cast.database, permission="SELEKT")
    if state == "unknown":
        with pytest.raises(AccountError):
            stage.play(11)
