"""Puts the audit together: one instance of each of its services, over what they are given."""

from collections.abc import Collection

from tenantry.audit import installation
from tenantry.audit.companion import AuditCompanion
from tenantry.audit.keys import PersonKeys
from tenantry.audit.ports import Anchor, Cipher
from tenantry.audit.repository import AuditRepository
from tenantry.audit.retention import AuditRetentionService
from tenantry.audit.sealing import AuditSealer
from tenantry.audit.seals import SealRepository
from tenantry.audit.service import AuditService
from tenantry.audit.upkeep import AuditUpkeep
from tenantry.audit.verification import AuditVerifier
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database
from tenantry.settings import Settings


class AuditParts:
    """Everything that reads, seals and forgets; what writes is the recorder."""

    def __init__(
        self,
        *,
        database: Database,
        cipher: Cipher,
        keys: PersonKeys,
        anchor: Anchor,
        tags: Collection[str],
        settings: Settings,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self.keys = keys
        self._repository = repository = AuditRepository()
        self._clock = clock
        self._seals = seals = SealRepository(cipher)
        self.service = AuditService(
            database=database,
            audit_repository=repository,
            keys=keys,
            tags=tags,
            clock=clock,
            cursor_key=cursor_key,
        )
        self.verifier = AuditVerifier(database=database, seal_repository=seals, anchor=anchor)
        self.sealer = AuditSealer(
            database=database, seal_repository=seals, anchor=anchor, clock=clock
        )
        self.retention = AuditRetentionService(
            database=database,
            seal_repository=seals,
            sealer=self.sealer,
            keep_months=settings.audit_retention_months,
            clock=clock,
        )
        self.upkeep = AuditUpkeep(
            database=database,
            audit_repository=repository,
            seal_repository=seals,
            keys=keys,
            cipher=cipher,
            sealer=self.sealer,
            retention_service=self.retention,
            seconds=settings.audit_seal_seconds,
            clock=clock,
        )
        self.companion = AuditCompanion(audit_repository=repository, clock=clock)

    async def figures(self) -> dict[str, float]:
        """How many entries nobody vouches for yet, and how old the last seal is, for gauges."""
        async with self._database.autocommit() as tx:
            last = await self._seals.last(tx)
            entries, oldest = await self._seals.unsealed(tx, last.seal.to_position if last else 0)
        sealed_at = last.seal.sealed_at if last else oldest
        age = (self._clock.now() - sealed_at).total_seconds() if sealed_at else 0.0
        return {"audit_unsealed_entries": entries, "audit_seal_age_seconds": max(age, 0.0)}

    async def prepare(self) -> None:
        """Know the key of digests; ConfigurationError where the installation's key is missing."""
        key = await installation.index_key(self._database, self._repository, self._cipher)
        self.keys.index_key = key
