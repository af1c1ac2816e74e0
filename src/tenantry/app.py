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

from prometheus_client import CollectorRegistry

from tenantry import bootstrap
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.adapters.log import LogMonitor
from tenantry.adapters.mail_report import MailReporter, ReportPost
from tenantry.adapters.postgres.database import PostgresDatabase
from tenantry.adapters.prometheus import Figures, MetricsMonitor, watch_feed
from tenantry.assembly import Assembly
from tenantry.audit.processors import AuditProcessors
from tenantry.audit.recorder import AuditMonitor
from tenantry.audit.repository import AuditRepository
from tenantry.auth.processors import AuthProcessors
from tenantry.auth.step_up import StepUpGuard
from tenantry.changes.feed import ChangeFeed
from tenantry.changes.retention import ChangeRetention
from tenantry.checks.service import Checks
from tenantry.compute.processors import ComputeProcessors
from tenantry.config import ConnectionParams, read_connection, write_connection
from tenantry.errors import ConnectionError
from tenantry.foundation import Foundation, lay_foundation
from tenantry.groups.processors import GroupProcessors
from tenantry.jobs.processors import JobProcessors
from tenantry.jobs.worker import Worker
from tenantry.kernel.action import Action
from tenantry.kernel.clock import Clock, SystemClock
from tenantry.kernel.monitor import ActionMonitor
from tenantry.kernel.processor import Runner
from tenantry.lockout.processors import LockProcessors
from tenantry.mail.ports import Mailer
from tenantry.password_policies.processors import PasswordPolicyProcessors
from tenantry.resets.processors import ResetProcessors
from tenantry.resources.processors import ResourceProcessors
from tenantry.routes import wire
from tenantry.second_factor.processors import SecondFactorProcessors
from tenantry.sessions.known import KnownSessions
from tenantry.sessions.memory import SessionMemory
from tenantry.sessions.processors import SessionProcessors
from tenantry.settings import Settings
from tenantry.storage.processors import VfolderProcessors
from tenantry.tenants.processors import TenantProcessors
from tenantry.users.access import RoleGuard
from tenantry.users.processors import UserProcessors

logger = logging.getLogger(__name__)

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

    def __init__(self, foundation: Foundation) -> None:
        self.settings = foundation.settings
        self.clock = foundation.clock
        self.storage_manager = foundation.storage_manager
        self.agent_registry = foundation.agent_registry
        self.valkey_stat_client = foundation.valkey_stat_client
        self.wire = wire()
        self.registry = CollectorRegistry()
        self.first_password: str | None = None
        self.database = foundation.database
        self.feed, self._listener = foundation.feed, foundation.listener
        watch_feed(self.registry, self.feed)
        self._valkey = foundation.valkey
        self.action_monitors: list[ActionMonitor] = [
            LogMonitor(),
            MetricsMonitor(self.registry),
            AuditMonitor(foundation.recorder, AuditRepository(), self.database),
        ]
        self.assembly = services = Assembly(foundation)
        self.session_memory, self.decisions = _memories(services, self.feed)
        self.report_post = _report_post(foundation, services)
        if self.report_post is not None:
            self.action_monitors.append(self.report_post.reporter)
            services.databases.add_alarm(self.report_post.reporter.warn)
        self.user_repository = services.user_repository
        self.admin_user_repository = services.admin_user_repository
        self.user_service = services.users
        self.auth_service = services.auth
        self.job_service = services.jobs
        self.access_key_identifier = services.access_key_identifier(
            frozenset(b.action.tag for b in self.wire.bindings if b.action.reads)
        )
        guard = StepUpGuard(RoleGuard())
        self._runner = run = Runner(self.action_monitors, guard, self.clock)
        self.users = UserProcessors(user_service=services.users, run=run)
        self.auth = AuthProcessors(auth_service=services.auth, run=run)
        logins, passwords = services.logins, services.passwords
        administration = logins.session_administration
        self.sessions = SessionProcessors(session_administration=administration, run=run)
        self.locks = LockProcessors(lock_service=logins.locks, run=run)
        self.tenants = _tenants(services, run)
        self.groups = GroupProcessors(group_service=services.groups, run=run)
        self.roles = services.roles.processors(run)
        self.grants = services.grants.processors(run)
        self.second_factor = SecondFactorProcessors(
            second_factor_service=services.second_factor, run=run
        )
        self.access_keys = AccessKeyProcessors(access_key_service=services.access_keys, run=run)
        self.resets = ResetProcessors(reset_service=passwords.resets, run=run)
        policies = passwords.policies
        self.password_policies = PasswordPolicyProcessors(password_policy_service=policies, run=run)
        self.resources = ResourceProcessors(resource_service=services.resources, run=run)
        self.vfolders = VfolderProcessors(storage_service=services.workloads.storage, run=run)
        self.compute = ComputeProcessors(compute_service=services.workloads.compute, run=run)
        self.databases = services.databases.processors(run)
        self.jobs = JobProcessors(job_service=services.jobs, run=run)
        self.audit_parts = foundation.audit
        self.audit = AuditProcessors(parts=self.audit_parts, run=run)
        self.figures = _figures(self.registry, services, foundation)

    @property
    def known_sessions(self) -> KnownSessions:
        """Which sessions are good, as far as memory can tell."""
        return self.assembly.logins.known_sessions

    def upkeep(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be done all the time, by every server: each ends only when cancelled."""
        services = self.assembly
        reports = [self.report_post.run_forever()] if self.report_post is not None else []
        return [
            *reports,
            _keep_partitions(self.database, self.clock),
            self._listener.run_forever(),
            ChangeRetention(database=self.database, clock=self.clock).run_forever(),
            self.user_service.purger.worker.run_forever(),
            services.tenant_deletion.worker.run_forever(),
            services.workloads.storage.run_forever(),
            services.workloads.compute_upkeep.run_forever(),
            services.workloads.usage_collector.run_forever(),
            self.audit_parts.upkeep.run_forever(),
            self.job_service.run_forever(),
            services.logins.lockout.run_forever(),
            services.logins.session_upkeep.run_forever(),
            services.databases.watch.run_forever(),
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


def _figures(registry: CollectorRegistry, services: Assembly, foundation: Foundation) -> Figures:
    return Figures(
        registry,
        {
            foundation.audit.figures: ("audit_unsealed_entries", "audit_seal_age_seconds"),
            services.logins.locks.figures: ("locked_accounts",),
            services.logins.lockout.figures: ("throttled_subjects",),
            services.jobs.figures: ("pending_jobs", "stuck_jobs", "oldest_job_seconds"),
        },
        services.databases.watch.figures,
    )


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
        foundation = await lay_foundation(stack, settings, clock, mailer)
        app = App(foundation)
        await app.assembly.prepare_secrets()
        app.first_password = await bootstrap.ensure_superadmin(app.database, app.users, settings)
        if app.first_password is not None:
            app.write_connection_file(settings.host, settings.port or 8420)
        for work in app.upkeep() if upkeep else ():
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        stack.push_async_callback(app.drain)
        stack.push_async_callback(app.assembly.workloads.deletions.close)
        stack.push_async_callback(app.job_service.close)
        stack.push_async_callback(app.assembly.databases.enforcement.close)
        yield app


def _memories(services: Assembly, feed: ChangeFeed) -> tuple[SessionMemory, Checks]:
    """What is kept in memory and renewed as it changes: sessions, and what decides on access."""
    feed.add(services.logins.session_memory)
    feed.add(services.grants.resident)
    return services.logins.session_memory, services.grants.checks


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
