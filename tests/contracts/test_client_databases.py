"""Managed databases by the Python client, over HTTP and within the process, on real servers."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tenantry import AsyncClient, Client, errors
from tenantry.databases.managed import Standing
from tenantry.databases.model import DriftKind
from tenantry.privileges.model import Privilege
from tenantry.sdk import AccountManager
from tenantry.settings import Settings
from tenantry.testing.users import PASSWORD
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Shop, dsn_of
from tests.installation import TRANSPORTS, Installation, installed

pytestmark = pytest.mark.anyio

SECRET = "a quiet keeper of keys"
NOBODY_LISTENS = "postgresql://keeper@127.0.0.1:1/shop"


@pytest.fixture(params=["postgres_shop", "maria_shop"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """A database that was there before Tenantry, on a server of each kind."""
    found: Shop = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=TRANSPORTS)
def installation(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    allowed = (*settings.managed_hosts, tempfile.gettempdir())
    with installed(request.param, replace(settings, managed_hosts=allowed), monkeypatch) as made:
        yield made


@pytest.fixture
def manager(installation: Installation) -> Iterator[AccountManager]:
    with Client(*installation.params) as client:
        yield client.account


def client_of(installation: Installation, name: str) -> Client:
    """Somebody's own."""
    return Client(*installation.params[:2], name, PASSWORD)


def fields(caught: pytest.ExceptionInfo[errors.InvalidInput]) -> list[str]:
    return [violation.field for violation in caught.value.violations]


