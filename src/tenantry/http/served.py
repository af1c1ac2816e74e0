"""What the HTTP face needs of the app that it serves."""

from collections.abc import Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from tenantry.access_keys.signing import SignedRequest
from tenantry.kernel.action import Action, Actor, Origin
from tenantry.settings import Settings
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


class Served(Protocol):
    """The app as this face sees it."""

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
