"""Searching the audit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.audit.model import AuditEntry
from tenantry.audit.months import Month
from tenantry.audit.queries import search_statement, whole_statement
from tenantry.auth.actions import AuthenticateAction
from tenantry.errors import InvalidInput, NotAuthenticated, UserNotFound
from tenantry.kernel.action import ANONYMOUS, Actor, Origin, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import ModifyUserAction
from tenantry.users.model import UserData, UserModifier, UserRole

pytestmark = pytest.mark.anyio

NAIVE = datetime.now(UTC).replace(tzinfo=None)
HERE = Origin(face="http", address="203.0.113.7", user_agent="test/1", request_id="r-1")


async def search(app: App, **conditions: Any) -> list[AuditEntry]:
    action = SearchAuditAction(limit=1000, **conditions)
    return (await app.audit.search.wait_for_complete(action)).items


async def rename(app: App, user: str, full_name: str) -> None:
    modifier = UserModifier(full_name=TriState.update(full_name))
    await app.users.modify_user.wait_for_complete(ModifyUserAction(user=user, modifier=modifier))


@pytest.fixture
async def history(tenantry: App, john: UserData, admin: UserData) -> UserData:
    """Some things done by some people."""
    with acting_as(ANONYMOUS, HERE):
        for password in ("wrong passphrase", PASSWORD):
            await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", password))
    with acting_as(admin):
        await rename(tenantry, "john", "Johnny")
    with acting_as(john):
        await rename(tenantry, "john", "Jack")
    await make_user(tenantry, "jane")
    return john


async def test_the_newest_entry_comes_first(tenantry: App, history: UserData) -> None:
    moments = [entry.timestamp for entry in await search(tenantry)]
    assert moments == sorted(moments, reverse=True)
    assert len(moments) == 8


async def test_an_entry_says_who_did_what_to_whom_when_and_from_where(
    tenantry: App, history: UserData
) -> None:
    refused = (await search(tenantry, action="login"))[1]
    assert (refused.outcome, refused.reason, refused.success) == (
        Outcome.FAILED,
        "wrong_password",
        False,
    )
    assert (refused.actor, refused.actor_id) == ("anonymous", None)
    assert (refused.target, refused.target_id) == ("john", history.id)
    assert refused.tenant_id == history.tenant_id
    assert (refused.ip_address, refused.user_agent) == ("203.0.113.7", "test/1")
    assert (refused.request_id, refused.face) == ("r-1", "http")
    assert refused.timestamp.tzinfo is not None
    assert refused.id.version == 7


CONDITIONS: list[tuple[dict[str, Any], Callable[[AuditEntry], bool], int]] = [
    ({"action": "login"}, lambda e: e.action == "login", 2),
    ({"outcome": Outcome.FAILED}, lambda e: e.outcome is Outcome.FAILED, 1),
    ({"outcome": Outcome.DENIED}, lambda e: False, 0),
    ({"user": "JOHN"}, lambda e: "john" in (e.target, e.actor), 5),
    ({"actor": "john"}, lambda e: e.actor == "john", 1),
    ({"actor": "Adele"}, lambda e: e.actor == "adele", 1),
    ({"address": "203.0.113.7"}, lambda e: e.ip_address == "203.0.113.7", 2),
    ({"address": "::ffff:203.0.113.7"}, lambda e: e.ip_address == "203.0.113.7", 2),
    ({"action": "user.modify", "actor": "john"}, lambda e: e.actor == "john", 1),
    ({"user": "nobody"}, lambda e: False, 0),
    ({"target_name": "John"}, lambda e: e.target == "john", 5),
    ({"target_name": "jane"}, lambda e: e.target == "jane", 1),
    ({"target_name": "lab"}, lambda e: False, 0),
]


@pytest.mark.parametrize(
    ("conditions", "holds", "count"), CONDITIONS, ids=[str(c) for c, _, _ in CONDITIONS]
)
async def test_a_condition_finds_what_fits_and_nothing_else(
    tenantry: App,
    history: UserData,
    conditions: dict[str, Any],
    holds: Callable[[AuditEntry], bool],
    count: int,
) -> None:
    found = await search(tenantry, **conditions)
    assert len(found) == count
    assert all(map(holds, found))


async def test_an_action_that_there_is_not_is_refused_with_those_of_like_names(
    tenantry: App,
) -> None:
    with pytest.raises(InvalidInput, match=r"did you mean user\.modify") as refused:
        await search(tenantry, action="user.modifi")
    assert refused.value.field == "action"
    for tag in ("login", "logout", "user.create", "audit.search"):
        await search(tenantry, action=tag)


async def test_an_end_before_the_start_is_refused_by_field(tenantry: App) -> None:
    now = tenantry.clock.now()
    with pytest.raises(InvalidInput) as refused:
        await search(tenantry, since=now, until=now - timedelta(seconds=1), action="nothing")
    assert [v.field for v in refused.value.violations] == ["action", "since"]


async def test_entries_show_what_the_guide_reads(tenantry: App, history: UserData) -> None:
    good, bad = await search(tenantry, user="john", action="login")
    assert (good.action, good.success, good.username, good.detail) == ("login", True, "john", "")
    assert (bad.success, bad.detail, bad.ip_address) == (False, "wrong_password", "203.0.113.7")
    changed = (await search(tenantry, user="john", action="user.modify"))[-1]
    assert (changed.actor, changed.username) == ("adele", "john")
    assert changed.detail == "full_name: 'John Doe' to 'Johnny'"


async def test_since_is_inclusive_and_until_exclusive(tenantry: App, history: UserData) -> None:
    everything = await search(tenantry)
    middle = everything[3].timestamp
    late = await search(tenantry, since=middle)
    early = await search(tenantry, until=middle)
    assert late == everything[:4]
    assert early == everything[4:]


async def test_a_search_as_a_whole_finds_what_the_one_in_order_finds(
    tenantry: App, history: UserData, owner: asyncpg.Connection
) -> None:
    alone: list[tuple[str, object]] = [
        ("target_id", history.id),
        ("actor_id", history.id),
        ("action", "login"),
        ("outcome", "failed"),
        ("tenant", history.tenant_id),
    ]
    found = 0
    for one, other, limit in product(alone, alone, (1, 3, 50)):
        for either in ([], alone[:2]):
            asked = [one, other], either, limit
            rows = [
                [row["id"] for row in await owner.fetch(statement.sql, *arguments)]
                for statement, arguments in (search_statement(*asked), whole_statement(*asked))
            ]
            assert rows[0] == rows[1], asked
            found += len(rows[0])
    assert found > 100


async def test_every_condition_of_the_action_is_tried_here() -> None:
    tried = {name for conditions, _, _ in CONDITIONS for name in conditions}
    declared = set(SearchAuditAction.__struct_fields__)
    assert declared - tried == {"since", "until", "limit", "cursor"}


async def test_pages_miss_and_repeat_nothing_while_entries_are_added(
    tenantry: App, history: UserData
) -> None:
    there = [entry.id for entry in await search(tenantry)]
    found: list[UUID] = []
    cursor: str | None = None
    while True:
        action = SearchAuditAction(limit=3, cursor=cursor)
        page = await tenantry.audit.search.wait_for_complete(action)
        found += [entry.id for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        await make_user(tenantry)
    assert found == there


async def test_a_cursor_fits_its_own_question_only(tenantry: App, history: UserData) -> None:
    run = tenantry.audit.search.wait_for_complete
    cursor = (await run(SearchAuditAction(limit=1))).next_cursor
    assert cursor is not None
    for wrong in (
        SearchAuditAction(cursor=cursor, action="login"),
        SearchAuditAction(cursor=cursor[:-2] + "AA"),
        SearchAuditAction(cursor="nonsense"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await run(wrong)
        assert refused.value.field == "cursor"
    with acting_as(history), pytest.raises(InvalidInput):
        await run(SearchAuditAction(cursor=cursor))


async def test_a_plain_user_sees_the_own_entries_only(tenantry: App, history: UserData) -> None:
    with acting_as(history):
        seen = await search(tenantry)
        assert len(seen) == 5
        assert all(history.id in (entry.actor_id, entry.target_id) for entry in seen)
        assert await search(tenantry, user="jane") == []
        assert await search(tenantry, actor="adele") == [
            entry for entry in seen if entry.actor == "adele"
        ]


async def test_admins_and_monitors_see_their_tenant(
    tenantry: App, history: UserData, admin: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        UUID(int=2),
    )
    chief = await make_user(tenantry, "chief", domain_name="other", role=UserRole.ADMIN)
    monitor = await make_user(tenantry, "monica", role=UserRole.MONITOR)
    await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("nobody", "wrong"))
    with acting_as(admin):
        seen = await search(tenantry)
    with acting_as(monitor):
        assert await search(tenantry) == seen
    assert {entry.tenant_id for entry in seen} == {history.tenant_id}
    assert len(seen) == 9
    with acting_as(chief):
        assert {entry.target for entry in await search(tenantry)} == {"chief"}
        assert await search(tenantry, user="john") == []


async def test_what_is_tried_on_a_user_of_another_tenant_tells_nobody_that_there_is_one(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "insert into tenants (id, name, name_key, status, created_at)"
        " values ($1, 'other', 'other', 'active', now())",
        UUID(int=2),
    )
    chief = await make_user(tenantry, "chief", domain_name="other", role=UserRole.ADMIN)
    for name in ("john", "nobody"):
        with acting_as(chief), pytest.raises(UserNotFound):
            await rename(tenantry, name, "Mine")
    with acting_as(chief):
        unknown, theirs = await search(tenantry, action="user.modify")
    assert (theirs.target, theirs.person_id, theirs.username) == ("john", None, "chief")
    assert (unknown.target, unknown.person_id, unknown.username) == ("nobody", None, "chief")
    with acting_as(john):
        assert await search(tenantry, action="user.modify") == []


async def test_a_search_by_time_looks_into_its_months_only(
    tenantry: App, owner: asyncpg.Connection
) -> None:
    month = Month.of(tenantry.clock.now())
    conditions = [("since", month.first), ("until", month.next.first), ("action", "login")]
    statement, arguments = search_statement(conditions, [], 50)
    text = statement.sql
    for place, value in reversed(list(enumerate(arguments, 1))):
        text = text.replace(f"${place}", f"'{value}'")
    plan = "\n".join(row[0] for row in await owner.fetch(f"explain {text}"))
    tables = set(re.findall(r"audit_entries_(\d{4}_\d{2})", plan))
    assert tables == {month.name.replace("-", "_")}


async def test_a_superadmin_sees_everything(
    tenantry: App, history: UserData, superadmin: Actor
) -> None:
    everything = await search(tenantry)
    with acting_as(superadmin):
        assert await search(tenantry) == everything


async def test_a_changed_name_finds_the_entries_from_before(
    tenantry: App, history: UserData
) -> None:
    before = await search(tenantry, user="john")
    modifier = UserModifier(username=OptionalState.update("jack"))
    await tenantry.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=modifier)
    )
    found = await search(tenantry, user="jack")
    assert [entry.id for entry in found[1:]] == [entry.id for entry in before]
    assert {entry.username for entry in found} == {"jack"}


async def test_without_a_login_nothing_is_shown_and_that_is_an_entry(tenantry: App) -> None:
    with acting_as(ANONYMOUS), pytest.raises(NotAuthenticated):
        await search(tenantry)
    (entry,) = await search(tenantry, action="audit.search")
    assert (entry.outcome, entry.reason) == (Outcome.DENIED, "not_authenticated")


@pytest.mark.parametrize(
    ("field", "samples"),
    [
        *((name, [5, "\0", "\ud800", "x" * 10_000]) for name in ("user", "actor", "action")),
        ("address", [5, "\0", ["x"], "", "10.0.0", "10.0.0.0/8", "example.org"]),
        ("outcome", ["won", 5]),
        ("since", ["2026-01-01", 0, NAIVE, datetime(1, 1, 1, tzinfo=UTC)]),
        ("until", [datetime(9999, 12, 31, tzinfo=UTC) + timedelta(hours=1)]),
        ("limit", [0, -1, 1001, "5", True]),
        ("cursor", [5, "", "\0"]),
    ],
)
async def test_a_bad_condition_is_refused_by_its_field(
    tenantry: App, field: str, samples: list[Any]
) -> None:
    for sample in samples:
        with pytest.raises(InvalidInput) as refused:
            await tenantry.audit.search.wait_for_complete(SearchAuditAction(**{field: sample}))
        assert refused.value.field == field, sample
