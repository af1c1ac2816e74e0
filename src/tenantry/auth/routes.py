"""How logging in and out is reached."""

from tenantry.auth.actions import (
    AuthenticateAction,
    ChangeOwnPasswordAction,
    CompleteLoginAction,
    EndOwnSessionAction,
    StepUpAction,
    WhoAmIAction,
)
from tenantry.kernel.route import Route

ROUTES = (
    Route("POST", "/login", AuthenticateAction, preset={"raise_on_failure": True}),
    Route("POST", "/login/second-factor", CompleteLoginAction),
    Route("POST", "/step-up", StepUpAction),
    Route("POST", "/logout", EndOwnSessionAction),
    Route("GET", "/me", WhoAmIAction),
    Route("POST", "/me/password", ChangeOwnPasswordAction),
)
