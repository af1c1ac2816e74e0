"""Connecting: to which server, as whom, once more with other parameters, and no longer."""

import anyio

from tenantry.config import ConnectionParams, get_connection_params
from tenantry.sdk.address import EMBEDDED, server_url
from tenantry.sdk.decision_cache import DecisionCache
from tenantry.sdk.line import ClientLine
from tenantry.sdk.login import TotpCode
from tenantry.sdk.transport import HttpTransport, Transport
from tenantry.settings import Settings


class Connector:
    """What a client was told, and the line that it leads to a server. Used in one event loop."""

    def __init__(
        self,
        params: ConnectionParams,
        *,
        timeout: float,
        token: str | None,
        totp_code: TotpCode | None,
        settings: Settings | None,
        decision_cache: DecisionCache | None = None,
    ) -> None:
        self.line = ClientLine(decision_cache)
        self.params = params
        self._timeout = timeout
        self._token = token
        self._totp_code = totp_code
        self._settings = settings
        self._changing = anyio.Lock()

    def __str__(self) -> str:
        host, port = self.params.host, self.params.port
        server = host if host == EMBEDDED else server_url(host, port)
        state = "connected" if self.line.is_connected else "not connected"
        return f"{server} as {self.params.user!r}, {state}"

    async def connect(
        self,
        host: str | None,
        port: int | None,
        user: str | None,
        password: str | None,
        database: str | None,
    ) -> None:
        """Lead the line to this server for this user, unless that is where it leads."""
        said = (host, port, user, password, database)
        async with self._changing:
            wanted = self.params
            if any(part is not None for part in said):
                wanted = over(self.params, *said)
            same = wanted == self.params
            if self.line.is_connected and same:
                return
            # The session and the code belong to whom they were given for.
            token, totp_code = (self._token, self._totp_code) if same else (None, None)
            transport = self._transport(wanted, token, totp_code)
            await transport.open()
            self.params, self._token = wanted, token
            self._totp_code = None if isinstance(totp_code, str) else totp_code
            await self.line.lead_to(transport)

    async def close(self) -> None:
        """End calls, session and connections."""
        async with self._changing:
            await self.line.cut()

    def _transport(
        self, params: ConnectionParams, token: str | None, totp_code: TotpCode | None
    ) -> Transport:
        user = None if token else params.user
        if params.host == EMBEDDED:
            from tenantry.sdk.embedded import EmbeddedTransport

            return EmbeddedTransport(
                self._settings,
                user=user,
                password=params.password,
                token=token,
                totp_code=totp_code,
                timeout=self._timeout,
                bindings=self.line.bindings,
            )
        return HttpTransport(
            server_url(params.host, params.port),
            user=user,
            password=params.password,
            token=token,
            totp_code=totp_code,
            timeout=self._timeout,
            bindings=self.line.bindings,
        )


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
    return over(get_connection_params(), host, port, user, password, database)


def over(
    found: ConnectionParams,
    host: str | None,
    port: int | None,
    user: str | None,
    password: str | None,
    database: str | None,
) -> ConnectionParams:
    """The parameters found, with these in their place where they are given."""
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
