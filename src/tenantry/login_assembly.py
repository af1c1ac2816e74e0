"""Puts together what every credential meets: counts of attempts, sessions, locks."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from tenantry.changes.feed import ChangeFeed
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.lockout.lock_repository import LockRepository
from tenantry.lockout.locks import LockService
from tenantry.lockout.repository import AttemptRepository
from tenantry.lockout.service import LockoutService
from tenantry.lockout.throttle import LockoutPolicy
from tenantry.sessions.administration import SessionAdministration
from tenantry.sessions.known import KnownSessions
from tenantry.sessions.memory import SessionMemory
from tenantry.sessions.model import SessionPolicy
from tenantry.sessions.repository import SessionRepository
from tenantry.sessions.service import SessionService
from tenantry.sessions.upkeep import SessionUpkeep
from tenantry.settings import Settings
from tenantry.users.repository import UserRepository

MOST_SESSIONS = 200_000
"""So many are kept in memory, about 1 KB each; others are looked up when they ask."""


@dataclass(frozen=True, kw_only=True)
class LoginAssembly:
    """The part of the assembly that is about logging in."""

    settings: Settings
    database: Database
    feed: ChangeFeed
    users: UserRepository
    clock: Clock
    cursor_key: bytes

    @cached_property
    def lockout(self) -> LockoutService:
        """Counts attempts."""
        settings = self.settings
        policy = LockoutPolicy(
            max_failures=settings.max_failed_attempts,
            max_account_failures=max(settings.max_failed_attempts, settings.max_account_failures),
            max_source_failures=max(settings.max_failed_attempts, settings.max_source_failures),
            longest_delay=timedelta(seconds=settings.login_delay),
            duration=timedelta(minutes=settings.lockout_minutes),
        )
        return LockoutService(
            database=self.database,
            attempt_repository=AttemptRepository(),
            policy=policy,
            clock=self.clock,
        )

    @cached_property
    def session_policy(self) -> SessionPolicy:
        """How long sessions last."""
        return SessionPolicy(
            idle=timedelta(minutes=self.settings.session_idle_minutes),
            absolute=timedelta(hours=self.settings.session_max_hours),
            fresh=timedelta(minutes=self.settings.step_up_minutes),
            most=self.settings.max_sessions,
        )

    @cached_property
    def session_memory(self) -> SessionMemory:
        """The sessions that were used lately."""
        return SessionMemory(policy=self.session_policy, clock=self.clock, most=MOST_SESSIONS)

    @cached_property
    def known_sessions(self) -> KnownSessions:
        """Tells from there which are good."""
        return KnownSessions(memory=self.session_memory, feed=self.feed)

    @cached_property
    def session_upkeep(self) -> SessionUpkeep:
        """Writes down that they are in use."""
        return SessionUpkeep(
            database=self.database,
            session_repository=SessionRepository(),
            memory=self.session_memory,
        )

    @cached_property
    def sessions(self) -> SessionService:
        """Opens and ends sessions."""
        return SessionService(
            session_repository=SessionRepository(), policy=self.session_policy, clock=self.clock
        )

    @cached_property
    def session_administration(self) -> SessionAdministration:
        """What is asked about sessions."""
        return SessionAdministration(
            database=self.database,
            session_service=self.sessions,
            session_repository=SessionRepository(),
            memory=self.session_memory,
            known=self.known_sessions,
            feed=self.feed,
            seconds=self.settings.statement_timeout,
            users=self.users,
            clock=self.clock,
            cursor_key=self.cursor_key,
        )

    @cached_property
    def locks(self) -> LockService:
        """Locks accounts."""
        return LockService(
            database=self.database,
            lock_repository=LockRepository(),
            lockout_service=self.lockout,
            users=self.users,
            clock=self.clock,
            cursor_key=self.cursor_key,
        )
