"""Row-level security holds alone: with the scope taken out, still nothing of another tenant."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from tenantry.adapters.postgres.database import PostgresDatabase
from tenantry.adapters.postgres.fence import alone
from tenantry.app import App
from tenantry.http.server import create_asgi
from tenantry.kernel.action import Actor, acting_as
from tenantry.kernel.transaction import Statement
from tenantry.users.access import Scope
from tenantry.users.model import UserRole
from tests.architecture.conftest import modules, package
from tests.architecture.test_statements import built, declared
from tests.security.test_isolation_matrix import differences
from tests.security.worlds import World, rows, world

pytestmark = pytest.mark.anyio
__all__ = ["modules", "package"]

# Questions that go over all tenants for everybody, see decision 90: they tell whether a name is
# taken, and how full an agent is.
OVER_ALL = {"users.taken", "compute.roomiest_agent"}


@pytest.fixture
async def client(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("203.0.113.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as made:
        yield made


def unscoped(actor: Actor) -> Scope:
    """The mistake against which there is a second fence."""
    return Scope()


@pytest.mark.parametrize("role", [UserRole.ADMIN, UserRole.USER])
async def test_without_any_scope_every_route_still_shows_nothing_of_another_tenant(
    tenantry: App,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    role: UserRole,
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    before = await rows(owner, other)
    monkeypatch.setattr(Scope, "of", unscoped)
    assert await differences(client, own, other, role) == []
    assert await rows(owner, other) == before


async def test_without_the_fence_either_it_would_all_be_there(
    tenantry: App, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    monkeypatch.setattr(Scope, "of", unscoped)
    fence = tenantry.database._fence
    assert fence is not None
    monkeypatch.setattr(tenantry.database, "_fence", replace(fence, tenant=lambda: None))
    shown = await differences(client, own, other, UserRole.MONITOR)
    assert len(shown) > 20


async def test_a_proxy_that_swallows_the_role_leaves_the_fence_standing(
    tenantry: App, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    fence = tenantry.database._fence
    assert fence is not None
    assert fence.worn
    swallowed = replace(fence, pool=tenantry.database._pool, worn=False)
    monkeypatch.setattr(tenantry.database, "_fence", swallowed)
    monkeypatch.setattr(Scope, "of", unscoped)
    assert await differences(client, own, other, UserRole.MONITOR) == []
    # What was put on for a transaction is off with it.
    connection = await tenantry.database._pool.acquire(patience=1)
    assert await connection.fetchval("select current_user") == "tenantry_app"
    assert not await connection.fetchval("select current_setting('tenantry.tenant', true)")
    tenantry.database._pool.give_back(connection)


class Asker:
    """Runs statements with another tenant's names and ids in all their places."""

    def __init__(self, connection: asyncpg.Connection, other: World) -> None:
        self._connection = connection
        things = [named for kind in other.things.values() for named in kind]
        self.ids = [UUID(named) for named in things if len(named) == 36]
        self.texts = [named.lower() for named in things if len(named) != 36]
        self.texts += [named for named in things if named.startswith("AKIA")]
        self.marks = {str(named) for named in (*self.ids, *self.texts)}

    async def leaks(self, statement: Statement, tenant_id: UUID | None) -> list[str] | None:
        """Rows that bear a name or id of the other tenant; None where it could not be run."""
        found: list[str] = []
        ran = False
        for arguments in self._arguments(await self._kinds(statement.sql)):
            try:
                result = await self._run(statement, tenant_id, arguments)
            except (asyncpg.DataError, asyncpg.PostgresError, TypeError, ValueError):
                continue
            ran = True
            found += [row for row in result if any(mark in row for mark in self.marks)]
        return found if ran else None

    async def _run(
        self, statement: Statement, tenant_id: UUID | None, arguments: list[object]
    ) -> list[str]:
        fenced = alone(statement)
        if tenant_id is not None and fenced is not None:
            answer = await self._connection.fetch(fenced.sql, *arguments, str(tenant_id))
            return [repr(tuple(row)) for row in answer]
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            if tenant_id is not None:
                setting = "select set_config('tenantry.tenant', $1, true)"
                await self._connection.execute(setting, str(tenant_id))
            answer = await self._connection.fetch(statement.sql, *arguments)
            return [repr(tuple(row)) for row in answer]
        finally:
            await transaction.rollback()

    async def _kinds(self, sql: str) -> list[str]:
        prepared = await self._connection.prepare(sql)
        return [kind.name for kind in prepared.get_parameters()]

    def _arguments(self, kinds: list[str]) -> Iterator[list[object]]:
        """All places filled; only the first of a kind; none of a kind."""
        ids: Iterable[Any] = self.ids if "uuid" in kinds else [None]
        texts: Iterable[Any] = self.texts if "text" in kinds else [None]
        pairs = [(x, t) for x in ids for t in texts]
        for identifier, text in pairs:
            for most in (99, 1):
                yield self._filled(kinds, identifier, text, most)
        yield self._filled(kinds, None, None, 0)

    def _filled(
        self, kinds: list[str], identifier: object, text: object, most: int
    ) -> list[object]:
        left = {"uuid": most, "text": most}
        values: list[object] = []
        for kind in kinds:
            plain = {"uuid": identifier, "text": text}
            if kind in plain:
                values.append(plain[kind] if left[kind] > 0 else None)
                left[kind] -= 1
            else:
                values.append(self._of(kind))
        return values

    def _of(self, kind: str) -> object:
        fixed: dict[str, object] = {
            "_uuid": self.ids,
            "_text": self.texts,
            "uuid[]": self.ids,
            "text[]": self.texts,
            "int2": 1000,
            "int4": 1000,
            "int8": 1000,
            "numeric": 0,
            "float8": 0.0,
        }
        return fixed.get(kind)


