"""How the actions on managed databases are reached."""

from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.kernel.route import Route

_ONE = "/databases/{database}"

ROUTES = (
    Route("POST", "/databases", AddDatabaseAction, "database add", status=201),
    Route("GET", "/databases", ListDatabasesAction, "database list"),
    Route("GET", _ONE, GetDatabaseAction, "database get"),
    Route("PATCH", _ONE, ModifyDatabaseAction, "database modify", inline="modifier"),
    Route("DELETE", _ONE, RemoveDatabaseAction, "database remove"),
)
