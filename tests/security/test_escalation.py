"""By no path does anybody get what the giver lacks; by each, a build without its rule lets them.

Every path is walked twice with the same actions: as it is, and with the rule that stands in its way
taken out of the real code. A path whose rule is not the one named here would fail the second walk.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from tenantry.app import App
from tenantry.errors import NotAuthenticated, PermissionError, TenantryError, UserNotFound
from tenantry.grants.actions import CheckAction, GiveAction
from tenantry.kernel.action import Action, Actor, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.transaction import Transaction
from tenantry.lockout.actions import LockAccountAction
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    EnsureRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
)
from tenantry.roles.authority import Authority
from tenantry.roles.model import RoleModifier
from tenantry.roles.repository import RoleRepository
from tenantry.tenants.actions import AssignDatabaseToTenantAction, AssignUserToTenantAction
from tenantry.testing.users import actor_of, make_user
from tenantry.users import access, queries
from tenantry.users.access import RoleGuard, Scope
from tenantry.users.actions import GetUserAction, ImportUsersAction, ModifyUserAction
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole
from tenantry.users.repository import UserRepository

pytestmark = pytest.mark.anyio

GIVING = ["role.create", "role.modify", "role.ensure", "role.assign", "role.inherit"]
HELD = [*GIVING, "grant.give", "user.create", "user.import", "SELECT", "GRANT_PRIVILEGES"]
Rule = tuple[object, str, object]
"""Where a rule is, its name there, and what a build has in its place that lacks it."""


@dataclass(frozen=True)
class Stage:
    """A helper who may give what the role ``own`` holds on ``sales``, an admin, a mole of hers.

    The role ``rich`` can DELETE on ``sales``, which nobody here holds but the admin by office.
    """

    app: App
    people: dict[str, UserData]

    async def act(self, who: str, action: Action[Any]) -> Any:
        with acting_as(await self.actor(who)):
            return await self.app.run(action)

    async def actor(self, who: str) -> Actor:
        if who not in self.people:
            found = await self.app.run(GetUserAction(user=who))
            self.people[who] = found.data
        return await actor_of(self.app, self.people[who])

    async def can_delete(self, who: str) -> bool:
        action = CheckAction(user=who, permission="DELETE", database="sales")
        return bool((await self.app.run(action)).allowed)

    async def succeeds(self, who: str, action: Action[Any]) -> bool:
        """Whether somebody can now do this, who could not before."""
        try:
            await self.act(who, action)
        except (NotAuthenticated, PermissionError, UserNotFound):
            return False
        return True


@pytest.fixture
async def stage(tenantry: App, admin: UserData, john: UserData, stranger: UserData) -> Stage:
    people = {"adele": admin, "john": john, "stranger": stranger}
    for name, role in (("mole", UserRole.ADMIN), ("helper", UserRole.USER)):
        people[name] = await make_user(tenantry, name, role=role)
    await tenantry.run(AssignDatabaseToTenantAction("default", "sales"))
    for name, held in (("own", HELD), ("rich", ["DELETE"]), ("locking", ["user.lock"])):
        made = CreateRoleAction(
            name=name, permissions=held, databases=["sales"], domain_name="default"
        )
        await tenantry.run(made)
    await tenantry.run(AssignRolesAction("helper", ["own"]))
    return Stage(tenantry, people)


def role_of(*permissions: str) -> RoleModifier:
    return RoleModifier(permissions=OptionalState.update([*HELD, *permissions]))


def imported(**fields: Any) -> ImportUsersAction:
    return ImportUsersAction(users=[UserCreator(username="new", email="new@example.com", **fields)])


async def granted(*arguments: object, **beside: object) -> None:
    """Nobody asks whether the giver holds it."""


async def nothing_is_missing(*arguments: object, **beside: object) -> list[object]:
    """The same, where it is asked for many at once."""
    return []


def allowed(*arguments: object, **beside: object) -> None:
    """Nobody asks whether the actor may."""


async def any_tenant(self: UserRepository, tx: Transaction, name: str, scope: Scope) -> UUID | None:
    """A tenant is found by its name, in sight or not."""
    found: UUID | None = await tx.fetchval(queries.FIND_TENANT, name)
    return found


async def keep_all(*arguments: object) -> int:
    """Who moves keeps the roles of the tenant left."""
    return 0


def everything(cls: type[Scope], actor: Actor) -> Scope:
    """Everybody sees everything."""
    return cls()


OF_ANY_TENANT = replace(
    queries.FIND_PRINCIPAL,
    sql=queries.FIND_PRINCIPAL.sql.replace(
        "and (r.tenant_id is null or r.tenant_id = u.tenant_id)", ""
    ),
)
HOLDING: tuple[Rule, ...] = ((Authority, "require_held", granted),)
BUILT_IN: tuple[Rule, ...] = ((access, "_require_may_give", allowed),)
CHANGING: tuple[Rule, ...] = ((access, "require_may_change", allowed),)
IN_SIGHT: tuple[Rule, ...] = ((UserRepository, "find_tenant", any_tenant),)


@dataclass(frozen=True)
class Path:
    """Who tries what, one after the other, what would be gained, and the rules against it."""

    who: str
    tries: tuple[Action[Any], ...]
    gained: Callable[[Stage], Awaitable[bool]]
    rules: tuple[Rule, ...]
    fenced: bool = False
    """Whether the database's own fence between tenants stands in the way, too."""

    async def walk(self, stage: Stage) -> bool:
        """Whether it leads anywhere, however far the attempts get."""
        assert not await self.gained(stage)
        await self._try(stage)
        return await self.gained(stage)

    async def walk_without_rules(self, stage: Stage) -> bool:
        """The same where nothing that is against it is there while it is tried."""
        assert not await self.gained(stage)
        with pytest.MonkeyPatch.context() as patch:
            for owner, rule, naive in self.rules:
                patch.setattr(owner, rule, naive)
            fence = stage.app.database._fence
            assert fence is not None
            if self.fenced:
                patch.setattr(stage.app.database, "_fence", replace(fence, tenant=lambda: None))
            await self._try(stage)
        return await self.gained(stage)

    async def _try(self, stage: Stage) -> None:
        for action in self.tries:
            with suppress(TenantryError):
                await stage.act(self.who, action)


