"""Accounts that were on a server before: managed while they are, and given back as they were."""

from typing import Any

import pytest

from tenantry.databases import enforcement
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    DatabasePlan,
    PlanDatabaseAction,
    RevertDatabaseAction,
)
from tenantry.databases.model import FoundState, Right, WantedState
from tenantry.errors import DatabaseConflict, StateConflict
from tenantry.grants.actions import GiveAction, RevokeAccessAction
from tenantry.grants.model import PrincipalType
from tenantry.kernel.action import Action
from tenantry.lockout.actions import LockAccountAction, UnlockAccountAction
from tenantry.privileges.model import Privilege
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.testing.users import make_user
from tenantry.users.actions import PurgeUserAction
from tenantry.users.model import UserData
from tests.conftest import Trail
from tests.connectors.postgres_shop import PostgresShop
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio

BEFORE = {
    "postgresql": (
        "create role app login password 'old one'",
        "grant select on goods to app",
        "grant update (name) on goods to app",
        "grant usage on schema sales to app",
        "grant insert on sales.orders to app with grant option",
        "grant execute on procedure sales.forget() to app",
        "alter default privileges in schema sales grant select on tables to app",
    ),
    "mariadb": (
        "create user app identified by 'old one'",
        "grant select, update (name) on goods to app",
        "grant insert on orders to app with grant option",
        "grant execute on procedure forget to app",
        "grant lock tables on `{0}`.* to app",
    ),
}
SHUT = {
    "postgresql": ("alter role app nologin", "alter role app login"),
    "mariadb": ("alter user app account lock", "alter user app account unlock"),
}


class Taken:
    """An account of the server that stands for somebody, and what is done to it."""

    def __init__(self, somewhere: Somewhere) -> None:
        self.somewhere = somewhere
        self.kind = somewhere.managed.kind.value
        self.name = "app" if self.kind == "postgresql" else "app@%"

    async def made(self) -> None:
        """As it was before Tenantry came."""
        pattern = self.somewhere.shop.database.replace("_", "\\_")
        await self.somewhere.shop.run(*(said.format(pattern) for said in BEFORE[self.kind]))

    async def adopt(self, whom: str, **more: Any) -> None:
        action = AdoptDatabaseAction("shop", name=self.name, principal=whom, **more)
        await self.somewhere.tenantry.databases.adopt_database.wait_for_complete(action)

    async def run(self, action: Action[Any]) -> None:
        """Something is done, and the server follows."""
        await self.somewhere.tenantry.run(action)
        await self.somewhere.follow()

    async def plan(self) -> DatabasePlan:
        run = self.somewhere.tenantry.databases.plan_database.wait_for_complete
        return (await run(PlanDatabaseAction("shop"))).data

    async def rights(self) -> set[Right]:
        """All that it has on the server."""
        found = await self.somewhere.shop.connector.survey()
        return {right for right in found.rights if right.principal == self.name}

    async def may(self, privilege: Privilege) -> bool:
        """Whether it may do this with the goods."""
        line = await self.somewhere.shop.log_in("app", "old one")
        may = await line.may(privilege, self.somewhere.shop.tables[0])
        await line.close()
        return may

    async def is_let_in(self) -> bool:
        try:
            line = await self.somewhere.shop.log_in("app", "old one")
        except PermissionError:
            return False
        await line.close()
        return True


@pytest.fixture
async def app(somewhere: Somewhere) -> Taken:
    """It, before it is adopted."""
    taken = Taken(somewhere)
    await taken.made()
    return taken


