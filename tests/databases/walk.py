"""A walk through worlds by the system's own actions, and what the server is asked in each."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from tenantry.app import App
from tenantry.changes.consistency import Consistency
from tenantry.databases.login_actions import DatabaseLogin
from tenantry.errors import AccountError, DatabaseNotFound, PermissionError
from tenantry.grants.actions import CheckManyAction, GiveAction, Question, RevokeAccessAction
from tenantry.kernel.action import Action
from tenantry.lockout.actions import LockAccountAction, UnlockAccountAction
from tenantry.privileges.model import DatabaseObject, Level, Privilege, object_named
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    DisinheritRoleAction,
    InheritRoleAction,
    RemoveRoleAction,
)
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    CreateTenantAction,
    ReleaseDatabaseAction,
    ResumeTenantAction,
    SetTenantIsolationAction,
    SuspendTenantAction,
)
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import make_user
from tenantry.users.model import UserData
from tests.connectors.postgres_shop import PostgresShop
from tests.connectors.shop import Line
from tests.databases.conftest import Somewhere

EDITS = 10
HOME, OTHER = "default", "acme"
PEOPLE = {"ann": HOME, "ben": HOME, "cid": OTHER, "dee": OTHER}
ROLES = ("readers", "writers", "keepers")
OF_OTHER = "clerks"
"""A role of the second tenant; the others are the platform's."""
REACHING = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    "EXECUTE_PROCEDURE",
)
"""What takes a way into the schema with it, and fits exactly, on PostgreSQL."""
Edit = Callable[[random.Random], Awaitable[None]]


