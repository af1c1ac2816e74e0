"""The account manager's operations on managed databases, whose servers enforce what is granted."""

from tenantry.databases.actions import (
    AddDatabaseAction,
    GetDatabaseAction,
    ListDatabasesAction,
    ModifyDatabaseAction,
    RemoveDatabaseAction,
)
from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    AppliedDatabase,
    ApplyDatabaseAction,
    CheckDatabaseAction,
    DatabaseDump,
    DatabasePlan,
    DatabaseProposal,
    DriftDatabaseAction,
    DumpDatabaseAction,
    PlanDatabaseAction,
    ProposeDatabaseAction,
    RevertDatabaseAction,
    ServerReport,
)
from tenantry.databases.login_actions import DatabaseLogin, LoginToDatabaseAction
from tenantry.databases.managed import ManagedDatabase
from tenantry.errors import DatabaseNotFound
from tenantry.sdk.database_import import ImportedDatabase, make
from tenantry.sdk.operations import Operations
from tenantry.sdk.pages import PAGE_SIZE, AsyncPages


class DatabaseOperations(Operations):
    """Managed databases, by the name that grants call them.

    ConnectionError also where it is the managed server that cannot be reached; its message says
    which of the two.
    """

    async def add_database(
        self,
        database: str,
        dsn: str,
        *,
        kind: str = "postgresql",
        secret: str | None = None,
        tenant: str | None = None,
        allow_wider: bool = False,
        close_public: bool = False,
        take_ownership: bool = False,
    ) -> ManagedDatabase:
        """Manage a database; nothing changes on its server until apply_database().

        ``dsn`` is ``postgresql://user@host:5432/name`` or ``mysql://...``, without a password: that
        is the ``secret``, which is stored encrypted and never told. ``kind`` is ``postgresql``,
        ``mysql``, ``mariadb`` or ``matrixone``. DatabaseConflict where the name is managed already.
        """
        action = self._action(
            AddDatabaseAction,
            database=database,
            dsn=dsn,
            kind=kind,
            secret=secret,
            domain_name=tenant,
            allow_wider=allow_wider,
            close_public=close_public,
            take_ownership=take_ownership,
        )
        return (await self._run(action)).data

    async def get_database(self, database: str) -> ManagedDatabase | None:
        """The managed database, and how far its server obeys; None where there is none to see."""
        try:
            return (await self._run(GetDatabaseAction(database))).data
        except DatabaseNotFound:
            return None

    async def list_databases(self) -> AsyncPages[ManagedDatabase]:
        """All managed databases that one may see, by name."""
        return await self._walk(lambda cursor: ListDatabasesAction(limit=PAGE_SIZE, cursor=cursor))

    async def update_database(self, database: str, /, **fields: object) -> ManagedDatabase:
        """Change ``dsn``, ``secret`` or what may be done there; what is not named stays.

        Another address needs the secret again. ``version=`` (from the database as read) refuses the
        change if somebody else was faster.
        """
        action = self._action(ModifyDatabaseAction, database=database, **fields)
        return (await self._run(action)).data

    async def remove_database(self, database: str, *, force: bool = False) -> ManagedDatabase:
        """Stop managing a database; what its server enforces stays there, but for open logins.

        ConnectionError where those cannot be shut, unless ``force`` is given.
        """
        return (await self._run(RemoveDatabaseAction(database, force))).data

    async def check_database(self, database: str) -> ServerReport:
        """Connect to the server; ``lacks`` says what Tenantry's own login may not do there."""
        return (await self._run(CheckDatabaseAction(database))).data

    async def plan_database(self, database: str) -> DatabasePlan:
        """Every statement that apply_database() would run now; changes nothing."""
        return (await self._run(PlanDatabaseAction(database))).data

    async def apply_database(self, database: str) -> AppliedDatabase:
        """Have the server enforce what is granted, now and from now on. May be repeated.

        What takes longer than a few seconds goes on after the answer, which is not ``done`` then:
        get_database() tells how far it is, and its ``standing`` is ``applied`` in the end.
        """
        return (await self._run(ApplyDatabaseAction(database))).data

    async def drift_database(self, database: str) -> DatabasePlan:
        """What differs on the server, and the statements that mend it; ``empty`` where nothing."""
        return (await self._run(DriftDatabaseAction(database))).data

    async def dump_database(self, database: str) -> DatabaseDump:
        """The statements that give all that is granted, in an order that stays."""
        return (await self._run(DumpDatabaseAction(database))).data

    async def propose_database(self, database: str) -> DatabaseProposal:
        """Users, roles and grants for what is on the server and not managed; changes nothing."""
        return (await self._run(ProposeDatabaseAction(database))).data

    async def import_database(self, database: str, *, adopt: bool = False) -> ImportedDatabase:
        """Make in Tenantry what propose_database() proposes; its server stays as it is.

        Who is there already gets what is missing, so that it may be repeated. With ``adopt`` the
        accounts there have what is granted here, and no more: at once where the server is made to
        follow already, and otherwise from the first apply_database() on.
        """
        return await make(self._line, await self.propose_database(database), adopt=adopt)

    async def adopt_database(
        self, database: str, name: str, username: str, *, principal_type: str | None = None
    ) -> ManagedDatabase:
        """Have ``name``, a login or role on the server, stand for a user or role of Tenantry.

        From the next apply on it has there what is granted here, and no more. Where a user and a
        role bear the name, say which by ``principal_type="user"`` or ``"role"``.
        """
        action = self._action(
            AdoptDatabaseAction,
            database=database,
            name=name,
            principal=username,
            principal_type=principal_type,
        )
        return (await self._run(action)).data

    async def revert_database(self, database: str) -> AppliedDatabase:
        """Take from the server all that Tenantry made there, and enforce nothing any more."""
        return (await self._run(RevertDatabaseAction(database))).data

    async def login_to_database(self, database: str, *, minutes: int = 60) -> DatabaseLogin:
        """A login of one's own to the server, which ends by itself; its password is told once.

        Its ``dsn`` is for a driver, or take ``host``, ``port``, ``username``, ``password`` and
        ``remote_name``. Another login takes the place of the first.
        """
        action = self._action(LoginToDatabaseAction, database=database, minutes=minutes)
        return (await self._run(action)).data
