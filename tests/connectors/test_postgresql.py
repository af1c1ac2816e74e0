"""Plans, on a real PostgreSQL."""

import random

import pytest

from tenantry.databases.model import WantedState
from tenantry.databases.names import owner_name
from tenantry.databases.planning import diff
from tenantry.privileges.model import Privilege
from tests.connectors.conftest import PostgresShop
from tests.connectors.worlds import allowed, roles_of

pytestmark = pytest.mark.anyio

ASKED = (
    Privilege.SELECT,
    Privilege.INSERT,
    Privilege.UPDATE,
    Privilege.DELETE,
    Privilege.TRUNCATE,
    Privilege.REFERENCES,
    Privilege.TRIGGER,
)
WORLDS = 12


async def test_after_a_plan_the_next_is_empty_and_the_answers_are_equal(
    shop: PostgresShop,
) -> None:
    cast = shop.cast()
    for seed in range(WORLDS):
        wanted, policy = cast.world(random.Random(seed))
        found = await shop.connector.inspect(cast.scope)
        plan = diff(wanted, found, shop.connector.dialect, policy)
        await shop.connector.apply(cast.scope, plan)
        found = await shop.connector.inspect(cast.scope)
        assert diff(wanted, found, shop.connector.dialect, policy).steps == (), seed
        whole = shop.connector.dialect.completed(wanted, found, policy)
        assert await different_answers(shop, whole) == [], seed


async def different_answers(shop: PostgresShop, wanted: WantedState) -> list[str]:
    """Where Tenantry and the server do not say the same.

    Who is a member of the owner role may do more on the server, as the plan has said.
    """
    owner = owner_name(wanted.scope)
    asked = [
        (one.name, privilege, place)
        for one in wanted.principals
        for privilege in ASKED
        for place in shop.tables
    ]
    rows = await shop.owner.fetch(
        "select has_table_privilege(p, t, w) and has_schema_privilege(p, split_part(t, '.', 1),"
        " 'USAGE') and has_database_privilege(p, current_database(), 'CONNECT')"
        " from unnest($1::text[], $2::text[], $3::text[]) as q (p, t, w)",
        [name for name, _, _ in asked],
        [f"{place.schema}.{place.table}" for _, _, place in asked],
        [privilege.value for _, privilege, _ in asked],
    )
    return [
        f"{name} {privilege} {place.label()}: the server says {row[0]}"
        for (name, privilege, place), row in zip(asked, rows, strict=True)
        if row[0] != allowed(wanted, name, privilege, place)
        and not (row[0] and owner in roles_of(wanted, name))
    ]