async def test_every_statement_that_reads_shows_a_member_nothing_of_another_tenant(
    tenantry: App, owner: asyncpg.Connection, modules: list[ModuleType]
) -> None:
    """All statements that there are, with another tenant's ids and names and without a scope."""
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    fence = tenantry.database._fence
    assert fence is not None
    member = await fence.pool.acquire(patience=1)
    shown, leaks = set(), {}
    for statement in {s.sql: s for s in (*declared(modules), *built())}.values():
        if not statement.sql.lstrip().startswith(("select", "with")):
            continue
        if statement.name.startswith(("bootstrap.", "users.pseudonymise")):
            continue
        if await Asker(owner, other).leaks(statement, None):
            shown.add(statement.name)
            if found := await Asker(member, other).leaks(statement, own.tenant_id):
                leaks[statement.name] = found[0]
    fence.pool.give_back(member)
    assert len(shown) > 40, shown
    assert {name: row for name, row in leaks.items() if name not in OVER_ALL} == {}


@pytest.mark.parametrize(
    "sql",
    [
        "update users set description = 'mine' where tenant_id = $1",
        "delete from users where tenant_id = $1",
        "update tenants set description = 'mine' where id = $1",
        "delete from groups where tenant_id = $1",
        "update sessions set ended_at = now() where tenant_id = $1",
        "delete from vfolders where tenant_id = $1",
        "update jobs set state = 'done' where tenant_id = $1",
    ],
)
async def test_a_member_changes_no_row_of_another_tenant(tenantry: App, sql: str) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    statement = Statement("test.change", "Change what is another's.", sql)
    with acting_as(own.people[UserRole.ADMIN]):
        async with tenantry.database.autocommit() as tx:
            assert await tx.execute(statement, other.tenant_id) == 0
        async with tenantry.database.transaction() as tx:
            assert await tx.execute(statement, other.tenant_id) == 0


async def test_a_member_adds_no_row_to_another_tenant(tenantry: App) -> None:
    own, other = await world(tenantry, "acme"), await world(tenantry, "umbrella")
    sql = """
        insert into groups (id, tenant_id, name, name_key, created_at, modified_at)
        values (gen_random_uuid(), $1, 'x', 'x', now(), now())
    """
    statement = Statement("test.add", "Add a group.", sql)
    move = Statement(
        "test.move", "Move what is one's own.", "update groups set tenant_id = $1, name = 'x'"
    )
    with acting_as(own.people[UserRole.ADMIN]):
        async with tenantry.database.autocommit() as tx:
            await tx.execute(statement, own.tenant_id)
        for forbidden in (statement, move):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with tenantry.database.transaction() as tx:
                    await tx.execute(forbidden, other.tenant_id)


async def test_the_fence_is_for_members_of_a_tenant_only(tenantry: App) -> None:
    worlds = [await world(tenantry, name) for name in ("acme", "umbrella")]
    count = Statement("test.count", "How many users there are.", "select count(*) from users")

    async def seen(database: PostgresDatabase) -> tuple[int, int]:
        async with database.autocommit() as tx:
            alone_seen = await tx.fetchval(count)
        async with database.transaction() as tx:
            return alone_seen, await tx.fetchval(count)

    assert await seen(tenantry.database) == (7, 7)
    for tenant in worlds:
        for person in tenant.people.values():
            with acting_as(person):
                assert await seen(tenantry.database) == (3, 3)
    assert await seen(tenantry.database) == (7, 7)
