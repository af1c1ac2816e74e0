"""What a bearer token is good for, and until when."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import asyncpg
import bcrypt
import pytest

from tenantry.app import App
from tenantry.auth.actions import (
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    EndOwnSessionAction,
    WhoAmIAction,
)
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import Actor, Origin, acting_as
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.sessions.model import PREFIX, SessionToken
from tenantry.testing.clock import ShiftedClock
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.actions import DeleteUserAction, ModifyUserAction, RestoreUserAction
from tenantry.users.model import UserData, UserModifier, UserRole, UserStatus
from tenantry.users.principal import PASSWORD_CHANGE_ONLY

pytestmark = pytest.mark.anyio

Login = Callable[[str, str], Coroutine[Any, Any, AuthenticationResult]]
Identify = Callable[[str | None], Awaitable[Actor]]


async def token_of(login: Login, name: str = "john") -> str:
    result = await login(name, PASSWORD)
    assert result.session_token is not None
    return result.session_token


async def modify(app: App, name: str, **states: Any) -> None:
    action = ModifyUserAction(user=name, modifier=UserModifier(**states))
    await app.users.modify_user.wait_for_complete(action)


async def test_a_token_proves_who_logged_in(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    actor = await identify(await token_of(login))
    assert (actor.id, actor.name, actor.role) == (john.id, "john", "user")
    assert actor.tenant_id == john.tenant_id
    assert actor.only is None
    with acting_as(actor):
        me = await tenantry.auth.who_am_i.wait_for_complete(WhoAmIAction())
    assert me.user.id == john.id


async def test_each_login_has_a_session_of_its_own(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    tokens = [await token_of(login) for _ in range(20)]
    assert len(set(tokens)) == 20
    assert len({(await identify(token)).session_id for token in tokens}) == 20


async def test_the_database_knows_digests_only(
    tenantry: App, john: UserData, login: Login, owner: asyncpg.Connection
) -> None:
    token = await token_of(login)
    parsed = SessionToken.parse(token)
    assert parsed is not None
    tables = await owner.fetch(
        "select oid::regclass::text as name from pg_class where relkind = 'r'"
        " and relnamespace = 'public'::regnamespace"
    )
    content = ""
    for table in tables:
        rows = await owner.fetch(f"select t::text as row from {table['name']} t")
        content += "\n".join(row["row"] for row in rows)
    assert parsed.digest.hex() in content
    for secret in (token, token.removeprefix(PREFIX)[-43:], parsed.secret.hex()):
        assert secret not in content


async def test_a_token_with_any_character_changed_proves_nothing(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    token = await token_of(login)
    for i, character in enumerate(token):
        spoilt = token[:i] + ("A" if character != "A" else "B") + token[i + 1 :]
        with pytest.raises(NotAuthenticated):
            await identify(spoilt)
    await identify(token)


async def test_what_is_no_token_proves_nothing(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    token = await token_of(login)
    other = await token_of(login)
    mixed = [
        "",
        PREFIX,
        token[:-1],
        token + "A",
        token + "=",
        " " + token,
        token.replace(PREFIX, ""),
        token.upper(),
        token[:-4] + "é===",
        "\0" * len(token),
        "x" * 2**20,
        token[: len(PREFIX) + 43] + other[len(PREFIX) + 43 :],
    ]
    for text in mixed:
        with pytest.raises(NotAuthenticated):
            await identify(text)


async def test_an_unused_session_falls_asleep(
    tenantry: App, john: UserData, login: Login, identify: Identify, clock: ShiftedClock
) -> None:
    token = await token_of(login)
    clock.advance(minutes=tenantry.settings.session_idle_minutes - 1)
    await identify(token)
    clock.advance(minutes=tenantry.settings.session_idle_minutes - 1)
    await identify(token)
    clock.advance(minutes=tenantry.settings.session_idle_minutes)
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_a_session_ends_however_much_it_is_used(
    tenantry: App, john: UserData, login: Login, identify: Identify, clock: ShiftedClock
) -> None:
    result = await login("john", PASSWORD)
    token = result.session_token
    steps = tenantry.settings.session_max_hours * 2 - 1
    for _ in range(steps):
        clock.advance(minutes=30)
        await identify(token)
    clock.advance(minutes=30)
    assert result.expires_at is not None
    assert clock.now() >= result.expires_at
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_a_logout_ends_the_session_that_asks_and_no_other(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    gone, kept = await token_of(login), await token_of(login)
    with acting_as(await identify(gone)):
        await tenantry.auth.end_own_session.wait_for_complete(EndOwnSessionAction())
        await tenantry.auth.end_own_session.wait_for_complete(EndOwnSessionAction())
    with pytest.raises(NotAuthenticated):
        await identify(gone)
    await identify(kept)


async def _password(app: App) -> None:
    await modify(app, "john", password=OptionalState.update("another passphrase"))


async def _own_password(app: App) -> None:
    found = await app.users.modify_user.wait_for_complete(
        ModifyUserAction(user="john", modifier=UserModifier(phone=TriState.update("1")))
    )
    with acting_as(found.data):
        await app.auth.change_own_password.wait_for_complete(
            ChangeOwnPasswordAction(PASSWORD, "another passphrase")
        )


async def _status(app: App) -> None:
    await modify(app, "john", status=OptionalState.update(UserStatus.SUSPENDED))


async def _status_and_back(app: App) -> None:
    await modify(app, "john", is_active=OptionalState.update(False))
    await modify(app, "john", is_active=OptionalState.update(True))


async def _role_up(app: App) -> None:
    await modify(app, "john", role=OptionalState.update(UserRole.ADMIN))


async def _role_down(app: App) -> None:
    await modify(app, "john", role=OptionalState.update(UserRole.MONITOR))


async def _delete(app: App) -> None:
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))


async def _delete_and_restore(app: App) -> None:
    await app.users.delete_user.wait_for_complete(DeleteUserAction(user="john"))
    await app.users.restore_user.wait_for_complete(RestoreUserAction(user="john"))


async def _move(app: App) -> None:
    await modify(app, "john", domain_name=OptionalState.update("other"))


ENDINGS = [
    _password,
    _own_password,
    _status,
    _status_and_back,
    _role_up,
    _role_down,
    _delete,
    _delete_and_restore,
    _move,
]


@pytest.mark.parametrize("happens", ENDINGS, ids=lambda happens: happens.__name__.strip("_"))
async def test_what_changes_a_users_standing_ends_all_sessions_at_once(
    tenantry: App,
    john: UserData,
    other_tenant: str,
    login: Login,
    identify: Identify,
    happens: Callable[[App], Awaitable[None]],
) -> None:
    await make_user(tenantry, "jane")
    tokens = [await token_of(login) for _ in range(3)]
    others = await token_of(login, "jane")
    await happens(tenantry)
    for token in tokens:
        with pytest.raises(NotAuthenticated):
            await identify(token)
    await identify(others)


async def test_a_changed_profile_ends_no_session(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    token = await token_of(login)
    await modify(
        tenantry,
        "john",
        username=OptionalState.update("jack"),
        email=TriState.nullify(),
        full_name=TriState.update("Jack"),
    )
    assert (await identify(token)).name == "jack"


async def test_a_suspended_tenant_lets_no_session_in(
    tenantry: App, john: UserData, login: Login, identify: Identify, owner: asyncpg.Connection
) -> None:
    token = await token_of(login)
    await owner.execute("update tenants set status = 'suspended'")
    with pytest.raises(NotAuthenticated):
        await identify(token)


async def test_a_demand_for_a_new_password_limits_sessions_that_are_open(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    token = await token_of(login)
    await modify(tenantry, "john", need_password_change=OptionalState.update(True))
    assert (await identify(token)).only == PASSWORD_CHANGE_ONLY


async def test_the_address_is_asked_on_every_use(
    tenantry: App, john: UserData, login: Login
) -> None:
    token = await token_of(login)
    await modify(tenantry, "john", allowed_client_ip=TriState.update(["198.51.100.0/24"]))
    identify = tenantry.auth_service.identify
    inside = await identify(token, Origin("http", "198.51.100.7"))
    assert inside.id == john.id
    for address in ("203.0.113.7", "2001:db8::1", None, "garbage"):
        with pytest.raises(NotAuthenticated):
            await identify(token, Origin("http", address))
    assert (await identify(token, Origin("http", "::ffff:198.51.100.9"))).id == john.id


class HeldHasher:
    """Lets everything through, but holds a comparison until it is told to go on."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def verify(self, stored: str | None, password: str) -> bool:
        fits: bool = await self._inner.verify(stored, password)
        self.reached.set()
        await self.go_on.wait()
        return fits


