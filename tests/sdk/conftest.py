"""A server of our own for the client: it speaks HTTP for real and answers what a test says."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

USER: dict[str, Any] = {
    "id": "01a20713-82ea-7e92-a859-eefb43948825",
    "username": "john",
    "email": "john@example.org",
    "full_name": None,
    "description": None,
    "department": None,
    "phone": None,
    "attributes": {},
    "tenant_id": "01a20713-822a-7454-9e36-71e4ddfa5df7",
    "domain_name": "default",
    "role": "user",
    "status": "active",
    "status_info": None,
    "need_password_change": False,
    "resource_policy": "default",
    "allowed_client_ip": None,
    "totp_activated": False,
    "totp_activated_at": None,
    "sudo_session_enabled": False,
    "container_uid": None,
    "container_main_gid": None,
    "container_gids": None,
    "integration_name": None,
    "created_at": "2026-01-02T03:04:05Z",
    "modified_at": "2026-01-02T03:04:05Z",
    "last_login": None,
    "password_changed_at": None,
    "deleted_at": None,
    "version": 1,
}


def problem(code: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "title": "Refused", "detail": "It was refused.", **more}


def page(names: list[str], cursor: str | None) -> tuple[int, Any]:
    """An answer with users of these names."""
    return 200, {"items": [USER | {"username": name} for name in names], "next_cursor": cursor}


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    token: str | None


@dataclass
class FakeServer:
    """Logs in whoever has the password, and answers the rest in order, or with USER."""

    password: str = "right"
    login_seconds: float = 0.0
    seconds: float = 0.0
    """How long every other answer takes."""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    logins: int = 0
    tokens: set[str] = field(default_factory=set)
    never_content: bool = False
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/api/v1/login":
            return self._log_in(asked)
        time.sleep(self.seconds)
        with self.lock:
            self.asked.append(asked)
            if self.never_content or asked.token not in self.tokens:
                return 401, problem("not_authenticated")
            if self.answers:
                return self.answers.pop(0)
        if asked.path == "/api/v1/me":
            return 200, {"user": USER, "only": None}
        return 200, USER

    def _log_in(self, asked: Asked) -> tuple[int, Any]:
        time.sleep(self.login_seconds)
        with self.lock:
            self.logins += 1
            if asked.body["password"] != self.password:
                return 401, problem("invalid_credentials")
            token = f"token-{self.logins}"
            self.tokens.add(token)
        return 200, {"success": True, "user": USER, "session_token": token, "expires_at": None}

    def end_sessions(self) -> None:
        with self.lock:
            self.tokens.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeServer

    def setup(self) -> None:
        super().setup()
        with self.fake.lock:
            self.fake.connections += 1

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        body = json.loads(content) if content else None
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, token)
        status, answer = self.fake.answer(asked)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    server = FakeServer()
    handler = type("Handler", (_Handler,), {"fake": server})
    with _Quiet(("127.0.0.1", 0), handler) as http:
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield server
        http.shutdown()
        thread.join()


@pytest.fixture
def url(fake: FakeServer) -> str:
    return f"http://127.0.0.1:{fake.port}"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What this machine's environment says about a server must not matter."""
    for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE"):
        monkeypatch.delenv(f"TENANTRY_{name}", raising=False)
    monkeypatch.setenv("TENANTRY_DATA_DIR", str(tmp_path / "data"))
