"""Sessions in memory, so that asking often costs no look at the database.

A session is kept once the database has let it in, under a digest of its token; never one that
awaits a second factor, nor a token that was refreshed. It goes with every change of the session,
its user or its tenant, and of any role if its user holds one; and is looked up again when it is
that old, has long been unused, or ends. That it is in use is written down in batches, so that the
idle limit stays true on all servers.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tenantry.changes.model import Change, ChangeKind
from tenantry.changes.overtaking import Overtaking, Reader
from tenantry.kernel.action import Actor
from tenantry.kernel.clock import Clock
from tenantry.kernel.transaction import Transaction
from tenantry.letting_go import emptied, little_by_little
from tenantry.sessions.model import Session, SessionActor, SessionPolicy
from tenantry.users.addresses import allowed
from tenantry.users.principal import Principal

ANY_ROLE = Change(ChangeKind.ROLE, UUID(int=0))
"""What somebody may do who holds a role can change with any: they inherit from each other."""
KEPT = timedelta(minutes=10)
"""A session is looked up again after that, whatever its use."""


@dataclass(slots=True)
class Kept:
    """One session, as long as it is good."""

    key: bytes
    session: Session
    actor: Actor
    about: Sequence[Change]
    addresses: Sequence[str] | None
    good_until: datetime
    seen_at: datetime
    noted_at: datetime
    let_in: set[str | None] = field(default_factory=set)
    """The addresses that were found to be among those allowed."""


class SessionMemory:
    """The sessions that were used lately, ``most`` at once; a keeper of the feed."""

    def __init__(self, *, policy: SessionPolicy, clock: Clock, most: int) -> None:
        self._policy = policy
        self._clock = clock
        self._most = most
        self._overtaking = Overtaking()
        self._kept: dict[bytes, Kept] = {}
        self._of: dict[UUID, set[bytes]] = {}
        self._used: dict[bytes, Kept] = {}

    def find(self, token: str, address: str | None) -> Actor | None:
        """Whom the token proves, asking from this address; None where the database must tell."""

        def is_good(kept: Kept) -> bool:
            if kept.addresses and address not in kept.let_in:
                if not allowed(kept.addresses, address):
                    return False
                kept.let_in = {address}
            return True

        kept = self.find_good(token, is_good)
        return kept.actor if kept is not None else None

    def find_good(self, token: str, is_good: Callable[[Kept], bool]) -> Kept | None:
        """The session of the token, which counts as its use; None where the database must tell."""
        kept = self._kept.get(_key(token))
        if kept is None:
            return None
        now = self._clock.now()
        if now >= kept.good_until or now - kept.seen_at >= self._policy.idle:
            self._forget(kept)
            return None
        if not is_good(kept):
            return None
        kept.seen_at = now
        if now - kept.noted_at >= self._policy.touch:
            self._used[kept.key] = kept
        return kept

    def looking(self) -> AbstractContextManager[Reader]:
        """Inside of it a session is looked up that is to be kept."""
        return self._overtaking.reading()

    def keep(self, reader: Reader, token: str, session: Session, principal: Principal) -> None:
        """Keep a session that was let in, unless it has changed while it was looked up."""
        about = _about(session, principal)
        if session.awaits_second_factor or reader.was_overtaken(about):
            return
        now = self._clock.now()
        ends = [session.expires_at, now + KEPT]
        if principal.password_expires_at is not None and not principal.user.need_password_change:
            ends.append(principal.password_expires_at)
        kept = Kept(
            key=_key(token),
            session=session,
            actor=SessionActor.of(principal.as_actor(), session, fresh=False),
            about=about,
            addresses=principal.user.allowed_client_ip,
            good_until=min(ends),
            seen_at=now,
            noted_at=max(session.last_seen_at, now - self._policy.touch),
        )
        if len(self._kept) >= self._most:
            self._forget(next(iter(self._kept.values())))
        self._kept[kept.key] = kept
        for change in about:
            self._of.setdefault(change.subject_id, set()).add(kept.key)

    @property
    def used(self) -> list[Kept]:
        """The sessions whose use is still to be written down."""
        return list(self._used.values())

    def written_down(self, used: Iterable[Kept]) -> None:
        """The use of these is in the database."""
        for kept in used:
            kept.noted_at = kept.seen_at
            self._used.pop(kept.key, None)

    def concerned(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Changes of sessions here, of their users, roles and tenants."""
        self._overtaking.tell(map(_meant, changes))
        return [change for change in changes if _meant(change).subject_id in self._of]

    def drop(self, changes: Sequence[Change]) -> None:
        """Forget these; the next request looks in the database."""
        self._overtaking.tell(map(_meant, changes))
        for change in changes:
            for key in list(self._of.get(_meant(change).subject_id, ())):
                self._forget(self._kept[key])

    async def renew(self, tx: Transaction, changes: Sequence[Change]) -> None:
        """Nothing is read again before it is asked for."""
        self.drop(changes)

    def let_go(self) -> None:
        """Keep nothing."""
        self._overtaking.tell_of_everything()
        little_by_little(emptied(self._kept, self._of))
        self._kept, self._of = {}, {}

    def _forget(self, kept: Kept) -> None:
        self._kept.pop(kept.key, None)
        for change in kept.about:
            keys = self._of.get(change.subject_id)
            if keys is not None:
                keys.discard(kept.key)
                if not keys:
                    del self._of[change.subject_id]


def _key(token: str) -> bytes:
    """What a token is found by; the token itself is not kept."""
    return hashlib.sha256(token.encode("ascii", "replace")).digest()


def _meant(change: Change) -> Change:
    """What it is here."""
    return ANY_ROLE if change.kind is ChangeKind.ROLE else change


def _about(session: Session, principal: Principal) -> list[Change]:
    """What it goes with."""
    about = [
        Change(ChangeKind.SESSION, session.id),
        Change(ChangeKind.USER, session.user_id),
        Change(ChangeKind.TENANT, session.tenant_id),
    ]
    return [*about, ANY_ROLE] if principal.user.roles else about
