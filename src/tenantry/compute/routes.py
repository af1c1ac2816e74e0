"""How the actions on agents and compute sessions are reached."""

from tenantry.compute.actions import (
    AgentHeartbeatAction,
    CreateComputeSessionAction,
    GetComputeSessionAction,
    ListAgentsAction,
    ListComputeSessionsAction,
    RegisterAgentAction,
    TerminateComputeSessionAction,
)
from tenantry.kernel.route import Route

ROUTES = (
    Route("GET", "/agents", ListAgentsAction, "agent list"),
    Route("PUT", "/agents/{name}", RegisterAgentAction, "agent register"),
    Route("POST", "/agents/{name}/heartbeat", AgentHeartbeatAction, "agent heartbeat"),
    Route("POST", "/compute-sessions", CreateComputeSessionAction, "compute run", status=201),
    Route("GET", "/compute-sessions", ListComputeSessionsAction, "compute list"),
    Route("GET", "/compute-sessions/{session}", GetComputeSessionAction, "compute get"),
    Route(
        "POST",
        "/compute-sessions/{session}/terminate",
        TerminateComputeSessionAction,
        "compute stop",
    ),
)
