"""The processors of managed databases."""

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
from tenantry.databases.enforcing_service import DatabaseEnforcementService
from tenantry.databases.login_actions import LoginToDatabaseAction
from tenantry.databases.logins import DatabaseLogins
from tenantry.databases.service import DatabaseService
from tenantry.kernel.processor import Runner


class DatabaseProcessors:
    """Runs the actions on managed databases."""

    def __init__(
        self,
        *,
        database_service: DatabaseService,
        enforcement_service: DatabaseEnforcementService,
        logins: DatabaseLogins,
        run: Runner,
    ) -> None:
        self.add_database = run(AddDatabaseAction, database_service.add_database)
        self.get_database = run(GetDatabaseAction, database_service.get_database)
        self.list_databases = run(ListDatabasesAction, database_service.list_databases)
        self.modify_database = run(ModifyDatabaseAction, database_service.modify_database)
        self.remove_database = run(RemoveDatabaseAction, database_service.remove_database)
        self.check_database = run(CheckDatabaseAction, enforcement_service.check_database)
        self.plan_database = run(PlanDatabaseAction, enforcement_service.plan_database)
        self.apply_database = run(ApplyDatabaseAction, enforcement_service.apply_database)
        self.drift_database = run(DriftDatabaseAction, enforcement_service.drift_database)
        self.dump_database = run(DumpDatabaseAction, enforcement_service.dump_database)
        self.propose_database = run(ProposeDatabaseAction, enforcement_service.propose_database)
        self.adopt_database = run(AdoptDatabaseAction, enforcement_service.adopt_database)
        self.revert_database = run(RevertDatabaseAction, enforcement_service.revert_database)
        self.login_to_database = run(LoginToDatabaseAction, logins.login)
