"""Reads and writes agents and compute sessions. Never begins or commits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tenantry.compute import queries
from tenantry.compute.limits import KeypairLimits, Load, Look, Use
from tenantry.compute.model import (
    AgentData,
    AgentStatus,
    ComputeSessionData,
    FolderMount,
    Owner,
    SessionKind,
    SessionStatus,
)
from tenantry.compute.ports import Sample, SessionOrder, SessionState
from tenantry.errors import AgentNotFound, ComputeSessionNotFound, UserNotFound
from tenantry.kernel.transaction import Row, Transaction
from tenantry.record import Record
from tenantry.users.access import Scope
from tenantry.users.model import UserKey
from tenantry.users.names import login_key


class Assignment(Record, frozen=True, kw_only=True):
    """A live session as its agent must know it; the order's folders are not resolved yet."""

    agent: str | None
    status: SessionStatus
    user_id: UUID
    folders: list[UUID]
    order: SessionOrder


class ComputeRepository:
    """The tables agents and compute_sessions. ``scope`` says what the asker can see."""

    async def get(self, tx: Transaction, session_id: UUID, scope: Scope) -> ComputeSessionData:
        """The session; ComputeSessionNotFound where there is none or none in sight."""
        row = await tx.fetchrow(queries.FIND, session_id, scope.tenant_id, scope.user_id)
        return _session(_found(row))

    async def lock(
        self, tx: Transaction, session_id: UUID, scope: Scope
    ) -> tuple[ComputeSessionData, str]:
        """The session and its owner's built-in role; it stays so until the transaction ends."""
        row = _found(await tx.fetchrow(queries.LOCK, session_id, scope.tenant_id, scope.user_id))
        return _session(row), row["owner_role"]

    async def page(
        self, tx: Transaction, conditions: Sequence[tuple[str, object]], limit: int
    ) -> list[ComputeSessionData]:
        """Sessions for which all conditions hold, newest first; see ``page_statement``."""
        statement, arguments = queries.page_statement(conditions, limit)
        return [_session(row) for row in await tx.fetch(statement, *arguments)]

    async def owner(self, tx: Transaction, key: UserKey, scope: Scope) -> Owner:
        """Who is named; UserNotFound where there is nobody or nobody in sight."""
        return await self._owner(tx, queries.OWNER, key, scope)

    async def lock_owner(self, tx: Transaction, key: UserKey, scope: Scope) -> Owner:
        """Like ``owner``, and nobody changes or purges that user until the transaction ends."""
        return await self._owner(tx, queries.LOCK_OWNER, key, scope)

    async def _owner(
        self, tx: Transaction, statements: dict[str, Any], key: UserKey, scope: Scope
    ) -> Owner:  # Any: statements by name
        value = UUID(key.value) if key.by == "id" else login_key(key.value)
        row = await tx.fetchrow(statements[key.by], value, scope.tenant_id, scope.user_id)
        if row is None:
            raise UserNotFound(field="user")
        values = {name: row[name] for name in Owner.__struct_fields__ if name != "limits"}
        return Owner(**values, limits=KeypairLimits.of(row["limits"]))

    async def load(self, tx: Transaction, user_id: UUID, name: str) -> Load:
        """What the live sessions of the user take, and how many of these are of this service."""
        row = _found(await tx.fetchrow(queries.LOAD, user_id, name))
        live, waiting = _use(row, "live"), _use(row, "waiting")
        return Load(live=live, waiting=waiting, replicas=row["replicas"])

    async def insert(self, tx: Transaction, columns: Sequence[object]) -> None:
        """Add a pending session; the columns are those of ``compute.insert``."""
        await tx.execute(queries.INSERT, *columns)

    async def reserve_agent(self, tx: Transaction, cpu: int, memory: int, gpu: float) -> str | None:
        """An agent with room for this, which nobody else gives away until the commit."""
        await tx.fetch(queries.LOCK_AGENTS)
        name: str | None = await tx.fetchval(queries.ROOMIEST_AGENT, cpu, memory, gpu)
        return name

    async def assign_waiting(self, tx: Transaction) -> list[UUID]:
        """Give agents to pending sessions that wait for room; those that got one."""
        assigned = []
        for row in await tx.fetch(queries.UNASSIGNED):
            agent = await self.reserve_agent(tx, row["cpu"], row["memory"], row["gpu"])
            if agent is not None and await tx.execute(queries.ASSIGN, row["id"], agent):
                assigned.append(row["id"])
        return assigned

    async def find_assignment(self, tx: Transaction, session_id: UUID) -> Assignment | None:
        """What the agent must know of a live session, or None when it is not live."""
        row = await tx.fetchrow(queries.ORDER, session_id)
        return _assignment(row) if row else None

    async def mark_running(self, tx: Transaction, session_id: UUID, now: datetime) -> bool:
        """A pending session runs now; False where it was not pending any more."""
        return await tx.execute(queries.MARK_RUNNING, session_id, now) > 0

    async def say(self, tx: Transaction, session_id: UUID, info: str) -> None:
        """Note why a live session is not further."""
        await tx.execute(queries.SAY, session_id, info)

    async def fail(self, tx: Transaction, session_id: UUID, info: str, now: datetime) -> None:
        """A session that is not being ended has come to a bad end."""
        await tx.execute(queries.FAIL, session_id, info[:1000], now)

    async def begin_end(self, tx: Transaction, session_id: UUID, now: datetime) -> None:
        """Mark a session as being ended, or as cancelled where no agent has it."""
        await tx.execute(queries.BEGIN_END, session_id, now)

    async def begin_end_all(self, tx: Transaction, user_id: UUID, now: datetime) -> int:
        """The same for all sessions of a user; how many it concerned."""
        return await tx.execute(queries.BEGIN_END_ALL, user_id, now)

    async def mark_ended(
        self, tx: Transaction, state: SessionState, now: datetime, info: str | None = None
    ) -> None:
        """A session has ended on its agent in this state."""
        last = state.last
        await tx.execute(
            queries.MARK_ENDED,
            state.id,
            now,
            info,
            state.exit_code,
            state.ended_at,
            last and last.cpu_seconds,
            last and last.io_read_bytes,
            last and last.io_write_bytes,
            last and last.disk_bytes,
        )

    async def terminating_of(self, tx: Transaction, user_id: UUID) -> list[UUID]:
        """The sessions of a user that are still being ended."""
        return [row["id"] for row in await tx.fetch(queries.TERMINATING_OF, user_id)]

    async def to_launch(self, tx: Transaction, created_before: datetime) -> list[UUID]:
        """Pending sessions that their agent, which is alive, should have started."""
        return [row["id"] for row in await tx.fetch(queries.TO_LAUNCH, created_before)]

    async def to_end(self, tx: Transaction) -> list[UUID]:
        """Sessions being ended whose agent is alive."""
        return [row["id"] for row in await tx.fetch(queries.TO_END)]

    async def running_on(self, tx: Transaction, agent: str) -> set[UUID]:
        """What runs on an agent as far as we know."""
        return {row["id"] for row in await tx.fetch(queries.RUNNING_ON, agent)}

    async def live_on(self, tx: Transaction, agent: str, ids: Collection[UUID]) -> set[UUID]:
        """Which of these the agent may rightly have."""
        return {row["id"] for row in await tx.fetch(queries.LIVE_ON, agent, list(ids))}

    async def to_look_at(self, tx: Transaction, now: datetime) -> list[Look]:
        """Sessions whose idleness counts and that nobody has looked at just now."""
        names = Look.__struct_fields__
        rows = await tx.fetch(queries.TO_LOOK_AT, now)
        return [Look(**{name: row[name] for name in names}) for row in rows]

    async def note_looks(self, tx: Transaction, looks: Sequence[tuple[Sample, bool]]) -> None:
        """Keep these samples, and for each whether the session was busy."""
        await tx.execute(
            queries.NOTE_LOOKS,
            [sample.id for sample, _ in looks],
            [sample.at for sample, _ in looks],
            [sample.cpu_seconds for sample, _ in looks],
            [sample.io_read_bytes + sample.io_write_bytes for sample, _ in looks],
            [busy for _, busy in looks],
        )

    async def over(self, tx: Transaction, now: datetime) -> list[UUID]:
        """What its owner's keypair policy lets run no longer."""
        return [row["id"] for row in await tx.fetch(queries.OVER, now)]

    async def end_by_policy(self, tx: Transaction, session_id: UUID, now: datetime) -> Row:
        """Mark one of them as being ended; ComputeSessionNotFound where it is not one any more.

        The row says whose it is, and in ``status_info`` why it ends.
        """
        return _found(await tx.fetchrow(queries.END_BY_POLICY, now, session_id))

    async def mounted_by_others(
        self, tx: Transaction, folder_ids: Collection[UUID], user_id: UUID
    ) -> list[FolderMount]:
        """Live sessions of others that have one of these folders mounted."""
        rows = await tx.fetch(queries.MOUNTED_BY_OTHERS, list(folder_ids), user_id)
        names = FolderMount.__struct_fields__
        return [FolderMount(**{name: row[name] for name in names}) for row in rows]

    async def delegate_services(self, tx: Transaction, from_user: UUID, to_user: UUID) -> int:
        """Give live services to another user; how many there were."""
        return await tx.execute(queries.DELEGATE_SERVICES, from_user, to_user)

    async def delegated(self, tx: Transaction, from_user: UUID, to_user: UUID) -> list[UUID]:
        """The services that one user has from another."""
        return [row["id"] for row in await tx.fetch(queries.DELEGATED, from_user, to_user)]

    async def live_services(self, tx: Transaction, user_id: UUID) -> list[UUID]:
        """The live services of a user."""
        return [row["id"] for row in await tx.fetch(queries.LIVE_SERVICES, user_id)]

    async def count(self, tx: Transaction, user_id: UUID) -> int:
        """How many sessions a user has, ended ones included."""
        return int(await tx.fetchval(queries.COUNT, user_id))

    async def delete_services(self, tx: Transaction, user_id: UUID) -> int:
        """Remove a user's services that have ended; how many there were."""
        return await tx.execute(queries.DELETE_SERVICES, user_id)

    async def has_live(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user has live sessions."""
        return bool(await tx.fetchval(queries.HAS_LIVE, user_id))

    async def ended_on(self, tx: Transaction, user_id: UUID) -> dict[str, list[UUID]]:
        """The ended sessions of a user that agents alive have had, by agent."""
        rows = await tx.fetch(queries.ENDED_ON, user_id)
        return {row["agent"]: row["ids"] for row in rows}

    async def forget(self, tx: Transaction, user_id: UUID) -> int:
        """Remove all rows of a user; how many there were."""
        return await tx.execute(queries.FORGET, user_id)

    async def register_agent(self, tx: Transaction, agent: AgentData, now: datetime) -> AgentData:
        """Add an agent, or change what a known one offers."""
        offer = agent.address, agent.cpu, agent.memory, agent.gpu
        row = await tx.fetchrow(queries.REGISTER_AGENT, agent.name, *offer, now)
        return _agent(row) if row else agent

    async def find_agent(self, tx: Transaction, name: str) -> AgentData | None:
        """The agent of this name, locked, if there is one."""
        row = await tx.fetchrow(queries.FIND_AGENT, name)
        return _agent(row) if row else None

    async def heartbeat(self, tx: Transaction, name: str, now: datetime) -> AgentData:
        """Note a sign of life; AgentNotFound for an unknown agent."""
        row = await tx.fetchrow(queries.HEARTBEAT, name, now)
        if row is None:
            raise AgentNotFound(field="name")
        return _agent(row)

    async def agents(self, tx: Transaction, after: str, limit: int) -> list[AgentData]:
        """Agents by name."""
        return [_agent(row) for row in await tx.fetch(queries.AGENTS, after, limit)]

    async def agents_alive(self, tx: Transaction) -> list[str]:
        """The names of the agents alive."""
        return [row["name"] for row in await tx.fetch(queries.AGENTS_ALIVE)]

    async def lose_agents(self, tx: Transaction, silent_since: datetime) -> int:
        """Count agents as lost that were not heard of since then."""
        return await tx.execute(queries.LOSE_AGENTS, silent_since)

    async def give_up_lost(self, tx: Transaction, silent_since: datetime) -> int:
        """End, in our records, what was on agents not heard of since then."""
        return await tx.execute(queries.GIVE_UP_LOST, silent_since)


def _found(row: Row | None) -> Row:
    if row is None:
        raise ComputeSessionNotFound(field="session")
    return row


def _use(row: Row, of: str) -> Use:
    return Use(
        sessions=row[f"{of}_sessions"],
        cpu=row[f"{of}_cpu"],
        memory=int(row[f"{of}_memory"]),
        gpu=row[f"{of}_gpu"],
    )


_PLAIN = [n for n in ComputeSessionData.__struct_fields__ if n not in ("kind", "status")]


def _session(row: Row) -> ComputeSessionData:
    values = {name: row[name] for name in _PLAIN}
    return ComputeSessionData(
        **values, kind=SessionKind(row["kind"]), status=SessionStatus(row["status"])
    )


def _agent(row: Row) -> AgentData:
    values = {name: row[name] for name in AgentData.__struct_fields__ if name != "status"}
    return AgentData(**values, status=AgentStatus(row["status"]))


def _assignment(row: Row) -> Assignment:
    names = ("id", "command", "cpu", "memory", "gpu", "uid", "gid", "gids", "sudo")
    environment = msgspec.json.decode(row["environment"], type=dict[str, str])
    return Assignment(
        agent=row["agent"],
        status=SessionStatus(row["status"]),
        user_id=row["user_id"],
        folders=row["folders"],
        order=SessionOrder(environment=environment, **{name: row[name] for name in names}),
    )
