"""Looks all the time whether a server has to follow, has drifted, or must end a credential."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import datetime, timedelta
from uuid import uuid4

from tenantry.databases.enforcement import Enforcement
from tenantry.databases.enforcement_repository import EnforcementRepository, LoginKey
from tenantry.databases.enforcing_actions import ApplyDatabaseAction
from tenantry.databases.logins import LEASE
from tenantry.databases.managed import ManagedDatabase
from tenantry.databases.ports import ServerFigures
from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.databases.servers import Servers
from tenantry.errors import DatabaseNotFound, StateConflict, TenantryError
from tenantry.jobs.model import pause_after
from tenantry.kernel.action import SYSTEM, Origin, Run, running
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.transaction import Database
from tenantry.users.access import Scope

PAUSE = 0.2
"""Seconds between two looks. A look is one statement over the few managed databases."""
AT_ONCE = 4
Work = Callable[[ManagedDatabase], Awaitable[None]]

logger = logging.getLogger(__name__)


class DatabaseWatch:
    """Done by every server of ours; leases keep them out of each other's way."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        enforcement_repository: EnforcementRepository,
        enforcement: Enforcement,
        servers: Servers,
        clock: Clock,
        drift_interval: timedelta,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._repository = enforcement_repository
        self._enforcement = enforcement
        self._servers = servers
        self._clock = clock
        self._drift_interval = drift_interval
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[int, datetime]] = {}

    async def run_forever(self) -> None:
        """Look, and look again; each database is worked on by itself."""
        try:
            while True:
                try:
                    await self._look()
                except TenantryError as error:
                    logger.warning("managed databases cannot be looked up: %s", error)
                except Exception:  # nothing may end this loop
                    logger.exception("managed databases cannot be looked up")
                await asyncio.sleep(PAUSE)
        finally:
            for task in list(self._busy.values()):
                task.cancel()

    async def run_once(self) -> None:
        """Look once, and wait for all that is begun."""
        await self._look()
        while self._busy:
            await asyncio.wait(set(self._busy.values()))

    async def _look(self) -> None:
        now = self._clock.now()
        async with self._database.autocommit() as tx:
            due = await self._repository.due(tx, now)
            drifting = await self._repository.drift_due(tx, now - self._drift_interval, now)
            ended = await self._repository.ended_logins(tx, now)
        work = [(name, self._follow) for name in due]
        # What follows remembers itself when to try again; the others may look that up here.
        work += [(name, self._compare) for name in drifting if not self._rests(name)]
        names = {login.database for login in ended if not self._rests(login.database)}
        work += [(name, self._end_logins) for name in sorted(names)]
        for name, kind in work:
            self._begin(name, kind)

    def _rests(self, name: str) -> bool:
        """Whether the last work on it failed, and not long ago."""
        return name in self._failed and self._clock.now() < self._failed[name][1]

    def _rest(self, name: str) -> None:
        """Leave it alone for a while, longer each time."""
        failures = self._failed[name][0] + 1 if name in self._failed else 1
        self._failed[name] = failures, self._clock.now() + pause_after(failures + 1)

    def _begin(self, name: str, work: Work) -> None:
        if name in self._busy or len(self._busy) >= AT_ONCE:
            return
        # In a context of its own the actor is the system, whoever started this server.
        task = asyncio.create_task(self._guarded(name, work), context=Context())
        self._busy[name] = task
        task.add_done_callback(lambda _: self._busy.pop(name, None))

    async def _guarded(self, name: str, work: Work) -> None:
        try:
            async with self._database.autocommit() as tx:
                managed = await self._databases.get(tx, name, Scope())
            await work(managed)
            self._failed.pop(name, None)
        except DatabaseNotFound:
            self._failed.pop(name, None)
        except (TenantryError, OSError, TimeoutError) as error:
            self._rest(name)
            logger.warning("database %s does not follow: %s", name, error)
        except Exception:  # one database must not stop the others
            self._rest(name)
            logger.exception("database %s does not follow", name)

    async def _follow(self, managed: ManagedDatabase) -> None:
        """Apply what has changed; the audit entry is the system's, with what was run."""
        now = self._clock.now()
        origin = Origin(face="enforcement")
        run = Run(uuid7(now), ApplyDatabaseAction(managed.name), SYSTEM, origin, now)
        with running(run):
            await self._enforcement.attempt(managed)

    async def _compare(self, managed: ManagedDatabase) -> None:
        await self._enforcement.find_drift(managed)

    async def figures(self) -> list[ServerFigures]:
        """How far each server obeys, for gauges."""
        async with self._database.autocommit() as tx:
            return await self._repository.figures(tx, self._clock.now())

    async def _end_logins(self, managed: ManagedDatabase) -> None:
        async with self._database.autocommit() as tx:
            ended = await self._repository.ended_logins(tx, self._clock.now())
        connector = await self._servers.connector(managed)
        refused: StateConflict | None = None
        for login in ended:
            if login.database_id != managed.id:
                continue
            key, now = LoginKey(managed.id, login.user_id, uuid4()), self._clock.now()
            async with self._database.autocommit() as tx:
                if not await self._repository.claim_ended_login(tx, key, now, now + LEASE):
                    continue
            try:
                await connector.close_login(managed.id, login.name)
            except StateConflict as error:  # what somebody has made of one keeps no other open
                refused = error
                continue
            async with self._database.autocommit() as tx:
                await self._repository.close_login(tx, key)
        if refused is not None:
            raise refused
