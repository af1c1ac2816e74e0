"""What the HTTP face needs of the app that it serves."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from prometheus_client import CollectorRegistry

from tenantry.access_keys.signing import SignedRequest
from tenantry.checks.service import Parts
from tenantry.kernel.action import Action, Actor, Origin
from tenantry.privileges.model import Privilege
from tenantry.sessions.actions import Validity
from tenantry.settings import Settings
from tenantry.users.access import Scope
from tenantry.wire import Wire


class Check(Protocol):
    """One thing that the server needs; what is not ``required`` only makes it poorer."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    @property
    def detail(self) -> str: ...


class Identifier(Protocol):
    """Says whose a token is."""

    async def identify(self, token: str, origin: Origin) -> Actor:
        """The actor that bears the token; NotAuthenticated if nobody (any more) does."""


class KeyIdentifier(Protocol):
    """Says whose an access key is."""

    async def identify_bearer(self, text: str, origin: Origin) -> Actor:
        """The actor that bears the key; NotAuthenticated if nobody (any more) does."""

    async def identify_signed(self, request: SignedRequest, origin: Origin) -> Actor:
        """The actor that signed the request, whose body is still to be compared."""


class Figures(Protocol):
    """Gauges of the state of things."""

    async def look_up(self) -> None:
        """Bring them up to date; what cannot be looked up is not a number."""


class SessionMemory(Protocol):
    """The sessions that were used lately."""

    def find(self, token: str, address: str | None) -> Actor | None:
        """Whom the token proves, asking from there; None where that must be looked up."""


class KnownSessions(Protocol):
    """Which sessions are good, as far as memory can tell."""

    def validity(
        self, token: str, stated: str | None, *, asker: Actor, address: str | None
    ) -> Validity | None:
        """That it is good, asked from this address; None where that must be looked up."""


class Decisions(Protocol):
    """What decides on access, as far as it is in memory."""

    @property
    def applied(self) -> int: ...
    def is_current(self) -> bool:
        """Whether memory may be asked now."""

    def decide_many(
        self, asked: Iterable[tuple[UUID | str, Privilege, Parts]], scope: Scope
    ) -> list[bool]:
        """Who may, as of one moment; NotWarm where it must be looked up."""


class Served(Protocol):
    """The app as this face sees it."""

    @property
    def session_memory(self) -> SessionMemory: ...
    @property
    def known_sessions(self) -> KnownSessions: ...
    @property
    def decisions(self) -> Decisions: ...

    @property
    def settings(self) -> Settings: ...
    @property
    def wire(self) -> Wire: ...
    @property
    def registry(self) -> CollectorRegistry: ...
    @property
    def figures(self) -> Figures: ...
    @property
    def auth_service(self) -> Identifier: ...
    @property
    def access_key_identifier(self) -> KeyIdentifier: ...
    async def run(self, action: Action[Any]) -> Any: ...  # Any: each action has its own result
    async def readiness(self) -> Sequence[Check]: ...
