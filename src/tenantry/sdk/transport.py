"""How an action reaches a server: one HTTP request, its answer decoded into the action's result."""

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import anyio

from tenantry.auth.actions import (
    AuthenticateAction,
    AuthenticationResult,
    ChangeOwnPasswordAction,
    EndOwnSessionAction,
)
from tenantry.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionError,
    InvalidInput,
    NotAuthenticated,
    TenantryError,
)
from tenantry.kernel.action import Action, Audience
from tenantry.routes import API, wire
from tenantry.sdk.problems import error_of
from tenantry.wire import Binding, Wire

if TYPE_CHECKING:  # httpx2 takes longer to import than all the rest; a help page does without it
    import httpx2

ResultT = TypeVar("ResultT")

CONNECTIONS = 32
KEEP_ALIVE = 4.0
"""Seconds; less than the server's 5, so that no request is sent into a connection just closed."""


class Transport(Protocol):
    """Runs actions somewhere. Safe for many tasks of one event loop at once."""

    async def run(self, action: Action[ResultT]) -> ResultT:
        """The action's result, or the error that it raised there."""

    async def log_out(self) -> None:
        """End the session that this transport has begun, if any; never raises."""

    async def aclose(self) -> None:
        """Let go of all connections."""


class HttpTransport:
    """Runs actions over HTTP, logged in when needed, with the token kept in memory only.

    ``server`` is an address such as ``http://127.0.0.1:8420``. With ``user`` and ``password`` it
    logs in at the first request and again when the session has ended; with ``token`` it uses that
    session alone; with neither it runs what needs no login.
    """

    def __init__(
        self,
        server: str,
        *,
        user: str | None = None,
        password: str = "",
        token: str | None = None,
        timeout: float = 10.0,
        bindings: Wire | None = None,
    ) -> None:
        self.server = server
        self._wire = bindings or wire()
        self._login = _Login(self._log_in, token)
        self._user = user
        self._password = password
        self._timeout = timeout
        self._client: httpx2.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"HttpTransport({self.server!r}, user={self._user!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def run(self, action: Action[ResultT]) -> ResultT:
        """Ask the server. A session that has ended is renewed once, not in a loop."""
        binding = self._wire.of(type(action))
        request = _request(binding, action)
        if action.audience is Audience.EVERYONE:
            anyone: ResultT = _result(binding, await self._send(request, None), self.server)
            return anyone
        tries, token = self._login.tries, self._login.token
        if token is None and self._user is not None:
            token = await self._login.renewed(tries)
            tries = self._login.tries
        try:
            content = await self._send(request, token)
        except NotAuthenticated:
            if self._user is None:
                raise
            content = await self._send(request, await self._login.renewed(tries))
        result: ResultT = _result(binding, content, self.server)
        self._keep_up(action, result)
        return result

    async def log_out(self) -> None:
        """End the session that this transport has begun, as far as the server can be reached."""
        token, self._login.token = self._login.token, None
        if token is None or self._user is None:
            return
        request = _request(self._wire.of(EndOwnSessionAction), EndOwnSessionAction())
        with anyio.move_on_after(2):
            try:
                await self._send(request, token)
            except TenantryError:
                return  # it ends by itself when it expires

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _keep_up(self, action: Action[Any], result: object) -> None:
        """Whoever changes the own password goes on with the new one and the new session."""
        if isinstance(action, ChangeOwnPasswordAction):
            self._password = action.new_password
            if isinstance(result, AuthenticationResult) and result.session_token is not None:
                self._login.token = result.session_token

    async def _log_in(self) -> str:
        action = AuthenticateAction(self._user or "", self._password, raise_on_failure=True)
        binding = self._wire.of(AuthenticateAction)
        content = await self._send(_request(binding, action), None)
        answer: AuthenticationResult = _result(binding, content, self.server)
        if answer.session_token is None:
            raise AuthenticationError(answer.error_message or "")
        return answer.session_token

    async def _send(self, request: "_Request", token: str | None) -> bytes:
        import httpx2

        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = await self._connection().request(
                request.method,
                self.server + API + request.path,
                params=request.query or None,
                content=request.content,
                headers=headers,
            )
        except httpx2.TimeoutException as error:
            raise ConnectionError(_too_slow(self.server, error)) from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise ConnectionError(f"{self.server} cannot be reached: {_said(error)}.") from error
        if not 200 <= response.status_code < 300:
            raise error_of(response.status_code, response.content)
        return response.content

    def _connection(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(**http_options(self.server, self._timeout))
        return self._client


class _Login:
    """One login at a time, whose outcome all share who have waited for it.

    Without the sharing, 32 threads with a wrong password would count as 32 attempts and lock the
    account.
    """

    def __init__(self, log_in: Callable[[], Coroutine[Any, Any, str]], token: str | None) -> None:
        self.token = token
        self.tries = 0
        self._log_in = log_in
        self._refusal: TenantryError | None = None
        self._lock = anyio.Lock()

    async def renewed(self, seen: int) -> str:
        """A token newer than the one of try number ``seen``."""
        async with self._lock:
            if self.tries == seen:
                await self._try()
            if self.token is None:
                raise (self._refusal or NotAuthenticated()).with_traceback(None)
            return self.token

    async def _try(self) -> None:
        self.token = self._refusal = None
        try:
            self.token = await self._log_in()
        except TenantryError as refusal:
            self._refusal = refusal
        self.tries += 1


@dataclass(frozen=True)
class _Request:
    """A request as bytes."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes | None


def server_url(host: str, port: int) -> str:
    """The address of a server; ``host`` may say the scheme, as in ``https://db.example.org``."""
    if "://" in host:
        parts = urlsplit(host)
        return f"{parts.scheme}://{_bracketed(parts.hostname or '')}:{parts.port or port}"
    return f"http://{_bracketed(host.strip('[]'))}:{port}"


def checked_url(text: str) -> str:
    """An address as a person writes it, without what the paths of the API replace."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    extra = parts.username or parts.password or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ConfigurationError("The server is given as http://host:port or https://host:port.")
    port = port or (443 if parts.scheme == "https" else 80 if "://" in text else 8420)
    return f"{parts.scheme}://{_bracketed(parts.hostname)}:{port}{parts.path.rstrip('/')}"


def http_options(server: str, timeout: float) -> Any:  # Any: arguments of different types
    """How every HTTP client of ours talks to a server."""
    import httpx2

    return {
        "timeout": httpx2.Timeout(timeout),
        "limits": httpx2.Limits(
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
        ),
        "verify": _trust(server),
        "trust_env": not _is_loopback(server),
        "headers": {"Accept": "application/json", "User-Agent": "tenantry-python"},
    }


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _trust(server: str) -> Any:  # Any: httpx2 takes True or an ssl.SSLContext
    """What certificates to trust; none for plain HTTP, since loading them all takes 100 ms."""
    if server.startswith("https:"):
        return True
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _request(binding: Binding, action: Action[Any]) -> _Request:
    try:
        wanted = binding.to_request(action)
        content = None if wanted.body is None else _json(wanted.body)
        "".join(wanted.query.values()).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        message = f"cannot be written as JSON ({type(error).__name__})"
        raise InvalidInput.of("request", "not_json", message) from error
    return _Request(wanted.method, _inert(wanted.path), wanted.query, content)


def _json(body: Mapping[str, object]) -> bytes:
    # msgspec would write infinity as null, and what was meant would be lost without a word.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _result(binding: Binding, content: bytes, server: str) -> Any:  # Any: a result of its own
    try:
        return binding.result(content)
    except ValueError as error:
        message = f"{server} did not answer as a Tenantry server of this version does."
        raise ConnectionError(message) from error


def _inert(path: str) -> str:
    """The path with names such as ``..`` kept from climbing out of it."""
    parts = path.split("/")
    return "/".join(p.replace(".", "%2E") if p in (".", "..") else p for p in parts)


def _too_slow(server: str, error: Exception) -> str:
    kind = type(error).__name__.removesuffix("Timeout").lower()
    if kind == "connect":
        return f"{server} cannot be reached: no answer in time."
    if kind == "pool":
        return f"Too many requests to {server} wait already; try again shortly."
    return f"{server} did not answer in time; whether the request was carried out is not known."


def _said(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
