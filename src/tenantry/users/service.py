"""The order of things when users are created, read, changed, deleted and restored."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from tenantry.errors import (
    StateConflict,
    UserCreationBadRequest,
    UserModificationBadRequest,
    UserNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Note, current_actor, current_origin
from tenantry.kernel.modifier import OptionalState
from tenantry.kernel.page import Page
from tenantry.kernel.transaction import Transaction
from tenantry.record import require_well_formed
from tenantry.users import access, addresses, administrators, rules
from tenantry.users.access import Scope
from tenantry.users.actions import (
    AdminMonthStatsAction,
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    FoundUser,
    GetUserAction,
    ImportResult,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeResult,
    PurgeUserAction,
    RestoreUserAction,
    SearchUsersAction,
    UserMonthStatsAction,
    UserResult,
)
from tenantry.users.admin_repository import AdminUserRepository
from tenantry.users.imports import UserImporter
from tenantry.users.leftovers import Leftovers
from tenantry.users.model import (
    UserCreator,
    UserData,
    UserFilter,
    UserKey,
    UserModifier,
    UserRole,
    UserStatus,
)
from tenantry.users.ports import FolderStore, SampleStore, SessionHost
from tenantry.users.purge import UserPurger
from tenantry.users.queries import LOCK_COLUMNS
from tenantry.users.repository import UserRepository
from tenantry.users.statistics import MonthStatsResult

ADMIN_REQUESTED = "admin-requested"
_ENDS_SESSIONS = frozenset({"password_hash", "status", "role", "tenant_id"})
_NAMES = ("username", "email", "full_name")


class UserService:
    """Handles the actions on users. Each opens one transaction."""

    def __init__(
        self,
        *,
        storage_manager: FolderStore,
        valkey_stat_client: SampleStore,
        agent_registry: SessionHost,
        user_repository: UserRepository,
        admin_user_repository: AdminUserRepository,
    ) -> None:
        self._users = user_repository
        self._database = user_repository.database
        self._samples = valkey_stat_client
        self._importer = UserImporter(user_repository)
        leftovers = Leftovers(
            storage_manager=storage_manager,
            agent_registry=agent_registry,
            valkey_stat_client=valkey_stat_client,
        )
        self._purger = UserPurger(
            user_repository=user_repository,
            admin_user_repository=admin_user_repository,
            leftovers=leftovers,
        )

    @property
    def purger(self) -> UserPurger:
        """What purges, also those that were interrupted."""
        return self._purger

    async def create_user(self, action: CreateUserAction) -> UserResult:
        """Add a user; UserConflict names what is taken, UserCreationBadRequest what is wrong."""
        creator = action.input
        home = access.home_for(current_actor(), [creator])
        if home is not None:
            async with self._database.autocommit() as tx:
                [creator] = await self._users.at_home(tx, [creator], home)
        columns = rules.created_columns(creator)
        columns["password_hash"] = await self._initial_hash(creator)
        async with self._database.transaction() as tx:
            return UserResult(await self._add(tx, creator, columns))

    async def add(self, tx: Transaction, creator: UserCreator) -> UserData:
        """Add a user who is to choose a password, in a transaction that does more than that."""
        home = access.home_for(current_actor(), [creator])
        if home is not None:
            [creator] = await self._users.at_home(tx, [creator], home)
        columns = rules.created_columns(creator)
        if creator.password is not None or creator.password_hash is not None:
            message = "is chosen by the user, with a one-time token"
            raise UserCreationBadRequest.of("password", "not_here", message)
        return await self._add(tx, creator, columns | {"password_hash": None})

    async def _add(self, tx: Transaction, creator: UserCreator, columns: rules.Columns) -> UserData:
        actor = current_actor()
        scope = Scope.of(actor)
        domain_name = columns.pop("domain_name")
        tenant_id = await self._users.find_tenant(tx, domain_name, scope)
        if tenant_id is None:
            message = f"there is no tenant {domain_name!r}"
            raise UserCreationBadRequest.of("domain_name", "unknown", message)
        access.require_may_create(actor, columns["role"], tenant_id)
        user_id = await self._users.insert(tx, columns | {"tenant_id": tenant_id})
        user = await self._users.get(tx, UserKey("id", str(user_id)), Scope())
        tx.note(_note(user, {"status": (None, user.status), "role": (None, user.role)}))
        await self._users.welcome(tx, [(user, creator)])
        return await self._users.get(tx, UserKey("id", str(user_id)), Scope())

    async def get_user(self, action: GetUserAction) -> UserResult:
        """The user; UserNotFound also for one that the actor cannot see."""
        async with self._database.autocommit() as tx:
            return UserResult(await self._users.get(tx, action.key(), Scope.of(current_actor())))

    async def find_user(self, action: FindUserAction) -> FoundUser:
        """The user or None."""
        async with self._database.autocommit() as tx:
            return FoundUser(await self._users.find(tx, action.key(), Scope.of(current_actor())))

    async def list_users(self, action: ListUsersAction) -> Page[UserData]:
        """A page of all users that the actor can see."""
        require_well_formed(action)
        return await self._page(UserFilter(), action)

    async def search_users(self, action: SearchUsersAction) -> Page[UserData]:
        """A page of the users that fit, out of all that the actor can see."""
        require_well_formed(action)
        rules.require_searchable(action.filter)
        return await self._page(action.filter, action)

    async def modify_user(self, action: ModifyUserAction) -> UserResult:
        """Change a user; what would end the last administrator is refused with a conflict."""
        key = action.key()
        columns = rules.changed_columns(action.modifier)
        password = action.modifier.password
        if not password.is_nop():
            scope = Scope.of(current_actor())
            columns["password_hash"] = await self._replaced_hash(action, password.value(), scope)
        async with self._database.transaction() as tx:
            return UserResult(await self.modify_in(tx, key, action, columns))

    async def modify_in(
        self, tx: Transaction, key: UserKey, action: ModifyUserAction, columns: rules.Columns
    ) -> UserData:
        """Change a user as part of the transaction; ``columns`` are the modifier's, checked."""
        actor = current_actor()
        scope = Scope.of(actor)
        user = await self._users.lock(tx, key, scope)
        if action.version is not None and action.version != user.version:
            raise VersionConflict(field="version", version=user.version)
        if "domain_name" in columns:
            columns["tenant_id"] = await self._new_tenant(tx, columns["domain_name"], scope)
        changes = _differing(user, columns)
        elsewhere = action.modifier.changes().keys() & rules.COMPANIONS_FIELDS
        access.require_may_change(actor, user, _asked(changes) | dict.fromkeys(elsewhere))
        self._require_possible(user, changes, force=action.force)
        tx.note(_note_of_changes(user, changes))
        if changes:
            await self._change(tx, user, changes)
        changed = await self._users.get(tx, UserKey("id", str(user.id)), Scope())
        await self._users.follow(tx, user, changed, action.modifier)
        if elsewhere:
            changed = await self._users.get(tx, UserKey("id", str(user.id)), Scope())
        return changed

    async def delete_user(self, action: DeleteUserAction) -> UserResult:
        """Delete softly; deleting a deleted user changes nothing."""
        return await self._set_deleted(action.key(), UserStatus.DELETED)

    async def restore_user(self, action: RestoreUserAction) -> UserResult:
        """Make a deleted user active again; StateConflict for one that is not deleted."""
        return await self._set_deleted(action.key(), UserStatus.ACTIVE)

    async def purge_user(self, action: PurgeUserAction) -> PurgeResult:
        """Remove a user for good; see ``UserPurger``."""
        return await self._purger.purge_user(action)

    async def preview_purge(self, action: PreviewPurgeAction) -> PurgeResult:
        """What a purge would do now; changes nothing."""
        return await self._purger.preview(action)

    async def import_users(self, action: ImportUsersAction) -> ImportResult:
        """Add many users, each row by itself; see ``UserImporter``."""
        return await self._importer.import_users(action)

    async def user_month_stats(self, action: UserMonthStatsAction) -> MonthStatsResult:
        """A user's figures; UserNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            user = await self._users.find(tx, UserKey.of(user=action.user_id), scope)
            if user is None:
                raise UserNotFound(field="user_id")
            return await self._users.month_stats(tx, Scope(scope.tenant_id, user.id), self._samples)

    async def admin_month_stats(self, action: AdminMonthStatsAction) -> MonthStatsResult:
        """The figures of the actor's tenant, or of everybody."""
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            return await self._users.month_stats(tx, scope, self._samples)

    async def _set_deleted(self, key: UserKey, status: UserStatus) -> UserResult:
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._users.lock(tx, key, Scope.of(actor))
            access.require_may_delete(actor, user)
            if status is UserStatus.ACTIVE and user.status is not UserStatus.DELETED:
                raise StateConflict("Only a deleted user can be restored.")
            changes = {"status": status.value} if user.status is not status else {}
            tx.note(_note_of_changes(user, changes))
            if changes:
                await self._change(tx, user, changes)
            changed = await self._users.get(tx, UserKey("id", str(user.id)), Scope())
            if changes:
                modifier = UserModifier(status=OptionalState.update(status))
                await self._users.follow(tx, user, changed, modifier)
        return UserResult(changed)

    async def _change(self, tx: Transaction, user: UserData, changes: dict[str, Any]) -> None:
        await self._require_administrator_left(tx, user, changes)
        columns = dict(changes)
        columns.pop("domain_name", None)
        if "status" in changes:
            columns["status_info"] = ADMIN_REQUESTED
            if changes["status"] == UserStatus.ACTIVE and user.status is not UserStatus.DELETED:
                columns |= dict.fromkeys(LOCK_COLUMNS)
        if changes.keys() & set(_NAMES):
            columns |= {name: changes.get(name, getattr(user, name)) for name in _NAMES}
        ends = bool(changes.keys() & _ENDS_SESSIONS)
        await self._users.update(tx, user.id, columns, end_sessions=ends)

    async def _require_administrator_left(
        self, tx: Transaction, user: UserData, changes: dict[str, Any]
    ) -> None:
        stays = (
            changes.get("role", user.role) == user.role
            and changes.get("status", user.status) == UserStatus.ACTIVE
            and (user.role is UserRole.SUPERADMIN or "tenant_id" not in changes)
        )
        if not stays:
            await administrators.require_another(self._users, tx, user)

    def _require_possible(self, user: UserData, changes: dict[str, Any], *, force: bool) -> None:
        if changes.get("totp_activated") is True:
            message = "A second factor is enrolled by the user; it cannot be switched on here."
            raise StateConflict(message, field="totp_activated")
        address = current_origin().address
        own = current_actor().id == user.id
        blocks = changes.get("allowed_client_ip")
        if own and address and not force and not addresses.allowed(blocks, address):
            message = f"These rules shut out {address}, from where you ask; repeat with force."
            raise StateConflict(message, field="allowed_client_ip")

    async def _new_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID:
        tenant_id = await self._users.find_tenant(tx, name, scope)
        if tenant_id is None:
            message = f"there is no tenant {name!r}"
            raise UserModificationBadRequest.of("domain_name", "unknown", message)
        return tenant_id

    async def _initial_hash(self, creator: UserCreator) -> str | None:
        if creator.password_hash is not None:
            if not self._users.recognises(creator.password_hash):
                message = "is of no known kind, or too costly to verify"
                raise UserCreationBadRequest.of("password_hash", "unknown_hash", message)
            return creator.password_hash
        if creator.password is None:
            return None
        return await self._users.accepted_hash(creator.password, rules.owner_of(creator))

    async def _replaced_hash(self, action: ModifyUserAction, password: str, scope: Scope) -> str:
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, action.key(), scope)
        access.require_may_change(current_actor(), user, {"password": None})
        moved = action.modifier.domain_name.optional_value()
        return await self._users.accepted_hash(password, rules.owner_of(user, moved))

    async def _page(
        self, wanted: UserFilter, action: ListUsersAction | SearchUsersAction
    ) -> Page[UserData]:
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            return await self._users.page(
                tx, scope, wanted, action.order, action.limit, action.cursor
            )


