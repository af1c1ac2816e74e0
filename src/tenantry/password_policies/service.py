"""The order of things when password policies are read and changed, and passwords compared."""

from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from tenantry.errors import (
    InvalidInput,
    PermissionError,
    TenantNotFound,
    VersionConflict,
)
from tenantry.kernel.action import Actor, Note, Outcome, current_actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Row, Transaction
from tenantry.lockout.windows import WindowCounter
from tenantry.password_policies.actions import (
    CheckPasswordAction,
    GetPasswordPolicyAction,
    PasswordChecked,
    PasswordPolicyData,
    PasswordPolicyResult,
    PasswordReport,
    PasswordViolation,
    ReportPasswordsAction,
    SetPasswordPolicyAction,
    Shortcoming,
)
from tenantry.password_policies.repository import ReportRepository
from tenantry.passwords.policy import (
    PasswordPolicy,
    range_violations,
    require_consistent,
    warnings,
)
from tenantry.passwords.ports import PasswordHasher
from tenantry.passwords.repository import COLUMNS, PasswordRepository
from tenantry.passwords.rules import PasswordOwner, PasswordRules
from tenantry.record import require_types, require_well_formed
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserKey
from tenantry.users.names import fold
from tenantry.users.rules import owner_of

DEFAULT_TENANT = "default"
CHECKS_PER_HOUR = 100
"""Comparisons with somebody's earlier passwords: enough to choose one, too few to guess one."""


