"""Servers that were there before: proposed in our words, made here, and not changed by either."""

from typing import TypeVar

import msgspec
import pytest

from tenantry.databases.enforcing_actions import (
    DatabaseProposal,
    ProposeDatabaseAction,
    ProposedGrantData,
    ProposedMemberData,
)
from tenantry.errors import ConnectionError, PermissionError
from tenantry.grants.actions import CheckAction
from tenantry.grants.model import PrincipalType
from tenantry.kernel.action import Action, acting_as
from tenantry.privileges.model import Privilege
from tenantry.sdk.database_import import ImportedDatabase, make
from tenantry.testing.users import make_user
from tenantry.users.model import UserRole
from tests.connectors.mariadb_shop import MariaShop
from tests.connectors.older import LOGIN, ROLE, put_older
from tests.connectors.postgres_shop import PostgresShop
from tests.databases.conftest import Somewhere

pytestmark = pytest.mark.anyio

ResultT = TypeVar("ResultT")

OURS = (LOGIN, ROLE)
MORE: dict[type, dict[str, str]] = {
    PostgresShop: {
        "grant update (price) on public.goods to app": "app: UPDATE on column public.goods.price",
        "grant select on public.goods to app with grant option": (
            "app: GRANT OPTION FOR SELECT on table public.goods"
        ),
        "grant temporary on database {0} to app": "app: TEMPORARY on database {0}",
        "grant pg_read_all_data to app": "app: MEMBER of pg_read_all_data",
        "alter default privileges in schema sales grant select on tables to readers": (
            "readers: SELECT on future tables {1}.sales"
        ),
        "create function public.thrice(n int) returns int language sql as 'select 3 * n';"
        " grant execute on function public.thrice to app": (
            "app: EXECUTE on routine public.thrice(integer)"
        ),
        "alter role app createdb": "app: the attribute CREATEDB",
        'create role "odd name" login': "odd name: cannot be called so here: must not hold spaces",
        "create role boss login superuser": "boss: has all of its server",
        "create role mirror": "",
        'create role "MIRROR"': "mirror: would be called mirror here, like another one",
    },
    MariaShop: {
        "grant update (price) on goods to app": "app@%: UPDATE on column {0}.goods.price",
        "grant lock tables on `{0}`.* to app": "app@%: LOCK TABLES on database",
        "grant select on mysql.user to app": "app@%: SELECT on table mysql.user",
        "grant process on *.* to app": "app@%: ALL PRIVILEGES on the server",
        "create user `odd name`": "odd name@%: cannot be called so here: must not hold spaces",
        "create user gone account lock": "gone@%: is locked there",
        "grant all on *.* to chief identified by 'x' with grant option": (
            "chief@%: has all of its server"
        ),
    },
}


async def proposed(somewhere: Somewhere) -> DatabaseProposal:
    """All of it, also what others have left on the server."""
    run = somewhere.tenantry.databases.propose_database.wait_for_complete
    return (await run(ProposeDatabaseAction("shop"))).data


async def proposed_of_ours(somewhere: Somewhere) -> DatabaseProposal:
    """As much of it as is about the accounts that were put there."""
    whole = await proposed(somewhere)
    return msgspec.structs.replace(
        whole,
        principals=[one for one in whole.principals if one.name in OURS],
        members=[one for one in whole.members if one.principal in OURS],
        grants=[one for one in whole.grants if one.principal in OURS],
        left=[text for text in whole.left if text.startswith(OURS)],
    )


async def imported(somewhere: Somewhere, *, adopt: bool = False) -> ImportedDatabase:
    return await make(somewhere.tenantry, await proposed_of_ours(somewhere), adopt=adopt)


@pytest.fixture
async def there(somewhere: Somewhere) -> Somewhere:
    """With an account on the server that has a role, and rights of both."""
    await put_older(somewhere.shop)
    return somewhere


def on_server(there: Somewhere) -> str:
    return "app" if isinstance(there.shop, PostgresShop) else "app@%"


async def test_what_is_there_is_proposed_by_the_names_that_it_would_have_here(
    there: Somewhere,
) -> None:
    proposal = await proposed_of_ours(there)
    assert (proposal.database, proposal.domain_name) == ("shop", None)
    named = {(one.type.value, one.name, one.on_server) for one in proposal.principals}
    assert named == {("user", "app", on_server(there)), ("role", "readers", "readers")}
    member = ProposedMemberData(principal="app", principal_type=PrincipalType.USER, role="readers")
    assert proposal.members == [member]
    orders = there.shop.tables[1]
    expected = [
        ("readers", PrincipalType.ROLE, Privilege.SELECT, "public", "goods"),
        ("readers", PrincipalType.ROLE, Privilege.SELECT, orders.schema, "orders"),
        ("app", PrincipalType.USER, Privilege.INSERT, "public", "goods"),
    ]
    assert proposal.grants == [
        ProposedGrantData(
            principal=name, principal_type=kind, privilege=privilege, schema=schema, table=table
        )
        for name, kind, privilege, schema, table in expected
    ]
    assert proposal.left == []


