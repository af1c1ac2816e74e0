"""The order of things when tenants are read, changed, suspended and given databases."""

from uuid import UUID

from tenantry.errors import (
    DatabaseConflict,
    InvalidInput,
    StateConflict,
    TenantLimitReached,
    VersionConflict,
)
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.tenants import rules
from tenantry.tenants.actions import (
    AssignDatabaseToTenantAction,
    DatabaseResult,
    FindTenantAction,
    FoundTenant,
    GetTenantAction,
    ListTenantDatabasesAction,
    ListTenantsAction,
    ReleaseDatabaseAction,
    ResumeTenantAction,
    SearchTenantsAction,
    SetTenantIsolationAction,
    SuspendTenantAction,
    TenantResult,
    UpdateTenantAction,
)
from tenantry.tenants.model import TenantData, TenantDatabase, TenantStatus
from tenantry.tenants.repository import TenantRepository
from tenantry.users.access import Scope


class TenantService:
    """Handles the actions on tenants alone. Each opens one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        tenant_repository: TenantRepository,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._tenants = tenant_repository
        self._clock = clock
        self._cursor_key = cursor_key

    async def get_tenant(self, action: GetTenantAction) -> TenantResult:
        """The tenant; TenantNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            scope = Scope.of(current_actor())
            return TenantResult(await self._tenants.get(tx, action.tenant, scope))

    async def find_tenant(self, action: FindTenantAction) -> FoundTenant:
        """The tenant or None."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            scope = Scope.of(current_actor())
            return FoundTenant(await self._tenants.find(tx, action.tenant, scope))

    async def list_tenants(self, action: ListTenantsAction) -> Page[TenantData]:
        """A page of the tenants that the actor can see."""
        return await self.search_tenants(
            SearchTenantsAction(limit=action.limit, cursor=action.cursor)
        )

    async def search_tenants(self, action: SearchTenantsAction) -> Page[TenantData]:
        """A page of those that fit."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["tenants", repr(scope), action.text, action.status, action.isolated]
        after = None
        if action.cursor is not None:
            key, last = unseal(self._cursor_key, question, action.cursor)
            after = key, UUID(last)
        async with self._database.autocommit() as tx:
            found = await self._tenants.page(
                tx,
                scope,
                text=action.text,
                status=action.status,
                isolated=action.isolated,
                after=after,
                limit=action.limit + 1,
            )
        items = [tenant for tenant, _ in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        last_tenant, key = found[action.limit - 1]
        return Page(items, seal(self._cursor_key, question, [key, str(last_tenant.id)]))

    async def update_tenant(self, action: UpdateTenantAction) -> TenantResult:
        """Change a tenant; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        said = rules.columns(action.modifier.changes())
        if not said:
            raise InvalidInput.of("modifier", "empty", "names no field to change")
        actor = current_actor()
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(actor))
            rules.require_may_update(actor, said)
            if action.version is not None and action.version != tenant.version:
                raise VersionConflict(field="version", version=tenant.version)
            rules.require_present(tenant)
            changes = {f: v for f, v in said.items() if getattr(tenant, f) != v}
            if "name" in changes:
                rules.require_renamable(tenant)
            if changes:
                await self._tenants.update(tx, tenant, changes, self._clock.now())
            return TenantResult(await self._changed(tx, tenant, *changes))

    async def suspend_tenant(self, action: SuspendTenantAction) -> TenantResult:
        """Shut a tenant's users out; suspending again changes the reason only."""
        require_well_formed(action)
        rules.columns({"description": action.reason})
        actor = current_actor()
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(actor))
            rules.require_present(tenant)
            has_superadmin = await self._tenants.has_superadmin(tx, tenant.id)
            rules.require_stoppable(actor, tenant, has_superadmin=has_superadmin)
            suspended = TenantStatus.SUSPENDED
            await self._tenants.set_status(
                tx, tenant.id, suspended, action.reason, self._clock.now()
            )
            return TenantResult(await self._changed(tx, tenant, "status", "status_info"))

    async def resume_tenant(self, action: ResumeTenantAction) -> TenantResult:
        """Let a tenant's users in again; one that is not suspended stays as it is."""
        require_well_formed(action)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(current_actor()))
            rules.require_present(tenant)
            if tenant.status is TenantStatus.SUSPENDED:
                active = TenantStatus.ACTIVE
                await self._tenants.set_status(tx, tenant.id, active, None, self._clock.now())
            return TenantResult(await self._changed(tx, tenant, "status", "status_info"))

    async def set_isolation(self, action: SetTenantIsolationAction) -> TenantResult:
        """Close the wall or open it; as it is already is no error."""
        require_well_formed(action)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(current_actor()))
            rules.require_present(tenant)
            if tenant.isolated is not action.isolated:
                now = self._clock.now()
                await self._tenants.set_isolated(tx, tenant.id, now, isolated=action.isolated)
            return TenantResult(await self._changed(tx, tenant, "isolated"))

    async def assign_database(self, action: AssignDatabaseToTenantAction) -> DatabaseResult:
        """Give a database to a tenant; TenantLimitReached where that has enough."""
        require_well_formed(action)
        name = rules.require_database(action.database)
        actor = current_actor()
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(actor))
            rules.require_present(tenant)
            before = await self._tenants.find_database(tx, name)
            now = self._clock.now()
            if await self._tenants.assign_database(tx, name, tenant.id, actor.id, now):
                _require_room(tenant)
            after = await self._tenants.find_database(tx, name)
            names = before and before.tenant, after and after.tenant
            tx.note(_note(tenant, {f"database {name}": names} if names[0] != names[1] else {}))
        return DatabaseResult(after)

    async def give_database(self, tx: Transaction, database: str, tenant_named: str) -> None:
        """Have a database belong to a tenant as part of the transaction.

        DatabaseConflict where it belongs to another one, TenantLimitReached where that has enough.
        """
        actor = current_actor()
        tenant = await self._tenants.lock(tx, tenant_named, Scope.of(actor))
        rules.require_present(tenant)
        before = await self._tenants.find_database(tx, database)
        if before is not None and before.tenant_id != tenant.id:
            message = f"The database {database} belongs to the tenant {before.tenant}."
            raise DatabaseConflict(message, field="database")
        now = self._clock.now()
        if await self._tenants.assign_database(tx, database, tenant.id, actor.id, now):
            _require_room(tenant)

    async def release_database(self, action: ReleaseDatabaseAction) -> DatabaseResult:
        """Take a database from a tenant; StateConflict where another tenant has it."""
        require_well_formed(action)
        name = rules.require_database(action.database)
        async with self._database.transaction() as tx:
            tenant = await self._tenants.lock(tx, action.tenant, Scope.of(current_actor()))
            released = await self._tenants.release_database(tx, name, tenant.id)
            if not released:
                message = f"The tenant {tenant.name} has no database {name}."
                raise StateConflict(message, field="database")
            tx.note(_note(tenant, {f"database {name}": (tenant.name, None)}))
        return DatabaseResult(None)

    async def list_databases(self, action: ListTenantDatabasesAction) -> Page[TenantDatabase]:
        """A page of a tenant's databases."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            tenant = await self._tenants.get(tx, action.tenant, Scope.of(current_actor()))
            question = ["databases", str(tenant.id)]
            after = None
            if action.cursor is not None:
                (after,) = unseal(self._cursor_key, question, action.cursor)
            found = await self._tenants.databases(tx, tenant.id, after, action.limit + 1)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        return Page(items, seal(self._cursor_key, question, [items[-1].database]))

    async def _changed(self, tx: Transaction, before: TenantData, *fields: str) -> TenantData:
        """The tenant as it is now, after the audit was told what became of these fields."""
        after = await self._tenants.get(tx, str(before.id), Scope())
        pairs = {field: (getattr(before, field), getattr(after, field)) for field in fields}
        tx.note(_note(after, {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}))
        return after


def _require_room(tenant: TenantData) -> None:
    most = tenant.max_databases
    if most is not None and tenant.database_count >= most:
        message = f"The tenant {tenant.name} may have {most} databases."
        raise TenantLimitReached(message, field="tenant", limit=most)


def _note(tenant: TenantData, changes: dict[str, tuple[object, object]]) -> Note:
    return Note(target=tenant.name, target_id=tenant.id, tenant_id=tenant.id, changes=changes)
