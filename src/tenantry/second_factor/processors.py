"""The processors of the second factor."""

from tenantry.kernel.processor import Runner
from tenantry.second_factor.actions import (
    EnrolSecondFactorAction,
    GetSecondFactorAction,
    ProveSecondFactorAction,
    RegenerateRecoveryCodesAction,
    RemoveOwnSecondFactorAction,
    RemoveSecondFactorAction,
)
from tenantry.second_factor.service import SecondFactorService


class SecondFactorProcessors:
    """Runs the actions on second factors."""

    def __init__(self, *, second_factor_service: SecondFactorService, run: Runner) -> None:
        service = second_factor_service
        self.enrol = run(EnrolSecondFactorAction, service.enrol)
        self.prove = run(ProveSecondFactorAction, service.prove)
        self.regenerate_codes = run(RegenerateRecoveryCodesAction, service.regenerate_codes)
        self.remove_own = run(RemoveOwnSecondFactorAction, service.remove_own)
        self.remove = run(RemoveSecondFactorAction, service.remove)
        self.get = run(GetSecondFactorAction, service.get)
