"""What the slices need of the agents: starting, watching and ending compute sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tenantry.kernel.transaction import Transaction
from tenantry.record import Record


class Mount(Record, frozen=True, kw_only=True):
    """A vfolder in a session: where the storage has it, and its name where the command runs."""

    path: str
    name: str
    read_only: bool = False


class SessionOrder(Record, frozen=True, kw_only=True):
    """What is to run. Memory is in bytes; the ids are the user's container identity or None."""

    id: UUID
    command: list[str]
    environment: dict[str, str]
    cpu: int
    memory: int
    gpu: float = 0.0
    uid: int | None = None
    gid: int | None = None
    gids: list[int] = []  # noqa: RUF012 - msgspec copies it
    sudo: bool = False
    folders: list[Mount] = []  # noqa: RUF012 - as above


class Sample(Record, frozen=True, kw_only=True):
    """What a session has used until now: running totals but for memory.

    CPU in seconds; memory in bytes, resident now; IO in bytes.
    """

    id: UUID
    at: datetime
    cpu_seconds: float
    memory_bytes: int
    io_read_bytes: int
    io_write_bytes: int
    disk_bytes: int = 0


class SessionState(Record, frozen=True, kw_only=True):
    """How a session is on its agent: running, or ended with an exit code."""

    id: UUID
    running: bool
    exit_code: int | None
    ended_at: datetime | None
    last: Sample | None = None
    """What an ended session had used in all, where the agent knows."""


class AgentRegistry(Protocol):
    """Runs compute sessions somewhere. Every method can be repeated.

    Raises ConnectionError when the agent cannot be reached or is not known here.
    """

    async def start_session(self, agent: str, order: SessionOrder) -> None:
        """Start it; one that was started or ended under this id already is left alone.

        StateConflict where the agent can never run it: the program is not there, for example, or
        a vfolder cannot be mounted as it would have to be.
        """

    async def terminate_session(self, agent: str, session_id: UUID) -> SessionState:
        """End it and everything it started (TERM, then KILL); an ended one stays ended.

        One that was never started ends, too: a start that comes late then does nothing.
        """

    async def session_state(self, agent: str, session_id: UUID) -> SessionState | None:
        """How it is; None where the agent has never heard of it."""

    async def list_sessions(self, agent: str) -> set[UUID]:
        """The sessions that are really running: to compare with the records."""

    async def sample(self, agent: str) -> list[Sample]:
        """What the agent's running sessions have used until now, all in one look."""


class Folders(Protocol):
    """The vfolders that a session mounts."""

    async def identify(self, tx: Transaction, user_id: UUID, named: Sequence[str]) -> list[UUID]:
        """The folders that the user means by these names or ids, in that order.

        VfolderNotFound unless the user may mount each now; InvalidInput for a name that several
        bear. Until the end of the transaction none of them can go into the trash.
        """

    async def mounts(self, user_id: UUID, folder_ids: Sequence[UUID]) -> list[Mount]:
        """How each is to be mounted, in that order; VfolderNotFound as above.

        StateConflict where one would be writable whose owner has used up the quota. Outside any
        transaction.
        """
