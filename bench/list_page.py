"""A page of 50 users out of all of them: the first, one from deep inside, and filtered ones."""

from collections.abc import Awaitable, Callable

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.kernel.action import Actor, ActorKind, acting_as
from tenantry.kernel.page import Page
from tenantry.users.actions import ListUsersAction, SearchUsersAction
from tenantry.users.model import UserData, UserFilter, UserOrder, UserRole, UserStatus

TITLE = "list_page: 50 users a page over a bare keyset SELECT of 50 rows"
FIRST = "select * from users order by username_key, id limit 50"
DEEP = """
    select * from users where (username_key, id) > ($1, $2) order by username_key, id limit 50
"""

Ask = Callable[[], Awaitable[Page[UserData]]]


async def measure(world: World, effort: Effort) -> list[Result]:
    """The reference is the bare first page."""
    first, deep = await world.bare.prepare(FIRST), await world.bare.prepare(DEEP)
    cursor, last = await _deep_inside(world)

    async def bare_first() -> object:
        return await first.fetch()

    async def bare_deep() -> object:
        return await deep.fetch(last.username, last.id)

    contestants = [
        Contestant("bare SELECT, first page", bare_first),
        Contestant("bare SELECT, deep page", bare_deep),
        Contestant("user.list, first page", _list(world)),
        Contestant("user.list, deep page", _list(world, cursor=cursor)),
        Contestant("user.list, newest first", _list(world, order=UserOrder.CREATED_DESCENDING)),
        Contestant("user.list, as a tenant's admin", await _as_admin(world, _list(world))),
        Contestant("user.search, a status", _search(world, status=UserStatus.SUSPENDED)),
        Contestant("user.search, a rare role", _search(world, role=UserRole.SUPERADMIN)),
        Contestant("user.search, a department", _search(world, department="Legal North")),
        Contestant("user.search, an attribute", _search(world, attributes={"cost_centre": 7})),
    ]
    return await compare(contestants, effort)


def _list(world: World, *, order: UserOrder = UserOrder.USERNAME, cursor: str | None = None) -> Ask:
    async def ask() -> Page[UserData]:
        action = ListUsersAction(order=order, limit=50, cursor=cursor)
        return await world.app.users.list_users.wait_for_complete(action)

    return ask


def _search(world: World, **conditions: object) -> Ask:
    wanted = UserFilter(**conditions)  # type: ignore[arg-type] # the caller knows the fields

    async def ask() -> Page[UserData]:
        action = SearchUsersAction(filter=wanted, limit=50)
        return await world.app.users.search_users.wait_for_complete(action)

    return ask


async def _deep_inside(world: World) -> tuple[str, UserData]:
    """The cursor of a page a tenth into the list, and the user before it."""
    cursor: str | None = None
    for _ in range(max(1, world.users // 10_000)):
        action = ListUsersAction(limit=1000, cursor=cursor)
        page = await world.app.users.list_users.wait_for_complete(action)
        cursor = page.next_cursor
    if cursor is None:
        raise ValueError("a world of more than 1,000 users is needed")
    return cursor, page.items[-1]


async def _as_admin(world: World, ask: Ask) -> Ask:
    tenant_id = await world.owner.fetchval("select id from tenants where name_key = 'default'")
    admin = Actor(ActorKind.USER, "admin", tenant_id=tenant_id, role="admin")

    async def asked() -> Page[UserData]:
        with acting_as(admin):
            return await ask()

    return asked
