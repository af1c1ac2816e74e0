"""Searching users by any field."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import NotAuthenticated, PermissionError
from tenantry.kernel.action import ANONYMOUS, Actor, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import ModifyUserAction, SearchUsersAction
from tenantry.users.model import UserData, UserFilter, UserModifier, UserOrder, UserRole, UserStatus
from tests.conftest import Trail

pytestmark = pytest.mark.anyio

FUTURE = datetime.now(UTC) + timedelta(days=10)
PAST = datetime.now(UTC) - timedelta(days=10)

# Each field: what finds Zoë, and what finds others but not her.
CASES: dict[str, tuple[Any, Any]] = {
    "text": ("Washburn", "Reynolds"),
    "username": ("ZOE.W", "mal"),
    "email": ("ZOE@serenity.example", "mal@serenity.example"),
    "full_name": ("Zoë Washburn", "Mal Reynolds"),
    "description": ("first mate", "captain"),
    "department": ("Bridge", "Cargo"),
    "phone": ("+1 555 0100", "+1 555 0199"),
    "attributes": (
        {"ship": "Serenity", "tags": ["veteran"]},
        {"ship": "Serenity", "tags": ["boss"]},
    ),
    "domain_name": ("Other", "default"),
    "role": (UserRole.MONITOR, UserRole.USER),
    "status": (UserStatus.ACTIVE, UserStatus.SUSPENDED),
    "status_info": ("admin-requested", "nothing"),
    "need_password_change": (True, False),
    "resource_policy": ("admin-policy", "default"),
    "totp_activated": (False, True),
    "sudo_session_enabled": (True, False),
    "container_uid": (2001, 2002),
    "container_main_gid": (3001, 3002),
    "integration_name": ("ldap-zoe", "ldap-mal"),
    "created_from": (PAST, FUTURE),
    "created_until": (FUTURE, PAST),
    "modified_from": (PAST, FUTURE),
    "modified_until": (FUTURE, PAST),
    "last_login_from": (PAST, FUTURE),
    "last_login_until": (FUTURE, PAST),
}


async def search(app: App, **wanted: Any) -> list[UserData]:
    action = SearchUsersAction(filter=UserFilter(**wanted), limit=1000)
    return (await app.users.search_users.wait_for_complete(action)).items


async def names(app: App, **wanted: Any) -> set[str]:
    return {user.username for user in await search(app, **wanted)}


@pytest.fixture
async def crew(tenantry: App, other_tenant: str) -> UserData:
    """Zoë, with something in every field, and Mal, who differs in each."""
    await make_user(
        tenantry,
        "mal",
        email="mal@serenity.example",
        full_name="Mal Reynolds",
        description="captain",
        department="Cargo",
        phone="+1 555 0199",
        attributes={"ship": "Serenity", "tags": ["veteran", "boss"]},
        status=UserStatus.SUSPENDED,
        container_uid=2002,
        container_main_gid=3002,
        integration_name="ldap-mal",
    )
    zoe = await make_user(
        tenantry,
        "zoe.w",
        email="zoe@serenity.example",
        full_name="Zoë Washburn",
        description="first mate",
        department="Bridge",
        phone="+1 555 0100",
        attributes={"ship": "Serenity", "tags": ["veteran"]},
        domain_name=other_tenant,
        role=UserRole.MONITOR,
        status=UserStatus.INACTIVE,
        resource_policy="admin-policy",
        sudo_session_enabled=True,
        container_uid=2001,
        container_main_gid=3001,
        integration_name="ldap-zoe",
    )
    activate = UserModifier(
        status=OptionalState.update(UserStatus.ACTIVE),
        need_password_change=OptionalState.update(True),
    )
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="zoe.w", modifier=activate)
    )
    login = await tenantry.auth.authenticate.wait_for_complete(
        AuthenticateAction("zoe.w", PASSWORD)
    )
    assert login.success
    return zoe


def test_every_field_of_the_filter_has_a_case() -> None:
    assert set(CASES) == set(UserFilter.__struct_fields__)


@pytest.mark.parametrize("field", UserFilter.__struct_fields__)
async def test_scenario_40_a_field_finds_who_has_the_value_and_nobody_else(
    tenantry: App, crew: UserData, field: str
) -> None:
    hit, miss = CASES[field]
    assert "zoe.w" in await names(tenantry, **{field: hit})
    assert "zoe.w" not in await names(tenantry, **{field: miss})


async def test_scenario_40_all_conditions_must_hold(tenantry: App, crew: UserData) -> None:
    everything = {field: hit for field, (hit, _) in CASES.items()}
    assert await names(tenantry, **everything) == {"zoe.w"}
    for field, (_, miss) in CASES.items():
        assert await names(tenantry, **{**everything, field: miss}) == set(), field


async def test_bounds_of_time_take_the_first_instant_and_not_the_last(
    tenantry: App, john: UserData
) -> None:
    at = john.created_at
    assert "john" in await names(tenantry, created_from=at)
    assert "john" not in await names(tenantry, created_until=at)
    assert "john" in await names(tenantry, created_until=at + timedelta(microseconds=1))


@pytest.mark.parametrize("hours", range(0, 24, 6))
@pytest.mark.parametrize("zone", [-12, 0, 14])
async def test_bounds_of_the_last_login_are_exact_at_any_hour_and_in_any_zone(
    tenantry: App, john: UserData, clock: ShiftedClock, hours: int, zone: int
) -> None:
    clock.advance(hours=hours)
    with acting_as(ANONYMOUS):
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))
    [found] = await search(tenantry, username="john")
    assert found.last_login is not None
    at = found.last_login.astimezone(timezone(timedelta(hours=zone)))
    instant = timedelta(microseconds=1)
    assert "john" in await names(tenantry, last_login_from=at)
    assert "john" not in await names(tenantry, last_login_from=at + instant)
    assert "john" in await names(tenantry, last_login_until=at + instant)
    assert "john" not in await names(tenantry, last_login_until=at)


@pytest.mark.parametrize(
    ("full_name", "text"),
    [
        ("100% sure", "100%"),
        ("under_score", "r_s"),
        ("back\\slash", "k\\s"),
        ("ALL CAPS", "l cap"),
        ("Straße", "STRASSE"),
        ("Zoë", "zoe\u0308"),
        ("Zoe\u0308", "ZOË"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("Ⅷ century", "viii"),
        ("李小龍", "小"),
        ("O'Neil; drop table users", "'Neil; drop"),
    ],
)
async def test_a_part_of_a_name_is_found_in_any_case_and_form(
    tenantry: App, full_name: str, text: str
) -> None:
    await make_user(tenantry, "wanted", full_name=full_name)
    await make_user(tenantry, "other", full_name="1000 sure, underXscore, backslash, Zo")
    assert await names(tenantry, text=text) == {"wanted"}


async def test_wildcards_are_only_characters(tenantry: App, john: UserData) -> None:
    for text in ("%", "_", "\\", "j%n", "j_hn", ".*", "(a+)+$"):
        assert await names(tenantry, text=text) == set()


async def test_a_part_is_looked_for_in_name_address_and_full_name(
    tenantry: App, john: UserData
) -> None:
    for text in ("joh", "ohn@exam", "hn Doe"):
        assert await names(tenantry, text=text) == {"john"}


async def test_a_changed_name_is_found_under_the_new_one_only(
    tenantry: App, john: UserData
) -> None:
    modifier = UserModifier(username=OptionalState.update("jack"))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=modifier)
    )
    assert await names(tenantry, text="jack") == {"jack"}
    assert await names(tenantry, username="john") == set()
    assert await names(tenantry, text="john doe") == {"jack"}


async def test_a_search_is_not_of_one_page_only(tenantry: App) -> None:
    for i in range(12):
        await make_user(tenantry, f"u{i:02}", password=None, department="X" if i % 2 else "Y")
    wanted = UserFilter(department="X")
    found: list[str] = []
    cursor: str | None = None
    while True:
        action = SearchUsersAction(
            filter=wanted, limit=4, order=UserOrder.USERNAME_DESCENDING, cursor=cursor
        )
        page = await tenantry.users.search_users.wait_for_complete(action)
        found += [user.username for user in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [f"u{i:02}" for i in range(11, 0, -2)]


async def test_nobody_is_found_beyond_the_own_tenant(
    tenantry: App, crew: UserData, admin: UserData, monitor: UserData, superadmin: Actor
) -> None:
    for who in (admin, monitor):
        with acting_as(who):
            assert await names(tenantry, text="serenity") == {"mal"}
            assert await names(tenantry, domain_name="other") == set()
            assert await names(tenantry, email="zoe@serenity.example") == set()
    with acting_as(superadmin):
        assert await names(tenantry, text="serenity") == {"mal", "zoe.w"}


async def test_plain_users_search_nobody(tenantry: App, john: UserData, trail: Trail) -> None:
    with acting_as(john), pytest.raises(PermissionError):
        await search(tenantry)
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await search(tenantry)
    assert [entry.outcome for entry in await trail("user.search")] == [Outcome.DENIED] * 2


async def test_a_search_leaves_no_entry(
    tenantry: App, john: UserData, trail: Trail, clock: ShiftedClock
) -> None:
    await search(tenantry, text="john")
    assert await trail("user.search") == []
