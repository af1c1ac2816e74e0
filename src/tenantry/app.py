"""The composition root: from settings to adapters, services and processors."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from tenantry import bootstrap
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.adapters.agents import LocalAgents
from tenantry.adapters.anchor import AnchorFile
from tenantry.adapters.argon2 import ThreadedHasher
from tenantry.adapters.cipher import Cipher, ensure_keys, read_keys
from tenantry.adapters.log import LogMonitor
from tenantry.adapters.mail_folder import FolderMailer
from tenantry.adapters.mail_report import MailReporter, ReportPost
from tenantry.adapters.postgres.database import APPLICATION, PostgresDatabase, open_fence, open_pool
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
from tenantry.adapters.postgres.migrate import migrate as migrate_database
from tenantry.adapters.prometheus import MetricsMonitor
from tenantry.adapters.smtp import SmtpMailer
from tenantry.adapters.storage import LocalStorage
from tenantry.adapters.supervisor import kept_running
from tenantry.adapters.valkey import EmbeddedValkey, ValkeyConnection, available
from tenantry.adapters.valkey_statistics import NoStatistics, ValkeyStatistics
from tenantry.assembly import Assembly, Foundation
from tenantry.audit.keys import PersonKeys
from tenantry.audit.parts import AuditParts
from tenantry.audit.processors import AuditProcessors
from tenantry.audit.recorder import AuditMonitor, AuditRecorder
from tenantry.audit.repository import AuditRepository
from tenantry.auth.processors import AuthProcessors
from tenantry.auth.step_up import StepUpGuard
from tenantry.compute.processors import ComputeProcessors
from tenantry.config import ConnectionParams, make_data_folder, read_connection, write_connection
from tenantry.errors import ConnectionError
from tenantry.groups.processors import GroupProcessors
from tenantry.jobs.processors import JobProcessors
from tenantry.jobs.worker import Worker
from tenantry.kernel.action import Action, Audience, current_actor, current_run
from tenantry.kernel.clock import Clock, SystemClock
from tenantry.kernel.monitor import ActionMonitor
from tenantry.kernel.processor import Runner
from tenantry.lockout.processors import LockProcessors
from tenantry.mail.model import Sender
from tenantry.mail.ports import Mailer
from tenantry.password_policies.processors import PasswordPolicyProcessors
from tenantry.resets.processors import ResetProcessors
from tenantry.resources.processors import ResourceProcessors
from tenantry.routes import ROUTES, wire
from tenantry.second_factor.processors import SecondFactorProcessors
from tenantry.sessions.processors import SessionProcessors
from tenantry.settings import Settings
from tenantry.storage.processors import VfolderProcessors
from tenantry.tenants.processors import TenantProcessors
from tenantry.users.access import BuiltInRoleGuard, bound_tenant
from tenantry.users.processors import UserProcessors

logger = logging.getLogger(__name__)

OWNER, DATABASE = "tenantry_owner", "postgres"
MAIL_ATTEMPTS = 14
"""Half an hour: longer than a mail server restarts, and shorter than most tokens are good."""


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
        foundation: Foundation,
        *,
        database: PostgresDatabase,
        recorder: AuditRecorder,
        valkey: ValkeyConnection | None,
    ) -> None:
        self.settings = foundation.settings
        self.clock = foundation.clock
        self.storage_manager = foundation.storage_manager
        self.agent_registry = foundation.agent_registry
        self.valkey_stat_client = foundation.valkey_stat_client
        self.wire = wire()
        self.registry = CollectorRegistry()
        self.first_password: str | None = None
        self.database = database
        self._valkey = valkey
        self.action_monitors: list[ActionMonitor] = [
            LogMonitor(),
            MetricsMonitor(self.registry),
            AuditMonitor(recorder, AuditRepository(), database),
        ]
        self.assembly = services = Assembly(foundation)
        self.report_post = _report_post(foundation, services)
        if self.report_post is not None:
            self.action_monitors.append(self.report_post.reporter)
        self.user_repository = services.user_repository
        self.admin_user_repository = services.admin_user_repository
        self.user_service = services.users
        self.auth_service = services.auth
        self.job_service = services.jobs
        self.access_key_identifier = services.access_key_identifier(
            frozenset(b.action.tag for b in self.wire.bindings if b.action.reads)
        )
        guard = StepUpGuard(BuiltInRoleGuard())
        self._runner = run = Runner(self.action_monitors, guard, self.clock)
        self.users = UserProcessors(user_service=services.users, run=run)
        self.auth = AuthProcessors(auth_service=services.auth, run=run)
        logins, passwords = services.logins, services.passwords
        administration = logins.session_administration
        self.sessions = SessionProcessors(session_administration=administration, run=run)
        self.locks = LockProcessors(lock_service=logins.locks, run=run)
        self.tenants = _tenants(services, run)
        self.groups = GroupProcessors(group_service=services.groups, run=run)
        self.second_factor = SecondFactorProcessors(
            second_factor_service=services.second_factor, run=run
        )
        self.access_keys = AccessKeyProcessors(access_key_service=services.access_keys, run=run)
        self.resets = ResetProcessors(reset_service=passwords.resets, run=run)
        policies = passwords.policies
        self.password_policies = PasswordPolicyProcessors(password_policy_service=policies, run=run)
        self.resources = ResourceProcessors(resource_service=services.resources, run=run)
        self.vfolders = VfolderProcessors(storage_service=services.storage, run=run)
        self.compute = ComputeProcessors(compute_service=services.compute, run=run)
        self.jobs = JobProcessors(job_service=services.jobs, run=run)
        self.audit_parts = foundation.audit
        self.audit = AuditProcessors(parts=self.audit_parts, run=run)

    def upkeep(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be done all the time, by every server: each ends only when cancelled."""
        services = self.assembly
        reports = [self.report_post.run_forever()] if self.report_post is not None else []
        return [
            *reports,
            _keep_partitions(self.database, self.clock),
            self.user_service.purger.worker.run_forever(),
            services.tenant_deletion.worker.run_forever(),
            services.storage.run_forever(),
            services.compute_upkeep.run_forever(),
            services.usage_collector.run_forever(),
            self.audit_parts.upkeep.run_forever(),
            services.logins.lockout.run_forever(),
            self.mail_worker().run_forever(),
        ]

    def mail_worker(self) -> Worker:
        """What sends the mails that are promised."""
        handlers = dict(self.assembly.passwords.mail.handlers)
        if self.report_post is not None:
            handlers |= self.report_post.handlers
        return self.job_service.worker(handlers, attempts=MAIL_ATTEMPTS)

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


