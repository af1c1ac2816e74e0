"""The one endpoint of all actions: a request in, the action run, its result out."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tenantry.changes.version import VERSION_HEADER, writing
from tenantry.errors import InvalidInput, NotAuthenticated
from tenantry.http import strict_json
from tenantry.http.auth import actor_of, require_signed_body
from tenantry.http.envelope import ORIGIN, TEMPLATE
from tenantry.http.problems import RETRY_AFTER
from tenantry.http.refusal import Refusal
from tenantry.http.request import has_body, path_values, query_values, read_body, require_json
from tenantry.http.served import Served
from tenantry.kernel.action import Action, Actor, ActorKind, Audience, Origin, acting_as
from tenantry.wire import Binding

# What a malformed request is refused with; also the form of a request tells something.
_FORM = (400, 415, 422)
NO_BODY = ("GET", "DELETE")


class ActionEndpoint:
    """Answers all methods of one path."""

    def __init__(self, app: Served, template: str, bindings: Mapping[str, Binding]) -> None:
        self._app = app
        self._template = template
        self._bindings = bindings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[TEMPLATE] = self._template
        binding = self._bindings[scope["method"]]
        origin: Origin = scope[ORIGIN]
        seconds = self._app.settings.request_timeout
        try:
            async with asyncio.timeout(seconds) as deadline:
                actor = await actor_of(scope, self._app, origin)
                action = await self._action(binding, actor, scope, receive)
                with acting_as(actor, origin), writing() as written:
                    result = await self._app.run(action)
        except TimeoutError:
            if not deadline.expired():
                raise
            detail = f"There was no result within {seconds:g} s; it may still have been done."
            headers = {"Retry-After": RETRY_AFTER}
            raise Refusal(503, "deadline_exceeded", detail, headers=headers) from None
        answer = _answer(binding, result)
        if written.version is not None:
            answer.headers[VERSION_HEADER] = str(written.version)
        await answer(scope, receive, send)

    async def _action(
        self, binding: Binding, actor: Actor, scope: Scope, receive: Receive
    ) -> Action[Any]:
        """What is asked for. Who must log in first is told so before any fault of the form."""
        try:
            path = path_values(scope["path_params"])
            query = query_values(scope["query_string"])
            body = await self._body(binding, actor, scope, receive)
            return binding.to_action(path, query, body)
        except (InvalidInput, Refusal) as error:
            public = binding.action.audience is Audience.EVERYONE
            formal = not isinstance(error, Refusal) or error.status in _FORM
            if formal and not public and actor.kind is ActorKind.ANONYMOUS:
                raise NotAuthenticated from None
            raise

    async def _body(self, binding: Binding, actor: Actor, scope: Scope, receive: Receive) -> object:
        headers = scope["headers"]
        takes_body = binding.route.method not in NO_BODY
        optional = not any(field.where == "body" for field in binding.fields)
        if not has_body(headers) and (optional or not takes_body):
            require_signed_body(scope, b"")
            return {}
        if not takes_body:
            detail = f"{binding.route.method} takes no body."
            raise Refusal(400, "unexpected_body", detail, field="body")
        require_json(headers)
        content = await self._read(receive, headers, self._limit(binding, actor))
        require_signed_body(scope, content)
        return strict_json.parse(content)

    async def _read(
        self, receive: Receive, headers: list[tuple[bytes, bytes]], limit: int
    ) -> bytes:
        try:
            async with asyncio.timeout(self._app.settings.request_timeout * 0.9):
                return await read_body(receive, headers, limit)
        except TimeoutError:
            detail = "The body did not arrive in time."
            close = {"Connection": "close"}
            raise Refusal(408, "body_too_slow", detail, field="body", headers=close) from None

    def _limit(self, binding: Binding, actor: Actor) -> int:
        """More than the usual only for somebody known: it is kept in memory until parsed."""
        usual = self._app.settings.max_body_bytes
        if actor.kind is ActorKind.ANONYMOUS:
            return usual
        return binding.route.max_body or usual


def _answer(binding: Binding, result: Any) -> Response:  # Any: each action has its own result
    status = binding.route.status
    if status == 204:
        return Response(status_code=status)
    content = msgspec.json.encode(binding.answer(result))
    return Response(content, status, media_type="application/json")
