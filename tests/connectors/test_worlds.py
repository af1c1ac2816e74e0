"""Random worlds on real servers: the second plan is empty, and the answers are the same.

More of them are run by ``python -m tests.connectors.many 500``.
"""

import random

import pytest

from tenantry.databases.model import Policy, PrincipalKind, WantedState
from tenantry.databases.names import owner_name
from tenantry.privileges.model import Privilege
from tests.connectors.shop import Shop, found_by, logged_in, planned, settled
from tests.connectors.worlds import Cast, allowed, roles_of

pytestmark = pytest.mark.anyio

WORLDS = 10


async def test_after_a_plan_the_next_is_empty_and_the_server_answers_the_same(shop: Shop) -> None:
    cast = shop.cast()
    for seed in range(WORLDS):
        await settle_one(shop, cast, seed)


async def settle_one(shop: Shop, cast: Cast, seed: int) -> None:
    """Go to one world from the one before, and ask the server about every table."""
    wanted, policy = cast.world(random.Random(seed))
    await settled(shop, wanted, policy)
    again = await planned(shop, wanted, policy)
    assert again.steps == (), (seed, policy)
    assert await different_answers(shop, wanted, policy) == [], (seed, policy)


async def different_answers(shop: Shop, wanted: WantedState, policy: Policy) -> list[str]:
    """Where Tenantry and a statement that is tried as the login do not say the same.

    Who is a member of the owner role may do more on the server, as the plan has said.
    """
    found = await found_by(shop, wanted)
    whole = shop.connector.dialect.completed(wanted, found, policy)
    owner, different = owner_name(wanted.scope), []
    for one in wanted.principals:
        if one.kind is not PrincipalKind.USER:
            continue
        try:
            line = await logged_in(shop, wanted, one.name)
        except PermissionError:
            line = None
        asked = [
            (privilege, place)
            for place in shop.tables
            for privilege in shop.tried
            if place.table != "totals" or privilege is Privilege.SELECT
        ]
        for privilege, place in asked:
            may = line is not None and await line.may(privilege, place)
            more = may and owner in roles_of(whole, one.name)
            if may != allowed(wanted, one.name, privilege, place) and not more:
                different.append(f"{one.name} {privilege} {place.label()}: {may}")
        if line is not None:
            await line.close()
        await shop.connector.close_login(wanted.scope, one.name)
    return different
