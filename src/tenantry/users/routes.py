"""How the actions on users are reached."""

from tenantry.kernel.route import Route
from tenantry.users.actions import (
    AdminMonthStatsAction,
    CreateUserAction,
    DeleteUserAction,
    FindUserAction,
    GetUserAction,
    ImportUsersAction,
    ListUsersAction,
    ModifyUserAction,
    PreviewPurgeAction,
    PurgeUserAction,
    RestoreUserAction,
    SearchUsersAction,
    UserMonthStatsAction,
)

_BY_NAME = {"email": None}
_PURGED = {"email": None, "user_info_ctx": None}

ROUTES = (
    Route("POST", "/users", CreateUserAction, "user create", status=201, inline="input"),
    Route("GET", "/users", ListUsersAction, "user list"),
    Route("POST", "/users/find", FindUserAction, "user find"),
    Route("POST", "/users/search", SearchUsersAction, "user search", inline="filter"),
    Route("POST", "/users/import", ImportUsersAction, max_body=4 * 2**20),
    Route("GET", "/users/{user}", GetUserAction, "user get", preset=_BY_NAME),
    Route(
        "PATCH",
        "/users/{user}",
        ModifyUserAction,
        "user modify",
        inline="modifier",
        preset=_BY_NAME,
    ),
    Route("DELETE", "/users/{user}", DeleteUserAction, "user delete", preset=_BY_NAME),
    Route("POST", "/users/{user}/restore", RestoreUserAction, "user restore", preset=_BY_NAME),
    Route("POST", "/users/{user}/purge", PurgeUserAction, preset=_PURGED),
    Route("POST", "/users/{user}/purge/preview", PreviewPurgeAction, preset=_PURGED),
    # The commands draw, and are thus written by hand.
    Route("GET", "/usage", AdminMonthStatsAction),
    Route("GET", "/usage/users/{user_id}", UserMonthStatsAction),
)
