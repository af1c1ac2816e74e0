"""What one may ask, and what is answered: yes or no, all that a user may, and who may."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, PermissionError, UserNotFound
from tenantry.grants import holders as holders_found
from tenantry.grants import loading
from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    GetPermissionsAction,
    ListHoldersAction,
    Question,
)
from tenantry.grants.holder_queries import WALKED
from tenantry.grants.model import Holder
from tenantry.grants.permissions import UserPermissions
from tenantry.kernel.action import acting_as
from tenantry.lockout.actions import LockAccountAction
from tenantry.privileges.model import Privilege
from tenantry.tenants.actions import SuspendTenantAction
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction
from tenantry.users.model import UserData, UserRole, UserStatus

from .conftest import Give, MakeRole, May, explained
from .naive import Naive, Thing

pytestmark = pytest.mark.anyio


async def permissions_of(tenantry: App, user: str) -> UserPermissions:
    action = GetPermissionsAction(user=user)
    return (await tenantry.grants.get_permissions.wait_for_complete(action)).data


async def holders(tenantry: App, permission: str, **more: Any) -> list[str]:
    """The usernames, page by page."""
    found: list[Holder] = []
    cursor = None
    while True:
        action = ListHoldersAction(permission=permission, cursor=cursor, **more)
        page = await tenantry.grants.list_holders.wait_for_complete(action)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return [holder.username for holder in found]


async def reaches(tenantry: App, user: str, database: str) -> bool:
    action = CheckAccessAction(user=user, database=database)
    return (await tenantry.grants.check_access.wait_for_complete(action)).allowed


async def test_a_grant_holds_inside_of_its_object_and_not_around_it(
    give: Give, may: May, john: UserData
) -> None:
    await give("john", "SELECT", database="d", schema="s")
    assert await may("john", "SELECT", "d", "s")
    assert await may("john", "SELECT", "d", "s", "t")
    assert not await may("john", "SELECT", "d")
    assert not await may("john", "SELECT", "d", "other", "t")
    assert not await may("john", "SELECT")


async def test_all_is_every_privilege_and_only_all_answers_for_all(
    give: Give, may: May, john: UserData
) -> None:
    await give("john", "ALL", database="d")
    for privilege in Privilege:
        assert await may("john", privilege.value, "d")
    await give(
        "john", *(p.value for p in Privilege if p.narrowest > 0 and p != "ALL"), database="e"
    )
    assert not await may("john", "ALL", "e")


async def test_fails_closed_for_whoever_is_not_there_or_not_active(
    tenantry: App, give: Give, may: May
) -> None:
    assert not await may("nobody", "SELECT", "d")
    assert not await reaches(tenantry, "nobody", "d")
    for status in (UserStatus.INACTIVE, UserStatus.SUSPENDED):
        await make_user(tenantry, status.value, status=status)
        await give(status.value, "SELECT", database="d")
        assert not await may(status.value, "SELECT", "d")
        assert not await reaches(tenantry, status.value, "d")
    for name in ("locked", "deleted"):
        await make_user(tenantry, name)
        await give(name, "SELECT", database="d")
        assert await may(name, "SELECT", "d")
        assert await reaches(tenantry, name, "d")
    await tenantry.run(LockAccountAction(user="locked", reason="x", duration_minutes=5))
    await tenantry.run(DeleteUserAction(user="deleted"))
    for name in ("locked", "deleted"):
        assert not await may(name, "SELECT", "d")
        assert not await reaches(tenantry, name, "d")


async def test_a_lock_that_has_run_out_shuts_nobody_out(
    tenantry: App, give: Give, may: May, clock: Any, john: UserData
) -> None:
    await give("john", "SELECT", database="d")
    await tenantry.run(LockAccountAction(user="john", reason="x", duration_minutes=5))
    clock.advance(minutes=6)
    assert await may("john", "SELECT", "d")


async def test_a_suspended_tenants_users_may_nothing(
    tenantry: App, give: Give, may: May, roadrunner: UserData
) -> None:
    await give("roadrunner", "SELECT")
    assert await may("roadrunner", "SELECT", "d")
    await tenantry.run(SuspendTenantAction("acme"))
    assert not await may("roadrunner", "SELECT", "d")


async def test_an_unknown_privilege_is_an_error_also_about_nobody(tenantry: App) -> None:
    action = CheckAction(user="nobody", permission="DELET", database="d")
    with pytest.raises(InvalidInput, match="did you mean DELETE") as refused:
        await tenantry.grants.check.wait_for_complete(action)
    assert refused.value.field == "permission"


async def test_access_to_a_database_is_anything_on_it_or_inside(
    tenantry: App, give: Give, make_role: MakeRole, john: UserData
) -> None:
    await give("john", "SELECT", database="d", table="t")
    assert await reaches(tenantry, "john", "d")
    assert not await reaches(tenantry, "john", "e")
    await make_role("analyst", "SELECT", databases=["e"], members=[john])
    assert await reaches(tenantry, "john", "e")


async def test_many_questions_are_answered_in_their_order(
    tenantry: App, give: Give, john: UserData, admin: UserData
) -> None:
    await give("john", "SELECT", database="d")
    asked = [
        Question(user="john", permission="SELECT", database="d"),
        Question(user="nobody", permission="SELECT", database="d"),
        Question(user=str(john.id), permission="select", database="d", table="t"),
        Question(user="adele", permission="SELECT", database="d"),
        Question(user="JOHN", permission="INSERT", database="d"),
    ]
    action = CheckManyAction(questions=asked)
    answer = await tenantry.grants.check_many.wait_for_complete(action)
    assert answer.allowed == [True, False, True, False, False]


async def test_each_question_without_a_meaning_is_named_by_its_place(
    tenantry: App, john: UserData
) -> None:
    asked = [
        Question(user="john", permission="SELECT"),
        Question(user="john", permission="SELEC", table="t"),
        Question(user="john", permission="SELECT", table="t"),
        Question(user="john\0", permission="SELECT"),
    ]
    with pytest.raises(InvalidInput) as refused:
        await tenantry.grants.check_many.wait_for_complete(CheckManyAction(questions=asked))
    fields = [violation.field for violation in refused.value.violations]
    assert fields == ["questions[1].permission", "questions[2].database", "questions[3].user"]
    with pytest.raises(InvalidInput):
        await tenantry.grants.check_many.wait_for_complete(CheckManyAction(questions=[]))


async def test_a_thousand_questions_are_answered_at_once_and_no_more(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "SELECT", database="d")
    asked = [Question(user="john", permission="SELECT", database=f"{'d' * n}") for n in (1, 2)]
    action = CheckManyAction(questions=asked * 500)
    answer = await tenantry.grants.check_many.wait_for_complete(action)
    assert answer.allowed == [True, False] * 500
    action = CheckManyAction(questions=[*asked * 500, asked[0]])
    with pytest.raises(InvalidInput, match="questions"):
        await tenantry.grants.check_many.wait_for_complete(action)


async def test_plain_users_ask_about_themselves_and_readers_about_their_tenant(
    tenantry: App, give: Give, may: May, roadrunner: UserData, wile: UserData, alice: UserData
) -> None:
    monitor = await make_user(tenantry, "watch", domain_name="acme", role=UserRole.MONITOR)
    for user in ("roadrunner", "alice", "wile"):
        await give(user, "SELECT", database="d")

    async def answers() -> list[bool]:
        return [await may(user, "SELECT", "d") for user in ("roadrunner", "wile", "alice")]

    with acting_as(roadrunner):
        assert await answers() == [True, False, False]
        for user in ("wile", "alice", "nobody"):
            with pytest.raises(UserNotFound):
                await explained(tenantry, user, "SELECT", database="d")
            with pytest.raises(UserNotFound):
                await permissions_of(tenantry, user)
        assert (await explained(tenantry, "roadrunner", "SELECT", database="d")).allowed
        with pytest.raises(PermissionError):
            await holders(tenantry, "SELECT", database="d")
    with acting_as(monitor):
        assert await answers() == [True, True, False]
        assert await holders(tenantry, "SELECT", database="d") == ["roadrunner", "wile"]
        with pytest.raises(UserNotFound):
            await permissions_of(tenantry, "alice")


async def test_what_decides_is_the_truth_also_where_the_asker_cannot_see_it(
    give: Give, may: May, isolate: Any, wile: UserData, roadrunner: UserData, umbrella: str
) -> None:
    """The wall of a tenant that the asker knows nothing of."""
    await give("roadrunner", "SELECT")
    with acting_as(wile):
        assert await may("roadrunner", "SELECT", "umbrella-sales")
    await isolate("umbrella")
    with acting_as(wile):
        assert not await may("roadrunner", "SELECT", "umbrella-sales")


async def test_all_that_a_user_may_is_a_set(
    tenantry: App, give: Give, make_role: MakeRole, john: UserData, acme: str
) -> None:
    await make_role("analyst", "SELECT", "CREATE_VIEW", databases=["d", "e"], members=[john])
    await give("john", "INSERT", database="d", table="t")
    await give("analyst", "DELETE", database="d", schema="s")
    found = await permissions_of(tenantry, "john")
    assert "SELECT" in found
    assert "insert" in found
    assert "UPDATE" not in found
    assert ("SELECT", "d") in found
    assert ("SELECT", "d", "any", "thing") in found
    assert ("INSERT", "d", "public", "t") in found
    assert ("INSERT", "d", None, "t") in found
    assert ("INSERT", "d") not in found
    assert ("DELETE", "d", "s", "t") in found
    assert ("SELECT", "f") not in found
    assert repr(found) == (
        "{CREATE_VIEW on d, CREATE_VIEW on e, DELETE on d.s, INSERT on d.public.t, SELECT on d,"
        " SELECT on e}"
    )
    assert repr(await permissions_of(tenantry, "john")) == repr(found)
    assert len(found) == len(list(found)) == 6
    with pytest.raises(InvalidInput):
        assert "SELEKT" in found


async def test_the_set_holds_all_as_every_single_privilege(
    tenantry: App, give: Give, john: UserData
) -> None:
    await give("john", "ALL", database="d")
    found = await permissions_of(tenantry, "john")
    assert {entry[0] for entry in found} == {p.value for p in Privilege} - {"ALL"}
    assert "GRANT_PRIVILEGES" in found
    assert ("TRUNCATE", "d", "s", "t") in found


async def test_the_set_is_of_what_holds_now_and_here(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any, wile: UserData, roadrunner: UserData
) -> None:
    await make_role("tracker", "UPDATE", tenant="acme", members=[roadrunner])
    with acting_as(wile):
        await give("roadrunner", "SELECT")
        await give("roadrunner", "INSERT", database="not-of-acme")
    await give("roadrunner", "DELETE", database="d", valid_until=clock.now() + timedelta(hours=1))
    assert repr(await permissions_of(tenantry, "roadrunner")) == (
        "{DELETE on d, SELECT on acme-sales, UPDATE on acme-sales}"
    )
    clock.advance(hours=2)
    assert "DELETE" not in await permissions_of(tenantry, "roadrunner")
    await tenantry.run(SuspendTenantAction("acme"))
    assert len(await permissions_of(tenantry, "roadrunner")) == 0


@pytest.fixture(params=["role by role", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How members are found: as for few roles, and as for many."""
    if request.param == "walked":
        monkeypatch.setattr(holders_found, "MANY_ROLES", -1)
        monkeypatch.setattr(loading, "MOST_ROLES", -1)