class Users(Protocol):
    """Finds users and tenants; the users' repository is one."""

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none in sight."""

    async def find_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID | None:
        """The id of the tenant of this name; None where there is none in sight."""


class PasswordPolicyService:
    """Handles the actions on password policies."""

    def __init__(
        self,
        *,
        database: Database,
        password_repository: PasswordRepository,
        report_repository: ReportRepository,
        rules: PasswordRules,
        users: Users,
        counter: WindowCounter,
        hasher: PasswordHasher,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._passwords = password_repository
        self._reports = report_repository
        self._rules = rules
        self._users = users
        self._counter = counter
        self._hasher = hasher
        self._clock = clock
        self._cursor_key = cursor_key

    async def get(self, action: GetPasswordPolicyAction) -> PasswordPolicyResult:
        """The policy that holds; TenantNotFound also for a tenant that the actor cannot see."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            tenant_id = await self._tenant(tx, action.tenant)
            return PasswordPolicyResult(await self._data(tx, tenant_id))

    async def set(self, action: SetPasswordPolicyAction) -> PasswordPolicyResult:
        """Change a policy; InvalidInput names each value that the platform does not allow."""
        said = action.modifier.changes()
        if not said:
            raise InvalidInput.of("modifier", "empty", "names no field to change")
        found = range_violations({n: v for n, v in said.items() if v is not None})
        if found:
            raise InvalidInput(found)
        require_well_formed(action)
        async with self._database.transaction() as tx:
            tenant_id = await self._tenant(tx, action.tenant)
            now = self._clock.now()
            await self._passwords.lock(tx, tenant_id, now)
            stored = await self._passwords.find(tx, tenant_id)
            if action.version is not None and action.version != stored["version"]:
                raise VersionConflict(field="version", version=stored["version"])
            before = self._rules.policy_of(stored)
            values = {name: stored[name] for name in COLUMNS} | said
            after = self._rules.policy_of(values)
            require_consistent(after)
            await self._passwords.store(tx, tenant_id, values, now)
            changes = _changes(before, after)
            tx.note(Note(stored["tenant"], tenant_id, tenant_id, changes))
            return PasswordPolicyResult(await self._data(tx, tenant_id))

    async def check(self, action: CheckPasswordAction) -> PasswordChecked:
        """All that is wrong with a password, for the user named or for nobody in particular."""
        require_types(action)
        owner = await self._owner(action.user)
        found = await self._rules.violations(action.password, owner, "password")
        told = [PasswordViolation(fault.code, fault.message) for fault in found]
        return PasswordChecked(not told, told)

    async def report(self, action: ReportPasswordsAction) -> Page[PasswordReport]:
        """A page of users whose passwords have a shortcoming."""
        require_well_formed(action)
        scope = Scope.of(current_actor())
        question = [repr(scope), action.shortcoming]
        after = None
        if action.cursor is not None:
            key, user_id = unseal(self._cursor_key, question, action.cursor)
            after = key, UUID(user_id)
        async with self._database.autocommit() as tx:
            rows = await self._reports.page(
                tx,
                now=self._clock.now(),
                present_hash=self._hasher.present,
                tenant_id=scope.tenant_id,
                after=after,
                shortcoming=action.shortcoming,
                limit=action.limit + 1,
            )
        items = [_reported(row) for row in rows[: action.limit]]
        if len(rows) <= action.limit:
            return Page(items)
        last = rows[action.limit - 1]
        position = [last["username_key"], str(last["id"])]
        return Page(items, seal(self._cursor_key, question, position))

    async def _tenant(self, tx: Transaction, name: str | None) -> UUID:
        """The tenant named, else the actor's own; for code of the house the first one."""
        actor = current_actor()
        if name is None and actor.tenant_id is not None:
            return actor.tenant_id
        scope = Scope.of(actor)
        found = await self._users.find_tenant(tx, name or DEFAULT_TENANT, scope)
        if found is None:
            raise TenantNotFound(field="tenant")
        return found

    async def _data(self, tx: Transaction, tenant_id: UUID) -> PasswordPolicyData:
        stored = await self._passwords.find(tx, tenant_id)
        policy = self._rules.policy_of(stored)
        return PasswordPolicyData(
            **msgspec.structs.asdict(policy),
            tenant=stored["tenant"],
            warnings=warnings(policy),
            version=stored["version"] or 0,
            modified_at=stored["modified_at"],
        )

    async def _owner(self, named: str | None) -> PasswordOwner:
        """Whose password is compared. Earlier ones count where the actor may set a new one.

        That is counted first and stands in the audit: each answer tells a little of a password.
        """
        actor = current_actor()
        if named is None:
            async with self._database.autocommit() as tx:
                stored = await self._passwords.find(tx, await self._tenant(tx, None))
            return PasswordOwner("", None, "", fold(stored["tenant"]))
        async with self._database.transaction() as tx:
            user = await self._users.get(tx, UserKey.of(user=named), Scope.of(actor))
            owner = owner_of(user)
            if not _may_set(actor, user):
                return replace(owner, user_id=None)
            now, window = self._clock.now(), timedelta(hours=1)
            count = await self._counter.count(tx, f"check:user:{user.id}", now, window)
            throttled = count > CHECKS_PER_HOUR
            tx.note(_checked(user, throttled=throttled))
        if throttled:
            raise PermissionError("Too many comparisons; try again later.", reason="throttled")
        return owner


def _may_set(actor: Actor, user: UserData) -> bool:
    try:
        access.require_may_change(actor, user, {"password": None})
    except PermissionError:
        return False
    return True


def _checked(user: UserData, *, throttled: bool) -> Note:
    outcome = Outcome.DENIED if throttled else Outcome.SUCCEEDED
    reason = "throttled" if throttled else None
    return Note(user.username, user.id, user.tenant_id, {}, outcome, reason)


def _changes(before: PasswordPolicy, after: PasswordPolicy) -> dict[str, tuple[object, object]]:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in COLUMNS}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _reported(row: Row) -> PasswordReport:
    return PasswordReport(
        id=row["id"],
        username=row["username"],
        domain_name=row["domain_name"],
        shortcomings=[Shortcoming(name) for name in row["shortcomings"]],
        password_changed_at=row["password_changed_at"],
        last_login=row["last_login"],
    )
