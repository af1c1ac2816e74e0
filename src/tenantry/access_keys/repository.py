"""The SQL of access keys and of the nonces of signed requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.access_keys.model import (
    ADMIN_ROLES,
    DEFAULT_POLICY,
    DEFAULT_RATE_LIMIT,
    AccessKeyData,
    KeyScope,
)
from tenantry.errors import AccessKeyNotFound, InvalidInput
from tenantry.kernel.transaction import ConstraintViolation, Row, Statement, Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData

_READ = """
    select k.*, u.username from access_keys k join users u on u.id = k.user_id
"""
_SEEN = "($2::uuid is null or u.tenant_id = $2) and ($3::uuid is null or u.id = $3)"
FIND = Statement(
    "access_keys.find", "One key by its name.", f"{_READ} where k.access_key = $1 and {_SEEN}"
)
PAGE = Statement(
    "access_keys.page",
    "Keys in the order in which they were made, those of one user if one is given.",
    f"""
    {_READ} where ($1::uuid is null or k.user_id = $1) and {_SEEN}
        and ($4::timestamptz is null or (k.created_at, k.access_key) > ($4, $5))
    order by k.created_at, k.access_key limit $6
    """,
)
COUNT = Statement(
    "access_keys.count",
    "How many keys a user has, and whether one of them is the main one.",
    """
    select count(*) as held, coalesce(bool_or(is_main), false) as has_main
    from access_keys where user_id = $1
    """,
)
_COLUMNS = (
    "access_key user_id name secret secret_shown_at is_main is_active awaits_user is_admin scope "
    "resource_policy rate_limit created_at modified_at expires_at"
).split()
INSERT = Statement(
    "access_keys.insert",
    "Add a key.",
    f"insert into access_keys ({', '.join(_COLUMNS)}) "
    f"values ({', '.join(f'${i}' for i in range(1, len(_COLUMNS) + 1))})",
)
INSERT_MAIN = Statement(
    "access_keys.insert_main",
    "Add the main keys of new users, active or waiting as the users are.",
    """
    insert into access_keys (access_key, user_id, secret, is_main, is_active, awaits_user,
        is_admin, scope, resource_policy, rate_limit, created_at, modified_at)
    select access_key, user_id, secret, true, active, not active, admin, 'full', $6, $7, $8, $8
    from unnest($1::text[], $2::uuid[], $3::bytea[], $4::boolean[], $5::boolean[])
        as entry (access_key, user_id, secret, active, admin)
    """,
)
CHANGEABLE = frozenset({"name", "expires_at", "resource_policy", "rate_limit", "is_active"})
DELETE = Statement(
    "access_keys.delete",
    "Remove a key that is not the main one.",
    "delete from access_keys where access_key = $1 and not is_main",
)
UNMARK_MAIN = Statement(
    "access_keys.unmark_main",
    "Take the mark of the main key away, before another one gets it.",
    """
    update access_keys set is_main = false, modified_at = $2, version = version + 1
    where user_id = $1 and is_main returning access_key
    """,
)
MARK_MAIN = Statement(
    "access_keys.mark_main",
    "Make a key the main one.",
    """
    update access_keys set is_main = true, modified_at = $2, version = version + 1
    where access_key = $1
    """,
)
SHOW = Statement(
    "access_keys.show_secret",
    "Hand out a secret that was never shown; no row when it was.",
    """
    update access_keys set secret_shown_at = $2 where access_key = $1 and secret_shown_at is null
    returning secret
    """,
)
MAKE_MAIN_ADMIN = Statement(
    "access_keys.make_main_admin",
    "Let a user's main key do what an administrator may.",
    """
    update access_keys set is_admin = true, modified_at = $2, version = version + 1
    where user_id = $1 and is_main and not is_admin
    """,
)
STRIP_ADMIN = Statement(
    "access_keys.strip_admin",
    "Take the administrator's rights from all keys of a user, inactive ones too.",
    """
    update access_keys set is_admin = false, modified_at = $2, version = version + 1
    where user_id = $1 and is_admin
    """,
)
WAKE = Statement(
    "access_keys.wake",
    "Activate the key that waited for its user to become active.",
    """
    update access_keys set is_active = true, awaits_user = false, modified_at = $2,
        version = version + 1
    where user_id = $1 and awaits_user
    """,
)
FORGET = Statement(
    "access_keys.forget", "Remove all keys of a user.", "delete from access_keys where user_id = $1"
)
CREDENTIAL = Statement(
    "access_keys.credential",
    "A key with its secret, whatever its state.",
    f"{_READ} where k.access_key = $1",
)
TOUCH = Statement(
    "access_keys.touch",
    "Note that a key is in use, unless that was noted a moment ago.",
    """
    update access_keys set last_used_at = $2
    where access_key = $1 and (last_used_at is null or last_used_at <= $3)
    """,
)
SPEND_NONCE = Statement(
    "access_keys.spend_nonce",
    "Take a nonce that was never used, and clear away a few that are long past.",
    """
    with past as (
        delete from access_key_nonces where (access_key, nonce) in (
            select access_key, nonce from access_key_nonces where forget_at < $4
            order by forget_at limit 8 for update skip locked)
    )
    insert into access_key_nonces (access_key, nonce, forget_at) values ($1, $2, $3)
    on conflict (access_key, nonce) do nothing
    """,
)
KEY_IDS = Statement(
    "access_keys.key_ids",
    "Which keys have encrypted the secrets.",
    "select distinct substring(secret for $1) as key_id from access_keys",
)
OUTDATED = Statement(
    "access_keys.outdated",
    "Some secrets that another key than the present one has encrypted.",
    """
    select access_key, secret from access_keys where substring(secret for $1) <> $2
    order by access_key limit $3 for update skip locked
    """,
)
RESEAL = Statement(
    "access_keys.reseal",
    "Replace an encrypted secret by the same under another key.",
    "update access_keys set secret = $2 where access_key = $1",
)


@dataclass(frozen=True, repr=False)
class Credential:
    """A key and its sealed secret."""

    key: AccessKeyData
    sealed: bytes


class AccessKeyRepository:
    """Access keys. ``scope`` says whose the asker can see; others do not exist."""

    async def get(self, tx: Transaction, access_key: str, scope: Scope) -> AccessKeyData:
        """The key; AccessKeyNotFound where there is none in sight."""
        row = await tx.fetchrow(FIND, access_key, scope.tenant_id, scope.user_id)
        if row is None:
            raise AccessKeyNotFound(field="access_key")
        return _key(row)

    async def page(
        self,
        tx: Transaction,
        scope: Scope,
        user_id: UUID | None,
        limit: int,
        after: tuple[datetime, str] | None,
    ) -> list[AccessKeyData]:
        """Keys made after this one."""
        at, access_key = after or (None, None)
        rows = await tx.fetch(PAGE, user_id, scope.tenant_id, scope.user_id, at, access_key, limit)
        return [_key(row) for row in rows]

    async def count(self, tx: Transaction, user_id: UUID) -> tuple[int, bool]:
        """How many keys a user has, and whether one of them is the main one."""
        row = await tx.fetchrow(COUNT, user_id)
        return (row["held"], row["has_main"]) if row else (0, False)

    async def insert(
        self, tx: Transaction, columns: dict[str, Any]
    ) -> None:  # Any: columns have types of their own
        """Add a key; InvalidInput names a policy that there is not."""
        try:
            await tx.execute(INSERT, *(columns.get(name) for name in _COLUMNS))
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    async def insert_main(
        self, tx: Transaction, rows: Sequence[tuple[str, UserData, bytes]], now: datetime
    ) -> None:
        """Add the main keys of new users: the name, the user and the sealed secret of each."""
        await tx.execute(
            INSERT_MAIN,
            [access_key for access_key, _, _ in rows],
            [owner.id for _, owner, _ in rows],
            [sealed for _, _, sealed in rows],
            [owner.is_active for _, owner, _ in rows],
            [owner.role in ADMIN_ROLES for _, owner, _ in rows],
            DEFAULT_POLICY,
            DEFAULT_RATE_LIMIT,
            now,
        )

    async def update(
        self, tx: Transaction, access_key: str, columns: dict[str, Any], now: datetime
    ) -> None:  # Any: as above
        """Change some columns, and let it wait for its user no longer."""
        try:
            await tx.execute(update_statement(list(columns)), access_key, now, *columns.values())
        except ConstraintViolation as violation:
            raise _meaning(violation) from violation

    async def delete(self, tx: Transaction, access_key: str) -> bool:
        """Remove a key; False for the main one."""
        return await tx.execute(DELETE, access_key) > 0

    async def switch_main(
        self, tx: Transaction, user_id: UUID, access_key: str, now: datetime
    ) -> str | None:
        """Mark another key as the main one, the user's row being locked; the one before."""
        previous: str | None = await tx.fetchval(UNMARK_MAIN, user_id, now)
        await tx.execute(MARK_MAIN, access_key, now)
        return previous

    async def take_secret(self, tx: Transaction, access_key: str, now: datetime) -> bytes | None:
        """The sealed secret, the first time only."""
        sealed: bytes | None = await tx.fetchval(SHOW, access_key, now)
        return sealed

    async def make_main_admin(self, tx: Transaction, user_id: UUID, now: datetime) -> None:
        """Let the main key do what an administrator may."""
        await tx.execute(MAKE_MAIN_ADMIN, user_id, now)

    async def strip_admin(self, tx: Transaction, user_id: UUID, now: datetime) -> None:
        """Take the administrator's rights from all keys."""
        await tx.execute(STRIP_ADMIN, user_id, now)

    async def wake(self, tx: Transaction, user_id: UUID, now: datetime) -> None:
        """Activate the key that waited for its user."""
        await tx.execute(WAKE, user_id, now)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove all keys of a user."""
        await tx.execute(FORGET, user_id)

    async def find_credential(self, tx: Transaction, access_key: str) -> Credential | None:
        """A key with its secret."""
        row = await tx.fetchrow(CREDENTIAL, access_key)
        return Credential(_key(row), row["secret"]) if row else None

    async def touch(
        self, tx: Transaction, access_key: str, now: datetime, before: datetime
    ) -> None:
        """Note the use, unless one later than ``before`` is noted."""
        await tx.execute(TOUCH, access_key, now, before)

    async def spend_nonce(
        self, tx: Transaction, access_key: str, nonce: str, forget_at: datetime, now: datetime
    ) -> bool:
        """Take a nonce; False when it was used before."""
        return await tx.execute(SPEND_NONCE, access_key, nonce, forget_at, now) > 0

    async def key_ids(self, tx: Transaction, length: int) -> set[bytes]:
        """The ids, so many bytes long, of the keys that have encrypted secrets."""
        return {row["key_id"] for row in await tx.fetch(KEY_IDS, length)}

    async def outdated(
        self, tx: Transaction, current_id: bytes, limit: int
    ) -> Sequence[tuple[str, bytes]]:
        """Names and sealed secrets of keys whose secret another key has encrypted."""
        rows = await tx.fetch(OUTDATED, len(current_id), current_id, limit)
        return [(row["access_key"], row["secret"]) for row in rows]

    async def reseal(self, tx: Transaction, access_key: str, sealed: bytes) -> None:
        """Store a secret as it is sealed now."""
        await tx.execute(RESEAL, access_key, sealed)


def update_statement(names: list[str]) -> Statement:
    """The SQL that changes these columns of the key $1 at the time $2; the values follow."""
    if set(names) - CHANGEABLE:
        raise ValueError(f"no columns to change: {names}")
    parts = [f"{name} = ${i}" for i, name in enumerate(names, 3)]
    if "is_active" in names:
        parts.append("awaits_user = false")
    sql = (
        f"update access_keys set {', '.join(parts)}, modified_at = $2, version = version + 1 "
        "where access_key = $1"
    )
    return Statement("access_keys.update", "Change some columns of a key.", sql)


def _key(row: Row) -> AccessKeyData:
    values = {name: row[name] for name in AccessKeyData.__struct_fields__ if name != "scope"}
    return AccessKeyData(**values, scope=KeyScope(row["scope"]))


def _meaning(violation: ConstraintViolation) -> Exception:
    """What a broken constraint means to who asked."""
    if violation.constraint == "access_keys_resource_policy_fkey":
        message = "there is no such keypair policy"
        return InvalidInput.of("resource_policy", "unknown", message)
    return violation
