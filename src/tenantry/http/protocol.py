"""uvicorn's connection with bounds: on the size of an address and headers, and on their time.

httptools takes headers without end, and uvicorn waits for them without end; either lets a few
clients hold a server.
"""

import asyncio
import http
import json
import logging
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tenantry.http.envelope import MAX_HEADERS, MAX_URL, SECURITY_HEADERS
from tenantry.http.problems import MEDIA_TYPE

HEADER_SECONDS = 10.0

_CODES = {
    400: "malformed_request",
    408: "headers_too_slow",
    414: "url_too_long",
    431: "headers_too_large",
}

logger = logging.getLogger(__name__)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: uvicorn's type
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._refusal = 400
        self._header_bytes = 0
        self._incomplete_bytes = 0
        self._header_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_headers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._header_deadline
        super().data_received(data)
        if before is None or self._header_deadline is not before:
            return
        # A header that never ends is kept by the parser and not yet seen by on_header.
        self._incomplete_bytes += len(data)
        if self._incomplete_bytes > MAX_URL + MAX_HEADERS and not self.transport.is_closing():
            self._refusal = 431
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._await_headers()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        # The question mark is part of the address here but of neither half in the scope.
        self._bound(414, len(self.url), MAX_URL + 1)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value) + 4
        self._bound(431, self._header_bytes, MAX_HEADERS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._have_headers()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or goes over a bound, and hang up."""
        phrase = http.HTTPStatus(self._refusal).phrase
        code = _CODES[self._refusal]
        problem = {
            "type": f"urn:tenantry:problem:{code}",
            "title": phrase,
            "status": self._refusal,
            "code": code,
        }
        content = json.dumps(problem)
        headers = SECURITY_HEADERS | {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(content)),
            "Connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answer = f"HTTP/1.1 {self._refusal} {phrase}\r\n{lines}\r\n{content}"
        self.transport.write(answer.encode("ascii"))
        self.transport.close()

    def _bound(self, status: int, size: int, most: int) -> None:
        if size > most:
            self._refusal = status
            raise ValueError("over the bound")  # the parser stops, and uvicorn asks for the answer

    def _await_headers(self) -> None:
        if self._header_deadline is None:
            self._header_deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _have_headers(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None
            self._incomplete_bytes = 0

    def _too_slow(self) -> None:
        self._header_deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # The next request of a pipeline trickles in while one is being answered.
            self.cycle.keep_alive = False
            return
        self._refusal = 408
        self.send_400_response("")
