"""What the audit needs of its installation before anything runs, and over the years."""

import secrets
from datetime import datetime
from uuid import UUID

from tenantry.audit.keys import KEY_BYTES, PersonKeys
from tenantry.audit.months import Month
from tenantry.audit.ports import Cipher
from tenantry.audit.repository import AuditRepository
from tenantry.kernel.transaction import Database

_CONTEXT = b"audit index key"


async def index_key(database: Database, repository: AuditRepository, cipher: Cipher) -> bytes:
    """The key of digests, which the first start makes and which stays when keys are changed.

    ConfigurationError where it was sealed with a key that is missing.
    """
    async with database.transaction() as tx:
        await repository.adopt_cluster(tx)
        sealed = await repository.index_key(tx)
        if sealed is None or not sealed.startswith(cipher.current_id):
            key = cipher.open(sealed, _CONTEXT) if sealed else secrets.token_bytes(KEY_BYTES)
            await repository.set_index_key(tx, cipher.seal(key, _CONTEXT), sealed)
            sealed = await repository.index_key(tx)
    return cipher.open(sealed or b"", _CONTEXT)


async def rewrap(
    database: Database,
    repository: AuditRepository,
    keys: PersonKeys,
    current_id: bytes,
    month: Month,
) -> int:
    """Wrap what another key has wrapped in a month with today's; how many keys there were."""
    total, after = 0, UUID(int=0)
    span: tuple[datetime, datetime] = month.first, month.next.first
    while True:
        async with database.transaction() as tx:
            rows = await repository.outdated_keys(tx, span, after, current_id)
            for row in rows:
                wrapped = keys.rewrapped(row["id"], row["person_id"], row["wrapped"])
                await repository.rewrap(tx, row, wrapped)
        if not rows:
            return total
        total += len(rows)
        after = rows[-1]["id"]
