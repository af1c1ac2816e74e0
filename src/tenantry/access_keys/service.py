"""The order of things when access keys are issued, changed, switched and revoked."""

from datetime import datetime
from uuid import UUID

from tenantry.access_keys import access
from tenantry.access_keys.actions import (
    AccessKeyResult,
    ActivateAccessKeyAction,
    DeactivateAccessKeyAction,
    GetAccessKeyAction,
    IssueAccessKeyAction,
    ListAccessKeysAction,
    ModifyAccessKeyAction,
    RevokeAccessKeyAction,
    ShowSecretAction,
    SwitchMainAccessKeyAction,
)
from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.model import (
    DEFAULT_POLICY,
    DEFAULT_RATE_LIMIT,
    MAX_KEYS,
    AccessKeyData,
    IssuedAccessKey,
    KeyActor,
    KeySettings,
    bearer,
)
from tenantry.access_keys.ports import Users
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.errors import (
    AccessKeyNotFound,
    InvalidInput,
    PermissionError,
    StateConflict,
    UserNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Actor, Note, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_well_formed
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey, UserStatus

MAX_NAME_BYTES = 256
_GONE = frozenset({UserStatus.DELETED, UserStatus.PURGING})


class AccessKeyService:
    """Handles the actions on access keys.

    Each change locks the user's row first, as every change of the user does. So keys change one
    after the other, and the rights that decide on a change hold until it is done.
    """

    def __init__(
        self,
        *,
        database: Database,
        access_key_repository: AccessKeyRepository,
        keyring: Keyring,
        users: Users,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._keys = access_key_repository
        self._keyring = keyring
        self._users = users
        self._clock = clock
        self._cursor_key = cursor_key

    async def issue(self, action: IssueAccessKeyAction) -> IssuedAccessKey:
        """A further key; the answer is the only place where its secret stands."""
        require_well_formed(action)
        _require_fit_name(action.name)
        now = self._clock.now()
        _require_future(action.expires_at, now)
        actor = current_actor()
        async with self._database.transaction() as tx:
            owner = await self._owner(tx, actor, action.user)
            access.require_may_change(actor, owner)
            access.require_may_set(actor, _chosen(action))
            access.require_no_longer(actor, action.expires_at)
            if action.admin:
                access.require_may_give_admin(actor, owner)
            if owner.status in _GONE:
                raise StateConflict("A deleted user gets no access key; restore it first.")
            held, has_main = await self._keys.count(tx, owner.id)
            if held >= MAX_KEYS:
                raise StateConflict(f"A user has {MAX_KEYS} access keys at most; revoke some.")
            said = {
                "name": action.name,
                "is_main": not has_main,
                "is_active": True,
                "awaits_user": False,
                "is_admin": action.admin,
                "scope": action.scope.value,
                "resource_policy": action.resource_policy,
                "rate_limit": action.rate_limit,
                "expires_at": action.expires_at,
                "secret_shown_at": now,
            }
            key, secret = await self._keyring.add(tx, owner, said, now)
            shown = ("name", "is_active", "is_admin", "scope", "resource_policy", "expires_at")
            tx.note(_note(key, owner, {name: (None, said[name]) for name in shown}))
        return _issued(key, secret)

    async def get(self, action: GetAccessKeyAction) -> AccessKeyResult:
        """The key; AccessKeyNotFound also for one that the actor cannot see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        async with self._database.autocommit() as tx:
            return AccessKeyResult(await self._keys.get(tx, action.access_key, scope))

    async def list_keys(self, action: ListAccessKeysAction) -> Page[AccessKeyData]:
        """A page of the keys that the actor can see."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = ["access keys", repr(scope), action.user]
        after: tuple[datetime, str] | None = None
        if action.cursor is not None:
            at, access_key = unseal(self._cursor_key, question, action.cursor)
            after = datetime.fromisoformat(at), access_key
        async with self._database.autocommit() as tx:
            user_id: UUID | None = None
            if action.user is not None:
                user_id = (await self._users.get(tx, UserKey.of(user=action.user), scope)).id
            found = await self._keys.page(tx, scope, user_id, action.limit + 1, after)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        position = [items[-1].created_at.isoformat(), items[-1].access_key]
        return Page(items, seal(self._cursor_key, question, position))

    async def modify(self, action: ModifyAccessKeyAction) -> AccessKeyResult:
        """Change a key; VersionConflict when somebody was quicker."""
        require_well_formed(action)
        said = action.modifier.changes()
        if not said:
            raise InvalidInput.of("modifier", "empty", "names no field to change")
        require_well_formed(KeySettings(**said))
        _require_fit_name(said.get("name"))
        _require_future(said.get("expires_at"), self._clock.now())
        actor = current_actor()
        async with self._database.transaction() as tx:
            key, owner = await self._locked(tx, actor, action.access_key)
            if action.version is not None and action.version != key.version:
                raise VersionConflict(field="version", version=key.version)
            changes = {n: value for n, value in said.items() if getattr(key, n) != value}
            access.require_may_set(actor, changes)
            if "expires_at" in changes:
                access.require_no_longer(actor, changes["expires_at"])
            return await self._changed(tx, key, owner, changes)

    async def activate(self, action: ActivateAccessKeyAction) -> AccessKeyResult:
        """Make a key valid again. Its user's state stays the other condition."""
        return await self._set_active(action.access_key, {"is_active": True})

    async def deactivate(self, action: DeactivateAccessKeyAction) -> AccessKeyResult:
        """Make a key invalid, the main one as well: this is what stops a leaked one at once."""
        return await self._set_active(action.access_key, {"is_active": False})

    async def revoke(self, action: RevokeAccessKeyAction) -> AccessKeyResult:
        """Remove a key for good; StateConflict for the main one."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            key, owner = await self._locked(tx, actor, action.access_key)
            if not await self._keys.delete(tx, key.access_key):
                message = "The main access key stays; make another one the main one first."
                raise StateConflict(message, field="access_key")
            tx.note(_note(key, owner, {"is_active": (key.is_active, None)}))
        return AccessKeyResult(key)

    async def switch_main(self, action: SwitchMainAccessKeyAction) -> AccessKeyResult:
        """Make a usable key its user's main one; StateConflict for another."""
        require_well_formed(action)
        async with self._database.transaction() as tx:
            key, owner = await self._locked(tx, current_actor(), action.access_key)
            previous = await self._keyring.switch_main(tx, key, self._clock.now())
            changes: dict[str, tuple[object, object]] = {}
            if not key.is_main:
                changes["main_access_key"] = previous, key.access_key
            tx.note(_note(key, owner, changes))
            return AccessKeyResult(await self._keys.get(tx, key.access_key, Scope()))

    async def show_secret(self, action: ShowSecretAction) -> IssuedAccessKey:
        """The secret of a key that was made without anybody seeing it; StateConflict after that.

        Only its user gets it, and only by a login: a key must not lead to one that lasts longer.
        """
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            key, owner = await self._locked(tx, actor, action.access_key)
            own = actor.id == owner.id and not isinstance(actor, KeyActor)
            if actor.id is not None and not own:
                raise PermissionError("Only its user sees this secret, after logging in.")
            secret = await self._keyring.take_secret(tx, key, self._clock.now())
            if secret is None:
                message = "The secret was shown before; issue another key if it is lost."
                raise StateConflict(message, field="access_key")
            shown = await self._keys.get(tx, key.access_key, Scope())
            tx.note(_note(key, owner, {"secret": ("***", "***")}))
        return _issued(shown, secret)

    async def _set_active(self, access_key: str, changes: dict[str, bool]) -> AccessKeyResult:
        async with self._database.transaction() as tx:
            key, owner = await self._locked(tx, current_actor(), access_key)
            return await self._changed(tx, key, owner, dict(changes))

    async def _changed(
        self, tx: Transaction, key: AccessKeyData, owner: UserData, columns: dict[str, object]
    ) -> AccessKeyResult:
        differing = {n: value for n, value in columns.items() if getattr(key, n) != value}
        if differing:
            await self._keys.update(tx, key.access_key, differing, self._clock.now())
        noted = {name: (getattr(key, name), value) for name, value in differing.items()}
        tx.note(_note(key, owner, noted))
        return AccessKeyResult(await self._keys.get(tx, key.access_key, Scope()))

    async def _owner(self, tx: Transaction, actor: Actor, user: str | None) -> UserData:
        """The user, locked; the actor's own unless another is named."""
        if user is None and actor.id is None:
            raise InvalidInput.of("user", "missing", "name the user who gets the key")
        named = user if user is not None else str(actor.id)
        return await self._users.lock(tx, UserKey.of(user=named), Scope.of(actor))

    async def _locked(
        self, tx: Transaction, actor: Actor, access_key: str
    ) -> tuple[AccessKeyData, UserData]:
        """The key as it is under the lock of its user, whom the actor may change."""
        scope = Scope.of(actor)
        found = await self._keys.get(tx, access_key, scope)
        try:
            owner = await self._users.lock(tx, UserKey("id", str(found.user_id)), scope)
        except UserNotFound as error:
            raise AccessKeyNotFound(field="access_key") from error
        access.require_may_change(actor, owner)
        return await self._keys.get(tx, access_key, scope), owner


def _chosen(action: IssueAccessKeyAction) -> set[str]:
    """What was asked for that is not what everybody gets."""
    defaults = {"resource_policy": DEFAULT_POLICY, "rate_limit": DEFAULT_RATE_LIMIT}
    return {name for name, default in defaults.items() if getattr(action, name) != default}


def _require_fit_name(name: str | None) -> None:
    if name is not None and not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        message = f"must be from 1 to {MAX_NAME_BYTES} bytes long"
        raise InvalidInput.of("name", "out_of_range", message)


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput.of("expires_at", "out_of_range", "must lie in the future")


def _issued(key: AccessKeyData, secret: str) -> IssuedAccessKey:
    return IssuedAccessKey(key=key, secret=secret, token=bearer(key.access_key, secret))


def _note(key: AccessKeyData, owner: UserData, changes: dict[str, tuple[object, object]]) -> Note:
    return Note(key.access_key, owner.id, owner.tenant_id, changes)