def deletes(who: str) -> Callable[[Stage], Awaitable[bool]]:
    """Somebody can delete from the database."""

    async def gained(stage: Stage) -> bool:
        with suppress(UserNotFound):
            return await stage.can_delete(who)
        return False

    return gained


def does(who: str, action: Action[Any]) -> Callable[[Stage], Awaitable[bool]]:
    """Somebody can do something."""

    async def gained(stage: Stage) -> bool:
        with suppress(UserNotFound):
            return await stage.succeeds(who, action)
        return False

    return gained


RAISED = UserModifier(role=OptionalState.update(UserRole.SUPERADMIN))
MOVED = UserModifier(domain_name=OptionalState.update("other"))
LOCKS = LockAccountAction(user="john", reason="why not")
LOCKS_THERE = LockAccountAction(user="stranger", reason="why not")
SEES_HERE, SEES_THERE = GetUserAction(user="john"), GetUserAction(user="stranger")
PATHS = {
    "a role that is made": Path(
        "helper",
        (
            CreateRoleAction(name="mine", permissions=["DELETE"], databases=["sales"]),
            AssignRolesAction("helper", ["mine"]),
        ),
        deletes("helper"),
        HOLDING,
    ),
    "a role that is edited": Path(
        "helper", (ModifyRoleAction("own", role_of("DELETE")),), deletes("helper"), HOLDING
    ),
    "a role that is edited to hold a permission": Path(
        "helper",
        (ModifyRoleAction("own", role_of("user.lock")),),
        does("helper", LOCKS),
        HOLDING,
    ),
    "a role that is ensured": Path(
        "helper",
        (EnsureRoleAction(name="own", permissions=[*HELD, "DELETE"], databases=["sales"]),),
        deletes("helper"),
        HOLDING,
    ),
    "a role that inherits": Path(
        "helper", (InheritRoleAction("own", "rich"),), deletes("helper"), HOLDING
    ),
    "a role that is assigned": Path(
        "helper", (AssignRolesAction("john", ["rich"]),), deletes("john"), HOLDING
    ),
    "a grant to oneself": Path(
        "helper",
        (GiveAction(principal="helper", permissions=["DELETE"], database="sales"),),
        deletes("helper"),
        HOLDING,
    ),
    "a grant to a role that one holds": Path(
        "helper",
        (GiveAction(principal="own", permissions=["DELETE"], database="sales"),),
        deletes("helper"),
        HOLDING,
    ),
    "an import of somebody with a role": Path(
        "helper",
        (imported(roles=["rich"]),),
        deletes("new"),
        ((Authority, "missing", nothing_is_missing),),
    ),
    "an import of an administrator": Path(
        "helper", (imported(role=UserRole.ADMIN),), does("new", SEES_HERE), BUILT_IN
    ),
    "an import of a superadmin": Path(
        "adele", (imported(role=UserRole.SUPERADMIN),), does("new", SEES_THERE), BUILT_IN
    ),
    "an import into another tenant": Path(
        "adele",
        (imported(role=UserRole.ADMIN, domain_name="other"),),
        does("new", SEES_THERE),
        (*IN_SIGHT, (access, "require_may_create", allowed)),
        fenced=True,
    ),
    "an edit of the own built-in role": Path(
        "adele",
        (ModifyUserAction(user="adele", modifier=RAISED),),
        does("adele", SEES_THERE),
        CHANGING,
    ),
    "an edit of somebody's built-in role": Path(
        "adele",
        (ModifyUserAction(user="john", modifier=RAISED),),
        does("john", SEES_THERE),
        BUILT_IN,
    ),
    "a move to another tenant by an edit": Path(
        "adele",
        (ModifyUserAction(user="mole", modifier=MOVED),),
        does("mole", SEES_THERE),
        (*IN_SIGHT, *CHANGING),
        fenced=True,
    ),
    "a move to another tenant by the action for it": Path(
        "adele",
        (AssignUserToTenantAction("other", "mole"),),
        does("mole", SEES_THERE),
        ((RoleGuard, "check", allowed), (Scope, "of", classmethod(everything)), *CHANGING),
        fenced=True,
    ),
}


