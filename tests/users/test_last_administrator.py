"""The last active superadmin, and the last active admin of a tenant, stay."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import LastAdministrator
from tenantry.kernel.modifier import OptionalState
from tenantry.testing.users import make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole, UserStatus
from tenantry.users.repository import UserRepository

pytestmark = pytest.mark.anyio

ROUNDS = 10


async def demote(app: App, name: str) -> None:
    modifier = UserModifier(role=OptionalState.update(UserRole.USER))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=name, modifier=modifier))


async def suspend(app: App, name: str) -> None:
    modifier = UserModifier(status=OptionalState.update(UserStatus.SUSPENDED))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=name, modifier=modifier))


async def deactivate(app: App, name: str) -> None:
    modifier = UserModifier(is_active=OptionalState.update(False))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=name, modifier=modifier))


async def delete(app: App, name: str) -> None:
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user=name))


async def move(app: App, name: str) -> None:
    modifier = UserModifier(domain_name=OptionalState.update("other"))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=name, modifier=modifier))


Way = Callable[[App, str], Awaitable[None]]
WAYS: list[Way] = [demote, suspend, deactivate, delete]


async def active(owner: asyncpg.Connection, role: UserRole) -> list[str]:
    rows = await owner.fetch(
        "select username from users join tenants t on t.id = tenant_id"
        " where role = $1 and users.status = 'active' and t.name = 'default'",
        role.value,
    )
    return [row["username"] for row in rows]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_last_superadmin_stays(tenantry: App, root: UserData, way: Way) -> None:
    await make_user(tenantry, "asleep", role=UserRole.SUPERADMIN, status=UserStatus.INACTIVE)
    with pytest.raises(LastAdministrator) as refused:
        await way(tenantry, "root")
    assert refused.value.field == "role"


@pytest.mark.parametrize("way", [*WAYS, move], ids=lambda way: way.__name__)
async def test_the_last_admin_of_a_tenant_stays(
    tenantry: App, admin: UserData, other_tenant: str, way: Way
) -> None:
    await make_user(tenantry, "elsewhere", role=UserRole.ADMIN, domain_name=other_tenant)
    await make_user(tenantry, "asleep", role=UserRole.ADMIN, status=UserStatus.SUSPENDED)
    with pytest.raises(LastAdministrator):
        await way(tenantry, admin.username)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_last_but_one_may_go(tenantry: App, admin: UserData, way: Way) -> None:
    await make_user(tenantry, "second", role=UserRole.ADMIN)
    await make_user(tenantry, "boss", role=UserRole.SUPERADMIN)
    await way(tenantry, admin.username)
    await way(tenantry, "root")


async def test_a_superadmin_may_change_tenants(
    tenantry: App, root: UserData, other_tenant: str
) -> None:
    await move(tenantry, "root")


@pytest.mark.parametrize("role", [UserRole.ADMIN, UserRole.SUPERADMIN])
@pytest.mark.parametrize(
    ("one", "two"),
    [(demote, demote), (demote, delete), (suspend, delete), (deactivate, demote)],
    ids=lambda way: way.__name__,
)
async def test_two_that_go_at_once_leave_one(
    tenantry: App, owner: asyncpg.Connection, role: UserRole, one: Way, two: Way
) -> None:
    for number in range(ROUNDS):
        pair = [f"left{number}", f"right{number}"]
        for name in pair:
            await make_user(tenantry, name, role=role, password=None)
        present = await active(owner, role)
        for name in set(present) - set(pair):
            await demote(tenantry, name)
        assert sorted(await active(owner, role)) == sorted(pair)
        results = await asyncio.gather(
            one(tenantry, pair[0]), two(tenantry, pair[1]), return_exceptions=True
        )
        kinds = sorted(type(result).__name__ for result in results)
        assert kinds == ["LastAdministrator", "NoneType"], (number, results)
        assert len(await active(owner, role)) == 1


async def test_two_that_only_look_whether_there_is_another_leave_none(
    tenantry: App, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The naive way beside ours: nobody waits before looking, and both see the other."""

    async def look_at_once(self: UserRepository, *_: object) -> None:
        await asyncio.sleep(0.1)

    monkeypatch.setattr(UserRepository, "lock_administrators", look_at_once)
    others = UserRepository.has_others

    async def then_pause(self: UserRepository, *asked: Any, **more: Any) -> bool:
        found = await others(self, *asked, **more)
        await asyncio.sleep(0.2)
        return found

    monkeypatch.setattr(UserRepository, "has_others", then_pause)
    for name in ("left", "right"):
        await make_user(tenantry, name, role=UserRole.ADMIN, password=None)
    await asyncio.gather(demote(tenantry, "left"), demote(tenantry, "right"))
    assert await active(owner, UserRole.ADMIN) == []


async def test_ten_that_go_at_once_leave_one(tenantry: App, owner: asyncpg.Connection) -> None:
    names = [f"admin{i}" for i in range(10)]
    for name in names:
        await make_user(tenantry, name, role=UserRole.ADMIN, password=None)
    ways = [WAYS[i % len(WAYS)] for i in range(10)]
    results = await asyncio.gather(
        *(way(tenantry, name) for way, name in zip(ways, names, strict=True)),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, LastAdministrator)]
    assert len(refused) == 1
    assert len(await active(owner, UserRole.ADMIN)) == 1


async def test_users_being_added_to_the_tenant_do_not_hold_a_demotion_up(
    tenantry: App, admin: UserData, owner: asyncpg.Connection
) -> None:
    await make_user(tenantry, "second", role=UserRole.ADMIN)
    async with owner.transaction():
        # What a foreign key takes while a row that refers to the tenant is not committed yet.
        await owner.execute("select from tenants where name = 'default' for key share")
        await demote(tenantry, admin.username)