@pytest.mark.parametrize("happens", ENDINGS, ids=lambda happens: happens.__name__.strip("_"))
async def test_a_session_issued_while_the_standing_changes_never_works(
    tenantry: App,
    john: UserData,
    other_tenant: str,
    identify: Identify,
    happens: Callable[[App], Awaitable[None]],
) -> None:
    real: Any = tenantry.auth_service._hasher
    held: Any = HeldHasher(real)
    tenantry.auth_service._prover._hasher = held
    attempt = asyncio.create_task(
        tenantry.auth.authenticate.wait_for_complete(AuthenticateAction("john", PASSWORD))
    )
    await held.reached.wait()
    tenantry.auth_service._prover._hasher = real
    await happens(tenantry)
    held.go_on.set()
    result = await attempt
    if result.success:
        with pytest.raises(NotAuthenticated):
            await identify(result.session_token)


async def test_no_session_outlives_a_suspension_in_any_order(
    tenantry: App, john: UserData, login: Login, identify: Identify
) -> None:
    for _ in range(10):
        logins = [asyncio.create_task(login("john", PASSWORD)) for _ in range(4)]
        await modify(tenantry, "john", status=OptionalState.update(UserStatus.SUSPENDED))
        for result in await asyncio.gather(*logins):
            if result.success:
                with pytest.raises(NotAuthenticated):
                    await identify(result.session_token)
        await modify(tenantry, "john", status=OptionalState.update(UserStatus.ACTIVE))


async def test_a_login_under_way_does_not_bring_an_old_password_back(
    tenantry: App, login: Login
) -> None:
    foreign = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await make_user(tenantry, "john", password=None, password_hash=foreign)
    real: Any = tenantry.auth_service._hasher
    held: Any = HeldHasher(real)
    tenantry.auth_service._prover._hasher = held
    attempt = asyncio.create_task(login("john", PASSWORD))
    await held.reached.wait()
    tenantry.auth_service._prover._hasher = real
    await _password(tenantry)
    held.go_on.set()
    await attempt
    assert not (await login("john", PASSWORD)).success
    assert (await login("john", "another passphrase")).success


async def test_the_token_is_not_shown_by_its_representation(
    tenantry: App, john: UserData, login: Login
) -> None:
    result = await login("john", PASSWORD)
    assert result.session_token is not None
    assert result.session_token not in f"{result!r} {result}"
    assert result.session_token not in repr(SessionToken.parse(result.session_token))
