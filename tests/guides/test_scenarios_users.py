"""Acceptance scenarios about users that no slice's own tests cover; the number is in the name.

Where an older system of this kind behaved differently on purpose, the docstring says so.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tenantry.app import App
from tenantry.compute.actions import (
    CreateComputeSessionAction,
    GetComputeSessionAction,
    ListComputeSessionsAction,
)
from tenantry.compute.model import ComputeSessionData, SessionKind, SessionStatus
from tenantry.errors import (
    PermissionError,
    UserConflict,
    UserCreationBadRequest,
    UserModificationBadRequest,
    UserNotFound,
    UserPurgeFailure,
)
from tenantry.groups.actions import CreateGroupAction, ListGroupsAction
from tenantry.jobs.actions import ListJobsAction
from tenantry.kernel.action import Action, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.storage.actions import CreateVfolderAction, ListVfoldersAction, ShareVfolderAction
from tenantry.testing.scenarios import TestScenario, expected_user
from tenantry.testing.users import enrol, make_user
from tenantry.users.actions import (
    AdminMonthStatsAction,
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeResult,
    PurgeUserAction,
    RestoreUserAction,
    SearchUsersAction,
    UserMonthStatsAction,
    UserResult,
)
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole, UserStatus
from tenantry.users.processors import UserProcessors
from tenantry.users.purging import UserInfoContext

pytestmark = pytest.mark.anyio

ON: OptionalState[bool] = OptionalState.update(value=True)


def creation(**fields: Any) -> CreateUserAction:
    given = {"username": "new", "email": "new@example.com", "full_name": "New User", **fields}
    return CreateUserAction(input=UserCreator(**given))


def answer(**fields: Any) -> UserResult:
    given = {"username": "new", "email": "new@example.com", "full_name": "New User", **fields}
    return UserResult(expected_user(domain_name="default", **given))


@pytest.mark.parametrize(
    "scenario",
    [
        TestScenario.success("01 everything usual", creation(), answer()),
        TestScenario.failure(
            "02 unknown domain", creation(domain_name="nowhere"), UserCreationBadRequest
        ),
        TestScenario.success(
            "03 an admin with sudo",
            creation(role=UserRole.ADMIN, sudo_session_enabled=True),
            answer(role=UserRole.ADMIN, sudo_session_enabled=True),
        ),
        TestScenario.success(
            "04 container ids",
            creation(container_uid=2000, container_main_gid=2000, container_gids=[2000, 2001]),
            answer(container_uid=2000, container_main_gid=2000, container_gids=[2000, 2001]),
        ),
        TestScenario.success(
            "05 policy and addresses",
            creation(resource_policy="default-policy", allowed_client_ip=["192.168.1.0/24"]),
            answer(resource_policy="default-policy", allowed_client_ip=["192.168.1.0/24"]),
        ),
        TestScenario.failure(
            "08 a taken address", creation(email="john@example.com"), UserConflict
        ),
        TestScenario.failure("09 a taken name", creation(username="john"), UserConflict),
        TestScenario.failure(
            "12 unknown resource policy",
            creation(resource_policy="nothing"),
            UserCreationBadRequest,
        ),
    ],
    ids=lambda scenario: scenario.description,
)
async def test_scenario_01_02_03_04_05_08_09_12_creating_users(
    scenario: TestScenario[CreateUserAction, UserResult],
    processors: UserProcessors,
    john: UserData,
) -> None:
    await scenario.test(processors.create_user.wait_for_complete)


async def test_scenario_07_a_new_user_is_in_no_group_that_was_not_asked_for(
    tenantry: App, processors: UserProcessors
) -> None:
    """An older system put everybody into the group of its model store; Tenantry has none such."""
    await tenantry.groups.create_group.wait_for_complete(CreateGroupAction(name="model-store"))
    user = (await processors.create_user.wait_for_complete(creation())).data
    listing = ListGroupsAction(user=str(user.id))
    assert (await tenantry.groups.list_groups.wait_for_complete(listing)).items == []


@pytest.mark.parametrize(
    ("names", "created"), [([], []), (["amy", "ben"], ["amy", "ben"]), (["amy", "john"], ["amy"])]
)
async def test_scenario_13_many_are_created_all_in_part_or_none(
    processors: UserProcessors, john: UserData, names: list[str], created: list[str]
) -> None:
    users = [UserCreator(username=name, email=f"{name}@example.org") for name in names]
    result = await processors.import_users.wait_for_complete(ImportUsersAction(users=users))
    assert [row.username for row in result.rows if row.outcome == "created"] == created
    assert [row.username for row in result.rows] == names


async def test_scenario_15_some_fields_change_and_role_and_policy_stay(
    tenantry: App, processors: UserProcessors, john: UserData
) -> None:
    await enrol(tenantry, john)
    modifier = UserModifier(
        username=OptionalState.update("johnny"),
        full_name=TriState.update("Johnny"),
        totp_activated=OptionalState.update(value=True),
        status=OptionalState.update(UserStatus.INACTIVE),
    )
    action = ModifyUserAction(email=john.email, modifier=modifier)
    expected = msgspec.structs.replace(
        john,
        username="johnny",
        full_name="Johnny",
        totp_activated=True,
        status=UserStatus.INACTIVE,
        status_info="admin-requested",
    )
    scenario = TestScenario.success("modify", action, UserResult(expected))
    await scenario.test(processors.modify_user.wait_for_complete)


async def test_scenario_23_flags_go_on_and_off_by_themselves(
    tenantry: App, processors: UserProcessors, john: UserData
) -> None:
    await enrol(tenantry, john)
    for name, values in (
        ("need_password_change", (True, False)),
        ("sudo_session_enabled", (True, False)),
        ("totp_activated", (False,)),
    ):
        for value in values:
            said: dict[str, Any] = {name: OptionalState.update(value)}
            action = ModifyUserAction(user="john", modifier=UserModifier(**said))
            changed = (await processors.modify_user.wait_for_complete(action)).data
            assert getattr(changed, name) is value


CONTAINER_FIELDS = ("container_uid", "container_main_gid", "container_gids")


@pytest.mark.parametrize("field", CONTAINER_FIELDS)
@pytest.mark.parametrize("number", [-1, -(2**31), 0, 999, 2**31])
async def test_scenario_24_container_ids_out_of_range_are_refused(
    processors: UserProcessors, john: UserData, field: str, number: int
) -> None:
    """Zero, which is root, and the ids of a system's own accounts are refused as well."""
    value = [2000, number] if field == "container_gids" else number
    with pytest.raises(UserCreationBadRequest) as refused:
        await processors.create_user.wait_for_complete(creation(**{field: value}))
    assert refused.value.field == field
    said: dict[str, Any] = {field: TriState.update(value)}
    action = ModifyUserAction(user="john", modifier=UserModifier(**said))
    with pytest.raises(UserModificationBadRequest) as refused_change:
        await processors.modify_user.wait_for_complete(action)
    assert refused_change.value.field == field


