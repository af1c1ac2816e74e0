"""Finding users by each field that a search knows, where few have what is asked for."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from bench.people import BEGIN
from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.users.actions import SearchUsersAction
from tenantry.users.model import UserFilter, UserRole, UserStatus

TITLE = "any_field: user.search by each field over a bare keyset SELECT of 50 users"
GOAL = "p95 below 20 ms"
BARE = "select * from users where (username_key, id) > ($1, $2) order by username_key, id limit 50"
FIRST = BEGIN + timedelta(minutes=20)

ASKED: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "text": ("zimmermann1",),
        "username": ("nobody.here",),
        "email": ("nobody.here@example.com",),
        "full_name": ("Zoe Z. Zimmermann",),
        "description": ("Looks after the printers",),
        "department": ("Legal North",),
        "phone": ("+491234567890",),
        "attributes": ({"cost_centre": 7},),
        "domain_name": ("default",),
        "role": (UserRole.SUPERADMIN,),
        "status": (UserStatus.SUSPENDED, UserStatus.LOCKED),
        "status_info": ("moved-house",),
        "need_password_change": (True, False),
        "resource_policy": ("admin-policy",),
        "totp_activated": (True, False),
        "sudo_session_enabled": (True, False),
        "container_uid": (10_003,),
        "container_main_gid": (10_003,),
        "integration_name": ("ldap-1",),
        "created_from": (BEGIN + timedelta(days=699, hours=23, minutes=40),),
        "created_until": (FIRST,),
        "modified_from": (BEGIN + timedelta(days=699, hours=23, minutes=40),),
        "modified_until": (FIRST,),
        "last_login_from": (BEGIN + timedelta(days=719, hours=23, minutes=40),),
        "last_login_until": (FIRST + timedelta(days=20),),
    }
)


async def measure(world: World, effort: Effort) -> list[Result]:
    """All fields in turns; a field that nobody asks for here is an error."""
    if left_out := set(UserFilter.__struct_fields__) - set(ASKED):
        raise SystemExit(f"No question asks for {', '.join(sorted(left_out))}.")
    names = await world.some_usernames(1000)
    keyset = await world.bare.prepare(BARE)

    async def bare() -> object:
        return await keyset.fetch(names[len(names) // 2], UUID(int=0))

    contestants = [Contestant("bare SELECT, a page of users", bare)]
    for name, values in ASKED.items():
        for value in values:
            said = f"{name} = {value}" if len(values) > 1 else name
            contestants.append(_search(world, said, UserFilter(**{name: value})))  # type: ignore[arg-type]  # checked above
    return await compare(contestants, effort)


def _search(world: World, said: str, wanted: UserFilter) -> Contestant:
    async def search() -> object:
        action = SearchUsersAction(filter=wanted, limit=50)
        return await world.app.users.search_users.wait_for_complete(action)

    return Contestant(said, search, goal=GOAL)
