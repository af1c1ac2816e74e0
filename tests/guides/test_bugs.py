"""The 48 faults of the system behind guide A, each of which has a test with its number in the name.

Most stand beside what they are about, in the folders of the slices; here are those that have no
better place. The last test sees to it that none is missing.
"""

import ast
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx2
import pytest

from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticateAction
from tenantry.compute.actions import CreateComputeSessionAction, RegisterAgentAction
from tenantry.errors import (
    InvalidInput,
    NotAuthenticated,
    PermissionError,
    UserConflict,
    UserModificationBadRequest,
    UserNotFound,
)
from tenantry.groups.actions import AddMemberAction, CreateGroupAction, ListGroupsAction
from tenantry.http.server import create_asgi
from tenantry.kernel.action import ANONYMOUS, Origin, Outcome, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.storage.actions import CreateVfolderAction, ShareVfolderAction
from tenantry.testing.users import ADMIN_PASSWORD, PASSWORD, make_user
from tenantry.users.actions import (
    CreateUserAction,
    DeleteUserAction,
    GetUserAction,
    ListUsersAction,
    ModifyUserAction,
    PurgeUserAction,
    SearchUsersAction,
)
from tenantry.users.model import (
    UserCreator,
    UserData,
    UserFilter,
    UserModifier,
    UserRole,
    UserStatus,
)
from tests.conftest import Trail
from tests.docs.blocks import ROOT

pytestmark = pytest.mark.anyio

NUMBERS = set(range(1, 49))
CANNOT_APPLY: dict[int, str] = {
    29: "No key is ever chosen for anybody: a request names its key, and a login needs none.",
}
"""Faults of which nothing is left to test here, and why."""

Modify = Callable[..., Awaitable[UserData]]


@pytest.fixture
async def api(tenantry: App) -> AsyncIterator[httpx2.AsyncClient]:
    """The superadmin's HTTP client."""
    transport = httpx2.ASGITransport(app=create_asgi(tenantry), client=("127.0.0.1", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test") as client:
        login = {"username": tenantry.settings.admin_user, "password": ADMIN_PASSWORD}
        answer = await client.post("/api/v1/login", json=login)
        client.headers["Authorization"] = f"Bearer {answer.json()['session_token']}"
        yield client


@pytest.fixture
def modify(tenantry: App) -> Modify:
    """Change fields of john."""

    async def changed(user: str = "john", **fields: Any) -> UserData:
        said: dict[str, Any] = {n: OptionalState.update(v) for n, v in fields.items()}
        modifier = UserModifier(**said)
        action = ModifyUserAction(user=user, modifier=modifier)
        return (await tenantry.users.modify_user.wait_for_complete(action)).data

    return changed


@pytest.mark.parametrize("status", [UserStatus.ACTIVE, UserStatus.INACTIVE])
async def test_bug_01_a_change_without_a_status_leaves_the_status_alone(
    tenantry: App, modify: Modify, status: UserStatus
) -> None:
    await make_user(tenantry, "john", status=status)
    changed = await modify(full_name="John", need_password_change=True)
    assert (changed.status, changed.status_info) == (status, None)


async def test_bug_02_an_error_reaches_the_caller_the_audit_and_the_metrics(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    creator = UserCreator(username="john", email="j@example.org", password=PASSWORD)
    with pytest.raises(UserConflict) as caught:
        await tenantry.users.create_user.wait_for_complete(CreateUserAction(creator))
    assert caught.value.field == "username"
    entry = (await trail("user.create"))[0]
    assert (entry.outcome, entry.reason) == (Outcome.FAILED, "user_conflict")
    counted = {
        sample.labels["outcome"]: sample.value
        for metric in tenantry.registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels.get("action") == "user.create"
    }
    assert counted[Outcome.FAILED] == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"username": "jane"}, "username"),
        ({"domain_name": "nowhere"}, "domain_name"),
        ({"resource_policy": "nothing"}, "resource_policy"),
    ],
)
async def test_bug_07_what_is_taken_or_unknown_is_named_and_no_constraint_is_quoted(
    tenantry: App, john: UserData, modify: Modify, fields: dict[str, str], named: str
) -> None:
    await make_user(tenantry, "jane")
    with pytest.raises((UserConflict, UserModificationBadRequest)) as caught:
        await modify(**fields)
    assert caught.value.field == named
    assert not re.search("constraint|violates|foreign key|_key", str(caught.value))


async def test_bug_08_bug_09_is_active_switches_a_user_off_and_on_and_nothing_else(
    john: UserData, modify: Modify
) -> None:
    off = await modify(is_active=False)
    on = await modify(is_active=True)
    assert (off.status, on.status) == (UserStatus.INACTIVE, UserStatus.ACTIVE)
    for changed in (off, on):
        assert (changed.role, changed.resource_policy) == (john.role, john.resource_policy)


