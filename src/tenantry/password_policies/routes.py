"""How password policies are reached."""

from tenantry.kernel.route import Route
from tenantry.password_policies.actions import (
    CheckPasswordAction,
    GetPasswordPolicyAction,
    ReportPasswordsAction,
    SetPasswordPolicyAction,
)

ROUTES = (
    Route("GET", "/password/policy", GetPasswordPolicyAction, "password policy get"),
    Route(
        "PATCH",
        "/password/policy",
        SetPasswordPolicyAction,
        "password policy set",
        inline="modifier",
    ),
    Route("POST", "/password/check", CheckPasswordAction),
    Route("GET", "/password/report", ReportPasswordsAction, "password report"),
)