@pytest.mark.usefixtures("way")
async def test_who_may_is_listed_whatever_the_way(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any
) -> None:
    people = [await make_user(tenantry, f"user-{n}") for n in range(9)]
    parent = await make_role("parent", "SELECT", databases=["d"])
    await make_role("child", members=people[1:3], parents=[parent])
    await make_role("elsewhere", "SELECT", databases=["e"], members=people[3:4])
    await make_role("writer", "INSERT", members=people[4:5])
    await give("writer", "SELECT", database="d", schema="public")
    await give("user-5", "ALL")
    await give("user-6", "SELECT", database="d", table="t")
    await give("user-7", "SELECT", database="d", valid_from=clock.now() + timedelta(days=1))
    await give("user-8", "SELECT", database="d")
    await tenantry.run(LockAccountAction(user="user-8", reason="x"))
    on_table = [f"user-{n}" for n in (1, 2, 4, 5, 6)]
    for limit in (1, 2, 50):
        found = await holders(tenantry, "select", database="d", table="t", limit=limit)
        assert found == on_table
    assert await holders(tenantry, "SELECT", database="d") == ["user-1", "user-2", "user-5"]
    assert await holders(tenantry, "SELECT") == ["user-5"]
    assert await holders(tenantry, "DROP_TABLE", database="x") == ["user-5"]