@dataclass
class Walk:
    """People, roles and tenants around a managed shop, and what was done to them of late."""

    somewhere: Somewhere
    clock: ShiftedClock
    users: dict[str, UserData] = field(default_factory=dict)
    opened: dict[str, DatabaseLogin] = field(default_factory=dict)
    """The login that each got last."""
    done: list[str] = field(default_factory=list)
    seen: set[tuple[bool, bool]] = field(default_factory=set)
    """Whether answers of each kind came up: for whom there is a login, and what it may."""

    @property
    def app(self) -> App:
        return self.somewhere.tenantry

    async def begin(self) -> None:
        """Make everybody."""
        await self._run(CreateTenantAction(OTHER))
        for name, tenant in PEOPLE.items():
            self.users[name] = await make_user(self.app, name, domain_name=tenant)
        for role in ROLES:
            await self._run(CreateRoleAction(name=role))
        await self._run(CreateRoleAction(name=OF_OTHER, domain_name=OTHER))
        await self._run(
            CreateRoleAction(name="openers", permissions=["SELECT"], databases=["shop"])
        )
        await self.somewhere.apply()

    async def step(self, seed: int) -> None:
        """Do some things at random, and have the server follow."""
        dice = random.Random(seed)
        self.done = []
        edits: list[tuple[Edit, int]] = [
            (self._give, 8),
            (self._take, 2),
            (self._assign, 4),
            (self._remove, 1),
            (self._inherit, 3),
            (self._disinherit, 1),
            (self._lock, 1),
            (self._unlock, 2),
            (self._wall, 1),
            (self._own, 1),
            (self._suspend, 1),
            (self._resume, 2),
            (self._wait, 2),
        ]
        weighted = [edit for edit, weight in edits for _ in range(weight)]
        for _ in range(EDITS):
            await dice.choice(weighted)(dice)
        await self.somewhere.follow()

    async def _run(self, action: Action[Any]) -> None:
        self.done.append(repr(action))
        await self.app.run(action)

    async def _try(self, action: Action[Any]) -> None:
        """Some are refused: across a wall, in a circle, of a suspended tenant."""
        try:
            await self._run(action)
        except (AccountError, PermissionError) as error:
            self.done[-1] += f": {error}"

    # What may happen

    def _principal(self, dice: random.Random) -> dict[str, Any]:
        name = dice.choice([*PEOPLE, *ROLES, OF_OTHER])
        return {"principal": name} | ({"domain_name": OTHER} if name == OF_OTHER else {})

    async def _give(self, dice: random.Random) -> None:
        tables = self.somewhere.shop.tables
        places = [object_named(), object_named("shop")]
        places += [object_named("shop", table.schema) for table in tables]
        places += [object_named("shop", table.schema, table.table) for table in tables] * 2
        place = dice.choice(places)
        fit = [one for one in Privilege if one.narrowest >= max(place.level, Level.DATABASE)]
        now = self.clock.now()
        begins, ends = (now + timedelta(minutes=dice.randrange(1, 120)) for _ in range(2))
        bounds: dict[str, Any] = dice.choice(
            [{}, {}, {"valid_until": ends}, {"valid_from": begins}]
        )
        await self._try(
            GiveAction(
                permissions=[dice.choice([*self.somewhere.shop.tried, *fit]).value],
                database=place.database,
                schema=place.schema,
                table=place.table,
                **bounds,
                **self._principal(dice),
            )
        )

    async def _take(self, dice: random.Random) -> None:
        await self._try(RevokeAccessAction(database="shop", **self._principal(dice)))

    async def _assign(self, dice: random.Random) -> None:
        role = dice.choice([*ROLES, OF_OTHER, "openers"])
        tenant = OTHER if role == OF_OTHER else None
        await self._try(AssignRolesAction(dice.choice([*PEOPLE]), [role], domain_name=tenant))

    async def _remove(self, dice: random.Random) -> None:
        await self._try(RemoveRoleAction(dice.choice([*PEOPLE]), dice.choice(ROLES)))

    async def _inherit(self, dice: random.Random) -> None:
        heir, parent = dice.choice([*ROLES, OF_OTHER]), dice.choice([*ROLES, "openers"])
        tenant = OTHER if heir == OF_OTHER else None
        await self._try(InheritRoleAction(heir, parent=parent, domain_name=tenant))

    async def _disinherit(self, dice: random.Random) -> None:
        await self._try(DisinheritRoleAction(dice.choice(ROLES), parent=dice.choice(ROLES)))

    async def _lock(self, dice: random.Random) -> None:
        minutes = dice.choice([None, 30])
        user = dice.choice([*PEOPLE])
        await self._try(LockAccountAction(user=user, reason="so", duration_minutes=minutes))

    async def _unlock(self, dice: random.Random) -> None:
        await self._try(UnlockAccountAction(user=dice.choice([*PEOPLE])))

    async def _wall(self, dice: random.Random) -> None:
        tenant, isolated = dice.choice([HOME, OTHER]), dice.random() < 0.4
        await self._try(SetTenantIsolationAction(tenant, isolated=isolated))

    async def _own(self, dice: random.Random) -> None:
        tenant = dice.choice([HOME, OTHER])
        if dice.random() < 0.3:
            await self._try(ReleaseDatabaseAction(tenant, "shop"))
        else:
            await self._try(AssignDatabaseToTenantAction(tenant, "shop"))

    async def _suspend(self, dice: random.Random) -> None:
        await self._try(SuspendTenantAction(OTHER))

    async def _resume(self, dice: random.Random) -> None:
        await self._try(ResumeTenantAction(OTHER))

    async def _wait(self, dice: random.Random) -> None:
        minutes = dice.randrange(1, 45)
        self.done.append(f"wait {minutes} minutes")
        self.clock.advance(minutes=minutes)

    # What is asked

    async def answers(self, name: str, asked: Sequence[tuple[str, DatabaseObject]]) -> list[bool]:
        """What has_permission says."""
        questions = [
            Question(
                user=name, permission=word, database="shop", schema=one.schema, table=one.table
            )
            for word, one in asked
        ]
        action = CheckManyAction(questions=questions, consistency=Consistency.STRONG)
        return (await self.app.grants.check_many.wait_for_complete(action)).allowed

    async def different(self) -> list[str]:
        """Where Tenantry and the server do not say the same."""
        found: list[str] = []
        for name, user in self.users.items():
            line = await self._line(user)
            found += await self._compare_statements(name, line)
            if isinstance(self.somewhere.shop, PostgresShop):
                found += await self._compare_rights(name, line is not None, self.somewhere.shop)
            if line is not None:
                await line.close()
        return found

    async def _line(self, user: UserData) -> Line | None:
        """A connection by a fresh login; nobody who gets none may come in by the last one."""
        try:
            opened = await self.somewhere.login(user)
        except DatabaseNotFound:
            former = self.opened.pop(user.username, None)
            assert former is None or not await self.somewhere.is_let_in(former), user.username
            return None
        self.opened[user.username] = opened
        try:
            return await self.somewhere.shop.log_in(opened.username, opened.password)
        except PermissionError:
            return None

    async def _compare_statements(self, name: str, line: Line | None) -> list[str]:
        """Every privilege that can be tried, by a real statement."""
        shop = self.somewhere.shop
        asked = [
            (privilege, table)
            for table in shop.tables
            for privilege in shop.tried
            if table.table != "totals" or privilege is Privilege.SELECT
        ]
        said = await self.answers(name, [(privilege.value, table) for privilege, table in asked])
        found: list[str] = []
        for (privilege, table), allowed in zip(asked, said, strict=True):
            may = line is not None and await line.may(privilege, table)
            self.seen.add((line is not None, may))
            if may != allowed:
                found.append(f"{name} {privilege} {table.label()}: {allowed}, a statement: {may}")
        return found

    async def _compare_rights(self, name: str, has_line: bool, shop: PostgresShop) -> list[str]:
        """The same by what PostgreSQL says of tables, schemas and the database."""
        opened = self.opened.get(name)
        login = opened.username if opened is not None else None
        schemas = {table.schema: object_named("shop", table.schema) for table in shop.tables}
        whole = object_named("shop")
        places = [whole, *schemas.values(), *shop.tables]
        asked = [(word, place) for place in places for word in REACHING]
        asked = [pair for pair in asked if Privilege[pair[0]].narrowest >= pair[1].level]
        said = await self.answers(name, [*asked, ("CONNECT", whole)])
        held = {pair for pair, allowed in zip(asked, said, strict=False) if allowed}
        expected = {
            ("table", word.value, f"{table.schema}.{table.table}"): (word.value, table) in held
            for table in shop.tables
            for word in shop.tried
        }
        for schema in schemas:
            inside = {place for _, place in held if place.schema in (None, schema)}
            expected["schema", "USAGE", schema or ""] = bool(inside)
        expected["database", "CONNECT", shop.database] = bool(held) or said[-1]
        found = [
            f"{name} {' '.join(asked)}: {allowed}, PostgreSQL says {not allowed}"
            for asked, allowed in expected.items()
            if allowed != (login is not None and await _has(shop.owner, login, *asked))
        ]
        if has_line != expected["database", "CONNECT", shop.database]:
            found.append(f"{name} is let in: {has_line}")
        return found


async def _has(root: asyncpg.Connection, login: str, kind: str, word: str, path: str) -> bool:
    held: bool = await root.fetchval(f"select has_{kind}_privilege($1, $2, $3)", login, path, word)
    return held
