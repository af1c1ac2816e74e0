"""Reads and writes users, with what belongs to them elsewhere. Never begins or commits."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.errors import (
    InvalidInput,
    UserConflict,
    UserCreationBadRequest,
    UserModificationBadRequest,
    UserNotFound,
    Violation,
)
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import ConstraintViolation, Database, Row, Transaction
from tenantry.passwords.rules import PasswordOwner, PasswordRules
from tenantry.users import queries, search_queries
from tenantry.users.access import Scope
from tenantry.users.model import (
    UserCreator,
    UserData,
    UserFilter,
    UserKey,
    UserModifier,
    UserOrder,
    UserRole,
    UserStatus,
)
from tenantry.users.names import email_key, fold, login_key, search_text
from tenantry.users.ports import Companions, SampleStore
from tenantry.users.principal import Principal, is_too_old, lock_holds, too_old_at
from tenantry.users.statistics import MonthStatistics, MonthStatsResult

_CONFLICTS = {"users_username_key": "username", "users_email_key": "email"}
EVERYBODY = Scope()
_PLAIN = [
    n for n in UserData.__struct_fields__ if n not in ("attributes", "role", "roles", "status")
]


class UserRepository:
    """The users table. ``scope`` says whom the asker can see; others do not exist.

    It brings along what storing a user takes: the time, hashes of passwords, and the companions,
    so that a service can be put together from repositories alone.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        cursor_key: bytes,
        password_rules: PasswordRules,
        month_statistics: MonthStatistics,
        companions: Sequence[Companions],
    ) -> None:
        self._database = database
        self._clock = clock
        self._cursor_key = cursor_key
        self._password_rules = password_rules
        self._month_statistics = month_statistics
        self._companions = companions

    @property
    def database(self) -> Database:
        """Where the service opens its transactions."""
        return self._database

    async def get(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """The user; UserNotFound where there is none or none in sight."""
        found = await self.find(tx, key, scope)
        if found is None:
            raise UserNotFound(field=key.by)
        return found

    async def find(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData | None:
        """The user, or None."""
        row = await tx.fetchrow(queries.FIND[key.by], *_found_by(key, scope))
        return self._user_of(row) if row else None

    async def find_many(self, tx: Transaction, user_ids: Sequence[UUID]) -> dict[UUID, UserData]:
        """The users of these ids that there are."""
        rows = await tx.fetch(queries.FIND_MANY, list(user_ids))
        return {user.id: user for user in await self._users_of(tx, rows)}

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends.

        PermissionError where the scope is that of somebody whose permissions do not reach so far.
        """
        row = await tx.fetchrow(queries.LOCK[key.by], *_found_by(key, scope))
        if row is None:
            raise UserNotFound(field=key.by)
        scope.require_within_reach(row["system_permissions"])
        return self._user_of(row)

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        wanted: UserFilter,
        order: UserOrder,
        limit: int,
        cursor: str | None,
    ) -> Page[UserData]:
        """Users in order; InvalidInput for a cursor of another question."""
        question = [repr(scope), wanted, order]
        after: tuple[str, str] | None = None
        if cursor is not None:
            value, user_id = unseal(self._cursor_key, question, cursor)
            after = value, user_id
        statement, arguments = search_queries.page_statement(
            scope, wanted, order, limit + 1, after, self._clock.now()
        )
        rows = await tx.fetch(statement, *arguments)
        items = await self._users_of(tx, rows[:limit])
        if len(rows) <= limit:
            return Page(items)
        position = _position(rows[limit - 1], search_queries.order_column(order))
        return Page(items, seal(self._cursor_key, question, position))

    async def find_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID | None:
        """The id of the tenant of this name; None where there is none in sight."""
        found: UUID | None = await tx.fetchval(queries.FIND_TENANT, fold(name))
        return found if scope.tenant_id in (None, found) else None

    async def at_home(
        self, tx: Transaction, creators: Sequence[UserCreator], home: UUID
    ) -> list[UserCreator]:
        """The same, those of whom no tenant is said in the tenant of this id."""
        name = await tx.fetchval(queries.TENANT_NAME, home)
        return [
            one if one.domain_name is not None else msgspec.structs.replace(one, domain_name=name)
            for one in creators
        ]

    async def insert(self, tx: Transaction, columns: dict[str, Any]) -> UUID:
        """Add a user with these columns; UserConflict names what is taken."""
        values = self._new_row(columns)
        try:
            await tx.execute(queries.INSERT, *(values[name] for name in queries.COLUMNS))
        except ConstraintViolation as violation:
            raise _meaning(violation, UserCreationBadRequest) from violation
        user_id: UUID = values["id"]
        return user_id

    async def expect_growth(self, tx: Transaction) -> None:
        """Have the statements of this transaction planned for the table as it is now."""
        await tx.fetchval(queries.FRESH_PLANS)

    async def insert_many(
        self, tx: Transaction, rows: Sequence[dict[str, Any]]
    ) -> list[UUID | None]:
        """Add users; the id of each in the order given, None for one that is in conflict."""
        full = [
            self._new_row(row) | {"attributes": msgspec.Raw(row["attributes"].encode())}
            for row in rows
        ]
        encoded = msgspec.json.encode(full).decode()
        added = {row["id"] for row in await tx.fetch(queries.INSERT_MANY, encoded)}
        return [row["id"] if row["id"] in added else None for row in full]

    def _new_row(self, columns: dict[str, Any]) -> dict[str, Any]:
        """All columns of a new user, with an id and today's times."""
        now = self._clock.now()
        changed = now if columns.get("password_hash") else None
        made = {"id": uuid7(now), "created_at": now, "modified_at": now}
        made["password_changed_at"] = changed
        return {**dict.fromkeys(queries.COLUMNS), **columns, **derived(columns), **made}

    async def taken(
        self, tx: Transaction, username_keys: list[str], email_keys: list[str]
    ) -> Sequence[Row]:
        """The username_key, email_key and tenant_id of users who bear one of these already."""
        return await tx.fetch(queries.TAKEN, username_keys, email_keys)

    async def resource_policies(self, tx: Transaction) -> set[str]:
        """The names of all resource policies."""
        return {row["name"] for row in await tx.fetch(queries.RESOURCE_POLICIES)}

    async def update(
        self, tx: Transaction, user_id: UUID, columns: dict[str, Any], *, end_sessions: bool
    ) -> None:
        """Change columns and raise the version; UserConflict names what is taken."""
        if "password_hash" in columns:
            await self._password_rules.remember(tx, user_id)
        values = {**columns, **derived(columns), **self._times(columns)}
        statement = queries.update_statement(values, end_sessions=end_sessions)
        try:
            await tx.execute(statement, user_id, *values.values())
        except ConstraintViolation as violation:
            raise _meaning(violation, UserModificationBadRequest) from violation
        if end_sessions or queries.DECIDING & columns.keys():
            await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))

    def _times(self, columns: dict[str, Any]) -> dict[str, datetime | None]:
        """The times that go with a change of these columns."""
        now = self._clock.now()
        times: dict[str, datetime | None] = {"modified_at": now}
        if "status" in columns:
            times["deleted_at"] = now if columns["status"] == UserStatus.DELETED else None
        if "password_hash" in columns:
            times["password_changed_at"] = now
        return times

    async def objections(
        self, tx: Transaction, wanted: Sequence[tuple[UUID, UserCreator]]
    ) -> dict[int, Violation]:
        """What the companions have against making these users in these tenants, by place."""
        found: dict[int, Violation] = {}
        for companion in self._companions:
            found = {**await companion.objections(tx, wanted), **found}
        return found

    async def welcome(
        self, tx: Transaction, newcomers: Sequence[tuple[UserData, UserCreator]]
    ) -> None:
        """Make what belongs to users who have just been added."""
        for companion in self._companions:
            await companion.welcome(tx, newcomers)

    async def follow(
        self, tx: Transaction, before: UserData, after: UserData, modifier: UserModifier
    ) -> None:
        """Change what belongs to a user who has just been changed."""
        for companion in self._companions:
            await companion.follow(tx, before, after, modifier)

    async def accepted_hash(self, password: str, owner: PasswordOwner) -> str:
        """What is stored of a password that is fit; PasswordRejected names what is not."""
        return await self._password_rules.hashed(password, owner, "password")

    async def password_violations(
        self, wanted: Sequence[tuple[object, PasswordOwner]]
    ) -> list[list[Violation]]:
        """What is wrong with the passwords of people who are being made, in the order given."""
        return await self._password_rules.violations_of_many(wanted, "password")

    async def hash_password(self, password: str) -> str:
        """What is stored of a password that was judged; Overloaded when too many hashes wait."""
        return await self._password_rules.hash(password)

    def recognises(self, password_hash: str) -> bool:
        """Whether a hash made elsewhere can be verified here, at a bearable cost."""
        return self._password_rules.recognises(password_hash)

    async def month_stats(
        self, tx: Transaction, scope: Scope, samples: SampleStore
    ) -> MonthStatsResult:
        """What the compute sessions of whoever is in this scope came to in thirty days."""
        return await self._month_statistics.month(tx, scope, samples)

    async def lock_administrators(
        self, tx: Transaction, role: UserRole, tenant_id: UUID | None
    ) -> None:
        """Wait until nobody else is about to reduce the superadmins, or a tenant's admins."""
        if role is UserRole.SUPERADMIN:
            await tx.fetch(queries.LOCK_INSTALLATION)
        else:
            await tx.fetch(queries.LOCK_TENANT, tenant_id)

    async def has_others(
        self, tx: Transaction, role: UserRole, user_id: UUID, tenant_id: UUID | None
    ) -> bool:
        """Whether an active user other than this one has the role."""
        scope = None if role is UserRole.SUPERADMIN else tenant_id
        now = self._clock.now()
        return bool(await tx.fetchval(queries.OTHERS_WITH_ROLE, role.value, user_id, scope, now))

    async def find_principal_by_login(self, tx: Transaction, name: str) -> Principal | None:
        """Who logs in under this name."""
        row = await tx.fetchrow(queries.FIND_LOGIN, login_key(name), email_key(name))
        return self._principal(row) if row else None

    async def find_principal(self, tx: Transaction, user_id: UUID) -> Principal | None:
        """The present state of a user."""
        row = await tx.fetchrow(queries.FIND_PRINCIPAL, user_id)
        return self._principal(row) if row else None

    def note_login(
        self, tx: Transaction, principal: Principal, now: datetime, better_hash: str | None
    ) -> None:
        """Remember a login, and a hash at today's cost unless the password changed meanwhile."""
        tx.later(queries.LOGGED_IN, principal.user.id, now, better_hash, principal.epoch)

    async def _users_of(self, tx: Transaction, rows: Sequence[Row]) -> list[UserData]:
        """The users in these rows of ``queries.READ_MANY``, with the roles that they hold."""
        if not rows:
            return []
        found = await tx.fetch(queries.ROLES_OF, [row["id"] for row in rows])
        roles = {row["user_id"]: row["roles"] for row in found}
        now = self._clock.now()
        return [user_of(row, now, roles.get(row["id"], ())) for row in rows]

    def _user_of(self, row: Row) -> UserData:
        return user_of(row, self._clock.now(), row["roles"])

    def _principal(self, row: Row) -> Principal:
        user = self._user_of(row)
        return Principal(
            user,
            row["password_hash"],
            row["epoch"],
            row["tenant_status"],
            row["max_failed_attempts"],
            row["lockout_minutes"],
            too_old_at(row["password_changed_at"], row["max_age_days"]),
            frozenset(row["system_permissions"]),
        )


