"""The clients: one for code that awaits, and one for all other code, with the same surface."""

import functools
import os
import threading
from types import TracebackType
from typing import Self

from tenantry.errors import ConnectionError
from tenantry.sdk.account_manager import AccountManager, AsyncAccountManager
from tenantry.sdk.address import EMBEDDED
from tenantry.sdk.connector import Connector, completed
from tenantry.sdk.decision_cache import DecisionCache
from tenantry.sdk.line import NOT_CONNECTED
from tenantry.sdk.login import TotpCode
from tenantry.sdk.portal import Portal
from tenantry.settings import Settings


class BaseClient:
    """What both clients are made of."""

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
        totp_code: TotpCode | None = None,
        settings: Settings | None = None,
        decision_cache: DecisionCache | None = None,
    ) -> None:
        self._connector = Connector(
            completed(host, port, user, password, database),
            timeout=timeout,
            token=token,
            totp_code=totp_code,
            settings=settings,
            decision_cache=decision_cache,
        )
        self._operations = AsyncAccountManager(self._connector.line)

    @classmethod
    def embedded(
        cls,
        user: str | None = None,
        password: str | None = None,
        *,
        settings: Settings | None = None,
        timeout: float = 10.0,
        token: str | None = None,
        totp_code: TotpCode | None = None,
    ) -> Self:
        """A client that has the whole system in this process, and no server.

        ``connect`` opens it, and so starts what is missing. The client logs in, too, and may do
        what its user may; without a password it takes the one of the first start, where it is
        known. ``settings`` come from the environment by default.
        """
        settings = settings or Settings.from_environment(os.environ)
        return cls(
            EMBEDDED,
            user=user or settings.admin_user,
            password=password,
            timeout=timeout,
            token=token,
            totp_code=totp_code,
            settings=settings,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._connector}>"

    @property
    def is_connected(self) -> bool:
        """Whether connect() was called and close() not yet."""
        return self._connector.line.is_connected


class AsyncClient(BaseClient):
    """A connection to a Tenantry server, for code that awaits.

    What is not given comes from the environment or the server's ``connection.json``. ``connect``
    sends nothing yet; the first call logs in. Many tasks of one event loop may share a client.
    ``timeout`` is in seconds, for each wait. ``token`` is a session to use instead of logging in.
    ``totp_code`` is for users with a second factor: a code, good for one login, or a function,
    plain or asynchronous, that is asked at each.

        async with AsyncClient("127.0.0.1", 8420, "root", password) as client:
            await client.account.create_user("anna", email="anna@example.org")
    """

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def account(self) -> AsyncAccountManager:
        """The account manager, always the same one; ConnectionError before connect()."""
        self._connector.line.require_connected()
        return self._operations

    async def connect(
        self,
        host: str | None = None,
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
    ) -> Self:
        """Be ready for calls. Nothing happens if these parameters hold already; others reconnect.

        What is not given stays as it was. Calls under way end on the connection on which they have
        begun; it returns when they have. A failure leaves the client as it was.
        """
        await self._connector.connect(host, port, user, password, database)
        return self

    async def close(self) -> None:
        """End calls, session and connections. May be called twice; connect() begins anew."""
        await self._connector.close()


class Client(BaseClient):
    """A connection to a Tenantry server, for code without an event loop of its own.

    What is not given comes from the environment or the server's ``connection.json``. ``connect``
    sends nothing yet; the first call logs in. One client may serve any number of threads. It does
    not survive a fork: make a new one in the child, or connect() again there. ``timeout`` is in
    seconds, for each wait. ``token`` is a session to use instead of logging in. ``totp_code`` is
    for users with a second factor: a code, good for one login, or a function that is asked at each.

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
        totp_code: TotpCode | None = None,
        settings: Settings | None = None,
        decision_cache: DecisionCache | None = None,
    ) -> None:
        super().__init__(
            host,
            port,
            user,
            password,
            database,
            timeout=timeout,
            token=token,
            totp_code=totp_code,
            settings=settings,
            decision_cache=decision_cache,
        )
        self._link = _Link(self._operations)
        self._account = AccountManager(self._link)
        self._changing = threading.Lock()

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def account(self) -> AccountManager:
        """The account manager, always the same one; ConnectionError before connect()."""
        self._connector.line.require_connected()
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

        What is not given stays as it was. Calls under way end on the connection on which they have
        begun; it returns when they have. A failure leaves the client as it was.
        """
        connector = self._connector
        with self._changing:
            if self._link.live is not None and self._link.live.is_foreign:
                self._link.live = None
                connector.line.forget()
            portal = self._link.live or Portal(connector.close)
            try:
                portal.run(
                    functools.partial(connector.connect, host, port, user, password, database)
                )
            except BaseException:
                if self._link.live is None:
                    portal.close()
                raise
            self._link.live = portal
        return self

    def close(self) -> None:
        """End calls, session and connections. May be called twice; connect() begins anew."""
        with self._changing:
            portal, self._link.live = self._link.live, None
            if portal is not None:
                portal.close()


class _Link:
    """What client and manager share, so that either may be let go of before the other."""

    def __init__(self, operations: AsyncAccountManager) -> None:
        self.operations = operations
        self.live: Portal | None = None

    @property
    def portal(self) -> Portal:
        if self.live is None:
            raise ConnectionError(NOT_CONNECTED)
        return self.live
