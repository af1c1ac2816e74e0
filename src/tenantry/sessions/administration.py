"""The order of things when sessions are asked about, by their holders and by administrators.

Whose session an actor cannot see does not exist for that actor, also with its token in hand.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tenantry.changes.consistency import Consistency
from tenantry.changes.feed import ChangeFeed
from tenantry.errors import NotAuthenticated, SessionNotFound, StateConflict
from tenantry.kernel.action import Actor, Note, Outcome, current_actor, current_origin
from tenantry.kernel.clock import Clock
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_types, require_well_formed
from tenantry.sessions.actions import (
    CreateSessionAction,
    Ended,
    EndSessionAction,
    EndSessionsAction,
    ListSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
    ValidateSessionAction,
    Validity,
)
from tenantry.sessions.known import KnownSessions, lets_in, sees
from tenantry.sessions.memory import SessionMemory
from tenantry.sessions.model import IssuedSession, Session, SessionData, SessionToken
from tenantry.sessions.ports import Users
from tenantry.sessions.repository import SessionRepository
from tenantry.sessions.service import Presented, SessionService
from tenantry.users import access
from tenantry.users.access import Scope
from tenantry.users.addresses import require_address
from tenantry.users.model import UserData, UserKey, is_uuid
from tenantry.users.principal import Principal

REUSED = "token_reused"


class SessionAdministration:
    """Handles the actions on sessions."""

    def __init__(
        self,
        *,
        database: Database,
        session_service: SessionService,
        session_repository: SessionRepository,
        memory: SessionMemory,
        known: KnownSessions,
        feed: ChangeFeed,
        seconds: float,
        users: Users,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._service = session_service
        self._sessions = session_repository
        self._memory = memory
        self._known = known
        self._feed = feed
        self._seconds = seconds
        self._users = users
        self._clock = clock
        self._cursor_key = cursor_key

    async def create_session(self, action: CreateSessionAction) -> IssuedSession:
        """Open a session for a user who is active and whose tenant is; else StateConflict."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            key = UserKey.of(user=action.user)
            user = await self._users.lock(tx, key, Scope.of(actor))
            access.require_may_change(actor, user, {"sessions": None})
            principal = await self._users.find_principal(tx, user.id)
            if principal is None or principal.standing() is not None:
                raise StateConflict(f"{user.username} cannot log in now: not active.", field="user")
            token, session = self._service.issue_unproved(
                tx,
                tenant_id=user.tenant_id,
                user_id=user.id,
                epoch=principal.epoch,
                lifetime=timedelta(hours=action.expires_in_hours),
            )
            tx.note(_note(user, {"session": (None, session.id), "expires_at": _until(session)}))
        return _issued(token, session, user)

    async def validate_session(self, action: ValidateSessionAction) -> Validity:
        """Whether a token is good; False for everything that is none."""
        require_types(action)
        require_address(action.ip_address, "ip_address")
        token, stated = action.session_token, action.ip_address
        if action.at_least is not None:
            await self._feed.reach(action.at_least, self._seconds)
        if action.consistency is Consistency.BOUNDED:
            asker, address = current_actor(), current_origin().address
            known = self._known.validity(token, stated, asker=asker, address=address)
            if known is not None:
                return known
        return await self._look_up(token, stated)

    async def _look_up(self, text: str, stated: str | None) -> Validity:
        """Whether a token is good as the database has it; what is stays in memory."""
        with self._memory.looking() as reader:
            async with self._database.autocommit() as tx:
                found = await self._usable(tx, text, stated)
                if found is None or found[0].spent:
                    return Validity(valid=False)
                session, principal = found[0].session, found[1]
                await self._service.touch(tx, session)
            self._memory.keep(reader, text, session, principal)
        username, expires_at = principal.user.username, session.expires_at
        return Validity(valid=True, username=username, expires_at=expires_at)

    async def refresh_session(self, action: RefreshSessionAction) -> IssuedSession:
        """Change the token; NotAuthenticated where the session has ended or the token is spent."""
        require_types(action)
        require_address(action.ip_address, "ip_address")
        async with self._database.transaction() as tx:
            found = await self._usable(tx, action.session_token, action.ip_address)
            if found is None:
                raise NotAuthenticated("This session has ended.")
            presented, principal = found
            refreshed = await self._service.refresh(tx, presented)
            user = principal.user
            if refreshed is not None:
                token, session = refreshed
                tx.note(_note(user, {"expires_at": _until(session)}))
                return _issued(token, session, user)
            await self._service.end(tx, user.tenant_id, presented.session.id)
            tx.note(_note(user, {"session": (presented.session.id, None)}, REUSED))
        raise NotAuthenticated("This session has ended.")

    async def terminate_session(self, action: TerminateSessionAction) -> Ended:
        """End the session of a token, spent ones included; nothing to end is no error."""
        require_types(action)
        async with self._database.transaction() as tx:
            presented = await self._service.present(tx, action.session_token)
            if presented is None or not _sees(current_actor(), presented.session):
                tx.note(Note())
                return Ended(ended=False)
            session = presented.session
            ended = await self._service.end(tx, session.tenant_id, session.id)
            principal = await self._users.find_principal(tx, session.user_id)
            changes: dict[str, tuple[object, object]] = {"session": (session.id, None)}
            tx.note(_note(principal.user, changes) if principal else Note(changes=changes))
        return Ended(ended)

    async def list_sessions(self, action: ListSessionsAction) -> Page[SessionData]:
        """A page of the sessions of one user that hold now."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.autocommit() as tx:
            user = await self._users.get(tx, _whose(actor, action.user), Scope.of(actor))
            question = ["sessions", str(user.id)]
            after = self._position(question, action.cursor)
            now, policy = self._clock.now(), self._service.policy
            asked = (user.tenant_id, user.id, policy, now, action.limit + 1, after)
            found = await self._sessions.live(tx, *asked)
        items = [_marked(session, actor) for session in found[: action.limit]]
        if len(found) <= action.limit:
            return Page(items)
        position = [str(items[-1].created_at), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def end_session(self, action: EndSessionAction) -> Ended:
        """End one session; SessionNotFound also for one that is somebody else's."""
        require_well_formed(action)
        async with self._database.transaction() as tx:
            user = await self._ends_of(tx, action.user)
            if not is_uuid(action.session):
                raise SessionNotFound(field="session")
            session_id = UUID(action.session)
            if not await self._service.end(tx, user.tenant_id, session_id, user.id):
                raise SessionNotFound(field="session")
            tx.note(_note(user, {"session": (session_id, None)}))
        return Ended(ended=True)

    async def end_sessions(self, action: EndSessionsAction) -> Ended:
        """End all sessions, also those whose login is under way; the one that asks goes on."""
        require_well_formed(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            user = await self._ends_of(tx, action.user)
            epoch = await self._sessions.raise_epoch(tx, user.id)
            if actor.id == user.id and actor.session_id is not None:
                await self._sessions.keep(tx, user.tenant_id, actor.session_id, epoch)
            tx.note(_note(user, {"sessions": ("***", None)}))
        return Ended(ended=True)

    async def _usable(
        self, tx: Transaction, text: str, stated: str | None
    ) -> tuple[Presented, Principal] | None:
        """The session of a token, in sight of the actor, whose user may be let in."""
        actor, address = current_actor(), current_origin().address
        presented = await self._service.present(tx, text)
        if presented is None or not _sees(actor, presented.session):
            return None
        session = presented.session
        principal = await self._users.find_principal(tx, session.user_id)
        if principal is None or principal.epoch != session.epoch or session.awaits_second_factor:
            return None
        user = principal.user
        good = principal.standing() is None and lets_in(
            actor, user.tenant_id, user.allowed_client_ip, address=address, stated=stated
        )
        return (presented, principal) if good else None

    async def _ends_of(self, tx: Transaction, named: str | None) -> UserData:
        """The user, locked, whose sessions the actor may end."""
        actor = current_actor()
        user = await self._users.lock(tx, _whose(actor, named), Scope.of(actor))
        if actor.id != user.id:
            access.require_may_change(actor, user, {"sessions": None})
        return user

    def _position(self, question: object, cursor: str | None) -> tuple[datetime, UUID] | None:
        if cursor is None:
            return None
        at, session_id = unseal(self._cursor_key, question, cursor)
        return datetime.fromisoformat(at), UUID(session_id)


def _sees(actor: Actor, session: Session) -> bool:
    return sees(actor, session.tenant_id, session.user_id)


def _whose(actor: Actor, named: str | None) -> UserKey:
    """The user named, or oneself."""
    if named is not None:
        return UserKey.of(user=named)
    if actor.id is None:
        raise NotAuthenticated("Only a user has sessions; name one.")
    return UserKey("id", str(actor.id))


def _marked(session: SessionData, actor: Actor) -> SessionData:
    return msgspec.structs.replace(session, current=session.id == actor.session_id)


def _issued(token: SessionToken, session: Session, user: UserData) -> IssuedSession:
    text = token.text()
    return IssuedSession(
        session_id=text,
        session_token=text,
        username=user.username,
        created_at=session.created_at,
        expires_at=session.expires_at,
    )


def _until(session: Session) -> tuple[object, object]:
    return None, session.expires_at


def _note(
    user: UserData, changes: dict[str, tuple[object, object]], failure: str | None = None
) -> Note:
    outcome = Outcome.SUCCEEDED if failure is None else Outcome.FAILED
    return Note(user.username, user.id, user.tenant_id, changes, outcome, failure)