async def test_scenario_24_container_ids_may_be_absent_and_taken_away(
    processors: UserProcessors,
) -> None:
    given = {"container_uid": 2000, "container_main_gid": 2000, "container_gids": [2001]}
    user = (await processors.create_user.wait_for_complete(creation(**given))).data
    null: dict[str, Any] = dict.fromkeys(CONTAINER_FIELDS, TriState.nullify())
    action = ModifyUserAction(user=str(user.id), modifier=UserModifier(**null))
    changed = (await processors.modify_user.wait_for_complete(action)).data
    assert [getattr(changed, field) for field in CONTAINER_FIELDS] == [None, None, None]


class Lab:
    """What john has: a folder that jane may use, and running compute sessions."""

    def __init__(self, app: App, john: UserData, jane: UserData) -> None:
        self.app, self.john, self.jane = app, john, jane

    async def folder(self) -> str:
        """A folder of john's that is shared with jane."""
        with acting_as(self.john):
            create = CreateVfolderAction(name="data")
            made = await self.app.vfolders.create.wait_for_complete(create)
            share = ShareVfolderAction(folder=str(made.data.id), user="jane")
            await self.app.vfolders.share.wait_for_complete(share)
        return str(made.data.id)

    async def session(self, user: UserData, **fields: Any) -> UUID:
        """A compute session that really runs."""
        action = CreateComputeSessionAction(command=["sleep", "300"], **fields)
        with acting_as(user):
            made = await self.app.compute.create_session.wait_for_complete(action)
        assert (await self.look(made.data.id)).status is SessionStatus.RUNNING
        return made.data.id

    async def look(self, session_id: UUID) -> ComputeSessionData:
        """The session as it is now."""
        action = GetComputeSessionAction(session_id)
        return (await self.app.compute.get_session.wait_for_complete(action)).data

    async def running(self) -> set[UUID]:
        """What runs on this machine."""
        agents = self.app.agent_registry
        return await agents.list_sessions(agents.name)

    async def folders_of(self, user: UserData) -> list[str]:
        """The names of a user's folders."""
        listing = ListVfoldersAction(owner=user.username)
        page = await self.app.vfolders.list.wait_for_complete(listing)
        return [folder.name for folder in page.items]


