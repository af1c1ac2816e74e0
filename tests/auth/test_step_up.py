"""What could give somebody a new way in needs a proof of identity that is not long ago."""

from typing import Any

import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.app import App
from tenantry.audit.actions import SearchAuditAction
from tenantry.auth.actions import AuthenticateAction, StepUpAction
from tenantry.auth.step_up import SENSITIVE, is_sensitive
from tenantry.errors import InvalidInput, PermissionError, StateConflict, StepUpRequired
from tenantry.grants.actions import GiveAction
from tenantry.kernel.action import ANONYMOUS, Action, Actor, Origin, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.resets.actions import InviteUserAction
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    EnsureRoleAction,
    InheritRoleAction,
    ModifyRoleAction,
)
from tenantry.roles.model import RoleModifier
from tenantry.routes import ROUTES
from tenantry.sessions.actions import CreateSessionAction, RefreshSessionAction
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import (
    CreateUserAction,
    GetUserAction,
    ImportUsersAction,
    ModifyUserAction,
    PurgeUserAction,
)
from tenantry.users.model import UserCreator, UserData, UserModifier, UserRole

pytestmark = pytest.mark.anyio

HERE = Origin("http", "203.0.113.7")
WRONG = "not the passphrase"


async def actor_of(app: App, name: str, password: str = PASSWORD) -> Actor:
    with acting_as(ANONYMOUS, HERE):
        result = await app.auth.authenticate.wait_for_complete(AuthenticateAction(name, password))
    return await again(app, str(result.session_token))


async def again(app: App, token: str) -> Actor:
    return await app.auth_service.identify(token, HERE)


async def token_of(app: App, name: str) -> str:
    with acting_as(ANONYMOUS, HERE):
        result = await app.auth.authenticate.wait_for_complete(AuthenticateAction(name, PASSWORD))
    return str(result.session_token)


async def make_roles(app: App, admin: UserData) -> None:
    """The roles that the acts are about."""
    with acting_as(admin):
        for role in ("crew", "base"):
            await app.run(CreateRoleAction(name=role))


SENSITIVE_ACTS: dict[str, Action[Any]] = {
    "role": ModifyUserAction(
        user="john", modifier=UserModifier(role=OptionalState.update(UserRole.ADMIN))
    ),
    "password": ModifyUserAction(
        user="john", modifier=UserModifier(password=OptionalState.update("another passphrase"))
    ),
    "email": ModifyUserAction(
        user="john", modifier=UserModifier(email=TriState.update("new@example.com"))
    ),
    "create admin": CreateUserAction(
        input=UserCreator(username="agnes", role=UserRole.ADMIN, password=PASSWORD)
    ),
    "import admin": ImportUsersAction(
        users=[UserCreator(username="agnes", role=UserRole.ADMIN, password=PASSWORD)]
    ),
    "invite admin": InviteUserAction(
        input=UserCreator(username="agnes", role=UserRole.ADMIN), mail=False
    ),
    "create with roles": CreateUserAction(input=UserCreator(username="agnes", roles=["crew"])),
    "assign": AssignRolesAction("john", ["crew"]),
    "ensure": EnsureRoleAction(name="crew", permissions=["SELECT"]),
    "widen": ModifyRoleAction(
        "crew", RoleModifier(permissions=OptionalState.update(["user.lock"]))
    ),
    "inherit": InheritRoleAction("crew", "base"),
    "purge": PurgeUserAction(user="john"),
    "session": CreateSessionAction(user="john"),
    "key": IssueAccessKeyAction(),
    "grant": GiveAction(principal="john", permissions=["SELECT"], database="sales"),
}


@pytest.mark.parametrize("name", SENSITIVE_ACTS)
async def test_a_stale_session_is_asked_to_step_up_and_then_goes_on(
    tenantry: App, john: UserData, admin: UserData, clock: ShiftedClock, name: str
) -> None:
    action = SENSITIVE_ACTS[name]
    await make_roles(tenantry, admin)
    token = await token_of(tenantry, "adele")
    clock.advance(minutes=tenantry.settings.step_up_minutes)
    with acting_as(await again(tenantry, token), HERE):
        with pytest.raises(StepUpRequired) as refused:
            await tenantry.run(action)
        assert "step-up" in str(refused.value)
        await tenantry.auth.step_up.wait_for_complete(StepUpAction(password=PASSWORD))
    with acting_as(await again(tenantry, token), HERE):
        await tenantry.run(action)


