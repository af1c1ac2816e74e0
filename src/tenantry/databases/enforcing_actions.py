"""What can be asked about a managed database and its server: compare, apply, take over, undo."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from tenantry.databases.actions import ManagedDatabaseResult, OnDatabase
from tenantry.databases.model import DriftKind, Fidelity
from tenantry.grants.model import PrincipalType
from tenantry.kernel.action import Audience
from tenantry.privileges.model import Privilege
from tenantry.record import Record


class PlannedStep(Record, frozen=True, kw_only=True):
    """One statement, why it is there, and whom of Tenantry it is about."""

    statement: str
    why: str
    drift: DriftKind
    fidelity: Fidelity
    about: list[str]


class PlanFinding(Record, frozen=True, kw_only=True):
    """What the server cannot or does not do exactly; ``refused`` where nothing is done for it."""

    about: str
    privilege: str | None
    object: str | None
    fidelity: Fidelity
    reason: str
    refused: bool


class DatabasePlan(Record, frozen=True, kw_only=True):
    """The steps from what the server enforces to what is granted; none where both agree."""

    database: str
    steps: list[PlannedStep]
    findings: list[PlanFinding]
    empty: bool


class DatabasePlanResult(Record, frozen=True):
    """A plan. Nothing was changed."""

    data: DatabasePlan
    success: bool = True


class AppliedDatabase(Record, frozen=True, kw_only=True):
    """What an apply did. Not ``done``: it goes on; `database get` shows how far it is.

    ``connections_ended`` is how many open connections of which users were ended.
    """

    database: str
    done: bool
    steps: int
    findings: list[PlanFinding]
    connections_ended: dict[str, int]
    applied_at: datetime | None


class AppliedDatabaseResult(Record, frozen=True):
    """What was changed on the server."""

    data: AppliedDatabase
    success: bool = True


class ServerReport(Record, frozen=True, kw_only=True):
    """What a first connection tells; ``lacks`` says what Tenantry's own login there may not do."""

    database: str
    version: str
    executor: str
    lacks: list[str]
    proven: bool


class ServerReportResult(Record, frozen=True):
    """The server answers."""

    data: ServerReport
    success: bool = True


class DatabaseDump(Record, frozen=True, kw_only=True):
    """Statements that give what is granted, in an order that stays: for version control."""

    database: str
    statements: list[str]


class DatabaseDumpResult(Record, frozen=True):
    """The statements. Nothing was changed."""

    data: DatabaseDump
    success: bool = True


class ProposedPrincipalData(Record, frozen=True, kw_only=True):
    """A user or role to make, and the login or role on the server that it would stand for."""

    name: str
    type: PrincipalType
    on_server: str


class ProposedMemberData(Record, frozen=True, kw_only=True):
    """Who is to hold a role, or to inherit it."""

    principal: str
    principal_type: PrincipalType
    role: str


class ProposedGrantData(Record, frozen=True, kw_only=True):
    """A grant that would say what a right on the server says."""

    principal: str
    principal_type: PrincipalType
    privilege: Privilege
    schema: str | None
    table: str | None


class DatabaseProposal(Record, frozen=True, kw_only=True):
    """Users, roles, memberships and grants for what is on the server and not managed.

    All by the names that they would have here, in the tenant of the database. ``left`` says what
    on the server it leaves out, and why.
    """

    database: str
    domain_name: str | None
    principals: list[ProposedPrincipalData]
    members: list[ProposedMemberData]
    grants: list[ProposedGrantData]
    left: list[str]


class DatabaseProposalResult(Record, frozen=True):
    """The proposal. Nothing was changed."""

    data: DatabaseProposal
    success: bool = True


class CheckDatabaseAction(OnDatabase[ServerReportResult], frozen=True):
    """Connect to the server, and say what Tenantry's own login there may not do."""

    tag: ClassVar[str] = "database.check"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    reads: ClassVar[bool] = True


class PlanDatabaseAction(OnDatabase[DatabasePlanResult], frozen=True):
    """Show every statement that an apply would run now, and change nothing."""

    tag: ClassVar[str] = "database.plan"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    reads: ClassVar[bool] = True


class ApplyDatabaseAction(OnDatabase[AppliedDatabaseResult], frozen=True):
    """Have the server enforce what is granted, now and from now on.

    May be repeated, and goes on where it was broken off. After the first time every change of
    roles, grants and users reaches the server by itself.
    """

    tag: ClassVar[str] = "database.apply"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS


class DriftDatabaseAction(OnDatabase[DatabasePlanResult], frozen=True):
    """Compare the server with what it last was made to enforce, and say what mends it."""

    tag: ClassVar[str] = "database.drift"
    audience: ClassVar[Audience] = Audience.READERS
    reads: ClassVar[bool] = True


class DumpDatabaseAction(OnDatabase[DatabaseDumpResult], frozen=True):
    """Show the statements that would give all that is granted to a server that has none of it."""

    tag: ClassVar[str] = "database.dump"
    audience: ClassVar[Audience] = Audience.ADMINISTRATORS
    reads: ClassVar[bool] = True


class ProposeDatabaseAction(OnDatabase[DatabaseProposalResult], frozen=True):
    """Read what is on the server and propose users, roles and grants for it; changes nothing."""

    tag: ClassVar[str] = "database.propose"
    reads: ClassVar[bool] = True


class AdoptDatabaseAction(OnDatabase[ManagedDatabaseResult], frozen=True):
    """Have a login or role that is on the server already stand for a user or a role.

    From the next apply on it has there what is granted here, and no more.
    """

    tag: ClassVar[str] = "database.adopt"
    name: Annotated[str, msgspec.Meta(description="Name on the server")]
    principal: Annotated[str, msgspec.Meta(description="User or role that it is, by name or id")]
    principal_type: Annotated[
        PrincipalType | None, msgspec.Meta(description="Where a user and a role bear the name")
    ] = None


class RevertDatabaseAction(OnDatabase[AppliedDatabaseResult], frozen=True):
    """Take everything from the server that Tenantry made there, and enforce nothing any more.

    What was there before stays, and what was adopted has again what it had before.
    """

    tag: ClassVar[str] = "database.revert"
