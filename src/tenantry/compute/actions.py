"""What can be asked about agents and compute sessions."""

from typing import Annotated, ClassVar
from uuid import UUID

import msgspec

from tenantry.compute.model import AgentData, ComputeSessionData, SessionKind, SessionStatus
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record

MIB, GIB, PIB = 2**20, 2**30, 2**50

AgentName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Cpu = Annotated[int, msgspec.Meta(ge=1, le=100_000, description="Number of processors.")]
Memory = Annotated[int, msgspec.Meta(ge=64 * MIB, le=PIB, description="In bytes.")]
Gpu = Annotated[float, msgspec.Meta(ge=0, le=100_000, description="Accelerators; shares count.")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Argument = Annotated[str, msgspec.Meta(max_length=4096)]
Environment = Annotated[
    dict[str, Argument], msgspec.Meta(max_length=128, description="Variables of its environment.")
]
Folder = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
FolderNames = Annotated[
    list[Folder], msgspec.Meta(max_length=64, description="Name or id of a vfolder to mount.")
]
UserName = Annotated[str, msgspec.Meta(description="Username or id of the user.")]


class AgentResult(Record, frozen=True):
    """The agent as it is after the action."""

    data: AgentData
    success: bool = True


class ComputeSessionResult(Record, frozen=True):
    """The compute session as it is after the action."""

    data: ComputeSessionData
    success: bool = True


class RegisterAgentAction(Action[AgentResult], frozen=True, kw_only=True):
    """Register an agent, or change what a known one offers; counts as a sign of life."""

    tag: ClassVar[str] = "agent.register"
    name: AgentName
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    cpu: Cpu
    memory: Memory
    gpu: Gpu = 0.0

    def target(self) -> str | None:
        return str(self.name)[:256]


class AgentHeartbeatAction(Action[AgentResult], frozen=True):
    """Tell that an agent is alive. Written every few seconds, so successes are not audited."""

    tag: ClassVar[str] = "agent.heartbeat"
    reads: ClassVar[bool] = True
    name: AgentName

    def target(self) -> str | None:
        return str(self.name)[:256]


class ListAgentsAction(Action[Page[AgentData]], frozen=True, kw_only=True):
    """List agents by name, a page at a time."""

    tag: ClassVar[str] = "agent.list"
    reads: ClassVar[bool] = True
    limit: Limit = 50
    cursor: str | None = None


class CreateComputeSessionAction(Action[ComputeSessionResult], frozen=True, kw_only=True):
    """Run a command as a compute session, for oneself unless a user is named.

    It is pending until an agent has room for it and has started it. A service's sessions share
    its name; the owner's resource policy says how many there may be. Each vfolder is found under
    its name where the command runs; one that is shared for reading only cannot be written to.
    """

    tag: ClassVar[str] = "compute.create"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    command: Annotated[list[Argument], msgspec.Meta(min_length=1, max_length=256)]
    name: Annotated[
        Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None,
        msgspec.Meta(description="What to call it; the command unless given."),
    ] = None
    kind: Annotated[SessionKind, msgspec.Meta(description="What it is for.")] = SessionKind.BATCH
    cpu: Cpu = 1
    memory: Memory = GIB
    gpu: Gpu = 0.0
    environment: Environment = {}  # noqa: RUF012 - msgspec copies it
    folders: FolderNames = []  # noqa: RUF012 - as above
    user: UserName | None = None

    def target(self) -> str | None:
        return str(self.name or self.command[0] if self.command else "")[:256]


class GetComputeSessionAction(Action[ComputeSessionResult], frozen=True):
    """Show a compute session."""

    tag: ClassVar[str] = "compute.get"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    session: UUID

    def target(self) -> str | None:
        return str(self.session)


class ListComputeSessionsAction(Action[Page[ComputeSessionData]], frozen=True, kw_only=True):
    """List compute sessions that you may see, newest first, a page at a time."""

    tag: ClassVar[str] = "compute.list"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    reads: ClassVar[bool] = True
    user: UserName | None = None
    status: Annotated[SessionStatus | None, msgspec.Meta(description="Its status.")] = None
    kind: Annotated[SessionKind | None, msgspec.Meta(description="What it is for.")] = None
    limit: Limit = 50
    cursor: str | None = None


class TerminateComputeSessionAction(Action[ComputeSessionResult], frozen=True):
    """End a compute session and everything it started; an ended one stays as it is.

    While its agent cannot be reached the session stays terminating, and is ended once it can.
    """

    tag: ClassVar[str] = "compute.terminate"
    audience: ClassVar[Audience] = Audience.AUTHENTICATED
    session: UUID

    def target(self) -> str | None:
        return str(self.session)
