"""The SQL of sessions."""

from datetime import datetime
from uuid import UUID

from tenantry.kernel.transaction import Statement, Transaction
from tenantry.sessions.model import Session, SessionToken, moment_of

INSERT = Statement(
    "sessions.insert",
    "Open a session.",
    """
    insert into sessions (tenant_id, created_at, id, user_id, digest, epoch, last_seen_at,
                          expires_at, address, user_agent, awaits_second_factor)
    values ($1, $2, $3, $4, $5, $6, $2, $7, $8, $9, $10)
    """,
)
FIND = Statement(
    "sessions.find",
    "Look a session up by what its token says.",
    """
    select id, tenant_id, user_id, digest, epoch, created_at, last_seen_at, expires_at, ended_at,
        awaits_second_factor
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
END = Statement(
    "sessions.end",
    "End a session; once ended it stays so.",
    """
    update sessions set ended_at = $4
    where tenant_id = $1 and created_at = $2 and id = $3 and ended_at is null
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


class SessionRepository:
    """Stores sessions. A session's id holds the moment of its creation, and so its partition."""

    def insert(
        self,
        tx: Transaction,
        session: Session,
        address: str | None,
        user_agent: str | None,
    ) -> None:
        """Open a session."""
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
        )

    async def find(self, tx: Transaction, token: SessionToken) -> Session | None:
        """The session that a token names, whatever its state; the digest is not compared."""
        row = await tx.fetchrow(FIND, *_key(token.tenant_id, token.session_id))
        return Session(**row) if row else None

    async def touch(self, tx: Transaction, session: Session, now: datetime) -> None:
        """Note that it is in use."""
        await tx.execute(TOUCH, *_key(session.tenant_id, session.id), now)

    async def end(self, tx: Transaction, tenant_id: UUID, session_id: UUID, now: datetime) -> bool:
        """End it; False when it had ended or never was."""
        return await tx.execute(END, *_key(tenant_id, session_id), now) > 0

    async def take_awaiting(
        self, tx: Transaction, tenant_id: UUID, session_id: UUID, now: datetime
    ) -> int | None:
        """End a session that awaits the second factor; its epoch, None the second time."""
        epoch: int | None = await tx.fetchval(TAKE_AWAITING, *_key(tenant_id, session_id), now)
        return epoch


def _key(tenant_id: UUID, session_id: UUID) -> tuple[UUID, datetime, UUID]:
    return tenant_id, moment_of(session_id), session_id