async def test_bug_09_what_cannot_be_null_says_so_by_name(
    api: httpx2.AsyncClient, john: UserData
) -> None:
    answer = await api.patch("/api/v1/users/john", json={"is_active": True, "role": None})
    assert answer.status_code == 422
    assert [v["field"] for v in answer.json()["violations"]] == ["role"]


async def full_life(tenantry: App, john: UserData) -> None:
    """Whatever a user can leave behind: key, group, folders, shares, sessions, logins, failures."""
    jane = await make_user(tenantry, "jane")
    group = CreateGroupAction(name="crew")
    await tenantry.groups.create_group.wait_for_complete(group)
    await tenantry.groups.add_member.wait_for_complete(AddMemberAction("crew", "john"))
    await tenantry.compute.register_agent.wait_for_complete(
        RegisterAgentAction(name=tenantry.agent_registry.name, address="here", cpu=64, memory=2**40)
    )
    for word in (PASSWORD, "wrong"):
        await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", word))
    for owner, guest in ((john, jane), (jane, john)):
        with acting_as(owner):
            await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction("data"))
            share = ShareVfolderAction("data", user=guest.username)
            await tenantry.vfolders.share.wait_for_complete(share)
    with acting_as(john):
        run = CreateComputeSessionAction(command=["sleep", "600"], memory=2**26)
        await tenantry.compute.create_session.wait_for_complete(run)


async def rows_of(owner: asyncpg.Connection, user_id: object) -> dict[str, int]:
    """How many rows of each table name this user in any column of ids, but for the audit."""
    columns = await owner.fetch(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0"
        " and not a.attisdropped and a.atttypid = 'uuid'::regtype"
        " and c.relnamespace = 'public'::regnamespace and c.relname <> 'audit_entries'"
    )
    counts = {
        f"{table}.{column}": await owner.fetchval(
            f'select count(*) from {table} where "{column}" = $1', user_id
        )
        for table, column in columns
    }
    return {place: count for place, count in counts.items() if count}


async def test_bug_15_bug_18_a_purge_leaves_no_row_whatever_the_user_did(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    await full_life(tenantry, john)
    before = await rows_of(owner, john.id)
    assert {place.partition(".")[0] for place in before} >= {
        "users", "access_keys", "memberships", "vfolders", "vfolder_shares", "compute_sessions",
        "sessions",
    }  # fmt: skip
    await tenantry.users.purge_user.wait_for_complete(
        PurgeUserAction(user="john", purge_shared_vfolders=OptionalState.update(True))
    )
    # The receipt of the purge stays, and the note of the erasure; neither names anybody. For an
    # hour the log of changes knows that this id is to be forgotten in memory, too.
    left = await rows_of(owner, john.id)
    assert left.pop("change_log.subject_id") >= 1
    assert left == {"jobs.subject_id": 1, "audit_erasures.person_id": 1}


async def test_bug_21_bug_35_entries_name_their_target_also_by_id(
    tenantry: App, john: UserData, modify: Modify, trail: Trail
) -> None:
    await modify(full_name="John")
    await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    for tag in ("user.create", "user.modify", "user.delete"):
        entry = (await trail(tag))[0]
        assert (entry.target, entry.target_id) == ("john", john.id)
    found = await tenantry.audit.search.wait_for_complete(SearchAuditAction(user="john"))
    assert {e.action for e in found.items} >= {"user.create", "user.modify", "user.delete"}
    await tenantry.users.purge_user.wait_for_complete(PurgeUserAction(user="john"))
    assert (await trail("user.purge"))[0].target_id == john.id


async def test_bug_23_a_password_is_changed_by_a_value_and_cannot_be_null(
    api: httpx2.AsyncClient, tenantry: App, john: UserData, modify: Modify
) -> None:
    await modify(password="quite another passphrase")
    for word, success in ((PASSWORD, False), ("quite another passphrase", True)):
        login = await tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", word))
        assert login.success is success
    with pytest.raises(ValueError, match="cannot be null"):
        OptionalState.update(None)
    answer = await api.patch("/api/v1/users/john", json={"password": None})
    assert [v["field"] for v in answer.json()["violations"]] == ["password"]


async def test_bug_31_addresses_are_plain_text_in_every_answer(
    api: httpx2.AsyncClient, tenantry: App
) -> None:
    await make_user(tenantry, "john", allowed_client_ip=["192.168.1.0/24", "10.1.*.*", "::1"])
    listed = (await api.get("/api/v1/users/john")).json()["allowed_client_ip"]
    assert listed == ["192.168.1.0/24", "10.1.0.0/16", "::1/128"]


@pytest.mark.parametrize("field", ["container_uid", "container_main_gid", "container_gids"])
async def test_bug_33_negative_ids_are_refused_and_unset_and_null_ones_are_not(
    tenantry: App, john: UserData, field: str
) -> None:
    def changed(state: TriState[Any]) -> Awaitable[Any]:
        action = ModifyUserAction(user="john", modifier=UserModifier(**{field: state}))
        return tenantry.users.modify_user.wait_for_complete(action)

    value = [2000] if field == "container_gids" else 2000
    await changed(TriState.update(value))
    with pytest.raises(InvalidInput) as caught:
        await changed(TriState.update([-1] if field == "container_gids" else -1))
    assert str(caught.value.field).startswith(field)
    assert getattr((await changed(TriState.nullify())).data, field) is None


async def test_bug_34_a_filter_filters_by_its_own_field_and_is_not_for_everybody(
    tenantry: App, john: UserData, owner: asyncpg.Connection
) -> None:
    jane = await make_user(tenantry, "jane", resource_policy="default-policy")
    search = SearchUsersAction(filter=UserFilter(resource_policy="default-policy"))
    found = await tenantry.users.search_users.wait_for_complete(search)
    assert [user.username for user in found.items] == ["jane"]
    with acting_as(jane), pytest.raises(PermissionError):
        await tenantry.users.search_users.wait_for_complete(search)
    with acting_as(jane), pytest.raises(PermissionError):
        await tenantry.users.list_users.wait_for_complete(ListUsersAction())


async def test_bug_36_an_entry_names_who_acted_and_from_where(
    tenantry: App, john: UserData, admin: UserData, modify: Modify, trail: Trail
) -> None:
    with acting_as(admin, Origin(face="http", address="192.0.2.7", request_id="r1")):
        await modify(full_name="John")
    entry = (await trail("user.modify"))[0]
    assert (entry.actor, entry.actor_id) == (admin.username, admin.id)
    assert (entry.ip_address, entry.request_id, entry.face) == ("192.0.2.7", "r1", "http")


async def test_bug_38_a_denial_is_a_denial_and_on_record(
    tenantry: App, john: UserData, trail: Trail
) -> None:
    await make_user(tenantry, "jane")
    for actor, refusal in ((john, PermissionError), (ANONYMOUS, NotAuthenticated)):
        with acting_as(actor), pytest.raises(refusal):
            await tenantry.users.delete_user.wait_for_complete(DeleteUserAction(user="jane"))
        assert (await trail("user.delete"))[0].outcome is Outcome.DENIED
    jane = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="jane"))
    assert jane.data.status is UserStatus.ACTIVE


