"""What administrators look at, where everything has a million: users, roles, grants, audit.

To the users of the world come three roles for each, two grants, and an entry of the audit, all by
COPY and kept with them. Goals are for the 95th percentile of single calls, warm.
"""

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

import asyncpg
from rich.console import Console

from bench import audit_search, people
from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.audit.actions import SearchAuditAction
from tenantry.grants.actions import ListGrantsAction, ListHoldersAction
from tenantry.grants.model import PrincipalType
from tenantry.kernel.clock import uuid7
from tenantry.kernel.modifier import TriState
from tenantry.kernel.page import Page
from tenantry.password_policies.actions import PasswordPolicyModifier, SetPasswordPolicyAction
from tenantry.roles.actions import ListHeldRolesAction, ListRoleMembersAction
from tenantry.users.actions import ListUsersAction, SearchUsersAction
from tenantry.users.model import UserFilter

TITLE = "million: pages of 50 out of everything, over a bare keyset SELECT of 50 users"
GOAL = "p95 below 20 ms"
ROLES_A_USER, GRANTS_A_USER = 3, 2
USERS_A_ROLE = 100
EVERYBODY = "everybody"
"""A role that every tenth user holds."""
DATABASES, TABLES, ROOM = 100, 1000, 50
GRANTED_TO_ROLES = 0.05
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
PORTION = 20_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROLE_COLUMNS = "id name name_key permissions databases created_at modified_at".split()
MEMBER_COLUMNS = "role_id user_id assigned_at".split()
PARENT_COLUMNS = "role_id parent_id granted_at".split()
GRANT_COLUMNS = "id user_id role_id privilege database schema_name table_name granted_at".split()
BARE = "select * from users where (username_key, id) > ($1, $2) order by username_key, id limit 50"

Row = tuple[Any, ...]  # Any: columns have types of their own
Call = Callable[[], Awaitable[object]]


async def measure(world: World, effort: Effort) -> list[Result]:
    """Load what is not there yet, then ask in turns."""
    await _loaded(world)
    names = await world.some_usernames(1000)
    dice = random.Random(3)
    keyset = await world.bare.prepare(BARE)

    async def bare() -> object:
        return await keyset.fetch(dice.choice(names), UUID(int=0))

    contestants = [Contestant("bare SELECT, a page of users", bare)]
    for name, call in (await _questions(world, names, dice)).items():
        contestants.append(Contestant(name, call, goal=GOAL))
    # One in a hundred has too old a password, and one in a hundred was told to change it.
    await _limit_age(world, (datetime.now(UTC) - people.BEGIN).days - 7)
    try:
        return await compare(contestants, effort)
    finally:
        await _limit_age(world, None)


async def _limit_age(world: World, days: int | None) -> None:
    age = TriState[int].nullify() if days is None else TriState.update(days)
    modifier = PasswordPolicyModifier(max_age_days=age)
    action = SetPasswordPolicyAction(tenant="default", modifier=modifier)
    await world.app.password_policies.set.wait_for_complete(action)


async def _questions(world: World, names: Sequence[str], dice: random.Random) -> dict[str, Call]:
    app = world.app
    users, roles, grants = app.users, app.roles, app.grants
    deep_users = await _deep(
        lambda cursor: users.list_users.wait_for_complete(
            ListUsersAction(limit=1000, cursor=cursor)
        )
    )
    deep_members = await _deep(
        lambda cursor: roles.list_members.wait_for_complete(
            ListRoleMembersAction(EVERYBODY, limit=1000, cursor=cursor)
        )
    )

    def some_table() -> dict[str, Any]:
        number = dice.randrange(DATABASES)
        return {
            "database": f"db{number}",
            "schema": "public",
            "table": f"t{dice.randrange(TABLES)}",
        }

    def search(conditions: Callable[[], dict[str, Any]]) -> Call:
        return lambda: users.search_users.wait_for_complete(
            SearchUsersAction(filter=UserFilter(**conditions()), limit=50)
        )

    return {
        "users, a page deep inside": lambda: users.list_users.wait_for_complete(
            ListUsersAction(limit=50, cursor=deep_users)
        ),
        "users by text": search(lambda: {"text": dice.choice(names)[2:]}),
        "users by department": search(lambda: {"department": "Legal North"}),
        "users by an attribute": search(lambda: {"attributes": {"cost_centre": 7}}),
        "users who must change their password": search(lambda: {"need_password_change": True}),
        "members of a role": lambda: roles.list_members.wait_for_complete(
            ListRoleMembersAction(f"role{dice.randrange(1, _role_count(world.users))}")
        ),
        "members of everybody's, deep inside": lambda: roles.list_members.wait_for_complete(
            ListRoleMembersAction(EVERYBODY, cursor=deep_members)
        ),
        "roles of a user": lambda: roles.list_held.wait_for_complete(
            ListHeldRolesAction(user=dice.choice(names))
        ),
        "grants of a user": lambda: grants.list_grants.wait_for_complete(
            ListGrantsAction(principal=dice.choice(names), principal_type=PrincipalType.USER)
        ),
        "grants on a table": lambda: grants.list_grants.wait_for_complete(
            ListGrantsAction(**some_table())
        ),
        "who may read a table": lambda: grants.list_holders.wait_for_complete(
            ListHoldersAction(permission="SELECT", **some_table())
        ),
        "audit of a user": lambda: app.audit.search.wait_for_complete(
            SearchAuditAction(user=dice.choice(names))
        ),
    }


