"""The HTTP face over a fake app (``client``), and over the real one (``api``).

Only the app object is faked; wire, routes and actions are the real ones.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_origin
from uuid import UUID

import httpx2
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tenantry.access_keys.signing import SignedRequest
from tenantry.auth.actions import (
    AuthenticateAction,
    AuthenticationResult,
    Done,
    WhoAmI,
    WhoAmIAction,
)
from tenantry.errors import NotAuthenticated, NotWarm
from tenantry.http.envelope import Lifecycle
from tenantry.http.server import create_asgi
from tenantry.kernel.action import (
    Action,
    Actor,
    ActorKind,
    Audience,
    Origin,
    current_actor,
    current_origin,
)
from tenantry.kernel.page import Page
from tenantry.routes import wire
from tenantry.settings import Settings
from tenantry.users.actions import FoundUser, ImportResult, UserResult
from tenantry.users.model import UserData, UserRole, UserStatus
from tenantry.wire import Wire

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JOHN = UserData(
    id=UUID(int=7),
    username="john",
    email="john@example.org",
    full_name=None,
    description=None,
    department=None,
    phone=None,
    attributes={},
    tenant_id=UUID(int=1),
    domain_name="default",
    role=UserRole.USER,
    status=UserStatus.ACTIVE,
    status_info=None,
    need_password_change=False,
    resource_policy="default",
    allowed_client_ip=None,
    totp_activated=False,
    totp_activated_at=None,
    sudo_session_enabled=False,
    container_uid=None,
    container_main_gid=None,
    container_gids=None,
    integration_name=None,
    created_at=NOW,
    modified_at=NOW,
    last_login=None,
    password_changed_at=None,
    deleted_at=None,
    version=1,
)


@dataclass(frozen=True)
class FakeCheck:
    name: str
    ok: bool
    required: bool = True
    detail: str = ""


class FakeIdentifier:
    """Knows tokens of the form ``token-of-<role>``."""

    async def identify(self, token: str, origin: Origin) -> Actor:
        role = token.removeprefix("token-of-")
        if role not in list(UserRole):
            raise NotAuthenticated
        return Actor(ActorKind.USER, role, UUID(int=9), UUID(int=1), role)


class FakeKeyIdentifier:
    """Knows no access key."""

    async def identify_bearer(self, text: str, origin: Origin) -> Actor:
        raise NotAuthenticated

    async def identify_signed(self, request: SignedRequest, origin: Origin) -> Actor:
        raise NotAuthenticated


class FakeFigures:
    """There are none."""

    async def look_up(self) -> None:
        return None


class NothingInMemory:
    """Everything is to be looked up."""

    applied = 0

    def find(self, token: str, address: str | None) -> None:
        return None

    def validity(
        self, token: str, stated: str | None, *, asker: Actor, address: str | None
    ) -> None:
        return None

    def is_current(self) -> bool:
        return False

    def decide_many(self, asked: object, scope: object) -> list[bool]:
        raise NotWarm


@dataclass
class FakeApp:
    """Answers every action with something of the right type, and remembers what it was asked."""

    settings: Settings = field(default_factory=Settings)
    wire: Wire = field(default_factory=wire)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    auth_service: FakeIdentifier = field(default_factory=FakeIdentifier)
    access_key_identifier: FakeKeyIdentifier = field(default_factory=FakeKeyIdentifier)
    figures: FakeFigures = field(default_factory=FakeFigures)
    session_memory: NothingInMemory = field(default_factory=NothingInMemory)
    known_sessions: NothingInMemory = field(default_factory=NothingInMemory)
    decisions: NothingInMemory = field(default_factory=NothingInMemory)
    checks: list[FakeCheck] = field(default_factory=lambda: [FakeCheck("database", True)])
    asked: list[tuple[Action[Any], Actor, Origin]] = field(default_factory=list)
    answer: Callable[[Action[Any]], Awaitable[Any]] | None = None
    """Runs in the place of what is below; for errors and slowness."""

    async def run(self, action: Action[Any]) -> Any:
        self.asked.append((action, current_actor(), current_origin()))
        if current_actor().kind is ActorKind.ANONYMOUS and (
            action.audience is not Audience.EVERYONE
        ):
            raise NotAuthenticated
        if self.answer is not None:
            return await self.answer(action)
        return result_of(action)

    async def readiness(self) -> list[FakeCheck]:
        return self.checks


def result_of(action: Action[Any]) -> Any:
    """Some result of the kind that the action promises."""
    if isinstance(action, AuthenticateAction):
        return AuthenticationResult(success=True, user=JOHN, session_token="secret", expires_at=NOW)
    if isinstance(action, WhoAmIAction):
        return WhoAmI(JOHN)
    made = {
        UserResult: UserResult(JOHN),
        FoundUser: FoundUser(JOHN),
        Done: Done(),
        ImportResult: ImportResult([]),
    }
    if action.result_type() in made:
        return made[action.result_type()]
    names = [f.name for f in msgspec.structs.fields(result_class(action))]
    return (
        msgspec.defstruct("Some", [(n, Any, None) for n in names])()
        if "data" in names
        else Page([])
    )


def result_class(action: Action[Any]) -> Any:
    """The class of the result, without what stands in its brackets."""
    return get_origin(action.result_type()) or action.result_type()


@pytest.fixture
def app() -> FakeApp:
    return FakeApp()


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle()


@pytest.fixture
async def client(app: FakeApp, lifecycle: Lifecycle) -> AsyncIterator[httpx2.AsyncClient]:
    """A superadmin's client of the fake app."""
    async with client_of(create_asgi(app, lifecycle)) as made:
        made.headers["Authorization"] = "Bearer token-of-superadmin"
        yield made


Connect = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def connect() -> Connect:
    """A client, from any address, of a fake app with these settings and parts."""

    @asynccontextmanager
    async def made(
        peer: str = "127.0.0.1", parts: dict[str, Any] | None = None, **changed: Any
    ) -> AsyncIterator[httpx2.AsyncClient]:
        app = FakeApp(settings=replace(Settings(), **changed), **(parts or {}))
        async with client_of(create_asgi(app), peer=peer) as client:
            yield client

    return made


def client_of(asgi: Any, peer: str = "127.0.0.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=asgi, client=(peer, 50000))
    return httpx2.AsyncClient(transport=transport, base_url="http://tenantry.test")


@pytest.fixture
async def api(tenantry: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the real app, not yet logged in."""
    async with client_of(create_asgi(tenantry)) as made:
        yield made


@pytest.fixture
def root_credentials(tenantry: Any) -> dict[str, str]:
    return {
        "username": tenantry.settings.admin_user,
        "password": "correct horse battery staple",
    }


@pytest.fixture
async def root(api: httpx2.AsyncClient, root_credentials: dict[str, str]) -> httpx2.AsyncClient:
    """The superadmin's client of the real app."""
    answer = await api.post("/api/v1/login", json=root_credentials)
    answer.raise_for_status()
    api.headers["Authorization"] = f"Bearer {answer.json()['session_token']}"
    return api