async def test_it_has_what_is_granted_after_one_apply_and_all_of_its_own_after_a_revert(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    before = await app.rights()
    assert len(before) >= 5
    await app.adopt("ada")
    await somewhere.give(ada, "DELETE")
    await somewhere.apply()
    assert (await app.plan()).empty
    assert await app.may(Privilege.DELETE)
    assert not await app.may(Privilege.SELECT)
    await app.run(RevertDatabaseAction("shop"))
    assert await app.rights() == before
    assert await app.may(Privilege.SELECT)
    assert not await app.may(Privilege.DELETE)


async def test_a_naive_revert_leaves_it_with_nothing(
    somewhere: Somewhere, app: Taken, ada: UserData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(scope: Any, *_: object) -> WantedState:
        """What is managed is taken to be ours."""
        return WantedState(scope)

    monkeypatch.setattr(enforcement, "as_before", nothing)
    await app.adopt("ada")
    await somewhere.give(ada, "DELETE")
    await somewhere.apply()
    await app.run(RevertDatabaseAction("shop"))
    assert await app.rights() == set()
    assert not await app.is_let_in()


async def test_a_revert_while_its_user_is_locked_lets_it_in_again(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "DELETE")
    await somewhere.apply()
    await app.run(LockAccountAction(user="ada", reason="left"))
    assert not await app.is_let_in()
    await app.run(RevertDatabaseAction("shop"))
    assert await app.is_let_in()


async def test_a_revert_does_not_stop_at_what_is_gone_meanwhile(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    before = await app.rights()
    await app.adopt("ada")
    await somewhere.apply()
    assert await app.rights() == set()
    is_postgresql = app.kind == "postgresql"
    table, forget = ("sales.orders", "sales.forget()") if is_postgresql else ("orders", "forget")
    if is_postgresql:
        await somewhere.shop.run("drop view sales.totals")
    column = "alter table goods drop column name"
    await somewhere.shop.run(f"drop table {table}", f"drop procedure {forget}", column)
    await app.run(RevertDatabaseAction("shop"))
    left = await app.rights()
    assert left < before
    assert not any({"orders", "sales.forget()", "forget"} & set(right.path) for right in left)


async def test_who_is_locked_and_unlocked_comes_in_again_with_the_same_password(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    line = await somewhere.shop.log_in("app", "old one")
    await app.run(LockAccountAction(user="ada", reason="left"))
    assert not await line.is_open()
    assert not await app.is_let_in()
    await app.run(UnlockAccountAction(user="ada"))
    assert await app.may(Privilege.SELECT)
    assert (await app.plan()).empty


async def test_who_was_shut_out_by_somebody_else_stays_out(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    shut, opened = SHUT[app.kind]
    await somewhere.shop.run(shut)
    await app.run(LockAccountAction(user="ada", reason="left"))
    await app.run(UnlockAccountAction(user="ada"))
    assert not await app.is_let_in()
    await app.run(LockAccountAction(user="ada", reason="left"))
    await somewhere.shop.run(opened)
    await somewhere.apply()
    assert not await app.is_let_in(), "its user is locked, whoever opens it"


async def test_who_loses_all_has_nothing_there_and_keeps_the_account(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    await app.run(RevokeAccessAction(principal="ada", database="shop"))
    assert await app.rights() == set()
    assert await app.is_let_in()


async def test_of_a_purged_user_it_is_locked_and_may_stand_for_somebody_else(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    before = await app.rights()
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    await app.run(PurgeUserAction(user="ada"))
    assert await app.rights() == set()
    assert not await app.is_let_in()
    ben = await make_user(somewhere.tenantry, "ben")
    await app.adopt("ben")
    with pytest.raises(DatabaseConflict):
        await app.adopt("ben")
    await somewhere.give(ben, "SELECT")
    await somewhere.apply()
    assert await app.may(Privilege.SELECT)
    await app.run(RevertDatabaseAction("shop"))
    assert await app.rights() == before


async def test_one_that_somebody_has_removed_stops_nobody_else(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    drop = "drop owned by app; drop role app" if app.kind == "postgresql" else "drop user app"
    await somewhere.shop.run(drop)
    ben = await make_user(somewhere.tenantry, "ben")
    await somewhere.give(ben, "SELECT")
    await somewhere.apply()
    assert await somewhere.is_let_in(await somewhere.login(ben))
    plan = await app.plan()
    assert plan.empty
    [said] = [finding.reason for finding in plan.findings if finding.refused]
    assert "adopted and is on the server no more" in said


async def test_by_a_role_it_has_each_right_itself_and_keeps_its_own_roles(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    own = ("create role readers", "grant select on goods to readers", "grant readers to app")
    worn = () if app.kind == "postgresql" else ("set default role readers for app",)
    await somewhere.shop.run(*own, *worn)
    await app.adopt("ada")
    await somewhere.tenantry.run(CreateRoleAction(name="cleaners"))
    give = GiveAction(
        principal="cleaners",
        permissions=["DELETE"],
        database="shop",
        schema="public",
        table="goods",
    )
    await somewhere.tenantry.run(give)
    await somewhere.tenantry.run(AssignRolesAction("ada", ["cleaners"]))
    await somewhere.apply()
    assert (await app.plan()).empty
    assert await app.may(Privilege.DELETE)
    assert await app.may(Privilege.SELECT), "by a role of the server's own"


async def test_an_adopted_role_is_given_back_with_its_members(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await somewhere.shop.run("create role readers", "grant readers to app")
    await somewhere.shop.run("grant select on goods to readers")
    if app.kind == "mariadb":
        await somewhere.shop.run("create user readers@localhost identified by 'another'")
    found = (await somewhere.shop.connector.survey()).rights
    before = {right for right in found if right.principal == "readers" or "readers" in right.path}
    assert before
    await somewhere.tenantry.run(CreateRoleAction(name="lookers"))
    action = AdoptDatabaseAction(
        "shop", name="readers", principal="lookers", principal_type=PrincipalType.ROLE
    )
    await somewhere.tenantry.databases.adopt_database.wait_for_complete(action)
    await somewhere.apply()
    during: FoundState = await somewhere.shop.connector.survey()
    assert not before & during.rights
    if app.kind == "mariadb":
        assert "readers@localhost" in during.principals, "of the same name, and none of ours"
    await app.run(RevertDatabaseAction("shop"))
    assert before <= (await somewhere.shop.connector.survey()).rights


async def test_it_keeps_its_own_password_and_gets_no_login(
    somewhere: Somewhere, app: Taken, ada: UserData, trail: Trail
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    with pytest.raises(StateConflict) as caught:
        await somewhere.login(ada)
    assert "keeps the password" in str(caught.value)
    assert await app.is_let_in()
    [entry] = await trail("database.login")
    assert (entry.actor, entry.outcome, entry.reason) == ("ada", "failed", StateConflict.code)


async def test_while_it_is_locked_its_password_stays(
    somewhere: Somewhere, app: Taken, ada: UserData
) -> None:
    await app.adopt("ada")
    await somewhere.give(ada, "SELECT")
    await somewhere.apply()
    shop = somewhere.shop
    if isinstance(shop, PostgresShop):
        asked = "select rolpassword from pg_authid where rolname = 'app'"
        stored = await shop.owner.fetchval(asked)
        await app.run(LockAccountAction(user="ada", reason="left"))
        assert stored is not None
        assert await shop.owner.fetchval(asked) == stored
        return
    await app.run(LockAccountAction(user="ada", reason="left"))
    assert not await app.is_let_in()
    await shop.run("alter user app account unlock")
    assert await app.is_let_in()