async def _deep(page: Callable[[str | None], Awaitable[Page[Any]]]) -> str | None:
    """The cursor of a page some thousands into a list, or of the last one."""
    cursor: str | None = None
    for _ in range(20):
        following = (await page(cursor)).next_cursor
        if following is None:
            break
        cursor = following
    return cursor


def _role_count(users: int) -> int:
    return max(200, users // USERS_A_ROLE)


async def _loaded(world: World) -> None:
    label = world.folder / "million.json"
    described = json.dumps({"of": world.folder.joinpath("world.json").read_text()})
    if label.exists() and label.read_text() == described:
        return
    console = Console(stderr=True)
    owner = world.owner
    ids = [row[0] for row in await owner.fetch("select id from users order by id")]
    roles = [uuid7(NOW) for _ in range(_role_count(world.users))]
    await owner.execute("truncate roles, role_members, role_parents, grants cascade")
    tables = {
        "roles": (ROLE_COLUMNS, _roles(roles)),
        "role_parents": (PARENT_COLUMNS, _parents(roles)),
        "role_members": (MEMBER_COLUMNS, _members(roles, ids)),
        "grants": (GRANT_COLUMNS, _grants(roles, ids)),
    }
    await owner.execute("set maintenance_work_mem = '512MB'")
    for table, (columns, rows) in tables.items():
        with console.status(f"copying {table}"):
            async with _without_checks(owner, table):
                while portion := list(islice(rows, PORTION)):
                    await owner.copy_records_to_table(table, records=portion, columns=columns)
            await owner.execute(f"vacuum (analyze) {table}")
    acting = await audit_search.people_of(world)
    await audit_search.load(world, acting, world.users, console)
    label.write_text(described)


@asynccontextmanager
async def _without_checks(owner: asyncpg.Connection, table: str) -> AsyncIterator[None]:
    """Take a table's keys and indexes away, and make them again when it is full."""
    keys = await owner.fetch(
        "select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint"
        " where conrelid = $1::text::regclass and contype in ('f', 'u')",
        table,
    )
    indexes = await owner.fetch(
        "select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition"
        " from pg_index where indrelid = $1::text::regclass and not indisunique",
        table,
    )
    for key in keys:
        await owner.execute(f"alter table {table} drop constraint {key['name']}")
    for index in indexes:
        await owner.execute(f"drop index {index['name']}")
    yield
    for index in indexes:
        await owner.execute(index["definition"])
    for key in sorted(keys, key=lambda key: key["definition"].startswith("FOREIGN")):
        await owner.execute(f"alter table {table} add constraint {key['name']} {key['definition']}")


def _roles(roles: Sequence[UUID]) -> Iterator[Row]:
    for number, role_id in enumerate(roles):
        name = f"role{number}" if number else EVERYBODY
        databases = [f"db{number % DATABASES}"]
        yield (role_id, name, name, [PRIVILEGES[number % 4]], databases, NOW, NOW)


def _parents(roles: Sequence[UUID]) -> Iterator[Row]:
    """Three levels: of each hundred roles, the first has heirs, and ten of those have some."""
    for number, role_id in enumerate(roles):
        if number % 100:
            above = number // 100 * 100 if number % 10 == 0 else number // 10 * 10
            yield (role_id, roles[above], NOW)


def _members(roles: Sequence[UUID], users: Sequence[UUID]) -> Iterator[Row]:
    dice = random.Random(4)
    others = len(roles) - 1
    for number, user_id in enumerate(users):
        first = dice.randrange(others)
        held = (first, first + 1 + dice.randrange(50), first + 60 + dice.randrange(50))
        for place, role in enumerate(held[:ROLES_A_USER]):
            everybody = place == 0 and number % 10 == 0
            yield (roles[0 if everybody else 1 + role % others], user_id, NOW)


def _grants(roles: Sequence[UUID], users: Sequence[UUID]) -> Iterator[Row]:
    dice = random.Random(5)
    to_roles = int(len(users) * GRANTS_A_USER * GRANTED_TO_ROLES)
    for number in range(len(users) * GRANTS_A_USER):
        role = number < to_roles
        principals = roles if role else users
        turn, place = divmod(number, len(principals))
        # The same principal meets other tables in each turn, so no grant is made twice.
        table = (ROOM * (turn + place) + dice.randrange(ROOM)) % TABLES
        yield (
            uuid7(NOW),
            None if role else users[place],
            roles[place] if role else None,
            dice.choice(PRIVILEGES),
            f"db{number % DATABASES}",
            "public",
            f"t{table}",
            NOW,
        )
