"""Actions in this very process: the whole system, asked through the same face as over a network."""

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.config import read_connection
from tenantry.errors import ConnectionError
from tenantry.sdk.address import EMBEDDED
from tenantry.sdk.login import TotpCode
from tenantry.sdk.transport import HttpTransport
from tenantry.settings import Settings
from tenantry.wire import Wire

if TYPE_CHECKING:
    import httpx2


class EmbeddedTransport(HttpTransport):
    """Runs actions in a system of its own, opened in the running event loop.

    Requests go through the HTTP face, only without a socket: routes, limits, login, guard and
    errors are those of a server, and whoever is not logged in is nobody, never ``system``.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        user: str | None = None,
        password: str = "",
        token: str | None = None,
        totp_code: TotpCode | None = None,
        timeout: float = 10.0,
        bindings: Wire | None = None,
    ) -> None:
        super().__init__(
            "http://embedded",
            user=user,
            password=password,
            token=token,
            totp_code=totp_code,
            timeout=timeout,
            bindings=bindings,
        )
        self.server = EMBEDDED
        self._settings = settings
        self._asgi: Any = None
        self._close = asyncio.Event()
        self._host: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start what is missing (database, schema, first user); raises what stands in the way."""
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._host = asyncio.create_task(self._hold_open(ready))
        try:
            self._asgi = await ready
        except BaseException:
            self._host.cancel()
            await self.aclose()
            raise

    async def aclose(self) -> None:
        await super().aclose()
        self._asgi = None
        host, self._host = self._host, None
        if host is not None:
            self._close.set()
            await asyncio.wait([host])
            if not host.cancelled():
                host.result()

    def _connect(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._asgi is None:
            raise ConnectionError("The embedded system is not open.")
        # No address: as over a Unix socket.
        transport = httpx2.ASGITransport(self._asgi, client=None)  # type: ignore[arg-type]  # ASGI has it
        return httpx2.AsyncClient(transport=transport)

    async def _hold_open(self, ready: "asyncio.Future[Any]") -> None:
        """Open the system, and close it in the task that has opened it."""
        from tenantry.app import open_app
        from tenantry.http.server import create_asgi

        try:
            settings = self._settings or Settings.from_environment(os.environ)
            if settings.host == EMBEDDED:
                # What says to clients where they are is, for a server, where to listen.
                settings = replace(settings, host=Settings.host)
            async with open_app(settings) as app:
                self._login.password = self._login.password or self._known_password(settings)
                ready.set_result(create_asgi(app))
                await self._close.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    def _known_password(self, settings: Settings) -> str:
        """The password of the first start, where it is the user's and somebody has kept it."""
        written = read_connection(settings.data_dir)
        if written.password and written.user == self._login.user:
            return written.password
        theirs = self._login.user == settings.admin_user
        return (settings.admin_password or "") if theirs else ""
