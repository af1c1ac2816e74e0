"""Two tenants that have one of everything, and what there is not but might be.

Whoever adds a noun gives each tenant one of it here; the matrices then ask for it everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import asyncpg

from tenantry.access_keys.actions import IssueAccessKeyAction
from tenantry.access_keys.model import KeyScope
from tenantry.app import App
from tenantry.auth.actions import AuthenticateAction
from tenantry.compute.actions import CreateComputeSessionAction
from tenantry.databases.actions import AddDatabaseAction
from tenantry.grants.actions import GiveAction
from tenantry.groups.actions import AddMemberAction, CreateGroupAction
from tenantry.kernel.action import acting_as
from tenantry.roles.actions import AssignRolesAction, CreateRoleAction
from tenantry.routes import ROUTES
from tenantry.sessions.model import SessionToken
from tenantry.storage.actions import CreateVfolderAction
from tenantry.tenants.actions import AssignDatabaseToTenantAction, CreateTenantAction
from tenantry.testing.users import PASSWORD, make_user
from tenantry.users.access import DELEGABLE
from tenantry.users.model import UserData, UserRole

PHONE = "+49 30 {}"


@dataclass(frozen=True)
class World:
    """A tenant with its people and things."""

    name: str
    tenant_id: UUID
    people: Mapping[UserRole, UserData]
    tokens: Mapping[UserRole, str]
    read_only_key: str
    things: Mapping[str, tuple[str, ...]]
    """By kind, the names and ids under which the thing can be asked for."""


async def world(app: App, name: str) -> World:
    """Make a tenant of this name, and one of everything in it."""
    created = await app.tenants.create_tenant.wait_for_complete(CreateTenantAction(name))
    people = {
        role: await make_user(
            app,
            f"{name}-{role.value}",
            domain_name=name,
            role=role,
            phone=PHONE.format(name),
            full_name=f"{name.title()} {role.value.title()}",
        )
        for role in (UserRole.ADMIN, UserRole.MONITOR, UserRole.USER)
    }
    tokens = {role: await _token(app, person) for role, person in people.items()}
    plain = people[UserRole.USER]
    group = await app.groups.create_group.wait_for_complete(
        CreateGroupAction(name=f"{name}-crew", domain_name=name)
    )
    member = AddMemberAction(group=str(group.data.id), user=plain.username, domain_name=name)
    await app.groups.add_member.wait_for_complete(member)
    role = await app.roles.create_role.wait_for_complete(
        CreateRoleAction(name=f"{name}-analyst", permissions=["SELECT"], domain_name=name)
    )
    holding = AssignRolesAction(plain.username, [str(role.data.id)])
    await app.roles.assign_roles.wait_for_complete(holding)
    database = f"{name}-sales"
    await app.tenants.assign_database.wait_for_complete(
        AssignDatabaseToTenantAction(name, database)
    )
    await app.databases.add_database.wait_for_complete(
        AddDatabaseAction(database=database, dsn=_managed_dsn(app), domain_name=name)
    )
    with acting_as(people[UserRole.ADMIN]):
        grant = GiveAction(principal=plain.username, permissions=["SELECT"], database=database)
        await app.grants.give.wait_for_complete(grant)
    with acting_as(plain):
        key = await app.access_keys.issue.wait_for_complete(IssueAccessKeyAction())
        folder = await app.vfolders.create.wait_for_complete(CreateVfolderAction(f"{name}-data"))
        session = await app.compute.create_session.wait_for_complete(
            CreateComputeSessionAction(command=["sleep", "60"])
        )
    with acting_as(people[UserRole.ADMIN]):
        reads = IssueAccessKeyAction(scope=KeyScope.READ_ONLY, admin=True)
        read_only = await app.access_keys.issue.wait_for_complete(reads)
    async with app.database.transaction() as tx:
        job_id = await app.job_service.promise(
            tx, "test", tenant_id=plain.tenant_id, subject_id=plain.id, payload={}
        )
    return World(
        name=name,
        tenant_id=created.data.id,
        people=people,
        tokens=tokens,
        read_only_key=read_only.token,
        things={
            "tenant": (name, str(created.data.id)),
            "user": (plain.username, str(plain.id)),
            "admin": (people[UserRole.ADMIN].username, str(people[UserRole.ADMIN].id)),
            "email": (str(plain.email),),
            "text": (str(plain.phone), str(plain.full_name), plain.username),
            "group": (group.data.name, str(group.data.id)),
            "role": (role.data.name, str(role.data.id)),
            "principal": (role.data.name, str(role.data.id), plain.username, str(plain.id)),
            "access_key": (key.key.access_key,),
            "vfolder": (folder.data.name, str(folder.data.id)),
            "compute_session": (str(session.data.id),),
            "job": (str(job_id),),
            "session": tuple(_session_id(token) for token in tokens.values()),
            "database": (database,),
        },
    )


def _managed_dsn(app: App) -> str:
    """A server that answers: the tests' own."""
    place = parse_qs(urlsplit(str(app.settings.database_url)).query)
    folder = quote(place["host"][0], safe="")
    return f"postgresql://tenantry_owner@:{place['port'][0]}/postgres?host={folder}"


def _session_id(token: str) -> str:
    parsed = SessionToken.parse(token)
    assert parsed is not None
    return str(parsed.session_id)


async def _token(app: App, person: UserData) -> str:
    action = AuthenticateAction(person.username, PASSWORD)
    result = await app.auth.authenticate.wait_for_complete(action)
    assert result.session_token is not None
    return result.session_token


async def delegate(app: App, name: str) -> str:
    """The token of a plain user of this tenant who holds every permission that a role can hold."""
    tags = {r.action.tag for r in ROUTES if r.action.audience in DELEGABLE}
    action = CreateRoleAction(name=f"{name}-deputies", permissions=sorted(tags), domain_name=name)
    role = await app.roles.create_role.wait_for_complete(action)
    person = await make_user(app, f"{name}-deputy", domain_name=name)
    assign = AssignRolesAction(person.username, [str(role.data.id)])
    await app.roles.assign_roles.wait_for_complete(assign)
    return await _token(app, person)


def missing(named: str) -> str:
    """A name or id of the same form, of something that there is not."""
    if len(named) == 36 and named.count("-") == 4:
        return named[:-6] + ("fedcba" if named[-6:] != "fedcba" else "abcdef")
    if named.startswith("AKIA"):
        return named[:-4] + ("ZZZZ" if named[-4:] != "ZZZZ" else "YYYY")
    return named.replace("umbrella", "nihility").replace("Umbrella", "Nihility")


async def rows(owner: asyncpg.Connection, wanted: World) -> dict[str, list[str]]:
    """All rows of a tenant by table, as text; in the audit only what is the tenant's own."""
    names = "|".join(
        [str(wanted.tenant_id), *(str(person.id) for person in wanted.people.values())]
    )
    tables = await owner.fetch(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace order by relname"
    )
    found = {}
    for (table,) in tables:
        where = "t::text ~ $1"
        if table in ("audit_entries", "jobs"):
            where = f"tenant_id = '{wanted.tenant_id}' and $1 <> ''"
        query = f"select t::text from {table} t where {where} order by 1"
        found[table] = [row[0] for row in await owner.fetch(query, names)]
    return found
