"""What goes around every answer: limits, request id, security headers, metrics, last resort."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry.http.metrics import HttpMetrics
from tenantry.http.origin import RawHeaders, origin_of
from tenantry.http.problems import answer_to
from tenantry.http.refusal import Refusal
from tenantry.http.request import discard_rest
from tenantry.settings import Settings

# Keys of the scope, by which the parts of this face talk to each other.
ORIGIN = "tenantry.origin"
TEMPLATE = "tenantry.template"

MAX_URL = 8 * 1024
MAX_HEADERS = 16 * 1024

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HSTS = "max-age=31536000; includeSubDomains"


def fixed_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    headers = dict(SECURITY_HEADERS)
    if settings.base_url.startswith("https:"):
        headers["Strict-Transport-Security"] = _HSTS
    return [(n.lower().encode("ascii"), value.encode("ascii")) for n, value in headers.items()]


@dataclass
class Lifecycle:
    """Whether the server is going down, which the health checks and every answer tell."""

    stopping: bool = False


class Envelope:
    """The outermost ASGI layer; an inner one may set a security header otherwise."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: HttpMetrics, lifecycle: Lifecycle
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._headers = fixed_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # Nothing here speaks WebSocket; the router of the inner app refuses it.
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        origin = origin_of(scope.get("client"), scope["headers"], self._settings.trusted_proxies)
        scope[ORIGIN] = origin
        exchange = _Exchange(receive, send, partial(self._dress, str(origin.request_id)))
        self._metrics.started()
        try:
            check_size(scope)
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:  # the outermost layer: whatever it is, it needs an answer
            answer = answer_to(error, str(origin.request_id))
            if exchange.status:
                raise  # half an answer is out; the server cuts the connection
            await exchange.refuse(answer, scope)
        finally:
            seconds = time.perf_counter() - started
            template = scope.get(TEMPLATE, "unmatched")
            self._metrics.ended(template, scope["method"], exchange.status, seconds)

    def _dress(self, request_id: str, message: Message) -> None:
        present = {name for name, _ in message["headers"]}
        added = [(b"x-request-id", request_id.encode("ascii")), *self._headers]
        if self._lifecycle.stopping:
            # Sends the next request of this client to another server.
            added.append((b"connection", b"close"))
        message["headers"] = [
            *message["headers"],
            *(header for header in added if header[0] not in present),
        ]


class _Exchange:
    """A request and its answer as they pass, and how far both have come."""

    def __init__(self, receive: Receive, send: Send, dress: Callable[[Message], None]) -> None:
        self._receive = receive
        self._send = send
        self._dress = dress
        self._unread = True
        self._begun = False
        self.status = 0

    async def receive(self) -> Message:
        self._begun = True
        message = await self._receive()
        self._unread = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._dress(message)
        await self._send(message)

    async def refuse(self, answer: Response, scope: Scope) -> None:
        """Send a problem; that of a body too large while the rest of it still comes in."""
        # Who waits for "100 Continue" has sent nothing yet and now never will.
        waits = not self._begun and any(name == b"expect" for name, _ in scope["headers"])
        if answer.status_code != 413 or not self._unread or waits:
            await answer(scope, self.receive, self.send)
            return
        start = {"type": "http.response.start", "status": answer.status_code}
        await self.send(start | {"headers": answer.raw_headers})
        await self.send({"type": "http.response.body", "body": answer.body, "more_body": True})
        await discard_rest(self.receive)
        await self.send({"type": "http.response.body", "body": b""})


def check_size(scope: Scope) -> None:
    """Refuse an address or headers that are too long to be honest."""
    if url_size(scope) > MAX_URL:
        raise Refusal(414, "url_too_long", f"The address is longer than {MAX_URL} bytes.")
    if headers_size(scope["headers"]) > MAX_HEADERS:
        raise Refusal(431, "headers_too_large", f"The headers are over {MAX_HEADERS} bytes.")


def url_size(scope: Scope) -> int:
    """The bytes of the address as it was sent."""
    return len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])


def headers_size(headers: RawHeaders) -> int:
    """The bytes of all headers, with what stands between name and value and between lines."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
