"""One name, many at once."""

import asyncio
import unicodedata
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import UserConflict
from tenantry.users.actions import CreateUserAction
from tenantry.users.model import UserCreator, UserData

pytestmark = pytest.mark.anyio

PARALLEL = 50
FULL_WIDTH = {
    ord(c): ord(c) + 0xFEE0 for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
}


async def create_all(app: App, creators: list[UserCreator]) -> list[Any]:
    actions = [CreateUserAction(input=creator) for creator in creators]
    runs = (app.users.create_user.wait_for_complete(action) for action in actions)
    return await asyncio.gather(*runs, return_exceptions=True)


def variants(name: str) -> list[str]:
    forms = [
        name,
        name.upper(),
        name.title(),
        unicodedata.normalize("NFD", name),
        name.translate(FULL_WIDTH),
    ]
    return [forms[i % len(forms)] for i in range(PARALLEL)]


@pytest.mark.parametrize("name", ["zoë", "straße"])
async def test_of_fifty_who_want_one_name_in_any_form_one_gets_it(
    tenantry: App, owner: asyncpg.Connection, name: str
) -> None:
    asked = variants(name)
    results = await create_all(
        tenantry, [UserCreator(username=n, email=f"u{i}@x.com") for i, n in enumerate(asked)]
    )
    conflicts = [result for result in results if isinstance(result, UserConflict)]
    assert len(conflicts) == PARALLEL - 1
    assert {conflict.field for conflict in conflicts} == {"username"}
    assert await owner.fetchval("select count(*) from users where username <> 'root'") == 1


async def test_of_fifty_who_want_one_address_in_any_form_one_gets_it(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    asked = ["zoe@example.com", "ZOE@example.com", "Zoe@EXAMPLE.com"]
    results = await create_all(
        tenantry,
        [UserCreator(username=f"u{i}", email=asked[i % len(asked)]) for i in range(PARALLEL)],
    )
    conflicts = [result for result in results if isinstance(result, UserConflict)]
    assert len(conflicts) == PARALLEL - 1
    assert {conflict.field for conflict in conflicts} == {"email"}
    assert await owner.fetchval("select count(*) from users where username <> 'root'") == 1


async def test_names_that_only_look_alike_to_a_careless_lower_are_different(tenantry: App) -> None:
    names = ["istanbul", "ıstanbul", "İstanbul"]
    results = await create_all(tenantry, [UserCreator(username=name) for name in names])
    users = [result.data for result in results if not isinstance(result, BaseException)]
    assert all(isinstance(user, UserData) for user in users)
    assert {user.username for user in users} == set(names)