def _tenants(services: Assembly, run: Runner) -> TenantProcessors:
    return TenantProcessors(
        tenant_service=services.tenants,
        membership=services.tenant_membership,
        deletion=services.tenant_deletion,
        run=run,
    )


@asynccontextmanager
async def open_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    upkeep: bool = True,
    mailer: Mailer | None = None,
) -> AsyncIterator[App]:
    """The whole system, ready: embedded servers where none are named, migrated, bootstrapped.

    Settings come from the environment by default. Code that runs actions here is trusted: the
    actor is ``system`` until ``acting_as`` narrows it. Without ``upkeep`` nothing happens that
    is not asked for: jobs, agents and statistics wait for another process. Mails go through
    ``mailer`` where one is given, else as the settings say.
    """
    settings = settings or Settings.from_environment(os.environ)
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        dsn = await _database(stack, settings)
        valkey_url = await _valkey_url(stack, settings)
        pool = await open_pool(dsn, settings)
        stack.push_async_callback(_close, pool)
        cipher = _cipher(settings)
        keys = PersonKeys(cipher=cipher, make_box=lambda key: Cipher([key]))
        fence = await open_fence(dsn, settings, _fenced_tenant)
        stack.push_async_callback(_close, fence.pool)
        recorder = AuditRecorder(AuditRepository(), keys, clock)
        database = PostgresDatabase(pool, recorder, settings.database_acquire_timeout, fence)
        foundation = await _foundation(
            stack,
            settings,
            database,
            clock,
            valkey_url,
            mailer,
            cipher=cipher,
            person_keys=keys,
        )
        valkey = ValkeyConnection.connect(valkey_url) if valkey_url else None
        if valkey is not None:
            stack.push_async_callback(valkey.close)
        app = App(foundation, database=database, recorder=recorder, valkey=valkey)
        await app.assembly.prepare_secrets()
        app.first_password = await bootstrap.ensure_superadmin(database, app.users, settings)
        if app.first_password is not None:
            app.write_connection_file(settings.host, settings.port or 8420)
        for work in app.upkeep() if upkeep else ():
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        stack.push_async_callback(app.drain)
        stack.push_async_callback(app.assembly.deletions.close)
        stack.push_async_callback(app.job_service.close)
        yield app


