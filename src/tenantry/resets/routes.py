"""How resets are reached."""

from tenantry.kernel.route import Route
from tenantry.resets.actions import (
    InviteUserAction,
    RequestPasswordResetAction,
    ResetPasswordAction,
    ResetUserPasswordAction,
    SetUserPasswordAction,
)

ROUTES = (
    Route(
        "POST",
        "/password/request-reset",
        RequestPasswordResetAction,
        "password request-reset",
        status=202,
    ),
    Route("POST", "/password/reset", ResetPasswordAction, "password reset"),
    Route(
        "POST",
        "/users/invite",
        InviteUserAction,
        "user invite",
        status=201,
        inline="input",
        refuses=("password", "password_hash"),
    ),
    Route(
        "POST",
        "/users/{user}/reset-password",
        ResetUserPasswordAction,
        "user reset-password",
        preset={"email": None},
    ),
    Route(
        "PUT",
        "/users/{user}/password",
        SetUserPasswordAction,
        "user set-password",
        preset={"email": None},
    ),
)
