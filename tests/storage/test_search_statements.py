"""Every condition of a search fits the schema, alone and with all others."""

import asyncpg
import pytest

from tenantry.app import App
from tenantry.storage.queries import CONDITIONS, search_statement

pytestmark = pytest.mark.anyio

ALL = [(name, ("x", "y") if "{1}" in clause else "x") for name, clause in CONDITIONS.items()]


@pytest.mark.parametrize("conditions", [[], ALL, *([one] for one in ALL)], ids=str)
async def test_a_search_can_be_prepared(
    tenantry: App, owner: asyncpg.Connection, conditions: list[tuple[str, object]]
) -> None:
    statement, arguments = search_statement(conditions, 50)
    prepared = await owner.prepare(statement.sql)
    assert len(prepared.get_parameters()) == len(arguments) - sum(
        isinstance(value, tuple) for value in arguments
    )
