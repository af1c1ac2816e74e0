"""How the actions on managed databases are reached."""

from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
)
from tenantry.databases.login_actions import LoginToDatabaseAction
from tenantry.kernel.route import Route

_ONE = "/databases/{database}"

ROUTES = (
    Route("POST", "/databases", AddDatabaseAction, "database add", status=201),
    Route("GET", "/databases", ListDatabasesAction, "database list"),
    Route("GET", _ONE, GetDatabaseAction, "database get"),
    Route("PATCH", _ONE, ModifyDatabaseAction, "database modify", inline="modifier"),
    Route("DELETE", _ONE, RemoveDatabaseAction, "database remove"),
    Route("GET", f"{_ONE}/check", CheckDatabaseAction, "database check"),
    Route("GET", f"{_ONE}/plan", PlanDatabaseAction),
    Route("POST", f"{_ONE}/apply", ApplyDatabaseAction),
    Route("GET", f"{_ONE}/drift", DriftDatabaseAction),
    Route("GET", f"{_ONE}/dump", DumpDatabaseAction),
    Route("GET", f"{_ONE}/proposal", ProposeDatabaseAction),
    Route("POST", f"{_ONE}/adopted", AdoptDatabaseAction, "database adopt"),
    Route("POST", f"{_ONE}/revert", RevertDatabaseAction, "database revert"),
    Route("POST", f"{_ONE}/login", LoginToDatabaseAction),
)
