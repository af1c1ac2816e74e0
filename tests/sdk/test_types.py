"""What a type checker tells people who write against the client.

Nothing here runs but the definitions: mypy reads it, and an ignored error that is none is one.
"""

from typing import assert_type

from tenantry import AccountManager, AsyncAccountManager, AsyncClient, Client
from tenantry.sdk.pages import AsyncPages, Pages
from tenantry.users.model import UserData


def blocking_code(client: Client) -> None:
    account = client.account
    assert_type(account, AccountManager)
    assert_type(account.create_user("anna", email="anna@example.org", badge=7), UserData)
    assert_type(account.get_user("anna"), UserData | None)
    assert_type(account.list_users(), Pages[UserData])
    assert_type([user.username for user in account.search_users(status="active")], list[str])
    assert_type(account.change_password("anna", new_password="secret"), None)
    with client.connect("127.0.0.1", port=8420) as same:
        assert_type(same, Client)
    account.get_user()  # type: ignore[call-arg]  # a name is missing
    account.get_user(5)  # type: ignore[arg-type]  # a name is no number
    account.get_user("anna", verbose=True)  # type: ignore[call-arg]  # no such parameter
    account.get_usr("anna")  # type: ignore[attr-defined]  # no such method


async def awaiting_code(client: AsyncClient) -> None:
    account = client.account
    assert_type(account, AsyncAccountManager)
    assert_type(await account.create_user("anna"), UserData)
    assert_type(await account.list_users(), AsyncPages[UserData])
    assert_type([user.username async for user in await account.list_users()], list[str])
    assert_type(await client.connect(), AsyncClient)
    await account.get_user(5)  # type: ignore[arg-type]  # a name is no number


def test_both_forms_of_a_client_are_typed() -> None:
    assert blocking_code.__annotations__["client"] is Client
    assert awaiting_code.__annotations__["client"] is AsyncClient
