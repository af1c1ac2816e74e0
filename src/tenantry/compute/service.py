"""The order of things when compute sessions are created, shown and ended."""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

import msgspec

from tenantry.compute import rules
from tenantry.compute.actions import (
    AgentHeartbeatAction,
    AgentResult,
    ComputeSessionResult,
    CreateComputeSessionAction,
    GetComputeSessionAction,
    ListAgentsAction,
    ListComputeSessionsAction,
    RegisterAgentAction,
    TerminateComputeSessionAction,
)
from tenantry.compute.launcher import Launcher
from tenantry.compute.model import (
    AgentData,
    AgentStatus,
    ComputeSessionData,
    FolderMount,
    Owner,
)
from tenantry.compute.ports import Folders
from tenantry.compute.repository import ComputeRepository
from tenantry.errors import UserPurgeFailure
from tenantry.kernel.action import Note, current_actor
from tenantry.kernel.clock import Clock, uuid7
from tenantry.kernel.page import Page, seal, unseal
from tenantry.kernel.transaction import Database, Transaction
from tenantry.record import require_types, require_well_formed
from tenantry.users.access import Scope

EVERYTHING = Scope()
WAITING = "waiting-for-room"


class ComputeService:
    """Handles the actions on agents and compute sessions, and what a purge needs of them."""

    def __init__(
        self,
        *,
        database: Database,
        compute_repository: ComputeRepository,
        launcher: Launcher,
        folders: Folders,
        clock: Clock,
        cursor_key: bytes,
    ) -> None:
        self._database = database
        self._sessions = compute_repository
        self._launcher = launcher
        self._folders = folders
        self._clock = clock
        self._cursor_key = cursor_key

    async def create_session(self, action: CreateComputeSessionAction) -> ComputeSessionResult:
        """Write the session down, then have it started; it may still be pending in the answer."""
        rules.require_runnable(action)
        actor = current_actor()
        key = rules.owner_key(actor, action.user)
        now = self._clock.now()
        session_id = uuid7(now)
        async with self._database.transaction() as tx:
            owner = await self._sessions.lock_owner(tx, key, Scope.of(actor))
            rules.require_may_run(actor, owner.id, owner.role)
            rules.require_able(owner, now)
            await self._insert(tx, session_id, action, owner, now)
            session = await self._sessions.get(tx, session_id, EVERYTHING)
            tx.note(_note(session, rules.shown(session)))
        await self._launcher.launch(session_id)
        return await self._fresh(session_id)

    async def get_session(self, action: GetComputeSessionAction) -> ComputeSessionResult:
        """The session; ComputeSessionNotFound also for one that the actor cannot see."""
        require_types(action)
        async with self._database.autocommit() as tx:
            scope = Scope.of(current_actor())
            return ComputeSessionResult(await self._sessions.get(tx, action.session, scope))

    async def list_sessions(self, action: ListComputeSessionsAction) -> Page[ComputeSessionData]:
        """A page of the sessions that the actor can see, newest first."""
        require_well_formed(action)
        actor = current_actor()
        scope = Scope.of(actor)
        async with self._database.autocommit() as tx:
            user_id = scope.user_id
            if action.user is not None:
                key = rules.owner_key(actor, action.user)
                user_id = (await self._sessions.owner(tx, key, scope)).id
            conditions: list[tuple[str, object]] = [
                (name, value)
                for name, value in (
                    ("tenant", scope.tenant_id),
                    ("user", user_id),
                    ("status", action.status and action.status.value),
                    ("kind", action.kind and action.kind.value),
                )
                if value is not None
            ]
            question = [repr(condition) for condition in conditions]
            if action.cursor is not None:
                at, last = unseal(self._cursor_key, question, action.cursor)
                conditions.append(("before", (datetime.fromisoformat(at), UUID(last))))
            found = await self._sessions.page(tx, conditions, action.limit + 1)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        position = [items[-1].created_at.isoformat(), str(items[-1].id)]
        return Page(items, seal(self._cursor_key, question, position))

    async def terminate_session(
        self, action: TerminateComputeSessionAction
    ) -> ComputeSessionResult:
        """Mark the session, have it ended, say how it is now."""
        require_types(action)
        actor = current_actor()
        async with self._database.transaction() as tx:
            session, role = await self._sessions.lock(tx, action.session, Scope.of(actor))
            rules.require_may_run(actor, session.user_id, role)
            await self._sessions.begin_end(tx, session.id, self._clock.now())
            marked = await self._sessions.get(tx, session.id, EVERYTHING)
            changed = marked.status is not session.status
            statuses = session.status.value, marked.status.value
            tx.note(_note(session, {"status": statuses} if changed else {}))
        await self._launcher.finish_all([session.id])
        return await self._fresh(session.id)

    async def register_agent(self, action: RegisterAgentAction) -> AgentResult:
        """Add an agent, or change what a known one offers."""
        require_well_formed(action)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            offered = AgentData(
                **msgspec.structs.asdict(action),
                status=AgentStatus.ALIVE,
                registered_at=now,
                heartbeat_at=now,
            )
            before = await self._sessions.find_agent(tx, action.name)
            agent = await self._sessions.register_agent(tx, offered, now)
            tx.note(Note(target=agent.name, changes=rules.offered(before, agent)))
        return AgentResult(agent)

    async def heartbeat(self, action: AgentHeartbeatAction) -> AgentResult:
        """Note a sign of life; AgentNotFound for an agent that never registered."""
        require_well_formed(action)
        async with self._database.autocommit() as tx:
            return AgentResult(await self._sessions.heartbeat(tx, action.name, self._clock.now()))

    async def list_agents(self, action: ListAgentsAction) -> Page[AgentData]:
        """A page of agents by name."""
        require_well_formed(action)
        after = ""
        if action.cursor is not None:
            (after,) = unseal(self._cursor_key, "agents", action.cursor)
        async with self._database.autocommit() as tx:
            found = await self._sessions.agents(tx, after, action.limit + 1)
        items = found[: action.limit]
        if len(found) <= action.limit:
            return Page(items)
        return Page(items, seal(self._cursor_key, "agents", [items[-1].name]))

    async def mounted_by_others(
        self, tx: Transaction, folder_ids: Collection[UUID], user_id: UUID
    ) -> list[FolderMount]:
        """Live sessions of other users that have one of these folders mounted."""
        return await self._sessions.mounted_by_others(tx, folder_ids, user_id)

    async def terminate_all(self, user_id: UUID) -> int:
        """End every live session of a user, pending ones too; how many it still had to end.

        Outside any transaction, and to be repeated after a ConnectionError, which says that an
        agent could not be reached: all others have been ended then.
        """
        async with self._database.autocommit() as tx:
            await self._sessions.begin_end_all(tx, user_id, self._clock.now())
            left = await self._sessions.terminating_of(tx, user_id)
        failures = await self._launcher.finish_all(left)
        if failures:
            raise failures[0]
        return len(left)

    async def delegate_services(self, tx: Transaction, from_user: UUID, to_user: UUID) -> int:
        """Give live services to another user, before ``terminate_all`` ends what is left."""
        return await self._sessions.delegate_services(tx, from_user, to_user)

    async def delete_services(self, tx: Transaction, user_id: UUID) -> int:
        """Remove a user's services, after ``terminate_all``; how many there were."""
        await self._require_ended(tx, user_id)
        return await self._sessions.delete_services(tx, user_id)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Remove a user's rows; UserPurgeFailure while anything of them is live."""
        await self._require_ended(tx, user_id)
        await self._sessions.forget(tx, user_id)

    async def _require_ended(self, tx: Transaction, user_id: UUID) -> None:
        if await self._sessions.has_live(tx, user_id):
            raise UserPurgeFailure("The user still has live compute sessions.")

    async def _insert(
        self,
        tx: Transaction,
        session_id: UUID,
        action: CreateComputeSessionAction,
        owner: Owner,
        now: datetime,
    ) -> None:
        name = action.name or PurePosixPath(action.command[0]).name[:128] or action.command[0][:128]
        load = await self._sessions.load(tx, owner.id, name)
        rules.require_room(owner, action, load)
        folders = await self._folders.identify(tx, owner.id, action.folders)
        rules.require_each_once(folders)
        agent = await self._sessions.reserve_agent(tx, action.cpu, action.memory, action.gpu)
        if agent is None and owner.limits is not None:
            owner.limits.require_may_wait(rules.asked(action), load.waiting)
        columns = (
            session_id,
            owner.tenant_id,
            owner.id,
            agent,
            name,
            action.kind.value,
            None if agent else WAITING,
            action.command,
            msgspec.json.encode(action.environment).decode(),
            folders,
            action.cpu,
            action.memory,
            action.gpu,
            owner.container_uid,
            owner.container_main_gid,
            owner.container_gids or [],
            owner.sudo_session_enabled,
            now,
        )
        await self._sessions.insert(tx, columns)

    async def _fresh(self, session_id: UUID) -> ComputeSessionResult:
        async with self._database.autocommit() as tx:
            return ComputeSessionResult(await self._sessions.get(tx, session_id, EVERYTHING))


def _note(session: ComputeSessionData, changes: Mapping[str, tuple[object, object]]) -> Note:
    return Note(
        target=str(session.id),
        target_id=session.id,
        tenant_id=session.tenant_id,
        changes=changes,
        person_id=session.user_id,
    )
