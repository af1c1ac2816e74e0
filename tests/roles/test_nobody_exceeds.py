"""Whatever people with permissions do in whatever order, nobody gets by it what they lack.

The state machine plays admins and delegates of one tenant. After each act a model that knows only
the tables tells what everybody holds; whatever is new must be covered by what the actor held.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from hypothesis.strategies import lists, none, sampled_from

from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.app import App, open_app
from tenantry.errors import TenantryError
from tenantry.grants.actions import GiveAction
from tenantry.kernel.action import Action, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.transaction import Statement
from tenantry.privileges.model import DatabaseObject
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DisinheritRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
    RemoveRoleAction,
)
from tenantry.roles.authority import Authority
from tenantry.roles.model import RoleModifier
from tenantry.roles.powers import EVERYTHING, Power, lacking
from tenantry.settings import Settings
from tenantry.tenants.actions import AssignUserToTenantAction, CreateTenantAction
from tenantry.testing.databases import create_database
from tenantry.testing.users import actor_of, make_user
from tenantry.users.actions import CreateUserAction, ImportUsersAction
from tenantry.users.model import UserCreator, UserData, UserRole

ROLES = Statement(
    "test.roles", "All roles.", "select id, tenant_id, permissions, databases from roles"
)
HELD = Statement(
    "test.held",
    "Who holds what.",
    "select m.role_id, u.id as user_id, u.tenant_id, u.role from users u"
    " left join role_members m on m.user_id = u.id",
)
PARENTS = Statement("test.parents", "Who inherits.", "select role_id, parent_id from role_parents")
GRANTS = Statement(
    "test.grants",
    "All grants.",
    "select user_id, role_id, privilege, database, schema_name, table_name, within_id from grants",
)
GIVING = [f"role.{verb}" for verb in ("create", "modify", "assign", "remove", "inherit")]
ALL_GIVING = [*GIVING, "role.disinherit", "grant.give", "user.create", "user.import"]
PEOPLE = ("admin", "chief", "helper", "reader", "nobody")
PERMISSIONS = ("SELECT", "INSERT", "ALL", "GRANT_PRIVILEGES", "user.lock", "role.assign")
NAMES = ("one", "two", "three", "chiefs", "helpers", "readers", "everywhere")
_number = count()

people = sampled_from(PEOPLE)
names = sampled_from(NAMES)
permissions = lists(sampled_from(PERMISSIONS), max_size=2)
databases = none() | sampled_from([["a"], ["b"], ["a", "b"]])


def model(tables: dict[str, Sequence[Any]]) -> dict[UUID, set[Power]]:
    """What each user holds, found in the plainest way from all rows."""
    roles = {row["id"]: row for row in tables["roles"]}
    held: dict[UUID, set[Power]] = {}
    for row in tables["held"]:
        home = row["tenant_id"]
        mine = held.setdefault(row["user_id"], set())
        waiting, seen = [row["role_id"]] if row["role_id"] else [], set()
        while waiting:
            role_id = waiting.pop()
            seen.add(role_id)
            role = roles[role_id]
            for name in role["permissions"]:
                if "." not in name:
                    objects = [DatabaseObject(d) for d in role["databases"] or [None]]
                    mine |= {Power(name, on, role["tenant_id"]) for on in objects}
                elif role["tenant_id"] in (None, home) and row["role"] == "user":
                    mine.add(Power(name))
            mine |= {_granted(g) for g in tables["grants"] if g["role_id"] == role_id}
            parents = [p["parent_id"] for p in tables["parents"] if p["role_id"] == role_id]
            waiting += [parent for parent in parents if parent not in seen]
        mine |= {_granted(g) for g in tables["grants"] if g["user_id"] == row["user_id"]}
    return held


def _granted(row: Any) -> Power:
    on = DatabaseObject(row["database"], row["schema_name"], row["table_name"])
    return Power(row["privilege"], on, row["within_id"])


@dataclass
class Stage:
    """A system that runs in a loop of its own, for tests that are not coroutines."""

    app: App
    run: Callable[..., Any]

    async def tables(self) -> dict[str, Sequence[Any]]:
        """All that decides, as it is now."""
        async with self.app.database.transaction() as tx:
            return {
                "roles": await tx.fetch(ROLES),
                "held": await tx.fetch(HELD),
                "parents": await tx.fetch(PARENTS),
                "grants": await tx.fetch(GRANTS),
            }


@pytest.fixture(scope="module")
def stage(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    database = f"{database}_stage"
    asyncio.run(create_database(postgres, database))
    made = Settings(
        port=0,
        data_dir=tmp_path_factory.mktemp("stage") / "data",
        database_url=postgres.dsn("tenantry_app", database),
        migration_database_url=postgres.dsn("tenantry_owner", database),
        valkey_url=valkey.url,
        hash_memory_kib=8,
        hash_time_cost=1,
    )
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        app = runner.run(stack.enter_async_context(open_app(made, upkeep=False)))
        yield Stage(app, runner.run)
        runner.run(stack.aclose())


def machine_on(stage: Stage) -> type[RuleBasedStateMachine]:
    """A machine that plays on this stage."""

    class Giving(Company):
        def __init__(self) -> None:
            super().__init__(stage)

    return Giving


class Company(RuleBasedStateMachine):
    """A tenant with an admin, two delegates, who hold little, and two who hold nothing to give."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.number = next(_number)
        self.tenant = f"company-{self.number}"
        self.people: dict[str, UserData] = {}
        self.excess: list[Power] = []
        stage.run(self._found())

    async def _found(self) -> None:
        app = self.stage.app
        for tenant in (self.tenant, f"{self.tenant}-branch"):
            await app.run(CreateTenantAction(tenant))
        for name in PEOPLE:
            role = UserRole.ADMIN if name == "admin" else UserRole.USER
            fields = {"domain_name": self.tenant, "role": role, "password": None}
            self.people[name] = await make_user(app, f"{name}-{self.number}", **fields)
        await self._role("chiefs", [*ALL_GIVING, "user.lock"], None)
        await self._role("helpers", ["role.assign", "SELECT", "GRANT_PRIVILEGES"], ["a"])
        await self._role("readers", ["SELECT"], ["b"])
        await self._role("everywhere", ["INSERT"], None, tenant=None)
        for name, roles in (("chief", ["chiefs", "helpers"]), ("helper", ["helpers"])):
            named = [self._named(role) for role in roles]
            await app.run(AssignRolesAction(self.people[name].username, named))

    async def _role(
        self,
        name: str,
        held: list[str],
        on: list[str] | None,
        tenant: str | None = "own",
    ) -> None:
        home = self.tenant if tenant == "own" else tenant
        action = CreateRoleAction(
            name=self._named(name), permissions=held, databases=on, domain_name=home
        )
        await self.stage.app.run(action)

    def _named(self, name: str) -> str:
        return f"{name}-{self.number}"

    def _act(self, who: str, action: Action[Any]) -> None:
        """Let somebody try something, and see whether anybody has got too much by it."""
        self.stage.run(self._watched(who, action))

    async def _watched(self, who: str, action: Action[Any]) -> None:
        before = model(await self.stage.tables())
        actor = await actor_of(self.stage.app, self.people[who])
        with suppress(TenantryError), acting_as(actor):
            await self.stage.app.run(action)
        after = model(await self.stage.tables())
        allowed = set(before[self.people[who].id])
        if who == "admin":
            own = Power("ALL", EVERYTHING, actor.tenant_id)
            allowed |= {own, *(Power(tag) for tag in [*ALL_GIVING, *PERMISSIONS])}
        for user_id, powers in after.items():
            new = powers - before.get(user_id, set())
            self.excess += lacking(new, allowed | before.get(user_id, set()))

    @invariant()
    def nobody_has_got_more_than_the_actor_held(self) -> None:
        assert self.excess == []

    @rule(who=people, name=names, held=permissions, on=databases)
    def create(self, who: str, name: str, held: list[str], on: list[str] | None) -> None:
        action = CreateRoleAction(name=self._named(name), permissions=held, databases=on)
        self._act(who, action)

    @rule(who=people, name=names, held=permissions, on=databases)
    def modify(self, who: str, name: str, held: list[str], on: list[str] | None) -> None:
        narrowed = TriState[list[str]].nullify() if on is None else TriState.update(on)
        modifier = RoleModifier(permissions=OptionalState.update(held), databases=narrowed)
        self._act(who, ModifyRoleAction(self._named(name), modifier))

    @rule(who=people, whom=people, name=names)
    def assign(self, who: str, whom: str, name: str) -> None:
        self._act(who, AssignRolesAction(self.people[whom].username, [self._named(name)]))

    @rule(who=people, whom=people, name=names)
    def remove(self, who: str, whom: str, name: str) -> None:
        self._act(who, RemoveRoleAction(self.people[whom].username, self._named(name)))

    @rule(who=people, name=names, parent=names)
    def inherit(self, who: str, name: str, parent: str) -> None:
        self._act(who, InheritRoleAction(self._named(name), self._named(parent)))

    @rule(who=people, name=names, parent=names)
    def disinherit(self, who: str, name: str, parent: str) -> None:
        self._act(who, DisinheritRoleAction(self._named(name), self._named(parent)))

    @rule(who=people, whom=people | names, held=permissions, on=sampled_from([None, "a", "b"]))
    def grant(self, who: str, whom: str, held: list[str], on: str | None) -> None:
        named = self.people[whom].username if whom in self.people else self._named(whom)
        self._act(who, GiveAction(principal=named, permissions=held, database=on))

    @rule(who=people, name=names, together=sampled_from([True, False]))
    def hire(self, who: str, name: str, together: bool) -> None:
        username = f"new-{next(_number)}-{self.number}"
        creator = UserCreator(username=username, domain_name=self.tenant, roles=[self._named(name)])
        action: Action[Any] = CreateUserAction(input=creator)
        self._act(who, ImportUsersAction(users=[creator]) if together else action)

    @rule(whom=sampled_from(PEOPLE[1:]))
    def move(self, whom: str) -> None:
        """The platform moves somebody away and back: what was held in between is nobody's gain."""
        self.stage.run(self._moved(self.people[whom]))

    async def _moved(self, person: UserData) -> None:
        for tenant in (f"{self.tenant}-branch", self.tenant):
            before = model(await self.stage.tables())
            await self.stage.app.run(AssignUserToTenantAction(tenant, str(person.id)))
            after = model(await self.stage.tables())
            self.excess += lacking(after[person.id], before[person.id])


def play(stage: Stage, examples: int, phases: Sequence[Phase]) -> None:
    """Have the machine look for a way to get more."""
    run_state_machine_as_test(
        machine_on(stage),
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            deadline=None,
            database=None,
            derandomize=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_in_no_order_does_anybody_get_what_the_giver_lacks(stage: Stage) -> None:
    play(stage, 15, [Phase.generate])


async def nothing_is_missing(*arguments: object, **beside: object) -> list[Power]:
    """The naive build: whoever may run the action may give anything by it."""
    return []


def test_without_the_check_somebody_does(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Authority, "missing", nothing_is_missing)
    with pytest.raises(AssertionError):
        play(stage, 15, [Phase.generate])
