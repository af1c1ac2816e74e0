"""Which sessions are good, as far as memory can tell.

It says yes or nothing: what is not in memory, or would be refused, is for the database to judge.
"""

from collections.abc import Sequence
from uuid import UUID

from tenantry.changes.feed import ChangeFeed
from tenantry.kernel.action import Actor
from tenantry.sessions.actions import Validity
from tenantry.sessions.memory import Kept, SessionMemory
from tenantry.users.access import Scope, may_state_origin
from tenantry.users.addresses import allowed


class KnownSessions:
    """Tells that a session is good, while memory is fresh (docs/decisions/0147)."""

    def __init__(self, *, memory: SessionMemory, feed: ChangeFeed) -> None:
        self._memory = memory
        self._feed = feed

    def validity(
        self, token: str, stated: str | None, *, asker: Actor, address: str | None
    ) -> Validity | None:
        """That it is good, asked from this address; None where the database must tell.

        ``stated`` is where the asker says that the session's holder sits.
        """
        if not self._feed.is_current():
            return None

        def is_good(kept: Kept) -> bool:
            tenant_id, rules = kept.session.tenant_id, kept.addresses
            return sees(asker, tenant_id, kept.session.user_id) and lets_in(
                asker, tenant_id, rules, address=address, stated=stated
            )

        kept = self._memory.find_good(token, is_good)
        if kept is None:
            return None
        expires_at = kept.session.expires_at
        return Validity(valid=True, username=kept.actor.name, expires_at=expires_at)


def sees(actor: Actor, tenant_id: UUID, user_id: UUID) -> bool:
    """Whether sessions of this user are there for the actor."""
    scope = Scope.of(actor)
    return scope.tenant_id in (None, tenant_id) and scope.user_id in (None, user_id)


def lets_in(
    actor: Actor,
    tenant_id: UUID,
    rules: Sequence[str] | None,
    *,
    address: str | None,
    stated: str | None,
) -> bool:
    """Whether a user's rules on addresses allow the use of a session that the actor asks about.

    Whose word counts may say where its holder sits, or say nothing; of anybody else it is the
    address that is compared from which the question comes.
    """
    if not may_state_origin(actor, tenant_id):
        return allowed(rules, address)
    return stated is None or allowed(rules, stated)
