import anyio
import pytest

from tenantry.errors import ConnectionError, InvalidCredentials
from tenantry.sdk import AsyncClient

from .conftest import USER, FakeServer, page

pytestmark = pytest.mark.anyio


def client_of(fake: FakeServer, password: str = "right") -> AsyncClient:
    return AsyncClient("127.0.0.1", fake.port, "root", password, "tenantry")


async def test_the_account_manager_is_there_once_connected(fake: FakeServer) -> None:
    client = client_of(fake)
    with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
        _ = client.account
    assert await client.connect() is client
    manager = client.account
    assert manager is client.account
    assert (await manager.whoami()).username == USER["username"]
    await client.close()
    await client.close()
    with pytest.raises(ConnectionError, match=r"call connect\(\) first"):
        await manager.whoami()
    assert [asked.path for asked in fake.asked] == ["/api/v1/me", "/api/v1/logout"]


async def test_connecting_again_with_the_same_parameters_does_nothing(fake: FakeServer) -> None:
    params = ("127.0.0.1", fake.port, "root", "right", "tenantry")
    async with AsyncClient(*params) as client:
        await client.account.whoami()
        await client.connect(*params)
        await client.connect(host="127.0.0.1", user="root", password="right")
        await client.account.whoami()
    assert fake.logins == 1


async def test_lists_are_walked_with_async_for(fake: FakeServer) -> None:
    fake.answers += [page(["a", "b"], "1"), page(["c"], None)]
    async with client_of(fake) as client:
        users = await client.account.list_users()
        assert users
        assert [user.username async for user in users] == ["a", "b", "c"]


async def test_many_tasks_share_a_client_and_one_login(fake: FakeServer) -> None:
    fake.login_seconds = 0.1
    async with client_of(fake) as client, anyio.create_task_group() as tasks:
        for _ in range(64):
            tasks.start_soon(client.account.whoami)
    assert fake.logins == 1


async def test_reconnecting_lets_calls_end_where_they_have_begun(fake: FakeServer) -> None:
    names: list[str] = []

    async def ask(client: AsyncClient) -> None:
        names.append((await client.account.whoami()).username)

    async with client_of(fake) as client:
        await client.account.whoami()
        fake.seconds = 0.3
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(ask, client)
            await anyio.sleep(0.1)
            fake.seconds = 0.0
            await client.connect(user="somebody", password="right")
            assert len(names) == 8
        await ask(client)
    assert fake.logins == 2
    tokens = [asked.token for asked in fake.asked if asked.path == "/api/v1/me"]
    assert tokens == ["token-1"] * 9 + ["token-2"]
    assert sorted(a.token or "" for a in fake.asked if a.path == "/api/v1/logout") == [
        "token-1",
        "token-2",
    ]


async def test_closing_ends_the_calls_that_wait(fake: FakeServer) -> None:
    fake.login_seconds = 0.5
    refused: list[str] = []

    async def ask(client: AsyncClient) -> None:
        with pytest.raises(ConnectionError) as caught:
            await client.account.whoami()
        refused.append(str(caught.value))

    client = await client_of(fake).connect()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, client)
        await anyio.sleep(0.1)
        await client.close()
    assert refused == ["The client was closed during the call."]


async def test_a_cancelled_call_leaves_the_client_usable(fake: FakeServer) -> None:
    async with client_of(fake) as client:
        await client.account.whoami()
        for _ in range(40):  # more than there are connections
            fake.seconds = 0.2
            with anyio.move_on_after(0.01):
                await client.account.whoami()
            fake.seconds = 0.0
        assert (await client.account.whoami()).username == "john"
    assert fake.logins == 1


async def test_a_reconnection_that_fails_leaves_the_client_as_it_was(fake: FakeServer) -> None:
    async with client_of(fake) as client:
        with pytest.raises(InvalidCredentials):
            async with client_of(fake, "wrong") as other:
                await other.account.whoami()
        with pytest.raises(Exception, match="port"):
            await client.connect(port=99999)
        assert (await client.account.whoami()).username == "john"