@pytest.mark.parametrize("name", PATHS)
async def test_no_path_leads_to_what_the_giver_lacks(stage: Stage, name: str) -> None:
    assert not await PATHS[name].walk(stage)


@pytest.mark.parametrize("name", PATHS)
async def test_without_its_rule_the_path_does(stage: Stage, name: str) -> None:
    assert await PATHS[name].walk_without_rules(stage)


async def moved_with_a_role(stage: Stage) -> bool:
    """Whether who could lock people in one tenant can do so in the next, to which it was moved."""
    await stage.app.run(AssignRolesAction("helper", ["locking"]))
    assert await stage.succeeds("helper", LOCKS)
    assert not await stage.succeeds("helper", LOCKS_THERE)
    await stage.app.run(AssignUserToTenantAction("other", "helper"))
    stage.people.pop("helper")
    return await stage.succeeds("helper", LOCKS_THERE)


async def test_what_was_held_in_a_tenant_is_not_held_in_the_next(stage: Stage) -> None:
    assert not await moved_with_a_role(stage)


async def test_where_roles_come_along_and_count_anywhere_a_move_gives_power_over_strangers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RoleRepository, "leave", keep_all)
    assert OF_ANY_TENANT != queries.FIND_PRINCIPAL
    monkeypatch.setattr(queries, "FIND_PRINCIPAL", OF_ANY_TENANT)
    assert await moved_with_a_role(stage)
