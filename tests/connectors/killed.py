"""Applies a plan in a process of its own and is killed after some steps. Run by a test.

``python -m tests.connectors.killed KIND HOST DATABASE SEED STEPS``
"""

import asyncio
import itertools
import sys
from uuid import UUID

from tenantry.adapters.databases import connector_to, mysql_connector, postgresql_connector
from tenantry.databases.address import Address
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import Policy, PrincipalKind, WantedGrant, WantedState
from tenantry.databases.planning import diff
from tenantry.jobs.failpoints import arm, failpoint
from tenantry.privileges.model import Privilege, object_named
from tests.connectors.worlds import a_principal

PEOPLE = 120


def many_people(seed: int, database: str) -> WantedState:
    """More of them than one transaction has steps, each with a right."""
    scope = UUID(int=seed)
    people = [a_principal(scope, PrincipalKind.USER, UUID(int=number)) for number in range(PEOPLE)]
    words = (Privilege.SELECT, Privilege.INSERT, Privilege.UPDATE, Privilege.DELETE)
    place = object_named(database, "public", "goods")
    grants = {
        WantedGrant(one.name, word, place)
        for number, one in enumerate(people)
        for bit, word in enumerate(words)
        if number >> bit & 1
    }
    return WantedState(scope, tuple(people), grants=frozenset(grants))


def dies_after(steps: int, name: str) -> None:
    """Be killed at that one of the places with this name."""
    count = itertools.count(1)

    def counted(place: str) -> None:
        if place == name and next(count) == steps:
            arm(name)
        failpoint(place)

    for module in (mysql_connector, postgresql_connector):
        module.failpoint = counted  # type: ignore[attr-defined] # in this process only


async def main(kind: str, host: str, database: str, seed: str, steps: str) -> None:
    place, _, number = steps.partition("=")
    dies_after(int(number), place)
    port = 5432 if kind == "postgresql" else None
    user = "tenantry_owner" if kind == "postgresql" else "root"
    connector = connector_to(DatabaseKind(kind), Address(host, port, database, user), None)
    wanted = many_people(int(seed), database)
    found = await connector.inspect(wanted.scope)
    await connector.apply(wanted.scope, diff(wanted, found, connector.dialect, Policy()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
