"""Agents and compute sessions, as records."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tenantry.compute.limits import KeypairLimits
from tenantry.record import Record


class SessionKind(StrEnum):
    """Runs to its end; serves one person; serves others, and may change hands."""

    BATCH = "batch"
    INTERACTIVE = "interactive"
    SERVICE = "service"


class SessionStatus(StrEnum):
    """From pending to one of three ends.

    ``terminated`` has run, ``cancelled`` was ended before it ran, ``failed`` could not be run or
    was lost.
    """

    PENDING = "pending"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether an agent may have something running for it."""
        return self in (self.PENDING, self.RUNNING, self.TERMINATING)


class AgentStatus(StrEnum):
    """A lost agent has not been heard of for a while; nothing new is put there."""

    ALIVE = "alive"
    LOST = "lost"


class AgentData(Record, frozen=True, kw_only=True):
    """A place where compute sessions run, and what it can hold. Memory is in bytes."""

    name: str
    address: str
    status: AgentStatus
    cpu: int
    memory: int
    gpu: float
    registered_at: datetime
    heartbeat_at: datetime


class ComputeSessionData(Record, frozen=True, kw_only=True):
    """A compute session as everybody may see it who may see its owner. Memory is in bytes.

    The totals at the end say what an ended session has used, where its agent told.
    """

    id: UUID
    name: str
    kind: SessionKind
    status: SessionStatus
    status_info: str | None
    tenant_id: UUID
    domain_name: str
    user_id: UUID
    username: str
    agent: str | None
    command: list[str]
    folders: list[UUID]
    cpu: int
    memory: int
    gpu: float
    sudo: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    cpu_seconds: float | None
    io_read_bytes: int | None
    io_write_bytes: int | None
    disk_bytes: int | None


class Owner(Record, frozen=True, kw_only=True):
    """Who a new session is for, as the locked row says."""

    id: UUID
    tenant_id: UUID
    username: str
    role: str
    status: str
    locked_at: datetime | None
    lock_expires_at: datetime | None
    tenant_status: str
    container_uid: int | None
    container_main_gid: int | None
    container_gids: list[int] | None
    sudo_session_enabled: bool
    max_session_count_per_model_session: int
    limits: KeypairLimits | None
    """None for a user without a main access key, whose policy would say it."""


class FolderMount(Record, frozen=True):
    """A live session of somebody that has a folder mounted."""

    session_id: UUID
    user_id: UUID
    username: str
    folder_id: UUID
