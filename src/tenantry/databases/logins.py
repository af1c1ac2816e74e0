"""Hands out short-lived logins to managed databases, so that no lasting password exists there."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

from tenantry.databases.effect import BEHIND, ServerEffects
from tenantry.databases.enforcement import Applied, Enforcement
from tenantry.databases.enforcement_repository import EnforcementRepository, LoginKey
from tenantry.databases.login_actions import (
    DatabaseLogin,
    DatabaseLoginResult,
    LoginToDatabaseAction,
)
from tenantry.databases.managed import DatabaseKind, ManagedDatabase
from tenantry.databases.model import PrincipalKind, WantedPrincipal
from tenantry.databases.ports import DatabaseConnector
from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.databases.servers import Servers
from tenantry.databases.wanted import wanted_state
from tenantry.errors import (
    ConnectionError,
    DatabaseNotFound,
    PermissionError,
    StateConflict,
    TenantryError,
    TransactionConflict,
)
from tenantry.kernel.action import SYSTEM, Note, Outcome, acting_as, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.record import require_well_formed
from tenantry.users.access import Scope

PASSWORD_BYTES = 24
PATIENCE = 5.0
"""Seconds to wait for the server to have all that was granted and taken."""
LEASE = timedelta(minutes=1)
"""For longer than any server is waited for."""
_ADOPTED = (
    "{} was on the server before and was adopted: it keeps the password that it has there."
    " A login that ends by itself would take that password away."
)


class DatabaseLogins:
    """Handles ``database.login``."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        enforcement_repository: EnforcementRepository,
        enforcement: Enforcement,
        effects: ServerEffects,
        servers: Servers,
        clock: Clock,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._repository = enforcement_repository
        self._enforcement = enforcement
        self._effects = effects
        self._servers = servers
        self._clock = clock

    async def login(self, action: LoginToDatabaseAction) -> DatabaseLoginResult:
        """Open the actor's login; DatabaseNotFound also where the actor may do nothing there.

        ConnectionError while the server has not followed all changes: it might allow too much.
        """
        require_well_formed(action)
        actor = current_actor()
        if actor.id is None:
            raise StateConflict("Only a user can log in to a database.")
        # Whoever may do something in a database gets in, in whatever tenant either is.
        with acting_as(SYSTEM):
            managed, _ = await self._own(action.database, actor.id)
            try:
                return await self._open(action, managed, actor.id)
            except TransactionConflict:
                raise
            except ConnectionError as error:
                # Of what cannot be reached no entry is written otherwise; who asked is to be seen.
                await self._note(managed, outcome=Outcome.FAILED, reason=error.code)
                raise

    async def close_all(self, managed: ManagedDatabase) -> None:
        """Shut all logins that are open, whether their time is over or not."""
        async with self._database.autocommit() as tx:
            names = await self._repository.open_logins(tx, managed.id)
        if names:
            connector = await self._servers.connector(managed)
            for name in names:
                await connector.close_login(managed.id, name)

    async def _open(
        self, action: LoginToDatabaseAction, managed: ManagedDatabase, user_id: UUID
    ) -> DatabaseLoginResult:
        await self._followed(managed, user_id)
        _, principal = await self._own(managed.name, user_id)
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        now = self._clock.now()
        until = now + timedelta(minutes=action.minutes)
        connector = await self._servers.connector(managed)
        login = LoginKey(managed.id, user_id, uuid4())
        await self._claim(login, principal.name, now)
        try:
            await connector.open_login(managed.id, principal.name, password, until)
        except (PermissionError, StateConflict) as error:
            async with self._database.autocommit() as tx:
                await self._repository.refused_login(tx, login)
            if isinstance(error, StateConflict):
                raise
            # Tenantry's own login is meant, not the actor.
            raise StateConflict("Tenantry may not give out logins on the server.") from error
        await self._require_still(connector, managed, principal, user_id)
        async with self._database.autocommit() as tx:
            is_ours = await self._repository.opened_login(tx, login, now, until)
        if not is_ours:
            await connector.close_login(managed.id, principal.name)
            raise ConnectionError("The server took too long to open the login; try again.")
        await self._note(managed, {"valid_until": (None, until)})
        return DatabaseLoginResult(_told(managed, principal.name, password, until))

    async def _claim(self, login: LoginKey, name: str, now: datetime) -> None:
        """Remember it first, so that it is shut whatever happens after this; one at a time.

        Of two at once the server would have the password of one, and we the time of the other.
        """
        async with self._database.autocommit() as tx:
            if not await self._repository.claim_login(tx, login, name, now, now + LEASE):
                message = "Another login is being opened for you, or shut; try again in a moment."
                raise StateConflict(message, field="database")

    async def _require_still(
        self,
        connector: DatabaseConnector,
        managed: ManagedDatabase,
        principal: WantedPrincipal,
        user_id: UUID,
    ) -> None:
        """Shut it again where it has been taken meanwhile: what shuts logins saw none to shut."""
        try:
            present, own = await self._own(managed.name, user_id)
            if (present.id, own.name) != (managed.id, principal.name):
                raise DatabaseNotFound(field="database")
        except TenantryError:
            await connector.close_login(managed.id, principal.name)
            raise

    async def _own(self, name: str, user_id: UUID) -> tuple[ManagedDatabase, WantedPrincipal]:
        """The database, and the actor's principal there, if the actor may do anything there now."""
        async with self._database.autocommit() as tx:
            managed = await self._databases.get(tx, name, Scope())
            held = await self._repository.holdings_of(tx, managed.id, managed.name, user_id)
        wanted = wanted_state(held, self._clock.now())
        for principal in wanted.principals:
            is_own = principal.kind is PrincipalKind.USER and principal.id == user_id
            if is_own and principal.adopted and not principal.locked:
                raise StateConflict(_ADOPTED.format(principal.name), field="database")
            if is_own and not principal.locked:
                return managed, principal
        raise DatabaseNotFound(field="database")

    async def _note(
        self,
        managed: ManagedDatabase,
        changes: Mapping[str, tuple[object, object]] | None = None,
        outcome: Outcome = Outcome.SUCCEEDED,
        reason: str | None = None,
    ) -> None:
        async with self._database.transaction() as tx:
            tx.note(Note(managed.name, managed.id, None, changes or {}, outcome, reason))

    async def _followed(self, managed: ManagedDatabase, user_id: UUID) -> None:
        """Wait until the server enforces all that is granted to the user now."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    async with self._database.autocommit() as tx:
                        present = await self._effects.followed(tx, user_id, managed.name)
                    if present is None:
                        message = "The server does not enforce anything yet; apply comes first."
                        raise StateConflict(message, field="database")
                    if present.state not in BEHIND:
                        return
                    if await self._attempt(managed) is None:
                        await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise ConnectionError(
                "The server has not followed all changes yet; try again shortly."
            ) from error

    async def _attempt(self, managed: ManagedDatabase) -> Applied | None:
        try:
            return await self._enforcement.attempt(managed)
        except (TenantryError, OSError) as error:
            raise ConnectionError("The server cannot be made to follow just now.") from error


def _told(managed: ManagedDatabase, username: str, password: str, until: datetime) -> DatabaseLogin:
    return DatabaseLogin(
        database=managed.name,
        kind=managed.kind,
        host=managed.host,
        port=managed.port,
        tls=managed.tls,
        remote_name=managed.remote_name,
        username=username,
        password=password,
        dsn=_dsn(managed, username, password),
        valid_until=until,
    )


def _dsn(managed: ManagedDatabase, username: str, password: str) -> str:
    """The address for programs; the host of a socket is said as an option, as everywhere."""
    is_postgresql = managed.kind is DatabaseKind.POSTGRESQL
    secret = f"{quote(username, safe='')}:{quote(password, safe='')}"
    is_socket = managed.host.startswith("/")
    host = f"[{managed.host}]" if ":" in managed.host else managed.host
    port = f":{managed.port}" if managed.port is not None else ""
    options = {"host": managed.host} if is_socket else {}
    if managed.tls:
        options |= {"sslmode": "require"} if is_postgresql else {"ssl-mode": "REQUIRED"}
    scheme = "postgresql" if is_postgresql else "mysql"
    place = f"{'' if is_socket else host}{port}/{quote(managed.remote_name, safe='')}"
    query = f"?{urlencode(options, quote_via=quote, safe='')}" if options else ""
    return f"{scheme}://{secret}@{place}{query}"
