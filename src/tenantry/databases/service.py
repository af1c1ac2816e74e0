"""The order of things when databases are put under management, changed and let go."""

from typing import Any

from tenantry.databases import address as addresses
from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ManagedDatabaseResult,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.databases.address import Address
from tenantry.databases.logins import DatabaseLogins
from tenantry.databases.managed import DatabaseKind, ManagedDatabase
from tenantry.databases.repository import Limits, ManagedDatabaseRepository, address_in
from tenantry.databases.servers import Connections
from tenantry.databases.vault import SecretVault
from tenantry.errors import InvalidInput, VersionConflict
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.tenants import rules
from tenantry.tenants.service import TenantService
from tenantry.users.access import Scope
from tenantry.users.names import Unfit

MAX_SECRET_BYTES = 4096


class DatabaseService:
    """Handles the actions on managed databases themselves. Each opens one transaction."""

    def __init__(
        self,
        *,
        database: Database,
        managed_database_repository: ManagedDatabaseRepository,
        vault: SecretVault,
        tenants: TenantService,
        connections: Connections,
        logins: DatabaseLogins,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._databases = managed_database_repository
        self._vault = vault
        self._tenants = tenants
        self._connections = connections
        self._logins = logins
        self._clock = clock
        self._cursor_key = cursor_key

    async def add_database(self, action: AddDatabaseAction) -> ManagedDatabaseResult:
        """Manage a database; DatabaseConflict where one of this name is managed already."""
        require_well_formed(action)
        name = rules.require_database(action.database)
        address = _address(action.dsn, action.kind)
        await self._connections.require_allowed(address)
        now = self._clock.now()
        database_id = uuid7(now)
        secret = self._vault.sealed(database_id, _secret(action.secret))
        async with self._database.transaction() as tx:
            await self._databases.insert(
                tx,
                database_id,
                name,
                action.kind,
                address,
                secret,
                Limits(action.allow_wider, action.close_public, action.take_ownership),
                now,
            )
            if action.domain_name is not None:
                await self._tenants.give_database(tx, name, action.domain_name)
            made = await self._databases.get(tx, name, Scope())
            tx.note(_note(made, _differences({}, _shown(made))))
        return ManagedDatabaseResult(made)

    async def get_database(self, action: GetDatabaseAction) -> ManagedDatabaseResult:
        """The managed database; DatabaseNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            scope = Scope.of(current_actor())
            return ManagedDatabaseResult(await self._databases.get(tx, action.database, scope))

    async def list_databases(self, action: ListDatabasesAction) -> Page[ManagedDatabase]:
        """A page of the managed databases that the actor can see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["managed databases", repr(scope)]
        after = None
        if action.cursor is not None:
            (after,) = unseal(self._cursor_key, question, action.cursor)
        async with self._database.autocommit() as tx:
            found = await self._databases.page(tx, scope, after, action.limit + 1)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        return Page(items, seal(self._cursor_key, question, [items[-1].name]))

    async def modify_database(self, action: ModifyDatabaseAction) -> ManagedDatabaseResult:
        """Change a managed database; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        said = action.modifier.changes()
        if not said:
            raise InvalidInput.of("modifier", "empty", "names no field to change")
        if "dsn" in said:
            async with self._database.autocommit() as tx:
                known = await self._databases.get(tx, action.database, Scope.of(current_actor()))
            await self._connections.require_allowed(_address(said["dsn"], known.kind))
        async with self._database.transaction() as tx:
            before = await self._databases.lock(tx, action.database, Scope.of(current_actor()))
            if action.version is not None and action.version != before.version:
                raise VersionConflict(field="version", version=before.version)
            await self._change(tx, before, said)
            after = await self._databases.get(tx, before.name, Scope())
            changes = _differences(_shown(before), _shown(after))
            if "secret" in said:
                changes["secret"] = ("***", "***")
            tx.note(_note(after, changes))
        return ManagedDatabaseResult(after)

    async def remove_database(self, action: RemoveDatabaseAction) -> ManagedDatabaseResult:
        """Manage a database no longer; its server stays as it is, but for logins that are open.

        ConnectionError where they cannot be shut, unless it is forced.
        """
        require_well_formed(action)
        if not action.force:
            async with self._database.autocommit() as tx:
                scope = Scope.of(current_actor())
                managed = await self._databases.get(tx, action.database, scope)
            await self._logins.close_all(managed)
        async with self._database.transaction() as tx:
            before = await self._databases.lock(tx, action.database, Scope.of(current_actor()))
            await self._databases.delete(tx, before.id)
            tx.note(_note(before, _differences(_shown(before), {})))
        return ManagedDatabaseResult(before)

    async def _change(self, tx: Transaction, before: ManagedDatabase, said: dict[str, Any]) -> None:
        address = address_in(before)
        stored = await self._databases.secret(tx, before.id)
        if "dsn" in said:
            address = _address(said["dsn"], before.kind)
            if stored is not None and "secret" not in said and address != address_in(before):
                message = "must be given again for another address"
                raise InvalidInput.of("secret", "missing", message)
        if "secret" in said:
            stored = self._vault.sealed(before.id, _secret(said["secret"]))
        limits = Limits(*(said.get(name, getattr(before, name)) for name in Limits._fields))
        await self._databases.update(tx, before.id, address, stored, limits, self._clock.now())


def _address(dsn: str, kind: DatabaseKind) -> Address:
    try:
        return addresses.address_of(dsn, kind)
    except Unfit as unfit:
        raise InvalidInput.of("dsn", unfit.code, str(unfit)) from unfit


def _secret(secret: str | None) -> str | None:
    if secret is not None and (len(secret) > MAX_SECRET_BYTES or not secret.isprintable()):
        raise InvalidInput.of("secret", "invalid_secret", "is too long or holds what none can hold")
    return secret or None


def _shown(database: ManagedDatabase) -> dict[str, object]:
    fields = "kind host port remote_name username tls domain_name".split()
    fields += Limits._fields
    return {field: getattr(database, field) for field in fields}


def _differences(
    before: dict[str, object], after: dict[str, object]
) -> dict[str, tuple[object, object]]:
    pairs = {name: (before.get(name), after.get(name)) for name in before | after}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _note(database: ManagedDatabase, changes: dict[str, tuple[object, object]]) -> Note:
    return Note(target=database.name, target_id=database.id, changes=changes)
