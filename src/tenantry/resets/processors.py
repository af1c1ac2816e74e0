"""The processors of resets."""

from tenantry.kernel.processor import Runner
from tenantry.resets.actions import (
    InviteUserAction,
    RequestPasswordResetAction,
    ResetPasswordAction,
    ResetUserPasswordAction,
    SetUserPasswordAction,
)
from tenantry.resets.service import ResetService


class ResetProcessors:
    """Runs the actions on resets."""

    def __init__(self, *, reset_service: ResetService, run: Runner) -> None:
        self.request = run(RequestPasswordResetAction, reset_service.request)
        self.reset = run(ResetPasswordAction, reset_service.reset)
        self.invite = run(InviteUserAction, reset_service.invite)
        self.reset_user = run(ResetUserPasswordAction, reset_service.reset_user)
        self.set_password = run(SetUserPasswordAction, reset_service.set_password)
