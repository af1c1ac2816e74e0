"""The HTTP face as it is, and the same without memory in front, to be asked the same."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.kernel.action import ANONYMOUS, Action, Origin, acting_as
from tenantry.testing.users import PASSWORD

ADDRESS = "192.0.2.7"
ASK = {"user": "john", "permission": "SELECT", "database": "sales"}


@dataclass
class Both:
    """The face as it is, and the same without memory in front."""

    app: App
    fast: httpx2.AsyncClient
    slow: httpx2.AsyncClient
    token: str
    runs: list[Action[Any]]

    async def ask(self, content: bytes, path: str = "check", **more: Any) -> httpx2.Response:
        return await self.fast.post(f"/api/v1/{path}", content=content, headers=self.headers(more))

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            **(more or {}),
        }

    async def warm(self, body: object, path: str = "check") -> None:
        """Ask once, so that all of it is in memory."""
        answer = await self.ask(json.dumps(body).encode(), path)
        assert answer.status_code == 200, answer.text
        self.runs.clear()


async def logged_in(app: App, name: str, address: str = ADDRESS) -> str:
    with acting_as(ANONYMOUS, Origin("http", address)):
        action = AuthenticateAction(name, PASSWORD, raise_on_failure=True)
        token = (await app.auth.authenticate.wait_for_complete(action)).session_token
    assert token is not None
    return token


def client_of(face: ASGIApp) -> httpx2.AsyncClient:
    async def at_once(scope: Scope, receive: Receive, send: Send) -> None:
        """The body in one message, as the server gives it that came with its head."""
        message = await receive()
        body = message["body"]
        while message.get("more_body", False):
            message = await receive()
            body += message.get("body", b"")
        in_parts = ("x-in-parts", "1") in [(n.decode(), v.decode()) for n, v in scope["headers"]]
        told = [{"type": "http.request", "body": body, "more_body": in_parts}]
        rest = [{"type": "http.request", "body": b"", "more_body": False}] if in_parts else []

        async def received() -> Message:
            return told.pop(0) if told else rest.pop(0) if rest else await receive()

        await face(scope, received, send)

    transport = httpx2.ASGITransport(app=at_once, client=(ADDRESS, 50000))
    return httpx2.AsyncClient(transport=transport, base_url="http://testserver")


def told(answer: httpx2.Response) -> tuple[int, Any, dict[str, str]]:
    """What must be the same: all but what names the request."""
    headers = {n: v for n, v in answer.headers.items() if n != "x-request-id"}
    content = answer.json() if answer.content else None
    if isinstance(content, dict):
        content.pop("request_id", None)
    headers.pop("content-length", None)
    return answer.status_code, content, headers