@pytest.mark.usefixtures("way")
async def test_who_may_is_found_behind_somebody_with_very_many_roles(
    tenantry: App, owner: asyncpg.Connection, give: Give, make_role: MakeRole, acme: str
) -> None:
    people = [await make_user(tenantry, f"user-{n}", domain_name=acme) for n in range(3)]
    await make_role("reader", "SELECT", members=people[1:2])
    await give("user-2", "SELECT")
    await owner.execute(
        "with made as (insert into roles (id, name, name_key, permissions, created_at, modified_at)"
        " select gen_random_uuid(), 'other-' || n, 'other-' || n, '{}', now(), now()"
        " from generate_series(1, 2 * $2::int) n returning id)"
        " insert into role_members (role_id, user_id, assigned_at) select id, $1, now() from made",
        people[0].id,
        2 * WALKED,
    )
    assert await holders(tenantry, "SELECT", limit=1) == ["user-1", "user-2"]
    boss = await make_user(tenantry, "boss", domain_name=acme, role=UserRole.ADMIN)
    with acting_as(boss):
        assert await holders(tenantry, "SELECT", limit=1) == ["user-1", "user-2"]


@pytest.mark.usefixtures("way")
async def test_many_candidates_of_whom_few_may_are_passed_over_page_by_page(
    tenantry: App, give: Give, make_role: MakeRole, clock: Any
) -> None:
    people = [await make_user(tenantry, f"user-{n:02}") for n in range(30)]
    await make_role("many", members=people)
    await give("many", "SELECT", database="d", valid_from=clock.now() + timedelta(days=1))
    await give("user-29", "SELECT", database="d")
    assert await holders(tenantry, "SELECT", database="d", limit=2) == ["user-29"]
    action = ListHoldersAction(permission="SELECT", database="d", limit=1)
    page = await tenantry.grants.list_holders.wait_for_complete(action)
    assert [holder.username for holder in page.items] == ["user-29"], "the first page is full"


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
