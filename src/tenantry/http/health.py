"""What operators and probes ask: is it alive, is it ready, how much does it do, what can it do."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tenantry.errors import TenantryError
from tenantry.http.auth import actor_of
from tenantry.http.envelope import ORIGIN, TEMPLATE, Lifecycle
from tenantry.http.openapi import document
from tenantry.http.origin import local_peer
from tenantry.http.served import Check, Served

READY_SECONDS = 3.0
_OPERATORS = ("superadmin", "monitor")


class CheckResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the answer to whether the server is ready."""

    name: str
    ok: bool
    required: bool
    detail: str | None = None


class Plain:
    """An endpoint outside the API: a path, and what answers it."""

    def __init__(self, path: str, answer: Callable[[Scope], Awaitable[Response]]) -> None:
        self.path = path
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[TEMPLATE] = self.path
        response = await self._answer(scope)
        await response(scope, receive, send)


class Operations:
    """The endpoints that are not actions."""

    def __init__(self, app: Served, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._document: bytes | None = None

    def endpoints(self) -> tuple[Plain, ...]:
        """All of them."""
        return (
            Plain("/health/live", self.live),
            Plain("/health/ready", self.ready),
            Plain("/metrics", self.metrics),
            Plain("/openapi.json", self.openapi),
        )

    async def live(self, _scope: Scope) -> Response:
        """The process answers; nothing else is asked, so a lost database restarts nobody."""
        return _json([CheckResult("process", ok=True, required=True)], 200)

    async def ready(self, scope: Scope) -> Response:
        """Whether requests should come here; what is wrong in detail is for operators only."""
        checks = await self._checks()
        if not await self._operator(scope):
            checks = [msgspec.structs.replace(check, detail=None) for check in checks]
        failed = any(check.required and not check.ok for check in checks)
        return _json(checks, 503 if failed else 200)

    async def metrics(self, scope: Scope) -> Response:
        """The metrics, for operators; nobody else learns that there are any."""
        if not await self._operator(scope):
            raise HTTPException(404)
        await self._app.figures.look_up()
        content = generate_latest(self._app.registry)
        return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def openapi(self, _scope: Scope) -> Response:
        """The description of the API, made when first asked for."""
        if self._document is None:
            self._document = msgspec.json.encode(document(self._app.wire))
        return Response(self._document, media_type="application/json")

    async def _checks(self) -> list[CheckResult]:
        if self._lifecycle.stopping:
            return [_not_serving("the server is going down")]
        try:
            async with asyncio.timeout(READY_SECONDS):
                return [_line(check) for check in await self._app.readiness()]
        except TimeoutError:
            return [_not_serving("the checks took too long")]

    async def _operator(self, scope: Scope) -> bool:
        """Somebody on this machine, or whoever is logged in to look after the platform."""
        if local_peer(scope.get("client"), scope["headers"]):
            return True
        try:
            actor = await actor_of(scope, self._app, scope[ORIGIN])
        except TenantryError:
            return False
        return actor.role in _OPERATORS


def _line(check: Check) -> CheckResult:
    return CheckResult(check.name, check.ok, check.required, check.detail or None)


def _not_serving(detail: str) -> CheckResult:
    return CheckResult("serving", ok=False, required=True, detail=detail)


def _json(value: object, status: int) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