async def test_what_has_no_word_here_is_told_and_not_taken_for_more(there: Somewhere) -> None:
    before = await proposed_of_ours(there)
    shop = there.shop
    more = {
        statement.format(shop.database, shop.address.username): said.format(
            shop.database, shop.address.username
        )
        for statement, said in MORE[type(shop)].items()
    }
    await shop.run(*more)
    after = await proposed(there)
    for said in more.values():
        assert any(text.startswith(said) for text in after.left), (said, after.left)
    ours = [one for one in after.grants if one.principal in OURS]
    new = {(one.principal, one.privilege) for one in ours} - {
        (one.principal, one.privilege) for one in before.grants
    }
    assert new <= {("app", Privilege.SELECT)}, "only what was granted with an option, without it"


async def test_who_has_the_whole_server_is_never_proposed_and_so_never_taken_over(
    there: Somewhere,
) -> None:
    proposal = await proposed(there)
    names = {one.on_server for one in proposal.principals}
    assert not {"tenantry_owner", "root@localhost", "root@127.0.0.1"} & names
    assert not [one for one in proposal.principals if one.name == "root"]


async def test_two_accounts_of_one_name_keep_their_hosts_apart(there: Somewhere) -> None:
    if isinstance(there.shop, PostgresShop):
        await there.shop.run('create role "twin@here" login', "create role twin login")
    else:
        await there.shop.run("create user twin@localhost", "create user twin@'10.%'")
    names = {one.name for one in (await proposed(there)).principals if "twin" in one.name}
    hosts = {"twin", "twin@here"}
    assert names == (
        hosts if isinstance(there.shop, PostgresShop) else {"twin@localhost", "twin@10.%"}
    )


async def test_neither_the_proposal_nor_what_is_made_of_it_changes_the_server(
    there: Somewhere,
) -> None:
    before = await there.shop.connector.survey()
    made = await imported(there)
    assert (made.users, made.roles) == (["app"], ["readers"])
    assert (made.memberships, made.grants) == (1, 3)
    assert await there.shop.connector.survey() == before
    for privilege, table, may in (("SELECT", "goods", True), ("INSERT", "goods", True)):
        check = CheckAction(user="app", permission=privilege, database="shop", table=table)
        assert (await there.tenantry.grants.check.wait_for_complete(check)).allowed is may


async def test_what_is_made_may_be_made_again_and_then_there_is_nothing_to_do(
    there: Somewhere,
) -> None:
    await imported(there)
    again = await imported(there)
    assert (again.users, again.roles, again.memberships, again.grants) == ([], [], 0, 0)


class Breaking:
    """Runs so many actions that change something, and is lost then."""

    def __init__(self, somewhere: Somewhere, changes: int) -> None:
        self._tenantry = somewhere.tenantry
        self._left = changes

    async def run(self, action: Action[ResultT]) -> ResultT:
        if not action.reads:
            if not self._left:
                raise ConnectionError
            self._left -= 1
        result: ResultT = await self._tenantry.run(action)
        return result


async def test_an_import_that_was_broken_off_anywhere_goes_on(there: Somewhere) -> None:
    for changes in range(20):
        proposal = await proposed_of_ours(there)
        try:
            done = await make(Breaking(there, changes), proposal, adopt=True)
        except ConnectionError:
            continue
        break
    assert set(done.adopted) <= {"readers", on_server(there)}
    await there.apply()
    assert (await there.plan()).empty
    check = CheckAction(user="app", permission="SELECT", database="shop", table="goods")
    assert (await there.tenantry.grants.check.wait_for_complete(check)).allowed


async def test_an_account_that_is_taken_over_may_do_what_it_could_and_no_more(
    there: Somewhere,
) -> None:
    shop = there.shop
    await shop.run("grant update (price) on goods to app")
    line = await shop.log_in("app", "older than all")
    goods, orders = shop.tables[:2]
    may = {
        (privilege, place.label()): await line.may(privilege, place)
        for privilege in (Privilege.SELECT, Privilege.INSERT, Privilege.DELETE)
        for place in (goods, orders)
    }
    assert set(may.values()) == {True, False}
    await line.close()
    made = await imported(there, adopt=True)
    assert set(made.adopted) == {"readers", on_server(there)}
    await there.apply()
    assert (await there.plan()).empty
    line = await shop.log_in("app", "older than all")
    for (privilege, _), place in zip(may, (goods, orders) * 3, strict=True):
        assert await line.may(privilege, place) is may[privilege, place.label()]
    assert not await line.may(Privilege.UPDATE, goods), "this was left, and said so"
    await line.close()


async def test_what_is_managed_or_taken_over_is_not_proposed_any_more(there: Somewhere) -> None:
    await imported(there, adopt=True)
    ben = await make_user(there.tenantry, "ben")
    await there.give(ben, "SELECT")
    for _ in range(2):
        assert (await proposed_of_ours(there)).principals == []
        proposal = await proposed(there)
        assert not [one for one in proposal.principals if one.on_server.startswith("tn_")]
        await there.apply()


async def test_who_administers_a_tenant_may_not_ask_for_it(there: Somewhere) -> None:
    chief = await make_user(there.tenantry, "chief", role=UserRole.ADMIN)
    with acting_as(chief), pytest.raises(PermissionError):
        await proposed(there)
