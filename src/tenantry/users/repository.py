"""Reads and writes users. Never begins or commits; that is the service's."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.errors import (
    InvalidInput,
    UserConflict,
    UserCreationBadRequest,
    UserModificationBadRequest,
    UserNotFound,
)
from tenantry.kernel.transaction import ConstraintViolation, Database, Row, Transaction
from tenantry.users import queries
from tenantry.users.access import Scope
from tenantry.users.model import UserData, UserFilter, UserKey, UserOrder, UserRole, UserStatus
from tenantry.users.names import email_key, fold, login_key, search_text
from tenantry.users.principal import Principal

_CONFLICTS = {"users_username_key": "username", "users_email_key": "email"}
EVERYBODY = Scope()
_PLAIN = [n for n in UserData.__struct_fields__ if n not in ("attributes", "role", "status")]


class UserRepository:
    """The users table. ``scope`` says whom the asker can see; others do not exist."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        return user_of(row) if row else None

    async def find_many(self, tx: Transaction, user_ids: Sequence[UUID]) -> dict[UUID, UserData]:
        """The users of these ids that there are."""
        rows = await tx.fetch(queries.FIND_MANY, list(user_ids))
        return {row["id"]: user_of(row) for row in rows}

    async def lock(self, tx: Transaction, key: UserKey, scope: Scope) -> UserData:
        """Like ``get``, and nobody else changes it until the transaction ends."""
        row = await tx.fetchrow(queries.LOCK[key.by], *_found_by(key, scope))
        if row is None:
            raise UserNotFound(field=key.by)
        return user_of(row)

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        wanted: UserFilter,
        order: UserOrder,
        limit: int,
        after: tuple[str, str] | None,
    ) -> list[tuple[UserData, tuple[str, str]]]:
        """Users in order, each with its position for a cursor."""
        statement, arguments = queries.page_statement(scope, wanted, order, limit, after)
        rows = await tx.fetch(statement, *arguments)
        column = queries.order_column(order)
        return [(user_of(row), _position(row, column)) for row in rows]

    async def find_tenant(self, tx: Transaction, name: str, scope: Scope) -> UUID | None:
        """The id of the tenant of this name; None where there is none in sight."""
        found: UUID | None = await tx.fetchval(queries.FIND_TENANT, fold(name))
        return found if scope.tenant_id in (None, found) else None

    async def insert(self, tx: Transaction, columns: dict[str, Any]) -> None:
        """Add a user with these columns; UserConflict names what is taken."""
        values = {**dict.fromkeys(queries.COLUMNS), **columns, **derived(columns)}
        try:
            await tx.execute(queries.INSERT, *(values[name] for name in queries.COLUMNS))
        except ConstraintViolation as violation:
            raise _meaning(violation, UserCreationBadRequest) from violation

    async def expect_growth(self, tx: Transaction) -> None:
        """Have the statements of this transaction planned for the table as it is now."""
        await tx.fetchval(queries.FRESH_PLANS)

    async def insert_many(self, tx: Transaction, rows: Sequence[dict[str, Any]]) -> set[UUID]:
        """Add users, leaving out those that are in conflict; the ids of those added."""
        full = [
            {**dict.fromkeys(queries.COLUMNS), **row, **derived(row)}
            | {"attributes": msgspec.Raw(row["attributes"].encode())}
            for row in rows
        ]
        encoded = msgspec.json.encode(full).decode()
        return {row["id"] for row in await tx.fetch(queries.INSERT_MANY, encoded)}

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
        values = {**columns, **derived(columns)}
        statement = queries.update_statement(values, end_sessions=end_sessions)
        try:
            await tx.execute(statement, user_id, *values.values())
        except ConstraintViolation as violation:
            raise _meaning(violation, UserModificationBadRequest) from violation

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
        return bool(await tx.fetchval(queries.OTHERS_WITH_ROLE, role.value, user_id, scope))

    async def find_principal_by_login(self, tx: Transaction, name: str) -> Principal | None:
        """Who logs in under this name."""
        row = await tx.fetchrow(queries.FIND_LOGIN, login_key(name), email_key(name))
        return _principal(row) if row else None

    async def find_principal(self, tx: Transaction, user_id: UUID) -> Principal | None:
        """The present state of a user."""
        row = await tx.fetchrow(queries.FIND["id"], user_id, None, None)
        return _principal(row) if row else None

    def note_login(
        self, tx: Transaction, principal: Principal, now: datetime, better_hash: str | None
    ) -> None:
        """Remember a login, and a hash at today's cost unless the password changed meanwhile."""
        tx.later(queries.LOGGED_IN, principal.user.id, now, better_hash, principal.epoch)


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


def user_of(row: Row) -> UserData:
    """The user in a row of ``queries.READ``."""
    values = {name: row[name] for name in _PLAIN}
    return UserData(
        **values,
        attributes=msgspec.json.decode(row["attributes_text"]),
        role=UserRole(row["role"]),
        status=UserStatus(row["status"]),
    )


def _principal(row: Row) -> Principal:
    return Principal(user_of(row), row["password_hash"], row["epoch"], row["tenant_status"])


def _found_by(key: UserKey, scope: Scope) -> tuple[object, UUID | None, UUID | None]:
    forms: dict[str, Callable[[str], object]] = {
        "id": UUID,
        "username": login_key,
        "email": email_key,
    }
    return forms[key.by](key.value), scope.tenant_id, scope.user_id


def _position(row: Row, column: str) -> tuple[str, str]:
    value = row[column]
    return (value.isoformat() if isinstance(value, datetime) else value), str(row["id"])


def _meaning(violation: ConstraintViolation, bad_request: type[InvalidInput]) -> Exception:
    """What a broken constraint means to who asked."""
    field = _CONFLICTS.get(violation.constraint)
    if field is not None:
        return UserConflict(f"This {field} is taken already.", field=field)
    if violation.constraint == "users_resource_policy_fkey":
        return bad_request.of("resource_policy", "unknown", "there is no such resource policy")
    return violation
