"""The composition root: from settings to adapters, services and processors."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from tenantry import bootstrap
from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.log import LogMonitor
from tenantry.adapters.postgres.database import APPLICATION, PostgresDatabase, open_pool
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.migrate import migrate as migrate_database
from tenantry.adapters.prometheus import MetricsMonitor
from tenantry.adapters.supervisor import kept_running
from tenantry.adapters.valkey import EmbeddedValkey, ValkeyConnection, available
from tenantry.audit.processors import AuditProcessors
from tenantry.audit.recorder import AuditMonitor, AuditRecorder
from tenantry.audit.repository import AuditRepository
from tenantry.audit.service import AuditService
from tenantry.auth.processors import AuthProcessors
from tenantry.auth.service import AuthService
from tenantry.config import ConnectionParams, read_connection, write_connection
from tenantry.errors import ConnectionError
from tenantry.jobs.processors import JobProcessors
from tenantry.jobs.repository import JobRepository
from tenantry.jobs.service import JobService
from tenantry.kernel.action import Action
from tenantry.kernel.clock import Clock, SystemClock
from tenantry.kernel.monitor import ActionMonitor
from tenantry.kernel.processor import Runner
from tenantry.lockout.model import LockoutPolicy
from tenantry.lockout.repository import AttemptRepository
from tenantry.lockout.service import LockoutService
from tenantry.passwords.policy import PasswordPolicy
from tenantry.routes import wire
from tenantry.sessions.model import SessionPolicy
from tenantry.sessions.repository import SessionRepository
from tenantry.sessions.service import SessionService
from tenantry.settings import Settings
from tenantry.users.access import BuiltInRoleGuard, Scope
from tenantry.users.admin_repository import AdminUserRepository
from tenantry.users.processors import UserProcessors
from tenantry.users.repository import UserRepository
from tenantry.users.service import UserService

logger = logging.getLogger(__name__)

OWNER, DATABASE = "tenantry_owner", "postgres"


@dataclass(frozen=True)
class Check:
    """One thing that readiness looks at; what is not required only degrades the service."""

    name: str
    ok: bool
    required: bool
    detail: str = ""


class App:
    """Everything put together. Made by ``open_app`` only, and used within its block."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: PostgresDatabase,
        recorder: AuditRecorder,
        valkey: ValkeyConnection | None,
        hasher: ThreadedHasher,
        cursor_key: bytes,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.wire = wire()
        self.registry = CollectorRegistry()
        self.clock = clock
        self.first_password: str | None = None
        self.database = database
        self._valkey = valkey
        audit_monitor = AuditMonitor(recorder, database)
        self.action_monitors: list[ActionMonitor] = [
            LogMonitor(),
            MetricsMonitor(self.registry),
            audit_monitor,
        ]
        self._runner = run = Runner(self.action_monitors, BuiltInRoleGuard(), clock)
        policy = PasswordPolicy()
        self.user_repository = UserRepository(database)
        self.job_service = JobService(
            database=database,
            job_repository=JobRepository(),
            clock=clock,
            cursor_key=cursor_key,
            visible_tenant=lambda actor: Scope.of(actor).tenant_id,
        )
        self.admin_user_repository = AdminUserRepository(steps=(), job_service=self.job_service)
        self.user_service = UserService(
            admin_user_repository=self.admin_user_repository,
            user_repository=self.user_repository,
            hasher=hasher,
            password_policy=policy,
            clock=clock,
            cursor_key=cursor_key,
        )
        self.auth_service = AuthService(
            database=database,
            principals=self.user_repository,
            lockout_service=_lockout(settings, database, clock),
            session_service=_sessions(settings, clock),
            hasher=hasher,
            password_policy=policy,
            clock=clock,
        )
        audit_service = AuditService(
            database=database, audit_repository=AuditRepository(), cursor_key=cursor_key
        )
        self.users = UserProcessors(user_service=self.user_service, run=run)
        self.auth = AuthProcessors(auth_service=self.auth_service, run=run)
        self.jobs = JobProcessors(job_service=self.job_service, run=run)
        self.worker = self.user_service.purger.worker
        self.audit = AuditProcessors(audit_service=audit_service, run=run)

    @property
    def connection_file(self) -> Path:
        """Where clients on this machine find the address and the first password."""
        return self.settings.data_dir / "connection.json"

    async def run(self, action: Action[Any]) -> Any:  # Any: each action has a result of its own
        """Run any action with its processor."""
        return await self._runner.processors[type(action)].wait_for_complete(action)

    async def readiness(self) -> list[Check]:
        """Whether what the service needs answers now."""
        checks = [Check("database", await self.database.is_ready(), required=True)]
        if self._valkey is not None:
            try:
                await self._valkey.ping()
                checks.append(Check("valkey", ok=True, required=False))
            except ConnectionError as error:
                checks.append(Check("valkey", ok=False, required=False, detail=str(error)))
        return checks

    async def drain(self) -> None:
        """Wait for what runs in the background."""
        await self._runner.drain()

    def write_connection_file(self, host: str, port: int) -> None:
        """Tell clients on this machine where the server listens; a password there stays."""
        known = read_connection(self.settings.data_dir)
        password = self.first_password or known.password
        params = ConnectionParams(host, port, self.settings.admin_user, password)
        write_connection(self.settings.data_dir, params)


