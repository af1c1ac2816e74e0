"""Makes in Tenantry what is proposed for a server: users, roles, who holds them, and grants."""

from collections.abc import Iterable
from itertools import groupby
from typing import Protocol, TypeVar

from tenantry.databases.enforcing_actions import (
    AdoptDatabaseAction,
    DatabaseProposal,
    ProposedGrantData,
    ProposedMemberData,
    ProposedPrincipalData,
)
from tenantry.grants.actions import GiveAction
from tenantry.grants.model import PrincipalType
from tenantry.kernel.action import Action
from tenantry.record import Record
from tenantry.roles.actions import (
    AssignRolesAction,
    CreateRoleAction,
    FindRoleAction,
    InheritRoleAction,
)
from tenantry.users.actions import CreateUserAction, FindUserAction
from tenantry.users.model import UserCreator

ResultT = TypeVar("ResultT")


class Carrier(Protocol):
    """What runs actions."""

    async def run(self, action: Action[ResultT]) -> ResultT:
        """The action's result, or the error that it raised."""


class ImportedDatabase(Record, frozen=True, kw_only=True):
    """What was made for what is on a server, and was not there before.

    ``left`` is what has no word here: it is taken from an account that is ``adopted``.
    """

    database: str
    users: list[str]
    roles: list[str]
    memberships: int
    grants: int
    adopted: list[str]
    left: list[str]


async def missing_of(carrier: Carrier, proposal: DatabaseProposal) -> list[ProposedPrincipalData]:
    """Those of the proposal who are not in Tenantry yet."""
    return [one for one in proposal.principals if not await _is_there(carrier, proposal, one)]


async def make(carrier: Carrier, proposal: DatabaseProposal, *, adopt: bool) -> ImportedDatabase:
    """Make what is missing, and leave what is there; what was broken off goes on when repeated.

    Accounts are adopted last, when all is granted that they have.
    """
    made = await missing_of(carrier, proposal)
    for one in made:
        await _create(carrier, proposal, one)
    memberships = [await _join(carrier, proposal, one) for one in proposal.members]
    grants = [
        await _give(carrier, proposal, list(some))
        for _, some in groupby(proposal.grants, key=_of_one_object)
    ]
    adopted = proposal.principals if adopt else []
    for one in adopted:
        action = AdoptDatabaseAction(proposal.database, one.on_server, one.name, one.type)
        await carrier.run(action)
    return ImportedDatabase(
        database=proposal.database,
        users=_names(made, PrincipalType.USER),
        roles=_names(made, PrincipalType.ROLE),
        memberships=sum(memberships),
        grants=sum(grants),
        adopted=[one.on_server for one in adopted],
        left=proposal.left,
    )


def _names(some: Iterable[ProposedPrincipalData], type: PrincipalType) -> list[str]:
    return [one.name for one in some if one.type is type]


def _of_one_object(grant: ProposedGrantData) -> tuple[object, ...]:
    return grant.principal_type, grant.principal, grant.schema, grant.table


async def _is_there(
    carrier: Carrier, proposal: DatabaseProposal, one: ProposedPrincipalData
) -> bool:
    if one.type is PrincipalType.USER:
        return (await carrier.run(FindUserAction(user=one.name))).data is not None
    return (await carrier.run(FindRoleAction(one.name, proposal.domain_name))).data is not None


async def _create(carrier: Carrier, proposal: DatabaseProposal, one: ProposedPrincipalData) -> None:
    description = f"{one.on_server} on the server of {proposal.database}"
    tenant = proposal.domain_name
    if one.type is PrincipalType.ROLE:
        role = CreateRoleAction(name=one.name, description=description, domain_name=tenant)
        await carrier.run(role)
    else:
        home = tenant if tenant is not None else "default"
        user = UserCreator(username=one.name, description=description, domain_name=home)
        await carrier.run(CreateUserAction(user))


async def _join(carrier: Carrier, proposal: DatabaseProposal, one: ProposedMemberData) -> bool:
    if one.principal_type is PrincipalType.USER:
        action = AssignRolesAction(one.principal, [one.role], proposal.domain_name)
        return bool((await carrier.run(action)).assigned)
    inherit = InheritRoleAction(one.principal, one.role, proposal.domain_name)
    return (await carrier.run(inherit)).changed


async def _give(carrier: Carrier, proposal: DatabaseProposal, some: list[ProposedGrantData]) -> int:
    first = some[0]
    action = GiveAction(
        principal=first.principal,
        principal_type=first.principal_type,
        domain_name=proposal.domain_name,
        permissions=[one.privilege for one in some],
        database=proposal.database,
        schema=first.schema,
        table=first.table,
    )
    return len((await carrier.run(action)).data.granted)
