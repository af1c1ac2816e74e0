"""Grants through the client, over HTTP and in process: as the guide writes it, and as one likes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tenantry import AccountManager, Client
from tenantry.errors import (
    AccountError,
    InvalidInput,
    PrincipalNotFound,
    RoleNotFound,
    UserNotFound,
)
from tenantry.settings import Settings
from tests.installation import TRANSPORTS, installed


@pytest.fixture(params=TRANSPORTS)
def accounts(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AccountManager]:
    """The account manager of an installation with two users and a role."""
    with (
        installed(request.param, settings, monkeypatch) as installation,
        Client(*installation.params) as client,
    ):
        for name in ("john_doe", "jane_smith"):
            client.account.create_user(name, "a lantern in the reeds")
        client.account.create_role("data_analyst", permissions=["CREATE_VIEW"])
        yield client.account


def test_by_keyword_as_the_guide_has_it(accounts: AccountManager) -> None:
    accounts.grant_database_access(
        username="john_doe", database="analytics_db", permissions=["SELECT", "INSERT", "UPDATE"]
    )
    accounts.grant_table_permissions(
        username="jane_smith",
        database="analytics_db",
        table="user_data",
        permissions=["SELECT", "INSERT"],
    )
    accounts.grant_schema_permissions(
        username="data_analyst",
        database="analytics_db",
        schema="public",
        permissions=["CREATE_TABLE", "DROP_TABLE"],
    )
    accounts.assign_role("john_doe", "data_analyst")
    permissions = accounts.get_user_permissions("john_doe")
    assert "SELECT" in permissions
    assert ("CREATE_TABLE", "analytics_db", "public") in permissions
    assert ("CREATE_TABLE", "analytics_db") not in permissions
    assert ("CREATE_VIEW", "anywhere") in permissions
    assert accounts.has_database_access(username="john_doe", database="analytics_db")
    for table, allowed in (("user_data", True), (None, True)):
        assert allowed is accounts.has_permission(
            username="john_doe", database="analytics_db", table=table, permission="SELECT"
        )
    taken = accounts.revoke_permissions(
        username="jane_smith", database="analytics_db", table="user_data", permissions=["INSERT"]
    )
    assert [grant.privilege for grant in taken.removed] == ["INSERT"]
    left = accounts.get_user_permissions("jane_smith")
    assert repr(left) == "{SELECT on analytics_db.public.user_data}"
    taken = accounts.revoke_database_access(username="john_doe", database="analytics_db")
    assert taken.removed_count == 3
    assert {still.privilege for still in taken.still_held} == {
        "CREATE_TABLE",
        "DROP_TABLE",
        "CREATE_VIEW",
    }
    assert {tuple(path.roles) for still in taken.still_held for path in still.paths} == {
        ("data_analyst",)
    }
    assert accounts.has_database_access("john_doe", "analytics_db")


def test_by_place(accounts: AccountManager) -> None:
    given = accounts.grant_database_access("john_doe", "sales", ("SELECT", "DELETE"))
    assert [grant.granted_by for grant in given.granted] == ["root", "root"]
    accounts.grant_schema_permissions("john_doe", "sales", "eu", ["CREATE_TABLE"])
    accounts.grant_table_permissions("john_doe", "sales", "orders", {"INSERT"})
    assert accounts.has_permission("john_doe", "sales", "orders", "INSERT")
    assert accounts.has_permission("john_doe", "sales", None, "CREATE_TABLE", "eu")
    assert not accounts.has_permission("john_doe", None, None, "SELECT")
    assert [g.label() for g in accounts.list_grants("john_doe", "sales", "public")] == [
        "INSERT on sales.public.orders"
    ]
    assert accounts.revoke_permissions("john_doe", "sales", "orders", ["INSERT"]).removed_count == 1
    assert accounts.revoke_database_access("john_doe", "sales").removed_count == 3


def test_many_questions_an_explanation_and_what_if(accounts: AccountManager) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    accounts.grant_database_access("data_analyst", "sales", ["SELECT"], valid_until=tomorrow)
    accounts.assign_role("john_doe", "data_analyst")
    question = {"username": "john_doe", "database": "sales"}
    assert accounts.check_permissions(
        [
            {**question, "permission": "SELECT", "table": "orders"},
            {**question, "permission": "INSERT"},
            {"username": "nobody", "permission": "SELECT"},
        ]
    ) == [True, False, False]
    found = accounts.explain_permission("john_doe", "sales", "orders", "SELECT")
    (path,) = found.paths
    assert (path.roles, path.database, path.valid_until) == (["data_analyst"], "sales", tomorrow)
    lacking = accounts.explain_permission("john_doe", "sales", permission="INSERT")
    assert lacking.remedy is not None
    assert lacking.remedy.grant.label() == "INSERT on sales"
    assert [h.username for h in accounts.list_holders("SELECT", "sales")] == ["john_doe"]
    (effect,) = accounts.what_if_role("data_analyst", databases=["stock"])
    assert effect.gains == []  # what was on everything was on this, too
    assert [one.label() for one in effect.loses] == ["CREATE_VIEW on everything"]


def test_what_goes_wrong_is_an_account_error_of_its_kind(accounts: AccountManager) -> None:
    with pytest.raises(PrincipalNotFound):
        accounts.grant_database_access("nobody", "sales", ["SELECT"])
    with pytest.raises(RoleNotFound):
        accounts.grant_database_access("nobody", "sales", ["SELECT"], principal_type="role")
    with pytest.raises(UserNotFound):
        accounts.get_user_permissions("nobody")
    with pytest.raises(InvalidInput, match="permissions"):
        accounts.grant_database_access("john_doe", "sales", [])
    with pytest.raises(InvalidInput, match="did you mean SELECT"):
        accounts.has_permission("john_doe", "sales", permission="SELEKT")
    with pytest.raises(AccountError, match="on a schema or more"):
        accounts.grant_table_permissions("john_doe", "sales", "orders", ["CREATE_TABLE"])
    accounts.create_role("john_doe")
    with pytest.raises(AccountError, match="both a user and a role"):
        accounts.grant_database_access("john_doe", "sales", ["SELECT"])
    assert not accounts.has_permission("nobody", "sales", "orders", "SELECT")
    assert not accounts.has_database_access("nobody", "sales")
