"""The SQL of second factors. What may happen once is one conditional statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.second_factor.model import StoredFactor

FIND = Statement(
    "second_factors.find",
    "The factor of a user, proven or not.",
    """
    select user_id, secret as sealed, enrolled_at, proven_at, last_step
    from second_factors where user_id = $1
    """,
)
ENROL = Statement(
    "second_factors.enrol",
    "Store a secret that waits for its proof; a proven one stays.",
    """
    insert into second_factors as f (user_id, secret, enrolled_at) values ($1, $2, $3)
    on conflict (user_id) do update
        set secret = excluded.secret, enrolled_at = excluded.enrolled_at, last_step = 0
        where f.proven_at is null
    """,
)
PROVE = Statement(
    "second_factors.prove",
    "Make a factor active, once, with the step of its first code.",
    """
    update second_factors set proven_at = $3, last_step = $2
    where user_id = $1 and proven_at is null and last_step < $2 and enrolled_at = $4
    """,
)
SPEND_STEP = Statement(
    "second_factors.spend_step",
    "Use up a time step and all before it; no row when it was used up already.",
    """
    update second_factors set last_step = $2
    where user_id = $1 and proven_at is not null and last_step < $2 and enrolled_at = $3
    """,
)
REMOVE = Statement(
    "second_factors.remove",
    "Remove the factor of a user and its recovery codes.",
    "delete from second_factors where user_id = $1",
)
MARK_USER = Statement(
    "second_factors.mark_user",
    "Say at the user whether there is a factor, and end all sessions.",
    """
    update users set totp_activated = $2::timestamptz is not null, totp_activated_at = $2,
        modified_at = $3, version = version + 1, epoch = epoch + 1
    where id = $1
    """,
)
END_SESSIONS = Statement(
    "second_factors.end_sessions",
    "End all sessions of a user whose factor was switched off with other fields.",
    "update users set totp_activated_at = null, epoch = epoch + 1 where id = $1",
)
ADD_CODES = Statement(
    "second_factors.add_codes",
    "Store the digests of recovery codes.",
    "insert into recovery_codes (user_id, digest) select $1, unnest($2::bytea[])",
)
VOID_CODES = Statement(
    "second_factors.void_codes",
    "Remove all recovery codes of a user.",
    "delete from recovery_codes where user_id = $1",
)
SPEND_CODE = Statement(
    "second_factors.spend_code",
    "Use up a recovery code; no row when there is no such code.",
    "delete from recovery_codes where user_id = $1 and digest = $2",
)
CODES_LEFT = Statement(
    "second_factors.codes_left",
    "How many recovery codes a user has left.",
    "select count(*) from recovery_codes where user_id = $1",
)
KEY_IDS = Statement(
    "second_factors.key_ids",
    "Which keys have encrypted the secrets.",
    "select distinct substring(secret for $1) as key_id from second_factors",
)
OUTDATED = Statement(
    "second_factors.outdated",
    "Some secrets that another key than the present one has encrypted.",
    """
    select user_id, secret from second_factors where substring(secret for $1) <> $2
    order by user_id limit $3 for update skip locked
    """,
)
RESEAL = Statement(
    "second_factors.reseal",
    "Replace an encrypted secret by the same under another key.",
    "update second_factors set secret = $2 where user_id = $1",
)


class SecondFactorRepository:
    """Stores factors and recovery codes."""

    async def find(self, tx: Transaction, user_id: UUID) -> StoredFactor | None:
        """The factor of a user, proven or not."""
        row = await tx.fetchrow(FIND, user_id)
        return StoredFactor(**row) if row else None

    async def enrol(self, tx: Transaction, user_id: UUID, sealed: bytes, now: datetime) -> bool:
        """Store a secret that waits for its proof; False when there is a proven one."""
        return await tx.execute(ENROL, user_id, sealed, now) > 0

    async def prove(self, tx: Transaction, factor: StoredFactor, step: int, now: datetime) -> bool:
        """Make this very factor active; False when somebody was quicker."""
        return await tx.execute(PROVE, factor.user_id, step, now, factor.enrolled_at) > 0

    async def spend_step(self, tx: Transaction, factor: StoredFactor, step: int) -> bool:
        """Use up a time step of this very factor; False when it was used up already."""
        return await tx.execute(SPEND_STEP, factor.user_id, step, factor.enrolled_at) > 0

    async def remove(self, tx: Transaction, user_id: UUID) -> None:
        """Remove a factor and its recovery codes."""
        await tx.execute(REMOVE, user_id)

    async def mark_user(
        self, tx: Transaction, user_id: UUID, activated_at: datetime | None, now: datetime
    ) -> None:
        """Say at the user since when there is a factor, and end all sessions."""
        await tx.execute(MARK_USER, user_id, activated_at, now)
        await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))

    async def end_sessions(self, tx: Transaction, user_id: UUID) -> None:
        """End all sessions after the factor was switched off with other fields."""
        await tx.execute(END_SESSIONS, user_id)
        await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))

    async def replace_codes(self, tx: Transaction, user_id: UUID, digests: Sequence[bytes]) -> None:
        """Void all recovery codes and store these."""
        await tx.execute(VOID_CODES, user_id)
        await tx.execute(ADD_CODES, user_id, list(digests))

    async def spend_code(self, tx: Transaction, user_id: UUID, digest: bytes) -> bool:
        """Use up a recovery code; False when there is no such code."""
        return await tx.execute(SPEND_CODE, user_id, digest) > 0

    async def codes_left(self, tx: Transaction, user_id: UUID) -> int:
        """How many recovery codes are left."""
        left: int = await tx.fetchval(CODES_LEFT, user_id)
        return left

    async def key_ids(self, tx: Transaction, length: int) -> set[bytes]:
        """The ids, so many bytes long, of the keys that have encrypted secrets."""
        return {row["key_id"] for row in await tx.fetch(KEY_IDS, length)}

    async def outdated(
        self, tx: Transaction, current_id: bytes, limit: int
    ) -> Sequence[tuple[UUID, bytes]]:
        """Users and sealed secrets that another key has encrypted."""
        rows = await tx.fetch(OUTDATED, len(current_id), current_id, limit)
        return [(row["user_id"], row["secret"]) for row in rows]

    async def reseal(self, tx: Transaction, user_id: UUID, sealed: bytes) -> None:
        """Store a secret as it is sealed now."""
        await tx.execute(RESEAL, user_id, sealed)
