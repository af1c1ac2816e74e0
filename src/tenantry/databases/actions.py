"""What can be asked about managed databases themselves."""

from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from tenantry.databases.managed import (
    AllowWider,
    ClosePublic,
    DatabaseKind,
    DatabaseModifier,
    Dsn,
    ManagedDatabase,
    Secret,
    TakeOwnership,
)
from tenantry.kernel.action import Action, Audience
from tenantry.kernel.page import Page
from tenantry.record import Record
from tenantry.users.model import Limit

ResultT = TypeVar("ResultT")


class ManagedDatabaseResult(Record, frozen=True):
    """The managed database as it is after the action, or as it was when it was removed."""

    data: ManagedDatabase
    success: bool = True


class OnDatabase(Action[ResultT], Generic[ResultT], frozen=True):
    """An action about one managed database, called as grants call it."""

    database: Annotated[str, msgspec.Meta(description="Name of the managed database")]

    def target(self) -> str | None:
        return str(self.database)[:256]


class AddDatabaseAction(OnDatabase[ManagedDatabaseResult], frozen=True, kw_only=True):
    """Manage a database: have its server enforce what is granted on it.

    Nothing changes on the server until the first apply. The address names a user of the server
    that may create roles there and grant; its password is the secret, which is stored encrypted.
    """

    tag: ClassVar[str] = "database.add"
    dsn: Dsn
    kind: DatabaseKind = DatabaseKind.POSTGRESQL
    secret: Secret | None = None
    domain_name: Annotated[
        str | None, msgspec.Meta(description="Tenant that it belongs to; nobody's unless named")
    ] = None
    allow_wider: AllowWider = False
    close_public: ClosePublic = False
    take_ownership: TakeOwnership = False


class GetDatabaseAction(OnDatabase[ManagedDatabaseResult], frozen=True):
    """Show a managed database, and how far its server obeys."""

    tag: ClassVar[str] = "database.get"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class ListDatabasesAction(Action[Page[ManagedDatabase]], frozen=True, kw_only=True):
    """List the managed databases that one can see, by name."""

    tag: ClassVar[str] = "database.list"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True
    limit: Annotated[int, Limit] = 50
    cursor: str | None = None


class ModifyDatabaseAction(OnDatabase[ManagedDatabaseResult], frozen=True):
    """Change where a managed database is, or the secret. With a version, only if nobody else did.

    Another address needs the secret again: a stored one is never sent to a server that it was
    not given for.
    """

    tag: ClassVar[str] = "database.modify"
    modifier: DatabaseModifier = DatabaseModifier()
    version: Annotated[int, msgspec.Meta(ge=1, le=2**62)] | None = None


class RemoveDatabaseAction(OnDatabase[ManagedDatabaseResult], frozen=True):
    """Stop managing a database. What its server enforces now stays there; see revert.

    Logins to it that are still good are shut first, as nobody would do so later.
    """

    tag: ClassVar[str] = "database.remove"
    force: Annotated[
        bool, msgspec.Meta(description="Also where the server cannot be reached to shut logins")
    ] = False
