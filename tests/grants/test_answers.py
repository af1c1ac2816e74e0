"""All kinds of answers in random worlds, beside a plain reading of the rows."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.grants.actions import (
    CheckManyAction,
    Question,
)
from tenantry.privileges.model import Privilege
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

from .conftest import MakeRole, holders
from .naive import Naive, Thing
from .test_user_permissions import permissions_of

pytestmark = pytest.mark.anyio


DATABASES = (None, "acme-sales", "umbrella-sales", "nobodys")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(4))
async def test_every_answer_is_that_of_a_plain_reading_of_the_rows(
    tenantry: App,
    owner: asyncpg.Connection,
    make_role: MakeRole,
    isolate: Any,
    clock: Any,
    acme: str,
    umbrella: str,
    seed: int,
) -> None:
    chance = random.Random(seed)
    users = [
        await make_user(tenantry, f"user-{n}", domain_name=chance.choice([acme, umbrella]))
        for n in range(6)
    ]
    await random_grants(tenantry, owner, make_role, chance, users, clock)
    for tenant in (acme, umbrella):
        await isolate(tenant, isolated=chance.random() < 0.3)
    naive = await Naive.read(owner)
    now = clock.now()
    asked = [
        (user, chance.choice(PRIVILEGES), random_thing(chance)) for user in users for _ in range(60)
    ]
    questions = [
        Question(user=u.username, permission=p.value, database=t[0], schema=t[1], table=t[2])
        for u, p, t in asked
    ]
    action = CheckManyAction(questions=questions)
    answers = (await tenantry.grants.check_many.wait_for_complete(action)).allowed
    expected = [naive.may(user.id, p.value, thing, now) for user, p, thing in asked]
    assert answers == expected
    assert any(expected)
    for user in users[:3]:
        found = await permissions_of(tenantry, user.username)
        for _ in range(40):
            privilege, thing = chance.choice(PRIVILEGES), random_thing(chance)
            assert ((privilege.value, *thing) in found) is naive.may(
                user.id, privilege.value, thing, now
            ), (privilege, thing)
    privilege, thing = chance.choice(PRIVILEGES), random_thing(chance)
    on = dict(zip(("database", "schema", "table"), thing, strict=True))
    assert await holders(tenantry, privilege.value, limit=2, **on) == [
        user.username
        for user in sorted(users, key=lambda user: user.id)
        if naive.may(user.id, privilege.value, thing, now)
    ]


PRIVILEGES = (Privilege.SELECT, Privilege.INSERT, Privilege.ALL)


def random_thing(chance: random.Random) -> Thing:
    database = chance.choice(DATABASES)
    schema = chance.choice([None, "public", "s"]) if database else None
    table = chance.choice([None, "t", "u"]) if schema else None
    return database, schema, table


async def random_grants(
    tenantry: App,
    owner: asyncpg.Connection,
    make_role: MakeRole,
    chance: random.Random,
    users: list[UserData],
    clock: Any,
) -> None:
    """Roles, some of which inherit, and grants of all kinds."""
    roles: list[UUID] = []
    tenants: list[str | None] = [None, "acme", "umbrella"]
    for n in range(6):
        databases = chance.sample(DATABASES[1:], chance.randint(1, 2))
        roles.append(
            await make_role(
                f"role-{n}",
                *{p.value for p in chance.choices(PRIVILEGES, k=chance.randint(0, 2))},
                databases=databases if chance.random() < 0.7 else None,
                tenant=chance.choice(tenants),
                members=chance.sample(users, 2),
                parents=chance.sample(roles, min(len(roles), chance.randint(0, 2))),
            )
        )
    ids: list[UUID | None] = [None]
    ids += [row["id"] for row in await owner.fetch("select id from tenants")]
    now = clock.now()
    sql = """
        insert into grants (id, user_id, role_id, privilege, database, schema_name, table_name,
            within_id, granted_at, valid_from, valid_until)
        values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, now(), $8, $9)
        on conflict do nothing
    """
    day = timedelta(days=1)
    for _ in range(40):
        of_user = chance.random() < 0.6
        holder = chance.choice(users).id if of_user else None
        await owner.execute(
            sql,
            holder,
            None if of_user else chance.choice(roles),
            chance.choice(PRIVILEGES),
            *random_thing(chance),
            chance.choice(ids),
            chance.choice([None, None, now - day, now + day]),
            chance.choice([None, None, None, now + 2 * day]),
        )
