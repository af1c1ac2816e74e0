"""MatrixOne by the book: no live server of it is at hand, so its rules are played."""

import random
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tenantry.adapters.databases import connector_to, matrixone
from tenantry.adapters.databases.matrixone_connector import MatrixOneConnector, inspect
from tenantry.adapters.databases.matrixone_dialect import MatrixOneDialect
from tenantry.databases.address import Address
from tenantry.databases.importing import propose
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    Fidelity,
    FoundState,
    Plan,
    Policy,
    PrincipalKind,
    WantedGrant,
    WantedState,
)
from tenantry.databases.planning import diff
from tenantry.privileges.model import Level, Privilege, object_named
from tests.connectors.matrixone_by_the_book import BookServer
from tests.connectors.worlds import Cast, a_principal, allowed

DIALECT = MatrixOneDialect()
TABLES = ("goods", "orders")
WORDS = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE, Privilege.DELETE)


def found_on(server: BookServer, wanted: WantedState) -> FoundState:
    return inspect(server, wanted.scope, (), everybody=False)  # type: ignore[arg-type] # by the book


def settled(server: BookServer, wanted: WantedState, policy: Policy) -> Plan:
    plan = diff(wanted, found_on(server, wanted), DIALECT, policy)
    for step in plan.steps:
        server.ask(step.statement)
    return plan


def test_each_privilege_has_a_rule_at_each_level_where_it_means_something() -> None:
    wanted = {
        (privilege, level)
        for privilege in Privilege
        if privilege is not Privilege.ALL
        for level in Level
        if level is not Level.EVERYTHING and level <= max(privilege.narrowest, Level.DATABASE)
    }
    assert {place for place, _ in matrixone.RULES} == wanted


def test_random_worlds_end_with_an_empty_plan_and_the_same_answers() -> None:
    server = BookServer("shop", *TABLES)
    places = [object_named("shop", "public", table) for table in TABLES]
    cast = Cast("shop", places)
    for seed in range(200):
        wanted, policy = cast.world(random.Random(seed))
        settled(server, wanted, policy)
        again = diff(wanted, found_on(server, wanted), DIALECT, policy)
        assert again.steps == (), seed
        for one in wanted.principals:
            if one.kind is PrincipalKind.USER:
                for place in places:
                    for word in WORDS:
                        said = allowed(wanted, one.name, word, place)
                        assert server.may(one.name, word, place.table or "") == said, seed


def test_a_user_has_an_umbrella_as_its_default_role_from_the_start() -> None:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    grant = WantedGrant(ann.name, Privilege.SELECT, object_named("shop", "public", "goods"))
    server = BookServer("shop", *TABLES)
    plan = settled(server, WantedState(scope, (ann,), grants=frozenset({grant})), Policy())
    umbrella = server.default[ann.name]
    assert [step.statement for step in plan.steps] == [
        f"CREATE ROLE `{umbrella}`",
        f"CREATE USER `{ann.name}` IDENTIFIED BY 'locked until a credential is opened'"
        f" DEFAULT ROLE `{umbrella}` LOCK",
        f"GRANT CONNECT ON ACCOUNT * TO `{umbrella}`",
        f"GRANT `{umbrella}` TO `{ann.name}`",
        f"GRANT SELECT ON TABLE `shop`.`goods` TO `{umbrella}`",
    ]
    assert server.users[ann.name] == "forbid"


def test_what_is_said_of_a_grant_names_its_user_and_not_the_umbrella() -> None:
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    grants = frozenset(
        WantedGrant(ann.name, privilege, object_named("shop"))
        for privilege in (Privilege.SELECT, Privilege.EXECUTE_PROCEDURE, Privilege.CREATE_INDEX)
    )
    plan = settled(BookServer("shop", *TABLES), WantedState(scope, (ann,), grants=grants), Policy())
    assert {one.principal for one in plan.findings} == {ann.name}
    assert {one.privilege: one.fidelity for one in plan.findings} == {
        Privilege.SELECT: Fidelity.NARROWER,
        Privilege.EXECUTE_PROCEDURE: Fidelity.IMPOSSIBLE,
        Privilege.CREATE_INDEX: Fidelity.WIDER,
    }


def test_what_is_there_is_proposed() -> None:
    server = BookServer("shop", *TABLES)
    for sql in (
        "CREATE ROLE `readers`",
        "GRANT SELECT ON TABLE `shop`.`goods` TO `readers`",
        "GRANT CREATE TABLE ON DATABASE `shop` TO `readers`",
        "GRANT `readers` TO `dump`",
    ):
        server.ask(sql)
    found = inspect(server, uuid4(), (), everybody=True)  # type: ignore[arg-type] # by the book
    proposal = propose(found, DIALECT)
    assert ("dump", "readers") in proposal.members
    assert {(one.privilege, one.object.label()) for one in proposal.grants} == {
        (Privilege.SELECT, "shop.public.goods"),
        (Privilege.CREATE_TABLE, "shop"),
    }


def test_the_connector_says_that_it_is_not_proven() -> None:
    connector = connector_to(DatabaseKind.MATRIXONE, Address("localhost", None, "shop", "k"), None)
    assert isinstance(connector, MatrixOneConnector)
    server = BookServer("shop")
    assert connector._checked(server).proven is False  # type: ignore[arg-type] # by the book


@pytest.mark.anyio
async def test_a_credential_opens_and_closes_a_login() -> None:
    connector = connector_to(DatabaseKind.MATRIXONE, Address("localhost", None, "shop", "k"), None)
    assert isinstance(connector, MatrixOneConnector)
    server = BookServer("shop")
    scope = uuid4()
    ann = a_principal(scope, PrincipalKind.USER)
    settled(server, WantedState(scope, (ann,)), Policy())

    async def run(work, deadline=None):  # type: ignore[no-untyped-def] # in place of a thread
        return work(server)

    connector._sessions.run = run  # type: ignore[method-assign] # as above
    await connector.open_login(scope, ann.name, "it's", datetime.now(UTC))
    assert server.users[ann.name] == "unlock"
    assert server.said[-2] == f"ALTER USER `{ann.name}` IDENTIFIED BY 'it''s'"
    await connector.close_login(scope, ann.name)
    assert server.users[ann.name] == "forbid"
