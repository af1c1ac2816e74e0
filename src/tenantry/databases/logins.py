"""Hands out short-lived logins to managed databases, so that no lasting password exists there."""

import asyncio
import secrets
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from tenantry.databases.enforcement import Enforcement
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.login_actions import (
    DatabaseLogin,
    DatabaseLoginResult,
    LoginToDatabaseAction,
)
from tenantry.databases.managed import ManagedDatabase, Standing
from tenantry.databases.model import PrincipalKind, WantedPrincipal
from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.databases.servers import Servers
from tenantry.databases.wanted import wanted_state
from tenantry.errors import ConnectionError, DatabaseNotFound, StateConflict, TenantryError
from tenantry.kernel.action import SYSTEM, Note, acting_as, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.record import require_well_formed
from tenantry.users.access import Scope

PASSWORD_BYTES = 24
PATIENCE = 5.0
"""Seconds to wait for the server to have all that was granted and taken."""


class DatabaseLogins:
    """Handles ``database.login``."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        enforcement_repository: EnforcementRepository,
        enforcement: Enforcement,
        servers: Servers,
        clock: Clock,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._repository = enforcement_repository
        self._enforcement = enforcement
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
            return await self._open(action, actor.id)

    async def _open(self, action: LoginToDatabaseAction, user_id: UUID) -> DatabaseLoginResult:
        async with self._database.autocommit() as tx:
            managed = await self._databases.get(tx, action.database, Scope())
        await self._own(managed, user_id)
        await self._followed(managed)
        principal = await self._own(managed, user_id)
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        now = self._clock.now()
        until = now + timedelta(minutes=action.minutes)
        async with self._database.transaction() as tx:
            await self._repository.open_login(tx, managed.id, user_id, principal.name, now, until)
            tx.note(Note(managed.name, managed.id, None, {"valid_until": (None, until)}))
        connector = await self._servers.connector(managed)
        await connector.open_login(managed.id, principal.name, password, until)
        return DatabaseLoginResult(
            DatabaseLogin(
                database=managed.name,
                kind=managed.kind,
                host=managed.host,
                port=managed.port,
                remote_name=managed.remote_name,
                username=principal.name,
                password=password,
                dsn=_dsn(managed, principal.name, password),
                valid_until=until,
            )
        )

    async def _own(self, managed: ManagedDatabase, user_id: UUID) -> WantedPrincipal:
        """The actor's principal on the server, if the actor may do anything there now."""
        snapshot = await self._enforcement.snapshot(managed)
        wanted = wanted_state(snapshot.holdings, self._clock.now())
        for principal in wanted.principals:
            is_own = principal.kind is PrincipalKind.USER and principal.id == user_id
            if is_own and not principal.locked:
                return principal
        raise DatabaseNotFound(field="database")

    async def _followed(self, managed: ManagedDatabase) -> None:
        """Wait until the server enforces all that is granted now."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._attempt(managed)
                    async with self._database.autocommit() as tx:
                        present = await self._databases.get(tx, managed.name, Scope())
                    if present.standing is Standing.APPLIED:
                        return
                    if present.standing is Standing.NEW:
                        message = "The server does not enforce anything yet; apply comes first."
                        raise StateConflict(message, field="database")
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise ConnectionError(
                "The server has not followed all changes yet; try again shortly."
            ) from error

    async def _attempt(self, managed: ManagedDatabase) -> None:
        try:
            await self._enforcement.attempt(managed)
        except (TenantryError, OSError) as error:
            raise ConnectionError("The server cannot be made to follow just now.") from error


def _dsn(managed: ManagedDatabase, username: str, password: str) -> str:
    scheme = "postgresql" if managed.kind == "postgresql" else "mysql"
    secret = f"{quote(username, safe='')}:{quote(password, safe='')}"
    name = quote(managed.remote_name, safe="")
    if managed.host.startswith("/"):
        return f"{scheme}://{secret}@/{name}?host={quote(managed.host, safe='')}"
    host = f"[{managed.host}]" if ":" in managed.host else managed.host
    port = f":{managed.port}" if managed.port is not None else ""
    return f"{scheme}://{secret}@{host}{port}/{name}"
