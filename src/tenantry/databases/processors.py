"""The processors of managed databases."""

from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.databases.service import DatabaseService
from tenantry.kernel.processor import Runner


class DatabaseProcessors:
    """Runs the actions on managed databases."""

    def __init__(self, *, database_service: DatabaseService, run: Runner) -> None:
        self.add_database = run(AddDatabaseAction, database_service.add_database)
        self.get_database = run(GetDatabaseAction, database_service.get_database)
        self.list_databases = run(ListDatabasesAction, database_service.list_databases)
        self.modify_database = run(ModifyDatabaseAction, database_service.modify_database)
        self.remove_database = run(RemoveDatabaseAction, database_service.remove_database)
