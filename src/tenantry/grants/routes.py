"""How the actions on grants, and the questions about them, are reached."""

from tenantry.grants.actions import (
    CheckAccessAction,
    CheckAction,
    CheckManyAction,
    ExplainAction,
    GetPermissionsAction,
    GiveAction,
    ListGrantsAction,
    ListHoldersAction,
    RevokeAccessAction,
    RevokeAction,
    WhatIfRoleAction,
)
from tenantry.kernel.route import Route

ROUTES = (
    Route("POST", "/grants", GiveAction, "grant give", status=201),
    Route("GET", "/grants", ListGrantsAction, "grant list"),
    Route("POST", "/grants/revoke", RevokeAction, "grant revoke"),
    Route("POST", "/grants/revoke-access", RevokeAccessAction, "grant revoke-access"),
    Route("GET", "/grants/holders", ListHoldersAction, "grant holders"),
    Route("GET", "/grants/explain", ExplainAction),
    Route("POST", "/grants/what-if", WhatIfRoleAction, inline="change"),
    Route("GET", "/users/{user}/permissions", GetPermissionsAction),
    Route("POST", "/check", CheckAction, "grant check"),
    Route("POST", "/check-access", CheckAccessAction, "grant check-access"),
    Route("POST", "/checks", CheckManyAction, max_body=512 * 1024),
)