def derived(columns: dict[str, Any]) -> dict[str, Any]:
    """The normal forms that belong to these columns.

    ``search_text`` needs username, email and full name; whoever changes one gives all three.
    """
    forms: dict[str, Any] = {}
    if "username" in columns:
        forms["username_key"] = fold(columns["username"])
    if "email" in columns:
        forms["email_key"] = fold(columns["email"]) if columns["email"] is not None else None
    if "username" in columns:
        names = columns["username"], columns["email"], columns["full_name"]
        forms["search_text"] = search_text(*names)
    return forms


def user_of(row: Row, now: datetime, roles: Iterable[str]) -> UserData:
    """The user in a row, holding these roles; locks and the password's age are as of now."""
    values = {name: row[name] for name in _PLAIN}
    if is_too_old(row["password_changed_at"], row["max_age_days"], now):
        values["need_password_change"] = True
    return UserData(
        **values,
        attributes=msgspec.json.decode(row["attributes_text"]),
        roles=sorted(roles, key=fold),
        role=UserRole(row["role"]),
        status=_effective(UserStatus(row["status"]), row["locked_at"], row["lock_expires_at"], now),
    )


def _effective(
    stored: UserStatus, locked_at: datetime | None, expires_at: datetime | None, now: datetime
) -> UserStatus:
    """A lock shows where the user would be active otherwise."""
    if stored is UserStatus.ACTIVE and lock_holds(locked_at, expires_at, now):
        return UserStatus.LOCKED
    return stored


def _found_by(key: UserKey, scope: Scope) -> tuple[object, UUID | None, UUID | None]:
    forms: dict[str, Callable[[str], object]] = {
        "id": UUID,
        "username": login_key,
        "email": email_key,
    }
    return forms[key.by](key.value), scope.tenant_id, scope.user_id


def _position(row: Row, column: str) -> list[str]:
    value = row[column]
    return [value.isoformat() if isinstance(value, datetime) else value, str(row["id"])]


def _meaning(violation: ConstraintViolation, bad_request: type[InvalidInput]) -> Exception:
    """What a broken constraint means to who asked."""
    field = _CONFLICTS.get(violation.constraint)
    if field is not None:
        return UserConflict(f"This {field} is taken already.", field=field)
    if violation.constraint == "users_resource_policy_fkey":
        return bad_request.of("resource_policy", "unknown", "there is no such resource policy")
    return violation