@pytest.fixture
async def lab(tenantry: App, john: UserData) -> AsyncIterator[Lab]:
    await tenantry.assembly.workloads.compute_upkeep.run_once()
    lab = Lab(tenantry, john, await make_user(tenantry, "jane"))
    yield lab
    agents = tenantry.agent_registry
    for session_id in await lab.running():
        await agents.terminate_session(agents.name, session_id)


async def purge(app: App, user: str, **options: Any) -> PurgeResult:
    return await app.users.purge_user.wait_for_complete(PurgeUserAction(user=user, **options))


async def test_scenario_32_a_folder_that_somebody_else_mounts_stops_the_purge_at_once(
    tenantry: App, lab: Lab, admin: UserData
) -> None:
    folder = await lab.folder()
    mine = await lab.session(lab.john)
    theirs = await lab.session(lab.jane, folders=[folder])
    with acting_as(admin), pytest.raises(UserPurgeFailure, match="mounts"):
        await purge(tenantry, "john")
    found = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="john"))
    assert found.data == lab.john
    assert await lab.running() == {mine, theirs}
    assert await lab.folders_of(lab.john) == ["data"]
    assert (await tenantry.jobs.list_jobs.wait_for_complete(ListJobsAction())).items == []


async def test_scenario_33_shared_folders_go_to_the_requester_who_is_named(
    tenantry: App, lab: Lab, admin: UserData
) -> None:
    await lab.folder()
    heir = await make_user(tenantry, "heir", role=UserRole.ADMIN)
    assert heir.email is not None
    context = UserInfoContext(uuid=heir.id, email=heir.email, main_access_key=heir.main_access_key)
    with acting_as(admin):
        await purge(tenantry, "john", user_info_ctx=context)
    assert await lab.folders_of(heir) == ["data"]
    assert await lab.folders_of(admin) == []


async def test_scenario_33_a_requester_of_another_tenant_is_like_nobody(
    tenantry: App, lab: Lab, admin: UserData, stranger: UserData
) -> None:
    await lab.folder()
    assert stranger.email is not None
    for named in (stranger.id, UUID(int=7)):
        context = UserInfoContext(
            uuid=named, email=stranger.email, main_access_key=stranger.main_access_key
        )
        with acting_as(admin), pytest.raises(UserModificationBadRequest) as refused:
            await purge(tenantry, "john", user_info_ctx=context)
        assert refused.value.field == "user_info_ctx.uuid"


@pytest.mark.parametrize("delegated", [True, False])
async def test_scenario_34_services_are_handed_over_if_so_asked_and_end_otherwise(
    tenantry: App, lab: Lab, admin: UserData, *, delegated: bool
) -> None:
    service = await lab.session(lab.john, kind=SessionKind.SERVICE, name="api")
    options = {"delegate_endpoint_ownership": ON} if delegated else {}
    with acting_as(admin):
        receipt = await purge(tenantry, "john", **options)
    handed = receipt.data.steps["compute_sessions"]["handed_over"]
    assert handed == ([str(service)] if delegated else [])
    assert await lab.running() == ({service} if delegated else set())
    if delegated:
        assert (await lab.look(service)).username == admin.username


