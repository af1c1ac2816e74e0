"""An engine that has forgotten everything knows nobody, and learns again as if it were new."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tenantry.decisions.engine import Decisions
from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.privileges.model import DatabaseObject, Privilege

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TENANT, ROLE = uuid4(), uuid4()
BY_ROLE = UserFacts(uuid4(), TENANT, role_ids=frozenset({ROLE}))
BY_GRANT = UserFacts(
    uuid4(),
    TENANT,
    grants=(GrantFacts(uuid4(), Privilege.SELECT, DatabaseObject("stock", "public", "parts")),),
)
READER = RoleFacts(ROLE, privileges=frozenset({Privilege.SELECT}), databases=frozenset({"sales"}))


@pytest.fixture(params=[0, 100], ids=["plain", "cached"])
def engine(request: pytest.FixtureRequest) -> Decisions:
    return Decisions(cached=request.param)


def teach(engine: Decisions) -> None:
    engine.put_tenant(TenantFacts(TENANT))
    engine.put_role(READER)
    engine.load([BY_ROLE, BY_GRANT], now=NOW)


def answers(engine: Decisions) -> list[bool]:
    check: Callable[..., bool] = engine.check
    asked: list[tuple[UUID, Privilege | None, tuple[str, ...]]] = [
        (BY_ROLE.id, Privilege.SELECT, ("sales", "public", "orders")),
        (BY_ROLE.id, None, ("sales",)),
        (BY_ROLE.id, Privilege.SELECT, ("stock",)),
        (BY_GRANT.id, Privilege.SELECT, ("stock", "public", "parts")),
        (BY_GRANT.id, None, ("stock",)),
        (BY_GRANT.id, Privilege.SELECT, ("sales", "public", "orders")),
    ]
    return [check(user_id, privilege, *on, now=NOW) for user_id, privilege, on in asked]


def test_what_was_forgotten_is_not_known_at_once_and_can_be_learnt_again(
    engine: Decisions,
) -> None:
    teach(engine)
    right = [True, True, False, True, True, False]
    assert [answers(engine), answers(engine)] == [right, right]
    steps = engine.forget()
    assert answers(engine) == [False] * 6
    assert not engine.knows(BY_ROLE.id)
    assert engine.figures()[:2] == (0, 0)
    teach(engine)
    assert answers(engine) == right
    assert sum(1 for _ in steps) >= 4
    assert [answers(engine), answers(engine)] == [right, right]


def test_a_right_that_is_gone_does_not_come_back_with_the_user(engine: Decisions) -> None:
    teach(engine)
    assert answers(engine)[3]
    engine.forget()
    teach(engine)
    engine.put_user(UserFacts(BY_GRANT.id, TENANT), now=NOW)
    engine.drop_role(ROLE)
    assert answers(engine) == [False] * 6
