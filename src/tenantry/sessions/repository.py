"""The SQL of sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tenantry.changes.log import ChangeLog
from tenantry.changes.model import Change, ChangeKind
from tenantry.kernel.transaction import Row, Statement, Transaction
from tenantry.sessions.model import (
    Session,
    SessionData,
    SessionPolicy,
    SessionToken,
    moment_of,
)

INSERT = Statement(
    "sessions.insert",
    "Open a session; where the user has as many as allowed, the longest unused one ends.",
    """
    insert into sessions (tenant_id, created_at, id, user_id, digest, epoch, last_seen_at,
        expires_at, address, user_agent, awaits_second_factor, authenticated_at, lifetime)
    select $1, $2::timestamptz, $3, $4, $5, $6, $2, $7, $8, $9, $10, $11, $12
    from end_surplus_sessions($1, $4, $13::timestamptz, $14::timestamptz, $15::timestamptz, $16)
    """,
)
FIND = Statement(
    "sessions.find",
    "Look a session up by what its token says.",
    """
    select id, tenant_id, user_id, digest, epoch, created_at, last_seen_at, expires_at, ended_at,
        awaits_second_factor, authenticated_at, lifetime, spent, salt, refreshed_at
    from sessions where tenant_id = $1 and created_at = $2 and id = $3
    """,
)
TOUCH = Statement(
    "sessions.touch",
    "Note that a session is in use.",
    """
    update sessions set last_seen_at = greatest(last_seen_at, $4)
    where tenant_id = $1 and created_at = $2 and id = $3
    """,
)
TOUCH_MANY = Statement(
    "sessions.touch_many",
    "Note that these sessions are in use.",
    """
    update sessions s set last_seen_at = greatest(s.last_seen_at, used.at)
    from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::timestamptz[])
        as used (tenant_id, created_at, id, at)
    where s.tenant_id = used.tenant_id and s.created_at = used.created_at and s.id = used.id
    """,
)
END = Statement(
    "sessions.end",
    "End a session; once ended it stays so.",
    """
    update sessions set ended_at = $4
    where tenant_id = $1 and created_at = $2 and id = $3 and ended_at is null
        and ($5::uuid is null or user_id = $5)
    """,
)
TAKE_AWAITING = Statement(
    "sessions.take_awaiting",
    "End a session that awaits the second factor, once, and tell its epoch.",
    """
    update sessions set ended_at = $4
    where tenant_id = $1 and created_at = $2 and id = $3 and ended_at is null
        and awaits_second_factor
    returning epoch
    """,
)
ROTATE = Statement(
    "sessions.rotate",
    "Put another token in the place of this one; no row when somebody was quicker.",
    """
    update sessions set digest = $5, spent = $6, salt = $7, refreshed_at = $8,
        last_seen_at = greatest(last_seen_at, $8), expires_at = $9
    where tenant_id = $1 and created_at = $2 and id = $3 and digest = $4 and ended_at is null
    """,
)
PROVED = Statement(
    "sessions.proved",
    "Note that the user has proved again who it is.",
    """
    update sessions set authenticated_at = $4
    where tenant_id = $1 and created_at = $2 and id = $3 and ended_at is null
    """,
)
LIVE = Statement(
    "sessions.live",
    "The sessions of a user that hold now, the latest first.",
    """
    select s.id, u.username, s.address, s.user_agent, s.created_at, s.last_seen_at, s.expires_at
    from sessions s join users u on u.id = s.user_id
    where s.tenant_id = $1 and s.user_id = $2 and s.created_at >= $3 and s.ended_at is null
        and s.expires_at > $4 and s.last_seen_at > $5 and s.epoch = u.epoch
        and not s.awaits_second_factor
        and ($6::timestamptz is null or (s.created_at, s.id) < ($6, $7))
    order by s.created_at desc, s.id desc limit $8
    """,
)
RAISE_EPOCH = Statement(
    "sessions.raise_epoch",
    "End all sessions of a user, those about to begin as well.",
    "update users set epoch = epoch + 1 where id = $1 returning epoch",
)
KEEP = Statement(
    "sessions.keep",
    "Let one session go on when all others have ended.",
    """
    update sessions set epoch = $4
    where tenant_id = $1 and created_at = $2 and id = $3 and ended_at is null
    """,
)


class SessionRepository:
    """Stores sessions. A session's id holds the moment of its creation, and so its partition."""

    def insert(
        self,
        tx: Transaction,
        session: Session,
        policy: SessionPolicy,
        address: str | None,
        user_agent: str | None,
    ) -> None:
        """Open a session; one that awaits the second factor does not count among the others."""
        now = session.created_at
        tx.later(
            INSERT,
            session.tenant_id,
            session.created_at,
            session.id,
            session.user_id,
            session.digest,
            session.epoch,
            session.expires_at,
            address,
            user_agent,
            session.awaits_second_factor,
            session.authenticated_at,
            session.lifetime,
            now - policy.absolute,
            now,
            now - policy.idle,
            None if session.awaits_second_factor else policy.most,
        )

    async def find(self, tx: Transaction, token: SessionToken) -> Session | None:
        """The session that a token names, whatever its state; the digest is not compared."""
        row = await tx.fetchrow(FIND, *_key(token.tenant_id, token.session_id))
        return _session(row) if row else None

    async def touch(self, tx: Transaction, session: Session, now: datetime) -> None:
        """Note that it is in use."""
        await tx.execute(TOUCH, *_key(session.tenant_id, session.id), now)

    async def touch_many(self, tx: Transaction, used: Sequence[tuple[Session, datetime]]) -> None:
        """Note that these are in use, and since when."""
        keys = [(*_key(session.tenant_id, session.id), at) for session, at in used]
        await tx.execute(TOUCH_MANY, *(list(column) for column in zip(*keys, strict=True)))

    async def end(
        self,
        tx: Transaction,
        tenant_id: UUID,
        session_id: UUID,
        now: datetime,
        user_id: UUID | None = None,
    ) -> bool:
        """End it; False when it had ended, never was, or is not this user's where one is named."""
        ended = await tx.execute(END, *_key(tenant_id, session_id), now, user_id) > 0
        if ended:
            await ChangeLog.note(tx, Change(ChangeKind.SESSION, session_id))
        return ended

    async def take_awaiting(
        self, tx: Transaction, tenant_id: UUID, session_id: UUID, now: datetime
    ) -> int | None:
        """End a session that awaits the second factor; its epoch, None the second time."""
        epoch: int | None = await tx.fetchval(TAKE_AWAITING, *_key(tenant_id, session_id), now)
        return epoch

    async def rotate(
        self,
        tx: Transaction,
        session: Session,
        *,
        successor: SessionToken,
        salt: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Put the successor's digest in place; False when somebody was quicker."""
        spent = [*session.spent, session.digest][-REMEMBERED:]
        key = _key(session.tenant_id, session.id)
        changed = (successor.digest, spent, salt, now, expires_at)
        rotated = await tx.execute(ROTATE, *key, session.digest, *changed) > 0
        if rotated:
            await ChangeLog.note(tx, Change(ChangeKind.SESSION, session.id))
        return rotated

    def prove(self, tx: Transaction, tenant_id: UUID, session_id: UUID, now: datetime) -> None:
        """The user has proved again who it is."""
        tx.later(PROVED, *_key(tenant_id, session_id), now)

    async def live(
        self,
        tx: Transaction,
        tenant_id: UUID,
        user_id: UUID,
        policy: SessionPolicy,
        now: datetime,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[SessionData]:
        """Sessions that hold now, from the latest on."""
        at, session_id = after or (None, None)
        since, awake_since = now - policy.absolute, now - policy.idle
        rows = await tx.fetch(
            LIVE, tenant_id, user_id, since, now, awake_since, at, session_id, limit
        )
        return [SessionData(**row) for row in rows]

    async def raise_epoch(self, tx: Transaction, user_id: UUID) -> int:
        """End all sessions of a user; the epoch that new ones must have."""
        epoch: int = await tx.fetchval(RAISE_EPOCH, user_id)
        await ChangeLog.note(tx, Change(ChangeKind.USER, user_id))
        return epoch

    async def keep(self, tx: Transaction, tenant_id: UUID, session_id: UUID, epoch: int) -> None:
        """Let this one go on."""
        await tx.execute(KEEP, *_key(tenant_id, session_id), epoch)
        await ChangeLog.note(tx, Change(ChangeKind.SESSION, session_id))


REMEMBERED = 32
"""So many spent tokens are known again; an older one is taken for garbage, and does nothing."""


def _key(tenant_id: UUID, session_id: UUID) -> tuple[UUID, datetime, UUID]:
    return tenant_id, moment_of(session_id), session_id


def _session(row: Row) -> Session:
    values: dict[str, Any] = dict(row)  # Any: columns have types of their own
    return Session(**values | {"spent": tuple(row["spent"] or ())})
