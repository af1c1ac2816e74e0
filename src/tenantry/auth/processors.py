"""The processors of authentication."""

from tenantry.auth.actions import (
    AuthenticateAction,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    EndOwnSessionAction,
    StepUpAction,
    WhoAmIAction,
)
from tenantry.auth.service import AuthService
from tenantry.kernel.processor import Runner


class AuthProcessors:
    """Runs the actions around logging in."""

    def __init__(self, *, auth_service: AuthService, run: Runner) -> None:
        self.authenticate = run(AuthenticateAction, auth_service.authenticate)
        self.complete_login = run(CompleteLoginAction, auth_service.complete_login)
        self.change_own_password = run(ChangeOwnPasswordAction, auth_service.change_own_password)
        self.step_up = run(StepUpAction, auth_service.step_up)
        self.end_own_session = run(EndOwnSessionAction, auth_service.end_own_session)
        self.who_am_i = run(WhoAmIAction, auth_service.who_am_i)
