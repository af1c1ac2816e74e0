"""Puts together vfolders, compute sessions and their statistics; a part of the assembly."""

from functools import cached_property

from tenantry.compute.launcher import Launcher
from tenantry.compute.purge import ComputePurge
from tenantry.compute.repository import ComputeRepository
from tenantry.compute.service import ComputeService
from tenantry.compute.upkeep import ComputeUpkeep
from tenantry.foundation import Foundation
from tenantry.storage.companion import VfolderCompanion
from tenantry.storage.deletion import Deletions
from tenantry.storage.mounting import FolderMounts
from tenantry.storage.purge import VfolderPurge
from tenantry.storage.quota import Quotas
from tenantry.storage.repository import FolderRepository
from tenantry.storage.service import StorageService
from tenantry.usage.collector import UsageCollector
from tenantry.usage.purge import UsagePurge
from tenantry.usage.repository import UsageRepository
from tenantry.usage.service import UsageService


class WorkloadAssembly:
    """One instance of each service of what users store and run, made when first asked for."""

    def __init__(self, foundation: Foundation) -> None:
        self._on = foundation
        self._folders = FolderRepository()
        self._compute = ComputeRepository()
        self._usage = UsageRepository()

    @cached_property
    def storage(self) -> StorageService:
        """Vfolders."""
        return StorageService(
            database=self._on.database,
            storage_manager=self._on.storage_manager,
            folder_repository=self._folders,
            deletions=self.deletions,
            mounts=self.compute,
            quotas=self._quotas,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def compute(self) -> ComputeService:
        """Agents and compute sessions."""
        return ComputeService(
            database=self._on.database,
            compute_repository=self._compute,
            launcher=self._launcher,
            folders=self._folder_mounts,
            clock=self._on.clock,
            cursor_key=self._on.cursor_key,
        )

    @cached_property
    def compute_upkeep(self) -> ComputeUpkeep:
        """Keeps the records and the agents in step."""
        return ComputeUpkeep(
            database=self._on.database,
            compute_repository=self._compute,
            launcher=self._launcher,
            agent_registry=self._on.agent_registry,
            clock=self._on.clock,
            own_agent=self._on.agent_registry.described(self._on.clock.now()),
        )

    @cached_property
    def usage(self) -> UsageService:
        """Month statistics."""
        return UsageService(usage_repository=self._usage, clock=self._on.clock)

    @cached_property
    def usage_collector(self) -> UsageCollector:
        """Takes samples and closes bins."""
        return UsageCollector(
            database=self._on.database,
            usage_repository=self._usage,
            agent_registry=self._on.agent_registry,
            valkey_stat_client=self._on.valkey_stat_client,
            clock=self._on.clock,
        )

    @cached_property
    def deletions(self) -> Deletions:
        """Removes folders in the background."""
        return Deletions(
            database=self._on.database,
            storage_manager=self._on.storage_manager,
            folder_repository=self._folders,
            clock=self._on.clock,
        )

    @cached_property
    def vfolder_companion(self) -> VfolderCompanion:
        return VfolderCompanion(
            database=self._on.database,
            folder_repository=self._folders,
            deletions=self.deletions,
            clock=self._on.clock,
        )

    @cached_property
    def _quotas(self) -> Quotas:
        return Quotas(
            database=self._on.database,
            storage_manager=self._on.storage_manager,
            folder_repository=self._folders,
            clock=self._on.clock,
        )

    @cached_property
    def _folder_mounts(self) -> FolderMounts:
        return FolderMounts(
            database=self._on.database,
            storage_manager=self._on.storage_manager,
            folder_repository=self._folders,
            quotas=self._quotas,
        )

    @cached_property
    def _launcher(self) -> Launcher:
        return Launcher(
            database=self._on.database,
            compute_repository=self._compute,
            agent_registry=self._on.agent_registry,
            folders=self._folder_mounts,
            clock=self._on.clock,
        )

    @cached_property
    def purge_steps(self) -> tuple[ComputePurge, VfolderPurge, UsagePurge]:
        """What a purge does here, in this order."""
        compute = ComputePurge(
            database=self._on.database,
            compute_repository=self._compute,
            compute_service=self.compute,
        )
        vfolders = VfolderPurge(
            database=self._on.database,
            folder_repository=self._folders,
            companion=self.vfolder_companion,
            mounts=self.compute,
        )
        return compute, vfolders, UsagePurge(usage_service=self.usage)