def _report_post(foundation: Foundation, services: Assembly) -> ReportPost | None:
    """What reports actions by mail, if somebody is to get reports."""
    settings = foundation.settings
    if settings.report_to is None:
        return None
    return ReportPost(
        reporter=MailReporter(policy=settings.report_policy, clock=foundation.clock),
        database=foundation.database,
        job_service=services.jobs,
        mailer=foundation.mailer,
        cipher=foundation.cipher,
        clock=foundation.clock,
        to=settings.report_to,
        host=settings.base_url.partition("://")[2],
        interval=timedelta(minutes=settings.report_minutes),
    )


def mailer_of(settings: Settings) -> Mailer:
    """The mail server that is named, or else a folder."""
    name, address = settings.smtp_from
    sender = Sender(address, name)
    if settings.smtp_host is None:
        return FolderMailer(settings.data_dir / "outgoing-mail", sender)
    return SmtpMailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=sender,
        username=settings.smtp_user,
        password=settings.smtp_password,
        authorities=settings.smtp_ca_file,
        timeout=settings.smtp_timeout,
    )


def _fenced_tenant() -> UUID | None:
    """The tenant that what runs now is bound to: that of its actor.

    An action that is open to everybody, such as a login, is asked by nobody in particular.
    """
    run = current_run()
    if run is not None and run.action.audience is Audience.EVERYONE:
        return None
    return bound_tenant(current_actor())


def _cipher(settings: Settings) -> Cipher:
    """The keys of the file named, or of our own, which the first start makes."""
    if settings.secret_key_file is not None:
        return read_keys(settings.secret_key_file)
    return ensure_keys(settings.data_dir / "secret.keys")


async def _foundation(
    stack: AsyncExitStack,
    settings: Settings,
    database: PostgresDatabase,
    clock: Clock,
    valkey_url: str | None,
    mailer: Mailer | None,
    *,
    cipher: Cipher,
    person_keys: PersonKeys,
) -> Foundation:
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
    make_data_folder(settings.data_dir)
    storage = LocalStorage(settings.storage_roots or {"local": settings.data_dir / "vfolders"})
    stack.callback(storage.close)
    await storage.prepare()
    statistics = ValkeyStatistics.connect(valkey_url) if valkey_url else NoStatistics()
    if isinstance(statistics, ValkeyStatistics):
        stack.push_async_callback(statistics.close)
    audit = AuditParts(
        database=database,
        cipher=cipher,
        keys=person_keys,
        anchor=AnchorFile(settings.audit_anchor or settings.data_dir / "audit.anchor"),
        tags=frozenset(route.action.tag for route in ROUTES),
        settings=settings,
        clock=clock,
        cursor_key=cursor_key,
    )
    return Foundation(
        settings=settings,
        database=database,
        clock=clock,
        cursor_key=cursor_key,
        hasher=hasher,
        cipher=cipher,
        audit=audit,
        storage_manager=storage,
        agent_registry=LocalAgents(settings.data_dir / "agents"),
        valkey_stat_client=statistics,
        mailer=mailer or mailer_of(settings),
    )


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


async def _valkey_url(stack: AsyncExitStack, settings: Settings) -> str | None:
    """Where Valkey answers: the one named, else our own where its wheel is installed."""
    if settings.valkey_url is not None or not available():
        return settings.valkey_url
    server = EmbeddedValkey(settings.data_dir / "valkey")
    return (await stack.enter_async_context(kept_running(server))).url


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
