"""Every statement fits the schema, and the application's role may run it."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.audit.queries import CONDITIONS, search_statement, whole_statement
from tenantry.kernel.transaction import Statement
from tenantry.users.access import Scope
from tenantry.users.model import UserFilter, UserOrder, UserStatus
from tenantry.users.queries import CHANGEABLE, update_statement
from tenantry.users.search_queries import page_statement

pytestmark = pytest.mark.anyio

AN_ID = UUID(int=1)
SOME = {"attributes": {"a": 1}}


def declared(modules: Iterable[ModuleType]) -> Iterator[Statement]:
    """The statements in the globals of modules, also inside of mappings and sequences."""
    seen: set[int] = set()
    for module in modules:
        for value in vars(module).values():
            for statement in _inside(value):
                if id(statement) not in seen:
                    seen.add(id(statement))
                    yield statement


def _inside(value: object) -> Iterator[Statement]:
    if isinstance(value, Statement):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _inside(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _inside(inner)


def built() -> Iterator[Statement]:
    """What the builders make: each filter alone and all at once, each order, each column."""
    scopes = [Scope(), Scope(tenant_id=AN_ID), Scope(user_id=AN_ID), Scope(AN_ID, AN_ID)]
    filters = [UserFilter()]
    for name in UserFilter.__struct_fields__:
        value: Any = SOME.get(name, "x")
        filters.append(UserFilter(**{name: value}))
    everything: Any = {n: SOME.get(n, "x") for n in UserFilter.__struct_fields__}
    filters.append(UserFilter(**everything))
    filters += [UserFilter(status=UserStatus.ACTIVE), UserFilter(status=UserStatus.LOCKED)]
    now = datetime.now(UTC)
    for order, wanted, follows in product(UserOrder, filters, (False, True)):
        instant = "2026-01-01T00:00:00+00:00"
        after = (instant, str(AN_ID)) if follows else None
        for scope in scopes if wanted in (filters[0], filters[-1]) else scopes[:1]:
            yield page_statement(scope, wanted, order, 50, after, now)[0]
    for name, ends in product(sorted(CHANGEABLE), (False, True)):
        yield update_statement([name], end_sessions=ends)
    yield update_statement(sorted(CHANGEABLE), end_sessions=True)
    conditions: list[tuple[str, object]] = [
        (name, ("x", "y")[: len(set(re.findall(r"{\d}", clause)))])
        for name, clause in CONDITIONS.items()
    ]
    yield search_statement([], [], 50)[0]
    yield whole_statement(conditions, conditions[:3], 50)[0]
    yield search_statement(conditions, conditions[:3], 50)[0]
    for condition in conditions:
        yield search_statement([condition], [], 50)[0]


async def broken(connection: asyncpg.Connection, statements: Iterable[Statement]) -> list[str]:
    found = []
    for statement in statements:
        try:
            await connection.prepare(statement.sql)
            await connection.execute(f"explain (generic_plan) {statement.sql}")
        except asyncpg.PostgresError as error:
            found.append(f"{statement.name}: {error}")
    return found


async def test_every_declared_statement_can_be_planned_as_the_application(
    application: asyncpg.Connection, modules: list[ModuleType]
) -> None:
    statements = list(declared(modules))
    assert len(statements) > 30
    assert await broken(application, statements) == []


async def test_every_built_statement_can_be_planned_as_the_application(
    application: asyncpg.Connection,
) -> None:
    assert await broken(application, built()) == []


def test_every_statement_has_a_name_of_its_own_and_a_purpose(modules: list[ModuleType]) -> None:
    names: dict[str, Statement] = {}
    for statement in declared(modules):
        assert statement.purpose.endswith("."), statement.name
        noun, dot, verb = statement.name.partition(".")
        assert noun.isidentifier(), statement.name
        assert dot, statement.name
        assert verb.isidentifier(), statement.name
        assert names.setdefault(statement.name, statement) == statement


def test_no_statement_folds_case(modules: list[ModuleType]) -> None:
    for statement in [*declared(modules), *built()]:
        folded = statement.sql.casefold()
        assert not any(f"{name}(" in folded for name in ("lower", "upper", "initcap")), statement
        assert "ilike" not in folded, statement