async def test_what_is_granted_by_a_program_is_what_the_server_does(
    shop: Shop, installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("ada", PASSWORD)
    made = manager.add_database("shop", dsn_of(shop), kind=shop.kind)
    assert (made.name, made.kind, made.standing) == ("shop", shop.kind, Standing.NEW)
    assert manager.get_database("shop") == made
    assert list(manager.list_databases()) == [made]
    assert manager.check_database("shop").proven
    manager.grant_table_permissions("ada", "shop", "goods", ["SELECT"])
    planned = manager.plan_database("shop")
    assert any("user ada" in step.about for step in planned.steps)
    applied = manager.apply_database("shop")
    assert (applied.done, applied.steps) == (True, len(planned.steps))
    assert manager.plan_database("shop").empty
    assert any("SELECT" in text for text in manager.dump_database("shop").statements)
    with client_of(installation, "ada") as client:
        opened = client.account.login_to_database("shop", minutes=5)
    assert opened.username in opened.dsn
    assert opened.password not in repr(opened)
    line = await shop.log_in(opened.username, opened.password)
    assert await line.may(Privilege.SELECT, shop.tables[0])
    assert not await line.may(Privilege.INSERT, shop.tables[0])
    await shop.run(f"grant insert on goods to {opened.username}")
    assert [step.drift for step in manager.drift_database("shop").steps] == [DriftKind.EXTRA]
    seen = manager.get_database("shop")
    assert seen is not None
    assert (seen.standing, seen.drift) == (Standing.APPLIED, {"extra": 1})
    manager.revoke_database_access("ada", "shop")
    manager.apply_database("shop")
    assert not await line.is_open()
    with pytest.raises(PermissionError):
        await shop.log_in(opened.username, opened.password)


async def test_a_database_is_changed_let_go_and_free_of_what_was_made_there(
    shop: Shop, manager: AccountManager
) -> None:
    manager.create_user("ada", PASSWORD)
    made = manager.add_database("shop", dsn_of(shop), kind=shop.kind)
    changed = manager.update_database("shop", allow_wider=True, version=made.version)
    assert (changed.allow_wider, changed.close_public) == (True, False)
    with pytest.raises(errors.VersionConflict):
        manager.update_database("shop", allow_wider=False, version=made.version)
    before = await shop.connector.survey()
    manager.grant_table_permissions("ada", "shop", "goods", ["SELECT"])
    assert manager.apply_database("shop").done
    assert await shop.connector.survey() != before
    assert manager.revert_database("shop").done
    assert (await shop.connector.survey()).principals == before.principals
    assert manager.remove_database("shop").name == "shop"
    assert manager.get_database("shop") is None
    with pytest.raises(errors.DatabaseNotFound):
        manager.plan_database("shop")


async def test_what_is_there_is_proposed_made_here_and_taken_over(
    shop: Shop, manager: AccountManager
) -> None:
    is_postgresql = isinstance(shop, PostgresShop)
    name = "app" if is_postgresql else "app@%"
    login = "role app login" if is_postgresql else "user app identified by 'older than all'"
    await shop.run(f"create {login}", "grant insert on goods to app")
    manager.create_user("ada", PASSWORD)
    manager.add_database("shop", dsn_of(shop), kind=shop.kind)
    proposal = manager.propose_database("shop")
    assert name in [one.on_server for one in proposal.principals]
    made = manager.import_database("shop")
    assert "app" in made.users
    assert manager.has_permission("app", "shop", "goods", "INSERT")
    assert manager.import_database("shop").users == []
    manager.adopt_database("shop", name, "app", principal_type="user")
    with pytest.raises(errors.DatabaseConflict):
        manager.adopt_database("shop", name, "ada")
    with pytest.raises(errors.UserNotFound):
        manager.adopt_database("shop", name, "nobody", principal_type="user")
    manager.apply_database("shop")
    assert manager.plan_database("shop").empty
    assert name not in [one.on_server for one in manager.propose_database("shop").principals]


async def test_what_is_wrong_is_named_and_never_repeats_a_secret(
    installation: Installation, manager: AccountManager
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        manager.add_database("shop", NOBODY_LISTENS, kind="oracle", secret=7)  # type: ignore[arg-type]
    assert sorted(fields(caught)) == ["kind", "secret"]
    with pytest.raises(errors.InvalidInput) as caught:
        manager.add_database("shop", f"postgresql://keeper:{SECRET.replace(' ', '')}@127.0.0.1/a")
    assert fields(caught) == ["dsn"]
    assert SECRET.replace(" ", "") not in repr(caught.value)
    with pytest.raises(errors.InvalidInput) as caught:
        manager.add_database("shop", "postgresql://keeper@192.0.2.1/shop", secret=SECRET)
    assert fields(caught) == ["dsn"]
    manager.add_database("shop", NOBODY_LISTENS, secret=SECRET)
    with pytest.raises(errors.DatabaseConflict):
        manager.add_database("shop", NOBODY_LISTENS)
    with pytest.raises(errors.InvalidInput) as caught:
        manager.update_database("shop", dsn="postgresql://keeper@127.0.0.1:2/shop")
    assert fields(caught) == ["secret"]
    with pytest.raises(errors.InvalidInput) as caught:
        manager.update_database("shop", colour="red")
    assert fields(caught) == ["colour"]
    with pytest.raises(errors.InvalidInput) as caught:
        manager.login_to_database("shop", minutes=0)
    assert fields(caught) == ["minutes"]
    with pytest.raises(errors.ConnectionError) as unreachable:
        manager.check_database("shop")
    assert SECRET not in repr(unreachable.value)
    assert SECRET not in repr(manager.get_database("shop"))


async def test_who_may_not_is_refused_and_who_sees_nothing_finds_nothing(
    installation: Installation, manager: AccountManager
) -> None:
    manager.create_user("ben", PASSWORD)
    manager.add_database("shop", NOBODY_LISTENS, secret=SECRET)
    with client_of(installation, "ben") as client:
        account = client.account
        refused = (
            lambda: account.add_database("other", NOBODY_LISTENS),
            lambda: account.update_database("shop", allow_wider=True),
            lambda: account.remove_database("shop", force=True),
            lambda: account.plan_database("shop"),
            lambda: account.apply_database("shop"),
            lambda: account.drift_database("shop"),
            lambda: account.dump_database("shop"),
            lambda: account.propose_database("shop"),
            lambda: account.adopt_database("shop", "app", "ben"),
            lambda: account.revert_database("shop"),
        )
        for call in refused:
            with pytest.raises(errors.PermissionError):
                call()
        with pytest.raises(errors.DatabaseNotFound):
            account.login_to_database("shop")
    assert manager.get_database("nothing") is None
    assert [found.name for found in manager.list_databases()] == ["shop"]


async def test_the_asynchronous_client_does_the_same(
    postgres_shop: PostgresShop, installation: Installation
) -> None:
    async with AsyncClient(*installation.params) as client:
        account = client.account
        await account.create_user("ada", PASSWORD)
        await account.add_database("shop", dsn_of(postgres_shop))
        await account.grant_table_permissions("ada", "shop", "goods", ["SELECT"])
        assert (await account.apply_database("shop")).done
        assert [found.name async for found in await account.list_databases()] == ["shop"]
        assert (await account.drift_database("shop")).empty
        async with AsyncClient(*installation.params[:2], "ada", PASSWORD) as own:
            opened = await own.account.login_to_database("shop")
        line = await postgres_shop.log_in(opened.username, opened.password)
        assert await line.may(Privilege.SELECT, postgres_shop.tables[0])
        await account.revert_database("shop")
        assert not await line.is_open()
