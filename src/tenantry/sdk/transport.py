"""How an action reaches a server: one HTTP request, its answer decoded into the action's result."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import anyio
import msgspec

from tenantry.auth.actions import (
    AuthenticateAction,
    ChangeOwnPasswordAction,
    EndOwnSessionAction,
    StepUpAction,
)
from tenantry.changes.version import VERSION_HEADER
from tenantry.errors import (
    ConnectionError,
    InvalidCredentials,
    InvalidInput,
    NotAuthenticated,
    StepUpRequired,
    TenantryError,
)
from tenantry.kernel.action import Action, Audience
from tenantry.routes import API, wire
from tenantry.sdk.address import http_options
from tenantry.sdk.login import Login, TotpCode
from tenantry.sdk.problems import error_of
from tenantry.second_factor.actions import ProveSecondFactorAction, RemoveOwnSecondFactorAction
from tenantry.wire import Binding, Wire

if TYPE_CHECKING:  # httpx2 takes longer to import than all the rest; a help page does without it
    import httpx2

ResultT = TypeVar("ResultT")

MAX_ANSWER = 64 * 2**20


class Transport(Protocol):
    """Runs actions somewhere. Safe for many tasks of one event loop at once."""

    @property
    def last_version(self) -> int | None:
        """The latest version that a change has brought about; None before the first."""

    async def open(self) -> None:
        """Be ready for actions; raises what stands in the way. Called once, before the rest."""

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
    session alone; with neither it runs what needs no login. No wait takes longer than ``timeout``
    seconds, and no request longer than twice as long.
    """

    def __init__(
        self,
        server: str,
        *,
        user: str | None = None,
        password: str = "",
        token: str | None = None,
        totp_code: TotpCode | None = None,
        timeout: float = 10.0,
        bindings: Wire | None = None,
    ) -> None:
        self.server = server
        self._base = server + API
        self._wire = bindings or wire()
        self._login = Login(self._run_bearing, user, password, totp_code, token)
        self._timeout = timeout
        self._client: httpx2.AsyncClient | None = None
        self.last_version: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server!r}, user={self._login.user!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    @property
    def token(self) -> str | None:
        """The session that is used now, if one has begun."""
        return self._login.token

    async def open(self) -> None:
        """Nothing: connections are made when there is something to send."""

    async def run(self, action: Action[ResultT]) -> ResultT:
        """Ask the server. A session that has ended is renewed once, not in a loop.

        What needs a fresh proof of identity gets it, where the password is known here.
        """
        tries, token = self._login.tries, self._login.token
        if token is None and not _needs_login(action):
            return await self._run_bearing(None, action)
        if token is None and self._login.user is not None:
            token = await self._renewed(tries, action)
            tries = self._login.tries
        try:
            result = await self._run_bearing(token, action)
        except NotAuthenticated:
            if self._login.user is None:
                raise
            result = await self._run_bearing(await self._renewed(tries, action), action)
        except StepUpRequired:
            if not self._login.password:
                raise
            await self._run_bearing(token, StepUpAction(self._login.password))
            result = await self._run_bearing(token, action)
        self._keep_up(action, result)
        return result

    async def _renewed(self, tries: int, action: Action[Any]) -> str:
        """A new token; that its login failed is not to be taken for somebody else's failure."""
        try:
            return await self._login.renewed(tries)
        except InvalidCredentials as refusal:
            if not isinstance(action, AuthenticateAction):
                raise
            raise NotAuthenticated("This client's own login failed.") from refusal

    async def log_out(self) -> None:
        """End the session that this transport has begun, as far as the server can be reached."""
        token, self._login.token = self._login.token, None
        if token is None or self._login.user is None:
            return
        with anyio.move_on_after(2):
            try:
                await self._run_bearing(token, EndOwnSessionAction())
            except TenantryError:
                return  # it ends by itself when it expires

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _keep_up(self, action: Action[Any], result: Any) -> None:  # Any: a result of its own
        """Go on with the new session, and the new password, after what ends one's own sessions."""
        if isinstance(action, ChangeOwnPasswordAction):
            self._login.password = action.new_password
        if isinstance(action, _BEGIN_ANEW) and result.session_token is not None:
            self._login.token = result.session_token

    async def _run_bearing(self, token: str | None, action: Action[ResultT]) -> ResultT:
        """The result for whoever bears the token; for nobody in particular without one."""
        binding = self._wire.of(type(action))
        request = _request(binding, action)
        with anyio.move_on_after(2 * self._timeout):
            result: ResultT = _result(binding, await self._send(request, token), self.server)
            return result
        raise ConnectionError(_LATE.format(self.server))

    async def _send(self, request: "_Request", token: str | None) -> bytes:
        import httpx2

        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._connection().stream(
                request.method,
                self._base + request.path,
                params=request.query or None,
                content=request.content,
                headers=headers,
            ) as response:
                content = await self._read(response)
        except httpx2.TimeoutException as error:
            raise ConnectionError(_too_slow(self.server, error)) from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise ConnectionError(f"{self.server} cannot be reached: {_said(error)}.") from error
        if not 200 <= response.status_code < 300:
            raise error_of(response.status_code, content)
        self._note_version(response.headers.get(VERSION_HEADER, ""))
        return content

    def _note_version(self, text: str) -> None:
        if text.isascii() and text.isdigit():
            self.last_version = max(int(text[:19]), self.last_version or 0)

    async def _read(self, response: "httpx2.Response") -> bytes:
        """The body, of a bearable size also once it is decompressed."""
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_ANSWER:
                raise ConnectionError(f"{self.server} answers more than {MAX_ANSWER} bytes.")
        return bytes(content)

    def _connection(self) -> "httpx2.AsyncClient":
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> "httpx2.AsyncClient":
        """What requests go through; made once, when there is the first to send."""
        import httpx2

        return httpx2.AsyncClient(**http_options(self.server, self._timeout))


_BEGIN_ANEW = (ChangeOwnPasswordAction, ProveSecondFactorAction, RemoveOwnSecondFactorAction)
_LATE = "{} did not answer in time; whether the request was carried out is not known."


@dataclass(frozen=True)
class _Request:
    """A request as bytes."""

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes | None


def _needs_login(action: Action[Any]) -> bool:
    """Whether nobody in particular may not ask; an address that is told counts from an admin only.

    What everybody may ask must not count a wrong password of the client's own as one more attempt.
    """
    told = getattr(action, "ip_address", None) is not None
    return told or action.audience is not Audience.EVERYONE


def _request(binding: Binding, action: Action[Any]) -> _Request:
    try:
        wanted = binding.to_request(action)
        content = None if wanted.body is None else _json(wanted.body)
        "".join(wanted.query.values()).encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        message = f"cannot be written as JSON ({type(error).__name__})"
        raise InvalidInput.of(_no_json(binding, action), "not_json", message) from error
    return _Request(wanted.method, _inert(wanted.path), wanted.query, content)


def _no_json(binding: Binding, action: Action[Any]) -> str:
    """The name of the field that cannot be written."""
    for name, value in binding.values_of(action).items():
        try:
            _json({name: msgspec.to_builtins(value)})
        except (TypeError, ValueError, OverflowError, RecursionError):
            return name
    return "request"


def _json(body: Mapping[str, object]) -> bytes:
    # msgspec would write infinity as null, and what was meant would be lost without a word.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _result(binding: Binding, content: bytes, server: str) -> Any:  # Any: a result of its own
    try:
        return binding.result(content)
    except (ValueError, RecursionError) as error:
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
    return _LATE.format(server)


def _said(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
