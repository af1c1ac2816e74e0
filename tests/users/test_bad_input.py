"""What no field of a user may hold: every sample is refused by the field's name, and not stored."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from tenantry.app import App
from tenantry.errors import InvalidInput, UserNotFound
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.users import make_user
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    GetUserAction,
    ListUsersAction,
    ModifyUserAction,
    OnUser,
    RestoreUserAction,
    SearchUsersAction,
)
from tenantry.users.model import UserCreator, UserData, UserFilter, UserModifier
from tenantry.users.rules import NULLABLE

pytestmark = pytest.mark.anyio

UNTYPED: list[Any] = [5, 5.5, True, b"bytes", ["list"], {"$ne": None}, object()]
UNSTORABLE = ["a\0b", "a\ud800b", "\udfff"]
MEGABYTE = 2**20
NAIVE = datetime.now(UTC).replace(tzinfo=None)

USERNAMES: dict[str, list[Any]] = {
    "reserved": (
        "public Public PUBLIC ｐｕｂｌｉｃ none current_user CURRENT_USER session_user system pg_ "
        "pg_read_all_data PG_x Pg_monitor tenantry_owner tenantry_app"
    ).split(),
    "too long": ["a" * 64, "é" * 32, "a" * MEGABYTE, "a" + "\u0301" * 100_000, "ﷺ" * 4],
    "empty": ["", " ", "\t"],
    "unstorable": UNSTORABLE,
    "control": ["a\nb", "a\r\nb", "a\x1b[0m", "a\x7f", "a\u0085", "\ta"],
    "bidirectional": ["a\u202eb", "a\u2066b", "\u200fa", "a\u061c"],
    "invisible": ["a\u200bb", "\ufeffa", "a\u00adb", "a\ufe0f", "a\u3164", "a\u2060b", "\u0301a"],
    "spaces": ["a b", " a", "a ", "a\u00a0b", "a\u3000b", "a\u2028b"],
    "quotes": ["a'b", 'a"b', "a`b", "a\\b", "a\u2019b", "«a»", "a´b"],
    "separators": ["a:b", "a#b", "a/b", "a\uff1ab", "@a", "a@", "\uff20a"],
    "pictures": ["😀", "a👩‍👩‍👧", "🇩🇪"],
    "private or unassigned": ["a\ue000", "a\U000e0001", "a\U0010ffff"],
    "like an id": ["0190b8f0-0000-7000-8000-000000000000", "0190B8F0-0000-7000-8000-00000000000A"],
    "wrong type": UNTYPED,
}
SOUND_USERNAMES = ["a", "a" * 63, "é" * 31, "ada.lovelace+x@y", "аdmin", "-rf", "$1", "%s", "李雷"]

EMAILS: list[Any] = [
    "",
    "nobody",
    "a@b",
    "a..b@example.com",
    '"very unusual"@example.com',
    "user@[127.0.0.1]",
    "user@example.com\r\nBcc: all@example.com",
    " user@example.com",
    "user@example.com ",
    "x" * 65 + "@example.com",
    "é" * 33 + "@example.com",
    "user@" + "a" * 250 + ".com",
    "a@" * 1000 + "example.com",
    "x" * MEGABYTE,
    "a\u202e@example.com",
    *UNSTORABLE,
    *UNTYPED,
]
ADDRESSES: list[Any] = [
    ["10.0.0.1/33"],
    ["192.168.1.5/24"],
    ["2001:db8::1/32"],
    ["10.0.0.0/0.0.0.255"],
    ["10.0.0.0/255.255.255.0"],
    ["010.0.0.1"],
    ["10.1"],
    ["fe80::1%eth0"],
    ["fe80::1%25eth0/64"],
    ["1０.0.0.1"],
    ["10.*.1.*"],
    ["*.*.*.*"],
    ["*"],
    ["10.1.*"],
    ["10.1.*.*/16"],
    ["300.1.*.*"],
    ["2001:db8:*:*:*:*:*:*"],
    ["localhost"],
    [""],
    [" 10.0.0.1"],
    ["10.0.0.1\n"],
    ["10.0.0.1\0"],
    ["1" * MEGABYTE],
    [1],
    [True],
    [None],
    [["10.0.0.1"]],
    [b"10.0.0.1"],
    "10.0.0.1",
    5,
    {"10.0.0.1": 1},
    [f"10.0.{i // 256}.{i % 256}" for i in range(257)],
]
CONTAINER_IDS: list[Any] = [-1, 0, 999, 2**31, 2**63, 1000.0, "1000", True]
GROUP_IDS: list[Any] = [
    [0],
    [1000, -1],
    [2**31],
    ["1000"],
    [True],
    [None],
    1000,
    "1000",
    [1000] * 65,
]
ATTRIBUTES: list[Any] = [
    {"": 1},
    {"a b": 1},
    {"a\0": 1},
    {"a" * 65: 1},
    {5: 1},
    {"a": "\0"},
    {"a": {"b": ["\0"]}},
    {"a": {"b\0": 1}},
    {"a": "\ud800"},
    {"a": "x" * 20_000},
    {"a": object()},
    {"a": float("nan")},
    {"a": [float("inf")]},
    {"a": datetime(2026, 1, 1, tzinfo=UTC)},
    [],
    "text",
    5,
]
TEXTS = {
    "full_name": 1024,
    "description": 4096,
    "department": 512,
    "phone": 64,
    "integration_name": 512,
}


def field_cases() -> Iterable[tuple[str, list[Any]]]:
    """Each field and what it refuses, in creating as in modifying."""
    for category, samples in USERNAMES.items():
        yield f"username: {category}", samples
    yield "email", EMAILS
    yield "allowed_client_ip", ADDRESSES
    yield "container_uid", CONTAINER_IDS
    yield "container_main_gid", CONTAINER_IDS
    yield "container_gids", GROUP_IDS
    yield "attributes", ATTRIBUTES
    for name, longest in TEXTS.items():
        huge = ["x" * (longest + 1), "é" * longest, "x" * 10 * MEGABYTE]
        broken = [] if name == "description" else ["two\nlines", "\x1b[2J"]
        yield name, [*huge, *broken, *UNSTORABLE, *UNTYPED]
    for name in ("need_password_change", "sudo_session_enabled", "totp_activated", "is_active"):
        yield name, ["yes", 1, 0, "true", [True]]
    yield "role", ["ADMIN", "Admin", " admin", "admin\0", "owner", "", 5, ["admin"]]
    yield "status", ["ACTIVE", "locked", "", 5, ["active"], "active\u212a"]
    yield "domain_name", ["", "nowhere", "x" * 65, *UNSTORABLE, *UNTYPED]
    yield "resource_policy", ["", "nothing", "x" * 257, *UNSTORABLE, *UNTYPED]
    yield "password", ["", "short", "x" * 129, "x" * MEGABYTE, *UNTYPED]


CASES = list(field_cases())


async def refused(app: App, action: Any, field: str) -> str | None:
    """None when the action is refused with a typed error that names the field, else why not."""
    try:
        await app.run(action)
    except InvalidInput as error:
        named = {
            violation.field.partition(".")[0].partition("[")[0] for violation in error.violations
        }
        return None if named == {field} else f"named {named}"
    except Exception as error:
        return f"raised {error!r}"
    return "was accepted"


async def flaws(app: App, field: str, samples: Iterable[Any], action: Any) -> list[str]:
    found = []
    for sample in samples:
        reason = await refused(app, action(sample), field)
        if reason is not None:
            found.append(f"{str(sample)[:60]!a}: {reason}")
    return found


@pytest.mark.parametrize(("case", "samples"), CASES, ids=[case for case, _ in CASES])
async def test_a_bad_value_is_refused_when_creating(
    tenantry: App, owner: asyncpg.Connection, case: str, samples: list[Any]
) -> None:
    field = case.partition(":")[0]

    def creating(sample: Any) -> CreateUserAction:
        return CreateUserAction(input=UserCreator(**{"username": "ada", field: sample}))

    assert await flaws(tenantry, field, samples, creating) == []
    assert await owner.fetchval("select count(*) from users") == 1


@pytest.mark.parametrize(("case", "samples"), CASES, ids=[case for case, _ in CASES])
async def test_a_bad_value_is_refused_when_modifying(
    tenantry: App, john: UserData, case: str, samples: list[Any]
) -> None:
    field = case.partition(":")[0]

    def modifying(sample: Any) -> ModifyUserAction:
        state = type(getattr(UserModifier(), field)).update(sample)
        return ModifyUserAction(user="john", modifier=UserModifier(**{field: state}))

    assert await flaws(tenantry, field, samples, modifying) == []
    stored = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
    assert stored.data == john


@pytest.mark.parametrize("name", SOUND_USERNAMES)
async def test_an_unusual_name_that_does_no_harm_is_taken(tenantry: App, name: str) -> None:
    assert (await make_user(tenantry, name, email=None)).username == name


async def test_sixty_three_bytes_are_counted_in_the_normal_form(tenantry: App) -> None:
    user = await make_user(tenantry, "ａ" * 63, email=None)
    assert user.username == "a" * 63


async def test_an_international_domain_is_stored_in_ascii_and_found_in_both_forms(
    tenantry: App,
) -> None:
    user = await make_user(tenantry, "ada", email="ada@bücher.example")
    assert user.email == "ada@xn--bcher-kva.example"
    for form in ("ada@bücher.example", "ADA@BÜCHER.example", "ada@xn--bcher-kva.example"):
        found = await tenantry.users.get_user.wait_for_complete(GetUserAction(form))
        assert found.data == user


async def test_host_bits_are_answered_with_the_network_that_was_meant(tenantry: App) -> None:
    with pytest.raises(InvalidInput, match=r"did you mean 192\.168\.1\.0/24"):
        await make_user(tenantry, "ada", allowed_client_ip=["192.168.1.5/24"])


@pytest.mark.parametrize("password_hash", [*UNTYPED, "", "\0", "x" * MEGABYTE, "$argon2id$\0"])
async def test_a_bad_password_hash_is_refused(tenantry: App, password_hash: Any) -> None:
    creator = UserCreator(username="ada", password_hash=password_hash)
    assert await refused(tenantry, CreateUserAction(input=creator), "password_hash") is None


async def test_scenario_22_a_modifier_with_nothing_in_it_is_refused(
    tenantry: App, john: UserData
) -> None:
    for modifier in (UserModifier(), UserModifier(email=TriState.nop())):
        action = ModifyUserAction(user="john", modifier=modifier)
        assert await refused(tenantry, action, "modifier") is None


async def test_only_what_may_be_null_can_be_nullified(tenantry: App, john: UserData) -> None:
    for name in UserModifier.__struct_fields__:
        if name in NULLABLE or isinstance(getattr(UserModifier(), name), TriState):
            continue
        null: Any = TriState.nullify()
        action = ModifyUserAction(user="john", modifier=UserModifier(**{name: null}))
        assert await refused(tenantry, action, name) is None
        with pytest.raises(ValueError, match="cannot be null"):
            OptionalState.update(None)


async def test_a_bare_value_in_a_modifier_is_refused(tenantry: App, john: UserData) -> None:
    bare: Any = "Jane"
    for name in ("full_name", "password", "username"):
        action = ModifyUserAction(user="john", modifier=UserModifier(**{name: bare}))
        assert await refused(tenantry, action, name) is None


@pytest.mark.parametrize(
    "kind",
    [GetUserAction, FindUserAction, DeleteUserAction, RestoreUserAction, ModifyUserAction],
)
async def test_a_user_is_named_in_one_way_and_by_text(
    tenantry: App, john: UserData, kind: type[OnUser[Any]]
) -> None:
    change = {"modifier": UserModifier(full_name=TriState.update("X"))}
    rest: dict[str, Any] = change if kind is ModifyUserAction else {}
    ways: list[tuple[dict[str, Any], str]] = [
        ({}, "user"),
        ({"user": "john", "email": "john@example.com"}, "user"),
        *(({"user": bad}, "user") for bad in [*UNTYPED, *UNSTORABLE, "x" * MEGABYTE]),
        *(({"email": bad}, "email") for bad in [*UNTYPED, *UNSTORABLE, "x" * MEGABYTE]),
    ]
    for given, field in ways:
        assert await refused(tenantry, kind(**{**given, **rest}), field) is None, given


async def test_a_name_that_nobody_can_have_is_simply_not_found(tenantry: App) -> None:
    for name in ("", " ", "a'; drop table users; --", "%", "x" * 2000):
        with pytest.raises(UserNotFound):
            await tenantry.users.get_user.wait_for_complete(GetUserAction(user=name))
        found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user=name))
        assert found.data is None


@pytest.mark.parametrize("kind", [ListUsersAction, SearchUsersAction])
async def test_pages_are_asked_for_within_limits(tenantry: App, kind: Any) -> None:
    for field, samples in {
        "limit": [0, -1, 1001, 10**9, 2**63, 1.0, "10", True, None],
        "order": ["", "email", "-id", 5, None],
        "cursor": [5, "", "x", "\0", "é", "A" * 5000, "\ud800"],
    }.items():
        for sample in samples:
            assert await refused(tenantry, kind(**{field: sample}), field) is None, sample


@pytest.mark.parametrize("field", UserFilter.__struct_fields__)
async def test_a_search_for_what_cannot_be_is_refused(tenantry: App, field: str) -> None:
    declared = UserFilter.__annotations__[field]
    samples: list[Any] = [object(), b"x", ["list"], "\0", "\ud800", "x" * MEGABYTE]
    own: dict[str, list[Any]] = {
        "attributes": [{"a": "\0"}, {"a b": 1}, "text", 5],
        "container_uid": [-1, 2**31, 2**63, True],
        "container_main_gid": [-1, 2**31, 2**63, True],
    }
    samples += own.get(field, [])
    if "Moment" in str(declared) or "datetime" in str(declared):
        samples += [NAIVE, datetime(1, 1, 1, tzinfo=UTC), 0, "2026-01-01"]
    for sample in samples:
        action = SearchUsersAction(filter=UserFilter(**{field: sample}))
        assert await refused(tenantry, action, field) is None, repr(sample)[:60]
