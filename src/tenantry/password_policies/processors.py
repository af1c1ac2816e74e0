"""The processors of password policies."""

from tenantry.kernel.processor import Runner
from tenantry.password_policies.actions import (
    CheckPasswordAction,
    GetPasswordPolicyAction,
    ReportPasswordsAction,
    SetPasswordPolicyAction,
)
from tenantry.password_policies.service import PasswordPolicyService


class PasswordPolicyProcessors:
    """Runs the actions on password policies."""

    def __init__(self, *, password_policy_service: PasswordPolicyService, run: Runner) -> None:
        service = password_policy_service
        self.get = run(GetPasswordPolicyAction, service.get)
        self.set = run(SetPasswordPolicyAction, service.set)
        self.check = run(CheckPasswordAction, service.check)
        self.report = run(ReportPasswordsAction, service.report)
