"""The order of things when a server is checked, compared, made to follow, taken over or let go."""

import asyncio
from typing import Any

from tenantry.databases.actions import ManagedDatabaseResult, OnDatabase
from tenantry.databases.enforcement import Applied, Enforcement
from tenantry.databases.enforcement_repository import EnforcementRepository
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    AppliedDatabase,
    AppliedDatabaseResult,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DatabaseDump,
    DatabaseDumpResult,
    DatabasePlanResult,
    DatabaseProposalResult,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
    ServerReport,
    ServerReportResult,
)
from tenantry.databases.importing import propose
from tenantry.databases.managed import ManagedDatabase
from tenantry.databases.model import FoundState
from tenantry.databases.names import longest_name, require_identifier
from tenantry.databases.reports import findings_report, plan_report, proposal_report
from tenantry.databases.repository import ManagedDatabaseRepository
from tenantry.databases.servers import Servers
from tenantry.databases.wanted import wanted_state
from tenantry.errors import DatabaseConflict
from tenantry.grants.principals import Named, Principals
from tenantry.kernel.action import Note, Origin, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import ConstraintViolation, Database
from tenantry.record import require_well_formed
from tenantry.users.access import Scope

ANSWER_SECONDS = 8.0
"""A face hears by then, finished or not."""


class DatabaseEnforcementService:
    """Handles the actions that have to do with the server of a managed database."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        enforcement_repository: EnforcementRepository,
        enforcement: Enforcement,
        servers: Servers,
        principals: Principals,
        clock: Clock,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._repository = enforcement_repository
        self._enforcement = enforcement
        self._servers = servers
        self._principals = principals
        self._clock = clock
        self._going_on: set[asyncio.Task[Applied | None]] = set()

    async def check_database(self, action: CheckDatabaseAction) -> ServerReportResult:
        """What the server says of itself; ConnectionError where it does not answer."""
        managed = await self._managed(action)
        connector = await self._servers.connector(managed)
        found = await connector.check()
        report = ServerReport(
            database=managed.name,
            version=found.version,
            executor=found.executor,
            lacks=list(found.lacks),
            proven=found.proven,
        )
        return ServerReportResult(report)

    async def plan_database(self, action: PlanDatabaseAction) -> DatabasePlanResult:
        """What an apply would do now."""
        managed = await self._managed(action)
        plan, labels = await self._enforcement.compare(managed)
        return DatabasePlanResult(plan_report(managed.name, plan, labels))

    async def apply_database(self, action: ApplyDatabaseAction) -> AppliedDatabaseResult:
        """Have the server follow from now on; a long one goes on after the answer."""
        require_well_formed(action)
        return await self._request(action.database, enforced=True)

    async def drift_database(self, action: DriftDatabaseAction) -> DatabasePlanResult:
        """What differs; how much it is, is remembered."""
        managed = await self._managed(action)
        plan, labels = await self._enforcement.find_drift(managed)
        return DatabasePlanResult(plan_report(managed.name, plan, labels))

    async def dump_database(self, action: DumpDatabaseAction) -> DatabaseDumpResult:
        """The statements for a server that has nothing of it yet."""
        managed = await self._managed(action)
        snapshot = await self._enforcement.snapshot(managed)
        wanted = await asyncio.to_thread(wanted_state, snapshot.holdings, self._clock.now())
        connector = await self._servers.connector(managed)
        adopted = snapshot.holdings.adopted
        found = await connector.inspect(managed.id, [one.name for one in adopted])
        names = {one.name for one in adopted}
        bare = FoundState(
            kind=found.kind,
            database=found.database,
            executor=found.executor,
            executor_owns_all=found.executor_owns_all,
            principals={name: one for name, one in found.principals.items() if name in names},
            catalogue=found.catalogue,
        )
        plan = await self._enforcement.planned(managed, connector, wanted, bare, adopted)
        statements = [step.statement for step in plan.steps]
        return DatabaseDumpResult(DatabaseDump(database=managed.name, statements=statements))

    async def propose_database(self, action: ProposeDatabaseAction) -> DatabaseProposalResult:
        """Users, roles and grants for what is on the server and not managed."""
        managed = await self._managed(action)
        snapshot = await self._enforcement.snapshot(managed)
        connector = await self._servers.connector(managed)
        adopted = {one.name for one in snapshot.holdings.adopted}
        proposal = propose(await connector.survey(), connector.dialect, adopted)
        return DatabaseProposalResult(proposal_report(managed, proposal))

    async def adopt_database(self, action: AdoptDatabaseAction) -> ManagedDatabaseResult:
        """Have a principal of the server stand for one of ours; DatabaseConflict where it does."""
        require_well_formed(action)
        actor = current_actor()
        scope = Scope.of(actor)
        async with self._database.transaction() as tx:
            managed = await self._databases.lock(tx, action.database, scope)
            name = require_identifier(action.name, longest=longest_name(managed.kind))
            named = Named(action.principal, action.principal_type)
            whom = await self._principals.find(tx, named, actor, scope)
            now = self._clock.now()
            message = f"{name}, or {whom.name}, is adopted already."
            principal = whom.user_id, whom.role_id
            try:
                if not await self._repository.adopt(tx, managed.id, name, *principal, now):
                    raise DatabaseConflict(message, field="name")
            except ConstraintViolation as violation:
                raise DatabaseConflict(message, field="name") from violation
            tx.note(Note(managed.name, managed.id, None, {f"adopted {name}": (None, whom.name)}))
            after = await self._databases.get(tx, managed.name, scope)
        return ManagedDatabaseResult(after)

    async def revert_database(self, action: RevertDatabaseAction) -> AppliedDatabaseResult:
        """Take all that is ours from the server."""
        require_well_formed(action)
        return await self._request(action.database, enforced=False)

    async def close(self) -> None:
        """Stop what goes on; another server of ours takes it up."""
        for task in list(self._going_on):
            task.cancel()
            await asyncio.wait([task])

    async def _managed(self, action: OnDatabase[Any]) -> ManagedDatabase:
        """The managed database in the actor's sight. Any: of whatever result."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            return await self._databases.get(tx, action.database, Scope.of(current_actor()))

    async def _request(self, name: str, *, enforced: bool) -> AppliedDatabaseResult:
        async with self._database.transaction() as tx:
            managed = await self._databases.lock(tx, name, Scope.of(current_actor()))
            await self._repository.request(tx, managed.id, self._clock.now(), enforced=enforced)
            tx.note(Note(managed.name, managed.id, None, {"enforced": (None, enforced)}))
        task = asyncio.create_task(self._enforcement.attempt(managed))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        at_home = current_origin().face == Origin().face
        done, _ = await asyncio.wait([task], timeout=None if at_home else ANSWER_SECONDS)
        applied = await task if done else None
        return AppliedDatabaseResult(
            AppliedDatabase(
                database=managed.name,
                done=applied is not None,
                steps=len(applied.plan.steps) if applied is not None else 0,
                findings=(
                    findings_report(applied.plan.findings, applied.labels)
                    if applied is not None
                    else []
                ),
                connections_ended=dict(applied.ended) if applied is not None else {},
                applied_at=applied.at if applied is not None else None,
            )
        )