@pytest.mark.parametrize("shared_too", [True, False])
async def test_bug_42_the_options_of_a_purge_reach_it_over_http_and_the_receipt_comes_back(
    api: httpx2.AsyncClient, tenantry: App, john: UserData, shared_too: bool
) -> None:
    await make_user(tenantry, "jane")
    with acting_as(john):
        await tenantry.vfolders.create.wait_for_complete(CreateVfolderAction("data"))
        await tenantry.vfolders.share.wait_for_complete(ShareVfolderAction("data", user="jane"))
    asked = {"purge_shared_vfolders": shared_too}
    answer = await api.post("/api/v1/users/john/purge", json=asked)
    receipt = answer.json()
    assert (receipt["username"], receipt["done"]) == ("john", True)
    folders = receipt["steps"]["vfolders"]
    expected = ([], ["data"]) if shared_too else (["data"], [])
    assert tuple([f["name"] for f in folders[k]] for k in ("handed_over", "deleted")) == expected


async def test_bug_47_nobody_becomes_what_nobody_made_them(tenantry: App) -> None:
    await tenantry.groups.create_group.wait_for_complete(CreateGroupAction(name="admins"))
    made = await make_user(tenantry, "newcomer")
    assert made.role is UserRole.USER
    groups = await tenantry.groups.list_groups.wait_for_complete(ListGroupsAction(user="newcomer"))
    assert groups.items == []


async def test_bug_48_what_is_not_said_is_not_overwritten(
    api: httpx2.AsyncClient, tenantry: App
) -> None:
    await make_user(tenantry, "john", description="as it was", full_name="John")
    answer = await api.patch("/api/v1/users/john", json={"full_name": "Johnny"})
    assert answer.json()["description"] == "as it was"
    with pytest.raises(UserNotFound):
        await tenantry.users.get_user.wait_for_complete(GetUserAction(user="nobody-of-this-name"))


def test_every_fault_has_a_test_or_a_reason() -> None:
    found: set[int] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= {int(number) for number in re.findall(r"bug_(\d\d)_", node.name + "_")}
    assert found | CANNOT_APPLY.keys() == NUMBERS
    assert not found & CANNOT_APPLY.keys()