async def test_scenario_35_running_and_pending_sessions_are_ended(
    tenantry: App, lab: Lab, admin: UserData
) -> None:
    await lab.session(lab.john)
    everything = ListComputeSessionsAction(user="john")
    with acting_as(lab.john):
        too_much = CreateComputeSessionAction(command=["sleep", "300"], cpu=10_000)
        await tenantry.compute.create_session.wait_for_complete(too_much)
    with acting_as(admin):
        before = await tenantry.compute.list_sessions.wait_for_complete(everything)
        assert [one.status for one in before.items] == ["pending", "running"]
        receipt = await purge(tenantry, "john")
    assert receipt.data.steps["compute_sessions"]["removed"] == 2
    assert receipt.data.verified["compute_sessions"] == 1
    assert await lab.running() == set()


@pytest.mark.parametrize(
    ("names", "gone"), [([], 0), (["ann", "ben"], 2), (["ann", "nobody"], 1), (["nobody"], 0)]
)
async def test_scenario_36_of_many_purges_each_stands_by_itself(
    tenantry: App, names: list[str], gone: int
) -> None:
    """There is no action for many at once: a purge is a job of its own, with a receipt."""
    for name in ("ann", "ben"):
        await make_user(tenantry, name)
    purges = (purge(tenantry, name) for name in names)
    results = await asyncio.gather(*purges, return_exceptions=True)
    assert sum(isinstance(result, PurgeResult) for result in results) == gone
    assert all(isinstance(r, PurgeResult | UserNotFound) for r in results)


async def test_scenario_37_no_row_of_a_purged_user_is_left(
    tenantry: App, lab: Lab, admin: UserData, owner: asyncpg.Connection
) -> None:
    """Audit entries, the job and the log of changes keep the id: it is the pseudonym."""
    group = CreateGroupAction(name="team")
    await tenantry.groups.create_group.wait_for_complete(group)
    modifier = UserModifier(group_ids=OptionalState.update(["team"]))
    change = ModifyUserAction(user="john", modifier=modifier)
    await tenantry.users.modify_user.wait_for_complete(change)
    await enrol(tenantry, lab.john)
    await lab.folder()
    await lab.session(lab.john)
    with acting_as(admin):
        await purge(tenantry, "john", purge_shared_vfolders=ON)
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace and relname not like 'audit%'"
        " and relname not in ('jobs', 'change_log')"
    )
    for (table,) in tables:
        query = f"select count(*) from {table} t where t::text like $1"
        assert await owner.fetchval(query, f"%{lab.john.id}%") == 0, table


ADMINISTRATION: list[Action[Any]] = [
    creation(),
    ModifyUserAction(user="jane", modifier=UserModifier(full_name=TriState.update("x"))),
    DeleteUserAction(user="jane"),
    RestoreUserAction(user="jane"),
    PurgeUserAction(user="jane"),
    PreviewPurgeAction(user="jane"),
    ImportUsersAction(users=[UserCreator(username="another")]),
    ListUsersAction(),
    SearchUsersAction(),
    GetUserAction(user="jane"),
    UserMonthStatsAction("jane"),
    AdminMonthStatsAction(),
]


@pytest.mark.parametrize("action", ADMINISTRATION, ids=lambda action: action.tag)
async def test_scenario_39_a_plain_user_is_denied_every_administration(
    tenantry: App, john: UserData, action: Action[Any]
) -> None:
    jane = await make_user(tenantry, "jane")
    with acting_as(john), pytest.raises((PermissionError, UserNotFound)):
        await tenantry.run(action)
    for name in ("new", "another"):
        found = await tenantry.users.find_user.wait_for_complete(FindUserAction(user=name))
        assert found.data is None
    after = await tenantry.users.get_user.wait_for_complete(GetUserAction(user="jane"))
    assert after.data == jane


async def test_scenario_43_what_is_answered_can_be_written_as_json_and_read_again(
    processors: UserProcessors,
) -> None:
    for username, rules in (("one", ["10.0.0.1", "192.10.*.*"]), ("two", None), ("three", [])):
        given = {"username": username, "email": None, "allowed_client_ip": rules}
        user = (await processors.create_user.wait_for_complete(creation(**given))).data
        stored = ["10.0.0.1/32", "192.10.0.0/16"] if rules else rules
        assert user.allowed_client_ip == stored
        assert (user.uuid, user.is_active) == (user.id, True)
        assert msgspec.json.decode(msgspec.json.encode(user), type=UserData) == user