def _lockout(settings: Settings, database: PostgresDatabase, clock: Clock) -> LockoutService:
    return LockoutService(
        database=database,
        attempt_repository=AttemptRepository(),
        policy=LockoutPolicy(
            max_failures=settings.max_failed_attempts,
            duration=timedelta(minutes=settings.lockout_minutes),
        ),
        clock=clock,
    )


def _sessions(settings: Settings, clock: Clock) -> SessionService:
    return SessionService(
        session_repository=SessionRepository(),
        policy=SessionPolicy(
            idle=timedelta(minutes=settings.session_idle_minutes),
            absolute=timedelta(hours=settings.session_max_hours),
        ),
        clock=clock,
    )


@asynccontextmanager
async def open_app(
    settings: Settings | None = None, *, clock: Clock | None = None
) -> AsyncIterator[App]:
    """The whole system, ready: embedded servers where none are named, migrated, bootstrapped.

    Settings come from the environment by default. Code that runs actions here is trusted: the
    actor is ``system`` until ``acting_as`` narrows it.
    """
    settings = settings or Settings.from_environment(os.environ)
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        dsn = await _database(stack, settings)
        valkey = await _valkey(stack, settings)
        pool = await open_pool(dsn, settings)
        stack.push_async_callback(_close, pool)
        recorder = AuditRecorder(AuditRepository(), clock)
        database = PostgresDatabase(pool, recorder, settings.database_acquire_timeout)
        async with database.transaction() as tx:
            cursor_key = await bootstrap.install(tx, clock)
        hasher = ThreadedHasher(
            memory_kib=settings.hash_memory_kib,
            time_cost=settings.hash_time_cost,
            parallelism=settings.hash_parallelism,
            threads=settings.hash_threads,
            queue=settings.hash_queue,
        )
        stack.callback(hasher.close)
        app = App(
            settings,
            database=database,
            recorder=recorder,
            valkey=valkey,
            hasher=hasher,
            cursor_key=cursor_key,
            clock=clock,
        )
        app.first_password = await bootstrap.ensure_superadmin(database, app.users, settings)
        if app.first_password is not None:
            app.write_connection_file(settings.host, settings.port or 8420)
        for work in (_keep_partitions(database, clock), app.worker.run_forever()):
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        stack.push_async_callback(app.drain)
        yield app


async def migrate(settings: Settings) -> str:
    """Bring the database up to date and say which revision it has now."""
    async with AsyncExitStack() as stack:
        if settings.database_url:
            return await migrate_database(settings.migration_database_url or settings.database_url)
        postgres = await stack.enter_async_context(kept_running(_embedded_postgres(settings)))
        return await migrate_database(postgres.dsn(OWNER, DATABASE))


def _embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings.data_dir / "postgres", bin_dir=settings.postgres_bin)


async def _database(stack: AsyncExitStack, settings: Settings) -> str:
    """A migrated database's address for the application."""
    if settings.database_url:
        await migrate_database(settings.migration_database_url or settings.database_url)
        return settings.database_url
    postgres = await stack.enter_async_context(kept_running(_embedded_postgres(settings)))
    await migrate_database(postgres.dsn(OWNER, DATABASE))
    return postgres.dsn(APPLICATION, DATABASE)


async def _valkey(stack: AsyncExitStack, settings: Settings) -> ValkeyConnection | None:
    url = settings.valkey_url
    if url is None and available():
        server = EmbeddedValkey(settings.data_dir / "valkey")
        url = (await stack.enter_async_context(kept_running(server))).url
    if url is None:
        return None
    connection = ValkeyConnection.connect(url)
    stack.push_async_callback(connection.close)
    return connection


async def _close(pool: Any) -> None:  # Any: asyncpg's pool
    """Close in order, but do not wait for connections that are stuck."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _keep_partitions(database: PostgresDatabase, clock: Clock) -> None:
    """Once a day make the partitions to come; a failure is tried again the day after."""
    while True:
        await asyncio.sleep(timedelta(days=1).total_seconds())
        try:
            async with database.autocommit() as tx:
                await bootstrap.ensure_partitions(tx, clock)
        except Exception:  # a year's partitions are there; nothing may end this loop
            logger.exception("partitions could not be made")