def _differing(user: UserData, columns: dict[str, Any]) -> dict[str, Any]:
    """The columns whose value really changes."""
    changes = {}
    for name, value in columns.items():
        if name == "attributes":
            differs = msgspec.json.decode(value) != user.attributes
        else:
            differs = name == "password_hash" or getattr(user, name) != value
        if differs:
            changes[name] = value
    return changes


def _asked(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes under the names that a caller knows."""
    names = {"password_hash": "password", "tenant_id": "domain_name"}
    return {names.get(name, name): value for name, value in changes.items()}


def _note_of_changes(before: UserData, changes: Mapping[str, Any]) -> Note:
    """Noted before the change, so that the entry goes with the statement that makes it."""
    told: dict[str, tuple[object, object]] = {
        name: (getattr(before, name), value)
        for name, value in changes.items()
        if name not in ("password_hash", "attributes")
    }
    if "attributes" in changes:
        told["attributes"] = (before.attributes, msgspec.json.decode(changes["attributes"]))
    if "password_hash" in changes:
        told["password"] = ("***", "***")
    return Note(
        target=changes.get("username", before.username),
        target_id=before.id,
        tenant_id=changes.get("tenant_id", before.tenant_id),
        changes=told,
    )


def _note(user: UserData, changes: dict[str, tuple[object, object]]) -> Note:
    return Note(target=user.username, target_id=user.id, tenant_id=user.tenant_id, changes=changes)
