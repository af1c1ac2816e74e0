"""The client: connects to a server and hands out the account manager."""

import functools
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tenantry.config import ConnectionParams, get_connection_params
from tenantry.errors import ConnectionError
from tenantry.routes import wire
from tenantry.sdk.account_manager import AccountManager
from tenantry.sdk.portal import Portal
from tenantry.sdk.transport import HttpTransport, Transport, server_url
from tenantry.sdk.users import UserOperations


class Client:
    """A connection to a Tenantry server, for code without an event loop of its own.

    What is not given comes from the environment or the server's ``connection.json``. ``connect``
    sends nothing yet; the first call logs in. One client may serve any number of threads, but does
    not survive a fork: make a new one in the child.

        with Client("127.0.0.1", 8420, "root", password) as client:
            client.account.create_user("anna", email="anna@example.org")
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        *,
        timeout: float = 10.0,
        token: str | None = None,
    ) -> None:
        self._params = completed(host, port, user, password, database)
        self._timeout = timeout
        self._token = token
        self._link = _Link()
        self._account = AccountManager(self._link)
        self._changing = threading.Lock()

    def __repr__(self) -> str:
        state = "connected" if self.is_connected else "not connected"
        return f"<Client of {self._server} as {self._params.user!r}, {state}>"

    def __enter__(self) -> Self:
        self.connect(*self._params)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        """Whether connect() was called and close() not yet."""
        return self._link.line is not None

    @property
    def account(self) -> AccountManager:
        """The account manager, always the same one; ConnectionError before connect()."""
        self._link.connected()
        return self._account

    def connect(
        self,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
    ) -> Self:
        """Be ready for calls. Nothing happens if these parameters hold already; others reconnect.

        What is not given stays as it was when the client was made.
        """
        said = (host, port, user, password, database)
        wanted = self._params
        if any(part is not None for part in said):
            wanted = _over(self._params, *said)
        with self._changing:
            if self._link.line is not None and wanted == self._params:
                return self
            self._hang_up()
            if wanted != self._params:
                self._token = None  # the session belongs to whom it was given for
            self._params = wanted
            self._link.line = _dial(wanted, self._timeout, self._token)
        return self

    def close(self) -> None:
        """End the session and the connections. May be called twice; connect() begins anew."""
        with self._changing:
            self._hang_up()

    def _hang_up(self) -> None:
        line, self._link.line = self._link.line, None
        if line is not None:
            line.portal.run(line.transport.log_out)
            line.portal.close()

    @property
    def _server(self) -> str:
        return server_url(self._params.host, self._params.port)


@dataclass(frozen=True)
class _Line:
    """A live connection."""

    portal: Portal
    transport: Transport
    operations: UserOperations


class _Link:
    """What client and manager share, so that either may be let go of before the other."""

    def __init__(self) -> None:
        self.line: _Line | None = None

    def connected(self) -> _Line:
        line = self.line
        if line is None:
            raise ConnectionError("The client is not connected: call connect() first.")
        return line

    @property
    def portal(self) -> Portal:
        return self.connected().portal

    @property
    def operations(self) -> UserOperations:
        return self.connected().operations


def completed(
    host: str | None = None,
    port: int | None = None,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
) -> ConnectionParams:
    """The parameters, what is missing taken from the environment or the server's file.

    A password found there is for the server and the user found there, and goes to no other.
    """
    if None not in (host, port, user, password, database):
        return get_connection_params(host, port, user, password, database)
    return _over(get_connection_params(), host, port, user, password, database)


def _over(
    found: ConnectionParams,
    host: str | None,
    port: int | None,
    user: str | None,
    password: str | None,
    database: str | None,
) -> ConnectionParams:
    wanted = get_connection_params(
        found.host if host is None else host,
        found.port if port is None else port,
        found.user if user is None else user,
        "" if password is None else password,
        found.database if database is None else database,
    )
    if password is None and wanted[:3] == found[:3]:
        return wanted._replace(password=found.password)
    return wanted


def _dial(params: ConnectionParams, timeout: float, token: str | None) -> _Line:
    bindings = wire()
    transport = HttpTransport(
        server_url(params.host, params.port),
        user=None if token else params.user,
        password=params.password,
        token=token,
        timeout=timeout,
        bindings=bindings,
    )
    portal = Portal(functools.partial(transport.aclose))
    return _Line(portal, transport, UserOperations(transport, bindings))
