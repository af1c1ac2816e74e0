"""The processors of compute."""

from tenantry.compute.actions import (
    AgentHeartbeatAction,
    CreateComputeSessionAction,
    GetComputeSessionAction,
    ListAgentsAction,
    ListComputeSessionsAction,
    RegisterAgentAction,
    TerminateComputeSessionAction,
)
from tenantry.compute.service import ComputeService
from tenantry.kernel.processor import Runner


class ComputeProcessors:
    """Runs the actions on agents and compute sessions."""

    def __init__(self, *, compute_service: ComputeService, run: Runner) -> None:
        self.register_agent = run(RegisterAgentAction, compute_service.register_agent)
        self.heartbeat = run(AgentHeartbeatAction, compute_service.heartbeat)
        self.list_agents = run(ListAgentsAction, compute_service.list_agents)
        self.create_session = run(CreateComputeSessionAction, compute_service.create_session)
        self.get_session = run(GetComputeSessionAction, compute_service.get_session)
        self.list_sessions = run(ListComputeSessionsAction, compute_service.list_sessions)
        self.terminate_session = run(
            TerminateComputeSessionAction, compute_service.terminate_session
        )
