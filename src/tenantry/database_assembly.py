"""Puts together managed databases and what makes their servers follow; a part of the assembly."""

from datetime import timedelta
from functools import cached_property

from tenantry.databases.effect import ServerEffects
from tenantry.databases.enforcement import Enforcement
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.enforcing_service import DatabaseEnforcementService
from tenantry.databases.logins import DatabaseLogins
from tenantry.databases.ports import Alarm
from tenantry.databases.processors import DatabaseProcessors
from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.databases.servers import Servers
from tenantry.databases.service import DatabaseService
from tenantry.databases.vault import SecretVault
from tenantry.databases.watch import DatabaseWatch
from tenantry.foundation import Foundation
from tenantry.grants.principals import Principals
from tenantry.kernel.processor import Runner
from tenantry.tenants.service import TenantService


class DatabaseAssembly:
    """One instance of each, made when first asked for."""

    def __init__(
        self,
        foundation: Foundation,
        *,
        tenants: TenantService,
        principals: Principals,
        effects: ServerEffects,
    ) -> None:
        self._on = foundation
        self._tenants = tenants
        self._principals = principals
        self._effects = effects
        self._managed = ManagedDatabaseRepository()
        self._repository = EnforcementRepository()

    def processors(self, run: Runner) -> DatabaseProcessors:
        """What runs the actions on managed databases."""
        return DatabaseProcessors(
            database_service=self.databases,
            enforcement_service=self.enforcement,
            logins=self.logins,
            run=run,
        )

    @cached_property
    def databases(self) -> DatabaseService:
        """Managed databases themselves."""
        return DatabaseService(
            database=self._on.database,
            managed_database_repository=self._managed,
            vault=self.secrets,
            tenants=self._tenants,
            connections=self._on.connections,
            logins=self.logins,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def secrets(self) -> SecretVault:
        """Seals and opens the secrets of managed databases."""
        return SecretVault(
            database=self._on.database, repository=self._managed, cipher=self._on.cipher
        )

    @cached_property
    def enforcement(self) -> DatabaseEnforcementService:
        """What has to do with their servers."""
        return DatabaseEnforcementService(
            database=self._on.database,
            managed_database_repository=self._managed,
            enforcement_repository=self._repository,
            enforcement=self._enforcement,
            servers=self._servers,
            principals=self._principals,
            clock=self._on.clock,
        )

    @cached_property
    def logins(self) -> DatabaseLogins:
        """Short-lived logins."""
        return DatabaseLogins(
            database=self._on.database,
            managed_database_repository=self._managed,
            enforcement_repository=self._repository,
            enforcement=self._enforcement,
            effects=self._effects,
            servers=self._servers,
            clock=self._on.clock,
        )

    @cached_property
    def watch(self) -> DatabaseWatch:
        """Has servers follow all the time."""
        return DatabaseWatch(
            database=self._on.database,
            managed_database_repository=self._managed,
            enforcement_repository=self._repository,
            enforcement=self._enforcement,
            servers=self._servers,
            clock=self._on.clock,
            drift_interval=timedelta(minutes=self._on.settings.drift_minutes),
        )

    def add_alarm(self, alarm: Alarm) -> None:
        """Have it told when a server drifts, or does not follow."""
        self._enforcement.add_alarm(alarm)

    @cached_property
    def _enforcement(self) -> Enforcement:
        return Enforcement(
            database=self._on.database,
            enforcement_repository=self._repository,
            servers=self._servers,
            clock=self._on.clock,
        )

    @cached_property
    def _servers(self) -> Servers:
        return Servers(
            database=self._on.database,
            managed_database_repository=self._managed,
            vault=self.secrets,
            connections=self._on.connections,
        )
