"""Telling whose an access key is: the other way into the system beside a session."""

import hmac
from datetime import timedelta

from tenantry.access_keys import signing
from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.model import AccessKeyData, KeyActor, parse_bearer
from tenantry.access_keys.ports import Users
from tenantry.access_keys.repository import AccessKeyRepository, Credential
from tenantry.access_keys.signing import MEMORY, SignedRequest
from tenantry.errors import NotAuthenticated
from tenantry.kernel.action import Origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Database, Transaction

TOUCH = timedelta(minutes=1)
"""How exact the time of last use is; it is not written more often."""


class AccessKeyIdentifier:
    """Proves an actor by an access key.

    The user's present state is read on every request, as for sessions, so that it stops every
    key of the user at once. Whatever is wrong, the answer is the same NotAuthenticated.
    """

    def __init__(
        self,
        *,
        database: Database,
        access_key_repository: AccessKeyRepository,
        keyring: Keyring,
        users: Users,
        clock: Clock,
        read_tags: frozenset[str],
    ) -> None:
        self._database = database
        self._keys = access_key_repository
        self._keyring = keyring
        self._users = users
        self._clock = clock
        self._read_tags = read_tags

    async def identify_bearer(self, text: str, origin: Origin) -> KeyActor:
        """The actor that a key in its bearer form proves."""
        claimed = parse_bearer(text)
        if claimed is None:
            raise NotAuthenticated
        access_key, secret = claimed
        async with self._database.autocommit() as tx:
            credential = await self._credential(tx, access_key)
            stored = self._keyring.secret_of(credential)
            if not hmac.compare_digest(stored.encode(), secret.encode()):
                raise NotAuthenticated
            actor = await self._actor(tx, credential.key, origin)
            await self._touch(tx, credential.key)
        return actor

    async def identify_signed(self, request: SignedRequest, origin: Origin) -> KeyActor:
        """The actor that a signature proves, once for each nonce.

        The caller still has to compare the body with ``request.digest``.
        """
        claim = signing.parse(request)
        now = self._clock.now()
        if claim is None or not claim.timely(now):
            raise NotAuthenticated
        async with self._database.autocommit() as tx:
            credential = await self._credential(tx, claim.access_key)
            if not claim.proved_by(self._keyring.secret_of(credential)):
                raise NotAuthenticated
            actor = await self._actor(tx, credential.key, origin)
            forget_at = claim.moment + MEMORY
            if not await self._keys.spend_nonce(tx, claim.access_key, claim.nonce, forget_at, now):
                raise NotAuthenticated
            await self._touch(tx, credential.key)
        return actor

    async def _credential(self, tx: Transaction, access_key: str) -> Credential:
        credential = await self._keys.find_credential(tx, access_key)
        if credential is None or not credential.key.usable_at(self._clock.now()):
            raise NotAuthenticated
        return credential

    async def _actor(self, tx: Transaction, key: AccessKeyData, origin: Origin) -> KeyActor:
        principal = await self._users.find_principal(tx, key.user_id)
        if principal is None or principal.refusal(origin.address) is not None:
            raise NotAuthenticated
        return KeyActor.of(principal.as_actor(), key, self._read_tags)

    async def _touch(self, tx: Transaction, key: AccessKeyData) -> None:
        now = self._clock.now()
        if key.last_used_at is None or now - key.last_used_at >= TOUCH:
            await self._keys.touch(tx, key.access_key, now, now - TOUCH)
