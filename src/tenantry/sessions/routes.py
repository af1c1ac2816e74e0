"""How the actions on sessions are reached. Tokens go in bodies, never in an address."""

from tenantry.kernel.route import Route
from tenantry.sessions.actions import (
    CreateSessionAction,
    EndSessionAction,
    EndSessionsAction,
    ListSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
    ValidateSessionAction,
)

ROUTES = (
    Route("POST", "/sessions", CreateSessionAction, "session create", status=201),
    Route("GET", "/sessions", ListSessionsAction, "session list"),
    Route("DELETE", "/sessions/{session}", EndSessionAction, "session end"),
    Route("POST", "/sessions/end-all", EndSessionsAction, "session end-all"),
    Route("POST", "/sessions/validate", ValidateSessionAction, "session validate"),
    Route("POST", "/sessions/refresh", RefreshSessionAction, "session refresh"),
    Route("POST", "/sessions/terminate", TerminateSessionAction, "session terminate"),
)
