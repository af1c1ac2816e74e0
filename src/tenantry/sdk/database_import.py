"""Makes in Tenantry what is proposed for a server: users, roles, who holds them, and grants."""

from collections.abc import Callable, Sequence
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
from tenantry.sdk.at_once import Told, each, unwatched
from tenantry.users.actions import CreateUserAction, FindUserAction, ImportUsersAction
from tenantry.users.model import UserCreator

ResultT = TypeVar("ResultT")
Item = TypeVar("Item")
USERS_AT_ONCE = 1000
ROLES_AT_ONCE = 256
CREATED, REFUSED = "created", "refused"


class Carrier(Protocol):
    """What runs actions, several at the same time."""

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


def size_of(proposal: DatabaseProposal, *, adopt: bool) -> int:
    """How many things ``make`` tells of."""
    times = 2 if adopt else 1
    return times * len(proposal.principals) + len(proposal.members) + len(proposal.grants)


async def missing_of(carrier: Carrier, proposal: DatabaseProposal) -> list[ProposedPrincipalData]:
    """Those of the proposal who are not in Tenantry yet."""
    return await _missing(carrier, proposal, proposal.principals)


async def make(
    carrier: Carrier, proposal: DatabaseProposal, *, adopt: bool, told: Told = unwatched
) -> ImportedDatabase:
    """Make what is missing, and leave what is there; what was broken off goes on when repeated.

    Accounts are adopted last, when all is granted that they have.
    """
    all_roles = _of_type(proposal, PrincipalType.ROLE)
    roles = await _missing(carrier, proposal, all_roles)
    await each(roles, lambda one: _create_role(carrier, proposal, one))
    told(len(all_roles))
    users: list[str] = []
    for some in _chunks(_of_type(proposal, PrincipalType.USER), USERS_AT_ONCE):
        users += await _create_users(carrier, proposal, some)
        told(len(some))
    members = _parts(proposal.members, _of_one_member, ROLES_AT_ONCE)
    joined = await each(members, lambda some: _join(carrier, proposal, some, told))
    grants = _parts(proposal.grants, _of_one_object, len(proposal.grants))
    given = await each(grants, lambda some: _give(carrier, proposal, some, told))
    adopted = proposal.principals if adopt else []
    await each(adopted, lambda one: _adopt(carrier, proposal, one, told))
    return ImportedDatabase(
        database=proposal.database,
        users=users,
        roles=[one.name for one in roles],
        memberships=sum(joined),
        grants=sum(given),
        adopted=[one.on_server for one in adopted],
        left=proposal.left,
    )


def _of_type(proposal: DatabaseProposal, type: PrincipalType) -> list[ProposedPrincipalData]:
    return [one for one in proposal.principals if one.type is type]


def _of_one_member(member: ProposedMemberData) -> tuple[object, ...]:
    return member.principal_type, member.principal


def _of_one_object(grant: ProposedGrantData) -> tuple[object, ...]:
    return grant.principal_type, grant.principal, grant.schema, grant.table


def _parts(
    items: Sequence[Item], key: Callable[[Item], tuple[object, ...]], most: int
) -> list[list[Item]]:
    """Those that go together, in parts of so many at most."""
    together: dict[tuple[object, ...], list[Item]] = {}
    for item in items:
        together.setdefault(key(item), []).append(item)
    return [part for some in together.values() for part in _chunks(some, most)]


def _chunks(items: Sequence[Item], most: int) -> list[list[Item]]:
    return [list(items[start : start + most]) for start in range(0, len(items), most)]


async def _missing(
    carrier: Carrier, proposal: DatabaseProposal, some: Sequence[ProposedPrincipalData]
) -> list[ProposedPrincipalData]:
    there = await each(some, lambda one: _is_there(carrier, proposal, one))
    return [one for one, found in zip(some, there, strict=True) if not found]


async def _is_there(
    carrier: Carrier, proposal: DatabaseProposal, one: ProposedPrincipalData
) -> bool:
    if one.type is PrincipalType.USER:
        return (await carrier.run(FindUserAction(user=one.name))).data is not None
    return (await carrier.run(FindRoleAction(one.name, proposal.domain_name))).data is not None


def _described(proposal: DatabaseProposal, one: ProposedPrincipalData) -> str:
    return f"{one.on_server} on the server of {proposal.database}"


async def _create_role(
    carrier: Carrier, proposal: DatabaseProposal, one: ProposedPrincipalData
) -> None:
    description, tenant = _described(proposal, one), proposal.domain_name
    role = CreateRoleAction(name=one.name, description=description, domain_name=tenant)
    await carrier.run(role)


async def _create_users(
    carrier: Carrier, proposal: DatabaseProposal, some: Sequence[ProposedPrincipalData]
) -> list[str]:
    """The names of those who were not there."""
    home = proposal.domain_name if proposal.domain_name is not None else "default"
    users = [
        UserCreator(username=one.name, description=_described(proposal, one), domain_name=home)
        for one in some
    ]
    rows = (await carrier.run(ImportUsersAction(users=users))).rows
    made = [row.username for row in rows if row.outcome == CREATED]
    for one, user, row in zip(some, users, rows, strict=True):
        # Who bears the name and has an address is refused there; else it is said what is wrong.
        if row.outcome == REFUSED and not await _is_there(carrier, proposal, one):
            await carrier.run(CreateUserAction(user))
            made.append(one.name)
    return made


async def _join(
    carrier: Carrier, proposal: DatabaseProposal, some: list[ProposedMemberData], told: Told
) -> int:
    """How many of the memberships of one principal are new."""
    name, roles, tenant = some[0].principal, [one.role for one in some], proposal.domain_name
    if some[0].principal_type is PrincipalType.USER:
        done = len((await carrier.run(AssignRolesAction(name, roles, tenant))).assigned)
    else:
        inherited = [await carrier.run(InheritRoleAction(name, role, tenant)) for role in roles]
        done = sum(one.changed for one in inherited)
    told(len(some))
    return done


async def _give(
    carrier: Carrier, proposal: DatabaseProposal, some: list[ProposedGrantData], told: Told
) -> int:
    """How many of the privileges of one principal on one object are new."""
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
    given = await carrier.run(action)
    told(len(some))
    return len(given.data.granted)


async def _adopt(
    carrier: Carrier, proposal: DatabaseProposal, one: ProposedPrincipalData, told: Told
) -> None:
    await carrier.run(AdoptDatabaseAction(proposal.database, one.on_server, one.name, one.type))
    told(1)
