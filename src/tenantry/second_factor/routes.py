"""How the actions on the second factor are reached."""

from tenantry.kernel.route import Route
from tenantry.second_factor.actions import (
    EnrolSecondFactorAction,
    GetSecondFactorAction,
    ProveSecondFactorAction,
    RegenerateRecoveryCodesAction,
    RemoveOwnSecondFactorAction,
    RemoveSecondFactorAction,
)

_OWN, _NOUN = "/second-factor", "second-factor"

ROUTES = (
    Route("GET", _OWN, GetSecondFactorAction, f"{_NOUN} get"),
    Route("POST", _OWN, EnrolSecondFactorAction, f"{_NOUN} enrol", status=201),
    Route("POST", f"{_OWN}/proof", ProveSecondFactorAction, f"{_NOUN} prove"),
    Route(
        "POST", f"{_OWN}/recovery-codes", RegenerateRecoveryCodesAction, f"{_NOUN} recovery-codes"
    ),
    Route("POST", f"{_OWN}/removal", RemoveOwnSecondFactorAction, f"{_NOUN} remove-own"),
    Route("DELETE", "/users/{user}/second-factor", RemoveSecondFactorAction, f"{_NOUN} remove"),
)
