"""Making keys, opening their secrets and moving the mark of the main one, inside a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tenantry.access_keys.model import AccessKeyData, new_access_key, new_secret
from tenantry.access_keys.ports import Cipher
from tenantry.access_keys.repository import AccessKeyRepository, Credential
from tenantry.errors import StateConflict
from tenantry.kernel.transaction import Database, Transaction
from tenantry.users.access import Scope
from tenantry.users.model import UserData

BATCH = 500


class Keyring:
    """The one place that sees secrets of access keys in the clear."""

    def __init__(
        self, *, database: Database, access_key_repository: AccessKeyRepository, cipher: Cipher
    ) -> None:
        self._database = database
        self._keys = access_key_repository
        self._cipher = cipher

    async def add(
        self, tx: Transaction, owner: UserData, columns: dict[str, Any], now: datetime
    ) -> tuple[AccessKeyData, str]:  # Any: columns have types of their own
        """A new key of a user, and its secret."""
        access_key, secret = new_access_key(), new_secret()
        row = columns | {
            "access_key": access_key,
            "user_id": owner.id,
            "secret": self._cipher.seal(secret.encode(), _context(access_key)),
            "created_at": now,
            "modified_at": now,
        }
        await self._keys.insert(tx, row)
        return await self._keys.get(tx, access_key, Scope()), secret

    async def add_main(self, tx: Transaction, owners: Sequence[UserData], now: datetime) -> None:
        """The main keys of new users, whose secrets nobody sees yet."""
        rows = []
        for owner in owners:
            access_key = new_access_key()
            sealed = self._cipher.seal(new_secret().encode(), _context(access_key))
            rows.append((access_key, owner, sealed))
        await self._keys.insert_main(tx, rows, now)

    async def switch_main(self, tx: Transaction, key: AccessKeyData, now: datetime) -> str | None:
        """Make a key the main one, its user being locked; the one before, None if it was that."""
        if not key.usable_at(now):
            message = "Only an active key that has not expired can be the main one."
            raise StateConflict(message, field="main_access_key")
        if key.is_main:
            return None
        return await self._keys.switch_main(tx, key.user_id, key.access_key, now)

    async def take_secret(self, tx: Transaction, key: AccessKeyData, now: datetime) -> str | None:
        """The secret, the first time only."""
        sealed = await self._keys.take_secret(tx, key.access_key, now)
        return self._opened(key.access_key, sealed) if sealed is not None else None

    def secret_of(self, credential: Credential) -> str:
        """The secret, to verify what somebody claims to know."""
        return self._opened(credential.key.access_key, credential.sealed)

    async def key_ids(self) -> set[bytes]:
        """The ids of the keys that encrypted what is stored; the cipher needs all of them."""
        async with self._database.autocommit() as tx:
            return await self._keys.key_ids(tx, len(self._cipher.current_id))

    async def reseal(self) -> int:
        """Encrypt with the present key what another one has encrypted; how many there were.

        Some at a time, so that nobody waits long; several processes may do it at once.
        """
        total = 0
        while True:
            async with self._database.transaction() as tx:
                outdated = await self._keys.outdated(tx, self._cipher.current_id, BATCH)
                for access_key, sealed in outdated:
                    secret = self._opened(access_key, sealed).encode()
                    await self._keys.reseal(
                        tx, access_key, self._cipher.seal(secret, _context(access_key))
                    )
            if not outdated:
                return total
            total += len(outdated)

    def _opened(self, access_key: str, sealed: bytes) -> str:
        return self._cipher.open(sealed, _context(access_key)).decode()


def _context(access_key: str) -> bytes:
    return f"access key {access_key}".encode()
