"""The processors of sessions."""

from tenantry.kernel.processor import Runner
from tenantry.sessions.actions import (
    CreateSessionAction,
    EndSessionAction,
    EndSessionsAction,
    ListSessionsAction,
    RefreshSessionAction,
    TerminateSessionAction,
    ValidateSessionAction,
)
from tenantry.sessions.administration import SessionAdministration


class SessionProcessors:
    """Runs the actions on sessions."""

    def __init__(self, *, session_administration: SessionAdministration, run: Runner) -> None:
        service = session_administration
        self.create_session = run(CreateSessionAction, service.create_session)
        self.validate_session = run(ValidateSessionAction, service.validate_session)
        self.refresh_session = run(RefreshSessionAction, service.refresh_session)
        self.terminate_session = run(TerminateSessionAction, service.terminate_session)
        self.list_sessions = run(ListSessionsAction, service.list_sessions)
        self.end_session = run(EndSessionAction, service.end_session)
        self.end_sessions = run(EndSessionsAction, service.end_sessions)