@pytest.mark.parametrize("name", SENSITIVE_ACTS)
async def test_a_fresh_login_does_what_is_sensitive(
    tenantry: App, john: UserData, admin: UserData, name: str
) -> None:
    await make_roles(tenantry, admin)
    with acting_as(await actor_of(tenantry, "adele"), HERE):
        await tenantry.run(SENSITIVE_ACTS[name])


async def test_everyday_work_needs_no_proof(
    tenantry: App, john: UserData, admin: UserData, clock: ShiftedClock
) -> None:
    token = await token_of(tenantry, "adele")
    clock.advance(minutes=50)
    with acting_as(await again(tenantry, token), HERE):
        await tenantry.run(GetUserAction(user="john"))
        modifier = UserModifier(phone=TriState.update("1"))
        await tenantry.run(ModifyUserAction(user="john", modifier=modifier))
        await tenantry.run(CreateUserAction(input=UserCreator(username="ada")))


async def test_a_session_that_an_administrator_made_is_never_fresh(
    tenantry: App, john: UserData, admin: UserData
) -> None:
    session = await tenantry.sessions.create_session.wait_for_complete(
        CreateSessionAction(user="adele")
    )
    actor = await again(tenantry, session.session_id)
    with acting_as(actor, HERE), pytest.raises(StepUpRequired):
        await tenantry.run(SENSITIVE_ACTS["key"])


async def test_a_refresh_proves_nothing_anew(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    token = await token_of(tenantry, "john")
    clock.advance(minutes=16)
    refreshed = await tenantry.sessions.refresh_session.wait_for_complete(
        RefreshSessionAction(session_token=token)
    )
    actor = await again(tenantry, refreshed.session_id)
    with acting_as(actor, HERE), pytest.raises(StepUpRequired):
        await tenantry.run(SENSITIVE_ACTS["key"])


async def test_a_wrong_proof_counts_as_a_failed_login(
    tenantry: App, john: UserData, clock: ShiftedClock
) -> None:
    token = await token_of(tenantry, "john")
    clock.advance(minutes=16)
    actor = await again(tenantry, token)
    with acting_as(actor, HERE):
        for _ in range(tenantry.settings.max_failed_attempts):
            with pytest.raises(PermissionError) as refused:
                await tenantry.auth.step_up.wait_for_complete(StepUpAction(password=WRONG))
            assert refused.value.field == "password"
        with pytest.raises(PermissionError):
            await tenantry.auth.step_up.wait_for_complete(StepUpAction(password=PASSWORD))
    assert not (await _login(tenantry)).success
    page = await tenantry.audit.search.wait_for_complete(
        SearchAuditAction(action="session.step_up")
    )
    assert {entry.reason for entry in page.items} == {"wrong_password", "throttled"}


async def _login(app: App) -> Any:
    with acting_as(ANONYMOUS, HERE):
        return await app.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))


@pytest.mark.parametrize("action", [StepUpAction(), StepUpAction(password="x", totp_code="123456")])
async def test_one_proof_is_given_and_not_two(
    tenantry: App, john: UserData, action: StepUpAction
) -> None:
    with acting_as(await actor_of(tenantry, "john"), HERE), pytest.raises(InvalidInput):
        await tenantry.auth.step_up.wait_for_complete(action)


async def test_only_a_session_can_be_stepped_up(tenantry: App, john: UserData) -> None:
    with acting_as(john), pytest.raises(StateConflict):
        await tenantry.auth.step_up.wait_for_complete(StepUpAction(password=PASSWORD))


async def test_code_that_embeds_us_and_access_keys_are_not_asked(
    tenantry: App, admin: UserData, clock: ShiftedClock
) -> None:
    with acting_as(admin):
        issued = await tenantry.run(IssueAccessKeyAction())
    clock.advance(days=3)
    key = await tenantry.access_key_identifier.identify_bearer(str(issued.token), HERE)
    await make_user(tenantry, "john")
    with acting_as(admin):
        await tenantry.run(CreateSessionAction(user="john"))
    with acting_as(key, HERE):
        await tenantry.run(IssueAccessKeyAction())


def test_what_is_sensitive_exists() -> None:
    assert {route.action.tag for route in ROUTES} >= SENSITIVE


def test_what_asks_for_a_proof_itself_is_not_asked_twice() -> None:
    asking = {"password", "current_password", "code"}
    for route in ROUTES:
        if route.action.tag in SENSITIVE:
            assert asking.isdisjoint(route.action.__struct_fields__), route.action.tag
    assert not is_sensitive(ModifyUserAction(user="john"))
